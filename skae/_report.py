"""Results of :mod:`skae.inspection`: plain objects that show themselves as a table."""

from html import escape
from numbers import Real

import numpy as np

from skae._codes import correlations, dead_codes, effective_rank, saturated_codes


class Report:
    """Base of the results: a table in text, in notebooks and as a data frame.

    A subclass defines ``_index``, a pair of the name of the rows and their labels, and
    ``_columns``, a dict of lists of values; ``_summary`` is a line below the table.
    """

    _formats: dict = {}

    def _summary(self):
        return ""

    def as_frame(self):
        """Return the table as a data frame.

        Returns
        -------
        pandas.DataFrame
            Numbers as they are, not rounded.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("as_frame needs pandas: pip install pandas.") from error
        name, labels = self._index()
        return pd.DataFrame(self._columns(), index=pd.Index(labels, name=name))

    def _cells(self):
        """Return the table as rows of text, the header first."""
        name, labels = self._index()
        columns = self._columns()
        header = [name, *(column.replace("_", " ") for column in columns)]
        texts = [
            [_text(value, self._formats.get(column, ".4f")) for value in values]
            for column, values in columns.items()
        ]
        return [header, *([str(label), *row] for label, row in zip(labels, zip(*texts)))]

    def __repr__(self):
        cells = self._cells()
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in cells
        ]
        lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
        return "\n".join([*lines, *filter(None, [self._summary()])])

    def _repr_html_(self):
        header, *rows = (
            "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)
            for tag, row in zip(["th", *["td"] * len(self._index()[1])], self._cells())
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        summary = "<br>".join(map(escape, self._summary().splitlines()))
        return f"<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>{summary}"


class PCAComparison(Report):
    """An autoencoder and PCA side by side.

    Attributes
    ----------
    autoencoder, pca : sklearn.utils.Bunch
        ``estimator``, the fitted one; ``r2`` and ``r2_test``, of the reconstruction;
        ``trustworthiness`` and ``accuracy`` of the codes; ``fit_seconds`` and
        ``transform_seconds``. What is not known is nan.
    principal_angles : ndarray or None
        Between the two subspaces, in degrees, rising; None for a network that is not linear.
    n_components : int
        Number of codes.
    """

    _formats = {"fit_seconds": ".3g", "transform_seconds": ".3g"}

    def __init__(self, autoencoder, pca, principal_angles, n_components):
        self.autoencoder = autoencoder
        self.pca = pca
        self.principal_angles = principal_angles
        self.n_components = n_components

    def _index(self):
        return f"{self.n_components} codes", ["autoencoder", "PCA"]

    def _columns(self):
        names = [name for name in self.pca if name != "estimator"]
        return {name: [self.autoencoder[name], self.pca[name]] for name in names}

    def _summary(self):
        if self.principal_angles is None:
            return ""
        return f"largest principal angle: {self.principal_angles[-1]:.3g} degrees"


class BottleneckCurve(Report):
    """Held-out R² by number of codes.

    Attributes
    ----------
    widths : ndarray of shape (n_widths,)
        Numbers of codes, rising.
    scores, pca_scores : ndarray of shape (n_widths, n_folds)
        R² on the held-out rows of each fold.
    mean, pca_mean : ndarray of shape (n_widths,)
        Over the folds.
    standard_error, pca_standard_error : ndarray of shape (n_widths,)
        Of these means: standard deviation over the folds, by the root of their number.
    best_width : int
        The width of the best mean.
    one_se_width : int
        The smallest width whose mean is within one standard error of the best.
    """

    def __init__(self, widths, scores, pca_scores):
        self.widths = widths
        self.scores, self.pca_scores = scores, pca_scores
        self.mean, self.standard_error = _mean_and_error(scores)
        self.pca_mean, self.pca_standard_error = _mean_and_error(pca_scores)
        best = self.mean.argmax()
        near_best = self.mean >= self.mean[best] - np.nan_to_num(self.standard_error[best])
        self.best_width = int(widths[best])
        self.one_se_width = int(widths[near_best.argmax()])

    def _index(self):
        return "codes", self.widths.tolist()

    def _columns(self):
        return {
            "r2": self.mean.tolist(),
            "standard_error": self.standard_error.tolist(),
            "pca_r2": self.pca_mean.tolist(),
            "pca_standard_error": self.pca_standard_error.tolist(),
        }

    def _summary(self):
        return (
            f"best: {self.best_width} codes; within one standard error of it: {self.one_se_width}"
        )


class LatentReport(Report):
    """What each code of a bottleneck does.

    Attributes
    ----------
    mean, spread : ndarray of shape (n_components,)
        Mean and standard deviation of each code.
    r2_lost : ndarray of shape (n_components,)
        Share of R² that is lost when the code is fixed at its mean; nan where R² is not above 0.
    dead, saturated : ndarray of bool of shape (n_components,)
        The same for all rows; piled up at the ends of its range.
    correlation : ndarray of shape (n_components,)
        With the code that it correlates with most, from -1 to 1.
    correlated_with : ndarray of shape (n_components,)
        Which code that is; -1 if there is none.
    r2 : float
        Of the reconstruction.
    effective_rank : float
        Directions that the codes use: the exponential of the entropy of their shares of variance.
    n_active : int
        Codes that are not dead.
    """

    _formats = {"mean": ".4g", "spread": ".4g", "correlation": ".2f", "correlated_with": "d"}

    def __init__(self, codes, r2, r2_lost):
        strength = correlations(codes)
        self.mean = codes.mean(axis=0, dtype=np.float64)
        self.spread = codes.std(axis=0, dtype=np.float64)
        self.r2, self.r2_lost = r2, r2_lost
        self.dead, self.saturated = dead_codes(codes), saturated_codes(codes)
        self.correlated_with = np.abs(strength).argmax(axis=0)
        self.correlation = strength[self.correlated_with, np.arange(len(strength))]
        self.correlated_with[self.correlation == 0] = -1
        self.effective_rank = effective_rank(codes)
        self.n_active = int((~self.dead).sum())

    def _index(self):
        return "code", list(range(len(self.mean)))

    def _columns(self):
        names = ["mean", "spread", "r2_lost", "dead", "saturated", "correlation", "correlated_with"]
        return {name: getattr(self, name).tolist() for name in names}

    def _summary(self):
        return (
            f"R² {self.r2:.4f}; {self.n_active} of {len(self.mean)} codes active, "
            f"effective rank {self.effective_rank:.1f}"
        )


def _mean_and_error(scores):
    """Return the mean over folds, and its standard error."""
    n_folds = scores.shape[1]
    error = scores.std(axis=1, ddof=1) if n_folds > 1 else np.full(len(scores), np.nan)
    return scores.mean(axis=1), error / np.sqrt(n_folds)


def _text(value, form):
    """Return a value as text; "-" for what is not known."""
    if value is None or (isinstance(value, Real) and np.isnan(value)):
        return "-"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    return format(value, form)
