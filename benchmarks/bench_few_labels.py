"""What an encoder that was trained without labels is worth where labels are few.

    python benchmarks/bench_few_labels.py --case classic|codes [--n-seeds 5]

Images are those of MNIST, from SKAE_DATA or downloaded; accuracies are on its 10,000 test
images, in percent, as mean and standard deviation over seeds or draws of the labels.

``classic``
    Images in [-1, 1]. An autoencoder 784-256-32-256-784 with ReLU, also on its codes, and tanh at
    its output takes 1,000 steps of Adam (rate 3e-3, batches of 40) on the 60,000 training
    images, without labels. Then a linear classifier behind its encoder takes 1,000 steps on the first
    100 training images: with fresh weights, with the encoder frozen, and with all of it trained.
``codes``
    The nearest neighbour of each test image among ten labelled images of each class, by
    pixels, by PCA's scores and by the codes of an autoencoder 784-256-128 with
    sigmoids. Neighbours on codes are as good as distances between codes are.
"""

import argparse
import time

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP
from skae.datasets import fetch_mnist


def load():
    """Return training and test images in [0, 1], each with labels."""
    X, y = fetch_mnist(return_X_y=True)
    X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
    return X, y, X_test, y_test


def show(name, scores):
    """Print one line of a table."""
    spread = np.std(scores, ddof=1) if len(scores) > 1 else np.nan
    all_scores = " ".join(f"{100 * score:.1f}" for score in scores)
    print(
        f"{name:<34} {100 * np.mean(scores):5.1f} ± {100 * spread:3.1f}   {all_scores}", flush=True
    )


def draw(y, n_labels, n_draws):
    """Return index arrays of labelled rows, as many of each class."""
    split = StratifiedShuffleSplit(n_draws, train_size=n_labels, random_state=0)
    return [rows for rows, _ in split.split(y, y)]


def classic(X, y, X_test, y_test, n_seeds):
    """Compare the three strategies with the first 100 labels."""
    X, X_test = 2 * X - 1, 2 * X_test - 1
    scores = {"scratch": [], "frozen": [], "finetune": []}
    for seed in range(n_seeds):
        order = np.random.RandomState(seed).permutation(len(X))
        ae = AutoencoderTransformer(
            32,
            architecture=MLP((256,), latent_activation="relu", output_activation="tanh"),
            batch_size=40,
            random_state=seed,
        )
        ae.partial_fit(X[order[:40_000]])  # one pass is 1,000 steps
        for strategy, found in scores.items():
            clf = PretrainedEncoderClassifier(
                FrozenEstimator(ae),
                strategy=strategy,
                lr=LR,
                batch_size=BATCH,
                max_epochs=1000 // -(-100 // BATCH),
                tol=None,
                random_state=seed,
            )
            found.append(clf.fit(X[:100], y[:100]).score(X_test, y_test))
    for strategy, found in scores.items():
        show(strategy, found)


LR, BATCH = 3e-3, 50


def codes(X, y, X_test, y_test, n_draws):
    """Compare nearest neighbours on pixels, PCA's scores and codes."""
    ae = AutoencoderTransformer(
        128,
        architecture=MLP((256,), "sigmoid", latent_activation="sigmoid"),
        loss="bce",
        random_state=0,
    )
    maps = {
        "pixels": FunctionTransformer(),
        "PCA, 128 components": PCA(128, svd_solver="covariance_eigh"),
        "autoencoder 784-256-128, sigmoid": ae,
    }
    draws = draw(y, 100, n_draws)
    for name, transformer in maps.items():
        Z = clone(transformer).fit_transform(X)
        Z_test = transformer.fit(X).transform(X_test)
        scores = [
            KNeighborsClassifier(1).fit(Z[rows], y[rows]).score(Z_test, y_test) for rows in draws
        ]
        show(name, scores)


def main():
    """Run the benchmark."""
    cases = {"classic": (classic, 5), "codes": (codes, 10)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=cases, default="classic")
    parser.add_argument("--n-seeds", type=int, help="seeds, or draws of the labels")
    arguments = parser.parse_args()
    run, n_seeds = cases[arguments.case]
    data, start = load(), time.perf_counter()
    run(*data, arguments.n_seeds or n_seeds)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
