"""Report on what each latent code contributes to the reconstruction."""

import numpy as np
from sklearn.utils import gen_batches

from skae._latent_diagnostics import (
    collapsed_codes,
    correlations,
    dead_codes,
    divergence_from_prior,
    effective_rank,
    log_variances,
    saturated_codes,
)
from skae._latent_geometry import latent_kind
from skae.inspection.inputs import find_autoencoder, flatten_samples, transform_before
from skae.inspection.r2 import sum_of_squares
from skae.inspection.report import Report
from skae.modules import LATENTS

#: Number of samples that are decoded at once, to limit the use of memory.
BLOCK_SIZE = 4096


class LatentReport(Report):
    """Statistics of the latent codes, and what each contributes to the reconstruction.

    Attributes
    ----------
    mean, spread : ndarray of shape (n_components,)
        Mean and standard deviation of each code.
    r2_lost : ndarray of shape (n_components,)
        Decrease of R² if the code is fixed at its mean, as a fraction of R²; nan if R² is not
        positive.
    dead, saturated : ndarray of bool of shape (n_components,)
        Whether the code is constant over all samples; whether more than half of its values are at
        the minimum or maximum of its range.
    divergence : ndarray of shape (n_components,)
        Mean over the samples of the Kullback-Leibler divergence of the code's distribution from
        the standard normal distribution, in nats; nan for codes without a distribution, that
        is, for all but ``latent="gaussian"``.
    collapsed : ndarray of bool of shape (n_components,)
        Whether the divergence is below 0.01 nats: the code is drawn from nearly the same
        distribution for every sample, and has no information about it.
    correlation : ndarray of shape (n_components,)
        Correlation with the code with which it correlates most, in [-1, 1].
    correlated_with : ndarray of shape (n_components,)
        Index of that code; -1 if all correlations are 0.
    r2 : float
        R² of the reconstruction.
    effective_rank : float
        Effective rank of the covariance of the codes: the exponential of the entropy of the
        explained variance ratios of their principal components.
    n_active : int
        Number of codes that are neither dead nor collapsed.
    """

    _formats = {
        "mean": ".4g",
        "spread": ".4g",
        "divergence": ".4g",
        "correlation": ".2f",
        "correlated_with": "d",
    }

    def __init__(self, codes, r2, r2_lost, log_variances=None):
        matrix = correlations(codes)
        self.mean = codes.mean(axis=0, dtype=np.float64)
        self.spread = codes.std(axis=0, dtype=np.float64)
        self.r2, self.r2_lost = r2, r2_lost
        self.dead, self.saturated = dead_codes(codes), saturated_codes(codes)
        self.correlated_with = np.abs(matrix).argmax(axis=0)
        self.correlation = matrix[self.correlated_with, np.arange(len(matrix))]
        self.correlated_with[self.correlation == 0] = -1
        self.effective_rank = effective_rank(codes)
        divergence = np.full(codes.shape, np.nan)
        if log_variances is not None:
            divergence = divergence_from_prior(codes, log_variances)
        self.divergence = divergence.mean(axis=0)
        self.collapsed = collapsed_codes(divergence)
        self.n_active = int((~self.dead & ~self.collapsed).sum())

    def _index(self):
        return "code", list(range(len(self.mean)))

    def _columns(self):
        names = ["mean", "spread", "r2_lost", "dead", "saturated", "correlation", "correlated_with"]
        if not np.isnan(self.divergence).all():
            names[3:3] = ["divergence", "collapsed"]
        return {name: getattr(self, name).tolist() for name in names}

    def _summary(self):
        return (
            f"R² {self.r2:.4f}; {self.n_active} of {len(self.mean)} codes active, "
            f"effective rank {self.effective_rank:.1f}"
            + f"; {self.collapsed.sum()} collapsed"
            * bool(self.collapsed.any())
        )


def latent_report(ae, X):
    """Report what each latent code of an autoencoder contributes to the reconstruction.

    Parameters
    ----------
    ae : AutoencoderTransformer or Pipeline that ends in one
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Samples to evaluate, at least 2. The reconstruction is computed once per code: a few
        thousand samples are enough.

    Returns
    -------
    LatentReport
        For each code: ``mean``, ``spread`` (the standard deviation), ``r2_lost`` (the decrease of
        R² if the code is fixed at its mean, as a fraction of R²), ``dead`` (constant over all
        samples), ``saturated`` (more than half of the samples within 1% of the range from its
        minimum or maximum, as in a saturated tanh or sigmoid; exact zeros are not counted),
        ``correlation`` and ``correlated_with`` (the code with the largest absolute correlation).
        For all codes: ``r2``, ``effective_rank`` (of their covariance; Roy & Vetterli, 2007) and
        ``n_active``. With ``latent="gaussian"`` also, for each code, ``divergence`` (the mean
        Kullback-Leibler divergence from the standard normal distribution, in nats) and
        ``collapsed`` (a divergence below 0.01), which does not count as active.

    Raises
    ------
    ValueError
        If X has fewer than 2 samples, or ``ae`` is not an autoencoder.

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
    X = transform_before(before, flatten_samples(X))
    codes, X = np.asarray(ae.transform(X)), np.asarray(X)
    log_variance = log_variances_of(ae, X, codes.dtype)
    if len(X) < 2:
        raise ValueError(f"X has n_samples={len(X)}; a report on codes needs at least 2 rows.")
    means = codes.mean(axis=0)
    total, error, errors_without = 0.0, 0.0, np.zeros(len(means))
    for block in gen_batches(len(X), BLOCK_SIZE):
        total += sum_of_squares(X[block], ae.mean_)
        error += sum_of_squares(X[block], ae.inverse_transform(codes[block]))
        for code, mean in enumerate(means):
            changed = codes[block].copy()
            changed[:, code] = mean
            errors_without[code] += sum_of_squares(X[block], ae.inverse_transform(changed))
    explained = total - error
    r2_lost = (errors_without - error) / explained if explained > 0 else np.full(len(means), np.nan)
    r2 = 1 - error / total if total > 0 else np.nan
    return LatentReport(codes, r2, r2_lost, log_variance)


def log_variances_of(ae, X, dtype):
    """Return the log-variances of the codes of a fitted estimator, or None if it has none.

    Computed in ``dtype``, that of the codes.
    """
    if not LATENTS[latent_kind(ae)].has_prior:
        return None
    return log_variances(ae.module_, np.ascontiguousarray(X, dtype=dtype))
