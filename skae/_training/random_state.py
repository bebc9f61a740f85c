"""Random numbers from local generators: no global generator is seeded or advanced."""

import secrets

import numpy as np
import torch

from skae._torch_compat import draws_from

__all__ = ["draws_from", "make_generator", "make_seed"]


def make_seed(random_state):
    """Return a seed for scikit-learn's kind of ``random_state``.

    None takes entropy from the operating system, so that the global generators stay as they are;
    a ``RandomState`` is advanced by one draw.
    """
    if random_state is None:
        return secrets.randbits(32)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    return int(random_state)


def make_generator(seed, device="cpu"):
    """Return a new torch generator with a seed, which draws on a device."""
    return torch.Generator(device).manual_seed(seed)
