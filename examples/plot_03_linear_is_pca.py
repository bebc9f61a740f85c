"""
A linear autoencoder is PCA
===========================

One linear layer down, one up, squared error: the best that such a network can do is to project on
the subspace of PCA, and it has no other minimum to fall into. Trained, it reconstructs like PCA in
a basis of its own; ``Linear()`` turns that basis into PCA's. Here is what agrees, how closely, and
what a network gains as soon as it may bend.
"""

# %%
# ``optimizer="lbfgs"`` in float64 and tied weights go all the way to the minimum.

import matplotlib.pyplot as plt
import numpy as np
from _data import load_grey
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer
from skae.architectures import MLP, Linear
from skae.datasets import make_bent_plane
from skae.inspection import compare_with_pca
from skae.plotting import ComponentsDisplay

X, X_test, y, y_test, image_shape = load_grey(n_train=2000)
X = X.astype(np.float64)
settings = {"optimizer": "lbfgs", "random_state": 0}
ae = AutoencoderTransformer(8, architecture=Linear(tied_weights=True), **settings).fit(X)
pca = PCA(8).fit(X)

# %%
# The components are the same, in the same order and with the same signs. The titles
# have the largest difference of one element, and the largest angle between the two subspaces.

comparison = compare_with_pca(ae, X, random_state=0)
print(comparison)
difference = np.abs(ae.components_ - pca.components_).max()
angle = comparison.principal_angles[-1]

_, axes = plt.subplots(2, 1, figsize=(10, 4), layout="constrained")
for ax, estimator in zip(axes, (pca, ae)):
    ComponentsDisplay.from_estimator(estimator, image_shape=image_shape, ax=ax)
axes[0].set_title("PCA")
axes[1].set_title(f"linear autoencoder: components differ by {difference:.1g}, angle {angle:.1g}°")

# %%
# So do the codes, and the share of the variance that each of them explains.

print("largest difference of a code:", f"{np.abs(ae.transform(X) - pca.transform(X)).max():.2g}")
for name, estimator in (("PCA", pca), ("autoencoder", ae)):
    print(f"{name:<12}", estimator.explained_variance_ratio_.round(4))

# %%
# Without the rotation
# --------------------
# ``MLP(())`` is the same network, left as it was trained. Points lie around a plane in
# space that is bent a little. R² is that of PCA, but each code is a mixture of PCA's
# scores, as the correlations show. Codes of any autoencoder have no order and no meaning of
# their own, unless one gives it to them.

X_plane, _ = make_bent_plane(random_state=0)
scores = PCA(2).fit_transform(X_plane)
for architecture in (Linear(tied_weights=True), MLP(())):
    flat = AutoencoderTransformer(2, architecture=architecture, **settings).fit(X_plane)
    correlations = np.corrcoef(flat.transform(X_plane).T, scores.T)[:2, 2:]
    print(f"{architecture!r}: R² {flat.score(X_plane):.4f}, correlations of codes with scores")
    print(correlations.round(3) + 0.0)

# %%
# A network that may bend
# -----------------------
# With a hidden layer the two codes span a curved surface. Lines are the grid of codes, decoded:
# flat for PCA, following the points for the autoencoder. The gain in explained variance
# is in the titles; there is little to gain where data are nearly flat.

bent = AutoencoderTransformer(2, architecture=MLP((64,), activation="tanh"), **settings)
figure = plt.figure(figsize=(11, 5), layout="constrained")
for place, (name, estimator) in enumerate({"PCA": PCA(2), "autoencoder": bent}.items(), start=1):
    codes = estimator.fit(X_plane).transform(X_plane)
    ends = np.percentile(codes, [2, 98], axis=0).T
    grid = np.stack(np.meshgrid(*(np.linspace(*end, 12) for end in ends)), axis=-1)
    surface = estimator.inverse_transform(grid.reshape(-1, 2)).reshape(12, 12, 3)
    rest = X_plane - estimator.inverse_transform(codes)
    r2 = 1 - np.sum(rest**2) / np.sum((X_plane - X_plane.mean(axis=0)) ** 2)
    ax = figure.add_subplot(1, 2, place, projection="3d", azim=135, elev=25)
    ax.scatter(*X_plane.T, s=6, alpha=0.6)
    ax.plot_wireframe(*surface.transpose(2, 0, 1), color="C3", linewidth=1)
    ax.set(title=f"{name}, 2 codes: R² {r2:.4f}", xticks=[], yticks=[], zticks=[])
    ax.set_box_aspect(np.ptp(X_plane, axis=0), zoom=1.2)

plt.show()
