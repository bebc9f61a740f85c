"""Reports and comparisons: planted faults are detected, numbers equal those of NumPy."""

import sys
import warnings

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import trustworthiness
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv, Linear
from skae.inspection import (
    bottleneck_curve,
    compare_with_pca,
    latent_report,
    posterior,
    reconstruction_error,
)
from skae.inspection.bottleneck import BottleneckCurve

WINE, LABELS = load_wine(return_X_y=True)
SPREADS = np.array([4.0, 3.0, 1.0, 1.0, 0.5, 0.5])


def small(n_rows=200, seed=0):
    """Rows of six independent columns of known standard deviation, not centred."""
    return 2 + np.random.RandomState(seed).randn(n_rows, 6) * SPREADS


def linear(n_components=2, **params):
    params = {"optimizer": "lbfgs", "random_state": 0, **params}
    return AutoencoderTransformer(n_components, architecture=Linear(tied_weights=True), **params)


def scaled(ae):
    return make_pipeline(StandardScaler(), ae)


class Planted(torch.nn.Module):
    """An estimator whose codes are the first two columns, minus twice the first, and a constant."""

    def __init__(self, n_features, n_components):
        super().__init__()
        self.axes = torch.nn.Parameter(torch.eye(n_features)[:2])

    def encode(self, X):
        first, second = (X @ self.axes.t()).unbind(1)
        return torch.stack([first, second, -2 * first, 0 * first + 7], dim=1)

    def decode(self, codes):
        first = codes[:, 0] / 4 - codes[:, 2] * 3 / 8
        return torch.stack([first, codes[:, 1]], dim=1) @ self.axes + 2 * (1 - self.axes.sum(0))


def planted(X):
    ae = AutoencoderTransformer(4, architecture=Planted, max_epochs=1, tol=None, random_state=0)
    with pytest.warns(UserWarning, match="code 3 is dead"):
        return ae.set_params(optimizer="sgd", lr=1e-12).fit(X)


# The report on codes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_report_finds_planted_dead_and_duplicated_codes(dtype):
    X = small().astype(dtype)
    report = latent_report(planted(X), X)
    np.testing.assert_array_equal(report.dead, [False, False, False, True])
    np.testing.assert_array_equal(report.saturated, False)
    assert report.n_active == 3
    np.testing.assert_array_equal(report.correlated_with[[0, 2, 3]], [2, 0, -1])
    np.testing.assert_allclose(report.correlation[[0, 2, 3]], [-1, -1, 0], atol=1e-6)
    np.testing.assert_allclose(report.mean[3], 7)
    np.testing.assert_allclose(report.spread[[0, 1]], X.std(axis=0)[:2], rtol=1e-5)
    np.testing.assert_allclose(report.spread[2], 2 * report.spread[0], rtol=1e-5)


def test_r2_lost_is_what_plain_numpy_says():
    X = small()
    report = latent_report(planted(X), X)
    variances = X.var(axis=0)
    left = ((X[:, 2:] - 2) ** 2).mean(axis=0).sum()
    explained = variances.sum() - left
    # Code 0 carries a quarter of the first column, code 2 three quarters; errors are squared.
    expected = variances[0] * np.array([1 / 16, 0, 9 / 16, 0]) + [0, variances[1], 0, 0]
    assert report.r2 == pytest.approx(1 - left / variances.sum())
    np.testing.assert_allclose(report.r2_lost, expected / explained, atol=1e-6)


def test_shares_of_a_linear_network_are_pcas():
    ae = linear(3).fit(small())
    report = latent_report(ae, small())
    ratio = ae.explained_variance_ratio_
    np.testing.assert_allclose(report.r2_lost, ratio / ratio.sum(), atol=1e-4)
    assert report.r2 == pytest.approx(ae.score(small()))


def test_report_in_blocks_equals_report_at_once(monkeypatch):
    ae = linear(3).fit(small())
    whole = latent_report(ae, small())
    monkeypatch.setattr("skae.inspection.latent_codes.BLOCK_SIZE", 7)
    np.testing.assert_allclose(latent_report(ae, small()).r2_lost, whole.r2_lost)


