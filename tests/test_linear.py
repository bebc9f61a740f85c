"""The linear autoencoder compared with PCA: axes, scores, unchanged training."""

import copy
import pickle

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import AutoencoderTransformer
from skae.architectures import MLP, Linear
from skae.modules import LinearAutoencoder

DIGITS = load_digits().data
WINE = StandardScaler().fit_transform(load_wine().data)
NAMES = ["components_", "explained_variance_", "explained_variance_ratio_"]


def small(n_rows=60, n_features=6, n_factors=3, noise=0.1, seed=0):
    """Rows near a plane, not centred."""
    rng = np.random.RandomState(seed)
    factors = rng.randn(n_rows, n_factors) * np.arange(n_factors, 0, -1)
    return 5 + factors @ rng.randn(n_factors, n_features) + noise * rng.randn(n_rows, n_features)


def linear(n_components=2, tied_weights=False, **params):
    params = {"optimizer": "lbfgs", "random_state": 0, **params}
    return AutoencoderTransformer(n_components, architecture=Linear(tied_weights), **params)


def weighted_pca(X, weight, n_components):
    """Components and variances by eigenvectors of the covariance: an independent PCA."""
    centered = X - np.average(X, axis=0, weights=weight)
    values, vectors = np.linalg.eigh((weight * centered.T) @ centered / (weight.sum() - 1))
    rows = vectors.T[::-1][:n_components]
    signs = np.sign(rows[np.arange(len(rows)), np.abs(rows).argmax(axis=1)])
    return rows * signs[:, np.newaxis], values[::-1][:n_components], values.sum()


# Comparison with PCA


def test_lbfgs_on_digits_is_pca():
    pca = PCA(8).fit(DIGITS)
    ae = linear(8).fit(DIGITS)
    assert ae.score(DIGITS) == pytest.approx(pca.explained_variance_ratio_.sum(), abs=1e-6)
    assert np.degrees(subspace_angles(ae.components_.T, pca.components_.T)).max() < 0.1
    np.testing.assert_allclose(ae.components_, pca.components_, atol=1e-3)
    np.testing.assert_allclose(ae.explained_variance_, pca.explained_variance_, rtol=1e-3)
    np.testing.assert_allclose(
        ae.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-3
    )
    np.testing.assert_allclose(ae.mean_, pca.mean_)


@pytest.mark.parametrize("n_components", [2, 8])
def test_default_optimizer_and_epochs_come_close_to_pca(n_components):
    ae = linear(n_components, optimizer="adam").fit(DIGITS)
    pca = PCA(n_components).fit(DIGITS).explained_variance_ratio_.sum()
    assert pca - 0.01 < ae.score(DIGITS) <= pca
    assert ae.explained_variance_ratio_.sum() == pytest.approx(pca, abs=0.01)


@pytest.mark.parametrize("tied_weights", [False, True])
def test_codes_are_pcas_scores_and_components_lead_back(tied_weights):
    pca = PCA(3).fit(WINE)
    ae = linear(3, tied_weights).fit(WINE)
    codes = ae.transform(WINE)
    np.testing.assert_allclose(codes, pca.transform(WINE), atol=1e-3)
    np.testing.assert_allclose(ae.reconstruct(WINE), ae.mean_ + codes @ ae.components_, atol=1e-4)
    np.testing.assert_allclose(ae.reconstruct(WINE), pca.inverse_transform(codes), atol=1e-3)


def test_units_of_the_rows_are_those_of_the_codes():
    codes = linear().fit(small()).transform(small())
    for factor in (1e-6, 1e6):
        scaled = linear().fit(factor * small()).transform(factor * small())
        np.testing.assert_allclose(scaled, factor * codes, rtol=1e-4, atol=1e-5 * factor)


