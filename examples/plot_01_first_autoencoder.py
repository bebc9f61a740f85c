"""
A first autoencoder: batches, codes, new digits
===============================================

An autoencoder compresses each image into a low-dimensional latent code and reconstructs the image
from it. Here are one with 2 codes and one with 32, each compared with PCA of as many: how training
goes, what is kept, where all images lie in the plane of two codes, and why codes drawn at random do
not make digits.
"""

# %%
# Images are rows of numbers between 0 and 1. Without a data folder these are scikit-learn's
# digits, with it MNIST.

import matplotlib.pyplot as plt
import numpy as np
from _data import load_grey, mosaic
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from skae import AutoencoderTransformer
from skae.inspection import compare_with_pca
from skae.plotting import LatentDisplay, LossCurveDisplay, ReconstructionDisplay

X, X_test, y, y_test, image_shape = load_grey()

# %%
# Batches
# -------
# Training goes through the rows in batches and takes one step after each, so that small batches
# mean many steps for as many passes. All three lines below are ten passes: look at where they end.
# A few dozen steps leave a network half trained. Thousands of small ones take longer and are noisy:
# at the same learning rate they may end above the others.

_, ax = plt.subplots(layout="constrained")
for batch_size in (16, 64, 256):
    ae = AutoencoderTransformer(batch_size=batch_size, max_epochs=10, tol=None, random_state=0)
    ae.fit(X)
    steps = ae.n_iter_ * -(-len(X) // batch_size)
    print(f"batches of {batch_size:>3}: {steps:>6,} steps, held-out R² {ae.score(X_test):.3f}")
    LossCurveDisplay.from_estimator(ae, name=f"{batch_size} rows, {steps:,} steps", ax=ax)

# %%
# ``partial_fit`` takes rows as they come, for loops of your own. Ten passes over chunks of 500
# rows, in batches of 64 as above:

ae = AutoencoderTransformer(batch_size=64, random_state=0)
order = np.random.RandomState(0)
for _ in range(10):
    for chunk in np.array_split(order.permutation(len(X)), -(-len(X) // 500)):
        ae.partial_fit(X[chunk])
print(f"in chunks of 500: held-out R² {ae.score(X_test):.3f}")

# %%
# Two codes and thirty-two
# ------------------------
# R² of held-out images is what PCA's explained variance ratio sums to: 1 is perfect, 0 is the mean
# image. Accuracy is that of the nearest neighbour on codes. The picture has the number of codes
# beside each line.

fitted = {n_codes: AutoencoderTransformer(n_codes, random_state=0).fit(X) for n_codes in (2, 32)}
pca = {}
for n_codes, ae in fitted.items():
    comparison = compare_with_pca(ae, X, y, X_test, y_test, random_state=0)
    pca[n_codes] = comparison.pca.estimator
    print(f"{comparison}\n")

reconstructions = {
    f"{name}, {n_codes}": estimator.inverse_transform(estimator.transform(X_test[:10]))
    for n_codes in fitted
    for name, estimator in {"PCA": pca[n_codes], "network": fitted[n_codes]}.items()
}
ReconstructionDisplay.from_predictions(X_test, reconstructions, image_shape=image_shape)

# %%
# The codes of all images
# -----------------------
# Each point is one training image. The autoencoder has never seen a label, and yet puts images of
# one digit side by side more often than PCA: compare the accuracies in the titles.

_, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
for ax, name, estimator in zip(axes, ("PCA", "autoencoder"), (pca[2], fitted[2])):
    LatentDisplay.from_estimator(estimator, X, y, size=5, ax=ax)
    near = NearestNeighbors(n_neighbors=1).fit(estimator.transform(X))
    found = y[near.kneighbors(estimator.transform(X_test))[1][:, 0]]
    ax.set_title(f"2 codes of {name}: nearest neighbour right for {np.mean(found == y_test):.0%}")

# %%
# New digits, and why the box of codes fails
# ------------------------------------------
# Decode codes that no image has, and there are new images. The simplest way draws each code evenly
# between its smallest and largest value. The box that this makes is mostly empty when there are
# many codes, and codes outside the training distribution decode poorly. A mixture of Gaussians
# that is fitted to the codes stays where images are.
#
# Two measures: the distance of a drawn code to the nearest code of a training image, and that of
# the decoded image to the nearest training image; 1 is how far held-out images are away. Much more
# than 1 is unlike a digit. Less than 1 is no merit with 2 codes, which make all images smooth.
# :func:`skae.generation.sample` does such drawing in one call.


def distance(rows, training):
    """Return the mean distance of rows to the nearest training row."""
    return NearestNeighbors(n_neighbors=1).fit(training).kneighbors(rows)[0].mean()


held_out = X_test[:500]
_, axes = plt.subplots(2, 2, figsize=(12, 4), layout="constrained")
for line, (n_codes, ae) in zip(axes, fitted.items()):
    codes = ae.transform(X).astype(np.float64)
    mixture = GaussianMixture(20, reg_covar=1e-3, random_state=0).fit(codes)
    drawn = {
        "box": np.random.RandomState(0).uniform(
            codes.min(axis=0), codes.max(axis=0), (500, n_codes)
        ),
        "mixture": np.random.RandomState(0).permutation(mixture.sample(500)[0]),
    }
    for ax, (name, new_codes) in zip(line, drawn.items()):
        images = ae.inverse_transform(new_codes.astype(X.dtype))
        far = distance(images, X) / distance(held_out, X)
        far_codes = distance(new_codes, codes) / distance(ae.transform(held_out), codes)
        ax.imshow(mosaic(images[:36], image_shape, 12), cmap="gray_r", vmin=0, vmax=1)
        ax.set_axis_off()
        ax.set_title(f"{n_codes} codes from the {name}: codes {far_codes:.1f}, images {far:.1f}")

plt.show()
