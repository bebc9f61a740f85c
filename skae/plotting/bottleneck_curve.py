"""BottleneckCurveDisplay: held-out R² by the number of latent codes."""

import numpy as np

from skae.inspection import bottleneck_curve
from skae.plotting.base import draw_curves_with_bands, make_axes


class BottleneckCurveDisplay:
    """Held-out R² of an autoencoder and of PCA by the number of latent codes.

    The bands are one standard error over the folds on each side of the mean. A circle marks the
    smallest width within one standard error of the best.

    Use :meth:`from_estimator` to create a Display, or pass the result of
    :func:`skae.inspection.bottleneck_curve`.

    Parameters
    ----------
    curve : BottleneckCurve
        Result of :func:`skae.inspection.bottleneck_curve`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The Axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    lines_ : list of Line2D
        Means of the autoencoder and of PCA.
    bands_ : list of PolyCollection
        Their standard errors.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import scale
    >>> from skae import AutoencoderTransformer
    >>> from skae.architectures import Linear
    >>> from skae.plotting import BottleneckCurveDisplay
    >>> ae = AutoencoderTransformer(architecture=Linear(), optimizer="lbfgs", random_state=0)
    >>> X = scale(load_wine().data)
    >>> display = BottleneckCurveDisplay.from_estimator(ae, X, [1, 2, 4], cv=2)
    >>> display.curve.widths
    array([1, 2, 4])
    """

    def __init__(self, curve):
        self.curve = curve

    @classmethod
    def from_estimator(cls, estimator, X, widths, *, cv=5, n_jobs=None, ax=None):
        """Compute the curve and plot it.

        Parameters
        ----------
        estimator : AutoencoderTransformer or Pipeline that ends in one
            Clones of it are fitted.
        X : array-like of shape (n_samples, n_features)
            Training data.
        widths : sequence of int
            Numbers of codes to evaluate.
        cv : int, splitter or iterable, default=5
            Cross-validation, as in :func:`~skae.inspection.bottleneck_curve`.
        n_jobs : int or None, default=None
            Number of fits to run in parallel.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        BottleneckCurveDisplay
            The plotted Display.
        """
        return cls(bottleneck_curve(estimator, X, widths, cv=cv, n_jobs=n_jobs)).plot(ax)

    def plot(self, ax=None):
        """Plot the curve.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        BottleneckCurveDisplay
            The Display itself.
        """
        curve, ax = self.curve, make_axes(ax, (5.6, 4))
        self.ax_, self.figure_ = ax, ax.figure
        intervals = [
            np.stack([mean - error, mean + error], axis=-1)
            for mean, error in (
                (curve.mean, curve.standard_error),
                (curve.pca_mean, curve.pca_standard_error),
            )
        ]
        self.lines_, self.bands_ = draw_curves_with_bands(
            ax, curve.widths, ["autoencoder", "PCA"], [curve.mean, curve.pca_mean], intervals
        )
        chosen = curve.widths == curve.one_se_width
        ax.plot(
            curve.widths[chosen],
            curve.mean[chosen],
            "o",
            markersize=13,
            markerfacecolor="none",
            color="black",
            label=f"{curve.one_se_width} codes, by one standard error",
        )
        ax.set(xlabel="number of codes", ylabel="R² on held-out rows")
        ax.legend()
        return self
