"""
Telling colour images apart: fully connected against convolutional
==================================================================

The supervised task, before any autoencoder: ten epochs of a fully connected network and of a
convolutional one, on colour images with all their labels. Each is trained twice: as a plain torch
module by skorch, and as a :class:`~skae.PretrainedEncoderClassifier` that starts from scratch, the
baseline for everything that an encoder may learn without labels. Both have the same layers and take
the same steps, and should be close; their first weights are drawn by different rules for
convolutions, which may show where images are hard.
"""

# %%
# Without a data folder these are digits in random colours at random places, made from
# scikit-learn's; with it, 20,000 images of CIFAR-10.

import time

import matplotlib.pyplot as plt
import torch
from _data import load_colour
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP, Conv

X, X_test, y, y_test, image_shape = load_colour()
N_EPOCHS, LR, BATCH = 10, 1e-3, 64

# %%
# The direct way: a torch module trained by skorch. ``LazyLinear`` infers the number of its inputs.
# Rows are standardised first, which skae does by itself (with one number for all columns).

torch.manual_seed(0)
modules = {
    "MLP": nn.Sequential(nn.LazyLinear(256), nn.ReLU(), nn.LazyLinear(64), nn.LazyLinear(10)),
    "ConvNet": nn.Sequential(
        nn.Unflatten(1, image_shape),
        nn.Conv2d(3, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(64),
        nn.LazyLinear(10),
    ),
}
classifiers = {}
for name, module in modules.items():
    module(torch.as_tensor(X[:2]))  # the lazy layers take shape
    net = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LR,
        batch_size=BATCH,
        max_epochs=N_EPOCHS,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    classifiers[f"{name}, torch and skorch"] = make_pipeline(StandardScaler(), net)

# %%
# The same layers as an encoder and a head. Nothing is pretrained: ``strategy="scratch"``.

architectures = {
    "MLP": MLP((256,)),
    "ConvNet": Conv(image_shape, channels=(16, 32), kernel_size=5),
}
for name, architecture in architectures.items():
    classifiers[f"{name}, skae"] = PretrainedEncoderClassifier(
        AutoencoderTransformer(64, architecture=architecture),
        strategy="scratch",
        lr=LR,
        batch_size=BATCH,
        max_epochs=N_EPOCHS,
        tol=None,
        random_state=0,
    )

# %%
# Accuracy after ten epochs; a guess is right for one in ten. Compare networks down the column of
# held-out images, and the two columns with each other: what a network has memorised of its
# training images does not help with others.

print(f"{'':<26}{'training':>10}{'held out':>10}{'seconds':>9}")
scores = {}
for name, classifier in classifiers.items():
    start = time.perf_counter()
    classifier.fit(X, y)
    seconds = time.perf_counter() - start
    scores[name] = classifier.score(X_test, y_test)
    on_training = classifier.score(X[:5000], y[:5000])
    print(f"{name:<26}{on_training:>10.3f}{scores[name]:>10.3f}{seconds:>9.1f}", flush=True)

# %%
# Which classes are taken for which? Each row is a true class, and its numbers are shares of it, for
# the networks of skae. Off the diagonal are the mistakes: look for pairs.

_, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, name in zip(axes, architectures):
    ConfusionMatrixDisplay.from_estimator(
        classifiers[f"{name}, skae"],
        X_test,
        y_test,
        normalize="true",
        include_values=False,
        im_kw={"vmin": 0, "vmax": 1},
        ax=ax,
    )
    ax.set_title(f"{name}: {scores[f'{name}, skae']:.1%} of held-out images right")

plt.show()
