"""Display of held-out R² by number of latent codes."""

import numpy as np

from skae.inspection import bottleneck_curve
from skae.plotting.base import draw_with_bands, make_axes


class BottleneckCurveDisplay:
    """Held-out R² by number of codes, beside PCA's.

    Bands are one standard error over the folds to each side. A ring marks the smallest width
    within one standard error of the best.

    Use :meth:`from_estimator`, or the result of :func:`skae.inspection.bottleneck_curve`.

    Parameters
    ----------
    curve : BottleneckCurve
        What :func:`skae.inspection.bottleneck_curve` returns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of Line2D
        The autoencoder's means and PCA's.
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
        """Compute the curve and draw it.

        Parameters
        ----------
        estimator : AutoencoderTransformer or Pipeline that ends in one
            Clones of it are fitted.
        X : array-like of shape (n_samples, n_features)
            Rows.
        widths : sequence of int
            Numbers of codes to try.
        cv : int, splitter or iterable, default=5
            As in :func:`~skae.inspection.bottleneck_curve`.
        n_jobs : int or None, default=None
            Fits to run at the same time.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        BottleneckCurveDisplay
            Drawn.
        """
        return cls(bottleneck_curve(estimator, X, widths, cv=cv, n_jobs=n_jobs)).plot(ax)

    def plot(self, ax=None):
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        BottleneckCurveDisplay
            Itself.
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
        self.lines_, self.bands_ = draw_with_bands(
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
