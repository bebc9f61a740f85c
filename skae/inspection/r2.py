"""Sums of squares and R² of reconstructions."""

import numpy as np


def sum_of_squares(X, center):
    """Return the sum of the squared differences of two arrays, computed in float64."""
    difference = np.asarray(X, dtype=np.float64) - center
    return float(np.einsum("ij,ij->", difference, difference))


def pca_r2(pca, X, widths=None):
    """Return R² of the reconstruction by a fitted PCA.

    With ``widths``, a list is returned: R² of the first ``width`` components for each width.
    """
    # The components are orthonormal: the explained sum of squares is that of the scores.
    explained = np.cumsum((np.asarray(pca.transform(X), np.float64) ** 2).sum(axis=0))
    total = sum_of_squares(X, pca.mean_)
    r2 = explained / total if total > 0 else np.ones_like(explained)
    if widths is None:
        return float(r2[-1])
    return [float(r2[min(width, len(r2)) - 1]) for width in widths]
