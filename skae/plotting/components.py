"""ComponentsDisplay: components, or the response of a decoder to each latent code."""

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._latent_geometry import is_spherical, normalize
from skae._pipeline import last_step
from skae.plotting.base import (
    as_images,
    draw_image_rows,
    find_image_shape,
    flatten,
    split_into_rows,
)


class ComponentsDisplay:
    """Contribution of each latent code to the samples, as images or line plots.

    A linear autoencoder and PCA have ``components_``: a reconstruction is the mean plus the latent
    codes times the components. For other autoencoders, the contribution of a code depends on the
    values of all codes. The Display then shows the *response of the decoder* around the mean of the
    codes: half the difference between the samples decoded from one standard deviation above and
    below the mean of a code, with all other codes at their means. All plots share one scale: the
    plot of a dead code is blank.

    The weights of the first layer of an MLP, which many papers show, can be passed as an array:
    ``ComponentsDisplay(ae.module_.encoder[0].weight.detach().numpy())``. They show the patterns to
    which the units of this layer respond, not the contribution of a latent code.

    Use :meth:`from_estimator` to create a Display.

    Parameters
    ----------
    components : array-like of shape (n_components, n_features)
        Contribution of each code.
    names : list of str or None, default=None
        Titles of the images. None uses the indices of the codes.
    label : str, default="component"
        Label of the colour bar.
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
    LatentReportDisplay : Decrease of R² without each code.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.plotting import ComponentsDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(4, max_epochs=5, tol=None, random_state=0).fit(X)
    >>> display = ComponentsDisplay.from_estimator(ae, X, image_shape=(8, 8))
    >>> display.components.shape
    (4, 64)
    """

    def __init__(self, components, *, names=None, label="component", image_shape=None):
        self.components = components
        self.names = names
        self.label = label
        self.image_shape = image_shape

    @classmethod
    def from_estimator(cls, ae, X=None, *, image_shape=None, ax=None, **plot_kw):
        """Plot the components of an estimator, or the response of its decoder.

        Parameters
        ----------
        ae : estimator
            A fitted transformer, or a Pipeline that ends in one. If it has ``components_``, as PCA
            and an :class:`~skae.AutoencoderTransformer` with ``architecture=Linear()`` have, these
            are plotted, in the units of the input of the last step. Otherwise it needs
            ``inverse_transform``, and the response is plotted in the units of X.
        X : array-like of shape (n_samples, n_features) or None, default=None
            Samples that determine the mean and the standard deviation of the codes, such as the
            training data. Not needed for ``components_``.
        image_shape : tuple of int or None, default=None
            Shape of a sample as an image, as above. If None, the ``input_shape_`` of the
            autoencoder, if it has one.
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.
        **plot_kw : dict
            Keyword arguments of :meth:`plot`.

        Returns
        -------
        ComponentsDisplay
            The plotted Display.

        Raises
        ------
        ValueError
            If the estimator has no ``components_`` and X is None.
        """
        check_is_fitted(ae)
        components = getattr(last_step(ae), "components_", None)
        if components is None and X is None:
            raise ValueError(
                "X=None is for estimators with components_ only, and "
                f"{type(last_step(ae)).__name__} has none here: pass rows, such as those it was "
                "trained on, for the response of the decoder around their codes."
            )
        label = "component"
        if components is None:
            components, label = _responses(ae, np.asarray(ae.transform(X))), "response"
        image_shape = find_image_shape(image_shape, components, ae)
        return cls(components, label=label, image_shape=image_shape).plot(ax, **plot_kw)

    def plot(self, ax=None, *, n_columns=8, cmap="RdBu_r"):
        """Plot the components.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to plot on. None creates a new figure.
        n_columns : int, default=8
            Number of components next to each other; the others continue below.
        cmap : str or matplotlib Colormap, default="RdBu_r"
            Colour map of greyscale images, centred at 0. In colour images, 0 is medium grey.

        Returns
        -------
        ComponentsDisplay
            The Display itself.
        """
        images = as_images(self.components, self.image_shape)
        names = [str(i) for i in range(len(images))] if self.names is None else self.names
        check_consistent_length(images, names)
        largest = float(np.abs(images).max()) or 1.0  # 0 if all codes are dead
        self.ax_, self.images_ = draw_image_rows(
            ax,
            split_into_rows(images, n_columns),
            (-largest, largest),
            cmap,
            titles=split_into_rows(names, n_columns),
        )
        self.figure_ = self.ax_.figure
        if images.ndim == 3:
            self.figure_.colorbar(self.images_[0][0], ax=self.ax_, label=self.label)
        return self


def _responses(ae, codes):
    """Return the change of the decoded samples per standard deviation of each code."""
    mean, std = codes.mean(axis=0), np.diag(codes.std(axis=0))
    ends = [mean + std, mean - std]
    if is_spherical(ae):  # the decoder is trained on codes of norm 1 only
        ends = [normalize(each) for each in ends]
    above, below = (flatten(ae.inverse_transform(each)) for each in ends)
    return (above - below) / 2
