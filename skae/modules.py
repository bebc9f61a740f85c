"""The networks: :class:`torch.nn.Module` only, free of scikit-learn and skorch.

Every autoencoder here has ``encode``, ``decode`` and ``forward``. Shapes in this file:

==========  =====================  ==========================================
name        shape                  meaning
==========  =====================  ==========================================
``X``       (batch, n_features)    rows, in the units of the data
``Z``       (batch, n_features)    the same rows in standard units
``codes``   (batch, n_components)  what the bottleneck holds
``logits``  (batch, n_classes)     of the probabilities of classes
==========  =====================  ==========================================
"""

import copy
import difflib
import math
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

__all__ = [
    "ACTIVATIONS",
    "Autoencoder",
    "BatchNorm",
    "Classifier",
    "ConvAutoencoder",
    "Head",
    "LinearAutoencoder",
    "MLPAutoencoder",
    "RecurrentAutoencoder",
    "keeps_units",
    "list_layers",
]

#: Activations by name; each value builds a fresh module, so that none is shared.
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

NORMS = {"batch": lambda width: BatchNorm(width), "layer": nn.LayerNorm}

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}

#: Kinds of code spaces: numbers that are free, in order of importance, of unit norm, or means of
#: normal distributions.
LATENTS = ("euclidean", "ordered", "sphere", "gaussian")

WEIGHT_INITS = {
    "kaiming_normal": nn.init.kaiming_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "orthogonal": nn.init.orthogonal_,
}


def look_up(parameter, name, options):
    """Return ``options[name]``, or raise an error that names the nearest valid name.

    Parameters
    ----------
    parameter : str
        Name of the parameter, for the message.
    name : str
        What the user gave.
    options : dict
        Valid names and what they stand for.

    Returns
    -------
    object
        The entry of ``options``.

    Raises
    ------
    ValueError
        If ``name`` is not one of the options.

    Examples
    --------
    >>> from skae.modules import ACTIVATIONS, look_up
    >>> look_up("activation", "rellu", ACTIVATIONS)
    Traceback (most recent call last):
    ...
    ValueError: activation='rellu' is not known; did you mean 'relu'? Valid names: ...
    """
    if name in options:
        return options[name]
    nearest = difflib.get_close_matches(str(name), options, n=1, cutoff=0.0)[0]
    raise ValueError(
        f"{parameter}={name!r} is not known; did you mean {nearest!r}? "
        f"Valid names: {', '.join(map(repr, options))}."
    )


