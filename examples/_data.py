"""Images for the examples: those that scikit-learn brings along, or MNIST and CIFAR-10.

With the environment variable ``SKAE_DATA`` the same examples run on real data, which the fetchers
of :mod:`skae.datasets` look for in the folder that it names, and else download to it.
"""

import os

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skae.datasets import fetch_cifar10, fetch_mnist

REAL = "SKAE_DATA" in os.environ


def load_grey(n_train=20_000):
    """Return X, X_test, y, y_test and the shape of an image: MNIST, or scikit-learn's digits."""
    if REAL:
        X, y = fetch_mnist(return_X_y=True)
        X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
        return *_announce("MNIST", X[:n_train], X_test, y[:n_train], y_test), (28, 28)
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    parts = train_test_split(X, y, test_size=1 / 3, random_state=0, stratify=y)
    return *_announce("scikit-learn's digits", *parts), (8, 8)


def load_colour(n_train=20_000):
    """Return X, X_test, y, y_test and the shape of an image: CIFAR-10, or coloured digits.

    Coloured digits are scikit-learn's, each at a random place of a larger image, in a random light
    colour on a dark one: as in photographs, neither place nor colour tells the class. Rows are
    channel first. Each of the training digits is there four times, in other colours and places;
    no test digit is among them.
    """
    if REAL:
        X, y = fetch_cifar10(return_X_y=True)
        X_test, y_test = fetch_cifar10(subset="test", return_X_y=True)
        return *_announce("CIFAR-10", X[:n_train], X_test, y[:n_train], y_test), (3, 32, 32)
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, test_size=1 / 3, random_state=0, stratify=y)
    rng = np.random.RandomState(0)
    X, X_test = (_paint(rows, rng) for rows in (np.tile(X, (4, 1)), X_test))
    return *_announce("coloured digits", X, X_test, np.tile(y, 4), y_test), (3, 12, 12)


def mosaic(rows, image_shape, n_columns):
    """Return one large image of many grey ones, framed and line by line, for ``imshow``."""
    images = np.pad(
        np.reshape(rows, (-1, *image_shape)), ((0, 0), (1, 1), (1, 1)), constant_values=0.15
    )
    lines = [np.hstack(images[i : i + n_columns]) for i in range(0, len(images), n_columns)]
    return np.vstack(lines)


def _paint(X, rng, side=12):
    """Return digits as colour images: somewhere on a larger sheet, light on dark."""
    ink = np.zeros((len(X), side, side))
    for sheet, row, (top, left) in zip(ink, X, rng.randint(side - 7, size=(len(X), 2))):
        sheet[top : top + 8, left : left + 8] = row.reshape(8, 8)
    dark, light = rng.uniform([0, 0.5], [0.5, 1], (len(X), 3, 1, 1, 2)).transpose(4, 0, 1, 2, 3)
    images = dark + (light - dark) * ink[:, np.newaxis]
    return images.reshape(len(X), -1).astype(np.float32)


def _announce(name, X, X_test, y, y_test):
    print(f"{name}: {len(X):,} images of {X.shape[1]:,} values, {len(X_test):,} held out")
    return X, X_test, y, y_test
