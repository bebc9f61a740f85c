"""PretrainedEncoderClassifier: a classifier that starts from what an autoencoder has learned."""

import copy
import warnings
from contextlib import nullcontext
from numbers import Real

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.utils import (
    _safe_indexing,
    check_array,
)
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
)

from skae import _head, _net, _progress, _rows, _runtime, _training, _weights
from skae._autoencoder import AutoencoderTransformer
from skae._distributed import current_group
from skae._encoders import (
    check_encoder,
    fit_encoder,
    inputs_of,
    is_alike,
    last_step,
    renew_encoder,
    seeded_clone,
    unfrozen,
)
from skae._labels import check_labels, number_labels, weigh_classes
from skae._moments import check_rows, check_weight, mean_of, spread_of
from skae.architectures import _check_counts
from skae.modules import ACTIVATIONS, look_up

__all__ = ["PretrainedEncoderClassifier"]

#: Parameters that say how to train: a change of them needs no other network.
SETTINGS = ("lr", "encoder_lr", "optimizer", "batch_size", "callbacks", "device")


class PretrainedEncoderClassifier(_progress.CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Classification with few labels: an encoder that knows the data, and a head.

    An autoencoder learns from rows without labels what they are like. Its encoder, with a few
    more layers behind it, the head, then needs fewer labels than a network with fresh weights
    (Bengio et al., 2007; Erhan et al., 2010).

    Parameters
    ----------
    encoder : transformer or None, default=None
        What turns rows into codes. Not fitted: a clone is fitted in ``fit``, on X and
        ``X_unlabeled``. ``FrozenEstimator(fitted)``: used as it is; neither ``fit`` nor
        :func:`~sklearn.base.clone` changes it. An
        :class:`~skae.AutoencoderTransformer`, or a :class:`~sklearn.pipeline.Pipeline` that ends
        in one; for ``strategy="frozen"`` any transformer of scikit-learn. None is
        ``AutoencoderTransformer()``.
    strategy : {"finetune", "frozen", "scratch"}, default="finetune"
        "finetune" trains a copy of the encoder together with the head. "frozen" computes codes
        once and trains the head alone: fast, and safer the fewer labels there are. "scratch"
        trains the same network from fresh weights, without pretraining: what to compare with.
    hidden_layer_sizes : tuple of int, default=()
        Widths of the head's hidden layers, each at least 1; ``()`` is a linear head. More fit
        more and need more labels.
    activation : str, default="relu"
        After each hidden layer of the head; one of those of :class:`~skae.architectures.MLP`.
    lr : float, default=3e-3
        Learning rate, positive. Larger learns faster until training becomes unstable.
    encoder_lr : float or None, default=None
        Learning rate of the encoder for "finetune" and "scratch"; None is ``lr``. Smaller keeps
        more of what was learned without labels.
    optimizer : {"adam", "adamw", "sgd", "lbfgs"} or torch optimiser class, default="adam"
        As in :class:`~skae.AutoencoderTransformer`.
    batch_size : int or "auto", default="auto"
        Rows per step of the optimiser, as in :class:`~skae.AutoencoderTransformer`.
    max_epochs : int or "auto", default="auto"
        Largest number of passes over the labelled rows. "auto" is at least 10 passes and at
        least 1,500 steps.
    class_weight : dict, "balanced" or None, default=None
        Weights of classes, which multiply ``sample_weight``: by label, 1 for those left out.
        "balanced" gives all classes the same sum of weights.
    early_stopping : bool or {"loss", "accuracy"}, default=False
        Whether to hold out labelled rows, stop when their loss (True is "loss") or
        accuracy no longer improves, and keep the weights that were best on them. Classes are held
        out in proportion.
    validation_fraction : float, default=0.1
        Share of the labelled rows to hold out for ``early_stopping``, in (0, 1).
    n_iter_no_change : int, default=5
        Epochs in a row without progress after which training ends, at least 1.
    tol : float or None, default=1e-4
        Progress is a loss that is lower than the best one so far by more than this, in nats, or
        an accuracy that is higher. Larger stops earlier; None trains for ``max_epochs``.
    warm_start : bool, default=False
        Whether ``fit`` goes on from the encoder and head of the fit before, which then
        has to know all labels: as many passes as it takes, shuffled, with a fresh optimiser.
        ``partial_fit`` always goes on, for one pass, and keeps the optimiser.
    callbacks : list of skorch callbacks or None, default=None
        As in :class:`~skae.AutoencoderTransformer`.
    device : str, default="auto"
        Where to compute, as in :class:`~skae.AutoencoderTransformer`.
    random_state : int, RandomState instance or None, default=None
        Decides initial weights, order of rows, held-out rows and dropout, and all that is random
        in an encoder fitted here whose own ``random_state`` is None. Pass an int for the same
        result on each call of ``fit``.
    verbose : int, default=0
        1 shows a progress line on standard error.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, sorted.
    encoder_ : transformer
        The fitted encoder, whose ``transform`` gives the codes that the head sees. It is a copy:
        training of it does not reach the one given. After "finetune" and "scratch" its decoder
        does not belong to its codes any more.
    module_ : torch.nn.Module
        The trained network, a :class:`skae.modules.Classifier` in evaluation mode; without
        encoder for "frozen".
    net_ : skorch.NeuralNet
        The net that trained it, with its optimiser and history.
    loss_curve_ : ndarray of shape (`n_iter_`,)
        Mean cross-entropy of the labelled rows in each epoch, in nats.
    validation_curve_ : ndarray of shape (`n_iter_`,) or None
        Loss or accuracy of the held-out rows after each epoch; None without
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
    sklearn.semi_supervised.LabelSpreading : Learns from rows without labels by their neighbours.

    Notes
    -----
    ``clone`` drops what an estimator has learned, so an encoder that is fitted and
    not wrapped in a ``FrozenEstimator`` would silently start anew in each fold of a search:
    that is an error. If the encoder has seen rows that are tested on, say so: their labels have not
    leaked, but their values have.

    Computation is in float32 for float32 rows and in float64 for all others. Pickles hold
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
        **_training.CONSTRAINTS,
        "encoder": [None, HasMethods(["fit", "transform"])],
        "strategy": [StrOptions({"finetune", "frozen", "scratch"})],
        "hidden_layer_sizes": ["array-like"],
        "activation": [str],
        "encoder_lr": [Interval(Real, 0, None, closed="neither"), None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "early_stopping": ["boolean", StrOptions(set(_head.MONITORED))],
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
            :class:`~skae.AutoencoderTransformer`, which None stands for.

        Returns
        -------
        self : PretrainedEncoderClassifier
            This estimator.
        """
        nested = any(name.startswith("encoder__") for name in params)
        if nested and params.get("encoder", self.encoder) is None:
            params = {**params, "encoder": AutoencoderTransformer()}
        return super().set_params(**params)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, X_unlabeled=None):
        """Fit the encoder, if it is not frozen, and train the classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows whose class is known.
        y : array-like of shape (n_samples,)
            Their labels: strings, integers or booleans.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each row in the loss, not negative: 2 counts as two such rows, 0 as if the
            row were absent, its label too. An encoder that is fitted here gets it if its
            ``fit`` takes it.
        X_unlabeled : array-like of shape (n_unlabeled, n_features), or 1-tuple of one, \
                default=None
            More rows for an encoder that is fitted here, each of weight 1; "scratch" does
            without. :func:`~sklearn.model_selection.cross_validate` and searches take an array
            of exactly ``n_samples`` rows apart into folds; a tuple ``(X_unlabeled,)`` they pass
            on as it is.

        Returns
        -------
        self : PretrainedEncoderClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If the rows, labels, weights or a parameter break the rules above, the encoder is
            fitted but not wrapped in a ``FrozenEstimator``, does not go with X or the strategy, or
            if the loss stops being finite. The estimator is then as it was before.
        """
        starts = not (self.warm_start and hasattr(self, "net_"))
        if X_unlabeled is not None and self.strategy != "scratch" and starts:
            self._warn_of_unused_rows()
        with _training.unchanged_on_error(self):
            converged = self._fit(X, y, sample_weight, X_unlabeled, starts)
        if not converged and self.tol is not None and self.max_epochs != "auto":
            warnings.warn(
                f"max_epochs={self.max_epochs} reached and training still improves by more than "
                f"tol={self.tol} per epoch. Increase max_epochs, or pass tol=None to train for a "
                "fixed number of epochs.",
                ConvergenceWarning,
                stacklevel=3,  # past the decorator
            )
        return self

    @_progress.with_callbacks
    def _fit(self, X, y, sample_weight, X_unlabeled, starts):
        """Return whether training ended by itself."""
        rows, X, y, weight = self._check_training_rows(X, y, sample_weight, starts)
        X_unlabeled = self._check_unlabeled(X_unlabeled, X.dtype)
        task = _progress.begin_fit(self, 1 + (starts and self._fits_encoder()), X, y, weight)
        if starts:
            self.classes_ = np.unique(y)
            self._start(rows, X, weight, X_unlabeled, task)
        else:
            self._check_same_network()
            self._seed = _runtime.make_seed(self.random_state)
            self._settings = self._resolve_settings(len(X))
            self._renew_net()
        y = number_labels(y, self.classes_)
        inputs = inputs_of(self.encoder_, self._strategy, rows, X)
        weight = weigh_classes(self.class_weight, self.classes_, y, weight)
        if starts:
            self._set_up_net(inputs, weight)
        rows, valid = _head.make_labelled_rows(inputs, y, weight, shuffle=True), None
        if self.early_stopping:
            # Not the net's generator: with the same seed, the same rows are held out again.
            generator = _runtime.make_generator(self._seed)
            rows, valid = _rows.split_classes(rows, self.validation_fraction, generator)
        converged = self._train(rows, valid, self.max_epochs, task)
        if task is not None:
            task.end()
        return converged

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one pass over a chunk of labelled rows, in their order.

        The first chunk decides more than later ones, so it should be typical: the units of the
        head and, unless the encoder is a ``FrozenEstimator``, the encoder. One that is not fitted
        is fitted on the first chunk as ``fit`` does, to the end; for ``strategy="scratch"`` it
        gets fresh weights in the units of that chunk. Later chunks train what ``strategy`` says.

        ``max_epochs``, ``tol`` and ``early_stopping`` are for ``fit``. A changed parameter of the
        optimiser counts from the next chunk on, with a fresh optimiser. After ``fit``, and after
        loading, it goes on from the weights there are. To pass over the same rows again until
        they are learned, use ``fit`` with ``warm_start=True`` instead.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The chunk.
        y : array-like of shape (n_samples,)
            Their labels.
        classes : array-like of shape (n_classes,) or None, default=None
            All labels that any chunk will have. Needed in the first call, unless ``fit`` came
            before; later the same or None.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weight of each row, as in ``fit``.

        Returns
        -------
        self : PretrainedEncoderClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            As ``fit`` does, if ``classes`` is missing in the first call or is not what it was, if
            y has a label that is not among them, or for ``class_weight="balanced"``, which
            needs to see all labels. The estimator is then as it was before.
        """
        with _training.unchanged_on_error(self):
            first = not hasattr(self, "net_")
            if self.class_weight == "balanced":
                raise ValueError(
                    "class_weight='balanced' needs all labels at once, which partial_fit does not "
                    "see: pass a dict, such as from sklearn.utils.compute_class_weight on labels "
                    "that are typical, or use sample_weight."
                )
            self._check_classes(classes, first)
            rows, X, y, weight = self._check_training_rows(X, y, sample_weight, first)
            if first:
                self._start(rows, X, weight)
            else:
                self._check_same_network()
                _training.follow_settings(self, SETTINGS)
            y = number_labels(y, self.classes_)
            inputs = inputs_of(self.encoder_, self._strategy, rows, X)
            weight = weigh_classes(self.class_weight, self.classes_, y, weight)
            if first:
                self._set_up_net(inputs, weight)
            rows = _head.make_labelled_rows(inputs, y, weight)
            self._train(rows, None, max_epochs=1)
        return self

    def predict(self, X):
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            Labels out of ``classes_``.
        """
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    def predict_proba(self, X):
        """Return the probability of each class for each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``; each row sums to 1.
        """
        check_is_fitted(self)
        rows = self._flatten(X)
        X = check_rows(self, rows, reset=False)
        logits = self.net_.apply("forward", inputs_of(self.encoder_, self._strategy, rows, X))
        with np.errstate(over="ignore"):  # of differences: their exponentials are 0
            return softmax(logits.astype(np.float64), axis=1)

    def _flatten(self, X):
        """Return images or sequences as rows, if the encoder takes such."""
        encoder = last_step(unfrozen(self.encoder))
        takes_images = isinstance(encoder, AutoencoderTransformer)
        return encoder._flatten(X) if takes_images else _runtime.as_array(X)

    def _check_training_rows(self, X, y, sample_weight, reset):
        """Return the rows that have weight, as given and as an array, their labels and weights."""
        if current_group().size > 1:
            raise RuntimeError(
                "PretrainedEncoderClassifier trains in one process, and this one is in a group of "
                f"{current_group().size}: pretrain an AutoencoderTransformer in the group, call "
                "torch.distributed.destroy_process_group() and pass it in a FrozenEstimator."
            )
        rows = self._flatten(X)
        X = check_rows(self, rows, reset)
        y = check_labels(y)
        check_consistent_length(X, y)
        if sample_weight is None:
            return rows, X, y, None
        weight = check_weight(sample_weight, X)
        if weight.min() == 0:
            index = np.flatnonzero(weight)
            rows = _safe_indexing(rows, index)
            X, y, weight = X[index], y[index], weight[index]
        return rows, X, y, weight

    def _check_unlabeled(self, X_unlabeled, dtype):
        """Return rows without labels as an array, or None."""
        if isinstance(X_unlabeled, tuple) and len(X_unlabeled) == 1:
            (X_unlabeled,) = X_unlabeled
        if X_unlabeled is None:
            return None
        rows = self._flatten(X_unlabeled)
        n_columns = check_array(rows, dtype=dtype, input_name="X_unlabeled").shape[1]
        if n_columns != self.n_features_in_:
            raise ValueError(
                f"X_unlabeled has {n_columns} columns and X has {self.n_features_in_}: pass rows "
                "with the same columns."
            )
        return check_rows(self, rows, reset=False, dtype=dtype)

    def _check_classes(self, classes, first):
        """Take the labels that chunks will have; those of before must be the same."""
        if classes is not None:
            classes = np.unique(check_labels(classes, "classes"))
        if first and classes is None:
            raise ValueError(
                "classes=None, but the first call of partial_fit needs all labels that will come, "
                "since this chunk may lack some: pass classes=np.unique(all labels)."
            )
        if first:
            self.classes_ = classes
        elif classes is not None and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"classes={classes.tolist()} are not those that the fitted network knows, "
                f"{self.classes_.tolist()}: leave classes out, or train a new estimator."
            )

    def _warn_of_unused_rows(self):
        """Warn if the encoder is one that no rows reach."""
        if isinstance(self.encoder, FrozenEstimator):
            warnings.warn(
                "X_unlabeled is not used, since encoder is a FrozenEstimator, which is not fitted "
                "again: fit the encoder on these rows before, or pass it unfitted.",
                UserWarning,
                stacklevel=4,  # past fit and its decorator
            )

    def _fits_encoder(self):
        """Tell whether all of the encoder is to be fitted here."""
        return self.strategy != "scratch" and not isinstance(self.encoder, FrozenEstimator)

    def _start(self, rows, X, weight, X_unlabeled=None, task=None):
        """Fit the encoder, or copy it."""
        self._strategy = self.strategy
        self._seed = _runtime.make_seed(self.random_state)
        self._check_head()
        encoder = self._resolve_encoder()
        check_encoder(encoder, self._strategy, self.n_features_in_)
        self._encoder = clone(encoder)  # only to know it again; what is frozen is not copied
        rng = np.random.RandomState(self._seed % 2**32)
        if isinstance(encoder, FrozenEstimator):
            self.encoder_ = copy.deepcopy(encoder.estimator)
        else:
            self.encoder_ = seeded_clone(encoder, rng)
            is_heard = task is not None and self._fits_encoder()
            with task.passed_on("fit-encoder", self.encoder_) if is_heard else nullcontext():
                fit_encoder(self.encoder_, self._strategy, X, weight, X_unlabeled)
        if self._strategy == "scratch":
            self.encoder_ = renew_encoder(self.encoder_, rows, X, weight, rng)
        if self._strategy != "frozen":
            last_step(self.encoder_)._set_dtype(X.dtype)

    def _resolve_encoder(self):
        """Return the encoder that is asked for."""
        return AutoencoderTransformer() if self.encoder is None else self.encoder

    def _check_head(self):
        """Raise an error if there can be no such head."""
        look_up("activation", self.activation, ACTIVATIONS)
        _check_counts("hidden_layer_sizes", self.hidden_layer_sizes, "(64,) or (128, 32)")

    def _set_up_net(self, inputs, weight):
        """Build a head with fresh weights, and the net that trains it."""
        codes = inputs
        if self._strategy != "frozen":
            codes = last_step(self.encoder_).net_.apply("encode", inputs)
        self._head = {
            "n_components": codes.shape[1],
            "n_classes": len(self.classes_),
            "hidden_layer_sizes": tuple(self.hidden_layer_sizes),
            "activation": self.activation,
            "seed": self._seed,
        }
        head = _head.build_head(**self._head)
        self._settings = self._resolve_settings(len(inputs))
        self.net_ = self._make_net(head, inputs.dtype)
        self.module_ = self.net_.module_
        mean = mean_of(codes, weight)
        head.use_units(mean, spread_of(codes, mean, weight))
        self.loss_curve_, self.validation_curve_ = np.empty(0), None

    def _resolve_settings(self, n_rows):
        """Return how to train, as it will be kept: a copy of the estimator trains like this."""
        judge = self.early_stopping if isinstance(self.early_stopping, str) else "loss"
        settings = {name: getattr(self, name) for name in SETTINGS}
        return {"seed": self._seed, "n_rows": n_rows, "judge": judge, **settings}

    def _make_net(self, head, dtype, fallback=False):
        """Return a net with the kept settings around a head, and the encoder if it is trained."""
        settings, encoder, n_inputs = self._settings.copy(), None, self._head["n_components"]
        if self._strategy != "frozen":
            last = last_step(self.encoder_)
            encoder, n_inputs = last.module_, last.n_features_in_
        settings["n_features"] = n_inputs
        device = _runtime.resolve_device(settings.pop("device"), dtype, fallback)
        return _head.make_classifier_net(head, encoder, dtype=dtype, device=device, **settings)

    def _check_same_network(self):
        """Raise an error where going on would ignore that another network is asked for now."""
        if not is_alike(self._resolve_encoder(), self._encoder):
            raise ValueError(
                "encoder is another one now than the one that the network was fitted with, and "
                "training goes on with that network. Use fit with warm_start=False to train a new "
                "one."
            )
        names = ("strategy", "hidden_layer_sizes", "activation")
        asked = {name: getattr(self, name) for name in names}
        _training.check_same_network(asked, {"strategy": self._strategy, **self._head})

    def _renew_net(self):
        """Make a new net, with the kept settings, around the fitted network."""
        self.net_ = self._make_net(self.module_.head, _weights.dtype_of(self.module_))
        self.module_ = self.net_.module_

    def _train(self, rows, valid, max_epochs, task=None):
        """Train the net on rows and note how the losses went."""
        net = self.net_
        first = len(net.history)
        n_epochs = _net.resolve_max_epochs(max_epochs, len(rows.index), net)
        stopping = _net.Stopping(n_epochs, self.n_iter_no_change, self.tol)
        part = task and task.begin_part("train", n_epochs)
        converged = net.train(rows, valid, stopping, self.verbose, part)
        if part is not None:
            part.end()
        _training.note_losses(self, first, validates=valid is not None)
        return converged

    def __getstate__(self):
        state = super().__getstate__().copy()
        if state.pop("net_", None) is not None:
            state["module_"] = _weights.get_weights(self.module_.head)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if "module_" in state:
            # A shallow copy would train the weights of the original.
            self.encoder_ = copy.deepcopy(self.encoder_)
            head = _head.restore_head(self._head, state["module_"])
            self.net_ = self._make_net(head, _weights.dtype_of(head), fallback=True)
            self.module_ = self.net_.module_
