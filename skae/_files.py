"""Rows of a file that is mapped into memory (``np.memmap``), without keeping what was read.

Pages of a mapped file count as memory of the process from their first use on, until the system
wants them back: reading a file once makes the process as large as the file. Here they are given
back behind the reader. They stay in the system's cache, so that reading them again is cheap.
"""

import math
import mmap
from contextlib import suppress

import numpy as np
from sklearn.utils import gen_batches

#: Bytes of a file from which on its pages are given back.
LARGE_FILE = 2**28

#: Bytes that the first use of a page may bring in, with those around it.
AROUND = 2**21

#: Rows read at random between two times of giving back: up to 256 MB of pages.
ROWS_AT_RANDOM = 128


class FileRows:
    """The rows of an array that is a part of a mapped file.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
        C-contiguous.
    mapping : mmap.mmap
        What its memory is.
    """

    def __init__(self, X, mapping):
        self.X = X
        self.mapping = mapping
        self.n_bytes = X.itemsize * math.prod(X.shape[1:])
        self.start = _address(X) - _address(np.frombuffer(mapping, np.uint8))

    def give_back(self, start, stop):
        """Let the process lose its hold of the pages of some rows in succession."""
        start = (self.start + start * self.n_bytes) // AROUND * AROUND
        stop = -(-(self.start + stop * self.n_bytes) // AROUND) * AROUND
        with suppress(OSError):  # pages that are locked in memory stay there
            self.mapping.madvise(mmap.MADV_DONTNEED, start, min(stop, len(self.mapping)) - start)

    def take(self, index, out=None):
        """Return the rows of an ascending index, and give their pages back.

        Parameters
        ----------
        index : ndarray of shape (n_taken,)
            Numbers of rows.
        out : ndarray of shape (n_taken, n_columns) or None, default=None
            Where to write them.

        Returns
        -------
        ndarray of shape (n_taken, n_columns)
            A copy.
        """
        out = np.empty((len(index), *self.X.shape[1:]), self.X.dtype) if out is None else out
        for some in gen_batches(len(index), ROWS_AT_RANDOM):
            np.take(self.X, index[some], axis=0, out=out[some], mode="clip")  # or it buffers
            self.give_back(index[some][0], index[some][-1] + 1)
        return out


def rows_in_file(X):
    """Return the rows of an array as those of a file, or None if they are in none that is large."""
    memory, is_shared = X, False
    while isinstance(memory, np.ndarray):
        # Not "c": the changes in a private copy of a file are in no file, and would be lost.
        is_shared |= isinstance(memory, np.memmap) and memory.mode in ("r", "r+", "w+")
        memory = memory.base
    if not (is_shared and isinstance(memory, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED")):
        return None
    return FileRows(X, memory) if len(memory) >= LARGE_FILE else None


def take(X, index):
    """Return the rows of an array for an ascending index."""
    rows = rows_in_file(X)
    return X[index] if rows is None else rows.take(index)


def _address(X):
    return X.__array_interface__["data"][0]
