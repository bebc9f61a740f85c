"""What the Displays share: Axes, colours, and samples drawn as images or as line plots."""

from math import prod
from numbers import Integral

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter, ScalarFormatter

from skae._pipeline import last_step

#: Ten colours that can be distinguished with any colour vision (Petroff, 2021, "Accessible color
#: sequences for data visualization").
COLORS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)

MARKERS = "osD^v"

#: Height of the box around a line plot of a sample. Its width, as that of an image, is 1.
LINE_PLOT_HEIGHT = 0.6

#: Space between images, between lines of images with titles, and between groups of such lines.
GAP, TITLE_GAP, GROUP_GAP = 0.08, 0.32, 0.25


def make_axes(ax, figsize, n_panels=1, stacked=False, **subplot_kw):
    """Return the given Axes after checking their number, or those of a new figure."""
    if ax is None:
        shape = (n_panels, 1) if stacked else (1, n_panels)
        ax = plt.subplots(*shape, figsize=figsize, layout="compressed", subplot_kw=subplot_kw)[1]
    if np.size(ax) != n_panels:
        raise ValueError(
            f"ax holds {np.size(ax)} Axes and this picture has {n_panels} panels: pass as many "
            "Axes, or ax=None for a new figure."
        )
    return np.ravel(ax) if n_panels > 1 else np.ravel(ax)[0]


def flatten(X):
    """Return samples of any shape as an array of shape (n_samples, n_features)."""
    X = np.asarray(X)
    return X.reshape(len(X), -1)


def find_image_shape(image_shape, X, ae=None):
    """Return the shape of the images that the samples are, or None if they are not images.

    It is ``image_shape`` if given, otherwise the shape of the samples of X or, if X is
    two-dimensional, the shape that the network of a fitted autoencoder gives them.
    """
    if image_shape is not None:
        return image_shape
    shape = np.shape(X)[1:] if np.ndim(X) > 2 else getattr(last_step(ae), "input_shape_", None)
    return shape if shape is not None and _is_image_shape(shape, prod(np.shape(X)[1:])) else None


def _is_image_shape(shape, n_features):
    return len(shape) in (2, 3) and set(shape[:-2]) <= {1, 3} and prod(shape) == n_features


def as_images(X, image_shape):
    """Return samples as images of shape (n_samples, height, width) or (..., height, width, 3).

    Without an image shape, and for a height or width of 1, which is a signal, the shape is
    (n_samples, n_features).
    """
    X = flatten(X)
    if image_shape is None:
        return X
    shape = tuple(image_shape) if np.ndim(image_shape) == 1 else ()
    are_positive_integers = all(isinstance(size, Integral) and size > 0 for size in shape)
    if not are_positive_integers or not _is_image_shape(shape, X.shape[1]):
        raise ValueError(
            f"image_shape={image_shape!r} must be (h, w), or (c, h, w) with c of 1 or 3, whose "
            f"product is the number of columns, {X.shape[1]}. Without image_shape rows are "
            "drawn as lines."
        )
    if 1 in shape[-2:]:
        return X
    images = X.reshape(len(X), -1, *shape[-2:])
    return images[:, 0] if images.shape[1] == 1 else np.moveaxis(images, 1, -1)


def find_value_range(images, *others):
    """Return the minimum and maximum of the images that determine the colour scale.

    Line plots would exceed their boxes: their range is that of the ``others`` as well.
    """
    arrays = (images, *others) if images.ndim == 2 else (images,)
    return min(float(each.min()) for each in arrays), max(float(each.max()) for each in arrays)


def draw_sample(ax, image, box, value_range, cmap):
    """Draw an image, or a sample as a line plot, in a box (left, right, bottom, top)."""
    left, right, bottom, top = box
    low, high = value_range
    scaled = (image - low) / ((high - low) or 1)
    if image.ndim == 1:
        frame = Rectangle((left, bottom), right - left, top - bottom, fill=False, ec="0.85", lw=0.6)
        ax.add_patch(frame)
        if low < 0 < high:
            zero = bottom + -low / (high - low) * (top - bottom)
            ax.hlines(zero, left, right, color="0.85", linewidth=0.6)
        x, y = np.linspace(left, right, len(image)), bottom + scaled * (top - bottom)
        return ax.plot(x, y, color=COLORS[0], linewidth=1)[0]
    settings = {"extent": box, "aspect": ax.get_aspect()}
    if image.ndim == 3:
        return ax.imshow(np.clip(scaled, 0, 1), **settings)
    return ax.imshow(image, cmap=cmap, vmin=low, vmax=high, **settings)


def draw_image_rows(ax, rows, value_range, cmap, *, labels=None, titles=None, n_in_group=1):
    """Draw rows of images from top to bottom; return the Axes and the artists of each row.

    ``labels`` are written to the left of the rows and ``titles`` above the images. There is more
    space between groups of ``n_in_group`` rows.
    """
    shape = rows[0].shape[1:]
    height = shape[0] / shape[1] if len(shape) > 1 else LINE_PLOT_HEIGHT
    n_columns, index = max(map(len, rows)), np.arange(len(rows))
    gap = TITLE_GAP if titles else GAP
    # The first row is at the top: y decreases.
    tops = -index * (height + gap) - index // n_in_group * GROUP_GAP * (n_in_group > 1)
    width, bottom = n_columns * (1 + GAP), tops[-1] - height
    label_width = 0.2 + 0.08 * max(map(len, labels)) if labels else 0  # inches
    ax = make_axes(ax, (max(3, 0.85 * width + label_width), 0.85 * (gap - bottom) + 0.3))
    artists = []
    for row, images in enumerate(rows):
        artists.append([])
        for column, image in enumerate(images):
            left = column * (1 + GAP)
            box = (left, left + 1, tops[row] - height, tops[row])
            artists[-1].append(draw_sample(ax, image, box, value_range, cmap))
            if titles:
                ax.text(
                    left + 0.5, tops[row] + 0.04, titles[row][column], ha="center", size="small"
                )
    ax.set(xlim=(-GAP, width), ylim=(bottom - GAP, gap), aspect="equal", xticks=[])
    ax.set_yticks(tops - height / 2 if labels else [], labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax, artists


def split_into_rows(images, n_columns):
    """Split images into parts of ``n_columns``, the last of which may be shorter."""
    return [images[start : start + n_columns] for start in range(0, len(images), n_columns)]


def draw_curves_with_bands(ax, x, names, means, intervals):
    """Draw curves on a logarithmic x axis with ticks at x, and their intervals as bands.

    Intervals that are nan are not drawn.
    """
    lines, bands = [], []
    for name, mean, interval, color, marker in zip(names, means, intervals, COLORS, MARKERS):
        lines += ax.plot(x, mean, marker=marker, color=color, label=name)
        if not np.isnan(interval).all():
            bands.append(ax.fill_between(x, *interval.T, color=color, alpha=0.25, linewidth=0))
    ax.set_xscale("log")
    ax.set_xticks(x)
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_formatter(NullFormatter())
    return lines, bands
