"""Pictures of estimators: Displays as in scikit-learn.

Each class holds plain data and draws them: ``from_estimator`` computes and draws, ``plot`` draws
again, on the ``ax`` that is given or in a new figure, and ``ax_`` and ``figure_`` are there to be
changed or saved. Nothing is shown, no style is set. Estimators are used by their
public methods alone: pipelines that end in one and PCA do as well.
"""

from skae._plot_curves import BottleneckCurveDisplay, LabelEfficiencyDisplay, LossCurveDisplay
from skae._plot_grid import DecoderGridDisplay
from skae._plot_latent import LatentDisplay
from skae._plot_pictures import ComponentsDisplay, InterpolationDisplay, ReconstructionDisplay
from skae._plot_reports import LatentReportDisplay, PCAComparisonDisplay

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
