"""Corruptions: what they change, how often, and the range of their levels."""

import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer
from skae.architectures import MLP
from skae.corruptions import CORRUPTIONS, nested_dropout


def generator():
    return torch.Generator().manual_seed(0)


def test_noise_has_the_requested_standard_deviation_in_a_new_tensor():
    X = torch.rand(2000, 5, dtype=torch.float64)
    before = X.clone()
    noise = CORRUPTIONS["gaussian"](X, 0.3, generator()) - X
    assert noise.std().item() == pytest.approx(0.3, rel=0.03)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    torch.testing.assert_close(X, before, rtol=0, atol=0)


def test_masking_sets_that_share_of_elements_to_zero():
    X = 1 + torch.rand(2000, 5)
    masked = CORRUPTIONS["masking"](X, 0.3, generator())
    hit = masked != X
    assert hit.float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert (masked[hit] == 0).all()


def test_salt_and_pepper_are_equally_frequent():
    X = torch.rand(2000, 5)
    noisy = CORRUPTIONS["salt_pepper"](X, 0.3, generator())
    for extreme in (X.min(), X.max()):
        assert (noisy == extreme).float().mean().item() == pytest.approx(0.15, abs=0.015)
    untouched = (noisy != X.min()) & (noisy != X.max())
    torch.testing.assert_close(noisy[untouched], X[untouched], rtol=0, atol=0)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_level_0_changes_nothing_and_the_generator_determines_the_result(name):
    X = torch.rand(50, 5)
    assert torch.equal(CORRUPTIONS[name](X, 0.0, generator()), X)
    one, same = (CORRUPTIONS[name](X, 0.5, generator()) for _ in range(2))
    assert torch.equal(one, same)
    source = generator()
    assert not torch.equal(*(CORRUPTIONS[name](X, 0.5, source) for _ in range(2)))


def test_nested_dropout_keeps_every_number_of_first_codes_equally_often():
    codes = 1 + torch.rand(8000, 4)
    kept = nested_dropout(codes, generator())
    lengths = (kept != 0).sum(dim=1)
    for row, before, length in zip(kept[:100], codes, lengths):
        assert torch.equal(row[:length], before[:length])
        assert (row[length:] == 0).all()
    assert torch.bincount(lengths).tolist() == [0, 2000, 2000, 2000, 2000]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_levels_above_1_are_for_corruptions_whose_level_is_no_probability(name):
    X = np.random.RandomState(0).rand(20, 3)
    ae = AutoencoderTransformer(2, architecture=MLP((4,)), max_epochs=1, tol=None, random_state=0)
    ae.set_params(corruption=name, corruption_level=1.0).fit(X)
    ae.set_params(corruption_level=1.5)
    if CORRUPTIONS[name].level_is_probability:
        with pytest.raises(ValueError, match=r"corruption_level=1\.5 is a probability"):
            ae.fit(X)
    else:
        ae.fit(X)
    with pytest.raises(ValueError, match="corruption_level"):
        ae.set_params(corruption_level=-0.1).fit(X)
