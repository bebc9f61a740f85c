"""Principal axes of training data, block by block, without a copy of X."""

import numpy as np
import torch

from skae._training.moments import blocks_of
from skae._training.random_state import make_generator
from skae._training.threads import limit_threads

#: Smaller side of X up to which axes are computed exactly.
EXACT_SIDE = 2000

#: Largest number of additional axes that are computed by subspace iteration.
MORE_AXES = 384

#: Share of PCA's residual variance that the axes may leave out.
LEFT_OUT = 0.1


def principal_axes(X, weight, center, n_components, seed):
    """Return the principal axes of X that a network needs to improve PCA's reconstruction.

    These are all axes up to 128, and as many more as leave out no more than a tenth of the
    variance that PCA leaves out with ``n_components``.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples.
    weight : ndarray of shape (n_samples,) or None
        Their weights.
    center : ndarray of shape (n_features,)
        Mean of the samples.
    n_components : int
        Number of latent codes.
    seed : int
        Seed of the random directions that subspace iteration (Halko et al., 2011) starts from,
        where both sides of X are large.

    Returns
    -------
    axes : ndarray of shape (n_axes, n_features)
        Orthonormal rows by decreasing variance, the largest element of each positive.
    variances : ndarray of shape (n_axes,)
        Of X along them.
    total : float
        Variance of X.

    References
    ----------
    Halko, Martinsson & Tropp (2011), "Finding structure with randomness", *SIAM Review* 53.
    """
    n_samples, n_features = X.shape
    share = np.full(n_samples, 1 / n_samples) if weight is None else weight / weight.sum()
    total = sum(
        (share[block] * ((X[block].astype(np.float64) - center) ** 2).sum(axis=1)).sum()
        for block in blocks_of(X)
    )
    with limit_threads(n_features * min(n_features, n_samples), n_samples):
        axes, variances = _axes_and_variances(X, share, center, n_components, seed)
    variances = np.maximum(variances, 0)
    if variances[0] == 0:
        return axes[:1], variances[:1], total
    rank = int((variances > max(X.shape) * 1e-15 * variances[0]).sum())
    left = 1 - np.cumsum(variances) / total
    residual = left[min(n_components, len(variances)) - 1]
    n_axes = int((left > max(LEFT_OUT * residual, 1e-13)).sum()) + 1
    n_axes = min(rank, max(128, n_components, n_axes))
    axes = axes[:n_axes]
    largest = np.abs(axes).argmax(axis=1)
    signs = np.sign(axes[np.arange(n_axes), largest])
    return axes * signs[:, np.newaxis], variances[:n_axes], total


def _axes_and_variances(X, share, center, n_components, seed):
    """Return axes and variances along them, by decreasing variance."""
    n_samples, n_features = X.shape
    if min(n_samples, n_features) > EXACT_SIDE:
        n_axes = min(n_components + MORE_AXES, n_samples, n_features)
        axes, variances = _by_subspace_iteration(X, share, center, n_axes, seed)
    elif n_features <= n_samples:
        variances, vectors = torch.linalg.eigh(_times_covariance(X, share, center, None))
        axes, variances = vectors.t().flip(0), variances.flip(0)
    else:
        axes, variances = _by_gram_matrix(X, share, center)
    return axes.numpy(), variances.numpy()


def _times_covariance(X, share, center, directions):
    """Return the covariance matrix, or its product with the columns of ``directions``."""
    n_columns = X.shape[1] if directions is None else directions.shape[1]
    product = torch.zeros(X.shape[1], n_columns, dtype=torch.float64)
    for block in blocks_of(X):
        rows = torch.from_numpy(X[block].astype(np.float64) - center)
        scaled = rows * torch.from_numpy(share[block]).unsqueeze(1)
        product += scaled.t() @ (rows if directions is None else rows @ directions)
    return product


def _by_gram_matrix(X, share, center):
    rows = torch.from_numpy((X.astype(np.float64) - center) * np.sqrt(share)[:, np.newaxis])
    variances, vectors = torch.linalg.eigh(rows @ rows.t())
    variances, vectors = variances.flip(0), vectors.flip(1)
    used = variances > 1e-12 * variances[0].clamp_min(1e-300)
    used[0] = True
    scales = variances[used].clamp_min(1e-300).sqrt()
    return (vectors[:, used].t() @ rows) / scales.unsqueeze(1), variances[used]


def _by_subspace_iteration(X, share, center, n_axes, seed):
    generator = make_generator(seed)
    shape = X.shape[1], min(n_axes + 10, X.shape[1])
    directions = torch.randn(shape, dtype=torch.float64, generator=generator)
    for _ in range(5):
        directions, _ = torch.linalg.qr(_times_covariance(X, share, center, directions))
    inner = directions.t() @ _times_covariance(X, share, center, directions)
    variances, vectors = torch.linalg.eigh((inner + inner.t()) / 2)
    axes = (directions @ vectors.flip(1)).t()
    return axes[:n_axes], variances.flip(0)[:n_axes]


def coordinates(X, center, axes, scale):
    """Return coordinates of rows along axes, around a center and divided by a scale, as float64."""
    with limit_threads(axes.size, len(X)):
        rows = torch.from_numpy(X.astype(np.float64) - center)
        return ((rows @ torch.from_numpy(np.ascontiguousarray(axes.T))) / scale).numpy()
