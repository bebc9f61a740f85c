"""save: write an estimator to a file, without pickle."""

from sklearn.base import BaseEstimator

from skae._persistence import allowed
from skae._persistence.archive import MAX_BYTES, as_sentence, import_skops, seal, unseal, write
from skae._persistence.fitted_state import check_networks


def save(estimator, path):
    """Write an estimator to one file, without pickle.

    The file replaces one of the same name in one step: whatever happens meanwhile, the old file or
    the new one is there, and whole. It needs about as many bytes as the weights; data and the
    optimiser's state are not in it.

    Parameters
    ----------
    estimator : estimator
        An ``AutoencoderTransformer`` or a ``PretrainedEncoderClassifier``, fitted or not, or a
        Pipeline, a search or another estimator of scikit-learn around them.
    path : str or path-like
        Where to; by habit it ends in ``.skae``. A link is followed.

    Raises
    ------
    ImportError
        If skops is not installed.
    OSError
        If the file cannot be written: the disk is full, say. The old file is then as it was.
    TypeError
        If ``estimator`` is none.
    ValueError
        If something in the estimator cannot be written without pickle, such as a lambda.

    See Also
    --------
    load : Reads it.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import skae
    >>> X = np.random.default_rng(0).random((50, 6))
    >>> ae = skae.AutoencoderTransformer(2, max_epochs=3, tol=None, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     skae.save(ae, f"{folder}/ae.skae")
    ...     same = skae.load(f"{folder}/ae.skae")
    >>> bool((same.transform(X) == ae.transform(X)).all())
    True
    """
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"estimator={estimator!r} is no estimator: pass an AutoencoderTransformer, a "
            "PretrainedEncoderClassifier, or a Pipeline or search around one."
        )
    skops_io = import_skops("save")
    check_networks(estimator)
    try:
        data = seal(skops_io.dumps(estimator))
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has {len(data):,} bytes, more than {MAX_BYTES:,}.")
        _, unknown = allowed.audit(*unseal(data)[:2])
        allowed.check_importable(unknown)
    except Exception as error:
        raise ValueError(
            f"This {type(estimator).__name__} cannot be written without pickle: "
            f"{as_sentence(error)} Use parameters that are numbers, strings, arrays, or classes "
            "and functions at the top level of a module; or pickle it."
        ) from error
    write(path, data)
