"""Interpolation between two samples."""

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae._latent_geometry import is_spherical, normalize
from skae._names import resolve_name
from skae.generation.checks import check_count


def interpolate(ae, x0, x1, n_steps=10, *, space="latent"):
    """Interpolate between two samples.

    In the latent space, the samples are decoded from points on the straight line between the two
    latent codes. If the decoder has learned the structure of the data, they resemble the data. In
    the data space, the samples are weighted means of ``x0`` and ``x1``: images are cross-faded.

    For an autoencoder fitted with ``latent="sphere"``, the straight line leaves the sphere on
    which the decoder was trained. The points then lie on the great circle between the two codes, at
    equal distances (spherical linear interpolation; Shoemake, 1985).

    Parameters
    ----------
    ae : estimator
        A fitted transformer with ``inverse_transform``, such as
        :class:`~skae.AutoencoderTransformer` or a Pipeline that ends in one.
    x0 : array-like of shape (n_features,) or (1, n_features)
        The first sample. An image may have its own shape.
    x1 : array-like of shape (n_features,) or (1, n_features)
        The last sample. An image may have its own shape.
    n_steps : int, default=10
        Number of samples to return, including both ends; at least 2. A larger value gives smaller
        differences between consecutive samples.
    space : {"latent", "data"}, default="latent"
        Where to interpolate: between the latent codes, or between the samples themselves. "data"
        does not use the network.

    Returns
    -------
    ndarray of shape (n_steps, n_features)
        The samples, in the dtype of x0 and x1. With "latent" the first and the last are the
        reconstructions of x0 and x1, with "data" they are x0 and x1 themselves.

    Raises
    ------
    ValueError
        If x0 or x1 is not a single sample, ``n_steps`` is less than 2 or ``space`` is unknown. Also
        if ``latent="sphere"`` has one component and the two codes are opposite: this sphere
        consists of two points, and no path connects them.

    Notes
    -----
    Opposite codes on a sphere are connected by infinitely many great circles of equal length. The
    choice is deterministic: the path leaves the first code in the direction of the coordinate axis
    that is closest to orthogonal to it.

    References
    ----------
    Shoemake (1985), "Animating rotation with quaternion curves", *SIGGRAPH* 19(3).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.generation import interpolate
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(2, max_epochs=5, tol=None, random_state=0).fit(X)
    >>> interpolate(ae, X[0], X[1], n_steps=5).shape
    (5, 64)
    """
    in_latent_space = resolve_name("space", space, {"latent": True, "data": False})
    check_count("n_steps", n_steps, 2, "both ends are among the steps")
    check_is_fitted(ae)
    ends = [_as_single_sample(ae, name, x) for name, x in (("x0", x0), ("x1", x1))]
    t = np.linspace(0, 1, n_steps)[:, np.newaxis]
    if not in_latent_space:
        return _line(*(check_array(end, dtype=[np.float64, np.float32]) for end in ends), t)
    path = _great_circle if is_spherical(ae) else _line
    codes = path(*(np.asarray(ae.transform(end)) for end in ends), t)
    return np.asarray(ae.inverse_transform(codes))


def _as_single_sample(ae, name, x):
    """Return x with shape (1, n_features); a data frame is kept, with its feature names."""
    shape, n_features = tuple(np.shape(x)), ae.n_features_in_
    if np.prod(shape) != n_features:
        raise ValueError(
            f"{name} has shape {shape} and must be one row of {n_features} features: of shape "
            f"({n_features},) or (1, {n_features}), such as X[0]."
        )
    return x if shape == (1, n_features) else np.reshape(x, (1, -1))


def _line(start, end, t):
    """Return the points on a straight line at the positions t, a column of values in [0, 1]."""
    return ((1 - t) * start + t * end).astype(np.result_type(start, end))


def _great_circle(start, end, t):
    """Return the points on the shortest great circle between two codes of norm 1."""
    dtype = np.result_type(start, end)
    start, end = normalize(start.astype(np.float64)), normalize(end.astype(np.float64))
    # Unlike the arccos of the scalar product, precise for equal and for opposite codes.
    angle = 2 * np.arctan2(np.linalg.norm(end - start), np.linalg.norm(end + start))
    tangent = end - (end @ start.T) * start
    if np.linalg.norm(tangent) < 1e-12:  # equal or opposite codes do not determine the tangent
        if start.size == 1 and angle > 0:
            raise ValueError(
                "x0 and x1 have opposite codes on a sphere of one code, which is two points with "
                "no path between. Train with n_components of at least 2, or use space='data'."
            )
        axis = np.eye(start.size)[np.abs(start).argmin()]
        tangent = axis - (axis @ start.T) * start
    length = np.linalg.norm(tangent)
    tangent = tangent / length if length > 0 else tangent
    return (np.cos(t * angle) * start + np.sin(t * angle) * tangent).astype(dtype)
