"""Time and memory beyond one fit: inference, memory, rows, epochs, grid search.

    python benchmarks/bench_scaling.py [--case transform|memory|rows|grid] [--rounds 5]

Each case runs in a process of its own, so that it starts with fresh memory.
"""

import argparse
import functools
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from skae import AutoencoderTransformer

MB = 1024  # ru_maxrss counts kB


def rows_like_images(n_rows, n_columns=784, dtype=np.float32):
    """Return rows of 32 factors, made in blocks so that nothing but the result takes memory."""
    rng = np.random.RandomState(0)
    mixing = rng.rand(32, n_columns).astype(np.float32)
    X = np.empty((n_rows, n_columns), dtype)
    for start in range(0, n_rows, 4096):
        factors = rng.rand(min(4096, n_rows - start), 32).astype(np.float32)
        X[start : start + 4096] = factors @ mixing / 32 * (255 if dtype == np.uint8 else 1)
    return X


def ours(**params):
    """Return the default estimator with 32 codes that trains for a given number of epochs."""
    return AutoencoderTransformer(32, tol=None, random_state=0, **params)


def seconds(run):
    """Return how long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def transform(rounds):
    """Print the time of transform beside that of one forward pass, and its extra memory."""
    X = rows_like_images(60_000)
    ae = ours(max_epochs=1).fit(X[:2000])
    tensor = torch.from_numpy(X)

    def forward():
        with torch.inference_mode():
            ae.module_.encode(tensor)

    ae.transform(X[:4096])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    codes = ae.transform(X)
    extra = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before - codes.nbytes / 1024
    forward()
    times = np.array([[seconds(lambda: ae.transform(X)), seconds(forward)] for _ in range(rounds)])
    ours_, bare = np.median(times, axis=0)
    print("transform of 60,000 x 784 float32, 784-256-32")
    print(f"  skae {ours_:.3f} s, one forward pass {bare:.3f} s, ratio "
          f"{np.median(times[:, 0] / times[:, 1]):.2f}")  # fmt: skip
    print(f"  memory beyond input and output: {max(0, extra) / MB:.0f} MB")


def memory(rounds):
    """Print how much memory fit takes beyond X, by dtype; each in a fresh process."""
    print("peak memory of fit on 60,000 x 784, beyond X and what a fit of 64 rows takes")
    for dtype in ("float32", "float64", "uint8"):
        script = f"import bench_scaling as b; b.memory_of('{dtype}')"
        folder = __file__.rpartition("/")[0] or "."
        subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)


def memory_of(dtype):
    """Print the figure for one dtype."""
    X = rows_like_images(60_000, dtype=np.dtype(dtype).type)
    ours(max_epochs=1).fit(X[:64])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours(max_epochs=1).fit(X)
    extra = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"  {dtype}: {extra / MB:.0f} MB (X itself: {X.nbytes / 2**20:.0f} MB)", flush=True)


def rows(rounds):
    """Print the time of fit by number of rows and of epochs."""
    X = rows_like_images(1_000_000, 32)
    print("fit on n x 32 float32, batch 256, one epoch; ratios are to the line before")
    table("rows", [(n, 1) for n in 1000 * 2 ** np.arange(10)] + [(1_000_000, 1)], X, rounds)
    print("fit on 16,000 x 32 float32, batch 256, by epochs")
    table("epochs", [(16_000, n) for n in (1, 2, 4, 8, 16)], X, rounds)


def table(what, sizes, X, rounds):
    """Print the median time of fits of the given numbers of rows and epochs."""
    before = None
    for n_rows, n_epochs in sizes:
        ae = ours(max_epochs=n_epochs, batch_size=256).set_params(n_components=8)
        fit = functools.partial(ae.fit, X[:n_rows])
        now = np.median([seconds(fit) for _ in range(rounds)])
        ratio = f"x {now / before:4.2f}" if before else ""
        size = n_rows if what == "rows" else n_epochs
        print(
            f"  {size:>9,} {what}  {now:7.3f} s  {now / n_rows / n_epochs * 1e6:6.2f} µs per row "
            f"and epoch  {ratio}",
            flush=True,
        )
        before = now


def grid(rounds):
    """Print the time of a grid search with one worker and with two."""
    X = rows_like_images(1797, 64)
    search = GridSearchCV(ours(max_epochs=50), {"n_components": [2, 4, 8, 16]})
    scores, times = {}, []
    search.set_params(n_jobs=2).fit(X)  # the workers import torch
    for _ in range(rounds):
        pair = []
        for n_jobs in (1, 2):
            search.set_params(n_jobs=n_jobs)
            pair.append(seconds(lambda: search.fit(X)))
            scores[n_jobs] = search.cv_results_["mean_test_score"]
        times.append(pair)
    one, two = np.median(times, axis=0)
    ratio = np.median([a / b for a, b in times])
    print("GridSearchCV on 1,797 x 64, 4 widths, 5 folds, 50 epochs, warm workers")
    print(f"  n_jobs=1 {one:.1f} s, n_jobs=2 {two:.1f} s, {ratio:.2f} times faster")
    print(f"  same scores bit for bit: {np.array_equal(scores[1], scores[2])}")


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    cases = {case.__name__: case for case in (transform, memory, rows, grid)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=cases)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.case:
        cases[arguments.case](arguments.rounds)
    else:
        for name in cases:
            command = [sys.executable, __file__, "--case", name, "--rounds", str(arguments.rounds)]
            subprocess.run(command, check=True)
