"""Tensors that share the memory of arrays."""

import numpy as np
import pytest

from skae._training.tensors import as_tensor

X = np.random.RandomState(0).rand(50, 4)


def test_read_only_memory_is_shared_too():
    frozen = X.copy()
    frozen.flags.writeable = False
    tensor = as_tensor(frozen)
    assert tensor.data_ptr() == frozen.ctypes.data
    np.testing.assert_array_equal(tensor, X)


@pytest.mark.parametrize("writeable", [True, False])
def test_an_array_of_one_row_may_have_any_strides(writeable):
    row = X[:1].copy()[::-1]
    row.flags.writeable = writeable
    assert row.flags.c_contiguous
    assert row.strides[0] < 0
    np.testing.assert_array_equal(as_tensor(row), X[:1])
