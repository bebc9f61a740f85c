"""Accuracy by the number of labelled samples, for each strategy of a classifier."""

from numbers import Integral

import numpy as np
from scipy.stats import t
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skae._progress_line import write_progress_line
from skae._sklearn_compat import safe_indexing
from skae.inspection.report import Report

STRATEGIES = ("scratch", "frozen", "finetune")

#: Confidence level of the intervals of the mean.
CONFIDENCE_LEVEL = 0.95


class LabelEfficiencyCurve(Report):
    """Accuracy by the number of labelled samples, for each strategy.

    Attributes
    ----------
    strategies : tuple of str
        The strategies that were compared.
    n_labels : ndarray of shape (n_sizes,)
        Numbers of labelled samples, in increasing order.
    scores : ndarray of shape (n_strategies, n_sizes, n_draws)
        Accuracy on the test samples. The draws are paired: the labelled samples are the same for
        all strategies.
    mean : ndarray of shape (n_strategies, n_sizes)
        Mean accuracy over the draws.
    interval : ndarray of shape (n_strategies, n_sizes, 2)
        Lower and upper bound of the 95% confidence interval of the mean by Student's t
        distribution. It reflects the variation between draws of the labelled samples only: the
        test samples and the pretrained encoder are the same for all draws. nan for a single draw.
    """

    def __init__(self, strategies, n_labels, scores):
        self.strategies = strategies
        self.n_labels = n_labels
        self.scores = scores
        self.mean = scores.mean(axis=2)
        self.interval = _confidence_interval(scores)

    def _index(self):
        return "labels", self.n_labels.tolist()

    def _columns(self):
        columns = {}
        for strategy, mean, interval in zip(self.strategies, self.mean, self.interval):
            columns[strategy] = mean.tolist()
            columns[f"{strategy}_low"], columns[f"{strategy}_high"] = interval.T.tolist()
        return columns

    def _summary(self):
        n_draws = self.scores.shape[2]
        return f"mean accuracy over {n_draws} draws of the labels, and its 95% interval"


