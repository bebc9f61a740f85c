"""Training time beside hand-written loops and what one would use instead.

    python benchmarks/bench_fit.py [--case CASE] [--rounds 5]

All contenders do the same work (float32, Adam, same widths, batches, epochs and threads), one
after the other in each round. The table has the median over the rounds, and the ratio to skae
as the median of the ratios within a round. MNIST comes from SKAE_DATA or is downloaded; for the
case ``updates``, random rows replace it where SKAE_DATA is not set. Keras and pyod take part if
they are installed (``pip install -r benchmarks/requirements.txt``).
"""

import argparse
import contextlib
import cProfile
import io
import os
import pstats
import time
import warnings
from unittest.mock import patch

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPRegressor
from skorch import NeuralNetRegressor
from torch.utils.data import DataLoader, TensorDataset

import skae._training.autoencoder_net
import skae._training.net
from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv, Recurrent
from skae.datasets import fetch_mnist
from skae.modules import ResidualAutoencoder

try:
    import keras
except ImportError:
    keras = None
try:
    from pyod.models.auto_encoder import AutoEncoder as PyodAutoEncoder
except ImportError:
    PyodAutoEncoder = None

LR = 1e-3


class Case:
    """One network, one data set."""

    def __init__(self, X, hidden, n_components, batch_size, epochs):
        self.X = np.ascontiguousarray(X, dtype=np.float32)
        self.hidden, self.n_components = hidden, n_components
        self.batch_size, self.epochs = batch_size, epochs
        self.middle = (*hidden, n_components, *hidden[::-1])
        self.widths = (X.shape[1], *self.middle, X.shape[1])
        self.relu_after = {i for i in range(len(self.middle)) if i != len(hidden)}

    def network(self):
        layers = []
        for i, (a, b) in enumerate(zip(self.widths, self.widths[1:])):
            layers.append(torch.nn.Linear(a, b))
            if i in self.relu_after:
                layers.append(torch.nn.ReLU())
        return torch.nn.Sequential(*layers)

    def skae(self, **options):
        defaults = {"batch_size": self.batch_size, "max_epochs": self.epochs, "tol": None}
        architecture = MLP(self.hidden)
        return AutoencoderTransformer(
            self.n_components, architecture=architecture, lr=LR, **{**defaults, **options}
        )


