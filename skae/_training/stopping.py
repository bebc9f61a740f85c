"""When training ends."""

import numpy as np

#: Factor of ``tol`` for L-BFGS. Its loss has no noise of batches, so that a small decrease is
#: progress; with ``tol`` itself it would stop on a plateau.
LBFGS_TOL = 1e-3


class Stopping:
    """Decide after each epoch whether training goes on, from the loss that is monitored.

    Parameters
    ----------
    max_epochs : int
        Largest number of epochs.
    n_iter_no_change : int
        Epochs in a row without progress after which training has converged.
    tol : float or None
        Progress is a loss that is lower than the lowest so far by more than ``tol`` times its
        unit; None always is progress.
    relative : bool
        Whether the unit is the loss itself, but at least 1e-4 of the first loss: a loss that
        falls towards 0 would make relative progress for ever. Otherwise it is 1.

    Attributes
    ----------
    improved : bool
        Whether the last loss is the lowest so far.
    converged : bool
        Whether training ends for lack of progress.
    finished : bool
        Whether training ends.
    n_epochs : int
        Number of losses seen.
    """

    def __init__(self, max_epochs, n_iter_no_change, tol, relative):
        self.max_epochs = max_epochs
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.relative = relative
        self.n_epochs, self.first_loss, self.best_loss, self.n_idle = 0, 0.0, np.inf, 0
        self.improved = self.converged = self.finished = False

    def update(self, loss, objective_changed=False, asked_to_stop=False):
        """Take the loss of an epoch into account.

        Parameters
        ----------
        loss : float
            The loss that is monitored.
        objective_changed : bool, default=False
            Whether losses up to now cannot be compared with those to come.
        asked_to_stop : bool, default=False
            Whether a callback has asked to end training.
        """
        self.n_epochs += 1
        self.first_loss = self.first_loss or loss
        unit = max(abs(loss), 1e-4 * abs(self.first_loss)) if self.relative else 1.0
        progresses = self.tol is None or self.best_loss - loss > self.tol * unit
        if objective_changed:
            self.best_loss, progresses = np.inf, True
        self.n_idle = 0 if progresses else self.n_idle + 1
        self.improved = loss < self.best_loss
        self.best_loss = min(self.best_loss, loss)
        self.converged = self.n_idle == self.n_iter_no_change or asked_to_stop
        self.finished = self.converged or self.n_epochs == self.max_epochs
