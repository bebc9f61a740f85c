"""The net that trains a module on tensors, by skorch's loop, and applies it.

The training loop with its stopping rules, and batched inference. What is minimised is up to the
nets of autoencoders and classifiers.
"""

import copy
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, Checkpoint
from torch import nn

from skae._backprop import FlatParameters, FusedUpdate, can_update
from skae._distributed import Group, current_group
from skae._files import rows_in_file
from skae._progress import show_progress
from skae._rows import Rows, batch_slices, make_rows
from skae._runtime import as_tensor, few_threads, fits, make_generator, seeded
from skae.modules import (
    BatchNorm,
    Classifier,
    ConvAutoencoder,
    Level,
    LinearAutoencoder,
    MLPAutoencoder,
    RecurrentAutoencoder,
    keeps_units,
    list_layers,
)

#: What ``tol`` is multiplied by for L-BFGS: its loss has no noise of batches, so that little
#: progress is progress. With tol itself, it stops on a plateau.
LBFGS_TOL = 1e-3

#: Optimisers that update each number by itself, so that all can be in one vector.
ELEMENTWISE = (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD)

#: Elements of X per batch of inference: large enough for full speed, 4 MB in float32.
INFERENCE_ELEMENTS = 2**20


class Stopping(NamedTuple):
    """When to end training; ``tol`` is in the unit of the net's progress, None never stops."""

    max_epochs: int
    n_iter_no_change: int
    tol: float | None


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
        self.update_, self.hears_gradients_ = None, False

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

    def validation_curve(self, first):
        """Return what held-out rows were judged by in each epoch from one on."""
        return np.array(self.history[first:, self.monitored])

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
        if rows.file is not None:
            rows.file.give_back(0, len(rows.X))
        return rows._replace(**on_device, file=None)

    def remember(self):
        """Return a function that gives the net back what it is now.

        That is its weights, optimiser, history and random numbers; callbacks of skorch keep theirs.
        """
        states = copy.deepcopy((self.module_.state_dict(), self.optimizer_.state_dict()))
        generators = (self.generator, self.noise_)  # one and the same on the CPU
        n_epochs, drawn = len(self.history), [each.get_state() for each in generators]

        def restore():
            for target, state in zip((self.module_, self.optimizer_), states):
                target.load_state_dict(state)
            self.module_.eval()
            del self.history[n_epochs:]
            for generator, state in zip(generators, drawn):
                generator.set_state(state)
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
        self._clean_up()  # it knows the weights where they were
        groups, self.flats_ = self._weights_to_train(), []
        on_cuda = next(self.module_.parameters()).is_cuda
        # There, recurrent layers want the memory of their weights for themselves.
        keep_apart = on_cuda and any(isinstance(m, nn.RNNBase) for m in self.module_.modules())
        if self.optimizer in ELEMENTWISE and not keep_apart:
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
            self._link()
            self._prepare(max(batch.stop - batch.start for batch in iterator.slices))
        # A Checkpoint names its files after the last batch.
        listening = self._listening("on_batch_begin", "on_batch_end") or any(
            isinstance(callback, Checkpoint) for _, callback in self.callbacks_
        )
        self.update_, self.hears_gradients_ = None, self._listening("on_grad_computed")
        may_shortcut = self.flats_ and not listening and not self.hears_gradients_
        # One tensor for all losses: to fetch each is slow, to keep each fragments the memory.
        losses = torch.empty(3, len(iterator), **iterator.to)
        losses[1] = torch.tensor([batch.stop - batch.start for batch in iterator.slices])
        for i, (batch, kept) in enumerate(zip(iterator, losses[0])):
            if listening:
                self.notify("on_batch_begin", batch=batch, training=training)
                self._link()
            step = step_fn(batch)
            if i == 0 and training and may_shortcut and can_update(self.optimizer_):
                self.update_ = FusedUpdate(self.optimizer_)
            loss = kept.copy_(step["loss"].detach())
            if batch[1] is not None:
                losses[1, i] = batch[1].sum()
            if "error" in step:
                losses[2, i] = step["error"]
            if listening:
                self.history.record_batch(f"{prefix}_loss", loss.item() * self._loss_unit())
                self.notify("on_batch_end", batch=batch, training=training, loss=loss)
        self.update_ = None
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
            if self.hears_gradients_:
                parameters = self.get_all_learnable_params()
                self.notify("on_grad_computed", named_parameters=parameters, batch=batch)
                self._link()
            return loss

        if self.update_ is None:
            return {"loss": self.optimizer_.step(closure)}
        with torch.enable_grad():
            loss = closure()
        self.update_()
        return {"loss": loss}

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
        function, output, start, file = getattr(module.eval(), method), None, 0, rows_in_file(X)
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
                if file is not None:
                    file.give_back(batch.start, batch.stop)
                start = batch.stop
        return output

    def _link(self):
        """Take over what callbacks may have put in the place of weights and gradients."""
        for flat in self.flats_:
            flat.link()

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


def may_draw(module):
    """Tell whether a module may draw random numbers: all may but those that are known not to."""
    if isinstance(module, Classifier):
        return module.encoder is not None and may_draw(module.encoder)
    known = (MLPAutoencoder, LinearAutoencoder, Level, ConvAutoencoder, RecurrentAutoencoder)
    return type(module) not in known or any(
        isinstance(layer, nn.Dropout) for layer in module.modules()
    )


def is_out_of_memory(error):
    """Tell whether an error says that memory is exhausted; torch has no class for all of them."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        "not enough memory" in str(error) or "can't allocate memory" in str(error)
    )
