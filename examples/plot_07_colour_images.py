"""
Colour images: a convolutional autoencoder, and ways between images
===================================================================

A colour image is a row with one channel after the other. A convolutional autoencoder of such rows
is compared with PCA and a fully connected one of as many codes: what each keeps of an image, and
what an interpolation between two images looks like, in pixels and in codes.
"""

# %%
# Without a data folder these are digits in random colours at random places, made from
# scikit-learn's; with it, CIFAR-10.

import matplotlib.pyplot as plt
import numpy as np
from _data import load_colour
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv
from skae.generation import interpolate
from skae.plotting import InterpolationDisplay, ReconstructionDisplay

X, X_test, y, y_test, image_shape = load_colour(n_train=10_000)
N_CODES = 32
settings = {"max_epochs": 20, "tol": None, "random_state": 0}
fitted = {
    "PCA": PCA(N_CODES, random_state=0).fit(X),
    "MLP": AutoencoderTransformer(N_CODES, architecture=MLP((256,)), **settings).fit(X),
    "Conv": AutoencoderTransformer(
        N_CODES, architecture=Conv(image_shape, channels=(16, 32)), **settings
    ).fit(X),
}

# %%
# Reconstruction
# --------------
# R² of held-out images, and how many weights that took: see how few a convolution needs. PCA is the
# baseline, and a strong one where an image is hardly more than patches of colour.

for name, estimator in fitted.items():
    given = estimator.inverse_transform(estimator.transform(X_test))
    r2 = 1 - np.sum((X_test - given) ** 2) / np.sum((X_test - X.mean(axis=0)) ** 2)
    if name == "PCA":
        weights = estimator.components_.size
    else:
        weights = sum(weight.numel() for weight in estimator.module_.parameters())
    print(f"{name:<5} {weights:>10,} weights, held-out R² {r2:.3f}")

given = {
    name: estimator.inverse_transform(estimator.transform(X_test[:10]))
    for name, estimator in fitted.items()
}
ReconstructionDisplay.from_predictions(X_test, given, image_shape=image_shape)

# %%
# From one image to another
# -------------------------
# In pixels one image fades into the other. In codes the way is a straight line as well, but what is
# on it is what the decoder makes of it.

ae = fitted["Conv"]
_, axes = plt.subplots(3, 1, figsize=(10, 7.5), layout="constrained")
for ax, (start, end) in zip(axes, ((0, 1), (2, 3), (4, 5))):
    InterpolationDisplay.from_estimator(ae, X_test[start], X_test[end], ax=ax)

# %%
# Is the way through the codes more than a fade? Two measures of the image in the middle of the way,
# over 200 pairs of held-out images:
#
# - how far it is from the mean of the two reconstructed ends, as a share of the distance between
#   these: 0 is a mere fade, as it is for PCA, whose codes are a linear map of pixels;
# - its contrast (standard deviation within each channel), as a share of that of the ends: where
#   unlike images fade into each other, they wash each other out.
#
# Nothing in training asks for good ways, so do not be surprised where codes keep no more contrast
# than pixels.


def contrast(rows):
    """Return the mean standard deviation of pixels within an image and channel."""
    return (
        np.reshape(rows, (-1, image_shape[0], rows.shape[1] // image_shape[0])).std(axis=2).mean()
    )


starts, ends = X_test[:200], X_test[200:400]
print(f"{'pixels':<7} contrast {contrast((starts + ends) / 2) / contrast(X_test[:400]):.2f}")
for name, estimator in fitted.items():
    ways = np.stack([interpolate(estimator, *pair, 3) for pair in zip(starts, ends)], axis=1)
    start, middle, end = ways
    lengths = np.linalg.norm(end - start, axis=1)
    away = np.linalg.norm(middle - (start + end) / 2, axis=1) / lengths
    kept = contrast(middle) / contrast(np.concatenate([start, end]))
    print(f"{name:<7} contrast {kept:.2f}, away from a fade {away.mean():.2f}")

plt.show()
