"""Gradients of fully connected autoencoders by an explicit backward pass.

For fully connected networks with simple activations, automatic differentiation costs more than
the arithmetic: it records each operation, allocates each result and accumulates each gradient.
The chain rule for such a network is five lines (Rumelhart, Hinton & Williams, 1986). With layers
``y_l = f_l(y_{l-1} W_l' + b_l)`` and ``d_l`` for the derivative of the loss by the argument of
``f_l``::

    d_L     = (derivative of the loss by y_L) * f_L'
    dW_l    = d_l' y_{l-1}
    db_l    = sum over rows of d_l
    d_{l-1} = (d_l W_l) * f_{l-1}'

Results are written to memory that is allocated once. Other networks are trained with autograd;
tests compare the gradients of both. ``python benchmarks/bench_fit.py --case updates`` shows the
gain.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from skae.losses import GRADIENTS, mean_loss, weighted_mean
from skae.modules import LATENTS, Level, LinearAutoencoder, MLPAutoencoder, ResidualCore

aten = torch.ops.aten

#: For each activation: apply it in place, and multiply ``d`` in place by its derivative, which
#: for these activations is a function of the result ``y``.
ACTIVATIONS = {
    nn.ReLU: (torch.relu_, lambda d, y: aten.threshold_backward.grad_input(d, y, 0, grad_input=d)),
    nn.Tanh: (torch.tanh_, lambda d, y: aten.tanh_backward.grad_input(d, y, grad_input=d)),
    nn.Sigmoid: (torch.sigmoid_, lambda d, y: aten.sigmoid_backward.grad_input(d, y, grad_input=d)),
}


class Layer(NamedTuple):
    """A layer ``y = f(x W' + b)`` and the memory for its results."""

    W: torch.Tensor
    Wt: torch.Tensor
    b: torch.Tensor
    weight_grad: torch.Tensor
    bias_grad: torch.Tensor
    activate: Callable | None
    multiply: Callable | None
    y: torch.Tensor
    d: torch.Tensor
    dt: torch.Tensor


def explicit_backprop(module, loss, n_rows):
    """Return a :class:`Backprop` of a module, or None where autograd is needed.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    loss : str or callable
        What is minimised.
    n_rows : int
        Rows of the largest batch.
    """
    if is_plain_residual(module, loss):
        return ResidualBackprop(module, n_rows)
    return Backprop(module, loss, n_rows) if is_plain(module, loss) else None


class Chain:
    """Layers that are applied one after the other, with memory for results and derivatives.

    Parameters
    ----------
    steps : iterable of torch.nn.Module
        Linear layers, each perhaps followed by an activation.
    n_rows : int
        Rows of the largest batch.
    """

    def __init__(self, steps, n_rows):
        self.parts, self.layers = [], {}
        for step in steps:
            if isinstance(step, nn.Linear):
                for parameter in step.parameters():
                    if parameter.grad is None:
                        parameter.grad = torch.zeros_like(parameter)
                W, b = step.weight.detach(), step.bias.detach()
                gradients = step.weight.grad.detach(), step.bias.grad.detach()
                buffers = W.new_empty(2, n_rows, len(W))
                self.parts.append([(W, W.t(), b, *gradients), (None, None), buffers])
            else:
                self.parts[-1][1] = ACTIVATIONS[type(step)]

    def for_rows(self, n_rows):
        """Return the layers with memory for a number of rows; batches have at most two sizes."""
        if n_rows not in self.layers:
            self.layers[n_rows] = [
                Layer(*weights, *activation, y[:n_rows], d[:n_rows], d[:n_rows].t())
                for weights, activation, (y, d) in self.parts
            ]
        return self.layers[n_rows]


def forward(layers, x):
    """Apply layers to rows, and return the output of the last one."""
    for layer in layers:
        x = torch.addmm(layer.b, x, layer.Wt, out=layer.y)
        if layer.activate:
            layer.activate(x)
    return x


def backward(layers, x):
    """Write the gradients of layers, given ``d`` of the last one and the input of the first."""
    xs = [x, *(layer.y for layer in layers)]
    for i, layer in reversed(list(enumerate(layers))):
        if layer.multiply:
            layer.multiply(layer.d, layer.y)
        torch.mm(layer.dt, xs[i], out=layer.weight_grad)
        torch.sum(layer.d, dim=0, out=layer.bias_grad)
        if i > 0:
            torch.mm(layer.d, layer.W, out=layers[i - 1].d)


def row_scale(target, weight):
    """Return the factor of each element's derivative in the mean loss of a batch."""
    if weight is None:
        return 1 / target.numel()
    return (weight / (weight.sum() * target.shape[1])).unsqueeze(1)


class Backprop:
    """Loss and gradients of a plain network for one batch at a time.

    Parameters
    ----------
    module : skae.modules.MLPAutoencoder
        For which ``is_plain`` holds.
    loss : str
        A key of :data:`skae.losses.LOSSES`.
    n_rows : int
        Rows of the largest batch.
    """

    def __init__(self, module, loss, n_rows):
        self.loss = loss
        self.chain = Chain([*module.encoder, *module.decoder], n_rows)

    def __call__(self, inputs, target, weight=None):
        """Write the gradients of a batch into the parameters and return its loss.

        Parameters
        ----------
        inputs, target : torch.Tensor of shape (batch, n_features)
            Input of the network and target of the reconstruction, in standard units; the same
            unless the input is corrupted.
        weight : torch.Tensor of shape (batch,) or None, default=None
            Weight of each row.

        Returns
        -------
        torch.Tensor
            The mean loss, a scalar.
        """
        layers = self.chain.for_rows(target.shape[0])
        y = forward(layers, inputs)
        d = GRADIENTS[self.loss](y, target, row_scale(target, weight), out=layers[-1].d)
        if self.loss == "mse" and weight is None:  # d is 2 (y - target) / n, so no second pass
            loss = d.ravel().dot(d.ravel()).mul_(target.numel() / 4)
        else:
            loss = mean_loss(self.loss, y, target, weight)
        backward(layers, inputs)
        return loss


class ResidualBackprop:
    """Loss and gradients of a :class:`skae.modules.ResidualCore` for one batch at a time.

    The linear path has no weights to train, but the codes are a part of the reconstruction through
    it: their derivative is the sum of those through both paths.

    Parameters
    ----------
    module : skae.modules.ResidualCore
        Its loss is the mean squared error.
    n_rows : int
        Rows of the largest batch.
    """

    def __init__(self, module, n_rows):
        self.encoder, self.decoder = module.encoder, module.decoder
        self.down = Chain(module.encoder.hidden, n_rows)
        self.up = Chain(module.decoder.hidden, n_rows)

    def __call__(self, inputs, target, weight=None):
        """Write the gradients of a batch into the parameters and return its loss."""
        encoder, decoder, n_codes = self.encoder, self.decoder, len(self.encoder.sigma)
        down, up = self.down.for_rows(len(target)), self.up.for_rows(len(target))
        hidden_input = inputs * encoder.unit  # within its range, which is that of training data
        scores = forward(down, hidden_input).addcmul_(inputs[:, :n_codes], encoder.gain)
        clipped = scores.clamp(decoder.low, decoder.high)
        output = forward(up, clipped) * decoder.unit
        output[:, :n_codes].addcmul_(scores, decoder.gain)

        error = output.sub_(target)
        loss = weighted_mean(error.square().mean(dim=1), weight)
        error.mul_(2 * row_scale(target, weight))
        torch.mul(error, decoder.unit, out=up[-1].d)
        backward(up, clipped)
        torch.mm(up[0].d, up[0].W, out=down[-1].d)
        down[-1].d.mul_(clipped == scores)
        down[-1].d.addcmul_(error[:, :n_codes], decoder.gain)
        backward(down, hidden_input)
        return loss


def is_plain(module, loss):
    """Return whether the gradients of a module and a loss are computed explicitly here."""
    return (
        type(module) in (MLPAutoencoder, LinearAutoencoder, Level)
        and not LATENTS[module.latent].transforms
        and not LATENTS[module.latent].is_random
        and isinstance(loss, str)
        and all(weight.requires_grad for weight in module.parameters())
        and all(
            type(step) in (nn.Linear, *ACTIVATIONS) for step in [*module.encoder, *module.decoder]
        )
    )


def is_plain_residual(module, loss):
    """Return whether a module is a residual core whose gradients are computed explicitly here."""
    return (
        type(module) is ResidualCore
        and loss == "mse"
        and all(weight.requires_grad for weight in module.parameters())
        and all(
            type(step) in (nn.Linear, *ACTIVATIONS)
            for step in [*module.encoder.hidden, *module.decoder.hidden]
        )
    )