def test_a_saturated_network_is_reported():
    X = small()
    ae = AutoencoderTransformer(2, architecture=MLP((8,), latent_activation="tanh"), random_state=0)
    ae.set_params(max_epochs=1, tol=None).fit(X)
    assert not latent_report(ae, X).saturated.any()
    with torch.no_grad():
        ae.module_.encoder[-2].weight.mul_(1000)
    assert latent_report(ae, X).saturated.all()


def test_report_of_one_code_and_of_rows_without_spread():
    report = latent_report(linear(1).fit(small()), small())
    assert report.correlated_with[0] == -1
    constant = np.ones((9, 3))
    report = latent_report(linear(1, optimizer="adam").fit(constant), constant)
    assert np.isnan(report.r2)
    assert np.isnan(report.r2_lost).all()
    with pytest.raises(ValueError, match="n_samples=1; a report on codes needs at least 2"):
        latent_report(linear(1).fit(small()), small(1))


def test_ordered_codes_give_all_widths_from_one_fit_per_fold(monkeypatch):
    X = load_wine().data
    ae = AutoencoderTransformer(latent="ordered", max_epochs=30, tol=None, random_state=0)
    fits, fit = [], AutoencoderTransformer.fit
    monkeypatch.setattr(
        AutoencoderTransformer, "fit", lambda ae, X, y=None: fits.append(len(X)) or fit(ae, X)
    )
    curve = bottleneck_curve(scaled(ae), X, [3, 1, 6], cv=2)
    assert fits == [89, 89]
    first, second = np.arange(89), np.arange(89, 178)
    pipe = scaled(clone(ae).set_params(n_components=6)).fit(X[first])
    rows = pipe[:-1].transform(X[second])
    for width, score in zip((1, 3, 6), curve.scores[:, 1]):
        codes = pipe.transform(X[second])
        codes[:, width:] = 0
        error = ((pipe[-1].inverse_transform(codes) - rows) ** 2).sum()
        assert score == pytest.approx(1 - error / ((rows - pipe[-1].mean_) ** 2).sum())


def test_signals_in_their_own_shape_are_rows():
    X = np.random.RandomState(0).rand(30, 1, 12)
    ae = AutoencoderTransformer(2, architecture=Conv((1, 12), (2,)), max_epochs=1, tol=None)
    ae.fit(X)
    flat = X.reshape(30, 12)
    for per_feature in (False, True):
        np.testing.assert_allclose(
            reconstruction_error(ae, X, per_feature=per_feature),
            reconstruction_error(ae, flat, per_feature=per_feature),
        )
    assert latent_report(ae, X).r2 == latent_report(ae, flat).r2


# Dead codes after fit


class ReluCodes(torch.nn.Module):
    """A network whose codes are dead from the start, depending on its bias."""

    def __init__(self, n_features, n_components, bias):
        super().__init__()
        self.down = torch.nn.Linear(n_features, n_components)
        self.up = torch.nn.Linear(n_components, n_features)
        with torch.no_grad():
            self.down.bias.copy_(torch.as_tensor(bias))

    def encode(self, X):
        return self.down(X).relu()

    def decode(self, codes):
        return self.up(codes)


@pytest.mark.parametrize(
    ("bias", "words"),
    [([100, -1e6, 100], "code 1 is dead"), ([-1e6, 100, -1e6], "codes 0 and 2 are dead")],
)
def test_dead_codes_give_one_warning_that_names_them_and_the_remedy(bias, words):
    ae = AutoencoderTransformer(3, architecture=lambda p, k: ReluCodes(p, k, bias), random_state=0)
    ae.set_params(max_epochs=1, tol=None)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ae.fit(small())
        ae.partial_fit(small())
    assert [str(warning.message) for warning in caught] == [
        f"Of n_components=3, {words}: the same for all rows. Use "
        "latent_activation='identity' if it is another one, a smaller lr (lr=0.003), another "
        "random_state or fewer components."
    ]
    assert caught[0].filename == __file__


