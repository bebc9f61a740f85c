"""ONNX models: the same results as the estimators, without torch."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from skl2onnx import to_onnx
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn

import skae.onnx
from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP, Conv, Linear, Recurrent
from skae.datasets import fetch_mnist
from skae.modules import ACTIVATIONS

skae.onnx.register()

DIGITS, Y = load_digits(return_X_y=True)
DIGITS = DIGITS[:300] / 16
Y = Y[:300]

QUICK = {"max_epochs": 1, "tol": None, "random_state": 0}

VARIANTS = {
    **{name: {"architecture": MLP((8,), name)} for name in ACTIVATIONS},
    "batch norm, dropout": {"architecture": MLP((8, 8), norm="batch", dropout=0.2)},
    "layer norm, tied": {"architecture": MLP((8, 8), norm="layer", tied_weights=True)},
    "last activations": {"architecture": MLP((8,), "relu", "tanh", "sigmoid"), "loss": "bce"},
    "bce": {"architecture": MLP((8,)), "loss": "bce"},
    "ordered": {"architecture": MLP((8,)), "latent": "ordered"},
    "sphere": {"architecture": MLP((8,)), "latent": "sphere"},
    "gaussian": {"architecture": MLP((8,)), "latent": "gaussian"},
    "linear": {"architecture": Linear()},
    "linear, tied": {"architecture": Linear(tied_weights=True)},
    "images": {"architecture": Conv((1, 8, 8), (4, 8)), "latent": "sphere"},
    "images, fully convolutional": {
        "architecture": Conv((1, 8, 8), (4, 4, 3)),
        "latent": "gaussian",
        "loss": "bce",
    },
    "signals, pooled": {"architecture": Conv((2, 32), (4, 8), stride=1, pool=2)},
    "lstm": {"architecture": Recurrent((8, 8), 8), "latent": "gaussian"},
    "gru": {"architecture": Recurrent((8, 8), 8, "gru")},
    "lstm, deep, both ways": {
        "architecture": Recurrent((8, 8), 8, num_layers=2, bidirectional=True)
    },
    "images, batch norm": {"architecture": Conv((1, 8, 8), (4, 8), norm="batch", dropout=0.1)},
    "signals, layer norm": {"architecture": Conv((2, 32), (4, 8), norm="layer")},
}


def autoencoder(**parameters):
    return AutoencoderTransformer(n_components=3, **QUICK, **parameters)


def run(estimator, X, opset=None, **options):
    """Return the outputs of onnxruntime for rows."""
    model = to_onnx(estimator, X[:1], options=options or None, target_opset=opset)
    return onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"X": X})


def assert_classifies_alike(clf, X):
    labels, probabilities = run(clf, X, zipmap=False)
    np.testing.assert_array_equal(labels, clf.predict(X))
    np.testing.assert_allclose(probabilities, clf.predict_proba(X), rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def images():
    """Images of MNIST if it is available, otherwise digits, in [0, 1], and their classes."""
    if Path(os.environ.get("SKAE_DATA", ""), "mnist").is_dir():
        X, y = fetch_mnist(subset="test", return_X_y=True)
        return X[:1000], y[:1000]
    return DIGITS.astype(np.float32), Y


@pytest.mark.parametrize(
    ("fitted", "given", "opset"),
    [
        (np.float32, np.float32, 18),
        (np.float64, np.float32, None),
        (np.float64, np.float64, None),
    ],
    ids=["float32", "float64 to float32", "float64"],
)
@pytest.mark.parametrize("name", VARIANTS)
def test_codes_and_reconstructions_are_those_of_skae(name, fitted, given, opset):
    ae = autoencoder(**VARIANTS[name]).fit(DIGITS.astype(fitted))
    X = DIGITS[:100].astype(given)
    for output, expected in (("codes", ae.transform(X)), ("reconstruction", ae.reconstruct(X))):
        (result,) = run(ae, X, opset, output=output)
        assert result.dtype == given
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_steps_of_padding_are_not_read(cell, bidirectional):
    X = DIGITS.copy()
    lengths = np.arange(len(X)) % 9  # from none to all of the steps
    X.reshape(-1, 8, 8)[np.arange(8) >= lengths[:, np.newaxis]] = -1
    architecture = Recurrent(
        (8, 8), 8, cell, padding_value=-1, num_layers=2, bidirectional=bidirectional
    )
    ae = autoencoder(architecture=architecture).fit(X)
    np.testing.assert_allclose(run(ae, X)[0], ae.transform(X), rtol=0, atol=1e-5)


def test_a_code_of_nothing_goes_to_the_first_axis():
    ae = autoencoder(architecture=MLP((8,)), latent="sphere").fit(DIGITS)
    for weight in ae.module_.encoder.parameters():
        weight.data.zero_()
    (codes,) = run(ae, DIGITS)
    np.testing.assert_array_equal(codes, np.eye(3)[np.zeros(len(DIGITS), dtype=int)])


def test_float64_rows_keep_their_precision():
    X = 1e4 + DIGITS
    ae = autoencoder().fit(X)
    np.testing.assert_allclose(run(ae, X)[0], ae.transform(X), rtol=0, atol=1e-12)


def test_networks_of_float32_rows_are_stored_in_float32():
    sizes = [
        len(to_onnx(autoencoder().fit(X), X[:1].astype(np.float32)).SerializeToString())
        for X in (DIGITS.astype(np.float32), DIGITS)
    ]
    assert 1.9 < sizes[1] / sizes[0] < 2.1


def test_columns_may_be_inputs_of_their_own():
    X = pd.DataFrame(DIGITS[:, 20:23].astype(np.float32), columns=["a", "b", "c"])
    ae = AutoencoderTransformer(1, **QUICK).fit(X)
    session = onnxruntime.InferenceSession(to_onnx(ae, X[:1]).SerializeToString())
    (codes,) = session.run(None, {name: X[[name]].to_numpy() for name in X})
    np.testing.assert_allclose(codes, ae.transform(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_a_pipeline_around_codes_of_real_images(images, architecture):
    X, y = images
    shape = (1, 28, 28) if X.shape[1] == 784 else (1, 8, 8)
    architecture = {"mlp": MLP((64,)), "conv": Conv(shape, (4, 8))}[architecture]
    ae = AutoencoderTransformer(8, architecture=architecture, **QUICK)
    pipe = make_pipeline(MinMaxScaler(), ae, LogisticRegression(max_iter=1000)).fit(X, y)
    assert_classifies_alike(pipe, X)


def test_the_step_of_a_pipeline_may_give_reconstructions():
    pipe = make_pipeline(StandardScaler(), autoencoder()).fit(DIGITS)
    (result,) = run(pipe, DIGITS, autoencodertransformer__output="reconstruction")
    expected = pipe[-1].reconstruct(pipe[0].transform(DIGITS))
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("strategy", ["frozen", "finetune", "scratch"])
def test_classes_and_probabilities_are_those_of_skae(strategy, dtype):
    encoder = make_pipeline(StandardScaler(), autoencoder())
    clf = PretrainedEncoderClassifier(
        encoder, strategy=strategy, hidden_layer_sizes=(8,), activation="gelu", **QUICK
    )
    X = DIGITS.astype(dtype)
    assert_classifies_alike(clf.fit(X, Y), X)


@pytest.mark.parametrize(
    "y", [np.array(list("abcdefghij"))[Y], Y.astype(str).astype(object), Y > 4, Y / 1.0]
)
def test_classes_may_be_strings_booleans_or_whole_numbers(y):
    clf = PretrainedEncoderClassifier(PCA(3), strategy="frozen", **QUICK)
    assert_classifies_alike(clf.fit(DIGITS, y), DIGITS)


def test_frozen_encoders_and_searches():
    encoder = FrozenEstimator(autoencoder(loss="bce").fit(DIGITS))
    clf = PretrainedEncoderClassifier(encoder, **QUICK)
    search = GridSearchCV(clf, {"lr": [1e-3, 1e-2]}, cv=2).fit(DIGITS, Y)
    assert_classifies_alike(search.best_estimator_, DIGITS)


def test_skl2onnx_options_of_classifiers():
    X = DIGITS.astype(np.float32)
    clf = PretrainedEncoderClassifier(autoencoder(), **QUICK).fit(X, Y.astype(str))
    labels, shares = run(clf, X)
    assert [max(share, key=share.get) for share in shares] == labels.tolist()
    numbers, _ = run(clf, X, zipmap=False, nocl=True)
    np.testing.assert_array_equal(numbers, clf.predict(X).astype(int))


def test_models_run_where_there_is_no_torch(tmp_path):
    X = DIGITS.astype(np.float32)
    pipe = make_pipeline(StandardScaler(), autoencoder(), LogisticRegression(max_iter=1000))
    model = to_onnx(pipe.fit(X, Y), X[:1], options={"zipmap": False})
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['torch', 'sklearn', 'skl2onnx', 'onnx', 'skae']))\n"
        "import numpy as np, onnxruntime\n"
        "session = onnxruntime.InferenceSession('model.onnx')\n"
        "labels, shares = session.run(None, {'X': np.load('X.npy')})\n"
        "np.save('shares.npy', shares)\n"
        "import torch\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert "import of torch halted" in child.stderr.splitlines()[-1]
    shares = np.load(tmp_path / "shares.npy")
    np.testing.assert_allclose(shares, pipe.predict_proba(X), rtol=0, atol=1e-5)


class Mine(nn.Module):
    def __init__(self, n_features, n_components):
        super().__init__()
        self.encode = nn.Linear(n_features, n_components)
        self.decode = nn.Linear(n_components, n_features)


def test_a_network_of_the_user_is_named():
    ae = autoencoder(architecture=Mine).fit(DIGITS)
    with pytest.raises(NotImplementedError, match=r"architecture=.*Mine'> built a Mine, which"):
        to_onnx(ae, DIGITS[:1])


def test_other_callables_do_not_matter_to_a_fitted_network():
    ae = autoencoder(loss=lambda X, Y: (X - Y) ** 2, corruption=lambda X, generator: X)
    ae.fit(DIGITS)
    (rows,) = run(ae, DIGITS, output="reconstruction")
    np.testing.assert_allclose(rows, ae.reconstruct(DIGITS), rtol=0, atol=1e-5)


def test_an_estimator_must_be_fitted():
    with pytest.raises(NotFittedError, match="AutoencoderTransformer instance is not fitted"):
        to_onnx(AutoencoderTransformer(), DIGITS[:1])


def test_opsets_that_are_too_old_are_named():
    ae = autoencoder().fit(DIGITS)
    with pytest.raises(ValueError, match=r"target_opset=17 is too old.*: use 18 or newer"):
        to_onnx(ae, DIGITS[:1], target_opset=17)


@pytest.mark.parametrize("package", ["onnx", "skl2onnx"])
def test_a_package_that_is_missing_is_named(package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "skae.onnx")
    with pytest.raises(ImportError, match=r'needs onnx and skl2onnx: pip install "skae\[onnx\]"'):
        importlib.import_module("skae.onnx")
