"""AutoencoderTransformer: training, use in scikit-learn's tools, errors."""

import copy
import os
import pickle
import subprocess
import sys
import tracemalloc
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import AutoencoderTransformer
from skae._training import inference
from skae._training.data import TrainingData
from skae._training.weights import dtype_of
from skae.architectures import MLP, Architecture, Linear
from skae.modules import Autoencoder

DIGITS, LABELS = load_digits(return_X_y=True)


def small(n_rows=60, n_features=6, seed=0, dtype=np.float64):
    """Samples near a plane: two mixed factors and a little noise."""
    rng = np.random.RandomState(seed)
    X = rng.randn(n_rows, 2) @ rng.randn(2, n_features) + 0.1 * rng.randn(n_rows, n_features)
    return X.astype(dtype)


def quick(**params):
    """A small estimator that is trained quickly."""
    defaults = {"n_components": 2, "architecture": MLP((8,)), "max_epochs": 5, "tol": None}
    return AutoencoderTransformer(**{**defaults, "random_state": 0, **params})


class TorchUsersModule(torch.nn.Module):
    """A user's module with encode and decode, as in the README."""

    def __init__(self, n_features, n_components):
        super().__init__()
        self.encoder = torch.nn.Sequential(
            torch.nn.Linear(n_features, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.1)
        )
        self.bottleneck = torch.nn.Linear(16, n_components)
        self.decoder = torch.nn.Linear(n_components, n_features)

    def encode(self, X):
        return self.bottleneck(self.encoder(X))

    def decode(self, codes):
        return self.decoder(codes)


# What it learns


@pytest.mark.parametrize(
    ("load", "n_components", "scale", "gain"),
    [(load_wine, 3, True, 0.0), (load_breast_cancer, 2, True, 0.0), (load_digits, 8, False, 0.1)],
)
def test_a_network_equals_or_beats_pca_and_a_linear_one_equals_it(load, n_components, scale, gain):
    X = load().data
    X = StandardScaler().fit_transform(X) if scale else X
    pca = PCA(n_components).fit(X).explained_variance_ratio_.sum()
    for seed in range(2):
        ae = AutoencoderTransformer(n_components, random_state=seed).fit(X)
        plain, linear = (
            clone(ae).set_params(architecture=each).fit(X) for each in (MLP(), Linear())
        )
        assert ae.score(X) > pca + gain - 1e-6
        assert plain.score(X) > pca + 0.03
        assert pca - 0.02 < linear.score(X) <= pca + 1e-9


def test_unscaled_columns_need_no_scaler():
    X = load_wine().data  # proline is in the thousands, hue about 1
    pca = PCA(2).fit(X).explained_variance_ratio_.sum()
    scores = {}
    for factor in (1, 1e-6, 1e6):
        ae = AutoencoderTransformer(2, random_state=0).fit(X * factor + 100 * factor)
        scores[factor] = ae.score(X * factor + 100 * factor)
    assert min(scores.values()) > pca - 0.01
    assert np.ptp(list(scores.values())) < 1e-3  # units do not matter


def test_codes_feed_a_classifier():
    X, X_test, y, y_test = train_test_split(DIGITS, LABELS, test_size=1 / 3, random_state=0)
    pipe = make_pipeline(
        MinMaxScaler(), AutoencoderTransformer(random_state=0), LogisticRegression(max_iter=1000)
    )
    assert pipe.fit(X, y).score(X_test, y_test) >= 0.93


def test_score_is_r2_over_all_elements_against_the_training_mean():
    X, X_test = small(), small(seed=1)
    ae = quick().fit(X)
    sse = ((X_test - ae.reconstruct(X_test)) ** 2).sum()
    assert ae.score(X_test) == pytest.approx(1 - sse / ((X_test - X.mean(axis=0)) ** 2).sum())
    assert ae.score(X) == pytest.approx(
        r2_score(X, ae.reconstruct(X), multioutput="variance_weighted")
    )
    np.testing.assert_allclose(ae.mean_, X.mean(axis=0))


def test_score_samples_is_minus_the_mean_squared_error_of_a_row():
    X = small()
    ae = quick().fit(X)
    expected = -((X - ae.reconstruct(X)) ** 2).mean(axis=1)
    np.testing.assert_allclose(ae.score_samples(X), expected)
    assert ae.score_samples(X + 100).max() < ae.score_samples(X).min()


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "bce"])
def test_the_loss_curve_falls_and_is_in_the_units_of_the_rows(loss):
    X = MinMaxScaler().fit_transform(small(200))
    ae = quick(loss=loss, max_epochs=100, architecture=MLP((32,))).fit(X)
    assert ae.loss_curve_[-1] < 0.9 * ae.loss_curve_[0]
    assert ae.best_loss_ == ae.loss_curve_.min()
    assert ae.n_iter_ == len(ae.loss_curve_) == 100
    error = X - ae.reconstruct(X)
    if loss == "mse":
        assert ae.loss_curve_[-1] == pytest.approx((error**2).mean(), rel=0.1)
    if loss == "mae":
        assert ae.loss_curve_[-1] == pytest.approx(np.abs(error).mean(), rel=0.1)
    if loss == "bce":
        output = ae.reconstruct(X)
        entropy = -(X * np.log(output) + (1 - X) * np.log(1 - output))
        assert ae.loss_curve_[-1] == pytest.approx(entropy.mean(), rel=0.05)
        assert 0 <= output.min() <= output.max() <= 1