def test_codes_that_the_rows_have_no_use_for_are_no_fault():
    ae = AutoencoderTransformer(3, architecture=lambda p, k: ReluCodes(p, k, [100, -1e6, 100]))
    ae.set_params(max_epochs=1, tol=None, random_state=0)
    line = np.outer(np.linspace(0, 1, 30), np.ones(4))
    for X in (line, np.full((30, 4), 0.1), line[:1], line @ np.diag([1, 1, 1, 0]), 1e7 + line):
        ae.fit(X)  # warnings are errors
    weight = np.r_[1, np.zeros(199)]
    ae.fit(small(), sample_weight=weight)


# Comparison with PCA


def test_comparison_has_the_numbers_of_plain_code():
    X, X_test, y, y_test = WINE[::2], WINE[1::2], LABELS[::2], LABELS[1::2]
    pipe = scaled(AutoencoderTransformer(2, random_state=0)).fit(X)
    comparison = compare_with_pca(pipe, X, y, X_test, y_test, random_state=0)
    Z, Z_test = (pipe[0].transform(rows) for rows in (X, X_test))
    pca = PCA(2).fit(Z)
    for result, codes, codes_test, back in (
        (comparison.autoencoder, pipe.transform(X), pipe.transform(X_test), pipe[1].reconstruct),
        (
            comparison.pca,
            pca.transform(Z),
            pca.transform(Z_test),
            lambda Z: pca.inverse_transform(pca.transform(Z)),
        ),
    ):
        for name, rows in (("r2", Z), ("r2_test", Z_test)):
            expected = 1 - ((rows - back(rows)) ** 2).sum() / ((rows - Z.mean(axis=0)) ** 2).sum()
            assert result[name] == pytest.approx(expected)
        assert result.trustworthiness == pytest.approx(trustworthiness(Z_test, codes_test))
        nearest = KNeighborsClassifier(1).fit(codes, y)
        assert result.accuracy == pytest.approx(nearest.score(codes_test, y_test))
        assert result.transform_seconds > 0
    assert comparison.autoencoder.estimator is pipe[1]
    assert np.isnan(comparison.autoencoder.fit_seconds)
    assert comparison.pca.fit_seconds > 0
    assert comparison.principal_angles is None
    assert comparison.n_components == 2


def test_without_test_rows_each_row_has_the_label_of_the_nearest_other_one():
    X, y = load_iris(return_X_y=True)  # with rows that are there twice
    ae = linear().fit(X)
    comparison = compare_with_pca(ae, X, y)
    codes = ae.transform(X)
    distances = ((codes[:, np.newaxis] - codes) ** 2).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    expected = (y[distances.argmin(axis=1)] == y).mean()
    assert comparison.autoencoder.accuracy == pytest.approx(expected, abs=0.01)  # of equally near
    assert comparison.autoencoder.trustworthiness == pytest.approx(trustworthiness(X, codes))
    assert np.isnan(comparison.autoencoder.r2_test)
    assert np.isnan(compare_with_pca(ae, X).autoencoder.accuracy)


def test_a_linear_network_is_at_angle_0():
    comparison = compare_with_pca(linear(3).fit(small()), small())
    assert len(comparison.principal_angles) == 3
    assert (np.diff(comparison.principal_angles) >= 0).all()
    assert comparison.principal_angles[-1] < 0.1
    assert comparison.autoencoder.r2 == pytest.approx(comparison.pca.r2, abs=1e-6)


def test_an_unfitted_estimator_is_cloned_seeded_and_timed():
    ae = scaled(AutoencoderTransformer(2, max_epochs=30, tol=None))
    first, second = (compare_with_pca(ae, WINE, random_state=0).autoencoder for _ in range(2))
    assert first.fit_seconds > 0
    assert first.r2 == second.r2
    assert not hasattr(ae[1], "module_")
    assert ae[1].random_state is None
    assert not hasattr(ae[0], "mean_")


