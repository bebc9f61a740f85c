"""Initial weights."""

import math
from functools import partial

import torch
from torch import nn

from skae._names import resolve_name
from skae.modules.layers import CONVOLUTIONS, TRANSPOSED_CONVOLUTIONS, Transposed

#: Recurrent layers by name.
CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}

#: Distributions of initial weights by name.
WEIGHT_INITS = {
    "kaiming_normal": nn.init.kaiming_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}


def initialize(module, weight_init, activation):
    """Draw the initial weights of every layer that has a weight matrix, in place."""
    if isinstance(weight_init, str) and weight_init != "auto":
        draw = resolve_name("weight_init", weight_init, WEIGHT_INITS)
    elif not isinstance(weight_init, str):
        draw = partial(nn.init.normal_, std=float(weight_init))
    for layer in module.modules():
        if not isinstance(layer, (nn.Linear, Transposed, *CONVOLUTIONS, *CELLS.values())):
            continue
        if isinstance(layer, tuple(CELLS.values())):
            _initialize_cell(layer, None if weight_init == "auto" else draw)
            continue
        if weight_init == "auto":
            draw = _auto_init(layer, activation)
        if draw is None:
            continue
        for name, weight in layer.named_parameters():
            nn.init.zeros_(weight) if "bias" in name else draw(weight)


def _initialize_cell(cell, draw):
    """Draw the weights of a recurrent layer.

    If ``draw`` is None, the matrices of each gate are orthogonal from state to state, so that
    signals keep their size over many steps, and Xavier's uniform from inputs to states. The
    forget gates of an LSTM start open, with a bias of 1: what is in its memory lasts for more
    than a few steps (Jozefowicz et al., 2015). Other biases start at 0.
    """
    with torch.no_grad():
        for name, weight in cell.named_parameters():
            if "bias" in name:
                weight.zero_()
                if isinstance(cell, nn.LSTM) and "bias_ih" in name:  # input, forget, cell, output
                    weight[cell.hidden_size : 2 * cell.hidden_size] = 1
            elif draw is not None:
                draw(weight)
            else:
                draw_gate = nn.init.orthogonal_ if "weight_hh" in name else nn.init.xavier_uniform_
                for gate in weight.split(cell.hidden_size):
                    draw_gate(gate)


def _auto_init(layer, activation):
    """Return a function that draws the weights of a layer, or None for torch's default.

    Sigmoids need larger weights than other activations: their slope is a quarter of that of tanh,
    so that signals vanish from layer to layer. SELU's self-normalisation assumes LeCun's variance
    of 1 / (number of inputs). It is used for convolutions, too, with the number of inputs of
    transposed ones counted right: each output has inputs from every stride-th position of the
    kernel only.
    """
    if activation == "sigmoid":
        return partial(nn.init.xavier_uniform_, gain=2.0)
    if activation != "selu" and not isinstance(layer, CONVOLUTIONS):
        return None
    if isinstance(layer, Transposed):
        return nn.init.zeros_  # it has a bias only
    n_inputs = layer.weight[0].numel()
    if isinstance(layer, TRANSPOSED_CONVOLUTIONS):
        n_inputs = len(layer.weight) * layer.weight[0, 0].numel() / math.prod(layer.stride)
    return partial(nn.init.normal_, std=n_inputs**-0.5)
