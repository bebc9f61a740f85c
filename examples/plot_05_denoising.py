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
# The network is ``MLP()``, whose first layer has a weight for each pixel.

import matplotlib.pyplot as plt
import numpy as np
from _data import load_grey
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.architectures import MLP
from skae.plotting import ComponentsDisplay, ReconstructionDisplay

X, X_test, y, y_test, image_shape = load_grey()
pca = PCA(32, random_state=0).fit(X)
plain = AutoencoderTransformer(32, architecture=MLP(), random_state=0).fit(X)
denoising = {
    "gaussian": AutoencoderTransformer(
        32, architecture=MLP(), corruption="gaussian", corruption_level=1.0, random_state=0
    ).fit(X),
    "dropout": AutoencoderTransformer(
        32, architecture=MLP(), corruption="masking", corruption_level=0.5, random_state=0
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
# no better than doing nothing, and 0 is perfect. Look for each kind of damage in the line of the
# network that was trained on it, and at how much of that helps against the other kind.


def clean(estimator, rows):
    """Return what an estimator makes of rows."""
    return estimator.inverse_transform(estimator.transform(rows))


print(f"{'error left':<28}{'gaussian':>10}{'dropout':>10}")
trained = {f"trained on {kind}": ae for kind, ae in denoising.items()}
for name, estimator in {"PCA": pca, "plain": plain, **trained}.items():
    shares = [
        np.square(clean(estimator, rows) - X_test).mean() / np.square(rows - X_test).mean()
        for rows in damaged.values()
    ]
    print(f"{name:<28}" + "".join(f"{share:>10.2f}" for share in shares))

# %%
# What the networks were shown, and what they made of it. Compare the last two lines: a network that
# knows only clean images has no reason to doubt what it is shown, and takes noise for ink.

_, axes = plt.subplots(2, 1, figsize=(9, 7.5), layout="constrained")
for ax, (kind, rows) in zip(axes, damaged.items()):
    cleaned = {
        name: clean(ae, rows[:10])
        for name, ae in {"plain": plain, f"trained on {kind}": denoising[kind]}.items()
    }
    ReconstructionDisplay.from_predictions(
        X_test, cleaned, corrupted=rows, image_shape=image_shape, ax=ax
    )
    ax.set_title(kind)

# %%
# What the first layer looks for
# ------------------------------
# Weights of 12 hidden units. Where single pixels are not to be trusted, a unit does well to ask
# several at once: the correlation of weights of neighbouring pixels, over all units, is in the
# titles. 0 is speckles, 1 is a smooth picture.


def smoothness(weights):
    """Return the correlation of the weights of pixels that are side by side."""
    pictures = weights.reshape(-1, *image_shape)
    return np.corrcoef(pictures[:, :, 1:].ravel(), pictures[:, :, :-1].ravel())[0, 1]


networks = {"plain": plain, **denoising}
_, axes = plt.subplots(3, 1, figsize=(10, 5), layout="constrained")
for ax, (name, ae) in zip(axes, networks.items()):
    weights = ae.module_.encoder[0].weight.detach().numpy()
    ComponentsDisplay(weights[:12], image_shape=image_shape).plot(ax=ax, n_columns=12)
    ax.set_title(f"{name}: correlation {smoothness(weights):.2f}")

# %%
# Are codes better, too?
# ----------------------
# The nearest training image by codes of clean held-out images: how often does it show the same
# digit?

for name, estimator in {"PCA": pca, **networks}.items():
    nearest = KNeighborsClassifier(1).fit(estimator.transform(X), y)
    print(f"{name:<12} accuracy {nearest.score(estimator.transform(X_test), y_test):.3f}")

plt.show()
