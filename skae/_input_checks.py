"""Conversion of X and sample_weight to arrays, and errors for input that is not numeric."""

import numpy as np
import torch
from sklearn.utils.validation import validate_data

from skae._sklearn_compat import check_sample_weight


def as_array(X):
    """Return a torch tensor as an array of its dtype, and anything else unchanged.

    Input that is not numeric but would be accepted by scikit-learn is an error.

    Raises
    ------
    TypeError
        If X holds dates or times, or is a torch tensor that is sparse or on the meta device.
    ValueError
        If X is a masked array with masked values.
    """
    if not isinstance(X, torch.Tensor):
        is_frame = len(getattr(X, "shape", ())) == 2 and hasattr(X, "dtypes")
        for dtype in X.dtypes if is_frame else [getattr(X, "dtype", None)]:
            if getattr(dtype, "kind", "") in ("m", "M") or _is_temporal(dtype):
                raise TypeError(
                    f"X holds dates or times ({dtype}), which would become times since 1970: "
                    "convert them to meaningful numbers, such as days since an event."
                )
        if np.ma.is_masked(X):
            raise ValueError(
                f"X is a masked array with {np.ma.count_masked(X)} masked values, which would be "
                "replaced by the values under the mask: impute them, for example with "
                "SimpleImputer on X.filled(np.nan)."
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
    """Return whether a data type of polars is one of dates or times."""
    return getattr(dtype, "is_temporal", bool)()


def flatten(X, input_shape):
    """Return images or sequences of the shape ``(n_samples, *input_shape)`` as flat rows.

    Parameters
    ----------
    X : array-like
        Flat rows, or rows of the given shape.
    input_shape : tuple of int or None
        Shape of one row; -1 is any size. None, or a single size, means flat rows.

    Returns
    -------
    array-like of shape (n_samples, n_features)
        X itself if it is flat.

    Raises
    ------
    ValueError
        If rows of X have another shape.
    """
    X = as_array(X)
    is_flat = input_shape is None or len(input_shape) == 1
    if is_flat or getattr(X, "ndim", 2) != len(input_shape) + 1:
        return X
    if any(size not in (-1, found) for size, found in zip(input_shape, X.shape[1:])):
        raise ValueError(
            f"X has rows of shape {X.shape[1:]}, but input_shape={input_shape}: pass rows of "
            "that shape or flat rows."
        )
    return X.reshape(len(X), -1)


def check_rows(estimator, X, reset, dtype=(np.float64, np.float32)):
    """Return X as a C-contiguous array of float64 or float32, checked as scikit-learn does."""
    return validate_data(estimator, X, dtype=dtype, order="C", reset=reset)


def check_weight(sample_weight, X):
    """Return sample weights as float64: one per row, not negative, at least one positive."""
    weight = check_sample_weight(sample_weight, X, dtype=np.float64)
    if weight.min() < 0 or weight.max() == 0:
        raise ValueError(
            "sample_weight must not be negative and not be zero for all rows, got values from "
            f"{weight.min():.6g} to {weight.max():.6g}. Give at least one row a positive weight."
        )
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError(
            f"sample_weight has values up to {weight.max():.3g}, whose sum overflows: divide it by "
            "its largest value."
        )
    return weight
