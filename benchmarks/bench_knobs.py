"""Measure what ten parameters do, from too little to too much: docs/knobs.rst.

``python benchmarks/bench_knobs.py`` fits each setting with three seeds on scikit-learn's digits, 8
codes, and prints three numbers for held-out rows: R², accuracy of the nearest neighbour on the
codes, and the epochs it took. It takes some ten minutes on one core; ``lr tol`` measures these two
alone. With ``--pictures docs/knobs`` it draws them, too.
"""

import argparse
from pathlib import Path

import numpy as np
from bench_options import SEEDS, digits
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.architectures import MLP

WIDTHS = [(16,), (64,), (256,), (1024,), (256, 64), (256, 128, 64)]

#: Parameter, its values, and what else is set to let it act.
KNOBS = {
    "n_components": ([1, 2, 4, 8, 16, 32], {}),
    "architecture__hidden_layer_sizes": (WIDTHS, {}),
    "lr": ([1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2], {}),
    "batch_size": ([8, 32, 64, 256, 1198], {}),
    "max_epochs": ([1, 3, 10, 30, 100, 300], {"tol": None}),
    "tol": ([1e-1, 1e-2, 1e-3, 1e-4, 1e-5], {"max_epochs": 300}),
    "weight_decay": ([0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2], {}),
    "corruption_level": ([0, 0.1, 0.2, 0.4, 0.6, 0.8], {"corruption": "masking"}),
    "alpha": ([0, 1e-3, 1e-2, 3e-2, 0.1, 0.3], {"latent": "gaussian"}),
    "n_iter_no_change": ([1, 2, 5, 10, 20], {"early_stopping": True, "max_epochs": 300}),
}


def measure(name, value, others):
    """Return R², accuracy and epochs, one line for each seed."""
    X, X_test, y, y_test = digits()
    lines = []
    for seed in SEEDS:
        ae = AutoencoderTransformer(8, architecture=MLP(), random_state=seed)
        ae.set_params(**others, **{name: value}).fit(X)
        neighbors = KNeighborsClassifier(1).fit(ae.transform(X), y)
        accuracy = neighbors.score(ae.transform(X_test), y_test)
        lines.append((ae.score(X_test), accuracy, ae.n_iter_))
    return np.array(lines)


def show(name, values, results):
    """Print a table of ranges over the seeds."""
    print(f"\n{name.removeprefix('architecture__')}")
    for value, lines in zip(values, results):
        (r2, accuracy, epochs), (r2_high, accuracy_high, epochs_high) = lines.min(0), lines.max(0)
        print(
            f"  {value!s:<16}  {r2:.3f} to {r2_high:.3f}  {accuracy:.3f} to {accuracy_high:.3f}  "
            f"{epochs:3.0f} to {epochs_high:3.0f}",
            flush=True,
        )


def draw(name, values, results, folder):
    """Write the picture of one parameter: two curves with their ranges."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 2.4), layout="constrained")
    axes = figure.subplots()
    at = np.arange(len(values))
    curves = {"held-out R²": ("C0", "o-"), "nearest neighbour": ("C1", "s--")}
    for column, (label, (color, style)) in enumerate(curves.items()):
        lines = np.array([result[:, column] for result in results])
        axes.fill_between(at, lines.min(1), lines.max(1), color=color, alpha=0.25, linewidth=0)
        axes.plot(at, np.median(lines, axis=1), style, color=color, label=label, markersize=4)
    short = [",".join(map(str, v)) if isinstance(v, tuple) else f"{v:g}" for v in values]
    axes.set(xlabel=name.removeprefix("architecture__"), ylim=(-0.05, 1.05))
    axes.set_xticks(at, short, fontsize=8)
    axes.legend(fontsize=8, loc="lower right" if results[0][0, 0] < results[-1][0, 0] else "best")
    figure.savefig(folder / f"{name.removeprefix('architecture__')}.png", dpi=100)


def main():
    """Measure the parameters that are named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(KNOBS), help="parameters; all by default")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each")
    arguments = parser.parse_args()
    print(f"{'':<16}    {'held-out R²':<14}  {'nearest':<14}  epochs")
    for name in arguments.names:
        values, others = KNOBS[name]
        results = [measure(name, value, others) for value in values]
        show(name, values, results)
        if arguments.pictures:
            arguments.pictures.mkdir(parents=True, exist_ok=True)
            draw(name, values, results, arguments.pictures)


if __name__ == "__main__":
    main()
