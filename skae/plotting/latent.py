"""Display of latent codes: points, labels or thumbnails, on a plane, in space or on a sphere."""

import numpy as np
from matplotlib.patches import Rectangle
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._latent_diagnostics import dead_codes
from skae._names import resolve_name
from skae._pipeline import find_latent
from skae.generation import to_spherical
from skae.plotting.base import as_pictures, draw_picture, find_shape, limits_of, make_axes
from skae.plotting.latent_artists import (
    MOST_CLASSES,
    class_groups,
    draw_labels,
    draw_points,
    format_sphere_axes,
    row_colors,
    select_apart,
)

#: Default of ``size`` by kind: an area in points², points, a share of the width.
SIZES = {"points": 10, "labels": 7, "thumbnails": 0.07}

#: Views, and how many columns of codes each needs.
VIEWS = {"2d": 2, "3d": 3, "sphere": 3}


class LatentDisplay:
    """Codes as points, as the labels of their rows, or as the rows themselves.

    Two codes are a plane, three a space or, on the unit sphere, a map with the azimuth phi to the
    right and the polar angle theta downwards, 0 at the north pole: it shows the whole sphere, but
    stretches what is near the poles.

    Use :meth:`from_estimator` to create one; codes of other widths go through a reducer there.

    Parameters
    ----------
    codes : array-like of shape (n_samples, 2) or (n_samples, 3)
        Codes, or what a reducer made of them.
    y : array-like of shape (n_samples,) or None, default=None
        Class labels, each with its colour, or numbers of more than 20 values, or with
        fractions, which get a colour scale. Rows without one, None or NaN, are grey.
    X : array-like of shape (n_samples, n_features) or None, default=None
        Rows, for thumbnails.
    image_shape : tuple of int or None, default=None
        Shape of the image that a row is: (height, width), or (channels, height, width) with 1
        or 3 channels. None, or a height or width of 1, draws lines.
    view : {"auto", "2d", "3d", "sphere"}, default="auto"
        How codes are drawn. "sphere" is the map above, for three codes of norm 1. "auto" is "2d"
        for two and "3d" for three.
    name : str, default="code"
        What the axes are called, before their number.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    points_ : list of PathCollection
        All points, in the order of rows, or labels, for each class in sorted order.
    images_ : list of artists
        Thumbnails (``AxesImage``, or ``Line2D`` of rows that are no images); empty for other kinds.
    shown_ : ndarray of int
        Index of the rows whose thumbnails are drawn.

    See Also
    --------
    DecoderGridDisplay : What the decoder makes of each place of the plane or sphere.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import LatentDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(2, max_epochs=5, tol=None, random_state=0).fit(X)
    >>> display = LatentDisplay.from_estimator(ae, X, y, kind="labels")
    >>> len(display.points_), display.ax_.get_xlabel()
    (10, 'code 0')
    """

    def __init__(self, codes, *, y=None, X=None, image_shape=None, view="auto", name="code"):
        self.codes = codes
        self.y = y
        self.X = X
        self.image_shape = image_shape
        self.view = view
        self.name = name

    @classmethod
    def from_estimator(
        cls, ae, X, y=None, *, reducer=None, view="auto", image_shape=None, ax=None, **plot_kw
    ):
        """Compute the codes of rows and draw them.

        Parameters
        ----------
        ae : estimator
            A fitted transformer, such as :class:`~skae.AutoencoderTransformer` or a pipeline that
            ends in one.
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,) or None, default=None
            Class labels or numbers, as above.
        reducer : transformer or None, default=None
            A clone of it is fitted on the codes and gives the two or three columns to draw, such
            as ``PCA(2)`` or ``TSNE(random_state=0)``; needed if there are more than three codes.
        view : {"auto", "2d", "3d", "sphere"}, default="auto"
            As above; "auto" is "sphere" for three codes of ``latent="sphere"``.
        image_shape : tuple of int or None, default=None
            As above; None is the ``input_shape`` of the autoencoder's architecture, if it has one.
        ax : matplotlib Axes or None, default=None
            Where to draw, with a legend to the right of it, in space below it; None makes a
            figure. A three-dimensional view needs Axes with ``projection="3d"``.
        **plot_kw : dict
            Passed to :meth:`plot`.

        Returns
        -------
        LatentDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the number of columns is not that of the view, or a parameter is unknown.
        """
        check_is_fitted(ae)
        codes, name = np.asarray(ae.transform(X)), "code"
        if reducer is not None:
            codes, name = np.asarray(clone(reducer).fit_transform(codes)), type(reducer).__name__
        elif view == "auto" and find_latent(ae).geometry == "sphere" and codes.shape[1] == 3:
            view = "sphere"
        image_shape = find_shape(image_shape, X, ae)
        display = cls(codes, y=y, X=X, image_shape=image_shape, view=view, name=name)
        return display.plot(ax, **plot_kw)

    def plot(self, ax=None, *, kind="points", size=None, cmap="gray_r"):
        """Draw the codes.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw, with a legend to the right of it, in space below it; None makes a
            figure. A three-dimensional view needs Axes with ``projection="3d"``.
        kind : {"points", "labels", "thumbnails"}, default="points"
            A point for each row; its label, written out; or points and, as far as they do not
            overlap, small pictures of the rows. Rows that come first have the first right to a
            place.
        size : float or None, default=None
            Area of a point in points², 10 by default; height of a label in points, 7; or
            width of a thumbnail as a share of the Axes' width, 0.07.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of grey thumbnails. "gray_r" draws large values dark, "gray" bright.

        Returns
        -------
        LatentDisplay
            Itself.
        """
        resolve_name("kind", kind, SIZES)
        view, codes = self._view_and_codes()
        groups = class_groups(self.y, len(codes))
        self._check_kind(kind, view, groups)
        size = SIZES[kind] if size is None else size
        wide = {"2d": (5.6, 4.6), "3d": (6, 5), "sphere": (7.6, 3.8)}[view]
        ax = make_axes(ax, wide, **({"projection": "3d"} if view == "3d" else {}))
        if (view == "3d") != (ax.name == "3d"):
            raise ValueError(
                f"view={view!r} {'needs' if view == '3d' else 'cannot use'} three-dimensional "
                "Axes, such as plt.subplots(subplot_kw={'projection': '3d'}) makes: pass other "
                "Axes, or ax=None for a new figure."
            )
        self.ax_, self.figure_ = ax, ax.figure
        if kind == "labels":
            self.points_ = draw_labels(ax, codes, groups, size)
        else:
            area = SIZES["points"] if kind == "thumbnails" else size
            self.points_ = draw_points(ax, codes, groups, self.y, area)
        if view == "sphere":
            format_sphere_axes(ax)
        else:
            for axis, letter in enumerate("xyz"[: codes.shape[1]]):
                ax.set(**{f"{letter}label": f"{self.name} {axis}"})
        self.images_, self.shown_ = [], np.empty(0, dtype=np.intp)
        if kind == "thumbnails":
            self._draw_thumbnails(codes, groups, size, cmap)
        return self

    def plot_interactive(self):
        """Draw three codes as a figure of plotly, to be turned and zoomed with the mouse.

        Notebooks show it; its ``show`` opens a browser and ``write_html`` makes a page of it.
        Pointing at a point tells the row's number.

        Returns
        -------
        plotly.graph_objects.Figure
            Points in space, for each class in its colour.

        Raises
        ------
        ImportError
            If plotly is not installed.
        ValueError
            If there are not three codes.
        """
        try:
            from plotly import graph_objects
        except ImportError as error:
            raise ImportError(
                "plot_interactive needs plotly: pip install plotly, or pip install skae[plotly]."
            ) from error
        codes = np.asarray(self.codes)
        if codes.shape[1:] != (3,):
            raise ValueError(
                f"plot_interactive draws three codes and codes has shape {codes.shape}: use plot, "
                "or from_estimator with a reducer such as PCA(3)."
            )
        figure = graph_objects.Figure()
        for label, rows, color in class_groups(self.y, len(codes)):
            marker = {"size": 3, "color": color}
            if color is None:
                values = np.asarray(self.y)
                marker |= {
                    "color": values,
                    "colorscale": "Viridis",
                    "colorbar": {"title": {"text": "y"}},
                }
            x, y, z = codes[rows].T
            figure.add_scatter3d(
                x=x,
                y=y,
                z=z,
                mode="markers",
                marker=marker,
                name=str(label),
                showlegend=label is not None,
                text=rows,
                hovertemplate="row %{text}",
            )
        titles = {f"{letter}axis_title": f"{self.name} {i}" for i, letter in enumerate("xyz")}
        return figure.update_layout(scene=titles, legend={"itemsizing": "constant"})

    def _view_and_codes(self):
        """Return the view, and what it draws: two or three columns."""
        codes = np.asarray(self.codes)
        view = self.view
        if view == "auto":
            view = "3d" if codes.shape[1:] == (3,) else "2d"
        n_columns = resolve_name("view", view, VIEWS)
        if codes.ndim != 2 or codes.shape[1] != n_columns:
            raise ValueError(
                f"codes has shape {codes.shape} and view={self.view!r} draws "
                f"{n_columns if self.view != 'auto' else '2 or 3'} columns: use from_estimator "
                "with a reducer, such as PCA(2) or TSNE(), which brings codes down to that."
            )
        return view, to_spherical(codes)[:, ::-1] if view == "sphere" else codes

    def _check_kind(self, kind, view, groups):
        if kind == "labels" and groups[0][0] is None:
            raise ValueError(
                "kind='labels' writes the classes of rows and needs y with the class of each, of "
                f"at most {MOST_CLASSES} different numbers: pass y, or use kind='points'."
            )
        if kind == "thumbnails" and (view == "3d" or self.X is None):
            raise ValueError(
                "kind='thumbnails' draws the rows of X on a plane or map: "
                + ("pass X." if self.X is None else f"it cannot be used with view={view!r}.")
            )

    def _draw_thumbnails(self, codes, groups, width, cmap):
        """Draw pictures of rows that are a width, and their height, apart."""
        ax, pictures = self.ax_, as_pictures(self.X, self.image_shape)
        check_consistent_length(codes, pictures)
        if self.view != "sphere":  # whose limits are those of the map
            # A dead code has no range.
            margin = max(0.05, width) * np.where(dead_codes(codes), 1, np.ptp(codes, axis=0))
            ends = np.transpose([codes.min(axis=0) - margin, codes.max(axis=0) + margin])
            ax.set(xlim=ends[0], ylim=ends[1])
        spans = np.ptp([ax.get_xlim(), ax.get_ylim()], axis=1)
        # Only the layout tells how wide the Axes are in proportion to their height.
        ax.figure.canvas.figure.draw_without_rendering()
        frame = ax.get_window_extent()
        shape = pictures.shape[1:3] if pictures.ndim > 2 else (3, 5)
        height = width * frame.width / frame.height * shape[0] / shape[1]
        size = np.array([width, height]) * spans
        middle = np.array([np.mean(ax.get_xlim()), np.mean(ax.get_ylim())])
        inside = np.flatnonzero((np.abs(codes - middle) <= (spans - size) / 2).all(axis=1))
        self.shown_ = inside[select_apart(codes[inside], size)]
        colors = row_colors(groups, len(codes))
        limits, up = limits_of(pictures), -1 if ax.yaxis_inverted() else 1
        for row in self.shown_:
            (left, bottom), (right, top) = (
                codes[row] + step * size * (1, up) for step in (-0.5, 0.5)
            )
            box = Rectangle((left, bottom), right - left, top - bottom, zorder=3)
            ax.add_patch(box).set(facecolor="white", edgecolor=colors[row], linewidth=2)
            artist = draw_picture(ax, pictures[row], (left, right, bottom, top), limits, cmap)
            artist.set_zorder(3)
            self.images_.append(artist)