class Autoencoder(nn.Module):
    """An encoder and a decoder that work in standard units, with the units of X outside.

    Networks train well on numbers of order one. ``shift`` and ``scale`` map the
    data there and back, ``Z = (X - shift) / scale``, with one number for the scale, so that
    squared errors keep their proportions and a linear autoencoder stays comparable with PCA.
    They are buffers: saved with the weights, never trained. Left at 0 and 1, the network
    sees X as it is.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps (batch, n_features) to (batch, n_components).
    decoder : torch.nn.Module
        Maps (batch, n_components) to (batch, n_features).
    n_features : int
        Number of columns of X.
    latent : {"euclidean", "ordered", "sphere", "gaussian"}, default="euclidean"
        What the encoder's output means: the codes; the codes, of which training hides the last
        ones at random; a direction, which is brought to unit norm; or
        the mean and the log-variance of a normal distribution for each code, side by
        side, of which the codes are the means (Kingma & Welling, 2014).

    Attributes
    ----------
    encoder, decoder : torch.nn.Module
        The two networks, in standard units.
    latent : str
        What the encoder's output means.
    shift : torch.Tensor of shape (n_features,)
        Centre of X, a buffer.
    scale : torch.Tensor of shape ()
        Unit of X, a buffer.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import Autoencoder
    >>> module = Autoencoder(torch.nn.Linear(5, 2), torch.nn.Linear(2, 5), n_features=5)
    >>> module.encode(torch.ones(3, 5)).shape
    torch.Size([3, 2])
    >>> module(torch.ones(3, 5)).shape
    torch.Size([3, 5])
    """

    def __init__(self, encoder, decoder, n_features, latent="euclidean"):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent = latent
        self.register_buffer("shift", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(()))

    def use_units(self, shift, scale):
        """Set the units of X: an array of n_features centres, and one positive scale."""
        self.shift.copy_(torch.as_tensor(shift))
        self.scale.fill_(scale)

    def standardize(self, X):
        """Return X in standard units; always a new tensor."""
        return (X - self.shift).div_(self.scale)

    def encode_standard(self, Z):
        """Return the codes of rows in standard units."""
        encoded = self.encoder(Z)
        if self.latent == "sphere":
            if not self.training:  # rows of fit are of order one; squares of others may overflow
                encoded = encoded / encoded.abs().amax(dim=1, keepdim=True).clamp_min(1.0)
            # Zeros have no direction, and a gradient without bound: they go to the first axis.
            is_zero = encoded.norm(dim=1, keepdim=True) < 1e-4
            first = torch.eye(1, encoded.shape[1], dtype=encoded.dtype, device=encoded.device)
            return F.normalize(encoded + is_zero * first, dim=1)
        return encoded.chunk(2, dim=1)[0] if self.latent == "gaussian" else encoded

    def encode(self, X):
        """Return the codes of X."""
        return self.encode_standard(self.standardize(X))

    def decode(self, codes):
        """Return rows in the units of X."""
        return self.decoder(codes) * self.scale + self.shift

    def forward(self, X):
        """Return the reconstruction of X."""
        return self.decode(self.encode(X))


def keeps_units(module):
    """Tell whether a module goes through standard units as skae's own classes do.

    Parameters
    ----------
    module : torch.nn.Module
        The network.

    Returns
    -------
    bool
        Then ``encode_standard`` and ``decoder`` are its inside.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import MLPAutoencoder, keeps_units
    >>> keeps_units(MLPAutoencoder(4, 2)), keeps_units(torch.nn.Linear(4, 2))
    (True, False)
    """
    return any(
        isinstance(module, known)
        and type(module).encode is known.encode
        and type(module).decode is known.decode
        for known in (Autoencoder, LinearAutoencoder)
    )


class Transposed(nn.Module):
    """A linear layer that borrows the transposed weight of another and owns its bias.

    Parameters
    ----------
    source : torch.nn.Linear
        The layer whose weight is shared. It stays the owner: the weight is
        counted, saved and initialised once.

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
    """Batch normalisation that knows the weights of rows (Ioffe & Szegedy, 2015).

    In training, each column is brought to mean 0 and variance 1 over the batch, a row of
    weight 2 counting as two rows; in evaluation, and for a single row, running averages take
    the place of the batch's. A learned slope and offset follow.

    Parameters
    ----------
    width : int
        Number of columns.
    momentum : float in (0, 1], default=0.1
        Share of each batch in the running averages: larger forgets faster.
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
        Weights of the rows of the batch, set by whoever trains; None are equal ones.

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
        self.row_weight = None  # set by whoever trains

    def forward(self, inputs):
        """Normalise a batch, in the precision of the weights whatever that of the layers before."""
        inputs = inputs.to(self.weight.dtype)
        if not self.training or len(inputs) < 2:  # one row has no variance
            mean, variance = self.running_mean, self.running_var
        else:
            share = inputs.new_ones(len(inputs)) if self.row_weight is None else self.row_weight
            share = (share / share.sum()).unsqueeze(1)
            mean = (share * inputs).sum(dim=0)  # no product of matrices, which bf16 would shorten
            variance = (share * (inputs - mean) ** 2).sum(dim=0)
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(variance.detach(), self.momentum)
        return (inputs - mean) * (variance + self.eps).rsqrt() * self.weight + self.bias


