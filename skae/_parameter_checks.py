"""Constraints of the parameters of the estimators, and which parameters are compatible."""

import math
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone

from skae._names import resolve_name
from skae._sklearn_compat import Interval, StrOptions
from skae._training.moments import limits
from skae.architectures import MLP, Architecture
from skae.corruptions import CORRUPTIONS
from skae.losses import LOSSES, SCALE_POWER
from skae.modules import LATENTS, Latent
from skae.penalties import PENALTIES

#: Learning rate that ``lr="auto"`` means without a linear path.
DEFAULT_LR = 3e-3

#: Constraints of the parameters that all estimators have.
CONSTRAINTS = {
    "optimizer": [str, callable],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "tol": [Interval(Real, 0, None, closed="left"), None],
    "warm_start": ["boolean"],
    "callbacks": [list, tuple, None],
    "device": [str],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def check_objective(ae):
    """Raise an error if the objective of an autoencoder is not known or not consistent."""
    if isinstance(ae.loss, str):
        resolve_name("loss", ae.loss, LOSSES)
    elif isinstance(ae.loss, type):
        raise ValueError(
            f"loss={ae.loss.__name__} is a class; pass an instance, such as "
            f"{ae.loss.__name__}(reduction='none')."
        )
    is_probability = (
        isinstance(ae.corruption, str) and CORRUPTIONS[ae.corruption].level_is_probability
    )
    if is_probability and ae.corruption_level > 1:
        raise ValueError(
            f"corruption_level={ae.corruption_level} is a probability for "
            f"corruption={ae.corruption!r}: use a value in [0, 1]."
        )
    if ae.corruption is not None and _architecture_parameter(ae, "padding_value") is not None:
        raise ValueError(
            "corruption would hide which steps are padding: use corruption=None, or "
            "padding_value=None in the architecture."
        )
    _check_latent_codes(ae)


def _check_latent_codes(ae):
    """Raise an error if penalty, kind of latent codes and architecture are not compatible."""
    latent = LATENTS[ae.latent]
    activation = _architecture_parameter(ae, "latent_activation", "identity")
    if ae.penalty is not None and type(latent).penalty is not Latent.penalty:
        raise ValueError(
            f"penalty={ae.penalty!r} is not compatible with latent={ae.latent!r}, which has a "
            "penalty of its own, weighted by alpha: use penalty=None."
        )
    if latent.needs_identity_activation and activation not in (None, "identity"):
        raise ValueError(
            f"latent_activation={activation!r} would bound the variances that "
            f"latent={ae.latent!r} learns: set latent_activation='identity' in the architecture."
        )
    if ae.penalty is None:
        return
    penalty = PENALTIES[ae.penalty]
    if penalty.is_rowwise and _architecture_parameter(ae, "norm") == "batch":
        raise ValueError(
            f"penalty={ae.penalty!r} is computed for each row separately, but norm='batch' mixes "
            "the rows of a batch: use norm='layer' or None."
        )
    if penalty.needs_probabilities and activation not in (None, "sigmoid"):
        raise ValueError(
            f"penalty={ae.penalty!r} needs codes in (0, 1): set latent_activation='sigmoid' in "
            "the architecture, as in MLP(latent_activation='sigmoid')."
        )


def _architecture_parameter(ae, name, default=None):
    """Return a parameter of the architecture: a default if it has none, None of a callable."""
    architecture = MLP() if ae.architecture is None else ae.architecture
    if not isinstance(architecture, Architecture):
        return None
    return getattr(architecture, name, default)


def resolve_n_components(ae):
    """Return the number of latent codes that ``n_components`` means."""
    if ae.n_components == "auto":
        smallest = LATENTS[ae.latent].min_components
        return max(smallest, min(32, ae.n_features_in_ // 2))
    return int(ae.n_components)


def may_have_linear_path(ae):
    """Return whether the parameters are compatible with a linear path that is PCA."""
    return (
        ae.loss == "mse"
        and ae.latent == "euclidean"
        and ae.corruption is None
        and ae.penalty is None
        and ae.pretrain is None
        and ae.precision == "full"
        and ae.optimizer in ("adam", "adamw")
    )


def check_linear_path(ae):
    """Raise an error if the parameters are not compatible with a linear path that is PCA."""
    if not may_have_linear_path(ae):
        raise ValueError(
            "architecture=MLP(linear_path=True) needs loss='mse', latent='euclidean', "
            "optimizer='adam' or 'adamw', precision='full' and no corruption, penalty or "
            f"pretrain; got {ae!r}. Use linear_path=False for other parameters."
        )


def resolve_architecture(ae):
    """Return a copy of the architecture that ``architecture`` and ``loss`` mean."""
    architecture = MLP() if ae.architecture is None else ae.architecture
    if not isinstance(architecture, Architecture):
        return architecture
    architecture = clone(architecture)
    output = architecture.get_params().get("output_activation")
    if ae.loss == "bce" and output is not None:
        if output != "sigmoid":
            raise ValueError(
                f"output_activation={output!r} does not return probabilities, which loss='bce' "
                "needs: use output_activation='sigmoid' or None."
            )
        architecture.set_params(output_activation=None)  # the loss is a function of logits
    return architecture


def resolve_input_shape(architecture, n_features):
    """Return the shape of one row as an architecture takes it: ``(n_features,)`` for flat rows."""
    shape = getattr(architecture, "input_shape", None)
    if shape is None:
        return (n_features,)
    known = math.prod(size for size in shape if size != -1)
    return tuple(n_features // known if size == -1 else int(size) for size in shape)


def may_use_standard_units(architecture, loss):
    """Return whether the range of the output is unbounded and the loss known in other units."""
    return (
        isinstance(architecture, Architecture)
        and architecture.get_params().get("output_activation") in (None, "identity")
        and isinstance(loss, str)
        and loss in SCALE_POWER
    )


def check_same_network(requested, fitted):
    """Raise an error if the parameters describe another network than the fitted one.

    Parameters
    ----------
    requested, fitted : dict
        Parameters that determine the network, by name: their present values, and those of ``fit``.

    Raises
    ------
    ValueError
        If a parameter differs.
    """
    for name, value in requested.items():
        if network_identity(value) != network_identity(fitted[name]):
            raise ValueError(
                f"The fitted network has {name}={fitted[name]!r}, but {name} is {value!r} now; "
                "training continues only with the same network. Use fit with warm_start=False to "
                "train a new one."
            )


def network_identity(value):
    """Return an object that is equal for parameters that mean the same network."""
    if isinstance(value, Architecture):
        parameters = value.get_params().items()
        return type(value), {name: network_identity(item) for name, item in parameters}
    if isinstance(value, partial):
        keywords = {name: network_identity(item) for name, item in value.keywords.items()}
        return network_identity(value.func), network_identity(value.args), keywords
    if callable(value):  # copies of a callable are not equal, so names are compared
        return getattr(value, "__qualname__", type(value))
    if np.iterable(value) and not isinstance(value, str):
        return tuple(network_identity(item) for item in value)
    return value


def check_values(X, loss, precision):
    """Raise an error if loss or precision are not compatible with the values or dtype of X."""
    if precision == "bf16" and X.dtype != np.float32:
        raise ValueError(
            f"precision='bf16' needs float32 rows and X is {X.dtype}: pass "
            "X.astype('float32'), or use precision='full'."
        )
    if loss == "bce":
        low, high = limits(X)
        if low < -1e-6 or high > 1 + 1e-6:  # MinMaxScaler rounds
            raise ValueError(
                f"loss='bce' needs X in [0, 1], got values from {low:.6g} to {high:.6g}. "
                "Scale X with MinMaxScaler, or use loss='mse'."
            )
