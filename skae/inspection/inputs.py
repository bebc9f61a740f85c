"""Preparation of the inputs that the functions of this package share."""

from skae._pipeline import split


def flatten_samples(X):
    """Return images or sequences as an array of shape (n_samples, n_features), others unchanged."""
    return X.reshape(len(X), -1) if getattr(X, "ndim", 2) > 2 else X


def find_autoencoder(estimator):
    """Return the steps before an autoencoder, or None, and the autoencoder.

    An error is raised if the last step cannot encode, decode and score.
    """
    before, last = split(estimator)
    if not all(hasattr(last, name) for name in ("transform", "inverse_transform", "score")):
        raise ValueError(
            f"{type(last).__name__} has no transform, inverse_transform and score: pass an "
            "AutoencoderTransformer, or a Pipeline that ends in one."
        )
    return before, last


def transform_before(before, X):
    """Return the input of the autoencoder: X transformed by the steps before it, if any."""
    return X if before is None else before.transform(X)
