"""Measure the defaults: R² of held-out rows and downstream accuracy, both with PCA's.

    python benchmarks/bench_defaults.py [--held-out] [--downstream] [--mnist]

``--held-out`` prints R² of a held-out third of many tables, over three splits: PCA's, and the
differences of the default estimator and of a network without linear path, with the seconds of
each fit, and their means over the splits. With ``SKAE_DATA`` it includes images and ADBench, and
takes a quarter of an hour of one core.
``--downstream`` prints balanced accuracies of classifiers on the codes. ``--mnist`` compares
initial weights and takes five minutes. Without options, R² on training rows of six small tables.
"""

import argparse
import time
import warnings

import numpy as np
from _tables import GROUPS
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
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
    print("data                         codes  default             MLP()               Linear()")
    for name, (X, n_components) in cases.items():
        pca = PCA(n_components).fit(X).explained_variance_ratio_.sum()
        ranges = []
        for architecture in (None, MLP(), Linear()):
            gains = [
                AutoencoderTransformer(n_components, architecture=architecture, random_state=seed)
                .fit(X)
                .score(X)
                - pca
                for seed in range(3)
            ]
            ranges.append(f"{min(gains):+.4f} to {max(gains):+.4f}")
        print(f"{name:<27}  {n_components:>5}  {'  '.join(ranges)}", flush=True)


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


def timed_fit(estimator, X):
    """Return a fitted estimator and the seconds that it took."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of networks that end worse than the mean
        estimator.fit(X)
    return estimator, time.perf_counter() - start


def r2(estimator, X, mean):
    """Return R² of the reconstruction of rows, relative to a mean."""
    errors = X - estimator.inverse_transform(estimator.transform(X))
    return 1 - (errors**2).sum() / ((X - mean) ** 2).sum()


def n_worse_columns(estimator, X):
    """Return the number of columns that are reconstructed worse than by their mean."""
    errors = ((X - estimator.inverse_transform(estimator.transform(X))) ** 2).sum(axis=0)
    spread = ((X - X.mean(axis=0)) ** 2).sum(axis=0)
    return int((errors > spread * (1 + 1e-6) + 1e-18 * (X**2).sum(axis=0)).sum())


def held_out(groups, splits):
    """Print R² of held-out rows for all tables of some groups."""
    print(f"{'table':<26}{'codes':>6}{'split':>6}{'PCA':>8}{'default':>9}{'MLP()':>9}"
          f"{'s PCA':>8}{'s default':>10}{'s MLP()':>9}  worse columns")  # fmt: skip
    lines = []
    for group in groups:
        for name, (load, widths) in GROUPS[group]().items():
            X = load()
            for n_components in widths:
                if n_components < X.shape[1]:
                    for split in splits:
                        lines.append(held_out_line(name, X, n_components, split))
    means(lines)
    gains, plain, seconds = (np.array(column) for column in list(zip(*lines))[3:])
    is_gain = plain > 0.02
    print(
        f"\n{len(lines)} lines: mean difference to PCA {gains.mean():+.4f} (MLP() "
        f"{np.maximum(plain, -1).mean():+.4f}, each at least -1), smallest {gains.min():+.4f}, "
        f"{(gains < -0.005).sum()} below -0.005; of {is_gain.sum()} lines on which MLP() gains "
        f"more than 0.02, {(gains < plain - 0.01)[is_gain].sum()} are more than 0.01 behind it; "
        f"seconds {seconds[:, 0].sum():.1f} (PCA), {seconds[:, 1].sum():.1f}, "
        f"{seconds[:, 2].sum():.1f} (MLP()); on {(seconds[:, 1] > 2 * seconds[:, 2]).sum()} lines "
        "more than twice the time of MLP()"
    )


def means(lines):
    """Print means over the splits, marked where the line of a split is."""
    print(f"\n{'means over splits':<26}{'codes':>6}{'PCA':>8}{'default':>9}{'MLP()':>9}"
          f"{'s PCA':>8}{'s default':>10}{'s MLP()':>9}")  # fmt: skip
    for name, n_components in dict.fromkeys(line[:2] for line in lines):
        some = [line[2:] for line in lines if line[:2] == (name, n_components)]
        pca, default, plain, seconds = (np.mean(column, axis=0) for column in zip(*some))
        mark = "*" if any(is_behind(*line[1:3]) for line in some) else " "
        print(f"{name:<26}{n_components:>6}{pca:>8.3f}{default:>+9.3f}{plain:>+9.3f}"
              f"{seconds[0]:>8.2f}{seconds[1]:>10.2f}{seconds[2]:>9.2f} {mark}")  # fmt: skip


def is_behind(default, plain):
    """Return whether the default is worse than PCA, or than a network that gains by itself."""
    return default < -0.005 or (plain > 0.02 and default < plain - 0.01)


def held_out_line(name, X, n_components, split):
    """Print a line and return it: table, codes, PCA's R², differences to it, and seconds."""
    X, X_test = train_test_split(X, test_size=1 / 3, random_state=split)
    estimators = [
        PCA(min(n_components, *X.shape)),
        AutoencoderTransformer(n_components, random_state=split),
        AutoencoderTransformer(n_components, architecture=MLP(), random_state=split),
    ]
    estimators, seconds = zip(*(timed_fit(estimator, X) for estimator in estimators))
    scores = [r2(estimator, X_test, X.mean(axis=0)) for estimator in estimators]
    default, plain = scores[1] - scores[0], scores[2] - scores[0]
    mark = "*" if is_behind(default, plain) else " "
    print(f"{name:<26}{n_components:>6}{split:>6}{scores[0]:>8.3f}{default:>+9.3f}{plain:>+9.3f}"
          f"{seconds[0]:>8.2f}{seconds[1]:>10.2f}{seconds[2]:>9.2f}"
          f"{n_worse_columns(estimators[1], X):>5}{mark}", flush=True)  # fmt: skip
    return name, n_components, scores[0], default, plain, seconds


