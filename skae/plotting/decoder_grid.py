"""DecoderGridDisplay: samples decoded from a grid of latent codes."""

from numbers import Integral

import numpy as np
from matplotlib.patches import Rectangle
from sklearn.utils.validation import check_is_fitted

from skae._latent_diagnostics import dead_codes
from skae._latent_geometry import is_spherical
from skae.generation import from_spherical
from skae.plotting.base import (
    GAP,
    as_images,
    draw_sample,
    find_image_shape,
    find_value_range,
    flatten,
    make_axes,
)
from skae.plotting.latent import LatentDisplay
from skae.plotting.sphere_axes import format_sphere_axes


class DecoderGridDisplay:
    """Samples decoded from a grid of latent codes, next to a scatter plot of the codes of X.

    Each image is decoded from the codes at its centre. In regions without codes of X, as shown by
    the scatter plot, the decoder was not trained and its output is not meaningful.

    Use :meth:`from_estimator` to create a Display.

    Parameters
    ----------
    rows : array-like of shape (n_y, n_x, n_features)
        Decoded samples at the points of the grid.
    x : array-like of shape (n_x,)
        Evenly spaced grid points on the x axis: values of code 0, or of the azimuth phi.
    y : array-like of shape (n_y,)
        Evenly spaced grid points on the y axis: values of code 1, or of the polar angle theta.
    codes : array-like of shape (n_samples, 2) or (n_samples, 3) or None, default=None
        Latent codes of X, for the scatter plot. None omits it.
    labels : array-like of shape (n_samples,) or None, default=None
        Class labels or continuous values of the codes, as y of :class:`LatentDisplay`.
    image_shape : tuple of int or None, default=None
        Shape of a sample as an image: (height, width), or (channels, height, width) with 1 or 3
        channels. If None, or if the height or width is 1, samples are drawn as line plots.
    value_range : pair of float or None, default=None
        Minimum and maximum of the colour scale. None uses those of ``rows``.
    view : {"2d", "sphere"}, default="2d"
        Whether the grid is in the plane or on a map of the sphere.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes, or matplotlib Axes without codes
        The Axes of the grid and of the scatter plot, or those of the grid only.
    figure_ : matplotlib Figure
        The figure of the plot.
    images_ : list of list of artists
        Images (``AxesImage``) or line plots (``Line2D``), in the order of ``rows``.

    See Also
    --------
    skae.generation.sample : New samples from a density of latent codes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import DecoderGridDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(2, max_epochs=5, tol=None, random_state=0).fit(X)
    >>> display = DecoderGridDisplay.from_estimator(ae, X, y, n_steps=5, image_shape=(8, 8))
    >>> display.rows.shape, len(display.ax_)
    ((5, 5, 64), 2)
    """

    def __init__(
        self,
        rows,
        x,
        y,
        *,
        codes=None,
        labels=None,
        image_shape=None,
        value_range=None,
        view="2d",
    ):
        self.rows = rows
        self.x = x
        self.y = y
        self.codes = codes
        self.labels = labels
        self.image_shape = image_shape
        self.value_range = value_range
        self.view = view

    @classmethod
    def from_estimator(
        cls, ae, X, y=None, *, n_steps=12, limits=None, image_shape=None, ax=None, **plot_kw
    ):
        """Decode a grid of latent codes and plot it next to the latent codes of samples.

        Parameters
        ----------
        ae : estimator
            A fitted transformer with ``inverse_transform``, such as
            :class:`~skae.AutoencoderTransformer` or a Pipeline that ends in one. It needs two
            codes, or three with ``latent="sphere"``.
        X : array-like of shape (n_samples, n_features)
            Samples whose codes are plotted, such as the training data.
        y : array-like of shape (n_samples,) or None, default=None
            Class labels or continuous values, as y of :class:`LatentDisplay`.
        n_steps : int, default=12
            Number of images along each axis, at least 2. On a sphere, the number along the polar
            angle; along the azimuth there are twice as many. A larger value gives a finer grid of
            smaller images.
        limits : pair of pairs of float or None, default=None
            Minimum and maximum of the grid for code 0 and for code 1. None uses the 1st and the
            99th percentile of the codes. Not used for a sphere, of which all is plotted.
        image_shape : tuple of int or None, default=None
            Shape of a sample as an image, as above. If None, the shape of the samples of X or, if
            they are vectors, the ``input_shape_`` of the autoencoder, if it has one.
        ax : array of two matplotlib Axes or None, default=None
            Axes for the grid and for the scatter plot. None creates a new figure.
        **plot_kw : dict
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        DecoderGridDisplay
            The plotted Display.

        Raises
        ------
        ValueError
            If the number of codes is not 2, or 3 with ``latent="sphere"``, if ``n_steps`` is less
            than 2, or if a minimum in ``limits`` is not less than its maximum.
        """
        check_is_fitted(ae)
        if not isinstance(n_steps, Integral) or n_steps < 2:
            raise ValueError(f"n_steps={n_steps!r} must be an integer of at least 2.")
        codes, on_sphere = np.asarray(ae.transform(X)), is_spherical(ae)
        if codes.shape[1] != 2 + on_sphere:
            raise ValueError(
                "A grid needs 2 codes, or 3 of latent='sphere', and these are "
                f"{codes.shape[1]} {'of' if on_sphere else 'not of'} a sphere: train with another "
                "n_components, or draw codes with LatentDisplay and a reducer."
            )
        if on_sphere:
            edges, n_x = ((-np.pi, np.pi), (0, np.pi)), 2 * n_steps
        else:
            edges, n_x = _grid_limits(codes) if limits is None else limits, n_steps
            if np.shape(edges) != (2, 2) or not all(low < high for low, high in edges):
                raise ValueError(
                    f"limits={limits!r} must be two pairs of a lower and a higher number, such as "
                    "((-3, 3), (-3, 3)), or None for those of the codes."
                )
        x, y_grid = (_cell_centres(*ends, n) for ends, n in zip(edges, (n_x, n_steps)))
        points = np.stack(np.meshgrid(x, y_grid), axis=-1).reshape(-1, 2)
        grid = from_spherical(points[:, ::-1]) if on_sphere else points
        rows = np.asarray(ae.inverse_transform(grid.astype(codes.dtype)))
        display = cls(
            rows.reshape(n_steps, n_x, -1),
            x,
            y_grid,
            codes=codes,
            labels=y,
            image_shape=find_image_shape(image_shape, X, ae),
            value_range=find_value_range(flatten(X)),
            view="sphere" if on_sphere else "2d",
        )
        return display.plot(ax, **plot_kw)

    def plot(self, ax=None, *, cmap="gray_r"):
        """Plot the grid and the scatter plot.

        Parameters
        ----------
        ax : array of two matplotlib Axes, matplotlib Axes or None, default=None
            Axes for the grid and for the scatter plot, or for the grid only if there are no
            codes. None creates a new figure.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colour map of greyscale images. "gray_r" draws large values dark, "gray" bright.

        Returns
        -------
        DecoderGridDisplay
            The Display itself.
        """
        rows, on_sphere = np.asarray(self.rows), self.view == "sphere"
        n_y, n_x = rows.shape[:2]
        images = as_images(rows.reshape(n_y * n_x, -1), self.image_shape)
        n_panels = 1 if self.codes is None else 2
        self.ax_ = make_axes(ax, (7, 7) if on_sphere else (9.4, 4.4), n_panels, stacked=on_sphere)
        grid = np.ravel(self.ax_)[0]
        self.figure_ = grid.figure
        x, y = np.asarray(self.x), np.asarray(self.y)
        half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
        xlim, ylim = (x[0] - half_x, x[-1] + half_x), (y[0] - half_y, y[-1] + half_y)
        inner_x, inner_y = half_x / (1 + GAP), half_y / (1 + GAP) * (-1 if on_sphere else 1)
        centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        value_range = self.value_range
        if value_range is None or images.ndim == 2:  # line plots would exceed their boxes
            value_range = find_value_range(images)
        artists = [
            draw_sample(
                grid,
                image,
                (at_x - inner_x, at_x + inner_x, at_y - inner_y, at_y + inner_y),
                value_range,
                cmap,
            )
            for image, (at_x, at_y) in zip(images, centres)
        ]
        self.images_ = [artists[i * n_x : (i + 1) * n_x] for i in range(n_y)]
        if self.codes is not None:
            scatter_ax = self.ax_[1]
            LatentDisplay(self.codes, y=self.labels, view=self.view).plot(scatter_ax)
            scatter_ax.set_title("codes of rows" + (", dashed: the grid" * (not on_sphere)))
        grid.set(xlim=xlim, ylim=ylim, xlabel="code 0", ylabel="code 1", title="decoded codes")
        if on_sphere:
            format_sphere_axes(grid)
            grid.grid(False, which="both")
            return self
        height, width = images.shape[1:3] if images.ndim > 2 else (3, 5)
        grid.set_box_aspect(n_y * height / (n_x * width))
        if self.codes is not None:
            scatter_ax.set_box_aspect(grid.get_box_aspect())
            scatter_ax.add_patch(
                Rectangle((xlim[0], ylim[0]), np.ptp(xlim), np.ptp(ylim), fill=False, ls="--")
            )
        return self


def _grid_limits(codes):
    """Return the 1st and 99th percentile of each code, and a range of 1 around a dead code."""
    low, high = np.percentile(codes, [1, 99], axis=0)
    dead = dead_codes(codes)
    return np.transpose([low - dead / 2, high + dead / 2])


def _cell_centres(low, high, n):
    """Return the centres of n cells of equal width between two limits."""
    return low + (np.arange(n) + 0.5) * (high - low) / n
