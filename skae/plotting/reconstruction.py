"""ReconstructionDisplay: samples above their reconstructions."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skae._sklearn_compat import safe_indexing
from skae.plotting.base import (
    as_images,
    draw_image_rows,
    find_image_shape,
    find_value_range,
    split_into_rows,
)


class ReconstructionDisplay:
    """Samples above their reconstructions, optionally with the corrupted input in between.

    Samples that are images are drawn as images, in greyscale or in colour. Others are drawn as line
    plots over the features. All share one scale, so that a darker pixel or a higher point is a
    larger value. If the features have very different scales, plot standardized samples.

    Use :meth:`from_estimator` or :meth:`from_predictions` to create a Display.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Original samples.
    reconstructions : array-like of shape (n_samples, n_features), or dict of such
        Their reconstructions. A dict compares several reconstructions, which are drawn below each
        other and labelled with the keys.
    corrupted : array-like of shape (n_samples, n_features) or None, default=None
        The corrupted samples from which the reconstructions were computed.
    image_shape : tuple of int or None, default=None
        Shape of a sample as an image: (height, width), or (channels, height, width) with 1 or 3
        channels. If None, or if the height or width is 1, samples are drawn as line plots.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The Axes of the plot.
    figure_ : matplotlib Figure
        The figure of the plot.
    images_ : list of list of artists
        The images (``AxesImage``) or line plots (``Line2D``) of each row of the plot, from top to
        bottom and from left to right.

    See Also
    --------
    skae.inspection.reconstruction_error : Reconstruction errors of samples and values.

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
        """Reconstruct samples and plot them.

        Parameters
        ----------
        ae : estimator
            A fitted transformer with ``inverse_transform``, such as
            :class:`~skae.AutoencoderTransformer` or a Pipeline that ends in one.
        X : array-like of shape (n_samples, n_features)
            Original samples.
        corrupted : array-like of shape (n_samples, n_features) or None, default=None
            The same samples after a corruption, such as noise. The reconstructions are then
            computed from these.
        n_rows : int or None, default=10
            Number of samples to plot, starting with the first. None plots all.
        image_shape : tuple of int or None, default=None
            Shape of a sample as an image, as above. If None, the shape of the samples of X or, if
            they are vectors, the ``input_shape_`` of the autoencoder, if it has one.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.
        **plot_kw : dict
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        ReconstructionDisplay
            The plotted Display.
        """
        check_is_fitted(ae)
        image_shape = find_image_shape(image_shape, X, ae)
        X, corrupted = (_first(rows, n_rows) for rows in (X, corrupted))
        inputs = X if corrupted is None else corrupted
        reconstructions = ae.inverse_transform(np.asarray(ae.transform(inputs)))
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
        """Plot samples above their given reconstructions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Original samples.
        reconstructions : array-like of shape (n_samples, n_features), or dict of such
            Their reconstructions; a dict compares several, with their names as keys.
        corrupted : array-like of shape (n_samples, n_features) or None, default=None
            The corrupted samples from which the reconstructions were computed.
        n_rows : int or None, default=10
            Number of samples to plot, starting with the first. None plots all.
        image_shape : tuple of int or None, default=None
            Shape of a sample as an image, as above. If None, the shape of the samples of X, if
            they are images.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.
        **plot_kw : dict
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        ReconstructionDisplay
            The plotted Display.
        """
        image_shape = find_image_shape(image_shape, X)
        reconstructions = {
            name: _first(rows, n_rows) for name, rows in _as_dict(reconstructions).items()
        }
        X, corrupted = (_first(rows, n_rows) for rows in (X, corrupted))
        display = cls(X, reconstructions, corrupted=corrupted, image_shape=image_shape)
        return display.plot(ax, **plot_kw)

    def plot(self, ax=None, *, n_columns=10, cmap="gray_r"):
        """Plot the samples.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.
        n_columns : int, default=10
            Number of samples next to each other; the others continue below.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colour map of greyscale images. "gray_r" draws large values dark, "gray" bright.

        Returns
        -------
        ReconstructionDisplay
            The Display itself.
        """
        samples = {
            "original": self.X,
            "corrupted": self.corrupted,
            **_as_dict(self.reconstructions),
        }
        images = {
            name: as_images(X, self.image_shape) for name, X in samples.items() if X is not None
        }
        if len({each.shape for each in images.values()}) > 1:
            shapes = {name: each.shape for name, each in images.items()}
            raise ValueError(f"All rows must have one shape, got {shapes}.")
        groups = zip(*(split_into_rows(each, n_columns) for each in images.values()))
        rows = [row for group in groups for row in group]
        self.ax_, self.images_ = draw_image_rows(
            ax,
            rows,
            find_value_range(*images.values()),
            cmap,
            labels=list(images) * (len(rows) // len(images)),
            n_in_group=len(images),
        )
        self.figure_ = self.ax_.figure
        return self


def _first(X, n_rows):
    """Return the first samples of an array or data frame; all if n_rows is None."""
    if X is None or n_rows is None:
        return X
    return safe_indexing(X, slice(n_rows))


def _as_dict(reconstructions):
    """Return reconstructions as a dict from names to samples."""
    if isinstance(reconstructions, dict):
        return reconstructions
    return {"reconstruction": reconstructions}
