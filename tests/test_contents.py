"""Detection of equal samples, and their joint assignment in a split."""

import numpy as np
import pytest

from skae._training.contents import find_contents, hold_out
from skae._training.data import TrainingData

X = np.random.RandomState(0).rand(200, 3)
COUNTS = np.random.RandomState(1).randint(0, 5, len(X))


def contents_of(X, weight=None, classes=None, seed=0):
    return find_contents(X, np.arange(len(X)), weight, classes, seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_rows_and_no_others_are_one_content(dtype):
    grid = np.array(np.meshgrid([0, 1, 2, -1], [0, 1], [0, 0.5], indexing="ij"), dtype)
    rows = np.repeat(grid.reshape(3, -1).T, 3, axis=0)[np.random.RandomState(0).permutation(48)]
    rows[rows == 0] *= np.where(np.random.RandomState(1).rand((rows == 0).sum()) < 0.5, -1, 1)
    contents = contents_of(rows)
    _, expected = np.unique(rows, axis=0, return_inverse=True)
    assert len(contents.weight) == expected.max() + 1 == 16
    assert (contents.weight == 3).all()
    assert len(set(zip(contents.number, expected))) == 16
    np.testing.assert_array_equal(rows[contents.first][contents.number], rows)


def test_the_order_is_that_of_the_seed_and_not_of_the_rows():
    order = np.random.RandomState(0).permutation(len(X))
    first = X[contents_of(X).first]
    np.testing.assert_array_equal(X[order][contents_of(X[order]).first], first)
    assert not np.array_equal(X[contents_of(X, seed=1).first], first)


def test_equal_rows_of_two_classes_are_two_contents():
    contents = contents_of(np.zeros((6, 2)), classes=np.array([0, 0, 0, 1, 1, 2]))
    assert sorted(contents.weight) == [1, 2, 3]
    assert set(contents.classes) == {0, 1, 2}


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.34])
def test_a_share_is_held_out_whatever_the_weights(fraction):
    weight = np.random.RandomState(2).rand(len(X))
    held_out = hold_out(contents_of(X, weight), fraction)
    assert held_out.sum() == np.ceil(fraction * len(X))
    shares = [
        contents.weight[hold_out(contents, fraction)].sum() / weight.sum()
        for contents in (contents_of(X, weight, seed=seed) for seed in range(50))
    ]
    assert np.mean(shares) == pytest.approx(held_out.mean(), rel=0.2)


def test_weights_are_split_as_repetitions_are():
    weighted = TrainingData(X, COUNTS / COUNTS.max(), total_weight=float(COUNTS.sum()))
    repeated = TrainingData(np.repeat(X, COUNTS, axis=0)[::-1].copy())
    for one, other in zip(weighted.split(0.1, 3), repeated.split(0.1, 3)):
        np.testing.assert_array_equal(
            np.unique(one.X[one.index], axis=0), np.unique(other.X[other.index], axis=0)
        )


def test_copies_are_on_one_side():
    train, valid = TrainingData(np.tile(X, (3, 1))).split(0.2, 0)
    assert len(valid) == 3 * 40
    assert not set(train.index.numpy() % 200) & set(valid.index.numpy() % 200)


def test_nothing_is_held_out_where_all_rows_are_equal():
    train, valid = TrainingData(np.ones((9, 2))).split(0.2, 0)
    assert (len(train), valid) == (9, None)
