"""Comparison of an autoencoder with PCA at the same number of latent codes."""

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
from skae.inspection.inputs import find_autoencoder, flatten_samples, transform_before
from skae.inspection.r2 import pca_r2
from skae.inspection.report import Report

#: Maximum number of samples for trustworthiness, whose cost is quadratic in it.
MAX_TRUSTWORTHINESS_SAMPLES = 2000

#: Maximum number of samples whose nearest neighbour is searched, among all samples.
MAX_QUERY_SAMPLES = 10_000

#: R² by which an autoencoder may be below PCA without a warning. A linear autoencoder trained with
#: the default parameters ends up to about this far below.
TOLERATED_R2_DEFICIT = 0.01

#: Ratio of the largest to the median standard deviation of columns from which on they are a cause
#: of being worse than PCA, and from which on there is a warning even if R² is not worse: R² is then
#: that of the largest columns.
UNLIKE_SCALES, VERY_UNLIKE_SCALES = 10, 1000


class PCAComparison(Report):
    """Results of an autoencoder and of PCA at the same number of latent codes.

    Attributes
    ----------
    autoencoder, pca : sklearn.utils.Bunch
        ``estimator``, the fitted one; ``r2`` and ``r2_test``, R² of the reconstruction;
        ``trustworthiness`` and ``accuracy`` of the codes; ``fit_seconds`` and
        ``transform_seconds``. Unknown values are nan.
    principal_angles : ndarray or None
        Principal angles between the two subspaces in degrees, in increasing order; None for an
        autoencoder that is not linear.
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
    """Compare an autoencoder with PCA at the same number of latent codes.

    PCA is the best linear reconstruction. The difference in R² is therefore the benefit of a
    nonlinear autoencoder, and an autoencoder with a smaller R² than PCA has not been trained well.
    In this case a warning names the probable causes: features of very different scale, dead codes,
    a loss that was still decreasing, or overfitting. Features whose standard deviations differ by
    more than a factor of 1,000 are named in any case.

    Parameters
    ----------
    ae : AutoencoderTransformer or Pipeline that ends in one
        Either fitted on X, or not fitted: then a clone is fitted and the fit is timed. The fit time
        of a fitted estimator is unknown.
    X : array-like of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,) or None, default=None
        Class labels, for the accuracy of a nearest-neighbour classifier on the latent codes. With
        ``X_test`` and ``y_test``, it is fitted on X and evaluated on the test samples. Without
        them, it is evaluated on X by leave-one-out. It predicts at most 10,000 samples.
    X_test : array-like of shape (n_test_samples, n_features) or None, default=None
        Held-out samples.
    y_test : array-like of shape (n_test_samples,) or None, default=None
        Class labels of the held-out samples.
    random_state : int, RandomState instance or None, default=None
        Determines the random subset of 2,000 samples for trustworthiness, taken from ``X_test`` if
        given and otherwise from X, and the random subset of 10,000 for the accuracy. Also seeds
        PCA, and the clone if its own ``random_state`` is None. Pass an int for reproducible
        results.
    n_jobs : int or None, default=None
        Number of parallel jobs of the neighbours search. None means 1, -1 means all processors.

    Returns
    -------
    PCAComparison
        With attributes ``autoencoder`` and ``pca``, each with ``r2``, ``r2_test``,
        ``trustworthiness`` (Venna & Kaski, 2001; 1 if the 5 nearest neighbours of each code are
        nearest neighbours in the data as well), ``accuracy``, ``fit_seconds`` and
        ``transform_seconds`` of X; and ``principal_angles`` for a linear autoencoder.

    Raises
    ------
    ValueError
        If ``ae`` is not an autoencoder, y is continuous, or ``y_test`` is given without ``X_test``
        or y.

    Warns
    -----
    UserWarning
        If R² of the autoencoder is below that of PCA by more than 0.01, on the training data or on
        the held-out samples; or if the standard deviation of a column of X is more than 1,000 times
        the median of those of all columns that are not constant.

    See Also
    --------
    bottleneck_curve : Cross-validated comparison at several numbers of latent codes.

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
    X, X_test = flatten_samples(X), flatten_samples(X_test)
    if y_test is not None and (X_test is None or y is None):
        raise ValueError(
            "y_test is given without X_test or y: the labels of held-out rows are compared with "
            "those of the nearest training rows. Pass X, y, X_test and y_test."
        )
    for labels in (y, y_test):
        if labels is not None:
            check_classification_targets(labels)
    rng = check_random_state(random_state)
    ae, X, X_test, ae_seconds = _fit_if_needed(ae, X, y, X_test, rng)
    pca = PCA(min(ae.n_components_, *np.shape(X)), random_state=rng.randint(2**31 - 1))
    _, pca_seconds = _timed(pca.fit, X)
    data, seed = (X, y, X_test, y_test), rng.randint(2**31 - 1)  # the same random subsets for both
    autoencoder = _evaluate(ae, ae.score, ae_seconds, *data, seed, n_jobs)
    linear = _evaluate(pca, partial(pca_r2, pca), pca_seconds, *data, seed, n_jobs)
    angles = None
    if hasattr(ae, "components_"):
        angles = np.degrees(subspace_angles(ae.components_.T, pca.components_.T))[::-1]
    if not _warn_if_below_pca(autoencoder, linear, X):
        _warn_of_scales(X)
    return PCAComparison(autoencoder, linear, angles, ae.n_components_)


def _fit_if_needed(ae, X, y, X_test, rng):
    """Return a fitted autoencoder, its training and test input, and the seconds of its fit."""
    before, ae = find_autoencoder(ae)
    seconds = np.nan
    try:
        check_is_fitted(ae)
        X = transform_before(before, X)
    except NotFittedError:
        if before is not None:
            before = clone(before)
            X = before.fit_transform(X, y)
        ae = clone(ae)
        if ae.random_state is None:
            ae.set_params(random_state=rng.randint(2**31 - 1))
        _, seconds = _timed(ae.fit, X)
    return ae, X, None if X_test is None else transform_before(before, X_test), seconds


