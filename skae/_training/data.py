"""Training data: samples with weights and classes, their moments, splits and batches."""

import copy
from itertools import pairwise

import numpy as np
import torch

from skae._training.contents import find_contents, hold_out
from skae._training.devices import fits_in_memory
from skae._training.distributed import Group
from skae._training.memmap import is_in_large_file, read_in_file_order
from skae._training.moments import BLOCK_ELEMENTS, blocks_of, column_means, column_variances
from skae._training.principal_axes import coordinates
from skae._training.tensors import as_tensor

#: Number of samples from which the spread of X is estimated and dead latent codes are detected.
SAMPLE_ROWS = 2048

#: Bytes of coordinates up to which they are computed once instead of for each batch.
MOST_COPIED_BYTES = 2**28


class TrainingData:
    """Samples that a network is trained on or evaluated on.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        C-contiguous, float32 or float64; may be a file that is mapped into memory.
    weight : ndarray of shape (n_samples,) or None, default=None
        Weight of each sample in float64; samples of weight 0 are not trained on. None weighs all
        alike.
    classes : ndarray of shape (n_samples,) or None, default=None
        Number of the class of each sample, where there are classes.
    n_rows : int or None, default=None
        Number of samples of all processes of the group, whatever their weights. None is that of X.
    total_weight : float or None, default=None
        Sum of the weights as the user gave them, over all processes of the group. None is the
        number of samples.
    group : Group, default=Group()
        The processes that share the training, each with samples of its own.

    Attributes
    ----------
    index : torch.Tensor of shape (n_selected,)
        The samples that are trained on, a subset after ``split``.
    """

    def __init__(self, X, weight=None, classes=None, n_rows=None, total_weight=None, group=None):
        self.X, self.weight = X, weight
        self.n_rows = len(X) if n_rows is None else n_rows
        self.total_weight = float(len(X)) if total_weight is None else total_weight
        self.group = Group() if group is None else group
        self._rows = as_tensor(X)
        self._weight = None if weight is None else torch.from_numpy(weight.astype(X.dtype))
        self._classes = None if classes is None else torch.from_numpy(classes.astype(np.int64))
        self.index = torch.arange(len(X)) if weight is None else self._weight.nonzero().ravel()
        self._n_selected_of_ranks = None  # until prepare
        self._mean = None  # until it is computed
        self._transform = None

    def __len__(self):
        return len(self.index)

    def over_group(self, mean):
        """Return the weighted mean over all processes of a mean over the samples of this one."""
        return self.group.average(mean, len(self.X) if self.weight is None else self.weight.sum())

    def mean(self):
        """Return the weighted mean of each column, over all processes of the group."""
        if self._mean is None:
            self._mean = self.over_group(column_means(self.X, self.weight))
        return self._mean

    def variances(self, center):
        """Return each column's weighted mean square around ``center``, over the group."""
        return self.over_group(column_variances(self.X, center, self.weight))

    def spread(self, center):
        """Return the standard deviation of all elements around their column's center; 1 if none.

        Only its order of magnitude matters, so it is estimated from a few thousand samples.
        """
        some = self._sample()
        weight = None if self.weight is None else self.weight[some]
        spread = np.sqrt(column_variances(self.X[some], center, weight).mean())
        return np.sqrt(self.over_group((spread if spread > 0 else 1.0) ** 2))

    def sample(self):
        """Return at most ``SAMPLE_ROWS`` samples of positive weight, evenly spaced."""
        return self.X[self._sample()]

    def _sample(self):
        index = np.arange(len(self.X)) if self.weight is None else np.flatnonzero(self.weight)
        return index[:: -(-len(index) // SAMPLE_ROWS)]

    def with_rows(self, X):
        """Return the same samples with other columns."""
        other = copy.copy(self)
        other.X, other._rows, other._transform = X, as_tensor(X), None
        other._mean = None
        return other

    def split(self, fraction, seed):
        """Split into samples to train on and samples to validate on, by their content.

        Equal samples are always on the same side, so that no sample is validated on copies of
        itself, and a sample of weight 2 is split like two samples.

        Parameters
        ----------
        fraction : float in (0, 1)
            Share of the samples to validate on; at least one is left to train on. Classes are
            held out in proportion; one sample of each is left to train on, unless nothing would
            then be held out.
        seed : int
            Determines the split, together with the samples.

        Returns
        -------
        train, valid : TrainingData
            Two selections of the same samples; ``valid`` is None if all samples are equal.

        Raises
        ------
        ValueError
            If there is one sample only.
        """
        if len(self) < 2:
            raise ValueError(
                "early_stopping=True needs rows to train on and rows to validate on, got "
                f"n_samples={len(self)}. Pass more rows or set early_stopping=False."
            )
        contents = self.contents(seed)
        if len(contents.weight) == 1:
            return self, None
        if self.group.size > 1:  # the same side on all processes
            is_valid = contents.hashes < fraction * 2.0**64
            if is_valid.all() or not is_valid.any():
                is_valid = hold_out(contents, fraction)
        else:
            is_valid = hold_out(contents, fraction)
        is_valid = torch.from_numpy(is_valid[contents.number])
        return self.select(self.index[~is_valid]), self.select(self.index[is_valid])

    def projected(self, center, axes, scale):
        """Return the data with the coordinates of the samples along axes as their columns.

        Coordinates of large data are computed for each batch, without a copy of the data.
        """
        other = copy.copy(self)
        n_bytes = len(self.X) * len(axes) * self.X.itemsize
        if n_bytes > MOST_COPIED_BYTES:
            center, axes = (torch.from_numpy(part.astype(self.X.dtype)) for part in (center, axes))
            other._transform = lambda rows: ((rows - center) @ axes.t()).div_(scale)
            return other
        T = np.empty((len(self.X), len(axes)), self.X.dtype)
        for block in blocks_of(self.X):
            T[block] = coordinates(self.X[block], center, axes, scale)
        return other.with_rows(T)

    def limits(self):
        """Return the smallest and the largest value of each column of the selected samples."""
        index = self.index.to(self._rows.device)
        lows, highs = [], []
        for part in index.split(max(1, BLOCK_ELEMENTS // self._rows.shape[1])):
            rows = self._rows.index_select(0, part)
            rows = rows if self._transform is None else self._transform(rows)
            lows.append(rows.amin(dim=0))
            highs.append(rows.amax(dim=0))
        return torch.stack(lows).amin(dim=0), torch.stack(highs).amax(dim=0)

    def contents(self, seed):
        """Return the different samples among the selected ones, in an order of the seed."""
        classes = None if self._classes is None else self._classes[self.index].cpu().numpy()
        weight = None if self.weight is None else self.weight[self.index.cpu().numpy()]
        return find_contents(self.X, self.index.cpu().numpy(), weight, classes, seed)

    def given_weight(self):
        """Return the weights of the selected samples as the user gave them, or None."""
        if self.weight is None:
            return None
        return self.weight[self.index.numpy()] * (self.total_weight / self.weight.sum())

    def select(self, index):
        """Return a selection of the same samples by their index."""
        other = copy.copy(self)
        other.index = index
        return other

    def prepare(self, device):
        """Return the data ready for ``batches``: on the device, if it fits in its memory."""
        other = copy.copy(self)
        other._n_selected_of_ranks = tuple(self.group.gather(len(self)))
        if fits_in_memory(self.X.nbytes, device):
            for name in ("_rows", "_weight", "_classes"):
                if getattr(self, name) is not None:
                    setattr(other, name, getattr(self, name).to(device))
        return other

    def n_batches(self, batch_size):
        """Return the number of batches of one pass over the data of all processes."""
        return len(batch_slices((sum(self.group.gather(len(self))),), batch_size))

    def batches(self, batch_size, dtype, device, generator=None):
        """Return an iterable over batches; shuffled by the generator if there is one.

        Parameters
        ----------
        batch_size : int
            Samples per batch, at most.
        dtype, device : torch.dtype, torch.device
            Dtype and device of the batches.
        generator : torch.Generator or None, default=None
            Draws the order of the samples; None keeps their order.

        Returns
        -------
        Batches
            Iterates over tuples of rows, weights or None, and classes, if there are any.
        """
        return Batches(self, batch_size, dtype, device, generator)


class Batches:
    """One pass over the batches of a :class:`TrainingData`, whose parameters it has."""

    def __init__(self, data, batch_size, dtype, device, generator):
        self.data = data
        self.generator = generator
        self.to = {"dtype": dtype, "device": torch.device(device)}
        slices = batch_slices(data._n_selected_of_ranks or (len(data),), batch_size, len(data))
        self.sizes = [batch.stop - batch.start for batch in slices]

    def __len__(self):
        return len(self.sizes)

    def __iter__(self):
        data, index = self.data, self.data.index
        if self.generator is not None:
            index = index[torch.randperm(len(index), generator=self.generator)]
        parts = index.to(data._rows.device).split(self.sizes)
        for part, rows in zip(parts, self._read(parts)):
            weight = None
            if data._weight is not None:
                weight = self._on_device(data._weight.index_select(0, part))
            batch = self._on_device(rows), weight
            if data._classes is not None:
                batch = (*batch, data._classes[part].to(self.to["device"]))
            yield batch

    def _read(self, parts):
        rows = self.data._rows
        transform = self.data._transform
        if rows.device.type == "cpu" and is_in_large_file(self.data.X):
            return read_in_file_order(self.data.X, parts)
        if transform is not None:
            return (transform(rows.index_select(0, part)) for part in parts)
        return (rows.index_select(0, part) for part in parts)

    def _on_device(self, values):
        """Return values in the dtype and on the device of the computation.

        A GPU copies them while it computes.
        """
        if self.to["device"].type == "cuda" and values.device.type == "cpu":
            values = values.pin_memory()
        return values.to(**self.to, non_blocking=True)


def batch_slices(n_rows_of_ranks, batch_size, n_rows=None):
    """Return slices of nearly equal length, none longer than ``batch_size``.

    With several processes, each batch consists of an equal part of the rows of each.

    Equal lengths avoid a small last batch: its gradient is noisy, batch normalisation has no
    variance of a single row, and matrix products of a few rows round differently with another
    number of threads. A batch of one row is made only if unavoidable; an odd number of rows in
    pairs has one batch of three.

    Parameters
    ----------
    n_rows_of_ranks : tuple of int
        Numbers of rows of all processes.
    batch_size : int
        Rows per batch of all processes together.
    n_rows : int or None, default=None
        Number of rows of this process, over which the slices go. None is the first of
        ``n_rows_of_ranks``.
    """
    n_rows = n_rows_of_ranks[0] if n_rows is None else n_rows
    total = sum(n_rows_of_ranks)
    n_batches = -(-total // batch_size)
    if batch_size > 1:
        n_batches = max(1, min(n_batches, total // 2))
    n_batches = min(n_batches, *n_rows_of_ranks, n_rows)
    bounds = [n_rows * i // n_batches for i in range(n_batches + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]
