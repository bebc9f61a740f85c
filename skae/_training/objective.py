"""The objective of an autoencoder: reconstruction error plus penalty."""

from functools import partial

import torch
from torch import nn

from skae.corruptions import CORRUPTIONS
from skae.losses import mean_loss, weighted_mean
from skae.modules import LATENTS, keeps_units
from skae.penalties import PENALTIES


class Objective(nn.Module):
    """The criterion of the net.

    Parameters
    ----------
    settings : AutoencoderSettings
        The loss, the corruption and the penalty.
    """

    def __init__(self, settings):
        super().__init__()
        self.settings = settings
        self.loss = settings.loss  # a module is moved to the device with this one

    def forward(self, output, target, weight=None):
        """Return the mean loss of a batch of reconstructions."""
        return mean_loss(self.loss, output, target, weight)

    def corrupt(self, X, standardize, generator):
        """Return the corrupted input of the network for a batch, in the units of the network.

        Corruptions given by name are applied in these units, a callable in those of X.
        """
        corruption = self.settings.corruption
        if not callable(corruption):
            level = self.settings.corruption_level
            return CORRUPTIONS[corruption](standardize(X), level, generator)
        corrupted = corruption(X.clone(), generator)
        is_tensor = isinstance(corrupted, torch.Tensor)
        shape = tuple(corrupted.shape) if is_tensor else type(corrupted).__name__
        if shape != tuple(X.shape):
            raise ValueError(
                f"corruption={corruption!r} returned {shape} for a batch of shape "
                f"{tuple(X.shape)}; it must return a tensor of the same shape."
            )
        return standardize(corrupted.to(X))

    def evaluate(self, module, inputs, target, weight, epoch, generator):
        """Return the mean loss of a batch plus its penalty, as one scalar.

        Parameters
        ----------
        module : torch.nn.Module
            The autoencoder. Random latent codes are drawn in training mode only.
        inputs, target : torch.Tensor of shape (batch, n_features)
            Input and target of the reconstruction, in the units of the network.
        weight : torch.Tensor of shape (batch,) or None
            Weight of each row.
        epoch : int
            Counted from 1.
        generator : torch.Generator
            Draws latent codes.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        latent, encode, decode = LATENTS["euclidean"], module.encode, module.decode
        if keeps_units(module):
            latent, encode, decode = LATENTS[module.latent], module.encoder, module.decoder
        mean = partial(weighted_mean, weight=weight)
        if self.settings.penalty is None:
            encoded = latent.split(encode(inputs))
            codes = latent.codes(encoded, module.training)
            penalty = latent.penalty(encoded)
            penalty = 0.0 if penalty is None else mean(penalty)
        else:
            if latent.transforms:
                encode = module.encode_standard
            target_activation = self.settings.target_activation
            codes, penalty = PENALTIES[self.settings.penalty].evaluate(
                encode, inputs, mean, target_activation
            )
            encoded = codes
        if module.training:
            codes = latent.sample(codes, encoded, generator)
        return self(decode(codes), target, weight) + self._alpha(epoch) * penalty

    def _alpha(self, epoch):
        """Return the weight of the penalty in an epoch."""
        alpha, warmup = self.settings.alpha, self.settings.alpha_warmup
        return alpha * min(1.0, (epoch - 1) / warmup) if warmup else alpha
