"""Measure what each option does: the tables of the guide.

``python benchmarks/bench_options.py CASE`` with one of the cases below. Those on scikit-learn's
digits take a minute or two; ``bce`` and ``recurrent`` read MNIST and ``colour`` reads CIFAR-10, and
take up to a quarter of an hour.
"""

import argparse
from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv, Linear, Recurrent
from skae.datasets import fetch_cifar10, fetch_mnist
from skae.inspection import latent_report
from skae.losses import encode_with_jacobian
from skae.modules import ACTIVATIONS

SEEDS = range(3)


def digits():
    """Return training and held-out digits and their labels, float32."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X.astype(np.float32), y, test_size=1 / 3, random_state=0)


def held_out(**params):
    """Return the smallest and largest R² of held-out digits over the seeds, as text."""
    X, X_test, _, _ = digits()
    scores = [
        AutoencoderTransformer(
            **{"n_components": 8, "architecture": MLP(), "random_state": seed, **params}
        )
        .fit(X)
        .score(X_test)
        for seed in SEEDS
    ]
    return f"{min(scores):.3f} to {max(scores):.3f}"


def table(title, rows):
    """Print rows of a name and a text as they come."""
    print(title)
    for name, value in rows:
        print(f"{name:<44}  {value}", flush=True)


def networks():
    """R² of held-out digits, 8 codes, by network."""
    X, X_test, _, _ = digits()
    pca = PCA(8).fit(X)
    error = pca.inverse_transform(pca.transform(X_test)) - X_test
    print(f"PCA: {1 - np.square(error).sum() / np.square(X_test - X.mean(axis=0)).sum():.3f}")
    cases = {
        "Linear()": Linear(),
        "None, the default": None,
        "MLP()": MLP(),
        "MLP((128, 32))": MLP((128, 32)),
        'MLP((128, 32), norm="batch")': MLP((128, 32), norm="batch"),
        'MLP((128, 32), norm="layer")': MLP((128, 32), norm="layer"),
        "MLP((128, 32), dropout=0.1)": MLP((128, 32), dropout=0.1),
        "MLP(tied_weights=True)": MLP(tied_weights=True),
        "Conv((1, 8, 8), (16, 32))": Conv((1, 8, 8), (16, 32)),
        "Recurrent((8, 8))": Recurrent((8, 8)),
    }
    table(
        "network                                       held-out R²",
        ((name, held_out(architecture=network)) for name, network in cases.items()),
    )


def activations():
    """R² of held-out digits, 8 codes, by activation and initial weights."""
    table(
        "activation, MLP((128, 32))                    held-out R²",
        (
            (name, held_out(architecture=MLP((128, 32), activation=name)))
            for name in ACTIVATIONS
            if name != "identity"
        ),
    )


def initial():
    """R² of held-out digits, 8 codes, by activation and initial weights."""
    names = ("auto", "xavier_uniform", "kaiming_uniform", "orthogonal")
    print(f"{'':<25}", *(f"{name:<16}" for name in names))
    for sizes in ((128, 32), (256, 128, 64)):
        for activation in ("relu", "tanh", "selu", "sigmoid"):
            networks = [MLP(sizes, activation, weight_init=name) for name in names]
            ranges = [held_out(architecture=network) for network in networks]
            print(f"{sizes!s:<16} {activation:<8}", *ranges, flush=True)


def bce():
    """Cross-entropy of test images of MNIST after 10 epochs of batches of 128."""
    X, X_test = (fetch_mnist(subset=subset).data for subset in ("train", "test"))
    for sizes, n_components, latent in (
        ((392, 64), 2, "euclidean"),
        ((392, 96), 3, "euclidean"),
        ((392, 96), 3, "sphere"),
        ((1568, 392, 96), 3, "sphere"),
    ):
        losses = []
        for seed in SEEDS:
            ae = AutoencoderTransformer(
                n_components,
                architecture=MLP(sizes, "prelu", "prelu", output_activation="sigmoid"),
                latent=latent,
                loss="bce",
                batch_size=128,
                max_epochs=10,
                tol=None,
                random_state=seed,
            ).fit(X)
            given = ae.reconstruct(X_test).astype(np.float64).clip(1e-12, 1 - 1e-7)
            losses.append(-np.mean(X_test * np.log(given) + (1 - X_test) * np.log1p(-given)))
        n_weights = sum(weight.numel() for weight in ae.module_.parameters())
        print(
            sizes, n_components, latent, f"{n_weights:,} weights:", np.round(losses, 4), flush=True
        )


class TestLoss(Callback):
    """Prints the squared error of test images, summed over an image, after some epochs."""

    def __init__(self, X, epochs):
        self.X = X
        self.epochs = epochs

    def on_epoch_end(self, net, **kwargs):
        epoch = len(net.history)
        if epoch in self.epochs:
            error = net.apply("decode", net.apply("encode", self.X)) - self.X
            net.module_.train()
            print(f"epoch {epoch}: {np.square(error).sum(axis=1).mean():.2f}", flush=True)


def colour():
    """Squared error of a test image of CIFAR-10 by epoch, convolutional, 512 codes."""
    X, X_test = (fetch_cifar10(subset=subset).data for subset in ("train", "test"))
    AutoencoderTransformer(
        512,
        architecture=Conv((3, 32, 32), (8, 16, 32), kernel_size=4, output_activation="sigmoid"),
        lr=1e-3,
        batch_size=128,
        max_epochs=48,
        tol=None,
        callbacks=[TestLoss(X_test, (1, 12, 24, 48))],
        random_state=0,
    ).fit(X)
    pca = PCA(512, svd_solver="randomized", random_state=0).fit(X)
    error = pca.inverse_transform(pca.transform(X_test)) - X_test
    print(f"PCA, 512 components: {np.square(error).sum(axis=1).mean():.2f}")


def recurrent():
    """R² of test images of MNIST, 16 codes, rows read one after the other, 10 epochs."""
    X, X_test = (fetch_mnist(subset=subset).data for subset in ("train", "test"))
    pca = PCA(16, random_state=0).fit(X)
    error = pca.inverse_transform(pca.transform(X_test)) - X_test
    sst = np.square(X_test - X.mean(axis=0)).sum()
    print(f"PCA: {1 - np.square(error).sum() / sst:.3f}")
    for architecture in (MLP(), Recurrent((28, 28)), Recurrent((28, 28), cell="gru")):
        ae = AutoencoderTransformer(
            16, architecture=architecture, max_epochs=10, tol=None, random_state=0
        ).fit(X)
        print(f"{architecture}: {ae.score(X_test):.3f}", flush=True)


def padding():
    """R² of held-out waves of 5 to 40 steps, filled up with 0, on the steps that are there."""
    rng = np.random.RandomState(0)
    t = np.arange(40)
    there = t < rng.randint(5, 41, (3000, 1))
    waves = np.sin(rng.uniform(0.1, 0.4, (3000, 1)) * t + rng.uniform(0, 2 * np.pi, (3000, 1)))
    X = np.where(there, waves, 0).astype(np.float32)
    for cell in ("lstm", "gru"):
        for padding_value in (None, 0.0):
            network = Recurrent((40, 1), 64, cell, padding_value=padding_value)
            ae = AutoencoderTransformer(
                8, architecture=network, max_epochs=60, tol=None, random_state=0
            ).fit(X[:2000])
            error = np.square(ae.reconstruct(X[2000:]) - X[2000:])[there[2000:]].mean()
            r2 = 1 - error / X[2000:][there[2000:]].var()
            print(f"{cell}, padding_value={padding_value}: {r2:.3f}", flush=True)


def denoising():
    """Squared error of the clean held-out digits, given noisy ones, relative to the noise's."""
    X, X_test, _, _ = digits()
    rng = np.random.RandomState(0)
    spread = np.sqrt(X.var(axis=0).mean())
    kept = rng.rand(*X_test.shape) >= 0.3
    salted = np.where(rng.rand(*X_test.shape) < 0.5, 0, 16)
    noisy = {
        "gaussian": (1.0, X_test + rng.normal(0, spread, X_test.shape)),
        "masking": (0.3, np.where(kept, X_test, X.mean(axis=0))),
        "salt_pepper": (0.3, np.where(kept, X_test, salted)),
    }
    for name, (level, rows) in noisy.items():
        rows = rows.astype(np.float32)
        before = np.square(rows - X_test).mean()
        errors = []
        for corruption in (None, name):
            shares = [
                np.square(
                    AutoencoderTransformer(
                        32,
                        architecture=MLP(),
                        corruption=corruption,
                        corruption_level=level,
                        random_state=seed,
                    )
                    .fit(X)
                    .reconstruct(rows)
                    - X_test
                ).mean()
                / before
                for seed in SEEDS
            ]
            errors.append(f"{min(shares):.2f} to {max(shares):.2f}")
        pca = PCA(32).fit(X)
        given = pca.inverse_transform(pca.transform(rows))
        share = np.square(given - X_test).mean() / before
        print(f"{name:<12}  PCA {share:.2f}  plain {errors[0]}  denoising {errors[1]}", flush=True)


