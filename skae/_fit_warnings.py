"""Warnings of a fit that has not learned: collapsed or dead codes, a loss that has not fallen."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skae._base import warn
from skae._latent_diagnostics import (
    collapsed_codes,
    dead_codes,
    divergence_from_prior,
    log_variances,
    name_codes,
)
from skae._parameter_checks import DEFAULT_LR
from skae._training.moments import numerical_rank
from skae._training.stopping import NO_BETTER

#: Epochs after which variational codes can be called collapsed before training has converged.
MIN_EPOCHS_TO_COLLAPSE = 10


def warn_of_failures(estimator, data, converged):
    """Warn if latent codes are not in use, or if training has ended too early or in vain.

    Where the user trains step by step, few epochs prove nothing about the end: only dead codes
    are reported. Collapsed codes explain a poor loss and dead codes, which are not reported then.

    Parameters
    ----------
    estimator : AutoencoderTransformer
        After training.
    data : TrainingData
        What it was trained on.
    converged : bool
        Whether the loss had stopped decreasing.
    """
    net, is_final = estimator.net_, estimator.tol is not None or estimator.max_epochs == "auto"
    X = data.sample()
    collapsed, dead = _codes_out_of_use(net, X, estimator.mean_)
    is_late = converged or estimator.n_iter_ >= MIN_EPOCHS_TO_COLLAPSE
    is_collapsed, is_useless = is_final and is_late and collapsed.any(), False
    if is_collapsed:
        _warn_of_collapsed_codes(collapsed, estimator._settings)
    elif is_final and estimator._n_axes is None and data.variances(estimator.mean_).any():
        loss, baseline = net.loss_without_penalty(data), net.baseline_loss(data)
        is_useless = np.isfinite(baseline) and loss > NO_BETTER * baseline
    if is_useless:
        _warn_of_useless_network(loss, baseline, estimator._settings, estimator.max_epochs)
    elif not converged:
        estimator._warn_of_max_epochs()
    if dead.any() and not is_collapsed:
        _warn_of_dead_codes(dead, estimator._settings)


def _codes_out_of_use(net, X, mean):
    """Return which codes are collapsed, and which are dead, although X has more to give.

    None are where the others are as many as the directions in which X varies.
    """
    codes, log_variance = net.apply("encode", X), log_variances(net.module_, X)
    dead = dead_codes(codes)
    if log_variance is None:
        collapsed = np.zeros_like(dead)
    else:
        collapsed = collapsed_codes(divergence_from_prior(codes, log_variance))
    if not (dead | collapsed).any():
        return collapsed, dead
    n_useful = min(numerical_rank(X, mean), len(dead))
    return tuple(mask & (np.count_nonzero(~mask) < n_useful) for mask in (collapsed, dead))


def _warn_of_collapsed_codes(collapsed, settings):
    warn(
        f"Of n_components={len(collapsed)}, {name_codes(collapsed)} collapsed: close to the "
        "standard normal distribution whatever the row, so without information about it. The "
        "penalty of such a code is larger than what the code would gain in the loss. Use a "
        f"smaller alpha (alpha={settings.alpha:g}), a longer alpha_warmup "
        f"(alpha_warmup={settings.alpha_warmup}) or fewer components."
    )


def _warn_of_useless_network(loss, baseline, settings, max_epochs):
    if loss > 1.1 * baseline or settings.lr > 2 * DEFAULT_LR:
        advice = f"Use a smaller lr (lr={settings.lr})"
    elif max_epochs != "auto":
        advice = f"Increase max_epochs (max_epochs={max_epochs})"
    else:
        advice = "Use a larger lr, another architecture or more components"
    warn(
        f"The autoencoder reconstructs no better than the mean of X: its loss is {loss:.4g}, "
        f"that of the mean {baseline:.4g}. {advice}, or standardize X.",
        ConvergenceWarning,
    )


def _warn_of_dead_codes(dead, settings):
    warn(
        f"Of n_components={len(dead)}, {name_codes(dead)} dead: the same for all "
        "rows. Use latent_activation='identity' if it is another one, a smaller lr "
        f"(lr={settings.lr}), another random_state or fewer components."
    )
