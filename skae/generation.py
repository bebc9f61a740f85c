"""New rows from codes: along a path between two rows, or drawn from a density of codes.

Everything here uses estimators by their public methods alone, so that a fitted
``AutoencoderTransformer``, a ``Pipeline`` that ends in one, and ``PCA`` all do.
"""

import inspect
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from skae._names import resolve_name
from skae._pipeline import find_latent, last_step

__all__ = ["from_spherical", "interpolate", "sample", "to_spherical"]


def interpolate(ae, x0, x1, n_steps=10, *, space="latent"):
    """Return rows on the way from one row to another.

    In the latent space, the straight line between the two codes is decoded: where the codes have
    learnt the shape of the data, the rows between look like data. In the data space the rows are
    mixed themselves: images fade into one another. Codes of ``latent="sphere"`` go along the
    great circle, at even speed (Shoemake, 1985), since the straight line leaves the sphere that
    the decoder knows.

    Parameters
    ----------
    ae : estimator
        A fitted transformer with ``inverse_transform``, such as
        :class:`~skae.AutoencoderTransformer` or a pipeline that ends in one.
    x0 : array-like of shape (n_features,) or (1, n_features)
        The row to start from. An image may keep its shape.
    x1 : array-like of shape (n_features,) or (1, n_features)
        The row to end at, likewise.
    n_steps : int, default=10
        Number of rows to return, both ends included, at least 2. More make a smoother film.
    space : {"latent", "data"}, default="latent"
        Whether codes or the rows themselves are interpolated. "data" does not use the network.

    Returns
    -------
    ndarray of shape (n_steps, n_features)
        The rows, of the dtype of x0 and x1. With "latent" the first and last are the
        reconstructions of x0 and x1, with "data" x0 and x1 themselves.

    Raises
    ------
    ValueError
        If x0 or x1 is not one row, ``n_steps`` is below 2 or ``space`` is unknown; or for
        opposite codes on a sphere of one code, which is two points without a way between.

    Notes
    -----
    Opposite codes on a sphere are joined by many great circles, all of them equally short. One
    of them is taken, always the same: it leaves the first code towards the coordinate
    axis that is closest to a right angle with it.

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
    in_latent = resolve_name("space", space, {"latent": True, "data": False})
    _check_count("n_steps", n_steps, 2, "both ends are among the steps")
    check_is_fitted(ae)
    rows = [_one_row(ae, name, x) for name, x in (("x0", x0), ("x1", x1))]
    t = np.linspace(0, 1, n_steps)[:, np.newaxis]
    if not in_latent:
        return _line(*(check_array(row, dtype=[np.float64, np.float32]) for row in rows), t)
    path = _great_circle if find_latent(ae).geometry == "sphere" else _line
    codes = path(*(np.asarray(ae.transform(row)) for row in rows), t)
    return np.asarray(ae.inverse_transform(codes))


def sample(ae, X, n_samples=1, *, density="kde", random_state=None):
    """Draw new rows: codes from a density that is fitted to the codes of X, decoded.

    A decoder is trained on the codes that rows have, and nothing says what it makes of others.
    So samples are as good as the density is close to the codes: "uniform" also draws
    where no row is, the more so the more codes there are; "gaussian" fills the gaps between
    clusters; "kde" and a mixture of many Gaussians follow the codes (Ghosh et al., 2020).

    Parameters
    ----------
    ae : estimator
        A fitted transformer with ``inverse_transform``, such as
        :class:`~skae.AutoencoderTransformer` or a pipeline that ends in one.
    X : array-like of shape (n_samples_X, n_features) or None
        Rows whose codes the density is fitted to, such as the training rows. May be
        None for "prior".
    n_samples : int, default=1
        Number of rows to draw, at least 1.
    density : {"uniform", "gaussian", "kde", "prior"} or estimator, default="kde"
        Where codes are drawn from:

        - "uniform": the box between the smallest and largest value of each code; for
          ``latent="sphere"`` the whole sphere, evenly.
        - "gaussian": one normal distribution with the mean and covariance of the codes.
        - "kde": a kernel density estimate, which is a code of X plus normal noise of the codes'
          covariance, times the squared bandwidth ``n_samples_X ** (-1 / (n_components + 4))``
          (Scott, 1992). More codes mean a wider kernel: of 10,000 rows, 0.2 standard
          deviations wide for 2 codes and 0.8 for 32, where a mixture is the better choice.
        - "prior": the standard normal distribution, towards which ``latent="gaussian"`` draws
          the codes while it trains; for such autoencoders only.
        - an estimator with ``fit`` and ``sample``, such as
          :class:`~sklearn.mixture.GaussianMixture` or
          :class:`~sklearn.neighbors.KernelDensity`: a clone is fitted, with ``random_state``
          as its own where it has one. Its samples are shuffled, since a mixture returns them
          component by component.

        Codes drawn for ``latent="sphere"`` are divided by their norm.
    random_state : int, RandomState instance or None, default=None
        Decides what is drawn. Pass an int for the same rows at each call; None draws others
        each time and leaves NumPy's global generator alone.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        The rows, of the dtype that ``transform`` gives X: float32 for float32, else float64.

    Raises
    ------
    ValueError
        If ``density`` is unknown, is "prior" for an autoencoder without a prior, or lacks ``fit``
        or ``sample``; if ``n_samples`` is below 1; or if X is None and needed.

    References
    ----------
    Ghosh, Sajjadi, Vergari, Black & Schölkopf (2020), "From variational to deterministic
    autoencoders", *ICLR*.

    Scott (1992), *Multivariate density estimation*, Wiley.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.mixture import GaussianMixture
    >>> from skae import AutoencoderTransformer
    >>> from skae.generation import sample
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(2, max_epochs=5, tol=None, random_state=0).fit(X)
    >>> sample(ae, X, 3, density="kde", random_state=0).shape
    (3, 64)
    >>> sample(ae, X, 3, density=GaussianMixture(10), random_state=0).shape
    (3, 64)
    """
    _check_count("n_samples", n_samples, 1, "it is the number of rows to draw")
    # check_random_state(None) would be NumPy's global generator.
    rng = np.random.RandomState() if random_state is None else check_random_state(random_state)
    check_is_fitted(ae)
    latent = find_latent(ae)
    draw = _drawing_from(density, latent)
    if X is not None:
        codes = np.asarray(ae.transform(X))
    elif isinstance(density, str) and density == "prior":
        codes = np.empty((0, last_step(ae).n_components_))
    else:
        raise ValueError(
            f"X=None is for density='prior' only, and density={density!r} is fitted to the codes "
            "of X: pass rows, such as those ae was trained on."
        )
    drawn = draw(codes.astype(np.float64), n_samples, rng)
    if latent.geometry == "sphere":
        drawn = _normalize(drawn)
    return np.asarray(ae.inverse_transform(drawn.astype(codes.dtype)))


def to_spherical(codes):
    """Return the polar angle and the azimuth of codes on the unit sphere.

    These are two numbers in place of three: what to plot a ``latent="sphere"`` of three codes by.
    The convention is that of physics (ISO 80000-2): ``codes = (sin(theta) * cos(phi),
    sin(theta) * sin(phi), cos(theta))``.

    Parameters
    ----------
    codes : array-like of shape (n_samples, 3)
        Rows of norm 1.

    Returns
    -------
    ndarray of shape (n_samples, 2)
        The columns theta, from 0 at (0, 0, 1) to pi at (0, 0, -1), and phi in (-pi, pi], from 0
        at (1, 0, 0) by pi / 2 at (0, 1, 0); phi is 0 at the two poles. float32 for float32
        codes, else float64.

    Raises
    ------
    ValueError
        If there are not three columns or a row's norm is not 1.

    See Also
    --------
    from_spherical : The way back.

    Examples
    --------
    >>> from skae.generation import to_spherical
    >>> to_spherical([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
    array([[0.        , 0.        ],
           [1.57079633, 3.14159265]])
    """
    codes = _check_columns("codes", codes, 3, "x, y and z of points on a sphere")
    norms = np.linalg.norm(codes, axis=1)
    if np.abs(norms - 1).max() > 1e-4:  # float32 and a few operations stay far below
        raise ValueError(
            f"codes must have norm 1, got norms from {norms.min():.6g} to {norms.max():.6g}. Use "
            "an autoencoder with latent='sphere', or divide each row by its norm."
        )
    x, y, z = (codes + 0.0).T  # -0.0 becomes 0.0, which would put phi at -pi and turn the poles
    theta = np.arctan2(np.hypot(x, y), z)  # unlike arccos(z), precise at the poles
    phi = np.arctan2(y, x)
    phi[phi == -np.pi] = np.pi  # rounded there from just above
    return np.column_stack([theta, phi])


def from_spherical(angles):
    """Return the codes on the unit sphere at a polar angle and an azimuth.

    Parameters
    ----------
    angles : array-like of shape (n_samples, 2)
        The columns theta and phi in radians, as :func:`to_spherical` gives them. Any finite
        numbers will do: angles outside its ranges go round the sphere.

    Returns
    -------
    ndarray of shape (n_samples, 3)
        Rows of norm 1, float32 for float32 angles, else float64.

    Raises
    ------
    ValueError
        If there are not two columns.

    See Also
    --------
    to_spherical : The way back.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.generation import from_spherical
    >>> from_spherical([[np.pi / 2, np.pi / 2]]).round(3)
    array([[0., 1., 0.]])
    """
    theta, phi = _check_columns("angles", angles, 2, "theta and phi").T
    sin_theta = np.sin(theta)
    return np.column_stack([sin_theta * np.cos(phi), sin_theta * np.sin(phi), np.cos(theta)])


def _check_count(name, value, least, reason):
    """Raise an error for what is not an integer of at least ``least``."""
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r} must be an integer of at least {least}: {reason}.")


def _check_columns(name, array, n_columns, meaning):
    """Return a 2-D array of float32 or float64 with the right number of columns."""
    array = check_array(array, dtype=[np.float64, np.float32], input_name=name)
    if array.shape[1] != n_columns:
        raise ValueError(
            f"{name} has {array.shape[1]} columns and must have {n_columns}: {meaning}."
        )
    return array


def _one_row(ae, name, x):
    """Return a row as a table of one, so that column names of a data frame stay."""
    shape, n_features = tuple(np.shape(x)), ae.n_features_in_
    if np.prod(shape) != n_features:
        raise ValueError(
            f"{name} has shape {shape} and must be one row of {n_features} features: of shape "
            f"({n_features},) or (1, {n_features}), such as X[0]."
        )
    return x if shape == (1, n_features) else np.reshape(x, (1, -1))


def _normalize(codes):
    return codes / np.linalg.norm(codes, axis=1, keepdims=True)


def _line(start, end, t):
    """Return points on a straight line; t is a column from 0 to 1."""
    return ((1 - t) * start + t * end).astype(np.result_type(start, end))


def _great_circle(start, end, t):
    """Return points on the shortest way from one unit row to another on the sphere."""
    dtype = np.result_type(start, end)
    start, end = _normalize(start.astype(np.float64)), _normalize(end.astype(np.float64))
    # Unlike arccos of the product, precise for small angles and for nearly opposite codes.
    angle = 2 * np.arctan2(np.linalg.norm(end - start), np.linalg.norm(end + start))
    across = end - (end @ start.T) * start
    if np.linalg.norm(across) < 1e-12:  # the same or opposite: no direction, or any
        if start.size == 1 and angle > 0:
            raise ValueError(
                "x0 and x1 have opposite codes on a sphere of one code, which is two points with "
                "no way between. Train with n_components of at least 2, or use space='data'."
            )
        axis = np.eye(start.size)[np.abs(start).argmin()]
        across = axis - (axis @ start.T) * start
    length = np.linalg.norm(across)
    across = across / length if length > 0 else across
    return (np.cos(t * angle) * start + np.sin(t * angle) * across).astype(dtype)


def _drawing_from(density, latent):
    """Return the function ``(codes, n_samples, rng) -> codes`` that a density stands for."""
    if isinstance(density, str):
        draw = resolve_name("density", density, DENSITIES)
        if density == "prior" and not latent.has_prior:
            raise ValueError(
                "density='prior' is for autoencoders with latent='gaussian', whose codes are "
                "drawn towards it in training; this one has others. Use density='gaussian', "
                "which is fitted to the codes."
            )
        return _draw_standard if density == "uniform" and latent.geometry == "sphere" else draw
    for method in ("fit", "sample"):
        if not callable(getattr(density, method, None)):
            raise ValueError(
                f"density={density!r} has no method {method!r}; it must be one of "
                f"{', '.join(map(repr, DENSITIES))}, or an estimator with fit and sample, such as "
                "GaussianMixture(10)."
            )
    return partial(_draw_from_estimator, density)


def _draw_from_estimator(density, codes, n_samples, rng):
    """Draw from a clone of a scikit-learn density that is fitted to the codes."""
    density = clone(density)
    if "random_state" in density.get_params(deep=False):
        density.set_params(random_state=rng)
    density.fit(codes)
    # KernelDensity has its random_state here, GaussianMixture in its parameters.
    takes_it = "random_state" in inspect.signature(density.sample).parameters
    drawn = density.sample(n_samples, **({"random_state": rng} if takes_it else {}))
    drawn = drawn[0] if isinstance(drawn, tuple) else drawn  # mixtures add their labels
    return rng.permutation(np.asarray(drawn))


def _draw_uniform(codes, n_samples, rng):
    return rng.uniform(codes.min(axis=0), codes.max(axis=0), (n_samples, codes.shape[1]))


def _draw_standard(codes, n_samples, rng):
    """Draw from N(0, I): a direction of such a row is evenly distributed on the sphere."""
    return rng.standard_normal((n_samples, codes.shape[1]))


def _draw_noise(codes, n_samples, rng):
    """Draw from the normal distribution around 0 that has the covariance of the codes."""
    # By singular values, so that dead or repeated codes, without an inverse, do no harm.
    _, scales, axes = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
    scales /= np.sqrt(max(1, len(codes) - 1))
    return rng.standard_normal((n_samples, len(scales))) * scales @ axes


def _draw_gaussian(codes, n_samples, rng):
    return codes.mean(axis=0) + _draw_noise(codes, n_samples, rng)


def _draw_kde(codes, n_samples, rng):
    """Draw codes and move each by a draw from the kernel."""
    bandwidth = len(codes) ** (-1 / (codes.shape[1] + 4))
    chosen = codes[rng.randint(len(codes), size=n_samples)]
    return chosen + bandwidth * _draw_noise(codes, n_samples, rng)


#: Densities by name: functions ``(codes, n_samples, rng) -> drawn codes``.
DENSITIES = {
    "uniform": _draw_uniform,
    "gaussian": _draw_gaussian,
    "kde": _draw_kde,
    "prior": _draw_standard,
}
