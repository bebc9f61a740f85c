"""Measure the defaults: R² beside PCA's on small data, initial weights on MNIST.

``python benchmarks/bench_defaults.py`` takes a minute; ``--mnist`` reads MNIST and takes five.
"""

import argparse

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.architectures import MLP, Linear
from skae.datasets import fetch_mnist


def beside_pca():
    """Print R² minus PCA's, smallest and largest of three seeds."""
    standardize = StandardScaler().fit_transform
    cases = {
        "digits": (load_digits().data, 8),
        "wine, standardized": (standardize(load_wine().data), 3),
        "breast cancer, standardized": (standardize(load_breast_cancer().data), 5),
        "diabetes": (load_diabetes().data, 3),
        "wine, unscaled": (load_wine().data, 2),
        "breast cancer, unscaled": (load_breast_cancer().data, 2),
    }
    print("data                         codes  default             Linear()")
    for name, (X, n_components) in cases.items():
        pca = PCA(n_components).fit(X).explained_variance_ratio_.sum()
        ranges = []
        for architecture in (None, Linear()):
            gains = [
                AutoencoderTransformer(n_components, architecture=architecture, random_state=seed)
                .fit(X)
                .score(X)
                - pca
                for seed in range(3)
            ]
            ranges.append(f"{min(gains):+.4f} to {max(gains):+.4f}")
        print(f"{name:<27}  {n_components:>5}  {ranges[0]}  {ranges[1]}", flush=True)


def initial_weights():
    """Print the error after 1,000 steps on MNIST, smallest and largest of ten seeds."""
    X = 2 * fetch_mnist().data[:40_000] - 1
    print("initial weights     2 codes         32 codes")
    for weight_init in ("auto", "xavier_uniform", "kaiming_uniform"):
        ranges = []
        for n_components in (2, 32):
            losses = []
            for seed in range(10):
                ae = AutoencoderTransformer(
                    n_components,
                    architecture=MLP(output_activation="tanh", weight_init=weight_init),
                    batch_size=40,
                    random_state=seed,
                )
                ae.partial_fit(X[:38_000]).partial_fit(X[38_000:])  # 950 steps, then 50
                losses.append(ae.loss_curve_[-1])
            ranges.append(f"{np.min(losses):.3f} to {np.max(losses):.3f}")
        print(f"{weight_init:<18}  {ranges[0]}  {ranges[1]}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", action="store_true", help="initial weights instead")
    initial_weights() if parser.parse_args().mnist else beside_pca()
