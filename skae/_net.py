"""Training and inference on tensors: the only file that knows skorch.

What the estimators need of a network is here: batches, the training loop with its stopping
rules, and batched inference.
"""

import copy
import inspect
import math
import sys
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochScoring
from torch import nn

from skae._backprop import Backprop, FlatParameters, is_plain
from skae._distributed import Group, current_group
from skae._objective import Objective
from skae._progress import show_progress
from skae._runtime import as_tensor, few_threads, fits, make_generator, seeded
from skae.losses import SCALE_POWER
from skae.modules import (
    CONVOLUTIONS,
    BatchNorm,
    Classifier,
    ConvAutoencoder,
    Level,
    LinearAutoencoder,
    MLPAutoencoder,
    RecurrentAutoencoder,
    keeps_units,
    list_layers,
    look_up,
)

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

#: What ``tol`` is multiplied by for L-BFGS: its loss has no noise of batches, so that little
#: progress is progress. With tol itself, it stops on a plateau.
LBFGS_TOL = 1e-3

#: Optimisers that update each number by itself, so that all can be in one vector.
ELEMENTWISE = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)

TORCH_DTYPES = {"float32": torch.float32, "float64": torch.float64}

#: Elements of X per batch of inference: large enough for full speed, 4 MB in float32.
INFERENCE_ELEMENTS = 2**20

#: Most numbers that a network out of a file may need for a row: 268 MB in float64.
MAX_ACTIVATIONS = 2**25

#: Numbers that a step of a recurrent layer takes at least, in its own tensors and their records.
STEP_NUMBERS = 512

#: Whether the network that is restored comes out of a file of somebody else.
in_file = ContextVar("in_file", default=False)


class Rows(NamedTuple):
    """Rows of one tensor: their weights, which of them count, and whether each pass shuffles.

    ``y`` are the numbers of their classes, where there are classes; ``counts`` are the numbers of
    rows of all ranks, where there are several.
    """

    X: torch.Tensor
    weight: torch.Tensor | None
    index: torch.Tensor
    shuffle: bool
    y: torch.Tensor | None = None
    counts: tuple[int, ...] | None = None


class Stopping(NamedTuple):
    """When to end training; ``tol`` is in the unit of the net's progress, None never stops."""

    max_epochs: int
    n_iter_no_change: int
    tol: float | None


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


