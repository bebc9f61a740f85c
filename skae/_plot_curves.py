"""Displays of curves: the loss by epoch, R² by width, accuracy by number of labels."""

import numpy as np
from matplotlib.ticker import NullFormatter, ScalarFormatter

from skae._plot_base import COLORS, make_axes
from skae.generation import _last_step
from skae.inspection import bottleneck_curve, label_efficiency_curve

MARKERS = "osD^v"


class LossCurveDisplay:
    """Training and validation loss by epoch.

    A training loss is a mean over an epoch, while weights change, and a validation loss is measured
    after it, without dropout or corruption: early on it may well be the lower one. A validation
    loss that rises while the training loss falls tells of overfitting. The best epoch has
    a mark.

    Use :meth:`from_estimator` to create one. For several estimators in one picture, pass the
    ``ax_`` of the first to the next, and a ``name`` to each.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Training loss.
    validation_curve : array-like of shape (n_validated,) or None, default=None
        Loss on held-out rows, of the last ``n_validated`` epochs; NaN where none was measured.
    accuracy_curve : array-like of shape (n_validated,) or None, default=None
        Accuracy on held-out rows, drawn with an axis of its own on the right.
    name : str or None, default=None
        What the legend calls the estimator.
    loss_name : str, default="loss"
        What the axis of the loss is called.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    accuracy_ax_ : matplotlib Axes or None
        The same with the axis on the right, if there is an accuracy.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of Line2D
        Training, then validation or accuracy.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import LossCurveDisplay
    >>> X, _ = load_iris(return_X_y=True)
    >>> ae = AutoencoderTransformer(2, early_stopping=True, random_state=0).fit(X)
    >>> display = LossCurveDisplay.from_estimator(ae)
    >>> [line.get_label() for line in display.lines_]
    ['training', 'held-out rows']
    """

    def __init__(
        self,
        loss_curve,
        validation_curve=None,
        *,
        accuracy_curve=None,
        name=None,
        loss_name="loss",
    ):
        self.loss_curve = loss_curve
        self.validation_curve = validation_curve
        self.accuracy_curve = accuracy_curve
        self.name = name
        self.loss_name = loss_name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, **plot_kw):
        """Draw the loss curves of a fitted estimator.

        Parameters
        ----------
        estimator : AutoencoderTransformer, PretrainedEncoderClassifier or Pipeline
            Fitted; a pipeline that ends in one. Others with a ``loss_curve_`` will do, such as
            :class:`~sklearn.neural_network.MLPClassifier`.
        name : str or None, default=None
            What the legend calls the estimator.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Passed to :meth:`plot`.

        Returns
        -------
        LossCurveDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the estimator has no ``loss_curve_``.
        """
        last = _last_step(estimator)
        if not hasattr(last, "loss_curve_"):
            raise ValueError(
                f"{type(last).__name__} has no loss_curve_: fit it first, or pass an "
                "AutoencoderTransformer, a PretrainedEncoderClassifier or a pipeline that ends in "
                "one."
            )
        of_rows = getattr(last, "validation_curve_", None)
        is_accuracy = getattr(last, "early_stopping", None) == "accuracy"
        loss = getattr(last, "loss", "cross-entropy")
        return cls(
            last.loss_curve_,
            None if is_accuracy else of_rows,
            accuracy_curve=of_rows if is_accuracy else None,
            name=name,
            loss_name=f"loss ({loss})" if isinstance(loss, str) else "loss",
        ).plot(ax, **plot_kw)

    def plot(self, ax=None, *, log_scale=True, **line_kw):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        log_scale : bool, default=True
            Whether the loss is on a logarithmic scale, which shows late progress too. Curves that
            are not positive everywhere are drawn on a linear one.
        **line_kw : dict
            Passed to ``Axes.plot``, such as ``color``.

        Returns
        -------
        LossCurveDisplay
            Itself.
        """
        ax = make_axes(ax, (5.6, 4))
        self.ax_, self.figure_, self.accuracy_ax_ = ax, ax.figure, None
        prefix = "" if self.name is None else f"{self.name}, "
        epochs = 1 + np.arange(len(self.loss_curve))
        dot = {"marker": "o"} if len(epochs) == 1 else {}  # no line is seen of a single epoch
        line_kw = {**dot, **line_kw}
        (line,) = ax.plot(epochs, self.loss_curve, label=f"{prefix}training", **line_kw)
        self.lines_ = [line]
        held_out = {"label": f"{prefix}held-out rows", **line_kw, "ls": "--"}
        held_out.setdefault("color", line.get_color())
        positive = np.min(self.loss_curve) > 0
        if self.validation_curve is not None:
            positive &= np.nanmin(self.validation_curve) > 0
            self._draw_held_out(ax, self.validation_curve, np.nanargmin, held_out)
        if log_scale and positive:
            ax.set_yscale("log")
        ax.set(xlabel="epoch", ylabel=self.loss_name)
        if self.accuracy_curve is None:
            ax.legend()
            return self
        held_out["label"] += " (accuracy)"
        self.accuracy_ax_ = right = _right_axis(ax, "accuracy")
        self._draw_held_out(right, self.accuracy_curve, np.nanargmax, held_out)
        ax.plot([], [], **held_out)  # for the legend, which is above since both axes have curves
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
        return self

    def _draw_held_out(self, ax, curve, best, line_kw):
        """Draw a curve of the last epochs, with a mark at the best one."""
        epochs = len(self.loss_curve) - len(curve) + 1 + np.arange(len(curve))
        self.lines_ += ax.plot(epochs, curve, marker="o", markevery=[best(curve)], **line_kw)


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
        self.lines_, self.bands_ = _draw_with_bands(
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
        self.lines_, self.bands_ = _draw_with_bands(
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


def _right_axis(ax, name):
    """Return Axes in the same place with an axis of that name on the right; make them if needed."""
    for other in ax.get_shared_x_axes().get_siblings(ax):
        if other is not ax and other.get_ylabel() == name:
            return other
    current = ax.figure.gca()
    right = ax.twinx()
    ax.figure.sca(current)  # twinx has made the new one the current one
    right.set_ylabel(name)
    return right


def _draw_with_bands(ax, x, names, means, intervals):
    """Draw curves over a logarithmic axis whose ticks are x, with bands where they are known."""
    lines, bands = [], []
    for name, mean, interval, color, marker in zip(names, means, intervals, COLORS, MARKERS):
        lines += ax.plot(x, mean, marker=marker, color=color, label=name)
        if not np.isnan(interval).all():
            bands.append(ax.fill_between(x, *interval.T, color=color, alpha=0.25, linewidth=0))
    ax.set_xscale("log")
    ax.set_xticks(x)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    return lines, bands
