"""Every import of a private name of scikit-learn, each with a fallback.

Private names may change with any release. Without one of them, estimators still validate their
parameters and fit the same models.
"""

from functools import wraps
from numbers import Integral

import numpy as np
from sklearn.utils import check_array

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:
        """Support no callbacks."""

    def with_callbacks(method):
        """Return the method as it is."""
        return method


try:
    from sklearn.utils._param_validation import (
        HasMethods,
        Interval,
        StrOptions,
        validate_parameter_constraints,
    )
except ImportError:

    class Interval:
        """Numbers of a type in an interval."""

        def __init__(self, type, left, right, *, closed):
            self.type, self.left, self.right, self.closed = type, left, right, closed

        def is_satisfied_by(self, value):
            """Return whether a value is a number of the type in the interval."""
            if not isinstance(value, self.type) or isinstance(value, bool) or value != value:
                return False
            above = self.left is None or value > self.left
            below = self.right is None or value < self.right
            above |= self.closed in ("left", "both") and value == self.left
            below |= self.closed in ("right", "both") and value == self.right
            return above and below

        def __str__(self):
            return (
                f"a {self.type.__name__} between {self.left} and {self.right} "
                f"(closed: {self.closed})"
            )

    class StrOptions:
        """Strings of a set."""

        def __init__(self, options):
            self.options = options

        def is_satisfied_by(self, value):
            """Return whether a value is one of the strings."""
            return isinstance(value, str) and value in self.options

        def __str__(self):
            return f"a str among {sorted(self.options)}"

    class HasMethods:
        """Objects that have certain methods."""

        def __init__(self, methods):
            self.methods = [methods] if isinstance(methods, str) else methods

        def is_satisfied_by(self, value):
            """Return whether an object has the methods."""
            return all(callable(getattr(value, method, None)) for method in self.methods)

        def __str__(self):
            return f"an object with the methods {self.methods}"

    #: Constraints that are strings.
    NAMED = {
        "array-like": lambda value: hasattr(value, "__len__") and not isinstance(value, str),
        "boolean": lambda value: isinstance(value, (bool, np.bool_)),
        "random_state": lambda value: (
            value is None or isinstance(value, (Integral, np.random.RandomState))
        ),
        "verbose": lambda value: isinstance(value, (Integral, bool)) and value >= 0,
    }

    def _satisfies(value, constraint):
        if hasattr(constraint, "is_satisfied_by"):
            return constraint.is_satisfied_by(value)
        if isinstance(constraint, str):
            return NAMED[constraint](value)
        if constraint is None:
            return value is None
        if constraint is callable:
            return callable(value)
        return isinstance(value, constraint)

    def validate_parameter_constraints(parameter_constraints, params, caller_name):
        """Raise an error if a parameter satisfies none of its constraints."""
        for name, value in params.items():
            constraints = parameter_constraints.get(name, [object])
            if not any(_satisfies(value, constraint) for constraint in constraints):
                allowed = " or ".join(
                    getattr(constraint, "__name__", str(constraint)) for constraint in constraints
                )
                raise ValueError(
                    f"The {name!r} parameter of {caller_name} must be {allowed}. Got {value!r} "
                    "instead."
                )


try:
    from sklearn.base import _fit_context as fit_context
except ImportError:

    def fit_context(*, prefer_skip_nested_validation):
        """Return a decorator that validates the parameters of an estimator before a method."""

        def decorate(method):
            @wraps(method)
            def validated(estimator, *args, **kwargs):
                validate_parameter_constraints(
                    estimator._parameter_constraints,
                    estimator.get_params(deep=False),
                    caller_name=type(estimator).__name__,
                )
                return method(estimator, *args, **kwargs)

            return validated

        return decorate


try:
    from sklearn.utils import _safe_indexing as safe_indexing
except ImportError:

    def safe_indexing(X, indices):
        """Return rows of an array, a data frame or a list."""
        if hasattr(X, "iloc"):
            return X.iloc[indices]
        return X[indices] if hasattr(X, "shape") else [X[i] for i in indices]


try:
    from sklearn.utils.validation import _check_sample_weight as check_sample_weight
except ImportError:

    def check_sample_weight(sample_weight, X, dtype):
        """Return one weight per sample, 1 for None."""
        if sample_weight is None:
            return np.ones(len(X), dtype)
        if np.ndim(sample_weight) == 0:
            return np.full(len(X), sample_weight, dtype)
        weight = check_array(
            sample_weight, dtype=dtype, ensure_2d=False, input_name="sample_weight"
        )
        if weight.shape != (len(X),):
            raise ValueError(
                f"sample_weight has the shape {weight.shape} and must have {(len(X),)}: pass one "
                "weight per sample."
            )
        return weight


try:
    from sklearn.utils._missing import is_pandas_na, is_scalar_nan
except ImportError:

    def is_scalar_nan(value):
        """Return whether a value is a float that is not a number."""
        return isinstance(value, (float, np.floating)) and value != value

    def is_pandas_na(value):
        """Return whether a value is the missing value of pandas."""
        return type(value).__name__ == "NAType"


def scorers():
    """Return the classes of scorers that fitted searches hold; empty if they are not known."""
    try:
        from sklearn.metrics import _scorer
    except ImportError:
        return []
    names = ("_MultimetricScorer", "_PassthroughScorer", "_Scorer")
    return [getattr(_scorer, name) for name in names if hasattr(_scorer, name)]
