"""Codes of MNIST by ONNX's runtime beside ``transform``: size of the model, difference, speed.

    python benchmarks/bench_onnx.py [--data mnist|digits] [--threads 1]

Medians, of rounds in which both take their turn. Training is cut short, since it changes no speed.
MNIST comes from SKAE_DATA or is downloaded.
"""

import argparse
import statistics
import subprocess
import sys
import time

import numpy as np
import onnxruntime
import torch
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae.onnx
from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv, Recurrent
from skae.datasets import fetch_mnist


def load(name):
    """Return 10,000 images in [0, 1], float32, and their height."""
    if name == "mnist":
        return fetch_mnist(subset="test").data, 28
    return np.resize(load_digits().data / 16, (10_000, 64)).astype(np.float32), 8


def seconds(functions, n_rounds):
    """Return the median time that each of some functions takes."""
    times = [[] for _ in functions]
    for _ in range(n_rounds):
        for function, taken in zip(functions, times):
            start = time.perf_counter()
            function()
            taken.append(time.perf_counter() - start)
    return map(statistics.median, times)


def start_up(statement):
    """Return a function that runs a statement in a new process."""
    return lambda: subprocess.run([sys.executable, "-c", statement], check=True)


def measure(estimator, X, settings):
    """Return numbers for a row of the table: size, sizes of numbers, seconds."""
    estimator.fit(X[:1000])
    model = to_onnx(estimator, X[:1]).SerializeToString()
    session = onnxruntime.InferenceSession(model, settings)

    def run(X):
        return session.run(None, {"X": X})[0]

    codes = estimator.transform(X)
    difference = np.abs(run(X) - codes).max()
    one = seconds([lambda: estimator.transform(X[:1]), lambda: run(X[:1])], 300)
    many = seconds([lambda: estimator.transform(X), lambda: run(X)], 5)
    return len(model) / 1000, np.abs(codes).max(), difference, one, many


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", choices=["mnist", "digits"], default="mnist")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = args.threads
    skae.onnx.register()

    X, height = load(args.data)
    print(f"{args.data}, {len(X):,} x {X.shape[1]}, 32 codes, float32, threads: {args.threads}\n")
    print(
        "                            model  largest     largest      one row (ms)   10,000 rows (s)"
    )
    print(
        "                             (kB)     code  difference     skae     ONNX     skae     ONNX"
    )
    for name, steps in {
        "MLP()": [MLP()],
        "StandardScaler(), MLP()": [StandardScaler(), MLP()],
        f"Conv((1, {height}, {height}))": [Conv((1, height, height))],
        f"Recurrent(({height}, {height}))": [Recurrent((height, height))],
    }.items():
        ae = AutoencoderTransformer(32, architecture=steps.pop(), max_epochs=1, tol=None)
        size, code, difference, one, many = measure(make_pipeline(*steps, ae), X, settings)
        print(
            f"{name:25}{size:8.0f}{code:9.1f}{difference:12.1e}",
            " ".join(f"{1000 * taken:8.2f}" for taken in one),
            " ".join(f"{taken:8.3f}" for taken in many),
        )
    taken = seconds([start_up("import skae"), start_up("import onnxruntime")], 3)
    print("\nstart with an import of: skae {:.2f} s, onnxruntime {:.2f} s".format(*taken))


if __name__ == "__main__":
    main()
