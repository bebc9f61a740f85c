"""Generation: interpolation, spherical coordinates, samples from a density of latent codes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.architectures import Conv
from skae.generation import from_spherical, interpolate, sample, to_spherical

DENSITIES = ["uniform", "gaussian", "kde", GaussianMixture(2), KernelDensity()]


class Codes(TransformerMixin, BaseEstimator):
    """An estimator whose codes are the rows, so that samples are the drawn codes."""

    def __init__(self, latent="euclidean"):
        self.latent = latent

    def fit(self, X, y=None):
        self.n_features_in_ = self.n_components_ = np.shape(X)[1]
        self.module_ = SimpleNamespace(latent=self.latent)
        return self

    def transform(self, X):
        X = np.asarray(X)
        return X / np.linalg.norm(X, axis=1, keepdims=True) if self.latent == "sphere" else X

    def inverse_transform(self, X):
        return X

    def score(self, X, y=None):
        return 0.0


@pytest.fixture(scope="module")
def rows():
    return np.random.RandomState(0).randn(40, 5)


@pytest.fixture(scope="module")
def ae(rows):
    return AutoencoderTransformer(3, max_epochs=2, tol=None, random_state=0).fit(rows)


def angles_between(codes):
    """Angles between consecutive codes, by their cosine."""
    return np.arccos(np.clip((codes[:-1] * codes[1:]).sum(axis=1), -1, 1))


def test_latent_path_decodes_the_line_between_the_codes(ae, rows):
    found = interpolate(ae, rows[0], rows[1], n_steps=5)
    first, last = ae.transform(rows[:2])
    line = [first + t * (last - first) for t in (0, 0.25, 0.5, 0.75, 1)]
    np.testing.assert_allclose(found, ae.inverse_transform(line))
    np.testing.assert_allclose(found[[0, -1]], ae.reconstruct(rows[:2]))


def test_data_path_is_the_mean_of_the_rows_and_asks_no_network(ae, rows):
    found = interpolate(ae, rows[0], rows[1], n_steps=3, space="data")
    np.testing.assert_array_equal(found, [rows[0], (rows[0] + rows[1]) / 2, rows[1]])


def test_for_a_linear_map_the_two_paths_agree(rows):
    pca = PCA(2).fit(rows)
    path = interpolate(pca, rows[0], rows[1], space="data")
    expected = pca.inverse_transform(pca.transform(path))
    np.testing.assert_allclose(interpolate(pca, rows[0], rows[1]), expected)


@pytest.mark.parametrize("space", ["latent", "data"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_paths_keep_the_dtype(rows, dtype, space):
    rows = rows.astype(dtype)
    for estimator in (PCA(2), AutoencoderTransformer(2, max_epochs=1, tol=None)):
        found = interpolate(estimator.fit(rows), rows[0], rows[1], space=space)
        assert found.dtype == dtype
        assert found.shape == (10, 5)


def test_rows_may_be_lists_tables_of_one_row_or_of_a_data_frame(rows):
    frame = pd.DataFrame(rows, columns=list("abcde"))
    pipe = make_pipeline(StandardScaler(), PCA(2)).fit(frame)
    found = interpolate(pipe, frame.iloc[[0]], frame.iloc[[1]])  # a lost name would be a warning
    pipe.fit(rows)
    np.testing.assert_allclose(found, interpolate(pipe, rows[0], rows[1]))
    np.testing.assert_allclose(found, interpolate(pipe, rows[[0]], list(rows[1])))
    pipe.set_output(transform="pandas").fit(rows)
    np.testing.assert_allclose(found, interpolate(pipe, rows[0], rows[1]))


def test_images_may_keep_their_shape():
    images = np.random.RandomState(0).rand(9, 1, 4, 4)
    ae = AutoencoderTransformer(2, architecture=Conv((1, 4, 4), (2,)), max_epochs=1, tol=None)
    ae.fit(images)
    flat = interpolate(ae, images[0].ravel(), images[1].ravel())
    np.testing.assert_array_equal(interpolate(ae, images[0], images[1:2]), flat)
    with pytest.raises(ValueError, match=r"x0 has shape \(2, 1, 4, 4\) and must be one row of 16"):
        interpolate(ae, images[:2], images[2])


def test_on_a_sphere_the_path_is_a_great_circle_at_even_speed(rows):
    ae = Codes("sphere").fit(rows)
    start, end = ae.transform(rows[:2])
    path = interpolate(ae, rows[0], rows[1], n_steps=7)
    np.testing.assert_allclose(path[[0, -1]], [start, end])
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 1)
    np.testing.assert_allclose(angles_between(path), np.arccos(start @ end) / 6)
    assert np.linalg.matrix_rank(path, tol=1e-9) == 2  # all in the plane of the two codes


@pytest.mark.parametrize("wrap", ["pipeline", "nested", "search"])
def test_a_sphere_is_recognized_inside(rows, wrap):
    ae = make_pipeline(StandardScaler(with_mean=False, with_std=False), Codes("sphere"))
    if wrap == "nested":
        ae = make_pipeline(ae)
    if wrap == "search":
        ae = GridSearchCV(ae, {}, cv=2)
    path = interpolate(ae.fit(rows), rows[0], rows[1])
    np.testing.assert_allclose(np.linalg.norm(path, axis=1), 1)


@pytest.mark.parametrize("distance", [0, 1e-14, 1e-9, 1e-5])
def test_equal_and_nearly_equal_codes_on_a_sphere(distance):
    ends = np.array([[1.0, 0.0, 0.0], [1.0, distance, 0.0]])
    path = interpolate(Codes("sphere").fit(ends), *ends, n_steps=3)
    np.testing.assert_allclose(path[:, 1], [0, distance / 2, distance], rtol=1e-5, atol=1e-15)
    np.testing.assert_allclose(path[:, 0], 1)


@pytest.mark.parametrize("start", [[1.0, 0.0, 0.0], [0.6, 0.0, -0.8], [0.0, -1.0, 0.0]])
def test_opposite_codes_are_joined_by_one_of_the_great_circles(start):
    start = np.array(start)
    ae = Codes("sphere").fit(start[None])
    path = interpolate(ae, start, -start, n_steps=5)
    np.testing.assert_allclose(path[[0, -1]], [start, -start], atol=1e-15)
    np.testing.assert_allclose(angles_between(path), np.pi / 4)
    np.testing.assert_array_equal(path, interpolate(ae, start, -start, n_steps=5))


def test_a_sphere_of_one_code_has_no_path_between_its_two_points():
    ae = Codes("sphere").fit([[1.0]])
    np.testing.assert_array_equal(interpolate(ae, [2.0], [3.0], n_steps=2), [[1], [1]])
    with pytest.raises(ValueError, match="opposite codes on a sphere of one code"):
        interpolate(ae, [2.0], [-3.0])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"x0": np.zeros(4)}, r"x0 has shape \(4,\) and must be one row of 5 features"),
        ({"x1": np.zeros((2, 5))}, r"x1 has shape \(2, 5\) and must be one row"),
        ({"x1": 1.0}, r"x1 has shape \(\) and must be one row"),
        ({"n_steps": 1}, "n_steps=1 must be an integer of at least 2"),
        ({"n_steps": 2.5}, "n_steps=2.5 must be an integer"),
        ({"space": "latnet"}, "space='latnet' is not known; did you mean 'latent'"),
    ],
)
def test_wrong_arguments_of_interpolate(ae, rows, options, message):
    with pytest.raises(ValueError, match=message):
        interpolate(ae, **{"x0": rows[0], "x1": rows[1], **options})


def test_estimators_that_are_not_fitted(rows):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        interpolate(AutoencoderTransformer(), rows[0], rows[1])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        sample(AutoencoderTransformer(), rows)


@pytest.mark.parametrize(
    "code, theta, phi",
    [
        ([0, 0, 1], 0, 0),
        ([0, 0, -1], np.pi, 0),
        ([-0.0, -0.0, 1], 0, 0),
        ([1, 0, 0], np.pi / 2, 0),
        ([0, 1, 0], np.pi / 2, np.pi / 2),
        ([0, -1, 0], np.pi / 2, -np.pi / 2),
        ([-1, 0, 0], np.pi / 2, np.pi),
        ([-1, -0.0, 0], np.pi / 2, np.pi),
        ([-1, -1e-30, 0], np.pi / 2, np.pi),
        ([0.5, 0.5, np.sqrt(0.5)], np.pi / 4, np.pi / 4),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_angles_of_known_points(code, theta, phi, dtype):
    angles = to_spherical(np.array([code], dtype))
    assert angles.dtype == dtype
    rtol = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(angles, [[theta, phi]], rtol=rtol)
    np.testing.assert_allclose(from_spherical(angles), [code], rtol=rtol, atol=rtol)


def test_spherical_coordinates_and_their_inverse():
    codes = Codes("sphere").transform(np.random.RandomState(0).randn(200, 3))
    angles = to_spherical(codes)
    assert (angles.min(axis=0) > [0, -np.pi]).all()
    assert (angles.max(axis=0) < np.pi).all()
    np.testing.assert_allclose(from_spherical(angles), codes, atol=1e-15)
    np.testing.assert_allclose(to_spherical(from_spherical(angles)), angles)


def test_angles_are_precise_close_to_the_poles():
    angles = np.array([[1e-10, 1.0], [np.pi - 1e-10, -2.0]])
    np.testing.assert_allclose(to_spherical(from_spherical(angles))[:, 1], angles[:, 1])
    np.testing.assert_allclose(to_spherical(from_spherical(angles))[0, 0], 1e-10)


def test_wrong_codes_and_angles():
    with pytest.raises(ValueError, match="codes has 2 columns and must have 3"):
        to_spherical(np.ones((4, 2)))
    with pytest.raises(ValueError, match="codes must have norm 1, got norms from 1 to 2"):
        to_spherical([[1, 0, 0], [0, 2, 0]])
    with pytest.raises(ValueError, match="angles has 3 columns and must have 2: theta and phi"):
        from_spherical(np.ones((4, 3)))


def test_uniform_fills_the_box_of_the_codes(rows):
    drawn = sample(Codes().fit(rows), rows, 2000, density="uniform", random_state=0)
    low, high = rows.min(axis=0), rows.max(axis=0)
    assert (drawn >= low).all()
    assert (drawn <= high).all()
    np.testing.assert_allclose(drawn.mean(axis=0), (low + high) / 2, atol=0.15)
    np.testing.assert_allclose(drawn.std(axis=0), (high - low) / np.sqrt(12), rtol=0.05)


def test_gaussian_and_kde_have_the_moments_that_theory_gives_them(rows):
    rows = rows * [1, 10, 1, 1, 1] + [0, 0, 5, 0, 0] + rows[:, [0]]  # scales, shift, correlation
    ae, covariance = Codes().fit(rows), np.cov(rows.T)
    bandwidth = 40 ** (-1 / 9)  # n ** (-1 / (d + 4))
    population = covariance * 39 / 40  # whose codes the kernels sit on
    expected = {"gaussian": covariance, "kde": population + bandwidth**2 * covariance}
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    for density, value in expected.items():
        drawn = sample(ae, rows, 20_000, density=density, random_state=0)
        np.testing.assert_allclose(np.cov(drawn.T) / scale, value / scale, atol=0.05)
        np.testing.assert_allclose(drawn.mean(axis=0), rows.mean(axis=0), atol=0.3)


def test_kde_keeps_clusters_apart_that_a_gaussian_joins():
    rows = np.random.RandomState(0).randn(500, 1) * 0.1
    rows[:250] += 10
    ae = Codes().fit(rows)
    in_gap = {
        density: ((drawn > 4) & (drawn < 6)).mean()
        for density in ("gaussian", "kde")
        for drawn in [sample(ae, rows, 1000, density=density, random_state=0)]
    }
    assert in_gap["kde"] < 0.03 < in_gap["gaussian"]


def test_a_narrow_estimator_of_density_gives_the_rows_back(rows):
    density = KernelDensity(bandwidth=1e-9)
    drawn = sample(Codes().fit(rows), rows, 30, density=density, random_state=0)
    nearest = np.abs(drawn[:, None] - rows).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-7
    assert not hasattr(density, "tree_")  # a clone was fitted


def test_a_mixture_is_cloned_seeded_and_shuffled(rows):
    rows = rows + 100 * (np.arange(40) % 2)[:, None]
    density = GaussianMixture(2, random_state=5)
    drawn = sample(Codes().fit(rows), rows, 60, density=density, random_state=0)
    assert density.random_state == 5
    assert not hasattr(density, "means_")
    changes = np.diff(drawn[:, 0] > 50).sum()
    assert changes > 10  # sorted by component, it would be 1


@pytest.mark.parametrize("density", DENSITIES, ids=str)
def test_random_state_decides_and_the_global_generator_is_left_alone(ae, rows, density):
    def draw(random_state):
        return sample(ae, rows, 4, density=density, random_state=random_state)

    before = np.random.get_state()[1:3]  # noqa: NPY002
    np.testing.assert_array_equal(draw(3), draw(3))
    rng = np.random.RandomState(3)
    np.testing.assert_array_equal(draw(rng), draw(3))
    assert (draw(rng) != draw(3)).any()
    assert (draw(None) != draw(None)).any()
    np.testing.assert_equal(np.random.get_state()[1:3], before)  # noqa: NPY002


@pytest.mark.parametrize("density", DENSITIES, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_are_rows_of_the_dtype_of_x(rows, density, dtype):
    rows = rows.astype(dtype)
    for ae in (AutoencoderTransformer(2, max_epochs=1, tol=None), make_pipeline(PCA(2))):
        drawn = sample(ae.fit(rows), rows, 3, density=density)
        assert drawn.shape == (3, 5)
        assert drawn.dtype == dtype


def test_samples_of_a_linear_map_lie_in_its_subspace(rows):
    pca = PCA(2).fit(rows)
    drawn = sample(pca, rows, 10, density="gaussian", random_state=0)
    np.testing.assert_allclose(pca.inverse_transform(pca.transform(drawn)), drawn)


@pytest.mark.parametrize("density", ["uniform", "gaussian", "kde"])
def test_one_row_and_dead_codes_are_repeated(density):
    rows = np.array([[1.0, 7.0], [3.0, 7.0]])
    ae = Codes().fit(rows)
    np.testing.assert_allclose(sample(ae, rows, 5, density=density)[:, 1], 7)
    np.testing.assert_allclose(sample(ae, rows[:1], 5, density=density), np.tile([1, 7], (5, 1)))


@pytest.mark.parametrize("density", DENSITIES, ids=str)
def test_codes_on_a_sphere_are_drawn_on_it(rows, density):
    drawn = sample(Codes("sphere").fit(rows), rows, 20, density=density, random_state=0)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1)


def test_uniform_on_a_sphere_is_even():
    rows = np.random.RandomState(0).rand(10, 3)  # all in one eighth of it
    drawn = sample(Codes("sphere").fit(rows), rows, 5000, density="uniform", random_state=0)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose(drawn.T @ drawn / 5000, np.eye(3) / 3, atol=0.02)
    np.testing.assert_allclose((drawn**4).mean(axis=0), 1 / 5, atol=0.02)  # Archimedes


def test_prior_draws_standard_normal_codes_and_needs_no_rows(rows):
    ae = make_pipeline(StandardScaler(), Codes("gaussian")).fit(rows)
    scaler = ae[0]
    codes = scaler.transform(sample(ae, None, 5000, density="prior", random_state=0))
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(np.cov(codes.T), np.eye(5), atol=0.06)
    ae = Codes("gaussian").fit(rows)
    drawn = sample(ae, rows.astype(np.float32), density="prior", random_state=0)
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn, sample(ae, None, density="prior", random_state=0), rtol=1e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"density": "gausian"}, "density='gausian' is not known; did you mean 'gaussian'"),
        ({"density": "prior"}, "density='prior' is for .* this one is 'euclidean'"),
        ({"density": None}, "density=None has no method 'fit'; it must be one of 'uniform'"),
        ({"density": PCA()}, r"density=PCA\(\) has no method 'sample'"),
        ({"X": None, "density": "kde"}, "X=None is for density='prior' only"),
        ({"n_samples": 0}, "n_samples=0 must be an integer of at least 1"),
        ({"n_samples": 2.0}, "n_samples=2.0 must be an integer"),
        ({"random_state": "seed"}, "'seed' cannot be used to seed"),
    ],
)
def test_wrong_arguments_of_sample(ae, rows, options, message):
    with pytest.raises(ValueError, match=message):
        sample(ae, **{"X": rows, **options})


def test_paths_and_samples_follow_the_fitted_kind_of_codes(rows):
    ae = AutoencoderTransformer(3, max_epochs=1, tol=None, random_state=0).fit(rows)

    def generate():
        path = interpolate(ae, rows[0], rows[1])
        drawn = [
            sample(ae, rows, 5, density=density, random_state=0)
            for density in ("uniform", "gaussian", "kde")
        ]
        return np.concatenate([path, *drawn])

    expected = generate()
    ae.set_params(latent="sphere", architecture=Conv((1, 5), (2,)))
    np.testing.assert_array_equal(generate(), expected)
    ae.set_params(latent="gaussian")
    with pytest.raises(ValueError, match="this one is 'euclidean'"):
        sample(ae, None, density="prior")
    variational = AutoencoderTransformer(2, latent="gaussian", max_epochs=1, tol=None).fit(rows)
    expected = sample(variational, None, density="prior", random_state=0)
    variational.set_params(latent="euclidean")
    np.testing.assert_array_equal(
        sample(variational, None, density="prior", random_state=0), expected
    )
