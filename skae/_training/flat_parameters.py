"""All parameters of a module as views of one vector, so that one call updates them."""

import torch
from torch import nn

#: Optimisers that update each number independently of the others.
ELEMENTWISE = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)


class FlatParameters:
    """The parameters of a module as views of one vector, and their gradients of another.

    An elementwise optimiser then updates all of them in one call, and one call clears the
    gradients, whatever the number of layers.

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
        """Make parameters and gradients views again where their memory has been replaced."""
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


def flatten_groups(groups, optimizer, module):
    """Replace the parameters of each group by one vector, where the optimiser permits it.

    Parameters
    ----------
    groups : list of dict
        Parameter groups as optimisers take them; changed in place.
    optimizer : type or callable
        What builds the optimiser.
    module : torch.nn.Module
        The module of the parameters.

    Returns
    -------
    list of FlatParameters
        One for each group; empty where parameters stay as they are.
    """
    on_cuda = next(module.parameters()).is_cuda
    # On CUDA, recurrent layers need the memory of their weights for themselves.
    keep_apart = on_cuda and any(isinstance(m, nn.RNNBase) for m in module.modules())
    if optimizer not in ELEMENTWISE or keep_apart:
        return []
    flats = [FlatParameters(group["params"]) for group in groups]
    for group, flat in zip(groups, flats):
        group["params"] = [flat.vector]
    return flats
