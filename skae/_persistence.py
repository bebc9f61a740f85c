"""save and load: a fitted estimator in one file, without pickle.

The file is an archive of skops: a schema (JSON) that says what there is, and one ``.npy`` member
per array. To that come a stamp (versions) and, as the comment of the archive, the SHA-256 of all
bytes before it. ``_audit`` decides what may be built, then skops builds it, then the networks are
tried.
"""

import hashlib
import importlib
import io
import json
import os
import secrets
import warnings
import zipfile
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.base import BaseEstimator

from skae import _audit, _weights
from skae._autoencoder import AutoencoderTransformer
from skae._classifier import PretrainedEncoderClassifier

__all__ = ["load", "save"]

STAMP, SCHEMA = "skae.json", "schema.json"

#: Version of what is written here: the stamp and the checksum.
FORMAT = 1

#: Length of a SHA-256 in hexadecimal, which ends the file.
DIGEST = 64

#: Most bytes of a file, bytes of its schema, and members.
MAX_BYTES, MAX_SCHEMA, MAX_MEMBERS = 2**31 - 1, 2**22, 10_000


def save(estimator, path):
    """Write an estimator to one file, without pickle.

    The file replaces one of the same name in one step: whatever happens meanwhile, the old file or
    the new one is there, and whole. It needs about as many bytes as the weights; data and the
    optimiser's state are not in it.

    Parameters
    ----------
    estimator : estimator
        An ``AutoencoderTransformer`` or a ``PretrainedEncoderClassifier``, fitted or not, or a
        Pipeline, a search or another estimator of scikit-learn around them.
    path : str or path-like
        Where to; by habit it ends in ``.skae``. A link is followed.

    Raises
    ------
    ImportError
        If skops is not installed.
    OSError
        If the file cannot be written: the disk is full, say. The old file is then as it was.
    TypeError
        If ``estimator`` is none.
    ValueError
        If something in the estimator cannot be written without pickle, such as a lambda.

    See Also
    --------
    load : Reads it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import skae
    >>> X = np.random.default_rng(0).random((50, 6))
    >>> ae = skae.AutoencoderTransformer(2, max_epochs=3, tol=None, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skae.save(ae, f"{folder}/ae.skae")
    ...     same = skae.load(f"{folder}/ae.skae")
    >>> bool((same.transform(X) == ae.transform(X)).all())
    True
    """
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"estimator={estimator!r} is no estimator: pass an AutoencoderTransformer, a "
            "PretrainedEncoderClassifier, or a Pipeline or search around one."
        )
    skops_io = _import_skops("save")
    _check_networks(estimator)
    try:
        data = _seal(skops_io.dumps(estimator))
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has {len(data):,} bytes, more than {MAX_BYTES:,}.")
        _, unknown = _audit.audit(*_unseal(data)[:2])
        _audit.check_importable(unknown)
    except Exception as error:
        raise ValueError(
            f"This {type(estimator).__name__} cannot be written without pickle: "
            f"{_shortened(error)} Use parameters that are numbers, strings, arrays, or classes "
            "and functions at the top level of a module; or pickle it."
        ) from error
    _write(path, data)


