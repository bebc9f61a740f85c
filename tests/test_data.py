"""TrainingData: moments, splits and batches of weighted samples."""

import numpy as np
import pytest
import torch

from skae._training import data as training_data
from skae._training.data import TrainingData, batch_slices

RNG = np.random.RandomState(0)
X = RNG.rand(50, 4)
COUNTS = RNG.randint(0, 4, len(X))
REPEATED = X.repeat(COUNTS, axis=0)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 32, 64, 1000])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 5, 64, 65, 66, 127, 128, 129, 1797])
def test_batches_cover_all_rows_once_in_nearly_equal_parts(n_rows, batch_size):
    slices = batch_slices((n_rows,), batch_size)
    covered = np.concatenate([np.arange(n_rows)[part] for part in slices])
    np.testing.assert_array_equal(covered, np.arange(n_rows))
    lengths = [part.stop - part.start for part in slices]
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) <= max(batch_size, 3 if batch_size == 2 else 0)
    if batch_size > 1 and n_rows > 1:
        assert min(lengths) > 1


def test_shuffled_batches_have_each_row_once_in_another_order_each_time():
    data = TrainingData(X, weight=X[:, 0].copy())
    batches = data.batches(16, torch.float64, "cpu", torch.Generator().manual_seed(0))
    passes = [list(batches) for _ in range(2)]
    orders = [np.concatenate([batch[0].numpy() for batch in one]) for one in passes]
    for one, order in zip(passes, orders):
        np.testing.assert_array_equal(np.sort(order, axis=0), np.sort(X, axis=0))
        np.testing.assert_array_equal(np.concatenate([batch[1] for batch in one]), order[:, 0])
    assert not np.array_equal(*orders)


def test_rows_stay_in_order_without_a_generator():
    batches = TrainingData(X).batches(16, torch.float64, "cpu")
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in batches]), X)


@pytest.mark.parametrize("n_rows", [2, 3, 10, 101])
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_a_split_leaves_rows_on_both_sides(n_rows, fraction):
    data = TrainingData(np.random.RandomState(0).rand(n_rows, 1))
    train, valid = data.split(fraction, seed=0)
    together = torch.cat([train.index, valid.index]).sort().values
    assert torch.equal(together, torch.arange(n_rows))
    assert len(train.index) >= 1
    assert len(valid.index) == min(n_rows - 1, int(np.ceil(fraction * n_rows)))


@pytest.mark.parametrize("scale", [1.0, 1 / 3], ids=["counts", "scaled"])
def test_moments_with_weights_are_those_of_repeated_samples(scale):
    data, repeated = TrainingData(X, scale * COUNTS), TrainingData(REPEATED)
    mean = data.mean()
    np.testing.assert_allclose(mean, REPEATED.mean(axis=0))
    np.testing.assert_allclose(repeated.mean(), mean)
    np.testing.assert_allclose(data.variances(mean), REPEATED.var(axis=0))
    spread = np.sqrt(REPEATED.var(axis=0).mean())
    np.testing.assert_allclose([data.spread(mean), repeated.spread(mean)], spread)


def test_spread_is_estimated_from_a_sample(monkeypatch):
    monkeypatch.setattr(training_data, "SAMPLE_ROWS", 7)
    data = TrainingData(X, 1.0 * COUNTS)
    some = np.flatnonzero(COUNTS)[:: -(-np.count_nonzero(COUNTS) // 7)]
    np.testing.assert_array_equal(data.sample(), X[some])
    expected = np.average((X[some] - 0.5) ** 2, axis=0, weights=COUNTS[some]).mean()
    assert data.spread(np.full(4, 0.5)) == pytest.approx(np.sqrt(expected))


def test_constant_samples_have_variance_0_and_spread_1():
    data = TrainingData(np.full((9, 2), 0.1))
    mean = data.mean()
    np.testing.assert_array_equal(data.variances(mean), [0, 0])
    assert data.spread(mean) == 1


def test_samples_of_weight_0_are_in_no_split_and_no_batch():
    data = TrainingData(X, 1.0 * COUNTS)
    assert len(data) == np.count_nonzero(COUNTS)
    train, valid = data.split(0.2, seed=0)
    index = torch.cat([train.index, valid.index]).sort().values.numpy()
    np.testing.assert_array_equal(index, np.flatnonzero(COUNTS))
    rows, weights = zip(*data.batches(8, torch.float64, "cpu"))
    np.testing.assert_array_equal(np.concatenate(rows), X[COUNTS > 0])
    np.testing.assert_array_equal(np.concatenate(weights), COUNTS[COUNTS > 0])


def test_batches_have_classes_where_there_are_classes():
    classes = np.arange(50) % 3
    data = TrainingData(X, classes=classes).prepare(torch.device("cpu"))
    batches = list(data.batches(20, torch.float32, "cpu", torch.Generator().manual_seed(0)))
    assert [len(rows) for rows, _, _ in batches] == [16, 17, 17] == [len(c) for *_, c in batches]
    for rows, weight, numbers in batches:
        assert (rows.dtype, weight) == (torch.float32, None)
        place = np.abs(rows.numpy()[:, np.newaxis] - X).sum(axis=2).argmin(axis=1)
        np.testing.assert_array_equal(numbers, classes[place])


@pytest.mark.parametrize("seed", range(3))
def test_a_split_keeps_the_proportions_of_classes(seed):
    classes = np.r_[np.zeros(30, int), np.ones(15, int), np.full(5, 2)]
    train, valid = TrainingData(X, classes=classes).split(0.2, seed=seed)
    assert np.bincount(classes[valid.index.numpy()], minlength=3) == pytest.approx([6, 3, 1], abs=1)
    assert set(classes[train.index.numpy()]) == {0, 1, 2}


def test_the_seed_determines_the_split():
    splits = [TrainingData(X).split(0.3, seed=seed)[1].index.tolist() for seed in (0, 0, 1)]
    assert splits[0] == splits[1] != splits[2]


def test_one_sample_cannot_be_split():
    with pytest.raises(ValueError, match=r"n_samples=1. Pass more rows or set early_stopping=F"):
        TrainingData(X[:1]).split(0.5, seed=0)
