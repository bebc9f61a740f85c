"""
Few labels, many images
=======================

Images are cheap and labels are expensive. An autoencoder learns from all images without a label; a
classifier behind its encoder then needs fewer labels, or so one hopes. Three ways to start are
compared: from *scratch*, with the encoder *frozen*, and with the encoder *fine-tuned* together with
the classifier. The baselines are a linear classifier on PCA's scores, and the nearest neighbour by
pixels.
"""

# %%
# All training images are there for the autoencoders. Their labels are hidden but for a few.

import matplotlib.pyplot as plt
import numpy as np
from _data import load_grey
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.inspection import label_efficiency_curve
from skae.plotting import LabelEfficiencyDisplay

X, X_test, y, y_test, image_shape = load_grey()
N_LABELS, N_DRAWS = (10, 30, 100, 300), 3

# %%
# Two encoders without labels: a plain one, and one that was shown images with half of the
# pixels hidden and asked for the whole, so that it has to know which pixels go together.

encoders = {
    "plain": AutoencoderTransformer(random_state=0),
    "half of the pixels hidden": AutoencoderTransformer(
        corruption="masking", corruption_level=0.5, random_state=0
    ),
    "PCA": PCA(32, random_state=0),
}
for encoder in encoders.values():
    encoder.fit(X)

# %%
# :func:`skae.inspection.label_efficiency_curve` draws the labelled images several times, the
# same ones for each way to start. ``FrozenEstimator`` says that the encoder is used as it is
# and not fitted again. The encoder has a lower learning rate than the head, so that
# fine-tuning keeps more of what it knows. Only a frozen start makes sense for PCA.

curves = {}
for name, encoder in encoders.items():
    curves[name] = label_efficiency_curve(
        PretrainedEncoderClassifier(FrozenEstimator(encoder), encoder_lr=1e-3),
        X,
        y,
        X_test,
        y_test,
        N_LABELS,
        N_DRAWS,
        strategies=("frozen",) if name == "PCA" else ("scratch", "frozen", "finetune"),
        random_state=0,
    )
    print(f"{name}\n{curves[name]}\n", flush=True)

# %%
# How to read it: take the accuracy of a pretrained start and see how far to the right the line
# of the start from scratch has to go for the same. Bands are 95% intervals of the mean over the
# draws; with three draws they are wide. Dotted is a linear classifier on PCA's scores, dashed the
# nearest labelled image by pixels, in draws of its own.


def nearest_by_pixels(n_labels):
    """Return the mean accuracy of the nearest labelled image."""
    draws = StratifiedShuffleSplit(N_DRAWS, train_size=n_labels, random_state=0).split(X, y)
    scores = [KNeighborsClassifier(1).fit(X[i], y[i]).score(X_test, y_test) for i, _ in draws]
    return np.mean(scores)


by_pixels = [nearest_by_pixels(n_labels) for n_labels in N_LABELS]
_, axes = plt.subplots(1, 2, figsize=(12, 5), sharey=True, layout="constrained")
for ax, name in zip(axes, ("plain", "half of the pixels hidden")):
    LabelEfficiencyDisplay(curves[name]).plot(ax=ax)
    ax.plot(N_LABELS, curves["PCA"].mean[0], "k:", label="PCA, frozen")
    ax.plot(N_LABELS, by_pixels, "k--", linewidth=1, label="nearest by pixels")
    ax.set_title(f"encoder: {name}")
    ax.legend()

# %%
# What pretraining is worth, in points of accuracy over a start from scratch:

print(f"{'labels':<36}" + "".join(f"{n:>8}" for n in N_LABELS))
for name in ("plain", "half of the pixels hidden"):
    scratch, *others = curves[name].mean
    for strategy, mean in zip(("frozen", "finetune"), others):
        gains = "".join(f"{100 * gain:>+8.1f}" for gain in mean - scratch)
        print(f"{f'{name}, {strategy}':<36}{gains}")

plt.show()
