"""Encoders of classifiers: validation, fitting and latent codes."""

from dataclasses import is_dataclass
from numbers import Integral
from types import FunctionType

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skae._autoencoder import AutoencoderTransformer
from skae._pipeline import clone_discards_fit, replace_last_step, split_pipeline, unfreeze


def row_shape(encoder):
    """Return the shape of one row that an encoder takes, or None for flat rows."""
    _, ae = split_pipeline(unfreeze(encoder))
    if hasattr(ae, "input_shape_"):
        return ae.input_shape_
    return getattr(getattr(ae, "architecture", None), "input_shape", None)


def check_encoder(encoder, strategy, n_features):
    """Raise an error if an encoder is not compatible with strategy or X, or would be lost."""
    inside = unfreeze(encoder)
    last = split_pipeline(inside)[1]
    if strategy != "frozen" and not isinstance(last, AutoencoderTransformer):
        raise ValueError(
            f"strategy={strategy!r} trains the weights of an autoencoder, which "
            f"{type(last).__name__} is not: use strategy='frozen', or an "
            "AutoencoderTransformer as encoder."
        )
    if inside is encoder:
        if clone_discards_fit(encoder):
            raise ValueError(
                f"encoder is a fitted {type(encoder).__name__}, whose weights clone and "
                "searches would drop. Pass FrozenEstimator(encoder) to use it as it is, or "
                "clone(encoder) to have it fitted here."
            )
        return
    try:
        check_is_fitted(inside)
    except NotFittedError as error:
        raise ValueError(
            f"encoder=FrozenEstimator({type(inside).__name__}) holds an encoder that is not "
            "fitted: fit it before, or pass it without FrozenEstimator to have it fitted here."
        ) from error
    n_columns = getattr(inside, "n_features_in_", n_features)
    if n_columns != n_features:
        raise ValueError(
            f"encoder was fitted on {n_columns} columns and X has {n_features}: pass "
            "rows with the same columns, or clone(encoder) to have it fitted here."
        )


def fit_encoder(encoder, strategy, X, weight, X_unlabeled):
    """Fit the encoder; for "scratch", only the steps before the autoencoder in a Pipeline."""
    if strategy == "scratch":
        before, _ = split_pipeline(encoder)
        if before is not None:
            before.fit(X)
        return
    if X_unlabeled is not None:
        if weight is not None:
            weight = np.concatenate([weight, np.ones(len(X_unlabeled))])
        X = np.concatenate([X, X_unlabeled])
    if weight is not None and has_fit_parameter(encoder, "sample_weight"):
        encoder.fit(X, sample_weight=weight)
    else:
        encoder.fit(X)


def renew_encoder(encoder, rows, X, weight, rng):
    """Return an encoder with random weights, in the units of the labelled samples."""
    fresh = clone(split_pipeline(encoder)[1]).set_params(random_state=rng.randint(2**31 - 1))
    fresh._start_untrained(rows_before(encoder, rows, X), weight)
    return replace_last_step(encoder, fresh)


def rows_before(encoder, rows, X):
    """Return samples as the autoencoder receives them, after the steps before it."""
    # Column names are passed to encoders that were fitted with names.
    rows = rows if hasattr(encoder, "feature_names_in_") else X
    before, _ = split_pipeline(encoder)
    return rows if before is None else before.transform(rows)


def inputs_of(encoder, strategy, rows, X):
    """Return the input of the network: latent codes of a frozen encoder, or samples."""
    if strategy == "frozen":
        rows = rows if hasattr(encoder, "feature_names_in_") else X
        codes = encoder.transform(rows)
        return check_array(codes, dtype=X.dtype, order="C", input_name="codes")
    inputs = split_pipeline(encoder)[1]._check_rows(rows_before(encoder, rows, X))
    return inputs.astype(X.dtype, copy=False)


def is_alike(one, other):
    """Return whether two encoders, or parts of them, have the same parameters and weights."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, BaseEstimator):
        return is_alike(one.__getstate__(), other.__getstate__())
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_alike(one[key], other[key]) for key in one)
    if is_dataclass(one):
        return is_alike(vars(one), vars(other))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(is_alike, one, other))
    if isinstance(one, (np.ndarray, np.generic, float)):
        return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f")
    if isinstance(one, (str, Integral, type, FunctionType)):
        return one == other
    return True  # of the same type; there is no general way to compare them


def seeded_clone(encoder, rng):
    """Return a clone with a seed for each ``random_state`` that is None, also nested ones."""
    encoder = clone(encoder)
    seeds = {
        name: rng.randint(2**31 - 1)
        for name, value in sorted(encoder.get_params().items(), key=lambda item: item[0])
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return encoder.set_params(**seeds)
