"""The profile of a network, and its application to many rows in batches."""

import copy
from contextlib import nullcontext

import numpy as np
import torch
from torch import nn

from skae._training.data import batch_slices
from skae._training.devices import is_out_of_memory
from skae._training.random_state import draws_from, make_generator
from skae._training.tensors import as_tensor
from skae._training.threads import limit_threads
from skae.modules import (
    BatchNorm,
    Classifier,
    keeps_units,
    list_layers,
)

#: Elements of the widest layer per batch of inference: large enough for full speed, 4 MB in
#: float32.
INFERENCE_ELEMENTS = 2**20


class NetworkProfile:
    """Properties of a network that training and inference depend on.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    n_features : int
        Number of columns of its input.
    parts : tuple of str
        Methods of the network that are applied one after the other.

    Attributes
    ----------
    layers : list of skae.modules.Layer
        In the order of computation.
    batch_norms : list of skae.modules.BatchNorm
        Layers that depend on sample weights.
    may_draw : bool
        Whether the network may draw random numbers.
    n_products : int
        Multiplications of weights for one row.
    width : int
        Number of elements of the widest layer for one row.
    """

    def __init__(self, module, n_features, parts):
        weight = next(module.parameters())
        with draws_from(make_generator(0, weight.device)):
            X = torch.zeros(2, n_features, dtype=weight.dtype, device=weight.device)
            self.layers = list_layers(module, X, parts)
        self.batch_norms = [layer for layer in module.modules() if isinstance(layer, BatchNorm)]
        self.may_draw = may_draw(module)
        # A module of the user may have weights outside layers: each is used at least once.
        n_weights = sum(weight.numel() for weight in module.parameters())
        self.n_products = max(n_weights, sum(layer.n_products for layer in self.layers))
        self.width = max([n_features, *(int(np.prod(layer.shape)) for layer in self.layers)])


def apply_in_batches(module, method, X, profile):
    """Apply a method of a network to the rows of an array, in batches of bounded memory.

    Computes in the wider dtype of network and X, so that float64 rows keep their precision in the
    codes of a float32 network.

    Parameters
    ----------
    module : torch.nn.Module
        The network, which is set to evaluation mode.
    method : str
        Name of the method, such as "encode".
    X : ndarray of shape (n_samples, n_columns), float32 or float64
        The rows.
    profile : NetworkProfile
        Of the network.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs)
        In the dtype of X.

    Raises
    ------
    MemoryError
        If memory does not suffice for a batch; batches are then divided by four, down to single
        rows.
    ValueError
        If a result is not finite.
    """
    rows, weight = as_tensor(X), next(module.parameters())
    dtype = torch.promote_types(weight.dtype, rows.dtype)
    if dtype != weight.dtype:
        module = copy.deepcopy(module).to(dtype)
    batch_size = max(1, min(len(X), INFERENCE_ELEMENTS // profile.width))
    copies = not keeps_units(module)  # a module of the user might write to its input
    draws = draws_from(make_generator(0, weight.device)) if profile.may_draw else nullcontext()
    function, output, start = getattr(module.eval(), method), None, 0
    with torch.inference_mode(), limit_threads(profile.n_products, batch_size), draws:
        while start < len(X):
            # Batches of equal length, so that none consists of a few rows.
            batch = batch_slices((len(X) - start,), batch_size)[0]
            batch = slice(start, start + batch.stop)
            try:
                values = function(rows[batch].to(weight.device, dtype, copy=copies))
                values = values.cpu().numpy()
                if output is None:
                    output = np.empty((len(X), values.shape[1]), X.dtype)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if batch_size == 1:
                    raise MemoryError(
                        f"There is not enough memory to {method} {len(X)} rows of {X.shape[1]} "
                        f"columns, not even one at a time, on device={weight.device.type!r}: "
                        f"{error}. Pass fewer rows at once, or free memory."
                    ) from error
                batch_size = max(1, batch_size // 4)
                continue
            with np.errstate(over="ignore"):  # an overflow is an error below
                output[batch] = values
            if not np.isfinite(output[batch]).all():
                raise ValueError(
                    f"{method} returned values that are not finite for rows with absolute values "
                    f"up to {np.abs(X[batch]).max():.3g}. Rows should be like those of fit: check "
                    "X for outliers, and its units."
                )
            start = batch.stop
    return output


def may_draw(module):
    """Return whether a network may draw random numbers; networks of other libraries may."""
    if isinstance(module, Classifier):
        return module.encoder is not None and may_draw(module.encoder)
    is_known = type(module).__module__.startswith("skae.modules.")
    return not is_known or any(isinstance(layer, nn.Dropout) for layer in module.modules())


def summarize(profile, module):
    """Return a table of the layers of a network: shapes of one row's outputs, numbers of weights.

    Parameters
    ----------
    profile : NetworkProfile
        Of the network.
    module : torch.nn.Module
        The network.

    Returns
    -------
    str
        One line per layer, and a line with the total number of weights.
    """
    rows = [("part", "layer", "output", "weights")]
    rows += [
        (layer.part, layer.name, " x ".join(map(str, layer.shape)), f"{layer.n_weights:,}")
        for layer in profile.layers
    ]
    n_weights = sum(weight.numel() for weight in module.parameters())
    rows.append(("", "total", "", f"{n_weights:,}"))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if i == 3 else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths))
        )
        for row in rows
    )
