"""Fully connected autoencoder."""

from itertools import pairwise

from torch import nn

from skae.modules.base import Autoencoder
from skae.modules.initialization import initialize
from skae.modules.latents import LATENTS
from skae.modules.layers import Transposed, stack_layers


class MLPAutoencoder(Autoencoder):
    """Fully connected autoencoder; the decoder mirrors the encoder.

    Parameters
    ----------
    n_features : int
        Number of columns of X.
    n_components : int
        Number of latent codes.
    hidden_layer_sizes : tuple of int, default=(256,)
        Widths of the hidden layers of the encoder; ``()`` for a linear map.
    activation : str, default="relu"
        Activation of the hidden layers; a key of ``ACTIVATIONS``.
    latent_activation : str, default="identity"
        Activation of the codes. A ``"relu"`` can be dead: 0 for every row.
    output_activation : str or None, default=None
        Activation of the output; None is the identity.
    tied_weights : bool, default=False
        Whether each decoder layer uses the transposed weight of the corresponding encoder layer.
    dropout : float in [0, 1), default=0.0
        Probability of a hidden unit to be set to 0 in a training step; larger regularises
        more.
    weight_init : str or float, default="auto"
        Initial weights: a key of ``WEIGHT_INITS``, a standard deviation s for
        N(0, s²), or "auto": LeCun normal for convolutions and "selu", Xavier's uniform with a
        gain of 2 for "sigmoid", torch's default for the others. Biases start at 0, or at torch's
        default with torch's default.
    norm : {None, "batch", "layer"}, default=None
        Normalisation between each hidden layer and its activation.
    latent : str, default="euclidean"
        Kind of latent codes, a key of :data:`skae.modules.LATENTS`.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import MLPAutoencoder
    >>> module = MLPAutoencoder(n_features=64, n_components=2, hidden_layer_sizes=(32,))
    >>> sum(weight.numel() for weight in module.parameters())
    4354
    """

    def __init__(
        self,
        n_features,
        n_components,
        hidden_layer_sizes=(256,),
        activation="relu",
        latent_activation="identity",
        output_activation=None,
        tied_weights=False,
        dropout=0.0,
        weight_init="auto",
        norm=None,
        latent="euclidean",
    ):
        widths = (n_features, *hidden_layer_sizes)
        down = [nn.Linear(a, b) for a, b in pairwise(widths)]
        down.append(nn.Linear(widths[-1], LATENTS[latent].n_encoded(n_components)))
        if tied_weights:
            up = [Transposed(layer) for layer in reversed(down)]
        else:
            up = [nn.Linear(b, a) for a, b in reversed(list(pairwise((*widths, n_components))))]
        encoder = stack_layers(down, activation, norm, dropout, latent_activation)
        decoder = stack_layers(up, activation, norm, dropout, output_activation or "identity")
        super().__init__(encoder, decoder, n_features, latent)
        initialize(self, weight_init, activation)

    def levels(self):
        """Return each encoder layer with its decoder layer as an autoencoder of shared weights."""
        down, up = _split(self.encoder), _split(self.decoder)[::-1]
        # Dropout of the reconstruction itself would make it too large.
        up = [[layer for layer in part if not isinstance(layer, nn.Dropout)] for part in up]
        levels = [
            Level(part, nn.Sequential(*mirror), part[0].in_features)
            for part, mirror in zip(down, up)
        ]
        levels[0].use_units(self.shift, self.scale)
        levels[-1].latent = self.latent
        return levels


class Level(Autoencoder):
    """One encoder layer of a fully connected autoencoder with its decoder layer."""


def _split(layers):
    """Split a sequence before each layer that has a weight matrix."""
    starts = [i for i, layer in enumerate(layers) if isinstance(layer, (nn.Linear, Transposed))]
    return [layers[start:stop] for start, stop in pairwise([*starts, len(layers)])]
