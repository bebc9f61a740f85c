"""Diagnostics of latent codes: dead, saturated, effective rank, with planted examples."""

import numpy as np
import pytest

from skae._latent_diagnostics import dead_codes, effective_rank, name_codes, saturated_codes


def test_effective_rank_is_the_exponential_of_the_entropy():
    axes = np.linalg.qr(np.random.RandomState(0).randn(100, 4) - 0.5)[0]
    codes = (axes - axes.mean(axis=0)) * 5 + 3
    shares = np.linalg.eigvalsh(np.cov(codes.T))
    shares = shares / shares.sum()
    assert effective_rank(codes) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert effective_rank(np.outer(axes[:, 0], [1, 2, 3])) == pytest.approx(1)
    assert effective_rank(np.ones((5, 3))) == 0


def test_codes_at_the_ends_of_their_range_are_saturated_and_exact_zeros_are_not():
    t = np.linspace(-3, 3, 101)
    codes = np.c_[np.tanh(100 * t), np.tanh(t), np.maximum(t - 1, 0), t, np.ones(101)]
    np.testing.assert_array_equal(saturated_codes(codes), [True, False, False, False, False])
    assert not saturated_codes(codes[:2]).any()


def test_dead_is_constant_up_to_rounding():
    rng = np.random.RandomState(0)
    codes = np.c_[
        rng.randn(50), np.full(50, 1e3), 1e3 + 1e-13 * rng.randn(50), 1e-3 * rng.randn(50)
    ]
    np.testing.assert_array_equal(dead_codes(codes), [False, True, True, False])
    assert name_codes(np.ones(11)) == "codes 0, 1, 2, 3, 4, 5, 6, 7 and 3 more are"
