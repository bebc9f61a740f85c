"""Means and variances of columns, computed block by block without a copy of X."""

import numpy as np
from sklearn.utils import gen_batches

#: Elements of X in a block: 8 MB in float64.
BLOCK_ELEMENTS = 2**20


def blocks_of(X):
    """Return slices over the rows of X with a bounded number of elements each."""
    return gen_batches(len(X), max(1, BLOCK_ELEMENTS // X.shape[1]))


def column_means(X, weight):
    """Return the weighted mean of each column."""
    total = np.zeros(X.shape[1])
    for block in blocks_of(X):
        rows = X[block] if weight is None else X[block] * weight[block, np.newaxis]
        with np.errstate(over="ignore"):
            total += rows.sum(axis=0, dtype=np.float64)
    return total / (len(X) if weight is None else weight.sum())


def column_variances(X, center, weight):
    """Return each column's weighted mean square around ``center``; 0 where it is rounding only.

    Raises
    ------
    ValueError
        If the sum of squares overflows.
    """
    total = np.zeros(X.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow is an error below
        for block in blocks_of(X):
            squares = (X[block].astype(np.float64) - center) ** 2
            total += squares.sum(axis=0) if weight is None else weight[block] @ squares
        variances = total / (len(X) if weight is None else weight.sum())
        check_no_overflow(variances.sum(), X)
    return np.where(variances > rounding_variances(center, X), variances, 0.0)


def rounding_variances(center, X):
    """Return the variance of each column that rounding alone causes."""
    with np.errstate(over="ignore"):
        return (10 * np.finfo(X.dtype).eps * center) ** 2


def check_no_overflow(squares, X):
    """Raise an error if a sum of squares of elements of X is not finite."""
    if not np.isfinite(squares):
        raise ValueError(
            f"X has absolute values up to {np.abs(X).max():.3g}, whose variance overflows: scale "
            "X, for example with MaxAbsScaler."
        )


def limits(X):
    """Return the smallest and the largest element."""
    extremes = [(X[block].min(), X[block].max()) for block in blocks_of(X)]
    return min(low for low, _ in extremes), max(high for _, high in extremes)


def numerical_rank(X, center):
    """Return the rank of X around ``center``, ignoring what is rounding of X."""
    varies = column_variances(X, center, None) > 0
    if not varies.any():
        return 0
    rows = X[:, varies].astype(np.float64)  # their norm may be too large for float32
    rounding = max(rows.shape) * np.finfo(X.dtype).eps * np.linalg.norm(rows)
    return np.linalg.matrix_rank(rows - center[varies], tol=rounding)
