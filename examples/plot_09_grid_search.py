"""
An autoencoder in a pipeline, and a grid search over it
=======================================================

An autoencoder is one step of a :class:`~sklearn.pipeline.Pipeline`, and its parameters, also those
of its architecture, are searched like any others. Here codes feed a classifier, and
cross-validation decides how many there are and how wide the network is, by the accuracy of the
classifier. The baselines are the same search over PCA, and the classifier on pixels.
"""

# %%
# In a search, everything in the pipeline is fitted on the training part of each fold: no
# image of the other part has been seen by the autoencoder.

import matplotlib.pyplot as plt
import numpy as np
from _data import load_grey
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skae import AutoencoderTransformer
from skae.architectures import MLP
from skae.plotting import ReconstructionDisplay

X, X_test, y, y_test, image_shape = load_grey(n_train=3000)
classifier = LogisticRegression(max_iter=5000)
pipe = Pipeline(
    [("ae", AutoencoderTransformer(architecture=MLP(), random_state=0)), ("clf", classifier)]
)
n_codes, layers = [2, 8, 32], [(64,), (256,)]
grid = {"ae__n_components": n_codes, "ae__architecture__hidden_layer_sizes": layers}
search = GridSearchCV(pipe, grid, cv=3).fit(X, y)
print("best:", search.best_params_)

# %%
# The same for PCA, which has no network to choose.

pca_pipe = Pipeline([("pca", PCA(random_state=0)), ("clf", classifier)])
pca_search = GridSearchCV(pca_pipe, {"pca__n_components": n_codes}, cv=3).fit(X, y)

# %%
# Cross-validated accuracy of each candidate. Read it from left to right: what more codes are worth,
# and where PCA catches up, if it does.

results = search.cv_results_
table = np.array(
    [
        [
            results["mean_test_score"][results["params"].index(dict(zip(grid, (n, sizes))))]
            for n in n_codes
        ]
        for sizes in layers
    ]
)
table = np.vstack([table, pca_search.cv_results_["mean_test_score"]])
names = [*(f"autoencoder, {sizes[0]} units" for sizes in layers), "PCA"]
_, ax = plt.subplots(figsize=(7, 3.5), layout="constrained")
ax.imshow(table, cmap="Blues", vmin=table.min() - 0.1, vmax=1.1)
for (line, column), score in np.ndenumerate(table):
    ax.text(column, line, f"{score:.3f}", ha="center", va="center")
ax.set_xticks(range(len(n_codes)), [f"{n} codes" for n in n_codes])
ax.set_yticks(range(len(names)), names)
ax.set_title("cross-validated accuracy")

# %%
# The best of each on held-out images, which took no part in the search:

pixels = LogisticRegression(max_iter=5000).fit(X, y)
for name, estimator in {"autoencoder": search, "PCA": pca_search, "pixels": pixels}.items():
    print(f"{name:<12} held-out accuracy {estimator.score(X_test, y_test):.3f}")

# %%
# The pipeline that was found is fitted on all training images. Its first step is an autoencoder
# like any other: here is what the codes that were chosen keep of an image.

ReconstructionDisplay.from_estimator(search.best_estimator_["ae"], X_test, image_shape=image_shape)
plt.show()
