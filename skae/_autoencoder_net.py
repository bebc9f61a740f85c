"""An autoencoder's network: how it is tried, trained and summed up."""

import copy
from contextlib import nullcontext

import torch
from torch import nn

from skae._backprop import Backprop, is_plain
from skae._build import initialize_net, is_lbfgs
from skae._net import Net, weighted_rows
from skae._objective import Objective
from skae._runtime import as_tensor, make_generator, seeded
from skae._weights import TORCH_DTYPES
from skae.losses import SCALE_POWER
from skae.modules import keeps_units


class AutoencoderNet(Net):
    """The net that trains an autoencoder.

    Parameters
    ----------
    module : torch.nn.Module
        Has ``encode`` and ``decode``.
    standard_units : bool
        Whether the loss is computed in the standard units of an
        :class:`skae.modules.Autoencoder` instead of the units of X.
    precision : {"full", "bf16"}
        Whether training may compute products of matrices in bfloat16.
    **kwargs
        Of :class:`Net`.
    """

    parts = ("encode", "decode")

    def __init__(self, module, *, standard_units, precision, **kwargs):
        super().__init__(module, **kwargs)
        self.standard_units = standard_units
        self.precision = precision
        self.backprop_ = None  # until training begins

    def train_step(self, batch, **fit_params):
        """Take one step of the optimiser."""
        X, weight = batch
        inputs = target = self._standardize(X)
        if self.criterion_.corruption is not None:
            with seeded(self.noise_):
                inputs = self.criterion_.corrupt(X, self._standardize, self.noise_)

        def compute():
            if self.backprop_ is not None:
                return self.backprop_(inputs, target, weight)
            self._clear_gradients()
            loss = self._objective(self._shown(inputs), target, weight)
            loss.backward()
            return loss

        return self._step(compute, batch)

    def validation_step(self, batch, **fit_params):
        """Compute what is minimised for a batch, as it is in evaluation mode."""
        X, weight = batch
        with torch.no_grad():
            target = self._standardize(X)
            return {"loss": self._objective(self._shown(target), target, weight).detach()}

    def _shown(self, rows):
        """Return rows that the module may be given: a user's might write to them."""
        return rows if keeps_units(self.module_) else rows.clone()

    def _standardize(self, X):
        """Return rows in the units in which the loss is computed."""
        return self.module_.standardize(X) if self.standard_units else X

    def _objective(self, inputs, target, weight):
        """Return what is minimised for a batch, by way of autograd."""
        draws = seeded(self.noise_) if self.may_draw_ else nullcontext()
        with weighted_rows(self.batch_norms_, weight), draws, self._autocast():
            return self.criterion_.evaluate(
                self.module_, inputs, target, weight, len(self.history), self.noise_
            )

    def _autocast(self):
        """Return the context in which products are computed as ``precision`` says."""
        if self.precision == "full":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, torch.bfloat16)

    def _prepare(self, n_rows):
        # In each epoch, since callbacks may freeze weights or thaw them.
        plain = is_plain(self.module_, self.criterion_.loss) and self.precision == "full"
        if not plain or self.criterion_.penalty is not None:
            self.backprop_ = None
        elif self.backprop_ is None:
            self.backprop_ = Backprop(self.module_, self.criterion_.loss, n_rows)

    def __getstate__(self):
        return {**super().__getstate__(), "backprop_": None}  # which the next epoch makes anew

    def _clean_up(self):
        self.backprop_ = None  # its buffers are for one training only

    def _unit_of_progress(self, loss, first):
        # With a floor: a loss that falls towards 0 would make relative progress for ever.
        return max(abs(loss), 1e-4 * abs(first))

    def _minimizes_something_new(self):
        return len(self.history) <= self.criterion_.alpha_warmup + 1

    def _loss_unit(self):
        """Return what a loss in standard units is multiplied by to be in the units of X."""
        if not self.standard_units:
            return 1.0
        return self.module_.scale.item() ** SCALE_POWER[self.criterion_.loss]


def make_net(module, objective, *, optimizer, **settings):
    """Return an initialised net around an autoencoder, ready to train.

    Parameters
    ----------
    module : torch.nn.Module
        Has ``encode`` and ``decode``; trained in place.
    objective : dict
        What to minimise: the parameters of :class:`skae._objective.Objective`.
    optimizer : str or callable
        As in :func:`initialize_net`.
    **settings
        Of :class:`AutoencoderNet` and :func:`initialize_net`.

    Returns
    -------
    AutoencoderNet
        The net.

    Raises
    ------
    ValueError
        As :func:`initialize_net` does, and if the optimiser does not go with the codes.
    """
    latent = getattr(module, "latent", "euclidean")
    has_dropout = any(isinstance(layer, nn.Dropout) for layer in module.modules())
    if is_lbfgs(optimizer) and (latent in ("ordered", "gaussian") or has_dropout):
        culprit = "dropout" if has_dropout else f"latent={latent!r}"
        raise ValueError(
            f"optimizer='lbfgs' needs the same loss at each call, but {culprit} draws random "
            "numbers: use optimizer='adam'."
        )
    if isinstance(objective["loss"], nn.Module):
        objective = {**objective, "loss": copy.deepcopy(objective["loss"])}
    criterion = Objective(**objective)
    return initialize_net(AutoencoderNet, module, criterion, optimizer=optimizer, **settings)


def check_module(module, X, n_components):
    """Raise an error if a module does not map rows to codes and codes back to rows.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    X : ndarray of shape (n_samples, n_features)
        A few rows to try it on.
    n_components : int
        Number of codes it should give.

    Raises
    ------
    ValueError
        If the module fails on these rows or gives something of another shape.
    """
    module, rows = copy.deepcopy(module).to(TORCH_DTYPES[X.dtype.name]).eval(), as_tensor(X.copy())
    for method, n_columns in (("encode", n_components), ("decode", X.shape[1])):
        name = f"{type(module).__name__}.{method}"
        try:
            with torch.inference_mode(), seeded(make_generator(0)):
                output = getattr(module, method)(rows.clone())
        except (RuntimeError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(
                f"{name} failed on {X.dtype} of shape {tuple(rows.shape)}: {error}. A module must "
                f"take rows of the dtype of X ({X.dtype})."
            ) from error
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        if shape != (len(X), n_columns):
            raise ValueError(
                f"{name} turned {X.dtype} of shape {tuple(rows.shape)} into {shape}; it must "
                f"return a tensor of shape {(len(X), n_columns)}. Check the widths that the "
                "architecture takes from (n_features, n_components)."
            )
        rows = output


def summarize(net):
    """Return a table of the layers of a net: shapes of one row's outputs, numbers of weights."""
    rows = [("part", "layer", "output", "weights")]
    rows += [
        (layer.part, layer.name, " x ".join(map(str, layer.shape)), f"{layer.n_weights:,}")
        for layer in net.layers_
    ]
    n_weights = sum(weight.numel() for weight in net.module_.parameters())
    rows.append(("", "total", "", f"{n_weights:,}"))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if i == 3 else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(row, widths))
        )
        for row in rows
    )
