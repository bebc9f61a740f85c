"""InterpolationDisplay: interpolation in the latent space and in the data space."""

from skae.generation import interpolate
from skae.plotting.base import as_images, draw_image_rows, find_image_shape, find_value_range


class InterpolationDisplay:
    """Interpolation between two samples: in the latent space, and below it in the data space.

    In the data space, images are cross-faded. If the decoder has learned the structure of the data,
    the samples interpolated in the latent space resemble the data.

    Use :meth:`from_estimator` to create a Display.

    Parameters
    ----------
    latent : array-like of shape (n_steps, n_features)
        Samples interpolated in the latent space.
    data : array-like of shape (n_steps, n_features)
        Samples interpolated in the data space.
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
        The images (``AxesImage``) or line plots (``Line2D``) of the two rows of the plot.

    See Also
    --------
    skae.generation.interpolate : Computes these samples.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import InterpolationDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(8, max_epochs=5, tol=None, random_state=0).fit(X)
    >>> display = InterpolationDisplay.from_estimator(ae, X[0], X[1], image_shape=(8, 8))
    >>> [len(line) for line in display.images_]
    [10, 10]
    """

    def __init__(self, latent, data, *, image_shape=None):
        self.latent = latent
        self.data = data
        self.image_shape = image_shape

    @classmethod
    def from_estimator(cls, ae, x0, x1, *, n_steps=10, image_shape=None, ax=None, **plot_kw):
        """Interpolate between two samples and plot the result.

        Parameters
        ----------
        ae : estimator
            A fitted transformer with ``inverse_transform``, such as
            :class:`~skae.AutoencoderTransformer` or a Pipeline that ends in one.
        x0 : array-like of shape (n_features,) or (1, n_features)
            The first sample.
        x1 : array-like of shape (n_features,) or (1, n_features)
            The last sample.
        n_steps : int, default=10
            Number of samples, including both ends; at least 2.
        image_shape : tuple of int or None, default=None
            Shape of a sample as an image, as above. If None, the ``input_shape_`` of the
            autoencoder, if it has one.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.
        **plot_kw : dict
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        InterpolationDisplay
            The plotted Display.
        """
        paths = [interpolate(ae, x0, x1, n_steps, space=space) for space in ("latent", "data")]
        image_shape = find_image_shape(image_shape, paths[0], ae)
        return cls(*paths, image_shape=image_shape).plot(ax, **plot_kw)

    def plot(self, ax=None, *, cmap="gray_r"):
        """Plot the two interpolations.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colour map of greyscale images. "gray_r" draws large values dark, "gray" bright.

        Returns
        -------
        InterpolationDisplay
            The Display itself.
        """
        latent, data = (as_images(X, self.image_shape) for X in (self.latent, self.data))
        self.ax_, self.images_ = draw_image_rows(
            ax,
            [latent, data],
            find_value_range(data, latent),
            cmap,
            labels=["latent space", "data space"],
        )
        self.figure_ = self.ax_.figure
        return self
