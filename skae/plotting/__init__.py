"""Displays of fitted autoencoders and of the results of :mod:`skae.inspection`.

They follow the API of scikit-learn's Displays. ``from_estimator`` computes what is to be plotted,
plots it and returns a Display. ``plot`` plots the stored values again, on the Axes passed as
``ax`` or on a new figure. The attributes ``ax_`` and ``figure_`` give access to the plot. No
Display calls ``plt.show`` or changes a style setting.

The estimator may be an autoencoder, a :class:`~sklearn.pipeline.Pipeline` that ends in one, or
another transformer with ``inverse_transform``, such as :class:`~sklearn.decomposition.PCA`.
"""

from skae.plotting.bottleneck_curve import BottleneckCurveDisplay
from skae.plotting.components import ComponentsDisplay
from skae.plotting.decoder_grid import DecoderGridDisplay
from skae.plotting.interpolation import InterpolationDisplay
from skae.plotting.label_efficiency import LabelEfficiencyDisplay
from skae.plotting.latent import LatentDisplay
from skae.plotting.latent_report import LatentReportDisplay
from skae.plotting.loss_curve import LossCurveDisplay
from skae.plotting.pca_comparison import PCAComparisonDisplay
from skae.plotting.reconstruction import ReconstructionDisplay

__all__ = [
    "BottleneckCurveDisplay",
    "ComponentsDisplay",
    "DecoderGridDisplay",
    "InterpolationDisplay",
    "LabelEfficiencyDisplay",
    "LatentDisplay",
    "LatentReportDisplay",
    "LossCurveDisplay",
    "PCAComparisonDisplay",
    "ReconstructionDisplay",
]
