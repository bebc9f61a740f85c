"""Arbitrary input as rows: the right result or a helpful error, without side effects.

Rows come in every form that a user might have them in. The oracle is the same estimator on a
float64 copy of the same numbers in C order. ``--hypothesis-profile=long`` tries many more.
"""

import contextlib
import random
import tempfile
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP, Linear

pytestmark = [
    pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning"),
    pytest.mark.filterwarnings("ignore:Of n_components=:UserWarning"),
    # NumPy and pandas say that a cast made numbers too large; skae then says so too.
    pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning"),
    # Of scikit-learn's search for inf - inf.
    pytest.mark.filterwarnings("ignore:invalid value encountered in reduce:RuntimeWarning"),
]

N_COLUMNS = 3
ROWS = np.random.RandomState(0).normal(size=(40, N_COLUMNS))
LABELS = np.arange(40) % 2


def autoencoder(**params):
    defaults = {"architecture": MLP((5,)), "max_epochs": 2, "tol": None, "random_state": 0}
    return AutoencoderTransformer(2, **{**defaults, **params})


def classifier(strategy):
    given = FrozenEstimator(AUTOENCODERS[0])
    params = {"max_epochs": 2, "tol": None, "random_state": 0}
    return PretrainedEncoderClassifier(given, strategy=strategy, **params)


AUTOENCODERS = [
    autoencoder().fit(ROWS),
    autoencoder(latent="sphere").fit(ROWS.astype(np.float32)),
    autoencoder(architecture=Linear()).fit(ROWS),
    autoencoder(loss="bce").fit(np.abs(np.sin(ROWS))),
]
CLASSIFIERS = [classifier(strategy).fit(ROWS, LABELS) for strategy in ("frozen", "finetune")]

# Forms: each turns a float64 array into what is passed and the float64 array that it means, None
# if it means no table of real numbers.


def of_dtype(dtype):
    def form(values):
        if np.dtype(dtype).kind in "iub":
            info = None if dtype == "bool" else np.iinfo(dtype)
            values = np.nan_to_num(values, nan=0, posinf=100, neginf=-100)
            values = np.clip(values, max(-100, info.min) if info else 0, 100)
        with np.errstate(over="ignore"):
            X = values.astype(dtype)
            return X, X.astype(np.float64)

    return form


def laid_out(make):
    """A view, or a copy in another order, of an array of the same numbers."""

    def form(values):
        X = make(values)
        np.testing.assert_array_equal(X, values)
        return X, values.copy()

    return form


def with_gaps(values):
    whole = np.full((2 * values.shape[0], 3 * values.shape[1] + 1), np.nan)
    whole[::2, 1::3] = values
    return whole[::2, 1::3]


def unaligned(values):
    buffer = np.zeros(values.nbytes + 1, np.uint8)
    X = buffer[1:].view(np.float64).reshape(values.shape)
    X[...] = values
    return X


def field_of_records(values):
    X = np.zeros(values.shape, [("flag", "i1"), ("value", "f8")])["value"]
    X[...] = values
    return X


def read_only(values):
    X = values.copy()
    X.flags.writeable = False
    return X


def memory_mapped(values):
    with tempfile.NamedTemporaryFile() as file:
        file.write(values.tobytes() + b"padding!")
        file.flush()
        X = np.memmap(file.name, np.float64, "r", shape=values.shape)
    return X


def repeated(values):
    X = np.broadcast_to(values[:1], values.shape)
    return X, X.copy()


def tensor(change):
    def form(values):
        X = change(torch.from_numpy(values.copy()))
        return X, X.detach().resolve_neg().double().numpy().copy()

    return form


def framed(make):
    return lambda values: (make(values), values.copy())


def odd_frame(values):
    index = pd.MultiIndex.from_arrays([["z"] * len(values), np.zeros(len(values))])
    return pd.DataFrame(
        np.asfortranarray(values), index=index, columns=range(7, 7 + values.shape[1])
    )


def single_frame(values, meant):
    return pd.DataFrame(values), meant


def nullable_frame(values):
    X = pd.DataFrame(values).astype("Float64")
    return X, X.to_numpy(np.float64, na_value=np.nan)


def polars_frame(values):
    return pl.DataFrame(values.copy(), schema=[f"c{i}" for i in range(values.shape[1])])


