"""Reconstruction errors of samples and of single values."""

import numpy as np

from skae.inspection.inputs import find_autoencoder, flatten_samples


def reconstruction_error(ae, X, *, per_feature=False, reference=None):
    """Compute the squared reconstruction error of each sample or of each value.

    Samples that are unlike the training data are reconstructed poorly, so that a large error
    indicates an outlier. The errors of the single features show in which of them a sample is
    unusual (Hawkins et al., 2002). For a Pipeline, the errors are in the units of X, before the
    first step.

    Parameters
    ----------
    ae : AutoencoderTransformer or Pipeline that ends in one
        Fitted. All steps of a Pipeline need ``inverse_transform``.
    X : array-like of shape (n_samples, n_features)
        Samples to reconstruct.
    per_feature : bool, default=False
        If True, the squared error of each value is returned; if False, their mean over the
        features of each sample.
    reference : array-like of shape (n_reference_samples, n_features) or None, default=None
        Typical samples, such as the training data. The squared errors are then divided by the mean
        squared error of the feature on these samples: 1 is a typical error, whatever the unit of
        the feature and however hard it is to reconstruct. The error of a sample is the mean of
        these ratios.

    Returns
    -------
    ndarray of shape (n_samples,) or (n_samples, n_features)
        Errors of at least 0; larger values are more unusual. Without ``reference``, they are in
        squared units of X, and the error of a sample is minus the result of ``score_samples``.

    Raises
    ------
    ValueError
        If ``ae`` is not an autoencoder or a step of the Pipeline has no ``inverse_transform``.

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
    >>> odd[0, 39] = 16  # a dark pixel at the border, where digits have none
    >>> int(reconstruction_error(ae, odd, per_feature=True, reference=X).argmax())
    39
    """
    find_autoencoder(ae)  # raises an error if there is none
    errors = _squared_errors(ae, flatten_samples(X))
    if reference is not None:
        errors /= _typical_errors(ae, flatten_samples(reference))
    return errors if per_feature else errors.mean(axis=1)


def _squared_errors(ae, X):
    """Return the squared error of each value, in squared units of X."""
    try:
        decode = ae.inverse_transform
    except AttributeError as error:
        raise ValueError(
            "A step of the pipeline has no inverse_transform, so that errors have no units of X. "
            "Pass the last step alone, and X transformed by the steps before it."
        ) from error
    difference = np.asarray(X, dtype=np.float64) - np.asarray(decode(ae.transform(X)))
    return np.square(difference, out=difference)


def _typical_errors(ae, reference):
    """Return the mean squared error of each feature on typical samples, as a divisor.

    It is at least the squared rounding error of the feature, and 1 for a feature of zeros.
    """
    reference_values = np.asarray(reference, dtype=np.float64)
    typical = _squared_errors(ae, reference).mean(axis=0)
    rounding_error = (1e-6 * np.abs(reference_values).max(axis=0)) ** 2
    typical = np.maximum(typical, rounding_error)
    return np.where(typical > 0, typical, 1.0)
