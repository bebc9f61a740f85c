"""What an array of codes tells: which are dead or saturated, how many directions they use."""

import numpy as np


def dead_codes(codes):
    """Tell which codes are the same for every row, up to rounding.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        What ``transform`` gives.

    Returns
    -------
    ndarray of bool of shape (n_components,)
        True for codes whose standard deviation is no more than rounding of the largest code.
    """
    spread = codes.std(axis=0, dtype=np.float64)
    return spread <= 10 * np.finfo(codes.dtype).eps * np.abs(codes).max()


def saturated_codes(codes):
    """Tell which codes are piled up at the ends of their range, as those of a saturated tanh are.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        What ``transform`` gives.

    Returns
    -------
    ndarray of bool of shape (n_components,)
        True where more than half of the rows, besides the two that mark the ends, are within
        1% of the range from an end of it. Exact zeros do not count: a ReLU gives them where it
        is off.
    """
    low, high = codes.min(axis=0), codes.max(axis=0)
    margin = 0.01 * (high - low)
    at_end = (codes <= low + margin) | (codes >= high - margin)
    n_beyond = (at_end & (codes != 0)).sum(axis=0) - 2
    return (n_beyond > 0.5 * (len(codes) - 2)) & ~dead_codes(codes)


def correlations(codes):
    """Return the matrix of correlations of codes; 0 for dead ones, and on the diagonal."""
    centered = _centered(codes)
    norms = np.linalg.norm(centered, axis=0)
    scaled = centered / np.where(norms > 0, norms, 1.0)
    matrix = scaled.T @ scaled
    np.fill_diagonal(matrix, 0.0)
    return matrix


def effective_rank(codes):
    """Return the exponential of the entropy of the shares of variance along principal axes.

    The effective rank of the covariance matrix as Roy & Vetterli (2007) define it: 1 if all
    variance is in one direction, k if it is shared alike by k; 0 if there is none.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        What ``transform`` gives.

    Returns
    -------
    float
        Between 0 and ``n_components``.
    """
    variances = np.linalg.svd(_centered(codes), compute_uv=False) ** 2
    shares = variances[variances > 0] / max(variances.sum(), np.finfo(float).tiny)
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0


def _centered(codes):
    """Return codes in float64 without their mean, and 0 for dead ones."""
    values = codes.astype(np.float64)
    return np.where(dead_codes(codes), 0.0, values - values.mean(axis=0))


def name_codes(mask):
    """Return subject and verb for the codes in a mask: "code 3 is", "codes 0, 2 and 5 are"."""
    index = [str(i) for i in np.flatnonzero(mask)]
    if len(index) == 1:
        return f"code {index[0]} is"
    if len(index) > 8:
        index = [*index[:8], f"{len(index) - 8} more"]
    return f"codes {', '.join(index[:-1])} and {index[-1]} are"