class MLPAutoencoder(Autoencoder):
    """Fully connected autoencoder; the decoder mirrors the encoder.

    Parameters
    ----------
    n_features : int
        Number of columns of X.
    n_components : int
        Width of the code.
    hidden_layer_sizes : tuple of int, default=(256,)
        Widths between X and the code, in the order of the encoder; ``()`` for a
        linear map.
    activation : str, default="relu"
        After each hidden layer; a key of ``ACTIVATIONS``.
    latent_activation : str, default="identity"
        After the code layer. ``"identity"`` cannot die; a ``"relu"`` there can.
    output_activation : str or None, default=None
        After the last layer; None is the identity.
    tied_weights : bool, default=False
        Whether each decoder layer uses the transposed weight of its mirror image.
    dropout : float in [0, 1), default=0.0
        Probability with which a hidden unit is silenced while training; more
        regularises more.
    weight_init : str or float, default="auto"
        Initial weights: a key of ``WEIGHT_INITS``, a standard deviation s for
        N(0, s²), or "auto": LeCun normal for convolutions and "selu", Xavier's uniform with a
        gain of 2 for "sigmoid", torch's default for the others. Biases start at 0, or at torch's
        default with torch's default.
    norm : {None, "batch", "layer"}, default=None
        Normalisation between each hidden layer and its activation.
    latent : {"euclidean", "ordered", "sphere", "gaussian"}, default="euclidean"
        As in :class:`Autoencoder`.

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
        down.append(nn.Linear(widths[-1], _n_encoded(n_components, latent)))
        if tied_weights:
            up = [Transposed(layer) for layer in reversed(down)]
        else:
            up = [nn.Linear(b, a) for a, b in reversed(list(pairwise((*widths, n_components))))]
        encoder = _stack(down, activation, norm, dropout, latent_activation)
        decoder = _stack(up, activation, norm, dropout, output_activation or "identity")
        super().__init__(encoder, decoder, n_features, latent)
        _initialize(self, weight_init, activation)

    def levels(self):
        """Return each layer with its mirror image as an autoencoder that shares their weights."""
        down, up = _split(self.encoder), _split(self.decoder)[::-1]
        # A reconstruction that dropout silences would be learned too large.
        up = [[layer for layer in part if not isinstance(layer, nn.Dropout)] for part in up]
        levels = [
            Level(part, nn.Sequential(*mirror), part[0].in_features)
            for part, mirror in zip(down, up)
        ]
        levels[0].use_units(self.shift, self.scale)
        levels[-1].latent = self.latent
        return levels


class Level(Autoencoder):
    """One layer of a fully connected autoencoder with its mirror image."""


class LinearAutoencoder(MLPAutoencoder):
    """Linear autoencoder that can be turned into PCA.

    Training finds a plane and some basis of it: any invertible matrix between encoder and
    decoder leaves the reconstruction as it is. ``rotate`` sets that matrix so that the basis
    is PCA's. It stands beside the weights, in the buffers ``turn``, its inverse ``back`` and
    ``center``, because weights in another basis would mislead an optimiser that goes on: its
    moments, and the relative size of encoder and decoder, belong to the old one.

    Parameters
    ----------
    n_features : int
        Number of columns of X.
    n_components : int
        Width of the code.
    tied_weights : bool, default=False
        Whether the decoder uses the transposed weight of the encoder.

    Attributes
    ----------
    center : torch.Tensor of shape (n_components,)
        The encoder's output at the mean of X, a buffer.
    turn, back : torch.Tensor of shape (n_components, n_components)
        From the encoder's output to codes, and its inverse; buffers.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import LinearAutoencoder
    >>> module = LinearAutoencoder(n_features=5, n_components=2).double()
    >>> X = torch.arange(20.0).double().reshape(4, 5) ** 2
    >>> before = module(X)
    >>> components, variances = module.rotate(X.mean(dim=0), torch.cov(module.encode(X).t()))
    >>> torch.allclose(module(X), before)
    True
    >>> codes = module.encode(X)
    >>> torch.allclose(torch.cov(codes.t()), variances.diag())
    True
    >>> torch.allclose(module.decode(codes) - module.decode(0 * codes), codes @ components)
    True
    """

    def __init__(self, n_features, n_components, tied_weights=False):
        super().__init__(n_features, n_components, hidden_layer_sizes=(), tied_weights=tied_weights)
        self.register_buffer("center", torch.zeros(n_components))
        self.register_buffer("turn", torch.eye(n_components))
        self.register_buffer("back", torch.eye(n_components))

    def encode(self, X):
        """Return the codes of X; in the units of X after ``rotate``."""
        return (super().encode(X) - self.center) @ self.turn

    def decode(self, codes):
        """Return rows in the units of X."""
        return super().decode(codes @ self.back + self.center)

    @torch.no_grad()
    def rotate(self, mean, covariance):
        """Turn the codes into scores on principal axes, with the same reconstruction.

        The decoder's weight is ``D = U S V'``, so that ``S V' codes`` are coordinates in the
        orthonormal basis U of the plane of the reconstructions. The eigenvectors W of their
        covariance are the axes along which the reconstructions vary most, in falling order, and
        uncorrelated. So the components are ``(U W)'``, and the scores ``W' S V' (codes -
        center)``, where ``center`` are the codes of the mean.

        Parameters
        ----------
        mean : array-like of shape (n_features,)
            The row that gets the codes 0.
        covariance : array-like of shape (n_components, n_components)
            Of the codes, as ``encode`` gives them now, around those of the mean.

        Returns
        -------
        components : torch.Tensor of shape (n_components, n_features)
            Orthonormal rows, in float64. Each row's largest element is positive, which is the
            sign that PCA of scikit-learn has. Rows beyond ``n_features`` are 0.
        variances : torch.Tensor of shape (n_components,)
            Of the reconstructions along each row, falling; 0 if below 1e-9 of the first.
        """
        E, b, D = self._weights()
        shift, scale, back = (v.cpu().double() for v in (self.shift, self.scale, self.back))
        center = E @ ((torch.as_tensor(mean).double() - shift) / scale) + b
        covariance = back.t() @ torch.as_tensor(covariance).double() @ back

        n_features, n_components = D.shape
        U, S, Vt = torch.linalg.svd(D, full_matrices=n_components > n_features)
        n_axes = len(S)
        to_plane = scale * S.unsqueeze(1) * Vt[:n_axes]
        variances, W = _principal_axes(to_plane @ covariance @ to_plane.t(), S)
        W = W * _signs(U @ W)

        components = D.new_zeros(n_components, n_features)
        components[:n_axes] = (U @ W).t()
        S = S.clamp(min=1e-12 * S[0])  # a decoder without use for a code still has an inverse
        turn, back = Vt.t() * scale, Vt / scale  # beyond the axes, codes do nothing
        turn[:, :n_axes] = (Vt[:n_axes].t() * (scale * S)) @ W
        back[:n_axes] = W.t() @ (Vt[:n_axes] / (scale * S).unsqueeze(1))
        for buffer, values in ((self.center, center), (self.turn, turn), (self.back, back)):
            buffer.copy_(values)
        return components, F.pad(variances, (0, n_components - n_axes))

    @torch.no_grad()
    def unrotate(self):
        """Let the codes be what the weights give."""
        self.center.zero_()
        for buffer in (self.turn, self.back):
            nn.init.eye_(buffer)

    def _weights(self):
        """Return the encoder's weight and bias and the decoder's weight, in float64."""
        down, up = self.encoder[0], self.decoder[0]
        weight = down.weight.t() if isinstance(up, Transposed) else up.weight
        return tuple(values.cpu().double() for values in (down.weight, down.bias, weight))


class ConvAutoencoder(Autoencoder):
    """Convolutional autoencoder of signals or images; the decoder mirrors the encoder.

    =========  =======================================  =================================
    name       shape                                    meaning
    =========  =======================================  =================================
    images     ``(batch, *input_shape)``                what rows of X are inside
    map        (batch, channels[-1], height, width)     what the last convolution gives
    codes      (batch, n_components)                    the map itself, or a dense layer's
    =========  =======================================  =================================

    Each convolution is followed by its activation and max-pooling. A transposed
    convolution of the same kernel undoes the stride and the pooling of its mirror image together.
    Where the map has as many elements as there are codes, it is the code, and the network is
    fully convolutional; otherwise a dense layer leads from the map to the codes and one
    back.

    Parameters
    ----------
    input_shape : tuple of int
        (channels, length) of a signal or (channels, height, width) of an image.
    n_components : int
        Number of codes.
    channels : tuple of int
        Channels of each convolution.
    kernel_size : int, default=3
        Width of the kernels along each axis.
    stride : int, default=2
        Step of the convolutions.
    padding : int or "auto", default="auto"
        Zeros around each image; "auto" is ``(kernel_size - 1) // 2``.
    pool : int, default=1
        Width of max-pooling after each convolution; 1 is none.
    activation : str, default="relu"
        After each convolution but that which gives the code; a key of ``ACTIVATIONS``.
    latent_activation : str, default="identity"
        After the layer that gives the code.
    output_activation : str or None, default=None
        After the last layer; None is the identity.
    weight_init : str or float, default="auto"
        As in :class:`MLPAutoencoder`.
    latent : {"euclidean", "ordered", "sphere", "gaussian"}, default="euclidean"
        As in :class:`Autoencoder`.

    Raises
    ------
    ValueError
        If no transposed convolution leads back to the size of the images.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import ConvAutoencoder
    >>> module = ConvAutoencoder((1, 28, 28), n_components=16, channels=(8, 16))
    >>> module.encode(torch.zeros(5, 784)).shape
    torch.Size([5, 16])
    >>> module(torch.zeros(5, 784)).shape
    torch.Size([5, 784])
    """

    def __init__(
        self,
        input_shape,
        n_components,
        channels,
        kernel_size=3,
        stride=2,
        padding="auto",
        pool=1,
        activation="relu",
        latent_activation="identity",
        output_activation=None,
        weight_init="auto",
        latent="euclidean",
    ):
        if padding == "auto":
            padding = (kernel_size - 1) // 2
        conv, unconv, max_pool = {
            2: (nn.Conv1d, nn.ConvTranspose1d, nn.MaxPool1d),
            3: (nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d),
        }[len(input_shape)]
        geometry = (len(channels), kernel_size, stride, padding, pool)
        # For each layer, per axis: (size after it, padding and output padding of its mirror image).
        layers = list(zip(*(_mirror(size, *geometry) for size in input_shape[1:])))
        map_shape = (channels[-1], *(size for size, _, _ in layers[-1]))
        is_code = math.prod(map_shape) == n_components

        down, up = [nn.Unflatten(1, tuple(input_shape))], []
        for i, (before, after) in enumerate(pairwise((input_shape[0], *channels))):
            is_last = i == len(channels) - 1
            width = _n_encoded(after, latent) if is_last and is_code else after
            name = latent_activation if is_last and is_code else activation
            down += [conv(before, width, kernel_size, stride, padding), *_activation(name)]
            if pool > 1:
                down.append(max_pool(pool))
            _, undo, extra = zip(*layers[i])
            name = (output_activation or "identity") if i == 0 else activation
            mirror = unconv(after, before, kernel_size, stride * pool, undo, extra)
            up = [mirror, *_activation(name), *up]
        down.append(nn.Flatten())
        up.append(nn.Flatten())
        up.insert(0, nn.Unflatten(1, map_shape))
        if not is_code:
            n_map = math.prod(map_shape)
            down += [nn.Linear(n_map, _n_encoded(n_components, latent))]
            down += _activation(latent_activation)
            up = [nn.Linear(n_components, n_map), *_activation(activation), *up]
        n_features = math.prod(input_shape)
        super().__init__(nn.Sequential(*down), nn.Sequential(*up), n_features, latent)
        _initialize(self, weight_init, activation)


class RecurrentAutoencoder(Autoencoder):
    """Recurrent autoencoder of sequences: reads step by step, writes step by step.

    =========  =========================  ==========================================
    name       shape                      meaning
    =========  =========================  ==========================================
    sequences  (batch, steps, features)   what rows of X are inside
    state      (batch, hidden_size)       what the encoder holds after the last step
    codes      (batch, n_components)      a dense layer of the state
    =========  =========================  ==========================================

    The decoder gets the same codes at each step and has to unroll them, so that the whole
    sequence passes through the code (Srivastava, Mansimov & Salakhutdinov, 2015, do so with
    the state).

    Parameters
    ----------
    input_shape : tuple of int
        (steps, features).
    n_components : int
        Number of codes.
    hidden_size : int, default=100
        Width of the state on either side.
    cell : {"lstm", "gru"}, default="lstm"
        Long short-term memory (Hochreiter & Schmidhuber, 1997) or gated recurrent units (Cho et
        al., 2014), which have three quarters as many weights.
    latent_activation : str, default="identity"
        After the code layer; a key of ``ACTIVATIONS``.
    output_activation : str or None, default=None
        After the last layer; None is the identity.
    padding_value : float or None, default=None
        Steps at the end of which all features have this value are padding: the code is read
        before them. None is no padding.
    weight_init : str or float, default="auto"
        As in :class:`MLPAutoencoder`, for the dense layers and the matrices of the cells.
    latent : {"euclidean", "ordered", "sphere", "gaussian"}, default="euclidean"
        As in :class:`Autoencoder`.

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
        build = look_up("cell", cell, CELLS)
        encoder = nn.Sequential(
            nn.Unflatten(1, tuple(input_shape)),
            LastState(build(features, hidden_size, batch_first=True), input_shape, padding_value),
            nn.Linear(hidden_size, _n_encoded(n_components, latent)),
            *_activation(latent_activation),
        )
        decoder = nn.Sequential(
            Unrolled(build(n_components, hidden_size, batch_first=True), steps),
            nn.Linear(hidden_size, features),
            *_activation(output_activation or "identity"),
            nn.Flatten(),
        )
        super().__init__(encoder, decoder, steps * features, latent)
        _initialize(self, weight_init, activation="tanh")

    def use_units(self, shift, scale):
        """Set the units of X, in which padding is known."""
        super().use_units(shift, scale)
        self.encoder[1].shift.copy_(self.shift.view_as(self.encoder[1].shift))
        self.encoder[1].scale.copy_(self.scale)


