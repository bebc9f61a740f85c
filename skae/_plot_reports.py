"""Displays of reports: an autoencoder beside PCA, and what each code is worth."""

import numpy as np

from skae._plot_base import COLORS, make_axes
from skae.inspection import compare_with_pca, latent_report

#: Measures of a comparison, as the axis names them; what is not known is left out.
MEASURES = {
    "r2": "R²",
    "r2_test": "R²,\ntest rows",
    "trustworthiness": "trust-\nworthiness",
    "accuracy": "accuracy,\nnearest\nneighbour",
}


class PCAComparisonDisplay:
    """An autoencoder beside PCA with as many codes: R², trustworthiness and accuracy as bars.

    All are 1 at best. Each bar has its value above it.

    Use :meth:`from_estimator`, or the result of :func:`skae.inspection.compare_with_pca`.

    Parameters
    ----------
    comparison : PCAComparison
        What :func:`skae.inspection.compare_with_pca` returns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    bars_ : list of BarContainer
        The autoencoder's and PCA's.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import PCAComparisonDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(2, random_state=0)
    >>> display = PCAComparisonDisplay.from_estimator(ae, X, y, random_state=0)
    >>> display.ax_.get_title()
    '2 codes'
    """

    def __init__(self, comparison):
        self.comparison = comparison

    @classmethod
    def from_estimator(
        cls,
        ae,
        X,
        y=None,
        X_test=None,
        y_test=None,
        *,
        random_state=None,
        n_jobs=None,
        ax=None,
    ):
        """Compare an autoencoder with PCA and draw the result.

        Parameters
        ----------
        ae : AutoencoderTransformer or Pipeline that ends in one
            Fitted on X, or not fitted: then a clone is.
        X : array-like of shape (n_samples, n_features)
            The training rows.
        y : array-like of shape (n_samples,) or None, default=None
            Class labels, for the accuracy of the nearest neighbour.
        X_test : array-like of shape (n_test_samples, n_features) or None, default=None
            Held-out rows.
        y_test : array-like of shape (n_test_samples,) or None, default=None
            Their labels.
        random_state : int, RandomState instance or None, default=None
            As in :func:`~skae.inspection.compare_with_pca`.
        n_jobs : int or None, default=None
            Processes for the search of neighbours.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        PCAComparisonDisplay
            Drawn.
        """
        comparison = compare_with_pca(
            ae, X, y, X_test, y_test, random_state=random_state, n_jobs=n_jobs
        )
        return cls(comparison).plot(ax)

    def plot(self, ax=None):
        """Draw the comparison.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        PCAComparisonDisplay
            Itself.
        """
        ax = make_axes(ax, (5.6, 4))
        self.ax_, self.figure_, self.bars_ = ax, ax.figure, []
        pair = {"autoencoder": self.comparison.autoencoder, "PCA": self.comparison.pca}
        known = [
            name for name in MEASURES if not all(np.isnan(each[name]) for each in pair.values())
        ]
        places = np.arange(len(known))
        for i, (label, measured) in enumerate(pair.items()):
            values = [measured[name] for name in known]
            bars = ax.bar(places + 0.4 * i - 0.2, values, 0.38, color=COLORS[i], label=label)
            ax.bar_label(bars, fmt="%.3f", padding=2, fontsize="small")
            self.bars_.append(bars)
        ax.set_xticks(places, [MEASURES[name] for name in known])
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set(title=f"{self.comparison.n_components} codes", ylim=(min(0, ax.get_ylim()[0]), 1.1))
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, frameon=False)
        return self


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
