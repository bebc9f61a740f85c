"""Recurrent autoencoder of sequences."""

import math

import torch
from torch import nn

from skae._names import resolve_name
from skae.modules.base import Autoencoder
from skae.modules.initialization import CELLS, initialize
from skae.modules.latents import LATENTS
from skae.modules.layers import activation_layers

#: Number of cosines that describe the time.
N_COSINES = 8

#: Factor of the initial weights from the summary to the codes. States are well below 1, and so
#: would be the codes: the decoder would take long to notice them.
CODES_GAIN = 3.0


class RecurrentAutoencoder(Autoencoder):
    """Recurrent autoencoder of sequences.

    =========  ================================  ============================================
    name       shape                             meaning
    =========  ================================  ============================================
    sequences  (batch, steps, features)          rows of X
    states     (batch, steps, hidden_size)       states of the encoder after each step
    summary    (batch, 2 * hidden_size)          mean of the states, and the last of them
    time       (steps, 1 + N_COSINES)            what tells the steps apart, see ``describe_time``
    codes      (batch, n_components)             output of a dense layer on the summary
    =========  ================================  ============================================

    With ``bidirectional``, there are twice as many states; with ``padding_value``, the time of the
    last step, which is the length, is part of the summary. The decoder starts from a state that a
    dense layer computes from the codes, and has the same codes and the time as input at each
    step, so that all information about the sequence passes through the codes (as with the state in
    Srivastava, Mansimov & Salakhutdinov, 2015).

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
        Steps at the end whose features all have this value are padding: the encoder's states are
        those before them. None is no padding.
    weight_init : str or float, default="auto"
        As in :class:`MLPAutoencoder`, for the dense layers and the matrices of the cells. "auto" is
        orthogonal from state to state and Xavier's uniform from inputs to states. The forget gates
        of an LSTM start with a bias of 1.
    latent : str, default="euclidean"
        Kind of latent codes, a key of :data:`skae.modules.LATENTS`.
    num_layers : int, default=1
        Recurrent layers of encoder and decoder.
    bidirectional : bool, default=False
        Whether the encoder also reads each sequence from its end to its start.

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
        num_layers=1,
        bidirectional=False,
    ):
        steps, features = input_shape
        build = resolve_name("cell", cell, CELLS)
        reader = Reader(build, features, hidden_size, num_layers, bidirectional)
        summary = Summary(reader, input_shape, padding_value)
        n_encoded = LATENTS[latent].n_encoded(n_components)
        encoder = nn.Sequential(
            nn.Unflatten(1, tuple(input_shape)),
            summary,
            nn.Linear(summary.width, n_encoded),
            *activation_layers(latent_activation),
        )
        decoder = nn.Sequential(
            Unrolled(build, n_components, hidden_size, num_layers, steps),
            nn.Linear(hidden_size, features),
            *activation_layers(output_activation or "identity"),
            nn.Flatten(),
        )
        super().__init__(encoder, decoder, steps * features, latent)
        initialize(self, weight_init, activation="tanh")
        if weight_init == "auto":
            with torch.no_grad():
                self.encoder[2].weight.mul_(CODES_GAIN)

    def use_units(self, shift, scale):
        """Set the units of X, in which ``padding_value`` is given."""
        super().use_units(shift, scale)
        self.encoder[1].shift.copy_(self.shift.view_as(self.encoder[1].shift))
        self.encoder[1].scale.copy_(self.scale)


def describe_time(steps):
    """Return a line and ``N_COSINES`` cosines over the steps, of mean square about 1.

    From codes that are the same at each step, layers would have to count steps before they can say
    what belongs to each.

    Parameters
    ----------
    steps : int
        Number of steps.

    Returns
    -------
    torch.Tensor of shape (steps, 1 + N_COSINES)
        One row per step.
    """
    time = ((torch.arange(steps) + 0.5) / steps).unsqueeze(1)
    cosines = math.sqrt(2) * torch.cos(math.pi * time * torch.arange(1, N_COSINES + 1))
    return torch.cat([math.sqrt(12) * (time - 0.5), cosines], dim=1)


class Reader(nn.Module):
    """Recurrent layers, each of which reads the states of the one before.

    Parameters
    ----------
    build : type
        torch.nn.LSTM or torch.nn.GRU.
    n_inputs : int
        Number of features of each step.
    hidden_size : int
        Width of the state of each layer and direction.
    num_layers : int
        Number of layers.
    bidirectional : bool
        Whether each layer also reads from the last step to the first, with another cell.

    Attributes
    ----------
    width : int
        Number of columns of the states.
    forwards, backwards : torch.nn.ModuleList
        A cell for each layer and direction; ``backwards`` may be empty. Each is a layer of its own,
        since torch's bidirectional ones would read padding first.
    """

    def __init__(self, build, n_inputs, hidden_size, num_layers, bidirectional):
        super().__init__()
        self.width = hidden_size * (2 if bidirectional else 1)
        widths = [n_inputs, *[self.width] * (num_layers - 1)]
        cells = [[build(n, hidden_size, batch_first=True) for n in widths] for _ in "ab"]
        self.forwards = nn.ModuleList(cells[0])
        self.backwards = nn.ModuleList(cells[1] if bidirectional else [])

    def forward(self, sequences, last=None):
        """Return (batch, steps, width) from (batch, steps, n_inputs).

        ``last`` of shape (batch,) is the number of the last step of each sequence; None is the
        last one of all. States after it mean nothing.
        """
        for i, cell in enumerate(self.forwards):
            states, _ = cell(sequences)
            if self.backwards:
                states_back, _ = self.backwards[i](_reverse(sequences, last))
                states = torch.cat([states, _reverse(states_back, last)], dim=2)
            sequences = states
        return sequences


def _reverse(sequences, last):
    """Reverse the steps of sequences up to the last one that is not padding."""
    if last is None:
        return sequences.flip(1)
    step = torch.arange(sequences.shape[1], device=sequences.device)
    mirror = last.unsqueeze(1) - step
    order = torch.where(mirror >= 0, mirror, step)
    return sequences.gather(1, order.unsqueeze(2).expand_as(sequences))


class Summary(nn.Module):
    """The mean of the states over the steps that are not padding, and the last of them.

    With a single mean the early steps count as much as the late ones, and gradients reach them by
    a short way; the last state adds what depends on the order of all steps. In the backward
    direction, the last state is the one at the first step.

    Parameters
    ----------
    reader : Reader
        Computes the states.
    input_shape : tuple of int
        (steps, features).
    padding_value : float or None
        As in :class:`RecurrentAutoencoder`, in the units of X. If it is given, the time of the last
        step that is not padding is part of the summary.

    Attributes
    ----------
    width : int
        Number of columns of the summary.
    """

    def __init__(self, reader, input_shape, padding_value):
        super().__init__()
        self.reader = reader
        self.padding_value = padding_value
        self.width = 2 * reader.width
        if padding_value is not None:
            self.register_buffer("time", describe_time(input_shape[0]))
            self.width += self.time.shape[1]
        self.register_buffer("shift", torch.zeros(input_shape))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, sequences):
        """Return (batch, width) from (batch, steps, features) in standard units."""
        last = self._last_step(sequences)
        states = self.reader(sequences, last)
        if last is None:
            mean, end, times = states.mean(dim=1), states[:, -1], []
        else:
            step = torch.arange(states.shape[1], device=states.device)
            observed = (step <= last.unsqueeze(1)).unsqueeze(2)
            mean = (states * observed).sum(dim=1) / (last + 1).unsqueeze(1)
            end = states[torch.arange(len(states), device=states.device), last]
            times = [self.time[last]]
        if self.reader.backwards:
            half = end.shape[1] // 2
            end = torch.cat([end[:, :half], states[:, 0, half:]], dim=1)
        return torch.cat([mean, end, *times], dim=1)

    def _last_step(self, sequences):
        """Return the number of the last step that is not padding, or None without padding."""
        if self.padding_value is None:
            return None
        padding = (torch.full_like(self.shift, self.padding_value) - self.shift) / self.scale
        # Up to rounding, since rows may have another dtype than the network.
        observed = ~torch.isclose(sequences, padding, rtol=1e-5, atol=1e-5).all(dim=2)
        return (observed * torch.arange(sequences.shape[1], device=sequences.device)).amax(dim=1)


class Unrolled(nn.Module):
    """Recurrent layers that are shown the same codes, and the time, at each step.

    Parameters
    ----------
    build : type
        torch.nn.LSTM or torch.nn.GRU.
    n_components : int
        Number of codes.
    hidden_size : int
        Width of the state of each layer.
    num_layers : int
        Number of layers.
    steps : int
        Number of steps.

    Attributes
    ----------
    cells : torch.nn.ModuleList
        A cell for each layer.
    start : torch.nn.Linear
        Computes the initial states of all layers, before a tanh; of an LSTM, memories follow.
    time : torch.Tensor of shape (steps, 1 + N_COSINES)
        A buffer, see ``describe_time``.
    """

    def __init__(self, build, n_components, hidden_size, num_layers, steps):
        super().__init__()
        self.steps = steps
        widths = [n_components + 1 + N_COSINES, *[hidden_size] * (num_layers - 1)]
        self.cells = nn.ModuleList(build(n, hidden_size, batch_first=True) for n in widths)
        n_states = 2 if build is nn.LSTM else 1
        self.start = nn.Linear(n_components, n_states * num_layers * hidden_size)
        self.register_buffer("time", describe_time(steps))

    def forward(self, codes):
        """Return (batch, steps, hidden_size) from (batch, n_components)."""
        states = torch.cat(
            [
                codes.unsqueeze(1).expand(-1, self.steps, -1),
                self.time.to(codes.dtype).expand(len(codes), -1, -1),
            ],
            dim=2,
        )
        starts = self.start(codes).tanh().unsqueeze(0).split(self.cells[0].hidden_size, 2)
        for i, cell in enumerate(self.cells):
            start = starts[i].contiguous()
            if isinstance(cell, nn.LSTM):
                start = (start, starts[len(self.cells) + i].contiguous())
            states, _ = cell(states, start)
        return states
