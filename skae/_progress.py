"""What others see of training: a line of progress, and scikit-learn's callbacks.

scikit-learn has callbacks since 1.9, which are set with ``set_callbacks``; before, there is nothing
to be told. They have nothing to do with the parameter ``callbacks``, which is for those of skorch.
"""

import sys
from contextlib import contextmanager

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:
        """Stands for scikit-learn's, and supports nothing."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


def show_progress(epoch, max_epochs, losses, is_last):
    """Show one line on standard error: rewritten on a terminal, its last state in a log."""
    if not (is_last or sys.stderr.isatty()):
        return
    bar = "#" * (20 * epoch // max_epochs)
    line = f"epoch {epoch:>4}/{max_epochs} [{bar:.<20}]"
    for name in ("train_loss", "valid_loss"):
        if name in losses:
            line += f"  {name} {losses[name]:.6g}"
    print(f"\r{line}", end="\n" if is_last else "", file=sys.stderr, flush=True)


class Task:
    """A fit, or a part of one, that scikit-learn's callbacks hear of.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    context : sklearn.callback.CallbackContext
        Of the task.
    data : dict
        What callbacks may ask for.
    """

    def __init__(self, estimator, context, data):
        self.estimator, self.context, self.data = estimator, context, data
        context.call_on_fit_task_begin(estimator=estimator, **data)

    def begin_part(self, name, n_parts=0):
        """Return a part of this task that begins now and has at most so many parts."""
        context = self.context.subcontext(task_name=name, max_subtasks=n_parts)
        return Task(self.estimator, context, self.data)

    @contextmanager
    def passed_on(self, name, other):
        """Let callbacks hear of the fit of another estimator as a part of this task."""
        context = self.context.subcontext(task_name=name)
        with context.propagate_callback_context(other):
            Task(self.estimator, context, self.data)
            yield
            context.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def end(self):
        """End the task, and tell whether a callback wants no more of its kind.

        Callbacks that ask for a fitted estimator get a copy of this one as it is now.
        """
        return self.context.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes={}, **self.data
        )


def begin_fit(estimator, n_parts, X, y, weight):
    """Return the task of a fit, or None if no callbacks of scikit-learn are set.

    To be called in a method under ``with_callbacks``, which lets go of it at the end.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    context = estimator._init_callback_context(max_subtasks=n_parts)
    metadata = None if weight is None else {"sample_weight": weight}
    return Task(estimator, context, {"X": X, "y": y, "metadata": metadata})
