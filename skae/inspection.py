"""Comparisons and reports: what an autoencoder gains over PCA, and what its bottleneck learned.

Each function takes an :class:`~skae.AutoencoderTransformer`, or a
:class:`~sklearn.pipeline.Pipeline` that ends in one, and uses its public methods only. Results are
plain objects: numbers are attributes, ``print`` shows a table, so does a notebook, and
``as_frame()`` is the table as a data frame.

In a pipeline, R² and codes belong to the rows as the autoencoder sees them, after the steps before
it, and PCA is given the same rows: after a :class:`~sklearn.preprocessing.StandardScaler`, both
work on standardized columns.
"""

import time
import warnings
from functools import partial

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.manifold import trustworthiness
from sklearn.model_selection import check_cv
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import Bunch, _safe_indexing, check_random_state, gen_batches
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._codes import dead_codes, name_codes
from skae._label_efficiency import label_efficiency_curve
from skae._report import BottleneckCurve, LatentReport, PCAComparison

__all__ = [
    "bottleneck_curve",
    "compare_with_pca",
    "label_efficiency_curve",
    "latent_report",
    "reconstruction_error",
]

#: Rows that trustworthiness is computed on, which takes the square of their number.
TRUSTED_ROWS = 2000

#: Rows whose nearest neighbour is looked for; among all rows.
ASKING_ROWS = 10_000

#: R² by which an autoencoder may stay below PCA without a warning. A linear network that
#: is trained with the defaults ends up to about this far below.
MARGIN = 0.01

#: Rows that are decoded in one go.
BLOCK_ROWS = 4096


def compare_with_pca(ae, X, y=None, X_test=None, y_test=None, *, random_state=None, n_jobs=None):
    """Compare an autoencoder with PCA at the same number of codes.

    PCA is the best linear reconstruction: what an autoencoder gains over it is what its
    nonlinearity is worth, and one that reconstructs worse has not learned what it could. If
    that happens, a warning says which of the usual reasons were found: columns of very different
    scale, dead codes, a loss that was still falling, rows too few for the network.

    Parameters
    ----------
    ae : AutoencoderTransformer or Pipeline that ends in one
        Fitted on X, or not fitted: then a clone is, and the time that takes is measured,
        which nobody knows of a fitted one.
    X : array-like of shape (n_samples, n_features)
        The training rows.
    y : array-like of shape (n_samples,) or None, default=None
        Class labels, for the accuracy of the nearest neighbour: with ``X_test`` and ``y_test``
        each test row is given the label of the nearest training row, without them each training
        row that of the nearest other one; 10,000 rows at most are asked for.
    X_test : array-like of shape (n_test_samples, n_features) or None, default=None
        Held-out rows.
    y_test : array-like of shape (n_test_samples,) or None, default=None
        Their labels.
    random_state : int, RandomState instance or None, default=None
        Draws the 2,000 rows, of the held-out ones if there are any, that trustworthiness is
        computed on if there are more, and the 10,000 above; seeds PCA, and a clone whose
        own ``random_state`` is None. Pass an int for the same result on each call.
    n_jobs : int or None, default=None
        Processes for the search of neighbours; None is 1, -1 as many as there are processors.

    Returns
    -------
    PCAComparison
        With attributes ``autoencoder`` and ``pca``, each with ``r2``, ``r2_test``,
        ``trustworthiness`` (Venna & Kaski, 2001: 1 if neighbours of codes are neighbours of rows,
        5 of them), ``accuracy``, ``fit_seconds`` and ``transform_seconds`` of X, and
        ``principal_angles`` for a linear network.

    Raises
    ------
    ValueError
        If ``ae`` is no autoencoder, y is continuous or ``y_test`` comes without ``X_test`` and y.

    Warns
    -----
    UserWarning
        If the autoencoder's R² is below PCA's by more than 0.01, on the training or the
        held-out rows.

    See Also
    --------
    bottleneck_curve : Both, at many widths, cross-validated.

    References
    ----------
    Venna & Kaski (2001), "Neighborhood preservation in nonlinear projection methods: an
    experimental study", *ICANN*.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.inspection import compare_with_pca
    >>> X, y = load_digits(return_X_y=True)
    >>> comparison = compare_with_pca(AutoencoderTransformer(8), X, y, random_state=0)
    >>> comparison.autoencoder.r2 > comparison.pca.r2 + 0.1
    True
    >>> print(comparison)
    8 codes          r2  r2 test  trustworthiness  accuracy  fit seconds  transform seconds
    ---------------------------------------------------------------------------------------
    autoencoder  ...
    PCA          0.67...
    """
    X, X_test = _flat(X), _flat(X_test)
    if y_test is not None and (X_test is None or y is None):
        raise ValueError(
            "y_test is given without X_test or y: the labels of held-out rows are compared with "
            "those of the nearest training rows. Pass X, y, X_test and y_test."
        )
    for labels in (y, y_test):
        if labels is not None:
            check_classification_targets(labels)
    rng = check_random_state(random_state)
    ae, X, X_test, ae_seconds = _fitted(ae, X, y, X_test, rng)
    pca = PCA(min(ae.n_components_, *np.shape(X)), random_state=rng.randint(2**31 - 1))
    _, pca_seconds = _timed(pca.fit, X)
    data, seed = (X, y, X_test, y_test), rng.randint(2**31 - 1)  # the same rows for both
    autoencoder = _measure(ae, ae.score, ae_seconds, *data, seed, n_jobs)
    linear = _measure(pca, partial(_r2_of_pca, pca), pca_seconds, *data, seed, n_jobs)
    angles = None
    if hasattr(ae, "components_"):
        angles = np.degrees(subspace_angles(ae.components_.T, pca.components_.T))[::-1]
    _warn_if_below_pca(autoencoder, linear, X)
    return PCAComparison(autoencoder, linear, angles, ae.n_components_)


