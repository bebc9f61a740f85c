"""
Stacked, convolutional, recurrent: which network, and what its codes are good for
=================================================================================

An encoder may have one hidden layer or several, see an image as pixels, as a picture, or as
a sequence of its lines. Here are several with 16 codes each, compared by what they reconstruct
and by whether images with similar codes show the same digit. The codes of one of them are then
laid out by t-SNE, and asked for the nearest neighbours of an image.
"""

# %%
# Each image is a row; ``Conv`` and ``Recurrent`` are told what shape it has.

import time

import matplotlib.pyplot as plt
import numpy as np
from _data import load_grey, mosaic
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv, Linear, Recurrent
from skae.plotting import LatentDisplay

X, X_test, y, y_test, image_shape = load_grey(n_train=10_000)
deep = MLP((128, 64, 32))
settings = {
    "linear": {"architecture": Linear()},
    "one hidden layer": {"architecture": MLP((256,))},
    "stacked": {"architecture": deep},
    "stacked, layer by layer": {"architecture": deep, "pretrain": "layerwise"},
    "convolutional": {"architecture": Conv((1, *image_shape), channels=(16, 32))},
    "recurrent": {"architecture": Recurrent(image_shape, hidden_size=64)},
}

# %%
# The baselines are PCA and, for the neighbours, the pixels themselves. Accuracy is the share of
# held-out images whose nearest training image, by codes, shows the same digit. Reconstruction and
# neighbours need not agree on which network is best.


def accuracy(codes, codes_test):
    """Return the accuracy of the nearest neighbour."""
    return KNeighborsClassifier(1).fit(codes, y).score(codes_test, y_test)


pca = PCA(16, random_state=0).fit(X)
rest = X_test - pca.inverse_transform(pca.transform(X_test))
r2 = 1 - np.sum(rest**2) / np.sum((X_test - X.mean(axis=0)) ** 2)
print(f"{'network':<24}{'weights':>9}{'R²':>8}{'nearest':>9}{'seconds':>9}")
print(f"{'pixels':<24}{'':>17}{accuracy(X, X_test):>9.3f}")
nearest = {"PCA": accuracy(pca.transform(X), pca.transform(X_test))}
print(f"{'PCA':<24}{pca.components_.size:>9,}{r2:>8.3f}{nearest['PCA']:>9.3f}")
fitted = {}
for name, parameters in settings.items():
    start = time.perf_counter()
    ae = AutoencoderTransformer(16, random_state=0, **parameters).fit(X)
    seconds = time.perf_counter() - start
    weights = sum(weight.numel() for weight in ae.module_.parameters())
    nearest[name] = accuracy(ae.transform(X), ae.transform(X_test))
    r2 = ae.score(X_test)
    print(f"{name:<24}{weights:>9,}{r2:>8.3f}{nearest[name]:>9.3f}{seconds:>9.1f}", flush=True)
    fitted[name] = ae

# %%
# A map of the codes
# ------------------
# t-SNE lays 16 codes out in the plane so that near ones stay near. Each image stands where its code
# is: look for islands of one digit, and for the images at their shores. Distances between islands
# mean nothing. The network is the one whose neighbours were best above.

best = max(fitted, key=nearest.get)
ae = fitted[best]
_, ax = plt.subplots(figsize=(9, 9), layout="constrained")
LatentDisplay.from_estimator(
    ae,
    X_test[:1000],
    y_test[:1000],
    reducer=TSNE(random_state=0),
    image_shape=image_shape,
    kind="thumbnails",
    ax=ax,
)
ax.set_title(f"t-SNE of 16 codes, {best} network")

# %%
# Nearest neighbours
# ------------------
# The left column are held-out images, chosen because their nearest neighbour by pixels shows
# another digit; right of them the five nearest training images, by pixels and by codes. The
# table above counts all images; here you see what the mistakes are like. Since these images were
# chosen against the pixels, codes look better here than they are.


def neighbours(training, rows):
    """Return the indices of the five nearest training rows."""
    return KNeighborsClassifier(5).fit(training, y).kneighbors(rows)[1]


found = {
    "pixels": neighbours(X, X_test[:2000]),
    f"codes, {best}": neighbours(ae.transform(X), ae.transform(X_test[:2000])),
}
wrong = np.flatnonzero(y[found["pixels"][:, 0]] != y_test[: len(found["pixels"])])[:5]
_, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for ax, (name, indices) in zip(axes, found.items()):
    shown = np.concatenate([X_test[wrong, np.newaxis], X[indices[wrong]]], axis=1)
    right = np.mean(y[indices[wrong]] == y_test[wrong, np.newaxis])
    ax.imshow(mosaic(shown, image_shape, 6), cmap="gray_r", vmin=0, vmax=1)
    ax.axvline(image_shape[1] - 0.5, color="C3")
    ax.set_title(f"by {name}: {right:.0%} of these neighbours right")
    ax.set_axis_off()

plt.show()
