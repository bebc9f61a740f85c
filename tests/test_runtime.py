"""Random numbers, arrays, threads and devices."""

import datetime
import threading

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch

from skae import AutoencoderTransformer
from skae._input_checks import as_array
from skae._training.devices import resolve_device
from skae._training.random_state import draws_from, make_generator, make_seed
from skae._training.tensors import as_tensor
from skae._training.threads import limit_threads
from skae.architectures import MLP

DAY = datetime.datetime(2020, 1, 1)
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


def test_views_of_tensors_are_read_as_the_numbers_that_they_show():
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
def test_what_holds_no_rows_of_numbers_is_an_error(given, message):
    with pytest.raises(TypeError, match=message):
        as_array(given)


def test_a_mask_is_not_lost():
    with pytest.raises(ValueError, match=r"with 1 masked values, .* under the mask: fill them in"):
        AutoencoderTransformer().fit(np.ma.array(X, mask=X.max() == X))
    np.testing.assert_array_equal(as_array(np.ma.array(X)), X)


def test_seeded_draws_what_the_global_generator_would_and_leaves_it_alone():
    def draw():
        return [
            torch.nn.Linear(5, 3).weight.detach(),
            torch.nn.LSTM(3, 2, num_layers=2, dropout=0.5)(torch.ones(4, 3))[0].detach(),
            torch.nn.functional.dropout(torch.ones(20)),
            torch.rand(2),
            torch.randn(3),
            torch.randint(9, (4,)),
            torch.randint(2, 9, (4,)),
            torch.randperm(6),
            torch.normal(0.0, 1.0, (2,)),
            torch.empty(4).exponential_(),
            torch.multinomial(torch.ones(5), 2),
        ]

    before = torch.get_rng_state()
    with draws_from(torch.Generator().manual_seed(3)):
        ours = draw()
    assert torch.equal(torch.get_rng_state(), before)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        theirs = draw()
    for a, b in zip(ours, theirs):
        assert torch.equal(a, b)


def test_seeded_belongs_to_its_thread():
    results = {}

    def fit(seed):
        ae = AutoencoderTransformer(
            2, architecture=MLP((8,), dropout=0.5), max_epochs=20, tol=None, random_state=seed
        )
        results[seed] = ae.fit(X).transform(X)

    threads = [threading.Thread(target=fit, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = dict(results)
    for seed in range(4):
        fit(seed)
        np.testing.assert_array_equal(results[seed], together[seed])


def test_generators_follow_random_state():
    def first(random_state):
        return torch.rand(1, generator=make_generator(make_seed(random_state))).item()

    assert first(3) == first(3) != first(4)
    assert first(None) != first(None)
    state = np.random.RandomState(0)
    assert first(state) != first(state)
    assert first(np.random.RandomState(0)) == first(np.random.RandomState(0))


def test_small_steps_run_in_one_thread_of_the_caller_only():
    before = torch.get_num_threads()
    seen = []
    with limit_threads(1000, 64):
        inside = torch.get_num_threads()
        thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        thread.start()
        thread.join()
    assert inside == 1
    assert [torch.get_num_threads(), *seen] == [before, before]
    with limit_threads(10**6, 64):
        assert torch.get_num_threads() == before


@pytest.mark.parametrize("name", ["cpu", "auto"])
def test_devices_that_are_always_there(name):
    expected = "cpu" if name == "cpu" or not torch.cuda.is_available() else "cuda"
    if not torch.backends.mps.is_available():
        assert resolve_device(name, np.dtype("float32")).type == expected
    assert resolve_device(name, np.dtype("float64")).type == "cpu"