def bottleneck_curve(estimator, X, widths, *, cv=5, n_jobs=None):
    """Measure how well held-out rows are reconstructed, by number of codes.

    The autoencoder is fitted anew for each width and fold, PCA once per fold. One with
    ``latent="ordered"`` is fitted once per fold too, at the largest width: for the others its last
    codes are set to 0. The curve shows how many codes the data are worth, and from where on PCA is
    as good. The smallest width within one standard error of the best one is a choice that does
    not follow the noise of the folds (Breiman et al., 1984).

    Parameters
    ----------
    estimator : AutoencoderTransformer or Pipeline that ends in one
        Clones of it are fitted; its ``n_components`` does not matter. With an int as its
        ``random_state``, each call gives the same result.
    X : array-like of shape (n_samples, n_features)
        Rows.
    widths : sequence of int
        Numbers of codes to try, each at least 1. More take longer.
    cv : int, splitter or iterable, default=5
        As in :func:`~sklearn.model_selection.cross_val_score`: an int is the number of folds,
        which are blocks of rows in their order; pass ``KFold(5, shuffle=True, random_state=0)``
        where that order means something.
    n_jobs : int or None, default=None
        Fits to run at the same time; None is 1, -1 as many as there are processors.

    Returns
    -------
    BottleneckCurve
        With attributes ``widths``, ``mean``, ``standard_error``, ``pca_mean``,
        ``pca_standard_error``, ``best_width``, ``one_se_width``, and the ``scores`` of all folds.

    Raises
    ------
    ValueError
        If a width is not a whole number of at least 1, or the estimator is no autoencoder.

    References
    ----------
    Breiman, Friedman, Olshen & Stone (1984), *Classification and Regression Trees*, section 3.4.3.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skae import AutoencoderTransformer
    >>> from skae.architectures import Linear
    >>> from skae.inspection import bottleneck_curve
    >>> ae = AutoencoderTransformer(architecture=Linear(), optimizer="lbfgs", random_state=0)
    >>> pipe = make_pipeline(StandardScaler(), ae)
    >>> curve = bottleneck_curve(pipe, load_wine().data, [1, 2, 4], cv=3)
    >>> curve.one_se_width
    4
    >>> print(f"{abs(curve.mean - curve.pca_mean).max():.3f}")
    0.000
    """
    X = _flat(X)
    given, widths = widths, np.unique(widths)
    if np.ndim(given) != 1 or widths.dtype.kind not in "iu" or widths[0] < 1:
        raise ValueError(
            f"widths={given!r} must be whole numbers of at least 1, such as [2, 4, 8]."
        )
    before, ae = _split(estimator)
    splits = list(check_cv(cv).split(X))
    run = Parallel(n_jobs=n_jobs)
    if getattr(ae, "latent", None) == "ordered":
        by_fold = run(
            delayed(_held_out_r2_of_first_codes)(
                _with_width(estimator, int(widths[-1])), X, *split, widths
            )
            for split in splits
        )
        scores = np.transpose(by_fold)
    else:
        by_width = run(
            delayed(_held_out_r2)(_with_width(estimator, int(width)), X, *split)
            for width in widths
            for split in splits
        )
        scores = np.reshape(by_width, (len(widths), len(splits)))
    pca_scores = run(delayed(_held_out_r2_of_pca)(before, X, *split, widths) for split in splits)
    return BottleneckCurve(widths, scores, np.transpose(pca_scores))