def test_rows_are_sampled_where_there_are_many(monkeypatch):
    X, y = small(400), np.arange(400) % 2
    ae = linear().fit(X)
    whole = compare_with_pca(ae, X, y, X, y)
    assert whole.autoencoder.accuracy == 1.0  # each test row is a training row
    monkeypatch.setattr("skae.inspection.pca_comparison.MAX_TRUSTWORTHINESS_SAMPLES", 50)
    monkeypatch.setattr("skae.inspection.pca_comparison.MAX_QUERY_SAMPLES", 50)
    first, second = (compare_with_pca(ae, X, y, random_state=0) for _ in range(2))
    assert first.autoencoder.trustworthiness == second.autoencoder.trustworthiness
    assert first.autoencoder.trustworthiness == pytest.approx(
        first.pca.trustworthiness, abs=1e-3
    )  # the same rows for both
    assert first.autoencoder.trustworthiness != whole.autoencoder.trustworthiness


def test_more_codes_than_pca_has_and_few_rows():
    X = small(4)
    comparison = compare_with_pca(linear(20), X)
    assert comparison.pca.r2 == pytest.approx(1)
    assert np.isnan(compare_with_pca(linear(1), X[:2]).pca.trustworthiness)


@pytest.mark.parametrize(
    ("ae", "load", "message"),
    [
        (
            linear(optimizer="sgd", max_epochs=2, tol=None),
            small,
            r"training rows worse .* Reason found: the loss was still falling after n_iter_=2 ep",
        ),
        (
            AutoencoderTransformer(
                2, architecture=MLP(), max_epochs=20, tol=None, lr=1e-4, random_state=0
            ),
            lambda: load_breast_cancer().data,
            "columns of very different scale .* put a StandardScaler in front",
        ),
        (
            AutoencoderTransformer(
                3,
                architecture=MLP((8,), activation="tanh"),
                lr=1e-9,
                max_epochs=20,
                tol=None,
                random_state=0,
            ),
            small,
            "Reason found: none of the usual ones",
        ),
    ],
)
def test_below_pca_there_is_a_warning_with_the_reasons_that_were_found(ae, load, message):
    with pytest.warns(UserWarning, match=message):
        compare_with_pca(ae, load())


def test_dead_codes_are_among_the_reasons():
    X = small()
    ae = planted(X)
    with pytest.warns(UserWarning, match="code 3 is dead: use latent_activation") as caught:
        compare_with_pca(ae, X)
    assert caught[0].filename == __file__


def test_overfitting_is_a_reason_too():
    X, X_test = small(12), small(100, seed=1)
    ae = AutoencoderTransformer(3, architecture=MLP(), max_epochs=2000, tol=None, random_state=0)
    ae.fit(X)
    with pytest.warns(
        UserWarning, match="held-out rows worse .* so it overfits: pass early_stopping"
    ):
        compare_with_pca(ae, X, X_test=X_test)


@pytest.mark.parametrize("is_hasty", [False, True])
def test_columns_of_very_unlike_scale_are_named_once_whether_or_not_pca_is_better(is_hasty):
    X = np.column_stack([small(), np.full(200, 0.1)])
    X[:, 0] *= 1e4
    ae = AutoencoderTransformer(2, random_state=0)
    if is_hasty:
        ae.set_params(architecture=MLP(), optimizer="sgd", lr=1e-6, max_epochs=1, tol=None)
    with pytest.warns(UserWarning) as caught:
        compare_with_pca(ae, X)
    (message,) = [str(w.message) for w in caught if "very different scale" in str(w.message)]
    assert "put a StandardScaler in front" in message
    assert ("worse than PCA" in message) == is_hasty
    assert {w.filename for w in caught if str(w.message) == message} == {__file__}


