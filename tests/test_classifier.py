"""PretrainedEncoderClassifier: training, frozen parts, errors."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import check_random_state
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae._training.data import TrainingData
from skae._training.weights import dtype_of, get_weights
from skae.architectures import MLP, Conv, Linear

STRATEGIES = ["finetune", "frozen", "scratch"]
X, y = make_blobs(90, centers=3, n_features=6, cluster_std=2.0, random_state=0)
LABELS = np.array(["ant", "bee", "cow"])[y]


def encoder(**params):
    """A small autoencoder that is trained quickly."""
    defaults = {"n_components": 2, "architecture": MLP((8,)), "max_epochs": 5, "tol": None}
    return AutoencoderTransformer(**{**defaults, "random_state": 0, **params})


def quick(given=None, **params):
    """A classifier that is trained quickly."""
    given = FrozenEstimator(FITTED) if given is None else given
    defaults = {"max_epochs": 5, "tol": None, "random_state": 0}
    return PretrainedEncoderClassifier(given, **{**defaults, **params})


def weights_of(estimator):
    """A copy of the weights and buffers of an estimator's network."""
    return copy.deepcopy(get_weights(estimator.module_))


def assert_same_weights(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


FITTED = encoder(max_epochs=100).fit(X)


# What it learns


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "labels",
    [y, y == 1, LABELS, LABELS.astype(object), y - 1.0],
    ids=["int", "bool", "str", "object", "float"],
)
def test_labels_of_any_kind(strategy, labels):
    clf = quick(strategy=strategy, max_epochs=60, lr=0.03).fit(X, labels)
    np.testing.assert_array_equal(clf.classes_, np.unique(labels))
    predicted = clf.predict(X)
    assert predicted.dtype == np.unique(labels).dtype
    assert np.mean(predicted == labels) > 0.9
    probabilities = clf.predict_proba(X)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_array_equal(clf.classes_[probabilities.argmax(axis=1)], predicted)


def test_pretraining_on_rows_without_labels_helps():
    digits, labels = load_digits(return_X_y=True)
    digits, X_test, labels, y_test = train_test_split(
        digits.astype("f4"), labels, test_size=1 / 3, random_state=0
    )
    scores = {"frozen": [], "scratch": []}
    for draw in range(3):
        some = slice(20 * draw, 20 * draw + 20)
        for strategy, found in scores.items():
            encoder = AutoencoderTransformer(16, architecture=MLP(), max_epochs=30, tol=None)
            clf = PretrainedEncoderClassifier(encoder, strategy=strategy, random_state=draw)
            clf.fit(digits[some], labels[some], X_unlabeled=digits)
            found.append(clf.score(X_test, y_test))
    assert np.mean(scores["frozen"]) > np.mean(scores["scratch"])


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 2: 0.5}])
def test_a_frozen_linear_head_is_multinomial_regression_on_the_codes(class_weight):
    rows, labels = X[:70], y[:70]
    clf = quick(strategy="frozen", class_weight=class_weight, optimizer="lbfgs", max_epochs=1000)
    found = clf.set_params(tol=1e-6).fit(rows, labels).loss_curve_[-1]

    codes = np.c_[FITTED.transform(rows), np.ones(len(rows))]
    weight = np.ones(3)
    if class_weight == "balanced":
        weight = 1 / np.bincount(labels)
    if isinstance(class_weight, dict):
        weight = np.array([3.0, 1.0, 0.5])

    def loss(flat):
        log_p = log_softmax(codes @ flat.reshape(-1, 3), axis=1)
        return -np.average(log_p[range(len(rows)), labels], weights=weight[labels])

    assert found == pytest.approx(minimize(loss, np.zeros(9)).fun, abs=2e-3)


def test_one_class_is_certain():
    for strategy in STRATEGIES:
        clf = quick(strategy=strategy).fit(X, ["only"] * len(X))
        np.testing.assert_array_equal(clf.predict(X), ["only"] * len(X))
        np.testing.assert_array_equal(clf.predict_proba(X), np.ones((len(X), 1)))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_head_of_any_depth(strategy):
    params = {"hidden_layer_sizes": (7, 5), "activation": "tanh"}
    clf = quick(strategy=strategy, **params).fit(X, y)
    layers = [type(layer).__name__ for layer in clf.module_.head.layers]
    assert layers == ["Linear", "Tanh", "Linear", "Tanh", "Linear"]
    assert [len(layer.bias) for layer in clf.module_.head.layers[::2]] == [7, 5, 3]


