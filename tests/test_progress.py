"""Output of training: nothing, a progress line, or that of callbacks."""

import importlib.util
import io
import pickle
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skae import (
    AutoencoderTransformer,
    PretrainedEncoderClassifier,
    _sklearn_callbacks,
    _sklearn_compat,
)
from skae._progress_line import write_progress_line
from skae.architectures import MLP

HAS_CALLBACKS = importlib.util.find_spec("sklearn.callback") is not None
needs_callbacks = pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn has them since 1.9")
if HAS_CALLBACKS:
    from sklearn.callback import ProgressBar, ScoringMonitor

X = np.random.RandomState(0).normal(size=(60, 4))
y = (X[:, 0] > 0).astype(int)


def autoencoder(**params):
    defaults = {"architecture": MLP((5,)), "max_epochs": 3, "tol": None, "random_state": 0}
    return AutoencoderTransformer(2, **{**defaults, **params})


def classifier(given=None, **params):
    defaults = {"max_epochs": 4, "tol": None, "random_state": 0}
    return PretrainedEncoderClassifier(given or autoencoder(), **{**defaults, **params})


ESTIMATORS = pytest.mark.parametrize("make", [autoencoder, classifier])


def learned(estimator):
    method = "transform" if hasattr(estimator, "transform") else "predict_proba"
    return getattr(estimator, method)(X)


# Quiet, and a line


@ESTIMATORS
def test_nothing_is_printed_by_default(make, capfd):
    estimator = make(early_stopping=True).fit(X, y)
    learned(estimator.partial_fit(X, y))
    estimator.score(X, y)
    assert capfd.readouterr() == ("", "")


@ESTIMATORS
def test_a_log_gets_the_last_state_of_the_line(make, capfd):
    estimator = make(early_stopping=True, verbose=1).fit(X, y)
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == err.count("epoch") == 1
    n = estimator.n_iter_
    assert f"epoch    {n}/{n} [####################]" in err
    assert f"train_loss {estimator.loss_curve_[-1]:.6g}" in err
    assert f"valid_loss {estimator.validation_curve_[-1]:.6g}" in err