def test_mae_ignores_an_outlier_that_mse_follows():
    X = np.ones((100, 3)) + 0.01 * small(100, 3)
    X[0] = 1000.0
    errors = {}
    for loss in ("mse", "mae"):
        ae = quick(loss=loss, n_components=1, max_epochs=300, architecture=Linear()).fit(X)
        errors[loss] = np.median(np.abs(X - ae.reconstruct(X)))
    assert errors["mae"] < errors["mse"]


def test_a_callable_loss_sees_the_units_of_the_rows():
    X, seen = 100 + small(), []

    def loss(output, target):
        seen.append(target.detach().numpy())
        return (output - target) ** 2

    quick(loss=loss, max_epochs=1).fit(X)
    np.testing.assert_allclose(np.sort(np.concatenate(seen)[: len(X)], axis=0), np.sort(X, axis=0))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "lbfgs", torch.optim.NAdam])
def test_each_optimizer_learns(optimizer):
    X = small(200)
    ae = quick(optimizer=optimizer, max_epochs=150, architecture=Linear()).fit(X)
    assert ae.score(X) > 0.9


def test_lbfgs_reaches_the_optimum():
    X = StandardScaler().fit_transform(load_wine().data)
    ae = AutoencoderTransformer(3, architecture=Linear(), optimizer="lbfgs", random_state=0).fit(X)
    pca = PCA(3).fit(X).explained_variance_ratio_.sum()
    assert ae.score(X) == pytest.approx(pca, abs=1e-6)


def test_tanh_output_and_no_dead_code_on_mnist(mnist):
    X = 2 * mnist[0][:40_000] - 1
    limits = {2: 0.20, 32: 0.085}
    for n_components, limit in limits.items():
        for seed in range(10):
            architecture = MLP(output_activation="tanh")
            ae = AutoencoderTransformer(
                n_components, architecture=architecture, batch_size=40, random_state=seed
            )
            ae.partial_fit(X[:38_000]).partial_fit(X[38_000:])  # 950 steps, then 50
            assert ae.loss_curve_[-1] < limit
            assert ae.transform(X[:1000]).std(axis=0).min() > 1e-3


def test_five_epochs_on_mnist_beat_pca_on_held_out_images(mnist):
    X, X_test = mnist
    ae = AutoencoderTransformer(32, max_epochs=5, tol=None, random_state=0).fit(X)
    pca = PCA(32, svd_solver="covariance_eigh").fit(X)
    sse = ((X_test - pca.inverse_transform(pca.transform(X_test))) ** 2).sum()
    assert ae.score(X_test) > 1 - sse / ((X_test - X.mean(axis=0)) ** 2).sum()


# Shapes and kinds of data


@pytest.mark.parametrize("shape", [(1, 4), (2, 4), (5, 1), (65, 3), (129, 3), (10, 200)], ids=str)
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("architecture", [MLP((8,)), TorchUsersModule], ids=["mlp", "batch norm"])
def test_any_number_of_rows_and_columns(shape, early_stopping, architecture):
    if shape[0] == 1 and architecture is TorchUsersModule:
        shape = (2, shape[1])  # batch normalisation has no variance of one row
    X = np.random.RandomState(0).rand(*shape)
    early_stopping = early_stopping and len(X) > 3
    params = {"architecture": architecture, "early_stopping": early_stopping, "batch_size": 64}
    ae = quick(n_components=1, **params).fit(X)
    assert ae.transform(X).shape == (len(X), 1)
    assert ae.reconstruct(X).shape == shape
    assert np.isfinite(ae.score(X))


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_tiny_batches(batch_size):
    X = small(5)
    ae = quick(batch_size=batch_size).fit(X)
    assert np.isfinite(ae.transform(X)).all()
    assert ae.net_.module_.encoder[0].weight.grad.shape == (8, 6)


