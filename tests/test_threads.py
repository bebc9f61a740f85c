"""Concurrent threads: the same results as in sequence, and the number of threads of a step."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae._training.threads import limit_threads
from skae.architectures import MLP, Conv

X = np.random.RandomState(0).normal(size=(300, 16))
y = (X[:, 0] > 0).astype(int)


def autoencoder(**params):
    defaults = {"architecture": MLP((32,), dropout=0.3), "max_epochs": 5, "tol": None}
    return AutoencoderTransformer(4, **{**defaults, "random_state": 0, **params})


def together(n_threads, work):
    """Return the results of work(0), work(1), ..., each in a thread, started at the same time."""
    barrier = Barrier(n_threads)

    def begin(number):
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(begin, range(n_threads)))


@pytest.mark.parametrize("strategy", ["finetune", "frozen"])
def test_eight_threads_share_a_fitted_estimator(strategy):
    ae = autoencoder().fit(X)
    clf = PretrainedEncoderClassifier(
        FrozenEstimator(ae), strategy=strategy, max_epochs=5, tol=None
    )
    clf.fit(X, y)
    calls = [ae.transform, ae.reconstruct, ae.score_samples, clf.predict, clf.predict_proba]
    rows = [np.roll(X, number, axis=0).astype(["f8", "f4"][number % 2]) for number in range(8)]

    def work(number):
        return [[call(rows[number]) for call in calls] for _ in range(3)]

    alone = [[call(some) for call in calls] for some in rows]
    before = torch.get_num_threads()
    for found, expected in zip(together(8, work), alone):
        for results in found:
            for one, other in zip(results, expected):
                np.testing.assert_array_equal(one, other)
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"latent": "gaussian", "early_stopping": True},
        {"corruption": "masking", "optimizer": "sgd"},
        {"architecture": Conv((1, 4, 4), (4,))},
    ],
    ids=["dropout", "gaussian", "masking", "conv"],
)
def test_fits_in_threads_equal_fits_in_sequence(params):
    def fit(number):
        ae = autoencoder(**params).set_params(random_state=number).fit(X)
        clf = PretrainedEncoderClassifier(FrozenEstimator(ae), max_epochs=5, tol=None)
        return clf.set_params(random_state=number).fit(X, y).predict_proba(X), ae.transform(X)

    for found, expected in zip(together(2, fit), map(fit, range(2))):
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_streams_in_threads_equal_streams_in_sequence():
    streams = [clone(autoencoder(random_state=number)) for number in range(2)]

    def learn(ae):
        for chunk in np.split(X, 6):
            ae.partial_fit(chunk)
        return ae.transform(X)

    found = together(2, lambda number: learn(clone(streams[number])))
    for one, other in zip(found, map(learn, streams)):
        np.testing.assert_array_equal(one, other)


def test_small_steps_run_in_one_thread_of_the_caller_only():
    before = torch.get_num_threads()
    seen = []
    with limit_threads(1000, 64):
        inside = torch.get_num_threads()
        thread = Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
    assert inside == 1
    assert [torch.get_num_threads(), *seen] == [before, before]
    with limit_threads(10**6, 64):
        assert torch.get_num_threads() == before