def load(path, trusted=()):
    """Read an estimator that :func:`save` has written.

    The file is data. Nothing in it is executed: it says by name which classes of scikit-learn and
    skae to make and what to fill them with, and other names are refused. Memory stays below eight
    times the size of the file plus 1 GiB.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : list of str, type or function, default=()
        What the file may name besides what is known, such as a torch module of yours:
        ``["my_package.MyModule"]`` or ``[MyModule]``. Their modules are imported, and they are
        called and filled with what the file says, so list only what you would run with
        arguments that the author of the file chooses.

    Returns
    -------
    estimator
        As it was saved, ready to predict or to go on with ``partial_fit``.

    Raises
    ------
    ImportError
        If skops is not installed.
    OSError
        If the file cannot be read.
    ValueError
        If the file is damaged, was not written by :func:`save`, names a type that is not known nor
        in ``trusted``, or does not hold what such an estimator has. No other error comes from
        the content of a file.

    Warns
    -----
    UserWarning
        If it was written with another major version of skae, scikit-learn or torch.

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
    skops_io = _import_skops("load")
    if isinstance(trusted, (str, bool)):
        raise TypeError(
            f"trusted={trusted!r} must be a list of names or types, such as "
            "['my_package.MyModule']."
        )
    trusted = {item if isinstance(item, str) else _audit.name_of(item) for item in trusted}
    data = _read(path)
    try:
        schema, arrays, versions = _unseal(data)
        names, unknown = _audit.audit(schema, arrays)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{os.fspath(path)} is not an intact file of skae.save: {_shortened(error)} Use a copy "
            "that is whole, or save the estimator again."
        ) from error
    if unknown := sorted(unknown - trusted):
        raise ValueError(
            f"{os.fspath(path)} names types that skae.load does not know: {unknown}. If you trust "
            f"whoever made the file, and these to run with what is in it, pass trusted={unknown}."
        )
    _warn_of_versions(versions)
    del schema, arrays
    token = _weights.in_file.set(True)
    try:
        estimator = skops_io.loads(data, trusted=sorted(names))
        if not isinstance(estimator, BaseEstimator):
            raise ValueError(f"it holds a {type(estimator).__name__}, which is no estimator.")
        _check_networks(estimator)
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(
            f"{os.fspath(path)} does not hold a whole estimator: {_shortened(error)} Save it "
            "again, with the versions of skae and scikit-learn that are installed here."
        ) from error
    finally:
        _weights.in_file.reset(token)
    return estimator


def _shortened(error):
    """Return a message as one that another follows; what it quotes may be as long as the file."""
    text = f"{error!s:.300}".rstrip()
    return text if text.endswith(".") else f"{text}."


def _import_skops(caller):
    """Return skops.io, which is imported when it is needed only."""
    try:
        return importlib.import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            f"skae.{caller} needs skops, which is not installed: pip install 'skae[io]'."
        ) from error


def _versions():
    """Return the versions of what a file depends on."""
    skae = importlib.import_module("skae")
    modules = {"skae": skae, "scikit-learn": sklearn, "torch": torch}
    return {name: str(module.__version__) for name, module in modules.items()}


def _warn_of_versions(versions):
    """Warn if a file was written with other major versions than are installed."""
    others = [
        f"{name} {versions[name]} (here {here})"
        for name, here in _versions().items()
        if versions[name].split(".")[0] != here.split(".")[0]
    ]
    if others:
        warnings.warn(
            f"The file was written with {', '.join(others)}: check what it predicts, or fit again.",
            UserWarning,
            stacklevel=3,
        )


def _seal(data):
    """Return an archive of skops as it is kept: the same bytes for the same estimator.

    skops numbers objects by their addresses, so that what is shared stays shared. Here each object
    stands for itself and has its own arrays, so that a file cannot make one stand for another.
    """
    buffer, n_arrays = io.BytesIO(), 0
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as archive:
        schema = json.loads(source.read(SCHEMA))
        for node in _audit.nodes(schema):
            del node["__id__"]
            if "file" in node:
                content, node["file"] = source.read(node["file"]), f"{n_arrays}.npy"
                archive.writestr(zipfile.ZipInfo(node["file"]), content)
                n_arrays += 1
        stamp = {"format": FORMAT, "versions": _versions()}
        archive.writestr(zipfile.ZipInfo(SCHEMA), json.dumps(schema))
        archive.writestr(zipfile.ZipInfo(STAMP), json.dumps(stamp))
        archive.comment = bytes(DIGEST)
    content = buffer.getvalue()[:-DIGEST]
    return content + hashlib.sha256(content).hexdigest().encode()


def _unseal(data):
    """Return the schema, the arrays as bytes, and the versions that a file holds.

    Parameters
    ----------
    data : bytes
        The file.

    Returns
    -------
    schema : dict
        What to build.
    arrays : dict of bytes
        The ``.npy`` members, by name.
    versions : dict of str
        What the file was written with.

    Raises
    ------
    Exception
        If anything in the file is not as :func:`save` writes it.
    """
    view = memoryview(data)
    if bytes(view[:4]) != b"PK\x03\x04":
        raise ValueError("it is no archive.")
    if hashlib.sha256(view[:-DIGEST]).hexdigest().encode() != view[-DIGEST:]:
        raise ValueError("its checksum is wrong.")
    # Whoever makes a file can make its checksum, so nothing that follows relies on it.
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise ValueError(f"it has more than {MAX_MEMBERS:,} members.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        is_stored = all(
            member.compress_type == zipfile.ZIP_STORED and member.file_size == member.compress_size
            for member in members
        )
        # Stored and not overlapping: together no larger than the file.
        if not is_stored or sum(member.file_size for member in members) > len(view):
            raise ValueError("its members are compressed or overlap.")
        contents = {member.filename: archive.read(member) for member in members}
    if len(contents) < len(members):
        raise ValueError("two of its members have the same name.")
    stamp, schema = contents.pop(STAMP), contents.pop(SCHEMA)
    if len(stamp) + len(schema) > MAX_SCHEMA:
        raise ValueError(f"its schema has more than {MAX_SCHEMA:,} bytes.")
    stamp = json.loads(stamp)
    if stamp["format"] != FORMAT:
        raise ValueError(
            f"its format is {stamp['format']!r}, and this version of skae reads {FORMAT}."
        )
    return (
        json.loads(schema),
        contents,
        {name: str(stamp["versions"][name]) for name in _versions()},
    )


def _read(path):
    """Return the bytes of a file, unless there are too many."""
    if (size := os.path.getsize(path)) > MAX_BYTES:
        raise ValueError(f"{os.fspath(path)} has {size:,} bytes, more than {MAX_BYTES:,}.")
    return Path(path).read_bytes()


def _write(path, data):
    """Write a file in one step: a new one beside it, forced to the disk, takes its name."""
    path = Path(os.path.realpath(path))
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(new, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException as error:
        new.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(
                error.errno,
                f"{error.strerror}: {len(data):,} bytes could not be written, and what was there "
                "before is unchanged. Free space, or choose another folder",
                os.fspath(path),
            ) from error
        raise


def _check_networks(thing):
    """Raise an error if an autoencoder or classifier in something is not whole.

    Parameters
    ----------
    thing : object
        An estimator, or what is in one.

    Raises
    ------
    ValueError
        If parameters are out of range, what was learned has the wrong shape, or the network gives
        something other than finite numbers of the right shape.
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
                _check_network(item)
        elif isinstance(item, dict):
            pending += item.values()
        elif isinstance(item, (list, tuple, set)):
            pending += item
        elif isinstance(item, np.ndarray) and item.dtype == object:
            pending += item.ravel().tolist()


def _check_network(estimator):
    """Raise an error if a parameter or something learned is not what it has to be."""
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
            raise ValueError(f"{name} does not hold {shape} finite numbers or names.")
    # One row through the network: what it gives must be there, and be numbers.
    net = estimator.net_
    _weights.check_activations(net.module_, net.layers_)
    steps = (
        [("encode", n_outputs), ("decode", n_columns)]
        if is_transformer
        else [("forward", n_outputs)]
    )
    row = np.zeros((1, net.n_features), _weights.dtype_of(net.module_))
    for method, width in steps:
        row = net.apply(method, row)
        if row.shape != (1, width):
            raise ValueError(f"{method} of the network gives {row.shape}, not {(1, width)}.")
