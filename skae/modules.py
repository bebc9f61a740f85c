"""The networks: :class:`torch.nn.Module` only, free of scikit-learn and skorch.

Every module here has ``encode``, ``decode`` and ``forward``. Shapes in this file:

=========  =====================  ==========================================
name       shape                  meaning
=========  =====================  ==========================================
``X``      (batch, n_features)    rows, in the units of the data
``Z``      (batch, n_features)    the same rows in standard units
``codes``  (batch, n_components)  what the bottleneck holds
=========  =====================  ==========================================
"""

import difflib
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

__all__ = ["ACTIVATIONS", "Autoencoder", "LinearAutoencoder", "MLPAutoencoder"]

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

    def __init__(self, encoder, decoder, n_features):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.register_buffer("shift", torch.zeros(n_features))
        self.register_buffer("scale", torch.ones(()))

    def use_units(self, shift, scale):
        """Set the units of X: an array of n_features centres, and one positive scale."""
        self.shift.copy_(torch.as_tensor(shift))
        self.scale.fill_(scale)

    def standardize(self, X):
        """Return X in standard units; always a new tensor."""
        return (X - self.shift).div_(self.scale)

    def encode(self, X):
        """Return the codes of X."""
        return self.encoder(self.standardize(X))

    def decode(self, codes):
        """Return rows in the units of X."""
        return self.decoder(codes) * self.scale + self.shift

    def forward(self, X):
        """Return the reconstruction of X."""
        return self.decode(self.encode(X))


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
        N(0, s²), or "auto": LeCun normal for SELU, which its self-normalisation assumes
        (Klambauer et al., 2017), torch's default for the others. Biases start at torch's
        default with "auto", at 0 with the others.

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
    ):
        widths = (n_features, *hidden_layer_sizes, n_components)
        down = [nn.Linear(a, b) for a, b in pairwise(widths)]
        if tied_weights:
            up = [Transposed(layer) for layer in reversed(down)]
        else:
            up = [nn.Linear(b, a) for a, b in reversed(list(pairwise(widths)))]
        encoder = _stack(down, activation, dropout, latent_activation)
        decoder = _stack(up, activation, dropout, output_activation or "identity")
        super().__init__(encoder, decoder, n_features)
        _initialize(self, weight_init, activation)


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

    def _weights(self):
        """Return the encoder's weight and bias and the decoder's weight, in float64."""
        down, up = self.encoder[0], self.decoder[0]
        weight = down.weight.t() if isinstance(up, Transposed) else up.weight
        return tuple(values.cpu().double() for values in (down.weight, down.bias, weight))


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


def _stack(layers, activation, dropout, last_activation):
    """Put an activation behind each layer, and dropout behind those of hidden layers."""
    modules = []
    for layer in layers:
        is_last = layer is layers[-1]
        build = look_up("activation", last_activation if is_last else activation, ACTIVATIONS)
        modules.append(layer)
        if build is not nn.Identity:
            modules.append(build())
        if dropout and not is_last:
            modules.append(nn.Dropout(dropout))
    return nn.Sequential(*modules)


def _initialize(module, weight_init, activation):
    """Draw the initial weights of every linear layer in place."""
    if weight_init == "auto":
        if activation != "selu":
            return
        draw, options = nn.init.kaiming_normal_, {"nonlinearity": "linear"}
    elif isinstance(weight_init, str):
        draw, options = look_up("weight_init", weight_init, WEIGHT_INITS), {}
    else:
        draw, options = nn.init.normal_, {"std": float(weight_init)}
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            draw(layer.weight, **options)
        if isinstance(layer, (nn.Linear, Transposed)):
            nn.init.zeros_(layer.bias)
