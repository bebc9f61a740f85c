"""What Displays share: axes, colours, and samples drawn as images or as lines."""

from math import prod
from numbers import Integral

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter, ScalarFormatter

from skae._pipeline import last_step

#: Ten colours that readers with any colour vision tell apart (Petroff, 2021, "Accessible color
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

#: Markers of curves.
MARKERS = "osD^v"

#: Height of the box of a row that is drawn as a line; its width, as that of a picture, is 1.
LINE_HEIGHT = 0.6

#: Space between pictures; more of it above a title, and above each group of lines but the first.
GAP, TITLE_GAP, GROUP_GAP = 0.08, 0.32, 0.25


def make_axes(ax, figsize, n_panels=1, stacked=False, **subplot_kw):
    """Return the given Axes, or those of a new figure, checked for their number."""
    if ax is None:
        shape = (n_panels, 1) if stacked else (1, n_panels)
        ax = plt.subplots(*shape, figsize=figsize, layout="compressed", subplot_kw=subplot_kw)[1]
    if np.size(ax) != n_panels:
        raise ValueError(
            f"ax holds {np.size(ax)} Axes and this picture has {n_panels} panels: pass as many "
            "Axes, or ax=None for a new figure."
        )
    return np.ravel(ax) if n_panels > 1 else np.ravel(ax)[0]


def flat(X):
    """Return rows as a 2-D array, whatever they are."""
    X = np.asarray(X)
    return X.reshape(len(X), -1)


def find_shape(image_shape, X, ae=None):
    """Return the shape of the pictures that rows are, or None for rows that are no pictures."""
    if image_shape is not None:
        return image_shape
    is_flat = np.ndim(X) <= 2
    shape = getattr(last_step(ae), "input_shape_", None) if is_flat else np.shape(X)[1:]
    n_features = prod(np.shape(X)[1:])
    return shape if shape is not None and _is_picture(shape, n_features) else None


def _is_picture(shape, n_features):
    return len(shape) in (2, 3) and set(shape[:-2]) <= {1, 3} and prod(shape) == n_features


def as_pictures(rows, image_shape):
    """Return rows as an array of lines (n, n_features), or pictures (n, h, w) or (n, h, w, 3)."""
    rows = flat(rows)
    if image_shape is None:
        return rows
    shape = tuple(image_shape) if np.ndim(image_shape) == 1 else ()
    whole = all(isinstance(size, Integral) and size > 0 for size in shape)
    if not whole or not _is_picture(shape, rows.shape[1]):
        raise ValueError(
            f"image_shape={image_shape!r} must be (h, w), or (c, h, w) with c of 1 or 3, whose "
            f"product is the number of columns, {rows.shape[1]}. Without image_shape rows are "
            "drawn as lines."
        )
    if 1 in shape[-2:]:  # a signal
        return rows
    pictures = rows.reshape(len(rows), -1, *shape[-2:])
    return pictures[:, 0] if pictures.shape[1] == 1 else np.moveaxis(pictures, 1, -1)


def limits_of(pictures, *others):
    """Return the smallest and largest value; of lines, which would leave their box, all of them."""
    shown = (pictures, *others) if pictures.ndim == 2 else (pictures,)
    return min(float(each.min()) for each in shown), max(float(each.max()) for each in shown)


def draw_picture(ax, picture, box, limits, cmap):
    """Draw a picture, or a row as a line, into a box (left, right, bottom, top) of the data."""
    left, right, bottom, top = box
    low, high = limits
    scaled = (picture - low) / ((high - low) or 1)
    if picture.ndim == 1:
        frame = Rectangle((left, bottom), right - left, top - bottom, fill=False, ec="0.85", lw=0.6)
        ax.add_patch(frame)
        if low < 0 < high:
            zero = bottom + -low / (high - low) * (top - bottom)
            ax.hlines(zero, left, right, color="0.85", linewidth=0.6)
        x, y = np.linspace(left, right, len(picture)), bottom + scaled * (top - bottom)
        return ax.plot(x, y, color=COLORS[0], linewidth=1)[0]
    settings = {"extent": box, "aspect": ax.get_aspect()}
    if picture.ndim == 3:
        return ax.imshow(np.clip(scaled, 0, 1), **settings)
    return ax.imshow(picture, cmap=cmap, vmin=low, vmax=high, **settings)


def draw_lines(ax, lines, limits, cmap, *, labels=None, titles=None, n_in_group=1):
    """Draw lines of pictures below one another; return the Axes and the artists, line by line.

    ``labels`` stand left of the lines, ``titles`` above each picture; between groups of
    ``n_in_group`` lines there is more space.
    """
    shape = lines[0].shape[1:]
    height = shape[0] / shape[1] if len(shape) > 1 else LINE_HEIGHT
    n_columns, number = max(map(len, lines)), np.arange(len(lines))
    gap = TITLE_GAP if titles else GAP
    # The first line is on top: y falls.
    tops = -number * (height + gap) - number // n_in_group * GROUP_GAP * (n_in_group > 1)
    width, bottom = n_columns * (1 + GAP), tops[-1] - height
    beside = 0.2 + 0.08 * max(map(len, labels)) if labels else 0  # inches
    ax = make_axes(ax, (max(3, 0.85 * width + beside), 0.85 * (gap - bottom) + 0.3))
    artists = []
    for line, pictures in enumerate(lines):
        artists.append([])
        for column, picture in enumerate(pictures):
            left = column * (1 + GAP)
            box = (left, left + 1, tops[line] - height, tops[line])
            artists[-1].append(draw_picture(ax, picture, box, limits, cmap))
            if titles:
                ax.text(
                    left + 0.5, tops[line] + 0.04, titles[line][column], ha="center", size="small"
                )
    ax.set(xlim=(-GAP, width), ylim=(bottom - GAP, gap), aspect="equal", xticks=[])
    ax.set_yticks(tops - height / 2 if labels else [], labels)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax, artists


def wrap(pictures, n_columns):
    """Return pictures in pieces of n_columns, the last of which may be shorter."""
    return [pictures[start : start + n_columns] for start in range(0, len(pictures), n_columns)]


def draw_with_bands(ax, x, names, means, intervals):
    """Draw curves over a logarithmic axis whose ticks are x, with bands where they are known."""
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
