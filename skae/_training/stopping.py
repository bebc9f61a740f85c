"""When training ends."""

import numpy as np

#: Factor of ``tol`` for L-BFGS. Its loss has no noise of batches, so that a small decrease is
#: progress; with ``tol`` itself it would stop on a plateau.
LBFGS_TOL = 1e-3

#: Smallest patience in steps of the optimiser, however few steps an epoch has.
PATIENCE_STEPS = 100

#: Losses above this share of the baseline's loss are no better than the baseline.
NO_BETTER = 0.99


class Stopping:
    """Decide whether training continues, from the monitored loss.

    Call ``next_epoch`` in each epoch, and ``update`` in those whose loss is known.

    Parameters
    ----------
    max_epochs : int
        Largest number of epochs.
    patience : int
        Epochs without progress after which training has converged.
    tol : float or None
        Progress is a loss that is lower than the lowest so far by more than ``tol`` times its
        unit; None always is progress.
    relative : bool
        Whether the unit is the loss itself, but at least 1e-4 of the first loss: a loss that
        falls towards 0 would make relative progress for ever. Otherwise it is 1.
    accumulates : bool, default=False
        Whether small decreases add up to progress: losses are compared with that of the last
        progress instead of the lowest so far.
    baseline : float, default=inf
        Loss of a prediction that has learned nothing, such as the mean. Epochs do not count as
        idle until the loss is lower.

    Attributes
    ----------
    improved : bool
        Whether the last loss is the lowest so far.
    converged : bool
        Whether training ends for lack of progress.
    finished : bool
        Whether training ends.
    n_epochs : int
        Number of epochs.
    """

    def __init__(self, max_epochs, patience, tol, relative, accumulates=False, baseline=np.inf):
        self.max_epochs = max_epochs
        self.patience = patience
        self.tol = tol
        self.relative = relative
        self.accumulates = accumulates
        self.baseline = baseline
        self.n_epochs, self.last_progress = 0, 0
        self.first_loss, self.best_loss, self.reference = 0.0, np.inf, np.inf
        self.improved = self.converged = self.finished = False

    def next_epoch(self, asked_to_stop=False):
        """Count an epoch; ``asked_to_stop``, by a callback, ends training."""
        self.n_epochs += 1
        self.improved = False
        self.converged = asked_to_stop
        self.finished = self.converged or self.n_epochs == self.max_epochs

    def update(self, loss, objective_changed=False):
        """Take the loss of the last epoch into account.

        Parameters
        ----------
        loss : float
            The loss that is monitored.
        objective_changed : bool, default=False
            Whether losses up to now cannot be compared with those to come.
        """
        self.first_loss = self.first_loss or loss
        unit = max(abs(loss), 1e-4 * abs(self.first_loss)) if self.relative else 1.0
        if objective_changed:
            self.best_loss = self.reference = np.inf
        is_progress = self.tol is None or self.reference - loss > self.tol * unit
        if is_progress or objective_changed or loss > NO_BETTER * self.baseline:
            self.last_progress = self.n_epochs
        self.improved = loss < self.best_loss
        self.best_loss = min(self.best_loss, loss)
        if is_progress or not self.accumulates:
            self.reference = self.best_loss
        self.converged |= self.n_epochs - self.last_progress >= self.patience
        self.finished |= self.converged
