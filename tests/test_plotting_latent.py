"""Displays of codes and of decoded codes: content, positions and colours."""

import sys

import numpy as np
import pytest
from matplotlib import colors
from matplotlib import pyplot as plt
from matplotlib.transforms import Affine2D
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer
from skae.generation import from_spherical, to_spherical
from skae.plotting import DecoderGridDisplay, LatentDisplay
from skae.plotting.base import COLORS

X, LABELS = load_digits(return_X_y=True)
X, LABELS = X[:80], LABELS[:80]
PIPE = make_pipeline(StandardScaler(), PCA(2)).fit(X)


@pytest.fixture(scope="module")
def sphere():
    """An autoencoder with codes on the sphere, trained for a few steps."""
    params = {"max_epochs": 3, "tol": None, "random_state": 0}
    return AutoencoderTransformer(3, latent="sphere", **params).fit(X)


class Codes(TransformerMixin, BaseEstimator):
    """An estimator whose codes are the rows."""

    def fit(self, X, y=None):
        self.n_features_in_ = np.shape(X)[1]
        return self

    def transform(self, X):
        return np.asarray(X)

    def inverse_transform(self, X):
        return X


def texts(labels):
    return [label.get_text() for label in labels]


def box(image):
    left, right, bottom, top = image.get_extent()
    return np.array([left, min(bottom, top), right, max(bottom, top)])