def test_the_head_sees_codes_of_order_one():
    codes = FITTED.transform(X)
    head = quick(strategy="frozen").fit(X, y).module_.head
    inside = (codes - head.shift.numpy()) / head.scale.numpy()
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=1e-6)
    assert inside.std(axis=0).max() < 2
    huge = make_pipeline(StandardScaler(), PCA(2), FunctionTransformer(lambda X: 1e4 * X))
    clf = PretrainedEncoderClassifier(huge, strategy="frozen", random_state=0)
    assert clf.fit(X, y).score(X, y) > 0.9


# What it leaves alone


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_encoder_given_stays_as_it_is(strategy):
    ae = encoder(architecture=MLP((8,), norm="batch", dropout=0.5)).fit(X)
    before, codes = weights_of(ae), ae.transform(X)
    clf = quick(FrozenEstimator(ae), strategy=strategy).fit(X, y)
    clf.set_params(warm_start=True).fit(X, y)
    clf.predict(X)
    assert_same_weights(weights_of(ae), before)
    np.testing.assert_array_equal(ae.transform(X), codes)
    assert clone(clf).encoder.estimator is ae


def test_an_encoder_without_weights_yet_stays_without():
    given = encoder(random_state=None)
    clf = quick(given).fit(X, y)
    assert not hasattr(given, "module_")
    assert given.random_state is None
    assert clf.encoder_.random_state is not None


def test_each_strategy_trains_what_it_should():
    before = FITTED.transform(X)
    np.testing.assert_array_equal(quick(strategy="frozen").fit(X, y).encoder_.transform(X), before)
    tuned = quick(strategy="finetune", lr=1e-6).fit(X, y).encoder_.transform(X)
    assert 0 < np.abs(tuned - before).max() < 0.01 * np.abs(before).max()
    fresh = quick(strategy="scratch", lr=1e-9).fit(X, y).encoder_.transform(X)
    assert np.abs(fresh - before).max() > 0.1
    again = quick(strategy="scratch", lr=1e-9, random_state=1).fit(X, y).encoder_.transform(X)
    assert np.abs(fresh - again).max() > 0.1


def test_the_decoder_is_neither_trained_nor_pulled_to_zero():
    before = weights_of(FITTED)
    after = weights_of(quick(optimizer="adamw").fit(X, y).encoder_)
    moved = {name: np.abs(after[name] - before[name]).max() > 0 for name in before}
    assert moved == {name: name.startswith("encoder.") for name in before}


def test_encoder_and_head_have_learning_rates_of_their_own():
    clf = quick(lr=0.01, encoder_lr=1e-4).fit(X, y)
    groups = clf.net_.optimizer_.param_groups
    assert [group["lr"] for group in groups] == [0.01, 1e-4]
    assert [len(group["params"]) for group in groups] == [1, 1]
    before = weights_of(FITTED)["encoder.0.weight"]
    moved = {
        rate: np.abs(
            weights_of(quick(encoder_lr=rate).fit(X, y).encoder_)["encoder.0.weight"] - before
        ).max()
        for rate in (1e-6, 1e-4)
    }
    assert moved[1e-6] == pytest.approx(moved[1e-4] / 100, rel=0.2)  # Adam's steps are of size lr
    same = quick(lr=0.01, encoder_lr=0.01).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(same, quick(lr=0.01).fit(X, y).predict_proba(X), rtol=1e-9)


def test_codes_of_a_frozen_encoder_are_computed_once(monkeypatch):
    calls = []
    transform = AutoencoderTransformer.transform
    monkeypatch.setattr(
        AutoencoderTransformer,
        "transform",
        lambda self, X: calls.append(len(X)) or transform(self, X),
    )
    clf = quick(strategy="frozen", max_epochs=30, early_stopping=True).fit(X, y)
    assert calls == [90]
    assert clf.module_.encoder is None


