"""Unwrapping of Pipelines, FrozenEstimators and fitted searches, nested in any order."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae._pipeline import (
    clone_discards_fit,
    last_step,
    replace_last_step,
    set_last_step_params,
    split,
    split_pipeline,
    unfreeze,
    unwrap,
)

X = np.random.RandomState(0).randn(20, 4)


def nested(last):
    """Two scalers and a last step, inside nested Pipelines and wrappers."""
    inner = make_pipeline(StandardScaler(with_std=False), FrozenEstimator(last))
    outer = make_pipeline(StandardScaler(), inner)
    return FrozenEstimator(GridSearchCV(outer, {}, cv=2).fit(X))


def test_the_last_step_is_found_however_deep_it_is():
    pca = PCA(2).fit(X)
    assert last_step(pca) is pca
    assert last_step(nested(pca)) is pca
    assert last_step(make_pipeline(pca)) is pca
    assert last_step(GridSearchCV(pca, {}).fit(X)) is not pca
    assert isinstance(last_step(GridSearchCV(pca, {}).fit(X)), PCA)
    search = GridSearchCV(pca, {})
    assert last_step(search) is search  # it has found nothing yet


def test_the_steps_before_are_those_of_all_pipelines_in_their_order():
    pca = PCA(2).fit(X)
    estimator = nested(pca)
    before, last = split(estimator)
    np.testing.assert_allclose(last.transform(before.transform(X)), estimator.transform(X))
    assert split(make_pipeline(pca)) == (None, pca)
    assert split(FrozenEstimator(pca)) == (None, pca)


def test_unwrap_stops_at_a_pipeline_and_unfreeze_at_a_search():
    pipe = make_pipeline(StandardScaler(), PCA(2))
    search = GridSearchCV(pipe, {}, cv=2).fit(X)
    assert unwrap(FrozenEstimator(search)) is search.best_estimator_
    assert unwrap(pipe) is pipe
    assert unfreeze(FrozenEstimator(search)) is search
    assert unfreeze(search) is search


def test_split_pipeline_does_not_look_inside_the_last_step():
    frozen = FrozenEstimator(PCA(2).fit(X))
    before, last = split_pipeline(make_pipeline(StandardScaler(), frozen))
    assert last is frozen
    assert len(before) == 1
    assert split_pipeline(make_pipeline(frozen)) == (None, frozen)
    assert split_pipeline(frozen) == (None, frozen)


def test_the_last_step_is_replaced_and_its_parameters_are_set():
    pipe, pca = make_pipeline(StandardScaler(), PCA(2)), PCA(3)
    assert replace_last_step(pipe, pca) is pipe
    assert pipe[-1] is pca
    assert replace_last_step(PCA(2), pca) is pca
    pipe = make_pipeline(FunctionTransformer(), pipe)
    assert set_last_step_params(pipe, n_components=1, whiten=True) is pipe
    assert (pca.n_components, pca.whiten) == (1, True)
    assert set_last_step_params(pca, n_components=2).n_components == 2


def test_what_clone_would_discard():
    fitted = PCA(2).fit(X)
    for wrap in (lambda e: e, make_pipeline, lambda e: make_pipeline(FunctionTransformer(), e)):
        assert clone_discards_fit(wrap(fitted))
        assert not clone_discards_fit(wrap(clone(fitted)))
        assert not clone_discards_fit(wrap(FrozenEstimator(fitted)))
        assert not clone_discards_fit(wrap(FunctionTransformer()))
    # The fitted scaler counts, although the last step has no state.
    assert clone_discards_fit(make_pipeline(StandardScaler().fit(X), FunctionTransformer()))
