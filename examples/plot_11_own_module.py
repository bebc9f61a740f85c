"""
A torch module of your own
==========================

What you know about your data can be built into the network. Here digits lie anywhere on a sheet. A
network of skae has to learn each digit at each place; a module of one's own can be told that
there *are* places: its first two codes are the middle of the ink, and the others describe the
picture as it is when it has been moved to the middle of the sheet (moves as in Jaderberg et al.,
2015). Any callable ``(n_features, n_components) -> nn.Module`` whose modules have ``encode`` and
``decode`` will do as ``architecture``.
"""

# %%
# Digits at random places of a sheet half as large again. The places are kept, to compare the
# codes with; no network is shown them.

import matplotlib.pyplot as plt
import numpy as np
import torch
from _data import load_grey, mosaic
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv
from skae.plotting import ReconstructionDisplay

digits, digits_test, *_, (side, _) = load_grey(n_train=5000)
sheet_side, rng = side + side // 2, np.random.RandomState(0)


def put(images):
    """Return images at random places of a sheet, and the places."""
    places = rng.randint(side // 2 + 1, size=(len(images), 2))
    sheets = np.zeros((len(images), sheet_side, sheet_side), images.dtype)
    for sheet, image, (top, left) in zip(sheets, images, places):
        sheet[top : top + side, left : left + side] = image.reshape(side, side)
    return sheets.reshape(len(images), -1), places


X, _ = put(np.tile(digits, (2, 1)) if side == 8 else digits)
X_test, places = put(digits_test[:1000])

# %%
# The module. ``affine_grid`` and ``grid_sample`` move pictures; both axes go from -1 to 1.


def move(pictures, by):
    """Return pictures in which what was at ``by`` is in the middle."""
    stay = torch.eye(2, dtype=by.dtype).expand(len(by), 2, 2)
    grid = F.affine_grid(torch.cat([stay, by[:, :, None]], dim=2), pictures.shape, False)
    return F.grid_sample(pictures, grid, align_corners=False)


class Placed(nn.Module):
    """Codes 0 and 1 say where, the others what."""

    def __init__(self, n_features, n_components):
        super().__init__()
        n_what = n_components - 2
        self.look = nn.Sequential(nn.Linear(n_features, 256), nn.ReLU(), nn.Linear(256, n_what))
        self.draw = nn.Sequential(nn.Linear(n_what, 256), nn.ReLU(), nn.Linear(256, n_features))

    def encode(self, X):
        pictures = X.view(-1, 1, sheet_side, sheet_side)
        ticks = (2 * torch.arange(sheet_side, dtype=X.dtype) + 1) / sheet_side - 1
        ink = X.sum(dim=1).clamp(min=1e-6)
        middles = [pictures.sum(dim=axes) @ ticks / ink for axes in ((1, 2), (1, 3))]
        where = torch.stack(middles, dim=1)
        return torch.cat([where, self.look(move(pictures, where).flatten(1))], dim=1)

    def decode(self, codes):
        pictures = self.draw(codes[:, 2:]).view(-1, 1, sheet_side, sheet_side)
        return move(pictures, -codes[:, :2]).flatten(1)


# %%
# R² of held-out sheets by number of codes, compared with PCA and two architectures of skae. Each
# column is the same number of codes for all.

N_CODES = (4, 8)
builders = {
    "MLP": MLP((256,)),
    "Conv": Conv((1, sheet_side, sheet_side), channels=(16, 32)),
    "Placed": Placed,
}
table = {"PCA": []}
for n_codes in N_CODES:
    pca = PCA(n_codes, random_state=0).fit(X)
    rest = X_test - pca.inverse_transform(pca.transform(X_test))
    table["PCA"].append(1 - np.sum(rest**2) / np.sum((X_test - X.mean(axis=0)) ** 2))
    for name, architecture in builders.items():
        ae = AutoencoderTransformer(n_codes, architecture=architecture, random_state=0).fit(X)
        table.setdefault(name, []).append(ae.score(X_test))
        if (name, n_codes) == ("Placed", 8):
            placed = ae
print(f"{'codes':<8}" + "".join(f"{n_codes:>8}" for n_codes in N_CODES))
for name, scores in table.items():
    print(f"{name:<8}" + "".join(f"{score:>8.3f}" for score in scores))

# %%
# Do the first two codes represent the position? Each point is a held-out sheet. The middle of the
# ink is not quite the middle of the digit's frame, which is what is drawn at random.

codes = placed.transform(X_test)
_, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, code, place, name in zip(axes, (0, 1), (1, 0), ("left edge", "upper edge")):
    correlation = np.corrcoef(codes[:, code], places[:, place])[0, 1]
    jitter = rng.uniform(-0.2, 0.2, len(places))
    ax.plot(places[:, place] + jitter, codes[:, code], ".", markersize=3)
    ax.set(xlabel=f"{name} of the digit (pixels)", ylabel=f"code {code}")
    ax.set_title(f"correlation {correlation:.3f}")

# %%
# One digit, moved by its codes: all but the first two are kept, those two go from one end to the
# other of what occurs.

ends = np.percentile(codes[:, :2], [5, 95], axis=0).T
moved = np.repeat(codes[:1], 25, axis=0)
moved[:, :2] = np.stack(np.meshgrid(*(np.linspace(*end, 5) for end in ends)), -1).reshape(-1, 2)
_, ax = plt.subplots(figsize=(5, 5), layout="constrained")
image_shape = (sheet_side, sheet_side)
ax.imshow(mosaic(placed.inverse_transform(moved), image_shape, 5), cmap="gray_r", vmin=0, vmax=1)
ax.set(xticks=[], yticks=[], xlabel="code 0", ylabel="code 1")

# %%
# What 8 codes keep.

ReconstructionDisplay.from_estimator(placed, X_test, image_shape=image_shape)
plt.show()
