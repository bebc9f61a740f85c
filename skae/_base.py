"""Base of the estimators: starting or continuing training, roll-back, curves, fitted state."""

import os
import sys
import warnings
from contextlib import contextmanager
from functools import wraps
from zlib import crc32

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning

from skae._sklearn_compat import CallbackSupportMixin
from skae._training.distributed import current_group
from skae._training.optimizers import is_lbfgs
from skae._training.random_state import make_seed
from skae._training.stopping import LBFGS_TOL, PATIENCE_STEPS, Stopping
from skae._training.weights import get_weights


class NetworkEstimator(CallbackSupportMixin, BaseEstimator):
    """Base of the estimators that train a network.

    A subclass defines

    - ``_start``: build a network for the training data, and the net that trains it;
    - ``_make_settings``: the settings that the parameters mean now, for a seed and a number of
      samples;
    - ``_renew_net``: make a new net, with the kept settings, around the fitted network;
    - ``_check_same_network``: raise an error if the parameters mean another network now;
    - ``_trained_module`` and ``_restore_network``: the module whose weights are the state of a
      pickle, and its reconstruction from them.
    """

    def _is_trained(self):
        return hasattr(self, "net_")

    def _start_or_continue(self, data, continues, new_optimizer):
        """Build a network to train, or prepare the fitted network for more training.

        Parameters
        ----------
        data : TrainingData
            What to train on.
        continues : bool
            Whether to train the fitted network.
        new_optimizer : bool
            Whether it gets a new optimiser and seed; otherwise only if the parameters mean other
            settings than those of the last training.
        """
        if not continues:
            self._start(data)
            return
        self._check_same_network()
        if new_optimizer:
            settings = self._make_settings(self._draw_seed(), data.n_rows)
        else:
            settings = self._make_settings(self._settings.seed, self._settings.n_rows)
        if new_optimizer or settings != self._settings:
            self._settings = settings
            self._renew_net()

    def _draw_seed(self):
        """Return the seed that ``random_state`` means, the same for all ranks of a group."""
        return current_group().gather(make_seed(self.random_state))[0]

    def _hold_out(self, data):
        """Return the data to train on, and the data that early stopping monitors or None."""
        if not self.early_stopping:
            return data, None
        with data.group.propagate_errors():
            return data.split(self.validation_fraction, self._settings.seed)

    def _make_stopping(self, data, net, max_epochs=None):
        """Return when to end training; "auto" epochs are at least 10 epochs and 1,500 steps.

        A small data set needs many epochs, since the number of steps determines how far a network
        is trained; so does patience. A step of L-BFGS has several iterations.
        """
        max_epochs, tol = max_epochs or self.max_epochs, self.tol
        n_steps = data.n_batches(net.batch_size) * net.optimizer_.defaults.get("max_iter", 1)
        if max_epochs == "auto":
            max_epochs = max(10, -(-1500 // n_steps))
        if tol is not None and is_lbfgs(net.optimizer):
            tol *= LBFGS_TOL
        # Where an epoch has few steps, patience is longer, and small relative decreases add up. A
        # cross-entropy of separable classes decreases for ever.
        patience = max(self.n_iter_no_change, -(-PATIENCE_STEPS // n_steps))
        return Stopping(
            max_epochs,
            patience,
            tol,
            net.relative_tol,
            accumulates=net.relative_tol and patience > self.n_iter_no_change,
            baseline=net.baseline_loss(data),
        )

    def _train(self, data, valid, stopping, shuffle, task=None):
        """Train the net and append its losses to the curves; return whether it converged.

        The validation curve is nan for epochs without held-out samples, and None without any.
        """
        net, first, curve = self.net_, len(self.net_.history), self.validation_curve_
        converged = net.train(
            data, valid, stopping, shuffle=shuffle, verbose=self.verbose, task=task
        )
        self.loss_curve_ = np.append(self.loss_curve_, net.history[first:, "train_loss"])
        self.n_iter_ = len(self.loss_curve_)
        if valid is not None or curve is not None:
            new = net.validation_curve(first) if valid is not None else np.nan
            n_before = self.n_iter_ - stopping.n_epochs
            self.validation_curve_ = np.full(self.n_iter_, np.nan)
            self.validation_curve_[:n_before] = np.nan if curve is None else curve
            self.validation_curve_[n_before:] = new
        return converged

    def _warn_of_max_epochs(self):
        """Warn that training ended before it converged, unless the user asked for that."""
        if self.tol is None or self.max_epochs == "auto":
            return
        relative = "a relative tolerance of " if self.net_.relative_tol else ""
        warn(
            f"max_epochs={self.max_epochs} reached and training still improves by more than "
            f"{relative}tol={self.tol} per epoch. Increase max_epochs, or pass tol=None to train "
            "for a fixed number of epochs.",
            ConvergenceWarning,
        )

    def __getstate__(self):
        state = super().__getstate__().copy()
        if state.pop("net_", None) is not None:
            state["module_"] = get_weights(self._trained_module())
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "module_" in state:
            self._restore_network(state["module_"])

    def _fingerprint(self):
        """Return a number that is the same for fitted estimators with the same state of training.

        Computed from the weights, the optimiser, the mean and the loss curve.
        """
        states = [
            self.net_.module_.state_dict(),
            *self.net_.optimizer_.state_dict()["state"].values(),
        ]
        values = [value for state in states for value in state.values()]
        arrays = [value.cpu().numpy() for value in values if isinstance(value, torch.Tensor)]
        number = 0
        for array in (*arrays, self.mean_, self.loss_curve_):
            number = crc32(np.ascontiguousarray(array), number)
        return number


def all_or_nothing(method):
    """Decorate a method so that an estimator is unchanged if the method raises anything.

    Attributes, weights, optimiser and random numbers are restored. The method may compute
    gradients, whether or not its caller does.
    """

    @wraps(method)
    def rolled_back_on_error(self, *args, **kwargs):
        with torch.inference_mode(False), _unchanged_on_error(self):
            return method(self, *args, **kwargs)

    return rolled_back_on_error


@contextmanager
def _unchanged_on_error(estimator):
    before = vars(estimator).copy()
    restore_net = before["net_"].snapshot() if "net_" in before else None
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        if restore_net is not None:
            restore_net()
        raise


def warn(message, category=UserWarning):
    """Warn at the line of the caller of skae, whatever decorators are in between.

    Only rank 0 of a group of processes warns.
    """
    if current_group().rank > 0:
        return
    packages = [os.path.dirname(sys.modules[name].__file__) for name in ("skae", "sklearn")]
    inside = tuple(f"{package}{os.sep}" for package in packages)
    frame, level = sys._getframe(1), 2  # the caller of this function
    while frame.f_back is not None and frame.f_code.co_filename.startswith(inside):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