def test_fit_and_transform_make_no_copy_of_the_rows():
    X = small(200_000, 50)  # 80 MB
    quick(max_epochs=1).fit(X[:100])
    tracemalloc.start()
    ae = quick(max_epochs=1).fit(X)
    ae.transform(X)
    ae.score(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes / 2  # blocks of 8 MB, a few at a time
    (batch, _), *_ = TrainingData(X).batches(len(X), torch.float64, "cpu")
    assert TrainingData(X).X is X
    np.testing.assert_array_equal(batch[:5], X[:5])


def test_constant_columns_and_constant_data():
    X = small()
    X[:, 1] = 7.0
    assert np.isfinite(quick().fit(X).transform(X)).all()
    constant = np.full((20, 3), 0.1)
    ae = quick(max_epochs=200).fit(constant)
    np.testing.assert_allclose(ae.reconstruct(constant), constant, atol=0.1)
    assert ae.score(constant) in (0.0, 1.0)


def test_a_large_constant_column_hides_nothing():
    for dtype, constant in ((np.float32, 1e7), (np.float64, 1.7e18)):
        X = small(200, dtype=dtype)
        expected = quick(max_epochs=100).fit(X).score(X)
        X[:, 0] = constant
        score = quick(max_epochs=100).fit(X).score(X)
        assert 0.5 < score < 1.0
        assert 0.5 < expected < 1.0


def test_auto_n_components_is_half_the_features_within_1_and_32():
    for n_features, expected in ((1, 1), (2, 1), (7, 3), (64, 32), (100, 32)):
        ae = quick(n_components="auto", max_epochs=1).fit(np.eye(3, n_features))
        assert ae.n_components_ == ae.transform(np.eye(3, n_features)).shape[1] == expected


@pytest.mark.parametrize("fitted", [np.float32, np.float64])
@pytest.mark.parametrize("given", [np.float32, np.float64])
def test_dtypes_follow_the_rows(fitted, given):
    X = small()
    ae = quick().fit(X.astype(fitted))
    assert dtype_of(ae.module_) == fitted
    codes = ae.transform(X.astype(given))
    assert codes.dtype == ae.inverse_transform(codes).dtype == ae.reconstruct(X.astype(given)).dtype
    assert codes.dtype == given
    np.testing.assert_allclose(codes, ae.transform(X.astype(fitted)), atol=1e-5)


def test_integers_and_half_floats_are_computed_in_float64():
    for dtype in (np.uint8, np.int64, np.float16, bool):
        X = (10 * np.abs(small())).astype(dtype)
        assert quick().fit(X).transform(X).dtype == np.float64


def test_the_memory_of_the_rows_is_neither_changed_nor_needed_to_be_writeable(tmp_path):
    class Overwrites(TorchUsersModule):
        def encode(self, X):
            return super().encode(X.mul_(2.0))

    X = small()
    before = X.copy()
    for architecture in (MLP((8,)), Overwrites):
        quick(architecture=architecture).fit(X).transform(X)
        np.testing.assert_array_equal(X, before)
    X.flags.writeable = False
    codes = quick().fit(X).transform(X)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(quick().fit(mapped).transform(mapped), codes)
    np.testing.assert_array_equal(quick().fit(X[::-1][::-1]).transform(X), codes)


def test_transform_in_blocks_equals_transform_at_once(monkeypatch):
    X = small(1000)
    ae = quick().fit(X)
    whole = ae.transform(X)
    monkeypatch.setattr(inference, "INFERENCE_ELEMENTS", 60)
    np.testing.assert_allclose(ae.transform(X), whole, rtol=1e-12)


# Weights, stopping, going on


@pytest.mark.parametrize("loss", ["mse", "mae", "bce", torch.nn.MSELoss(reduction="none")])
def test_a_weight_counts_as_repetition_and_zero_as_absence(loss):
    X = MinMaxScaler().fit_transform(small(20))
    weight = np.random.RandomState(0).randint(0, 3, 20)
    params = {"loss": loss, "max_epochs": 50, "batch_size": 64}
    weighted = quick(**params).fit(X, sample_weight=weight)
    repeated = quick(**params).fit(X.repeat(weight, axis=0))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-7)
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-7)
    np.testing.assert_allclose(weighted.mean_, repeated.mean_)
    assert weighted.score(X, sample_weight=weight) == pytest.approx(
        repeated.score(X.repeat(weight, axis=0))
    )
    chunk = quick(**params).partial_fit(X, sample_weight=weight)
    whole = quick(**params).partial_fit(X.repeat(weight, axis=0))
    np.testing.assert_allclose(chunk.transform(X), whole.transform(X), rtol=1e-7)


def test_weights_of_any_size_and_with_early_stopping():
    X, weight = small(40), np.r_[np.zeros(20), np.ones(20)]
    codes = quick(early_stopping=True).fit(X[20:]).transform(X)
    for factor in (1e-50, 1e-320, 1.0, 1e40):
        ae = quick(early_stopping=True).fit(X, sample_weight=factor * weight)
        np.testing.assert_allclose(ae.transform(X), codes, rtol=1e-7)
    assert np.isfinite(quick().fit(X.astype("f4"), sample_weight=1e-50 * weight).score(X))


def test_early_stopping_keeps_the_best_weights():
    X = small(300)
    stopped = quick(early_stopping=True, lr=0.3, max_epochs=30).fit(X)
    assert len(stopped.validation_curve_) == stopped.n_iter_ == 30
    assert stopped.best_loss_ == stopped.validation_curve_.min() < stopped.validation_curve_[-1]
    until_best = quick(
        early_stopping=True, lr=0.3, max_epochs=int(stopped.validation_curve_.argmin()) + 1
    ).fit(X)
    np.testing.assert_array_equal(stopped.transform(X), until_best.transform(X))