class Head(nn.Module):
    """Fully connected layers from codes to logits.

    Codes are brought to order one before the first layer, by ``shift`` and ``scale``, which are
    buffers as those of :class:`Autoencoder` are.

    Parameters
    ----------
    n_components : int
        Number of codes.
    n_classes : int
        Number of logits.
    hidden_layer_sizes : tuple of int, default=()
        Widths between; ``()`` is a linear classifier.
    activation : str, default="relu"
        After each hidden layer; a key of ``ACTIVATIONS``.

    Attributes
    ----------
    layers : torch.nn.Sequential
        Linear layers and activations.
    shift : torch.Tensor of shape (n_components,)
        Centre of the codes, a buffer.
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
        self.layers = _stack(layers, activation, None, 0.0, "identity")
        self.register_buffer("shift", torch.zeros(n_components))
        self.register_buffer("scale", torch.ones(()))
        _initialize(self, "auto", activation)

    def use_units(self, shift, scale):
        """Set the units of the codes: an array of centres, and one positive scale."""
        self.shift.copy_(torch.as_tensor(shift))
        self.scale.fill_(scale)

    def forward(self, codes):
        """Return the logits of codes."""
        return self.layers((codes - self.shift) / self.scale)


class Classifier(nn.Module):
    """A head behind an encoder.

    Parameters
    ----------
    head : Head
        Maps codes to logits.
    encoder : torch.nn.Module or None, default=None
        Has ``encode``; None takes codes as rows.

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
        # Not to the last bit, which another dtype of the rows would change.
        observed = ~torch.isclose(sequences, padding, rtol=1e-5, atol=1e-5).all(dim=2)
        step = torch.arange(sequences.shape[1], device=sequences.device)
        last = (observed * step).amax(dim=1)
        return states[torch.arange(len(states), device=states.device), last]


