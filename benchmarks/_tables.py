"""Tables for benchmarks of the default: name -> (function that returns X, widths).

Those of scikit-learn and generated ones, and with ``SKAE_DATA`` images and the tables of ADBench.
"""

import os
from functools import partial
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

#: Most rows that are taken of a table.
MOST_ROWS = 3000


def standardize(X):
    """Return standardized columns; constant ones are 0."""
    return StandardScaler().fit_transform(X)


def low_rank(n_rows, n_columns, rank, noise, seed=0):
    """Return rows of a few factors, plus noise."""
    rng = np.random.RandomState(seed)
    rows = rng.randn(n_rows, rank) @ rng.randn(rank, n_columns)
    return rows + noise * rng.randn(n_rows, n_columns)


def one_hot(n_rows, n_categories, n_variables=1, seed=0):
    """Return one-hot columns of categories that depend on three factors."""
    rng = np.random.RandomState(seed)
    if n_variables == 1:
        return np.eye(n_categories)[rng.randint(n_categories, size=n_rows)]
    factors, edges = rng.randn(n_rows, 3), np.linspace(-2, 2, n_categories - 1)
    values = [factors @ rng.randn(3) + 0.3 * rng.randn(n_rows) for _ in range(n_variables)]
    return np.hstack([np.eye(n_categories)[np.digitize(value, edges)] for value in values])


def counts(n_rows=1000, n_columns=100, seed=0):
    """Return Poisson counts whose logarithm of the rate has four factors."""
    rng = np.random.RandomState(seed)
    rate = 0.45 * rng.randn(n_rows, 4) @ rng.randn(4, n_columns)
    return rng.poisson(np.exp(rate)).astype(float)


def windows(n_steps=50, seed=0):
    """Return windows of a signal with two periods."""
    rng, t = np.random.RandomState(seed), np.arange(3000)
    signal = np.sin(2 * np.pi * t / 37) + 0.5 * np.sin(2 * np.pi * t / 11.3)
    signal += 0.1 * rng.randn(len(t))
    return np.lib.stride_tricks.sliding_window_view(signal, n_steps)[::2].copy()


def sines(n_rows=1000, n_steps=50, seed=0):
    """Return sines of random frequency and phase."""
    rng, t = np.random.RandomState(seed), np.linspace(0, 1, n_steps)
    frequency, phase = rng.uniform(0.5, 3, (n_rows, 1)), rng.uniform(0, 2 * np.pi, (n_rows, 1))
    return np.sin(2 * np.pi * frequency * t + phase) + 0.05 * rng.randn(n_rows, n_steps)


def with_outlier():
    """Return rows of which one has a value of 1e7."""
    X = low_rank(1000, 20, 8, 0.5)
    X[17, 3] = 1e7
    return X


def bundled():
    """Return the tables of scikit-learn, raw and standardized."""
    tables = {
        "wine": (datasets.load_wine, (2, 6, 8)),
        "iris": (datasets.load_iris, (1, 2)),
        "breast cancer": (datasets.load_breast_cancer, (2, 8)),
        "diabetes": (datasets.load_diabetes, (2, 6)),
        "digits": (datasets.load_digits, (2, 8, 16, 32)),
    }
    found = {}
    for name, (load, widths) in tables.items():
        found[name] = (lambda load=load: load().data, widths)
        found[f"{name}, std"] = (lambda load=load: standardize(load().data), widths)
    return found


def generated():
    """Return generated tables."""
    rng = np.random.RandomState
    return {
        "60 x 2,000, rank 10": (partial(low_rank, 60, 2000, 10, 1.0), (8,)),
        "500 x 200, rank 8": (partial(low_rank, 500, 200, 8, 0.5), (8,)),
        "80 x 10, rank 3": (partial(low_rank, 80, 10, 3, 0.5), (2,)),
        "25 x 5, rank 2": (partial(low_rank, 25, 5, 2, 0.5), (2,)),
        "normal 1,000 x 30": (lambda: rng(0).randn(1000, 30), (15,)),
        "Poisson 1,000 x 100": (counts, (8, 32)),
        "one-hot 1,500 x 60": (partial(one_hot, 1500, 60), (2,)),
        "10 one-hot of 8": (partial(one_hot, 2000, 8, 10), (2, 8)),
        "windows of 50 steps": (windows, (2, 8)),
        "sines": (sines, (2, 8)),
        "friedman1 20 columns": (
            lambda: datasets.make_friedman1(1000, 20, random_state=0)[0],
            (8,),
        ),
        "classification 800 x 40": (
            lambda: datasets.make_classification(800, 40, n_informative=10, random_state=0)[0],
            (8,),
        ),
        "Student t, 1,000 x 20": (lambda: rng(0).standard_t(3, (1000, 20)), (8,)),
        "log-normal 2,000 x 42": (lambda: np.exp(2 * rng(0).randn(2000, 42)), (8,)),
        "one value of 1e7": (with_outlier, (8,)),
        "Swiss roll": (lambda: datasets.make_swiss_roll(1500, random_state=0)[0], (1, 2)),
        "S curve": (lambda: datasets.make_s_curve(1000, random_state=0)[0], (1, 2)),
        "blobs 1,000 x 10": (
            lambda: datasets.make_blobs(1000, 10, centers=8, random_state=0)[0],
            (1, 2, 5),
        ),
        "moons": (lambda: datasets.make_moons(500, noise=0.05, random_state=0)[0], (1,)),
    }


def images():
    """Return images, where ``SKAE_DATA`` has them."""
    if not os.environ.get("SKAE_DATA"):
        return {}
    from skae.datasets import fetch_cifar10, fetch_fashion_mnist, fetch_mnist

    def first(fetch, n_rows):
        return fetch().data[:n_rows].reshape(n_rows, -1).astype(np.float64)

    return {
        "MNIST, 5,000": (partial(first, fetch_mnist, 5000), (32, 128)),
        "Fashion-MNIST, 3,000": (partial(first, fetch_fashion_mnist, 3000), (2, 16)),
        "CIFAR-10, 3,000": (partial(first, fetch_cifar10, 3000), (32, 128)),
    }


def adbench():
    """Return the tables of ADBench, where ``SKAE_DATA`` has them."""
    folder = Path(os.environ.get("SKAE_DATA", ""), "adbench")
    if not os.environ.get("SKAE_DATA") or not folder.is_dir():
        return {}

    def load(path):
        X = np.load(path)["X"].astype(np.float64)
        some = np.sort(np.random.RandomState(0).permutation(len(X))[:MOST_ROWS])
        return X[some]

    return {path.stem: (partial(load, path), (2, 5)) for path in sorted(folder.glob("*.npz"))}


#: Groups of tables by name.
GROUPS = {"bundled": bundled, "generated": generated, "images": images, "adbench": adbench}
