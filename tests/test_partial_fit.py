"""Incremental learning with partial_fit, for both estimators."""

import pickle
import tracemalloc
import weakref

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP, Linear

STRATEGIES = ["finetune", "frozen", "scratch"]
X, y = make_blobs(128, centers=3, n_features=6, cluster_std=2.0, random_state=0)
LABELS = np.array(["ant", "bee", "cow"])[y]
CLASSES = ["ant", "bee", "cow"]


def autoencoder(**params):
    """A small autoencoder that is trained quickly."""
    defaults = {"architecture": MLP((8,)), "batch_size": 32, "max_epochs": 1, "tol": None}
    return AutoencoderTransformer(2, **{**defaults, "random_state": 0, **params})


FITTED = autoencoder(max_epochs=20).fit(X)


def classifier(given=None, **params):
    """A classifier on a fitted encoder, for one epoch."""
    given = FrozenEstimator(FITTED) if given is None else given
    defaults = {"batch_size": 32, "max_epochs": 1, "tol": None, "random_state": 0}
    return PretrainedEncoderClassifier(given, **{**defaults, **params})


def rows_that_are_alike():
    """Four permutations of the same rows, which have the same mean and standard deviation."""
    rng = np.random.RandomState(1)
    return np.concatenate([rng.permutation(64) for _ in range(4)])


@pytest.mark.parametrize(
    "estimator",
    [
        autoencoder(),
        autoencoder(architecture=Linear()),
        *(classifier(strategy=strategy) for strategy in STRATEGIES),
        classifier(strategy="frozen", hidden_layer_sizes=(5,), class_weight={"ant": 3}),
    ],
    ids=["mlp", "linear", *STRATEGIES, "hidden"],
)
def test_chunks_that_are_alike_are_one_epoch_of_fit_in_that_order(estimator):
    stream = rows_that_are_alike()
    order = torch.randperm(256, generator=torch.Generator().manual_seed(0)).numpy()
    given = stream[np.argsort(order)]  # fit will draw this order and see the stream
    is_classifier = isinstance(estimator, PretrainedEncoderClassifier)
    whole = clone(estimator).fit(X[given], LABELS[given])
    parts = clone(estimator)
    for chunk in np.split(stream, 4):
        parts.partial_fit(
            X[chunk], LABELS[chunk], **({"classes": CLASSES} if is_classifier else {})
        )
    method = "predict_proba" if is_classifier else "transform"
    np.testing.assert_allclose(getattr(parts, method)(X), getattr(whole, method)(X), rtol=1e-9)
    assert parts.n_iter_ == len(parts.loss_curve_) == 4
    np.testing.assert_allclose(parts.loss_curve_.mean(), whole.loss_curve_[0])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_stream_sorted_by_class_is_learned(strategy):
    clf = classifier(strategy=strategy, lr=1e-2)
    first = np.arange(0, 128, 4)
    clf.partial_fit(X[first], LABELS[first], classes=CLASSES)
    before = clf.score(X, LABELS)
    for _ in range(10):
        for number in range(3):
            chunk = y == number
            clf.partial_fit(X[chunk], LABELS[chunk])
    assert clf.classes_.tolist() == CLASSES
    assert clf.score(X, LABELS) > before + 0.2


def test_classes_that_come_later_have_a_probability_from_the_start():
    clf = classifier(strategy="frozen").partial_fit(X[y < 2], LABELS[y < 2], classes=CLASSES[::-1])
    assert clf.classes_.tolist() == CLASSES
    assert clf.predict_proba(X).shape == (128, 3)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_encoder_that_is_not_fitted_is_fitted_on_the_first_chunk(strategy):
    clf = classifier(autoencoder(max_epochs=3), strategy=strategy)
    clf.partial_fit(X[:64], y[:64], classes=[0, 1, 2])
    assert len(clf.encoder_.loss_curve_) == (0 if strategy == "scratch" else 3)
    codes = clf.encoder_.transform(X)
    clf.partial_fit(X[64:], y[64:])
    assert np.array_equal(clf.encoder_.transform(X), codes) == (strategy == "frozen")
    np.testing.assert_allclose(clf.encoder_.mean_, X[:64].mean(axis=0))


def test_an_encoder_that_was_never_trained_can_go_on_by_itself():
    clf = classifier(autoencoder(), strategy="scratch").fit(X, y)
    ae = clf.encoder_.partial_fit(X[:32]).partial_fit(X[32:])
    np.testing.assert_allclose(ae.mean_, X.mean(axis=0))


def test_balanced_weights_do_without_rows_of_each_class():
    clf = classifier(strategy="frozen", class_weight="balanced", warm_start=True).fit(X, y)
    before = clf.predict_proba(X)[:, 0].mean()
    assert clf.fit(X[y == 0], y[y == 0]).predict_proba(X)[:, 0].mean() > before


