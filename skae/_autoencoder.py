"""AutoencoderTransformer: an autoencoder with the interface of PCA."""

import html
from dataclasses import replace
from functools import partial
from numbers import Integral, Real

import numpy as np
from scipy.special import expit
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skae._base import NetworkEstimator, all_or_nothing
from skae._fit_warnings import warn_of_failures
from skae._input_checks import as_array, check_rows, check_weight, flatten
from skae._linear_path import LinearPathMixin
from skae._parameter_checks import (
    CONSTRAINTS,
    DEFAULT_LR,
    check_objective,
    check_same_network,
    check_values,
    may_use_standard_units,
    network_identity,
    resolve_architecture,
    resolve_input_shape,
    resolve_n_components,
)
from skae._pca_axes import rotate_to_principal_axes
from skae._sklearn_callbacks import begin_fit
from skae._sklearn_compat import HasMethods, Interval, StrOptions, fit_context, with_callbacks
from skae._training.autoencoder_net import check_module, make_autoencoder_net
from skae._training.data import TrainingData
from skae._training.devices import resolve_device
from skae._training.distributed import current_group
from skae._training.inference import summarize
from skae._training.moments import (
    blocks_of,
    check_no_overflow,
    column_variances,
    rounding_variances,
)
from skae._training.random_state import draws_from, make_generator
from skae._training.settings import AutoencoderSettings
from skae._training.weights import dtype_of, restore_module, set_weights
from skae.architectures import MLP, build_module
from skae.corruptions import CORRUPTIONS
from skae.modules import LATENTS, LinearAutoencoder, MLPAutoencoder, keeps_units
from skae.penalties import PENALTIES

__all__ = ["AutoencoderTransformer"]


