"""What a training step minimises: the reconstruction of clean rows, plus a penalty on the codes."""

import torch
from torch import nn

from skae.losses import (
    CORRUPTIONS,
    add_noise,
    encode_with_jacobian,
    kl_from_standard_normal,
    mean_loss,
    nested_dropout,
    sparsity,
    weighted_mean,
)
from skae.modules import keeps_units


class Objective(nn.Module):
    """The criterion of the net.

    Parameters
    ----------
    loss : str or callable
        As in :func:`skae.losses.mean_loss`.
    corruption : str, callable or None, default=None
        A key of :data:`skae.losses.CORRUPTIONS`, or ``(X, generator) -> X``.
    corruption_level : float, default=0.0
        How much of a named corruption.
    penalty : {"l1", "kl", "contractive"} or None, default=None
        On the codes.
    alpha : float, default=0.0
        Weight of the penalty, or of the divergence of variational codes.
    alpha_warmup : int, default=0
        Epochs over which that weight grows from 0.
    target_activation : float, default=0.05
        Mean of each code that ``penalty="kl"`` asks for.
    """

    def __init__(
        self,
        loss,
        corruption=None,
        corruption_level=0.0,
        penalty=None,
        alpha=0.0,
        alpha_warmup=0,
        target_activation=0.05,
    ):
        super().__init__()
        self.loss = loss
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.penalty = penalty
        self.alpha = alpha
        self.alpha_warmup = alpha_warmup
        self.target_activation = target_activation

    def forward(self, output, target, weight=None):
        """Return the mean loss of a batch of reconstructions."""
        return mean_loss(self.loss, output, target, weight)

    def corrupt(self, X, standardize, generator):
        """Return what the network is shown of a batch.

        Named corruptions work in the units of the network, a callable in those of X.
        """
        if not callable(self.corruption):
            return CORRUPTIONS[self.corruption](standardize(X), self.corruption_level, generator)
        corrupted = self.corruption(X.clone(), generator)
        is_tensor = isinstance(corrupted, torch.Tensor)
        shape = tuple(corrupted.shape) if is_tensor else type(corrupted).__name__
        if shape != tuple(X.shape):
            raise ValueError(
                f"corruption={self.corruption!r} turned a batch of shape {tuple(X.shape)} into "
                f"{shape}; it must return a tensor of the same shape."
            )
        return standardize(corrupted.to(X))

    def evaluate(self, module, inputs, target, weight, epoch, generator):
        """Return the mean loss of a batch and its penalty, as one scalar.

        Parameters
        ----------
        module : torch.nn.Module
            The autoencoder; variational codes are drawn while it is in training mode.
        inputs, target : torch.Tensor of shape (batch, n_features)
            What it is shown and what it should give, in its units.
        weight : torch.Tensor of shape (batch,) or None
            Weight of each row.
        epoch : int
            Counted from 1.
        generator : torch.Generator
            Draws variational codes.

        Returns
        -------
        torch.Tensor
            A scalar.
        """
        encode, decode, latent = module.encode, module.decode, "euclidean"
        if keeps_units(module):
            encode, decode, latent = module.encode_standard, module.decoder, module.latent
        if latent == "gaussian":
            codes, log_variance = module.encoder(inputs).chunk(2, dim=1)
            penalty = weighted_mean(kl_from_standard_normal(codes, log_variance), weight)
            if module.training:
                codes = add_noise(codes, (log_variance / 2).exp(), generator)
        elif self.penalty == "contractive":
            is_sphere = latent == "sphere" or not keeps_units(module)
            codes, norms = encode_with_jacobian(encode if is_sphere else module.encoder, inputs)
            penalty = weighted_mean(norms, weight)
        else:
            codes, penalty = encode(inputs), 0.0
            if self.penalty == "l1":
                penalty = weighted_mean(codes.abs().sum(dim=1), weight)
            elif self.penalty == "kl":
                penalty = sparsity(weighted_mean(codes, weight), self.target_activation)
        if latent == "ordered" and module.training:
            codes = nested_dropout(codes, generator)
        grown = min(1.0, (epoch - 1) / self.alpha_warmup) if self.alpha_warmup else 1.0
        return self(decode(codes), target, weight) + self.alpha * grown * penalty
