"""The default autoencoder: PCA plus a network, and PCA where the network is not better."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer
from skae._training import data as training_data
from skae._training.backprop import explicit_backprop
from skae._training.principal_axes import coordinates, principal_axes
from skae._training.residual_fit import plan_fit
from skae.architectures import MLP
from skae.modules import ResidualAutoencoder

DIGITS = load_digits().data


def low_rank(n_rows=80, n_columns=12, rank=3, noise=0.5, seed=0):
    rng = np.random.RandomState(seed)
    rows = rng.randn(n_rows, rank) @ rng.randn(rank, n_columns)
    return 5 + rows + noise * rng.randn(n_rows, n_columns)


def r2(X, reconstruction, mean):
    return 1 - ((X - reconstruction) ** 2).sum() / ((X - mean) ** 2).sum()


def pca_r2(X, X_test, n_components):
    pca = PCA(min(n_components, *X.shape)).fit(X)
    return r2(X_test, pca.inverse_transform(pca.transform(X_test)), pca.mean_)


# Axes


@pytest.mark.parametrize("shape", [(80, 12), (30, 90)], ids=["tall", "wide"])
@pytest.mark.parametrize("weighted", [False, True])
def test_axes_are_those_of_pca(shape, weighted):
    X = low_rank(*shape)
    counts = np.random.RandomState(3).randint(1, 4, len(X)) if weighted else np.ones(len(X), int)
    repeated = np.repeat(X, counts, axis=0)
    pca = PCA(3).fit(repeated)
    weight = counts.astype(float) if weighted else None
    axes, variances, total = principal_axes(X, weight, pca.mean_, 3, seed=0)
    np.testing.assert_allclose(np.abs(axes[:3] @ pca.components_.T), np.eye(3), atol=1e-9)
    n = len(repeated)
    np.testing.assert_allclose(variances[:3], pca.explained_variance_ * (n - 1) / n, rtol=1e-9)
    assert total == pytest.approx(repeated.var(axis=0).sum())
    np.testing.assert_allclose(axes @ axes.T, np.eye(len(axes)), atol=1e-9)


def test_axes_of_large_data_are_found_by_iteration(monkeypatch):
    from skae._training import principal_axes as module

    X = low_rank(300, 200, rank=10)
    exact, _, total = principal_axes(X, None, X.mean(axis=0), 5, seed=0)
    monkeypatch.setattr(module, "EXACT_SIDE", 100)
    monkeypatch.setattr(module, "MORE_AXES", 40)
    found, _, same = principal_axes(X, None, X.mean(axis=0), 5, seed=0)
    np.testing.assert_allclose(np.abs(found[:5] @ exact[:5].T), np.eye(5), atol=1e-3)
    assert total == pytest.approx(same)


def test_coordinates_of_batches_equal_those_computed_once(monkeypatch):
    X = low_rank()
    axes, _, _ = principal_axes(X, None, X.mean(axis=0), 3, seed=0)
    once = training_data.TrainingData(X).projected(X.mean(axis=0), axes, 2.0)
    np.testing.assert_array_equal(once.X, coordinates(X, X.mean(axis=0), axes, 2.0))
    monkeypatch.setattr(training_data, "MOST_COPIED_BYTES", 0)
    lazy = training_data.TrainingData(X).projected(X.mean(axis=0), axes, 2.0)
    rows = torch.cat([batch for batch, _ in lazy.batches(16, torch.float64, "cpu")])
    np.testing.assert_allclose(rows, once.X, atol=1e-12)
    for limit, other in zip(lazy.limits(), once.limits()):
        torch.testing.assert_close(limit, other)


# The network


def residual_module():
    X = low_rank()
    module = ResidualAutoencoder(12, 2, n_axes=9, hidden_layer_sizes=(7, 5)).double()
    axes, variances, total = principal_axes(X, None, X.mean(axis=0), 2, seed=0)
    module.use_units(X.mean(axis=0), 1.0)
    module.use_axes(axes[:9], variances[:9], total - variances[:2].sum(), total)
    T = torch.from_numpy(coordinates(X, X.mean(axis=0), axes[:9], module.scale.item()))
    module.use_ranges(T.amin(dim=0), T.amax(dim=0))
    return X, module, T


def test_the_network_starts_at_pca():
    X, module, _ = residual_module()
    pca = PCA(2).fit(X)
    rows = torch.from_numpy(X)
    np.testing.assert_allclose(module.encode(rows).detach(), pca.transform(X), atol=1e-10)
    expected = pca.inverse_transform(pca.transform(X))
    np.testing.assert_allclose(module(rows).detach(), expected, atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_explicit_gradients_equal_those_of_autograd(weighted):
    _, module, T = residual_module()
    core = module.core
    for part in (core.encoder, core.decoder):
        torch.nn.init.normal_(part.hidden[-1].weight, std=3.0)  # some codes leave their range
    weight = torch.linspace(0.5, 2, len(T), dtype=torch.float64) if weighted else None
    loss = explicit_backprop(core, "mse", len(T))(T, T, weight)
    found = [parameter.grad.clone() for parameter in core.parameters()]
    core.zero_grad()
    errors = ((core.decoder(core.encoder(T)) - T) ** 2).mean(dim=1)
    expected = errors.mean() if weight is None else (weight * errors).sum() / weight.sum()
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(found, [parameter.grad for parameter in core.parameters()])


@pytest.mark.parametrize(
    "params",
    [
        {"dropout": 0.1},
        {"norm": "layer"},
        {"tied_weights": True},
        {"latent_activation": "tanh"},
        {"output_activation": "sigmoid"},
        {"hidden_layer_sizes": ()},
    ],
)
def test_what_a_linear_path_cannot_have_is_named(params):
    ae = AutoencoderTransformer(2, architecture=MLP(linear_path=True, **params))
    (name,) = params
    with pytest.raises(ValueError, match=f"linear_path=True is not compatible with {name}"):
        ae.fit(low_rank())


@pytest.mark.parametrize(
    "params",
    [{"loss": "mae"}, {"latent": "sphere"}, {"corruption": "masking"}, {"optimizer": "sgd"}],
)
def test_the_default_has_a_linear_path_where_it_can(params):
    explicit = MLP(linear_path=True)
    ae = AutoencoderTransformer(2, max_epochs=1, tol=None, random_state=0)
    assert isinstance(clone(ae).fit(low_rank()).module_, ResidualAutoencoder)
    plain = clone(ae).set_params(**params).fit(low_rank())
    assert not isinstance(plain.module_, ResidualAutoencoder)
    with pytest.raises(ValueError, match=r"architecture=MLP\(linear_path=True\) needs loss='mse'"):
        clone(ae).set_params(architecture=explicit, **params).fit(low_rank())
    with pytest.raises(ValueError, match="is for fit in one process"):
        clone(ae).set_params(architecture=explicit).partial_fit(low_rank())


# Never worse than PCA


@pytest.mark.parametrize(
    ("X", "n_components"),
    [
        (low_rank(60, 300, 10, 1.0), 8),
        (np.random.RandomState(0).randn(400, 20), 10),
        (low_rank(25, 5, 2), 2),
        (load_wine().data, 6),
        (load_breast_cancer().data, 8),
    ],
    ids=["wide", "noise", "few", "wine", "cancer"],
)
@pytest.mark.parametrize("seed", range(2))
def test_held_out_rows_are_reconstructed_as_well_as_by_pca(X, n_components, seed):
    X, X_test = train_test_split(X, test_size=1 / 3, random_state=seed)
    ae = AutoencoderTransformer(n_components, random_state=seed).fit(X)
    found = r2(X_test, ae.reconstruct(X_test), X.mean(axis=0))
    assert found > pca_r2(X, X_test, n_components) - 0.005


def test_a_network_that_is_better_is_kept():
    X, X_test = train_test_split(DIGITS, test_size=1 / 3, random_state=0)
    ae = AutoencoderTransformer(8, random_state=0).fit(X)
    assert ae.score(X_test) > pca_r2(X, X_test, 8) + 0.15
    best = np.nanmin(ae.validation_curve_)
    assert ae.best_loss_ == best
    assert np.nanargmin(ae.validation_curve_) > 0


def test_categories_that_occur_often_are_not_held_out():
    X = np.eye(30)[np.random.RandomState(0).randint(30, size=600)]
    plan = plan_fit(training_data.TrainingData(X), 2, 0.1, seed=0)
    assert len(plan.train) == 600
    assert not plan.held_out_weight.any()
    assert plan.judged_weight.sum() == pytest.approx(1)
    assert AutoencoderTransformer(2, random_state=0).fit(X[:400]).score(X[400:]) > 0.3


@pytest.mark.parametrize("n_rows", [2, 5, 19])
def test_few_samples_give_pca(n_rows):
    X = low_rank(n_rows, 6)
    ae = AutoencoderTransformer(2, random_state=0).fit(X)
    assert ae.n_iter_ == len(ae.loss_curve_) == 1
    assert ae.validation_curve_ is None
    assert ae.score(X) == pytest.approx(pca_r2(X, X, 2))
    error = ((X - ae.reconstruct(X)) ** 2).mean()
    assert ae.loss_curve_[0] == pytest.approx(error, abs=1e-9)


def test_more_codes_than_directions_are_zero():
    X = low_rank(50, 4, 2, noise=0.0)
    codes = AutoencoderTransformer(6, random_state=0).fit(X).transform(X)
    np.testing.assert_allclose(codes[:, 2:], 0, atol=1e-6)


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_no_column_of_unlike_size_is_worse_than_its_mean(load):
    X = load().data
    ae = AutoencoderTransformer(8, random_state=0).fit(X)
    errors = ((X - ae.reconstruct(X)) ** 2).sum(axis=0)
    assert (errors <= ((X - X.mean(axis=0)) ** 2).sum(axis=0) * (1 + 1e-9)).all()


def test_one_huge_value_does_not_ruin_the_other_columns():
    X = low_rank(1000, 10, 4)
    clean = pca_r2(np.delete(X, 3, axis=1), np.delete(X, 3, axis=1), 5)
    X[17, 3] = 1e7
    ae = AutoencoderTransformer(6, random_state=0).fit(X)
    others = np.delete(X, 3, axis=1)
    assert r2(others, np.delete(ae.reconstruct(X), 3, axis=1), others.mean(axis=0)) > clean - 0.01


def test_weights_are_repetitions():
    X = low_rank(150, 6)
    counts = np.random.RandomState(5).randint(0, 4, len(X))
    weighted = AutoencoderTransformer(1, random_state=0).fit(X, sample_weight=counts)
    repeated = AutoencoderTransformer(1, random_state=0).fit(np.repeat(X, counts, axis=0))
    np.testing.assert_allclose(weighted.mean_, repeated.mean_)
    np.testing.assert_allclose(
        weighted.module_.encoder[0].axes, repeated.module_.encoder[0].axes, atol=1e-9
    )


def test_a_loss_curve_is_the_error_in_the_units_of_x():
    X = DIGITS[:600]
    ae = AutoencoderTransformer(8, max_epochs=1, tol=None, random_state=0).fit(X)
    pca_error = X.var(axis=0).mean() * (1 - pca_r2(X, X, 8))
    assert ae.loss_curve_[0] == pytest.approx(pca_error, rel=0.2)


@pytest.mark.parametrize("goes_on", ["partial_fit", "warm_start"])
def test_training_goes_on_from_the_fitted_network(goes_on):
    ae = AutoencoderTransformer(8, random_state=0).fit(DIGITS)
    before = ae.score(DIGITS)
    if goes_on == "partial_fit":
        ae.partial_fit(DIGITS)
    else:
        ae.set_params(warm_start=True, max_epochs=3, tol=None).fit(DIGITS)
    assert isinstance(ae.module_, ResidualAutoencoder)
    assert ae.score(DIGITS) > before - 0.03
