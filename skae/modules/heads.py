"""Classification heads."""

from itertools import pairwise

import torch
from torch import nn

from skae.modules.initialization import initialize
from skae.modules.layers import stack_layers


class Head(nn.Module):
    """Fully connected layers from codes to logits.

    Codes are standardised before the first layer by ``shift`` and ``scale``, which are buffers as
    in :class:`Autoencoder`.

    Parameters
    ----------
    n_components : int
        Number of latent codes.
    n_classes : int
        Number of logits.
    hidden_layer_sizes : tuple of int, default=()
        Widths of the hidden layers; ``()`` is a linear classifier.
    activation : str, default="relu"
        Activation of the hidden layers; a key of ``ACTIVATIONS``.

    Attributes
    ----------
    layers : torch.nn.Sequential
        Linear layers and activations.
    shift : torch.Tensor of shape (n_components,)
        Center of the codes, a buffer.
    scale : torch.Tensor of shape ()
        Unit of the codes, a buffer.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import Head
    >>> Head(n_components=8, n_classes=3, hidden_layer_sizes=(16,))(torch.zeros(5, 8)).shape
    torch.Size([5, 3])
    """

    def __init__(self, n_components, n_classes, hidden_layer_sizes=(), activation="relu"):
        super().__init__()
        widths = (n_components, *hidden_layer_sizes, n_classes)
        layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
        self.layers = stack_layers(layers, activation, None, 0.0, "identity")
        self.register_buffer("shift", torch.zeros(n_components))
        self.register_buffer("scale", torch.ones(()))
        initialize(self, "auto", activation)

    def use_units(self, shift, scale):
        """Set the units of the codes: an array of centers, and one positive scale."""
        self.shift.copy_(torch.as_tensor(shift))
        self.scale.fill_(scale)

    def forward(self, codes):
        """Return the logits of codes."""
        return self.layers((codes - self.shift) / self.scale)


class Classifier(nn.Module):
    """An encoder followed by a head.

    Parameters
    ----------
    head : Head
        Maps codes to logits.
    encoder : torch.nn.Module or None, default=None
        Has ``encode``; None if the input are codes.

    Attributes
    ----------
    encoder : torch.nn.Module or None
        As given.
    head : Head
        As given.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import Classifier, Head, MLPAutoencoder
    >>> module = Classifier(Head(n_components=2, n_classes=3), MLPAutoencoder(8, 2))
    >>> module(torch.zeros(5, 8)).shape
    torch.Size([5, 3])
    """

    def __init__(self, head, encoder=None):
        super().__init__()
        self.encoder = encoder
        self.head = head

    def encode(self, X):
        """Return the codes of X."""
        return X if self.encoder is None else self.encoder.encode(X)

    def classify(self, codes):
        """Return the logits of codes."""
        return self.head(codes)

    def forward(self, X):
        """Return the logits of X."""
        return self.classify(self.encode(X))
