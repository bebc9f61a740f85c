"""AutoencoderTransformer: an autoencoder with the interface of PCA."""

import html
import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
from scipy.special import expit
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skae import _autoencoder_net, _linear, _net, _progress, _rows, _runtime, _training, _weights
from skae._choices import (
    check_objective,
    may_use_standard_units,
    resolve_architecture,
    resolve_n_components,
)
from skae._codes import dead_codes, name_codes
from skae._distributed import current_group
from skae._files import take
from skae._moments import (
    blocks_of,
    check_no_overflow,
    check_rows,
    check_weight,
    limits_of,
    mean_of,
    n_directions,
    over_ranks,
    rounding_of,
    sample_of,
    spread_of,
    variances_of,
)
from skae.architectures import MLP, Conv, Linear, Recurrent, build_module
from skae.losses import CORRUPTIONS
from skae.modules import LATENTS, LinearAutoencoder, MLPAutoencoder, keeps_units

__all__ = ["AutoencoderTransformer"]

#: Parameters that say how to train: a change of them needs no other network.
SETTINGS = (
    "corruption",
    "corruption_level",
    "penalty",
    "alpha",
    "alpha_warmup",
    "target_activation",
    "optimizer",
    "lr",
    "weight_decay",
    "batch_size",
    "callbacks",
    "device",
    "precision",
)

#: Those of them that say what to minimise.
OBJECTIVE = SETTINGS[:6]


