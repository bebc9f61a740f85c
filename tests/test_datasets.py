"""Official files are read, missing ones downloaded, others refused; a plane is bent."""

import gzip
import hashlib
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, datasets
from skae.architectures import MLP, Linear


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Eight small files in MNIST's format and place, with their hashes."""
    rng = np.random.RandomState(0)
    contents = {}
    for part, n_samples in (("train", 6), ("t10k", 4)):
        images = rng.randint(0, 256, (n_samples, 28, 28)).astype(np.uint8)
        labels = rng.randint(0, 10, n_samples).astype(np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            contents[f"{part}-{kind}"] = gzip.compress(header + array.tobytes())
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    for name, attribute in (("mnist", "MNIST_FILES"), ("fashion_mnist", "FASHION_MNIST_FILES")):
        monkeypatch.setattr(datasets, attribute, hashes)
        (tmp_path / name).mkdir()
        for file_name, content in contents.items():
            (tmp_path / name / f"{file_name}-ubyte.gz").write_bytes(content)
    monkeypatch.setenv("SKAE_DATA", str(tmp_path))
    return SimpleNamespace(folder=tmp_path, contents=contents)


@pytest.mark.parametrize("fetch", [datasets.fetch_mnist, datasets.fetch_fashion_mnist])
def test_files_are_read_as_rows_in_0_1(fetch, tiny):
    bunch = fetch()
    assert bunch.data.shape == (6, 784)
    assert bunch.data.dtype == np.float32
    assert bunch.data.max() == 1.0
    assert np.shares_memory(bunch.images, bunch.data)
    np.testing.assert_array_equal(bunch.images.reshape(6, 784), bunch.data)
    assert bunch.target.dtype == np.int64
    assert len(bunch.target_names) == 10
    X, y = fetch(subset="all", return_X_y=True)
    assert (len(X), len(y)) == (10, 10)
    np.testing.assert_array_equal(X[6:], fetch(subset="test").data)


def test_a_file_with_another_hash_is_refused_by_name(tiny):
    path = tiny.folder / "mnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ValueError, match=r"train-labels-idx1-ubyte.gz is not the published file"):
        datasets.fetch_mnist()
    assert len(datasets.fetch_mnist(subset="test").data) == 4  # the others are fine


def test_only_what_is_missing_is_downloaded(tiny, monkeypatch):
    missing = tiny.folder / "mnist" / "train-labels-idx1-ubyte.gz"
    content = missing.read_bytes()
    missing.unlink()
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append((url, known_hash))
        (path / fname).write_bytes(content)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    assert len(datasets.fetch_mnist().target) == 6
    sha256 = hashlib.sha256(content).hexdigest()
    assert asked == [(datasets.MNIST_URL + missing.name, f"sha256:{sha256}")]


def test_missing_files_without_leave_to_download_or_without_pooch(tiny, monkeypatch):
    (tiny.folder / "mnist" / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(OSError, match=r"train-images-idx3-ubyte.gz is missing and download_if"):
        datasets.fetch_mnist(download_if_missing=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install 'skae\[datasets\]'"):
        datasets.fetch_mnist()


def test_unknown_subset(tiny):
    with pytest.raises(ValueError, match="subset='valid' must be one of 'train', 'test', 'all'"):
        datasets.fetch_mnist(subset="valid")


def test_the_folder_is_data_home_else_the_environments_else_the_cache(tiny, monkeypatch):
    home = tiny.folder
    monkeypatch.setenv("SKAE_DATA", "/nowhere")
    assert len(datasets.fetch_mnist(data_home=home).data) == 6
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SKAE_DATA", "~")
    assert len(datasets.fetch_mnist().data) == 6
    monkeypatch.delenv("SKAE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    (home / "cache").mkdir()
    (home / "cache" / "skae").symlink_to(home)
    assert len(datasets.fetch_mnist().data) == 6


def test_mnist_itself(mnist):
    X, X_test = mnist
    assert (X.shape, X_test.shape) == ((60_000, 784), (10_000, 784))
    assert X.mean() == pytest.approx(0.1307, abs=1e-4)  # the figure everybody normalises with


def test_bent_plane_is_a_parabola_askew_in_space():
    X, plane = datasets.make_bent_plane(500, noise=0, random_state=0)
    assert X.dtype == plane.dtype == np.float64
    assert (np.abs(plane) <= [2, 1]).all()
    u, v = plane.T
    back = X @ np.array([[2, 2, 1], [-2, 1, 2], [1, -2, 2]]).T / 3
    np.testing.assert_allclose(back, np.c_[u, v, 0.2 * (u**2 - 4 / 3)], atol=1e-12)


def test_bent_plane_has_noise_and_a_seed():
    X, plane = datasets.make_bent_plane(2000, noise=0.3, random_state=0)
    smooth, same = datasets.make_bent_plane(2000, noise=0, random_state=0)
    np.testing.assert_array_equal(plane, same)
    assert (X - smooth).std() == pytest.approx(0.3, rel=0.05)
    again = datasets.make_bent_plane(2000, noise=0.3, random_state=np.random.RandomState(0))[0]
    np.testing.assert_array_equal(X, again)
    for params in ({"n_samples": 0}, {"noise": -0.1}):
        with pytest.raises(
            ValueError, match=r"n_samples=\d+ must be at least 1 and noise=.* not be"
        ):
            datasets.make_bent_plane(**params)


def test_codes_of_a_linear_network_on_a_bent_plane_are_pcas_and_unrotated_ones_are_not():
    X, plane = datasets.make_bent_plane(random_state=0)
    scores = PCA(2).fit_transform(X)
    assert np.abs(np.corrcoef(scores.T, plane.T)[:2, 2:]).diagonal().min() > 0.98
    for optimizer, tolerance in (("lbfgs", 1e-3), ("adam", 0.05)):
        ae = AutoencoderTransformer(2, architecture=Linear(), optimizer=optimizer, random_state=0)
        np.testing.assert_allclose(ae.fit_transform(X), scores, atol=tolerance)
        ae.set_params(architecture=MLP(()))
        assert np.abs(ae.fit_transform(X) - scores).max() > 1
