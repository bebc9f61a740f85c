"""The kind of latent codes that a fitted estimator has, and codes on the unit sphere."""

import numpy as np

from skae._pipeline import last_step
from skae.modules import LATENTS


def latent_kind(estimator):
    """Return the kind of latent codes, such as "sphere", that an estimator was fitted with.

    It is read from the fitted network: the parameter ``latent`` may have changed since ``fit``.
    Estimators without such a network, such as PCA, have "euclidean" codes.
    """
    return getattr(getattr(last_step(estimator), "module_", None), "latent", "euclidean")


def is_spherical(estimator):
    """Return whether the latent codes of a fitted estimator lie on the unit sphere."""
    return LATENTS[latent_kind(estimator)].geometry == "sphere"


def normalize(codes):
    """Return latent codes divided by their Euclidean norm, so that they lie on the unit sphere."""
    return codes / np.linalg.norm(codes, axis=1, keepdims=True)