def test_dropout_and_batch_norm_of_a_frozen_encoder_are_asleep():
    ae = encoder(architecture=MLP((8,), norm="batch", dropout=0.5), max_epochs=20).fit(X)
    clf = quick(FrozenEstimator(ae), strategy="frozen", max_epochs=300, lr=0.03).fit(X, y)
    plain = quick(FunctionTransformer(), strategy="frozen", max_epochs=300, lr=0.03)
    plain.fit(ae.transform(X), y)  # a head on codes as they are when nobody trains
    np.testing.assert_allclose(clf.predict_proba(X), plain.predict_proba(ae.transform(X)))
    assert not any(part.training for part in clf.encoder_.module_.modules())


def test_batch_norm_of_a_fine_tuned_encoder_is_awake_and_its_copy_alone():
    ae = encoder(architecture=MLP((8,), norm="batch")).fit(X)
    before = weights_of(ae)
    after = weights_of(quick(FrozenEstimator(ae)).fit(X + 3, y).encoder_)
    name = next(name for name in before if name.endswith("running_mean") and "encoder" in name)
    assert np.abs(after[name] - before[name]).max() > 0.1


# Weights, stopping, going on


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("class_weight", [None, "balanced", {"ant": 2.0}])
def test_a_weight_counts_as_repetition_and_zero_as_absence(strategy, class_weight):
    rows, labels = X[:20], LABELS[:20]
    weight = np.random.RandomState(0).randint(0, 3, 20)
    params = {"strategy": strategy, "class_weight": class_weight}
    weighted = quick(encoder(), **params).fit(rows, labels, sample_weight=weight)
    repeated = quick(encoder(), **params)
    repeated.fit(rows.repeat(weight, axis=0), labels.repeat(weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7)


def test_a_class_without_weight_is_absent():
    clf = quick().fit(X, LABELS, sample_weight=(LABELS != "bee").astype(float))
    assert clf.classes_.tolist() == ["ant", "cow"]
    bare = quick().fit(X[LABELS != "bee"], LABELS[LABELS != "bee"])
    np.testing.assert_allclose(clf.predict_proba(X), bare.predict_proba(X), rtol=1e-12)


def test_where_nothing_can_be_learned_the_heaviest_class_is_predicted():
    noisy = np.random.RandomState(0).permutation(y)
    for heavy in range(3):
        clf = quick(class_weight={heavy: 10.0}, strategy="frozen", max_epochs=60, lr=0.03)
        assert np.mean(clf.fit(X, noisy).predict(X) == heavy) > 0.95


@pytest.mark.parametrize("judge", [True, "loss", "accuracy"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_early_stopping_keeps_what_was_best_on_held_out_rows(strategy, judge):
    noisy = np.random.RandomState(0).permutation(y)  # nothing to learn: training overfits
    params = {"max_epochs": 800, "tol": 1e-4, "lr": 0.03, "validation_fraction": 0.3}
    clf = quick(strategy=strategy, early_stopping=judge, **params).fit(X, noisy)
    assert clf.n_iter_ == len(clf.loss_curve_) == len(clf.validation_curve_) < 800
    inputs = clf.encoder_.transform(X) if strategy == "frozen" else X
    _, valid = TrainingData(inputs, classes=noisy).split(0.3, seed=0)
    rows = valid.index.numpy()
    assert len(rows) == 27
    if judge == "accuracy":
        expected, best = np.mean(clf.predict(X[rows]) == noisy[rows]), clf.validation_curve_.max()
    else:
        log_p = np.log(clf.predict_proba(X[rows]))
        expected, best = -log_p[range(27), noisy[rows]].mean(), clf.validation_curve_.min()
    assert best == pytest.approx(expected)


@pytest.mark.parametrize("sizes", [[30, 30, 30], [60, 5, 2], [2, 2], [1, 9], [3, 1, 1, 1]])
@pytest.mark.parametrize("fraction", [0.1, 0.34, 0.9])
def test_the_split_is_in_proportion_and_leaves_each_class_to_train_on(sizes, fraction):
    labels = np.random.RandomState(0).permutation(np.repeat(range(len(sizes)), sizes))
    data = TrainingData(np.random.RandomState(1).rand(len(labels), 1), classes=labels)
    train, valid = data.split(fraction, seed=0)
    together = torch.cat([train.index, valid.index]).sort().values
    assert torch.equal(together, torch.arange(len(labels)))
    assert set(labels[train.index.numpy()]) == set(labels)
    others = np.array(sizes) - 1
    expected = min(others.sum(), np.ceil(fraction * len(labels))) / others.sum() * others
    held_out = np.bincount(labels[valid.index.numpy()], minlength=len(sizes))
    assert np.abs(held_out - expected).max() < 1


@pytest.mark.parametrize("n_rows", [2, 3, 5])
def test_early_stopping_with_fewer_rows_than_it_takes_for_all_classes(n_rows):
    clf = quick(early_stopping=True).fit(X[:n_rows], np.arange(n_rows))
    assert clf.predict_proba(X).shape == (len(X), n_rows)


def test_early_stopping_with_one_row():
    with pytest.raises(ValueError, match=r"n_samples=1\. Pass more rows or set early_stopping"):
        quick(early_stopping=True).fit(X[:1], y[:1])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_warm_start_goes_on(strategy):
    clf = quick(strategy=strategy, warm_start=True).fit(X, y)
    before, codes = clf.loss_curve_, clf.encoder_.transform(X)
    clf.fit(X[y < 2], y[y < 2])  # some of the classes will do
    assert clf.classes_.tolist() == [0, 1, 2]
    assert clf.n_iter_ == len(clf.loss_curve_) == 10
    np.testing.assert_array_equal(clf.loss_curve_[:5], before)
    assert clf.loss_curve_[5] < before[0]
    assert np.array_equal(codes, clf.encoder_.transform(X)) == (strategy == "frozen")
    clf.set_params(early_stopping=True).fit(X, y)
    assert np.isnan(clf.validation_curve_[:10]).all()
    assert np.isfinite(clf.validation_curve_[10:]).all()


def test_a_warm_start_needs_the_same_network_and_known_labels():
    clf = quick(warm_start=True).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"labels that are not .* \['dog'\]\. Its classes"):
        clf.fit(X, np.where(LABELS == "ant", "dog", LABELS))
    clf.set_params(strategy="frozen")
    with pytest.raises(ValueError, match=r"strategy='finetune', but strategy is 'frozen' now"):
        clf.fit(X, LABELS)
    clf.set_params(strategy="finetune", hidden_layer_sizes=(4,))
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(\), but .* is \(4,\) now"):
        clf.fit(X, LABELS)
    np.testing.assert_array_equal(clf.classes_, ["ant", "bee", "cow"])


@pytest.mark.parametrize(
    "before, after",
    [
        (encoder(), encoder(n_components=3)),
        (encoder(), FrozenEstimator(FITTED)),
        (FrozenEstimator(FITTED), FrozenEstimator(encoder(max_epochs=100).fit(X + 1))),
        (make_pipeline(StandardScaler(), encoder()), make_pipeline(encoder())),
    ],
    ids=["parameter", "kind", "weights", "pipeline"],
)
def test_going_on_notices_another_encoder(before, after):
    clf = pickle.loads(pickle.dumps(quick(before, warm_start=True).fit(X, y)))
    clf.set_params(encoder=copy.deepcopy(before)).fit(X, y)  # one that is equal will do
    for method in (clf.set_params(encoder=after).fit, clf.partial_fit):
        with pytest.raises(ValueError, match="encoder is not the one that"):
            method(X, y)


def test_a_fixed_number_of_epochs_warns_if_it_is_too_small():
    with pytest.warns(ConvergenceWarning, match=r"max_epochs=2 reached .* Increase max_epochs"):
        quick(max_epochs=2, tol=1e-4).fit(X, y)
    quick(max_epochs=2).fit(X, y)  # warnings are errors
    clf = quick(max_epochs="auto", tol=1e-4, strategy="frozen").fit(X[:3], y[:3])
    assert clf.n_iter_ <= 1500


# Unlabelled rows


def test_an_encoder_is_pretrained_on_all_rows():
    X_unlabeled = X[30:]
    clf = quick(encoder(), strategy="frozen").fit(X[:30], y[:30], X_unlabeled=X_unlabeled)
    np.testing.assert_array_equal(clf.encoder_.transform(X), encoder().fit(X).transform(X))
    in_a_tuple = quick(encoder(), strategy="frozen")
    in_a_tuple.fit(X[:30], y[:30], X_unlabeled=(X_unlabeled,))
    np.testing.assert_array_equal(in_a_tuple.predict_proba(X), clf.predict_proba(X))
    weight = np.r_[np.zeros(10), np.full(20, 2.0)]
    clf.fit(X[:30], y[:30], sample_weight=weight, X_unlabeled=X_unlabeled)
    expected = encoder().fit(X[10:], sample_weight=np.r_[weight[10:], np.ones(60)])
    np.testing.assert_allclose(clf.encoder_.transform(X), expected.transform(X))


def test_scratch_does_without_rows_without_labels():
    clf = quick(encoder(), strategy="scratch").fit(X[:30], y[:30], X_unlabeled=X[30:] + 50)
    bare = quick(encoder(), strategy="scratch").fit(X[:30], y[:30])
    np.testing.assert_array_equal(clf.predict_proba(X), bare.predict_proba(X))


def test_rows_without_labels_in_cross_validation():
    params = {"cv": 3, "params": {"X_unlabeled": (X,)}, "return_estimator": True}
    clf = quick(encoder(), strategy="frozen")
    with config_context(enable_metadata_routing=True):
        clf.set_fit_request(X_unlabeled=True)
        found = cross_validate(clf, X, y, **params)
    for fitted in found["estimator"]:  # two thirds of the rows, and all of them once more
        assert len(fitted.encoder_.net_.history) == 5
        assert fitted.encoder_._settings.n_rows == 60 + 90


def test_rows_without_labels_that_nobody_would_use():
    with pytest.warns(UserWarning, match=r"X_unlabeled is not used, since encoder is a Frozen"):
        quick().fit(X, y, X_unlabeled=X)


# Encoders of other kinds


def test_any_transformer_may_be_frozen():
    for given in (PCA(2), FrozenEstimator(PCA(2).fit(X)), make_pipeline(StandardScaler(), PCA(2))):
        clf = quick(given, strategy="frozen", max_epochs=60, lr=0.03).fit(X, y)
        assert clf.score(X, y) > 0.9
        assert clf.encoder_ is not getattr(given, "estimator", given)


@pytest.mark.parametrize("strategy", ["finetune", "scratch"])
def test_what_has_no_weights_cannot_be_trained(strategy):
    for given in (PCA(2), FrozenEstimator(PCA(2).fit(X)), make_pipeline(StandardScaler(), PCA(2))):
        message = rf"strategy='{strategy}' trains the weights .* PCA is not: use strategy='frozen'"
        with pytest.raises(ValueError, match=message):
            quick(given, strategy=strategy).fit(X, y)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("fitted", [True, False])
def test_a_pipeline_that_ends_in_an_autoencoder(strategy, fitted):
    scaled = StandardScaler().fit_transform(X)
    given = make_pipeline(StandardScaler(), encoder())
    inside = encoder()
    if fitted:
        given, inside = FrozenEstimator(given.fit(X)), FrozenEstimator(inside.fit(scaled))
    clf = quick(given, strategy=strategy).fit(X, y)
    bare = quick(inside, strategy=strategy).fit(scaled, y)
    np.testing.assert_allclose(clf.predict_proba(X), bare.predict_proba(scaled))
    np.testing.assert_allclose(clf.encoder_.transform(X), bare.encoder_.transform(scaled))


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    "ae",
    [
        encoder(latent="sphere"),
        encoder(latent="gaussian"),
        encoder(architecture=Linear()),
        encoder(architecture=MLP((8,), tied_weights=True)),
        encoder(architecture=MLP((8,), dropout=0.2, output_activation="tanh")),
        encoder(architecture=Conv((1, -1), (4,))),
    ],
    ids=["sphere", "gaussian", "linear", "tied", "dropout", "conv"],
)
def test_autoencoders_of_all_kinds(strategy, ae):
    clf = quick(ae, strategy=strategy, max_epochs=60, lr=0.01).fit(X, y)
    assert clf.score(X, y) > 0.6
    again = clone(clf).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_images_are_flattened_as_the_autoencoder_does(strategy):
    ae = encoder(architecture=Conv((1, 2, 3), (4,)))
    images = X.reshape(-1, 1, 2, 3)
    clf = quick(ae, strategy=strategy).fit(images, y, X_unlabeled=images[:10])
    np.testing.assert_array_equal(clf.predict_proba(images), clf.predict_proba(X))


# Kinds of data


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("fitted", [np.float32, np.float64])
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_dtypes_follow_the_rows(strategy, fitted, given):
    ae = encoder().fit(X.astype(fitted))
    clf = quick(FrozenEstimator(ae), strategy=strategy).fit(X.astype(given), y)
    assert dtype_of(clf.module_) == given
    probabilities = [clf.predict_proba(X.astype(dtype)) for dtype in (np.float32, np.float64)]
    assert {values.dtype for values in probabilities} == {np.dtype(np.float64)}
    np.testing.assert_allclose(*probabilities, atol=1e-5)
    assert ae.net_.module_ is ae.module_
    assert dtype_of(ae.module_) == fitted


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_data_frames_and_encoders_with_and_without_names(strategy):
    frame = pd.DataFrame(X, columns=list("abcdef"))
    for ae in (encoder().fit(frame), encoder().fit(X)):
        clf = quick(FrozenEstimator(ae), strategy=strategy).fit(frame, pd.Series(LABELS))
        expected = quick(FrozenEstimator(encoder().fit(X)), strategy=strategy).fit(X, LABELS)
        np.testing.assert_array_equal(clf.predict_proba(frame), expected.predict_proba(X))
    assert clf.feature_names_in_.tolist() == list("abcdef")


# Randomness, copies, searches


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_random_state_decides_everything(strategy):
    given = encoder(random_state=None, architecture=MLP((8,), dropout=0.2))
    state, torch_state = check_random_state(None).get_state()[1].copy(), torch.get_rng_state()
    first, second, other = (
        quick(given, strategy=strategy, early_stopping=True, random_state=seed).fit(X, y)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert not np.allclose(first.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(check_random_state(None).get_state()[1], state)
    assert torch.equal(torch.get_rng_state(), torch_state)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_copies_predict_the_same_and_hold_arrays_only(strategy):
    clf = quick(strategy=strategy, warm_start=True).fit(X, LABELS)
    state = clf.__getstate__()
    assert "net_" not in state
    assert all(isinstance(value, np.ndarray) for value in state["module_"].values())
    for copied in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        np.testing.assert_array_equal(copied.predict_proba(X), clf.predict_proba(X))
        np.testing.assert_array_equal(copied.encoder_.transform(X), clf.encoder_.transform(X))
        before = weights_of(clf)
        copied.fit(X, LABELS)
        assert_same_weights(weights_of(clf), before)
        if strategy != "frozen":
            assert copied.module_.encoder is copied.encoder_.module_


def test_a_nested_search():
    clf = PretrainedEncoderClassifier(max_epochs=5, tol=None, random_state=0)
    clf.set_params(encoder__max_epochs=3, encoder__tol=None)
    grid = {"encoder__n_components": [1, 3], "strategy": ["frozen", "scratch"]}
    search = GridSearchCV(clf, grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert (
        search.best_estimator_.encoder_.n_components_
        == search.best_params_["encoder__n_components"]
    )
    given = {"encoder": [FrozenEstimator(FITTED), encoder()]}
    search = GridSearchCV(quick(), given, cv=2, n_jobs=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_callbacks_hear_of_the_classifier_and_verbose_shows_it(capsys):
    class Listener(Callback):
        def __init__(self):
            self.losses = []

        def on_batch_end(self, net, loss, **kwargs):
            self.losses.append(loss.item())

    clf = quick(callbacks=[Listener()], batch_size=30, verbose=1).fit(X, y)
    assert len(dict(clf.net_.callbacks_)["Listener"].losses) == 15
    assert "epoch    5/5" in capsys.readouterr().err


# How it fails


def test_a_fitted_encoder_must_say_what_is_to_become_of_it():
    for given in (FITTED, PCA(2).fit(X), make_pipeline(StandardScaler(), encoder()).fit(X)):
        message = r"Pass FrozenEstimator\(encoder\) to use it as it is, or clone\(encoder\)"
        with pytest.raises(ValueError, match=f"encoder is a fitted .* {message}"):
            quick(given, strategy="frozen").fit(X, y)


def test_a_frozen_encoder_must_be_fitted():
    with pytest.raises(ValueError, match=r"FrozenEstimator\(AutoencoderTransformer\) holds an enc"):
        quick(FrozenEstimator(encoder())).fit(X, y)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_columns_must_be_those_of_the_encoder(strategy):
    with pytest.raises(ValueError, match=r"fitted on 6 columns and X has 5: pass .* clone\(enc"):
        quick(strategy=strategy).fit(X[:, :5], y)
    with pytest.raises(ValueError, match=r"X_unlabeled has 5 columns and X has 6"):
        quick(encoder(), strategy=strategy).fit(X, y, X_unlabeled=X[:, :5])


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
def test_labels_that_are_missing(missing):
    labels = y.astype(object)
    labels[3] = missing
    with pytest.raises(ValueError, match=r"y contains NaN or None.*: .* pass them as X_unlabeled"):
        quick().fit(X, labels)
    if missing is np.nan:
        with pytest.raises(ValueError, match=r"y contains NaN or None"):
            quick().fit(X, labels.astype(float))


def test_labels_that_are_no_date_or_masked_are_missing_too():
    dates = np.where(y > 0, np.datetime64("2020-01-01"), np.datetime64("NaT", "D"))
    for labels in (dates, pd.Series(dates), np.ma.array(y, mask=y > 0)):
        with pytest.raises(
            ValueError, match=r"y contains NaN or None, or is masked: remove samples"
        ):
            quick().fit(X, labels)
    assert quick().fit(X, np.ma.array(y)).score(X, y) > 0.4


def test_labels_that_are_continuous_or_infinite():
    with pytest.raises(ValueError, match=r"Input y contains infinity"):
        quick().fit(X, np.where(y == 0, np.inf, y))
    with pytest.raises(ValueError, match=r"Unknown label type: continuous"):
        quick().fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"strategy": "freeze"}, r"'strategy' parameter .* must be a str among"),
        ({"hidden_layer_sizes": (0,)}, r"hidden_layer_sizes=\(0,\) must hold whole numbers"),
        ({"activation": "rellu"}, r"did you mean 'relu'\?"),
        ({"optimizer": "adm"}, r"did you mean 'adam'\?"),
        ({"optimizer": "lbfgs", "encoder_lr": 0.1}, r"encoder_lr=0\.1 is not supported by L-BFGS"),
        ({"early_stopping": "acc"}, r"'early_stopping' parameter"),
        ({"class_weight": {"ant": -1.0}}, r"class_weight=.* must not be negative"),
        ({"class_weight": {"ant": np.nan}}, r"class_weight=.*nan.* and be finite"),
        ({"class_weight": {"ant": np.inf}}, r"class_weight=.*inf.* and be finite"),
        ({"class_weight": dict.fromkeys(["ant", "bee", "cow"], 0)}, r"not be zero for all rows"),
        ({"encoder": 3}, r"'encoder' parameter"),
        ({"lr": 1e300}, r"loss became (nan|inf).* Lower the learning rate"),
    ],
)
def test_parameters_that_cannot_be(params, message):
    with pytest.raises(ValueError, match=message):
        quick().set_params(**params).fit(X, LABELS)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_fit_that_fails_changes_nothing(strategy, warm_start, error):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                raise error("planted")

    clf = quick(strategy=strategy, warm_start=warm_start).fit(X, LABELS)
    before, codes, curve = clf.predict_proba(X), clf.encoder_.transform(X), clf.loss_curve_
    with pytest.raises(error, match="planted"):
        clf.set_params(callbacks=[Stop()]).fit(X, LABELS)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    np.testing.assert_array_equal(clf.encoder_.transform(X), codes)
    np.testing.assert_array_equal(clf.loss_curve_, curve)
    unfitted = quick(callbacks=[Stop()])
    with pytest.raises(error, match="planted"):
        unfitted.fit(X, y)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        unfitted.predict(X)


def test_names_that_differ_are_an_error():
    frame = pd.DataFrame(X, columns=list("abcdef"))
    clf = quick(encoder()).fit(frame, y)
    with pytest.raises(ValueError, match=r"feature names should match"):
        clf.predict(frame.rename(columns={"a": "z"}))
