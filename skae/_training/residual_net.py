"""The net that trains the nonlinear path of an autoencoder that starts at PCA."""

import numpy as np
import torch

from skae._training.autoencoder_net import AutoencoderNet
from skae._training.stopping import Stopping
from skae._training.threads import limit_threads

#: Steps over which the learning rate is warmed up.
WARMUP_STEPS = 50

#: Largest decay rate of the moving average of the weights.
AVERAGE_DECAY = 0.99

#: Factor of ``tol``, which is a tolerance of one epoch, for progress over the whole patience.
TOL_FACTOR = 100

#: Smallest number of steps of the optimiser between two evaluations.
STEPS_BETWEEN_EVALUATIONS = 20

#: Standard errors by which an improvement over PCA must exceed 0, and how many more there are
#: divided by the effective number of held-out samples.
STANDARD_ERRORS, MORE_STANDARD_ERRORS = 1.0, 5.0

#: Smallest significant improvement over PCA, as a share of PCA's error.
LEAST_GAIN = 0.02


class ResidualNet(AutoencoderNet):
    """The net that trains a :class:`skae.modules.ResidualCore`.

    It differs from other nets in that

    - the learning rate grows over the first steps;
    - a moving average of the weights is evaluated and kept (Polyak & Juditsky, 1992);
    - weights are kept only if they are significantly better than PCA on samples that are judged,
      so that the result is never worse.

    Parameters
    ----------
    module : skae.modules.ResidualCore
        The network.
    share, left_out : float
        The mean squared error of X is ``share`` times that of the coordinates plus ``left_out``.
    **kwargs
        Parameters of :class:`AutoencoderNet`.

    References
    ----------
    Polyak & Juditsky (1992), "Acceleration of stochastic approximation by averaging", *SIAM
    Journal on Control and Optimization* 30.
    """

    def __init__(self, module, *, share, left_out, **kwargs):
        super().__init__(module, **kwargs)
        self.share = share
        self.left_out = left_out
        self.average_, self.n_steps_ = None, 0  # until training begins

    def train(self, data, judge, stopping, *, verbose=0, task=None):
        """Train until ``stopping`` ends it, and keep the best weights, or those of PCA.

        Parameters
        ----------
        data : TrainingData
            To train on.
        judge : Judge
            Evaluates the weights.
        stopping : Stopping
            When to end, from evaluations; PCA itself is not among them, since training may get
            worse before it gets better.
        verbose : int, default=0
            Whether to show a progress line.
        task : skae._sklearn_callbacks.Task or None, default=None
            Task whose subtasks are the epochs.

        Returns
        -------
        converged : bool
            Whether training ended for lack of progress.
        improved : bool
            Whether the kept weights are better than PCA.
        """
        self.group_, self.shuffles_ = data.group, True
        data = self._prepare(data)
        sizes = self.get_iterator(data).sizes
        every = max(1, -(-STEPS_BETWEEN_EVALUATIONS // len(sizes)))
        every = max(every, -(-judge.n_rows // (4 * sum(sizes))))
        with limit_threads(self.profile_.n_products, max(sizes)):
            best_weights = self._weights()
            self.average_ = best_weights.clone()
            self.notify("on_train_begin", X=data.X, y=None)
            improved = False
            while not stopping.finished:
                subtask = task and task.begin_subtask("epoch")
                self.fit_loop((data, None), epochs=1)
                asked_to_stop = subtask is not None and bool(subtask.end())
                stopping.next_epoch(asked_to_stop)
                self.history.record("valid_loss", np.nan)
                if stopping.n_epochs % every == 0 or stopping.finished:
                    loss, is_better = self._evaluate(judge)
                    stopping.update(loss)
                    if is_better:
                        best_weights, improved = self.average_.clone(), True
                if verbose:
                    self._show_progress(stopping)
            self._set_weights(best_weights)
            self.module_.eval()
            self.notify("on_train_end", X=data.X, y=None)
        self._free_buffers()
        self.average_ = None
        return stopping.converged, improved

    def _evaluate(self, judge):
        """Return the loss of the averaged weights, and whether they are the best so far."""
        weights = self._weights()
        self._set_weights(self.average_)
        self.module_.eval()
        loss, is_better = judge.evaluate(self.module_)
        self._set_weights(weights)
        self._check_finite(loss)
        self.history.record("valid_loss", self._in_units_of_x(loss))
        return loss, is_better

    def _standardize(self, X):
        return X  # coordinates are divided by the scale before training

    def _in_units_of_x(self, loss):
        return self.share * super()._in_units_of_x(loss) + self.left_out

    def _step(self, compute, batch):
        self.n_steps_ += 1
        if self.n_steps_ <= WARMUP_STEPS:
            for group in self.optimizer_.param_groups:
                group["lr"] = self.lr * self.n_steps_ / WARMUP_STEPS
        step = super()._step(compute, batch)
        decay = min(AVERAGE_DECAY, (1 + self.n_steps_) / (10 + self.n_steps_))
        self.average_.lerp_(self._weights(copy=False), 1 - decay)
        return step

    def _weights(self, copy=True):
        """Return all weights as one vector."""
        if len(self.flats_) == 1:
            vector = self.flats_[0].vector.detach()
            return vector.clone() if copy else vector
        return torch.cat([weight.detach().ravel() for weight in self.module_.parameters()])

    @torch.no_grad()
    def _set_weights(self, vector):
        weights = [weight for weight in self.module_.parameters() if weight.requires_grad]
        for weight, values in zip(weights, vector.split([weight.numel() for weight in weights])):
            weight.copy_(values.view_as(weight))


class Judge:
    """Evaluate the weights of a residual core against PCA, sample by sample.

    Parameters
    ----------
    T : torch.Tensor of shape (n_rows, n_axes)
        Coordinates of the samples to judge by, divided by the scale of the core.
    weight : torch.Tensor of shape (n_rows,)
        Their weights, which sum up to 1.
    held_out : torch.Tensor of shape (n_rows,)
        Weights of those that are held out, with the same sum; 0 for others. The standard error of
        the improvement is that of these. All 0 if there are none.
    core : skae.modules.ResidualCore
        Whose linear path is PCA.
    """

    def __init__(self, T, weight, held_out, core):
        self.T, self.weight = T, weight
        n_codes = len(core.encoder.sigma)
        self.pca_errors = (T[:, n_codes:] ** 2).sum(dim=1) / T.shape[1]
        self.n_rows = len(T)
        total = held_out.sum().item()
        self.held_out = held_out / total if total > 0 else None
        self.held_out_share = total
        self.best_loss = None  # that of PCA

    @torch.no_grad()
    def evaluate(self, core):
        """Return the mean loss of a core, and whether it is significantly the best so far."""
        errors = torch.cat(
            [(core.decoder(core.encoder(T)) - T).square().mean(dim=1) for T in self.T.split(1024)]
        )
        loss = torch.dot(self.weight, errors).item()
        gains = self.pca_errors - errors
        gain = torch.dot(self.weight, gains).item()
        least = max(
            self._margin(gains), LEAST_GAIN * torch.dot(self.weight, self.pca_errors).item()
        )
        is_better = gain > least and (self.best_loss is None or loss < self.best_loss)
        if is_better:
            self.best_loss = loss
        return loss, is_better

    def _margin(self, gains):
        """Return the gain from which on it is significant."""
        if self.held_out is None:
            return 0.0
        n_effective = 1 / torch.dot(self.held_out, self.held_out).item()
        mean = torch.dot(self.held_out, gains)
        variance = torch.dot(self.held_out, (gains - mean) ** 2).item() / max(n_effective - 1, 1)
        n_errors = STANDARD_ERRORS + MORE_STANDARD_ERRORS / max(n_effective, 1)
        return n_errors * np.sqrt(variance) * self.held_out_share


def make_stopping(n_batches, max_epochs, n_iter_no_change, tol, has_held_out):
    """Return when to end the training of a residual core.

    Parameters
    ----------
    n_batches : int
        Steps of an epoch.
    max_epochs : int or "auto"
        "auto" is at least 10 epochs and at least 2,000 steps, 3,000 without held-out samples.
    n_iter_no_change : int
        Epochs without progress.
    tol : float or None
        Relative tolerance of an epoch. A hundred times as much is the tolerance here, since
        progress is measured over the whole patience.
    has_held_out : bool
        Whether samples are held out.

    Returns
    -------
    Stopping
        With a patience of at least 250 steps.
    """
    if max_epochs == "auto":
        max_epochs = max(10, -(-(2000 if has_held_out else 3000) // n_batches))
    patience = max(n_iter_no_change, -(-250 // n_batches))
    tol = None if tol is None else min(TOL_FACTOR * tol, 0.5)
    return Stopping(max_epochs, patience, tol, relative=True, accumulates=True)
