"""Display of samples and their reconstructions."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._sklearn_compat import _safe_indexing
from skae.plotting.base import as_pictures, draw_lines, find_shape, limits_of, wrap


class ReconstructionDisplay:
    """Rows above what an autoencoder makes of them, with the corrupted rows in between.

    Rows with the shape of an image are drawn as pictures, grey or in colour, others as lines over
    their columns. All share one scale, so that what is darker, or higher, has a larger value:
    columns of very different size are seen best in standardized rows.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create one.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The originals.
    reconstructions : array-like of shape (n_samples, n_features), or dict of such
        What they became. A dict has several of these to compare, each below the one before and
        with its key as its name.
    corrupted : array-like of shape (n_samples, n_features) or None, default=None
        What the autoencoder was shown in their stead.
    image_shape : tuple of int or None, default=None
        Shape of the image that a row is: (height, width), or (channels, height, width) with 1
        or 3 channels. None, or a height or width of 1, draws lines.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        Its figure.
    images_ : list of list of artists
        From top to bottom, the pictures (``AxesImage``) or lines (``Line2D``) from left to
        right.

    See Also
    --------
    skae.inspection.reconstruction_error : The same in numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import ReconstructionDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(8, max_epochs=5, tol=None, random_state=0).fit(X)
    >>> display = ReconstructionDisplay.from_estimator(ae, X, n_rows=5, image_shape=(8, 8))
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['original', 'reconstruction']
    >>> [len(line) for line in display.images_]
    [5, 5]
    """

    def __init__(self, X, reconstructions, *, corrupted=None, image_shape=None):
        self.X = X
        self.reconstructions = reconstructions
        self.corrupted = corrupted
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls, ae, X, *, corrupted=None, n_rows=10, image_shape=None, ax=None, **plot_kw
    ):
        """Reconstruct rows and draw them.

        Parameters
        ----------
        ae : estimator
            A fitted transformer with ``inverse_transform``, such as
            :class:`~skae.AutoencoderTransformer` or a pipeline that ends in one.
        X : array-like of shape (n_samples, n_features)
            The originals.
        corrupted : array-like of shape (n_samples, n_features) or None, default=None
            The same rows with noise, say; the reconstructions are then made from these.
        n_rows : int or None, default=10
            How many rows are drawn, the first ones; None draws all.
        image_shape : tuple of int or None, default=None
            As above; None is the ``input_shape`` of the autoencoder's architecture, if it has one.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Passed to :meth:`plot`.

        Returns
        -------
        ReconstructionDisplay
            Drawn.
        """
        check_is_fitted(ae)
        image_shape = find_shape(image_shape, X, ae)
        X, corrupted = (_first(rows, n_rows) for rows in (X, corrupted))
        shown = X if corrupted is None else corrupted
        reconstructions = ae.inverse_transform(np.asarray(ae.transform(shown)))
        display = cls(X, reconstructions, corrupted=corrupted, image_shape=image_shape)
        return display.plot(ax, **plot_kw)

    @classmethod
    def from_predictions(
        cls,
        X,
        reconstructions,
        *,
        corrupted=None,
        n_rows=10,
        image_shape=None,
        ax=None,
        **plot_kw,
    ):
        """Draw rows above reconstructions of them that are at hand.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The originals.
        reconstructions : array-like of shape (n_samples, n_features), or dict of such
            What they became; a dict has several of these to compare, by their names.
        corrupted : array-like of shape (n_samples, n_features) or None, default=None
            What the reconstructions were made from.
        n_rows : int or None, default=10
            How many rows are drawn, the first ones; None draws all.
        image_shape : tuple of int or None, default=None
            As above; None is the shape of the rows of X, if they are images.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Passed to :meth:`plot`.

        Returns
        -------
        ReconstructionDisplay
            Drawn.
        """
        image_shape = find_shape(image_shape, X)
        reconstructions = {
            name: _first(rows, n_rows) for name, rows in _by_name(reconstructions).items()
        }
        X, corrupted = (_first(rows, n_rows) for rows in (X, corrupted))
        display = cls(X, reconstructions, corrupted=corrupted, image_shape=image_shape)
        return display.plot(ax, **plot_kw)

    def plot(self, ax=None, *, n_columns=10, cmap="gray_r"):
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        n_columns : int, default=10
            Rows side by side; more go on below.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of grey images. "gray_r" draws large values dark, "gray" bright.

        Returns
        -------
        ReconstructionDisplay
            Itself.
        """
        parts = {
            "original": self.X,
            "corrupted": self.corrupted,
            **_by_name(self.reconstructions),
        }
        parts = {
            name: as_pictures(rows, self.image_shape)
            for name, rows in parts.items()
            if rows is not None
        }
        if len({pictures.shape for pictures in parts.values()}) > 1:
            shapes = {name: pictures.shape for name, pictures in parts.items()}
            raise ValueError(f"All rows must have one shape, got {shapes}.")
        lines = [
            line for block in zip(*(wrap(p, n_columns) for p in parts.values())) for line in block
        ]
        self.ax_, self.images_ = draw_lines(
            ax,
            lines,
            limits_of(*parts.values()),
            cmap,
            labels=list(parts) * (len(lines) // len(parts)),
            n_in_group=len(parts),
        )
        self.figure_ = self.ax_.figure
        return self


def _first(rows, n_rows):
    """Return the first rows of an array or data frame, or all; None stays None."""
    if rows is None or n_rows is None:
        return rows
    return _safe_indexing(rows, slice(n_rows))


def _by_name(reconstructions):
    """Return reconstructions as a dict."""
    if isinstance(reconstructions, dict):
        return reconstructions
    return {"reconstruction": reconstructions}
