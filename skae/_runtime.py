"""What torch meets around it: random numbers, arrays, threads and devices.

Everything here holds for the enclosed code or the calling thread only; no global
generator is seeded, no setting of torch is changed.
"""

import secrets
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch.utils._python_dispatch import TorchDispatchMode

#: Products of weights and rows up to which a step is small: about 1 ms of one core.
SMALL_STEP = 2**23


class seeded(TorchDispatchMode):
    """Draw the random numbers of the enclosed torch code from one generator.

    Initial weights and dropout of any module, a user's own too, then depend on that
    generator alone. The global generator is neither read nor written, and no other thread
    is touched, since dispatch modes belong to a thread.
    """

    def __init__(self, generator):
        super().__init__()
        self.generator = generator

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        func, is_random = _with_generator(func)
        kwargs = dict(kwargs or {})
        if is_random and kwargs.get("generator") is None:
            kwargs["generator"] = self.generator
        return func(*args, **kwargs)


@cache
def _with_generator(func):
    """Return the overload of a torch operator that takes a generator, if it has one."""
    if any(argument.name == "generator" for argument in func._schema.arguments):
        return func, True
    name = func._overloadname
    name = "generator" if name == "default" else f"{name}_generator"
    if name in func.overloadpacket.overloads():
        return getattr(func.overloadpacket, name), True
    return func, False


def make_seed(random_state):
    """Return a seed for scikit-learn's kind of ``random_state``.

    None takes fresh entropy from the operating system, so that the global generators stay
    as they are; a ``RandomState`` is advanced by one draw.
    """
    if random_state is None:
        return secrets.randbits(32)
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(np.iinfo(np.int32).max))
    return int(random_state)


def make_generator(seed, device="cpu"):
    """Return a torch generator of its own for a seed, which draws on a device."""
    return torch.Generator(device).manual_seed(seed)


def gradients():
    """Return a context in which torch records gradients, whatever it does outside."""
    return torch.inference_mode(False)


def as_array(X):
    """Return a torch tensor as an array of its dtype, and anything else as it is.

    What scikit-learn would let pass although it means no rows of numbers is an error.
    """
    if not isinstance(X, torch.Tensor):
        is_frame = len(getattr(X, "shape", ())) == 2 and hasattr(X, "dtypes")
        for dtype in X.dtypes if is_frame else [getattr(X, "dtype", None)]:
            if getattr(dtype, "kind", "") in ("m", "M") or _is_temporal(dtype):
                raise TypeError(
                    f"X holds dates or times ({dtype}), which would be counted from 1970 on: turn "
                    "them into numbers that mean something, such as days since an event."
                )
        if np.ma.is_masked(X):
            raise ValueError(
                f"X is a masked array with {np.ma.count_masked(X)} masked values, which would be "
                "taken for what is under the mask: fill them in, such as with SimpleImputer on "
                "X.filled(np.nan)."
            )
        return X
    if X.layout is not torch.strided or X.device.type == "meta":
        raise TypeError(
            f"X is a torch tensor with layout={X.layout} on device={X.device.type!r}: pass a dense "
            "one that holds values, such as X.to_dense()."
        )
    X = X.detach().cpu().resolve_conj().resolve_neg()
    return (X.float() if X.dtype == torch.bfloat16 else X).numpy()


def _is_temporal(dtype):
    """Tell whether a data type of polars is one of dates or times."""
    return getattr(dtype, "is_temporal", bool)()


def as_tensor(X):
    """Return a tensor on the memory of an array, read-only memory included.

    torch warns about read-only arrays since it could write to them. Nothing here does, so the
    array is shown to it through an interface that says "writable".
    """
    shape = X.shape
    X = X.reshape(-1)  # the strides of an array of one row may be anything
    if X.flags.writeable:
        return torch.from_numpy(X).view(shape)
    interface = dict(X.__array_interface__)
    interface["data"] = (interface["data"][0], False)
    view = type("WritableView", (), {"__array_interface__": interface, "base": X})()
    return torch.from_numpy(np.asarray(view)).view(shape)


def resolve_device(device, dtype, fallback=False):
    """Return the torch device to compute on.

    Parameters
    ----------
    device : str
        "auto", or a name that torch knows.
    dtype : numpy.dtype
        Of the data: "auto" takes an accelerator for float32 only.
    fallback : bool, default=False
        Whether the CPU stands in for a device that this machine lacks, as for a model that was
        trained elsewhere.

    Returns
    -------
    torch.device
        One that exists on this machine.

    Raises
    ------
    ValueError
        If the device does not exist here or is unknown to torch.
    """
    available = {"cpu": True}
    available["cuda"] = torch.cuda.is_available()
    available["mps"] = torch.backends.mps.is_available()
    if device == "auto":
        fast = [name for name in ("cuda", "mps") if available[name] and dtype == np.float32]
        return torch.device(fast[0] if fast else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f"device={device!r} is not a device that torch knows; use 'auto', 'cpu', 'cuda' "
            "or 'mps'."
        ) from error
    if not available.get(resolved.type, True):
        if fallback:
            return torch.device("cpu")
        here = [name for name, is_here in available.items() if is_here]
        raise ValueError(
            f"device={device!r} is not available: this machine has {', '.join(here)}. "
            "Use device='auto' to take the best one there is."
        )
    if resolved.type == "mps" and dtype != np.float32:
        raise ValueError(
            f"device={device!r} computes in float32 only and X is {dtype}: "
            "pass X.astype('float32')."
        )
    return resolved


def fits(n_bytes, device):
    """Tell whether data should move to a device as a whole: it is none of the CPU's, and half free.

    The other half of its free memory is for the weights and for what training computes.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    elif device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    else:
        return False
    return n_bytes <= free / 2


@cache
def _openmp():
    """Return the controller of the OpenMP libraries that are loaded."""
    return ThreadpoolController().select(user_api="openmp")


@contextmanager
def few_threads(n_products, n_rows):
    """Compute small steps in one thread.

    Sharing them among threads gains no time, loses much where another process is busy, and makes
    the rounding depend on the number of threads, which workers of a grid search have fewer of.
    The limit holds for the calling thread only; an explicit ``torch.set_num_threads`` wins.
    """
    if n_products * n_rows > SMALL_STEP:
        yield
        return
    torch.get_num_threads()  # lets torch set up this thread first, or it would undo the limit
    with _openmp().limit(limits=1):
        yield