def test_early_stopping_never_trains_on_the_held_out_rows():
    seen = []

    def loss(output, target):
        if output.requires_grad:
            seen.append(target.detach().numpy().copy())
        return (output - target) ** 2

    X = small(50)
    quick(loss=loss, early_stopping=True, validation_fraction=0.2, max_epochs=3).fit(X)
    assert len(np.unique(np.concatenate(seen), axis=0)) == 40


def test_tol_and_n_iter_no_change_end_training():
    X = small(100)
    params = {"batch_size": 2, "max_epochs": 1000, "tol": 1e-2}
    patient = quick(n_iter_no_change=20, **params).fit(X).n_iter_
    eager = quick(n_iter_no_change=2, **params).fit(X).n_iter_
    assert eager < patient < 1000


def test_warm_start_goes_on_with_the_same_network():
    X = small(100)
    ae = quick(warm_start=True).fit(X)
    module, first = ae.module_, ae.loss_curve_
    ae.set_params(lr=1e-3, architecture=MLP([8]), n_components=np.int64(2)).fit(X)
    assert ae.module_ is module
    assert ae.net_.lr == 1e-3
    assert ae.n_iter_ == 10
    np.testing.assert_array_equal(ae.loss_curve_[:5], first)
    assert ae.loss_curve_[5] < first[0]


