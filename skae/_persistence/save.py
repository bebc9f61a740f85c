"""save: write an estimator to a file, without pickle."""

from sklearn.base import BaseEstimator

from skae._persistence import allowed
from skae._persistence.archive import MAX_BYTES, as_sentence, import_skops, seal, unseal, write
from skae._persistence.fitted_state import check_networks


def save(estimator, path):
    """Write an estimator to one file, without pickle.

    A file of the same name is replaced atomically: at any time, either the old file or the new one
    is complete. The size is about that of the weights; training data and the optimiser's state are
    not saved.

    Parameters
    ----------
    estimator : estimator
        An ``AutoencoderTransformer`` or a ``PretrainedEncoderClassifier``, fitted or not, or a
        Pipeline, a search or another estimator of scikit-learn around them.
    path : str or path-like
        The file, by convention with the extension ``.skae``. A symbolic link is followed.

    Raises
    ------
    ImportError
        If skops is not installed.
    OSError
        If the file cannot be written, for example because the disk is full. An old file is then
        unchanged.
    TypeError
        If ``estimator`` is not an estimator.
    ValueError
        If a part of the estimator cannot be written without pickle, such as a lambda.

    See Also
    --------
    load : Reads the file.

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
            f"estimator={estimator!r} is not an estimator: pass an AutoencoderTransformer, a "
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
