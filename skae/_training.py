"""What both estimators do around the training of a net: state, settings, losses."""

from contextlib import contextmanager
from functools import partial
from numbers import Integral, Real
from zlib import crc32

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from skae import _runtime
from skae.architectures import Architecture

#: Of the parameters that mean the same to both.
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


@contextmanager
def unchanged_on_error(estimator):
    """Give an estimator its attributes and weights back if the enclosed block raises anything.

    The block may compute gradients, whether or not its caller does.
    """
    with _runtime.gradients():
        before = vars(estimator).copy()
        restore_net = before["net_"].remember() if "net_" in before else None
        try:
            yield
        except BaseException:
            vars(estimator).clear()
            vars(estimator).update(before)
            if restore_net is not None:
                restore_net()
            raise


def check_same_network(asked, fitted):
    """Raise an error where going on would ignore that another network is asked for now.

    Parameters
    ----------
    asked, fitted : dict
        By name, the parameters that decide the network: as they are now, as they were then.

    Raises
    ------
    ValueError
        If two of them do not mean the same network.
    """
    for name, now in asked.items():
        if identity(now) != identity(fitted[name]):
            raise ValueError(
                f"The fitted network has {name}={fitted[name]!r}, but {name} is {now!r} now, and "
                "training goes on with that network. Use fit with warm_start=False to train "
                "a new one."
            )


def identity(value):
    """Return what two parameters must share to mean the same network."""
    if isinstance(value, Architecture):
        parameters = value.get_params().items()
        return type(value), {name: identity(item) for name, item in parameters}
    if isinstance(value, partial):
        settings = {name: identity(item) for name, item in value.keywords.items()}
        return identity(value.func), identity(value.args), settings
    if callable(value):  # copies of a callable are not equal, so its name has to do
        return getattr(value, "__qualname__", type(value))
    if np.iterable(value) and not isinstance(value, str):
        return tuple(identity(item) for item in value)
    return value


def fingerprint(estimator):
    """Return a number that two fitted estimators share if training goes on from the same."""
    net = estimator.net_
    states = [net.module_.state_dict(), *net.optimizer_.state_dict()["state"].values()]
    values = [value for state in states for value in state.values()]
    arrays = [value.cpu().numpy() for value in values if isinstance(value, torch.Tensor)]
    number = 0
    for array in (*arrays, estimator.mean_, estimator.loss_curve_):
        number = crc32(np.ascontiguousarray(array), number)
    return number


def follow_settings(estimator, names):
    """Make a new net around the fitted network if settings of training have changed."""
    changed = {name: getattr(estimator, name) for name in names}
    if not changed.items() <= estimator._settings.items():
        estimator._settings = {**estimator._settings, **changed}
        estimator._renew_net()


def note_losses(estimator, first, validates):
    """Lengthen the curves of an estimator by the epochs of its net from one on.

    The validation curve is nan where nothing was held out; it is None if nothing ever was.
    """
    net, before = estimator.net_, estimator.validation_curve_
    estimator.loss_curve_ = np.append(estimator.loss_curve_, net.history[first:, "train_loss"])
    estimator.n_iter_ = n_iter = len(estimator.loss_curve_)
    if validates or before is not None:
        estimator.validation_curve_ = curve = np.full(n_iter, np.nan)
        if before is not None:
            curve[: len(before)] = before
        if validates:
            curve[n_iter - len(net.history) + first :] = net.validation_curve(first)
