"""Finding the estimator inside Pipelines, FrozenEstimators and fitted searches.

No other file of skae looks inside them.
"""

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted


def unwrap(estimator):
    """Return what a FrozenEstimator or a fitted search holds, nested ones too.

    Any other estimator is returned as it is, also a Pipeline and a search before ``fit``.
    """
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator


def unfreeze(estimator):
    """Return what a FrozenEstimator holds, and any other estimator as it is."""
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def last_step(estimator):
    """Return the last step of an estimator, as :func:`split` does."""
    return split(estimator)[1]


def split(estimator):
    """Split an estimator into the steps before the last one, and the last one.

    Pipelines, FrozenEstimators and fitted searches may be nested in any order.

    Parameters
    ----------
    estimator : estimator
        Fitted or not. An estimator that is not a Pipeline is its own last step.

    Returns
    -------
    before : Pipeline or None
        All steps before the last one, not copied; None if there are none.
    last : estimator
        The last step: neither a Pipeline, a FrozenEstimator nor a fitted search.
    """
    before, last = None, unwrap(estimator)
    while isinstance(last, Pipeline):
        steps, last = split_pipeline(last)
        if steps is not None:
            before = steps if before is None else make_pipeline(before, steps)
        last = unwrap(last)
    return before, last


def split_pipeline(estimator):
    """Split a Pipeline as :func:`split` does, without looking inside its last step.

    For training: the weights inside a FrozenEstimator or a search must not be changed.
    """
    if not isinstance(estimator, Pipeline):
        return None, estimator
    return (estimator[:-1] if len(estimator) > 1 else None), estimator[-1]


def replace_last_step(estimator, step):
    """Replace the last step of a Pipeline in place, and return the Pipeline.

    If the estimator is not a Pipeline, ``step`` replaces all of it and is returned.
    """
    if not isinstance(estimator, Pipeline):
        return step
    estimator.steps[-1] = (estimator.steps[-1][0], step)
    return estimator


def set_last_step_params(estimator, **params):
    """Set parameters of the last step of nested Pipelines in place, and return the estimator."""
    last, prefix = estimator, ""
    while isinstance(last, Pipeline):
        prefix, last = f"{prefix}{last.steps[-1][0]}__", last[-1]
    return estimator.set_params(**{f"{prefix}{name}": value for name, value in params.items()})


def clone_discards_fit(estimator):
    """Return whether ``clone`` would discard something that the estimator has learned.

    A FrozenEstimator and an estimator without fitted state lose nothing.
    """
    if isinstance(estimator, Pipeline):
        # check_is_fitted takes a Pipeline that ends in a stateless step for fitted.
        return any(clone_discards_fit(step) for _, step in estimator.steps if hasattr(step, "fit"))
    if isinstance(estimator, FrozenEstimator) or not get_tags(estimator).requires_fit:
        return False
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True