def test_scales_are_not_named_if_they_do_no_harm():
    ae = AutoencoderTransformer(2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare_with_pca(ae, small() * [100, 1, 1, 1, 1, 1])
        compare_with_pca(scaled(ae), small() * [1e4, 1, 1, 1, 1, 1])


# The curve


def test_curve_of_a_linear_network_is_pcas_and_pcas_is_that_of_plain_code():
    cv = KFold(3, shuffle=True, random_state=0)
    curve = bottleneck_curve(scaled(linear()), WINE, [4, 1, 2], cv=cv)
    np.testing.assert_array_equal(curve.widths, [1, 2, 4])
    np.testing.assert_allclose(curve.scores, curve.pca_scores, atol=1e-5)
    for i, width in enumerate(curve.widths):
        for j, (train, test) in enumerate(cv.split(WINE)):
            scaler = StandardScaler().fit(WINE[train])
            Z, Z_test = scaler.transform(WINE[train]), scaler.transform(WINE[test])
            pca = PCA(width).fit(Z)
            left = Z_test - pca.inverse_transform(pca.transform(Z_test))
            r2 = 1 - (left**2).sum() / ((Z_test - Z.mean(axis=0)) ** 2).sum()
            assert curve.pca_scores[i, j] == pytest.approx(r2)
    np.testing.assert_allclose(curve.mean, curve.scores.mean(axis=1))
    expected = curve.scores.std(axis=1, ddof=1) / 3**0.5
    np.testing.assert_allclose(curve.standard_error, expected)


def test_the_one_standard_error_choice():
    widths = np.array([1, 2, 4, 8])
    scores = np.array([[0.5, 0.5], [0.77, 0.83], [0.78, 0.86], [0.8, 0.84]])
    curve = BottleneckCurve(widths, scores, scores)
    assert curve.best_width == 4  # of equal means, the smaller
    assert curve.one_se_width == 2
    assert "best: 4 codes; within one standard error of it: 2" in repr(curve)
    single = BottleneckCurve(widths, scores[:, :1], scores[:, :1])
    assert single.best_width == single.one_se_width == 8


def test_curve_is_the_same_in_parallel_and_widths_may_exceed_the_columns():
    ae = AutoencoderTransformer(architecture=MLP((8,)), max_epochs=3, tol=None, random_state=0)
    with joblib.parallel_backend("threading"):  # whose workers need not be started
        curves = [bottleneck_curve(ae, small(), [2, 9], cv=2, n_jobs=n_jobs) for n_jobs in (1, 2)]
    np.testing.assert_array_equal(curves[0].scores, curves[1].scores)
    np.testing.assert_allclose(curves[0].pca_scores[1], 1)


def test_curve_of_nested_pipelines_and_data_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(WINE, columns=load_wine().feature_names)
    nested = make_pipeline(FunctionTransformer(), scaled(linear()))
    for estimator in (nested, make_pipeline(linear()), linear()):
        curve = bottleneck_curve(estimator, frame, [1, 2], cv=2)
        np.testing.assert_allclose(curve.scores, curve.pca_scores, atol=1e-4)


@pytest.mark.parametrize("widths", [[], [0, 1], [1.5], [[1, 2], [3, 4]], 3, ["a"]])
def test_bad_widths(widths):
    with pytest.raises(ValueError, match=r"widths=.* must be whole numbers of at least 1"):
        bottleneck_curve(linear(), small(), widths)


# Errors of rows and columns


def test_errors_are_squared_differences_from_the_reconstruction():
    ae = linear().fit(small())
    errors = reconstruction_error(ae, small(), per_feature=True)
    np.testing.assert_allclose(errors, (small() - ae.reconstruct(small())) ** 2)
    np.testing.assert_allclose(reconstruction_error(ae, small()), -ae.score_samples(small()))


def test_errors_of_a_pipeline_are_in_the_units_of_the_rows():
    pipe = scaled(linear()).fit(WINE)
    errors = reconstruction_error(pipe, WINE, per_feature=True)
    expected = (WINE - pipe.inverse_transform(pipe.transform(WINE))) ** 2
    np.testing.assert_allclose(errors, expected)
    assert errors[:, -1].mean() > 1000 * errors[:, 0].mean()  # proline is in the thousands


def test_planted_anomalies_are_found_with_their_columns():
    rng = np.random.RandomState(0)
    X = (rng.randn(300, 2) @ rng.randn(2, 20) + 0.1 * rng.randn(300, 20)) * np.logspace(0, 3, 20)
    pipe = scaled(linear()).fit(X)
    columns = np.arange(6)
    odd = X[:6].copy()
    odd[columns, columns] += 2 * X.std(axis=0)[:6]
    errors = reconstruction_error(pipe, odd, per_feature=True, reference=X)
    np.testing.assert_array_equal(errors.argmax(axis=1), columns)
    of_rows = reconstruction_error(pipe, np.r_[X, odd], reference=X)
    np.testing.assert_array_equal(np.sort(of_rows.argsort()[-6:]), np.arange(300, 306))
    typical = reconstruction_error(pipe, X, per_feature=True, reference=X)
    np.testing.assert_allclose(typical.mean(axis=0), 1)


def test_columns_that_are_reconstructed_exactly_are_compared_with_rounding():
    X = np.c_[small(), np.full(200, 3.0), np.zeros(200)]
    ae = linear(7).fit(X)
    errors = reconstruction_error(ae, X, per_feature=True, reference=X)
    assert np.isfinite(errors).all()
    assert (errors[:, 6:].mean(axis=0) <= 1 + 1e-9).all()
    X[0, 7] = 1.0
    assert reconstruction_error(ae, X, per_feature=True, reference=X[1:])[0].argmax() == 7


def test_a_step_without_inverse_transform_is_an_error_with_a_remedy():
    pipe = make_pipeline(KNeighborsFeatures(), linear(1)).fit(small())
    with pytest.raises(ValueError, match=r"no inverse_transform, .* Pass the last step"):
        reconstruction_error(pipe, small())


class KNeighborsFeatures(StandardScaler):
    """A step without inverse_transform."""

    inverse_transform = property()


# Variational codes


def variational(loss="mse", n_components=3, **params):
    params = {"random_state": 0, "max_epochs": 30, "tol": None, **params}
    architecture = MLP((16,))
    return AutoencoderTransformer(
        n_components, architecture=architecture, latent="gaussian", loss=loss, **params
    )


def oracle(ae, X):
    """Means and log-variances of the codes by NumPy."""
    arrays = [p.detach().numpy().astype(np.float64) for p in ae.module_.encoder.parameters()]
    weight, bias, out_weight, out_bias = arrays
    Z = (X - ae.module_.shift.numpy()) / ae.module_.scale.item()
    output = np.maximum(Z @ weight.T + bias, 0) @ out_weight.T + out_bias
    means, values = np.split(output, 2, axis=1)
    values = values - 3
    values = np.where(values > 0, 2 - 2 / (1 + np.abs(values) / 2), values)
    return means, np.where(values < -5, -10 + 5 / (1 + np.abs(values + 5) / 5), values)


def test_posterior_and_divergence_are_those_of_numpy(monkeypatch):
    X = small()
    ae = variational().fit(X)
    means, log_variances = oracle(ae, X)
    monkeypatch.setattr("skae._latent_diagnostics.BLOCK_SIZE", 7)
    result = posterior(ae, X, random_state=0)
    np.testing.assert_array_equal(result.means, ae.transform(X))
    np.testing.assert_allclose(result.variances, np.exp(log_variances), rtol=1e-6)
    divergence = (means**2 + np.exp(log_variances) - 1 - log_variances) / 2
    np.testing.assert_allclose(result.divergence, divergence, rtol=1e-6)
    report = latent_report(ae, X)
    np.testing.assert_allclose(report.divergence, divergence.mean(axis=0), rtol=1e-6)
    assert report.n_active == 3 and not report.collapsed.any()
    np.testing.assert_array_equal(report.as_frame()["divergence"], report.divergence)
    assert repr(result).splitlines()[0].split()[:2] == ["code", "spread"]


def test_the_bound_is_that_of_numpy():
    X = small()
    ae = variational().fit(X)
    means, log_variances = oracle(ae, X)
    draws = np.random.RandomState(1).standard_normal((4, *means.shape))
    expected = np.zeros(len(X))
    for draw in draws:
        output = ae.inverse_transform(means + np.exp(log_variances / 2) * draw)
        density = -((X - output) ** 2) / (2 * 0.7**2) - np.log(0.7 * np.sqrt(2 * np.pi))
        expected += density.sum(axis=1) / 4
    result = posterior(ae, X, noise=0.7, n_draws=4, random_state=1)
    np.testing.assert_allclose(result.log_likelihood, expected, rtol=1e-6)
    np.testing.assert_allclose(result.bound, expected - result.divergence.sum(axis=1), rtol=1e-6)


def test_the_bound_is_below_the_likelihood_of_bernoulli_rows():
    X = (np.random.RandomState(0).rand(300, 5) < 0.3).astype(float)
    X[:, 1:3] = X[:, :1]
    ae = variational("bce", 1, alpha=1 / 5, max_epochs=100).fit(X)
    result = posterior(ae, X, n_draws=200, random_state=0)
    grid = np.linspace(-6, 6, 2001)
    prior = np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi) * (grid[1] - grid[0])
    p = ae.inverse_transform(grid[:, None])
    likelihood = np.exp(X @ np.log(p).T + (1 - X) @ np.log(1 - p).T) @ prior
    assert (result.bound < np.log(likelihood) + 0.2).all()
    assert result.bound.mean() < np.log(likelihood).mean()
    assert result.bound.mean() > np.log(likelihood).mean() - 0.5