def test_weights_of_rows_count_as_in_a_weighted_covariance():
    X, weight = small(), np.random.RandomState(0).randint(0, 4, 60)
    components, variances, total = weighted_pca(X, weight, 2)
    ae = linear(tied_weights=True).fit(X, sample_weight=weight)
    np.testing.assert_allclose(ae.components_, components, atol=1e-4)
    np.testing.assert_allclose(ae.explained_variance_, variances, rtol=1e-4)
    np.testing.assert_allclose(ae.explained_variance_ratio_, variances / total, rtol=1e-4)
    repeated = linear(tied_weights=True).fit(X.repeat(weight, axis=0))
    for name in NAMES:
        np.testing.assert_allclose(getattr(ae, name), getattr(repeated, name), rtol=1e-6)
    tiny = linear(tied_weights=True).fit(X, sample_weight=1e-9 * weight)  # their sum is below 1
    np.testing.assert_allclose(tiny.components_, components, atol=1e-4)
    np.testing.assert_allclose(tiny.explained_variance_, variances, rtol=0.02)


# What holds however far training has come


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("tied_weights", [False, True])
@pytest.mark.parametrize("loss", ["mse", "mae", lambda output, target: (output - target) ** 4])
def test_axes_are_orthonormal_and_codes_centred_and_uncorrelated(loss, tied_weights, dtype):
    X = small().astype(dtype)
    ae = linear(3, tied_weights, loss=loss, optimizer="adam", max_epochs=5, tol=None).fit(X)
    np.testing.assert_allclose(ae.components_ @ ae.components_.T, np.eye(3), atol=1e-12)
    assert (np.diff(ae.explained_variance_) < 0).all()
    largest = np.abs(ae.components_).argmax(axis=1)
    assert (ae.components_[np.arange(3), largest] > 0).all()
    codes = ae.transform(X)
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=tolerance)
    np.testing.assert_allclose(
        np.cov(codes.T), np.diag(ae.explained_variance_), rtol=1e-3, atol=tolerance
    )
    whole = X.var(axis=0, ddof=1, dtype=float).sum()
    np.testing.assert_allclose(ae.explained_variance_ratio_, ae.explained_variance_ / whole)
    back = ae.inverse_transform(codes) - ae.inverse_transform(np.zeros_like(codes))
    np.testing.assert_allclose(back, codes @ ae.components_, atol=10 * tolerance)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_training_goes_as_without_the_rotation(method, optimizer):
    X = small()
    rotated = linear(optimizer=optimizer, max_epochs=3, tol=None, warm_start=True)
    plain = clone(rotated).set_params(architecture=MLP(()))
    for _ in range(4):
        getattr(rotated, method)(X)
        getattr(plain, method)(X)
    np.testing.assert_array_equal(rotated.loss_curve_, plain.loss_curve_)
    np.testing.assert_allclose(rotated.reconstruct(X), plain.reconstruct(X))
    assert np.abs(rotated.transform(X) - plain.transform(X)).max() > 0.1
    codes = rotated.transform(X)
    np.testing.assert_allclose(
        codes.T @ codes / 59, np.diag(rotated.explained_variance_), atol=1e-9
    )


def test_a_stream_of_chunks_comes_close_to_pca():
    ae = linear(2, tied_weights=True, optimizer="adam", lr=0.01)
    chunks = np.array_split(small(2000), 10)
    for chunk in chunks * 10:
        ae.partial_fit(chunk)
    pca = PCA(2).fit(small(2000))
    np.testing.assert_allclose(ae.components_, pca.components_, atol=0.05)
    np.testing.assert_allclose(ae.transform(ae.mean_[np.newaxis]), 0, atol=1e-9)
    last = ae.transform(chunks[-1])
    np.testing.assert_allclose((last**2).sum(axis=0) / 199, ae.explained_variance_)


