"""Display of a comparison with PCA."""

import numpy as np

from skae.inspection import compare_with_pca
from skae.plotting.base import COLORS, make_axes

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
