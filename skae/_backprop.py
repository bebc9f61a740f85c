"""The fast path of training: gradients of plain networks written out, one vector, one update.

For the networks that most people train, fully connected with simple activations, automatic
differentiation costs more than the arithmetic: it records each operation, allocates each
result and accumulates each gradient. The chain rule for such a network is five lines
(Rumelhart, Hinton & Williams, 1986). With layers ``y_l = f_l(y_{l-1} W_l' + b_l)`` and
``d_l`` for the derivative of the loss by what is inside ``f_l``::

    d_L     = (derivative of the loss by y_L) * f_L'
    dW_l    = d_l' y_{l-1}
    db_l    = sum over rows of d_l
    d_{l-1} = (d_l W_l) * f_{l-1}'

Results go into memory that is allocated once. Other networks are trained with autograd; tests
hold the two to the same gradients.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.optim import Adam, AdamW
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from skae.losses import GRADIENTS, mean_loss
from skae.modules import Level, LinearAutoencoder, MLPAutoencoder

aten = torch.ops.aten

#: For each activation: apply it in place, and multiply ``d`` in place by its derivative, which
#: for these can be had from its result ``y``.
ACTIVATIONS = {
    nn.ReLU: (torch.relu_, lambda d, y: aten.threshold_backward.grad_input(d, y, 0, grad_input=d)),
    nn.Tanh: (torch.tanh_, lambda d, y: aten.tanh_backward.grad_input(d, y, grad_input=d)),
    nn.Sigmoid: (torch.sigmoid_, lambda d, y: aten.sigmoid_backward.grad_input(d, y, grad_input=d)),
}


class Layer(NamedTuple):
    """A layer ``y = f(x W' + b)`` and the memory that its results go into."""

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


class Backprop:
    """Loss and gradients of a plain network for one batch at a time.

    Parameters
    ----------
    module : skae.modules.MLPAutoencoder
        For which ``is_plain`` holds.
    loss : str
        A key of :data:`skae.losses.LOSSES`.
    n_rows : int
        Rows in the largest batch to come.
    """

    def __init__(self, module, loss, n_rows):
        self.loss = loss
        self.parts, self.layers = [], {}
        for parameter in module.parameters():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for step in [*module.encoder, *module.decoder]:
            if isinstance(step, nn.Linear):
                W, b = step.weight.detach(), step.bias.detach()
                gradients = step.weight.grad.detach(), step.bias.grad.detach()
                buffers = W.new_empty(2, n_rows, len(W))
                self.parts.append([(W, W.t(), b, *gradients), (None, None), buffers])
            else:
                self.parts[-1][1] = ACTIVATIONS[type(step)]

    def __call__(self, inputs, target, weight=None):
        """Write the gradients of a batch into the parameters and return its loss.

        Parameters
        ----------
        inputs, target : torch.Tensor of shape (batch, n_features)
            What the network is shown and what it should give, in standard units; the same unless
            the input is corrupted.
        weight : torch.Tensor of shape (batch,) or None, default=None
            Weight of each row.

        Returns
        -------
        torch.Tensor
            The mean loss, a scalar.
        """
        layers = self._layers(target.shape[0])
        xs = [inputs, *(layer.y for layer in layers)]
        for layer, x in zip(layers, xs):
            y = torch.addmm(layer.b, x, layer.Wt, out=layer.y)
            if layer.activate:
                layer.activate(y)

        scale = 1 / target.numel()
        if weight is not None:
            scale = (weight / (weight.sum() * target.shape[1])).unsqueeze(1)
        d = GRADIENTS[self.loss](y, target, scale, out=layer.d)
        if self.loss == "mse" and weight is None:  # d is 2 (y - target) / n, so no second pass
            loss = d.ravel().dot(d.ravel()).mul_(target.numel() / 4)
        else:
            loss = mean_loss(self.loss, y, target, weight)

        for i, layer in reversed(list(enumerate(layers))):
            if layer.multiply:
                layer.multiply(layer.d, layer.y)
            torch.mm(layer.dt, xs[i], out=layer.weight_grad)
            torch.sum(layer.d, dim=0, out=layer.bias_grad)
            if i > 0:
                torch.mm(layer.d, layer.W, out=layers[i - 1].d)
        return loss

    def _layers(self, n_rows):
        """Return the layers with memory for so many rows; batches have two lengths at most."""
        if n_rows not in self.layers:
            self.layers[n_rows] = [
                Layer(*weights, *activation, y[:n_rows], d[:n_rows], d[:n_rows].t())
                for weights, activation, (y, d) in self.parts
            ]
        return self.layers[n_rows]


def is_plain(module, loss):
    """Tell whether the gradients of a module and a loss are written out here."""
    return (
        type(module) in (MLPAutoencoder, LinearAutoencoder, Level)
        and module.latent == "euclidean"
        and isinstance(loss, str)
        and all(weight.requires_grad for weight in module.parameters())
        and all(
            type(step) in (nn.Linear, *ACTIVATIONS) for step in [*module.encoder, *module.decoder]
        )
    )


class FlatParameters:
    """The parameters of a module as views of one vector, and their gradients of another.

    An optimiser that treats each number alike then updates all of them in one call, and one
    call clears the gradients, whatever the number of layers.

    Parameters
    ----------
    parameters : list of torch.nn.Parameter
        Of one dtype, on one device.
    """

    def __init__(self, parameters):
        self.parameters = parameters
        self.vector = nn.Parameter(torch.cat([weight.detach().ravel() for weight in parameters]))
        self.gradient = torch.zeros_like(self.vector)
        self.link()

    def link(self):
        """Make parameters and gradients views again if something has replaced their memory."""
        self.vector.grad = self.gradient
        sizes = [weight.numel() for weight in self.parameters]
        values = self.vector.detach().split(sizes)
        gradients = self.gradient.split(sizes)
        for weight, value, gradient in zip(self.parameters, values, gradients):
            if weight.data_ptr() != value.data_ptr():
                value.copy_(weight.detach().ravel())
                weight.data = value.view_as(weight)
            if weight.grad is None:
                gradient.zero_()
            elif weight.grad.data_ptr() != gradient.data_ptr():
                gradient.copy_(weight.grad.ravel())
            weight.grad = gradient.view_as(weight)


class FusedUpdate:
    """The step of a fused optimiser of torch for a vector of weights, without what is around it.

    torch looks in each step for weights, devices and listeners that have not changed since the
    last one, which takes a small network longer than the update. All that is of interest stays
    where it is: the state in the optimiser, the learning rate and the rest in its groups.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        For which ``can_update`` holds.
    """

    #: Types of optimisers that it knows.
    kinds = (Adam, AdamW)

    def __init__(self, optimizer):
        self.groups = []
        for group in optimizer.param_groups:
            (vector,) = group["params"]
            state = optimizer.state[vector]
            tensors = vector.detach(), vector.grad, state["exp_avg"], state["exp_avg_sq"]
            decouples = group.get("decoupled_weight_decay", type(optimizer) is AdamW)
            update = torch._fused_adamw_ if decouples else torch._fused_adam_
            self.groups.append((update, group, [[values] for values in tensors], state["step"]))

    def __call__(self):
        """Take one step along the gradients."""
        for update, group, tensors, n_steps in self.groups:
            n_steps.add_(1)
            beta1, beta2 = group["betas"]
            update(
                *tensors,
                [],
                [n_steps],
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=group["maximize"],
            )


def can_update(optimizer):
    """Tell whether :class:`FusedUpdate` does what the next steps of an optimiser would do.

    It must have made a step, so that there is a state, and nobody may have put something of their
    own around its steps, as torch's schedules of learning rates do.
    """
    return (
        type(optimizer) in FusedUpdate.kinds
        and "step" not in vars(optimizer)
        and not optimizer._optimizer_step_pre_hooks
        and not optimizer._optimizer_step_post_hooks
        and not _global_optimizer_pre_hooks
        and not _global_optimizer_post_hooks
        and all(
            group["fused"]
            and not group["amsgrad"]
            and len(group["params"]) == 1
            and group["params"][0].grad is not None
            and optimizer.state.get(group["params"][0])
            for group in optimizer.param_groups
        )
    )
