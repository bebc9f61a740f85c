"""The autoencoder inside a Pipeline, a FrozenEstimator or a fitted search."""

from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skae.modules import LATENTS


def unwrap(estimator):
    """Return what a FrozenEstimator or a fitted search holds, or the estimator itself."""
    while isinstance(estimator, FrozenEstimator) or hasattr(estimator, "best_estimator_"):
        is_frozen = isinstance(estimator, FrozenEstimator)
        estimator = estimator.estimator if is_frozen else estimator.best_estimator_
    return estimator


def split_last_step(estimator):
    """Return the steps before the last one as one transformer, and the last step.

    Nested Pipelines, FrozenEstimators and fitted searches are unwrapped.

    Parameters
    ----------
    estimator : estimator
        Fitted or not.

    Returns
    -------
    before : Pipeline or None
        The steps before the last one; None if there are none.
    last : estimator
        The last step.
    """
    before, estimator = None, unwrap(estimator)
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            steps = estimator[:-1]
            before = steps if before is None else make_pipeline(before, steps)
        estimator = unwrap(estimator[-1])
    return before, estimator


def last_step(estimator):
    """Return the last step of a Pipeline, of what a FrozenEstimator holds, or the estimator."""
    return split_last_step(estimator)[1]


def last_step_prefix(pipeline):
    """Return the prefix of the parameters of the last step, such as ``"ae__"``; "" without one."""
    prefix = ""
    while isinstance(pipeline, Pipeline):
        name, pipeline = pipeline.steps[-1]
        prefix = f"{prefix}{name}__"
    return prefix


def replace_last_step(pipeline, estimator):
    """Set the last step of a Pipeline in place and return it; or the estimator, without one."""
    if not isinstance(pipeline, Pipeline):
        return estimator
    name, last = pipeline.steps[-1]
    pipeline.steps[-1] = (name, replace_last_step(last, estimator))
    return pipeline


def is_fitted(estimator):
    """Return whether an estimator has a fitted state that ``clone`` would drop."""
    if isinstance(estimator, Pipeline):
        # A Pipeline whose last step is stateless counts as fitted from the start.
        return any(is_fitted(step) for _, step in estimator.steps if hasattr(step, "fit"))
    if isinstance(estimator, FrozenEstimator) or not get_tags(estimator).requires_fit:
        return False
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def find_latent(estimator):
    """Return the kind of latent codes of a fitted estimator: a :class:`skae.modules.Latent`.

    Codes of other transformers, such as PCA, are unconstrained numbers.
    """
    module = getattr(last_step(estimator), "module_", None)
    return LATENTS.get(getattr(module, "latent", None), LATENTS["euclidean"])
