"""Display of training and validation loss by epoch."""

import numpy as np

from skae._pipeline import last_step
from skae.plotting.base import make_axes


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
        last = last_step(estimator)
        if not hasattr(last, "loss_curve_"):
            raise ValueError(
                f"{type(last).__name__} has no loss_curve_: fit it first, or pass an "
                "AutoencoderTransformer, a PretrainedEncoderClassifier or a pipeline that ends in "
                "one."
            )
        of_rows = getattr(last, "validation_curve_", None)
        settings = getattr(getattr(last, "net_", None), "settings", last)
        is_accuracy = getattr(settings, "monitor", None) == "accuracy"
        loss = getattr(settings, "loss", "cross-entropy")
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
