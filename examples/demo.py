"""Autoencoders compared with PCA on real images: the table and the picture of the README.

Run it with ``make demo``, with ``make demo DATA=mnist``, or as
``python examples/demo.py --data mnist``.
"""

# %%
# What we need. Everything but skae is scikit-learn and matplotlib.

import argparse
import sys
import time

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from skae import AutoencoderTransformer
from skae.architectures import Linear
from skae.datasets import fetch_mnist

matplotlib.use("agg")
from matplotlib import pyplot as plt

WIDTHS = (2, 8, 32)


def load(name):
    """Return training and test images in [0, 1], and their labels."""
    if name == "mnist":
        (X, y), (X_test, y_test) = (
            fetch_mnist(subset=s, return_X_y=True) for s in ("train", "test")
        )
        return X, X_test, y, y_test
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    return train_test_split(X, y, test_size=1 / 3, random_state=0, stratify=y)


# %%
# Three ways to squeeze an image into a few numbers. All have ``fit``, ``transform`` and
# ``inverse_transform``, so one function measures them all.


def candidates(n_components, verbose):
    """Return PCA, a linear autoencoder and the default autoencoder of one width."""
    return {
        "PCA": PCA(n_components, random_state=0),
        "linear autoencoder": AutoencoderTransformer(
            n_components, architecture=Linear(), random_state=0, verbose=verbose
        ),
        "autoencoder": AutoencoderTransformer(n_components, random_state=0, verbose=verbose),
    }


def measure(reducer, X, X_test, y, y_test):
    """Fit a reducer; return R² on held-out rows, two accuracies on its codes, and seconds."""
    start = time.perf_counter()
    reducer.fit(X)
    seconds = time.perf_counter() - start
    left = X_test - reducer.inverse_transform(reducer.transform(X_test))
    r2 = 1 - np.sum(left**2) / np.sum((X_test - X.mean(axis=0)) ** 2)
    accuracies = []
    for classifier in (KNeighborsClassifier(1), LogisticRegression(max_iter=5000)):
        pipe = Pipeline([("codes", FrozenEstimator(reducer)), ("classifier", classifier)])
        accuracies.append(pipe.fit(X, y).score(X_test, y_test))
    return r2, *accuracies, seconds


def compare(X, X_test, y, y_test):
    """Print the table; return the fitted reducers by name and width."""
    header = f"{'codes':>5}  {'':<18}  {'R²':>6}  {'1-NN':>6}  {'logistic':>8}  {'fit (s)':>7}"
    print(f"{header}\n{'-' * len(header)}")
    fitted = {}
    for n_components in WIDTHS:
        for name, reducer in candidates(n_components, verbose=sys.stderr.isatty()).items():
            r2, nearest, logistic, seconds = measure(reducer, X, X_test, y, y_test)
            print(
                f"{n_components:>5}  {name:<18}  {r2:6.3f}  {nearest:6.3f}  {logistic:8.3f}  "
                f"{seconds:7.2f}",
                flush=True,
            )
            fitted[name, n_components] = reducer
    print("R² of the reconstruction and accuracies on held-out images; the mean image has R² 0.\n")
    return fitted


# %%
# An autoencoder is one more step of a pipeline, and its parameters can be searched.


def search(X, X_test, y, y_test):
    """Print the result of a grid search over the number of codes."""
    X, y = X[:10_000], y[:10_000]
    pipe = Pipeline(
        [
            ("ae", AutoencoderTransformer(random_state=0)),
            ("classifier", LogisticRegression(max_iter=5000)),
        ]
    )
    start = time.perf_counter()
    grid = GridSearchCV(pipe, {"ae__n_components": WIDTHS}, cv=3, n_jobs=2).fit(X, y)
    seconds = time.perf_counter() - start
    print(f"GridSearchCV over ae__n_components, 3 folds of {len(X):,} images, n_jobs=2:")
    for width, score in zip(WIDTHS, grid.cv_results_["mean_test_score"]):
        print(f"  {width:>2} codes: accuracy {score:.3f}")
    print(
        f"  best: {grid.best_params_['ae__n_components']}, accuracy on held-out images "
        f"{grid.score(X_test, y_test):.3f}, {seconds:.1f} s\n"
    )


# %%
# What it looks like: how training went, the plane of two codes, and what eight codes keep.


def draw(fitted, X_test, y_test, path):
    """Write the picture."""
    figure = plt.figure(figsize=(11, 6.4), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(3, 2))
    losses, *planes = top.subplots(1, 3)
    for n_components in WIDTHS:
        curve = fitted["autoencoder", n_components].loss_curve_
        losses.plot(np.linspace(0, 1, len(curve)), curve, label=f"{n_components} codes")
    losses.set(
        yscale="log", xlabel="share of training", ylabel="mean squared error", title="loss curves"
    )
    losses.legend(loc="right", bbox_to_anchor=(1, 0.36))
    for axes, name in zip(planes, ("PCA", "autoencoder")):
        codes = fitted[name, 2].transform(X_test[:2000])
        points = axes.scatter(*codes.T, c=y_test[:2000], cmap="tab10", s=6, vmin=-0.5, vmax=9.5)
        axes.set(title=f"2 codes of {name}", xlabel="code 0", ylabel="code 1")
    top.colorbar(points, ax=planes[1], ticks=range(10), label="digit")

    side = int(X_test.shape[1] ** 0.5)
    shown = X_test[[np.flatnonzero(y_test == digit)[0] for digit in range(10)]]
    rows = {"original": shown}
    for name in ("PCA", "autoencoder"):
        reducer = fitted[name, 8]
        rows[f"{name}, 8 codes"] = reducer.inverse_transform(reducer.transform(shown))
    grid = bottom.subplots(len(rows), 10)
    for (label, images), line in zip(rows.items(), grid):
        for image, axes in zip(images, line):
            axes.imshow(image.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
        line[0].set_ylabel(label, rotation=0, ha="right", va="center")
    figure.savefig(path, dpi=100)
    plt.close(figure)
    print(f"picture: {path}")


def main():
    """Run the demo."""
    parser = argparse.ArgumentParser(description="Autoencoders compared with PCA on real images.")
    parser.add_argument("--data", choices=("digits", "mnist"), default="digits")
    parser.add_argument("--picture", help="where to write the picture (skae-demo-DATA.png)")
    arguments = parser.parse_args()
    X, X_test, y, y_test = load(arguments.data)
    print(f"{arguments.data}: {len(X):,} images of {X.shape[1]} pixels, {len(X_test):,} held out\n")
    fitted = compare(X, X_test, y, y_test)
    search(X, X_test, y, y_test)
    draw(fitted, X_test, y_test, arguments.picture or f"skae-demo-{arguments.data}.png")


if __name__ == "__main__":
    main()
