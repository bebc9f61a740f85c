"""Recurrent autoencoder of sequences."""

import torch
from torch import nn

from skae._names import resolve_name
from skae.modules.base import Autoencoder
from skae.modules.initialization import CELLS, initialize
from skae.modules.latents import LATENTS
from skae.modules.layers import activation_layers


class RecurrentAutoencoder(Autoencoder):
    """Recurrent autoencoder of sequences.

    =========  =========================  ==========================================
    name       shape                      meaning
    =========  =========================  ==========================================
    sequences  (batch, steps, features)   rows of X
    state      (batch, hidden_size)       state of the encoder after the last step
    codes      (batch, n_components)      output of a dense layer on the state
    =========  =========================  ==========================================

    The decoder has the same codes as input at each step, so that all information about the
    sequence passes through them (as with the state in Srivastava, Mansimov & Salakhutdinov, 2015).

    Parameters
    ----------
    input_shape : tuple of int
        (steps, features).
    n_components : int
        Number of latent codes.
    hidden_size : int, default=100
        Width of the state of encoder and decoder.
    cell : {"lstm", "gru"}, default="lstm"
        Long short-term memory (Hochreiter & Schmidhuber, 1997) or gated recurrent units (Cho et
        al., 2014), which have three quarters as many weights.
    latent_activation : str, default="identity"
        Activation of the codes; a key of ``ACTIVATIONS``.
    output_activation : str or None, default=None
        Activation of the output; None is the identity.
    padding_value : float or None, default=None
        Steps at the end whose features all have this value are padding: the encoder's state is
        that before them. None is no padding.
    weight_init : str or float, default="auto"
        As in :class:`MLPAutoencoder`, for the dense layers and the matrices of the cells.
    latent : str, default="euclidean"
        Kind of latent codes, a key of :data:`skae.modules.LATENTS`.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import RecurrentAutoencoder
    >>> module = RecurrentAutoencoder((28, 28), n_components=16)
    >>> module.encode(torch.zeros(5, 784)).shape
    torch.Size([5, 16])
    >>> module(torch.zeros(5, 784)).shape
    torch.Size([5, 784])
    """

    def __init__(
        self,
        input_shape,
        n_components,
        hidden_size=100,
        cell="lstm",
        latent_activation="identity",
        output_activation=None,
        padding_value=None,
        weight_init="auto",
        latent="euclidean",
    ):
        steps, features = input_shape
        build = resolve_name("cell", cell, CELLS)
        encoder = nn.Sequential(
            nn.Unflatten(1, tuple(input_shape)),
            LastState(build(features, hidden_size, batch_first=True), input_shape, padding_value),
            nn.Linear(hidden_size, LATENTS[latent].n_encoded(n_components)),
            *activation_layers(latent_activation),
        )
        decoder = nn.Sequential(
            Unrolled(build(n_components, hidden_size, batch_first=True), steps),
            nn.Linear(hidden_size, features),
            *activation_layers(output_activation or "identity"),
            nn.Flatten(),
        )
        super().__init__(encoder, decoder, steps * features, latent)
        initialize(self, weight_init, activation="tanh")

    def use_units(self, shift, scale):
        """Set the units of X, in which ``padding_value`` is given."""
        super().use_units(shift, scale)
        self.encoder[1].shift.copy_(self.shift.view_as(self.encoder[1].shift))
        self.encoder[1].scale.copy_(self.scale)


class LastState(nn.Module):
    """The state of a recurrent layer after the last step that is not padding.

    Parameters
    ----------
    cell : torch.nn.LSTM or torch.nn.GRU
        Takes (batch, steps, features).
    input_shape : tuple of int
        (steps, features).
    padding_value : float or None
        As in :class:`RecurrentAutoencoder`, in the units of X.
    """

    def __init__(self, cell, input_shape, padding_value):
        super().__init__()
        self.cell = cell
        self.padding_value = padding_value
        self.register_buffer("shift", torch.zeros(input_shape))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, sequences):
        """Return (batch, hidden_size) from (batch, steps, features) in standard units."""
        states, _ = self.cell(sequences)
        if self.padding_value is None:
            return states[:, -1]
        padding = (torch.full_like(self.shift, self.padding_value) - self.shift) / self.scale
        # Up to rounding, since rows may have another dtype than the network.
        observed = ~torch.isclose(sequences, padding, rtol=1e-5, atol=1e-5).all(dim=2)
        step = torch.arange(sequences.shape[1], device=sequences.device)
        last = (observed * step).amax(dim=1)
        return states[torch.arange(len(states), device=states.device), last]


class Unrolled(nn.Module):
    """A recurrent layer with the same codes as input at each step.

    Parameters
    ----------
    cell : torch.nn.LSTM or torch.nn.GRU
        Takes (batch, steps, n_components).
    steps : int
        Number of steps.
    """

    def __init__(self, cell, steps):
        super().__init__()
        self.cell = cell
        self.steps = steps

    def forward(self, codes):
        """Return (batch, steps, hidden_size) from (batch, n_components)."""
        states, _ = self.cell(codes.unsqueeze(1).expand(-1, self.steps, -1))
        return states