@pytest.mark.parametrize(
    "params",
    [
        {"n_components": 3},
        {"n_components": "auto"},
        {"architecture": MLP((9,))},
        {"architecture": None},
        {"architecture": TorchUsersModule},
        {"loss": "mae"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_going_on_refuses_another_network(params, method):
    ae = quick(warm_start=True).fit(small()).set_params(**params)
    with pytest.raises(ValueError, match=f"fitted network has {next(iter(params))}=.* is .* now"):
        getattr(ae, method)(small())


def test_a_partial_is_another_network_if_what_it_binds_is_another():
    def build(n_features, n_components, widths):
        return MLP(widths).build(n_features, n_components)

    ae = quick(architecture=partial(build, widths=np.array([8])), warm_start=True).fit(small())
    module = ae.module_
    assert ae.set_params(architecture=partial(build, widths=(8,))).fit(small()).module_ is module
    with pytest.raises(ValueError, match=r"fitted network has architecture=.*8.* is .*9"):
        ae.set_params(architecture=partial(build, widths=(9,))).fit(small())


def test_partial_fit_follows_changed_settings():
    X = small()
    ae = quick().partial_fit(X)
    net = ae.net_
    assert ae.partial_fit(X).net_ is net
    ae.set_params(lr=1e-9, optimizer="sgd", batch_size=3)
    before = ae.transform(X)
    ae.partial_fit(X)
    np.testing.assert_allclose(ae.transform(X), before, atol=1e-5)
    assert type(ae.net_.optimizer_) is torch.optim.SGD
    assert ae.net_.batch_size == 3


def test_a_callable_loss_may_change_and_is_copied():
    loss = torch.nn.HuberLoss(delta=1.0, reduction="none")
    ae = quick(loss=loss, warm_start=True).fit(small())
    ae.set_params(loss=torch.nn.HuberLoss(delta=9.0, reduction="none")).fit(small())
    assert ae.net_.criterion_.loss.delta == 9.0
    assert ae.net_.criterion_.loss is not ae.loss
    huber = partial(torch.nn.functional.huber_loss, reduction="none")
    ae = quick(loss=huber, warm_start=True).fit(small())
    ae.set_params(loss=partial(huber, delta=9.0)).fit(small())
    assert ae.net_.criterion_.loss.keywords["delta"] == 9.0


def test_chunks_of_a_stream_equal_one_long_chunk_for_a_network_in_its_own_units():
    X = MinMaxScaler().fit_transform(small(256))
    params = {"loss": "bce", "batch_size": 32}
    whole = quick(**params).partial_fit(X)
    parts = quick(**params)
    for chunk in np.split(X, 4):
        parts.partial_fit(chunk)
    np.testing.assert_array_equal(parts.transform(X), whole.transform(X))
    np.testing.assert_allclose(parts.mean_, X.mean(axis=0))
    assert parts.n_iter_ == 4


def test_the_same_rows_are_held_out_when_training_goes_on():
    held_out = []

    def loss(output, target):
        if not output.requires_grad and len(target) < 10:
            held_out.append(target[0].tolist())
        return (output - target) ** 2

    ae = quick(loss=loss, early_stopping=True, warm_start=True, max_epochs=2)
    ae.fit(small()).fit(small())
    assert len(held_out) == 4
    assert all(row == held_out[0] for row in held_out)


def test_tol_works_below_zero_and_near_zero():
    X = small(100)
    params = {"max_epochs": 1000, "tol": 1e-2, "n_iter_no_change": 3}
    below = quick(loss=lambda output, target: (output - target) ** 2 - 10, **params).fit(X)
    assert below.n_iter_ < 1000
    exact = np.outer(np.arange(50.0), np.ones(3))
    towards_zero = quick(n_components=1, architecture=Linear(), optimizer="lbfgs", **params)
    assert towards_zero.fit(exact).n_iter_ < 1000


def test_partial_fit_goes_on_after_fit_and_after_unpickling():
    X = small()
    ae = quick(early_stopping=True).fit(X)
    best = ae.best_loss_
    ae.partial_fit(X)
    assert ae.n_iter_ == len(ae.validation_curve_) == 6
    assert np.isnan(ae.validation_curve_[-1])
    assert ae.best_loss_ == best
    revived = pickle.loads(pickle.dumps(ae)).partial_fit(X)
    assert revived.n_iter_ == 7
    assert not np.array_equal(revived.transform(X), ae.transform(X))


# Reproducibility


def test_same_seed_same_bits_and_other_seed_other_bits():
    X = small(100)
    for params in (
        {},
        {"architecture": TorchUsersModule},
        {"architecture": MLP((8,), dropout=0.5)},
    ):
        codes = quick(**params).fit(X).transform(X)
        np.testing.assert_array_equal(quick(**params).fit(X).transform(X), codes)
        other = quick(**params).set_params(random_state=1).fit(X).transform(X)
        assert not np.array_equal(other, codes)
    ae = quick(random_state=None)
    assert not np.array_equal(ae.fit(X).transform(X), ae.fit(X).transform(X))


@pytest.mark.parametrize("random_state", [None, 0])
@pytest.mark.parametrize(
    "architecture", [MLP((8,), dropout=0.5), TorchUsersModule], ids=["mlp", "own"]
)
def test_global_generators_are_left_alone(random_state, architecture):
    X = small()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002, the global one is meant
    torch_state = torch.get_rng_state()
    ae = quick(architecture=architecture, random_state=random_state, early_stopping=True).fit(X)
    ae.transform(X)
    ae.score(X)
    ae.partial_fit(X)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_grid_search_gives_the_same_bits_in_processes_and_threads():
    grid = {"ae__n_components": [2, 5], "ae__architecture__hidden_layer_sizes": [(16,), (32,)]}
    pipe = Pipeline(
        [
            ("ae", AutoencoderTransformer(max_epochs=3, tol=None, random_state=0)),
            ("clf", LogisticRegression(max_iter=200, tol=1e-1)),
        ]
    )
    pipe.set_params(ae__early_stopping=True)
    X = DIGITS[:500].astype(np.float32)
    results = []
    for n_jobs, backend in ((1, "loky"), (2, "loky"), (2, "threading")):
        with joblib.parallel_backend(backend):
            search = GridSearchCV(pipe, grid, cv=3, n_jobs=n_jobs).fit(X, LABELS[:500])
        codes = search.best_estimator_[0].transform(X)
        results.append((search.cv_results_["mean_test_score"], codes))
    for scores, codes in results[1:]:
        np.testing.assert_array_equal(scores, results[0][0])
        np.testing.assert_array_equal(codes, results[0][1])


def test_bits_do_not_depend_on_the_number_of_threads(tmp_path):
    code = (
        "import sys, numpy as np\n"
        "from sklearn.datasets import load_digits\n"
        "from skae import AutoencoderTransformer\n"
        "X = load_digits().data\n"
        "for dtype in (np.float32, np.float64):\n"
        "    for n_components in (5, 32):\n"
        "        ae = AutoencoderTransformer(n_components, max_epochs=2, tol=None)\n"
        "        ae.set_params(random_state=0)\n"
        "        sys.stdout.buffer.write(ae.fit(X.astype(dtype)).transform(X[:7]).tobytes())\n"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": str(n_threads)},
            check=True,
            capture_output=True,
        ).stdout
        for n_threads in (1, 2)
    ]
    assert len(outputs[0]) == 2 * (5 + 32) * 7 * 8
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("architecture", [None, Linear(), TorchUsersModule])
def test_copies_give_the_same_codes(architecture, tmp_path):
    X = small()
    ae = quick(architecture=architecture).fit(X)
    codes = ae.transform(X)
    joblib.dump(ae, tmp_path / "ae.joblib")
    for revived in (
        pickle.loads(pickle.dumps(ae)),
        copy.deepcopy(ae),
        copy.copy(ae),
        joblib.load(tmp_path / "ae.joblib"),
        joblib.load(tmp_path / "ae.joblib", mmap_mode="r"),
    ):
        np.testing.assert_array_equal(revived.transform(X), codes)
        np.testing.assert_array_equal(revived.loss_curve_, ae.loss_curve_)
        assert revived.score(X) == ae.score(X)
        assert revived.module_ is not ae.module_


def test_copies_do_not_depend_on_parameters_set_after_fit():
    X = small()
    state = np.random.RandomState(0)
    ae = quick(random_state=state, optimizer="sgd", batch_size=7).fit(X)
    codes, position = ae.transform(X), state.get_state()[2]
    ae.set_params(optimizer="nope", device="tpu9", lr=-1, batch_size=0)
    for revived in (pickle.loads(pickle.dumps(ae)), copy.deepcopy(ae), copy.copy(ae)):
        np.testing.assert_array_equal(revived.transform(X), codes)
        assert revived.net_.batch_size == 7
        assert revived.net_.lr == ae.net_.lr
    assert state.get_state()[2] == position


def test_a_module_that_a_callable_keeps_is_copied():
    kept = TorchUsersModule(6, 2)
    before = [weight.clone() for weight in kept.parameters()]
    first = quick(architecture=lambda p, k: kept).fit(small())
    second = quick(architecture=lambda p, k: kept).fit(small())
    np.testing.assert_array_equal(first.transform(small()), second.transform(small()))
    for weight, value in zip(kept.parameters(), before):
        assert torch.equal(weight, value)


def test_a_module_that_draws_in_evaluation_is_deterministic_and_leaves_the_global_generator():
    class Samples(TorchUsersModule):
        def encode(self, X):
            codes = super().encode(X)
            return codes + torch.randn_like(codes)

    before = torch.get_rng_state()
    ae = quick(architecture=Samples).fit(small())
    np.testing.assert_array_equal(ae.transform(small()), ae.transform(small()))
    assert torch.equal(torch.get_rng_state(), before)


def test_subclasses_of_skaes_own_classes_are_trained_as_they_are_used():
    class Squashed(Autoencoder):
        def __init__(self, n_features, n_components):
            down = torch.nn.Linear(n_features, n_components)
            super().__init__(down, torch.nn.Linear(n_components, n_features), n_features)

        def encode(self, X):
            return super().encode(X).tanh()

    class Own(Architecture):
        def build(self, n_features, n_components):
            return Squashed(n_features, n_components)

    X = small(200)
    for architecture in (Squashed, Own()):
        ae = quick(architecture=architecture, max_epochs=200, lr=0.01).fit(X)
        error = ((X - ae.reconstruct(X)) ** 2).mean()
        assert ae.loss_curve_[-1] == pytest.approx(error, rel=0.2)


def test_a_loss_with_parameters_is_neither_trained_nor_changed():
    class Weighted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.ones(6))

        def forward(self, output, target):
            return self.w * (output - target) ** 2

    loss = Weighted()
    quick(loss=loss).fit(small())
    assert torch.equal(loss.w, torch.ones(6))
    assert loss.w.grad is None


def test_torch_tensors_are_rows_of_their_dtype():
    X = small()
    for dtype, expected in ((torch.float32, "float32"), (torch.float64, "float64")):
        tensor = torch.from_numpy(X).to(dtype).requires_grad_()
        codes = quick().fit(tensor).transform(tensor)
        assert codes.dtype == expected
        np.testing.assert_array_equal(codes, quick().fit(tensor.detach().numpy()).transform(tensor))


def test_memory_of_inference_is_bounded_by_the_widest_layer(monkeypatch):
    sizes = []
    ae = quick(architecture=MLP((1000,)), max_epochs=1).fit(small())
    ae.module_.encoder[0].register_forward_hook(lambda m, i, o: sizes.append(o.numel()))
    ae.transform(small(10_000))
    assert max(sizes) <= 2**20


def test_state_is_parameters_and_numpy_arrays():
    ae = quick(architecture=None, max_epochs=1).fit(DIGITS.astype(np.float32))
    state = ae.__getstate__()
    assert "net_" not in state
    assert all(isinstance(value, np.ndarray) for value in state["module_"].values())
    n_weights = sum(weight.numel() for weight in ae.module_.parameters())
    n_buffers = sum(buffer.numel() for buffer in ae.module_.buffers())
    assert len(pickle.dumps(ae)) < 4 * (n_weights + n_buffers) + 10_000
    unfitted = pickle.loads(pickle.dumps(quick()))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        unfitted.transform(DIGITS)


def test_parameters_set_after_fit_do_not_reach_the_fitted_network():
    X = MinMaxScaler().fit_transform(small())
    ae = quick(loss="bce").fit(X)
    expected = ae.reconstruct(X)
    ae.set_params(loss="mse", architecture=Linear(), n_components=5)
    np.testing.assert_array_equal(ae.reconstruct(X), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ae)).reconstruct(X), expected)


