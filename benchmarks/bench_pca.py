"""Compare a linear autoencoder with PCA: R², angles, components, scores, seconds.

``python benchmarks/bench_pca.py`` takes half a minute, ``--mnist`` reads MNIST and takes two;
``--bent-plane`` shows what the rotation does, ``--tables`` prints the tables of the guide page.
"""

import argparse
import time

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.architectures import MLP, Linear
from skae.datasets import fetch_mnist, make_bent_plane
from skae.inspection import bottleneck_curve, compare_with_pca, latent_report

N_SEEDS = 3

SETTINGS = {
    "lbfgs": {"optimizer": "lbfgs"},
    "lbfgs, tied weights": {"optimizer": "lbfgs", "architecture": Linear(tied_weights=True)},
    "default": {},
    "default, tied weights": {"architecture": Linear(tied_weights=True)},
}


def beside_pca(name, X, n_components, settings):
    """Print the worst of a few seeds for each way to train."""
    pca = PCA(n_components, svd_solver="full").fit(X)
    r2, scores = pca.explained_variance_ratio_.sum(), pca.transform(X)
    print(f"{name}, {len(X):,} x {X.shape[1]} {X.dtype}, {n_components} codes; R² of PCA {r2:.6f}")
    print(f"  {'':<22}  {'R² - PCA':>9}  {'angle':>7}  {'components':>10}  {'codes':>7}  seconds")
    for label, params in settings.items():
        worst = np.zeros(5)
        for seed in range(N_SEEDS):
            ae = AutoencoderTransformer(n_components, architecture=Linear(), random_state=seed)
            start = time.perf_counter()
            ae.set_params(**params).fit(X)
            seconds = time.perf_counter() - start
            angles = subspace_angles(ae.components_.T, pca.components_.T)
            numbers = [
                abs(ae.score(X) - r2),
                np.degrees(angles.max()),
                np.abs(ae.components_ - pca.components_).max(),
                np.abs(ae.transform(X) - scores).max() / scores.std(),
                seconds,
            ]
            worst = np.maximum(worst, numbers)
        cells = "  ".join(
            f"{number:>{width}.{digits}}"
            for number, width, digits in zip(worst, (9, 7, 10, 7), ("1e", "4f", "1e", "1e"))
        )
        print(f"  {label:<22}  {cells}  {worst[4]:7.2f}", flush=True)
    print()


def small_data():
    """Print the table for digits and wine."""
    print(
        f"worst of {N_SEEDS} seeds; angle: largest principal angle in degrees; components and\n"
        "codes: largest difference of one element, no sign changed, codes by PCA's deviation\n"
    )
    wine = StandardScaler().fit_transform(load_wine().data)
    beside_pca("digits", load_digits().data, 8, SETTINGS)
    beside_pca("wine, standardized", wine, 3, SETTINGS)


def mnist():
    """Print the table for MNIST: all of it with the defaults, 2,000 images with L-BFGS."""
    X = fetch_mnist().data
    defaults = {name: SETTINGS[name] for name in ("default", "default, tied weights")}
    beside_pca("MNIST", X, 8, defaults)
    lbfgs = {name: SETTINGS[name] for name in ("lbfgs", "lbfgs, tied weights")}
    beside_pca("MNIST, first 2,000", X[:2000].astype(np.float64), 8, lbfgs)


def bent_plane():
    """Print how codes correlate with PCA's scores, with the rotation and without."""
    X, _ = make_bent_plane(random_state=0)
    scores = PCA(2).fit_transform(X)
    print("bent plane: correlation of codes (rows) with PCA's scores (columns); variances")
    for label, architecture in (("Linear()", Linear()), ("MLP(()), not rotated", MLP(()))):
        ae = AutoencoderTransformer(2, architecture=architecture, random_state=0).fit(X)
        codes = ae.transform(X)
        print(f"  {label}, R² {ae.score(X):.4f}")
        for row, code in zip(np.corrcoef(codes.T, scores.T)[:2, 2:], codes.T):
            print(f"    {row[0]:+.3f}  {row[1]:+.3f}    {code.var():.3f}")
    print(f"  PCA, R² {PCA(2).fit(X).explained_variance_ratio_.sum():.4f}")
    print(f"    variances {scores.var(axis=0).round(3)}")


def tables():
    """Print the comparison, the curve and the report of the guide page."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    ae = AutoencoderTransformer(8, random_state=0)
    print(compare_with_pca(ae, X_train, y_train, X_test, y_test, random_state=0), "\n")
    folds = KFold(5, shuffle=True, random_state=0)
    print(bottleneck_curve(ae, X, [1, 2, 4, 8, 16, 32], cv=folds, n_jobs=2), "\n")
    relu = MLP(latent_activation="relu")
    print(latent_report(ae.set_params(architecture=relu).fit(X), X))


def ordered():
    """Print held-out R² by width: a fit for each width, and ordered codes from one fit."""
    digits, mnist = load_digits().data.astype(np.float32), fetch_mnist
    X, X_test = train_test_split(digits, random_state=0)
    sets = {
        "digits": (X, X_test),
        "MNIST": (mnist().data, mnist(subset="test").data),
    }
    for name, (X, X_test) in sets.items():
        widths = (1, 2, 4, 8, 16, 32)
        pca = PCA(32).fit(X)
        print(f"{name}, held-out R²\n{'codes':<24}", *(f"{k:>6}" for k in widths), "  seconds")
        rows = {"PCA": [_r2_of_first(pca, X_test, k) for k in widths]}
        start = time.perf_counter()
        rows["a fit for each"] = [
            AutoencoderTransformer(k, architecture=MLP(), random_state=0).fit(X).score(X_test)
            for k in widths
        ]
        seconds = {"a fit for each": time.perf_counter() - start}
        wide = MLP((256, 256))
        for label, params in {
            "ordered": {},
            "ordered, MLP((256, 256))": {"architecture": wide},
            "not ordered": {"latent": "euclidean"},
        }.items():
            start = time.perf_counter()
            defaults = {"latent": "ordered", "architecture": MLP(), "random_state": 0}
            params = {**defaults, **params}
            ae = AutoencoderTransformer(32, **params).fit(X)
            seconds[label] = time.perf_counter() - start
            rows[label] = [_r2_of_first(ae, X_test, k) for k in widths]
        for label, scores in rows.items():
            cells = " ".join(f"{score:6.3f}" for score in scores)
            print(f"{label:<24} {cells}  {seconds.get(label, np.nan):8.1f}", flush=True)
        print()


def _r2_of_first(estimator, X, k):
    """Return R² with the first k codes, the others set to 0."""
    codes = estimator.transform(X)
    codes[:, k:] = 0
    error = np.square(estimator.inverse_transform(codes) - X).sum()
    return 1 - error / np.square(X - estimator.mean_).sum()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = {"mnist": mnist, "bent-plane": bent_plane, "tables": tables, "ordered": ordered}
    group = parser.add_mutually_exclusive_group()
    for part in parts:
        group.add_argument(f"--{part}", dest="part", action="store_const", const=part)
    parts.get(parser.parse_args().part, small_data)()
