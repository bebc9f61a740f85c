"""What an encoder that was trained without labels is worth where labels are few.

    python benchmarks/bench_few_labels.py --case best [--n-seeds 5]

Cases are "curve", "leakage", "classic", "codes", "best" and "penalties". Accuracies are in
percent, as mean and standard deviation over seeds or draws of the labels. "curve" and "leakage"
take scikit-learn's digits, two thirds to train on; the others MNIST, from SKAE_DATA or
downloaded, and its 10,000 test images.

``curve``
    The strategies by number of labels, with an encoder that has seen the training digits: the
    default one, one without linear path, one that was trained on digits with half of the pixels
    masked, and PCA.
``leakage``
    20 rows with labels, 40 more to pretrain on, and 40 to test on: an encoder that has seen the
    test rows, without their labels, beside one that has not.
``classic``
    Images in [-1, 1]. An autoencoder 784-256-32-256-784 with ReLU, also on its codes, and tanh at
    its output takes 1,000 steps of Adam (rate 3e-3, batches of 40) on the 60,000 training
    images, without labels. Then a linear head behind its encoder takes 1,000 steps (batches of
    50) on the first 100 training images: with fresh weights (rate 1e-3), with the encoder
    frozen (1e-3), and with both trained (3e-3, and 1e-4 for the encoder).
``codes``
    The nearest neighbour of each test image among ten labelled images of each class, by
    pixels, by PCA's scores and by the codes of an autoencoder 784-256-128 with
    sigmoids. Neighbours on codes are as good as distances between codes are.
``best``
    As far as ten labelled images of each class and 60,000 without labels lead. For several
    encoders, each fitted on all images and no label, and PCA: the nearest labelled image, a linear
    head, and label spreading over a graph of all images, whose labels then decide by five nearest
    neighbours. Behind each accuracy stands PCA's, and at the end of the line what spreading makes
    of the first 100 training images, which have 5 to 14 of each class. At last a classifier
    without a graph, trained on what was spread. Ten minutes on one core, of which the last encoder
    takes two and a half.
``penalties``
    The same for encoders with a penalty on their codes, each beside the one without.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, kneighbors_graph
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import LabelSpreading
from torch.nn import functional as F

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP, Conv
from skae.datasets import fetch_mnist
from skae.inspection import label_efficiency_curve


def mnist():
    """Return training and test images in [0, 1], each with labels."""
    X, y = fetch_mnist(return_X_y=True)
    X_test, y_test = fetch_mnist(subset="test", return_X_y=True)
    return X, y, X_test, y_test


def show(name, scores):
    """Print one line of a table."""
    spread = np.std(scores, ddof=1) if len(scores) > 1 else np.nan
    each = " ".join(f"{100 * score:.1f}" for score in scores[:10])
    print(f"{name:<34} {100 * np.mean(scores):5.1f} ± {100 * spread:3.1f}   {each}", flush=True)


def draw(y, n_per_class, n_draws):
    """Return index arrays of labelled rows, so many of each class."""
    rng = np.random.RandomState(0)
    return [
        np.concatenate(
            [rng.choice(np.flatnonzero(y == label), n_per_class, False) for label in np.unique(y)]
        )
        for _ in range(n_draws)
    ]


#: Learning rates of the classic experiment: all else is the same for the three.
RATES = {
    "scratch": {"lr": 1e-3},
    "frozen": {"lr": 1e-3},
    "finetune": {"lr": 3e-3, "encoder_lr": 1e-4},
}


def digits():
    """Return training and held-out digits, each with labels."""
    X, y = load_digits(return_X_y=True)
    split = train_test_split(X.astype("f4"), y, test_size=1 / 3, random_state=0, stratify=y)
    return split[0], split[2], split[1], split[3]


def curve(X, y, X_test, y_test, n_draws):
    """Print accuracy by number of labels."""
    sizes = (10, 30, 100, 300, 1000)
    default = AutoencoderTransformer(random_state=0)
    plain = AutoencoderTransformer(architecture=MLP(), random_state=0)
    masking = AutoencoderTransformer(corruption="masking", corruption_level=0.5, random_state=0)
    for name, encoder, strategies in (
        ("defaults", default, ("scratch", "frozen", "finetune")),
        ("MLP()", plain, ("frozen", "finetune")),
        ("masking noise", masking, ("frozen", "finetune")),
        ("PCA", PCA(32, random_state=0), ("frozen",)),
    ):
        clf = PretrainedEncoderClassifier(encoder)
        found = label_efficiency_curve(
            clf, X, y, X_test, y_test, sizes, n_draws, strategies=strategies, random_state=0
        )
        print(f"{name}\n{found}\n", flush=True)


def leakage(X, y, X_test, y_test, n_draws):
    """Compare an encoder that has seen the test rows with one that has not."""
    names = ("without the test rows", "with the test rows")
    accuracies, r2 = ({name: [] for name in names} for _ in range(2))
    for seed in range(n_draws):
        rows, _ = train_test_split(np.arange(len(X)), train_size=100, random_state=seed, stratify=y)
        labelled, more, held_out = rows[:20], rows[20:60], rows[60:]
        for name, seen in zip(names, (more, np.r_[more, held_out])):
            clf = PretrainedEncoderClassifier(strategy="frozen", random_state=seed)
            clf.fit(X[labelled], y[labelled], X_unlabeled=X[seen])
            accuracies[name].append(clf.score(X[held_out], y[held_out]))
            r2[name].append(clf.encoder_.score(X[held_out]))
    for name in names:
        show(f"accuracy, {name}", accuracies[name])
        show(f"R², {name}", r2[name])


def classic(X, y, X_test, y_test, n_seeds):
    """Compare the three strategies with the first 100 labels."""
    X, X_test = 2 * X - 1, 2 * X_test - 1
    scores = {strategy: [] for strategy in RATES}
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
                batch_size=50,
                max_epochs=500,
                tol=None,
                random_state=seed,
                **RATES[strategy],
            )
            found.append(clf.fit(X[:100], y[:100]).score(X_test, y_test))
    for strategy, found in scores.items():
        show(strategy, found)


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
    draws = draw(y, 10, n_draws)
    for name, transformer in maps.items():
        transformer.fit(X)
        Z, Z_test = transformer.transform(X), transformer.transform(X_test)
        scores = [
            KNeighborsClassifier(1).fit(Z[rows], y[rows]).score(Z_test, y_test) for rows in draws
        ]
        show(name, scores)


def deform(X, generator):
    """Rotate, stretch, shear and shift each image a little."""
    images = X.reshape(-1, 1, 28, 28)

    def draw(limit):
        shape = (len(X),)
        return limit * (2 * torch.rand(shape, dtype=X.dtype, generator=generator).to(X.device) - 1)

    angle, shear = draw(0.25), draw(0.25)
    width, height = 1 + draw(0.15), 1 + draw(0.15)
    rows = (
        torch.stack([width * angle.cos(), shear - height * angle.sin(), draw(0.15)], dim=1),
        torch.stack([width * angle.sin(), height * angle.cos(), draw(0.15)], dim=1),
    )
    grid = F.affine_grid(torch.stack(rows, dim=1), images.shape, align_corners=False)
    return F.grid_sample(images, grid, align_corners=False).reshape(X.shape)


def make_graph(Z):
    """Return the symmetric graph of the seven nearest neighbours of each row of codes."""
    graph = kneighbors_graph(Z, 7)
    return graph.maximum(graph.T).tocoo()


def propagate(graph, y, rows):
    """Return probabilities of classes for all nodes of a graph, from the labels of some."""
    labels = np.full(len(y), -1)
    labels[rows] = y[rows]
    spreading = LabelSpreading(kernel=lambda *_: graph, alpha=0.99, max_iter=50)
    with warnings.catch_warnings():  # fifty steps are enough, and never converge to its tol
        warnings.simplefilter("ignore", ConvergenceWarning)
        return spreading.fit(np.arange(len(y))[:, np.newaxis], labels).label_distributions_


#: Of all encoders whose codes spread labels.
BRIEFLY = {"batch_size": 128, "max_epochs": 5, "tol": None, "random_state": 0}
MASKING = {"corruption": "masking", "corruption_level": 0.5}


def best(X, y, X_test, y_test, n_draws):
    """Compare encoders, and what to do with their codes."""
    mlp, conv = MLP((512,)), Conv((1, 28, 28), (32, 64))
    encoders = {
        "MLP, nothing hidden": (mlp, {}),
        "MLP, masked": (mlp, MASKING),
        "MLP, deformed": (mlp, {"corruption": deform}),
        "convolutions, masked": (conv, MASKING),
        "convolutions, deformed": (conv, {"corruption": deform}),
    }
    draws = draw(y, 10, n_draws)
    encoder, of_pca = compare(encoders, X, y, X_test, y_test, draws)
    pseudo(encoder, X, y, X_test, y_test, draws, of_pca)


def penalties(X, y, X_test, y_test, n_draws):
    """Compare encoders with and without a penalty on their codes."""
    layer, mlp = MLP((), latent_activation="sigmoid"), MLP((512,))
    encoders = {
        "one layer": (layer, {}),
        "one layer, contractive": (layer, {"penalty": "contractive", "alpha": 0.1}),
        "MLP, masked": (mlp, MASKING),
        "MLP, masked, l1": (mlp, {"penalty": "l1", "alpha": 0.01, **MASKING}),
    }
    compare(encoders, X, y, X_test, y_test, draw(y, 10, n_draws))


def compare(encoders, X, y, X_test, y_test, draws):
    """Print a line for PCA and each encoder; return the last one, and how PCA's codes spread."""
    encoders = {
        name: AutoencoderTransformer(64, architecture=architecture, **params, **BRIEFLY)
        for name, (architecture, params) in encoders.items()
    }
    of_pca = None
    titles = ("nearest", "linear head", "spreading")
    print(f"{'encoder':<24}", *(f"{title:>22}" for title in titles), "first 100")
    for name, encoder in {
        "PCA, 32 components": PCA(32, svd_solver="covariance_eigh"),
        **encoders,
    }.items():
        start = time.perf_counter()
        encoder.fit(X)
        scores = measure(encoder, X, y, X_test, y_test, [*draws, np.arange(100)])
        first = scores[-1][-1]
        scores = [found[:-1] for found in scores]
        of_pca = of_pca or [np.mean(found) for found in scores]
        cells = [
            f"{100 * np.mean(found):.1f} ± {100 * np.std(found, ddof=1):.1f} ({100 * pca:.1f})"
            for found, pca in zip(scores, of_pca)
        ]
        seconds = time.perf_counter() - start
        cells = [*(f"{cell:>22}" for cell in cells), f"{100 * first:9.1f}", f"{seconds:5.0f} s"]
        print(f"{name:<24}", *cells, flush=True)
    return encoder, of_pca[-1]


