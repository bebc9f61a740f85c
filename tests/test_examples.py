"""The format of the examples, and the images that they share; they are run with the docs."""

import ast
import re
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def data(monkeypatch):
    """The module that loads the images of the examples, without a data folder."""
    monkeypatch.delenv("SKAE_DATA", raising=False)
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.delitem(sys.modules, "_data", raising=False)
    import _data

    return _data


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("plot_*.py")), ids=lambda path: path.stem)
def test_examples_have_a_title_and_cells_and_take_no_arguments(path):
    text = path.read_text()
    title, line, *_ = ast.get_docstring(ast.parse(text)).splitlines()
    assert line == "=" * len(title)
    assert len(re.findall(r"^# %%$", text, re.M)) >= 4
    assert "sys.argv" not in text
    assert "argparse" not in text


def test_coloured_digits_are_one_light_colour_on_one_dark_one(data):
    X, X_test, y, y_test, image_shape = data.load_colour()
    images = X.reshape(-1, *image_shape)
    assert X.dtype == np.float32
    assert (len(y), len(y_test)) == (len(X), len(X_test))
    assert 0 <= X.min() < X.max() <= 1
    corners = images[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]  # at least one of them has no ink
    assert (corners.min(axis=2) < 0.5).all()
    # On the line from dark to light, all three channels go the same share of the way.
    image = images[0].reshape(3, -1)
    ink = (image - image.min(axis=1, keepdims=True)) / np.ptp(image, axis=1)[:, np.newaxis]
    np.testing.assert_allclose(ink[0], ink[1], atol=1e-5)
    np.testing.assert_allclose(ink[0], ink[2], atol=1e-5)


def test_no_test_digit_is_among_the_training_digits(data):
    X, X_test, *_ = data.load_grey()
    assert {row.tobytes() for row in X}.isdisjoint(row.tobytes() for row in X_test)


def test_a_mosaic_goes_line_by_line(data):
    large = data.mosaic(np.arange(6.0).repeat(4), (2, 2), n_columns=3)
    np.testing.assert_array_equal(large[1::4, 1::4], [[0, 1, 2], [3, 4, 5]])
