"""Data-parallel training by two processes, compared with training in one.

This file is also the program that the processes run: with a rank and a file to meet at, it goes
through the scenarios and writes what it found to a pickle beside that file.
"""

import copy
import datetime
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from skorch.callbacks import Callback
from torch import distributed

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae._training import data as training_data
from skae._training.distributed import Group
from skae.architectures import MLP, Linear

X = load_digits().data[:301]
WEIGHT = np.random.RandomState(0).randint(0, 3, len(X))

#: Fits whose batches one process can be given too: all rows, or rows in their order.
SAME_BATCHES = {
    "all rows": {"batch_size": len(X)},
    "autograd": {"batch_size": len(X), "architecture": MLP((8,), activation="gelu")},
    "lbfgs": {"optimizer": "lbfgs", "max_epochs": 2},
    "linear": {"batch_size": len(X), "architecture": Linear()},
    "optimiser without one vector": {"batch_size": len(X), "optimizer": torch.optim.Adagrad},
}


def estimator(**params):
    params = {"max_epochs": 5, "tol": None, "random_state": 0, "architecture": MLP(), **params}
    return AutoencoderTransformer(4, **params)


def state(ae):
    """Return the results of training: weights, buffers, curves."""
    arrays = {name: value.numpy() for name, value in ae.module_.state_dict().items()}
    learned = ("mean_", "loss_curve_", "components_", "explained_variance_ratio_")
    return arrays | {name: getattr(ae, name) for name in learned if hasattr(ae, name)}


