"""Values of parameters that are names or counts."""

import difflib
from numbers import Integral


def resolve_name(parameter, name, options):
    """Return ``options[name]``, or raise an error that suggests a similar name.

    Parameters
    ----------
    parameter : str
        Name of the parameter, for the message.
    name : str
        What the user passed.
    options : dict
        Valid names and their values.

    Returns
    -------
    object
        The entry of ``options``.

    Raises
    ------
    ValueError
        If ``name`` is not one of the options.

    Examples
    --------
    >>> from skae._names import resolve_name
    >>> resolve_name("activation", "rellu", {"relu": 1, "tanh": 2})
    Traceback (most recent call last):
    ...
    ValueError: activation='rellu' is not known; did you mean 'relu'? Valid names: 'relu', 'tanh'.
    """
    if name in options:
        return options[name]
    nearest = difflib.get_close_matches(str(name), options, n=1, cutoff=0.0)[0]
    raise ValueError(
        f"{parameter}={name!r} is not known; did you mean {nearest!r}? "
        f"Valid names: {', '.join(map(repr, options))}."
    )


def check_counts(parameter, values, example):
    """Raise an error if a sequence holds anything but whole numbers of at least 1."""
    if not all(isinstance(value, Integral) and value > 0 for value in values):
        raise ValueError(
            f"{parameter}={values!r} must hold whole numbers of at least 1, such as {example}."
        )
