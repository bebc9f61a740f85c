"""
Denoising: noise as a teacher
=============================

Shown a damaged image and asked for the clean one, an autoencoder has to learn what images are
like, and can then clean new ones. Two kinds of damage: Gaussian noise, and *dropout* of pixels,
which ``corruption="masking"`` sets to their mean. The baselines are PCA and an autoencoder of
the same size that was trained on clean images only.
"""

# %%
# ``corruption_level`` is the standard deviation of the noise, in standard deviations of X, or the
# probability for a pixel to drop out. New damage is drawn for each batch, none outside training.

import matplotlib.pyplot as plt
import numpy as np
from _data import load_grey
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.plotting import ComponentsDisplay, ReconstructionDisplay

X, X_test, y, y_test, image_shape = load_grey()
pca = PCA(32, random_state=0).fit(X)
plain = AutoencoderTransformer(32, random_state=0).fit(X)
denoising = {
    "gaussian": AutoencoderTransformer(
        32, corruption="gaussian", corruption_level=1.0, random_state=0
    ).fit(X),
    "dropout": AutoencoderTransformer(
        32, corruption="masking", corruption_level=0.5, random_state=0
    ).fit(X),
}

# %%
# The same damage, drawn here for images that none of them has seen.

rng = np.random.RandomState(0)
mean, spread = X.mean(axis=0), np.sqrt(X.var(axis=0).mean())
damaged = {
    "gaussian": X_test + rng.normal(0, spread, X_test.shape).astype(X.dtype),
    "dropout": np.where(rng.uniform(size=X_test.shape) < 0.5, mean, X_test),
}

# %%
# Numbers: the squared error of the cleaned images, as a share of that of the damaged ones. 1 is
# no better than doing nothing, and 0 is perfect. The last line has an error even without damage,
# since 32 codes cannot hold everything.


def clean(estimator, rows):
    """Return what an estimator makes of rows."""
    return estimator.inverse_transform(estimator.transform(rows))


print(f"{'error left':<28}{'gaussian':>10}{'dropout':>10}")
for name in ("PCA", "plain", "trained on gaussian", "trained on dropout"):
    estimator = {"PCA": pca, "plain": plain}.get(name) or denoising[name.split()[-1]]
    shares = [
        np.square(clean(estimator, rows) - X_test).mean() / np.square(rows - X_test).mean()
        for rows in damaged.values()
    ]
    print(f"{name:<28}" + "".join(f"{share:>10.2f}" for share in shares))

# %%
# In each picture: the original, what the network was shown, what it made of it. Compare the left
# column with the right one: a network that knows only clean images takes noise for ink.

_, axes = plt.subplots(2, 2, figsize=(13, 6.5), layout="constrained")
for line, (kind, rows) in zip(axes, damaged.items()):
    for ax, (name, ae) in zip(line, {"plain": plain, "denoising": denoising[kind]}.items()):
        ReconstructionDisplay.from_estimator(
            ae, X_test, corrupted=rows, image_shape=image_shape, ax=ax
        )
        error = np.square(clean(ae, rows) - X_test).mean() / np.square(rows - X_test).mean()
        ax.set_title(f"{kind}, {name} autoencoder: {error:.0%} of the error left")

# %%
# What the first layer looks for
# ------------------------------
# Weights of 24 hidden units. Noise makes them larger in extent, since single pixels are not to be
# trusted any more: strokes and blobs instead of speckles. The *size* below is the number of pixels
# that a unit's squared weights spread over, on average over all units.

networks = {"plain": plain, "gaussian": denoising["gaussian"], "dropout": denoising["dropout"]}
_, axes = plt.subplots(3, 1, figsize=(9, 9), layout="constrained")
for ax, (name, ae) in zip(axes, networks.items()):
    weights = ae.module_.encoder[0].weight.detach().numpy()
    share = weights**2 / np.sum(weights**2, axis=1, keepdims=True)
    size = np.mean(1 / np.sum(share**2, axis=1))
    ComponentsDisplay(weights[:24], image_shape=image_shape).plot(ax=ax, n_columns=12)
    ax.set_title(f"{name}: size {size:.0f} of {X.shape[1]} pixels")

# %%
# Are codes better, too?
# ----------------------
# The nearest training image by codes of clean held-out images: how often does it show the same
# digit?

for name, estimator in {"PCA": pca, **networks}.items():
    nearest = KNeighborsClassifier(1).fit(estimator.transform(X), y)
    print(f"{name:<12} accuracy {nearest.score(estimator.transform(X_test), y_test):.3f}")

plt.show()
