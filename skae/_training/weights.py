"""Weights of networks as NumPy arrays: reading, checking and setting them."""

import math
from contextvars import ContextVar

import numpy as np
import torch

from skae._training.tensors import TORCH_DTYPES, as_tensor
from skae.modules import CELLS, CONVOLUTIONS, ConvAutoencoder, RecurrentAutoencoder, list_layers

#: Largest number of elements that a network from a file may need for a row: 268 MB in float64.
MAX_ACTIVATIONS = 2**25

#: Classes of recurrent layers.
CELL_TYPES = tuple(CELLS.values())

#: Smallest number of elements that torch allocates for a step of a recurrent layer.
STEP_NUMBERS = 512

#: Whether the network that is restored comes from an untrusted file.
in_file = ContextVar("in_file", default=False)


def get_weights(module):
    """Return the weights and buffers of a module as a dict of NumPy arrays."""
    return {name: value.cpu().numpy() for name, value in module.state_dict().items()}


def set_weights(module, weights):
    """Set the weights, buffers and dtype of a module from NumPy arrays."""
    state = {name: as_tensor(np.asarray(value)) for name, value in weights.items()}
    floating = next(value.dtype for value in state.values() if value.is_floating_point())
    module.to(floating).load_state_dict(state)
    module.eval()


def dtype_of(module):
    """Return the NumPy dtype in which a module computes."""
    floating = (weight for weight in module.parameters() if weight.is_floating_point())
    return next(floating).detach().cpu().numpy().dtype


def restore_module(build, weights, n_layers):
    """Return a network of ``skae.modules`` with given weights, whose shapes must match.

    It is built on torch's meta device, where weights take no memory. Memory is allocated only when
    its shapes are known to be those of the weights, so that sizes in a file cannot request more
    memory than its weights take.

    Parameters
    ----------
    build : callable
        Returns a network of ``skae.modules``.
    weights : dict of ndarray
        As returned by :func:`get_weights`.
    n_layers : int
        Largest number of layers that the parameters mean; each has a weight.

    Returns
    -------
    torch.nn.Module
        The network, in the dtype of the weights, on the CPU.

    Raises
    ------
    ValueError
        If names, shapes or dtypes are not those of the network, if a weight is not finite, or if
        it comes from a file and needs more than ``MAX_ACTIVATIONS`` numbers per row.
    """
    if n_layers > len(weights):
        raise ValueError(f"there are {len(weights)} weights for {n_layers} layers.")
    with torch.device("meta"):
        module = build()
        expected = module.state_dict()
        if in_file.get():
            layers = []
            if isinstance(module, ConvAutoencoder):
                layers = list_layers(module, torch.zeros(2, expected["shift"].numel()))
            check_activations(module, layers)
    if set(expected) != set(weights):
        differing = sorted(set(expected) ^ set(weights))[:4]
        raise ValueError(f"the weights are not those of {type(module).__name__}: {differing}.")
    dtypes = {value.dtype for value in weights.values()}
    if len(dtypes) > 1 or not dtypes <= {np.dtype(name) for name in TORCH_DTYPES}:
        raise ValueError(f"the weights are {sorted(map(str, dtypes))}, not all float32 or float64.")
    for name, value in expected.items():
        if weights[name].shape != tuple(value.shape):
            raise ValueError(
                f"weight {name} has the shape {weights[name].shape} instead of "
                f"{tuple(value.shape)}."
            )
        if not np.isfinite(weights[name]).all():
            raise ValueError(f"weight {name} is not finite.")
    module.to_empty(device="cpu")
    set_weights(module, weights)
    return module


def check_activations(module, layers):
    """Raise an error if a network needs far more memory for a row than its weights take.

    The outputs of all layers count, which a gradient needs at the same time, and the largest
    matrix of the patches under the kernel of a convolution, which torch allocates in float64.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    layers : list of Layer
        As :func:`skae.modules.list_layers` returns them; not needed for a recurrent network, which
        is slow to run on torch's meta device.

    Raises
    ------
    ValueError
        If it is more than ``MAX_ACTIVATIONS`` numbers.
    """
    n_numbers = sum(math.prod(layer.shape) for layer in layers)
    if isinstance(module, RecurrentAutoencoder):
        cells = [cell for cell in module.encoder.modules() if isinstance(cell, CELL_TYPES)]
        n_states = sum(max(cell.hidden_size, STEP_NUMBERS) for cell in cells)
        n_numbers = len(module.encoder[1].shift) * n_states
    elif isinstance(module, ConvAutoencoder):
        kernels = [layer.weight for layer in module.modules() if isinstance(layer, CONVOLUTIONS)]
        products = [layer.n_products for layer in layers if "Conv" in layer.name]
        n_numbers += max(n // len(kernel) for n, kernel in zip(products, kernels))
    if n_numbers > MAX_ACTIVATIONS:
        raise ValueError(
            f"its layers need {n_numbers:,} numbers per row, more than {MAX_ACTIVATIONS:,}: such "
            "a network can be pickled only."
        )
