"""Which device computes: parsing of the ``device`` parameter, and what fits in its memory."""

import numpy as np
import torch


def resolve_device(device, dtype, fallback=False):
    """Return the torch device to compute on.

    Parameters
    ----------
    device : str
        "auto", or the name of a torch device.
    dtype : numpy.dtype
        Dtype of the data: "auto" selects an accelerator for float32 only.
    fallback : bool, default=False
        Whether to use the CPU in place of a device that this machine lacks, as for a model that
        was trained elsewhere.

    Returns
    -------
    torch.device
        A device that exists on this machine.

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
            f"device={device!r} is not a torch device; use 'auto', 'cpu', 'cuda' or 'mps'."
        ) from error
    if not available.get(resolved.type, True):
        if fallback:
            return torch.device("cpu")
        here = [name for name, is_here in available.items() if is_here]
        raise ValueError(
            f"device={device!r} is not available: this machine has {', '.join(here)}. "
            "Use device='auto' to use the fastest one there is."
        )
    if resolved.type == "mps" and dtype != np.float32:
        raise ValueError(
            f"device={device!r} computes in float32 only and X is {dtype}: "
            "pass X.astype('float32')."
        )
    return resolved


def fits_in_memory(n_bytes, device):
    """Return whether a device other than the CPU has twice as many bytes of free memory.

    The other half is for the weights and the intermediate results of training.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    elif device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    else:
        return False
    return n_bytes <= free / 2


def is_out_of_memory(error):
    """Return whether an error means that memory is exhausted; torch has no class for all cases."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        "not enough memory" in str(error) or "can't allocate memory" in str(error)
    )
