"""How a network is trained, as typed objects that a fitted estimator keeps."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of the training of every network.

    Parameters
    ----------
    optimizer : str or callable
        A key of ``OPTIMIZERS``, or a callable that builds a torch optimiser from weights and
        ``lr``.
    lr : float
        Learning rate.
    batch_size : int or "auto"
        Samples per step.
    callbacks : list of skorch callbacks or None
        Each net gets copies of them.
    device : str
        Where to compute; "auto" selects an accelerator if there is one.
    seed : int
        Determines all random numbers of training.
    n_rows : int
        Number of samples to expect, for ``batch_size="auto"``.
    weight_decay : float or None
        L2 regularisation as the optimiser implements it; None is the optimiser's default.
    """

    optimizer: str | Callable
    lr: float
    batch_size: int | str
    callbacks: list | None
    device: str
    seed: int
    n_rows: int
    weight_decay: float | None


@dataclass(frozen=True)
class AutoencoderSettings(TrainingSettings):
    """How an autoencoder is trained: the objective, and the numerical precision.

    Parameters
    ----------
    loss : str or callable
        As in :func:`skae.losses.mean_loss`.
    corruption : str, callable or None
        A key of :data:`skae.corruptions.CORRUPTIONS`, or a callable ``(X, generator) -> X``.
    corruption_level : float
        Strength of a corruption given by name.
    penalty : str or None
        A key of :data:`skae.penalties.PENALTIES`.
    alpha : float
        Weight of the penalty, or of the divergence of variational codes.
    alpha_warmup : int
        Epochs over which ``alpha`` grows from 0.
    target_activation : float
        Mean of each latent code that ``penalty="kl"`` aims at.
    precision : {"full", "bf16"}
        Whether matrix products in training may be computed in bfloat16.
    """

    loss: str | Callable
    corruption: str | Callable | None
    corruption_level: float
    penalty: str | None
    alpha: float
    alpha_warmup: int
    target_activation: float
    precision: str


@dataclass(frozen=True)
class ClassifierSettings(TrainingSettings):
    """How a classifier is trained.

    Parameters
    ----------
    encoder_lr : float or None
        Learning rate of the encoder; None is ``lr``.
    monitor : {"loss", "accuracy"}
        Which of the two early stopping monitors.
    """

    encoder_lr: float | None
    monitor: str
