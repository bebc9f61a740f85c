"""A linear autoencoder as PCA: its axes, and the variances along them."""

import numpy as np

from skae._moments import blocks_of, over_ranks, variances_of
from skae._runtime import few_threads


def find_principal_axes(net, mean, X, weight, total):
    """Turn the codes of a linear autoencoder into scores on principal axes.

    Parameters
    ----------
    net : skae._net.Net
        Around a :class:`skae.modules.LinearAutoencoder`, which is changed in place.
    mean : ndarray of shape (n_features,)
        The row that gets the codes 0.
    X : ndarray of shape (n_samples, n_features)
        The rows.
    weight : ndarray of shape (n_samples,) or None
        Their weights.
    total : float
        The sum of the weights as they were given, over all ranks.

    Returns
    -------
    components : ndarray of shape (n_components, n_features)
        The axes, in float64.
    variances : ndarray of shape (n_components,)
        Of the reconstructions along them, with ``total - 1`` in the denominator.
    shares : ndarray of shape (n_components,)
        The same as shares of the variance of X.
    """
    covariance = over_ranks(_covariance_of_codes(net, mean, X, weight), X, weight)
    module = net.module_
    with few_threads(n_products=module.shift.numel(), n_rows=len(covariance)):
        components, variances = (values.numpy() for values in module.rotate(mean, covariance))
    whole = over_ranks(variances_of(X, mean, weight), X, weight).sum()
    shares = variances / whole if whole > 0 else 0 * variances
    return components, variances * (total / (total - 1) if total > 1 else 1.0), shares


def _covariance_of_codes(net, mean, X, weight):
    """Return the weighted covariance of the codes around those of the mean row."""
    # In the dtype of X, since not every device has float64.
    center = net.apply("encode", mean[np.newaxis].astype(X.dtype))
    covariance = np.zeros((center.shape[1], center.shape[1]))
    for block in blocks_of(X):
        codes = net.apply("encode", X[block]).astype(np.float64) - center
        covariance += codes.T @ (codes if weight is None else codes * weight[block, None])
    return covariance / (len(X) if weight is None else weight.sum())
