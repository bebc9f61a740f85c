"""The archive of a saved estimator: an archive of skops, a stamp of versions and a checksum.

It holds a schema (JSON) that describes the objects, one ``.npy`` member per array, and a stamp
with versions. The comment of the archive is the SHA-256 of all bytes before it.
"""

import hashlib
import importlib
import io
import json
import os
import secrets
import zipfile
from pathlib import Path

import sklearn
import torch

from skae._persistence.allowed import nodes

STAMP, SCHEMA = "skae.json", "schema.json"

#: Version of the format: stamp and checksum.
FORMAT = 1

#: Length of a SHA-256 in hexadecimal, which ends the file.
DIGEST = 64

#: Largest number of bytes of a file, of bytes of its schema, and of members.
MAX_BYTES, MAX_SCHEMA, MAX_MEMBERS = 2**31 - 1, 2**22, 10_000


def versions():
    """Return the versions of what a file depends on."""
    skae = importlib.import_module("skae")
    modules = {"skae": skae, "scikit-learn": sklearn, "torch": torch}
    return {name: str(module.__version__) for name, module in modules.items()}


def seal(data):
    """Return an archive of skops as it is kept: the same bytes for the same estimator.

    skops numbers objects by their addresses, so that what is shared stays shared. Here each object
    stands for itself and has its own arrays, so that a file cannot make one stand for another.
    """
    buffer, n_arrays = io.BytesIO(), 0
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(buffer, "w") as archive:
        schema = json.loads(source.read(SCHEMA))
        for node in nodes(schema):
            del node["__id__"]
            if "file" in node:
                content, node["file"] = source.read(node["file"]), f"{n_arrays}.npy"
                archive.writestr(zipfile.ZipInfo(node["file"]), content)
                n_arrays += 1
        stamp = {"format": FORMAT, "versions": versions()}
        archive.writestr(zipfile.ZipInfo(SCHEMA), json.dumps(schema))
        archive.writestr(zipfile.ZipInfo(STAMP), json.dumps(stamp))
        archive.comment = bytes(DIGEST)
    content = buffer.getvalue()[:-DIGEST]
    return content + hashlib.sha256(content).hexdigest().encode()


def unseal(data):
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
        {name: str(stamp["versions"][name]) for name in versions()},
    )


def read(path):
    """Return the bytes of a file, unless there are too many."""
    if (size := os.path.getsize(path)) > MAX_BYTES:
        raise ValueError(f"{os.fspath(path)} has {size:,} bytes, more than {MAX_BYTES:,}.")
    return Path(path).read_bytes()


def write(path, data):
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


def as_sentence(error):
    """Return a message as one that another follows; what it quotes may be as long as the file."""
    text = f"{error!s:.300}".rstrip()
    return text if text.endswith(".") else f"{text}."


def import_skops(caller):
    """Return skops.io, which is imported when it is needed only."""
    try:
        return importlib.import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            f"skae.{caller} needs skops, which is not installed: pip install 'skae[io]'."
        ) from error
