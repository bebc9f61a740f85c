"""How good samples are, by the density that codes are drawn from.

    python benchmarks/bench_generation.py [--data mnist|digits] [--n-samples 1000]

Two measures that need no eye, beside their values for images held out and for the reconstructions
of these, which the best of samples would equal:

- near: mean distance to the nearest training image, by that of the held-out images. Blur
  lowers it too: blurred images are near to many.
- sure: mean confidence of a classifier, trained on the training images, in the class it names.

Neither sees that samples lack variety; the third one does:

- cover: mean distance from the held-out images to the nearest sample, by that to the nearest of
  as many training images. Large where some kinds of images are never drawn; 0 for the held-out
  images themselves.

MNIST (10,000 images to train on) comes from SKAE_DATA or is downloaded.
"""

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from sklearn.neural_network import MLPClassifier

from skae import AutoencoderTransformer
from skae.architectures import MLP
from skae.datasets import fetch_mnist
from skae.generation import sample

DENSITIES = {
    "uniform": "uniform",
    "gaussian": "gaussian",
    "kde": "kde",
    "GaussianMixture(10)": GaussianMixture(10, reg_covar=1e-3),
    "GaussianMixture(50)": GaussianMixture(50, reg_covar=1e-3),
}


def load(name, n_samples):
    """Return training and held-out images in [0, 1], and the training labels."""
    if name == "mnist":
        X, y = fetch_mnist(return_X_y=True)
        return X[:10_000], fetch_mnist(subset="test").data[:n_samples], y[:10_000]
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    X, X_test, y, _ = train_test_split(X, y, test_size=1 / 3, random_state=0, stratify=y)
    return X, X_test[:n_samples], y


def distance(rows, to):
    """Return the mean distance from rows to the nearest of others."""
    return NearestNeighbors(n_neighbors=1).fit(to).kneighbors(rows)[0].mean()


class Judge:
    """Measure images against real ones."""

    def __init__(self, X, X_test, y):
        self.X, self.X_test = X, X_test
        self.classifier = MLPClassifier(
            learning_rate_init=3e-3, early_stopping=True, random_state=0
        ).fit(X, y)
        self.near = distance(X_test, to=X)
        self.cover = distance(X_test, to=X[: len(X_test)])

    def print(self, name, images):
        """Print one line of the table."""
        near = distance(images, to=self.X) / self.near
        sure = self.classifier.predict_proba(images).max(axis=1).mean()
        cover = distance(self.X_test, to=images) / self.cover
        print(f"{name:<28} {near:6.2f} {sure:6.3f} {cover:6.2f}", flush=True)


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=("mnist", "digits"), default="mnist")
    parser.add_argument("--n-samples", type=int, default=1000)
    arguments = parser.parse_args()
    X, X_test, y = load(arguments.data, arguments.n_samples)
    start, judge = time.perf_counter(), Judge(X, X_test, y)
    print(f"{arguments.data}, {len(X)} training images, {len(X_test)} held out\n")
    print(f"{'':<28} {'near':>6} {'sure':>6} {'cover':>6}")
    judge.print("held-out images", X_test)
    for n_components in (2, 32):
        ae = AutoencoderTransformer(n_components, architecture=MLP(), random_state=0).fit(X)
        print(f"{n_components} codes, R² {ae.score(X_test):.3f} on held-out images")
        judge.print("  their reconstructions", ae.reconstruct(X_test))
        for name, density in DENSITIES.items():
            images = sample(ae, X, len(X_test), density=density, random_state=0)
            judge.print(f"  {name}", images)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