class Unrolled(nn.Module):
    """A recurrent layer that is shown the same codes at each step.

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


class Layer(NamedTuple):
    """What a layer of a network makes of one row."""

    part: str
    name: str
    shape: tuple
    n_weights: int
    n_products: int


def list_layers(module, X, parts=("encode", "decode")):
    """Pass rows through a network and list the layers that they meet.

    Parameters
    ----------
    module : torch.nn.Module
        The network; a copy is tried that shares its weights.
    X : torch.Tensor of shape (n_rows, n_features)
        Rows; their values do not matter.
    parts : tuple of str, default=("encode", "decode")
        Methods of the network, each of which takes what the one before gives.

    Returns
    -------
    list of Layer
        In the order of computation: the part it belongs to, the name of its class, the shape of
        its output without the rows, its own number of weights, and of multiplications of weights
        for each row, which a convolution or a recurrent layer has more of.

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
            return  # a layer of the user's with a result of its own kind
        n_weights = sum(weight.numel() for weight in layer.parameters())
        # Each weight of a matrix is used once for each position of an image or step.
        values = inputs[0] if isinstance(layer, TRANSPOSED_CONVOLUTIONS) else output
        channel_axis = 1 if isinstance(layer, CONVOLUTIONS) else -1
        n_positions = values.numel() // max(1, values.shape[channel_axis] * len(X))
        n_products = n_positions * n_weights
        shape = tuple(output.shape[1:])
        layers.append(Layer(part, type(layer).__name__, shape, n_weights, n_products))

    # Hooks that an interruption left behind would break a network for good.
    weights = {id(weight): weight for weight in (*module.parameters(), *module.buffers())}
    module = copy.deepcopy(module, weights).eval()
    for layer in module.modules():
        if not any(True for _ in layer.children()):
            layer.register_forward_hook(note)
    with torch.no_grad():
        for part in parts:
            X = getattr(module, part)(X)
    return layers