def penalties():
    """What penalties do to 16 codes of digits."""
    X, X_test, y, y_test = digits()
    sigmoid = MLP(latent_activation="sigmoid")
    cases = {
        "none": {},
        "l1, alpha=0.01": {"penalty": "l1", "alpha": 0.01},
        "contractive, alpha=0.01": {"penalty": "contractive", "alpha": 0.01},
        "sigmoid codes": {"architecture": sigmoid},
        "sigmoid codes, kl, alpha=0.1": {"architecture": sigmoid, "penalty": "kl", "alpha": 0.1},
    }
    print("penalty                        R²     nearest  mean |code|  below 0.05  slope")
    for name, params in cases.items():
        params = {"architecture": MLP(), **params}
        ae = AutoencoderTransformer(16, random_state=0, **params).fit(X)
        codes = ae.transform(X_test)
        nearest = KNeighborsClassifier(1).fit(ae.transform(X), y).score(codes, y_test)
        rows = ae.module_.standardize(ae.module_.shift.new_tensor(X_test))
        slope = encode_with_jacobian(ae.module_.encode_standard, rows)[1].mean().sqrt().item()
        print(
            f"{name:<29}  {ae.score(X_test):.3f}  {nearest:.3f}    {np.abs(codes).mean():<11.3f}  "
            f"{np.mean(np.abs(codes) < 0.05):<10.2f}  {slope:.2f}",
            flush=True,
        )


