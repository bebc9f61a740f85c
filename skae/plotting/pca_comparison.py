"""PCAComparisonDisplay: an autoencoder compared with PCA."""

import numpy as np

from skae.inspection import compare_with_pca
from skae.plotting.base import COLORS, make_axes

#: Tick labels of the measures. Those that are unknown are not plotted.
MEASURE_LABELS = {
    "r2": "R²",
    "r2_test": "R²,\ntest rows",
    "trustworthiness": "trust-\nworthiness",
    "accuracy": "accuracy,\nnearest\nneighbour",
}


class PCAComparisonDisplay:
    """R², trustworthiness and accuracy of an autoencoder and of PCA, as a bar chart.

    Both have the same number of latent codes. The maximum of all measures is 1.

    Use :meth:`from_estimator` to create a Display, or pass the result of
    :func:`skae.inspection.compare_with_pca`.

    Parameters
    ----------
    comparison : PCAComparison
        Result of :func:`skae.inspection.compare_with_pca`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The Axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    bars_ : list of BarContainer
        The bars of the autoencoder and those of PCA.

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
        """Compare an autoencoder with PCA and plot the result.

        Parameters
        ----------
        ae : AutoencoderTransformer or Pipeline that ends in one
            Fitted on X, or not fitted: then a clone is fitted.
        X : array-like of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or None, default=None
            Class labels, for the accuracy of a nearest-neighbour classifier.
        X_test : array-like of shape (n_test_samples, n_features) or None, default=None
            Held-out samples.
        y_test : array-like of shape (n_test_samples,) or None, default=None
            Class labels of the held-out samples.
        random_state : int, RandomState instance or None, default=None
            As in :func:`~skae.inspection.compare_with_pca`.
        n_jobs : int or None, default=None
            Number of parallel jobs of the neighbours search.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        PCAComparisonDisplay
            The plotted Display.
        """
        comparison = compare_with_pca(
            ae, X, y, X_test, y_test, random_state=random_state, n_jobs=n_jobs
        )
        return cls(comparison).plot(ax)

    def plot(self, ax=None):
        """Plot the comparison.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        PCAComparisonDisplay
            The Display itself.
        """
        ax = make_axes(ax, (5.6, 4))
        self.ax_, self.figure_, self.bars_ = ax, ax.figure, []
        pair = {"autoencoder": self.comparison.autoencoder, "PCA": self.comparison.pca}
        known = [
            name
            for name in MEASURE_LABELS
            if not all(np.isnan(each[name]) for each in pair.values())
        ]
        positions = np.arange(len(known))
        for i, (label, measured) in enumerate(pair.items()):
            values = [measured[name] for name in known]
            bars = ax.bar(positions + 0.4 * i - 0.2, values, 0.38, color=COLORS[i], label=label)
            ax.bar_label(bars, fmt="%.3f", padding=2, fontsize="small")
            self.bars_.append(bars)
        ax.set_xticks(positions, [MEASURE_LABELS[name] for name in known])
        ax.axhline(0, color="black", linewidth=0.8)
        ax.set(title=f"{self.comparison.n_components} codes", ylim=(min(0, ax.get_ylim()[0]), 1.1))
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, frameon=False)
        return self
