"""How a net gets its optimiser, batches and callbacks."""

import copy
import inspect
import sys

import numpy as np
import torch
from skorch.callbacks import Callback, EarlyStopping, EpochScoring

from skae._distributed import current_group
from skae._rows import Batches
from skae._runtime import make_generator
from skae._weights import TORCH_DTYPES
from skae.modules import look_up

#: Optimisers by name, with the settings that make them good here. ``fused`` updates all
#: weights in one call; L-BFGS takes its step length from a line search, so its lr is 1. Its
#: tolerances are a hundredth and a thousandth of torch's: losses are means over all elements, so
#: that gradients are small long before the optimum.
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
    net_class,
    module,
    criterion,
    *,
    optimizer,
    lr,
    weight_decay,
    batch_size,
    callbacks,
    n_rows,
    dtype,
    device,
    seed,
    **parameters,
):
    """Return an initialised net of a class around a module, ready to train.

    Parameters
    ----------
    net_class : type
        A subclass of :class:`skae._net.Net`.
    module : torch.nn.Module
        Trained in place.
    criterion : torch.nn.Module
        Computes the loss.
    optimizer : str or callable
        A key of ``OPTIMIZERS``, or what builds an optimiser of torch from weights and ``lr``.
    lr : float
        Learning rate.
    weight_decay : float or None
        As the optimiser takes it; None leaves it to the optimiser.
    batch_size : int or "auto"
        Rows per step.
    callbacks : list or None
        Callbacks of skorch; copied.
    n_rows : int
        Rows to expect, for ``batch_size="auto"``.
    dtype : numpy.dtype
        To compute in.
    device : torch.device
        To compute on.
    seed : int
        Decides all that is random in training.
    **parameters
        Of the class.

    Returns
    -------
    skae._net.Net
        The net.

    Raises
    ------
    ValueError
        If the optimiser is not known, a setting does not go with it or with skae's training, or
        the module has nothing to train.
    """
    if not any(weight.requires_grad for weight in module.parameters()):
        raise ValueError(
            f"{type(module).__name__} has no parameter that can be trained: build it with layers "
            "that have weights, and leave requires_grad as it is for some."
        )
    dtype, options = TORCH_DTYPES[np.dtype(dtype).name], {}
    if isinstance(optimizer, str):
        optimizer, options = look_up("optimizer", optimizer, OPTIMIZERS)
    if weight_decay is not None:
        known = inspect.signature(optimizer).parameters.values()
        if not any(p.name == "weight_decay" or p.kind is p.VAR_KEYWORD for p in known):
            name = getattr(optimizer, "__name__", repr(optimizer))
            raise ValueError(
                f"weight_decay={weight_decay} is not known to {name}: use weight_decay=None or "
                "another optimizer."
            )
        options = {**options, "weight_decay": weight_decay}
    for callback in callbacks or []:
        _check_callback(callback[-1] if isinstance(callback, tuple) else callback)
    # The ranks of a group have the same weights, but draw for rows of their own.
    generator = make_generator(seed + current_group().rank)
    batches = {"generator": generator, "dtype": dtype, "device": device}
    return net_class(
        module.to(device, dtype),
        generator=generator,
        criterion=criterion,
        optimizer=optimizer,
        lr=lr,
        batch_size=resolve_batch_size(batch_size, n_rows, optimizer),
        callbacks=copy.deepcopy(callbacks),
        iterator_train=Batches,
        iterator_valid=Batches,
        train_split=None,
        verbose=0,
        device=device,
        **parameters,
        **{f"iterator_train__{name}": value for name, value in batches.items()},
        **{f"iterator_valid__{name}": value for name, value in batches.items()},
        **{f"optimizer__{name}": value for name, value in options.items()},
    ).initialize()


def resolve_batch_size(batch_size, n_rows, optimizer):
    """Return the number of rows in a training step.

    "auto" is 64, and from 16,384 rows on as many as make 256 steps an epoch, up to 256 rows.
    L-BFGS takes all rows, because its line search needs the same loss at each call.
    """
    if is_lbfgs(optimizer):
        return sys.maxsize
    return max(64, min(256, n_rows // 256)) if batch_size == "auto" else batch_size


def is_lbfgs(optimizer):
    """Tell whether a class of optimisers, perhaps with settings, or a name is L-BFGS."""
    if optimizer == "lbfgs":
        return True
    optimizer = getattr(optimizer, "func", optimizer)  # of a functools.partial
    return isinstance(optimizer, type) and issubclass(optimizer, torch.optim.LBFGS)


def _check_callback(callback):
    """Raise an error if something is no callback of skorch, or one that does not go with skae."""
    kind = callback if isinstance(callback, type) else type(callback)
    if not issubclass(kind, Callback):
        raise ValueError(
            f"callbacks holds {callback!r}, which is no callback of skorch: pass instances of "
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