def resolve_max_epochs(max_epochs, n_rows, net):
    """Return the number of epochs; "auto" is at least 10 epochs and 1,500 steps.

    ``n_rows`` are this rank's, and all ranks take part.

    A small data set needs many epochs: what trains a network is the number of steps. A step
    of L-BFGS has several iterations inside.
    """
    if max_epochs != "auto":
        return max_epochs
    n_steps = len(batch_slices(sum(current_group().gather(n_rows)), net.batch_size))
    n_steps *= net.optimizer_.defaults.get("max_iter", 1)
    return max(10, -(-1500 // n_steps))


def batch_slices(n_rows, batch_size, counts=None):
    """Return slices of nearly equal length, none longer than ``batch_size``.

    With the numbers of rows of several ranks, they are parts of batches of all the rows.

    Equal lengths leave no small last batch: its gradient is noisy, batch normalisation has
    no variance of a single row, and matrix products of a few rows round differently with
    another number of threads. A batch of one row is made only if there is no other way; an odd
    number of rows in pairs has one batch of three.
    """
    counts = counts or (n_rows,)
    n_batches = -(-sum(counts) // batch_size)
    if batch_size > 1:
        n_batches = max(1, min(n_batches, sum(counts) // 2))
    n_batches = min(n_batches, *counts, n_rows)
    bounds = [n_rows * i // n_batches for i in range(n_batches + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds)]


def make_rows(X, weight=None, shuffle=False):
    """Return the rows of an array that have weight, with their weights or None."""
    if weight is None:
        return Rows(as_tensor(X), None, torch.arange(len(X)), shuffle)
    weight = torch.from_numpy(weight.astype(X.dtype))
    return Rows(as_tensor(X), weight, weight.nonzero().ravel(), shuffle)


def split_rows(rows, fraction, generator):
    """Split rows at random into those to train on and those to validate on.

    Parameters
    ----------
    rows : Rows
        At least 2.
    fraction : float in (0, 1)
        Share of the rows to validate on, rounded up; one row at least is left to train on.
    generator : torch.Generator
        Draws the split.

    Returns
    -------
    rows, valid : Rows
        Two views of the same tensor.

    Raises
    ------
    ValueError
        If there is one row only.
    """
    check_can_split(rows)
    n_samples = len(rows.index)
    n_valid = min(n_samples - 1, int(np.ceil(fraction * n_samples)))
    index = rows.index[torch.randperm(n_samples, generator=generator)]
    return rows._replace(index=index[n_valid:]), rows._replace(index=index[:n_valid], shuffle=False)


def check_can_split(rows):
    """Raise an error if there is one row only."""
    if len(rows.index) < 2:
        raise ValueError(
            f"early_stopping=True needs rows to train on and rows to validate on, got "
            f"n_samples={len(rows.index)}. Pass more rows or set early_stopping=False."
        )


def split_classes(rows, fraction, generator):
    """Split rows of classes as :func:`split_rows` does, with each class on both sides if it can be.

    Classes are held out in proportion to their rows. One row of each is left to train on, unless
    no row would then be held out.

    Parameters
    ----------
    rows : Rows
        With ``y``; at least 2.
    fraction : float in (0, 1)
        Share of the rows to validate on, rounded up.
    generator : torch.Generator
        Draws the split.

    Returns
    -------
    rows, valid : Rows
        Two views of the same tensor.

    Raises
    ------
    ValueError
        If there is one row only.
    """
    check_can_split(rows)
    n_samples = len(rows.index)
    index = rows.index[torch.randperm(n_samples, generator=generator)]
    y, order = rows.y[index].sort(stable=True)
    index = index[order]
    is_first = torch.ones(n_samples, dtype=torch.bool)  # of its class
    is_first[1:] = y[1:] != y[:-1]
    if is_first.all():
        is_first[torch.randint(n_samples, (1,), generator=generator)] = False
    others = index[~is_first]
    n_valid = min(len(others), int(np.ceil(fraction * n_samples)))
    # Every k-th row of a list that is sorted by class takes the same share of each.
    start = torch.rand(1, generator=generator, dtype=torch.float64)
    held_out = ((torch.arange(n_valid) + start) * len(others) / n_valid).long()
    is_valid = torch.zeros(len(others), dtype=torch.bool)
    is_valid[held_out] = True
    left = torch.cat([index[is_first], others[~is_valid]])
    return rows._replace(index=left), rows._replace(index=others[is_valid], shuffle=False)


class Batches:
    """Slices of one tensor, as rows, weights and, if there are any, classes; the net's iterator.

    Parameters
    ----------
    dataset : Rows
        The rows.
    batch_size : int
        Rows per batch.
    generator : torch.Generator
        Draws the order of the rows where they are to be shuffled.
    dtype, device : torch.dtype, torch.device
        Of the batches.
    """

    def __init__(self, dataset, batch_size, generator, dtype, device):
        self.dataset = dataset
        self.generator = generator
        self.to = {"dtype": dtype, "device": torch.device(device)}
        self.slices = batch_slices(len(dataset.index), batch_size, dataset.counts)

    def __len__(self):
        return len(self.slices)

    def __iter__(self):
        X, weight, index, shuffle, y, _ = self.dataset
        if shuffle:
            index = index[torch.randperm(len(index), generator=self.generator)]
        index = index.to(X.device)
        for rows in self.slices:
            rows = index[rows]
            batch = (
                self._on_device(X.index_select(0, rows)),
                None if weight is None else self._on_device(weight.index_select(0, rows)),
            )
            yield batch if y is None else (*batch, y[rows].to(self.to["device"]))

    def _on_device(self, values):
        """Return values where and as they are computed with; a GPU fetches them meanwhile."""
        if self.to["device"].type == "cuda" and values.device.type == "cpu":
            values = values.pin_memory()
        return values.to(**self.to, non_blocking=True)


@contextmanager
def weighted_rows(batch_norms, weight):
    """Let batch normalisation know the weights of the rows that it is about to see."""
    for layer in batch_norms:
        layer.row_weight = weight
    try:
        yield
    finally:
        for layer in batch_norms:
            layer.row_weight = None


class Net(NeuralNet):
    """Base of the nets: a skorch net that trains a module on slices of one tensor.

    skorch's loop notifies callbacks around each batch and fetches the loss from the device
    each time, which costs more than a small network's arithmetic. Here callbacks hear of
    batches only if they listen, and losses are fetched once an epoch.

    A subclass names in ``parts`` the methods of its modules that follow one another, and defines
    ``train_step`` and ``validation_step`` for a batch, which return a dict of mean losses.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    generator : torch.Generator
        Decides the order of the rows and what the module draws while training.
    n_features : int
        Number of columns of X.
    **kwargs
        Of :class:`skorch.NeuralNet`.
    """

    parts: tuple = ()

    #: What is recorded for held-out rows and judged by.
    monitored = "valid_loss"

    def __init__(self, module, *, generator, n_features, **kwargs):
        super().__init__(module, **kwargs)
        self.generator = generator
        self.n_features = n_features
        self.group_ = Group()  # until training begins

    def train(self, rows, valid, stopping, verbose=0, task=None):
        """Train until an epoch brings no progress, and keep the best weights of a validation.

        Parameters
        ----------
        rows : Rows
            To train on.
        valid : Rows or None
            To judge progress by; None judges by the training loss.
        stopping : Stopping
            When to end.
        verbose : int, default=0
            Whether to show a progress line.
        task : skae._progress.Task or None, default=None
            What epochs are parts of, if anyone is to hear of them.

        Returns
        -------
        bool
            Whether training ended for lack of progress, or because a listener to ``task`` wanted
            so, rather than for lack of epochs.

        Raises
        ------
        ValueError
            If a loss is not finite.
        """
        self.group_ = group = current_group()
        rows, valid = self._place(rows), valid and self._place(valid)
        slices = batch_slices(len(rows.index), self.batch_size, rows.counts)
        n_rows = max(batch.stop - batch.start for batch in slices)
        with few_threads(self.n_products_, n_rows):
            for flat in self.flats_:
                flat.link()
            group.broadcast(self.module_.state_dict().values())
            self.notify("on_train_begin", X=rows.X, y=None)
            converged = self._train_epochs(rows, valid, stopping, verbose, task)
            self.module_.eval()
            batch = next(iter(self.get_iterator(rows)))
            self._check_finite(group.average(self.validation_step(batch)["loss"].item(), 1))
            self.notify("on_train_end", X=rows.X, y=None)
        self._clean_up()
        return converged

    def _train_epochs(self, rows, valid, stopping, verbose, task):
        max_epochs, n_iter_no_change, tol = stopping
        if tol is not None and isinstance(self.optimizer_, torch.optim.LBFGS):
            tol *= LBFGS_TOL
        monitored = "train_loss" if valid is None else self.monitored
        first, best, best_weights, idle = 0.0, np.inf, None, 0
        for epoch in range(1, max_epochs + 1):
            part = task and task.begin_part("epoch")
            self.fit_loop((rows, valid), epochs=1)
            loss = self.history[-1][monitored]
            first = first or loss
            progresses = tol is None or best - loss > tol * self._unit_of_progress(loss, first)
            if self._minimizes_something_new():
                best, best_weights, progresses = np.inf, None, True
            idle = 0 if progresses else idle + 1
            if loss < best:
                best = loss
                if valid is not None:
                    best_weights = copy.deepcopy(self.module_.state_dict())
            converged = idle == n_iter_no_change or (
                part is not None and any(self.group_.gather(part.end()))
            )
            is_last = converged or epoch == max_epochs
            if verbose and self.group_.rank == 0:
                show_progress(epoch, max_epochs, self.history[-1], is_last)
            if is_last:
                break
        if best_weights is not None:
            self.module_.load_state_dict(best_weights)
        return converged

    def _place(self, rows):
        """Return rows where batches are best taken from: on the device, if they fit."""
        rows = rows._replace(counts=tuple(self.group_.gather(len(rows.index))))
        device = torch.device(self.device)
        if not fits(rows.X.nbytes, device):
            return rows
        on_device = {
            name: getattr(rows, name).to(device)
            for name in ("X", "weight", "y")
            if getattr(rows, name) is not None
        }
        return rows._replace(**on_device)

    def remember(self):
        """Return a function that gives the net back what it is now.

        That is its weights, optimiser, history and random numbers; callbacks of skorch keep theirs.
        """
        states = copy.deepcopy((self.module_.state_dict(), self.optimizer_.state_dict()))
        n_epochs, drawn = len(self.history), self.generator.get_state()

        def restore():
            for target, state in zip((self.module_, self.optimizer_), states):
                target.load_state_dict(state)
            self.module_.eval()
            del self.history[n_epochs:]
            self.generator.set_state(drawn)
            self._clean_up()

        return restore

    def _prepare(self, n_rows):
        """Allocate what a training with batches of up to so many rows needs."""

    def _clean_up(self):
        """Give that back."""

    def _unit_of_progress(self, loss, first):
        """Return what ``tol`` is multiplied by, for the loss of this and of the first epoch."""
        return 1.0

    def _minimizes_something_new(self):
        """Tell whether losses up to now cannot be compared with those to come."""
        return False

    def get_default_callbacks(self):
        """Return none: skorch's timer, averages and log are not needed."""
        return []

    def initialize_module(self):
        """Take the module and note what it is like."""
        super().initialize_module()
        module = self.module_
        self.may_draw_ = may_draw(module)
        self.batch_norms_ = [layer for layer in module.modules() if isinstance(layer, BatchNorm)]
        weight = next(module.parameters())
        self.noise_ = self.generator
        if weight.device.type != "cpu":  # what is drawn there needs a generator there
            self.noise_ = make_generator(self.generator.initial_seed(), weight.device)
        with seeded(make_generator(0, weight.device)):
            X = torch.zeros(2, self.n_features, dtype=weight.dtype, device=weight.device)
            self.layers_ = list_layers(module, X, self.parts)
        # A user's module may have weights that are in no layer: each is used once at least.
        n_weights = sum(weight.numel() for weight in module.parameters())
        self.n_products_ = max(n_weights, sum(layer.n_products for layer in self.layers_))
        self.widest_ = max(
            [self.n_features, *(int(np.prod(layer.shape)) for layer in self.layers_)]
        )
        return self

    def initialize_optimizer(self):
        """Give the optimiser the weights, as vectors if it treats each number alike."""
        groups, self.flats_ = self._weights_to_train(), []
        if self.optimizer in ELEMENTWISE:
            self.flats_ = [FlatParameters(group["params"]) for group in groups]
            for group, flat in zip(groups, self.flats_):
                group["params"] = [flat.vector]
        _, options = self.get_params_for_optimizer("optimizer", [])
        weights = groups if len(groups) > 1 else groups[0]["params"]
        self.optimizer_ = self.optimizer(weights, **options)
        return self

    def _weights_to_train(self):
        """Return groups of weights, each a dict with those under "params" and their options."""
        return [
            {"params": [weight for weight in self.module_.parameters() if weight.requires_grad]}
        ]

    def get_dataset(self, X, y=None):
        """Return X as rows of equal weight."""
        return X if isinstance(X, Rows) else make_rows(X)

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return rows to train on and rows to validate on, which may be None."""
        if isinstance(X, tuple) and not isinstance(X, Rows):
            return X
        return self.get_dataset(X), None

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Pass once over the batches and record the mean losses, in the units of X."""
        if iterator is None:
            return
        self._set_training(training)
        if training:
            self._prepare(max(batch.stop - batch.start for batch in iterator.slices))
        listening = self._listening("on_batch_begin", "on_batch_end")
        # One tensor for all losses: to fetch each is slow, to keep each fragments the memory.
        losses = torch.empty(3, len(iterator), **iterator.to)
        losses[1] = torch.tensor([batch.stop - batch.start for batch in iterator.slices])
        for i, batch in enumerate(iterator):
            if listening:
                self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch)
            losses[0, i] = loss = step["loss"].detach()
            if batch[1] is not None:
                losses[1, i] = batch[1].sum()
            if "error" in step:
                losses[2, i] = step["error"]
            if listening:
                self.history.record_batch(f"{prefix}_loss", loss.item() * self._loss_unit())
                self.notify("on_batch_end", batch=batch, training=training, loss=loss)
        if training:  # running averages of the ranks differ, since each saw its own rows
            self.group_.broadcast(self.module_.buffers())
        losses, weights, errors = losses.cpu().double()
        total = weights.sum().item()
        mean = self.group_.average(np.average(losses, weights=weights), total)
        self._check_finite(mean)
        self.history.record(f"{prefix}_loss", mean * self._loss_unit())
        if "error" in step:
            mean = self.group_.average(np.average(errors, weights=weights), total)
            self.history.record(f"{prefix}_error", mean)

    def _step(self, compute, batch):
        """Take one step of the optimiser with gradients that ``compute`` leaves in the weights."""

        def closure():
            loss = compute()
            if self.group_.size > 1:
                X, weight = batch[:2]
                gradients = [flat.vector.grad for flat in self.flats_] or [
                    weight.grad for weight in self.module_.parameters() if weight.grad is not None
                ]
                n_rows = len(X) if weight is None else weight.sum()
                loss = self.group_.average_gradients(gradients, loss, n_rows)
            if self._listening("on_grad_computed"):
                parameters = self.get_all_learnable_params()
                self.notify("on_grad_computed", named_parameters=parameters, batch=batch)
            return loss

        return {"loss": self.optimizer_.step(closure)}

    def apply(self, method, X):
        """Apply a method of the module to the rows of an array, in batches of bounded memory.

        Computes in the wider dtype of the two, so that float64 rows keep their precision in a
        float32 network's codes, and returns the dtype of X.

        Parameters
        ----------
        method : {"encode", "decode"}
            What to apply, in evaluation mode.
        X : ndarray of shape (n_samples, n_columns), float32 or float64
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            In the dtype of X.

        Raises
        ------
        MemoryError
            If the memory does not do for a batch; a quarter of the rows at a time is tried, down
            to single ones.
        ValueError
            If a result is not finite.
        """
        module = self.module_
        rows, weight = as_tensor(X), next(module.parameters())
        dtype = torch.promote_types(weight.dtype, rows.dtype)
        if dtype != weight.dtype:
            module = copy.deepcopy(module).to(dtype)
        batch_size = max(1, min(len(X), INFERENCE_ELEMENTS // self.widest_))
        copies = not keeps_units(module)  # others might write to what they are given
        draws = nullcontext()
        if self.may_draw_:
            draws = seeded(make_generator(0, weight.device))
        function, output, start = getattr(module.eval(), method), None, 0
        with torch.inference_mode(), few_threads(self.n_products_, batch_size), draws:
            while start < len(X):
                # Batches of equal length, so that none is of a few rows.
                batch = batch_slices(len(X) - start, batch_size)[0]
                batch = slice(start, start + batch.stop)
                try:
                    values = function(rows[batch].to(weight.device, dtype, copy=copies))
                    values = values.cpu().numpy()
                    if output is None:
                        output = np.empty((len(X), values.shape[1]), X.dtype)
                except (MemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
                    if batch_size == 1:
                        raise MemoryError(
                            f"The memory does not do to {method} {len(X)} rows of {X.shape[1]} "
                            f"columns, not even one at a time, on device={weight.device.type!r}: "
                            f"{error}. Pass fewer rows at once, or free memory."
                        ) from error
                    batch_size = max(1, batch_size // 4)
                    continue
                with np.errstate(over="ignore"):  # is an error below
                    output[batch] = values
                if not np.isfinite(output[batch]).all():
                    raise ValueError(
                        f"{method} gave values that are not finite for rows with values up to "
                        f"{np.abs(X[batch]).max():.3g} in size. Rows should be like those "
                        "of fit; look for outliers or another unit."
                    )
                start = batch.stop
        return output

    def _clear_gradients(self):
        for flat in self.flats_:
            flat.vector.grad.zero_()
        if not self.flats_:
            self.optimizer_.zero_grad()

    def _loss_unit(self):
        """Return what a loss is multiplied by to be recorded."""
        return 1.0

    def _listening(self, *events):
        """Tell whether any callback does something at one of these events."""
        return any(
            getattr(type(callback), event) is not getattr(Callback, event)
            for _, callback in self.callbacks_
            for event in events
        )

    def _check_finite(self, loss):
        if not np.isfinite(loss):
            raise ValueError(
                f"The loss became {loss} in epoch {len(self.history)}, so training stopped. "
                f"Lower the learning rate (lr={self.lr}), or scale X, for example with "
                "StandardScaler or MinMaxScaler."
            )


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
        target = self._standardize(X)
        inputs = self._shown(target)
        if self.criterion_.corruption is not None:
            with seeded(self.noise_):
                inputs = self.criterion_.corrupt(X, self._standardize, self.noise_)

        def compute():
            if self.backprop_ is not None:
                return self.backprop_(inputs, target, weight)
            self._clear_gradients()
            loss = self._objective(inputs, target, weight)
            loss.backward()
            return loss

        return self._step(compute, batch)

    def validation_step(self, batch, **fit_params):
        """Compute what is minimised for a batch, as it is in evaluation mode."""
        X, weight = batch
        with torch.no_grad():
            target = self._standardize(X)
            return {"loss": self._objective(self._shown(target), target, weight).detach()}

    def _shown(self, target):
        """Return rows that the module may be given: a user's might write to them."""
        return target if keeps_units(self.module_) else target.clone()

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
        A subclass of :class:`Net`.
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
    Net
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


def is_out_of_memory(error):
    """Tell whether an error says that memory is exhausted; torch has no class for all of them."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        "not enough memory" in str(error) or "can't allocate memory" in str(error)
    )


def may_draw(module):
    """Tell whether a module may draw random numbers: all may but those that are known not to."""
    if isinstance(module, Classifier):
        return module.encoder is not None and may_draw(module.encoder)
    known = (MLPAutoencoder, LinearAutoencoder, Level, ConvAutoencoder, RecurrentAutoencoder)
    return type(module) not in known or any(
        isinstance(layer, nn.Dropout) for layer in module.modules()
    )


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


def get_weights(module):
    """Return the weights and buffers of a module as a dict of NumPy arrays."""
    return {name: value.cpu().numpy() for name, value in module.state_dict().items()}


def restore_module(build, weights, n_layers):
    """Return a network of ours with the weights of another, whose sizes it must have.

    It is built on torch's meta device, where weights take no memory, and given memory when its
    sizes are known to be those of the weights. So numbers in a file that somebody else has made
    cannot ask for more memory than its weights take.

    Parameters
    ----------
    build : callable
        Returns a network out of ``skae.modules``.
    weights : dict of ndarray
        As :func:`get_weights` gives them.
    n_layers : int
        Number of layers that are asked for, at most; each has a weight of its own.

    Returns
    -------
    torch.nn.Module
        The network, in the dtype of the weights, on the CPU.

    Raises
    ------
    ValueError
        If names, shapes or dtypes are not those of the network, if a weight is not finite, or if
        it is out of a file and needs more than ``MAX_ACTIVATIONS`` numbers per row.
    """
    if n_layers > len(weights):
        raise ValueError(f"there are {len(weights)} weights for {n_layers} layers.")
    with torch.device("meta"):
        module = build()
        expected = module.state_dict()
        if in_file.get():
            layers = []
            if isinstance(module, ConvAutoencoder):
                layers = list_layers(module, torch.zeros(2, expected["shift"].numel()))
            check_activations(module, layers)
    if set(expected) != set(weights):
        differing = sorted(set(expected) ^ set(weights))[:4]
        raise ValueError(f"the weights are not those of {type(module).__name__}: {differing}.")
    dtypes = {value.dtype for value in weights.values()}
    if len(dtypes) > 1 or not dtypes <= {np.dtype(name) for name in TORCH_DTYPES}:
        raise ValueError(f"the weights are {sorted(map(str, dtypes))}, not all float32 or float64.")
    for name, value in expected.items():
        if weights[name].shape != tuple(value.shape):
            raise ValueError(
                f"weight {name} has the shape {weights[name].shape} instead of "
                f"{tuple(value.shape)}."
            )
        if not np.isfinite(weights[name]).all():
            raise ValueError(f"weight {name} is not finite.")
    module.to_empty(device="cpu")
    set_weights(module, weights)
    return module


def check_activations(module, layers):
    """Raise an error if a network needs far more memory for a row than its weights take.

    Counted is what all layers give, which a gradient needs at the same time, and the largest table
    that torch makes of the patches under the kernel of a convolution in float64.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    layers : list of Layer
        As :func:`skae.modules.list_layers` gives them; not needed of a recurrent network, which
        torch's meta device is slow to try.

    Raises
    ------
    ValueError
        If it is more than ``MAX_ACTIVATIONS`` numbers.
    """
    n_numbers = sum(math.prod(layer.shape) for layer in layers)
    if isinstance(module, RecurrentAutoencoder):
        last = module.encoder[1]
        n_numbers = len(last.shift) * max(last.cell.hidden_size, STEP_NUMBERS)
    elif isinstance(module, ConvAutoencoder):
        kernels = [layer.weight for layer in module.modules() if isinstance(layer, CONVOLUTIONS)]
        products = [layer.n_products for layer in layers if "Conv" in layer.name]
        n_numbers += max(n // len(kernel) for n, kernel in zip(products, kernels))
    if n_numbers > MAX_ACTIVATIONS:
        raise ValueError(
            f"its layers need {n_numbers:,} numbers per row, more than {MAX_ACTIVATIONS:,}: such "
            "a network can be pickled only."
        )


def set_weights(module, weights):
    """Give a module weights and buffers from NumPy arrays, and their dtype."""
    state = {name: as_tensor(np.asarray(value)) for name, value in weights.items()}
    floating = next(value.dtype for value in state.values() if value.is_floating_point())
    module.to(floating).load_state_dict(state)
    module.eval()


def dtype_of(module):
    """Return the NumPy dtype in which a module computes."""
    floating = (weight for weight in module.parameters() if weight.is_floating_point())
    return next(floating).detach().cpu().numpy().dtype


def rotate(module, mean, covariance):
    """Turn the codes of a linear autoencoder into scores on principal axes.

    Parameters
    ----------
    module : skae.modules.LinearAutoencoder
        The network; it is changed in place.
    mean : ndarray of shape (n_features,)
        The row that gets the codes 0.
    covariance : ndarray of shape (n_components, n_components)
        Of the codes around those of the mean.

    Returns
    -------
    components : ndarray of shape (n_components, n_features)
        The axes, in float64.
    variances : ndarray of shape (n_components,)
        Of the reconstructions along them.
    """
    with few_threads(n_products=module.shift.numel(), n_rows=len(covariance)):
        return tuple(values.numpy() for values in module.rotate(mean, covariance))
