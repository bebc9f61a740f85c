"""The callbacks of scikit-learn, which are notified of fits, epochs and their ends.

scikit-learn 1.9 and later have callbacks that are set with ``set_callbacks``. They are independent
of the parameter ``callbacks``, which is for callbacks of skorch.
"""

from contextlib import contextmanager


class Task:
    """A fit, or a part of one, of which scikit-learn's callbacks are notified.

    Parameters
    ----------
    estimator : estimator
        The estimator that is fitted.
    context : sklearn.callback.CallbackContext
        Context of the task.
    data : dict
        X, y and metadata, which callbacks may use.
    """

    def __init__(self, estimator, context, data):
        self.estimator, self.context, self.data = estimator, context, data
        context.call_on_fit_task_begin(estimator=estimator, **data)

    def begin_subtask(self, name, max_subtasks=0):
        """Return a part of this task that begins now and has at most ``max_subtasks`` parts."""
        context = self.context.subcontext(task_name=name, max_subtasks=max_subtasks)
        return Task(self.estimator, context, self.data)

    @contextmanager
    def propagate(self, name, other):
        """Notify callbacks of the fit of another estimator as a part of this task."""
        context = self.context.subcontext(task_name=name)
        with context.propagate_callback_context(other):
            Task(self.estimator, context, self.data)
            yield
            context.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def end(self):
        """End the task and return whether a callback asks to end the task that contains it.

        Callbacks that need a fitted estimator get a copy of this one in its present state.
        """
        return self.context.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes={}, **self.data
        )


def begin_fit(estimator, max_subtasks, X, y, weight):
    """Return the task of a fit, or None if no callbacks of scikit-learn are set.

    To be called in a method that is decorated by ``with_callbacks``, which ends the context.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    context = estimator._init_callback_context(max_subtasks=max_subtasks)
    metadata = None if weight is None else {"sample_weight": weight}
    return Task(estimator, context, {"X": X, "y": y, "metadata": metadata})
