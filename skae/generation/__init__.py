"""Generation of new samples: interpolation, and sampling from a density of latent codes.

The functions use only the public methods of estimators: they take a fitted
:class:`~skae.AutoencoderTransformer`, a :class:`~sklearn.pipeline.Pipeline` that ends in one, or
another transformer with ``inverse_transform``, such as :class:`~sklearn.decomposition.PCA`.
"""

from skae.generation.interpolation import interpolate
from skae.generation.sampling import sample
from skae.generation.spherical_coordinates import from_spherical, to_spherical

__all__ = ["from_spherical", "interpolate", "sample", "to_spherical"]