#: Layers whose channels are the second axis.
TRANSPOSED_CONVOLUTIONS = (nn.ConvTranspose1d, nn.ConvTranspose2d)
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, *TRANSPOSED_CONVOLUTIONS)


def _principal_axes(covariance, S):
    """Return the variances and eigenvectors of a covariance, by falling variance.

    Eigenvectors of almost no variance are noise: another order of summation gives others. Within
    their span, which is not noise, those of S² take their place: the directions that the
    decoder's weights prefer, whether or not any row uses them.
    """
    variances, W = (values.flip(-1) for values in torch.linalg.eigh(covariance))
    n_used = int((variances > 1e-9 * variances[0]).sum())
    unused = W[:, n_used:]
    _, turn = torch.linalg.eigh(unused.t() @ (S.square().unsqueeze(1) * unused))
    used = torch.arange(len(S)) < n_used
    return variances * used, torch.cat([W[:, :n_used], unused @ turn.flip(-1)], dim=1)


def _signs(columns):
    """Return the sign of each column's largest element, the first of those equally large.

    Equally large up to rounding, which would else decide the sign.
    """
    sizes = columns.abs()
    first = (sizes >= (1 - 1e-6) * sizes.amax(dim=0)).int().argmax(dim=0)
    return columns.gather(0, first.unsqueeze(0)).squeeze(0).sign()