def latent_report(ae, X):
    """Report what each code of an autoencoder does.

    Parameters
    ----------
    ae : AutoencoderTransformer or Pipeline that ends in one
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Rows to look at, at least 2. The reconstruction is computed once for each code, so a
        few thousand will do.

    Returns
    -------
    LatentReport
        For each code ``mean``, ``spread`` (standard deviation), ``r2_lost`` (share of R² that
        is lost when it is fixed at its mean), ``dead`` (the same for all rows), ``saturated``
        (more than half of the rows within 1% of an end of its range, as with a tanh or sigmoid
        that is driven too far; exact zeros are not counted), ``correlation`` and
        ``correlated_with`` (the code that it resembles most). For all ``r2``, ``effective_rank``
        (Roy & Vetterli, 2007, of the covariance of the codes) and ``n_active``.

    Raises
    ------
    ValueError
        If there are fewer than 2 rows, or ``ae`` is no autoencoder.

    References
    ----------
    Roy & Vetterli (2007), "The effective rank: a measure of effective dimensionality",
    *European Signal Processing Conference*.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.architectures import Linear
    >>> from skae.inspection import latent_report
    >>> X = load_digits().data
    >>> ae = AutoencoderTransformer(3, architecture=Linear(True), optimizer="lbfgs", random_state=0)
    >>> print(latent_report(ae.fit(X), X))
    code        mean  spread  r2 lost  dead  saturated  correlation  correlated with
    --------------------------------------------------------------------------------
    0    ...   13.38   0.3695 ...
    1    ...   12.79   0.3379 ...
    2    ...    11.9   0.2926 ...
    R² 0.4030; 3 of 3 codes active, effective rank 3.0
    """
    before, ae = _split(ae)
    X = _rows(before, _flat(X))
    codes, X = np.asarray(ae.transform(X)), np.asarray(X)
    if len(X) < 2:
        raise ValueError(f"X has n_samples={len(X)}; a report on codes needs at least 2 rows.")
    fixed = codes.mean(axis=0)
    whole, left, left_without = 0.0, 0.0, np.zeros(len(fixed))
    for block in gen_batches(len(X), BLOCK_ROWS):
        whole += _sum_of_squares(X[block], ae.mean_)
        left += _sum_of_squares(X[block], ae.inverse_transform(codes[block]))
        for code, value in enumerate(fixed):
            changed = codes[block].copy()
            changed[:, code] = value
            left_without[code] += _sum_of_squares(X[block], ae.inverse_transform(changed))
    explained = whole - left
    lost = (left_without - left) / explained if explained > 0 else np.full(len(fixed), np.nan)
    return LatentReport(codes, 1 - left / whole if whole > 0 else np.nan, lost)


