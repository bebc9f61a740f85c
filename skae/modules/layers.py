"""Layers of the networks, and the sequences they are built of."""

import torch
from torch import nn
from torch.nn import functional as F

from skae._names import resolve_name

#: Activations by name; each value builds a new module, so that none is shared.
ACTIVATIONS = {
    "identity": nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

#: Layers whose channels are the second axis.
TRANSPOSED_CONVOLUTIONS = (nn.ConvTranspose1d, nn.ConvTranspose2d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, *TRANSPOSED_CONVOLUTIONS)


class Transposed(nn.Module):
    """A linear layer with the transposed weight of another layer and its own bias.

    Parameters
    ----------
    source : torch.nn.Linear
        The layer whose weight is shared. The weight is a parameter of that layer only: counted,
        saved and initialised once.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import Transposed
    >>> layer = Transposed(torch.nn.Linear(5, 2))
    >>> layer(torch.ones(3, 2)).shape, [name for name, _ in layer.named_parameters()]
    (torch.Size([3, 5]), ['bias'])
    """

    def __init__(self, source):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(source.in_features))
        self._source = (source,)  # in a tuple, so that it is not a submodule of this one

    def forward(self, inputs):
        """Apply the transposed layer."""
        return F.linear(inputs, self._source[0].weight.t(), self.bias)


class BatchNorm(nn.Module):
    """Batch normalisation with sample weights (Ioffe & Szegedy, 2015).

    In training, each column is scaled to mean 0 and variance 1 over the batch, where a row of
    weight 2 counts as two rows. In evaluation, and for a single row, running averages replace
    mean and variance of the batch. A learned slope and offset follow. Of maps, with the shape
    (batch, channels, ...), each channel is scaled so, over the batch and all positions.

    Parameters
    ----------
    width : int
        Number of columns or channels.
    momentum : float in (0, 1], default=0.1
        Weight of each batch in the running averages: larger adapts faster.
    eps : float, default=1e-5
        Added to variances.

    Attributes
    ----------
    momentum, eps : float
        As given.
    weight, bias : torch.nn.Parameter of shape (width,)
        Slope and offset of each column.
    running_mean, running_var : torch.Tensor of shape (width,)
        Running averages, buffers; the variance is the biased one.
    row_weight : torch.Tensor of shape (batch,) or None
        Weights of the rows of the batch, set by the training loop; None weighs all alike.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import BatchNorm
    >>> output = BatchNorm(3)(torch.rand(50, 3))
    >>> output.mean(dim=0).abs().max().item() < 1e-5
    True
    """

    def __init__(self, width, momentum=0.1, eps=1e-5):
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))
        self.row_weight = None  # set by the training loop

    def forward(self, inputs):
        """Normalise a batch, in the precision of the weights."""
        inputs = inputs.to(self.weight.dtype)
        shape = (-1, *(1,) * (inputs.ndim - 2))  # of what belongs to the columns or channels
        if not self.training or len(inputs) < 2:  # one row has no variance
            mean, variance = self.running_mean, self.running_var
        else:
            share = inputs.new_ones(len(inputs)) if self.row_weight is None else self.row_weight
            share = (share / (share.sum() * inputs[0, 0].numel())).view(-1, 1, *shape[1:])
            axes = [axis for axis in range(inputs.ndim) if axis != 1]
            mean = (share * inputs).sum(dim=axes)  # not a matrix product, which bf16 would round
            variance = (share * (inputs - mean.view(shape)) ** 2).sum(dim=axes)
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(variance.detach(), self.momentum)
        slope = (variance + self.eps).rsqrt()
        if inputs.ndim > 2:
            mean, slope, weight, bias = (
                each.view(shape) for each in (mean, slope, self.weight, self.bias)
            )
            return (inputs - mean) * (slope * weight) + bias
        return (inputs - mean) * slope * self.weight + self.bias


#: Normalisation layers by name, as functions of the width.
NORMS = {"batch": BatchNorm, "layer": nn.LayerNorm}


def activation_layers(name):
    """Return a new activation in a list, which is empty for the identity."""
    build = resolve_name("activation", name, ACTIVATIONS)
    return [] if build is nn.Identity else [build()]


def stack_layers(layers, activation, norm, dropout, last_activation):
    """Return a sequence of layers with activations, and for hidden layers norm and dropout.

    The order of a hidden layer is: layer, norm, activation, dropout.
    """
    modules = []
    for layer in layers[:-1]:
        modules.append(layer)
        if norm is not None:
            modules.append(resolve_name("norm", norm, NORMS)(len(layer.bias)))
        modules += activation_layers(activation)
        if dropout:
            modules.append(nn.Dropout(dropout))
    return nn.Sequential(*modules, layers[-1], *activation_layers(last_activation))
