"""Losses of reconstructions and of classes.

All are pure functions of tensors. The functions of :mod:`skae.corruptions` and
:mod:`skae.penalties` can be imported from here, too.
"""

import torch
from torch.nn import functional as F

from skae.corruptions import (  # noqa: F401
    CORRUPTIONS,
    add_noise,
    mask,
    nested_dropout,
    salt_and_pepper,
)
from skae.penalties import (  # noqa: F401
    encode_with_jacobian,
    kl_from_standard_normal,
    sparsity,
)

__all__ = ["LOSSES", "cross_entropy", "mean_loss", "weighted_mean"]

#: Losses by name. Each takes ``(output, target, reduction=...)``.
LOSSES = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "bce": F.binary_cross_entropy_with_logits,
}

#: Derivatives of the losses by ``output``, times ``scale``, written into ``out``.
GRADIENTS = {
    "mse": lambda y, target, scale, out: torch.sub(y, target, out=out).mul_(2 * scale),
    "mae": lambda y, target, scale, out: torch.sub(y, target, out=out).sign_().mul_(scale),
    "huber": lambda y, target, scale, out: torch.sub(y, target, out=out).clamp_(-1, 1).mul_(scale),
    "bce": lambda y, target, scale, out: torch.sigmoid(y, out=out).sub_(target).mul_(scale),
}

#: Losses that are functions of the error ``output - target``, and the power of the scale of X by
#: which they grow. They can be computed in standard units and converted to the units of X.
SCALE_POWER = {"mse": 2, "mae": 1, "huber": 2}


def mean_loss(loss, output, target, weight=None):
    """Mean of a loss over a batch, weighted by row.

    A row's loss is the mean over its elements; the batch's is ``sum(w * l) / sum(w)``, so that
    a row of weight 2 counts as two rows.

    Parameters
    ----------
    loss : {"mse", "mae", "huber", "bce"} or callable
        Squared error; absolute error; Huber's loss with its threshold at 1 (Huber,
        1964); cross-entropy of a sigmoid of ``output`` (which then holds logits). Or
        any ``loss(output, target)`` that returns one value per element or per row.
    output : torch.Tensor of shape (batch, n_features)
        Output of the decoder.
    target : torch.Tensor of shape (batch, n_features)
        What the output should be.
    weight : torch.Tensor of shape (batch,) or None, default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    torch.Tensor
        A scalar.

    Raises
    ------
    ValueError
        If a callable does not return one value or row for each row of the batch.

    Examples
    --------
    >>> import torch
    >>> from skae.losses import mean_loss
    >>> output, target = torch.tensor([[1.0, 1.0], [4.0, 0.0]]), torch.zeros(2, 2)
    >>> mean_loss("mse", output, target)
    tensor(4.5000)
    >>> mean_loss("mse", output, target, weight=torch.tensor([3.0, 1.0]))
    tensor(2.7500)
    """
    if callable(loss):
        values = loss(output, target)
        shape = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
        if shape[:1] != (len(output),):
            raise ValueError(
                f"loss={loss!r} returned {shape} for a batch of shape {tuple(output.shape)}; it "
                "must return a tensor with one value per element or row. Losses of torch do so "
                "with reduction='none'."
            )
    elif weight is None:
        return LOSSES[loss](output, target)
    else:
        values = LOSSES[loss](output, target, reduction="none")
    return weighted_mean(values.reshape(len(output), -1).mean(dim=1), weight)


def weighted_mean(values, weight=None):
    """Mean over rows.

    Parameters
    ----------
    values : torch.Tensor of shape (batch, ...)
        One or more numbers per row.
    weight : torch.Tensor of shape (batch,) or None, default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    torch.Tensor of shape (...)
        ``sum(w * v) / sum(w)``.

    Examples
    --------
    >>> import torch
    >>> from skae.losses import weighted_mean
    >>> weighted_mean(torch.tensor([4.0, 0.0]), torch.tensor([3.0, 1.0]))
    tensor(3.)
    """
    if weight is None:
        return values.mean(dim=0)
    return torch.tensordot(weight, values, dims=1) / weight.sum()


def cross_entropy(logits, y, weight=None):
    """Mean cross-entropy of classes.

    That of a row is minus the logarithm of the softmax probability of its class.

    Parameters
    ----------
    logits : torch.Tensor of shape (batch, n_classes)
        Any real numbers; a larger one makes its class more probable.
    y : torch.Tensor of shape (batch,), int64
        Numbers of the classes, from 0.
    weight : torch.Tensor of shape (batch,) or None, default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    torch.Tensor
        A scalar, in nats: 0 is perfect, ``log(n_classes)`` is that of equal probabilities.

    Examples
    --------
    >>> import torch
    >>> from skae.losses import cross_entropy
    >>> cross_entropy(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    tensor(0.6931)
    """
    return weighted_mean(F.cross_entropy(logits, y, reduction="none"), weight)
