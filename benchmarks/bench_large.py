"""Rows on disk: memory and time of fit and transform.

    python benchmarks/bench_large.py [--case memory|rows] [--rows 20000000] [--exchange 0.4]

"memory" fits, encodes and scores 4 GB of rows on disk and prints times and the peaks of memory, of
the process alone and with the pages of the file that the system caches; then once more with rows
of shuffled batches read in their own order instead of the order of the file.
"rows" fits 20 million rows of 32 columns and encodes them, and extrapolates the time of an epoch to
a thousand million rows on several ranks: rows over ranks times the rows per second measured, plus
for each step the time of exchanging gradients, in ms, as bench_distributed.py measures it.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch

from skae import AutoencoderTransformer
from skae._training import memmap
from skae.architectures import MLP

GB, MB = 2**30, 2**20

#: Rows per step, of all ranks together, to extrapolate for.
BATCHES = (256, 4096, 65_536)


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
    """Notes the peaks of this process's memory while a block runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peaks = {"RssAnon": 0}
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.005):
            now = self.read()
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


def memory(folder, arguments):
    """Print the memory of a fit of 4 GB."""
    X = write_rows(folder, 4 * GB // (784 * 4), 784)
    ae = AutoencoderTransformer(
        8, architecture=MLP((32,)), batch_size=1024, max_epochs=1, tol=None, random_state=0
    )
    ae.fit(X[:4096]).transform(X[:4096])
    print(f"{len(X):,} x 784 float32 on disk, {X.nbytes / GB:.2f} GB; resident memory, which is "
          f"{Memory.read()['VmRSS'] / MB:.0f} MB before")  # fmt: skip
    passes = {"fit, 1 epoch": ae.fit, "transform": ae.transform, "score": ae.score}
    for title in ("read in the order of the file", "read in the order of the batches"):
        print(f"  {title}")
        for name, run in passes.items():
            Path("/proc/self/clear_refs").write_text("5")  # resets the peak
            start = time.perf_counter(), time.process_time()
            with Memory() as seen:
                run(X)
            seconds, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
            own = max(0, seen.peaks["RssAnon"] - seen.before["RssAnon"])
            cached = Memory.read()["VmHWM"]
            print(f"    {name:<14}{own / MB:6,.0f} MB of its own, {cached / MB:6,.0f} MB with "
                  f"cached pages {seconds:6.1f} s{cpu:6.1f} s of CPU", flush=True)  # fmt: skip
        memmap.LARGE_FILE = sys.maxsize


def rows(folder, arguments):
    """Print time and memory of many rows."""
    n_rows, speed = arguments.rows, {}
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
        "check and mean": lambda: (ae._check_rows(X), np.mean(X, axis=0)),
        "fit, 1 epoch": lambda: ae.fit(X),
        "transform": transform,
    }
    for name, run in passes.items():
        with Memory() as seen:
            start = time.perf_counter()
            run()
            seconds = time.perf_counter() - start
        speed[name] = n_rows / seconds
        extra = seen.peaks["RssAnon"] - seen.before["RssAnon"]
        print(
            f"  {name:<16}{seconds:8.1f} s  {speed[name]:12,.0f} rows per second  "
            f"{max(0, extra) / MB:6.0f} MB more",
            flush=True,
        )
    n_weights = sum(weight.numel() for weight in ae.module_.parameters())
    print(f"  batch {ae.net_.batch_size}, {4 * n_weights:,} bytes of gradients per step")

    extrapolate(speed["fit, 1 epoch"], arguments.exchange / 1000)


def extrapolate(rows_per_second, exchange, n_rows=10**9):
    """Print what an epoch of so many rows would take, by number of ranks and size of batch."""
    print(f"on paper: one epoch, {n_rows:,} rows, {rows_per_second:,.0f} rows per second and rank, "
          f"{1000 * exchange} ms per exchange (in brackets, the efficiency)")  # fmt: skip
    print(
        f"{'ranks':>8}{'GB of rows each':>17}" + "".join(f"{f'batch {b:,}':>18}" for b in BATCHES)
    )
    for n_ranks in (1, 8, 64, 512):
        line = f"{n_ranks:>8}{n_rows * 128 / n_ranks / GB:>17.1f}"
        for batch in BATCHES:
            work = n_rows / n_ranks / rows_per_second
            total = work + (n_rows / batch * exchange if n_ranks > 1 else 0)
            line += f"{total / 60:>9.1f} min ({work / total:.2f})"
        print(line)
    limits = "".join(f"{batch / rows_per_second / exchange:>18,.0f}" for batch in BATCHES)
    print(f"{'efficiency 0.5 at ranks':<25}{limits}")


if __name__ == "__main__":
    cases = {case.__name__: case for case in (memory, rows)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=cases)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--exchange", type=float, default=0.4, help="ms")
    arguments = parser.parse_args()
    if arguments.case:
        with tempfile.TemporaryDirectory() as folder:
            cases[arguments.case](folder, arguments)
    else:
        for name in cases:
            options = ["--rows", str(arguments.rows), "--exchange", str(arguments.exchange)]
            subprocess.run([sys.executable, __file__, "--case", name, *options], check=True)
