"""What several inspections need: rows as the autoencoder sees them, and R² of PCA."""

import numpy as np

from skae._pipeline import split_last_step


def flatten_rows(X):
    """Return images or sequences as rows, and anything else as it is."""
    return X.reshape(len(X), -1) if getattr(X, "ndim", 2) > 2 else X


def find_autoencoder(estimator):
    """Return the steps before an autoencoder, or None, and the autoencoder.

    Raises
    ------
    ValueError
        If the last step is not an autoencoder or PCA.
    """
    before, estimator = split_last_step(estimator)
    if not all(hasattr(estimator, name) for name in ("transform", "inverse_transform", "score")):
        raise ValueError(
            f"{type(estimator).__name__} has no transform, inverse_transform and score: pass an "
            "AutoencoderTransformer, or a Pipeline that ends in one."
        )
    return before, estimator


def rows_before(before, X):
    """Return rows as the autoencoder sees them."""
    return X if before is None else before.transform(X)


def pca_r2(pca, X, widths=None):
    """Return R² of PCA's reconstruction, or a list with that of its first codes, by width.

    Components are orthonormal, so that what codes explain is their sum of squares.
    """
    explained = np.cumsum((np.asarray(pca.transform(X), np.float64) ** 2).sum(axis=0))
    whole = sum_of_squares(X, pca.mean_)
    r2 = explained / whole if whole > 0 else np.ones_like(explained)
    if widths is None:
        return float(r2[-1])
    return [float(r2[min(width, len(r2)) - 1]) for width in widths]


def sum_of_squares(X, center):
    """Return the squared distance of two arrays."""
    difference = np.asarray(X, dtype=np.float64) - center
    return float(np.einsum("ij,ij->", difference, difference))