@pytest.mark.parametrize("tied_weights", [False, True])
def test_more_codes_than_directions(tied_weights):
    X = small(n_factors=2, noise=0.0)  # rank 2
    ae = linear(4, tied_weights).fit(X)
    np.testing.assert_allclose(ae.components_ @ ae.components_.T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(ae.explained_variance_[2:], 0, atol=1e-6)
    assert ae.score(X) == pytest.approx(1, abs=1e-6)
    wide = linear(8, tied_weights).fit(X)  # more than columns
    expected = np.diag([1.0] * 6 + [0.0] * 2)
    np.testing.assert_allclose(wide.components_ @ wide.components_.T, expected, atol=1e-12)
    assert wide.components_.shape == (8, 6)
    assert wide.score(X) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(wide.reconstruct(X), X, atol=1e-2)


@pytest.mark.parametrize("X", [np.full((20, 3), 0.1), np.ones((1, 3)), np.zeros((5, 3))])
def test_rows_without_spread_have_axes_of_no_variance(X):
    ae = linear(optimizer="adam").fit(X)
    np.testing.assert_allclose(ae.components_ @ ae.components_.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(ae.explained_variance_, 0, atol=1e-9)
    np.testing.assert_array_equal(ae.explained_variance_ratio_, 0)
    assert np.isfinite(ae.partial_fit(X).transform(X)).all()


def test_one_row_at_a_time():
    ae = linear(optimizer="adam")
    for row in small(5):
        ae.partial_fit(row[np.newaxis])
        assert np.isfinite(ae.transform(small())).all()
    np.testing.assert_allclose(ae.components_ @ ae.components_.T, np.eye(2), atol=1e-12)


@pytest.mark.parametrize("rounding", [-1e-12, 0.0, 1e-12])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_tie_for_the_largest_element_goes_to_the_first(sign, rounding):
    module = LinearAutoencoder(2, 1).double()
    with torch.no_grad():
        module.decoder[0].weight.copy_(torch.tensor([[sign], [-sign * (1 + rounding)]]))
    components, _ = module.rotate(np.zeros(2), np.eye(1))
    np.testing.assert_allclose(components, [[0.5**0.5, -(0.5**0.5)]])


def test_a_decoder_that_ignores_a_code_is_rotated_too():
    module = LinearAutoencoder(4, 2).double()
    with torch.no_grad():
        module.decoder[0].weight[:, 1] = 0.0
    X = torch.randn(9, 4, generator=torch.Generator().manual_seed(0)).double()
    before = module(X)
    components, variances = module.rotate(X.mean(dim=0), torch.cov(module.encode(X).t()))
    torch.testing.assert_close(module(X), before)
    torch.testing.assert_close(components @ components.t(), torch.eye(2).double())
    assert variances[1] == 0


# Life of the attributes


def test_other_networks_and_losses_have_no_components():
    X = MinMaxScaler().fit_transform(small())
    ae = linear(optimizer="adam", max_epochs=1, tol=None).fit(X)
    assert all(hasattr(ae, name) for name in NAMES)
    for params in ({"architecture": None}, {"architecture": MLP(())}, {"loss": "bce"}):
        other = clone(ae).fit(X).set_params(**params).fit(X)
        assert not any(hasattr(other, name) for name in NAMES)
        assert hasattr(other, "mean_")


def test_copies_keep_axes_and_codes_and_go_on():
    X = small()
    ae = linear().fit(X)
    codes = ae.transform(X)
    for revived in (pickle.loads(pickle.dumps(ae)), copy.deepcopy(ae), copy.copy(ae)):
        np.testing.assert_array_equal(revived.transform(X), codes)
        np.testing.assert_array_equal(revived.components_, ae.components_)
        np.testing.assert_allclose(revived.partial_fit(X).transform(X), codes, atol=0.1)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_fault_after_training_leaves_the_old_model(method, monkeypatch):
    X = small()
    ae = linear(optimizer="adam", max_epochs=2, tol=None, warm_start=True).fit(X)
    codes, reconstruction = ae.transform(X), ae.reconstruct(X)

    def fails(*args):
        raise KeyboardInterrupt("now")

    with monkeypatch.context() as patch:
        patch.setattr(LinearAutoencoder, "rotate", fails)
        with pytest.raises(KeyboardInterrupt, match="now"):
            getattr(ae, method)(X + 1)
    np.testing.assert_array_equal(ae.transform(X), codes)
    np.testing.assert_array_equal(ae.reconstruct(X), reconstruction)
    assert len(ae.net_.history) == ae.n_iter_ == 2
    assert getattr(ae, method)(X).n_iter_ > 2
