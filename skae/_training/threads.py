"""How many threads compute a step."""

from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import ThreadpoolController

#: Products of weights and samples up to which a step is small: about 1 ms of one core.
SMALL_STEP = 2**23


@cache
def _openmp():
    """Return the controller of the OpenMP libraries that are loaded."""
    return ThreadpoolController().select(user_api="openmp")


@contextmanager
def limit_threads(n_products, n_rows):
    """Compute small steps in one thread.

    Several threads do not make a small step faster, and make it much slower if another process
    uses the CPU. They also make rounding depend on the number of threads, which is smaller in the
    workers of a grid search. The limit applies to the calling thread only; an explicit
    ``torch.set_num_threads`` takes precedence.

    Parameters
    ----------
    n_products : int
        Multiplications of weights for one sample.
    n_rows : int
        Samples of a step.
    """
    if n_products * n_rows > SMALL_STEP:
        yield
        return
    torch.get_num_threads()  # initialises torch's state of this thread, which resets the limit
    with _openmp().limit(limits=1):
        yield
