"""Comparisons and reports: what an autoencoder gains over PCA, and what its latent codes do.

Each function takes an :class:`~skae.AutoencoderTransformer`, or a
:class:`~sklearn.pipeline.Pipeline` that ends in one, and uses its public methods only. Results are
plain objects: numbers are attributes, ``print`` and notebooks show a table, and ``as_frame()``
returns it as a data frame.

In a pipeline, R² and latent codes refer to the samples as the autoencoder receives them, after the
steps before it, and PCA is given the same samples: after a
:class:`~sklearn.preprocessing.StandardScaler`, both work on standardized columns.
"""

from skae.inspection.bottleneck_curve import bottleneck_curve
from skae.inspection.label_efficiency import label_efficiency_curve
from skae.inspection.latent_report import latent_report
from skae.inspection.pca_comparison import compare_with_pca
from skae.inspection.reconstruction_error import reconstruction_error

__all__ = [
    "bottleneck_curve",
    "compare_with_pca",
    "label_efficiency_curve",
    "latent_report",
    "reconstruction_error",
]
