"""Display of an interpolation between two samples."""

from skae.generation import interpolate
from skae.plotting.base import as_pictures, draw_lines, find_shape, limits_of


class InterpolationDisplay:
    """The way from one row to another: through the latent space, and below it through the data's.

    In the data space one image fades into the other. Where the codes have learnt the shape of the
    data, the pictures on the way through the latent space look like data.

    Use :meth:`from_estimator` to create one.

    Parameters
    ----------
    latent : array-like of shape (n_steps, n_features)
        Rows on the way through the latent space.
    data : array-like of shape (n_steps, n_features)
        Rows on the way through the data space.
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
        The two lines of pictures (``AxesImage``) or lines (``Line2D``).

    See Also
    --------
    skae.generation.interpolate : Computes these rows.

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
        """Interpolate between two rows and draw the way.

        Parameters
        ----------
        ae : estimator
            A fitted transformer with ``inverse_transform``, such as
            :class:`~skae.AutoencoderTransformer` or a pipeline that ends in one.
        x0 : array-like of shape (n_features,) or (1, n_features)
            The row to start from.
        x1 : array-like of shape (n_features,) or (1, n_features)
            The row to end at.
        n_steps : int, default=10
            Number of rows, both ends included, at least 2.
        image_shape : tuple of int or None, default=None
            As above; None is the ``input_shape`` of the autoencoder's architecture, if it has one.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Passed to :meth:`plot`.

        Returns
        -------
        InterpolationDisplay
            Drawn.
        """
        ways = [interpolate(ae, x0, x1, n_steps, space=space) for space in ("latent", "data")]
        return cls(*ways, image_shape=find_shape(image_shape, ways[0], ae)).plot(ax, **plot_kw)

    def plot(self, ax=None, *, cmap="gray_r"):
        """Draw the two ways.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of grey images. "gray_r" draws large values dark, "gray" bright.

        Returns
        -------
        InterpolationDisplay
            Itself.
        """
        latent, data = (as_pictures(rows, self.image_shape) for rows in (self.latent, self.data))
        self.ax_, self.images_ = draw_lines(
            ax,
            [latent, data],
            limits_of(data, latent),
            cmap,
            labels=["latent space", "data space"],
        )
        self.figure_ = self.ax_.figure
        return self
