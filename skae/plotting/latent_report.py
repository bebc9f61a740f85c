"""Display of what each latent code contributes."""

import numpy as np

from skae.inspection import latent_report
from skae.plotting.base import COLORS, make_axes


class LatentReportDisplay:
    """What each code is worth: the share of R² that is lost when it is fixed at its mean.

    Dead codes, the same for all rows, and saturated ones, piled up at the ends of their range, have
    marks and patterns of their own. Shares need not sum to 1, since codes share what they
    know.

    Use :meth:`from_estimator`, or the result of :func:`skae.inspection.latent_report`.

    Parameters
    ----------
    report : LatentReport
        What :func:`skae.inspection.latent_report` returns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
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
        """Report what each code does and draw it.

        Parameters
        ----------
        ae : AutoencoderTransformer or Pipeline that ends in one
            Fitted.
        X : array-like of shape (n_samples, n_features)
            Rows to look at, at least 2.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LatentReportDisplay
            Drawn.
        """
        return cls(latent_report(ae, X)).plot(ax)

    def plot(self, ax=None):
        """Draw the report.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LatentReportDisplay
            Itself.
        """
        report, ax = self.report, make_axes(ax, (5.6, 4))
        self.ax_, self.figure_ = ax, ax.figure
        codes = np.arange(len(report.mean))
        self.bars_ = ax.bar(codes, report.r2_lost, color=COLORS[0])
        for code in np.flatnonzero(report.saturated):
            self.bars_[code].set(facecolor=COLORS[1], hatch="//", label="saturated")
        dead = np.flatnonzero(report.dead)
        (marks,) = ax.plot(dead, np.zeros(len(dead)), "X", ms=9, color=COLORS[2], clip_on=False)
        marks.set_label("dead")
        ax.set(
            xlabel="code",
            ylabel="share of R² lost without it",
            title=f"R² {report.r2:.3f}, {report.n_active} of {len(codes)} codes active,\n"
            f"effective rank {report.effective_rank:.1f}",
        )
        ax.xaxis.get_major_locator().set_params(integer=True)
        handles = [self.bars_[code] for code in np.flatnonzero(report.saturated)[:1]]
        handles += [marks] * bool(len(dead))
        if handles:
            ax.legend(handles=handles)
        return self