def floor(case):
    """Train in the plainest fast loop: slices of a shuffled tensor, fused Adam."""
    X, module = torch.from_numpy(case.X), case.network()
    optimizer = torch.optim.Adam(module.parameters(), lr=LR, fused=True)
    for _ in range(case.epochs):
        order = torch.randperm(len(X))
        for start in range(0, len(X), case.batch_size):
            batch = X[order[start : start + case.batch_size]]
            loss = torch.nn.functional.mse_loss(module(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def tutorial(case):
    """Train as tutorials do: a DataLoader over rows, Adam, the loss fetched at each step."""
    module, criterion = case.network(), torch.nn.MSELoss()
    optimizer = torch.optim.Adam(module.parameters(), lr=LR)
    dataset = TensorDataset(torch.from_numpy(case.X))
    for _ in range(case.epochs):
        total = 0.0
        for (batch,) in DataLoader(dataset, case.batch_size, shuffle=True):
            optimizer.zero_grad()
            loss = criterion(module(batch), batch)
            loss.backward()
            optimizer.step()
            total += loss.item()


def skorch_default(case):
    """Train with skorch as it comes."""
    net = NeuralNetRegressor(
        case.network(),
        optimizer=torch.optim.Adam,
        lr=LR,
        batch_size=case.batch_size,
        max_epochs=case.epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    net.fit(case.X, case.X)


def mlp_regressor(case):
    """Train scikit-learn's MLPRegressor on X as its own target (a ReLU at the bottleneck)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        MLPRegressor(
            hidden_layer_sizes=case.middle,
            alpha=0.0,
            learning_rate_init=LR,
            batch_size=case.batch_size,
            max_iter=case.epochs,
            n_iter_no_change=case.epochs + 1,
        ).fit(case.X, case.X)


def keras_on_torch(case):
    """Train with Keras on torch."""
    layers = [keras.layers.Input((case.widths[0],))]
    for i, width in enumerate(case.widths[1:]):
        activation = "relu" if i in case.relu_after else None
        layers.append(keras.layers.Dense(width, activation=activation))
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.Adam(LR), loss="mse")
    model.fit(case.X, case.X, batch_size=case.batch_size, epochs=case.epochs, verbose=0)


def pyod(case):
    """Train pyod's autoencoder, without its batch normalisation and dropout."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        PyodAutoEncoder(
            hidden_neuron_list=[*case.hidden, case.n_components],
            batch_norm=False,
            dropout_rate=0.0,
            lr=LR,
            batch_size=case.batch_size,
            epoch_num=case.epochs,
            preprocessing=False,
            verbose=0,
            device="cpu",
        ).fit(case.X)


def products(case, update=lambda: None):
    """Do the matrix products of training and nothing else, but perhaps an update in each step."""
    pairs = list(zip(case.widths, case.widths[1:]))
    weights = [torch.randn(b, a) for a, b in pairs]
    rows = [torch.randn(case.batch_size, width) for width in case.widths]
    for _ in range(case.epochs * -(-len(case.X) // case.batch_size)):
        for i, weight in enumerate(weights):
            torch.mm(rows[i], weight.t())
            torch.mm(rows[i + 1].t(), rows[i])
            if i:
                torch.mm(rows[i + 1], weight)
        update()


def products_and_adam(case):
    """Do what no training without fewer operations can leave out."""
    weights = torch.randn(sum((a + 1) * b for a, b in zip(case.widths, case.widths[1:])))
    weights.grad = torch.randn_like(weights)
    products(case, torch.optim.Adam([weights], lr=LR, fused=True).step)


def contenders():
    """Return what takes part in the comparison, skae first."""
    found = {
        "skae": lambda case: case.skae().fit(case.X),
        "hand-written loop, fused Adam": floor,
        "hand-written loop, DataLoader": tutorial,
        "skorch, default": skorch_default,
        "MLPRegressor": mlp_regressor,
        "Keras on torch": keras_on_torch if keras else None,
        "pyod": pyod if PyodAutoEncoder else None,
        "matrix products and Adam alone": products_and_adam,
        "matrix products alone": products,
    }
    return {name: run for name, run in found.items() if run}


def option_contenders():
    """Return skae with the options that might cost something."""
    from skorch.callbacks import Callback

    class Listener(Callback):
        def on_batch_end(self, net, **kwargs):
            pass

    def quietly_verbose(case):
        with contextlib.redirect_stderr(io.StringIO()):
            case.skae(verbose=1).fit(case.X)

    return {
        "skae": lambda case: case.skae().fit(case.X),
        "early_stopping=True (nine tenths of the rows)": lambda case: case.skae(
            early_stopping=True
        ).fit(case.X),
        "sample_weight": lambda case: case.skae().fit(
            case.X, sample_weight=np.linspace(1, 2, len(case.X))
        ),
        "verbose=1": quietly_verbose,
        "partial_fit, one chunk per epoch": partial_fits,
        "a callback at each batch": lambda case: case.skae(callbacks=[Listener()]).fit(case.X),
        "float64 rows": lambda case: case.skae().fit(case.X.astype(np.float64)),
        "uint8 rows": lambda case: case.skae().fit((255 * case.X).astype(np.uint8)),
    }


def without(*names):
    """Return a fit with some shortcuts of a step switched off, by their names in ``_training``."""
    modules = {
        "explicit_backprop": (skae._training.autoencoder_net, None),
        "flatten_groups": (skae._training.net, []),
        "fused_update": (skae._training.net, None),
    }

    def fit(case):
        with contextlib.ExitStack() as stack:
            for name in names:
                module, value = modules[name]
                stack.enter_context(patch.object(module, name, return_value=value))
            case.skae().fit(case.X)

    return fit


def update_contenders():
    """Return skae with each of its shortcuts of a training step switched off alone."""
    return {
        "skae": lambda case: case.skae().fit(case.X),
        "autograd, not the explicit backward pass": without("explicit_backprop"),
        "optimizer.step, not the fused update": without("fused_update"),
        "separate parameters (so no fused update)": without("flatten_groups"),
        "none of the three": without("explicit_backprop", "flatten_groups"),
    }


def partial_fits(case):
    """Train by one call of partial_fit for each epoch."""
    ae = case.skae().partial_fit(case.X[: case.batch_size])
    for _ in range(case.epochs):
        ae.partial_fit(case.X)


def compare(title, case, runs, rounds):
    """Time all contenders in turn, round by round, and print the table."""
    seconds = {name: [] for name in runs}
    for run in runs.values():
        run(Case(case.X[: 4 * case.batch_size], case.hidden, case.n_components, 32, 1))  # warm up
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run(case)
            seconds[name].append(time.perf_counter() - start)
    reference = np.array(seconds["skae"])
    n_steps = case.epochs * -(-len(case.X) // case.batch_size)
    print(f"\n{title}; {n_steps} steps, {torch.get_num_threads()} threads, {rounds} rounds\n")
    print(f"{'':<46} {'seconds':>8} {'µs/step':>8} {'by skae':>8}")
    for name, values in seconds.items():
        median = np.median(values)
        ratio = np.median(np.array(values) / reference)
        print(f"{name:<46} {median:8.3f} {median / n_steps * 1e6:8.0f} {ratio:8.2f}", flush=True)


def own_loop(X, architecture, latent="euclidean", level=0.0, batch_size=128):
    """Train an architecture's module for one epoch in the plainest fast loop."""
    X, module = torch.from_numpy(X), architecture.build(X.shape[1], 32, latent)
    optimizer = torch.optim.Adam(module.parameters(), lr=LR, fused=True)
    order = torch.randperm(len(X))
    for start in range(0, len(X), batch_size):
        batch = X[order[start : start + batch_size]]
        shown = batch * (torch.rand_like(batch) >= level) if level else batch
        codes, penalty = module.encoder(shown), 0.0
        if latent == "sphere":
            codes = torch.nn.functional.normalize(codes, dim=1)
        if latent == "gaussian":
            codes, log_variance = codes.chunk(2, dim=1)
            penalty = (codes**2 + log_variance.exp() - 1 - log_variance).sum(dim=1).mean() / 2
            codes = codes + (log_variance / 2).exp() * torch.randn_like(codes)
        loss = torch.nn.functional.mse_loss(module.decoder(codes), batch) + 1e-3 * penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def architectures(X, rounds):
    """Print skae's time by that of a loop of its own for each architecture and option."""
    variants = {
        "MLP()": ({"architecture": MLP()}, {}),
        'MLP((256, 128), "selu", norm="layer")': (
            {"architecture": MLP((256, 128), "selu", norm="layer")},
            {},
        ),
        'MLP(), corruption="masking"': (
            {"architecture": MLP(), "corruption": "masking"},
            {"level": 0.2},
        ),
        'MLP(), latent="sphere"': (
            {"architecture": MLP(), "latent": "sphere"},
            {"latent": "sphere"},
        ),
        'MLP(), latent="gaussian"': (
            {"architecture": MLP(), "latent": "gaussian"},
            {"latent": "gaussian"},
        ),
        "Conv((1, 28, 28), (16, 32))": ({"architecture": Conv((1, 28, 28), (16, 32))}, {}),
        "Recurrent((28, 28))": ({"architecture": Recurrent((28, 28))}, {}),
    }
    print(f"\nMNIST, batch 128, 1 epoch, {torch.get_num_threads()} threads, {rounds} rounds")
    print(f"{'':<40} {'rows':>8} {'skae, s':>8} {'loop, s':>8} {'skae / loop':>12}")
    for name, (params, options) in variants.items():
        rows = X if isinstance(params["architecture"], MLP) else X[:7_680]
        ae = AutoencoderTransformer(32, lr=LR, batch_size=128, max_epochs=1, tol=None, **params)
        runs = (ae.fit, lambda X, a=params["architecture"], o=options: own_loop(X, a, **o))
        seconds = []
        for i in range(rounds + 1):
            seconds.append([])
            for run in runs[:: 1 if i % 2 else -1]:
                start = time.perf_counter()
                run(rows)
                seconds[-1].append(time.perf_counter() - start)
            seconds[-1] = seconds[-1][:: 1 if i % 2 else -1]
        seconds = np.array(seconds[1:])  # the first one warms up
        ours, theirs = np.median(seconds, axis=0)
        ratio = np.median(seconds[:, 0] / seconds[:, 1])
        print(f"{name:<40} {len(rows):8,} {ours:8.3f} {theirs:8.3f} {ratio:12.2f}", flush=True)


def loop_from_pca(X, n_components, n_axes, hidden, batch_size, epochs):
    """Train a network that is added to PCA in the plainest fast loop.

    PCA is computed from nine tenths of the samples, in whose coordinates the network is trained;
    the moving average of the weights is evaluated on the others after each epoch.
    """
    X = torch.from_numpy(X)
    order = torch.randperm(len(X))
    train, held_out = X[order[len(X) // 10 :]], X[order[: len(X) // 10]]
    center = train.mean(dim=0)
    variances, axes = torch.linalg.eigh((train - center).T.double().cov())
    variances, axes = variances.flip(0)[:n_axes], axes.flip(1)[:, :n_axes].float()
    module = ResidualAutoencoder(X.shape[1], n_components, n_axes, hidden)
    total = variances.sum().item()
    module.use_axes(axes.T, variances, total - variances[:n_components].sum().item(), total)
    core, scale = module.core, module.scale.item()
    train, held_out = ((part - center) @ axes / scale for part in (train, held_out))
    module.use_ranges(train.amin(dim=0), train.amax(dim=0))
    averaged = torch.optim.swa_utils.AveragedModel(
        core, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    )
    optimizer = torch.optim.Adam(core.parameters(), lr=1e-2, betas=(0.9, 0.95), fused=True)
    for _ in range(epochs):
        for index in torch.randperm(len(train)).split(batch_size):
            batch = train[index]
            loss = torch.nn.functional.mse_loss(core.decoder(core.encoder(batch)), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            averaged.update_parameters(core)
        with torch.no_grad():
            for rows in held_out.split(1024):
                net = averaged.module
                torch.nn.functional.mse_loss(net.decoder(net.encoder(rows)), rows)


def linear_path(X, title, n_components, batch_size, epochs, rounds):
    """Print skae's time by that of a hand-written loop for a network that is added to PCA."""
    ae = AutoencoderTransformer(n_components, batch_size=batch_size, max_epochs=epochs, tol=None)
    ae.fit(X)  # warms up, and chooses the number of axes and the width
    projection, encoder = ae.module_.encoder
    sizes = len(projection.axes), (encoder.hidden[0].out_features,)
    loop_from_pca(X, n_components, *sizes, batch_size, 1)
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        ae.fit(X)
        middle = time.perf_counter()
        loop_from_pca(X, n_components, *sizes, batch_size, epochs)
        seconds.append((middle - start, time.perf_counter() - middle))
    ours, theirs = np.median(seconds, axis=0)
    ratio = np.median([first / second for first, second in seconds])
    print(f"{title:<46} {ours:8.3f} {theirs:8.3f} {ratio:12.2f}", flush=True)


def profile(case):
    """Print where the time of one fit goes."""
    case.skae().fit(case.X)  # warm up
    profiler = cProfile.Profile()
    profiler.runcall(case.skae().fit, case.X)
    stats = pstats.Stats(profiler)
    times = {name: row[2] for (*_, name), row in stats.stats.items()}
    print(f"\nwhere the {stats.total_tt:.2f} s of one fit go, MNIST as above\n")
    for name in sorted(times, key=times.get, reverse=True)[:8]:
        print(f"{name:<50} {times[name] / stats.total_tt:5.0%}")


def main():
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    cases = "mnist digits options updates architectures linear_path profile"
    parser.add_argument("--case", choices=cases.split())
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    digits = Case(load_digits().data / 16, hidden=(32,), n_components=8, batch_size=32, epochs=20)
    digits_title = "digits, 1,797 x 64, 64-32-8-32-64, batch 32, 20 epochs"
    mnist_title = "MNIST, 30,000 x 784, 784-256-32-256-784, batch 128, 2 epochs"
    if arguments.case == "updates" and "SKAE_DATA" not in os.environ:
        X = np.random.default_rng(0).random((30_000, 784), dtype=np.float32)
        mnist_title = mnist_title.replace("MNIST", "random rows")
    elif arguments.case != "digits":
        X = fetch_mnist().data[:30_000]
    if arguments.case != "digits":
        mnist = Case(X, hidden=(256,), n_components=32, batch_size=128, epochs=2)
    if arguments.case in (None, "mnist"):
        compare(mnist_title, mnist, contenders(), arguments.rounds)
    if arguments.case in (None, "digits"):
        compare(digits_title, digits, contenders(), arguments.rounds)
    if arguments.case in (None, "options"):
        title = "what options and other dtypes cost, MNIST as above"
        compare(title, mnist, option_contenders(), arguments.rounds)
    if arguments.case in (None, "updates"):
        for title, case in ((digits_title, digits), (mnist_title, mnist)):
            compare(f"shortcuts of a step, {title}", case, update_contenders(), arguments.rounds)
    if arguments.case in (None, "architectures"):
        architectures(mnist.X, arguments.rounds)
    if arguments.case in (None, "linear_path"):
        print(f"\nnetworks that are added to PCA, {arguments.rounds} rounds")
        print(f"{'':<46} {'skae, s':>8} {'loop, s':>8} {'skae / loop':>12}")
        rounds = arguments.rounds
        linear_path(digits.X, "digits, 8 codes, batch 32, 40 epochs", 8, 32, 40, rounds)
        linear_path(
            mnist.X, "MNIST, 30,000 rows, 32 codes, batch 128, 4 epochs", 32, 128, 4, rounds
        )
    if arguments.case in (None, "profile"):
        profile(mnist)


if __name__ == "__main__":
    main()
