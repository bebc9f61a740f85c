"""Weights of rows, and means and variances of columns, without a copy of X."""

import numpy as np
from sklearn.utils import assert_all_finite, gen_batches
from sklearn.utils.validation import _check_sample_weight, validate_data

from skae._distributed import current_group
from skae._files import rows_in_file, take

#: Elements of X that are looked at in one go: 8 MB in float64.
BLOCK_ELEMENTS = 2**20

#: Rows that the spread of X is estimated from, and that dead codes are looked for in.
SAMPLE_ROWS = 2048


def check_rows(estimator, X, reset, dtype=(np.float64, np.float32)):
    """Return X as scikit-learn checks it, C-contiguous; a large file is not read in one go."""
    is_large = rows_in_file(X) is not None
    X = validate_data(
        estimator, X, dtype=dtype, order="C", reset=reset, ensure_all_finite=not is_large
    )
    for block in blocks_of(X) if is_large else ():
        assert_all_finite(X[block], estimator_name=type(estimator).__name__, input_name="X")
    return X


def check_weight(sample_weight, X):
    """Return weights of rows as float64, one per row, not negative, at least one positive."""
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
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


def mean_of(X, weight):
    """Return the weighted mean of each column; no copy of X is made."""
    total = np.zeros(X.shape[1])
    for block in blocks_of(X):
        rows = X[block] if weight is None else X[block] * weight[block, np.newaxis]
        with np.errstate(over="ignore"):
            total += rows.sum(axis=0, dtype=np.float64)
    return total / (len(X) if weight is None else weight.sum())


def over_ranks(mean, X, weight):
    """Return the mean over the rows of all ranks, from that over the rows of this one."""
    return current_group().average(mean, len(X) if weight is None else weight.sum())


def variances_of(X, mean, weight):
    """Return each column's weighted mean square around ``mean``; 0 where it is rounding only."""
    total = np.zeros(X.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is an error below
        for block in blocks_of(X):
            squares = (X[block].astype(np.float64) - mean) ** 2
            total += squares.sum(axis=0) if weight is None else weight[block] @ squares
        variances = total / (len(X) if weight is None else weight.sum())
        check_no_overflow(variances.sum(), X)
    return np.where(variances > rounding_of(mean, X), variances, 0.0)


def check_no_overflow(squares, X):
    """Raise an error if a sum of squares of what is in X is not finite."""
    if not np.isfinite(squares):
        raise ValueError(
            f"X holds values up to {np.abs(X).max():.3g} in size, whose variance overflows: scale "
            "X, for example with MaxAbsScaler."
        )


def rounding_of(mean, X):
    """Return the variance of each column that rounding alone makes."""
    with np.errstate(over="ignore"):
        return (10 * np.finfo(X.dtype).eps * mean) ** 2


def spread_of(X, mean, weight):
    """Return the standard deviation of all elements around their column's mean; 1 if none.

    It only has to be of the right size, so that a few thousand rows of a long X will do.
    """
    some = sample_of(X, weight)
    variances = variances_of(take(X, some), mean, None if weight is None else weight[some])
    spread = np.sqrt(variances.mean())
    return spread if spread > 0 else 1.0


def n_directions(X, mean):
    """Return the rank of X around its mean; what is rounding of X does not count."""
    varies = variances_of(X, mean, None) > 0
    if not varies.any():
        return 0
    rows = X[:, varies].astype(np.float64)  # their norm may be too large for float32
    rounding = max(rows.shape) * np.finfo(X.dtype).eps * np.linalg.norm(rows)
    return np.linalg.matrix_rank(rows - mean[varies], tol=rounding)


def sample_of(X, weight):
    """Return the index of evenly spaced rows among those that have weight."""
    if weight is None:
        return np.arange(0, len(X), -(-len(X) // SAMPLE_ROWS))
    index = np.flatnonzero(weight)
    return index[:: -(-len(index) // SAMPLE_ROWS)]


def blocks_of(X):
    """Return slices over the rows of X that hold a bounded number of elements.

    Of a large file that is mapped into memory, what has been read is given back.
    """
    rows = rows_in_file(X)
    for block in gen_batches(len(X), max(1, BLOCK_ELEMENTS // X.shape[1])):
        yield block
        if rows is not None:
            rows.give_back(block.start, block.stop)


def limits_of(X):
    """Return the smallest and the largest element."""
    limits = [(X[block].min(), X[block].max()) for block in blocks_of(X)]
    return min(low for low, _ in limits), max(high for _, high in limits)
