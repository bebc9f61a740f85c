"""Evaluation of autoencoders: comparison with PCA, latent codes, reconstruction errors.

Each function takes an :class:`~skae.AutoencoderTransformer` or a
:class:`~sklearn.pipeline.Pipeline` that ends in one. The results are plain objects: the values are
attributes, ``print`` and notebooks show a table, and ``as_frame()`` returns it as a data frame.

In a pipeline, R² and latent codes refer to the input of the autoencoder, that is, to the output of
the steps before it, and PCA is fitted on the same input: after a
:class:`~sklearn.preprocessing.StandardScaler`, both work on standardized features.
"""

from skae.inspection.bottleneck import bottleneck_curve
from skae.inspection.label_efficiency import label_efficiency_curve
from skae.inspection.latent_codes import latent_report
from skae.inspection.pca_comparison import compare_with_pca
from skae.inspection.posterior_codes import posterior
from skae.inspection.reconstruction import reconstruction_error

__all__ = [
    "bottleneck_curve",
    "compare_with_pca",
    "label_efficiency_curve",
    "latent_report",
    "posterior",
    "reconstruction_error",
]
