"""Data sets: reading, download, verification by hash, and the bent plane."""

import gzip
import hashlib
import io
import struct
import sys
import tarfile
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, datasets
from skae.architectures import MLP, Linear


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Eight small files in MNIST's format and folders, with their hashes."""
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


@pytest.fixture
def cifar10(monkeypatch, tmp_path):
    """Write an archive like that of CIFAR-10 with two records per batch, and return the records."""
    rng = np.random.RandomState(0)
    names = ["test_batch.bin", *(f"data_batch_{i}.bin" for i in (2, 1, 3, 4, 5))]  # any order
    batches = {name: rng.randint(0, 256, (2, 3073)).astype(np.uint8) for name in names}
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, batch in {"readme.html": np.zeros(5, np.uint8), **batches}.items():
            batch[..., 0] %= 10
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = batch.nbytes
            archive.addfile(member, io.BytesIO(batch.tobytes()))
    path = tmp_path / "cifar10" / "cifar-10-binary.tar.gz"
    path.parent.mkdir()
    path.write_bytes(content.getvalue())
    monkeypatch.setattr(datasets, "CIFAR10_MD5", hashlib.md5(content.getvalue()).hexdigest())
    monkeypatch.setenv("SKAE_DATA", str(tmp_path))
    records = np.concatenate([batches[name] for name in (*sorted(names)[:5], "test_batch.bin")])
    return SimpleNamespace(path=path, records=records)


def write_jpegs(folder, colours):
    """Write a zip file of uniformly coloured images named part/class/number.jpg."""
    with zipfile.ZipFile(folder / "cifar10-jpeg.zip", "w") as archive:
        archive.writestr("train/", b"")
        archive.writestr("readme.txt", b"not an image")
        for name, colour in colours.items():
            content = io.BytesIO()
            Image.new("RGB", (32, 32), colour).save(content, "jpeg")
            archive.writestr(name, content.getvalue())


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


def test_a_machine_without_a_connection_says_where_to_put_the_file(tiny, monkeypatch):
    def retrieve(url, **kwargs):
        raise ConnectionError("Max retries exceeded")

    monkeypatch.setattr("pooch.retrieve", retrieve)
    (tiny.folder / "mnist" / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(OSError, match=r"downloaded \(ConnectionError\): put the file from http"):
        datasets.fetch_mnist()


def test_missing_files_without_leave_to_download_or_without_pooch(tiny, monkeypatch):
    (tiny.folder / "mnist" / "train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(OSError, match=r"train-images-idx3-ubyte.gz is missing and download_if"):
        datasets.fetch_mnist(download_if_missing=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install 'skae\[datasets\]'"):
        datasets.fetch_mnist()


def test_unknown_subset(tiny):
    for fetch in (datasets.fetch_mnist, datasets.fetch_cifar10):
        with pytest.raises(ValueError, match="subset='valid' must be one of 'train', 'test', 'al"):
            fetch(subset="valid")


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


def test_cifar10_is_read_channel_first_in_the_order_of_the_batches(cifar10):
    bunch = datasets.fetch_cifar10(subset="all")
    assert bunch.data.shape == (12, 3072)
    assert bunch.data.dtype == np.float32
    np.testing.assert_array_equal(np.rint(bunch.data * 255), cifar10.records[:, 1:])
    np.testing.assert_array_equal(bunch.target, cifar10.records[:, 0])
    assert bunch.target.dtype == np.int64
    assert bunch.images.shape == (12, 3, 32, 32)
    assert np.shares_memory(bunch.images, bunch.data)
    assert bunch.images[3, 1, 2, 5] == bunch.data[3, 1024 + 2 * 32 + 5]  # green, row 2, column 5
    assert bunch.data.flags.c_contiguous
    assert len(bunch.target_names) == 10
    assert "official" in bunch.DESCR
    X, y = datasets.fetch_cifar10(return_X_y=True)
    np.testing.assert_array_equal(X, bunch.data[:10])
    X, y = datasets.fetch_cifar10(subset="test", return_X_y=True)
    np.testing.assert_array_equal(y, bunch.target[10:])


def test_a_changed_cifar10_archive_is_refused(cifar10):
    cifar10.path.write_bytes(cifar10.path.read_bytes() + b"x")
    with pytest.raises(ValueError, match=r"cifar-10-binary.tar.gz is not .* its MD5 is"):
        datasets.fetch_cifar10()


def test_a_missing_cifar10_archive_is_downloaded(cifar10, monkeypatch):
    content = cifar10.path.read_bytes()
    cifar10.path.unlink()
    with pytest.raises(OSError, match=r"cifar-10-binary.tar.gz is missing and download_if"):
        datasets.fetch_cifar10(download_if_missing=False)
    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append((url, known_hash))
        (path / fname).write_bytes(content)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    assert len(datasets.fetch_cifar10().data) == 10
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert asked == [(url, f"md5:{hashlib.md5(content).hexdigest()}")]


def test_jpeg_copies_of_cifar10_stand_in_for_the_archive_and_say_so(cifar10):
    colours = {
        "train/truck/0002.jpg": (250, 0, 0),
        "train/cat/0002.jpg": (0, 250, 0),
        "train/truck/0001.jpg": (0, 0, 250),
        "test/dog/0001.jpg": (250, 250, 250),
    }
    write_jpegs(cifar10.path.parent, colours)
    assert "official" in datasets.fetch_cifar10().DESCR  # the archive goes first
    cifar10.path.unlink()
    bunch = datasets.fetch_cifar10(download_if_missing=False, subset="all")
    assert "JPEG copies" in bunch.DESCR
    assert [bunch.target_names[label] for label in bunch.target] == ["truck", "cat", "truck", "dog"]
    expected = np.array([[0, 0, 250], [0, 250, 0], [250, 0, 0], [250, 250, 250]]) / 255
    np.testing.assert_allclose(bunch.images.mean(axis=(2, 3)), expected, atol=2 / 255)
    assert bunch.data.dtype == np.float32
    assert len(datasets.fetch_cifar10(subset="test").data) == 1


def test_jpeg_copies_without_the_subset(cifar10):
    write_jpegs(cifar10.path.parent, {"train/cat/0001.jpg": (0, 0, 0)})
    cifar10.path.unlink()
    with pytest.raises(ValueError, match=r"cifar10-jpeg.zip has no images of subset 'test'"):
        datasets.fetch_cifar10(subset="test")


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
