"""Data sets: real images, fetched once and checked, and points around a bent plane."""

import gzip
import hashlib
import os
import struct
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch, check_random_state

__all__ = ["fetch_fashion_mnist", "fetch_mnist", "make_bent_plane"]

MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
FASHION_MNIST_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

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


def fetch_mnist(*, subset="train", return_X_y=False, data_home=None, download_if_missing=True):
    """Load MNIST: 28 x 28 grey images of handwritten digits, as rows of 784 values.

    The official files are read from the folder ``mnist`` in ``data_home``. What is missing there
    is downloaded, and each file is checked against its published SHA-256.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 60,000 training images, the 10,000 test images, or both in this order.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the data sets. None is the folder that the environment variable ``SKAE_DATA``
        names or, where it is not set, ``skae`` in the user's cache folder.
    download_if_missing : bool, default=True
        Whether files that are not there may be downloaded; needs pooch.

    Returns
    -------
    sklearn.utils.Bunch or tuple
        ``data``, float32 in [0, 1] of shape (n_samples, 784), 0 is the background; ``target``,
        int64 of shape (n_samples,), the digits; ``images``, a view of ``data`` of shape
        (n_samples, 28, 28); ``target_names`` and ``DESCR``.

    Raises
    ------
    OSError
        If a file is missing and may not be downloaded.
    ValueError
        If a file does not have the published hash.
    ImportError
        If a file is to be downloaded and pooch is not installed.

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
    """Load Fashion-MNIST: 28 x 28 grey images of clothes, as rows of 784 values.

    A drop-in replacement for MNIST that is harder to tell apart. Files are found, downloaded and
    checked as in :func:`fetch_mnist`, in a folder ``fashion_mnist``.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The 60,000 training images, the 10,000 test images, or both in this order.
    return_X_y : bool, default=False
        Whether to return ``(X, y)`` instead of a Bunch.
    data_home : str or path-like, default=None
        Folder of the data sets. None is the folder that the environment variable ``SKAE_DATA``
        names or, where it is not set, ``skae`` in the user's cache folder.
    download_if_missing : bool, default=True
        Whether files that are not there may be downloaded; needs pooch.

    Returns
    -------
    sklearn.utils.Bunch or tuple
        As :func:`fetch_mnist`; ``target_names`` are the ten kinds of clothes.

    Raises
    ------
    OSError
        If a file is missing and may not be downloaded.
    ValueError
        If a file does not have the published hash.
    ImportError
        If a file is to be downloaded and pooch is not installed.

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


def make_bent_plane(n_samples=1000, *, noise=0.1, random_state=None):
    """Make three-dimensional points around a gently bent plane.

    Two coordinates u, uniform in [-2, 2], and v, uniform in [-1, 1], span a plane that lies
    askew in space and is bent upwards along u, by 0.2 (u² - 4/3). It is bent so little that
    PCA with two components finds u and v again and keeps 96% of the variance; a curved surface
    keeps more.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of points, at least 1.
    noise : float, default=0.1
        Standard deviation of normal noise in each direction, not negative. With more, less of
        the variance is in the surface.
    random_state : int, RandomState instance or None, default=None
        Draws coordinates and noise. Pass an int for the same points on each call.

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
    sklearn.datasets.make_swiss_roll : A plane that is rolled up, which PCA cannot flatten.

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
    parts = {"train": ["train"], "test": ["t10k"], "all": ["train", "t10k"]}
    if subset not in parts:
        raise ValueError(f"subset={subset!r} must be one of {', '.join(map(repr, parts))}.")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = Path(data_home or os.environ.get("SKAE_DATA") or Path(cache, "skae")).expanduser()

    def read(kind):
        arrays = []
        for part in parts[subset]:
            sha256 = hashes[f"{part}-{kind}"]
            path = home / name / f"{part}-{kind}-ubyte.gz"
            if not path.exists():
                _download(url + path.name, path, sha256, download_if_missing)
            arrays.append(_read_idx(path, sha256))
        return np.concatenate(arrays)

    images = np.divide(read("images-idx3"), np.float32(255))
    return Bunch(
        data=images.reshape(len(images), -1),
        target=read("labels-idx1").astype(np.int64),
        images=images,
    )


def _download(url, path, sha256, allowed):
    """Download a file to a path; it appears there whole and with the right hash, or not at all."""
    if not allowed:
        raise OSError(f"{path} is missing and download_if_missing=False: put the file there.")
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            f"{path} is missing and pooch is needed to download it: pip install 'skae[datasets]'."
        ) from error
    pooch.retrieve(url, known_hash=f"sha256:{sha256}", fname=path.name, path=path.parent)


def _read_idx(path, sha256):
    """Return the array in an IDX file: magic 0, 0, 8, ndim; sizes; then bytes, all big-endian."""
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ValueError(
            f"{path} is not the published file: its SHA-256 is {found} instead of {sha256}. "
            "Delete it to have it downloaded again."
        )
    content = gzip.decompress(content)
    n_dimensions = content[3]
    shape = struct.unpack_from(f">{n_dimensions}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)