FORMS = {
    **{name: of_dtype(name) for name in ("f8", "f4", "f2", ">f8", ">f4", "g")},
    **{name: of_dtype(name) for name in ("i1", "u1", "<i2", ">i4", "i8", "u8", "bool")},
    "object": lambda values: (values.astype(object), values.copy()),
    "text": lambda values: (values.astype(str), values.copy()),
    "fortran": laid_out(np.asfortranarray),
    "rows reversed": laid_out(lambda values: values[::-1].copy()[::-1]),
    "columns reversed": laid_out(lambda values: values[:, ::-1].copy()[:, ::-1]),
    "gaps": laid_out(with_gaps),
    "unaligned": laid_out(unaligned),
    "records": laid_out(field_of_records),
    "read-only": laid_out(read_only),
    "memory-mapped": laid_out(memory_mapped),
    "repeated": repeated,
    "list": framed(np.ndarray.tolist),
    "tuple of arrays": framed(tuple),
    "list of tensors": framed(lambda values: [torch.from_numpy(row) for row in values.copy()]),
    "tensor": tensor(lambda X: X),
    "float32 tensor": tensor(torch.Tensor.float),
    "bfloat16 tensor": tensor(torch.Tensor.bfloat16),
    "half tensor": tensor(torch.Tensor.half),
    "tensor with gradient": tensor(lambda X: X.requires_grad_()),
    "transposed tensor": tensor(lambda X: X.T.contiguous().T),
    "negative view of a tensor": tensor(lambda X: torch.complex(X, -X).conj().imag),
    "frame": framed(pd.DataFrame),
    "odd frame": framed(odd_frame),
    "named frame": framed(
        lambda values: pd.DataFrame(values, columns=list("abcdefg")[: values.shape[1]])
    ),
    "float32 frame": lambda values: single_frame(*of_dtype("f4")(values)),
    "nullable frame": nullable_frame,
    "polars": framed(polars_frame),
    "complex": lambda values: (values + 1j, None),
    "complex tensor": lambda values: (torch.from_numpy(values + 1j), None),
    "sparse": lambda values: (sparse.csr_array(values), None),
    "sparse tensor": lambda values: (torch.from_numpy(values.copy()).to_sparse(), None),
    "meta tensor": lambda values: (torch.empty(values.shape, device="meta"), None),
    "lazy polars": lambda values: (polars_frame(values).lazy(), None),
    "dates": lambda values: (np.full(values.shape, np.datetime64("2020-01-01")), None),
    "words": lambda values: (np.full(values.shape, "word"), None),
    "bytes": lambda values: (np.full(values.shape, b"\xff"), None),
    "none": lambda values: (None, None),
    "one row": lambda values: (values[0] if len(values) else values.ravel(), None),
    "three-dimensional": lambda values: (values[np.newaxis], None),
    "series": lambda values: (pd.Series(values.ravel()), None),
    "number": lambda values: (3.5, None),
    "dict": lambda values: ({"a": values.tolist()}, None),
    "ragged": lambda values: ([[1.0, 2.0], [3.0], [4.0, 5.0, 6.0]], None),
    "holes": lambda values: (
        (np.where(values > 0, values.astype(object), None), None)
        if (values <= 0).any()
        else (values, values)
    ),
}

ORDINARY = st.floats(-100, 100, width=32)
EXTREME = st.one_of(
    st.floats(),  # of any size, subnormal, infinite and nan
    st.sampled_from([5e-324, -1e-310, 1e-40, 1e38, -3e38, 1e154, 1e200, -1.7e308, 0.0, -0.0]),
)


@st.composite
def tables(draw, n_columns=N_COLUMNS, min_rows=0):
    """The input, and its meaning: a table of finite numbers of the right shape, or None."""
    name = draw(st.sampled_from(sorted(FORMS)))
    width = draw(st.sampled_from([n_columns] * 8 + [0, 1, n_columns + 1]))
    shape = (draw(st.integers(min_rows, 6)), width)
    elements = draw(st.sampled_from([ORDINARY, ORDINARY, ORDINARY, EXTREME]))
    X, meant = FORMS[name](draw(arrays(np.float64, shape, elements=elements)))
    if meant is not None and (meant.shape[1:] != (n_columns,) or len(meant) == 0):
        meant = None
    if meant is not None and not np.isfinite(meant).all():
        meant = None
    return X, meant


def is_ordinary(meant):
    """Return whether an error is a fault: the values are of the order of those of fit."""
    return meant is not None and np.abs(meant).max() <= 100


