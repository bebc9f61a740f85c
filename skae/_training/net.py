"""The skorch net that trains a module: epochs, steps of the optimiser, recorded losses."""

import copy
from contextlib import contextmanager

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, Checkpoint

from skae._progress_line import write_progress_line
from skae._training.data import TrainingData
from skae._training.distributed import Group
from skae._training.flat_parameters import flatten_groups
from skae._training.fused_update import fused_update
from skae._training.inference import NetworkProfile, apply_in_batches
from skae._training.random_state import make_generator
from skae._training.threads import limit_threads


class Net(NeuralNet):
    """Base of the nets: a skorch net that trains a module on batches of :class:`TrainingData`.

    skorch's loop notifies callbacks around each batch and copies the loss from the device each
    time, which costs more than the arithmetic of a small network. Here, callbacks are notified of
    batches only if they implement a batch event, and losses are copied once an epoch.

    A subclass names in ``parts`` the methods of its modules that are applied one after the other,
    and defines ``train_step`` and ``validation_step`` for a batch, which return a dict of mean
    losses.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    settings : TrainingSettings
        How to train.
    generator : torch.Generator
        Draws the order of the samples, and what the module draws in training.
    n_features : int
        Number of columns of X.
    **kwargs
        Parameters of :class:`skorch.NeuralNet`.
    """

    parts: tuple = ()

    #: Name under which the loss that early stopping monitors is recorded.
    monitored = "valid_loss"

    #: Whether ``tol`` is relative to the loss.
    relative_tol = False

    def __init__(self, module, *, settings, generator, n_features, **kwargs):
        super().__init__(module, **kwargs)
        self.settings = settings
        self.generator = generator
        self.n_features = n_features
        self.group_ = Group()  # until training begins
        self.update_, self.shuffles_, self.notifies_gradients_ = None, False, False

    def train(self, data, valid, stopping, *, shuffle, verbose=0, task=None):
        """Train until ``stopping`` ends it, and keep the weights of the best validation loss.

        Parameters
        ----------
        data : TrainingData
            To train on.
        valid : TrainingData or None
            For early stopping; None monitors the training loss.
        stopping : Stopping
            When to end.
        shuffle : bool
            Whether each epoch has another order of the samples.
        verbose : int, default=0
            Whether to show a progress line.
        task : skae._sklearn_callbacks.Task or None, default=None
            Task whose subtasks are the epochs, if scikit-learn's callbacks are set.

        Returns
        -------
        bool
            Whether training ended for lack of progress or because a callback asked for it, rather
            than because of ``max_epochs``.

        Raises
        ------
        ValueError
            If a loss is not finite.
        """
        self.group_, self.shuffles_ = data.group, shuffle
        data, valid = self._prepare(data), valid and self._prepare(valid)
        monitored = "train_loss" if valid is None else self.monitored
        best_weights = None
        with limit_threads(self.profile_.n_products, max(self.get_iterator(data).sizes)):
            self.group_.broadcast(self.module_.state_dict().values())
            self.notify("on_train_begin", X=data.X, y=None)
            while not stopping.finished:
                subtask = task and task.begin_subtask("epoch")
                self.fit_loop((data, valid), epochs=1)
                asked_to_stop = subtask is not None and any(self.group_.gather(subtask.end()))
                stopping.next_epoch(asked_to_stop)
                stopping.update(self.history[-1][monitored], self._objective_changed())
                if stopping.improved and valid is not None:
                    best_weights = copy.deepcopy(self.module_.state_dict())
                if verbose and self.group_.rank == 0:
                    self._show_progress(stopping)
            if best_weights is not None:
                self.module_.load_state_dict(best_weights)
            self.module_.eval()
            batch = next(iter(self.get_iterator(data, training=True)))
            self._check_finite(self.group_.average(self.validation_step(batch)["loss"].item(), 1))
            self.notify("on_train_end", X=data.X, y=None)
        self._free_buffers()
        return stopping.converged

    def apply(self, method, X):
        """Apply "encode", "decode" or another method of the module to the rows of an array.

        As :func:`skae._training.inference.apply_in_batches`.
        """
        return apply_in_batches(self.module_, method, X, self.profile_)

    def validation_curve(self, first):
        """Return the monitored values of the held-out samples from an epoch on."""
        return np.array(self.history[first:, self.monitored])

    def snapshot(self):
        """Return a function that restores the present state of the net.

        The state consists of weights, optimiser, history and random numbers; callbacks of skorch
        keep their own.
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
            self._free_buffers()

        return restore

    def _show_progress(self, stopping):
        epoch, max_epochs, losses = stopping.n_epochs, stopping.max_epochs, self.history[-1]
        line = f"epoch {epoch:>4}/{max_epochs} [{'#' * (20 * epoch // max_epochs):.<20}]"
        for name in ("train_loss", "valid_loss"):
            if not np.isnan(losses.get(name, np.nan)):
                line += f"  {name} {losses[name]:.6g}"
        write_progress_line(line, stopping.finished)

    def _prepare(self, data):
        return data.prepare(torch.device(self.device))

    def _allocate_buffers(self, n_rows):
        """Allocate what an epoch with batches of up to ``n_rows`` needs."""

    def _free_buffers(self):
        """Free what ``_allocate_buffers`` has allocated."""

    def _objective_changed(self):
        """Return whether losses up to now cannot be compared with those to come."""
        return False

    def _in_units_of_x(self, loss):
        """Return a loss as it is recorded."""
        return loss

    def baseline_loss(self, data):
        """Return the loss of a prediction that has learned nothing; infinite if not known."""
        return np.inf

    def get_default_callbacks(self):
        """Return none: skorch's timer, averages and log are not needed."""
        return []

    def initialize_module(self):
        """Set the module and its profile."""
        super().initialize_module()
        device = next(self.module_.parameters()).device
        self.noise_ = self.generator
        if device.type != "cpu":  # random numbers of a device need a generator of that device
            self.noise_ = make_generator(self.generator.initial_seed(), device)
        self.profile_ = NetworkProfile(self.module_, self.n_features, self.parts)
        return self

    def initialize_optimizer(self):
        """Build the optimiser; an elementwise one gets the weights as one vector per group."""
        self._free_buffers()  # they refer to the memory of the weights
        groups = self._parameter_groups()
        self.flats_ = flatten_groups(groups, self.optimizer, self.module_)
        _, options = self.get_params_for_optimizer("optimizer", [])
        weights = groups if len(groups) > 1 else groups[0]["params"]
        self.optimizer_ = self.optimizer(weights, **options)
        return self

    def _parameter_groups(self):
        """Return the parameters to train as parameter groups of torch's optimisers."""
        return [
            {"params": [weight for weight in self.module_.parameters() if weight.requires_grad]}
        ]

    def get_dataset(self, X, y=None):
        """Return X as training data of equal weights."""
        return X if isinstance(X, TrainingData) else TrainingData(X)

    def get_split_datasets(self, X, y=None, **fit_params):
        """Return the data to train on and the data to validate on, which may be None."""
        return X if isinstance(X, tuple) else (self.get_dataset(X), None)

    def get_iterator(self, dataset, training=False):
        """Return the batches of one pass over training data."""
        weight = next(self.module_.parameters())
        generator = self.generator if training and self.shuffles_ else None
        return dataset.batches(self.batch_size, weight.dtype, self.device, generator)

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Pass once over the batches and record the mean losses, in the units of X."""
        if iterator is None:
            return
        self._set_training(training)
        if training:
            self._link()
            self._allocate_buffers(max(iterator.sizes))
        # A Checkpoint names its files after the last batch.
        notifies = self._implemented("on_batch_begin", "on_batch_end") or any(
            isinstance(callback, Checkpoint) for _, callback in self.callbacks_
        )
        self.update_, self.notifies_gradients_ = None, self._implemented("on_grad_computed")
        may_shortcut = self.flats_ and not notifies and not self.notifies_gradients_
        # One tensor for all losses: to copy each one is slow, to keep each fragments the memory.
        losses = torch.empty(3, len(iterator), **iterator.to)
        losses[1] = torch.tensor(iterator.sizes)
        for i, (batch, kept) in enumerate(zip(iterator, losses[0])):
            if notifies:
                self.notify("on_batch_begin", batch=batch, training=training)
                self._link()
            step = step_fn(batch)
            if i == 0 and training and may_shortcut:
                self.update_ = fused_update(self.optimizer_)
            loss = kept.copy_(step["loss"].detach())
            if batch[1] is not None:
                losses[1, i] = batch[1].sum()
            if "error" in step:
                losses[2, i] = step["error"]
            if notifies:
                self.history.record_batch(f"{prefix}_loss", self._in_units_of_x(loss.item()))
                self.notify("on_batch_end", batch=batch, training=training, loss=loss)
        self.update_ = None
        if training:  # running averages differ between processes, each of which saw its own rows
            self.group_.broadcast(self.module_.buffers())
        losses, weights, errors = losses.cpu().double()
        total = weights.sum().item()
        mean = self.group_.average(np.average(losses, weights=weights), total)
        self._check_finite(mean)
        self.history.record(f"{prefix}_loss", self._in_units_of_x(mean))
        if "error" in step:
            mean = self.group_.average(np.average(errors, weights=weights), total)
            self.history.record(f"{prefix}_error", mean)

    def _step(self, compute, batch):
        """Take one step of the optimiser with the gradients that ``compute`` computes."""

        def closure():
            loss = compute()
            if self.group_.size > 1:
                X, weight = batch[:2]
                gradients = [flat.vector.grad for flat in self.flats_] or [
                    weight.grad for weight in self.module_.parameters() if weight.grad is not None
                ]
                n_rows = len(X) if weight is None else weight.sum()
                loss = self.group_.average_gradients(gradients, loss, n_rows)
            if self.notifies_gradients_:
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

    def _link(self):
        """Adopt weights and gradients that callbacks have replaced."""
        for flat in self.flats_:
            flat.link()

    def _clear_gradients(self):
        for flat in self.flats_:
            flat.vector.grad.zero_()
        if not self.flats_:
            self.optimizer_.zero_grad()

    def _implemented(self, *events):
        """Return whether any callback implements one of these events."""
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
    """Pass sample weights to batch normalisation layers for the enclosed computation."""
    for layer in batch_norms:
        layer.row_weight = weight
    try:
        yield
    finally:
        for layer in batch_norms:
            layer.row_weight = None
