"""Spherical coordinates of latent codes on the unit sphere."""

import numpy as np

from skae.generation.checks import check_columns


def to_spherical(codes):
    """Convert latent codes on the unit sphere to spherical coordinates.

    Use it to plot the three latent codes of ``latent="sphere"`` in a plane. The convention is that
    of physics (ISO 80000-2): ``codes = (sin(theta) * cos(phi), sin(theta) * sin(phi),
    cos(theta))``.

    Parameters
    ----------
    codes : array-like of shape (n_samples, 3)
        Latent codes; each row must have norm 1.

    Returns
    -------
    ndarray of shape (n_samples, 2)
        First column: the polar angle theta in [0, pi], 0 at (0, 0, 1) and pi at (0, 0, -1). Second
        column: the azimuth phi in (-pi, pi], 0 at (1, 0, 0), pi / 2 at (0, 1, 0) and, by
        convention, 0 at the two poles. float32 if ``codes`` is float32, else float64.

    Raises
    ------
    ValueError
        If ``codes`` does not have three columns or the norm of a row is not 1.

    See Also
    --------
    from_spherical : The inverse conversion.

    Examples
    --------
    >>> from skae.generation import to_spherical
    >>> to_spherical([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])
    array([[0.        , 0.        ],
           [1.57079633, 3.14159265]])
    """
    codes = check_columns("codes", codes, 3, "x, y and z of points on a sphere")
    norms = np.linalg.norm(codes, axis=1)
    if np.abs(norms - 1).max() > 1e-4:  # well above the rounding errors of float32
        raise ValueError(
            f"codes must have norm 1, got norms from {norms.min():.6g} to {norms.max():.6g}. Use "
            "an autoencoder with latent='sphere', or divide each row by its norm."
        )
    # Adding 0.0 turns -0.0 into 0.0: arctan2 would return an azimuth of pi at the poles.
    x, y, z = (codes + 0.0).T
    theta = np.arctan2(np.hypot(x, y), z)  # unlike arccos(z), precise at the poles
    phi = np.arctan2(y, x)
    phi[phi == -np.pi] = np.pi  # values just above -pi are rounded to it
    return np.column_stack([theta, phi])


def from_spherical(angles):
    """Convert spherical coordinates to latent codes on the unit sphere.

    Parameters
    ----------
    angles : array-like of shape (n_samples, 2)
        The polar angle theta and the azimuth phi in radians, as returned by :func:`to_spherical`.
        Any finite values are allowed: the conversion is periodic in both angles.

    Returns
    -------
    ndarray of shape (n_samples, 3)
        Latent codes of norm 1; float32 if ``angles`` is float32, else float64.

    Raises
    ------
    ValueError
        If ``angles`` does not have two columns.

    See Also
    --------
    to_spherical : The inverse conversion.

    Examples
    --------
    >>> import numpy as np
    >>> from skae.generation import from_spherical
    >>> from_spherical([[np.pi / 2, np.pi / 2]]).round(3)
    array([[0., 1., 0.]])
    """
    theta, phi = check_columns("angles", angles, 2, "theta and phi").T
    sin_theta = np.sin(theta)
    return np.column_stack([sin_theta * np.cos(phi), sin_theta * np.sin(phi), np.cos(theta)])