class AutoencoderTransformer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, LinearPathMixin, NetworkEstimator
):
    """Nonlinear dimensionality reduction by an autoencoder.

    An encoder network maps each sample to ``n_components`` latent codes, a decoder network maps
    the codes back, and both are trained to minimise the reconstruction error (Rumelhart et al.,
    1986; Hinton & Salakhutdinov, 2006). ``transform`` returns the latent codes and
    ``inverse_transform`` decodes them: the interface of :class:`~sklearn.decomposition.PCA`,
    which is the best linear map of this kind.

    Training needs no scaled data: the network sees samples that are centered and divided by one
    number. As in PCA, columns of large variance dominate the squared error; put a
    :class:`~sklearn.preprocessing.StandardScaler` in front to give all columns the same weight.

    Parameters
    ----------
    n_components : int or "auto", default="auto"
        Number of latent codes, at least 1. More codes reconstruct better and compress less. "auto"
        is half the number of features, between 1 and 32.
    architecture : None, skae.architectures object or callable, default=None
        The network: an object of :mod:`skae.architectures`, or any callable ``(n_features,
        n_components) -> torch.nn.Module`` with methods ``encode`` and ``decode``. None is
        ``MLP(linear_path=True)`` in ``fit``: one hidden layer of 128 or 256 ReLU units in encoder
        and decoder, added to PCA, and kept only if it reconstructs held-out samples better. It is
        ``MLP()``, with 256 units, where a linear path is not possible: for another ``loss`` than
        "mse", ``latent`` than "euclidean", ``optimizer`` than "adam" and "adamw", with
        ``corruption``, ``penalty``, ``pretrain`` or ``precision="bf16"``, in ``partial_fit``, in
        a group of processes, and for large files that are mapped into memory.
    latent : {"euclidean", "ordered", "sphere", "gaussian"}, default="euclidean"
        Kind of latent codes:

        - "euclidean": unconstrained numbers;
        - "ordered": numbers in order of importance. Training sets all but the first k codes of
          each sample to 0, for every k in turn (nested dropout; Rippel et al., 2014), so that the
          first k codes are a representation of their own;
        - "sphere": points of the unit sphere, whose direction is the output of the encoder;
        - "gaussian": means of normal distributions, from which training draws (a variational
          autoencoder; Kingma & Welling, 2014).

        All but the first need an object of :mod:`skae.architectures`.
    loss : {"mse", "mae", "huber", "bce"} or callable, default="mse"
        What training minimises: mean squared error; mean absolute error, which is less
        sensitive to outliers; Huber's loss (Huber, 1964), quadratic up to one standard
        deviation of X and linear beyond; or binary cross-entropy for X in [0, 1], for which the
        output of the decoder are logits and that of ``inverse_transform`` their sigmoid. A callable
        ``loss(output, target)`` takes and returns torch tensors, one value per element.
    corruption : {"gaussian", "masking", "salt_pepper"}, callable or None, default=None
        How the input of the network is corrupted in training while the target stays clean
        (denoising autoencoder; Vincent et al., 2008), drawn anew for each batch: add normal noise;
        set elements to 0; or set elements to the largest or smallest value of the batch. Noise is
        in the units of the network: centered and divided by the standard deviation of X for
        "mse", "mae" and "huber" with an architecture of skae whose output is not bounded, and the
        units of X otherwise. A callable ``corruption(X, generator)`` takes a tensor in the units
        of X and a ``torch.Generator`` and returns a tensor of the same shape.
    corruption_level : float, default=0.2
        Standard deviation of the noise, or probability for an element to be set. A larger value
        makes codes depend on more columns together.
    penalty : {"l1", "kl", "contractive"} or None, default=None
        What is added to the loss, multiplied by ``alpha``: the sum of the absolute codes; the
        KL divergence of each code's mean from ``target_activation`` (Ng, 2011), for codes in
        (0, 1) as ``latent_activation="sigmoid"`` gives them; or the squared Frobenius norm of the
        Jacobian of the encoder (Rifai et al., 2011).
    alpha : float, default=1e-3
        Weight of the penalty relative to the loss, which is a mean over columns. For
        ``latent="gaussian"``, weight of the KL divergence from the standard normal distribution,
        summed over codes: the beta of Higgins et al. (2017), divided by the number of
        columns. Larger makes codes sparser, less sensitive to the input or closer to normal, and
        reconstructions worse.
    alpha_warmup : int, default=0
        Epochs over which ``alpha`` grows from 0 to its value (KL annealing), counted from the
        start of each ``fit``; ``partial_fit`` counts chunks. Longer lets a variational
        autoencoder learn to use its codes before the penalty reaches its final weight.
    target_activation : float, default=0.05
        Mean of each code that ``penalty="kl"`` aims at, in (0, 1).
    pretrain : {"layerwise"} or None, default=None
        Whether ``fit`` first trains each layer with its mirror image as an autoencoder of the
        codes of the layer before (Bengio et al., 2007), for ``max_epochs`` each. For
        :class:`~skae.architectures.MLP`.
    optimizer : {"adam", "adamw", "sgd", "lbfgs"} or torch optimiser class, default="adam"
        How weights are updated. "sgd" has Nesterov momentum of 0.9. "lbfgs" uses all samples
        in each step, with up to 20 iterations per epoch and a line search in place of ``lr``:
        precise on small data. A class such as ``torch.optim.RMSprop`` is called with the weights
        and ``lr``.
    lr : float or "auto", default="auto"
        Learning rate, positive. Larger learns faster until training becomes unstable. "auto" is
        1e-2 where the network is added to PCA, and 3e-3 otherwise.
    weight_decay : float or None, default=None
        L2 regularisation (weight decay), as the optimiser implements it. None is the optimiser's
        default: 0.01 for "adamw", 0 for others. Larger regularises more.
    batch_size : int or "auto", default="auto"
        Samples per step of the optimiser, at least 1. Larger batches are faster per sample and
        make fewer steps per epoch. "auto" is 64, and from 16,384 samples on as many as make 256
        steps an epoch, up to 256.
    max_epochs : int or "auto", default="auto"
        Largest number of epochs. "auto" is at least 10 epochs and at least 1,500 steps; with a
        linear path 2,000 steps, or 3,000 where nothing is held out.
    early_stopping : bool, default=False
        Whether to hold out a validation set, stop when its loss no longer improves, and keep
        the weights of its lowest loss. Samples are selected by their content: copies are on the
        same side. A network with a linear path always does so.
    validation_fraction : float, default=0.1
        Share of the different samples to hold out for ``early_stopping`` or a linear path, in
        (0, 1).
    n_iter_no_change : int, default=5
        Epochs in a row without progress after which training ends, at least 1, and as many more
        as make 100 steps (250 where the network is added to PCA). Epochs count only once the loss
        is lower than that of the mean.
    tol : float or None, default=1e-4
        Progress is a loss below ``1 - tol`` times the lowest so far. Larger stops earlier;
        None always trains for ``max_epochs``. For "lbfgs", whose loss has no noise of
        batches, a thousandth of it; with a linear path, where progress is measured over the whole
        patience, a hundred times as much.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the previous ``fit``, with a new optimiser.
        ``partial_fit`` always continues, for one epoch, with the same optimiser.
    callbacks : list of skorch callbacks or None, default=None
        For learning-rate schedules, gradient clipping, logging and the like
        (:mod:`skorch.callbacks`). Copies of them receive the training events; they are found in
        ``net_.callbacks_``.
    device : str, default="auto"
        Where to compute: "cpu", "cuda", "cuda:1", "mps". "auto" uses a GPU if there is one and
        X is float32, else the CPU.
    precision : {"full", "bf16"}, default="full"
        "bf16" computes matrix products in training in bfloat16 and keeps weights and
        sums in float32 (mixed precision; Micikevicius et al., 2018): faster for large layers on
        a processor that supports it. It needs float32 samples. Latent codes and reconstructions
        are computed in full precision.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of samples, held-out samples, dropout, corruption and
        variational codes. Pass an int for the same result at each call of ``fit``.
    verbose : int, default=0
        1 shows a progress line on standard error.

    Attributes
    ----------
    n_components_ : int
        Number of latent codes.
    input_shape_ : tuple of int
        Shape of one sample as the architecture takes it; ``(n_features_in_,)`` without
        ``input_shape``.
    mean_ : ndarray of shape (n_features,)
        Mean of the training samples, which ``score`` compares with.
    module_ : torch.nn.Module
        The trained network, in evaluation mode.
    net_ : skorch.NeuralNet
        The net that trained it, with its optimiser and history.
    loss_curve_ : ndarray of shape (`n_iter_`,)
        Mean of the objective in each epoch, penalty included, in the units of X.
    validation_curve_ : ndarray of shape (`n_iter_`,) or None
        Mean loss of the validation set after each epoch; None if nothing was held out. With a
        linear path it is evaluated every 20 steps, and nan in the epochs between.
    components_ : ndarray of shape (n_components, n_features)
        Only with ``architecture=Linear()``, euclidean codes, no penalty and a loss other than
        "bce": orthonormal axes of the plane of the reconstructions, by decreasing variance, each
        with its largest element positive. With squared error and at its optimum, these are PCA's,
        the codes are PCA's scores, and ``inverse_transform`` is ``mean_ + codes @ components_``.
        Another loss leads to another plane.
    explained_variance_ : ndarray of shape (n_components,)
        With ``components_``: variance of the reconstructions along each axis, over the samples
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
    Computation is in float32 for float32 samples, which is about twice as fast, and in float64
    for all others. Pickles hold parameters and NumPy arrays, but not the optimiser's state.

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
    >>> print(f"{ae.score(X):.1f}, PCA {pca.explained_variance_ratio_.sum():.1f}")
    0.9, PCA 0.7
    """

    _parameter_constraints: dict = {
        **CONSTRAINTS,
        "lr": [*CONSTRAINTS["lr"], StrOptions({"auto"})],
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "architecture": [None, HasMethods("build"), callable],
        "latent": [StrOptions(set(LATENTS))],
        "loss": [str, callable],
        "corruption": [StrOptions(set(CORRUPTIONS)), callable, None],
        "corruption_level": [Interval(Real, 0, None, closed="left")],
        "penalty": [StrOptions(set(PENALTIES)), None],
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
        lr="auto",
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
            :class:`~skae.architectures.MLP`, which is the default architecture.

        Returns
        -------
        self : AutoencoderTransformer
            This estimator.
        """
        nested = any(name.startswith("architecture__") for name in params)
        if nested and params.get("architecture", self.architecture) is None:
            params = {**params, "architecture": MLP()}
        return super().set_params(**params)

    @fit_context(prefer_skip_nested_validation=True)
    @all_or_nothing
    @with_callbacks
    def fit(self, X, y=None, sample_weight=None):
        """Train the autoencoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to learn to reconstruct.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each sample in the loss, not negative: 2 counts as two such samples, 0 as
            if the sample were absent.

        Returns
        -------
        self : AutoencoderTransformer
            The fitted estimator.

        Raises
        ------
        ValueError
            If X, the weights or a parameter are invalid, or if the loss stops being finite. The
            estimator is then as it was before.
        """
        continues = self.warm_start and self._is_trained()
        data = self._check_training_data(X, sample_weight, reset=not continues)
        if not continues and self._has_linear_path(data):
            converged = self._fit_from_pca(data, y)
        else:
            converged = self._fit_network(data, y, continues)
        warn_of_failures(self, data, converged)
        return self

    def _fit_network(self, data, y, continues):
        """Train a network whose weights are random, or those of the previous fit."""
        self._start_or_continue(data, continues, new_optimizer=True)
        self.mean_, self._weight_seen = data.mean(), data.total_weight
        train, valid = self._hold_out(data)
        if self.pretrain is not None and not continues:
            self._pretrain(train, valid)
        stopping = self._make_stopping(train, self.net_)
        task = begin_fit(self, stopping.max_epochs, data.X, y, data.weight)
        converged = self._train(train, valid, stopping, shuffle=True, task=task)
        self._set_principal_axes(data)
        if task is not None:
            task.end()
        return converged

    @fit_context(prefer_skip_nested_validation=True)
    @all_or_nothing
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one epoch on a chunk of samples, in their order.

        The first chunk decides the network's units (center and scale), so it should be typical.
        ``max_epochs``, ``tol``, ``early_stopping`` and ``pretrain`` apply to ``fit`` only. A
        changed parameter of the optimiser, the corruption or the penalty applies from the next
        chunk on, with a new optimiser. After ``fit``, and after loading, training continues from
        the present weights. To train on the same samples for several epochs, use ``fit`` with
        ``warm_start=True`` instead.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The chunk.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each sample, as in ``fit``.

        Returns
        -------
        self : AutoencoderTransformer
            The fitted estimator.

        Raises
        ------
        ValueError
            As ``fit`` does.
        """
        continues = self._is_trained()
        data = self._check_training_data(X, sample_weight, reset=not continues)
        self._start_or_continue(data, continues, new_optimizer=False)
        mean = data.mean()
        if not continues:
            self.mean_, self._weight_seen = mean, 0.0
        self._train(data, None, self._make_stopping(data, self.net_, max_epochs=1), shuffle=False)
        self._weight_seen += data.total_weight
        self.mean_ = self.mean_ + (mean - self.mean_) * (data.total_weight / self._weight_seen)
        self._set_principal_axes(data)
        return self

    def transform(self, X):
        """Return the latent codes of samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples to encode.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            The codes, float32 for float32 samples and float64 for others; the same at each call.
        """
        check_is_fitted(self)
        return self.net_.apply("encode", self._check_rows(X))

    def inverse_transform(self, X):
        """Return the samples that latent codes are decoded to.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Latent codes.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Samples in the units of the training data; in [0, 1] for ``loss="bce"``.

        Raises
        ------
        ValueError
            If the number of columns is not ``n_components_``.
        """
        check_is_fitted(self)
        codes = as_array(X)
        codes = check_array(codes, dtype=[np.float64, np.float32], order="C", input_name="X")
        if codes.shape[1] != self.n_components_:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but inverse_transform takes codes, as transform "
                f"returns them: n_components_={self.n_components_} columns."
            )
        return self._decode(codes)

    def reconstruct(self, X):
        """Return the reconstruction of samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            ``inverse_transform(transform(X))``.
        """
        check_is_fitted(self)
        return self._reconstruct(self._check_rows(X))

    def score(self, X, y=None, sample_weight=None):
        """Return R² of the reconstruction over all elements.

        ``1 - SSE / SST``: the squared error of the reconstruction, relative to that of predicting
        the mean of the training samples. For a :class:`~sklearn.decomposition.PCA`, it is the sum
        of ``explained_variance_ratio_``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each sample in both sums.

        Returns
        -------
        float
            1 is perfect, 0 as good as the mean, higher is better. Where SST is 0, 1 for a
            perfect reconstruction and 0 for any other.
        """
        check_is_fitted(self)
        X = self._check_rows(X)
        weight = check_weight(sample_weight, X)
        errors, total = self._squared_errors(X), column_variances(X, self.mean_, weight).sum()
        with np.errstate(over="ignore"):  # an overflow is an error below
            mse = np.average(errors, weights=weight)
        check_no_overflow(mse, X)
        if total >= np.finfo(np.float64).tiny:  # smaller numbers have lost their precision
            return float(1 - mse / total)
        return float(mse <= rounding_variances(self.mean_, X).sum())

    def score_samples(self, X):
        """Return minus the mean squared error of each sample: lower is more abnormal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

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
            shape of its output for one sample, and its number of weights; then their total.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skae import AutoencoderTransformer
        >>> X, _ = load_iris(return_X_y=True)
        >>> ae = AutoencoderTransformer(n_components=2, max_epochs=5, tol=None).fit(X)
        >>> print(ae.summary())
        part    layer           output  weights
        encode  Projection      4             0
        encode  Linear          128         640
        encode  ReLU            128           0
        encode  Linear          2           258
        decode  Linear          128         384
        decode  ReLU            128           0
        decode  Linear          4           516
        decode  BackProjection  4             0
                total                     1,798
        """
        check_is_fitted(self)
        return summarize(self.net_.profile_, self.module_)

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle and self._is_trained():
            bundle["text/html"] += f"<pre>{html.escape(self.summary())}</pre>"
        return bundle

    def _decode(self, codes):
        output = self.net_.apply("decode", codes)
        return expit(output, out=output) if self._settings.loss == "bce" else output

    def _reconstruct(self, X):
        return self._decode(self.net_.apply("encode", X))

    def _squared_errors(self, X):
        """Return the squared error of each sample, summed over columns, block by block."""
        errors = np.empty(len(X))
        for block in blocks_of(X):
            output = self._reconstruct(X[block])
            with np.errstate(over="ignore"):  # an overflow is an error below
                difference = X[block].astype(np.float64) - output
                errors[block] = np.einsum("ij,ij->i", difference, difference)
        check_no_overflow(errors.max(), X)
        return errors

    def _check_rows(self, X):
        """Return X as flat rows for the fitted network."""
        return check_rows(self, flatten(X, self.input_shape_), reset=False)

    def _check_training_data(self, X, sample_weight, reset):
        """Return the samples to train on; ranks of a group of processes compare what they got."""
        group = current_group()
        with group.propagate_errors():
            input_shape = getattr(self.architecture, "input_shape", None)
            X = check_rows(self, flatten(X, input_shape if reset else self.input_shape_), reset)
            weight = None if sample_weight is None else check_weight(sample_weight, X)
            check_values(X, self.loss, self.precision)
        is_weighted = weight is not None
        if group.size > 1:
            facts = {"n_features": X.shape[1], "dtype": X.dtype.name, "weighted": is_weighted}
            group.check_same(**facts, **self._training_identity(reset))
            group.check_shares(np.count_nonzero(weight) if is_weighted else len(X))
        n_rows = sum(group.gather(len(X)))
        if not is_weighted:
            return TrainingData(X, n_rows=n_rows, total_weight=float(n_rows), group=group)
        total, largest = sum(group.gather(weight.sum())), max(group.gather(weight.max()))
        return TrainingData(X, weight / largest, n_rows=n_rows, total_weight=total, group=group)

    def _training_identity(self, reset):
        """Return what must be the same on all ranks of a group: parameters and weights."""
        may_differ = ("callbacks", "device", "random_state", "verbose")
        parameters = {
            name: network_identity(value)
            for name, value in self.get_params(deep=False).items()
            if name not in may_differ
        }
        network = not reset and f"a network of fingerprint {self._fingerprint():x}"
        return {"fitted": network, **parameters}

    def _start_untrained(self, X, sample_weight=None):
        """Build a network with fresh weights in the units of X, as ``fit`` does before training."""
        data = self._check_training_data(X, sample_weight, reset=True)
        self._start(data)
        self.mean_, self.n_iter_, self._weight_seen = data.mean(), 0, 0.0
        return self

    def _set_dtype(self, dtype):
        """Let the fitted network compute in another dtype."""
        if dtype_of(self.module_) != dtype:
            self.net_ = self._make_net(self.module_, dtype, fallback=True)

    def _start(self, data):
        """Build a network with random weights, and the net that trains it."""
        check_objective(self)
        self._has_linear_path()  # raises an error if it is requested
        self.n_components_ = resolve_n_components(self)
        self._architecture, self._latent = resolve_architecture(self), self.latent
        self._n_axes = None
        self._settings = self._make_settings(self._draw_seed(), data.n_rows)
        self.module_ = module = self._build_module()
        self.input_shape_ = resolve_input_shape(self._architecture, self.n_features_in_)
        self._uses_standard_units = keeps_units(module) and may_use_standard_units(
            self._architecture, self.loss
        )
        check_module(module, data.X[:2], self.n_components_)
        self.net_ = self._make_net(module, data.X.dtype)
        if self._uses_standard_units:
            module.use_units(data.mean(), data.spread(data.mean()))
        self.loss_curve_, self.validation_curve_, self.best_loss_ = np.empty(0), None, np.nan

    def _make_settings(self, seed, n_rows):
        return AutoencoderSettings(
            loss=self.loss,
            corruption=self.corruption,
            corruption_level=self.corruption_level,
            penalty=self.penalty,
            alpha=self.alpha,
            alpha_warmup=self.alpha_warmup,
            target_activation=self.target_activation,
            optimizer=self.optimizer,
            lr=DEFAULT_LR if self.lr == "auto" else self.lr,
            weight_decay=self.weight_decay,
            batch_size=self.batch_size,
            callbacks=self.callbacks,
            device=self.device,
            precision=self.precision,
            seed=seed,
            n_rows=n_rows,
        )

    def _build_module(self):
        """Build the network of the kept architecture; its weights are determined by the seed."""
        with draws_from(make_generator(self._settings.seed)):
            return build_module(
                self._architecture,
                self.n_features_in_,
                self.n_components_,
                self._latent,
                self._n_axes,
            )

    def _make_net(self, module, dtype, fallback=False, settings=None, **changes):
        """Return a net around a module, with the kept settings unless others are given."""
        settings = settings or self._settings
        facts = {
            "n_features": self.n_features_in_,
            "standard_units": self._uses_standard_units,
            **changes,
        }
        device = resolve_device(settings.device, dtype, fallback)
        return make_autoencoder_net(module, settings, dtype=dtype, device=device, **facts)

    def _renew_net(self):
        self.net_ = self._make_net(self.module_, dtype_of(self.module_))

    def _check_same_network(self):
        check_objective(self)
        requested = {
            "n_components": resolve_n_components(self),
            "architecture": self._requested_architecture(),
            "latent": self.latent,
            "loss": getattr(self.loss, "func", self.loss),  # of a functools.partial
        }
        loss = self._settings.loss
        fitted = {
            "n_components": self.n_components_,
            "architecture": self._architecture,
            "latent": self._latent,
            "loss": getattr(loss, "func", loss),
        }
        check_same_network(requested, fitted)

    def _pretrain(self, data, valid):
        """Train each layer of the network by itself, on the codes of the layer before."""
        if not isinstance(self.module_, MLPAutoencoder):
            raise ValueError(
                f"pretrain={self.pretrain!r} needs the layers of an MLP, got "
                f"architecture={self._architecture!r}: use pretrain=None."
            )
        levels = self.module_.levels()
        for level in levels:
            settings = replace(self._settings, callbacks=None)
            facts = {"n_features": data.X.shape[1]}
            if level is not levels[0]:
                settings = replace(settings, loss="mse")
                facts["standard_units"] = False
                if callable(self.corruption):  # it is a function of X
                    settings = replace(settings, corruption=None)
            if level is not levels[-1]:
                settings = replace(settings, penalty=None)
            net = self._make_net(level, dtype_of(level), settings=settings, **facts)
            net.train(
                data, valid, self._make_stopping(data, net), shuffle=True, verbose=self.verbose
            )
            codes = net.apply("encode", data.X)
            data, valid = data.with_rows(codes), valid and valid.with_rows(codes)

    def _train(self, data, valid, stopping, shuffle, task=None):
        n_before = len(self.net_.history)
        converged = super()._train(data, valid, stopping, shuffle, task)
        self._update_best_loss(n_before)
        return converged

    def _update_best_loss(self, n_before):
        """Take the losses of the epochs after the first ``n_before`` of the net into account.

        Losses before alpha has reached its final value are not comparable with others, unless
        there are no others.
        """
        monitored = self.loss_curve_ if self.validation_curve_ is None else self.validation_curve_
        n_epochs = len(self.net_.history) - n_before
        alpha_warmup = self._settings.alpha_warmup
        n_warmup = max(0, min(alpha_warmup - n_before, n_epochs - 1))
        comparable = monitored[len(monitored) - n_epochs + n_warmup :]
        if alpha_warmup == 0 or n_before > alpha_warmup or np.isnan(comparable).all():
            comparable = np.append(comparable, self.best_loss_)
        self.best_loss_ = float(np.fmin.reduce(comparable))

    def _set_principal_axes(self, data):
        """Rotate a linear network to the basis of PCA, and set its axes and variances."""
        for name in ("components_", "explained_variance_", "explained_variance_ratio_"):
            vars(self).pop(name, None)
        is_plane = isinstance(self.module_, LinearAutoencoder) and self._settings.loss != "bce"
        if is_plane and self.penalty is not None:  # a rotation would change the penalty
            self.module_.unrotate()
        elif is_plane:
            axes = rotate_to_principal_axes(self.net_, self.mean_, data)
            self.components_, self.explained_variance_, self.explained_variance_ratio_ = axes

    @property
    def _n_features_out(self):
        return self.n_components_

    def _trained_module(self):
        return self.module_

    def _restore_network(self, weights):
        self.module_ = module = self._restore_module(weights)
        self.net_ = self._make_net(module, dtype_of(module), fallback=True)

    def _restore_module(self, weights):
        """Return the network of the kept architecture with given weights."""
        for name in ("n_features_in_", "n_components_", "_n_axes"):  # anything, in a file
            value = getattr(self, name)
            is_count = isinstance(value, Integral) and 0 < value < 2**31
            if not is_count and not (name == "_n_axes" and value is None):
                raise ValueError(f"{name} is {value!r:.40} instead of a number of columns.")
        architecture = self._architecture
        if type(architecture).__module__ != MLP.__module__:
            module = self._build_module()
            set_weights(module, weights)
            return module
        sizes = self.n_features_in_, self.n_components_
        build = partial(build_module, architecture, *sizes, self._latent, self._n_axes)
        lists = [value for value in vars(architecture).values() if np.ndim(value) == 1]
        n_layers = max([*map(len, lists), getattr(architecture, "num_layers", 0)])
        return restore_module(build, weights, n_layers=n_layers)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