def label_efficiency_curve(
    classifier,
    X,
    y,
    X_test,
    y_test,
    n_labels=(10, 30, 100, 300, 1000),
    n_draws=10,
    *,
    strategies=STRATEGIES,
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """Compute the accuracy by the number of labelled samples, for each strategy.

    The labelled samples are drawn from X several times. Each draw is stratified, with at least one
    sample of each class, and nested: the samples of a smaller number are among those of a larger
    one. All strategies are fitted on the same samples, so that the differences between strategies
    do not contain the variation between draws.

    Parameters
    ----------
    classifier : PretrainedEncoderClassifier
        Clones of it are fitted. An encoder that is not fitted is fitted once on X, without
        labels, and used for all draws; ``FrozenEstimator(fitted)`` is used as it is.
    X : array-like of shape (n_samples, n_features)
        Training data, from which the labelled samples are drawn.
    y : array-like of shape (n_samples,)
        Class labels of X.
    X_test : array-like of shape (n_test_samples, n_features)
        Samples on which the accuracy is measured. The encoder should not have been fitted on them.
    y_test : array-like of shape (n_test_samples,)
        Class labels of the test samples.
    n_labels : sequence of int, default=(10, 30, 100, 300, 1000)
        Numbers of labelled samples, each at least the number of classes and at most ``n_samples``.
    n_draws : int, default=10
        Number of times that labelled samples are drawn, at least 1. A larger value gives narrower
        confidence intervals and takes longer.
    strategies : sequence of str, default=("scratch", "frozen", "finetune")
        Strategies to compare.
    n_jobs : int or None, default=None
        Number of fits to run in parallel. None means 1, -1 means all processors.
    random_state : int, RandomState instance or None, default=None
        Determines the labelled samples. Also seeds the classifiers and the encoder if their own
        ``random_state`` is None. Pass an int for reproducible results.
    verbose : int, default=0
        If not 0, a progress line is written to standard error.

    Returns
    -------
    LabelEfficiencyCurve
        With arrays ``scores``, ``mean`` and ``interval``. ``print`` and notebooks show a table,
        and ``as_frame()`` returns it as a data frame.

    Raises
    ------
    ValueError
        If ``n_labels``, ``n_draws`` or ``strategies`` is invalid, or if ``fit`` of the classifier
        raises it.

    See Also
    --------
    sklearn.model_selection.learning_curve : The score of one estimator by the number of samples.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from skae import AutoencoderTransformer, PretrainedEncoderClassifier
    >>> from skae.inspection import label_efficiency_curve
    >>> X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), random_state=0)
    >>> clf = PretrainedEncoderClassifier(AutoencoderTransformer(16))
    >>> curve = label_efficiency_curve(
    ...     clf, X, y, X_test, y_test, (20, 100), n_draws=2, random_state=0
    ... )
    >>> curve.mean.shape
    (3, 2)
    >>> print(curve)
    labels  scratch  scratch low  scratch high  frozen  frozen low  frozen high ...
    ...
    mean accuracy over 2 draws of the labels, and its 95% interval
    """
    y = column_or_1d(y)
    check_classification_targets(y)
    check_consistent_length(X, y)
    n_labels, strategies = _check_sizes(n_labels, n_draws, y), tuple(strategies)
    _check_classifier(classifier, strategies)
    rng = check_random_state(random_state)
    classifier = _pretrain(classifier, X, y, rng)
    scores = np.empty((len(strategies), len(n_labels), n_draws))
    run = Parallel(n_jobs=n_jobs)
    for draw in range(n_draws):
        order, seed = _stratified_order(y, rng), rng.randint(2**31 - 1)
        found = run(
            delayed(_accuracy)(classifier, strategy, seed, X, y, order[:size], X_test, y_test)
            for strategy in strategies
            for size in n_labels
        )
        scores[:, :, draw] = np.reshape(found, scores.shape[:2])
        if verbose:
            write_progress_line(f"draw {draw + 1:>4}/{n_draws}", is_last=draw + 1 == n_draws)
    return LabelEfficiencyCurve(strategies, n_labels, scores)


def _check_sizes(n_labels, n_draws, y):
    """Return the numbers of labels as an increasing array; raise an error if one is invalid."""
    given, sizes, n_classes = n_labels, np.unique(n_labels), len(np.unique(y))
    are_integers = sizes.dtype.kind in "iu" and np.ndim(given) == 1 and len(sizes)
    if not are_integers or sizes[0] < n_classes or sizes[-1] > len(y):
        raise ValueError(
            f"n_labels={given!r} must hold whole numbers from n_classes={n_classes}, so that each "
            f"class occurs, to n_samples={len(y)}."
        )
    if not isinstance(n_draws, Integral) or n_draws < 1:
        raise ValueError(f"n_draws={n_draws!r} must be a whole number of at least 1.")
    return sizes


def _check_classifier(classifier, strategies):
    """Raise an error if a strategy is unknown or the classifier has no strategies."""
    if not all(hasattr(classifier, name) for name in ("encoder", "strategy")):
        raise ValueError(
            f"classifier is a {type(classifier).__name__}, which has no strategies to compare: "
            "pass a PretrainedEncoderClassifier."
        )
    if not strategies or not set(strategies) <= set(STRATEGIES):
        raise ValueError(f"strategies={strategies!r} must be some of {STRATEGIES}.")


def _pretrain(classifier, X, y, rng):
    """Return a clone of a classifier with an encoder that is fitted on X, without labels."""
    seed = rng.randint(2**31 - 1)
    if isinstance(classifier.encoder, FrozenEstimator):
        return clone(classifier)
    # With strategy="frozen", only the head is fitted on y, and the head is not kept.
    encoder_only = {"strategy": "frozen", "max_epochs": 1, "tol": None, "early_stopping": False}
    pretrained = clone(classifier).set_params(**encoder_only)
    if pretrained.random_state is None:
        pretrained.set_params(random_state=seed)
    return clone(classifier).set_params(encoder=FrozenEstimator(pretrained.fit(X, y).encoder_))


def _stratified_order(y, rng):
    """Return a random order of all samples whose first k samples are stratified, for each k.

    One sample of each class comes first. The others are sorted by (rank + u) / n, where rank is
    the position of the sample among the n samples of its class, counted from 0, and u is a random
    number in (0, 1) for each class.
    """
    order = rng.permutation(len(y))
    _, classes, counts = np.unique(y[order], return_inverse=True, return_counts=True)
    by_class = np.argsort(classes, kind="stable")
    rank = np.empty(len(y), dtype=np.int64)
    rank[by_class] = np.concatenate([np.arange(count) for count in counts])
    offset = rng.uniform(size=len(counts))
    position = np.where(rank == 0, -1.0, (rank + offset[classes]) / counts[classes])
    return order[np.argsort(position, kind="stable")]


def _accuracy(classifier, strategy, seed, X, y, labelled, X_test, y_test):
    """Return the test accuracy of a clone that is fitted on the labelled samples ``labelled``."""
    classifier = clone(classifier).set_params(strategy=strategy)
    if classifier.random_state is None:
        classifier.set_params(random_state=seed)
    return classifier.fit(safe_indexing(X, labelled), y[labelled]).score(X_test, y_test)


def _confidence_interval(scores):
    """Return the bounds of the confidence interval of the mean over the draws."""
    n_draws = scores.shape[-1]
    mean = scores.mean(axis=-1)
    if n_draws == 1:
        return np.full((*mean.shape, 2), np.nan)
    standard_error = scores.std(axis=-1, ddof=1) / np.sqrt(n_draws)
    half_width = t.ppf((1 + CONFIDENCE_LEVEL) / 2, n_draws - 1) * standard_error
    return np.stack([mean - half_width, mean + half_width], axis=-1)
