"""Initialised nets: which optimiser, batch size and callbacks the settings mean."""

import copy
import inspect
import sys

import torch
from skorch.callbacks import Callback, EarlyStopping, EpochScoring

from skae._names import resolve_name
from skae._training.distributed import current_group
from skae._training.random_state import make_generator
from skae._training.tensors import TORCH_DTYPES

#: Optimisers by name, with options. ``fused`` updates all weights in one call. L-BFGS takes its
#: step length from a line search, so its lr is 1. Its tolerances are a hundredth and a thousandth
#: of torch's: losses are means over all elements, so that gradients are small long before the
#: optimum.
OPTIMIZERS = {
    "adam": (torch.optim.Adam, {"fused": True}),
    "adamw": (torch.optim.AdamW, {"fused": True}),
    "sgd": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "lbfgs": (
        torch.optim.LBFGS,
        {
            "lr": 1.0,
            "line_search_fn": "strong_wolfe",
            "tolerance_grad": 1e-9,
            "tolerance_change": 1e-12,
        },
    ),
}


def initialize_net(
    net_class, module, criterion, settings, *, n_features, dtype, device, options=None, **kwargs
):
    """Return an initialised net of a class around a module, ready to train.

    Parameters
    ----------
    net_class : type
        A subclass of :class:`skae._training.net.Net`.
    module : torch.nn.Module
        Trained in place.
    criterion : torch.nn.Module
        Computes the loss.
    settings : TrainingSettings
        How to train.
    n_features : int
        Number of columns of X.
    dtype : numpy.dtype
        Dtype of the computation.
    device : torch.device
        Device of the computation.
    options : dict or None, default=None
        Options of the optimiser, besides those of ``OPTIMIZERS``.
    **kwargs
        Further parameters of the class.

    Returns
    -------
    skae._training.net.Net
        The net.

    Raises
    ------
    ValueError
        If the optimiser is not known, a setting is not compatible with it or with skae's
        training, or the module has no parameter to train.
    """
    if not any(weight.requires_grad for weight in module.parameters()):
        raise ValueError(
            f"{type(module).__name__} has no parameter that can be trained: build it with layers "
            "that have weights, and leave requires_grad as it is for some."
        )
    optimizer, known = resolve_optimizer(settings)
    options = {**known, **(options or {})}
    for callback in settings.callbacks or []:
        _check_callback(callback[-1] if isinstance(callback, tuple) else callback)
    return net_class(
        module.to(device, TORCH_DTYPES[dtype.name]),
        settings=settings,
        # All processes of a group have the same weights, but draw for samples of their own.
        generator=make_generator(settings.seed + current_group().rank),
        n_features=n_features,
        criterion=criterion,
        optimizer=optimizer,
        lr=settings.lr,
        batch_size=resolve_batch_size(settings.batch_size, settings.n_rows, optimizer),
        callbacks=copy.deepcopy(settings.callbacks),
        train_split=None,
        verbose=0,
        device=device,
        **kwargs,
        **{f"optimizer__{name}": value for name, value in options.items()},
    ).initialize()


def resolve_optimizer(settings):
    """Return what builds the optimiser that the settings mean, and its options.

    Raises
    ------
    ValueError
        If its name is not known, or if it has no parameter ``weight_decay``.
    """
    optimizer, options = settings.optimizer, {}
    if isinstance(optimizer, str):
        optimizer, options = resolve_name("optimizer", optimizer, OPTIMIZERS)
    if settings.weight_decay is not None:
        known = inspect.signature(optimizer).parameters.values()
        if not any(p.name == "weight_decay" or p.kind is p.VAR_KEYWORD for p in known):
            name = getattr(optimizer, "__name__", repr(optimizer))
            raise ValueError(
                f"weight_decay={settings.weight_decay} is not a parameter of {name}: use "
                "weight_decay=None or another optimizer."
            )
        options = {**options, "weight_decay": settings.weight_decay}
    return optimizer, options


def resolve_batch_size(batch_size, n_rows, optimizer):
    """Return the number of samples in a training step.

    "auto" is 64, and from 16,384 samples on as many as make 256 steps an epoch, up to 256
    samples. L-BFGS takes all samples, because its line search needs the same loss at each call.
    """
    if is_lbfgs(optimizer):
        return sys.maxsize
    return max(64, min(256, n_rows // 256)) if batch_size == "auto" else batch_size


def is_lbfgs(optimizer):
    """Return whether a name or a class of optimisers, perhaps in a partial, means L-BFGS."""
    if optimizer == "lbfgs":
        return True
    optimizer = getattr(optimizer, "func", optimizer)  # of a functools.partial
    return isinstance(optimizer, type) and issubclass(optimizer, torch.optim.LBFGS)


def _check_callback(callback):
    """Raise an error if an object is not a skorch callback, or one that skae cannot support."""
    kind = callback if isinstance(callback, type) else type(callback)
    if not issubclass(kind, Callback):
        raise ValueError(
            f"callbacks holds {callback!r}, which is not a skorch callback: pass instances of "
            "subclasses of skorch.callbacks.Callback."
        )
    if issubclass(kind, EarlyStopping):
        raise ValueError(
            "callbacks holds skorch's EarlyStopping, which ends training by the signal of "
            "Ctrl-C: use early_stopping=True, n_iter_no_change and tol."
        )
    if issubclass(kind, EpochScoring):
        raise ValueError(
            f"callbacks holds skorch's {kind.__name__}, which needs the predictions of each batch, "
            "and skae keeps none: use a Callback with on_epoch_end, or read loss_curve_ and "
            "validation_curve_."
        )