def test_the_bound_of_the_stated_scale_is_what_training_minimises():
    X = small()
    ae = variational(alpha=0.02, max_epochs=1).fit(X)
    scale, n_features = ae.module_.scale.item(), X.shape[1]
    noise = scale * np.sqrt(0.02 * n_features / 2)
    result = posterior(ae, X, noise=noise, n_draws=3, random_state=0)
    constant = n_features * np.log(noise * np.sqrt(2 * np.pi))
    means, log_variances = oracle(ae, X)
    draws = np.random.RandomState(0).standard_normal((3, *means.shape))
    outputs = [ae.inverse_transform(means + np.exp(log_variances / 2) * draw) for draw in draws]
    mse = np.mean([((X - output) ** 2).mean() for output in outputs]) / scale**2
    objective = mse + 0.02 * result.divergence.sum(axis=1).mean()
    np.testing.assert_allclose(-result.bound.mean(), objective / 0.02 + constant, rtol=1e-6)


def test_collapsed_codes_are_reported_and_not_active():
    X = small()
    ae = variational(alpha=3.0, max_epochs=200, lr=1e-2).fit(X)
    report = latent_report(ae, X)
    assert report.collapsed.all() and not report.dead.any()
    assert report.n_active == 0 and (report.divergence < 0.01).all()
    assert "0 of 3 codes active" in repr(report) and repr(report).endswith("3 collapsed")
    assert posterior(ae, X).collapsed.all()


