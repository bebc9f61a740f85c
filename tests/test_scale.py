"""Scaling: Dask clusters, rows on disk, chunks."""

import os
import signal
import subprocess
import sys
import threading
import time

import dask.array as da
import joblib
import numpy as np
import pytest
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae._training import memmap, moments
from skae.architectures import MLP, Linear

#: Fits a quarter of a gigabyte that is on disk, while the process may allocate half of that.
FIT_IN_LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from skae import AutoencoderTransformer
from skae._training import memmap
from skae.architectures import MLP

memmap.LARGE_FILE, memmap.READ_BYTES = 2**20, 2**24
X = np.memmap(sys.argv[1], dtype=np.float32, mode="r").reshape(-1, 128)
ae = AutoencoderTransformer(2, architecture=MLP((16,)), batch_size=4096, max_epochs=1, tol=None)
ae.fit(X[:8192]).score(X[:8192])  # loads what is loaded on first use
def memory(kind):
    return 1024 * int(Path("/proc/self/status").read_text().split(kind)[1].split()[0])
data = memory("VmData:")
_, hard = resource.getrlimit(resource.RLIMIT_DATA)
resource.setrlimit(resource.RLIMIT_DATA, (data + X.nbytes // 2, hard))
ae.fit(X)
print(ae.transform(X).shape, ae.score(X) > 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_rows_on_disk_are_never_copied_as_a_whole(tmp_path):
    rows = np.random.RandomState(0).rand(5000, 128).astype(np.float32)
    with open(tmp_path / "X", "wb") as file:
        for _ in range(100):
            rows.tofile(file)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIT_IN_LITTLE_MEMORY, tmp_path / "X"],
        capture_output=True,
        text=True,
    )
    assert result.stderr == ""
    assert result.stdout == "(500000, 2) True\n"


@pytest.fixture
def every_file_is_large(monkeypatch):
    monkeypatch.setattr(memmap, "LARGE_FILE", 1)
    monkeypatch.setattr(memmap, "READ_BYTES", 20_000)
    monkeypatch.setattr(moments, "BLOCK_ELEMENTS", 5_000)


def on_disk(X, folder, mode="r"):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode=mode)


@pytest.mark.parametrize(
    "params",
    [
        {"architecture": MLP()},
        {"architecture": Linear(), "batch_size": 7},
        {"architecture": MLP((8, 6)), "pretrain": "layerwise", "early_stopping": True},
    ],
    ids=["mlp", "linear", "layerwise"],
)
def test_rows_on_disk_give_the_bits_of_rows_in_memory(
    digits, tmp_path, every_file_is_large, params
):
    X, _ = digits
    rows, weight = on_disk(X, tmp_path), np.arange(len(X)) % 3
    assert memmap.is_in_large_file(rows)
    ae, same = (AutoencoderTransformer(3, max_epochs=2, tol=None, random_state=0) for _ in "ab")
    ae.set_params(**params).fit(rows[20:], sample_weight=weight[20:]).partial_fit(rows[:20])
    same.set_params(**params).fit(X[20:], sample_weight=weight[20:]).partial_fit(X[:20])
    np.testing.assert_array_equal(ae.transform(rows), same.transform(X))
    assert ae.score(rows) == same.score(X)


@pytest.mark.parametrize(
    ("value", "params", "match"),
    [
        (np.nan, {}, "Input X contains NaN.\nAutoencoderTransformer does not accept missing"),
        (np.inf, {}, "Input X contains infinity or a value too large for dtype"),
        (99.0, {"loss": "bce"}, "loss='bce' needs X in .0, 1., got values from 0 to 99"),
    ],
)
def test_rows_on_disk_are_checked_as_rows_in_memory(
    digits, tmp_path, every_file_is_large, value, params, match
):
    X = digits[0] / 16
    X[-1, 3] = value
    with pytest.raises(ValueError, match=match):
        AutoencoderTransformer(2, **params).fit(on_disk(X, tmp_path))


def test_no_rows_on_disk_are_an_error_like_no_rows(digits, tmp_path, every_file_is_large):
    with pytest.raises(ValueError, match="Found array with 0 sample"):
        AutoencoderTransformer(2).fit(on_disk(digits[0], tmp_path)[:0])


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_changes_of_rows_on_disk_are_kept(digits, tmp_path, every_file_is_large, mode):
    X = on_disk(digits[0], tmp_path, mode)
    if mode != "r":
        X[:100] = 1  # of "c", in no file
    expected = np.array(X)
    AutoencoderTransformer(2, max_epochs=1, tol=None).fit(X).transform(X)
    np.testing.assert_array_equal(X, expected)


