"""One process on one core beside two processes on two cores, for the same batches.

    python benchmarks/bench_distributed.py [--rounds 5]

Efficiency is the time of one process, over twice that of two; "by CPU" is the same for the time
that the processes computed, which leaves out waits, and what others do on the machine. "exchange"
is the time of one exchange of gradients between two processes with nothing else to do, and its
share of the time of two.
"""

import argparse
import datetime
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv

CONV = Conv(input_shape=(1, 28, 28), channels=(8, 16))

#: Name, columns, architecture, rows, batch.
CASES = [
    ("64-256-8-256-64", 64, MLP(), 160_000, 256),
    ("64-256-8-256-64", 64, MLP(), 160_000, 2048),
    ("784-256-8-256-784", 784, MLP(), 60_000, 256),
    ("784-256-8-256-784", 784, MLP(), 60_000, 2048),
    ("convolutions, 28 x 28", 784, CONV, 8000, 256),
]


def measure(case, rank, size, rounds):
    """Return the median time of an epoch, by the wall and of the CPU, and the number of weights."""
    _, n_columns, architecture, n_rows, batch_size = case
    X = np.random.RandomState(0).rand(n_rows, n_columns).astype(np.float32)[rank::size]
    ae = AutoencoderTransformer(
        8,
        architecture=architecture,
        batch_size=batch_size,
        max_epochs=1,
        tol=None,
        random_state=0,
    )
    ae.fit(X)
    times = []
    for _ in range(rounds):
        start = time.perf_counter(), time.process_time()
        ae.fit(X)
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    n_weights = sum(weight.numel() for weight in ae.module_.parameters())
    return *np.median(times, axis=0), n_weights


def exchange(n_weights):
    """Return the median time of one exchange of so many gradients."""
    vector, times = torch.zeros(n_weights), []
    for _ in range(200):
        start = time.perf_counter()
        distributed.all_reduce(vector)
        times.append(time.perf_counter() - start)
    return np.median(times)


def run_rank(rank, meeting, rounds):
    """Be one of the two processes, and print its times."""
    distributed.init_process_group(
        "gloo",
        init_method=Path(meeting).as_uri(),
        rank=rank,
        world_size=2,
        timeout=datetime.timedelta(minutes=5),
    )
    for case in CASES:
        seconds, cpu, n_weights = measure(case, rank, 2, rounds)
        print(seconds, cpu, exchange(n_weights), flush=True)
    distributed.destroy_process_group()


def main(rounds):
    """Print the table."""
    one = [measure(case, 0, 1, rounds) for case in CASES]
    with tempfile.TemporaryDirectory() as folder:
        options = ["--meeting", str(Path(folder, "meeting")), "--rounds", str(rounds)]
        children = [
            subprocess.Popen(
                [sys.executable, __file__, "--rank", str(rank), *options], stdout=subprocess.PIPE
            )
            for rank in range(2)
        ]
        output = [child.communicate()[0] for child in children]
    two = np.mean([np.array(part.split(), float).reshape(-1, 3) for part in output], axis=0)
    print(f"one epoch in float32, {rounds} rounds, one thread in each process")
    print(f"{'':<24}{'batch':>6}{'weights':>9}{'steps':>7}{'1 process':>11}{'2':>8}"
          f"{'efficiency':>12}{'by CPU':>8}{'exchange':>16}")  # fmt: skip
    for case, (before, cpu_before, n_weights), (after, cpu_after, alone) in zip(CASES, one, two):
        n_steps = -(-case[3] // case[4])
        print(f"{case[0]:<24}{case[4]:>6}{n_weights:>9,}{n_steps:>7}{before:>9.2f} s{after:>6.2f} s"
              f"{before / after / 2:>12.2f}{cpu_before / cpu_after / 2:>8.2f}"
              f"{1000 * alone:>7.2f} ms = {alone * n_steps / after:.0%}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rank", type=int, help="for the processes that it starts")
    parser.add_argument("--meeting", help="likewise")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.rank is None:
        main(arguments.rounds)
    else:
        run_rank(arguments.rank, arguments.meeting, arguments.rounds)
