"""Artists of latent codes: points, labels, colours of classes, axes of the sphere."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from sklearn.utils.validation import check_consistent_length

from skae._sklearn_compat import is_pandas_na, is_scalar_nan
from skae.plotting.base import COLORS

#: Numbers of more distinct values than these are a quantity, not classes.
MOST_CLASSES = 20

#: Name and colour of samples without a label.
MISSING, GREY = "?", "#999999"

#: Tick labels of angles.
ANGLES = {-np.pi: "-π", -np.pi / 2: "-π/2", 0: "0", np.pi / 2: "π/2", np.pi: "π"}


def format_sphere_axes(ax):
    """Give Axes the limits, names and grid of a map of the sphere."""
    ax.set(xlim=(-np.pi, np.pi), ylim=(np.pi, 0), xlabel="phi", ylabel="theta", aspect="equal")
    ax.set_xticks(list(ANGLES), ANGLES.values())
    angles = [angle for angle in ANGLES if angle >= 0]
    ax.set_yticks(angles, [ANGLES[angle] for angle in angles])
    eighths = np.pi / 4 * np.arange(-3, 4, 2)
    ax.set_xticks(eighths, minor=True)
    ax.set_yticks(eighths[2:], minor=True)
    ax.grid(which="both", color="0.85", linewidth=0.6)
    ax.set_axisbelow(True)


def class_groups(y, n_rows):
    """Return label, index of rows and colour of each class; label None for no classes.

    Colour None is that of the scale of a quantity.
    """
    everything = np.arange(n_rows)
    if y is None:
        return [(None, everything, COLORS[0])]
    y = np.asarray(y)
    check_consistent_length(everything, y)
    missing = np.array([_is_missing(label) for label in y.ravel()])
    try:
        labels = np.unique(y[~missing])
    except TypeError as error:
        raise ValueError(
            "y holds labels of several types, which have no order: use one type, such as strings."
        ) from error
    if y.dtype.kind in "fiu" and (len(labels) > MOST_CLASSES or (labels % 1).any()):
        return [(None, everything, None)]
    colors = COLORS
    if len(labels) > len(colors):
        colors = map(to_hex, colormaps["viridis"](np.linspace(0, 1, len(labels))))
    groups = [(label, np.flatnonzero(y == label), color) for label, color in zip(labels, colors)]
    return groups + [(MISSING, np.flatnonzero(missing), GREY)] * bool(missing.any())


def _is_missing(label):
    return label is None or is_scalar_nan(label) or is_pandas_na(label)


def row_colors(groups, n_rows):
    """Return the colour of each row; mid-grey for quantities."""
    colors = np.full(n_rows, "0.5", dtype="U7")
    for _, rows, color in groups:
        if color is not None:
            colors[rows] = color
    return colors


def draw_labels(ax, codes, groups, height):
    """Draw the labels of classes, so many points high."""
    ax.margins(0.08)
    points = []
    for label, rows, color in groups:
        marker, area = _as_marker(label, height)
        look = {"s": area, "marker": marker, "color": color, "linewidths": 0}
        points.append(ax.scatter(*codes[rows].T, **look))
    return points


def draw_points(ax, codes, groups, y, area):
    """Draw points, in the order of rows so that no class covers another, and say what they are."""
    (label, _, color), in_space = groups[0], ax.name == "3d"
    look = {"c": row_colors(groups, len(codes))}
    if color is None:
        scale = colormaps["viridis"].with_extremes(bad=GREY)
        look = {"c": y, "cmap": scale, "plotnonfinite": True}
    points = ax.scatter(*codes.T, s=area, linewidths=0, **look)
    if color is None:  # the layout forgets the name of the third axis, on the right
        ax.figure.colorbar(points, ax=ax, label="y", pad=0.12 if in_space else 0.02)
    elif label is not None:
        handles = [
            Line2D([], [], color=color, marker="o", ms=5, ls="", label=_plain(label))
            for label, _, color in groups
        ]
        if in_space:
            loc, anchor, n_columns = "upper center", (0.5, 0), min(len(groups), 5)
        else:
            loc, anchor, n_columns = "center left", (1.02, 0.5), 1 + len(groups) // 21
        ax.legend(handles=handles, loc=loc, bbox_to_anchor=anchor, ncols=n_columns, frameon=False)
    return [points]


def _as_marker(label, height):
    """Return a text as a marker, centred, and the area at which a digit has a height in points."""
    name = _plain(label)
    text = TextPath((0, 0), name if name.strip() else repr(name), size=1)
    box = text.get_extents()
    vertices = text.vertices - [(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2]
    # Markers are scaled so that their furthest point is half of the root of the area away.
    area = (2 * height / 0.73 * np.abs(vertices).max()) ** 2
    return Path(vertices, text.codes), area


def _plain(label):
    """Return a label as a text whose dollars are dollars, not the signs of a formula."""
    return str(label).replace("$", r"\$")


def select_apart(points, size):
    """Return the index of points, the first ones first, whose boxes of a size do not overlap."""
    kept = []
    for i, point in enumerate(points):
        if (np.abs(points[kept] - point) >= size).any(axis=1).all():
            kept.append(i)
    return np.array(kept, dtype=np.intp)