def test_codes_without_a_distribution_have_no_divergence():
    X = small()
    ae = linear(2).fit(X)
    report = latent_report(ae, X)
    assert np.isnan(report.divergence).all() and not report.collapsed.any()
    assert "divergence" not in repr(report)
    for other in (ae, PCA(2).fit(X)):
        with pytest.raises(ValueError, match=r"codes without a distribution.*latent='gaussian'"):
            posterior(other, X)


def test_posterior_in_pipelines_of_other_losses_and_of_float32_rows():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(WINE, columns=load_wine().feature_names)
    pipe = scaled(variational(max_epochs=3)).set_output(transform="pandas").fit(frame)
    inner = posterior(pipe[-1], pipe[:-1].transform(frame), random_state=0)
    for estimator in (pipe, FrozenEstimator(pipe)):
        result = posterior(estimator, frame, random_state=0)
        np.testing.assert_array_equal(result.bound, inner.bound)
    np.testing.assert_allclose(latent_report(pipe, frame).divergence, inner.divergence.mean(axis=0))
    result = posterior(variational("mae", max_epochs=1).fit(small()), small())
    assert result.bound is None and result.log_likelihood is None and "bound" not in repr(result)
    X = small().astype(np.float32)
    ae = variational(max_epochs=3).fit(X)
    one, other = (posterior(ae, rows, random_state=0).bound for rows in (X, X.astype(float)))
    np.testing.assert_allclose(one, other, rtol=1e-4)


