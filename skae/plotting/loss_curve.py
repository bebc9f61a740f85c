"""LossCurveDisplay: training and validation loss by epoch."""

import numpy as np

from skae._pipeline import last_step
from skae.plotting.base import make_axes


class LossCurveDisplay:
    """Training and validation loss by epoch.

    The training loss is averaged over the batches of an epoch, between which the weights change.
    The validation loss is computed after the epoch, without dropout and corruption, so that it may
    be lower in the first epochs. A validation loss that increases while the training loss decreases
    indicates overfitting. The best epoch is marked.

    Use :meth:`from_estimator` to create a Display. To plot several estimators on the same Axes,
    pass ``ax_`` of the first Display as ``ax`` of the next, and a ``name`` for each.

    Parameters
    ----------
    loss_curve : array-like of shape (n_epochs,)
        Training loss of each epoch.
    validation_curve : array-like of shape (n_validated,) or None, default=None
        Loss on the held-out samples in the last ``n_validated`` epochs; NaN for epochs without
        held-out samples.
    accuracy_curve : array-like of shape (n_validated,) or None, default=None
        Accuracy on the held-out samples, plotted on a second y axis on the right.
    name : str or None, default=None
        Name of the estimator in the legend.
    loss_name : str, default="loss"
        Label of the y axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The Axes of the loss.
    accuracy_ax_ : matplotlib Axes or None
        The Axes with the y axis on the right; None if there is no accuracy.
    figure_ : matplotlib Figure
        The figure of the plot.
    lines_ : list of Line2D
        The training loss, then the validation loss or the accuracy.

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
        """Plot the loss curves of a fitted estimator.

        Parameters
        ----------
        estimator : AutoencoderTransformer, PretrainedEncoderClassifier or Pipeline
            Fitted, or a Pipeline that ends in one. Other estimators with a ``loss_curve_`` are
            accepted as well, such as :class:`~sklearn.neural_network.MLPClassifier`.
        name : str or None, default=None
            Name of the estimator in the legend.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.
        **plot_kw : dict
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        LossCurveDisplay
            The plotted Display.

        Raises
        ------
        ValueError
            If the estimator has no ``loss_curve_``.
        """
        last = last_step(estimator)
        if not hasattr(last, "loss_curve_"):
            raise ValueError(
                f"{type(last).__name__} has no loss_curve_: fit it first, or pass an "
                "AutoencoderTransformer, a PretrainedEncoderClassifier or a pipeline that ends in "
                "one."
            )
        validation_curve = getattr(last, "validation_curve_", None)
        is_accuracy = _is_accuracy(last)
        return cls(
            last.loss_curve_,
            None if is_accuracy else validation_curve,
            accuracy_curve=validation_curve if is_accuracy else None,
            name=name,
            loss_name=_describe_loss(last),
        ).plot(ax, **plot_kw)

    def plot(self, ax=None, *, log_scale=True, **line_kw):
        """Plot the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.
        log_scale : bool, default=True
            Whether the loss is plotted on a logarithmic scale, on which small improvements in late
            epochs are visible. If a loss is not positive, the scale is linear.
        **line_kw : dict
            Keyword arguments of ``Axes.plot``, such as ``color``.

        Returns
        -------
        LossCurveDisplay
            The Display itself.
        """
        ax = make_axes(ax, (5.6, 4))
        self.ax_, self.figure_, self.accuracy_ax_ = ax, ax.figure, None
        prefix = "" if self.name is None else f"{self.name}, "
        epochs = 1 + np.arange(len(self.loss_curve))
        dot = {"marker": "o"} if len(epochs) == 1 else {}  # a line through one point is invisible
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
        ax.plot([], [], **held_out)  # for the legend, above the Axes as they are full of curves
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
        return self

    def _draw_held_out(self, ax, curve, best, line_kw):
        """Plot a curve of the last epochs, and mark the best one."""
        epochs = len(self.loss_curve) - len(curve) + 1 + np.arange(len(curve))
        known = ~np.isnan(curve)  # epochs without evaluation would interrupt the line
        epochs, curve = epochs[known], np.asarray(curve)[known]
        self.lines_ += ax.plot(epochs, curve, marker="o", markevery=[best(curve)], **line_kw)


def _right_axis(ax, name):
    """Return the twin Axes with a y axis of this name on the right; create them if needed."""
    for other in ax.get_shared_x_axes().get_siblings(ax):
        if other is not ax and other.get_ylabel() == name:
            return other
    current = ax.figure.gca()
    right = ax.twinx()
    ax.figure.sca(current)  # twinx has changed the current Axes
    right.set_ylabel(name)
    return right


def _is_accuracy(estimator):
    """Return whether ``validation_curve_`` of a fitted estimator holds accuracies.

    It is read from the net: the parameter ``early_stopping`` may have changed since ``fit``.
    """
    return getattr(getattr(estimator, "net_", None), "monitored", None) == "valid_error"


def _describe_loss(estimator):
    """Return the axis label with the name of the loss that an estimator was fitted with."""
    criterion = getattr(getattr(estimator, "net_", None), "criterion_", None)
    loss = getattr(criterion, "loss", getattr(estimator, "loss", "cross-entropy"))
    return f"loss ({loss})" if isinstance(loss, str) else "loss"
