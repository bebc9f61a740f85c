"""Corruptions of the input of denoising autoencoders.

All are pure functions of tensors; random numbers come from a generator that is passed in.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch

__all__ = ["CORRUPTIONS", "add_noise", "mask", "nested_dropout", "salt_and_pepper"]


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
    >>> from skae.corruptions import add_noise
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
    >>> from skae.corruptions import mask
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
    >>> from skae.corruptions import salt_and_pepper
    >>> grey = torch.tensor([[0.0, 0.5, 1.0]]).repeat(1000, 1)
    >>> noisy = salt_and_pepper(grey, 0.2, torch.Generator().manual_seed(0))
    >>> print(f"{(noisy[:, 1] != 0.5).float().mean().item():.1f}")
    0.2
    """
    draws = _draw(torch.rand, X, generator)
    extremes = torch.where(draws < level / 2, X.min(), X.max())
    return torch.where(draws < level, extremes, X)


def nested_dropout(codes, generator):
    """Keep the first k codes of each row and set the others to 0, for a k that varies by row.

    All k from 1 to the number of codes are equally frequent. The first code is kept most often and
    therefore learns the most important direction, and so on (Rippel et al., 2014). k cycles from
    row to row, starting at a random value: if each batch has all values of k, its loss has less
    noise than with k drawn for each row.

    Parameters
    ----------
    codes : torch.Tensor of shape (batch, n_components)
        Latent codes of rows in random order.
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
    >>> from skae.corruptions import nested_dropout
    >>> kept = nested_dropout(torch.ones(1000, 4), torch.Generator().manual_seed(0))
    >>> kept.mean(dim=0)
    tensor([1.0000, 0.7500, 0.5000, 0.2500])
    """
    n_rows, n_components = codes.shape
    first = torch.randint(n_components, (1,), generator=generator, device=generator.device)
    last = (torch.arange(n_rows, device=codes.device) + first.to(codes.device)) % n_components
    return codes * (torch.arange(n_components, device=codes.device) <= last.unsqueeze(1))


class Corruption(NamedTuple):
    """A corruption that can be named, with the meaning of its level.

    Parameters
    ----------
    function : callable
        ``(X, level, generator) -> X``.
    level_is_probability : bool
        Whether the level is a probability, in [0, 1], instead of a standard deviation.
    """

    function: Callable
    level_is_probability: bool

    def __call__(self, X, level, generator):
        """Return corrupted rows."""
        return self.function(X, level, generator)


#: Corruptions by name.
CORRUPTIONS = {
    "gaussian": Corruption(add_noise, level_is_probability=False),
    "masking": Corruption(mask, level_is_probability=True),
    "salt_pepper": Corruption(salt_and_pepper, level_is_probability=True),
}


def _draw(kind, X, generator):
    """Draw numbers of the shape of X on the device of the generator, and move them to that of X."""
    return kind(X.shape, dtype=X.dtype, device=generator.device, generator=generator).to(X.device)
