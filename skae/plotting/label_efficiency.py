"""Display of accuracy by number of labels."""

from skae.inspection import label_efficiency_curve
from skae.plotting.base import draw_with_bands, make_axes


class LabelEfficiencyDisplay:
    """Accuracy by number of labels, for each strategy of a classifier.

    Bands are 95% intervals of the mean over draws of the labels. All strategies were given
    the same draws, so that a difference may be sure even where bands overlap.

    Use :meth:`from_estimator`, or the result of :func:`skae.inspection.label_efficiency_curve`.

    Parameters
    ----------
    curve : LabelEfficiencyCurve
        What :func:`skae.inspection.label_efficiency_curve` returns.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of Line2D
        Means, for each strategy.
    bands_ : list of PolyCollection
        Their intervals; without any for a single draw.

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
        """Compute the curve and draw it.

        Parameters
        ----------
        classifier : PretrainedEncoderClassifier
            Clones of it are fitted.
        X : array-like of shape (n_samples, n_features)
            Training rows, out of which the labelled ones are drawn.
        y : array-like of shape (n_samples,)
            Their labels.
        X_test : array-like of shape (n_test_samples, n_features)
            Rows to measure accuracy on.
        y_test : array-like of shape (n_test_samples,)
            Their labels.
        n_labels : sequence of int, default=(10, 30, 100, 300, 1000)
            Numbers of labelled rows.
        n_draws : int, default=10
            How often labelled rows are drawn.
        strategies : sequence of str, default=("scratch", "frozen", "finetune")
            Strategies to compare.
        n_jobs : int or None, default=None
            Processes that fit at the same time.
        random_state : int, RandomState instance or None, default=None
            Draws labelled rows and seeds the classifiers.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LabelEfficiencyDisplay
            Drawn.
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
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        LabelEfficiencyDisplay
            Itself.
        """
        curve, ax = self.curve, make_axes(ax, (5.6, 4))
        self.ax_, self.figure_ = ax, ax.figure
        self.lines_, self.bands_ = draw_with_bands(
            ax, curve.n_labels, curve.strategies, curve.mean, curve.interval
        )
        low, high = ax.get_ylim()  # an interval of few draws may leave what accuracies can be
        ax.set(
            xlabel="number of labels",
            ylabel="accuracy on test rows",
            ylim=(max(low, 0), min(high, 1.02)),
        )
        ax.legend()
        return self