def downstream():
    """Print balanced accuracies of classifiers on the codes of the default and of PCA."""
    from sklearn.datasets import load_iris, make_blobs, make_classification

    tables = {
        "wine": load_wine(return_X_y=True),
        "breast cancer": load_breast_cancer(return_X_y=True),
        "iris": load_iris(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "classification": make_classification(
            1000, 20, n_informative=8, n_classes=3, random_state=0
        ),
        "blobs": make_blobs(800, 10, centers=6, cluster_std=3, random_state=0),
        **labelled_adbench(),
    }
    heads = {"logistic regression": LogisticRegression(), "5 neighbours": KNeighborsClassifier(5)}
    print(f"{'table':<22}{'codes':>6}" + "".join(f"{name:>34}" for name in heads))
    differences = []
    for name, (X, y) in tables.items():
        for n_components in (2, 8):
            if n_components >= X.shape[1]:
                continue
            line, found = f"{name:<22}{n_components:>6}", []
            for head in heads.values():
                accuracies = []
                for reducer in (
                    PCA(n_components),
                    AutoencoderTransformer(n_components, random_state=0),
                ):
                    pipe = make_pipeline(StandardScaler(), reducer, StandardScaler(), head)
                    cv = StratifiedKFold(5, shuffle=True, random_state=0)
                    scores = cross_val_score(pipe, X, y, cv=cv, scoring="balanced_accuracy")
                    accuracies.append(scores.mean())
                found.append(accuracies[1] - accuracies[0])
                line += f"{f'PCA {accuracies[0]:.3f}, difference {found[-1]:+.3f}':>34}"
            differences.append(found)
            print(line, flush=True)
    differences = np.array(differences)
    print("mean differences", *(f"{value:+.4f}" for value in differences.mean(axis=0)),
          "below -0.03:", *(differences < -0.03).sum(axis=0), "of", len(differences))  # fmt: skip


def labelled_adbench():
    """Return some tables of ADBench with outliers as a class, where ``SKAE_DATA`` has them."""
    names = ("Cardiotocography", "landsat", "optdigits", "yeast", "Pima", "satellite")
    names += ("PageBlocks", "Waveform")
    tables = {}
    for stem, (load, _) in GROUPS["adbench"]().items():
        name = stem.partition("_")[2]
        if name in names:
            archive = np.load(load.args[0])
            rows = np.random.RandomState(0).permutation(len(archive["y"]))[:2000]  # may be sorted
            tables[name] = archive["X"][rows].astype(np.float64), archive["y"][rows].astype(int)
    return tables


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", action="store_true", help="initial weights instead")
    parser.add_argument("--held-out", action="store_true", help="held-out rows of many tables")
    parser.add_argument("--downstream", action="store_true", help="classifiers on the codes")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2])
    arguments = parser.parse_args()
    if arguments.held_out:
        held_out(arguments.groups, arguments.splits)
    elif arguments.downstream:
        downstream()
    elif arguments.mnist:
        initial_weights()
    else:
        beside_pca()
