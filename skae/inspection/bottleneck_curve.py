"""Held-out R² by number of latent codes."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from skae._pipeline import last_step_prefix
from skae._sklearn_compat import _safe_indexing
from skae.inspection.common import (
    find_autoencoder,
    flatten_rows,
    pca_r2,
    rows_before,
    sum_of_squares,
)
from skae.inspection.report import Report


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


def bottleneck_curve(estimator, X, widths, *, cv=5, n_jobs=None):
    """Measure how well held-out rows are reconstructed, by number of codes.

    The autoencoder is fitted anew for each width and fold, PCA once per fold. One with
    ``latent="ordered"`` is fitted once per fold too, at the largest width: for the others its last
    codes are set to 0. The curve shows how many codes the data are worth, and from where on PCA is
    as good. The smallest width within one standard error of the best one is a choice that does
    not follow the noise of the folds (Breiman et al., 1984).

    Parameters
    ----------
    estimator : AutoencoderTransformer or Pipeline that ends in one
        Clones of it are fitted; its ``n_components`` does not matter. With an int as its
        ``random_state``, each call gives the same result.
    X : array-like of shape (n_samples, n_features)
        Rows.
    widths : sequence of int
        Numbers of codes to try, each at least 1. More take longer.
    cv : int, splitter or iterable, default=5
        As in :func:`~sklearn.model_selection.cross_val_score`: an int is the number of folds,
        which are blocks of rows in their order; pass ``KFold(5, shuffle=True, random_state=0)``
        where that order means something.
    n_jobs : int or None, default=None
        Fits to run at the same time; None is 1, -1 as many as there are processors.

    Returns
    -------
    BottleneckCurve
        With attributes ``widths``, ``mean``, ``standard_error``, ``pca_mean``,
        ``pca_standard_error``, ``best_width``, ``one_se_width``, and the ``scores`` of all folds.

    Raises
    ------
    ValueError
        If a width is not a whole number of at least 1, or the estimator is no autoencoder.

    References
    ----------
    Breiman, Friedman, Olshen & Stone (1984), *Classification and Regression Trees*, section 3.4.3.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skae import AutoencoderTransformer
    >>> from skae.architectures import Linear
    >>> from skae.inspection import bottleneck_curve
    >>> ae = AutoencoderTransformer(architecture=Linear(), optimizer="lbfgs", random_state=0)
    >>> pipe = make_pipeline(StandardScaler(), ae)
    >>> curve = bottleneck_curve(pipe, load_wine().data, [1, 2, 4], cv=3)
    >>> curve.one_se_width
    4
    >>> print(f"{abs(curve.mean - curve.pca_mean).max():.3f}")
    0.000
    """
    X = flatten_rows(X)
    given, widths = widths, np.unique(widths)
    if np.ndim(given) != 1 or widths.dtype.kind not in "iu" or widths[0] < 1:
        raise ValueError(
            f"widths={given!r} must be whole numbers of at least 1, such as [2, 4, 8]."
        )
    before, ae = find_autoencoder(estimator)
    splits = list(check_cv(cv).split(X))
    run = Parallel(n_jobs=n_jobs)
    if getattr(ae, "latent", None) == "ordered":
        by_fold = run(
            delayed(_held_out_r2_of_first_codes)(
                _with_width(estimator, int(widths[-1])), X, *split, widths
            )
            for split in splits
        )
        scores = np.transpose(by_fold)
    else:
        by_width = run(
            delayed(_held_out_r2)(_with_width(estimator, int(width)), X, *split)
            for width in widths
            for split in splits
        )
        scores = np.reshape(by_width, (len(widths), len(splits)))
    pca_scores = run(delayed(_held_out_pca_r2)(before, X, *split, widths) for split in splits)
    return BottleneckCurve(widths, scores, np.transpose(pca_scores))


def _with_width(estimator, n_components):
    """Return a clone of an autoencoder, or of a Pipeline that ends in one, with another width."""
    name = f"{last_step_prefix(estimator)}n_components"
    return clone(estimator).set_params(**{name: n_components})


def _held_out_r2(estimator, X, train, test):
    """Return R² on test rows of an estimator fitted on training rows."""
    return estimator.fit(_safe_indexing(X, train)).score(_safe_indexing(X, test))


def _held_out_r2_of_first_codes(estimator, X, train, test, widths):
    """Return R² on test rows with the first codes alone, the others set to 0, by width."""
    estimator.fit(_safe_indexing(X, train))
    before, ae = find_autoencoder(estimator)
    rows = rows_before(before, _safe_indexing(X, test))
    codes, whole = np.asarray(ae.transform(rows)), sum_of_squares(rows, ae.mean_)
    shown = np.arange(codes.shape[1])
    errors = [
        sum_of_squares(rows, ae.inverse_transform(codes * (shown < width))) for width in widths
    ]
    return [1 - error / whole if whole > 0 else float(error == 0) for error in errors]


def _held_out_pca_r2(before, X, train, test, widths):
    """Return R² on test rows of PCA fitted on training rows, by width."""
    X_train, X_test = _safe_indexing(X, train), _safe_indexing(X, test)
    if before is not None:
        before = clone(before).fit(X_train)
    X_train, X_test = rows_before(before, X_train), rows_before(before, X_test)
    n_components = min(widths[-1], *X_train.shape)
    return pca_r2(PCA(n_components, svd_solver="full").fit(X_train), X_test, widths)


def _mean_and_error(scores):
    """Return the mean over folds, and its standard error."""
    n_folds = scores.shape[1]
    error = scores.std(axis=1, ddof=1) if n_folds > 1 else np.full(len(scores), np.nan)
    return scores.mean(axis=1), error / np.sqrt(n_folds)