def reconstruction_error(ae, X, *, per_feature=False, reference=None):
    """Return how badly rows, or their single values, are reconstructed.

    What an autoencoder has not seen, it does not reconstruct. Large errors point at rows that
    are unlike those it was fitted on, and, per feature, at what is unusual about them (Hawkins
    et al., 2002). In a pipeline, errors are in the units of X, before the first step.

    Parameters
    ----------
    ae : AutoencoderTransformer or Pipeline that ends in one
        Fitted. The steps of a pipeline need ``inverse_transform``.
    X : array-like of shape (n_samples, n_features)
        Rows.
    per_feature : bool, default=False
        Whether to return the squared error of each value instead of the mean of each row.
    reference : array-like of shape (n_reference_samples, n_features) or None, default=None
        Typical rows, such as those of ``fit``. Errors are then multiples of each column's mean
        squared error on these: 1 is typical, whatever the unit of the column and however
        hard it is to reconstruct. A row's value is the mean of these multiples.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_features)
        Not negative, larger is more unusual. Without ``reference``, rows' values are minus
        ``score_samples`` and in squared units of X.

    Raises
    ------
    ValueError
        If ``ae`` is no autoencoder or a step of the pipeline has no ``inverse_transform``.

    References
    ----------
    Hawkins, He, Williams & Baxter (2002), "Outlier detection using replicator neural networks",
    *Data Warehousing and Knowledge Discovery*.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skae import AutoencoderTransformer
    >>> from skae.inspection import reconstruction_error
    >>> X = load_digits().data
    >>> ae = AutoencoderTransformer(8, random_state=0).fit(X)
    >>> odd = X[:1].copy()
    >>> odd[0, 39] = 16  # ink at the border, where digits have none
    >>> int(reconstruction_error(ae, odd, per_feature=True, reference=X).argmax())
    39
    """
    _split(ae)
    errors = _squared_errors(ae, _flat(X))
    if reference is not None:
        errors /= _typical_errors(ae, _flat(reference))
    return errors if per_feature else errors.mean(axis=1)


def _flat(X):
    """Return images or sequences as rows, and anything else as it is."""
    return X.reshape(len(X), -1) if getattr(X, "ndim", 2) > 2 else X


def _split(estimator):
    """Return the steps before an autoencoder, or None, and the autoencoder."""
    before, estimator = None, getattr(estimator, "best_estimator_", estimator)
    while isinstance(estimator, (Pipeline, FrozenEstimator)):
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
            continue
        if len(estimator) > 1:
            steps = estimator[:-1]
            before = steps if before is None else make_pipeline(before, steps)
        estimator = estimator[-1]
    if not all(hasattr(estimator, name) for name in ("transform", "inverse_transform", "score")):
        raise ValueError(
            f"{type(estimator).__name__} has no transform, inverse_transform and score: pass an "
            "AutoencoderTransformer, or a Pipeline that ends in one."
        )
    return before, estimator


def _with_width(estimator, n_components):
    """Return a clone of an autoencoder, or of a pipeline that ends in one, with so many codes."""
    last, prefix = estimator, ""
    while isinstance(last, Pipeline):
        prefix, last = f"{prefix}{last.steps[-1][0]}__", last[-1]
    return clone(estimator).set_params(**{f"{prefix}n_components": n_components})


def _rows(before, X):
    """Return rows as the autoencoder sees them."""
    return X if before is None else before.transform(X)


def _fitted(ae, X, y, X_test, rng):
    """Return a fitted autoencoder, the rows that it sees, and the seconds that its fit took."""
    before, ae = _split(ae)
    seconds = np.nan
    try:
        check_is_fitted(ae)
        X = _rows(before, X)
    except NotFittedError:
        if before is not None:
            before = clone(before)
            X = before.fit_transform(X, y)
        ae = clone(ae)
        if ae.random_state is None:
            ae.set_params(random_state=rng.randint(2**31 - 1))
        _, seconds = _timed(ae.fit, X)
    return ae, X, None if X_test is None else _rows(before, X_test), seconds


def _timed(function, X):
    """Return what a function makes of X, and how many seconds it took."""
    start = time.perf_counter()
    result = function(X)
    return result, time.perf_counter() - start


