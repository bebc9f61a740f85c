"""Scatter plots of points that are coloured by class or by a continuous value."""

from typing import NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from sklearn.utils.validation import check_consistent_length

from skae.plotting.base import COLORS

#: Numbers with more distinct values than this are continuous values, not classes.
MAX_CLASSES = 20

#: Name and colour of the samples whose label is missing.
MISSING, GREY = "?", "#999999"


class Group(NamedTuple):
    """The samples of a class: label, indices and colour.

    ``label`` is None if there are no classes; then ``color`` is None if y is continuous.
    """

    label: object
    index: np.ndarray
    color: str | None


def group_by_class(y, n_samples):
    """Return a list with the Group of each class, or with a single one if there are no classes."""
    all_samples = np.arange(n_samples)
    if y is None:
        return [Group(None, all_samples, COLORS[0])]
    y = np.asarray(y)
    check_consistent_length(all_samples, y)
    missing = np.array([_is_missing(label) for label in y.ravel()])
    try:
        labels = np.unique(y[~missing])
    except TypeError as error:
        raise ValueError(
            "y holds labels of several types, which have no order: use one type, such as strings."
        ) from error
    if y.dtype.kind in "fiu" and (len(labels) > MAX_CLASSES or (labels % 1).any()):
        return [Group(None, all_samples, None)]
    colors = COLORS
    if len(labels) > len(colors):
        colors = map(to_hex, colormaps["viridis"](np.linspace(0, 1, len(labels))))
    groups = [
        Group(label, np.flatnonzero(y == label), color) for label, color in zip(labels, colors)
    ]
    if missing.any():
        groups.append(Group(MISSING, np.flatnonzero(missing), GREY))
    return groups


def _is_missing(label):
    """Return whether a label is None, NaN or pandas.NA."""
    if label is None:
        return True
    try:
        return bool(label != label)
    except TypeError:  # pandas.NA compared with itself is neither true nor false
        return True


def sample_colors(groups, n_samples):
    """Return the colour of each sample; grey if y is continuous."""
    colors = np.full(n_samples, "0.5", dtype="U7")
    for group in groups:
        if group.color is not None:
            colors[group.index] = group.color
    return colors


def draw_labels(ax, codes, groups, height):
    """Draw the label of each sample at its codes, with a height in points."""
    ax.margins(0.08)
    points = []
    for group in groups:
        marker, area = _text_marker(group.label, height)
        style = {"s": area, "marker": marker, "color": group.color, "linewidths": 0}
        points.append(ax.scatter(*codes[group.index].T, **style))
    return points


def draw_points(ax, codes, groups, y, area):
    """Draw a point for each sample, with a legend of the classes or a colour bar.

    The points are drawn in the order of the samples, so that no class covers another.
    """
    (label, _, color), in_space = groups[0], ax.name == "3d"
    style = {"c": sample_colors(groups, len(codes))}
    if color is None:
        cmap = colormaps["viridis"].with_extremes(bad=GREY)
        style = {"c": y, "cmap": cmap, "plotnonfinite": True}
    points = ax.scatter(*codes.T, s=area, linewidths=0, **style)
    if color is None:  # the layout reserves no space for the label of the z axis, on the right
        ax.figure.colorbar(points, ax=ax, label="y", pad=0.12 if in_space else 0.02)
    elif label is not None:
        handles = [
            Line2D([], [], color=group.color, marker="o", ms=5, ls="", label=_escape(group.label))
            for group in groups
        ]
        if in_space:
            loc, anchor, n_columns = "upper center", (0.5, 0), min(len(groups), 5)
        else:
            loc, anchor, n_columns = "center left", (1.02, 0.5), 1 + len(groups) // 21
        ax.legend(handles=handles, loc=loc, bbox_to_anchor=anchor, ncols=n_columns, frameon=False)
    return [points]


def _text_marker(label, height):
    """Return a label as a centred marker, and the marker area that gives digits this height."""
    name = _escape(label)
    text = TextPath((0, 0), name if name.strip() else repr(name), size=1)
    box = text.get_extents()
    vertices = text.vertices - [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]
    # matplotlib scales a marker so that its largest coordinate is half the root of the area.
    area = (2 * height / 0.73 * np.abs(vertices).max()) ** 2
    return Path(vertices, text.codes), area


def _escape(label):
    """Return a label as text with escaped dollar signs, which would start a formula."""
    return str(label).replace("$", r"\$")
