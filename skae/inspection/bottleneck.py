"""Cross-validated R² by the number of latent codes."""

import numpy as np
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from skae._pipeline import set_last_step_params
from skae._sklearn_compat import safe_indexing
from skae.inspection.inputs import find_autoencoder, flatten_samples, transform_before
from skae.inspection.r2 import pca_r2, sum_of_squares
from skae.inspection.report import Report
from skae.modules import LATENTS


class BottleneckCurve(Report):
    """Held-out R² by the number of latent codes, of an autoencoder and of PCA.

    Attributes
    ----------
    widths : ndarray of shape (n_widths,)
        Numbers of codes, in increasing order.
    scores, pca_scores : ndarray of shape (n_widths, n_folds)
        R² on the held-out samples of each fold.
    mean, pca_mean : ndarray of shape (n_widths,)
        Mean of the scores over the folds.
    standard_error, pca_standard_error : ndarray of shape (n_widths,)
        Standard error of the mean: the standard deviation of the scores over the folds, divided by
        the square root of the number of folds.
    best_width : int
        The width with the largest mean.
    one_se_width : int
        The smallest width whose mean is within one standard error of the largest mean.
    """

    def __init__(self, widths, scores, pca_scores):
        self.widths = widths
        self.scores, self.pca_scores = scores, pca_scores
        self.mean, self.standard_error = _mean_and_standard_error(scores)
        self.pca_mean, self.pca_standard_error = _mean_and_standard_error(pca_scores)
        best = self.mean.argmax()
        near_best = self.mean >= self.mean[best] - np.nan_to_num(self.standard_error[best])
        self.best_width = int(widths[best])
        self.one_se_width = int(widths[near_best.argmax()])

    def _index(self):
        return "codes", self.widths.tolist()

    def _columns(self):
        return {
            "r2": self.mean.tolist(),
            "standard_error": self.standard_error.tolist(),
            "pca_r2": self.pca_mean.tolist(),
            "pca_standard_error": self.pca_standard_error.tolist(),
        }

    def _summary(self):
        return (
            f"best: {self.best_width} codes; within one standard error of it: {self.one_se_width}"
        )


def bottleneck_curve(estimator, X, widths, *, cv=5, n_jobs=None):
    """Compute the cross-validated R² of an autoencoder and of PCA by the number of latent codes.

    The autoencoder is fitted for each width and fold, PCA once per fold. An autoencoder with
    ``latent="ordered"`` is also fitted once per fold, at the largest width; for each smaller width
    its last codes are set to 0.

    The curve shows how many codes the data need, and from which width on PCA performs equally
    well. The smallest width within one standard error of the best is a choice that is robust to the
    variation between folds (Breiman et al., 1984).

    Parameters
    ----------
    estimator : AutoencoderTransformer or Pipeline that ends in one
        Clones of it are fitted; its ``n_components`` is replaced by each width. Set its
        ``random_state`` to an int for reproducible results.
    X : array-like of shape (n_samples, n_features)
        Training data.
    widths : sequence of int
        Numbers of codes to evaluate, each at least 1.
    cv : int, splitter or iterable, default=5
        Cross-validation as in :func:`~sklearn.model_selection.cross_val_score`. An int is the
        number of folds of consecutive samples; pass ``KFold(5, shuffle=True, random_state=0)`` if
        the samples are sorted.
    n_jobs : int or None, default=None
        Number of fits to run in parallel. None means 1, -1 means all processors.

    Returns
    -------
    BottleneckCurve
        With attributes ``widths``, ``mean``, ``standard_error``, ``pca_mean``,
        ``pca_standard_error``, ``best_width``, ``one_se_width``, and the ``scores`` of all folds.

    Raises
    ------
    ValueError
        If a width is not an integer of at least 1, or the estimator is not an autoencoder.

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
    X = flatten_samples(X)
    given, widths = widths, np.unique(widths)
    if np.ndim(given) != 1 or widths.dtype.kind not in "iu" or widths[0] < 1:
        raise ValueError(
            f"widths={given!r} must be whole numbers of at least 1, such as [2, 4, 8]."
        )
    before, ae = find_autoencoder(estimator)
    splits = list(check_cv(cv).split(X))
    run = Parallel(n_jobs=n_jobs)
    # The parameter, not a fitted attribute: the clones are fitted with it.
    if getattr(LATENTS.get(getattr(ae, "latent", None)), "is_nested", False):
        by_fold = run(
            delayed(_held_out_r2_of_first_codes)(
                _clone_with_width(estimator, widths[-1]), X, *split, widths
            )
            for split in splits
        )
        scores = np.transpose(by_fold)
    else:
        by_width = run(
            delayed(_held_out_r2)(_clone_with_width(estimator, width), X, *split)
            for width in widths
            for split in splits
        )
        scores = np.reshape(by_width, (len(widths), len(splits)))
    pca_scores = run(delayed(_held_out_r2_of_pca)(before, X, *split, widths) for split in splits)
    return BottleneckCurve(widths, scores, np.transpose(pca_scores))


def _clone_with_width(estimator, width):
    """Return a clone with another n_components of the autoencoder."""
    return set_last_step_params(clone(estimator), n_components=int(width))


def _held_out_r2(estimator, X, train, test):
    """Return R² on the test samples of an estimator fitted on the training samples."""
    return estimator.fit(safe_indexing(X, train)).score(safe_indexing(X, test))


def _held_out_r2_of_first_codes(estimator, X, train, test, widths):
    """Return, for each width, R² on the test samples with all but the first codes set to 0."""
    estimator.fit(safe_indexing(X, train))
    before, ae = find_autoencoder(estimator)
    X_test = transform_before(before, safe_indexing(X, test))
    codes, total = np.asarray(ae.transform(X_test)), sum_of_squares(X_test, ae.mean_)
    index = np.arange(codes.shape[1])
    errors = [
        sum_of_squares(X_test, ae.inverse_transform(codes * (index < width))) for width in widths
    ]
    return [1 - error / total if total > 0 else float(error == 0) for error in errors]


def _held_out_r2_of_pca(before, X, train, test, widths):
    """Return, for each width, R² on the test samples of PCA fitted on the training samples."""
    X_train, X_test = safe_indexing(X, train), safe_indexing(X, test)
    if before is not None:
        before = clone(before).fit(X_train)
    X_train, X_test = transform_before(before, X_train), transform_before(before, X_test)
    n_components = min(widths[-1], *X_train.shape)
    return pca_r2(PCA(n_components, svd_solver="full").fit(X_train), X_test, widths)


def _mean_and_standard_error(scores):
    """Return the mean over the folds and its standard error, which is nan for a single fold."""
    n_folds = scores.shape[1]
    std = scores.std(axis=1, ddof=1) if n_folds > 1 else np.full(len(scores), np.nan)
    return scores.mean(axis=1), std / np.sqrt(n_folds)
