"""Labels of classifiers: checks, class numbers and weights."""

import numpy as np
from sklearn.utils import assert_all_finite, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from skae._sklearn_compat import is_pandas_na, is_scalar_nan


def check_labels(y, name="y"):
    """Return labels as an array; a missing label is an error."""
    lacks_some = np.ma.is_masked(y)
    y = column_or_1d(y, warn=True)
    if y.dtype.kind in "fO":
        lacks_some |= any(map(_is_missing, y))
    elif y.dtype.kind in "mM":
        lacks_some |= np.isnat(y).any()
    if lacks_some:
        raise ValueError(
            f"{name} contains NaN or None, or is masked: remove samples without a label from "
            "X and y, and pass them as X_unlabeled."
        )
    assert_all_finite(y, input_name=name)
    check_classification_targets(y)
    return y


def _is_missing(label):
    """Return whether a label is None, nan or pandas' NA."""
    return label is None or is_scalar_nan(label) or is_pandas_na(label)


def number_labels(y, classes):
    """Return the class number of each label; an unknown label is an error."""
    numbers = {label: number for number, label in enumerate(classes.tolist())}
    y = y.tolist()
    unknown = set(y) - numbers.keys()
    if unknown:
        raise ValueError(
            f"y has labels that are not classes of the fitted network: {sorted(unknown, key=str)}. "
            f"Its classes are {list(numbers)}; use fit with warm_start=False to train a new one."
        )
    return np.array([numbers[label] for label in y])


def weigh_classes(class_weight, classes, y, weight):
    """Return sample weights times class weights, scaled to a maximum of 1; None if all are 1."""
    if class_weight is not None:
        weight = np.ones(len(y)) if weight is None else weight
        weight = weight * _resolve_class_weight(class_weight, classes, y, weight)[y]
        if not (weight.min() >= 0 and 0 < weight.max() < np.inf):
            raise ValueError(
                f"class_weight={class_weight!r} must not be negative, not be zero for "
                "all rows, and be finite. Give at least one class a positive weight."
            )
    return None if weight is None else weight / weight.max()


def _resolve_class_weight(class_weight, classes, y, weight):
    """Return the weight of each class."""
    if class_weight != "balanced":
        labels = classes[y]
        return compute_class_weight(class_weight, classes=classes, y=labels)
    totals = np.bincount(y, weight, minlength=len(classes))
    present = np.where(totals > 0, totals, np.inf)  # classes without a sample
    return totals.sum() / present / len(totals)
