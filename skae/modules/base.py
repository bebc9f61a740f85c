"""The base of autoencoders: an encoder and a decoder in standard units.

==========  =====================  ==========================================
name        shape                  meaning
==========  =====================  ==========================================
``X``       (batch, n_features)    samples, in the units of the data
``Z``       (batch, n_features)    the same samples in standard units
``codes``   (batch, n_components)  latent codes
==========  =====================  ==========================================
"""

import torch
from torch import nn

from skae.modules.latents import LATENTS


class Autoencoder(nn.Module):
    """An encoder and a decoder that compute in standard units.

    Networks train well on numbers of order one. ``shift`` and ``scale`` standardise the data,
    ``Z = (X - shift) / scale``, with one number for the scale, so that squared errors keep their
    proportions and a linear autoencoder is comparable with PCA. They are buffers: saved with the
    weights, never trained. With 0 and 1, the network computes in the units of X.

    Parameters
    ----------
    encoder : torch.nn.Module
        Maps (batch, n_features) to (batch, n_components).
    decoder : torch.nn.Module
        Maps (batch, n_components) to (batch, n_features).
    n_features : int
        Number of columns of X.
    latent : str, default="euclidean"
        Kind of latent codes, a key of :data:`skae.modules.LATENTS`.

    Attributes
    ----------
    encoder, decoder : torch.nn.Module
        The two networks, in standard units.
    latent : str
        Kind of latent codes.
    shift : torch.Tensor of shape (n_features,)
        Center of X, a buffer.
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
        """Set the units of X: an array of n_features centers, and one positive scale."""
        self.shift.copy_(torch.as_tensor(shift))
        self.scale.fill_(scale)

    def standardize(self, X):
        """Return X in standard units; always a new tensor."""
        return (X - self.shift).div_(self.scale)

    def encode_standard(self, Z):
        """Return the codes of rows in standard units."""
        latent = LATENTS[self.latent]
        return latent.codes(latent.split(self.encoder(Z)), self.training)

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
    """Return whether a module computes in standard units as the classes of ``skae.modules`` do.

    Parameters
    ----------
    module : torch.nn.Module
        The network.

    Returns
    -------
    bool
        True for classes that inherit ``encode`` and ``decode``. Then ``encode_standard`` and
        ``decoder`` compute in standard units.

    Examples
    --------
    >>> import torch
    >>> from skae.modules import MLPAutoencoder, keeps_units
    >>> keeps_units(MLPAutoencoder(4, 2)), keeps_units(torch.nn.Linear(4, 2))
    (True, False)
    """
    methods = (getattr(type(module), name, None) for name in ("encode", "decode"))
    return isinstance(module, Autoencoder) and all(
        method.__module__.startswith("skae.modules.") for method in methods
    )
