"""PretrainedEncoderClassifier: a classifier on the encoder of a pretrained autoencoder."""

import copy
from contextlib import nullcontext
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._autoencoder import AutoencoderTransformer
from skae._base import NetworkEstimator, all_or_nothing, warn
from skae._input_checks import check_rows, check_weight, flatten
from skae._labels import check_labels, number_labels, weigh_classes
from skae._names import check_counts, resolve_name
from skae._parameter_checks import CONSTRAINTS, check_same_network
from skae._pipeline import split_pipeline
from skae._pretrained_encoder import (
    check_encoder,
    fit_encoder,
    inputs_of,
    is_alike,
    renew_encoder,
    row_shape,
    seeded_clone,
)
from skae._sklearn_callbacks import begin_fit
from skae._sklearn_compat import (
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    safe_indexing,
    with_callbacks,
)
from skae._training.classifier_net import MONITORED, build_head, make_classifier_net, restore_head
from skae._training.data import TrainingData
from skae._training.devices import resolve_device
from skae._training.distributed import current_group
from skae._training.settings import ClassifierSettings
from skae._training.weights import dtype_of
from skae.architectures import MLP
from skae.modules import ACTIVATIONS

__all__ = ["PretrainedEncoderClassifier"]


class LabelledSamples(NamedTuple):
    """Samples of positive weight: as passed by the user, as an array, with labels and weights."""

    rows: Any
    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None