def error_of(fit):
    try:
        fit()
    except (RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


class DieInMidTraining(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2 and distributed.get_rank() == 1:
            os._exit(1)


class Builder:
    """A callable whose repr contains its address."""

    def build(self, n_features, n_components):
        return MLP((8,)).build(n_features, n_components)


def run_scenarios(rank, meeting):
    """Record the results of this rank; rank 1 exits at the end."""
    found = {}
    mine = X[rank::2]
    for name, params in SAME_BATCHES.items():
        found[name] = state(estimator(**params).fit(mine))
    found["weighted"] = state(estimator(batch_size=400).fit(mine, sample_weight=WEIGHT[rank::2]))
    chunked = estimator(batch_size=64, loss="huber")
    for chunk in np.array_split(X, 3):
        chunked.partial_fit(chunk[rank::2])
    found["chunks"] = state(chunked)
    found["shuffled"] = state(estimator(batch_size=64).fit(mine))
    found["without a seed"] = state(estimator(random_state=None).fit(mine))
    noisy = MLP((8,), norm="batch", dropout=0.2)
    found["batch norm"] = state(estimator(architecture=noisy, corruption="masking").fit(mine))
    early = estimator(early_stopping=True, tol=0.2, max_epochs=200).fit(mine)
    found["early"] = state(early) | {"validation_curve_": early.validation_curve_}
    found["auto"] = estimator(max_epochs="auto", batch_size=2).fit(mine).n_iter_

    sys.stderr.write("begin\n")
    estimator(verbose=1, tol=1e-9).fit(mine)  # a progress line, and a warning of the epochs
    sys.stderr.write("end\n")

    broken = mine.copy()
    broken[3, 3] = np.nan if rank else 0.0
    found["nan"] = error_of(lambda: estimator().fit(broken))
    found["columns"] = error_of(lambda: estimator().fit(mine[:, : 60 + rank]))
    found["few"] = error_of(lambda: estimator().fit(mine[: 100 if rank else 20]))
    light = (np.arange(len(mine)) < (9 if rank else 99)).astype(float)
    found["light"] = error_of(lambda: estimator().fit(mine, sample_weight=light))
    found["weighted on one"] = error_of(
        lambda: estimator().fit(mine, sample_weight=np.ones(len(mine)) if rank else None)
    )
    found["dtype"] = error_of(lambda: estimator().fit(mine.astype("f4") if rank else mine))
    found["parameter"] = error_of(lambda: estimator(batch_size=8 + rank).fit(mine))
    found["architecture"] = error_of(lambda: estimator(architecture=MLP((8 + rank,))).fit(mine))
    found["builder"] = error_of(lambda: estimator(architecture=Builder()).fit(mine))
    found["one row"] = error_of(lambda: estimator(early_stopping=True).fit(mine[: 2 - rank]))
    found["own"] = error_of(
        lambda: estimator(random_state=rank, verbose=0, callbacks=[Callback()] * rank).fit(mine)
    )
    apart = estimator(warm_start=True).fit(mine)
    one_fitted = clone(apart) if rank else apart
    found["fitted on one"] = error_of(lambda: one_fitted.fit(mine))
    apart.net_.optimizer_.param_groups[0]["params"][0].data += rank
    found["fitted apart"] = error_of(lambda: apart.partial_fit(mine))
    found["classifier"] = error_of(
        lambda: PretrainedEncoderClassifier().fit(mine, np.arange(len(mine)) % 2)
    )
    path = meeting.with_name(f"{rank}.pickle")
    path.write_bytes(pickle.dumps(found))
    start = time.monotonic()
    mortal = estimator(callbacks=[DieInMidTraining()], max_epochs=1000)
    found["death"] = error_of(lambda: mortal.fit(mine))
    found["seconds"] = time.monotonic() - start
    path.write_bytes(pickle.dumps(found))


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """The results of two ranks, and the standard error of each."""
    folder = tmp_path_factory.mktemp("ranks")
    children = [
        subprocess.Popen(
            [sys.executable, __file__, str(rank), folder / "meeting"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        errors = [child.communicate(timeout=300)[1] for child in children]
    finally:
        for child in children:
            child.kill()
    found = []
    for rank in range(2):
        path = folder / f"{rank}.pickle"
        assert path.exists(), errors[rank]
        found.append(pickle.loads(path.read_bytes()))
    return found, errors


def assert_same(found, expected, **tolerance):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], err_msg=name, **tolerance)


@pytest.mark.parametrize(
    "name",
    [*SAME_BATCHES, "weighted", "chunks", "shuffled", "without a seed", "batch norm", "early"],
)
def test_all_ranks_end_with_the_same_bits(ranks, name):
    (first, second), _ = ranks
    assert_same(first[name], second[name], rtol=0, atol=0)


@pytest.mark.parametrize("name", SAME_BATCHES)
def test_two_ranks_learn_what_one_process_learns(ranks, name):
    (found, _), _ = ranks
    assert_same(found[name], state(estimator(**SAME_BATCHES[name]).fit(X)), rtol=1e-5, atol=1e-5)


def test_weights_of_rows_count_over_all_ranks(ranks):
    (found, _), _ = ranks
    alone = estimator(batch_size=400).fit(X, sample_weight=WEIGHT)
    assert_same(found["weighted"], state(alone), rtol=1e-5, atol=1e-5)


def test_chunks_in_shares_are_the_chunks_of_one_process(ranks):
    (found, _), _ = ranks
    alone = estimator(batch_size=64, loss="huber")
    for chunk in np.array_split(X, 3):
        alone.partial_fit(chunk)
    assert_same(found["chunks"], state(alone), rtol=1e-5, atol=1e-5)


class BatchesOfBothRanks(training_data.Batches):
    """The joint batches of two ranks whose rows alternate."""

    ranks = [(rank, torch.Generator()) for rank in range(2)]

    def __iter__(self):
        parts = []
        for rank, generator in self.ranks:
            share = copy.copy(self.data)
            share.index, share._n_selected_of_ranks = share.index[rank::2], (151, 150)
            parts.append(_Batches(share, 64, *self.to.values(), generator))
        for batches in zip(*parts):
            yield torch.cat([X for X, _ in batches]), None


_Batches = training_data.Batches


def test_shuffled_batches_are_made_of_a_part_of_each_share(ranks, monkeypatch):
    (found, _), _ = ranks
    for rank, generator in BatchesOfBothRanks.ranks:
        generator.manual_seed(rank)
    monkeypatch.setattr(training_data, "Batches", BatchesOfBothRanks)
    alone = estimator(batch_size=64).fit(X)
    assert_same(found["shuffled"], state(alone), rtol=1e-5, atol=1e-5)


def test_early_stopping_ends_in_the_same_epoch_on_all_ranks(ranks):
    (first, second), _ = ranks
    n_epochs = len(first["early"]["validation_curve_"])
    assert 1 < n_epochs < 200
    assert len(second["early"]["validation_curve_"]) == n_epochs


def test_auto_counts_the_steps_of_all_rows(ranks):
    (first, second), _ = ranks
    assert first["auto"] == second["auto"] == 10  # of 150 steps


def test_one_rank_speaks_for_all(ranks):
    _, errors = ranks
    said = [error.split("begin\n")[1].split("end\n")[0] for error in errors]
    assert "epoch    5/5" in said[0]
    assert "ConvergenceWarning" in said[0]
    assert said[1] == ""


def test_an_error_of_one_rank_is_an_error_of_all(ranks):
    (first, second), _ = ranks
    assert "because of an error on rank 1: ValueError: Input X contains NaN" in first["nan"]
    assert second["nan"].startswith("ValueError: Input X contains NaN")


def test_shares_must_be_of_one_kind_and_about_equal(ranks):
    for found in ranks[0]:
        assert "Rank 0 has n_features=60, rank 1 has n_features=61" in found["columns"]
        assert "Rank 0 has dtype='float64', rank 1 has dtype='float32'" in found["dtype"]
        assert "Rank 0 has weighted=False, rank 1 has weighted=True" in found["weighted on one"]
        assert "shares of 20 to 100 rows" in found["few"]
        assert "shares of 9 to 99 rows" in found["light"]
        assert "trains in one process" in found["classifier"]


def test_ranks_must_agree_on_what_they_train(ranks):
    for found in ranks[0]:
        assert "Rank 0 has batch_size=8, rank 1 has batch_size=9" in found["parameter"]
        assert "'hidden_layer_sizes': (8,)" in found["architecture"]
        assert "'hidden_layer_sizes': (9,)" in found["architecture"]
        assert "rank 1 has fitted=False" in found["fitted on one"]
        assert "Rank 0 has fitted='a network of fingerprint" in found["fitted apart"]
        assert "early_stopping=True needs rows to train on" in found["one row"]
        assert found["own"] is None
        assert found["builder"] is None


def test_the_death_of_a_rank_ends_the_others(ranks):
    (first, _), _ = ranks
    assert first["death"].startswith("RuntimeError: Rank 0 of 2 has lost another rank")
    assert first["seconds"] < 60


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("Connection closed by peer", "has lost another rank: see the last output of that rank"),
        ("Timed out waiting 1000ms", "has waited for another rank .*TORCH_DISTRIBUTED_DEBUG"),
    ],
)
def test_an_interrupted_exchange_is_named(monkeypatch, what, said):
    def fail(*args):
        raise RuntimeError(what)

    monkeypatch.setattr(distributed, "all_reduce", fail)
    with pytest.raises(RuntimeError, match=f"Rank 1 of 2 {said}.*{what}"):
        Group(1, 2).average_gradients([torch.zeros(2)], torch.tensor(1.0), 3)


if __name__ == "__main__":
    rank, meeting = int(sys.argv[1]), Path(sys.argv[2])
    distributed.init_process_group(
        init_method=meeting.as_uri(),
        backend="gloo",
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(seconds=120),
    )
    run_scenarios(rank, meeting)
    os._exit(0)  # the group cannot be left in order, since one rank is gone
