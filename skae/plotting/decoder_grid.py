"""Display of decoded latent codes on a grid."""

from numbers import Integral

import numpy as np
from matplotlib.patches import Rectangle
from sklearn.utils.validation import check_is_fitted

from skae._latent_diagnostics import dead_codes
from skae._pipeline import find_latent
from skae.generation import from_spherical
from skae.plotting.base import (
    GAP,
    as_pictures,
    draw_picture,
    find_shape,
    flat,
    limits_of,
    make_axes,
)
from skae.plotting.latent import LatentDisplay
from skae.plotting.latent_artists import format_sphere_axes


class DecoderGridDisplay:
    """What the decoder makes of the places of the latent plane or sphere, beside the codes.

    Each picture is decoded from the codes at its centre. Where there are no codes of rows, see the
    panel beside it, the decoder was never trained and nothing is promised.

    Use :meth:`from_estimator` to create one.

    Parameters
    ----------
    rows : array-like of shape (n_y, n_x, n_features)
        Decoded rows, by place.
    x : array-like of shape (n_x,)
        Evenly spaced places to the right: of code 0, or the azimuth phi.
    y : array-like of shape (n_y,)
        Evenly spaced places: of code 1, upwards, or the polar angle theta, downwards.
    codes : array-like of shape (n_samples, 2) or (n_samples, 3) or None, default=None
        Codes of rows, for the second panel; None leaves it out.
    labels : array-like of shape (n_samples,) or None, default=None
        Classes of the codes, or numbers, as y of :class:`LatentDisplay`.
    image_shape : tuple of int or None, default=None
        Shape of the image that a row is: (height, width), or (channels, height, width) with 1
        or 3 channels. None, or a height or width of 1, draws lines.
    value_range : pair of float or None, default=None
        Values between which the colours of pictures lie. None is those of ``rows``.
    view : {"2d", "sphere"}, default="2d"
        Whether places are those of a plane or of a map of the sphere.

    Attributes
    ----------
    ax_ : ndarray of matplotlib Axes, or matplotlib Axes without codes
        The grid, and the codes.
    figure_ : matplotlib Figure
        Its figure.
    images_ : list of list of artists
        Pictures (``AxesImage``) or lines (``Line2D``), in the order of ``rows``.

    See Also
    --------
    skae.generation.sample : New rows from a density of the codes.

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
        """Decode a grid of codes and draw it beside the codes of rows.

        Parameters
        ----------
        ae : estimator
            A fitted transformer with ``inverse_transform`` and two codes, or three of
            ``latent="sphere"``, such as :class:`~skae.AutoencoderTransformer` or a pipeline
            that ends in one.
        X : array-like of shape (n_samples, n_features)
            Rows, such as the training rows.
        y : array-like of shape (n_samples,) or None, default=None
            Classes of the rows, or numbers, as y of :class:`LatentDisplay`.
        n_steps : int, default=12
            Pictures along each axis of the plane, at least 2; from pole to pole of the sphere,
            with twice as many around it. More show finer changes in smaller pictures.
        limits : pair of pairs of float or None, default=None
            Lowest and highest code 0, and code 1, of the grid's edges. None is from the 1st to the
            99th percentile of the codes. The sphere is always drawn whole.
        image_shape : tuple of int or None, default=None
            As above; None is the ``input_shape`` of the autoencoder's architecture, if it has one.
        ax : array of two matplotlib Axes or None, default=None
            Where to draw the grid and the codes; None makes a figure.
        **plot_kw : dict
            Passed to :meth:`plot`.

        Returns
        -------
        DecoderGridDisplay
            Drawn.

        Raises
        ------
        ValueError
            If codes are neither a plane nor a sphere, ``n_steps`` is below 2 or ``limits`` do not
            rise.
        """
        check_is_fitted(ae)
        if not isinstance(n_steps, Integral) or n_steps < 2:
            raise ValueError(f"n_steps={n_steps!r} must be an integer of at least 2.")
        codes, on_sphere = np.asarray(ae.transform(X)), find_latent(ae).geometry == "sphere"
        if codes.shape[1] != 2 + on_sphere:
            raise ValueError(
                "A grid needs 2 codes, or 3 of latent='sphere', and these are "
                f"{codes.shape[1]} {'of' if on_sphere else 'not of'} a sphere: train with another "
                "n_components, or draw codes with LatentDisplay and a reducer."
            )
        if on_sphere:
            edges, n_x = ((-np.pi, np.pi), (0, np.pi)), 2 * n_steps
        else:
            edges, n_x = _edges(codes) if limits is None else limits, n_steps
            if np.shape(edges) != (2, 2) or not all(low < high for low, high in edges):
                raise ValueError(
                    f"limits={limits!r} must be two pairs of a lower and a higher number, such as "
                    "((-3, 3), (-3, 3)), or None for those of the codes."
                )
        x, y_grid = (_centers(*ends, n) for ends, n in zip(edges, (n_x, n_steps)))
        places = np.stack(np.meshgrid(x, y_grid), axis=-1).reshape(-1, 2)
        grid = from_spherical(places[:, ::-1]) if on_sphere else places
        rows = np.asarray(ae.inverse_transform(grid.astype(codes.dtype)))
        display = cls(
            rows.reshape(n_steps, n_x, -1),
            x,
            y_grid,
            codes=codes,
            labels=y,
            image_shape=find_shape(image_shape, X, ae),
            value_range=limits_of(flat(X)),
            view="sphere" if on_sphere else "2d",
        )
        return display.plot(ax, **plot_kw)

    def plot(self, ax=None, *, cmap="gray_r"):
        """Draw the grid, and the codes.

        Parameters
        ----------
        ax : array of two matplotlib Axes, matplotlib Axes or None, default=None
            Where to draw the grid and the codes, or the grid alone if there are no codes. None
            makes a figure.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of grey images. "gray_r" draws large values dark, "gray" bright.

        Returns
        -------
        DecoderGridDisplay
            Itself.
        """
        rows, on_sphere = np.asarray(self.rows), self.view == "sphere"
        n_y, n_x = rows.shape[:2]
        pictures = as_pictures(rows.reshape(n_y * n_x, -1), self.image_shape)
        n_panels = 1 if self.codes is None else 2
        self.ax_ = make_axes(ax, (7, 7) if on_sphere else (9.4, 4.4), n_panels, stacked=on_sphere)
        grid = np.ravel(self.ax_)[0]
        self.figure_ = grid.figure
        x, y = np.asarray(self.x), np.asarray(self.y)
        half_x, half_y = (x[1] - x[0]) / 2, (y[1] - y[0]) / 2
        xlim, ylim = (x[0] - half_x, x[-1] + half_x), (y[0] - half_y, y[-1] + half_y)
        inner_x, inner_y = half_x / (1 + GAP), half_y / (1 + GAP) * (-1 if on_sphere else 1)
        places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        limits = self.value_range
        if limits is None or pictures.ndim == 2:  # lines would leave their boxes
            limits = limits_of(pictures)
        artists = [
            draw_picture(
                grid,
                picture,
                (at_x - inner_x, at_x + inner_x, at_y - inner_y, at_y + inner_y),
                limits,
                cmap,
            )
            for picture, (at_x, at_y) in zip(pictures, places)
        ]
        self.images_ = [artists[i * n_x : (i + 1) * n_x] for i in range(n_y)]
        if self.codes is not None:
            beside = self.ax_[1]
            LatentDisplay(self.codes, y=self.labels, view=self.view).plot(beside)
            beside.set_title("codes of rows" + (", dashed: the grid" * (not on_sphere)))
        grid.set(xlim=xlim, ylim=ylim, xlabel="code 0", ylabel="code 1", title="decoded codes")
        if on_sphere:
            format_sphere_axes(grid)
            grid.grid(False, which="both")
            return self
        height, width = pictures.shape[1:3] if pictures.ndim > 2 else (3, 5)
        grid.set_box_aspect(n_y * height / (n_x * width))
        if self.codes is not None:
            beside.set_box_aspect(grid.get_box_aspect())
            beside.add_patch(
                Rectangle((xlim[0], ylim[0]), np.ptp(xlim), np.ptp(ylim), fill=False, ls="--")
            )
        return self


def _edges(codes):
    """Return where most of each code lies, and around a dead code a range of 1."""
    low, high = np.percentile(codes, [1, 99], axis=0)
    dead = dead_codes(codes)
    return np.transpose([low - dead / 2, high + dead / 2])


def _centers(low, high, n):
    """Return the centers of n cells between two ends."""
    return low + (np.arange(n) + 0.5) * (high - low) / n
