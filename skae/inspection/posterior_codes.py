"""Distributions of variational codes, and the bound on the likelihood."""

import numpy as np
import torch
from sklearn.utils import check_random_state

from skae._latent_diagnostics import collapsed_codes, divergence_from_prior, in_blocks
from skae.inspection.inputs import find_autoencoder, flatten_samples, transform_before
from skae.inspection.latent_codes import log_variances_of
from skae.inspection.report import Report


class Posterior(Report):
    """Distributions of the codes of each sample, and the evidence lower bound.

    As a table, the means over the samples for each code.

    Attributes
    ----------
    means, variances : ndarray of shape (n_samples, n_components)
        Of the normal distribution of each code, which are independent given the sample.
    divergence : ndarray of shape (n_samples, n_components)
        Kullback-Leibler divergence of each of them from the standard normal distribution, in
        nats, at least 0.
    log_likelihood : ndarray of shape (n_samples,) or None
        Expected log-likelihood of the sample given codes that are drawn from these
        distributions, in nats.
    bound : ndarray of shape (n_samples,) or None
        Evidence lower bound: ``log_likelihood - divergence.sum(axis=1)``, in nats. None if the
        loss is not that of a likelihood.
    collapsed : ndarray of bool of shape (n_components,)
        Whether the mean divergence of the code is below 0.01 nats.
    """

    _formats = {"mean_variance": ".4g", "spread_of_means": ".4g", "divergence": ".4g"}

    def __init__(self, means, log_variances, log_likelihood):
        self.means, self.variances = means, np.exp(log_variances)
        self.divergence = divergence_from_prior(means, log_variances)
        self.collapsed = collapsed_codes(self.divergence)
        self.log_likelihood, self.bound = log_likelihood, None
        if log_likelihood is not None:
            self.bound = log_likelihood - self.divergence.sum(axis=1)

    def _index(self):
        return "code", list(range(self.means.shape[1]))

    def _columns(self):
        return {
            "spread_of_means": self.means.std(axis=0, dtype=np.float64).tolist(),
            "mean_variance": self.variances.mean(axis=0).tolist(),
            "divergence": self.divergence.mean(axis=0).tolist(),
            "collapsed": self.collapsed.tolist(),
        }

    def _summary(self):
        text = f"divergence {self.divergence.sum(axis=1).mean():.4g} nats"
        return text if self.bound is None else f"{text}, bound {self.bound.mean():.4g} nats"


def posterior(ae, X, *, noise=1.0, n_draws=10, random_state=None):
    """Compute the distributions of variational codes, and the evidence lower bound.

    The encoder of a variational autoencoder gives a normal distribution for the codes of each
    sample, an approximation of their posterior distribution (Kingma & Welling, 2014). The evidence
    lower bound is at most the logarithm of the likelihood of the sample under the model: codes
    from the standard normal distribution, and the sample from the distribution that the decoder
    gives for them. A low bound indicates a sample that the model takes for unlikely.

    Parameters
    ----------
    ae : AutoencoderTransformer or Pipeline that ends in one
        Fitted with ``latent="gaussian"``.
    X : array-like of shape (n_samples, n_features)
        Samples to evaluate.
    noise : float, default=1.0
        For ``loss="mse"``: standard deviation of the likelihood of each column, in the units of
        the autoencoder's input; larger weighs the squared error less. Training minimises minus
        the bound for ``scale * sqrt(alpha * n_features / 2)``, where ``scale`` is the unit of the
        network, ``module_.scale``. It has no effect for ``loss="bce"``, where training minimises
        minus the bound for ``alpha = 1 / n_features``.
    n_draws : int, default=10
        Number of draws of the codes of each sample, at least 1. More makes the bound more precise.
    random_state : int, RandomState instance or None, default=None
        Determines the draws. Pass an int for the same bound at each call.

    Returns
    -------
    Posterior
        With ``means`` (what ``transform`` returns), ``variances`` and ``divergence`` of each code
        of each sample, ``log_likelihood`` and ``bound`` of each sample, and ``collapsed``. The
        likelihood is that of independent columns: for ``loss="bce"`` the Bernoulli distribution
        with the probabilities of the decoder (exact if X is 0 or 1), for "mse" the normal
        distribution around the reconstruction with standard deviation ``noise``, all constants
        included. For other losses, ``log_likelihood`` and ``bound`` are None.

    Raises
    ------
    ValueError
        If ``ae`` is not an autoencoder with variational codes, or ``noise`` or ``n_draws`` is not
        positive.

    References
    ----------
    Kingma & Welling (2014), "Auto-encoding variational Bayes", *ICLR*.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.inspection import posterior
    >>> X = load_digits().data
    >>> ae = AutoencoderTransformer(8, latent="gaussian", random_state=0).fit(X)
    >>> result = posterior(ae, X, noise=3.0, random_state=0)
    >>> result.variances.shape, result.bound.shape
    ((1797, 8), (1797,))
    >>> int(result.collapsed.sum())
    0
    """
    if not noise > 0 or not np.isfinite(noise):
        raise ValueError(f"noise={noise!r} is not a standard deviation: pass a positive number.")
    if n_draws < 1:
        raise ValueError(f"n_draws={n_draws!r} draws nothing: pass an integer of at least 1.")
    before, ae = find_autoencoder(ae)
    X = transform_before(before, flatten_samples(X))
    means = np.asarray(ae.transform(X))
    X = np.ascontiguousarray(X, dtype=means.dtype)
    log_variances = log_variances_of(ae, X, means.dtype)
    if log_variances is None:
        raise ValueError(
            f"{type(ae).__name__} has codes without a distribution: posterior is for autoencoders "
            "with latent='gaussian' and an architecture of skae."
        )
    likelihood = LIKELIHOODS.get(ae.loss) if isinstance(ae.loss, str) else None
    if likelihood is None:
        return Posterior(means, log_variances, None)
    rng, total = check_random_state(random_state), np.zeros(len(X))
    spreads = np.exp(log_variances / 2)
    for _ in range(n_draws):
        codes = (means + spreads * rng.standard_normal(means.shape)).astype(means.dtype)
        rows = np.hstack([codes, X])
        total += in_blocks(ae.module_, _row_likelihood(likelihood, means.shape[1], noise), rows)
    return Posterior(means, log_variances, total / n_draws)


def _row_likelihood(likelihood, n_components, noise):
    """Return a function of a network and of rows of codes and targets side by side."""

    def function(module, rows):
        output = module.decode(rows[:, :n_components]).double()
        return likelihood(output, rows[:, n_components:].double(), noise).sum(dim=1)

    return function


def _bernoulli(logits, target, noise):
    return target * logits - torch.nn.functional.softplus(logits)


def _normal(mean, target, noise):
    return -(((target - mean) / noise) ** 2) / 2 - np.log(noise) - np.log(2 * np.pi) / 2


#: Logarithms of the likelihood of each element, by the loss that is minus a multiple of it.
LIKELIHOODS = {"bce": _bernoulli, "mse": _normal}
