"""
Wrong entries in a table: which rows, and which columns
=======================================================

One value in a row is wrong, but not impossible: a tumour of small radius has the perimeter of a
large one. Looked at column by column, nothing is odd. An autoencoder that has learned how
columns go together cannot reconstruct such a row, and the column that it fails at is the wrong one.
The baselines are PCA and an isolation forest.
"""

# %%
# Two real tables that scikit-learn brings along: 30 measures of cell nuclei, which are close to
# linear in each other, and the pixels of handwritten digits, which are not.

import matplotlib.pyplot as plt
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

N_SEEDS = 5
tables = {"breast cancer": (load_breast_cancer(), 10), "digits": (load_digits(), 16)}

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

first_seeds = {}
for title, (table, n_components) in tables.items():
    used = np.ptp(np.percentile(table.data, [10, 90], axis=0), axis=0) > 0  # pixels with ink
    data, names = table.data[:, used], np.asarray(table.feature_names)[used]
    aucs, shares = {}, {}
    for seed in range(N_SEEDS):
        X, X_test = train_test_split(data, test_size=0.4, random_state=seed)
        X_test, faulty, rows, columns = plant(X_test, np.random.RandomState(seed))
        found = detect(X, X_test, n_components, seed)
        for detector, (scores, errors) in found.items():
            aucs.setdefault(detector, []).append(roc_auc_score(faulty, scores))
            if errors is not None:
                named = errors[rows].argmax(axis=1) == columns
                shares.setdefault(detector, []).append(named.mean())
        first_seeds.setdefault(title, (found, faulty, rows, columns, names))
    print(f"{title}: {data.shape[0]:,} rows, {data.shape[1]} columns, {n_components} codes")
    print(f"  {'':<16}  {'ROC-AUC':>15}  {'column named':>15}")
    for detector in aucs:
        cells = [
            f"{np.mean(values):.3f} ± {np.std(values):.3f}" if values else "-"
            for values in (aucs[detector], shares.get(detector))
        ]
        print(f"  {detector:<16}  {cells[0]:>15}  {cells[1]:>15}")
    print(f"  chance is 0.5 and {1 / data.shape[1]:.3f}; mean ± deviation of {N_SEEDS} seeds\n")

# %%
# The same as curves, for the first seed: how many of the faulty rows one finds by looking at so
# many of the others. The more to the upper left, the better.

_, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, (title, (found, faulty, *_)) in zip(axes, first_seeds.items()):
    for detector, (scores, _) in found.items():
        ax.plot(*roc_curve(faulty, scores)[:2], label=detector)
    ax.plot([0, 1], [0, 1], "k:", linewidth=1)
    ax.set(title=title, xlabel="share of the other rows", ylabel="share of faulty rows")
    ax.legend()

# %%
# One faulty row, as the autoencoder sees it: the column with the longest bar is the one it
# names, the red one is the one that is wrong. Other long bars are columns that go with it.

found, faulty, rows, columns, names = first_seeds["breast cancer"]
scores, errors = found["autoencoder"]
worst = scores[rows].argmax()
errors, wrong = errors[rows[worst]], columns[worst]
print(f"The faulty row with the largest error; {names[wrong]} is wrong:")
for column in errors.argsort()[::-1][:3]:
    print(f"  {names[column]:<25} {errors[column]:8.1f} times the typical error")

_, ax = plt.subplots(figsize=(7, 6), layout="constrained")
ax.barh(names, errors, color=["C3" if column == wrong else "C0" for column in range(len(names))])
ax.invert_yaxis()
ax.set(xscale="log", title="one faulty row (wrong column in red)", xlabel="times the typical error")
plt.show()
