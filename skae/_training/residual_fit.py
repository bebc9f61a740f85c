"""From training data to an autoencoder that is never worse than PCA: plan, training, columns."""

from typing import NamedTuple

import numpy as np
import torch

from skae._training.contents import hold_out
from skae._training.data import TrainingData
from skae._training.moments import blocks_of, column_means
from skae._training.principal_axes import principal_axes

#: Number of occurrences from which on a sample is expected to occur again.
OFTEN = 4

#: Share of such samples from which on nothing is held out.
MOSTLY_REPEATED = 0.9

#: Smallest number of different samples for which a network is trained, and for which the axes are
#: those of the samples that are trained on.
FEW, ENOUGH = 20, 100


class Plan(NamedTuple):
    """How a fit that starts at PCA proceeds.

    ``center``, ``axes``, ``variances`` and ``total`` are those of the linear path, computed from
    all samples if ``uses_all``; ``train`` are the samples to train on, None if only the linear
    path is used; ``judged`` is the index of the samples to judge by, ``judged_weight`` their
    weights and ``held_out_weight`` those of the ones that are held out.
    """

    center: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    total: float
    uses_all: bool
    train: TrainingData | None
    judged: np.ndarray | None = None
    judged_weight: np.ndarray | None = None
    held_out_weight: np.ndarray | None = None

    def residual(self, n_components):
        """Return the variance that PCA leaves out, or 0 if it is rounding."""
        residual = self.total - self.variances[:n_components].sum()
        return residual if residual > 1e-12 * self.total else 0.0


def plan_fit(data, n_components, fraction, seed):
    """Decide which samples are held out, and compute the principal axes.

    Samples that occur often, such as combinations of categories, will occur again: they are
    trained on and judged, both. Of the others, a share is held out. If there are few others,
    only the linear path is used.

    Parameters
    ----------
    data : TrainingData
        All samples.
    n_components : int
        Number of latent codes.
    fraction : float
        Share of the samples that do not occur often to hold out.
    seed : int
        Determines which, together with their content.

    Returns
    -------
    Plan
        Samples to train on and to judge by, and the axes.
    """
    contents = data.contents(seed)
    n_contents, weight = len(contents.weight), contents.weight
    is_repeated = repeated_contents(data, contents)
    share = weight[is_repeated].sum() / weight.sum()
    is_held_out = np.zeros(n_contents, bool)
    if share >= MOSTLY_REPEATED:
        is_repeated[:] = True
        share = 1.0
    elif (~is_repeated).sum() >= FEW:
        others = np.flatnonzero(~is_repeated)
        part = contents._replace(classes=contents.classes[others])
        is_held_out[others[hold_out(part, fraction)]] = True
    else:
        return _axes_plan(data, data, n_components, seed, uses_all=True)
    index = data.index.numpy()
    train = data.select(data.index[torch.from_numpy(~is_held_out[contents.number])])
    uses_all = not is_held_out.any() or n_contents < ENOUGH or len(train) <= data.X.shape[1]
    plan = _axes_plan(data, data if uses_all else train, n_components, seed, uses_all)
    if len(plan.axes) <= n_components or plan.residual(n_components) == 0:
        return plan
    is_judged = is_held_out | is_repeated
    held_out = np.where(is_held_out, weight, 0.0)
    held_out *= (1 - share) / max(held_out.sum(), np.finfo(float).tiny)
    repeated = np.where(is_repeated, weight, 0.0)
    repeated *= share / max(repeated.sum(), np.finfo(float).tiny)
    return plan._replace(
        train=train,
        judged=index[contents.first[is_judged]],
        judged_weight=(held_out + repeated)[is_judged],
        held_out_weight=held_out[is_judged],
    )


def repeated_contents(data, contents):
    """Return which contents occur often; none where weights are not numbers of samples."""
    given = data.given_weight()
    if given is None:
        counts = np.bincount(contents.number)
        given = np.ones(1)
    else:
        counts = np.bincount(contents.number, given)
    whole = np.round(counts)
    if np.abs(counts - whole).max() > 1e-6 or np.abs(given - np.round(given)).max() > 1e-6:
        return np.zeros(len(counts), bool)
    whole = whole.astype(np.int64)
    return whole // np.gcd.reduce(whole) >= OFTEN


def plan_axes(data, n_components, seed, n_axes):
    """Return a plan with a number of axes of all data, for the linear path only."""
    plan = _axes_plan(data, data, n_components, seed, uses_all=True)
    n_missing = max(0, n_axes - len(plan.axes))
    axes = np.pad(plan.axes[:n_axes], ((0, n_missing), (0, 0)))
    return plan._replace(axes=axes, variances=np.pad(plan.variances[:n_axes], (0, n_missing)))


def _axes_plan(data, part, n_components, seed, uses_all):
    """Return a plan with the axes of a part of the data, as many as there are codes at least."""
    weight = np.zeros(len(data.X))
    index = part.index.numpy()
    weight[index] = 1.0 if data.weight is None else data.weight[index]
    if weight.all() and data.weight is None:
        weight = None
    rows = data.X if weight is None or len(index) == len(data.X) else data.X[index]
    weight = None if weight is None else weight[index] if rows is not data.X else weight
    center = column_means(rows, weight)
    axes, variances, total = principal_axes(rows, weight, center, n_components, seed)
    n_missing = max(0, n_components - len(axes))
    axes = np.pad(axes, ((0, n_missing), (0, 0)))  # codes without an axis are 0
    return Plan(center, axes, np.pad(variances, (0, n_missing)), total, uses_all, None)


def improve_columns(module, apply, data):
    """Shrink columns that are reconstructed worse than by their mean towards it, in place.

    Each is replaced by its least-squares fit on the mean and the reconstruction, with a slope in
    [0, 1].

    Parameters
    ----------
    module : skae.modules.ResidualAutoencoder
        The network.
    apply : callable
        Applies a method of the network to rows: ``apply(method, X)``.
    data : TrainingData
        The training samples.
    """
    X, weight = data.X, data.weight
    weight = np.full(len(X), 1.0) if weight is None else weight
    center = module.shift.cpu().double().numpy()
    sums = np.zeros((6, X.shape[1]))
    for block in blocks_of(X):
        w, x = weight[block, np.newaxis], X[block].astype(np.float64) - center
        r = apply("decode", apply("encode", X[block])).astype(np.float64) - center
        products = x, r, x**2, r**2, x * r, (x - r) ** 2
        sums += [(w * product).sum(axis=0) for product in products]
    x, r, xx, rr, xr, errors = sums / weight.sum()
    variance, covariance, spread = xx - x**2, xr - x * r, rr - r**2
    is_worse = errors > 0.999 * variance
    if not is_worse.any():
        return
    slope = np.clip(covariance / np.maximum(spread, np.finfo(float).tiny), 0, 1)
    offset = x - slope * r
    scale = module.scale.item()
    last = module.decoder[1]
    last.slope.copy_(torch.as_tensor(np.where(is_worse, slope, 1.0)))
    last.offset.copy_(torch.as_tensor(np.where(is_worse, offset / scale, 0.0)))
