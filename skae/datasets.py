"""Data sets: images that are downloaded once and verified, and a generator of points."""

import gzip
import hashlib
import io
import os
import re
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch, check_random_state

__all__ = ["fetch_cifar10", "fetch_fashion_mnist", "fetch_mnist", "make_bent_plane"]

MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/"

#: SHA-256 of the official files, as published with them; names end in ``-ubyte.gz``.
MNIST_FILES = {
    "train-images-idx3": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
FASHION_MNIST_FILES = {
    "train-images-idx3": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}

#: MD5 of the official archive: the only hash that its authors publish.
CIFAR10_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"

FASHION_NAMES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]
CIFAR10_NAMES = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
]


def fetch_mnist(*, subset="train", return_X_y=False, data_home=None, download_if_missing=True):
    """Load MNIST: 28 x 28 greyscale images of handwritten digits, as vectors of 784 values.

    The official files are read from the folder ``mnist`` in ``data_home``. Missing files are
    downloaded, and the SHA-256 of each file is compared with the published one.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 60,000 training images, the 10,000 test images, or both in this order.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the data sets. None means the folder in the environment variable ``SKAE_DATA``
        or, if it is not set, the folder ``skae`` in the user's cache folder.
    download_if_missing : bool, default=True
        Whether to download missing files, for which pooch is needed. If False, a missing file
        raises an error.

    Returns
    -------
    sklearn.utils.Bunch or tuple
        ``data``, float32 in [0, 1] of shape (n_samples, 784), where 0 is the background;
        ``target``, int64 of shape (n_samples,), the digits; ``images``, a view of ``data`` of shape
        (n_samples, 28, 28); ``target_names`` and ``DESCR``.

    Raises
    ------
    OSError
        If a file is missing and ``download_if_missing`` is False or the download fails.
    ValueError
        If the hash of a file is not the published one.
    ImportError
        If a file must be downloaded and pooch is not installed.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner (1998), "Gradient-based learning applied to document
    recognition", *Proceedings of the IEEE* 86(11).

    Examples
    --------
    >>> from skae.datasets import fetch_mnist
    >>> X, y = fetch_mnist(subset="test", return_X_y=True)
    >>> X.shape, X.dtype
    ((10000, 784), dtype('float32'))
    """
    bunch = _fetch_images("mnist", MNIST_FILES, MNIST_URL, subset, data_home, download_if_missing)
    bunch.target_names = [str(digit) for digit in range(10)]
    bunch.DESCR = "MNIST: 70,000 handwritten digits of 28 x 28 pixels (LeCun et al., 1998)."
    return (bunch.data, bunch.target) if return_X_y else bunch


def fetch_fashion_mnist(
    *, subset="train", return_X_y=False, data_home=None, download_if_missing=True
):
    """Load Fashion-MNIST: 28 x 28 greyscale images of clothes, as vectors of 784 values.

    A replacement for MNIST that is harder to classify. The files are read, downloaded and verified
    as in :func:`fetch_mnist`, in the folder ``fashion_mnist``.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 60,000 training images, the 10,000 test images, or both in this order.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the data sets. None means the folder in the environment variable ``SKAE_DATA``
        or, if it is not set, the folder ``skae`` in the user's cache folder.
    download_if_missing : bool, default=True
        Whether to download missing files, for which pooch is needed. If False, a missing file
        raises an error.

    Returns
    -------
    sklearn.utils.Bunch or tuple
        As returned by :func:`fetch_mnist`; ``target_names`` are the ten types of clothes.

    Raises
    ------
    OSError
        If a file is missing and ``download_if_missing`` is False or the download fails.
    ValueError
        If the hash of a file is not the published one.
    ImportError
        If a file must be downloaded and pooch is not installed.

    References
    ----------
    Xiao, Rasul & Vollgraf (2017), "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", arXiv:1708.07747.

    Examples
    --------
    >>> from skae.datasets import fetch_fashion_mnist
    >>> fetch_fashion_mnist(subset="test").target_names[:2]
    ['T-shirt/top', 'Trouser']
    """
    bunch = _fetch_images(
        "fashion_mnist",
        FASHION_MNIST_FILES,
        FASHION_MNIST_URL,
        subset,
        data_home,
        download_if_missing,
    )
    bunch.target_names = list(FASHION_NAMES)
    bunch.DESCR = "Fashion-MNIST: 70,000 clothes of 28 x 28 pixels (Xiao et al., 2017)."
    return (bunch.data, bunch.target) if return_X_y else bunch


