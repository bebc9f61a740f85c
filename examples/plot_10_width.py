"""
How many codes?
===============

More codes always reconstruct better, up to a point, and compress less. Three ways to choose: where
cross-validated reconstruction levels off, where PCA catches up, and where the task that codes are
for has enough. One look at single codes then tells whether all of them work.
"""

# %%
# Reconstruction
# --------------
# Cross-validated R² by number of codes, PCA's beside it. The smallest width within one
# standard error of the best is a choice that does not follow the noise of the folds.

import matplotlib.pyplot as plt
import numpy as np
from _data import load_grey
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skae import AutoencoderTransformer
from skae.inspection import bottleneck_curve, latent_report
from skae.plotting import BottleneckCurveDisplay, LatentReportDisplay

X, X_test, y, y_test, image_shape = load_grey(n_train=3000)
WIDTHS = (1, 2, 4, 8, 16, 32)
curve = bottleneck_curve(AutoencoderTransformer(random_state=0), X, WIDTHS, cv=3)
print(curve)
BottleneckCurveDisplay(curve).plot()

# %%
# All widths from one fit
# -----------------------
# ``latent="ordered"`` puts codes in order of importance, so that one fit serves each width: a
# quick look, for which the widths in between pay a little.

ordered = AutoencoderTransformer(latent="ordered", random_state=0)
quick = bottleneck_curve(ordered, X, WIDTHS, cv=3)
for name, mean in {
    "a fit for each": curve.mean,
    "ordered": quick.mean,
    "PCA": curve.pca_mean,
}.items():
    print(f"{name:<16}" + "".join(f"{r2:>8.3f}" for r2 in mean))

# %%
# The task
# --------
# Are codes for telling digits apart? Then let that decide: cross-validated accuracy of the nearest
# neighbour on codes. It often has enough long before reconstruction has.

_, ax = plt.subplots(layout="constrained")
for name, reducer in {"autoencoder": AutoencoderTransformer(random_state=0), "PCA": PCA()}.items():
    scores = [
        cross_val_score(
            make_pipeline(reducer.set_params(n_components=width), KNeighborsClassifier(1)),
            X,
            y,
            cv=3,
        ).mean()
        for width in WIDTHS
    ]
    enough = WIDTHS[np.argmax(np.array(scores) > max(scores) - 0.01)]
    ax.plot(
        WIDTHS, scores, "o-", label=f"{name}: within a point of its best from {enough} codes on"
    )
by_pixels = cross_val_score(KNeighborsClassifier(1), X, y, cv=3).mean()
ax.axhline(by_pixels, color="k", linestyle=":", label=f"all {X.shape[1]} pixels")
ax.set_xscale("log", base=2)
ax.set_xticks(WIDTHS, WIDTHS)
ax.set(xlabel="number of codes", ylabel="accuracy of the nearest neighbour")
ax.legend()

# %%
# Do all of them work?
# --------------------
# For 8 codes: the share of R² that is lost when a code is fixed at its mean. A code that loses
# nothing is not needed. PCA's shares fall and add up to 1; those of an autoencoder have no order,
# and since codes work together, more than 1 can be lost in all.

ae = AutoencoderTransformer(8, random_state=0).fit(X)
report = latent_report(ae, X_test)
LatentReportDisplay(report).plot()
pca = PCA(8).fit(X)
print("R² lost without each code")
print("autoencoder:", np.sort(report.r2_lost)[::-1].round(2))
ratios = pca.explained_variance_ratio_
print("PCA:        ", (ratios / ratios.sum()).round(2))
plt.show()
