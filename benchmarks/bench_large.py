"""Rows on disk: memory and time of fit and transform.

    python benchmarks/bench_large.py [--case memory|rows] [--rows 20000000]

"memory" fits 4 GB of rows on disk. What a process has in memory of a file counts as resident
as long as the system has no better use for that memory, so a second thread gives the file's pages
back whenever they exceed a quarter of a gigabyte, as the system does where memory is short.
"rows" fits 20 million rows of 32 columns and encodes them.
"""

import argparse
import mmap
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from skae import AutoencoderTransformer
from skae.architectures import MLP

GB, MB = 2**30, 2**20


def write_rows(folder, n_rows, n_columns):
    """Write float32 rows of 8 factors and some noise to a file and return it as an array."""
    rng, path = np.random.RandomState(0), Path(folder, "rows")
    mixing = rng.randn(8, n_columns)
    block = (rng.randn(16_384, 8) @ mixing + rng.randn(16_384, n_columns)).astype(np.float32)
    with open(path, "wb") as file:
        for start in range(0, n_rows, len(block)):
            block[: n_rows - start].tofile(file)
    return np.memmap(path, np.float32, "r").reshape(-1, n_columns)


class Memory(threading.Thread):
    """Notes the peaks of the memory of this process, and keeps a file's part of it small."""

    def __init__(self, X, limit=None):
        super().__init__(daemon=True)
        self.file, self.limit = X.base if isinstance(X.base, mmap.mmap) else X._mmap, limit
        self.peaks = {"VmRSS": 0, "RssAnon": 0}
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.002):
            now = self.read()
            if self.limit and now["RssFile"] > self.limit:
                self.file.madvise(mmap.MADV_DONTNEED)
            self.peaks = {name: max(peak, now[name]) for name, peak in self.peaks.items()}

    @staticmethod
    def read():
        """Return what /proc says of this process, in bytes."""
        lines = Path("/proc/self/status").read_text().splitlines()
        return {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines if "kB" in line}

    def __enter__(self):
        self.before = self.read()
        self.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        self.join()


def memory(folder, n_rows):
    """Print the memory of a fit of 4 GB."""
    X = write_rows(folder, 4 * GB // (784 * 4), 784)
    ae = AutoencoderTransformer(
        8, architecture=MLP((32,)), batch_size=1024, max_epochs=1, tol=None, random_state=0
    )
    ae.fit(X[:4096])
    with Memory(X, limit=GB // 4) as seen:
        start = time.perf_counter()
        ae.fit(X)
        seconds = time.perf_counter() - start
    before = seen.before["RssAnon"]
    print(f"fit on {len(X):,} x 784 float32 on disk, {X.nbytes / GB:.2f} GB, 1 epoch")
    print(f"  {seconds:.0f} s; peak of resident memory {seen.peaks['VmRSS'] / MB:.0f} MB,")
    print(f"  without pages of the file {seen.peaks['RssAnon'] / MB:.0f} MB, of which "
          f"{before / MB:.0f} MB were there before")  # fmt: skip


def rows(folder, n_rows):
    """Print time and memory of many rows."""
    X = write_rows(folder, n_rows, 32)
    print(f"{n_rows:,} x 32 float32 on disk, {X.nbytes / GB:.2f} GB, {torch.get_num_threads()} "
          "threads")  # fmt: skip
    ae = AutoencoderTransformer(8, max_epochs=1, tol=None, random_state=0)
    ae.fit(X[:4096]).transform(X[:4096])
    codes = np.lib.format.open_memmap(Path(folder, "codes.npy"), "w+", np.float32, (n_rows, 8))

    def transform():
        for start in range(0, n_rows, 2**20):
            codes[start : start + 2**20] = ae.transform(X[start : start + 2**20])

    passes = {
        "check and mean": lambda: (ae._check_rows(X, reset=True), np.mean(X, axis=0)),
        "fit, 1 epoch": lambda: ae.fit(X),
        "transform": transform,
    }
    for name, run in passes.items():
        with Memory(X) as seen:
            start = time.perf_counter()
            run()
            seconds = time.perf_counter() - start
        extra = seen.peaks["RssAnon"] - seen.before["RssAnon"]
        print(
            f"  {name:<16}{seconds:8.1f} s  {n_rows / seconds:12,.0f} rows per second  "
            f"{max(0, extra) / MB:6.0f} MB more",
            flush=True,
        )
    n_weights = sum(weight.numel() for weight in ae.module_.parameters())
    print(f"  batch {ae.net_.batch_size}, {4 * n_weights:,} bytes of gradients per step")


if __name__ == "__main__":
    cases = {case.__name__: case for case in (memory, rows)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=cases)
    parser.add_argument("--rows", type=int, default=20_000_000)
    arguments = parser.parse_args()
    if arguments.case:
        with tempfile.TemporaryDirectory() as folder:
            cases[arguments.case](folder, arguments.rows)
    else:
        for name in cases:
            command = [sys.executable, __file__, "--case", name, "--rows", str(arguments.rows)]
            subprocess.run(command, check=True)
