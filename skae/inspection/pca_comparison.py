"""Comparison of an autoencoder with PCA."""

import time
import warnings
from functools import partial

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skae._latent_diagnostics import dead_codes, name_codes
from skae.inspection.common import find_autoencoder, flatten_rows, pca_r2, rows_before
from skae.inspection.report import Report

#: Samples that trustworthiness is computed on, which takes the square of their number.
TRUSTWORTHINESS_ROWS = 2000

#: Samples whose nearest neighbour is searched, among all samples.
QUERY_ROWS = 10_000

#: R² by which an autoencoder may be below PCA without a warning. A linear network that
#: is trained with the defaults ends about this far below.
MARGIN = 0.01


class PCAComparison(Report):
    """An autoencoder and PCA side by side.

    Attributes
    ----------
    autoencoder, pca : sklearn.utils.Bunch
        ``estimator``, the fitted one; ``r2`` and ``r2_test``, of the reconstruction;
        ``trustworthiness`` and ``accuracy`` of the codes; ``fit_seconds`` and
        ``transform_seconds``. What is not known is nan.
    principal_angles : ndarray or None
        Between the two subspaces, in degrees, rising; None for a network that is not linear.
    n_components : int
        Number of codes.
    """

    _formats = {"fit_seconds": ".3g", "transform_seconds": ".3g"}

    def __init__(self, autoencoder, pca, principal_angles, n_components):
        self.autoencoder = autoencoder
        self.pca = pca
        self.principal_angles = principal_angles
        self.n_components = n_components

    def _index(self):
        return f"{self.n_components} codes", ["autoencoder", "PCA"]

    def _columns(self):
        names = [name for name in self.pca if name != "estimator"]
        return {name: [self.autoencoder[name], self.pca[name]] for name in names}

    def _summary(self):
        if self.principal_angles is None:
            return ""
        return f"largest principal angle: {self.principal_angles[-1]:.3g} degrees"


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
    X, X_test = flatten_rows(X), flatten_rows(X_test)
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
    linear = _measure(pca, partial(pca_r2, pca), pca_seconds, *data, seed, n_jobs)
    angles = None
    if hasattr(ae, "components_"):
        angles = np.degrees(subspace_angles(ae.components_.T, pca.components_.T))[::-1]
    _warn_if_below_pca(autoencoder, linear, X)
    return PCAComparison(autoencoder, linear, angles, ae.n_components_)


def _fitted(ae, X, y, X_test, rng):
    """Return a fitted autoencoder, the rows that it sees, and the seconds that its fit took."""
    before, ae = find_autoencoder(ae)
    seconds = np.nan
    try:
        check_is_fitted(ae)
        X = rows_before(before, X)
    except NotFittedError:
        if before is not None:
            before = clone(before)
            X = before.fit_transform(X, y)
        ae = clone(ae)
        if ae.random_state is None:
            ae.set_params(random_state=rng.randint(2**31 - 1))
        _, seconds = _timed(ae.fit, X)
    return ae, X, None if X_test is None else rows_before(before, X_test), seconds


def _timed(function, X):
    """Return what a function makes of X, and how many seconds it took."""
    start = time.perf_counter()
    result = function(X)
    return result, time.perf_counter() - start


def _measure(estimator, r2_of, fit_seconds, X, y, X_test, y_test, seed, n_jobs):
    """Return R², how faithful codes are, how well they tell classes, and the times."""
    rng = np.random.RandomState(seed)
    codes, transform_seconds = _timed(estimator.transform, X)
    codes_test = None if X_test is None else np.asarray(estimator.transform(X_test))
    codes, accuracy = np.asarray(codes), np.nan
    if y_test is not None:
        some = _some(len(codes_test), QUERY_ROWS, rng)
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
    some = _some(len(codes), TRUSTWORTHINESS_ROWS, rng)
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
    some = _some(len(codes), QUERY_ROWS, rng)
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
