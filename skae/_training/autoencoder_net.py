"""The net that trains an autoencoder."""

import copy
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from skae._training.backprop import explicit_backprop
from skae._training.net import Net, weighted_rows
from skae._training.objective import Objective
from skae._training.optimizers import initialize_net, is_lbfgs
from skae._training.random_state import draws_from, make_generator
from skae._training.tensors import TORCH_DTYPES, as_tensor
from skae.losses import SCALE_POWER, mean_loss
from skae.modules import LATENTS, keeps_units


class AutoencoderNet(Net):
    """The net that trains an autoencoder.

    Parameters
    ----------
    module : torch.nn.Module
        Has ``encode`` and ``decode``.
    settings : AutoencoderSettings
        How to train.
    standard_units : bool
        Whether the loss is computed in the standard units of an
        :class:`skae.modules.Autoencoder` instead of the units of X.
    **kwargs
        Parameters of :class:`Net`.
    """

    parts = ("encode", "decode")
    relative_tol = True

    def __init__(self, module, *, standard_units, **kwargs):
        super().__init__(module, **kwargs)
        self.standard_units = standard_units
        self.backprop_ = None  # until training begins

    def train_step(self, batch, **fit_params):
        """Take one step of the optimiser."""
        X, weight = batch
        inputs = target = self._standardize(X)
        if self.settings.corruption is not None:
            with draws_from(self.noise_):
                inputs = self.criterion_.corrupt(X, self._standardize, self.noise_)

        def compute():
            if self.backprop_ is not None:
                return self.backprop_(inputs, target, weight)
            self._clear_gradients()
            loss = self._objective(self._defensive_copy(inputs), target, weight)
            loss.backward()
            return loss

        return self._step(compute, batch)

    def validation_step(self, batch, **fit_params):
        """Compute the objective of a batch in evaluation mode."""
        X, weight = batch
        with torch.no_grad():
            target = self._standardize(X)
            loss = self._objective(self._defensive_copy(target), target, weight)
            return {"loss": loss.detach()}

    def _defensive_copy(self, rows):
        """Return rows that the module may write to; modules of skae do not."""
        return rows if keeps_units(self.module_) else rows.clone()

    def _standardize(self, X):
        """Return rows in the units in which the loss is computed."""
        return self.module_.standardize(X) if self.standard_units else X

    def _objective(self, inputs, target, weight):
        """Return the objective of a batch, to be differentiated by autograd."""
        draws = draws_from(self.noise_) if self.profile_.may_draw else nullcontext()
        with weighted_rows(self.profile_.batch_norms, weight), draws, self._autocast():
            return self.criterion_.evaluate(
                self.module_, inputs, target, weight, len(self.history), self.noise_
            )

    def _autocast(self):
        """Return the context in which matrix products are computed as ``precision`` says."""
        if self.settings.precision == "full":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, torch.bfloat16)

    def _allocate_buffers(self, n_rows):
        # In each epoch, since callbacks may freeze or unfreeze weights.
        if self.settings.penalty is not None or self.settings.precision != "full":
            return
        if self.backprop_ is None or not all(w.requires_grad for w in self.module_.parameters()):
            self.backprop_ = explicit_backprop(self.module_, self.settings.loss, n_rows)

    def _free_buffers(self):
        self.backprop_ = None

    def __getstate__(self):
        return {**super().__getstate__(), "backprop_": None}  # the next epoch allocates it again

    def _objective_changed(self):
        return len(self.history) <= self.settings.alpha_warmup + 1

    @torch.no_grad()
    def baseline_loss(self, data):
        """Return the loss of predicting the mean; infinite with a penalty, which comes on top."""
        if self.settings.penalty is not None:
            return np.inf
        target = self._standardize(self._sample(data))
        output = target.mean(dim=0)
        if self.settings.loss == "bce":
            output = output.logit(eps=1e-6)
        return self._reconstruction_loss(output.expand_as(target), target)

    @torch.no_grad()
    def loss_without_penalty(self, data):
        """Return the loss of the reconstruction of some samples, in evaluation mode."""
        rows = self._sample(data)
        X = rows.cpu().numpy()
        output = torch.as_tensor(self.apply("decode", self.apply("encode", X))).to(rows)
        return self._reconstruction_loss(self._standardize(output), self._standardize(rows))

    def _sample(self, data):
        weight = next(self.module_.parameters())
        return torch.as_tensor(data.sample(), dtype=weight.dtype, device=weight.device)

    def _reconstruction_loss(self, output, target):
        loss = mean_loss(self.settings.loss, output, target).item()
        return AutoencoderNet._in_units_of_x(self, loss)

    def _in_units_of_x(self, loss):
        if not self.standard_units:
            return loss
        return loss * self.module_.scale.item() ** SCALE_POWER[self.settings.loss]


def make_autoencoder_net(module, settings, **kwargs):
    """Return an initialised net around an autoencoder, ready to train.

    Parameters
    ----------
    module : torch.nn.Module
        Has ``encode`` and ``decode``; trained in place.
    settings : AutoencoderSettings
        How to train.
    **kwargs
        Further parameters of :class:`AutoencoderNet` and
        :func:`skae._training.optimizers.initialize_net`.

    Returns
    -------
    AutoencoderNet
        The net.

    Raises
    ------
    ValueError
        As ``initialize_net`` does, and if the optimiser is not compatible with the latent codes.
    """
    latent = getattr(module, "latent", "euclidean")
    has_dropout = any(isinstance(layer, nn.Dropout) for layer in module.modules())
    if is_lbfgs(settings.optimizer) and (has_dropout or LATENTS[latent].is_random):
        culprit = "dropout" if has_dropout else f"latent={latent!r}"
        raise ValueError(
            f"optimizer='lbfgs' needs the same loss at each call, but {culprit} draws random "
            "numbers: use optimizer='adam'."
        )
    if isinstance(settings.loss, nn.Module):
        settings = replace(settings, loss=copy.deepcopy(settings.loss))
    net_class = kwargs.pop("net_class", AutoencoderNet)
    return initialize_net(net_class, module, Objective(settings), settings, **kwargs)


def check_module(module, X, n_components):
    """Raise an error if a module does not map rows to codes and codes back to rows.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    X : ndarray of shape (n_samples, n_features)
        A few rows to try it on.
    n_components : int
        Expected number of codes.

    Raises
    ------
    ValueError
        If the module fails on these rows or its output has another shape.
    """
    module, rows = copy.deepcopy(module).to(TORCH_DTYPES[X.dtype.name]).eval(), as_tensor(X.copy())
    for method, n_columns in (("encode", n_components), ("decode", X.shape[1])):
        name = f"{type(module).__name__}.{method}"
        try:
            with torch.inference_mode(), draws_from(make_generator(0)):
                output = getattr(module, method)(rows.clone())
        except (RuntimeError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(
                f"{name} failed on {X.dtype} of shape {tuple(rows.shape)}: {error}. A module must "
                f"take rows of the dtype of X ({X.dtype})."
            ) from error
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        if shape != (len(X), n_columns):
            raise ValueError(
                f"{name} returned {shape} for {X.dtype} of shape {tuple(rows.shape)}; it must "
                f"return a tensor of shape {(len(X), n_columns)}. Check the widths that the "
                "architecture takes from (n_features, n_components)."
            )
        rows = output
