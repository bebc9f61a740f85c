"""Checks of the fitted state of estimators from a file."""

import math

import numpy as np
from sklearn.base import BaseEstimator

from skae._autoencoder import AutoencoderTransformer
from skae._classifier import PretrainedEncoderClassifier
from skae._training.weights import check_activations, dtype_of


def check_networks(thing):
    """Validate the fitted state of all autoencoders and classifiers inside an object.

    Parameters
    ----------
    thing : object
        An estimator, or a part of one.

    Raises
    ------
    ValueError
        If parameters are out of range, a fitted attribute has the wrong shape, or the output of
        the network is not finite or has the wrong shape.
    """
    pending, seen = [thing], {}
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, BaseEstimator):
            pending += vars(item).values()
            if isinstance(item, (AutoencoderTransformer, PretrainedEncoderClassifier)):
                _check_fitted_state(item)
        elif isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, (list, tuple, set)):
            pending += item
        elif isinstance(item, np.ndarray) and item.dtype == object:
            pending += item.ravel().tolist()


def _check_fitted_state(estimator):
    """Validate the parameters and the fitted attributes of an estimator."""
    estimator._validate_params()
    if not hasattr(estimator, "net_"):
        return
    n_columns, is_transformer = estimator.n_features_in_, hasattr(estimator, "n_components_")
    names = {"feature_names_in_": (n_columns,)}
    numbers = {"loss_curve_": (estimator.n_iter_,)}
    if is_transformer:
        n_outputs = estimator.n_components_
        numbers |= {"mean_": (n_columns,), "components_": (n_outputs, n_columns)}
        numbers |= {"explained_variance_": (n_outputs,), "explained_variance_ratio_": (n_outputs,)}
    else:
        n_outputs = len(estimator.classes_)
        names |= {"classes_": (n_outputs,)}
    for name, shape in (numbers | names).items():
        value = getattr(estimator, name, None)
        if value is None:
            continue
        if np.shape(value) != shape or (name in numbers and not np.isfinite(value).all()):
            raise ValueError(f"{name} does not hold finite numbers or names of shape {shape}.")
    shape = getattr(estimator, "input_shape_", (n_columns,))
    is_shape = isinstance(shape, tuple) and all(type(size) is int and size > 0 for size in shape)
    if not is_shape or math.prod(shape) != n_columns:
        raise ValueError(f"input_shape_ is not the shape of a row of {n_columns} columns.")
    # The output for one row must exist and be finite.
    net = estimator.net_
    check_activations(net.module_, net.profile_.layers)
    steps = (
        [("encode", n_outputs), ("decode", n_columns)]
        if is_transformer
        else [("forward", n_outputs)]
    )
    row = np.zeros((1, net.n_features), dtype_of(net.module_))
    for method, width in steps:
        row = net.apply(method, row)
        if row.shape != (1, width):
            raise ValueError(
                f"{method} of the network returns the shape {row.shape} instead of {(1, width)}."
            )