def variational():
    """Divergence, R² and spread of 8 variational codes of digits by alpha."""
    X, X_test, _, _ = digits()
    print("alpha     KL (nats)  active codes  held-out R²")
    for alpha, warmup in ((0.0, 0), (1e-3, 0), (1e-2, 0), (0.1, 0), (0.1, 20)):
        ae = AutoencoderTransformer(
            8, latent="gaussian", alpha=alpha, alpha_warmup=warmup, random_state=0
        ).fit(X)
        kl = latent_report(ae, X_test).divergence
        label = f"{alpha:g}" + (f" after {warmup} epochs" if warmup else "")
        print(f"{label:<20}  {kl.sum():<9.2f}  {(kl > 0.1).sum():<12}  {ae.score(X_test):.3f}")


def training():
    """R² of held-out digits, 8 codes, by how the network is trained, 40 epochs."""
    cosine = LRScheduler("CosineAnnealingLR", T_max=40)
    cases = {
        "as it is": {},
        "weight_decay=1e-4": {"weight_decay": 1e-4},
        'optimizer="adamw"': {"optimizer": "adamw"},
        "cosine schedule": {"callbacks": [cosine]},
        "clipped gradients": {"callbacks": [GradientNormClipping(0.1)]},
        "lr=0.03": {"lr": 0.03},
        "lr=0.03, clipped": {"lr": 0.03, "callbacks": [GradientNormClipping(0.1)]},
        "lr=0.03, cosine schedule": {"lr": 0.03, "callbacks": [cosine]},
    }
    table(
        "training                                      held-out R²",
        ((name, held_out(max_epochs=40, tol=None, **params)) for name, params in cases.items()),
    )


def pretraining():
    """R² of held-out digits, 8 codes, with and without training layer by layer first."""
    for activation in ("sigmoid", "tanh", "relu"):
        network = MLP((256, 128, 64), activation)
        run = partial(held_out, architecture=network, max_epochs=20, tol=None)
        print(f"{activation:<8}  {run()}  layerwise first: {run(pretrain='layerwise')}", flush=True)
        print(f"{'':<8}  {run(max_epochs=100)} with 100 epochs", flush=True)


CASES = (
    networks,
    activations,
    initial,
    bce,
    colour,
    recurrent,
    padding,
    denoising,
    penalties,
    variational,
    training,
    pretraining,
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", choices=[case.__name__ for case in CASES])
    chosen = parser.parse_args().case
    next(case for case in CASES if case.__name__ == chosen)()