def _r2_of_pca(pca, X, widths=None):
    """Return R² of PCA's reconstruction, or a list with that of its first codes, by width.

    Components are orthonormal, so that what codes explain is their sum of squares.
    """
    explained = np.cumsum((np.asarray(pca.transform(X), np.float64) ** 2).sum(axis=0))
    whole = _sum_of_squares(X, pca.mean_)
    r2 = explained / whole if whole > 0 else np.ones_like(explained)
    if widths is None:
        return float(r2[-1])
    return [float(r2[min(width, len(r2)) - 1]) for width in widths]


def _sum_of_squares(X, center):
    """Return the squared distance of two arrays."""
    difference = np.asarray(X, dtype=np.float64) - center
    return float(np.einsum("ij,ij->", difference, difference))


def _measure(estimator, r2_of, fit_seconds, X, y, X_test, y_test, seed, n_jobs):
    """Return R², how faithful codes are, how well they tell classes, and the times."""
    rng = np.random.RandomState(seed)
    codes, transform_seconds = _timed(estimator.transform, X)
    codes_test = None if X_test is None else np.asarray(estimator.transform(X_test))
    codes, accuracy = np.asarray(codes), np.nan
    if y_test is not None:
        some = _some(len(codes_test), ASKING_ROWS, rng)
        nearest = KNeighborsClassifier(1, n_jobs=n_jobs).fit(codes, y)
        accuracy = nearest.score(codes_test[some], np.asarray(y_test)[some])
    elif y is not None and len(codes) > 1:
        accuracy = _leave_one_out_accuracy(codes, np.asarray(y), rng, n_jobs)
    return Bunch(
        estimator=estimator,
        r2=r2_of(X),
        r2_test=np.nan if X_test is None else r2_of(X_test),
        trustworthiness=(
            _trustworthiness(X, codes, rng)
            if X_test is None
            else _trustworthiness(X_test, codes_test, rng)
        ),
        accuracy=accuracy,
        fit_seconds=fit_seconds,
        transform_seconds=transform_seconds,
    )


