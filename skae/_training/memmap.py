"""Ordered reads of rows of a large file that is mapped into memory (``np.memmap``).

The rows of a shuffled batch are scattered over the file, and each reads at least one page. The rows
of many batches are therefore read at once, in the order of their positions, and then permuted to
the order of the batches.
"""

import mmap

import numpy as np
import torch

#: Smallest size of a file in bytes whose rows are read in order.
LARGE_FILE = 2**28

#: Size of the rows in bytes that are read at once.
READ_BYTES = 2**26


def is_in_large_file(X):
    """Return whether the memory of an array is a large file that is mapped into memory."""
    memory = X
    while isinstance(memory, np.ndarray):
        memory = memory.base
    return isinstance(memory, mmap.mmap) and len(memory) >= LARGE_FILE


def read_in_file_order(X, parts):
    """Yield the rows of each batch, reading many batches at once.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        C-contiguous.
    parts : sequence of torch.Tensor
        Indices of the rows of each batch.

    Yields
    ------
    torch.Tensor of shape (n_rows, n_columns)
        The rows of one batch, in the order of its indices.
    """
    longest = max(map(len, parts))
    n_parts = max(1, READ_BYTES // (longest * max(1, X[:1].nbytes)))
    memory = np.empty((min(n_parts, len(parts)) * longest, *X.shape[1:]), X.dtype)
    for first in range(0, len(parts), n_parts):
        some = parts[first : first + n_parts]
        index, order = torch.cat(some).sort()
        rows = memory[: len(index)]
        np.take(X, index.numpy(), axis=0, out=rows, mode="clip")  # other modes buffer the output
        rows = torch.from_numpy(rows)
        for position in order.argsort().split([len(part) for part in some]):
            yield rows.index_select(0, position)