def test_blocks_of_a_dask_array_are_chunks_of_a_stream(digits):
    X, _ = digits
    ae, same = (AutoencoderTransformer(2, random_state=0) for _ in range(2))
    for block in da.from_array(X, chunks=(100, -1)).blocks:
        ae.partial_fit(block.compute(scheduler="threads"))
    for start in range(0, 300, 100):
        same.partial_fit(X[start : start + 100])
    np.testing.assert_array_equal(ae.transform(X), same.transform(X))


def test_transform_of_a_dask_array_is_lazy_and_block_by_block(digits):
    X, _ = digits
    ae = AutoencoderTransformer(2, max_epochs=1, tol=None, random_state=0).fit(X)
    read = []

    def note(block):
        read.append(len(block))
        return block

    rows = da.from_array(X, chunks=(100, -1)).map_blocks(note, meta=X[:0])
    codes = rows.map_blocks(ae.transform, chunks=(rows.chunks[0], (2,)), meta=np.empty((0, 2)))
    assert codes.shape == (300, 2)
    assert read == []
    first = codes[:100].compute(scheduler="threads")
    assert read == [100]
    np.testing.assert_allclose(first, ae.transform(X[:100]), atol=1e-12)


@pytest.fixture(scope="module")
def client():
    """A cluster of two worker processes, addressed like a remote one."""
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    )
    with cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]


def pipeline(**params):
    ae = AutoencoderTransformer(max_epochs=3, tol=None, random_state=0, **params)
    return make_pipeline(StandardScaler(), ae, LogisticRegression(max_iter=2000))


SEARCHES = {
    "grid": lambda: GridSearchCV(
        pipeline(), {"autoencodertransformer__n_components": [2, 4, 8]}, cv=3
    ),
    "halving": lambda: HalvingGridSearchCV(
        pipeline(),
        {"autoencodertransformer__n_components": [2, 4, 8]},
        cv=3,
        random_state=0,
    ),
    "classifier": lambda: GridSearchCV(
        PretrainedEncoderClassifier(
            AutoencoderTransformer(4, max_epochs=3, tol=None),
            max_epochs=3,
            tol=None,
            random_state=0,
        ),
        {"encoder__corruption": [None, "masking"]},
        cv=3,
    ),
}


@pytest.mark.parametrize("kind", SEARCHES)
def test_search_on_a_cluster_finds_the_scores_of_one_process(client, digits, kind):
    alone = SEARCHES[kind]().fit(*digits)
    with joblib.parallel_config("dask"):
        spread = SEARCHES[kind]().fit(*digits)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(spread.cv_results_[name], alone.cv_results_[name])
    np.testing.assert_array_equal(spread.predict(digits[0]), alone.predict(digits[0]))


def test_cross_validation_on_a_cluster_brings_fitted_pipelines_home(client, digits):
    alone = cross_validate(pipeline(), *digits, cv=3)
    with joblib.parallel_config("dask"):
        spread = cross_validate(pipeline(), *digits, cv=3, return_estimator=True)
    np.testing.assert_array_equal(spread["test_score"], alone["test_score"])
    assert all(fitted.predict(digits[0]).shape == (300,) for fitted in spread["estimator"])


def test_rows_go_to_the_cluster_once(client, digits, monkeypatch):
    X, y = digits
    scattered, scatter = [], client.scatter

    def count(data, *args, **kwargs):
        scattered.append(data)
        return scatter(data, *args, **kwargs)

    monkeypatch.setattr(client, "scatter", count)
    with joblib.parallel_config("dask", client=client, scatter=[X, y]):
        SEARCHES["grid"]().fit(X, y)
    large = [item for data in scattered for item in (data if isinstance(data, list) else [data])]
    large = [item for item in large if item.nbytes > X.nbytes / 2]
    assert len(large) == 1
    assert large[0] is X


@pytest.mark.parametrize("kind", ["grid", "halving"])
def test_search_survives_the_loss_of_a_worker(client, digits, kind):
    X, y = digits
    alone = SEARCHES[kind]().fit(X, y)
    folds = [(train.tolist(), test.tolist()) for train, test in StratifiedKFold(3).split(X, y)]
    killed = []

    def kill_one_that_works():
        deadline = time.monotonic() + 60
        while not killed and time.monotonic() < deadline:
            busy = [worker for worker, tasks in client.processing().items() if tasks]
            if busy:
                pid = client.run(os.getpid, workers=busy[:1])[busy[0]]
                os.kill(pid, signal.SIGKILL)
                killed.append(busy[0])
            time.sleep(0.01)

    client.amm.stop()  # or it leaves one copy of X and y
    thread = threading.Thread(target=kill_one_that_works)
    thread.start()
    with joblib.parallel_config("dask", client=client, scatter=[X, y]):
        spread = SEARCHES[kind]().set_params(cv=folds).fit(X, y)
    thread.join()
    assert killed
    assert killed[0] not in client.scheduler_info()["workers"]
    np.testing.assert_array_equal(
        spread.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
    client.wait_for_workers(2)