def fetch_cifar10(*, subset="train", return_X_y=False, data_home=None, download_if_missing=True):
    """Load CIFAR-10: 32 x 32 colour images of ten classes, as vectors of 3,072 values.

    The values of a sample are in channel-first order, as in the official binary release: 1,024
    values of red, then green, then blue, each channel row by row. This is the order that
    ``Conv(input_shape=(3, 32, 32))`` expects. ``images.transpose(0, 2, 3, 1)`` is the channels-last
    order that plotting libraries expect.

    The official archive ``cifar-10-binary.tar.gz`` is read, in memory, from the folder ``cifar10``
    in ``data_home``. Its MD5 is compared with the published one. MD5 is the only hash that the
    authors publish; it detects transmission errors but not deliberate manipulation.

    If the archive is missing and the folder contains ``cifar10-jpeg.zip``, with JPEG files named
    like ``train/cat/0001.jpg``, these are read instead. They are slightly smoother than the
    originals, are not verified, and alternate between the classes. ``DESCR`` states which of the
    two was read. If both are missing, the official archive (162 MB) is downloaded.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 50,000 training images, the 10,000 test images, or both in this order.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the data sets. None means the folder in the environment variable ``SKAE_DATA``
        or, if it is not set, the folder ``skae`` in the user's cache folder.
    download_if_missing : bool, default=True
        Whether to download the archive if it is missing, for which pooch is needed. If False, a
        missing archive raises an error.

    Returns
    -------
    sklearn.utils.Bunch or tuple
        ``data``, float32 in [0, 1] of shape (n_samples, 3072); ``target``, int64 of shape
        (n_samples,), indices into ``target_names``; ``images``, a view of ``data`` of shape
        (n_samples, 3, 32, 32); ``target_names``, the ten classes; and ``DESCR``.

    Raises
    ------
    OSError
        If the archive is missing and ``download_if_missing`` is False or the download fails.
    ValueError
        If the hash of the archive is not the published one, or the JPEG files lack a subset.
    ImportError
        If the archive must be downloaded and pooch is not installed.

    References
    ----------
    Krizhevsky (2009), "Learning multiple layers of features from tiny images", technical report,
    University of Toronto.

    Examples
    --------
    >>> from skae.datasets import fetch_cifar10
    >>> bunch = fetch_cifar10(subset="test")
    >>> bunch.data.shape, bunch.images.shape
    ((10000, 3072), (10000, 3, 32, 32))
    >>> bunch.target_names[:3]
    ['airplane', 'automobile', 'bird']
    """
    parts = _parts(subset, "train", "test")
    folder = _home(data_home) / "cifar10"
    archive, copies = folder / "cifar-10-binary.tar.gz", folder / "cifar10-jpeg.zip"
    if copies.exists() and not archive.exists():
        images, target = _read_jpegs(copies, parts)
        source = f"JPEG copies from {copies.name}, a little smoother than the originals"
    else:
        known_hash = f"md5:{CIFAR10_MD5}"
        content = _read_published(archive, CIFAR10_URL, known_hash, download_if_missing)
        images, target = _read_cifar10(content, parts)
        source = "the official binary release"
    bunch = _bunch(images, target)
    bunch.target_names = list(CIFAR10_NAMES)
    bunch.DESCR = (
        "CIFAR-10: 60,000 colour images of 32 x 32 pixels, channel first (Krizhevsky, 2009); "
        f"{source}."
    )
    return (bunch.data, bunch.target) if return_X_y else bunch


def make_bent_plane(n_samples=1000, *, noise=0.1, random_state=None):
    """Generate three-dimensional points around a slightly curved plane.

    Two coordinates u, uniform in [-2, 2], and v, uniform in [-1, 1], span a plane that is not
    parallel to the axes. The plane is curved along u: its height is 0.2 (u² - 4/3). The curvature
    is so small that PCA with two components recovers u and v and explains 96% of the variance; a
    curved surface explains more.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of points, at least 1.
    noise : float, default=0.1
        Standard deviation of the normal noise in each direction, at least 0. With a larger value,
        the surface explains less of the variance.
    random_state : int, RandomState instance or None, default=None
        Determines the coordinates and the noise. Pass an int for reproducible results.

    Returns
    -------
    X : ndarray of shape (n_samples, 3)
        The points, float64.
    plane : ndarray of shape (n_samples, 2)
        Their coordinates u and v.

    Raises
    ------
    ValueError
        If ``n_samples`` is less than 1 or ``noise`` is negative.

    See Also
    --------
    sklearn.datasets.make_swiss_roll : A rolled-up plane, which PCA cannot unroll.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from skae.datasets import make_bent_plane
    >>> X, plane = make_bent_plane(random_state=0)
    >>> X.shape, plane.shape
    ((1000, 3), (1000, 2))
    >>> print(PCA(2).fit(X).explained_variance_ratio_.sum().round(2))
    0.96
    """
    if n_samples < 1 or noise < 0:
        raise ValueError(
            f"n_samples={n_samples} must be at least 1 and noise={noise} must not be negative."
        )
    rng = check_random_state(random_state)
    plane = rng.uniform([-2, -1], [2, 1], (n_samples, 2))
    height = 0.2 * (plane[:, 0] ** 2 - 4 / 3)  # 4/3 is the mean of u²
    axes = np.array([[2, 2, 1], [-2, 1, 2], [1, -2, 2]]) / 3  # orthonormal rows
    X = np.column_stack([plane, height]) @ axes
    return X + noise * rng.standard_normal(X.shape), plane


