"""LatentReportDisplay: what each latent code contributes."""

import numpy as np

from skae.inspection import latent_report
from skae.plotting.base import COLORS, make_axes


class LatentReportDisplay:
    """Decrease of R² when a latent code is fixed at its mean, as a fraction of R², for each code.

    Dead codes (constant over all samples) are marked with a cross, collapsed codes (variational
    codes without information) with a triangle. Saturated codes (mostly at the minimum or maximum of
    their range) are hatched. The fractions need not sum to 1, since codes may
    be redundant or interact.

    Use :meth:`from_estimator` to create a Display, or pass the result of
    :func:`skae.inspection.latent_report`.

    Parameters
    ----------
    report : LatentReport
        Result of :func:`skae.inspection.latent_report`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The Axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    bars_ : BarContainer
        One bar for each code.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import LatentReportDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(2, random_state=0).fit(X)
    >>> len(LatentReportDisplay.from_estimator(ae, X).bars_)
    2
    """

    def __init__(self, report):
        self.report = report

    @classmethod
    def from_estimator(cls, ae, X, *, ax=None):
        """Compute the report on the latent codes and plot it.

        Parameters
        ----------
        ae : AutoencoderTransformer or Pipeline that ends in one
            Fitted.
        X : array-like of shape (n_samples, n_features)
            Samples to evaluate, at least 2.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        LatentReportDisplay
            The plotted Display.
        """
        return cls(latent_report(ae, X)).plot(ax)

    def plot(self, ax=None):
        """Plot the report.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        LatentReportDisplay
            The Display itself.
        """
        report, ax = self.report, make_axes(ax, (5.6, 4))
        self.ax_, self.figure_ = ax, ax.figure
        codes = np.arange(len(report.mean))
        self.bars_ = ax.bar(codes, report.r2_lost, color=COLORS[0])
        for code in np.flatnonzero(report.saturated):
            self.bars_[code].set(facecolor=COLORS[1], hatch="//", label="saturated")
        dead = np.flatnonzero(report.dead)
        (markers,) = ax.plot(dead, np.zeros(len(dead)), "X", ms=9, color=COLORS[2], clip_on=False)
        markers.set_label("dead")
        collapsed = np.flatnonzero(report.collapsed & ~report.dead)
        heights = np.zeros(len(collapsed))
        (triangles,) = ax.plot(collapsed, heights, "v", ms=9, color=COLORS[2], clip_on=False)
        triangles.set_label("collapsed")
        ax.set(
            xlabel="code",
            ylabel="share of R² lost without it",
            title=f"R² {report.r2:.3f}, {report.n_active} of {len(codes)} codes active,\n"
            f"effective rank {report.effective_rank:.1f}",
        )
        ax.xaxis.get_major_locator().set_params(integer=True)
        handles = [self.bars_[code] for code in np.flatnonzero(report.saturated)[:1]]
        handles += [markers] * bool(len(dead)) + [triangles] * bool(len(collapsed))
        if handles:
            ax.legend(handles=handles)
        return self
