"""LatentDisplay: latent codes as points, labels or thumbnails."""

import numpy as np
from matplotlib.patches import Rectangle
from sklearn.base import clone
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._latent_diagnostics import dead_codes
from skae._latent_geometry import is_spherical
from skae._names import resolve_name
from skae.generation import to_spherical
from skae.plotting.base import as_images, draw_sample, find_image_shape, find_value_range, make_axes
from skae.plotting.scatter import (
    MAX_CLASSES,
    draw_labels,
    draw_points,
    group_by_class,
    sample_colors,
)
from skae.plotting.sphere_axes import format_sphere_axes

#: Default size by kind: an area in points², a height in points, a fraction of the Axes' width.
DEFAULT_SIZES = {"points": 10, "labels": 7, "thumbnails": 0.07}

#: Number of latent codes that each view needs.
N_CODES_BY_VIEW = {"2d": 2, "3d": 3, "sphere": 3}


class LatentDisplay:
    """Scatter plot of latent codes, drawn as points, as class labels or as thumbnails.

    Two codes are plotted in the plane, three in space. Three codes on the unit sphere are plotted
    on a map, with the azimuth phi on the x axis and the polar angle theta on the y axis, 0 at the
    top. The map shows the whole sphere, but distances near the poles are distorted.

    Use :meth:`from_estimator` to create a Display. For more than three codes, pass a reducer.

    Parameters
    ----------
    codes : array-like of shape (n_samples, 2) or (n_samples, 3)
        Latent codes, or the output of a reducer for them.
    y : array-like of shape (n_samples,) or None, default=None
        Class labels, which are drawn in one colour per class, or continuous values, which are drawn
        with a colour bar. Numbers are continuous if they have more than 20 distinct values or
        fractional parts. Samples whose label is missing (None or NaN) are grey.
    X : array-like of shape (n_samples, n_features) or None, default=None
        Samples, for thumbnails.
    image_shape : tuple of int or None, default=None
        Shape of a sample as an image: (height, width), or (channels, height, width) with 1 or 3
        channels. If None, or if the height or width is 1, samples are drawn as line plots.
    view : {"auto", "2d", "3d", "sphere"}, default="auto"
        How the codes are plotted. "sphere" is the map described above, for three codes of norm 1.
        "auto" is "2d" for two codes and "3d" for three.
    name : str, default="code"
        Axis label, to which the index of the code is appended.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The Axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    points_ : list of PathCollection
        For points and thumbnails, one collection of all samples. For labels, one collection per
        class, in sorted order.
    images_ : list of artists
        Thumbnails: ``AxesImage``, or ``Line2D`` for samples that are not images. Empty for other
        kinds.
    shown_ : ndarray of int
        Indices of the samples whose thumbnails are drawn.

    See Also
    --------
    DecoderGridDisplay : Samples decoded from a grid of latent codes.

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
        """Compute the latent codes of samples and plot them.

        Parameters
        ----------
        ae : estimator
            A fitted transformer, such as :class:`~skae.AutoencoderTransformer` or a Pipeline that
            ends in one.
        X : array-like of shape (n_samples, n_features)
            Samples to encode.
        y : array-like of shape (n_samples,) or None, default=None
            Class labels or continuous values, as above.
        reducer : transformer or None, default=None
            Reduces the codes to two or three dimensions, such as ``PCA(2)`` or
            ``TSNE(random_state=0)``. A clone is fitted on the codes. Needed for more than three
            codes.
        view : {"auto", "2d", "3d", "sphere"}, default="auto"
            As above; "auto" is "sphere" for three codes of an autoencoder that was fitted with
            ``latent="sphere"``.
        image_shape : tuple of int or None, default=None
            Shape of a sample as an image, as above. If None, the shape of the samples of X or, if
            they are vectors, the ``input_shape_`` of the autoencoder, if it has one.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure. The "3d" view needs Axes with
            ``projection="3d"``. The legend is to the right of the Axes, in the "3d" view below.
        **plot_kw : dict
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        LatentDisplay
            The plotted Display.

        Raises
        ------
        ValueError
            If the number of codes does not fit the view, or the value of a parameter is unknown.
        """
        check_is_fitted(ae)
        codes, name = np.asarray(ae.transform(X)), "code"
        if reducer is not None:
            codes, name = np.asarray(clone(reducer).fit_transform(codes)), type(reducer).__name__
        elif view == "auto" and is_spherical(ae) and codes.shape[1] == 3:
            view = "sphere"
        image_shape = find_image_shape(image_shape, X, ae)
        display = cls(codes, y=y, X=X, image_shape=image_shape, view=view, name=name)
        return display.plot(ax, **plot_kw)

    def plot(self, ax=None, *, kind="points", size=None, cmap="gray_r"):
        """Plot the codes.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure. The "3d" view needs Axes with
            ``projection="3d"``. The legend is to the right of the Axes, in the "3d" view below.
        kind : {"points", "labels", "thumbnails"}, default="points"
            How each sample is drawn: as a point, as the text of its label, or as a point with a
            thumbnail of the sample. A thumbnail is left out if it would overlap that of an earlier
            sample.
        size : float or None, default=None
            Area of a point in points² (10 if None), height of a label in points (7 if None), or
            width of a thumbnail as a fraction of the width of the Axes (0.07 if None).
        cmap : str or matplotlib Colormap, default="gray_r"
            Colour map of greyscale thumbnails. "gray_r" draws large values dark, "gray" bright.

        Returns
        -------
        LatentDisplay
            The Display itself.
        """
        resolve_name("kind", kind, DEFAULT_SIZES)
        view, codes = self._view_and_codes()
        groups = group_by_class(self.y, len(codes))
        self._check_kind(kind, view, groups)
        size = DEFAULT_SIZES[kind] if size is None else size
        figsize = {"2d": (5.6, 4.6), "3d": (6, 5), "sphere": (7.6, 3.8)}[view]
        ax = make_axes(ax, figsize, **({"projection": "3d"} if view == "3d" else {}))
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
            area = DEFAULT_SIZES["points"] if kind == "thumbnails" else size
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
        """Plot three codes as an interactive plotly figure that can be rotated and zoomed.

        Notebooks show the figure; its method ``show`` opens it in a browser and ``write_html``
        saves it as a page. Hovering over a point shows the index of the sample.

        Returns
        -------
        plotly.graph_objects.Figure
            Scatter plot in space, with one trace per class.

        Raises
        ------
        ImportError
            If plotly is not installed.
        ValueError
            If the number of codes is not three.
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
        for group in group_by_class(self.y, len(codes)):
            marker = {"size": 3, "color": group.color}
            if group.color is None:
                values = np.asarray(self.y)
                marker |= {
                    "color": values,
                    "colorscale": "Viridis",
                    "colorbar": {"title": {"text": "y"}},
                }
            x, y, z = codes[group.index].T
            figure.add_scatter3d(
                x=x,
                y=y,
                z=z,
                mode="markers",
                marker=marker,
                name=str(group.label),
                showlegend=group.label is not None,
                text=group.index,
                hovertemplate="row %{text}",
            )
        titles = {f"{letter}axis_title": f"{self.name} {i}" for i, letter in enumerate("xyz")}
        return figure.update_layout(scene=titles, legend={"itemsizing": "constant"})

    def _view_and_codes(self):
        """Return the view, and the two or three coordinates that it plots."""
        codes = np.asarray(self.codes)
        view = self.view
        if view == "auto":
            view = "3d" if codes.shape[1:] == (3,) else "2d"
        n_columns = resolve_name("view", view, N_CODES_BY_VIEW)
        if codes.ndim != 2 or codes.shape[1] != n_columns:
            raise ValueError(
                f"codes has shape {codes.shape} and view={self.view!r} draws "
                f"{n_columns if self.view != 'auto' else '2 or 3'} columns: use from_estimator "
                "with a reducer, such as PCA(2) or TSNE(), which brings codes down to that."
            )
        return view, to_spherical(codes)[:, ::-1] if view == "sphere" else codes

    def _check_kind(self, kind, view, groups):
        """Raise an error if something that the kind needs is missing."""
        if kind == "labels" and groups[0].label is None:
            raise ValueError(
                "kind='labels' writes the classes of rows and needs y with the class of each, of "
                f"at most {MAX_CLASSES} different numbers: pass y, or use kind='points'."
            )
        if kind == "thumbnails" and (view == "3d" or self.X is None):
            raise ValueError(
                "kind='thumbnails' draws the rows of X on a plane or map: "
                + ("pass X." if self.X is None else f"it cannot be used with view={view!r}.")
            )

    def _draw_thumbnails(self, codes, groups, width, cmap):
        """Draw thumbnails that do not overlap; ``width`` is a fraction of the width of the Axes."""
        ax, images = self.ax_, as_images(self.X, self.image_shape)
        check_consistent_length(codes, images)
        if self.view != "sphere":  # the map has fixed limits
            # The range of a dead code is 0.
            margin = max(0.05, width) * np.where(dead_codes(codes), 1, np.ptp(codes, axis=0))
            ends = np.transpose([codes.min(axis=0) - margin, codes.max(axis=0) + margin])
            ax.set(xlim=ends[0], ylim=ends[1])
        spans = np.ptp([ax.get_xlim(), ax.get_ylim()], axis=1)
        # The aspect ratio of the Axes is known only after the layout.
        ax.figure.canvas.figure.draw_without_rendering()
        frame = ax.get_window_extent()
        shape = images.shape[1:3] if images.ndim > 2 else (3, 5)
        height = width * frame.width / frame.height * shape[0] / shape[1]
        size = np.array([width, height]) * spans
        middle = np.array([np.mean(ax.get_xlim()), np.mean(ax.get_ylim())])
        inside = np.flatnonzero((np.abs(codes - middle) <= (spans - size) / 2).all(axis=1))
        self.shown_ = inside[_without_overlap(codes[inside], size)]
        colors = sample_colors(groups, len(codes))
        value_range, up = find_value_range(images), -1 if ax.yaxis_inverted() else 1
        for i in self.shown_:
            (left, bottom), (right, top) = (
                codes[i] + step * size * (1, up) for step in (-0.5, 0.5)
            )
            box = Rectangle((left, bottom), right - left, top - bottom, zorder=3)
            ax.add_patch(box).set(facecolor="white", edgecolor=colors[i], linewidth=2)
            artist = draw_sample(ax, images[i], (left, right, bottom, top), value_range, cmap)
            artist.set_zorder(3)
            self.images_.append(artist)


def _without_overlap(points, size):
    """Return the indices of the points whose box does not overlap that of an earlier one kept."""
    kept = []
    for i, point in enumerate(points):
        if (np.abs(points[kept] - point) >= size).any(axis=1).all():
            kept.append(i)
    return np.array(kept, dtype=np.intp)
