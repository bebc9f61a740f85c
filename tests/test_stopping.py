"""When training ends, and the warning of fits that have learned nothing."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skae import AutoencoderTransformer
from skae._training.stopping import Stopping
from skae.architectures import MLP, Linear

RNG = np.random.RandomState(0)
WIDE = RNG.randn(60, 3) @ RNG.randn(3, 400)


def n_epochs(losses, **params):
    stopping = Stopping(
        **{"max_epochs": 50, "patience": 3, "tol": 0.01, "relative": True, **params}
    )
    for loss in losses:
        stopping.next_epoch()
        stopping.update(loss)
        if stopping.finished:
            break
    return stopping.n_epochs, stopping.converged


def test_patience_counts_epochs_without_progress():
    assert n_epochs([1.0, 0.9, 0.899, 0.898, 0.897, 0.5]) == (5, True)
    assert n_epochs([1.0, 0.9, 0.899, 0.5, 0.4], max_epochs=5) == (5, False)
    assert n_epochs([1.0] * 50, tol=None) == (50, False)


def test_small_decreases_add_up_if_they_are_to():
    losses = 1 - 0.004 * np.arange(50)
    assert n_epochs(losses) == (4, True)
    assert n_epochs(losses, accumulates=True) == (50, False)


def test_epochs_that_are_no_better_than_the_baseline_are_not_idle():
    losses = [2.0] * 10 + [0.9] * 10
    assert n_epochs(losses, baseline=2.0) == (14, True)
    assert n_epochs(losses) == (4, True)


def test_a_callback_may_end_training():
    stopping = Stopping(9, 3, 0.01, True)
    stopping.next_epoch(asked_to_stop=True)
    assert (stopping.finished, stopping.converged) == (True, True)


@pytest.mark.parametrize("architecture", [MLP((32,)), Linear()], ids=["mlp", "linear"])
def test_few_samples_are_learned_although_an_epoch_is_one_step(architecture):
    ae = AutoencoderTransformer(3, architecture=architecture, random_state=0).fit(WIDE)
    assert ae.score(WIDE) > 0.9


@pytest.mark.parametrize(
    ("params", "advice"),
    [
        ({"lr": 1.0}, r"Use a smaller lr \(lr=1.0\), or standardize X"),
        ({"lr": 1e-7, "max_epochs": 20}, r"Increase max_epochs \(max_epochs=20\)"),
        ({"lr": 1e-9}, "Use a larger lr, another architecture"),
        ({"lr": 1e-9, "loss": "mae"}, "reconstructs no better than the mean of X"),
        ({"lr": 1e-9, "latent": "sphere"}, "reconstructs no better than the mean of X"),
    ],
)
def test_a_fit_that_is_no_better_than_the_mean_warns_once(params, advice):
    X = np.random.RandomState(1).rand(200, 5)
    ae = AutoencoderTransformer(2, architecture=MLP((8,)), random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ae.set_params(**params).fit(X)
    (message,) = [str(w.message) for w in caught if issubclass(w.category, ConvergenceWarning)]
    assert "no better than the mean" in message
    with pytest.warns(ConvergenceWarning, match=advice):
        ae.fit(X)


def test_training_step_by_step_does_not_warn():
    ae = AutoencoderTransformer(2, architecture=MLP((8,)), lr=1e-9, max_epochs=1, tol=None)
    ae.fit(WIDE).partial_fit(WIDE)  # warnings are errors
