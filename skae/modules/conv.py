"""Convolutional autoencoder of images and signals."""

import math
from functools import partial
from itertools import pairwise

from torch import nn

from skae._names import resolve_name
from skae.modules.base import Autoencoder
from skae.modules.initialization import initialize
from skae.modules.latents import LATENTS
from skae.modules.layers import BatchNorm, activation_layers

#: Normalisation of the channels of maps by name, as functions of their number.
CHANNEL_NORMS = {"batch": BatchNorm, "layer": partial(nn.GroupNorm, 1)}


class ConvAutoencoder(Autoencoder):
    """Convolutional autoencoder of signals or images with a symmetric decoder.

    =========  =======================================  =================================
    name       shape                                    meaning
    =========  =======================================  =================================
    images     ``(batch, *input_shape)``                rows of X
    map        (batch, channels[-1], height, width)     output of the last convolution
    codes      (batch, n_components)                    the map, or the output of a dense layer
    =========  =======================================  =================================

    Each convolution is followed by its activation and max-pooling, with norm before and dropout
    after them. In the decoder, a transposed
    convolution with the same kernel reverses stride and pooling together. If the map has as many
    elements as there are codes, they are the codes, and the network is fully convolutional.
    Otherwise a dense layer maps the map to the codes, and another one maps them back.

    Parameters
    ----------
    input_shape : tuple of int
        (channels, length) of a signal or (channels, height, width) of an image.
    n_components : int
        Number of latent codes.
    channels : tuple of int
        Channels of each convolution.
    kernel_size : int, default=3
        Size of the kernels along each axis.
    stride : int, default=2
        Stride of the convolutions.
    padding : int or "auto", default="auto"
        Zeros around each image; "auto" is ``(kernel_size - 1) // 2``.
    pool : int, default=1
        Size of max-pooling after each convolution; 1 is none.
    activation : str, default="relu"
        Activation of the hidden layers; a key of ``ACTIVATIONS``.
    latent_activation : str, default="identity"
        Activation of the codes.
    output_activation : str or None, default=None
        Activation of the output; None is the identity.
    weight_init : str or float, default="auto"
        As in :class:`MLPAutoencoder`.
    latent : str, default="euclidean"
        Kind of latent codes, a key of :data:`skae.modules.LATENTS`.
    norm : {None, "batch", "layer"}, default=None
        Normalisation between each hidden layer and its activation: of each channel over the rows
        of a batch and all positions, or of each row over its channels and positions, with a slope
        and an offset per channel.
    dropout : float in [0, 1), default=0.0
        Probability of an element of a hidden map to be set to 0 in a training step.

    Raises
    ------
    ValueError
        If no transposed convolution restores the size of the images.

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
        norm=None,
        dropout=0.0,
    ):
        if padding == "auto":
            padding = (kernel_size - 1) // 2
        conv, unconv, max_pool = {
            2: (nn.Conv1d, nn.ConvTranspose1d, nn.MaxPool1d),
            3: (nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d),
        }[len(input_shape)]
        geometry = (len(channels), kernel_size, stride, padding, pool)
        # For each layer, per axis: its output size, padding and output padding of its inverse.
        layers = list(zip(*(_mirror(size, *geometry) for size in input_shape[1:])))
        map_shape = (channels[-1], *(size for size, _, _ in layers[-1]))
        is_code = math.prod(map_shape) == n_components

        def hidden(width, *pools):
            """Return what follows a hidden layer with so many channels."""
            norms = [] if norm is None else [resolve_name("norm", norm, CHANNEL_NORMS)(width)]
            drops = [nn.Dropout(dropout)] if dropout else []
            return [*norms, *activation_layers(activation), *pools, *drops]

        pools = [max_pool(pool)] if pool > 1 else []
        down, up = [nn.Unflatten(1, tuple(input_shape))], []
        for i, (before, after) in enumerate(pairwise((input_shape[0], *channels))):
            is_last = i == len(channels) - 1
            width = LATENTS[latent].n_encoded(after) if is_last and is_code else after
            down.append(conv(before, width, kernel_size, stride, padding))
            if is_last and is_code:
                down += [*activation_layers(latent_activation), *pools]
            else:
                down += hidden(width, *pools)
            _, undo, extra = zip(*layers[i])
            mirror = unconv(after, before, kernel_size, stride * pool, undo, extra)
            ends = activation_layers(output_activation or "identity")
            up = [mirror, *(ends if i == 0 else hidden(before)), *up]
        down.append(nn.Flatten())
        up.append(nn.Flatten())
        if not is_code:
            n_map = math.prod(map_shape)
            down += [nn.Linear(n_map, LATENTS[latent].n_encoded(n_components))]
            down += activation_layers(latent_activation)
            up = [*hidden(channels[-1]), *up]
        up.insert(0, nn.Unflatten(1, map_shape))
        if not is_code:
            up.insert(0, nn.Linear(n_components, n_map))
        n_features = math.prod(input_shape)
        super().__init__(nn.Sequential(*down), nn.Sequential(*up), n_features, latent)
        initialize(self, weight_init, activation)


def _mirror(size, n_layers, kernel_size, stride, padding, pool):
    """Plan a stack of convolutions and the transposed convolutions that invert it, for one axis.

    Parameters
    ----------
    size : int
        Size of the images along this axis.
    n_layers, kernel_size, stride, padding, pool : int
        Of the stack; the same for each layer.

    Returns
    -------
    list of (int, int, int)
        For each layer, its output size, and the padding and the output padding of the transposed
        convolution that restores its input size. The output of that has
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
    """Return the result of ``_mirror``, or None if no transposed convolutions fit."""
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
