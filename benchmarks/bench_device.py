"""Training on a GPU beside the CPU and a hand-written loop, and what mixed precision gains.

    python benchmarks/bench_device.py [--rounds 3] [--rows 200000]

All train on the same synthetic rows of 784 columns, one after the other in each round; the table
has medians of rows per second, over a whole fit of 2 epochs (on the CPU, of a twentieth of the
rows). "from memory" fills the GPU first, so that the rows do not fit and are fetched batch by
batch. Without a GPU only the CPU takes part.
"""

import argparse
import time
from contextlib import contextmanager
from statistics import median

import numpy as np
import torch

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv

EPOCHS = 2

#: Name, architecture, codes and batch size.
NETWORKS = [
    ("784-256-32-256-784, batch 128", MLP((256,)), 32, 128),
    ("784-256-32-256-784, batch 2048", MLP((256,)), 32, 2048),
    ("784-4096-4096-64-..., batch 2048", MLP((4096, 4096)), 64, 2048),
    ("Conv (16, 32), batch 256", Conv((1, 28, 28), (16, 32)), 32, 256),
    ("Conv (64, 128), batch 1024", Conv((1, 28, 28), (64, 128)), 32, 1024),
]


def autoencoder(architecture, n_components, batch_size, **options):
    return AutoencoderTransformer(
        n_components,
        architecture=architecture,
        batch_size=batch_size,
        max_epochs=EPOCHS,
        tol=None,
        random_state=0,
        **options,
    )


def loop(X, architecture, n_components, batch_size):
    """Train on the GPU in the plainest fast loop: rows that are there, fused Adam."""
    module = autoencoder(architecture, n_components, batch_size).fit(X[:64]).module_.train().cuda()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    rows = torch.from_numpy(X).cuda()
    for _ in range(EPOCHS):
        order = torch.randperm(len(rows), device="cuda")
        for start in range(0, len(rows), batch_size):
            batch = rows[order[start : start + batch_size]]
            loss = torch.nn.functional.mse_loss(module.decode(module.encode(batch)), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.cuda.synchronize()
    return EPOCHS * len(X)


@contextmanager
def full_gpu(X):
    """Leave too little of the GPU's memory for X as a whole."""
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    filling = torch.empty(free - 19 * X.nbytes // 10, dtype=torch.uint8, device="cuda")
    yield
    del filling
    torch.cuda.empty_cache()


def contenders(X, *network):
    """Return by name functions that train and return the number of rows that they passed over."""

    def fit(X=X, **options):
        autoencoder(*network, **options).fit(X)
        return EPOCHS * len(X)

    def from_memory():
        with full_gpu(X):
            return fit(device="cuda")

    found = {"CPU": lambda: fit(X[: max(1000, len(X) // 20)], device="cpu")}
    if torch.cuda.is_available():
        found |= {
            "GPU": lambda: fit(device="cuda"),
            "GPU, bf16": lambda: fit(device="cuda", precision="bf16"),
            "GPU, from memory": from_memory,
            "loop on the GPU": lambda: loop(X, *network),
        }
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=200_000)
    args = parser.parse_args()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    print(f"{args.rows:,} x 784 float32, {EPOCHS} epochs, {args.rounds} rounds; {device}, ", end="")
    print(f"{torch.get_num_threads()} threads; thousands of rows per second")
    X = np.random.default_rng(0).random((args.rows, 784), dtype=np.float32)
    for i, (name, *network) in enumerate(NETWORKS):
        runs = contenders(X, *network)
        if i == 0:
            print(" " * 33 + "".join(f"{column:>18}" for column in runs))
        for column, run in contenders(X[:4096], *network).items():
            if column != "GPU, from memory":
                run()
        speeds = {column: [] for column in runs}
        for _ in range(args.rounds):
            for column, run in runs.items():
                start = time.perf_counter()
                speeds[column].append(run() / (time.perf_counter() - start) / 1000)
        speeds = [median(values) for values in speeds.values()]
        print(f"{name:33}" + "".join(f"{speed:18,.0f}" for speed in speeds), flush=True)


if __name__ == "__main__":
    main()