# Composition


def test_nested_parameters_reach_the_default_architecture():
    ae = AutoencoderTransformer(architecture=Linear())
    ae.set_params(architecture=None, architecture__hidden_layer_sizes=(5,))
    assert ae.architecture.get_params()["hidden_layer_sizes"] == (5,)
    with pytest.raises(ValueError, match="Invalid parameter 'width' for estimator MLP"):
        AutoencoderTransformer().set_params(architecture__width=5)


def test_composition_with_scikit_learn(tmp_path):
    X, y = DIGITS[:300], LABELS[:300]
    ae = quick(max_epochs=2)
    union = FeatureUnion([("pca", PCA(3)), ("ae", ae)])
    assert union.fit_transform(X).shape == (300, 5)
    columns = ColumnTransformer([("left", ae, slice(0, 32)), ("rest", "passthrough", [32, 33])])
    assert columns.fit_transform(X).shape == (300, 4)
    names = columns.get_feature_names_out()
    assert list(names[:2]) == ["left__autoencodertransformer0", "left__autoencodertransformer1"]
    pipe = Pipeline([("ae", ae), ("clf", LogisticRegression())], memory=str(tmp_path))
    np.testing.assert_array_equal(pipe.fit(X, y).predict(X), pipe.fit(X, y).predict(X))
    assert len(cross_val_score(pipe, X, y, cv=2)) == 2
    frozen = FrozenEstimator(clone(ae).fit(X))
    again = make_pipeline(clone(frozen), LogisticRegression()).fit(X[:100], y[:100])
    np.testing.assert_array_equal(again[0].transform(X), frozen.transform(X))
    frame = clone(ae).set_output(transform="pandas").fit(X).transform(X)
    assert list(frame.columns) == ["autoencodertransformer0", "autoencodertransformer1"]
    assert isinstance(ae.fit(X).set_output(transform="pandas").reconstruct(X), np.ndarray)


