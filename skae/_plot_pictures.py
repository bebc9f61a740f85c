"""Displays that show rows themselves: reconstructions, ways between rows, components."""

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._plot_base import as_pictures, draw_lines, find_shape, flat, limits_of, wrap
from skae.generation import _last_step, _latent, _normalize, interpolate


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
        components = getattr(_last_step(ae), "components_", None)
        if components is None and X is None:
            raise ValueError(
                "X=None is for estimators with components_ only, and "
                f"{type(_last_step(ae)).__name__} has none here: pass rows, such as those it was "
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


def _responses(ae, codes):
    """Return how decoded rows change with one standard deviation of each code."""
    middle, spread = codes.mean(axis=0), np.diag(codes.std(axis=0))
    ends = [middle + spread, middle - spread]
    if _latent(ae) == "sphere":  # the decoder knows no other codes
        ends = [_normalize(each) for each in ends]
    above, below = (flat(ae.inverse_transform(each)) for each in ends)
    return (above - below) / 2