@pytest.mark.parametrize("params", [{"noise": 0.0}, {"noise": np.inf}, {"n_draws": 0}])
def test_bad_parameters_of_posterior(params):
    with pytest.raises(ValueError, match=f"{next(iter(params))}="):
        posterior(variational(max_epochs=1).fit(small()), small(), **params)


# In general


def test_frozen_estimators_data_frames_and_other_estimators():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(WINE, columns=load_wine().feature_names)
    pipe = scaled(linear()).set_output(transform="pandas").fit(frame)
    expected = scaled(linear()).fit(WINE)
    for result in (latent_report(pipe, frame), latent_report(FrozenEstimator(pipe), frame)):
        np.testing.assert_allclose(result.r2_lost, latent_report(expected, WINE).r2_lost)
    comparison = compare_with_pca(pipe, frame, LABELS, frame, LABELS)
    assert comparison.autoencoder.r2 == pytest.approx(comparison.pca.r2)
    assert compare_with_pca(linear().fit(frame), frame).principal_angles[-1] < 1
    np.testing.assert_allclose(
        reconstruction_error(pipe, frame, reference=frame),
        reconstruction_error(expected, WINE, reference=WINE),
    )
    for function in (latent_report, reconstruction_error, compare_with_pca):
        with pytest.raises(ValueError, match=r"LogisticRegression has no transform, .* Pipeline"):
            function(make_pipeline(StandardScaler(), LogisticRegression()), small())


def test_bad_labels():
    ae = linear().fit(small())
    with pytest.raises(ValueError, match="y_test is given without X_test or y"):
        compare_with_pca(ae, small(), y_test=np.zeros(200))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        compare_with_pca(ae, small(), small()[:, 0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        compare_with_pca(ae, small(), np.zeros(7))


def test_results_are_tables_in_text_in_notebooks_and_as_frames(monkeypatch):
    ae = linear(3).fit(small())
    comparison = compare_with_pca(ae, small())
    lines = repr(comparison).splitlines()
    assert " ".join(lines[0].split()) == (
        "3 codes r2 r2 test trustworthiness accuracy fit seconds transform seconds"
    )
    assert [line.split()[0] for line in lines[2:4]] == ["autoencoder", "PCA"]
    assert lines[2].split()[2] == "-"  # there are no test rows
    assert lines[4].startswith("largest principal angle: ")
    report = latent_report(ae, small())
    assert report._repr_html_().count("<tr>") == 4
    assert "<th>r2 lost</th>" in report._repr_html_()
    frame = report.as_frame()
    assert frame.index.name == "code"
    np.testing.assert_array_equal(frame["r2_lost"], report.r2_lost)
    assert list(comparison.as_frame().index) == ["autoencoder", "PCA"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="as_frame needs pandas: pip install pandas"):
        report.as_frame()


def test_nothing_given_is_changed():
    X, ae = small(), linear()
    before = X.copy()
    fitted = clone(ae).fit(X)
    codes = fitted.transform(X)
    bottleneck_curve(ae, X, [1, 2], cv=2)
    compare_with_pca(fitted, X)
    latent_report(fitted, X)
    reconstruction_error(fitted, X, reference=X)
    np.testing.assert_array_equal(X, before)
    np.testing.assert_array_equal(fitted.transform(X), codes)
    assert ae.n_components == 2
    assert not hasattr(ae, "module_")
