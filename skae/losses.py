"""Losses: pure functions of what the network gave and what it should have given."""

import torch
from torch.nn import functional as F

__all__ = ["LOSSES", "mean_loss"]

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

#: Losses that depend on the error ``output - target`` alone, and the power of the scale of
#: X with which they grow: these can be computed in standard units and brought back.
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
        What the decoder gave.
    target : torch.Tensor of shape (batch, n_features)
        What it should have given.
    weight : torch.Tensor of shape (batch,) or None, default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    torch.Tensor
        A scalar.

    Raises
    ------
    ValueError
        If a callable returns something that has no row for each row of the batch.

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
    per_row = values.reshape(len(output), -1).mean(dim=1)
    return per_row.mean() if weight is None else (per_row * weight).sum() / weight.sum()