def test_sample_weight_is_routed():
    X, weight = small(30), np.r_[np.zeros(15), np.ones(15)]
    with config_context(enable_metadata_routing=True):
        ae = quick().set_fit_request(sample_weight=True)
        classifier = LogisticRegression().set_fit_request(sample_weight=False)
        routed = make_pipeline(ae, classifier).fit(X, np.arange(30) % 2, sample_weight=weight)
    expected = quick().fit(X, sample_weight=weight).transform(X)
    np.testing.assert_array_equal(routed[0].transform(X), expected)


def test_a_torch_users_module_is_rebuilt_for_each_width_of_a_grid():
    search = GridSearchCV(
        quick(architecture=TorchUsersModule), {"n_components": [1, 2, 3]}, cv=2
    ).fit(small())
    assert search.best_estimator_.module_.decoder.in_features == search.best_params_["n_components"]
    assert search.best_params_["n_components"] > 1


def test_progress_is_shown_only_on_request(capsys):
    quick().fit(small())
    assert capsys.readouterr() == ("", "")
    quick(verbose=1, early_stopping=True).fit(small())
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "epoch    5/5" in err
    assert "train_loss" in err
    assert "valid_loss" in err


# Bad input


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[1.0, np.nan]], "Input X contains NaN"),
        ([[1.0, np.inf]], "Input X contains infinity"),
        (sparse.eye(3).tocsr(), "Sparse data was passed"),
        (np.array([[1 + 2j]]), "Complex data not supported"),
        ([["a", "b"]], "could not convert string to float"),
        ([1.0, 2.0], "Expected 2D array, got 1D array"),
        (np.empty((0, 3)), "Found array with 0 sample"),
        (np.full((2, 2), [[1e300], [-1e300]]), "whose variance overflows: scale X"),
    ],
)
def test_bad_rows_raise_scikit_learns_errors(X, message):
    with pytest.raises((ValueError, TypeError), match=message):
        quick().fit(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_components": 0}, r"'n_components' .* in the range \[1, inf\).* Got 0 instead"),
        ({"n_components": -1}, "'n_components' .* Got -1 instead"),
        ({"n_components": 2.5}, "'n_components' .* Got 2.5 instead"),
        ({"n_components": "two"}, "'n_components' .* Got 'two' instead"),
        ({"lr": 0}, "'lr' .* Got 0 instead"),
        ({"architecture": 3}, "'architecture' .* Got 3 instead"),
        ({"optimizer": "adm"}, "optimizer='adm' is not known; did you mean 'adam'"),
        ({"loss": "mean"}, "loss='mean' is not known; did you mean 'mae'|'mse'"),
        ({"architecture": MLP(activation="rellu")}, "activation='rellu' .* did you mean 'relu'"),
        ({"architecture": MLP(latent_activation="tan")}, "'tan' is not known.* 'tanh'"),
        ({"architecture": MLP(output_activation="sigmod")}, "'sigmod' .* 'sigmoid'"),
        ({"architecture": MLP(weight_init="he")}, "weight_init='he' is not known"),
        ({"architecture": MLP(dropout=1.0)}, r"'dropout' parameter of MLP .* \[0.0, 1.0\)"),
        ({"architecture": MLP((8, 0))}, r"hidden_layer_sizes=\(8, 0\) must hold whole numbers"),
        ({"architecture": MLP(8)}, "'hidden_layer_sizes' parameter of MLP must be an array-like"),
        ({"loss": "bce"}, r"loss='bce' needs X in \[0, 1\], got values from -.* MinMaxScaler"),
        ({"device": "tpu9"}, "device='tpu9' is not a torch device"),
        ({"loss": torch.nn.MSELoss()}, r"returned \(\) for a batch .* reduction='none'"),
        ({"loss": torch.nn.MSELoss}, r"loss=MSELoss is a class; .* MSELoss\(reduction='none'\)"),
        ({"loss": lambda output, target: 1.0}, "returned float for a batch"),
    ],
)
def test_bad_parameters_name_themselves_and_the_remedy(params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(small())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_an_error_to_fit_and_none_to_unpickle():
    ae = quick().fit(small())
    ae.set_params(device="cuda")
    with pytest.raises(ValueError, match="device='cuda' is not available: this machine has cpu"):
        clone(ae).fit(small())
    assert pickle.loads(pickle.dumps(ae)).transform(small()).shape == (60, 2)


def test_bce_allows_a_sigmoid_output_and_no_other():
    X = MinMaxScaler().fit_transform(small())
    explicit = quick(loss="bce", architecture=MLP((8,), output_activation="sigmoid")).fit(X)
    np.testing.assert_array_equal(explicit.reconstruct(X), quick(loss="bce").fit(X).reconstruct(X))
    with pytest.raises(ValueError, match="output_activation='tanh' does not return probabilities"):
        quick(loss="bce", architecture=MLP(output_activation="tanh")).fit(X)


class NoDecode(torch.nn.Linear):
    def encode(self, X):
        return self(X)


class WrongWidth(TorchUsersModule):
    def decode(self, codes):
        return super().decode(codes)[:, :-1]


class WrongCodes(TorchUsersModule):
    def encode(self, X):
        return X


class Fails(TorchUsersModule):
    def __init__(self, n_features, n_components):
        super().__init__(n_features + 1, n_components)


class GivesTwo(TorchUsersModule):
    def encode(self, X):
        return super().encode(X), X


class Untrainable(TorchUsersModule):
    def __init__(self, n_features, n_components):
        super().__init__(n_features, n_components)
        self.requires_grad_(False)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (NoDecode, "a NoDecode without a method 'decode'"),
        (WrongWidth, r"WrongWidth.decode returned \(2, 5\) for .* \(2, 2\); .* shape \(2, 6\)"),
        (WrongCodes, r"WrongCodes.encode returned .* return a tensor of shape \(2, 2\)"),
        (Fails, r"Fails.encode failed on float64 of shape \(2, 6\).* dtype of X"),
        (GivesTwo, r"GivesTwo.encode returned tuple for .*; it must return a tensor"),
        (Untrainable, "Untrainable has no parameter that can be trained"),
        (MLP, r"architecture=MLP is a class; pass an instance, such as MLP\(\)"),
        (lambda p, k: "network", "built a str; it must return a torch.nn.Module"),
        (TorchUsersModule(6, 2), "an instance of TorchUsersModule, whose width is fixed"),
    ],
)
def test_bad_modules_are_named(architecture, message):
    with pytest.raises(ValueError, match=message):
        quick(architecture=architecture).fit(small())