class PretrainedEncoderClassifier(ClassifierMixin, NetworkEstimator):
    """Semi-supervised classifier: a pretrained encoder, followed by a classification head.

    An autoencoder learns a representation from unlabelled samples. Its encoder, followed by a few
    more layers, the head, then needs fewer labels than a network with random initial weights
    (Bengio et al., 2007; Erhan et al., 2010).

    Parameters
    ----------
    encoder : transformer or None, default=None
        Maps samples to latent codes. If it is not fitted, a clone is fitted in ``fit``, on X and
        ``X_unlabeled``. ``FrozenEstimator(fitted)`` is used as it is; neither ``fit`` nor
        :func:`~sklearn.base.clone` changes it. An
        :class:`~skae.AutoencoderTransformer`, or a :class:`~sklearn.pipeline.Pipeline` that ends
        in one; for ``strategy="frozen"`` any transformer of scikit-learn. None is
        ``AutoencoderTransformer(architecture=MLP())``: fine-tuning adapts all of its encoder,
        whereas PCA's part of the default architecture is not trained.
    strategy : {"finetune", "frozen", "scratch"}, default="finetune"
        "finetune" trains a copy of the encoder together with the head. "frozen" computes codes
        once and trains the head alone: fast, and less prone to overfitting with few labels.
        "scratch" trains the same network from random weights, without pretraining: the baseline.
    hidden_layer_sizes : tuple of int, default=()
        Widths of the head's hidden layers, each at least 1; ``()`` is a linear head. More or
        wider layers fit more and need more labels.
    activation : str, default="relu"
        After each hidden layer of the head; one of those of :class:`~skae.architectures.MLP`.
    lr : float, default=3e-3
        Learning rate, positive. Larger learns faster until training becomes unstable.
    encoder_lr : float or None, default=None
        Learning rate of the encoder for "finetune" and "scratch"; None is ``lr``. Smaller keeps
        more of the pretrained representation.
    optimizer : {"adam", "adamw", "sgd", "lbfgs"} or torch optimiser class, default="adam"
        As in :class:`~skae.AutoencoderTransformer`.
    batch_size : int or "auto", default="auto"
        Samples per step of the optimiser, as in :class:`~skae.AutoencoderTransformer`.
    max_epochs : int or "auto", default="auto"
        Largest number of epochs over the labelled samples. "auto" is at least 10 epochs and at
        least 1,500 steps.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, which multiply ``sample_weight``: by label, 1 for those left out.
        "balanced" gives all classes the same sum of weights.
    early_stopping : bool or {"loss", "accuracy"}, default=False
        Whether to hold out a validation set of labelled samples, stop when its loss (True is
        "loss") or accuracy no longer improves, and keep the weights that were best on it. The
        split is stratified.
    validation_fraction : float, default=0.1
        Share of the labelled samples to hold out for ``early_stopping``, in (0, 1).
    n_iter_no_change : int, default=5
        Epochs in a row without progress after which training ends, at least 1, and as many more
        as make 100 steps.
    tol : float or None, default=1e-4
        Progress is a loss that is lower than the lowest so far by more than this, in nats, or
        an accuracy that is higher. Larger stops earlier; None trains for ``max_epochs``.
    warm_start : bool, default=False
        Whether ``fit`` continues from the encoder and head of the previous ``fit``, which must
        have seen all labels, with a new optimiser. ``partial_fit`` always continues, for one
        epoch, with the same optimiser.
    callbacks : list of skorch callbacks or None, default=None
        As in :class:`~skae.AutoencoderTransformer`.
    device : str, default="auto"
        Where to compute, as in :class:`~skae.AutoencoderTransformer`.
    random_state : int, RandomState instance or None, default=None
        Determines initial weights, order of samples, held-out samples and dropout, and the
        random numbers of an encoder fitted here whose own ``random_state`` is None. Pass an int
        for the same result at each call of ``fit``.
    verbose : int, default=0
        1 shows a progress line on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    encoder_ : transformer
        The fitted encoder, whose ``transform`` gives the input of the head. It is a copy: its
        training does not change the encoder that was passed. After "finetune" and "scratch" its
        decoder no longer matches its codes.
    module_ : torch.nn.Module
        The trained network, a :class:`skae.modules.Classifier` in evaluation mode; without
        encoder for "frozen".
    net_ : skorch.NeuralNet
        The net that trained it, with its optimiser and history.
    loss_curve_ : ndarray of shape (`n_iter_`,)
        Mean cross-entropy of the labelled samples in each epoch, in nats.
    validation_curve_ : ndarray of shape (`n_iter_`,) or None
        Loss or accuracy of the validation set after each epoch; None without
        ``early_stopping``.
    n_iter_ : int
        Number of epochs trained, pretraining not counted.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during fit, where X has names that are all strings.

    See Also
    --------
    AutoencoderTransformer : The encoder.
    sklearn.frozen.FrozenEstimator : Keeps a fitted encoder as it is.
    sklearn.semi_supervised.LabelSpreading : Semi-supervised learning by nearest neighbours.

    Notes
    -----
    ``clone`` drops the fitted state of an estimator, so that a fitted encoder that is not wrapped
    in a ``FrozenEstimator`` would be fitted again in each fold of a search; it is therefore an
    error. If the encoder was fitted on test samples, report it: their labels have not leaked, but
    their values have.

    Computation is in float32 for float32 samples and in float64 for all others. Pickles hold
    parameters and NumPy arrays.

    References
    ----------
    Bengio, Lamblin, Popovici & Larochelle (2007), "Greedy layer-wise training of deep networks",
    *NeurIPS*.

    Erhan, Bengio, Courville, Manzagol, Vincent & Bengio (2010), "Why does unsupervised
    pre-training help deep learning?", *Journal of Machine Learning Research* 11.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.model_selection import train_test_split
    >>> from skae import AutoencoderTransformer, PretrainedEncoderClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> ae = AutoencoderTransformer(random_state=0).fit(X)  # labels are not needed
    >>> clf = PretrainedEncoderClassifier(FrozenEstimator(ae), random_state=0)
    >>> clf.fit(X[:100], y[:100]).score(X_test, y_test) > 0.8
    True
    """

    _parameter_constraints: dict = {
        **CONSTRAINTS,
        "encoder": [None, HasMethods(["fit", "transform"])],
        "strategy": [StrOptions({"finetune", "frozen", "scratch"})],
        "hidden_layer_sizes": ["array-like"],
        "activation": [str],
        "encoder_lr": [Interval(Real, 0, None, closed="neither"), None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "early_stopping": ["boolean", StrOptions(set(MONITORED))],
    }

    def __init__(
        self,
        encoder=None,
        *,
        strategy="finetune",
        hidden_layer_sizes=(),
        activation="relu",
        lr=3e-3,
        encoder_lr=None,
        optimizer="adam",
        batch_size="auto",
        max_epochs="auto",
        class_weight=None,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        tol=1e-4,
        warm_start=False,
        callbacks=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.encoder = encoder
        self.strategy = strategy
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.lr = lr
        self.encoder_lr = encoder_lr
        self.optimizer = optimizer
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def set_params(self, **params):
        """Set parameters, those of the encoder too (``encoder__n_components``).

        Parameters
        ----------
        **params : dict
            Names and values. With ``encoder=None``, nested names are those of
            :class:`~skae.AutoencoderTransformer`, which is the default encoder.

        Returns
        -------
        self : PretrainedEncoderClassifier
            This estimator.
        """
        nested = any(name.startswith("encoder__") for name in params)
        if nested and params.get("encoder", self.encoder) is None:
            params = {**params, "encoder": AutoencoderTransformer(architecture=MLP())}
        return super().set_params(**params)

    @fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing
    @with_callbacks
    def fit(self, X, y, sample_weight=None, X_unlabeled=None):
        """Fit the encoder, if it is not frozen, and train the classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Labelled samples.
        y : array-like of shape (n_samples,)
            Their labels: strings, integers or booleans.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each sample in the loss, not negative: 2 counts as two such samples, 0 as if
            the sample and its label were absent. An encoder that is fitted here gets it if its
            ``fit`` takes it.
        X_unlabeled : array-like of shape (n_unlabeled, n_features), or 1-tuple of one, \
                default=None
            More samples for an encoder that is fitted here, each of weight 1; "scratch" does not
            use them. :func:`~sklearn.model_selection.cross_validate` and searches split an array
            of exactly ``n_samples`` rows into folds; a tuple ``(X_unlabeled,)`` is passed on
            unchanged.

        Returns
        -------
        self : PretrainedEncoderClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If samples, labels, weights or a parameter are invalid, if the encoder is
            fitted but not wrapped in a ``FrozenEstimator`` or is not compatible with X or the
            strategy, or if the loss stops being finite. The estimator is then as it was before.
        """
        continues = self.warm_start and self._is_trained()
        samples = self._check_samples(X, y, sample_weight, reset=not continues)
        fits_encoder = not (continues or self._encoder_is_kept())
        task = begin_fit(self, 1 + fits_encoder, samples.X, samples.y, samples.weight)
        if not continues:
            self.classes_ = np.unique(samples.y)
            self._prepare_encoder(samples, X_unlabeled, task if fits_encoder else None)
        data = self._make_training_data(samples)
        self._start_or_continue(data, continues, new_optimizer=True)
        train, valid = self._hold_out(data)
        stopping = self._make_stopping(train, self.net_)
        subtask = task and task.begin_subtask("train", stopping.max_epochs)
        converged = self._train(train, valid, stopping, shuffle=True, task=subtask)
        if task is not None:
            subtask.end()
            task.end()
        if not converged:
            self._warn_of_max_epochs()
        return self

    @fit_context(prefer_skip_nested_validation=False)
    @all_or_nothing
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on a chunk of labelled samples, in their order.

        The first chunk decides the units of the head and, unless it is a ``FrozenEstimator``, the
        encoder, so it should be typical. An encoder that is not fitted is fitted on the first
        chunk as ``fit`` does; for ``strategy="scratch"`` it gets random weights in the units of
        that chunk. Later chunks train what ``strategy`` says.

        ``max_epochs``, ``tol`` and ``early_stopping`` apply to ``fit`` only. A changed parameter
        of the optimiser applies from the next chunk on, with a new optimiser. After ``fit``, and
        after loading, training continues from the present weights. To train on the same samples
        for several epochs, use ``fit`` with ``warm_start=True`` instead.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The chunk.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,) or None, default=None
            All labels that occur in any chunk. Needed in the first call, unless ``fit`` was
            called before; later the same or None.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each sample, as in ``fit``.

        Returns
        -------
        self : PretrainedEncoderClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            As ``fit`` does, if ``classes`` is missing in the first call or has changed, if
            y has a label that is not among them, or for ``class_weight="balanced"``, which
            needs all labels at once. The estimator is then as it was before.
        """
        continues = self._is_trained()
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all labels at once, which partial_fit does not "
                "see: pass a dict, such as from sklearn.utils.compute_class_weight on labels "
                "that are typical, or use sample_weight."
            )
        self._check_classes(classes, first=not continues)
        samples = self._check_samples(X, y, sample_weight, reset=not continues)
        if not continues:
            self._prepare_encoder(samples)
        data = self._make_training_data(samples)
        self._start_or_continue(data, continues, new_optimizer=False)
        self._train(data, None, self._make_stopping(data, self.net_, max_epochs=1), shuffle=False)
        return self

    def predict(self, X):
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Elements of ``classes_``.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X):
        """Return the probability of each class for each sample.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``; each row sums to 1.
        """
        check_is_fitted(self)
        rows = flatten(X, row_shape(self.encoder_))
        inputs = inputs_of(self.encoder_, self._strategy, rows, check_rows(self, rows, reset=False))
        logits = self.net_.apply("forward", inputs)
        with np.errstate(over="ignore"):  # of differences: their exponentials are 0
            return softmax(logits.astype(np.float64), axis=1)

    def _check_samples(self, X, y, sample_weight, reset):
        """Return the samples of positive weight with their labels."""
        if current_group().size > 1:
            raise RuntimeError(
                "PretrainedEncoderClassifier trains in one process, and this one is in a group of "
                f"{current_group().size}: pretrain an AutoencoderTransformer in the group, call "
                "torch.distributed.destroy_process_group() and pass it in a FrozenEstimator."
            )
        rows = flatten(X, row_shape(self.encoder if reset else self.encoder_))
        X = check_rows(self, rows, reset)
        y = check_labels(y)
        check_consistent_length(X, y)
        if sample_weight is None:
            return LabelledSamples(rows, X, y, None)
        weight = check_weight(sample_weight, X)
        if weight.min() == 0:
            index = np.flatnonzero(weight)
            rows = safe_indexing(rows, index)
            X, y, weight = X[index], y[index], weight[index]
        return LabelledSamples(rows, X, y, weight)

    def _check_unlabeled(self, X_unlabeled, dtype):
        """Return unlabelled samples as an array, or None."""
        if isinstance(X_unlabeled, tuple) and len(X_unlabeled) == 1:
            (X_unlabeled,) = X_unlabeled
        if X_unlabeled is None:
            return None
        rows = flatten(X_unlabeled, row_shape(self.encoder))
        n_columns = check_array(rows, dtype=dtype, input_name="X_unlabeled").shape[1]
        if n_columns != self.n_features_in_:
            raise ValueError(
                f"X_unlabeled has {n_columns} columns and X has {self.n_features_in_}: pass rows "
                "with the same columns."
            )
        return check_rows(self, rows, reset=False, dtype=dtype)

    def _check_classes(self, classes, first):
        """Set the classes of the first chunk; later they must be the same."""
        if classes is not None:
            classes = np.unique(check_labels(classes, "classes"))
        if first and classes is None:
            raise ValueError(
                "classes=None, but the first call of partial_fit needs the labels of all chunks, "
                "since this one may lack some: pass classes=np.unique(all labels)."
            )
        if first:
            self.classes_ = classes
        elif classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} are not those of the fitted network, "
                f"{self.classes_.tolist()}: leave classes out, or train a new estimator."
            )

    def _encoder_is_kept(self):
        """Return whether the encoder is used as it is, or gets no training before the head."""
        return self.strategy == "scratch" or isinstance(self.encoder, FrozenEstimator)

    def _prepare_encoder(self, samples, X_unlabeled=None, task=None):
        """Fit the encoder, or copy it."""
        self._strategy = self.strategy
        self._seed = self._draw_seed()
        self._check_head()
        encoder = self._resolve_encoder()
        check_encoder(encoder, self._strategy, self.n_features_in_)
        X_unlabeled = self._check_unlabeled(X_unlabeled, samples.X.dtype)
        self._encoder = clone(encoder)  # to compare it later; a FrozenEstimator is not copied
        rng = np.random.RandomState(self._seed % 2**32)
        if isinstance(encoder, FrozenEstimator):
            self._warn_of_unused_samples(X_unlabeled)
            self.encoder_ = copy.deepcopy(encoder.estimator)
        else:
            self.encoder_ = seeded_clone(encoder, rng)
            with nullcontext() if task is None else task.propagate("fit-encoder", self.encoder_):
                fit_encoder(self.encoder_, self._strategy, samples.X, samples.weight, X_unlabeled)
        if self._strategy == "scratch":
            self.encoder_ = renew_encoder(
                self.encoder_, samples.rows, samples.X, samples.weight, rng
            )
        if self._strategy != "frozen":
            split_pipeline(self.encoder_)[1]._set_dtype(samples.X.dtype)

    def _warn_of_unused_samples(self, X_unlabeled):
        if X_unlabeled is not None and self._strategy != "scratch":
            warn(
                "X_unlabeled is not used, since encoder is a FrozenEstimator, which is not fitted "
                "again: fit the encoder on these rows before, or pass it unfitted."
            )

    def _resolve_encoder(self):
        """Return the encoder that the parameter means."""
        if self.encoder is None:
            return AutoencoderTransformer(architecture=MLP())
        return self.encoder

    def _check_head(self):
        """Raise an error if the parameters do not describe a head."""
        resolve_name("activation", self.activation, ACTIVATIONS)
        check_counts("hidden_layer_sizes", self.hidden_layer_sizes, "(64,) or (128, 32)")

    def _make_training_data(self, samples):
        """Return the input of the network with the numbers of the classes, and all weights."""
        numbers = number_labels(samples.y, self.classes_)
        inputs = inputs_of(self.encoder_, self._strategy, samples.rows, samples.X)
        weight = weigh_classes(self.class_weight, self.classes_, numbers, samples.weight)
        return TrainingData(inputs, weight, classes=numbers)

    def _start(self, data):
        """Build a head with fresh weights, and the net that trains it."""
        codes = data
        if self._strategy != "frozen":
            codes = data.with_rows(split_pipeline(self.encoder_)[1].net_.apply("encode", data.X))
        self._head = {
            "n_components": codes.X.shape[1],
            "n_classes": len(self.classes_),
            "hidden_layer_sizes": tuple(self.hidden_layer_sizes),
            "activation": self.activation,
            "seed": self._seed,
        }
        head = build_head(**self._head)
        self._settings = self._make_settings(self._seed, len(data.X))
        self.net_ = self._make_net(head, data.X.dtype)
        self.module_ = self.net_.module_
        mean = codes.mean()
        head.use_units(mean, codes.spread(mean))
        self.loss_curve_, self.validation_curve_ = np.empty(0), None

    def _make_settings(self, seed, n_rows):
        return ClassifierSettings(
            optimizer=self.optimizer,
            lr=self.lr,
            encoder_lr=self.encoder_lr,
            weight_decay=None,
            batch_size=self.batch_size,
            callbacks=self.callbacks,
            device=self.device,
            monitor=self.early_stopping if isinstance(self.early_stopping, str) else "loss",
            seed=seed,
            n_rows=n_rows,
        )

    def _make_net(self, head, dtype, fallback=False):
        """Return a net with the kept settings around a head, and the encoder if it is trained."""
        encoder, n_inputs = None, self._head["n_components"]
        if self._strategy != "frozen":
            last = split_pipeline(self.encoder_)[1]
            encoder, n_inputs = last.module_, last.n_features_in_
        device = resolve_device(self._settings.device, dtype, fallback)
        return make_classifier_net(
            head, encoder, self._settings, n_features=n_inputs, dtype=dtype, device=device
        )

    def _renew_net(self):
        self.net_ = self._make_net(self.module_.head, dtype_of(self.module_))
        self.module_ = self.net_.module_

    def _check_same_network(self):
        if not is_alike(self._resolve_encoder(), self._encoder):
            raise ValueError(
                "encoder is not the one that the network was fitted with, and training continues "
                "only with the same encoder. Use fit with warm_start=False to train a new network."
            )
        names = ("strategy", "hidden_layer_sizes", "activation")
        requested = {name: getattr(self, name) for name in names}
        check_same_network(requested, {"strategy": self._strategy, **self._head})

    def _trained_module(self):
        return self.module_.head

    def _restore_network(self, weights):
        # A shallow copy would train the weights of the original.
        self.encoder_ = copy.deepcopy(self.encoder_)
        head = restore_head(self._head, weights)
        self.net_ = self._make_net(head, dtype_of(head), fallback=True)
        self.module_ = self.net_.module_
