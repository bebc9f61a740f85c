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

#: Largest size of a file and of its schema in bytes, and largest number of members.
MAX_BYTES, MAX_SCHEMA, MAX_MEMBERS = 2**31 - 1, 2**22, 10_000


def versions():
    """Return the versions of the packages that a file depends on."""
    skae = importlib.import_module("skae")
    modules = {"skae": skae, "scikit-learn": sklearn, "torch": torch}
    return {name: str(module.__version__) for name, module in modules.items()}


def seal(data):
    """Return an archive of skops as it is stored: the same bytes for the same estimator.

    skops numbers objects by their addresses, so that shared objects stay shared. Here each object
    is stored separately, with its own arrays, so that a file cannot refer to one object in place
    of another.
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
    """Return the schema, the arrays as bytes, and the versions in a file.

    Parameters
    ----------
    data : bytes
        The file.

    Returns
    -------
    schema : dict
        Description of the objects.
    arrays : dict of bytes
        The ``.npy`` members, by name.
    versions : dict of str
        Versions of the packages that wrote the file.

    Raises
    ------
    Exception
        If anything in the file is not as :func:`save` writes it.
    """
    view = memoryview(data)
    if bytes(view[:4]) != b"PK\x03\x04":
        raise ValueError("it is not an archive.")
    if hashlib.sha256(view[:-DIGEST]).hexdigest().encode() != view[-DIGEST:]:
        raise ValueError("its checksum is wrong.")
    # The checksum detects damage, not manipulation: the checks below do not rely on it.
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise ValueError(f"it has more than {MAX_MEMBERS:,} members.")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        is_stored = all(
            member.compress_type == zipfile.ZIP_STORED and member.file_size == member.compress_size
            for member in members
        )
        # Uncompressed and not overlapping: their total size is at most that of the file.
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
    """Return the content of a file; one that is too large is an error."""
    if (size := os.path.getsize(path)) > MAX_BYTES:
        raise ValueError(f"{os.fspath(path)} has {size:,} bytes, more than {MAX_BYTES:,}.")
    return Path(path).read_bytes()


def write(path, data):
    """Replace a file atomically: write a new one in the same folder, sync it and rename it."""
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
    """Return the message of an error as a sentence, shortened: it may quote all of the file."""
    text = f"{error!s:.300}".rstrip()
    return text if text.endswith(".") else f"{text}."


def import_skops(caller):
    """Import and return skops.io."""
    try:
        return importlib.import_module("skops.io")
    except ImportError as error:
        raise ImportError(
            f"skae.{caller} needs skops, which is not installed: pip install 'skae[io]'."
        ) from error