@ESTIMATORS
def test_a_terminal_gets_a_line_that_is_rewritten(make, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    estimator = make(verbose=1).fit(X, y)
    lines = terminal.getvalue().split("\r")
    assert lines[0] == ""
    assert len(lines) == 1 + estimator.n_iter_
    assert [line.endswith("\n") for line in lines[1:]] == [False] * (estimator.n_iter_ - 1) + [True]
    for line, loss in zip(lines[1:], estimator.loss_curve_):
        assert f"train_loss {loss:.6g}" in line


def test_a_shorter_line_leaves_nothing_of_the_one_before(monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    for epoch, loss in ((1, 0.123456), (2, 0.12)):
        write_progress_line(f"epoch {epoch}  train_loss {loss}", is_last=epoch == 2)
    erase_the_rest = "\x1b[K"
    assert terminal.getvalue().endswith(f"train_loss 0.12{erase_the_rest}\n")


class Writer:
    """A stream without isatty, like those that some loggers substitute for standard error."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_standard_error_may_be_less_than_a_file_or_nothing(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Writer())
    autoencoder(verbose=1).fit(X)
    assert sys.stderr.text.count("epoch") == 1
    monkeypatch.setattr(sys, "stderr", None)
    autoencoder(verbose=1).fit(X)
    assert capsys.readouterr().out == ""


# Callbacks of skorch


class Counter(Callback):
    def __init__(self):
        self.epochs = 0

    def on_epoch_end(self, net, **kwargs):
        self.epochs += 1


@ESTIMATORS
def test_callbacks_of_skorch_are_copied_for_each_fit(make):
    given = Counter()
    estimator = make(callbacks=[given])
    for _ in range(2):
        estimator.fit(X, y)
        assert dict(estimator.net_.callbacks_)["Counter"].epochs == estimator.max_epochs
    assert given.epochs == 0


# Callbacks of scikit-learn


class Recorder:
    """A callback that records events, and ends the tasks of one name after a number of them."""

    max_propagation_depth = None

    def __init__(self, stop_after=None):
        self.heard, self.stop_after = [], stop_after

    def setup(self, estimator, context):
        self.heard.append("setup")

    def teardown(self, estimator, context):
        self.heard.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.heard.append(
            ("begin", type(estimator).__name__, context.task_name, context.max_subtasks)
        )

    def on_fit_task_end(self, estimator, context):
        self.heard.append(("end", type(estimator).__name__, context.task_name))
        return context.task_name == "epoch" and self.heard.count(self.heard[-1]) == self.stop_after

    def n_ends(self, estimator, task):
        return self.heard.count(("end", estimator.__name__, task))


AE, CLF = AutoencoderTransformer, PretrainedEncoderClassifier


@needs_callbacks
def test_callbacks_hear_of_each_epoch_of_an_autoencoder():
    recorder = Recorder()
    autoencoder().set_callbacks(recorder).fit(X)
    name = "AutoencoderTransformer"
    epoch = [("begin", name, "epoch", 0), ("end", name, "epoch")]
    fit = [("begin", name, "fit", 3), *(3 * epoch), ("end", name, "fit")]
    assert recorder.heard == ["setup", *fit, "teardown"]


@needs_callbacks
@pytest.mark.parametrize("strategy", ["finetune", "frozen", "scratch"])
def test_callbacks_hear_of_pretraining_and_of_training(strategy):
    recorder = Recorder()
    classifier(strategy=strategy).set_callbacks(recorder).fit(X, y)
    pretrains = strategy != "scratch"
    assert recorder.n_ends(AE, "epoch") == 3 * pretrains
    assert recorder.n_ends(CLF, "epoch") == 4
    assert ("begin", "PretrainedEncoderClassifier", "fit", 1 + pretrains) in recorder.heard
    assert ("begin", "PretrainedEncoderClassifier", "train", 4) in recorder.heard
    assert recorder.heard.count("setup") == recorder.heard.count("teardown") == 1


@needs_callbacks
@ESTIMATORS
@pytest.mark.filterwarnings("ignore:The autoencoder reconstructs no better than the mean")
def test_a_callback_may_end_training(make):
    estimator = make(tol=1e-9).set_callbacks(Recorder(stop_after=2)).fit(X, y)
    assert estimator.n_iter_ == 2  # and no warning of max_epochs


@needs_callbacks
@ESTIMATORS
def test_nothing_of_callbacks_is_left_after_fit(make):
    estimator, plain = make().set_callbacks(Recorder()), make()
    for one in (estimator, plain):
        one.fit(X, y)
    np.testing.assert_array_equal(learned(estimator), learned(plain))
    assert vars(estimator).keys() - vars(plain).keys() == {"_skl_callbacks"}
    assert len(pickle.dumps(estimator.set_callbacks())) == len(pickle.dumps(plain))


@needs_callbacks
@ESTIMATORS
def test_callbacks_are_let_go_where_fit_fails(make):
    recorder = Recorder()
    estimator = make(lr=1e30, optimizer="sgd").set_callbacks(recorder)
    with pytest.raises(ValueError, match="The loss became"):
        estimator.fit(X, y)
    assert recorder.heard[-1] == "teardown"
    assert recorder.heard.count("setup") == 1
    assert not [name for name in vars(estimator) if "callback_" in name or "teardown" in name]


@needs_callbacks
def test_a_monitor_scores_the_network_of_each_epoch():
    accuracy, r2 = ScoringMonitor(scoring="accuracy"), ScoringMonitor(scoring={"r2": score_of})
    clf = classifier(lr=0.1).set_callbacks(accuracy).fit(X, y)
    np.testing.assert_array_equal(learned(clf), learned(classifier(lr=0.1).fit(X, y)))
    scores = scores_of_epochs(accuracy, "accuracy")
    assert len(scores) == 4
    assert scores[-1] == clf.score(X, y) > scores[0]
    ae = autoencoder().set_callbacks(r2).fit(X, X)
    scores = scores_of_epochs(r2, "r2")
    assert sorted(scores) == scores
    assert scores[-1] == ae.score(X)


def score_of(estimator, X, y):
    return estimator.score(X, y)


def scores_of_epochs(monitor, name):
    return [row[name] for row in monitor.get_logs().data if row["task_name"] == "epoch"]


@needs_callbacks
def test_a_progress_bar_on_a_search_shows_folds_and_epochs(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    steps = [("scale", StandardScaler()), ("ae", autoencoder()), ("clf", LogisticRegression())]
    search = GridSearchCV(Pipeline(steps), {"ae__n_components": [1, 2]}, cv=2, n_jobs=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    shown = capsys.readouterr().out.splitlines()
    assert sum("candidate-split-evaluation | Pipeline - fit #" in line for line in shown) == 4
    epochs = [line for line in shown if "fit-transform-ae | AutoencoderTransformer - fit" in line]
    assert len(epochs) == 5  # of the folds and of the best candidate
    assert all("100%" in line for line in epochs)


def test_no_task_is_made_for_nobody(monkeypatch):
    def fail(*args):
        raise AssertionError("no callback is set")

    monkeypatch.setattr(_sklearn_callbacks, "Task", fail)
    classifier().fit(X, y)


def test_callbacks_that_scikit_learn_lacks_are_not_missed(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("compat_of_old", _sklearn_compat.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not hasattr(module.CallbackSupportMixin, "set_callbacks")
    assert module.with_callbacks(score_of) is score_of
