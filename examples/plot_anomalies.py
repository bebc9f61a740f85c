"""Wrong entries in a table: which rows, and which columns.

One value in a row is wrong, but not impossible: a tumour of small radius has the perimeter of a
large one. Looked at column by column, nothing is odd. An autoencoder that has learned how
columns go together cannot reconstruct such a row, and the column that it fails at is the wrong one.

Run it as ``python examples/plot_anomalies.py``; it takes less than half a minute and needs no
network. All that it prints is computed here, whoever wins.
"""

# %%
# Two real tables that scikit-learn brings along: 30 measures of cell nuclei, which are close to
# linear in each other, and the pixels of handwritten digits, which are not.

import matplotlib
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.inspection import reconstruction_error

matplotlib.use("agg")
from matplotlib import pyplot as plt

N_SEEDS = 5


def load(name):
    """Return the rows of a table, the names of its columns and how many codes to use."""
    if name == "breast cancer":
        bunch, n_components = load_breast_cancer(), 10
    else:
        bunch, n_components = load_digits(), 16
    used = np.ptp(np.percentile(bunch.data, [10, 90], axis=0), axis=0) > 0  # pixels with ink
    return bunch.data[:, used], np.asarray(bunch.feature_names)[used], n_components


# %%
# The fault: in a tenth of the rows, one value is swapped for a common one from the other side of
# its column, the 95th percentile if it was low, the 5th if it was high.


def plant(X, rng):
    """Return rows with faults, which rows have one, and in which column."""
    X, faulty = X.copy(), np.zeros(len(X), dtype=bool)
    rows = rng.choice(len(X), len(X) // 10, replace=False)
    columns = rng.randint(X.shape[1], size=len(rows))
    low, median, high = np.percentile(X, [5, 50, 95], axis=0)[:, columns]
    X[rows, columns] = np.where(X[rows, columns] <= median, high, low)
    faulty[rows] = True
    return X, faulty, rows, columns


# %%
# Three detectors, all fitted on rows without planted faults. The errors of the two that
# reconstruct are multiples of what is typical for the column (``reference``), so that a
# column in the thousands does not drown the others.


def detect(X, X_test, n_components, seed):
    """Return for each detector the scores of rows, and of single values where it has them."""
    forest = IsolationForest(random_state=seed).fit(X)
    found = {"IsolationForest": (-forest.score_samples(X_test), None)}
    reducers = {
        "PCA": PCA(n_components, random_state=seed),
        "autoencoder": AutoencoderTransformer(n_components, random_state=seed),
    }
    for name, reducer in reducers.items():
        pipe = make_pipeline(StandardScaler(), reducer).fit(X)
        errors = reconstruction_error(pipe, X_test, per_feature=True, reference=X)
        found[name] = (errors.mean(axis=1), errors)
    return found


# %%
# ROC-AUC tells how well scores put the faulty rows first: 1 is all of them before all others, 0.5
# is chance. The last column is the share of faulty rows whose wrong column has the largest error.


def compare(name):
    """Print the table of a data set; return what the first seed found."""
    data, names, n_components = load(name)
    aucs, shares, first = {}, {}, None
    for seed in range(N_SEEDS):
        X, X_test = train_test_split(data, test_size=0.4, random_state=seed)
        X_test, faulty, rows, columns = plant(X_test, np.random.RandomState(seed))
        found = detect(X, X_test, n_components, seed)
        for detector, (scores, errors) in found.items():
            aucs.setdefault(detector, []).append(roc_auc_score(faulty, scores))
            if errors is not None:
                named = errors[rows].argmax(axis=1) == columns
                shares.setdefault(detector, []).append(named.mean())
        first = first or (found, faulty, rows, columns, names)
    print(f"{name}: {data.shape[0]:,} rows, {data.shape[1]} columns, {n_components} codes")
    print(f"  {'':<16}  {'ROC-AUC':>15}  {'column named':>15}")
    for detector in aucs:
        cells = [
            f"{np.mean(values):.3f} ± {np.std(values):.3f}" if values else "-"
            for values in (aucs[detector], shares.get(detector))
        ]
        print(f"  {detector:<16}  {cells[0]:>15}  {cells[1]:>15}")
    print(f"  chance is 0.5 and {1 / data.shape[1]:.3f}; mean ± deviation of {N_SEEDS} seeds\n")
    return first


# %%
# One faulty row, as the autoencoder sees it: the wrong column and those that do not fit it.


def describe(found, faulty, rows, columns, names):
    """Print the columns with the largest errors of the faulty row with the largest score."""
    scores, errors = found["autoencoder"]
    worst = scores[rows].argmax()
    errors = errors[rows[worst]]
    print(f"The faulty row with the largest error; {names[columns[worst]]} is wrong:")
    for column in errors.argsort()[::-1][:3]:
        print(f"  {names[column]:<25} {errors[column]:8.1f} times the typical error")
    print()
    return errors, columns[worst]


def draw(results, path):
    """Write a picture: ROC curves, and the errors of one row."""
    figure, panels = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
    for (title, (found, faulty, *_)), axes in zip(results.items(), panels):
        for detector, (scores, _) in found.items():
            axes.plot(*roc_curve(faulty, scores)[:2], label=detector)
        axes.plot([0, 1], [0, 1], "k:", linewidth=1)
        axes.set(title=title, xlabel="share of the other rows", ylabel="share of faulty rows")
        axes.legend()
    found, faulty, rows, columns, names = results["breast cancer"]
    errors, wrong = describe(found, faulty, rows, columns, names)
    colors = ["C3" if column == wrong else "C0" for column in range(len(names))]
    panels[2].barh(names, errors, color=colors)
    panels[2].tick_params(axis="y", labelsize=6)
    panels[2].invert_yaxis()
    panels[2].set(xscale="log", title="one faulty row (wrong column in red)")
    panels[2].set_xlabel("times the typical error")
    figure.savefig(path, dpi=100)
    print(f"picture: {path}")


if __name__ == "__main__":
    draw({name: compare(name) for name in ("breast cancer", "digits")}, "skae-anomalies.png")
