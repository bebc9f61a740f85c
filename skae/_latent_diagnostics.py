"""Diagnostics of latent codes: dead, saturated and collapsed codes, correlations, rank."""

import copy

import numpy as np
import torch
from sklearn.utils import gen_batches

from skae.modules import LATENTS, keeps_units

#: Mean divergence in nats below which a code is collapsed.
COLLAPSED = 0.01

#: Number of rows that are encoded at once, to limit the use of memory.
BLOCK_SIZE = 4096


def dead_codes(codes):
    """Return which latent codes are constant over all samples, up to rounding errors.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Output of ``transform``.

    Returns
    -------
    ndarray of bool of shape (n_components,)
        True for codes whose standard deviation is at most the rounding error of the largest
        absolute value of all codes.
    """
    std = codes.std(axis=0, dtype=np.float64)
    return std <= 10 * np.finfo(codes.dtype).eps * np.abs(codes).max()


def saturated_codes(codes):
    """Return which latent codes take mostly extreme values, as those of a saturated tanh do.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Output of ``transform``.

    Returns
    -------
    ndarray of bool of shape (n_components,)
        True for codes that have more than half of the samples within 1% of their range from its
        minimum or maximum. The two samples that define the range are not counted, nor are exact
        zeros, which are the output of a ReLU for negative inputs.
    """
    low, high = codes.min(axis=0), codes.max(axis=0)
    margin = 0.01 * (high - low)
    is_extreme = (codes <= low + margin) | (codes >= high - margin)
    n_extreme = (is_extreme & (codes != 0)).sum(axis=0) - 2
    return (n_extreme > 0.5 * (len(codes) - 2)) & ~dead_codes(codes)


def log_variances(module, X):
    """Return the log-variances of the distributions of codes, or None for other kinds of codes.

    Parameters
    ----------
    module : torch.nn.Module
        A trained network, in evaluation mode.
    X : ndarray of shape (n_samples, n_features), float32 or float64
        Samples, in the units of the network's input.

    Returns
    -------
    ndarray of shape (n_samples, n_components), float64, or None
        Natural logarithms of the variances.
    """
    if not keeps_units(module) or not LATENTS[module.latent].has_prior:
        return None
    latent = LATENTS[module.latent]

    def encode(module, rows):
        encoded = latent.split(module.encoder(module.standardize(rows)))
        return latent.distribution(encoded)[1]

    return in_blocks(module, encode, X)


def in_blocks(module, function, X):
    """Return ``function(module, rows)`` for the rows of an array, block by block, as float64.

    Computes in the wider dtype of network and X, as ``transform`` does.
    """
    weight, dtype = next(module.parameters()), torch.from_numpy(X[:0]).dtype
    dtype = torch.promote_types(weight.dtype, dtype)
    if dtype != weight.dtype:
        module = copy.deepcopy(module).to(dtype)
    with torch.inference_mode():
        blocks = [
            function(module, torch.from_numpy(X[block].copy()).to(weight.device, dtype))
            for block in gen_batches(len(X), BLOCK_SIZE)
        ]
        return torch.cat(blocks).double().cpu().numpy()


def divergence_from_prior(means, log_variances):
    """Return the KL divergence of each code's distribution from N(0, 1), for each row, in nats."""
    squares = means.astype(np.float64) ** 2
    return (squares + np.exp(log_variances) - 1 - log_variances) / 2


def collapsed_codes(divergence):
    """Return which codes have the distribution of the prior whatever the input is.

    Parameters
    ----------
    divergence : ndarray of shape (n_samples, n_components)
        From the prior, in nats; nan for codes without a distribution.

    Returns
    -------
    ndarray of bool of shape (n_components,)
        True for codes whose mean divergence is below 0.01 nats.
    """
    return divergence.mean(axis=0) < COLLAPSED


def correlations(codes):
    """Return the correlation matrix of latent codes, with 0 for dead codes and on the diagonal."""
    centered = _center(codes)
    norms = np.linalg.norm(centered, axis=0)
    scaled = centered / np.where(norms > 0, norms, 1.0)
    matrix = scaled.T @ scaled
    np.fill_diagonal(matrix, 0.0)
    return matrix


def effective_rank(codes):
    """Return the effective rank of the covariance matrix of latent codes (Roy & Vetterli, 2007).

    It is the exponential of the entropy of the explained variance ratios of the principal
    components: 1 if a single component has all the variance, k if k components share it equally,
    0 if the variance is 0.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
        Output of ``transform``.

    Returns
    -------
    float
        Between 0 and ``n_components``.
    """
    variances = np.linalg.svd(_center(codes), compute_uv=False) ** 2
    ratios = variances[variances > 0] / max(variances.sum(), np.finfo(float).tiny)
    return float(np.exp(-(ratios * np.log(ratios)).sum())) if len(ratios) else 0.0


def _center(codes):
    """Return latent codes as float64 minus their mean, with 0 for dead codes."""
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