def overlap(one, other):
    """Return whether two boxes overlap by more than rounding."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    return (high - low > 1e-9 * np.abs(high)).all()


# Points and labels


def test_points_are_the_codes_of_each_class_in_its_colour():
    display = LatentDisplay.from_estimator(PIPE, X, LABELS)
    codes = PIPE.transform(X)
    (points,) = display.points_
    np.testing.assert_array_equal(points.get_offsets(), codes)  # in their order: none covers all
    assert list(map(colors.to_hex, points.get_facecolor())) == [COLORS[label] for label in LABELS]
    legend = display.ax_.get_legend()
    assert texts(legend.get_texts()) == [str(label) for label in range(10)]
    assert [handle.get_color() for handle in legend.legend_handles] == list(COLORS)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("code 0", "code 1")


def test_points_without_classes_have_one_colour_and_no_legend():
    display = LatentDisplay(PIPE.transform(X)).plot(size=25)
    (points,) = display.points_
    np.testing.assert_array_equal(points.get_sizes(), 25)
    assert display.ax_.get_legend() is None


@pytest.mark.parametrize("y", [np.arange(80), np.arange(80) % 2 / 2])
def test_quantities_have_a_colour_scale(y):
    display = LatentDisplay(PIPE.transform(X), y=y).plot()
    (points,) = display.points_
    np.testing.assert_array_equal(points.get_array(), y)
    assert points.get_cmap().name == "viridis"
    assert points.colorbar.ax.get_ylabel() == "y"
    assert display.ax_.get_legend() is None


def test_more_classes_than_colours_have_different_ones_all_the_same():
    y = np.array([f"class {i % 25}" for i in range(80)])
    display = LatentDisplay(PIPE.transform(X), y=y).plot()
    drawn = set(map(colors.to_hex, display.points_[0].get_facecolor()))
    assert len(drawn) == 25
    display = LatentDisplay(PCA(3).fit_transform(X), y=y)
    assert {trace.marker.color for trace in display.plot_interactive().data} == drawn
    display = LatentDisplay(PIPE.transform(X), y=y, X=X).plot(kind="thumbnails")
    assert {colors.to_hex(patch.get_edgecolor()) for patch in display.ax_.patches} & drawn


@pytest.mark.parametrize(
    "y",
    [[0.0, np.nan, 1.0], np.array(["a", None, "b"], dtype=object), [np.nan] * 3],
    ids=["numbers", "strings", "none"],
)
def test_rows_without_a_label_are_grey(y):
    display = LatentDisplay(np.eye(3)[:, :2], y=y).plot()
    (points,) = display.points_
    assert colors.to_hex(points.get_facecolors()[1]) == "#999999"
    assert texts(display.ax_.get_legend().get_texts())[-1] == "?"


def test_rows_without_a_quantity_are_drawn_too():
    y = np.linspace(0, 1, 80)
    y[3] = np.nan
    (points,) = LatentDisplay(PIPE.transform(X), y=y).plot().points_
    points.update_scalarmappable()
    assert not np.ma.getmaskarray(points.get_offsets()).any()
    assert colors.to_hex(points.get_facecolors()[3]) == "#999999"


def test_labels_of_several_types_are_refused():
    with pytest.raises(ValueError, match="y holds labels of several types, which have no order"):
        LatentDisplay(np.eye(2), y=np.array(["a", 1], dtype=object)).plot()


@pytest.mark.parametrize("kind", ["points", "labels"])
def test_any_text_can_be_a_label(kind):
    display = LatentDisplay(np.eye(4)[:, :2], y=["", " ", "$5-$9", "$\\frac$"]).plot(kind=kind)
    display.figure_.draw_without_rendering()
    if kind == "points":
        assert r"\$5-\$9" in texts(display.ax_.get_legend().get_texts())


def test_labels_are_written_at_the_codes_and_as_high_as_asked():
    rows = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]])
    display = LatentDisplay(rows, y=["1", "8", "WW"]).plot(kind="labels", size=20)
    display.figure_.set_dpi(72)  # pixels are points
    display.figure_.canvas.draw()
    found = []
    for row, points in zip(rows, display.points_):
        np.testing.assert_array_equal(points.get_offsets(), [row])
        path = points.get_paths()[0].transformed(Affine2D(points.get_transforms()[0]))
        frame = path.get_extents()
        np.testing.assert_allclose([frame.x0 + frame.x1, frame.y0 + frame.y1], 0, atol=1e-6)
        found.append((frame.width, frame.height))
    (narrow, low), (_, round_high), (wide, high) = found
    np.testing.assert_allclose([low, round_high, high], 20, rtol=0.1)
    assert narrow < low
    assert wide > 2 * high
    assert display.ax_.get_legend() is None


def test_labels_look_like_what_they_say():
    display = LatentDisplay([[0.0, 0.0], [1.0, 1.0]], y=["1", "$x_"]).plot(kind="labels")
    display.figure_.canvas.draw()
    vertices = [len(points.get_paths()[0].vertices) for points in display.points_]
    assert len(set(vertices)) == 2  # another glyph, and no formula


# Thumbnails


@pytest.mark.parametrize("size", [None, 0.12])
def test_thumbnails_are_at_their_codes_and_do_not_overlap(size):
    display = LatentDisplay.from_estimator(
        PIPE, X, LABELS, kind="thumbnails", image_shape=(8, 8), size=size
    )
    codes = PIPE.transform(X)
    assert display.shown_[0] == 0
    assert 5 < len(display.shown_) == len(display.images_) < 80
    boxes = [box(image) for image in display.images_]
    x_low, x_high = display.ax_.get_xlim()
    for row, image, place in zip(display.shown_, display.images_, boxes):
        np.testing.assert_array_equal(image.get_array(), X[row].reshape(8, 8))
        np.testing.assert_allclose((place[:2] + place[2:]) / 2, codes[row])
        assert place[2] - place[0] == pytest.approx((size or 0.07) * (x_high - x_low))
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    frames = {colors.to_hex(patch.get_edgecolor()) for patch in display.ax_.patches}
    assert frames == {COLORS[label] for label in LABELS[display.shown_]}


def test_rows_left_out_would_overlap_an_earlier_one():
    display = LatentDisplay(PIPE.transform(X), X=X, image_shape=(8, 8)).plot(kind="thumbnails")
    size = np.subtract(*box(display.images_[0]).reshape(2, 2)[::-1])
    codes = PIPE.transform(X)
    for row in set(range(80)) - set(display.shown_):
        earlier = display.shown_[display.shown_ < row]
        assert (np.abs(codes[earlier] - codes[row]) < size + 1e-9).all(axis=1).any()


def test_thumbnails_have_the_proportions_of_the_picture():
    _, axes = plt.subplots(figsize=(8, 3))
    display = LatentDisplay(PIPE.transform(X), X=X, image_shape=(16, 4))
    display.plot(axes, kind="thumbnails")
    corners = axes.transData.transform(box(display.images_[0]).reshape(2, 2))
    width, height = corners[1] - corners[0]
    assert height == pytest.approx(4 * width)


def test_a_dead_code_does_no_harm():
    rows = np.column_stack([np.linspace(0, 1, 30), np.full(30, 7.0)])
    display = LatentDisplay(rows, X=rows).plot(kind="thumbnails")
    assert len(display.images_) > 5
    display = DecoderGridDisplay.from_estimator(Codes().fit(rows), rows, n_steps=2)
    np.testing.assert_allclose(display.y, [6.75, 7.25])


def test_thumbnails_of_rows_without_a_shape_are_lines_in_their_box():
    display = LatentDisplay(PIPE.transform(X), X=X).plot(kind="thumbnails")
    codes = PIPE.transform(X)
    for row, line in zip(display.shown_, display.images_):
        assert np.mean(line.get_xdata()[[0, -1]]) == pytest.approx(codes[row, 0])


def test_thumbnails_on_the_map_are_upright_and_within(sphere):
    display = LatentDisplay.from_estimator(sphere, X, kind="thumbnails", image_shape=(8, 8))
    assert len(display.images_) > 3
    for image in display.images_:
        bottom, top = image.get_extent()[2:]
        assert 0 <= top < bottom <= np.pi  # theta falls upwards
        assert image.get_extent()[0] >= -np.pi
    assert display.ax_.get_ylim() == (np.pi, 0)


# Views


def test_codes_on_the_sphere_are_unwrapped(sphere):
    display = LatentDisplay.from_estimator(sphere, X)
    theta, phi = to_spherical(sphere.transform(X)).T
    np.testing.assert_array_equal(display.points_[0].get_offsets(), np.column_stack([phi, theta]))
    ax = display.ax_
    assert (ax.get_xlim(), ax.get_ylim()) == ((-np.pi, np.pi), (np.pi, 0))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("phi", "theta")
    assert texts(ax.get_xticklabels()) == ["-π", "-π/2", "0", "π/2", "π"]
    assert texts(ax.get_yticklabels()) == ["0", "π/2", "π"]
    every_eighth = [*ax.get_xticks(), *ax.get_xticks(minor=True)]
    np.testing.assert_allclose(np.sort(every_eighth), np.linspace(-np.pi, np.pi, 9))
    assert all(line.get_visible() for line in ax.get_xgridlines() + ax.get_ygridlines())


def test_three_codes_are_points_in_space(sphere):
    codes = PCA(3).fit_transform(X)
    display = LatentDisplay(codes, y=LABELS).plot()
    assert display.ax_.name == "3d"
    np.testing.assert_array_equal(np.column_stack(display.points_[0]._offsets3d), codes)
    assert display.ax_.get_zlabel() == "code 2"
    assert display.ax_.get_legend().get_bbox_to_anchor().y1 <= display.ax_.bbox.y0  # below
    frozen = LatentDisplay.from_estimator(FrozenEstimator(sphere), X, view="3d")
    assert frozen.ax_.name == "3d"


def test_more_codes_go_through_a_clone_of_the_reducer():
    pca, reducer = PCA(5).fit(X), PCA(2)
    display = LatentDisplay.from_estimator(pca, X, reducer=reducer)
    np.testing.assert_allclose(display.codes, PCA(2).fit_transform(pca.transform(X)))
    assert not hasattr(reducer, "components_")
    assert display.ax_.get_xlabel() == "PCA 0"
    with pytest.raises(ValueError, match=r"codes has shape \(80, 5\) .* 2 or 3 columns: use from_"):
        LatentDisplay.from_estimator(pca, X)
    with pytest.raises(ValueError, match=r"shape \(80, 2\) and view='sphere' draws 3 columns"):
        LatentDisplay.from_estimator(PIPE, X, view="sphere")


def test_axes_of_another_kind():
    _, flat = plt.subplots()
    _, space = plt.subplots(subplot_kw={"projection": "3d"})
    with pytest.raises(ValueError, match="view='3d' needs three-dimensional Axes, such as plt"):
        LatentDisplay(np.eye(3)).plot(flat)
    with pytest.raises(ValueError, match="view='2d' cannot use three-dimensional Axes"):
        LatentDisplay(np.eye(2)).plot(space)


def test_kinds_that_lack_what_they_need():
    with pytest.raises(ValueError, match=r"kind='dots' .*'points'"):
        LatentDisplay(np.eye(2)).plot(kind="dots")
    for y in (None, np.array([0.5, 1])):
        with pytest.raises(ValueError, match=r"kind='labels' writes the classes .* needs y"):
            LatentDisplay(np.eye(2), y=y).plot(kind="labels")
    with pytest.raises(ValueError, match=r"kind='thumbnails' .*: pass X"):
        LatentDisplay(np.eye(2)).plot(kind="thumbnails")
    with pytest.raises(ValueError, match=r"kind='thumbnails' .* cannot be used with view='3d'"):
        LatentDisplay(np.eye(3), X=np.eye(3)).plot(kind="thumbnails")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LatentDisplay(np.eye(2), y=[1]).plot()


# Interactive figures


def test_interactive_figure_has_the_codes_of_each_class():
    codes = PCA(3).fit_transform(X)
    figure = LatentDisplay(codes, y=LABELS).plot_interactive()
    assert [trace.name for trace in figure.data] == [str(label) for label in range(10)]
    trace = figure.data[4]
    shown = np.column_stack([trace.x, trace.y, trace.z])
    np.testing.assert_array_equal(shown, codes[LABELS == 4])
    np.testing.assert_array_equal(trace.text, np.flatnonzero(LABELS == 4))
    assert trace.marker.color == COLORS[4]
    assert figure.layout.scene.zaxis.title.text == "code 2"
    assert "scatter3d" in figure.to_html(include_plotlyjs=False)


def test_interactive_figure_of_a_quantity_and_of_no_classes():
    codes = PCA(3).fit_transform(X)
    (trace,) = LatentDisplay(codes, y=X[:, 20] / 3).plot_interactive().data
    np.testing.assert_array_equal(trace.marker.color, X[:, 20] / 3)
    (trace,) = LatentDisplay(codes).plot_interactive().data
    assert not trace.showlegend


def test_interactive_figure_says_what_it_needs(monkeypatch):
    with pytest.raises(ValueError, match=r"draws three codes and codes has shape \(2, 2\): use"):
        LatentDisplay(np.eye(2)).plot_interactive()
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ImportError, match=r"needs plotly: pip install plotly, or .* skae\[plotly"):
        LatentDisplay(np.eye(3)).plot_interactive()


# Decoded codes


def test_pictures_of_the_plane_are_decoded_from_their_centres():
    display = DecoderGridDisplay.from_estimator(PIPE, X, LABELS, n_steps=3, image_shape=(8, 8))
    grid, beside = display.ax_
    for line in display.images_:
        for image in line:
            left, bottom, right, top = box(image)
            code = [[(left + right) / 2, (bottom + top) / 2]]
            np.testing.assert_allclose(
                image.get_array(), PIPE.inverse_transform(code).reshape(8, 8), atol=1e-9
            )
            assert image.get_clim() == (X.min(), X.max())
    low, high = np.percentile(PIPE.transform(X), [1, 99], axis=0)
    np.testing.assert_allclose([grid.get_xlim(), grid.get_ylim()], np.transpose([low, high]))
    (dashed,) = beside.patches
    np.testing.assert_allclose(
        [dashed.get_xy(), [dashed.get_width(), dashed.get_height()]], [low, high - low]
    )
    np.testing.assert_array_equal(beside.collections[0].get_offsets(), PIPE.transform(X))
    assert grid.get_box_aspect() == beside.get_box_aspect() == 1


def test_limits_of_the_grid_are_those_given():
    display = DecoderGridDisplay.from_estimator(PIPE, X, n_steps=2, limits=((0, 4), (-1, 1)))
    np.testing.assert_allclose(display.x, [1, 3])
    np.testing.assert_allclose(display.y, [-0.5, 0.5])
    np.testing.assert_allclose(display.ax_[0].get_ylim(), [-1, 1])


def test_pictures_of_the_sphere_are_decoded_from_their_centres(sphere):
    display = DecoderGridDisplay.from_estimator(sphere, X, n_steps=2, image_shape=(8, 8))
    assert display.rows.shape == (2, 4, 64)
    for line in display.images_:
        for image in line:
            left, bottom, right, top = box(image)
            angles = [[(bottom + top) / 2, (left + right) / 2]]
            expected = sphere.inverse_transform(from_spherical(angles)).reshape(8, 8)
            np.testing.assert_allclose(image.get_array(), expected, atol=1e-9)
            assert image.get_extent()[2] > image.get_extent()[3]  # upright, theta downwards
    assert all(ax.get_ylim() == (np.pi, 0) for ax in display.ax_)


def test_pictures_of_the_grid_do_not_overlap():
    display = DecoderGridDisplay(np.zeros((2, 3, 4)), [0, 1, 2], [0, 2], image_shape=(2, 2)).plot()
    boxes = [box(image) for line in display.images_ for image in line]
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert display.ax_.get_xlim() == (-0.5, 2.5)
    assert display.ax_.get_ylim() == (-1, 3)


def test_grids_that_cannot_be(sphere):
    with pytest.raises(ValueError, match="these are 4 not of a sphere: train with another n_comp"):
        DecoderGridDisplay.from_estimator(Codes().fit(np.eye(4)), np.eye(4))
    with pytest.raises(ValueError, match="n_steps=1 must be an integer of at least 2"):
        DecoderGridDisplay.from_estimator(PIPE, X, n_steps=1)
    for limits in (((0, 1), (2, 2)), (0, 1)):
        with pytest.raises(
            ValueError, match=r"limits=.* must be two pairs of a lower and a higher"
        ):
            DecoderGridDisplay.from_estimator(PIPE, X, limits=limits)
