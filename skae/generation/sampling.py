"""Sampling: new samples decoded from a density of latent codes."""

import inspect
from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skae._latent_geometry import is_spherical, latent_kind, normalize
from skae._names import resolve_name
from skae._pipeline import last_step
from skae.generation.checks import check_count
from skae.modules import LATENTS


def sample(ae, X, n_samples=1, *, density="kde", random_state=None):
    """Draw latent codes from a density fitted to the latent codes of X, and decode them.

    A decoder is trained on the latent codes of the training data only: codes outside this
    distribution decode poorly. The quality of the samples therefore depends on how well the density
    fits the codes. "uniform" also draws codes from empty regions, the more so the more components
    there are; "gaussian" covers the gaps between clusters; "kde" and a mixture of many Gaussians
    follow the distribution of the codes more closely (Ghosh et al., 2020).

    Parameters
    ----------
    ae : estimator
        A fitted transformer with ``inverse_transform``, such as
        :class:`~skae.AutoencoderTransformer` or a Pipeline that ends in one.
    X : array-like of shape (n_samples_X, n_features) or None
        Samples to whose latent codes the density is fitted, such as the training data. May be
        None with ``density="prior"``.
    n_samples : int, default=1
        Number of samples to draw, at least 1.
    density : {"uniform", "gaussian", "kde", "prior"} or estimator, default="kde"
        Distribution that the latent codes are drawn from:

        - "uniform": uniform between the minimum and the maximum of each code; with
          ``latent="sphere"``, uniform on the whole sphere.
        - "gaussian": a normal distribution with the mean and the covariance of the codes.
        - "kde": a Gaussian kernel density estimate. A randomly chosen code of X is perturbed by
          normal noise with the covariance of the codes times the squared bandwidth
          ``n_samples_X ** (-1 / (n_components + 4))`` (Scott, 1992). The bandwidth grows with the
          number of components: with 10,000 samples it is 0.2 standard deviations for 2 components
          and 0.8 for 32, where a mixture is the better choice.
        - "prior": the standard normal distribution, which is the prior of ``latent="gaussian"``;
          for autoencoders of this kind only.
        - an estimator with ``fit`` and ``sample``, such as
          :class:`~sklearn.mixture.GaussianMixture` or
          :class:`~sklearn.neighbors.KernelDensity`: a clone of it is fitted. If it has a parameter
          ``random_state``, it is set to the one given here. The order of its samples is
          shuffled, since a mixture returns them sorted by component.

        With ``latent="sphere"``, the codes drawn are divided by their norm.
    random_state : int, RandomState instance or None, default=None
        Determines the random numbers. Pass an int for reproducible results. None gives other
        samples on each call and does not use NumPy's global generator.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        The new samples, in the dtype of the latent codes of X: float32 for float32, else float64.

    Raises
    ------
    ValueError
        If ``density`` is unknown, is "prior" for an autoencoder without a prior, or has no ``fit``
        or ``sample``; if ``n_samples`` is less than 1; or if X is None and ``density`` needs it.

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
    check_count("n_samples", n_samples, 1, "it is the number of rows to draw")
    # check_random_state(None) would return NumPy's global generator.
    rng = np.random.RandomState() if random_state is None else check_random_state(random_state)
    check_is_fitted(ae)
    draw = _resolve_density(density, ae)
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
    if is_spherical(ae):
        drawn = normalize(drawn)
    return np.asarray(ae.inverse_transform(drawn.astype(codes.dtype)))


def _resolve_density(density, ae):
    """Return the function ``(codes, n_samples, rng) -> drawn codes`` of a density."""
    if isinstance(density, str):
        draw = resolve_name("density", density, DENSITIES)
        if density == "prior" and not LATENTS[latent_kind(ae)].has_prior:
            raise ValueError(
                "density='prior' is for autoencoders with latent='gaussian', whose codes are "
                f"regularised towards it in training; this one is {latent_kind(ae)!r}. Use "
                "density='gaussian', which is fitted to the codes."
            )
        return _draw_standard_normal if density == "uniform" and is_spherical(ae) else draw
    for method in ("fit", "sample"):
        if not callable(getattr(density, method, None)):
            raise ValueError(
                f"density={density!r} has no method {method!r}; it must be one of "
                f"{', '.join(map(repr, DENSITIES))}, or an estimator with fit and sample, such as "
                "GaussianMixture(10)."
            )
    return partial(_draw_from_estimator, density)


def _draw_from_estimator(density, codes, n_samples, rng):
    """Draw from a clone of a density estimator that is fitted to the codes."""
    density = clone(density)
    if "random_state" in density.get_params(deep=False):
        density.set_params(random_state=rng)
    density.fit(codes)
    # KernelDensity takes random_state in sample, GaussianMixture in __init__.
    takes_random_state = "random_state" in inspect.signature(density.sample).parameters
    drawn = density.sample(n_samples, **({"random_state": rng} if takes_random_state else {}))
    drawn = drawn[0] if isinstance(drawn, tuple) else drawn  # mixtures also return component labels
    return rng.permutation(np.asarray(drawn))


def _draw_uniform(codes, n_samples, rng):
    return rng.uniform(codes.min(axis=0), codes.max(axis=0), (n_samples, codes.shape[1]))


def _draw_standard_normal(codes, n_samples, rng):
    """Draw from N(0, I); normalized, these draws are uniform on the sphere."""
    return rng.standard_normal((n_samples, codes.shape[1]))


def _draw_centered_normal(codes, n_samples, rng):
    """Draw from the normal distribution with mean 0 and the covariance of the codes."""
    # The singular value decomposition also handles a singular covariance matrix.
    _, scales, axes = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
    scales /= np.sqrt(max(1, len(codes) - 1))
    return rng.standard_normal((n_samples, len(scales))) * scales @ axes


def _draw_gaussian(codes, n_samples, rng):
    return codes.mean(axis=0) + _draw_centered_normal(codes, n_samples, rng)


def _draw_kde(codes, n_samples, rng):
    """Draw from a Gaussian kernel density estimate with Scott's bandwidth."""
    bandwidth = len(codes) ** (-1 / (codes.shape[1] + 4))
    chosen = codes[rng.randint(len(codes), size=n_samples)]
    return chosen + bandwidth * _draw_centered_normal(codes, n_samples, rng)


#: Densities by name: functions ``(codes, n_samples, rng) -> drawn codes``.
DENSITIES = {
    "uniform": _draw_uniform,
    "gaussian": _draw_gaussian,
    "kde": _draw_kde,
    "prior": _draw_standard_normal,
}