def is_single(X):
    """Return whether scikit-learn converts rows to float32."""
    dtypes = list(X.dtypes) if isinstance(X, pd.DataFrame) else [getattr(X, "dtype", None)]
    return all(dtype in (np.dtype("f4"), torch.float32, torch.bfloat16) for dtype in dtypes)


def content(X):
    """The state that a call must not change."""
    if isinstance(X, torch.Tensor):
        dense = X.detach().to_dense() if X.is_sparse else X.detach()
        return () if X.is_meta else (X.requires_grad, X.grad, repr(dense.flatten().tolist()))
    if isinstance(X, np.ndarray):
        return X.dtype, X.shape, X.strides, X.flags.writeable, X.tobytes()
    return repr(X.to_dict()) if hasattr(X, "to_dict") else repr(X)


def settings_of_the_process():
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002, the global one is meant
    return [
        (kind, keys.tobytes(), *rest),
        random.getstate(),
        torch.get_rng_state().numpy().tobytes(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        np.geterr(),
        list(warnings.filters),
    ]


@contextlib.contextmanager
def nothing_else_changes(*inputs):
    before = settings_of_the_process(), [content(X) for X in inputs]
    yield
    assert (settings_of_the_process(), [content(X) for X in inputs]) == before


def answer(function, *args):
    """The result, or None for an error with a helpful message."""
    with nothing_else_changes(*args):
        try:
            return np.asarray(function(*args))
        except (ValueError, TypeError) as error:
            assert len(str(error)) > 20, error
            return None


def check(function, X, meant, learns=False):
    """Compare a result with that for a plain copy of the same numbers."""
    found = answer(function, X)
    tolerance = 1e-7 if learns else 1e-10
    if learns and meant is not None and is_single(X):
        meant = meant.astype(np.float32)  # training depends on the rounding of nearly equal rows
    if meant is None:
        assert found is None
        return
    expected = answer(function, meant)
    if is_ordinary(meant):
        assert found is not None
        assert expected is not None
    if found is None:
        return
    assert np.isfinite(found).all()
    if expected is None:  # float64 rows have more room for an overflow, never less
        raise AssertionError("an answer where a copy of the same numbers has none")
    if is_single(X):
        tolerance = 1e-4
    size = max(1.0, np.abs(expected).max(initial=0))
    np.testing.assert_allclose(found, expected, atol=tolerance * size, rtol=tolerance)


@given(tables(), st.sampled_from(AUTOENCODERS))
def test_codes_and_reconstructions(table, ae):
    check(ae.transform, *table)
    check(ae.reconstruct, *table)


@given(tables(), st.sampled_from(AUTOENCODERS))
def test_scores(table, ae):
    check(ae.score_samples, *table)
    check(ae.score, *table)


@given(tables(n_columns=2), st.sampled_from(AUTOENCODERS))
def test_rows_of_codes(table, ae):
    check(ae.inverse_transform, *table)


@given(tables(), st.sampled_from(CLASSIFIERS))
def test_predictions(table, clf):
    check(clf.predict_proba, *table)
    check(clf.predict, *table)


@given(tables(min_rows=1), st.sampled_from(["fit", "partial_fit"]), st.booleans())
def test_learning(table, method, is_bce):
    X, meant = table
    ae = autoencoder(loss="bce" if is_bce else "mse", max_epochs=1)
    if is_bce and meant is not None and not -1e-6 <= meant.min() <= meant.max() <= 1 + 1e-6:
        meant = None

    def learn(X):
        return getattr(clone(ae), method)(X).transform(ROWS)

    check(learn, X, meant, learns=True)


@given(tables(min_rows=2), st.sampled_from(["list", "float", "text", "frame", "tensor"]))
def test_learning_of_classes(table, form):
    X, meant = table
    n_rows = 2 if meant is None else len(meant)
    labels = np.arange(n_rows) % 2
    y = {
        "list": labels.tolist(),
        "float": labels.astype(np.float32),
        "text": np.where(labels, "yes", "no"),
        "frame": pd.Series(labels, index=labels, dtype="category"),
        "tensor": torch.from_numpy(labels),
    }[form]
    clf = classifier("finetune").set_params(max_epochs=1)

    def learn(X, y):
        return clone(clf).fit(X, y).predict_proba(ROWS)

    check(lambda X: learn(X, y), X, meant, learns=True)
