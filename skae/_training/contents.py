"""Different samples among many: equal ones are found by a hash of their values."""

from typing import NamedTuple

import numpy as np

from skae._training.moments import blocks_of


class Contents(NamedTuple):
    """The different samples among some, in the order of their hashes.

    ``number`` has the number of the content of each sample. Each content has a hash (uint64), the
    position of its ``first`` sample, the sum of the weights of its samples, and a class, which is 0
    where there are no classes.
    """

    number: np.ndarray
    hashes: np.ndarray
    first: np.ndarray
    weight: np.ndarray
    classes: np.ndarray


def find_contents(X, index, weight, classes, seed):
    """Return the different samples among those of an index.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Samples, in float32 or float64.
    index : ndarray of shape (n_selected,)
        Which of them.
    weight : ndarray of shape (n_selected,) or None
        Their weights; None weighs all alike.
    classes : ndarray of shape (n_selected,) or None
        Numbers of their classes; samples of different classes are different.
    seed : int
        Determines the hashes, and so the order.

    Returns
    -------
    Contents
        In the order of their hashes.
    """
    hashes = _hash_rows(X, seed)[index]
    classes = np.zeros(len(index), np.int64) if classes is None else classes
    hashes = _mix(hashes + classes.astype(np.uint64))
    hashes, first, number = np.unique(hashes, return_index=True, return_inverse=True)
    weight = np.bincount(number, weight).astype(float)
    return Contents(number, hashes, first, weight, classes[first])


def hold_out(contents, fraction):
    """Return which contents to hold out: a share of them, in proportion to classes.

    Parameters
    ----------
    contents : Contents
        At least two.
    fraction : float in (0, 1)
        Share of the contents, whatever their weights: the expected share of the weight is the
        same. One content of each class is left, unless nothing would then be held out.

    Returns
    -------
    ndarray of bool of shape (n_contents,)
        True for those that are held out.
    """
    n_contents = len(contents.classes)
    order = np.argsort(contents.classes, kind="stable")
    classes = contents.classes[order]
    is_first = np.r_[True, classes[1:] != classes[:-1]]
    if is_first.all():  # one content per class
        is_first[0] = False
    others = order[~is_first]
    n_valid = min(len(others), int(np.ceil(fraction * n_contents)))
    # Every k-th of a list that is sorted by class, then by hash, selects the same share of each.
    held_out = np.zeros(n_contents, bool)
    held_out[others[((np.arange(n_valid) + 0.5) * len(others) / n_valid).astype(int)]] = True
    return held_out


def _hash_rows(X, seed):
    """Return a hash of each row: a random linear function of its bits, modulo 2**64."""
    bits = {4: np.uint32, 8: np.uint64}[X.itemsize]
    rng = np.random.default_rng(seed)
    factors = rng.integers(0, 2**63, X.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    hashes = np.empty(len(X), np.uint64)
    for block in blocks_of(X):
        rows = X[block] + X.dtype.type(0)  # -0.0 becomes 0.0
        # Mixed before they are added up, since values such as 1.0 have many bits of 0.
        words = _mix(rows.view(bits).astype(np.uint64) + factors)
        hashes[block] = words.sum(axis=1, dtype=np.uint64)
    return hashes


def _mix(words):
    """Return words with mixed bits, as the generator SplitMix64 does (Steele et al., 2014)."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
