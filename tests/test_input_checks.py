"""Conversion of X to an array of numbers."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from skae import AutoencoderTransformer
from skae._input_checks import as_array

DAY = datetime.datetime(2020, 1, 1)
X = np.random.RandomState(0).rand(50, 4)


def test_lazily_transformed_tensors_are_resolved():
    view = torch.complex(torch.ones(2), torch.ones(2)).conj().imag
    np.testing.assert_array_equal(as_array(view), [-1, -1])


@pytest.mark.parametrize(
    "given, message",
    [
        (torch.eye(2).to_sparse(), r"layout=torch.sparse_coo .* pass a dense one"),
        (torch.empty(2, 2, device="meta"), r"device='meta': pass a dense one"),
        (np.array([["2020-01-01"]], "M8[D]"), r"dates or times \(datetime64\[D\]\).* such as days"),
        (np.array([[3]], "m8[s]"), r"dates or times \(timedelta64\[s\]\)"),
        (pd.DataFrame({"a": [1.0], "b": [DAY]}), r"dates or times \(datetime64\[.s\]\)"),
        (pl.DataFrame({"a": [1.0], "b": [DAY]}), r"dates or times \(Datetime\(.*such as days"),
    ],
    ids=["sparse", "meta", "date", "duration", "frame", "polars"],
)
def test_input_without_numbers_is_an_error(given, message):
    with pytest.raises(TypeError, match=message):
        as_array(given)


def test_masked_values_are_an_error():
    with pytest.raises(ValueError, match=r"with 1 masked values, .* under the mask: impute them"):
        AutoencoderTransformer().fit(np.ma.array(X, mask=X.max() == X))
    np.testing.assert_array_equal(as_array(np.ma.array(X)), X)
