"""Displays of samples, curves and reports: content, positions and colours."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib import colors, rcParams
from matplotlib import pyplot as plt
from numpydoc.docscrape import ClassDoc
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Bunch

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP, Conv, Linear
from skae.generation import interpolate
from skae.inspection import compare_with_pca, latent_report
from skae.inspection.bottleneck import BottleneckCurve
from skae.inspection.label_efficiency import LabelEfficiencyCurve
from skae.inspection.latent_codes import LatentReport
from skae.inspection.pca_comparison import PCAComparison
from skae.plotting import (
    BottleneckCurveDisplay,
    ComponentsDisplay,
    DecoderGridDisplay,
    InterpolationDisplay,
    LabelEfficiencyDisplay,
    LatentDisplay,
    LatentReportDisplay,
    LossCurveDisplay,
    PCAComparisonDisplay,
    ReconstructionDisplay,
)
from skae.plotting.base import COLORS, make_axes

X, LABELS = load_digits(return_X_y=True)
X, LABELS = X[:60], LABELS[:60]
PLANE = PCA(2).fit(X)


@pytest.fixture(scope="module")
def ae():
    """An autoencoder of digits with an input_shape, trained for a few steps, with both curves."""
    architecture = Conv(input_shape=(-1, 8, 8), channels=(2,))
    params = {"max_epochs": 3, "tol": None, "early_stopping": True, "random_state": 0}
    return AutoencoderTransformer(2, architecture=architecture, **params).fit(X)


def curve_of_widths():
    scores = np.array([[0.1, 0.3], [0.78, 0.82], [0.79, 0.83]])
    return BottleneckCurve(np.array([1, 4, 16]), scores, scores / 2)


def curve_of_labels(n_draws=3):
    scores = np.linspace(0.2, 0.9, 4 * n_draws).reshape(2, 2, n_draws)
    return LabelEfficiencyCurve(("scratch", "frozen"), np.array([10, 100]), scores)


def report():
    rng = np.random.RandomState(0)
    codes = np.column_stack([rng.randn(50), np.full(50, 3.0), np.sign(rng.randn(50))])
    return LatentReport(codes, 0.75, np.array([0.5, 0.0, 0.25]))


def comparison(r2=0.9):
    measures = {"r2_test": np.nan, "trustworthiness": 0.95, "accuracy": np.nan}
    return PCAComparison(Bunch(r2=r2, **measures), Bunch(r2=0.5, **measures), None, 2)


def displays(ae):
    """One Display of each class, not plotted."""
    yield LossCurveDisplay([2.0, 1.0], accuracy_curve=[0.5, 0.9])
    yield LatentDisplay(PLANE.transform(X), y=LABELS)
    yield DecoderGridDisplay(X[:6].reshape(2, 3, 64), [0, 1, 2], [0, 1])
    yield ReconstructionDisplay(X[:3], X[3:6], image_shape=(8, 8))
    yield InterpolationDisplay(X[:3], X[3:6], image_shape=(8, 8))
    yield ComponentsDisplay(X[:3], image_shape=(8, 8))
    yield PCAComparisonDisplay(comparison())
    yield BottleneckCurveDisplay(curve_of_widths())
    yield LabelEfficiencyDisplay(curve_of_labels())
    yield LatentReportDisplay(report())


def contents(line):
    return np.stack([np.asarray(image.get_array()) for image in line])


def texts(labels):
    return [label.get_text() for label in labels]


# What all Displays have in common


def test_given_axes_are_drawn_on_and_pyplot_stays_as_it_is(ae, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: pytest.fail("show was called"))
    settings = dict(rcParams)
    for display in displays(ae):
        figure, (ax, other) = plt.subplots(1, 2)
        plt.sca(other)
        before = plt.get_fignums()
        assert display.plot(ax) is display
        assert display.ax_ is ax
        assert display.figure_ is figure
        assert plt.gca() is other
        assert plt.get_fignums() == before
        assert ax.has_data()
        assert not other.has_data()
        plt.close(figure)
    assert dict(rcParams) == settings


def test_without_axes_a_new_figure_is_made(ae):
    for display in displays(ae):
        before = plt.get_fignums()
        assert display.plot().ax_.figure is display.figure_
        assert len(plt.get_fignums()) == len(before) + 1
        assert display.figure_.get_constrained_layout()
        plt.close(display.figure_)


def test_displays_keep_what_they_are_given(ae):
    for display in displays(ae):
        given = {name: value for name, value in vars(display).items() if value is not None}
        display.plot()
        assert all(getattr(display, name) is value for name, value in given.items())
        plt.close(display.figure_)


def test_documented_attributes_are_the_real_ones(ae):
    for display in displays(ae):
        found = {name for name in vars(display.plot()) if name.endswith("_")}
        assert found == {attribute.name for attribute in ClassDoc(type(display))["Attributes"]}


def test_wrong_number_of_axes():
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="ax holds 2 Axes and this picture has 1 panels"):
        make_axes(axes, (1, 1))
    with pytest.raises(ValueError, match="ax holds 1 Axes and this picture has 2 panels"):
        make_axes(axes[0], (1, 1), 2)


def test_plots_follow_the_fitted_attributes_and_not_changed_parameters():
    params = {"max_epochs": 1, "tol": None, "random_state": 0}
    mlp = AutoencoderTransformer(3, architecture=MLP(), **params).fit(X)
    sphere = AutoencoderTransformer(3, latent="sphere", **params).fit(X)
    conv = AutoencoderTransformer(2, architecture=Conv((1, 8, 8), (2,)), **params).fit(X)

    def draw(ae):
        """Return the artists and data of each kind of plot, as far as the number of codes fits."""
        latent = LatentDisplay.from_estimator(ae, X)
        yield latent.ax_.name, latent.ax_.get_xlabel()
        yield type(ReconstructionDisplay.from_estimator(ae, X).images_[0][0])
        yield type(InterpolationDisplay.from_estimator(ae, X[0], X[1]).images_[0][0])
        yield ComponentsDisplay.from_estimator(ae, X).components.tolist()
        yield LossCurveDisplay.from_estimator(ae).ax_.get_ylabel()
        if ae is not mlp:
            grid = DecoderGridDisplay.from_estimator(ae, X, n_steps=2)
            yield grid.view, grid.image_shape, grid.rows.tolist()

    for ae in (mlp, sphere, conv):
        expected = list(draw(ae))
        plt.close("all")
        other = None if ae is conv else Conv((1, 8, 8), (2,))
        latent = "euclidean" if ae is sphere else "sphere"
        ae.set_params(architecture=other, latent=latent, loss="huber", n_components=7)
        assert list(draw(ae)) == expected


# Rows as pictures


def test_reconstructions_are_below_originals_on_one_scale(ae):
    display = ReconstructionDisplay.from_estimator(ae, X, n_rows=4)
    top, bottom = display.images_
    np.testing.assert_array_equal(contents(top), X[:4].reshape(4, 8, 8))
    np.testing.assert_array_equal(contents(bottom), ae.reconstruct(X[:4]).reshape(4, 8, 8))
    assert texts(display.ax_.get_yticklabels()) == ["original", "reconstruction"]
    assert {image.get_clim() for image in top + bottom} == {(X[:4].min(), X[:4].max())}
    assert {image.get_cmap().name for image in top + bottom} == {"gray_r"}
    for above, below in zip(top, bottom):
        left, right, low, high = above.get_extent()
        np.testing.assert_allclose([right - left, high - low], 1)
        assert below.get_extent()[:2] == [left, right]
        assert below.get_extent()[3] < low
    ticks = display.ax_.get_yticks()
    middles = [np.mean(line[0].get_extent()[2:]) for line in display.images_]
    np.testing.assert_allclose(ticks, middles)


def test_pictures_lie_within_the_limits_and_do_not_overlap():
    display = ReconstructionDisplay.from_estimator(PLANE, X, n_rows=7, image_shape=(4, 16))
    display.plot(n_columns=3)
    boxes = np.array([image.get_extent() for line in display.images_ for image in line])
    assert [len(line) for line in display.images_] == [3, 3, 3, 3, 1, 1]
    for i, (left, right, low, high) in enumerate(boxes):
        others = np.delete(boxes, i, axis=0)
        apart_x = (others[:, 1] <= left) | (others[:, 0] >= right)
        apart_y = (others[:, 3] <= low) | (others[:, 2] >= high)
        assert (apart_x | apart_y).all()
    (x0, x1), (y0, y1) = display.ax_.get_xlim(), display.ax_.get_ylim()
    assert x0 <= boxes[:, 0].min() < boxes[:, 1].max() <= x1
    assert y0 <= boxes[:, 2].min() < boxes[:, 3].max() <= y1
    np.testing.assert_allclose(boxes[:, 3] - boxes[:, 2], 4 / 16)
    assert display.ax_.get_aspect() == 1
    tops = [line[0].get_extent()[3] for line in display.images_]
    within, between = tops[0] - tops[1], tops[1] - tops[2]
    assert between > within
    np.testing.assert_allclose(np.diff(tops), -np.array([within, between, within, between, within]))


def test_reconstructions_are_made_from_the_corrupted_rows_between():
    noisy = X[:3] + np.random.RandomState(0).normal(size=(3, 64))
    display = ReconstructionDisplay.from_estimator(
        PLANE, X[:3], corrupted=noisy, image_shape=(1, 8, 8)
    )
    expected = PLANE.inverse_transform(PLANE.transform(noisy))
    for line, rows in zip(display.images_, (X[:3], noisy, expected)):
        np.testing.assert_array_equal(contents(line), rows.reshape(3, 8, 8))
    assert texts(display.ax_.get_yticklabels()) == ["original", "corrupted", "reconstruction"]


def test_several_reconstructions_are_drawn_by_their_names():
    rows = {"PCA": X[10:20], "an autoencoder with a name": X[20:30]}
    display = ReconstructionDisplay.from_predictions(X, rows, n_rows=9, image_shape=(8, 8))
    assert texts(display.ax_.get_yticklabels()) == ["original", *rows]
    np.testing.assert_array_equal(contents(display.images_[2]), X[20:29].reshape(9, 8, 8))
    display.figure_.draw_without_rendering()
    frames = [label.get_window_extent() for label in display.ax_.get_yticklabels()]
    assert min(frame.x0 for frame in frames) >= 0  # nothing is cut off


def test_rows_of_a_pipeline_and_of_a_frame_are_in_the_units_of_x():
    frame = pd.DataFrame(X).add_prefix("pixel")
    pipe = make_pipeline(StandardScaler(), PCA(2)).set_output(transform="pandas").fit(frame)
    display = ReconstructionDisplay.from_estimator(pipe, frame, n_rows=None, image_shape=(8, 8))
    expected = pipe.inverse_transform(np.asarray(pipe.transform(frame)))
    shown = np.concatenate([contents(line) for line in display.images_[1::2]])
    np.testing.assert_allclose(shown.reshape(60, 64), expected)


def test_channels_come_last_and_values_become_colours(caplog):
    images = np.linspace(-1, 3, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    display = ReconstructionDisplay.from_predictions(images, images + 9)
    expected = np.moveaxis((images + 1) / 4, 1, -1)
    np.testing.assert_allclose(contents(display.images_[0]), expected)
    np.testing.assert_allclose(contents(display.images_[1])[1], 1)  # brighter than any original
    assert not caplog.records  # matplotlib would tell what it clips


def test_rows_without_a_shape_are_lines_over_the_columns():
    rows = np.array([[0.0, 4.0, 1.0], [-2.0, 0.0, 3.0]])
    display = ReconstructionDisplay.from_predictions(rows, 2 * rows)
    lines = np.array([[line.get_ydata() for line in each] for each in display.images_])
    scale = (lines[0, 0, 1] - lines[0, 0, 0]) / 4
    bottom = lines[:, 0, 0] - 4 * scale  # where -4, the smallest value, is drawn
    np.testing.assert_allclose((lines[0] - bottom[0]) / scale - 4, rows, atol=1e-12)
    np.testing.assert_allclose((lines[1] - bottom[1]) / scale - 4, 2 * rows, atol=1e-12)
    frames = display.ax_.patches
    assert len(frames) == 4
    np.testing.assert_allclose([frames[0].get_height() / 12, frames[0].get_y()], [scale, bottom[0]])
    assert display.images_[0][0].get_color() == COLORS[0]


def test_signals_are_lines():
    display = ReconstructionDisplay.from_predictions(X, X, image_shape=(1, 64))
    assert len(display.images_[0][0].get_ydata()) == 64


@pytest.mark.parametrize("shape", [(7, 8), (2, 4, 8), (64,), (-1, 8), (8.0, 8), 64])
def test_shapes_that_rows_do_not_have(shape):
    with pytest.raises(ValueError, match=r"image_shape=.* must be \(h, w\), .* of columns, 64"):
        ReconstructionDisplay(X, X, image_shape=shape).plot()


def test_reconstructions_of_other_rows():
    with pytest.raises(ValueError, match=r"All rows must have one shape, got .*\(4, 8, 8\)"):
        ReconstructionDisplay(X[:5], X[:4], image_shape=(8, 8)).plot()


def test_interpolation_has_the_latent_path_above_the_other(ae):
    display = InterpolationDisplay.from_estimator(ae, X[0], X[1], n_steps=3)
    for line, space in zip(display.images_, ("latent", "data")):
        rows = interpolate(ae, X[0], X[1], 3, space=space)
        np.testing.assert_array_equal(contents(line), rows.reshape(3, 8, 8))
    assert texts(display.ax_.get_yticklabels()) == ["latent space", "data space"]
    assert display.images_[0][0].get_extent()[2] > display.images_[1][0].get_extent()[3]


# Components


class OwnNetwork(torch.nn.Module):
    """A linear decoder, whose response are its weights."""

    def __init__(self, n_features, n_components):
        super().__init__()
        self.encode = torch.nn.Linear(n_features, n_components)
        self.decode = torch.nn.Linear(n_components, n_features)


class OnSphere(TransformerMixin, BaseEstimator):
    """Codes are the rows, unit vectors of three numbers, and so are decoded rows."""

    def fit(self, X, y=None):
        self.n_features_in_ = 3
        self.module_ = SimpleNamespace(latent="sphere")
        return self

    def transform(self, X):
        return np.asarray(X)

    def inverse_transform(self, X):
        np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1)
        return X


def test_components_are_drawn_around_zero_with_a_title_each():
    pca = PCA(5).fit(X)
    display = ComponentsDisplay.from_estimator(pca, image_shape=(8, 8), n_columns=3)
    assert [len(line) for line in display.images_] == [3, 2]
    shown = np.concatenate([contents(line) for line in display.images_])
    np.testing.assert_array_equal(shown, pca.components_.reshape(5, 8, 8))
    largest = np.abs(pca.components_).max()
    assert {i.get_clim() for line in display.images_ for i in line} == {(-largest, largest)}
    titles = display.ax_.texts
    assert texts(titles) == ["0", "1", "2", "3", "4"]
    extents = [image.get_extent() for line in display.images_ for image in line]
    for title, (left, right, _, top) in zip(titles, extents):
        assert title.get_position()[0] == pytest.approx((left + right) / 2)
        assert title.get_position()[1] > top
    scale = next(ax for ax in display.figure_.axes if ax is not display.ax_)
    assert scale.get_ylabel() == "component"
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ComponentsDisplay(pca.components_, names=["one"]).plot()


def test_response_of_a_linear_decoder_is_its_weights_times_the_spread_of_the_codes():
    params = {"max_epochs": 1, "tol": None, "random_state": 0}
    ae = AutoencoderTransformer(3, architecture=OwnNetwork, **params).fit(X)
    display = ComponentsDisplay.from_estimator(ae, X)
    weights = ae.module_.decode.weight.detach().numpy().T
    expected = weights * ae.transform(X).std(axis=0)[:, np.newaxis]
    np.testing.assert_allclose(display.components, expected)
    with pytest.raises(
        ValueError, match=r"X=None is .* AutoencoderTransformer has none here: pass"
    ):
        ComponentsDisplay.from_estimator(ae)


def test_responses_on_the_sphere_stay_on_the_sphere():
    rows = np.random.RandomState(0).normal(1, 0.1, size=(20, 3))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    display = ComponentsDisplay.from_estimator(OnSphere().fit(rows), rows)
    assert (np.argmax(display.components, axis=1) == np.arange(3)).all()


def test_components_of_colour_images_have_mid_grey_for_zero():
    components = np.zeros((1, 3, 2, 2))
    components[0, 0, 0, 0] = 4
    display = ComponentsDisplay(components, image_shape=(3, 2, 2)).plot()
    (picture,) = contents(display.images_[0])
    np.testing.assert_allclose(picture[0, 0], [1, 0.5, 0.5])
    np.testing.assert_allclose(picture[1, 1], 0.5)


# Curves


def test_loss_curves_end_together_and_the_best_epoch_has_a_mark():
    display = LossCurveDisplay([5.0, 4.0, 3.0, 2.0], [6.0, 4.0, 5.0]).plot()
    training, held_out = display.lines_
    np.testing.assert_array_equal(training.get_xydata(), [[1, 5], [2, 4], [3, 3], [4, 2]])
    np.testing.assert_array_equal(held_out.get_xydata(), [[2, 6], [3, 4], [4, 5]])
    assert held_out.get_markevery() == [1]
    assert held_out.get_color() == training.get_color()
    assert (training.get_linestyle(), held_out.get_linestyle()) == ("-", "--")
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_xlabel() == "epoch"
    assert LossCurveDisplay([5.0, 4.0]).plot(log_scale=False).ax_.get_yscale() == "linear"
    assert LossCurveDisplay([1.0, -1.0]).plot().ax_.get_yscale() == "linear"


def test_epochs_without_a_held_out_loss_do_not_interrupt_the_line():
    curve = [np.nan, 4.0, np.nan, 3.0, np.nan]
    _, held_out = LossCurveDisplay([5.0, 4.0, 3.0, 2.0, 1.0], curve).plot().lines_
    np.testing.assert_array_equal(held_out.get_xydata(), [[2, 4], [4, 3]])
    assert held_out.get_markevery() == [1]


def test_epochs_without_a_held_out_loss_hide_neither_the_best_one_nor_the_scale():
    ae = AutoencoderTransformer(2, architecture=MLP(), early_stopping=True, random_state=0)
    ae.set_params(max_epochs=2, tol=None)
    display = LossCurveDisplay.from_estimator(ae.fit(X).partial_fit(X))
    assert np.isnan(ae.validation_curve_[-1])
    assert display.ax_.get_yscale() == "log"
    assert display.lines_[1].get_markevery() == [np.argmin(ae.validation_curve_[:2])]


def test_a_single_epoch_is_seen():
    assert LossCurveDisplay([1.0]).plot().lines_[0].get_marker() == "o"
    assert LossCurveDisplay([2.0, 1.0]).plot().lines_[0].get_marker() == "None"


def test_components_that_are_all_dead_are_blank():
    (images,) = ComponentsDisplay(np.zeros((2, 64)), image_shape=(8, 8)).plot().images_
    assert [image.norm(0.0) for image in images] == [0.5, 0.5]


def test_losses_of_several_estimators_share_the_axes(ae):
    pipe = make_pipeline(StandardScaler(), ae)
    first = LossCurveDisplay.from_estimator(ae, name="one")
    second = LossCurveDisplay.from_estimator(pipe, name="two", ax=first.ax_, color="black")
    np.testing.assert_array_equal(second.lines_[0].get_ydata(), ae.loss_curve_)
    np.testing.assert_array_equal(second.lines_[1].get_ydata(), ae.validation_curve_)
    names = ["one, training", "one, held-out rows", "two, training", "two, held-out rows"]
    assert texts(first.ax_.get_legend().get_texts()) == names
    assert first.lines_[0].get_color() != second.lines_[0].get_color() == "black"
    assert first.ax_.get_ylabel() == "loss (mse)"


def test_accuracies_have_an_axis_of_their_own():
    params = {"max_epochs": 2, "tol": None, "random_state": 0, "early_stopping": "accuracy"}
    clf = PretrainedEncoderClassifier(strategy="scratch", **params).fit(X, LABELS)
    display = LossCurveDisplay.from_estimator(clf)
    assert display.ax_.get_ylabel() == "loss (cross-entropy)"
    assert display.accuracy_ax_.get_ylabel() == "accuracy"
    assert display.lines_[1].axes is display.accuracy_ax_
    np.testing.assert_array_equal(display.lines_[1].get_ydata(), clf.validation_curve_)
    assert display.lines_[1].get_markevery() == [clf.validation_curve_.argmax()]
    clf.set_params(early_stopping="loss")  # the curve still has accuracies
    again = LossCurveDisplay.from_estimator(clf, ax=display.ax_)
    assert again.accuracy_ax_ is display.accuracy_ax_


def test_estimators_without_losses():
    with pytest.raises(ValueError, match="PCA has no loss_curve_: fit it first, or pass"):
        LossCurveDisplay.from_estimator(make_pipeline(StandardScaler(), PCA(2)))


def test_bottleneck_curve_has_means_errors_and_a_ring_at_the_choice():
    curve = curve_of_widths()
    display = BottleneckCurveDisplay(curve).plot()
    ours, theirs = display.lines_
    np.testing.assert_array_equal(ours.get_xydata(), np.transpose([[1, 4, 16], curve.mean]))
    np.testing.assert_array_equal(theirs.get_ydata(), curve.pca_mean)
    band = display.bands_[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx((curve.mean + curve.standard_error).max())
    assert band[:, 1].min() == pytest.approx((curve.mean - curve.standard_error).min())
    ring = display.ax_.lines[-1]
    np.testing.assert_array_equal(ring.get_xydata(), [[4, curve.mean[1]]])
    assert texts(display.ax_.get_legend().get_texts())[:2] == ["autoencoder", "PCA"]
    assert display.ax_.get_xscale() == "log"
    assert texts(display.ax_.get_xticklabels()) == ["1", "4", "16"]


def test_label_efficiency_has_a_line_and_an_interval_for_each_strategy():
    curve = curve_of_labels()
    display = LabelEfficiencyDisplay(curve).plot()
    for line, band, mean, interval in zip(
        display.lines_, display.bands_, curve.mean, curve.interval
    ):
        np.testing.assert_array_equal(line.get_xydata(), np.transpose([[10, 100], mean]))
        drawn = band.get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose([drawn.min(), drawn.max()], [interval.min(), interval.max()])
    assert len({line.get_marker() for line in display.lines_}) == 2
    assert len({line.get_color() for line in display.lines_}) == 2
    low, high = display.ax_.get_ylim()
    assert 0 <= low < high <= 1.02
    assert LabelEfficiencyDisplay(curve_of_labels(n_draws=1)).plot().bands_ == []


# Reports


def test_comparison_has_a_pair_of_bars_for_each_known_measure():
    display = PCAComparisonDisplay(comparison()).plot()
    heights = [[bar.get_height() for bar in bars] for bars in display.bars_]
    np.testing.assert_allclose(heights, [[0.9, 0.95], [0.5, 0.95]])
    assert texts(display.ax_.get_xticklabels()) == ["R²", "trust-\nworthiness"]
    assert {"0.900", "0.500", "0.950"} <= set(texts(display.ax_.texts))
    assert texts(display.ax_.get_legend().get_texts()) == ["autoencoder", "PCA"]
    for ours, theirs in zip(*display.bars_):
        assert ours.get_x() + ours.get_width() <= theirs.get_x()
        assert ours.get_facecolor() != theirs.get_facecolor()
    assert display.ax_.get_ylim()[0] == 0
    assert PCAComparisonDisplay(comparison(r2=-0.5)).plot().ax_.get_ylim()[0] < -0.5


def test_report_tells_dead_and_saturated_codes_from_the_others():
    display = LatentReportDisplay(report()).plot()
    np.testing.assert_allclose([bar.get_height() for bar in display.bars_], [0.5, 0, 0.25])
    assert [bar.get_hatch() for bar in display.bars_] == [None, None, "//"]
    assert colors.to_hex(display.bars_[2].get_facecolor()) == COLORS[1]
    np.testing.assert_array_equal(display.ax_.lines[0].get_xydata(), [[1, 0]])
    assert texts(display.ax_.get_legend().get_texts()) == ["saturated", "dead"]
    assert display.ax_.get_title().startswith("R² 0.750, 2 of 3 codes active")


def test_estimators_are_compared_and_reported_with_what_is_given():
    linear = AutoencoderTransformer(
        2, architecture=Linear(tied_weights=True), optimizer="lbfgs", random_state=0
    ).fit(X)
    expected = compare_with_pca(linear, X, LABELS, random_state=0).autoencoder
    display = PCAComparisonDisplay.from_estimator(linear, X, LABELS, random_state=0)
    heights = [bar.get_height() for bar in display.bars_[0]]
    np.testing.assert_allclose(heights, [expected.r2, expected.trustworthiness, expected.accuracy])
    heights = [bar.get_height() for bar in LatentReportDisplay.from_estimator(linear, X).bars_]
    np.testing.assert_array_equal(heights, latent_report(linear, X).r2_lost)
