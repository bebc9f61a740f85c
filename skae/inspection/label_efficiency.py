"""Accuracy of a classifier by number of labels and strategy."""

import sys
from numbers import Integral

import numpy as np
from scipy.stats import t
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, column_or_1d

from skae._sklearn_compat import _safe_indexing
from skae.inspection.report import Report

STRATEGIES = ("scratch", "frozen", "finetune")

#: Probability with which an interval covers the mean over all draws of the labels.
LEVEL = 0.95


class LabelEfficiencyCurve(Report):
    """Accuracy by number of labels and strategy.

    Attributes
    ----------
    strategies : tuple of str
        What was compared.
    n_labels : ndarray of shape (n_sizes,)
        Numbers of labelled rows, rising.
    scores : ndarray of shape (n_strategies, n_sizes, n_draws)
        Accuracy on the test rows. Draws are paired: the same labelled rows for each strategy.
    mean : ndarray of shape (n_strategies, n_sizes)
        Over the draws.
    interval : ndarray of shape (n_strategies, n_sizes, 2)
        Lower and upper end of the 95% interval of the mean by Student's t, over draws of the
        labelled rows; the test rows and the pretrained encoder are the same for all. nan for one
        draw.
    """

    def __init__(self, strategies, n_labels, scores):
        self.strategies = strategies
        self.n_labels = n_labels
        self.scores = scores
        self.mean = scores.mean(axis=2)
        self.interval = _interval(scores)

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
    """Measure accuracy by number of labelled rows, for each strategy.

    Labelled rows are drawn from X several times, each class about in proportion and with one row
    at least; the rows of a smaller number are among those of a larger one. All strategies are
    given the same rows, so that their differences are not those of the draws.

    Parameters
    ----------
    classifier : PretrainedEncoderClassifier
        Clones of it are fitted. An encoder that is not fitted is fitted once on X, without
        labels, and then kept for all draws; ``FrozenEstimator(fitted)`` is used as it is.
    X : array-like of shape (n_samples, n_features)
        Training rows, out of which the labelled ones are drawn.
    y : array-like of shape (n_samples,)
        Their labels.
    X_test : array-like of shape (n_test_samples, n_features)
        Rows to measure accuracy on. They should be unknown to the encoder, too.
    y_test : array-like of shape (n_test_samples,)
        Their labels.
    n_labels : sequence of int, default=(10, 30, 100, 300, 1000)
        Numbers of labelled rows, each at least the number of classes and at most ``n_samples``.
    n_draws : int, default=10
        How often labelled rows are drawn, at least 1. More narrow the intervals and take longer.
    strategies : sequence of str, default=("scratch", "frozen", "finetune")
        Strategies to compare.
    n_jobs : int or None, default=None
        Processes that fit at the same time; None is 1, -1 as many as there are processors.
    random_state : int, RandomState instance or None, default=None
        Draws labelled rows, and seeds each draw's classifiers, and the encoder, if their own
        ``random_state`` is None. Pass an int for the same result on each call.
    verbose : int, default=0
        1 shows a progress line on standard error.

    Returns
    -------
    LabelEfficiencyCurve
        With arrays ``scores``, ``mean`` and ``interval``, a table in ``print`` and notebooks,
        and ``as_frame()``.

    Raises
    ------
    ValueError
        If ``n_labels``, ``n_draws`` or ``strategies`` break the rules above, or as ``fit`` of the
        classifier does.

    See Also
    --------
    sklearn.model_selection.learning_curve : For one estimator, by number of rows.

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
    classifier = _pretrained(classifier, X, y, rng)
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
            _show_progress(draw + 1, n_draws)
    return LabelEfficiencyCurve(strategies, n_labels, scores)


def _check_sizes(n_labels, n_draws, y):
    """Return the numbers of labels as a rising array; raise an error if one cannot be."""
    given, sizes, n_classes = n_labels, np.unique(n_labels), len(np.unique(y))
    is_whole = sizes.dtype.kind in "iu" and np.ndim(given) == 1 and len(sizes)
    if not is_whole or sizes[0] < n_classes or sizes[-1] > len(y):
        raise ValueError(
            f"n_labels={given!r} must hold whole numbers from n_classes={n_classes}, so that each "
            f"class occurs, to n_samples={len(y)}."
        )
    if not isinstance(n_draws, Integral) or n_draws < 1:
        raise ValueError(f"n_draws={n_draws!r} must be a whole number of at least 1.")
    return sizes


def _check_classifier(classifier, strategies):
    """Raise an error if a classifier cannot follow the strategies."""
    if not all(hasattr(classifier, name) for name in ("encoder", "strategy")):
        raise ValueError(
            f"classifier is a {type(classifier).__name__}, which has no strategies to compare: "
            "pass a PretrainedEncoderClassifier."
        )
    if not strategies or not set(strategies) <= set(STRATEGIES):
        raise ValueError(f"strategies={strategies!r} must be some of {STRATEGIES}.")


def _pretrained(classifier, X, y, rng):
    """Return a clone of a classifier whose encoder is fitted, on X and without labels."""
    seed = rng.randint(2**31 - 1)
    if isinstance(classifier.encoder, FrozenEstimator):
        return clone(classifier)
    # A classifier with a frozen encoder shows y to its head only, which is thrown away.
    for_once = {"strategy": "frozen", "max_epochs": 1, "tol": None, "early_stopping": False}
    once = clone(classifier).set_params(**for_once)
    if once.random_state is None:
        once.set_params(random_state=seed)
    return clone(classifier).set_params(encoder=FrozenEstimator(once.fit(X, y).encoder_))


def _stratified_order(y, rng):
    """Return an order of all rows whose every beginning has its share of each class.

    One row of each class comes first. Then row number r out of the n of its class, counted from
    0, stands at (r + u) / n of the way, with one random u in (0, 1) for each class.
    """
    order = rng.permutation(len(y))
    _, classes, counts = np.unique(y[order], return_inverse=True, return_counts=True)
    by_class = np.argsort(classes, kind="stable")
    rank = np.empty(len(y), dtype=np.int64)
    rank[by_class] = np.concatenate([np.arange(count) for count in counts])
    start = rng.uniform(size=len(counts))
    place = np.where(rank == 0, -1.0, (rank + start[classes]) / counts[classes])
    return order[np.argsort(place, kind="stable")]


def _accuracy(classifier, strategy, seed, X, y, rows, X_test, y_test):
    """Return the accuracy on test rows of a clone that is fitted on some labelled rows."""
    classifier = clone(classifier).set_params(strategy=strategy)
    if classifier.random_state is None:
        classifier.set_params(random_state=seed)
    return classifier.fit(_safe_indexing(X, rows), y[rows]).score(X_test, y_test)


def _interval(scores):
    """Return the ends of Student's interval for the mean over draws."""
    n_draws = scores.shape[-1]
    mean = scores.mean(axis=-1)
    if n_draws == 1:
        return np.full((*mean.shape, 2), np.nan)
    error = scores.std(axis=-1, ddof=1) / np.sqrt(n_draws)
    half = t.ppf((1 + LEVEL) / 2, n_draws - 1) * error
    return np.stack([mean - half, mean + half], axis=-1)


def _show_progress(draw, n_draws):
    """Show one line on standard error: rewritten on a terminal, its last state in a log."""
    is_last = draw == n_draws
    if is_last or sys.stderr.isatty():
        print(
            f"\rdraw {draw:>4}/{n_draws}", end="\n" if is_last else "", file=sys.stderr, flush=True
        )
