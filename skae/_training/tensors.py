"""Tensors that share the memory of NumPy arrays."""

import numpy as np
import torch

TORCH_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def as_tensor(X):
    """Return a tensor that shares the memory of an array, read-only memory included.

    torch warns about read-only arrays, since tensors are writable. skae does not write to them, so
    the array is passed by an array interface that declares it writable.
    """
    shape = X.shape
    X = X.reshape(-1)  # the strides of an array of one row may be anything
    if X.flags.writeable:
        return torch.from_numpy(X).view(shape)
    interface = dict(X.__array_interface__)
    interface["data"] = (interface["data"][0], False)
    view = type("WritableView", (), {"__array_interface__": interface, "base": X})()
    return torch.from_numpy(np.asarray(view)).view(shape)
