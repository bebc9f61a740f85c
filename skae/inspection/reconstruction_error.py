"""Reconstruction errors of samples and columns."""

import numpy as np

from skae.inspection.common import find_autoencoder, flatten_rows


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
    find_autoencoder(ae)
    errors = _squared_errors(ae, flatten_rows(X))
    if reference is not None:
        errors /= _typical_errors(ae, flatten_rows(reference))
    return errors if per_feature else errors.mean(axis=1)


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
