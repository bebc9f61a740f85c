"""load: read an estimator from a file, which is treated as data."""

import os
import warnings

from sklearn.base import BaseEstimator

from skae._persistence import allowed
from skae._persistence.archive import as_sentence, import_skops, read, unseal, versions
from skae._persistence.fitted_state import check_networks
from skae._training import weights


def load(path, trusted=()):
    """Read an estimator that :func:`save` has written.

    The file is treated as data and no code in it is executed. It names classes of scikit-learn and
    skae and the values of their attributes; other names are refused. Memory stays below eight
    times the size of the file plus 1 GiB.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : list of str, type or function, default=()
        Further types and functions that the file may name, such as a torch module of your own:
        ``["my_package.MyModule"]`` or ``[MyModule]``. Their modules are imported, and they are
        called with values from the file, so list only what you would run with arguments chosen
        by the author of the file.

    Returns
    -------
    estimator
        The saved estimator, ready for prediction or for more training with ``partial_fit``.

    Raises
    ------
    ImportError
        If skops is not installed.
    OSError
        If the file cannot be read.
    ValueError
        If the file is damaged, was not written by :func:`save`, names a type that is neither known
        nor in ``trusted``, or has an invalid fitted state. The content of a file raises no other
        error.

    Warns
    -----
    UserWarning
        If the file was written with another major version of skae, scikit-learn or torch.

    See Also
    --------
    save : Writes the file.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import skae
    >>> pipe = make_pipeline(StandardScaler(), skae.AutoencoderTransformer(n_components=3))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skae.save(pipe, f"{folder}/pipe.skae")
    ...     skae.load(f"{folder}/pipe.skae")[-1].n_components
    3
    """
    skops_io = import_skops("load")
    if isinstance(trusted, (str, bool)):
        raise TypeError(
            f"trusted={trusted!r} must be a list of names or types, such as "
            "['my_package.MyModule']."
        )
    trusted = {item if isinstance(item, str) else allowed.name_of(item) for item in trusted}
    data = read(path)
    try:
        schema, arrays, written_with = unseal(data)
        names, unknown = allowed.audit(schema, arrays)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{os.fspath(path)} is not an intact file of skae.save: {as_sentence(error)} Use an "
            "intact copy, or save the estimator again."
        ) from error
    if unknown := sorted(unknown - trusted):
        raise ValueError(
            f"{os.fspath(path)} names types that are unknown to skae.load: {unknown}. If you trust "
            f"the author of the file and these types, pass trusted={unknown}."
        )
    _warn_of_versions(written_with)
    del schema, arrays
    token = weights.in_file.set(True)
    try:
        estimator = skops_io.loads(data, trusted=sorted(names))
        if not isinstance(estimator, BaseEstimator):
            raise ValueError(f"it contains a {type(estimator).__name__}, not an estimator.")
        check_networks(estimator)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{os.fspath(path)} does not contain a valid estimator: {as_sentence(error)} Save it "
            "again, with the versions of skae and scikit-learn that are installed here."
        ) from error
    finally:
        weights.in_file.reset(token)
    return estimator


def _warn_of_versions(written_with):
    """Warn if a file was written with major versions that differ from the installed ones."""
    others = [
        f"{name} {written_with[name]} (here {here})"
        for name, here in versions().items()
        if written_with[name].split(".")[0] != here.split(".")[0]
    ]
    if others:
        warnings.warn(
            f"The file was written with {', '.join(others)}: check its predictions, or fit again.",
            UserWarning,
            stacklevel=3,
        )
