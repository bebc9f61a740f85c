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
from _data import load_grey
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv, Linear, Recurrent
from skae.plotting import LatentDisplay, ReconstructionDisplay

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
nearest = accuracy(pca.transform(X), pca.transform(X_test))
print(f"{'PCA':<24}{pca.components_.size:>9,}{r2:>8.3f}{nearest:>9.3f}")
fitted = {}
for name, parameters in settings.items():
    start = time.perf_counter()
    ae = AutoencoderTransformer(16, random_state=0, **parameters).fit(X)
    seconds = time.perf_counter() - start
    weights = sum(weight.numel() for weight in ae.module_.parameters())
    r2, nearest = ae.score(X_test), accuracy(ae.transform(X), ae.transform(X_test))
    print(f"{name:<24}{weights:>9,}{r2:>8.3f}{nearest:>9.3f}{seconds:>9.1f}", flush=True)
    fitted[name] = ae

# %%
# A map of the codes
# ------------------
# t-SNE lays 16 codes out in the plane so that near ones stay near. Each image stands where its code
# is: look for islands of one digit, and for the images at their shores. Distances between islands
# mean nothing.

ae = fitted["convolutional"]
_, ax = plt.subplots(figsize=(9, 9), layout="constrained")
LatentDisplay.from_estimator(
    ae,
    X_test[:1000],
    y_test[:1000],
    reducer=TSNE(random_state=0),
    image_shape=image_shape,
    kind="thumbnails",
    size=0.04,
    ax=ax,
)
ax.set_title("t-SNE of 16 codes of the convolutional network")

# %%
# Nearest neighbours
# ------------------
# Below are held-out images for which pixels and codes do not agree: their nearest training images
# show different digits. On top the image that is asked for, below it its five nearest training
# images. The titles count, over all such images, how often the nearest one shows the same digit.


def neighbours(training, rows):
    """Return the indices of the five nearest training rows."""
    return KNeighborsClassifier(5).fit(training, y).kneighbors(rows)[1]


found = {
    "pixels": neighbours(X, X_test[:2000]),
    "codes": neighbours(ae.transform(X), ae.transform(X_test[:2000])),
}
odd = np.flatnonzero(y[found["pixels"][:, 0]] != y[found["codes"][:, 0]])
_, axes = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
for ax, (name, indices) in zip(axes, found.items()):
    shown = {f"{place + 1}. nearest": X[indices[odd[:8], place]] for place in range(5)}
    ReconstructionDisplay.from_predictions(X_test[odd[:8]], shown, image_shape=image_shape, ax=ax)
    right = np.sum(y[indices[odd, 0]] == y_test[odd])
    ax.set_title(f"by {name}: nearest right for {right} of {len(odd)}")

plt.show()