def _fetch_images(name, hashes, url, subset, data_home, download_if_missing):
    """Return the images and labels of one data set in the IDX format."""
    parts = _parts(subset, "train", "t10k")
    folder = _home(data_home) / name

    def read(kind):
        arrays = []
        for part in parts:
            path = folder / f"{part}-{kind}-ubyte.gz"
            known_hash = f"sha256:{hashes[f'{part}-{kind}']}"
            arrays.append(_read_idx(_read_published(path, url, known_hash, download_if_missing)))
        return np.concatenate(arrays)

    return _bunch(read("images-idx3"), read("labels-idx1"))


def _parts(subset, train, test):
    """Return the names that the parts of a subset have in a release."""
    parts = {"train": [train], "test": [test], "all": [train, test]}
    if subset not in parts:
        raise ValueError(f"subset={subset!r} must be one of {', '.join(map(repr, parts))}.")
    return parts[subset]


def _home(data_home):
    """Return the folder of the data sets."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(data_home or os.environ.get("SKAE_DATA") or Path(cache, "skae")).expanduser()


def _bunch(images, target):
    """Return a Bunch of images with values in [0, 1], as vectors and, as a view, as images."""
    images = np.divide(images, np.float32(255))
    return Bunch(
        data=images.reshape(len(images), -1), target=target.astype(np.int64), images=images
    )


def _read_published(path, url, known_hash, download_if_missing):
    """Return the content of an official file, downloaded if missing, after verifying its hash."""
    if not path.exists():
        _download(url + path.name, path, known_hash, download_if_missing)
    content = path.read_bytes()
    algorithm, _, expected = known_hash.partition(":")
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is not the published file: its {algorithm.upper()} is {found} instead of "
            f"{expected}. Delete it to have it downloaded again."
        )
    return content


def _download(url, path, known_hash, allowed):
    """Download a file; nothing is stored if the download fails or the hash differs."""
    if not allowed:
        raise OSError(f"{path} is missing and download_if_missing=False: put the file there.")
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            f"{path} is missing and pooch is needed to download it: pip install 'skae[datasets]'."
        ) from error
    try:
        pooch.retrieve(url, known_hash=known_hash, fname=path.name, path=path.parent)
    except OSError as error:  # also the base class of connection errors
        raise OSError(
            f"{path} is missing and could not be downloaded ({type(error).__name__}): put the file "
            f"from {url} there, or set SKAE_DATA to the folder that has {path.parent.name}."
        ) from error


def _read_idx(content):
    """Return the array of an IDX file: magic 0, 0, 8, ndim; sizes; then bytes, all big-endian."""
    content = gzip.decompress(content)
    n_dimensions = content[3]
    shape = struct.unpack_from(f">{n_dimensions}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)


def _read_cifar10(content, parts):
    """Return images and labels of the binary release: records of 1 label and 3,072 pixels."""
    files = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
    names = [f"cifar-10-batches-bin/{name}" for part in parts for name in files[part]]
    batches = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for member in archive:  # in order: going back would decompress from the start
            if member.name in names:
                batches[member.name] = archive.extractfile(member).read()
    records = np.frombuffer(b"".join(batches[name] for name in names), np.uint8).reshape(-1, 3073)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def _read_jpegs(path, parts):
    """Return images and labels of JPEG files named ``part/class/number.jpg`` in a zip file."""
    from PIL import Image  # not needed to import skae.datasets

    with zipfile.ZipFile(path) as archive:
        names = []
        for part in parts:
            pattern = re.compile(rf"{part}/({'|'.join(CIFAR10_NAMES)})/[^/]+\.jpg")
            found = [name for name in archive.namelist() if pattern.fullmatch(name)]
            if not found:
                raise ValueError(
                    f"{path} has no images of subset {part!r}: they are to be named like "
                    f"{part}/cat/0001.jpg. Delete it to have the official archive downloaded."
                )
            # Sorted by number, then class, so that the first samples contain all classes.
            names += sorted(found, key=lambda name: name.split("/")[::-1])
        images = np.empty((len(names), 3, 32, 32), np.uint8)
        for image, name in zip(images, names):
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                image[:] = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    target = np.array([CIFAR10_NAMES.index(name.split("/")[1]) for name in names])
    return images, target