class AutoencoderTransformer(
    _progress.CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Nonlinear dimensionality reduction by an autoencoder.

    An encoder network maps each row to ``n_components`` codes, a decoder network maps the codes
    back, and both are trained so that the way there and back changes the rows least
    (Rumelhart et al., 1986; Hinton & Salakhutdinov, 2006). ``transform`` gives the codes,
    ``inverse_transform`` the way back: the interface of
    :class:`~sklearn.decomposition.PCA`, which is the best linear such map.

    Rows need no scaling for training to work: the network sees them centred and divided
    by one number. Columns of large variance dominate the squared error, as they
    do in PCA; put a :class:`~sklearn.preprocessing.StandardScaler` in front where columns
    should count alike.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of codes, at least 1. More codes reconstruct better and compress less. "auto" is
        half the number of features, between 1 and 32.
    architecture : None, skae.architectures object or callable, default=None
        The network: an object of :mod:`skae.architectures`, or any callable ``(n_features,
        n_components) -> torch.nn.Module`` with methods ``encode`` and ``decode``. None is
        ``MLP()``: one hidden layer of 256 ReLU units on either side.
    latent : {"euclidean", "ordered", "sphere", "gaussian"}, default="euclidean"
        What codes are: free numbers; free numbers in order of importance, because training hides
        all but the first k of each row's, for every k in turn (nested dropout; Rippel et al.,
        2014), so that the first k codes, with the others set to 0, do for each k; points
        of the unit sphere, for which the encoder gives the direction; or means of normal
        distributions, of which training draws (a variational autoencoder; Kingma & Welling,
        2014). All but the first need an object of :mod:`skae.architectures`.
    loss : {"mse", "mae", "huber", "bce"} or callable, default="mse"
        What training minimises: mean squared error; mean absolute error, where outlying
        values should count less; Huber's loss (Huber, 1964), quadratic up to one standard
        deviation of X and linear beyond; or binary cross-entropy for X in [0, 1], for which the
        decoder gives logits and ``inverse_transform`` their sigmoid. A callable
        ``loss(output, target)`` takes and returns torch tensors, one value per element.
    corruption : {"gaussian", "masking", "salt_pepper"}, callable or None, default=None
        What the network is shown in training, instead of the rows that it is to give
        (denoising; Vincent et al., 2008), drawn anew for each batch: rows with normal noise;
        with elements set to 0; with elements set to the batch's largest or smallest
        value. This is done in the network's units: centred and divided by the standard
        deviation of X for "mse", "mae" and "huber" with a free output of an architecture
        of skae, those of X for others. A callable
        ``corruption(X, generator)`` takes a tensor in the units of X and a ``torch.Generator``
        and returns a tensor of the same shape.
    corruption_level : float, default=0.2
        Standard deviation of the noise, or probability for an element to be set. More
        makes codes rely on more of the columns together.
    penalty : {"l1", "kl", "contractive"} or None, default=None
        What is added to the loss, ``alpha`` times: the sum of the absolute codes; the
        divergence of each code's mean from ``target_activation`` (Ng, 2011), for codes in (0, 1)
        as ``latent_activation="sigmoid"`` gives them; or the squared Frobenius norm of the
        codes' derivatives by the network's input (Rifai et al., 2011).
    alpha : float, default=1e-3
        Weight of the penalty beside the loss, which is a mean over columns. For
        ``latent="gaussian"``, weight of the divergence from the standard normal distribution,
        summed over codes: the beta of Higgins et al. (2017), divided by the number of
        columns. Larger makes codes sparser, flatter or more normal, and reconstructions worse.
    alpha_warmup : int, default=0
        Epochs over which ``alpha`` grows from 0 to its value, counted anew in each ``fit``;
        ``partial_fit`` counts chunks. Longer lets a variational code come to use before it is
        pressed.
    target_activation : float, default=0.05
        Mean of each code that ``penalty="kl"`` asks for, in (0, 1).
    pretrain : {"layerwise"} or None, default=None
        Whether ``fit`` first trains each layer with its mirror image by itself, on the
        codes of the layer before (Bengio et al., 2007), for ``max_epochs`` each. For
        :class:`~skae.architectures.MLP`.
    optimizer : {"adam", "adamw", "sgd", "lbfgs"} or torch optimiser class, default="adam"
        How weights are updated. "sgd" has Nesterov momentum of 0.9. "lbfgs" takes all rows
        at once, up to 20 iterations per epoch, with a line search in place of ``lr``: precise on
        small data. A class such as ``torch.optim.RMSprop`` is called with the weights
        and ``lr``.
    lr : float, default=3e-3
        Learning rate, positive. Larger learns faster until training becomes unstable.
    weight_decay : float or None, default=None
        Pull of all weights towards 0, as the optimiser takes it. None is the optimiser's
        own: 0.01 for "adamw", 0 for others. Larger regularises more.
    batch_size : int or "auto", default="auto"
        Rows per step of the optimiser, at least 1. Larger batches are faster per row and take
        fewer steps per epoch. "auto" is 64, and from 16,384 rows on as many as make 256 steps an
        epoch, up to 256.
    max_epochs : int or "auto", default="auto"
        Largest number of passes over the rows. "auto" is at least 10 passes and at least
        1,500 steps.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their loss no longer improves, and keep
        the weights that were best on them.
    validation_fraction : float, default=0.1
        Share of the rows to hold out for ``early_stopping``, in (0, 1).
    n_iter_no_change : int, default=5
        Epochs in a row without progress after which training ends, at least 1.
    tol : float or None, default=1e-4
        Progress is a loss below ``1 - tol`` times the best one so far. Larger stops earlier;
        None trains for ``max_epochs`` whatever happens. For "lbfgs", whose loss has no noise of
        batches, a thousandth of it.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the fit before: as many passes as it takes,
        shuffled, with a fresh optimiser. ``partial_fit`` always goes on, for one pass, and keeps
        the optimiser.
    callbacks : list of skorch callbacks or None, default=None
        For schedules of the learning rate, clipping of gradients, logs and the like
        (:mod:`skorch.callbacks`). Copies of them hear of the training; they are found in
        ``net_.callbacks_``.
    device : str, default="auto"
        Where to compute: "cpu", "cuda", "cuda:1", "mps". "auto" takes a GPU if there is one and
        X is float32, else the CPU.
    precision : {"full", "bf16"}, default="full"
        "bf16" lets training compute products of matrices in bfloat16 and keep weights and
        sums in float32 (mixed precision; Micikevicius et al., 2018): faster for large layers on
        a processor that has units for it. It needs float32 rows. Codes and reconstructions are
        computed in full precision.
    random_state : int, RandomState instance or None, default=None
        Decides initial weights, order of rows, held-out rows, dropout, corruption and
        variational codes. Pass an int for the same result on each call of ``fit``.
    verbose : int, default=0
        1 shows a progress line on standard error.

    Attributes
    ----------
    n_components_ : int
        Number of codes.
    mean_ : ndarray of shape (n_features,)
        Mean of the rows seen in training, which ``score`` compares with.
    module_ : torch.nn.Module
        The trained network, in evaluation mode.
    net_ : skorch.NeuralNet
        The net that trained it, with its optimiser and history.
    loss_curve_ : ndarray of shape (`n_iter_`,)
        Mean of what training minimised in each epoch, penalty included, in the units of X.
    validation_curve_ : ndarray of shape (`n_iter_`,) or None
        Mean loss of the held-out rows after each epoch; None without ``early_stopping``.
    components_ : ndarray of shape (n_components, n_features)
        Only with ``architecture=Linear()``, euclidean codes, no penalty and a loss other than
        "bce": orthonormal axes of the
        plane of the reconstructions, by falling variance, each with its largest element
        positive. With squared error and at its optimum, these are PCA's, the codes are PCA's
        scores, and ``inverse_transform`` is ``mean_ + codes @ components_``. With another loss
        the plane is another one.
    explained_variance_ : ndarray of shape (n_components,)
        With ``components_``: variance of the reconstructions along each axis, over the rows
        of ``fit`` or the last chunk of ``partial_fit``, with n - 1 in the denominator, where n is
        the sum of ``sample_weight``.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        With ``components_``: the same as shares of the variance of X.
    best_loss_ : float
        Lowest value of the validation curve, or of the loss curve if there is none; epochs of
        ``alpha_warmup`` do not count, unless there are no others.
    n_iter_ : int
        Number of epochs trained.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during fit, where X has names that are all strings.

    See Also
    --------
    sklearn.decomposition.PCA : The best linear reconstruction, without training.

    Notes
    -----
    Computation is in float32 for float32 rows, which is about twice as fast, and in float64 for
    all others. Pickles hold parameters and NumPy arrays; the optimiser's state stays behind.

    References
    ----------
    Rumelhart, Hinton & Williams (1986), "Learning internal representations by error
    propagation", in *Parallel Distributed Processing*, vol. 1.

    Hinton & Salakhutdinov (2006), "Reducing the dimensionality of data with neural
    networks", *Science* 313.

    Bengio, Lamblin, Popovici & Larochelle (2007), "Greedy layer-wise training of deep networks",
    *NeurIPS*.

    Vincent, Larochelle, Bengio & Manzagol (2008), "Extracting and composing robust features with
    denoising autoencoders", *ICML*.

    Rifai, Vincent, Muller, Glorot & Bengio (2011), "Contractive auto-encoders: explicit
    invariance during feature extraction", *ICML*.

    Ng (2011), "Sparse autoencoder", CS294A lecture notes, Stanford University.

    Rippel, Gelbart & Adams (2014), "Learning ordered representations with nested dropout", *ICML*.

    Kingma & Welling (2014), "Auto-encoding variational Bayes", *ICLR*.

    Micikevicius et al. (2018), "Mixed precision training", *ICLR*.

    Higgins et al. (2017), "beta-VAE: learning basic visual concepts with a constrained
    variational framework", *ICLR*.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from skae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> ae = AutoencoderTransformer(n_components=8, random_state=0).fit(X)
    >>> ae.transform(X).shape
    (1797, 8)
    >>> pca = PCA(n_components=8).fit(X)
    >>> print(f"{ae.score(X):.1f} beside {pca.explained_variance_ratio_.sum():.1f}")
    0.9 beside 0.7
    """

    _parameter_constraints: dict = {
        **_training.CONSTRAINTS,
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "architecture": [None, HasMethods("build"), callable],
        "latent": [StrOptions(set(LATENTS))],
        "loss": [str, callable],
        "corruption": [StrOptions(set(CORRUPTIONS)), callable, None],
        "corruption_level": [Interval(Real, 0, None, closed="left")],
        "penalty": [StrOptions({"l1", "kl", "contractive"}), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "alpha_warmup": [Interval(Integral, 0, None, closed="left")],
        "target_activation": [Interval(Real, 0, 1, closed="neither")],
        "pretrain": [StrOptions({"layerwise"}), None],
        "weight_decay": [Interval(Real, 0, None, closed="left"), None],
        "early_stopping": ["boolean"],
        "precision": [StrOptions({"full", "bf16"})],
    }

    def __init__(
        self,
        n_components="auto",
        *,
        architecture=None,
        latent="euclidean",
        loss="mse",
        corruption=None,
        corruption_level=0.2,
        penalty=None,
        alpha=1e-3,
        alpha_warmup=0,
        target_activation=0.05,
        pretrain=None,
        optimizer="adam",
        lr=3e-3,
        weight_decay=None,
        batch_size="auto",
        max_epochs="auto",
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        tol=1e-4,
        warm_start=False,
        callbacks=None,
        device="auto",
        precision="full",
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.architecture = architecture
        self.latent = latent
        self.loss = loss
        self.corruption = corruption
        self.corruption_level = corruption_level
        self.penalty = penalty
        self.alpha = alpha
        self.alpha_warmup = alpha_warmup
        self.target_activation = target_activation
        self.pretrain = pretrain
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params):
        """Set parameters, those of the architecture too (``architecture__dropout``).

        Parameters
        ----------
        **params : dict
            Names and values. With ``architecture=None``, nested names are those of
            :class:`~skae.architectures.MLP`, which None stands for.

        Returns
        -------
        self : AutoencoderTransformer
            This estimator.
        """
        nested = any(name.startswith("architecture__") for name in params)
        if nested and params.get("architecture", self.architecture) is None:
            params = {**params, "architecture": MLP()}
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Train the autoencoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to learn to reconstruct.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each row in the loss, not negative: 2 counts as two such rows, 0 as
            if the row were absent.

        Returns
        -------
        self : AutoencoderTransformer
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, the weights or a parameter break the rules above, or if the loss stops being
            finite. The estimator is then as it was before.
        """
        with _training.unchanged_on_error(self):
            converged, some_rows, codes = self._fit(X, y, sample_weight)
        if current_group().rank > 0:  # one process speaks for all
            return self
        if not converged and self.tol is not None and self.max_epochs != "auto":
            warnings.warn(
                f"max_epochs={self.max_epochs} reached and the loss still improves by more than "
                f"tol={self.tol} of itself per epoch. Increase max_epochs, or pass tol=None to "
                "train for a fixed number of epochs.",
                ConvergenceWarning,
                stacklevel=3,  # past the decorator
            )
        self._warn_of_dead_codes(some_rows, codes)
        return self

    @_progress.with_callbacks
    def _fit(self, X, y, sample_weight):
        """Return whether training ended by itself, and some of the rows with their codes."""
        continues = self.warm_start and hasattr(self, "net_")
        X, weight, total = self._check_training_rows(X, sample_weight, reset=not continues)
        mean = over_ranks(mean_of(X, weight), X, weight)
        if continues:
            check_objective(self)
            self._check_same_network()
            self._settings = self._resolve_settings(len(X))
            self._renew_net()
        else:
            self._start(X, mean, weight)
        self.mean_, self._weight_seen = mean, total
        rows, valid = _rows.make_rows(X, weight, shuffle=True), None
        if self.early_stopping:
            # Not the net's generator: with the same seed, the same rows are held out again.
            generator = _runtime.make_generator(self._settings["seed"])
            with current_group().together():
                rows, valid = _rows.split_rows(rows, self.validation_fraction, generator)
        if self.pretrain is not None and not continues:
            self._pretrain(rows, valid)
        stopping = self._stopping(rows, self.net_)
        task = _progress.begin_fit(self, stopping.max_epochs, X, y, weight)
        converged = self._train(rows, valid, stopping, task)
        self._find_principal_axes(X, weight, total)
        if task is not None:
            task.end()
        some_rows = take(X, sample_of(X, weight))
        return converged, some_rows, self.net_.apply("encode", some_rows)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one pass over a chunk of rows, in their order.

        The first chunk decides the network's units (centre and scale), so it should be typical.
        ``max_epochs``, ``tol``, ``early_stopping`` and ``pretrain`` are for ``fit``. A changed
        parameter of the optimiser, the corruption or the penalty counts from the next chunk on,
        with a fresh optimiser. After ``fit``, and after loading, it goes on from the weights there
        are. To pass over the same rows again until they are learned, use ``fit`` with
        ``warm_start=True`` instead.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The chunk.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each row, as in ``fit``.

        Returns
        -------
        self : AutoencoderTransformer
            The fitted estimator.

        Raises
        ------
        ValueError
            As ``fit`` does.
        """
        with _training.unchanged_on_error(self):
            first = not hasattr(self, "net_")
            X, weight, total = self._check_training_rows(X, sample_weight, reset=first)
            mean = over_ranks(mean_of(X, weight), X, weight)
            if first:
                self._start(X, mean, weight)
                self.mean_, self._weight_seen = mean, 0.0
            else:
                check_objective(self)
                self._check_same_network()
                _training.follow_settings(self, SETTINGS)
            rows = _rows.make_rows(X, weight)
            self._train(rows, None, self._stopping(rows, self.net_, max_epochs=1))
            self._weight_seen += total
            self.mean_ = self.mean_ + (mean - self.mean_) * (total / self._weight_seen)
            self._find_principal_axes(X, weight, total)
        return self

    def transform(self, X):
        """Return the codes of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to encode.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The codes, float32 for float32 rows and float64 for others; the same at each call.
        """
        check_is_fitted(self)
        return self.net_.apply("encode", self._check_rows(X))

    def inverse_transform(self, X):
        """Return the rows that codes stand for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Rows in the units of the training data; in [0, 1] for ``loss="bce"``.

        Raises
        ------
        ValueError
            If the number of columns is not ``n_components_``.
        """
        check_is_fitted(self)
        codes = _runtime.as_array(X)
        codes = check_array(codes, dtype=[np.float64, np.float32], order="C", input_name="X")
        if codes.shape[1] != self.n_components_:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but inverse_transform takes codes, as transform "
                f"gives them: n_components_={self.n_components_} columns."
            )
        return self._decode(codes)

    def reconstruct(self, X):
        """Return what is left of rows after the way there and back.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            ``inverse_transform(transform(X))``.
        """
        check_is_fitted(self)
        return self._reconstruct(self._check_rows(X))

    def score(self, X, y=None, sample_weight=None):
        """Return R² of the reconstruction over all elements.

        ``1 - SSE / SST``: the squared error of the reconstruction, against that of predicting
        the mean of the training rows. It is the number to which
        ``explained_variance_ratio_`` of a :class:`~sklearn.decomposition.PCA` sums up.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each row in both sums.

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean, higher is better. Where SST is 0, 1 for a
            perfect reconstruction and 0 for any other.
        """
        check_is_fitted(self)
        X = self._check_rows(X)
        weight = check_weight(sample_weight, X)
        errors, total = self._squared_errors(X), variances_of(X, self.mean_, weight).sum()
        with np.errstate(over="ignore"):  # is an error below
            mse = np.average(errors, weights=weight)
        check_no_overflow(mse, X)
        if total >= np.finfo(np.float64).tiny:  # less has lost its digits
            return float(1 - mse / total)
        return float(mse <= rounding_of(self.mean_, X).sum())

    def score_samples(self, X):
        """Return minus the mean squared error of each row: lower is more abnormal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            At most 0, in squared units of X.
        """
        check_is_fitted(self)
        X = self._check_rows(X)
        return -self._squared_errors(X) / X.shape[1]

    def summary(self):
        """Return a table of the trained network's layers.

        Notebooks show it below the estimator's parameters.

        Returns
        -------
        str
            For each layer, in the order of computation: "encode" or "decode", its kind, the
            shape of its output for one row, and its number of weights; then their total.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skae import AutoencoderTransformer
        >>> X, _ = load_iris(return_X_y=True)
        >>> ae = AutoencoderTransformer(n_components=2, max_epochs=5, tol=None).fit(X)
        >>> print(ae.summary())
        part    layer   output  weights
        encode  Linear  256       1,280
        encode  ReLU    256           0
        encode  Linear  2           514
        decode  Linear  256         768
        decode  ReLU    256           0
        decode  Linear  4         1,028
                total             3,590
        """
        check_is_fitted(self)
        return _autoencoder_net.summarize(self.net_)

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle and hasattr(self, "net_"):
            bundle["text/html"] += f"<pre>{html.escape(self.summary())}</pre>"
        return bundle

    def _decode(self, codes):
        output = self.net_.apply("decode", codes)
        return expit(output, out=output) if self._loss == "bce" else output

    def _reconstruct(self, X):
        return self._decode(self.net_.apply("encode", X))

    def _squared_errors(self, X):
        """Return the squared error of each row, summed over columns, block by block."""
        errors = np.empty(len(X))
        for block in blocks_of(X):
            output = self._reconstruct(X[block])
            with np.errstate(over="ignore"):  # is an error below
                difference = X[block].astype(np.float64) - output
                errors[block] = np.einsum("ij,ij->i", difference, difference)
        check_no_overflow(errors.max(), X)
        return errors

    def _check_rows(self, X, reset=False):
        """Return X as a C-contiguous array of float32 or float64 with the right columns."""
        X = self._flatten(X)
        return check_rows(self, X, reset)

    def _flatten(self, X):
        """Return images or sequences of the architecture's ``input_shape`` as rows."""
        X = _runtime.as_array(X)
        shape = getattr(self.architecture, "input_shape", None)
        if shape is not None and getattr(X, "ndim", 2) == len(shape) + 1:
            if any(size not in (-1, found) for size, found in zip(shape, X.shape[1:])):
                raise ValueError(
                    f"X has rows of shape {X.shape[1:]}, but input_shape={shape}: pass rows of "
                    "that shape or flat rows."
                )
            X = X.reshape(len(X), -1)
        return X

    def _check_training_rows(self, X, sample_weight, reset):
        """Return rows, their weights (None or at most 1) and the sum of weights as given."""
        group = current_group()
        with group.together():
            X, weight = self._check_own_rows(X, sample_weight, reset)
        if group.size > 1:
            self._check_alike(group, X, weight, reset)
        if weight is None:
            return X, None, float(sum(group.gather(len(X))))
        return X, weight / max(group.gather(weight.max())), sum(group.gather(weight.sum()))

    def _check_alike(self, group, X, weight, reset):
        """Raise an error if this is not the same training on all ranks, with about as many rows."""
        own = ("callbacks", "device", "random_state", "verbose")  # may differ
        parameters = self.get_params(deep=False).items()
        group.check_same(
            n_features=X.shape[1],
            dtype=X.dtype.name,
            weighted=weight is not None,
            fitted=not reset and f"a network of fingerprint {_training.fingerprint(self):x}",
            **{name: _training.identity(value) for name, value in parameters if name not in own},
        )
        group.check_shares(len(X) if weight is None else np.count_nonzero(weight))

    def _check_own_rows(self, X, sample_weight, reset):
        """Return the rows of this process, and their weights as given or None."""
        X = self._check_rows(X, reset)
        if self.precision == "bf16" and X.dtype != np.float32:
            raise ValueError(
                f"precision='bf16' needs float32 rows and X is {X.dtype}: pass "
                "X.astype('float32'), or use precision='full'."
            )
        if self.loss == "bce":
            low, high = limits_of(X)
            if low < -1e-6 or high > 1 + 1e-6:  # MinMaxScaler rounds
                raise ValueError(
                    f"loss='bce' needs X in [0, 1], got values from {low:.6g} to {high:.6g}. "
                    "Scale X with MinMaxScaler, or use loss='mse'."
                )
        return X, None if sample_weight is None else check_weight(sample_weight, X)

    def _start_untrained(self, X, sample_weight=None):
        """Do all that ``fit`` does but train: a network with fresh weights, in the units of X."""
        X, weight, _ = self._check_training_rows(X, sample_weight, reset=True)
        mean = mean_of(X, weight)
        self._start(X, mean, weight)
        self.mean_, self.n_iter_, self._weight_seen = mean, 0, 0.0
        return self

    def _set_dtype(self, dtype):
        """Let the fitted network compute in another dtype."""
        if _weights.dtype_of(self.module_) != dtype:
            self.net_ = self._make_net(self.module_, dtype, fallback=True)

    def _start(self, X, mean, weight):
        """Build a network with fresh weights, and the net that trains it."""
        check_objective(self)
        self.n_components_ = resolve_n_components(self)
        self._architecture, self._loss = resolve_architecture(self), self.loss
        self._latent = self.latent
        self._settings = self._resolve_settings(len(X))
        self.module_ = module = self._build_module()
        self._uses_standard_units = keeps_units(module) and may_use_standard_units(
            self._architecture, self._loss
        )
        _autoencoder_net.check_module(module, X[:2], self.n_components_)
        self.net_ = self._make_net(module, X.dtype)
        if self._uses_standard_units:
            variance = over_ranks(spread_of(X, mean, weight) ** 2, X, weight)
            module.use_units(mean, np.sqrt(variance))
        self.loss_curve_, self.validation_curve_, self.best_loss_ = np.empty(0), None, np.nan

    def _resolve_settings(self, n_rows):
        """Return how to train, as it will be kept: a copy of the estimator trains like this."""
        group = current_group()
        return {
            "seed": group.gather(_runtime.make_seed(self.random_state))[0],
            "n_rows": sum(group.gather(n_rows)),
            **{name: getattr(self, name) for name in SETTINGS},
        }

    def _build_module(self):
        """Build the network from the kept architecture; all it draws comes from the kept seed."""
        with _runtime.seeded(_runtime.make_generator(self._settings["seed"])):
            return build_module(
                self._architecture, self.n_features_in_, self.n_components_, self._latent
            )

    def _restore_module(self, weights):
        """Return the network of the kept architecture with weights that another one had."""
        for name in ("n_features_in_", "n_components_"):  # in a file, they may be anything
            if not (isinstance(value := getattr(self, name), Integral) and 0 < value < 2**31):
                raise ValueError(f"{name} is {value!r:.40} instead of a number of columns.")
        architecture = self._architecture
        if type(architecture) not in (MLP, Linear, Conv, Recurrent):
            module = self._build_module()
            _weights.set_weights(module, weights)
            return module
        build = partial(
            build_module, architecture, self.n_features_in_, self.n_components_, self._latent
        )
        lists = [value for value in vars(architecture).values() if np.ndim(value) == 1]
        return _weights.restore_module(build, weights, n_layers=max(map(len, lists), default=0))

    def _make_net(self, module, dtype, fallback=False, **changes):
        """Return a net with the kept settings, but for some changes, around a module."""
        parameters = {
            "loss": self._loss,
            "n_features": self.n_features_in_,
            "standard_units": self._uses_standard_units,
            **self._settings,
            **changes,
        }
        device = _runtime.resolve_device(parameters.pop("device"), dtype, fallback)
        objective = {name: parameters.pop(name) for name in ("loss", *OBJECTIVE)}
        return _autoencoder_net.make_net(
            module, objective, dtype=dtype, device=device, **parameters
        )

    def _check_same_network(self):
        """Raise an error where going on would ignore that another network is asked for now."""
        asked = {
            "n_components": resolve_n_components(self),
            "architecture": resolve_architecture(self),
            "latent": self.latent,
            "loss": getattr(self.loss, "func", self.loss),  # of a functools.partial
        }
        fitted = {
            "n_components": self.n_components_,
            "architecture": self._architecture,
            "latent": self._latent,
            "loss": getattr(self._loss, "func", self._loss),
        }
        _training.check_same_network(asked, fitted)
        self._loss = self.loss

    def _renew_net(self):
        """Make a new net, with the kept settings, around the fitted network."""
        self.net_ = self._make_net(self.module_, _weights.dtype_of(self.module_))

    def _pretrain(self, rows, valid):
        """Train each layer of the network by itself, on the codes of the layer before."""
        if not isinstance(self.module_, MLPAutoencoder):
            raise ValueError(
                f"pretrain={self.pretrain!r} needs the layers of an MLP, got "
                f"architecture={self._architecture!r}: use pretrain=None."
            )
        levels = self.module_.levels()
        for level in levels:
            changes = {"callbacks": None, "n_features": rows.X.shape[1]}
            if level is not levels[0]:
                changes.update(loss="mse", standard_units=False)
                if callable(self.corruption):  # it knows rows of X
                    changes.update(corruption=None)
            if level is not levels[-1]:
                changes.update(penalty=None)
            net = self._make_net(level, _weights.dtype_of(level), **changes)
            net.train(rows, valid, self._stopping(rows, net), verbose=self.verbose)
            X = _runtime.as_array(rows.X) if rows.file is None else rows.file.X
            codes = _runtime.as_tensor(net.apply("encode", X))
            rows, valid = (part and part._replace(X=codes, file=None) for part in (rows, valid))

    def _stopping(self, rows, net, max_epochs=None):
        """Return when to end training."""
        n_epochs = _net.resolve_max_epochs(max_epochs or self.max_epochs, len(rows.index), net)
        return _net.Stopping(n_epochs, self.n_iter_no_change, self.tol)

    def _train(self, rows, valid, stopping, task=None):
        """Train the net on rows and note how the losses went."""
        net, first = self.net_, len(self.net_.history)
        converged = net.train(rows, valid, stopping, self.verbose, task)
        _training.note_losses(self, first, validates=valid is not None)
        monitored = self.loss_curve_ if self.validation_curve_ is None else self.validation_curve_
        n_epochs = len(net.history) - first
        # As weights are kept: losses before alpha had its size are comparable with no others.
        n_lighter = max(0, min(self.alpha_warmup - first, n_epochs - 1))
        comparable = monitored[len(monitored) - n_epochs + n_lighter :]
        if self.alpha_warmup == 0 or first > self.alpha_warmup or np.isnan(comparable).all():
            comparable = np.append(comparable, self.best_loss_)
        self.best_loss_ = float(np.fmin.reduce(comparable))
        return converged

    def _find_principal_axes(self, X, weight, total):
        """Turn a linear network into the basis that PCA has, and name its axes and variances."""
        for name in ("components_", "explained_variance_", "explained_variance_ratio_"):
            vars(self).pop(name, None)
        is_plane = isinstance(self.module_, LinearAutoencoder) and self._loss != "bce"
        if is_plane and self.penalty is not None:  # a rotation would undo the penalty
            self.module_.unrotate()
            return
        if not is_plane:
            return
        axes = _linear.find_principal_axes(self.net_, self.mean_, X, weight, total)
        self.components_, variances, self.explained_variance_ratio_ = axes
        self.explained_variance_ = variances

    def _warn_of_dead_codes(self, X, codes):
        """Warn if codes are the same for all rows, although the rows have use for them."""
        dead = dead_codes(codes)
        if not dead.any():
            return
        if np.count_nonzero(~dead) >= min(n_directions(X, self.mean_), len(dead)):
            return
        warnings.warn(
            f"Of n_components={len(dead)}, {name_codes(dead)} dead: the same for all of "
            f"{len(X)} rows. Use latent_activation='identity' if it is another one, a smaller lr "
            f"(lr={self.lr}), another random_state or fewer components.",
            UserWarning,
            stacklevel=4,
        )

    @property
    def _n_features_out(self):
        return self.n_components_

    def __getstate__(self):
        state = super().__getstate__().copy()
        if state.pop("net_", None) is not None:
            state["module_"] = _weights.get_weights(self.module_)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "module_" in state:
            self.module_ = module = self._restore_module(state["module_"])
            self.net_ = self._make_net(module, _weights.dtype_of(module), fallback=True)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
