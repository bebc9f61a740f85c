"""What each latent code does."""

import numpy as np
from sklearn.utils import gen_batches

from skae._latent_diagnostics import correlations, dead_codes, effective_rank, saturated_codes
from skae.inspection.common import find_autoencoder, flatten_rows, rows_before, sum_of_squares
from skae.inspection.report import Report

#: Samples that are decoded at once.
BLOCK_ROWS = 4096


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


def latent_report(ae, X):
    """Report what each code of an autoencoder does.

    Parameters
    ----------
    ae : AutoencoderTransformer or Pipeline that ends in one
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Rows to look at, at least 2. The reconstruction is computed once for each code, so a
        few thousand will do.

    Returns
    -------
    LatentReport
        For each code ``mean``, ``spread`` (standard deviation), ``r2_lost`` (share of R² that
        is lost when it is fixed at its mean), ``dead`` (the same for all rows), ``saturated``
        (more than half of the rows within 1% of an end of its range, as with a tanh or sigmoid
        that is driven too far; exact zeros are not counted), ``correlation`` and
        ``correlated_with`` (the code that it resembles most). For all ``r2``, ``effective_rank``
        (Roy & Vetterli, 2007, of the covariance of the codes) and ``n_active``.

    Raises
    ------
    ValueError
        If there are fewer than 2 rows, or ``ae`` is no autoencoder.

    References
    ----------
    Roy & Vetterli (2007), "The effective rank: a measure of effective dimensionality",
    *European Signal Processing Conference*.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.architectures import Linear
    >>> from skae.inspection import latent_report
    >>> X = load_digits().data
    >>> ae = AutoencoderTransformer(3, architecture=Linear(True), optimizer="lbfgs", random_state=0)
    >>> print(latent_report(ae.fit(X), X))
    code        mean  spread  r2 lost  dead  saturated  correlation  correlated with
    --------------------------------------------------------------------------------
    0    ...   13.38   0.3695 ...
    1    ...   12.79   0.3379 ...
    2    ...    11.9   0.2926 ...
    R² 0.4030; 3 of 3 codes active, effective rank 3.0
    """
    before, ae = find_autoencoder(ae)
    X = rows_before(before, flatten_rows(X))
    codes, X = np.asarray(ae.transform(X)), np.asarray(X)
    if len(X) < 2:
        raise ValueError(f"X has n_samples={len(X)}; a report on codes needs at least 2 rows.")
    fixed = codes.mean(axis=0)
    whole, left, left_without = 0.0, 0.0, np.zeros(len(fixed))
    for block in gen_batches(len(X), BLOCK_ROWS):
        whole += sum_of_squares(X[block], ae.mean_)
        left += sum_of_squares(X[block], ae.inverse_transform(codes[block]))
        for code, value in enumerate(fixed):
            changed = codes[block].copy()
            changed[:, code] = value
            left_without[code] += sum_of_squares(X[block], ae.inverse_transform(changed))
    explained = whole - left
    lost = (left_without - left) / explained if explained > 0 else np.full(len(fixed), np.nan)
    return LatentReport(codes, 1 - left / whole if whole > 0 else np.nan, lost)
