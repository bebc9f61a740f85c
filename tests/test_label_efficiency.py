"""label_efficiency_curve: paired draws, each class in each, means and intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP
from skae.inspection import label_efficiency, label_efficiency_curve

X, y = make_blobs(150, centers=3, n_features=6, cluster_std=4.0, random_state=0)
DATA = (X[:100], y[:100], X[100:], y[100:])
AE = AutoencoderTransformer(2, architecture=MLP((8,)), max_epochs=5, tol=None)
CLF = PretrainedEncoderClassifier(
    FrozenEstimator(clone(AE).fit(X[:100])), max_epochs=10, tol=None, lr=0.03
)


def curve(classifier=CLF, n_labels=(5, 20), n_draws=2, **params):
    return label_efficiency_curve(
        classifier, *DATA, n_labels, n_draws, **{"random_state": 0, **params}
    )


def test_scores_are_those_of_classifiers_that_are_fitted_by_hand(monkeypatch):
    seen = []
    fit = PretrainedEncoderClassifier.fit

    def spy(self, X, y):
        seen.append((self.strategy, self.random_state, X, y))
        return fit(self, X, y)

    monkeypatch.setattr(PretrainedEncoderClassifier, "fit", spy)
    found = curve()
    assert found.scores.shape == (3, 2, 2)
    monkeypatch.undo()
    by_hand = [
        clone(CLF).set_params(strategy=strategy, random_state=seed).fit(*rows).score(*DATA[2:])
        for strategy, seed, *rows in seen
    ]
    expected = np.reshape(by_hand, (2, 3, 2)).transpose(1, 2, 0)
    np.testing.assert_array_equal(found.scores, expected)
    drawn = [rows for _, _, rows, _ in seen]
    assert [len(rows) for rows in drawn] == [5, 20] * 6
    np.testing.assert_array_equal(drawn[0], drawn[2])  # another strategy, the same rows
    np.testing.assert_array_equal(drawn[1][:5], drawn[0])  # more rows, these among them
    assert not np.array_equal(drawn[0], drawn[6])  # another draw


@pytest.mark.parametrize("counts", [(50, 30, 20), (98, 1, 1), (33, 33, 34)])
def test_each_beginning_of_a_draw_has_its_share_of_each_class(counts):
    labels = np.random.RandomState(0).permutation(np.repeat(list("abc"), counts))
    order = label_efficiency._stratified_order(labels, np.random.RandomState(1))
    np.testing.assert_array_equal(np.sort(order), np.arange(100))
    for size in range(3, 101):
        _, found = np.unique(labels[order[:size]], return_counts=True)
        assert len(found) == 3
        assert np.abs(found - size * np.array(counts) / 100).max() < 3


def test_mean_and_interval_are_those_of_student():
    found = curve(n_draws=3)
    np.testing.assert_allclose(found.mean, found.scores.mean(axis=2))
    for scores, interval in zip(found.scores.reshape(-1, 3), found.interval.reshape(-1, 2)):
        if np.ptp(scores):
            expected = ttest_1samp(scores, 0).confidence_interval(0.95)
            np.testing.assert_allclose(interval, expected)
    assert np.isnan(curve(n_draws=1).interval).all()


def test_an_encoder_that_is_not_fitted_is_fitted_once_on_all_rows(monkeypatch):
    fits = []
    fit = AutoencoderTransformer.fit
    monkeypatch.setattr(
        AutoencoderTransformer, "fit", lambda self, X: fits.append(len(X)) or fit(self, X)
    )
    classifier = clone(CLF).set_params(encoder=AE)
    found = curve(classifier)
    assert fits == [100]
    assert not hasattr(classifier.encoder, "module_")
    np.testing.assert_array_equal(found.scores, curve(classifier).scores)


def test_the_same_seed_gives_the_same_scores_in_any_number_of_processes():
    scores = curve().scores
    np.testing.assert_array_equal(scores, curve(n_jobs=2).scores)
    assert not np.array_equal(scores, curve(random_state=1).scores)


def test_the_table_as_text_and_as_a_frame():
    found = curve(strategies=["frozen"])
    frame = found.as_frame()
    assert frame.columns.tolist() == ["frozen", "frozen_low", "frozen_high"]
    pd.testing.assert_index_equal(frame.index, pd.Index([5, 20], name="labels"))
    np.testing.assert_array_equal(frame["frozen"], found.mean[0])
    lines = str(found).splitlines()
    assert lines[0].split() == ["labels", "frozen", "frozen", "low", "frozen", "high"]
    assert lines[2].split()[:2] == ["5", f"{found.mean[0, 0]:.4f}"]
    assert lines[-1] == "mean accuracy over 2 draws of the labels, and its 95% interval"


def test_progress_is_shown_if_asked_for(capsys):
    curve(n_labels=(5,), strategies=["frozen"])
    assert capsys.readouterr().err == ""
    curve(n_labels=(5,), strategies=["frozen"], verbose=1)
    assert capsys.readouterr().err == "\rdraw    2/2\n"


def test_any_transformer_may_be_compared_frozen():
    pca = clone(CLF).set_params(encoder=PCA(2))
    assert curve(pca, strategies=["frozen"]).mean.shape == (1, 2)
    with pytest.raises(ValueError, match=r"strategy='scratch' trains the weights"):
        curve(pca)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_labels": (2, 10)}, r"n_labels=\(2, 10\) must hold .* n_classes=3, .* n_samples=100"),
        ({"n_labels": (10, 101)}, r"n_labels=\(10, 101\) must hold"),
        ({"n_labels": (0.1,)}, r"n_labels=\(0\.1,\) must hold whole numbers"),
        ({"n_labels": ()}, r"n_labels=\(\) must hold"),
        ({"n_draws": 0}, r"n_draws=0 must be a whole number of at least 1"),
        ({"strategies": ["tune"]}, r"strategies=\('tune',\) must be some of \('scratch'"),
        ({"strategies": []}, r"strategies=\(\) must be some of"),
        ({"classifier": AE}, r"AutoencoderTransformer, which has no strategies .* pass a Pret"),
    ],
)
def test_parameters_that_cannot_be(params, message):
    with pytest.raises(ValueError, match=message):
        curve(**params)
