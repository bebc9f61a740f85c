"""Autoencoder with a linear path that is PCA, and a nonlinear path that is added to it.

==========  =====================  ==================================================
name        shape                  meaning
==========  =====================  ==================================================
``Z``       (batch, n_features)    centered samples, divided by ``scale``
``T``       (batch, n_axes)        coordinates of ``Z`` along the principal axes
``codes``   (batch, n_components)  PCA's scores plus the output of the nonlinear path
==========  =====================  ==================================================
"""

from itertools import pairwise

import torch
from torch import nn

from skae.modules.base import Autoencoder
from skae.modules.initialization import initialize
from skae.modules.layers import stack_layers


class Projection(nn.Module):
    """Coordinates along orthonormal axes.

    Parameters
    ----------
    n_features : int
        Number of columns.
    n_axes : int
        Number of axes.

    Attributes
    ----------
    axes : torch.Tensor of shape (n_axes, n_features)
        Orthonormal rows, a buffer.
    """

    def __init__(self, n_features, n_axes):
        super().__init__()
        self.register_buffer("axes", torch.eye(n_axes, n_features))

    def forward(self, Z):
        """Return the coordinates of rows."""
        return Z @ self.axes.t()


class BackProjection(nn.Module):
    """Rows from their coordinates along the axes of a projection.

    Parameters
    ----------
    projection : Projection
        Has the axes.

    Attributes
    ----------
    slope, offset : torch.Tensor of shape (n_features,)
        Each column is multiplied by its slope, and its offset is added; buffers. They are 1 and 0
        for columns that are reconstructed better than by their mean.
    """

    def __init__(self, projection):
        super().__init__()
        n_features = projection.axes.shape[1]
        self.register_buffer("slope", torch.ones(n_features))
        self.register_buffer("offset", torch.zeros(n_features))
        self._source = (projection,)  # in a tuple, so that it is not a submodule of this one

    @property
    def axes(self):
        """Axes of the projection."""
        return self._source[0].axes

    def forward(self, T):
        """Return the rows that coordinates belong to."""
        return (T @ self.axes) * self.slope + self.offset


class ResidualEncoder(nn.Module):
    """PCA's scores, plus a nonlinear function of all coordinates.

    Parameters
    ----------
    hidden : torch.nn.Sequential
        Maps (batch, n_axes) to (batch, n_components).
    n_axes, n_components : int
        Its widths.

    Attributes
    ----------
    sigma : torch.Tensor of shape (n_components,)
        Standard deviations of the scores, a buffer.
    unit, gain : torch.Tensor of shape (), (n_components,)
        Factors from coordinates to the input of ``hidden``, and from the first coordinates to
        scores of unit variance; buffers.
    low, high : torch.Tensor of shape (n_axes,)
        Range of the input of ``hidden`` in training, to which other input is clipped; buffers.
    """

    def __init__(self, hidden, n_axes, n_components):
        super().__init__()
        self.hidden = hidden
        self.register_buffer("sigma", torch.ones(n_components))
        self.register_buffer("gain", torch.ones(n_components))
        self.register_buffer("unit", torch.ones(()))
        self.register_buffer("low", torch.full((n_axes,), -1.0))
        self.register_buffer("high", torch.full((n_axes,), 1.0))

    def forward(self, T):
        """Return the codes of coordinates."""
        inputs = (T * self.unit).clamp(self.low, self.high)
        return (T[:, : len(self.sigma)] * self.gain + self.hidden(inputs)) * self.sigma


class ResidualDecoder(nn.Module):
    """Coordinates from scores, plus a nonlinear function of them.

    Parameters
    ----------
    hidden : torch.nn.Sequential
        Maps (batch, n_components) to (batch, n_axes).
    n_axes, n_components : int
        Its widths.

    Attributes
    ----------
    sigma : torch.Tensor of shape (n_components,)
        Standard deviations of the scores, a buffer.
    gain, unit : torch.Tensor of shape (n_components,), (n_axes,)
        Factors from scores of unit variance to the first coordinates, and from the output of
        ``hidden`` to coordinates; buffers.
    low, high : torch.Tensor of shape (n_components,)
        Range to which the input of ``hidden`` is clipped; buffers.
    """

    def __init__(self, hidden, n_axes, n_components):
        super().__init__()
        self.hidden = hidden
        self.register_buffer("sigma", torch.ones(n_components))
        self.register_buffer("gain", torch.ones(n_components))
        self.register_buffer("unit", torch.ones(n_axes))
        self.register_buffer("low", torch.full((n_components,), -1.0))
        self.register_buffer("high", torch.full((n_components,), 1.0))

    def forward(self, codes):
        """Return the coordinates of codes."""
        scores = codes / self.sigma
        T = self.hidden(scores.clamp(self.low, self.high)) * self.unit
        n_components = len(self.sigma)
        return torch.cat([T[:, :n_components] + scores * self.gain, T[:, n_components:]], dim=1)


class ResidualCore(Autoencoder):
    """The part of a :class:`ResidualAutoencoder` between the projections, for training."""


