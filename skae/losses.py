"""What training minimises, and what it hides: losses, penalties and corruptions.

All are pure functions of tensors; what is random comes from a generator that is passed in.
"""

import torch
from torch import nn
from torch.nn import functional as F

__all__ = [
    "CORRUPTIONS",
    "LOSSES",
    "add_noise",
    "cross_entropy",
    "encode_with_jacobian",
    "kl_from_standard_normal",
    "mask",
    "mean_loss",
    "nested_dropout",
    "salt_and_pepper",
    "sparsity",
    "weighted_mean",
]

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

#: Activations that treat each unit by itself.
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

    A row's is minus the logarithm of the softmax probability of its class.

    Parameters
    ----------
    logits : torch.Tensor of shape (batch, n_classes)
        Of any size; a larger one makes its class more probable.
    y : torch.Tensor of shape (batch,), int64
        Numbers of the classes, from 0.
    weight : torch.Tensor of shape (batch,) or None, default=None
        Weight of each row; None weighs all rows alike.

    Returns
    -------
    torch.Tensor
        A scalar, in nats: 0 is perfect, ``log(n_classes)`` is not to know.

    Examples
    --------
    >>> import torch
    >>> from skae.losses import cross_entropy
    >>> cross_entropy(torch.zeros(3, 2), torch.tensor([0, 1, 1]))
    tensor(0.6931)
    """
    return weighted_mean(F.cross_entropy(logits, y, reduction="none"), weight)


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
    >>> from skae.losses import kl_from_standard_normal
    >>> kl_from_standard_normal(torch.tensor([[0.0], [2.0]]), torch.zeros(2, 1))
    tensor([0., 2.])
    """
    return (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2


def sparsity(activations, target):
    """Kullback-Leibler divergence of rare activity from the mean activity, summed over codes.

    ``r log(r / a) + (1 - r) log((1 - r) / (1 - a))`` for a target ``r`` and a mean activation
    ``a``: 0 where each code is active as often as it should be (Ng, 2011).

    Parameters
    ----------
    activations : torch.Tensor of shape (n_components,)
        Mean of each code over the rows, in [0, 1].
    target : float in (0, 1)
        Mean that it should have; smaller asks for sparser codes.

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
    >>> from skae.losses import sparsity
    >>> sparsity(torch.tensor([0.05, 0.05]), target=0.05)
    tensor(0.)
    """
    a = activations.clamp(1e-6, 1 - 1e-6)  # a code that is always 0 or 1 has a finite cost
    r = torch.as_tensor(target, dtype=a.dtype, device=a.device)
    return (r * (r / a).log() + (1 - r) * ((1 - r) / (1 - a)).log()).sum()


def encode_with_jacobian(encoder, X):
    """Encode rows, with the squared Frobenius norm of the encoder's Jacobian at each.

    The contractive autoencoder (Rifai et al., 2011) keeps it small, so that codes hardly move
    when rows move a little. For one layer ``f(W x + b)`` it is ``sum_j f'(a_j)² ||W_j||²``; deeper
    encoders take one backward pass per code.

    Parameters
    ----------
    encoder : callable
        Maps (batch, n_features) to (batch, n_components), row by row.
    X : torch.Tensor of shape (batch, n_features)
        The rows.

    Returns
    -------
    codes : torch.Tensor of shape (batch, n_components)
        What the encoder gives.
    norms : torch.Tensor of shape (batch,)
        Sum of the squares of the derivatives of all codes by all features. It can be
        differentiated again.

    References
    ----------
    Rifai, Vincent, Muller, Glorot & Bengio (2011), "Contractive auto-encoders: explicit
    invariance during feature extraction", *ICML*.

    Examples
    --------
    >>> import torch
    >>> from skae.losses import encode_with_jacobian
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
    """Tell whether an encoder is a linear layer and perhaps an activation of single units."""
    return (
        isinstance(encoder, nn.Sequential)
        and len(encoder) <= 2
        and type(encoder[0]) is nn.Linear
        and all(type(layer) in ELEMENTWISE for layer in encoder[1:])
    )


def add_noise(X, level, generator):
    """Add Gaussian noise.

    Parameters
    ----------
    X : torch.Tensor of shape (batch, n_features)
        Rows.
    level : float
        Standard deviation of the noise, at least 0.
    generator : torch.Generator
        Draws it.

    Returns
    -------
    torch.Tensor of shape (batch, n_features)
        A new tensor.

    Examples
    --------
    >>> import torch
    >>> from skae.losses import add_noise
    >>> noisy = add_noise(torch.zeros(1000, 10), 0.5, torch.Generator().manual_seed(0))
    >>> print(f"{noisy.std().item():.2f}")
    0.50
    """
    return X + _draw(torch.randn, X, generator) * level


def mask(X, level, generator):
    """Set elements to 0 at random (Vincent et al., 2008).

    Parameters
    ----------
    X : torch.Tensor of shape (batch, n_features)
        Rows.
    level : float in [0, 1]
        Probability for each element.
    generator : torch.Generator
        Draws which.

    Returns
    -------
    torch.Tensor of shape (batch, n_features)
        A new tensor.

    References
    ----------
    Vincent, Larochelle, Bengio & Manzagol (2008), "Extracting and composing robust features with
    denoising autoencoders", *ICML*.

    Examples
    --------
    >>> import torch
    >>> from skae.losses import mask
    >>> mask(torch.ones(1000, 10), 0.25, torch.Generator().manual_seed(0)).unique()
    tensor([0., 1.])
    """
    return X * (_draw(torch.rand, X, generator) >= level)


def salt_and_pepper(X, level, generator):
    """Set elements to the largest or the smallest value of the batch at random.

    Parameters
    ----------
    X : torch.Tensor of shape (batch, n_features)
        Rows.
    level : float in [0, 1]
        Probability for each element; half of them become large, half small.
    generator : torch.Generator
        Draws which.

    Returns
    -------
    torch.Tensor of shape (batch, n_features)
        A new tensor.

    Examples
    --------
    >>> import torch
    >>> from skae.losses import salt_and_pepper
    >>> grey = torch.tensor([[0.0, 0.5, 1.0]]).repeat(1000, 1)
    >>> noisy = salt_and_pepper(grey, 0.2, torch.Generator().manual_seed(0))
    >>> print(f"{(noisy[:, 1] != 0.5).float().mean().item():.1f}")
    0.2
    """
    draws = _draw(torch.rand, X, generator)
    extremes = torch.where(draws < level / 2, X.min(), X.max())
    return torch.where(draws < level, extremes, X)


def nested_dropout(codes, generator):
    """Keep the first k codes of each row and set the others to 0, for another k from row to row.

    All k from 1 to the number of codes are as frequent. The first code is then shown most often and
    has to say most, and so on down the line (Rippel et al., 2014). Here k goes round from row to
    row, from a first one that is drawn: a loss with the same k in each batch has less noise
    than one with k drawn for each row.

    Parameters
    ----------
    codes : torch.Tensor of shape (batch, n_components)
        The codes, of rows in random order.
    generator : torch.Generator
        Draws the first k.

    Returns
    -------
    torch.Tensor of shape (batch, n_components)
        A new tensor.

    References
    ----------
    Rippel, Gelbart & Adams (2014), "Learning ordered representations with nested dropout", *ICML*.

    Examples
    --------
    >>> import torch
    >>> from skae.losses import nested_dropout
    >>> kept = nested_dropout(torch.ones(1000, 4), torch.Generator().manual_seed(0))
    >>> kept.mean(dim=0)
    tensor([1.0000, 0.7500, 0.5000, 0.2500])
    """
    n_rows, n_components = codes.shape
    first = torch.randint(n_components, (1,), generator=generator, device=generator.device)
    last = (torch.arange(n_rows, device=codes.device) + first.to(codes.device)) % n_components
    return codes * (torch.arange(n_components, device=codes.device) <= last.unsqueeze(1))


#: Corruptions by name. Each takes ``(X, level, generator)``.
CORRUPTIONS = {"gaussian": add_noise, "masking": mask, "salt_pepper": salt_and_pepper}


def _draw(kind, X, generator):
    """Draw numbers of the shape of X on the generator's device, and take them to that of X."""
    return kind(X.shape, dtype=X.dtype, device=generator.device, generator=generator).to(X.device)
