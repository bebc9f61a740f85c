"""Principal axes of a linear autoencoder, and the variances along them."""

import numpy as np

from skae._training.moments import blocks_of
from skae._training.threads import limit_threads


def rotate_to_principal_axes(net, mean, data):
    """Rotate the latent codes of a linear autoencoder to scores on principal axes.

    Parameters
    ----------
    net : skae._training.net.Net
        Around a :class:`skae.modules.LinearAutoencoder`, which is changed in place.
    mean : ndarray of shape (n_features,)
        The row whose codes are 0.
    data : TrainingData
        The samples that variances are computed from.

    Returns
    -------
    components : ndarray of shape (n_components, n_features)
        The axes, in float64.
    variances : ndarray of shape (n_components,)
        Of the reconstructions along them, with ``total_weight - 1`` in the denominator.
    ratios : ndarray of shape (n_components,)
        The same as shares of the variance of X.
    """
    covariance = data.over_group(_covariance_of_codes(net, mean, data.X, data.weight))
    module = net.module_
    with limit_threads(n_products=module.shift.numel(), n_rows=len(covariance)):
        components, variances = (values.numpy() for values in module.rotate(mean, covariance))
    total_variance, n = data.variances(mean).sum(), data.total_weight
    ratios = variances / total_variance if total_variance > 0 else 0 * variances
    return components, variances * (n / (n - 1) if n > 1 else 1.0), ratios


def _covariance_of_codes(net, mean, X, weight):
    """Return the weighted covariance of the latent codes around those of the mean row."""
    # In the dtype of X, since not every device has float64.
    center = net.apply("encode", mean[np.newaxis].astype(X.dtype))
    covariance = np.zeros((center.shape[1], center.shape[1]))
    for block in blocks_of(X):
        codes = net.apply("encode", X[block]).astype(np.float64) - center
        covariance += codes.T @ (codes if weight is None else codes * weight[block, None])
    return covariance / (len(X) if weight is None else weight.sum())
