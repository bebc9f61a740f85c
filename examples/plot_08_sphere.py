"""
Codes in the plane, in space and on the sphere
==============================================

With two or three codes one can see everything: where each image lies, and what the decoder makes of
any place. Deeper networks are compared here with 2 free codes, 3 free codes, and 3 codes on the
unit sphere, which is a surface like the plane but has no edge and no corners; then the same
sphere behind a deeper and thicker network. The baseline is PCA with as many codes.
"""

# %%
# Pixels are between 0 and 1, and ``loss="bce"`` takes them as probabilities, as many papers do.
# Each hidden layer is followed by a PReLU.

import matplotlib.pyplot as plt
import numpy as np
from _data import load_grey
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer
from skae.architectures import MLP
from skae.plotting import DecoderGridDisplay, LatentDisplay

X, X_test, y, y_test, image_shape = load_grey(n_train=10_000)
widths = (392, 96) if image_shape == (28, 28) else (128, 32)
deep = MLP(widths, activation="prelu")
thick = MLP((4 * widths[0], *widths), activation="prelu")
networks = {
    "plane": AutoencoderTransformer(2, architecture=deep, loss="bce", random_state=0),
    "space": AutoencoderTransformer(3, architecture=deep, loss="bce", random_state=0),
    "sphere": AutoencoderTransformer(
        3, architecture=deep, latent="sphere", loss="bce", random_state=0
    ),
    "sphere, thick": AutoencoderTransformer(
        3, architecture=thick, latent="sphere", loss="bce", random_state=0
    ),
}

# %%
# Cross-entropy (lower is better) and R² (higher is better) are those of held-out images, accuracy
# is that of the nearest training image by codes. A sphere has two dimensions: compare it with the
# plane as well as with space. More weights need not gain anything.


def cross_entropy(given):
    """Return the mean cross-entropy of held-out images, given their reconstructions."""
    given = np.clip(given.astype(np.float64), 1e-7, 1 - 1e-7)
    return -np.mean(X_test * np.log(given) + (1 - X_test) * np.log(1 - given))


print(f"{'codes':<16}{'weights':>10}{'entropy':>10}{'R²':>8}{'nearest':>9}")
for name, estimator in {"PCA, 2": PCA(2), "PCA, 3": PCA(3), **networks}.items():
    codes, codes_test = estimator.fit(X).transform(X), estimator.transform(X_test)
    given = estimator.inverse_transform(codes_test)
    r2 = 1 - np.sum((X_test - given) ** 2) / np.sum((X_test - X.mean(axis=0)) ** 2)
    nearest = KNeighborsClassifier(1).fit(codes, y).score(codes_test, y_test)
    weights, entropy = "", ""
    if name in networks:  # what PCA gives are no probabilities
        weights = f"{sum(weight.numel() for weight in estimator.module_.parameters()):,}"
        entropy = f"{cross_entropy(given):.4f}"
    print(f"{name:<16}{weights:>10}{entropy:>10}{r2:>8.3f}{nearest:>9.3f}", flush=True)

# %%
# The plane
# ---------
# Left, what the decoder makes of the places of a grid; right, the codes of the training images,
# with the grid's edges dashed. Some corners of the grid are far from all codes: what stands there
# is nothing the network was ever asked for.

DecoderGridDisplay.from_estimator(networks["plane"], X, y, image_shape=image_shape)

# %%
# Space, and the sphere in it
# ---------------------------
# Free codes spread as they like, those of the sphere lie on its surface.

figure = plt.figure(figsize=(12, 5.5), layout="constrained")
for place, name in enumerate(("space", "sphere"), start=1):
    ax = figure.add_subplot(1, 2, place, projection="3d")
    LatentDisplay.from_estimator(networks[name], X, y, view="3d", ax=ax)
    ax.set_title(name)

# %%
# The whole sphere
# ----------------
# The sphere as a map: every place on it is shown, and its left edge continues at the right. How
# much of it is in use? The share of places drawn evenly that have a training image within 15
# degrees is printed for both networks.

points = np.random.RandomState(0).normal(size=(2000, 3))
points /= np.linalg.norm(points, axis=1, keepdims=True)
for name in ("sphere", "sphere, thick"):
    closest = np.max(points @ networks[name].transform(X).T, axis=1)
    print(f"{name:<16} in use: {np.mean(closest > np.cos(np.pi / 12)):.0%}")

display = DecoderGridDisplay.from_estimator(networks["sphere"], X, y, image_shape=image_shape)
display.figure_.suptitle("deep")

# %%
# The same with the thicker network.

display = DecoderGridDisplay.from_estimator(
    networks["sphere, thick"], X, y, image_shape=image_shape
)
display.figure_.suptitle("deep and thick")
plt.show()
