"""Rows of one tensor: which count, how they are split, and batches of them."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch

from skae._files import FileRows, rows_in_file
from skae._runtime import as_tensor

#: Bytes of a large file's rows that are read at once.
READ_BYTES = 2**26


class Rows(NamedTuple):
    """Rows of one tensor: their weights, which of them count, and whether each pass shuffles.

    ``y`` are the numbers of their classes, where there are classes; ``counts`` are the numbers of
    rows of all ranks, where there are several; ``file`` are the rows as those of a large file,
    where they are in one.
    """

    X: torch.Tensor
    weight: torch.Tensor | None
    index: torch.Tensor
    shuffle: bool
    y: torch.Tensor | None = None
    counts: tuple[int, ...] | None = None
    file: FileRows | None = None


def make_rows(X, weight=None, shuffle=False):
    """Return the rows of an array that have weight, with their weights or None."""
    if weight is None:
        return Rows(as_tensor(X), None, torch.arange(len(X)), shuffle, file=rows_in_file(X))
    weight = torch.from_numpy(weight.astype(X.dtype))
    return Rows(as_tensor(X), weight, weight.nonzero().ravel(), shuffle, file=rows_in_file(X))


def batch_slices(n_rows, batch_size, counts=None):
    """Return slices of nearly equal length, none longer than ``batch_size``.

    With the numbers of rows of several ranks, they are parts of batches of all the rows.

    Equal lengths leave no small last batch: its gradient is noisy, batch normalisation has
    no variance of a single row, and matrix products of a few rows round differently with
    another number of threads. A batch of one row is made only if there is no other way; an odd
    number of rows in pairs has one batch of three.
    """
    counts = counts or (n_rows,)
    n_batches = -(-sum(counts) // batch_size)
    if batch_size > 1:
        n_batches = max(1, min(n_batches, sum(counts) // 2))
    n_batches = min(n_batches, *counts, n_rows)
    bounds = [n_rows * i // n_batches for i in range(n_batches + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def split_rows(rows, fraction, generator):
    """Split rows at random into those to train on and those to validate on.

    Parameters
    ----------
    rows : Rows
        At least 2.
    fraction : float in (0, 1)
        Share of the rows to validate on, rounded up; one row at least is left to train on.
    generator : torch.Generator
        Draws the split.

    Returns
    -------
    rows, valid : Rows
        Two views of the same tensor.

    Raises
    ------
    ValueError
        If there is one row only.
    """
    check_can_split(rows)
    n_samples = len(rows.index)
    n_valid = min(n_samples - 1, int(np.ceil(fraction * n_samples)))
    index = rows.index[torch.randperm(n_samples, generator=generator)]
    return rows._replace(index=index[n_valid:]), rows._replace(index=index[:n_valid], shuffle=False)


def check_can_split(rows):
    """Raise an error if there is one row only."""
    if len(rows.index) < 2:
        raise ValueError(
            f"early_stopping=True needs rows to train on and rows to validate on, got "
            f"n_samples={len(rows.index)}. Pass more rows or set early_stopping=False."
        )


def split_classes(rows, fraction, generator):
    """Split rows of classes as :func:`split_rows` does, with each class on both sides if it can be.

    Classes are held out in proportion to their rows. One row of each is left to train on, unless
    no row would then be held out. The rows need ``y``; all else is as there.
    """
    check_can_split(rows)
    n_samples = len(rows.index)
    index = rows.index[torch.randperm(n_samples, generator=generator)]
    y, order = rows.y[index].sort(stable=True)
    index = index[order]
    is_first = torch.ones(n_samples, dtype=torch.bool)  # of its class
    is_first[1:] = y[1:] != y[:-1]
    if is_first.all():
        is_first[torch.randint(n_samples, (1,), generator=generator)] = False
    others = index[~is_first]
    n_valid = min(len(others), int(np.ceil(fraction * n_samples)))
    # Every k-th row of a list that is sorted by class takes the same share of each.
    start = torch.rand(1, generator=generator, dtype=torch.float64)
    held_out = ((torch.arange(n_valid) + start) * len(others) / n_valid).long()
    is_valid = torch.zeros(len(others), dtype=torch.bool)
    is_valid[held_out] = True
    left = torch.cat([index[is_first], others[~is_valid]])
    return rows._replace(index=left), rows._replace(index=others[is_valid], shuffle=False)


class Batches:
    """Slices of one tensor, as rows, weights and, if there are any, classes; the net's iterator.

    Parameters
    ----------
    dataset : Rows
        The rows.
    batch_size : int
        Rows per batch.
    generator : torch.Generator
        Draws the order of the rows where they are to be shuffled.
    dtype, device : torch.dtype, torch.device
        Of the batches.
    """

    def __init__(self, dataset, batch_size, generator, dtype, device):
        self.dataset = dataset
        self.generator = generator
        self.to = {"dtype": dtype, "device": torch.device(device)}
        self.slices = batch_slices(len(dataset.index), batch_size, dataset.counts)

    def __len__(self):
        return len(self.slices)

    def __iter__(self):
        X, weight, index, shuffle, y, _, file = self.dataset
        if shuffle:
            index = index[torch.randperm(len(index), generator=self.generator)]
        index = index.to(X.device)
        parts = index.split([rows.stop - rows.start for rows in self.slices])
        read = (X.index_select(0, rows) for rows in parts) if file is None else _read(file, parts)
        for rows, values in zip(parts, read):
            batch = (
                self._on_device(values),
                None if weight is None else self._on_device(weight.index_select(0, rows)),
            )
            yield batch if y is None else (*batch, y[rows].to(self.to["device"]))

    def _on_device(self, values):
        """Return values where and as they are computed with; a GPU fetches them meanwhile."""
        if self.to["device"].type == "cuda" and values.device.type == "cpu":
            values = values.pin_memory()
        return values.to(**self.to, non_blocking=True)


def _read(file, parts):
    """Yield the rows of each batch; those of many are read at once, in the order of the file."""
    longest = max(map(len, parts))
    n_parts = max(1, READ_BYTES // (longest * file.n_bytes))
    memory = np.empty((min(n_parts, len(parts)) * longest, *file.X.shape[1:]), file.X.dtype)
    for first in range(0, len(parts), n_parts):
        some = parts[first : first + n_parts]
        numbers, order = torch.cat(some).sort()
        X = torch.from_numpy(file.take(numbers.numpy(), out=memory[: len(numbers)]))
        for place in order.argsort().split([len(rows) for rows in some]):
            yield X.index_select(0, place)