def measure(encoder, X, y, X_test, y_test, draws):
    """Return accuracies of the nearest image, a head and spreading, for each draw."""
    Z, Z_test = encoder.transform(X), encoder.transform(X_test)
    graph = make_graph(Z)
    neighbors = KNeighborsClassifier(5).fit(Z, y).kneighbors(Z_test, return_distance=False)
    nearest, head, spreading = [], [], []
    for i, rows in enumerate(draws):
        nearest.append(KNeighborsClassifier(1).fit(Z[rows], y[rows]).score(Z_test, y_test))
        clf = PretrainedEncoderClassifier(
            FrozenEstimator(encoder), strategy="frozen", random_state=i
        )
        head.append(clf.fit(X[rows], y[rows]).score(X_test, y_test))
        votes = propagate(graph, y, rows)[neighbors].sum(axis=1)
        spreading.append(np.mean(votes.argmax(axis=1) == y_test))
    return nearest, head, spreading


def pseudo(encoder, X, y, X_test, y_test, draws, pca):
    """Train a classifier on the labels that spreading has given to all images."""
    scores, graph = [], make_graph(encoder.transform(X))
    for i, rows in enumerate(draws):
        probabilities = propagate(graph, y, rows)
        clf = PretrainedEncoderClassifier(
            FrozenEstimator(encoder),
            strategy="frozen",
            hidden_layer_sizes=(256,),
            max_epochs=5,
            tol=None,
            random_state=i,
        )
        weight = probabilities.max(axis=1) ** 2  # unsure ones count less
        clf.fit(X, probabilities.argmax(axis=1), sample_weight=weight)
        scores.append(clf.score(X_test, y_test))
    print(f"PCA, spreading: {100 * pca:.1f}; a head of 256 units trained on what was spread last:")
    show("convolutions, pseudo-labels", scores)


def main():
    """Run the benchmark."""
    cases = {
        "curve": (curve, digits, 10),
        "leakage": (leakage, digits, 50),
        "classic": (classic, mnist, 5),
        "codes": (codes, mnist, 10),
        "best": (best, mnist, 10),
        "penalties": (penalties, mnist, 10),
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=cases, default="curve")
    parser.add_argument("--n-seeds", type=int, help="seeds, or draws of the labels")
    arguments = parser.parse_args()
    run, load, n_seeds = cases[arguments.case]
    data, start = load(), time.perf_counter()
    run(*data, arguments.n_seeds or n_seeds)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