def test_wrong_number_of_columns():
    ae = quick().fit(small())
    with pytest.raises(ValueError, match="X has 5 features, but AutoencoderTransformer is expect"):
        ae.transform(small(n_features=5))
    with pytest.raises(ValueError, match=r"X has 3 columns, .* n_components_=2 columns"):
        ae.inverse_transform(np.ones((4, 3)))


@pytest.mark.parametrize("weight", [np.zeros(60), np.r_[-1.0, np.ones(59)]])
def test_bad_weights(weight):
    ae = quick().fit(small())
    for method in (ae.fit, ae.partial_fit, ae.score):
        with pytest.raises(ValueError, match=r"(?i)weight.*(zero|negative)"):
            method(small(), sample_weight=weight)
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(59,\), expected \(60,\)"):
        quick().fit(small(), sample_weight=np.ones(59))


def test_early_stopping_needs_two_rows():
    with pytest.raises(ValueError, match=r"n_samples=1. Pass more rows or set early_stopping"):
        quick(early_stopping=True).fit(small(1))


# Faults in training


@pytest.mark.parametrize("max_epochs", [1, 20])
def test_a_diverging_loss_is_an_error_that_leaves_nothing_behind(max_epochs):
    ae = quick(lr=1e30, optimizer="sgd", max_epochs=max_epochs)
    with pytest.raises(ValueError, match=r"loss became .* in epoch \d, .*\(lr=1e\+30.* scale X"):
        ae.fit(small(dtype=np.float32))
    assert not [name for name in vars(ae) if name.endswith("_")]


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_fit_reaches_the_caller_and_leaves_the_old_model(method, error):
    X, calls = small(), []

    def loss(output, target):
        calls.append(len(calls))
        if len(calls) == 10:
            raise error("now")
        return (output - target) ** 2

    ae = quick(loss=loss, max_epochs=2, warm_start=True).fit(X)
    codes, curve, mean = ae.transform(X), ae.loss_curve_, ae.mean_
    ae.set_params(max_epochs=50)
    with pytest.raises(error, match="now"):
        for _ in range(50):
            getattr(ae, method)(X + 1)
            codes, curve, mean = ae.transform(X), ae.loss_curve_, ae.mean_
    np.testing.assert_array_equal(ae.mean_, mean)
    np.testing.assert_array_equal(ae.transform(X), codes)
    np.testing.assert_array_equal(ae.loss_curve_, curve)
    assert len(ae.net_.history) <= len(curve)
    ae.fit(X)  # and it can go on
    assert ae.score(X) > 0
