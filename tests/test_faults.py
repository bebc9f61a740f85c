"""Failures during fit and inference: the estimator is unchanged, and the message explains them."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae._training.moments import numerical_rank
from skae.architectures import MLP

X = np.random.RandomState(0).normal(size=(40, 4))
y = (X[:, 0] > 0).astype(int)


def autoencoder(**params):
    defaults = {"architecture": MLP((5,)), "max_epochs": 3, "tol": None, "random_state": 0}
    return AutoencoderTransformer(2, **{**defaults, **params})


def classifier(**params):
    defaults = {"max_epochs": 3, "tol": None, "random_state": 0}
    return PretrainedEncoderClassifier(FrozenEstimator(FITTED), **{**defaults, **params})


FITTED = autoencoder().fit(X)
ESTIMATORS = pytest.mark.parametrize("make", [autoencoder, classifier])


def learned(estimator):
    method = "transform" if hasattr(estimator, "transform") else "predict_proba"
    return getattr(estimator, method)(X)


# Callbacks that raise, and Ctrl-C

EVENTS = [
    "on_train_begin",
    "on_epoch_begin",
    "on_batch_begin",
    "on_grad_computed",
    "on_batch_end",
    "on_epoch_end",
    "on_train_end",
]


class Planted(Callback):
    """A callback that calls a function at an event, at its second occurrence if it recurs."""

    def __init__(self, act):
        self.act = act

    def initialize(self):
        self.n_calls = 0
        return self


def listening_at(event, act):
    def listen(self, net, **kwargs):
        self.n_calls += 1
        if self.n_calls == (1 if "train" in event else 2):
            self.act()

    return type("Listener", (Planted,), {event: listen})(act)


def raise_error():
    raise ZeroDivisionError("planted")


@pytest.fixture
def press_ctrl_c():
    """Send SIGINT, with its default handler even if the parent shell ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("event", EVENTS)
@ESTIMATORS
def test_a_callback_that_raises_leaves_the_estimator_as_it_was(make, event):
    estimator = make().fit(X, y)
    before, state = learned(estimator), pickle.dumps(estimator.__getstate__())
    broken = [listening_at(event, raise_error)]
    estimator.set_params(callbacks=broken, batch_size=10)
    with pytest.raises(ZeroDivisionError, match="planted"):
        estimator.fit(X + 1, y)
    with pytest.raises(ZeroDivisionError, match="planted"):
        estimator.partial_fit(X + 1, y).partial_fit(X + 1, y)
    estimator.set_params(callbacks=None, batch_size="auto")
    if event != "on_epoch_begin" and event != "on_epoch_end":  # there is one in each chunk
        np.testing.assert_array_equal(learned(estimator), before)
        assert pickle.dumps(estimator.__getstate__()) == state
    np.testing.assert_array_equal(learned(estimator.fit(X, y)), before)


@ESTIMATORS
def test_ctrl_c_reaches_the_caller_and_leaves_nothing_half_trained(make, press_ctrl_c):
    estimator = make(callbacks=[listening_at("on_batch_end", press_ctrl_c)])
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        estimator.fit(X, y)
    assert vars(estimator).keys() == vars(make()).keys()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        learned(estimator)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@ESTIMATORS
def test_learning_does_not_need_gradients_around_it(make, context):
    params = {"strategy": "finetune"} if make is classifier else {}
    outside = make(**params).fit(X, y).partial_fit(X, y)
    with context():
        inside = make(**params).fit(X, y)
        with pytest.raises(ValueError, match="NaN"):
            inside.partial_fit(np.full_like(X, np.nan), y)
        assert not torch.is_grad_enabled()
    np.testing.assert_array_equal(learned(inside.partial_fit(X, y)), learned(outside))


def test_ctrl_c_ends_a_search_and_not_one_fit_of_it(press_ctrl_c):
    fits = []

    def press_in_the_third_fit():
        fits.append(1)
        if len(fits) == 3:
            press_ctrl_c()

    ae = autoencoder(callbacks=[listening_at("on_train_begin", press_in_the_third_fit)])
    search = GridSearchCV(ae, {"n_components": [1, 2, 3]}, cv=2)
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        search.fit(X)
    assert len(fits) == 3
    assert not hasattr(search, "best_estimator_")
    search.estimator.set_params(callbacks=None)
    assert search.fit(X).best_estimator_.n_components_ == 3


