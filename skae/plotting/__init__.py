"""Displays of estimators, as in scikit-learn.

Each class holds plain data. ``from_estimator`` computes and draws them, ``plot`` draws them again,
on the given ``ax`` or in a new figure, and ``ax_`` and ``figure_`` can be changed or saved. No
figure is shown and no style is set. Estimators are used by their public methods only, so that
pipelines that end in an autoencoder, and PCA, can be drawn, too.
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