def test_a_pipeline_as_encoder_goes_on_too():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    clf = classifier(make_pipeline(StandardScaler(), autoencoder()))
    for chunk in np.split(np.arange(128), 4):
        clf.partial_fit(X[chunk], y[chunk], classes=[0, 1, 2])
    np.testing.assert_allclose(clf.encoder_[0].mean_, X[:32].mean(axis=0))
    assert clf.n_iter_ == 4


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_goes_on_after_fit_and_after_unpickling(strategy):
    clf = classifier(strategy=strategy, max_epochs=5, early_stopping=True).fit(X, LABELS)
    revived = pickle.loads(pickle.dumps(clf))
    for estimator in (clf, revived):
        before = estimator.predict_proba(X)
        estimator.partial_fit(X, LABELS)
        assert np.abs(estimator.predict_proba(X) - before).max() > 1e-4
        assert estimator.n_iter_ == len(estimator.validation_curve_) == 6
        assert np.isnan(estimator.validation_curve_).tolist() == [False] * 5 + [True]


def test_changed_settings_count_from_the_next_chunk():
    clf = classifier().partial_fit(X, y, classes=[0, 1, 2])
    net = clf.net_
    assert clf.partial_fit(X, y).net_ is net
    before = clf.set_params(lr=1e-12).predict_proba(X)
    clf.partial_fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(X), before, atol=1e-8)


def test_weights_are_repetition_in_chunks_too():
    weight = np.arange(32) % 3
    weighted = classifier().partial_fit(X[:32], y[:32], [0, 1, 2], sample_weight=weight)
    index = np.arange(32).repeat(weight)
    repeated = classifier().partial_fit(X[index], y[index], [0, 1, 2])
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X))


def test_what_the_first_chunk_must_say():
    clf = classifier()
    with pytest.raises(ValueError, match=r"classes=None, but the first call .* pass classes="):
        clf.partial_fit(X, y)
    with pytest.raises(ValueError, match=r"labels that are not .*: \[2\]\. Its classes are \[0, 1"):
        clf.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"classes contains NaN or None"):
        clf.partial_fit(X, LABELS, classes=["ant", None])
    with pytest.raises(ValueError, match=r"class_weight='balanced' needs all labels at once"):
        clone(clf).set_params(class_weight="balanced").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        clf.predict(X)


def test_what_later_chunks_must_not_change():
    clf = classifier().partial_fit(X, y, classes=[0, 1, 2])
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match=r"classes=\[0, 1\] are not those .*\[0, 1, 2\]: leave"):
        clf.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(
        ValueError, match=r"network: \['ant', 'bee', 'cow'\]\. Its classes are \[0, 1, 2\]"
    ):
        clf.partial_fit(X, LABELS)
    with pytest.raises(ValueError, match=r"activation='relu', but activation is 'tanh' now"):
        clone(clf).partial_fit(X, y, [0, 1, 2]).set_params(activation="tanh").partial_fit(X, y)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    clf.partial_fit(X, y, classes=[2, 1, 0])  # in another order they are the same


class Stop(Callback):
    def on_batch_end(self, net, **kwargs):
        raise ZeroDivisionError("planted")


@pytest.mark.parametrize(
    "estimator",
    [
        autoencoder(architecture=MLP((8,), dropout=0.5)),
        *(
            classifier(
                FrozenEstimator(autoencoder(architecture=MLP((8,), dropout=0.5)).fit(X)), strategy=s
            )
            for s in STRATEGIES
        ),
    ],
    ids=["autoencoder", *STRATEGIES],
)
def test_a_chunk_that_fails_is_as_if_it_had_not_come(estimator):
    def learn(fails):
        one = clone(estimator)
        first = {} if isinstance(one, AutoencoderTransformer) else {"classes": [0, 1, 2]}
        one.partial_fit(X, y, **first)
        if fails:
            with pytest.raises(ValueError, match="NaN"):
                one.partial_fit(np.full_like(X, np.nan), y)
            one.net_.callbacks_.append(("stop", Stop()))
            with pytest.raises(ZeroDivisionError, match="planted"):
                one.partial_fit(X + 1, y)
            one.net_.callbacks_.pop()
        return one.partial_fit(X, y)

    failed, undisturbed = learn(fails=True), learn(fails=False)
    method = "transform" if isinstance(estimator, AutoencoderTransformer) else "predict_proba"
    np.testing.assert_array_equal(getattr(failed, method)(X), getattr(undisturbed, method)(X))
    np.testing.assert_array_equal(failed.loss_curve_, undisturbed.loss_curve_)


@pytest.mark.parametrize(
    "estimator", [autoencoder(), classifier(strategy="frozen")], ids=["ae", "clf"]
)
def test_memory_stays_flat_over_a_stream_of_200_000_rows(estimator):
    estimator = clone(estimator).set_params(batch_size=2000)
    first = {} if isinstance(estimator, AutoencoderTransformer) else {"classes": [0, 1, 2]}
    alive, sizes = [], []
    tracemalloc.start()
    for i in range(20):
        chunk = np.random.RandomState(i).rand(10_000, 6)
        labels = np.arange(10_000) % 3
        estimator.partial_fit(chunk, labels, **first)
        alive.append(weakref.ref(chunk))
        del chunk
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert not any(ref() is not None for ref in alive)
    assert sizes[-1] - sizes[4] < 50_000  # bytes; a chunk has 480,000