def _n_encoded(n_components, latent):
    """Return how many numbers the encoder gives: a normal distribution has two per code."""
    return 2 * n_components if latent == "gaussian" else n_components


def _activation(name):
    """Return a fresh activation in a list, which is empty for the identity."""
    build = look_up("activation", name, ACTIVATIONS)
    return [] if build is nn.Identity else [build()]


def _stack(layers, activation, norm, dropout, last_activation):
    """Put an activation behind each layer; for hidden layers norm before it, dropout behind."""
    modules = []
    for layer in layers[:-1]:
        modules.append(layer)
        if norm is not None:
            modules.append(look_up("norm", norm, NORMS)(len(layer.bias)))
        modules += _activation(activation)
        if dropout:
            modules.append(nn.Dropout(dropout))
    return nn.Sequential(*modules, layers[-1], *_activation(last_activation))


def _split(layers):
    """Split a sequence before each layer that has a matrix."""
    starts = [i for i, layer in enumerate(layers) if isinstance(layer, (nn.Linear, Transposed))]
    return [layers[start:stop] for start, stop in pairwise([*starts, len(layers)])]


def _mirror(size, n_layers, kernel_size, stride, padding, pool):
    """Plan a stack of convolutions and its mirror image along one axis.

    Parameters
    ----------
    size : int
        Size of the images along this axis.
    n_layers, kernel_size, stride, padding, pool : int
        Of the stack; each layer has the same.

    Returns
    -------
    list of (int, int, int)
        For each layer, the size after it, and the padding and the output padding of the transposed
        convolution that leads back to the size before it. Its output has
        ``(size - 1) * stride * pool - 2 * padding + kernel_size + output_padding`` elements.
    """
    plan = _plan(size, n_layers, kernel_size, stride, padding, pool)
    if plan is not None:
        return plan
    geometry = (n_layers, kernel_size, stride, padding, pool)
    nearby = range(max(1, size - 2**12), min(4 * size + 64, size + 2**12))
    others = sorted(nearby, key=lambda other: abs(other - size))
    near = sorted([other for other in others if _plan(other, *geometry)][:4])
    raise ValueError(
        f"{n_layers} convolutions with kernel_size={kernel_size}, stride={stride}, "
        f"padding={padding} and pool={pool} cannot be mirrored for images of size {size} along an "
        f"axis. Sizes near it that can: {', '.join(map(str, near)) or 'none'}. Or use fewer "
        "channels, or another stride or pool."
    )


