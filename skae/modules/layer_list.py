"""The list of the layers of a network."""

import copy
from typing import NamedTuple

import torch

from skae.modules.layers import CONVOLUTIONS, TRANSPOSED_CONVOLUTIONS


class Layer(NamedTuple):
    """A layer of a network, with the shape of its output for one row."""

    part: str
    name: str
    shape: tuple
    n_weights: int
    n_products: int


def list_layers(module, X, parts=("encode", "decode")):
    """Apply a network to rows and list its layers in the order of computation.

    Parameters
    ----------
    module : torch.nn.Module
        The network; a copy that shares its weights is applied.
    X : torch.Tensor of shape (n_rows, n_features)
        Rows; their values do not matter.
    parts : tuple of str, default=("encode", "decode")
        Methods of the network that are applied one after the other.

    Returns
    -------
    list of Layer
        For each layer, its part, the name of its class, the shape of its output for one row, its
        number of weights, and the number of multiplications of weights for one row, which is
        larger for convolutions and recurrent layers.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import MLPAutoencoder, list_layers
    >>> module = MLPAutoencoder(n_features=64, n_components=2, hidden_layer_sizes=())
    >>> layers = list_layers(module, torch.zeros(1, 64))
    >>> [(layer.part, layer.shape, layer.n_weights) for layer in layers]
    [('encode', (2,), 130), ('decode', (64,), 192)]
    """
    layers = []

    def note(layer, inputs, output):
        output = output[0] if isinstance(output, tuple) else output
        if not isinstance(output, torch.Tensor):
            return  # a layer of the user with another kind of output
        n_weights = sum(weight.numel() for weight in layer.parameters())
        # Each weight is used once for each position of an image or step of a sequence.
        values = inputs[0] if isinstance(layer, TRANSPOSED_CONVOLUTIONS) else output
        channel_axis = 1 if isinstance(layer, CONVOLUTIONS) else -1
        n_positions = values.numel() // max(1, values.shape[channel_axis] * len(X))
        n_products = n_positions * n_weights
        shape = tuple(output.shape[1:])
        layers.append(Layer(part, type(layer).__name__, shape, n_weights, n_products))

    # On a copy: hooks that an interruption left behind would stay in the network.
    weights = {id(weight): weight for weight in (*module.parameters(), *module.buffers())}
    module = copy.deepcopy(module, weights).eval()
    for layer in module.modules():
        if not any(True for _ in layer.children()):
            layer.register_forward_hook(note)
    with torch.no_grad():
        for part in parts:
            X = getattr(module, part)(X)
    return layers
