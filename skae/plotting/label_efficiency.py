"""LabelEfficiencyDisplay: accuracy by the number of labelled samples."""

from skae.inspection import label_efficiency_curve
from skae.plotting.base import draw_curves_with_bands, make_axes


class LabelEfficiencyDisplay:
    """Accuracy by the number of labelled samples, for each strategy of a classifier.

    The bands are 95% confidence intervals of the mean over draws of the labelled samples. All
    strategies are evaluated on the same draws, so that a difference between two of them may be
    significant although their bands overlap.

    Use :meth:`from_estimator` to create a Display, or pass the result of
    :func:`skae.inspection.label_efficiency_curve`.

    Parameters
    ----------
    curve : LabelEfficiencyCurve
        Result of :func:`skae.inspection.label_efficiency_curve`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The Axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    lines_ : list of Line2D
        Mean accuracy of each strategy.
    bands_ : list of PolyCollection
        Their confidence intervals; empty for a single draw.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> from skae import AutoencoderTransformer, PretrainedEncoderClassifier
    >>> from skae.plotting import LabelEfficiencyDisplay
    >>> X, X_test, y, y_test = train_test_split(*load_iris(return_X_y=True), random_state=0)
    >>> short = {"max_epochs": 5, "tol": None}
    >>> clf = PretrainedEncoderClassifier(AutoencoderTransformer(2, **short), **short)
    >>> display = LabelEfficiencyDisplay.from_estimator(
    ...     clf, X, y, X_test, y_test, (6, 30), n_draws=2, random_state=0
    ... )
    >>> [line.get_label() for line in display.lines_]
    ['scratch', 'frozen', 'finetune']
    """

    def __init__(self, curve):
        self.curve = curve

    @classmethod
    def from_estimator(
        cls,
        classifier,
        X,
        y,
        X_test,
        y_test,
        n_labels=(10, 30, 100, 300, 1000),
        n_draws=10,
        *,
        strategies=("scratch", "frozen", "finetune"),
        n_jobs=None,
        random_state=None,
        ax=None,
    ):
        """Compute the curve and plot it.

        Parameters
        ----------
        classifier : PretrainedEncoderClassifier
            Clones of it are fitted.
        X : array-like of shape (n_samples, n_features)
            Training data, from which the labelled samples are drawn.
        y : array-like of shape (n_samples,)
            Class labels of X.
        X_test : array-like of shape (n_test_samples, n_features)
            Samples on which the accuracy is measured.
        y_test : array-like of shape (n_test_samples,)
            Class labels of the test samples.
        n_labels : sequence of int, default=(10, 30, 100, 300, 1000)
            Numbers of labelled samples.
        n_draws : int, default=10
            Number of times that labelled samples are drawn.
        strategies : sequence of str, default=("scratch", "frozen", "finetune")
            Strategies to compare.
        n_jobs : int or None, default=None
            Number of fits to run in parallel.
        random_state : int, RandomState instance or None, default=None
            Determines the labelled samples and seeds the classifiers.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        LabelEfficiencyDisplay
            The plotted Display.
        """
        curve = label_efficiency_curve(
            classifier,
            X,
            y,
            X_test,
            y_test,
            n_labels,
            n_draws,
            strategies=strategies,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        return cls(curve).plot(ax)

    def plot(self, ax=None):
        """Plot the curve.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.

        Returns
        -------
        LabelEfficiencyDisplay
            The Display itself.
        """
        curve, ax = self.curve, make_axes(ax, (5.6, 4))
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_, self.bands_ = draw_curves_with_bands(
            ax, curve.n_labels, curve.strategies, curve.mean, curve.interval
        )
        low, high = ax.get_ylim()  # an interval of few draws may exceed [0, 1]
        ax.set(
            xlabel="number of labels",
            ylabel="accuracy on test rows",
            ylim=(max(low, 0), min(high, 1.02)),
        )
        ax.legend()
        return self