def _plan(size, n_layers, kernel_size, stride, padding, pool):
    """Return what ``_mirror`` does, or None where there is no mirror image."""
    plan, step = [], stride * pool
    for _ in range(n_layers):
        after = ((size + 2 * padding - kernel_size) // stride + 1) // pool
        excess = (after - 1) * step + kernel_size - size
        undo = max(0, (excess + 1) // 2)
        extra = 2 * undo - excess
        if after < 1 or extra >= step:
            return None
        plan.append((after, undo, extra))
        size = after
    return plan


def _initialize(module, weight_init, activation):
    """Draw the initial weights of every layer that has a matrix, in place."""
    if isinstance(weight_init, str) and weight_init != "auto":
        draw = look_up("weight_init", weight_init, WEIGHT_INITS)
    for layer in module.modules():
        if not isinstance(layer, (nn.Linear, Transposed, *CONVOLUTIONS, *CELLS.values())):
            continue
        if weight_init == "auto":
            draw = _auto_init(layer, activation)
        elif not isinstance(weight_init, str):
            draw = partial(nn.init.normal_, std=float(weight_init))
        if draw is None:
            continue
        for name, weight in layer.named_parameters():
            nn.init.zeros_(weight) if "bias" in name else draw(weight)


def _auto_init(layer, activation):
    """Return what draws the weights of a layer, or None where torch's default is good.

    Sigmoids need larger weights than others: their slope is a quarter of tanh's, so that signals
    fade from layer to layer. LeCun's variance of 1 / (number of inputs) is what SELU's
    self-normalisation assumes, and right for convolutions, of which torch miscounts the
    transposed: each output of theirs has inputs from every stride-th place of the kernel only.
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