class ResidualAutoencoder(Autoencoder):
    """Fully connected autoencoder whose nonlinear path is added to PCA.

    The linear path is fixed: it maps samples to their scores on the first principal axes, and back.
    The nonlinear path is a fully connected autoencoder in the coordinates along ``n_axes``
    principal axes. Its last layers start at 0, so that training starts at PCA's reconstruction.

    Parameters
    ----------
    n_features : int
        Number of columns of X.
    n_components : int
        Number of latent codes, at most ``n_axes``.
    n_axes : int
        Number of principal axes in which the nonlinear path works.
    hidden_layer_sizes : tuple of int, default=(256,)
        Widths of the hidden layers of the encoder; the decoder has them in reverse order.
    activation : str, default="relu"
        Activation of the hidden layers; a key of ``ACTIVATIONS``.
    weight_init : str or float, default="auto"
        As in :class:`MLPAutoencoder`, for all but the last layers.

    Attributes
    ----------
    core : ResidualCore
        The same networks in the coordinates along the axes, which are trained.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import ResidualAutoencoder
    >>> module = ResidualAutoencoder(n_features=64, n_components=2, n_axes=32)
    >>> module.encode(torch.zeros(5, 64)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        n_features,
        n_components,
        n_axes,
        hidden_layer_sizes=(256,),
        activation="relu",
        weight_init="auto",
    ):
        widths = (n_axes, *hidden_layer_sizes, n_components)
        down = [nn.Linear(a, b) for a, b in pairwise(widths)]
        up = [nn.Linear(b, a) for a, b in reversed(list(pairwise(widths)))]
        down, up = (
            stack_layers(layers, activation, None, 0.0, "identity") for layers in (down, up)
        )
        projection = Projection(n_features, n_axes)
        encoder = ResidualEncoder(down, n_axes, n_components)
        decoder = ResidualDecoder(up, n_axes, n_components)
        super().__init__(
            nn.Sequential(projection, encoder),
            nn.Sequential(decoder, BackProjection(projection)),
            n_features,
        )
        initialize(self, weight_init, activation)
        self.reset()

    @property
    def core(self):
        """The networks in the coordinates along the axes, which share all weights."""
        core = ResidualCore(self.encoder[1], self.decoder[0], len(self.encoder[0].axes))
        core.scale = self.scale
        core.shift = core.shift.to(self.shift)
        return core

    @torch.no_grad()
    def reset(self):
        """Set the last layers of the nonlinear path to 0, so that the reconstruction is PCA's."""
        for part in (self.encoder[1], self.decoder[0]):
            nn.init.zeros_(part.hidden[-1].weight)
            nn.init.zeros_(part.hidden[-1].bias)

    @torch.no_grad()
    def use_axes(self, axes, variances, residual, total):
        """Set the linear path, and the units of the nonlinear path.

        Parameters
        ----------
        axes : array-like of shape (n_axes, n_features)
            Principal axes, orthonormal.
        variances : array-like of shape (n_axes,)
            Of X along them, decreasing.
        residual : float
            Variance of X that PCA's reconstruction from ``n_components`` codes leaves.
        total : float
            Variance of X.
        """
        encoder, decoder = self.encoder[1], self.decoder[0]
        n_components, n_axes = len(encoder.sigma), len(axes)
        variances = torch.as_tensor(variances, dtype=torch.float64).clamp_min(1e-300)
        sigma = variances[:n_components].sqrt()
        sigma = torch.where(sigma > 1e-140, sigma, 1.0)  # codes without an axis are 0
        scale = (residual / n_axes) ** 0.5
        self.scale.fill_(scale)
        self.encoder[0].axes.copy_(torch.as_tensor(axes))
        encoder.sigma.copy_(sigma)
        encoder.gain.copy_(scale / sigma)
        encoder.unit.fill_(scale / (total / n_axes) ** 0.5)
        # An output of 1 is one standard deviation along the axis, but for the first axes that of
        # the first axis that is not in the codes: the linear path reconstructs them.
        spread = variances.sqrt()
        spread[:n_components] = spread[min(n_components, n_axes - 1)]
        decoder.sigma.copy_(sigma)
        decoder.gain.copy_(sigma / scale)
        decoder.unit.copy_(spread / scale)

    @torch.no_grad()
    def use_ranges(self, low, high, margin=2.0):
        """Set the ranges to which the input of the nonlinear path is clipped.

        Parameters
        ----------
        low, high : torch.Tensor of shape (n_axes,)
            Smallest and largest coordinates of the training samples, divided by ``scale``.
        margin : float, default=2.0
            By how many standard deviations of PCA's scores the codes may exceed their range.
        """
        encoder, decoder = self.encoder[1], self.decoder[0]
        low, high = (values.to(encoder.low) for values in (low, high))
        encoder.low.copy_(low * encoder.unit)
        encoder.high.copy_(high * encoder.unit)
        n_components = len(encoder.sigma)
        decoder.low.copy_(low[:n_components] * encoder.gain - margin)
        decoder.high.copy_(high[:n_components] * encoder.gain + margin)