def test_a_signal_from_outside_ends_fit_and_leaves_the_model_before():
    code = """
        import numpy as np, signal
        from skae import AutoencoderTransformer

        signal.signal(signal.SIGINT, signal.default_int_handler)
        X = np.random.RandomState(0).normal(size=(200, 4))
        ae = AutoencoderTransformer(2, max_epochs=2, tol=None, random_state=0).fit(X)
        before = ae.transform(X)
        ae.set_params(max_epochs=10**9, warm_start=True)
        try:
            print("fitting", flush=True)
            ae.fit(X)
        except KeyboardInterrupt:
            print("interrupted", np.array_equal(ae.transform(X), before), ae.n_iter_)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout.readline() == "fitting\n"
            time.sleep(0.2)  # so that it mostly is
            child.send_signal(signal.SIGINT)
            assert child.communicate(timeout=60)[0] == "interrupted True 2\n"
            assert child.returncode == 0
        finally:
            child.kill()


def test_a_killed_worker_ends_the_search_with_an_error_and_harms_nothing():
    parent = os.getpid()

    class KillsWorker(Callback):
        def on_epoch_end(self, net, **kwargs):
            if os.getpid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

    ae = autoencoder().fit(X)
    before = learned(ae)
    search = GridSearchCV(ae.set_params(callbacks=[KillsWorker()]), {"alpha": [1, 2]}, n_jobs=2)
    with pytest.raises(TerminatedWorkerError, match=r"worker process .* unexpectedly terminated"):
        search.fit(X)
    assert not hasattr(search, "best_estimator_")
    np.testing.assert_array_equal(learned(ae), before)
    ae.set_params(callbacks=None)
    np.testing.assert_array_equal(learned(clone(ae).fit(X)), before)


# Memory


class Greedy(torch.nn.Module):
    """A layer that is out of memory for more than a number of rows."""

    most_rows = 3
    ask = staticmethod(lambda: torch.empty(2**50))

    def __init__(self, n_features, n_components):
        super().__init__()
        self.down = torch.nn.Linear(n_features, n_components)
        self.up = torch.nn.Linear(n_components, n_features)
        self.batches = []

    def encode(self, X):
        self.batches.append(len(X))
        if torch.is_inference_mode_enabled() and len(X) > self.most_rows:
            self.ask()
        return self.down(X)

    def decode(self, codes):
        return self.up(codes)


@pytest.mark.parametrize(
    "ask", [lambda: torch.empty(2**50), lambda: np.empty(2**50)], ids=["torch", "numpy"]
)
def test_inference_tries_smaller_batches_when_memory_is_exhausted(ask, monkeypatch):
    ae = autoencoder(architecture=Greedy).fit(X)
    expected = ae.module_.down(torch.from_numpy(X)).detach().numpy()
    monkeypatch.setattr(Greedy, "ask", staticmethod(ask))
    ae.module_.batches.clear()
    np.testing.assert_allclose(ae.transform(X), expected)
    assert ae.module_.batches[:3] == [40, 10, 2]
    assert ae.score_samples(X).shape == (40,)
    clf = PretrainedEncoderClassifier(
        FrozenEstimator(ae), strategy="frozen", max_epochs=1, tol=None
    )
    assert clf.fit(X, y).predict(X).shape == (40,)


def test_memory_that_does_not_do_for_one_row_is_an_error_that_says_so(monkeypatch):
    ae = autoencoder(architecture=Greedy).fit(X)
    monkeypatch.setattr(Greedy, "most_rows", 0)
    with pytest.raises(
        MemoryError, match=r"to encode 40 rows of 4 columns, not even one .* Pass fe"
    ):
        ae.transform(X)
    monkeypatch.setattr(Greedy, "most_rows", 40)
    assert np.isfinite(ae.transform(X)).all()


def test_other_errors_of_a_module_are_not_taken_for_want_of_memory(monkeypatch):
    ae = autoencoder(architecture=Greedy).fit(X)
    monkeypatch.setattr(Greedy, "ask", staticmethod(lambda: torch.ones(2) @ torch.ones(3)))
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        ae.transform(X)


# Results that are no numbers


@pytest.mark.parametrize("strategy", ["frozen", "finetune"])
def test_results_that_overflow_are_an_error(strategy):
    tiny, huge = (X * 1e-3).astype(np.float32), np.full((2, 4), 3e38, np.float32)
    ae = autoencoder().fit(tiny)
    with pytest.raises(
        ValueError, match=r"encode returned values that are not finite .* up to 3e\+38"
    ):
        ae.transform(huge)
    with pytest.raises(ValueError, match=r"decode returned values that are not finite"):
        autoencoder().fit(tiny * 1e6).inverse_transform(huge[:, :2])
    clf = PretrainedEncoderClassifier(
        FrozenEstimator(ae), strategy=strategy, max_epochs=1, tol=None
    )
    with pytest.raises(ValueError, match="returned values that are not finite"):
        clf.fit(tiny, y).predict(huge)


def test_scores_that_overflow_are_an_error():
    for score in (FITTED.score, FITTED.score_samples):
        with pytest.raises(ValueError, match=r"values up to 1e\+200.* overflows: scale X"):
            score(np.full((2, 4), 1e200))


def test_a_variance_that_has_lost_its_digits_counts_as_none():
    ae = autoencoder(loss=lambda output, target: (output - target) ** 2).partial_fit(X * 1e-160)
    assert ae.score(X * 1e-160) == 0


@ESTIMATORS
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_weights_whose_sum_overflows_are_an_error(make, method):
    first = {"classes": [0, 1]} if (make, method) == (classifier, "partial_fit") else {}
    with pytest.raises(ValueError, match=r"values up to 1e\+308, whose sum overflows: divide"):
        getattr(make(), method)(X, y, sample_weight=np.full(40, 1e308), **first)


def test_directions_are_counted_in_rows_whose_norm_float32_cannot_hold():
    rows = (X * 1e25).astype(np.float32)
    assert numerical_rank(rows, rows.mean(axis=0, dtype=np.float64)) == 4


def test_a_direction_does_not_need_a_length_whose_square_is_finite():
    ae = autoencoder(latent="sphere").fit(X.astype(np.float32))
    codes = ae.transform(np.full((1, 4), 1e25, np.float32))
    np.testing.assert_allclose(np.linalg.norm(codes), 1, rtol=1e-5)


def test_probabilities_of_logits_far_apart_are_zero_and_one(monkeypatch):
    clf = classifier(strategy="frozen").fit(X, y)
    monkeypatch.setattr(clf.net_, "apply", lambda *args: np.array([[1e308, -1e308]]))
    np.testing.assert_array_equal(clf.predict_proba(X[:1]), [[1, 0]])


def test_a_head_takes_codes_that_float32_cannot_hold():
    clf = classifier(strategy="finetune").fit(X * 1e40, y)
    assert np.isfinite(clf.predict_proba(X * 1e40)).all()
