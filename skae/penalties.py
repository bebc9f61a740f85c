"""Penalties on latent codes, and the functions they are made of.

All are pure functions of tensors.
"""

import torch
from torch import nn

__all__ = ["PENALTIES", "encode_with_jacobian", "kl_from_standard_normal", "sparsity"]

#: Activations of single units.
ELEMENTWISE = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Softplus,
    nn.Tanh,
    nn.Sigmoid,
)


def kl_from_standard_normal(mean, log_variance):
    """Kullback-Leibler divergence of N(mean, variance) from N(0, 1), summed over codes.

    ``(mean² + variance - 1 - log(variance)) / 2`` (Kingma & Welling, 2014, appendix B). Always
    at least 0, and 0 only for the standard normal distribution.

    Parameters
    ----------
    mean : torch.Tensor of shape (batch, n_components)
        Of each row's codes.
    log_variance : torch.Tensor of shape (batch, n_components)
        Natural logarithm of their variance.

    Returns
    -------
    torch.Tensor of shape (batch,)
        In nats.

    References
    ----------
    Kingma & Welling (2014), "Auto-encoding variational Bayes", *ICLR*.

    Examples
    --------
    >>> import torch
    >>> from skae.penalties import kl_from_standard_normal
    >>> kl_from_standard_normal(torch.tensor([[0.0], [2.0]]), torch.zeros(2, 1))
    tensor([0., 2.])
    """
    return (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2


def sparsity(activations, target):
    """Kullback-Leibler divergence of the mean activations from a target, summed over codes.

    ``r log(r / a) + (1 - r) log((1 - r) / (1 - a))`` for a target ``r`` and a mean activation
    ``a``: 0 where the mean activation equals the target (Ng, 2011).

    Parameters
    ----------
    activations : torch.Tensor of shape (n_components,)
        Mean of each code over the rows, in [0, 1].
    target : float in (0, 1)
        Mean that each code should have; smaller makes codes sparser.

    Returns
    -------
    torch.Tensor
        A scalar, in nats.

    References
    ----------
    Ng (2011), "Sparse autoencoder", CS294A lecture notes, Stanford University.

    Examples
    --------
    >>> import torch
    >>> from skae.penalties import sparsity
    >>> sparsity(torch.tensor([0.05, 0.05]), target=0.05)
    tensor(0.)
    """
    a = activations.clamp(1e-6, 1 - 1e-6)  # a code that is always 0 or 1 has a finite cost
    r = torch.as_tensor(target, dtype=a.dtype, device=a.device)
    return (r * (r / a).log() + (1 - r) * ((1 - r) / (1 - a)).log()).sum()


def encode_with_jacobian(encoder, X):
    """Encode rows, and return the squared Frobenius norm of the encoder's Jacobian for each.

    A contractive autoencoder (Rifai et al., 2011) keeps it small, so that codes are insensitive to
    small changes of the input. For one layer ``f(W x + b)`` it is ``sum_j f'(a_j)² ||W_j||²``;
    deeper encoders take one backward pass per code.

    Parameters
    ----------
    encoder : callable
        Maps (batch, n_features) to (batch, n_components), row by row.
    X : torch.Tensor of shape (batch, n_features)
        The rows.

    Returns
    -------
    codes : torch.Tensor of shape (batch, n_components)
        Latent codes.
    norms : torch.Tensor of shape (batch,)
        Sum of the squared derivatives of all codes by all features. It can be differentiated
        again.

    References
    ----------
    Rifai, Vincent, Muller, Glorot & Bengio (2011), "Contractive auto-encoders: explicit
    invariance during feature extraction", *ICML*.

    Examples
    --------
    >>> import torch
    >>> from skae.penalties import encode_with_jacobian
    >>> encoder = torch.nn.Linear(2, 1)
    >>> _ = encoder.weight.data.copy_(torch.tensor([[3.0, 4.0]]))
    >>> encode_with_jacobian(encoder, torch.zeros(1, 2))[1].detach()
    tensor([25.])
    """
    with torch.enable_grad():
        if _is_one_layer(encoder):
            inside = encoder[0](X)
            codes = encoder[1:](inside)
            (slopes,) = torch.autograd.grad(codes.sum(), inside, create_graph=True)
            return codes, slopes**2 @ (encoder[0].weight ** 2).sum(dim=1)
        X = X.detach().requires_grad_()
        codes = encoder(X)
        ones = torch.eye(codes.shape[1], dtype=codes.dtype, device=codes.device)
        ones = ones.unsqueeze(1).expand(-1, len(codes), -1)
        (jacobian,) = torch.autograd.grad(codes, X, ones, create_graph=True, is_grads_batched=True)
        return codes, jacobian.pow(2).sum(dim=(0, 2))


def _is_one_layer(encoder):
    """Return whether an encoder is a linear layer and perhaps an activation of single units."""
    return (
        isinstance(encoder, nn.Sequential)
        and len(encoder) <= 2
        and type(encoder[0]) is nn.Linear
        and all(type(layer) in ELEMENTWISE for layer in encoder[1:])
    )


class Penalty:
    """A penalty on latent codes that can be named.

    A new one is a subclass with an entry in :data:`PENALTIES`.
    """

    #: Whether it is computed for each row independently of the other rows of a batch.
    is_rowwise = False

    #: Whether codes have to be in (0, 1).
    needs_probabilities = False

    def evaluate(self, encode, inputs, mean, target):
        """Return the codes of a batch and their penalty.

        Parameters
        ----------
        encode : callable
            Maps (batch, n_features) to (batch, n_components).
        inputs : torch.Tensor of shape (batch, n_features)
            Input of the encoder.
        mean : callable
            Returns the weighted mean over the rows of a tensor.
        target : float
            Mean that each code should have, for penalties that have a target.

        Returns
        -------
        codes : torch.Tensor of shape (batch, n_components)
            Latent codes.
        penalty : torch.Tensor
            A scalar.
        """
        raise NotImplementedError


class L1(Penalty):
    """Sum of the absolute codes."""

    def evaluate(self, encode, inputs, mean, target):
        """Return the codes of a batch and their penalty."""
        codes = encode(inputs)
        return codes, mean(codes.abs().sum(dim=1))


class Sparsity(Penalty):
    """KL divergence of the mean of each code from a target (Ng, 2011)."""

    needs_probabilities = True

    def evaluate(self, encode, inputs, mean, target):
        """Return the codes of a batch and their penalty."""
        codes = encode(inputs)
        return codes, sparsity(mean(codes), target)


class Contractive(Penalty):
    """Squared Frobenius norm of the Jacobian of the encoder (Rifai et al., 2011)."""

    is_rowwise = True

    def evaluate(self, encode, inputs, mean, target):
        """Return the codes of a batch and their penalty."""
        codes, norms = encode_with_jacobian(encode, inputs)
        return codes, mean(norms)


#: Penalties by name.
PENALTIES = {"l1": L1(), "kl": Sparsity(), "contractive": Contractive()}
