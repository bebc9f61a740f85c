"""Checks of the parameters of this package."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array


def check_count(name, value, minimum, reason):
    """Raise an error if a value is not an integer of at least ``minimum``."""
    if not isinstance(value, Integral) or value < minimum:
        raise ValueError(f"{name}={value!r} must be an integer of at least {minimum}: {reason}.")


def check_columns(name, array, n_columns, meaning):
    """Return a 2-D float array; raise an error if it does not have ``n_columns`` columns."""
    array = check_array(array, dtype=[np.float64, np.float32], input_name=name)
    if array.shape[1] != n_columns:
        raise ValueError(
            f"{name} has {array.shape[1]} columns and must have {n_columns}: {meaning}."
        )
    return array