def _timed(function, X):
    """Return the result of a function of X, and the seconds that it took."""
    start = time.perf_counter()
    result = function(X)
    return result, time.perf_counter() - start


def _evaluate(estimator, r2_of, fit_seconds, X, y, X_test, y_test, seed, n_jobs):
    """Return R², trustworthiness and accuracy of a fitted estimator, and its times."""
    rng = np.random.RandomState(seed)
    codes, transform_seconds = _timed(estimator.transform, X)
    codes_test = None if X_test is None else np.asarray(estimator.transform(X_test))
    codes, accuracy = np.asarray(codes), np.nan
    if y_test is not None:
        subset = _random_subset(len(codes_test), MAX_QUERY_SAMPLES, rng)
        classifier = KNeighborsClassifier(1, n_jobs=n_jobs).fit(codes, y)
        accuracy = classifier.score(codes_test[subset], np.asarray(y_test)[subset])
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
    """Return the trustworthiness of the codes of a random subset; nan for fewer than 3 samples."""
    subset = _random_subset(len(codes), MAX_TRUSTWORTHINESS_SAMPLES, rng)
    n_neighbors = min(5, (len(subset) - 1) // 2)
    if n_neighbors == 0:
        return np.nan
    return float(trustworthiness(np.asarray(X)[subset], codes[subset], n_neighbors=n_neighbors))


def _random_subset(n_samples, max_samples, rng):
    """Return the indices of all samples, or of ``max_samples`` drawn without replacement."""
    if n_samples <= max_samples:
        return np.arange(n_samples)
    return rng.permutation(n_samples)[:max_samples]


def _leave_one_out_accuracy(codes, y, rng, n_jobs):
    """Return the fraction of samples that have the label of their nearest neighbour."""
    check_consistent_length(codes, y)
    subset = _random_subset(len(codes), MAX_QUERY_SAMPLES, rng)
    neighbors = NearestNeighbors(n_neighbors=2, n_jobs=n_jobs).fit(codes)
    pairs = neighbors.kneighbors(codes[subset], return_distance=False)
    # The sample itself comes first, or second if another sample has the same codes.
    nearest = np.where(pairs[:, 0] == subset, pairs[:, 1], pairs[:, 0])
    return float((y[nearest] == y[subset]).mean())


def _warn_if_below_pca(autoencoder, pca, X):
    """Warn if an autoencoder reconstructs worse than PCA and name the causes; return whether."""
    is_worse = pca.r2 - autoencoder.r2 > TOLERATED_R2_DEFICIT
    if not (is_worse or pca.r2_test - autoencoder.r2_test > TOLERATED_R2_DEFICIT):
        return False
    if is_worse:
        where, ae_r2, linear_r2 = "training", autoencoder.r2, pca.r2
        reasons = _probable_causes(autoencoder.estimator, X)
    else:
        where, ae_r2, linear_r2 = "held-out", autoencoder.r2_test, pca.r2_test
        reasons = [
            "on the training rows it is not worse, so it overfits: pass early_stopping=True, a "
            "smaller network or more rows",
            *_scale_cause(X, VERY_UNLIKE_SCALES),
        ]
    warnings.warn(
        f"The autoencoder reconstructs the {where} rows worse than PCA with as many codes: R² "
        f"{ae_r2:.4f} compared with {linear_r2:.4f}. "
        f"{'Reasons' if len(reasons) > 1 else 'Reason'} found: {'; '.join(reasons)}.",
        UserWarning,
        stacklevel=3,
    )
    return True


def _warn_of_scales(X):
    """Warn if R² is that of a few columns because the others are much smaller."""
    for cause in _scale_cause(X, VERY_UNLIKE_SCALES):
        warnings.warn(f"X has {cause}.", UserWarning, stacklevel=3)


def _scale_cause(X, ratio):
    """Return a list of the cause that columns have unlike scales, by a ratio; empty if not."""
    X = np.asarray(X)
    std = X.std(axis=0, dtype=np.float64)[X.min(axis=0) < X.max(axis=0)]  # std may round up from 0
    if len(std) == 0 or std.max() <= ratio * np.median(std):
        return []
    return [
        f"columns of very different scale (standard deviations of up to {std.max():.3g}, "
        f"half of them below {np.median(std):.3g}), of which the largest alone are learned: put a "
        "StandardScaler in front"
    ]


def _probable_causes(ae, X):
    """Return why an autoencoder may be worse than PCA on its training data, with remedies."""
    causes = _scale_cause(X, UNLIKE_SCALES)
    dead = dead_codes(np.asarray(ae.transform(X)))
    if dead.any():
        causes.append(
            f"{name_codes(dead)} dead: use latent_activation='identity', a smaller lr or another "
            "random_state"
        )
    if _is_still_decreasing(ae.loss_curve_):
        causes.append(
            f"the loss was still falling after n_iter_={ae.n_iter_} epochs: increase max_epochs, "
            "or lower tol"
        )
    return causes or [
        "none of the usual ones (scale of columns, dead codes, too few epochs): try a wider "
        "network, a smaller lr or another random_state"
    ]


def _is_still_decreasing(loss_curve):
    """Return whether a loss decreased by more than 1% over the last tenth of the epochs."""
    n_last = max(1, len(loss_curve) // 10)
    if len(loss_curve) == 1:
        return True
    before, last = loss_curve[-1 - n_last], loss_curve[-1]
    return before - last > 0.01 * abs(before)