def _trustworthiness(X, codes, rng):
    """Return the trustworthiness of the codes of some rows; nan if there are fewer than 3."""
    some = _some(len(codes), TRUSTED_ROWS, rng)
    n_neighbors = min(5, (len(some) - 1) // 2)
    if n_neighbors == 0:
        return np.nan
    return float(trustworthiness(np.asarray(X)[some], codes[some], n_neighbors=n_neighbors))


def _some(n_rows, n_wanted, rng):
    """Return the index of all rows, or of as many as wanted, drawn without replacement."""
    return np.arange(n_rows) if n_rows <= n_wanted else rng.permutation(n_rows)[:n_wanted]


def _leave_one_out_accuracy(codes, y, rng, n_jobs):
    """Return the share of rows that have the label of the nearest other row."""
    check_consistent_length(codes, y)
    some = _some(len(codes), ASKING_ROWS, rng)
    neighbors = NearestNeighbors(n_neighbors=2, n_jobs=n_jobs).fit(codes)
    pairs = neighbors.kneighbors(codes[some], return_distance=False)
    # A row is its own nearest, or second nearest to one with the same codes.
    others = np.where(pairs[:, 0] == some, pairs[:, 1], pairs[:, 0])
    return float((y[others] == y[some]).mean())


def _warn_if_below_pca(autoencoder, pca, X):
    """Warn of an autoencoder that is worse than PCA, with the reasons that were found."""
    worse = pca.r2 - autoencoder.r2 > MARGIN
    if not (worse or pca.r2_test - autoencoder.r2_test > MARGIN):
        return
    if worse:
        where, ours, theirs = "training", autoencoder.r2, pca.r2
        reasons = _reasons(autoencoder.estimator, X)
    else:
        where, ours, theirs = "held-out", autoencoder.r2_test, pca.r2_test
        reasons = [
            "on the training rows it is not worse, so it has learned these by heart: pass "
            "early_stopping=True, a smaller network or more rows"
        ]
    warnings.warn(
        f"The autoencoder reconstructs the {where} rows worse than PCA with as many codes: R² "
        f"{ours:.4f} beside {theirs:.4f}. {'Reasons' if len(reasons) > 1 else 'Reason'} found: "
        f"{'; '.join(reasons)}.",
        UserWarning,
        stacklevel=3,
    )


def _reasons(ae, X):
    """Return why an autoencoder may be worse than PCA on its training rows."""
    reasons = []
    spread = np.asarray(X).std(axis=0, dtype=np.float64)
    typical = np.median(spread[spread > 0]) if spread.any() else 0.0
    if spread.max() > 10 * typical:
        reasons.append(
            f"columns of very different scale (standard deviations of up to {spread.max():.3g}, "
            f"half of them below {typical:.3g}), of which the largest alone are learned: put a "
            "StandardScaler in front"
        )
    dead = dead_codes(np.asarray(ae.transform(X)))
    if dead.any():
        reasons.append(
            f"{name_codes(dead)} dead: use latent_activation='identity', a smaller lr or another "
            "random_state"
        )
    if _still_falls(ae.loss_curve_):
        reasons.append(
            f"the loss was still falling after n_iter_={ae.n_iter_} epochs: increase max_epochs, "
            "or lower tol"
        )
    return reasons or [
        "none of the usual ones (scale of columns, dead codes, too few epochs): try a wider "
        "network, a smaller lr or another random_state"
    ]


def _still_falls(curve):
    """Tell whether a loss fell by more than 1% over the last tenth of the epochs."""
    n_last = max(1, len(curve) // 10)
    return len(curve) == 1 or curve[-1 - n_last] - curve[-1] > 0.01 * abs(curve[-1 - n_last])


def _held_out_r2(estimator, X, train, test):
    """Return R² on test rows of an estimator fitted on training rows."""
    return estimator.fit(_safe_indexing(X, train)).score(_safe_indexing(X, test))


def _held_out_r2_of_first_codes(estimator, X, train, test, widths):
    """Return R² on test rows with the first codes alone, the others set to 0, by width."""
    estimator.fit(_safe_indexing(X, train))
    before, ae = _split(estimator)
    rows = _rows(before, _safe_indexing(X, test))
    codes, whole = np.asarray(ae.transform(rows)), _sum_of_squares(rows, ae.mean_)
    shown = np.arange(codes.shape[1])
    errors = [
        _sum_of_squares(rows, ae.inverse_transform(codes * (shown < width))) for width in widths
    ]
    return [1 - error / whole if whole > 0 else float(error == 0) for error in errors]


def _held_out_r2_of_pca(before, X, train, test, widths):
    """Return R² on test rows of PCA fitted on training rows, by width."""
    X_train, X_test = _safe_indexing(X, train), _safe_indexing(X, test)
    if before is not None:
        before = clone(before).fit(X_train)
    X_train, X_test = _rows(before, X_train), _rows(before, X_test)
    n_components = min(widths[-1], *X_train.shape)
    return _r2_of_pca(PCA(n_components, svd_solver="full").fit(X_train), X_test, widths)


def _squared_errors(ae, X):
    """Return the squared error of each value, in the units of X."""
    try:
        decode = ae.inverse_transform
    except AttributeError as error:
        raise ValueError(
            "A step of the pipeline has no inverse_transform, so that errors have no units of X. "
            "Pass the last step alone, and the rows as the steps before it give them."
        ) from error
    difference = np.asarray(X, dtype=np.float64) - np.asarray(decode(ae.transform(X)))
    return np.square(difference, out=difference)


def _typical_errors(ae, reference):
    """Return each column's mean squared error on typical rows, or 1 where that is rounding."""
    rows = np.asarray(reference, dtype=np.float64)
    typical = _squared_errors(ae, reference).mean(axis=0)
    rounding = (1e-6 * np.abs(rows).max(axis=0)) ** 2
    typical = np.maximum(typical, rounding)
    return np.where(typical > 0, typical, 1.0)
