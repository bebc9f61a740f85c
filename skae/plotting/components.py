"""Display of components, or of the response of the decoder to each latent code."""

import numpy as np
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._pipeline import find_latent, last_step
from skae.plotting.base import as_pictures, draw_lines, find_shape, flat, wrap


class ComponentsDisplay:
    """What each code stands for, as pictures or lines: one colour adds, the other takes away.

    A linear autoencoder has ``components_``, and so has PCA: a row is the mean plus codes times
    these. For other networks no picture holds everywhere. Drawn is the *response of the
    decoder* around the mean of the codes: half the difference between the row that is decoded one
    standard deviation above the mean of a code and the one decoded as far below, with the
    other codes at their means. All share one scale: a dead code is blank.

    The weights of a network's first layer, which many papers show, can be given as plain data, if
    it is an MLP: ``ComponentsDisplay(ae.module_.encoder[0].weight.detach().numpy())``. They tell
    what the layer looks for, not what a code stands for.

    Use :meth:`from_estimator` to create one.

    Parameters
    ----------
    components : array-like of shape (n_components, n_features)
        One row for each code.
    names : list of str or None, default=None
        Titles of the pictures; None counts the codes from 0.
    label : str, default="component"
        What the colours mean, written beside their scale.
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
    LatentReportDisplay : What each code is worth.

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
        """Draw the components of an estimator, or the response of its decoder.

        Parameters
        ----------
        ae : estimator
            A fitted transformer with ``components_``, such as PCA or an
            :class:`~skae.AutoencoderTransformer` with ``architecture=Linear()``, or with
            ``inverse_transform``; or a pipeline that ends in one. Components are those of the last
            step, in the units of the rows that it sees; responses are in the units of X.
        X : array-like of shape (n_samples, n_features) or None, default=None
            Rows whose codes give mean and standard deviation, such as the training rows; not
            needed for ``components_``.
        image_shape : tuple of int or None, default=None
            As above; None is the ``input_shape`` of the autoencoder's architecture, if it has one.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        **plot_kw : dict
            Passed to :meth:`plot`.

        Returns
        -------
        ComponentsDisplay
            Drawn.

        Raises
        ------
        ValueError
            If there are no ``components_`` and X is None.
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
        image_shape = find_shape(image_shape, components, ae)
        return cls(components, label=label, image_shape=image_shape).plot(ax, **plot_kw)

    def plot(self, ax=None, *, n_columns=8, cmap="RdBu_r"):
        """Draw the components.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        n_columns : int, default=8
            Components side by side; more go on below.
        cmap : str or matplotlib Colormap, default="RdBu_r"
            Colours of grey images; its middle is 0. Colour images are drawn in their own
            colours, with 0 as mid-grey.

        Returns
        -------
        ComponentsDisplay
            Itself.
        """
        pictures = as_pictures(self.components, self.image_shape)
        names = [str(i) for i in range(len(pictures))] if self.names is None else self.names
        check_consistent_length(pictures, names)
        largest = float(np.abs(pictures).max()) or 1.0  # all codes may be dead
        self.ax_, self.images_ = draw_lines(
            ax,
            wrap(pictures, n_columns),
            (-largest, largest),
            cmap,
            titles=wrap(names, n_columns),
        )
        self.figure_ = self.ax_.figure
        if pictures.ndim == 3:
            self.figure_.colorbar(self.images_[0][0], ax=self.ax_, label=self.label)
        return self


def _responses(ae, codes):
    """Return how decoded rows change with one standard deviation of each code."""
    middle, spread = codes.mean(axis=0), np.diag(codes.std(axis=0))
    ends = [middle + spread, middle - spread]
    if find_latent(ae).geometry == "sphere":  # the decoder was trained on such codes only
        ends = [normalize(each) for each in ends]
    above, below = (flat(ae.inverse_transform(each)) for each in ends)
    return (above - below) / 2
