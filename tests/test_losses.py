"""Losses against their formulas."""

import numpy as np
import pytest
import torch

from skae.losses import (
    CORRUPTIONS,
    LOSSES,
    encode_with_jacobian,
    kl_from_standard_normal,
    mean_loss,
    nested_dropout,
    sparsity,
    weighted_mean,
)

RNG = np.random.RandomState(0)
OUTPUT, TARGET = 3 * RNG.randn(7, 5), RNG.rand(7, 5)
WEIGHT = RNG.rand(7)


def formula(name):
    error = np.abs(OUTPUT - TARGET)
    probability = 1 / (1 + np.exp(-OUTPUT))
    return {
        "mse": error**2,
        "mae": error,
        "huber": np.where(error < 1, error**2 / 2, error - 0.5),
        "bce": -TARGET * np.log(probability) - (1 - TARGET) * np.log(1 - probability),
    }[name]


@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_their_formulas(name):
    output, target, weight = map(torch.from_numpy, (OUTPUT, TARGET, WEIGHT))
    expected = formula(name)
    assert mean_loss(name, output, target).item() == pytest.approx(expected.mean())
    assert mean_loss(name, output, target, weight).item() == pytest.approx(
        np.average(expected.mean(axis=1), weights=WEIGHT)
    )


def test_a_callable_may_give_one_value_per_element_or_per_row():
    output, target, weight = map(torch.from_numpy, (OUTPUT, TARGET, WEIGHT))
    for loss in (lambda a, b: (a - b) ** 2, lambda a, b: ((a - b) ** 2).mean(dim=1)):
        for w in (None, weight):
            assert mean_loss(loss, output, target, w).item() == pytest.approx(
                mean_loss("mse", output, target, w).item()
            )


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weight", [None, torch.from_numpy(WEIGHT)], ids=["plain", "weighted"])
def test_gradients_equal_finite_differences(name, weight):
    output = torch.from_numpy(OUTPUT).requires_grad_()
    target = torch.from_numpy(TARGET)
    assert torch.autograd.gradcheck(lambda out: mean_loss(name, out, target, weight), output)


def test_divergence_of_variational_codes_is_torchs():
    mean, log_variance = torch.from_numpy(OUTPUT), torch.from_numpy(TARGET)
    ours = torch.distributions.Normal(mean, (log_variance / 2).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(ours, prior).sum(dim=1)
    torch.testing.assert_close(kl_from_standard_normal(mean, log_variance), expected)


def test_sparsity_is_the_divergence_of_bernoulli_variables():
    activations = torch.from_numpy(TARGET[0])
    rare, ours = (
        torch.distributions.Bernoulli(p) for p in (torch.tensor(0.1).double(), activations)
    )
    expected = torch.distributions.kl_divergence(rare, ours).sum()
    torch.testing.assert_close(sparsity(activations, 0.1), expected)
    assert torch.isfinite(sparsity(torch.tensor([0.0, 1.0]), 0.1))


@pytest.mark.parametrize("activation", [None, torch.nn.Sigmoid(), torch.nn.Tanh(), torch.nn.ELU()])
def test_the_jacobian_of_one_layer_in_closed_form_is_autograds(activation):
    layers = [torch.nn.Linear(5, 3).double(), *([activation] if activation else [])]
    encoder, X = torch.nn.Sequential(*layers), torch.from_numpy(OUTPUT)
    by_row = [torch.autograd.functional.jacobian(encoder, row) for row in X]
    for encode in (encoder, encoder.forward):  # closed form, and one pass per code
        codes, norms = encode_with_jacobian(encode, X)
        torch.testing.assert_close(codes, encoder(X))
        torch.testing.assert_close(norms, torch.stack([(J**2).sum() for J in by_row]))


def test_the_closed_form_is_for_single_units_only():
    X = torch.from_numpy(OUTPUT)
    linear = torch.nn.Linear(5, 3).double()
    for encoder in (
        torch.nn.Sequential(linear, torch.nn.Softmax(dim=1)),
        torch.nn.Sequential(
            torch.nn.Sequential(linear, torch.nn.Tanh()), torch.nn.Linear(3, 2).double()
        ),
    ):
        by_row = [torch.autograd.functional.jacobian(encoder, row[None]) for row in X]
        norms = encode_with_jacobian(encoder, X)[1]
        torch.testing.assert_close(norms, torch.stack([(J**2).sum() for J in by_row]))


def test_gradients_of_penalties_equal_finite_differences():
    X = torch.from_numpy(OUTPUT)
    deep = torch.nn.Sequential(
        torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3), torch.nn.Sigmoid()
    ).double()
    for encoder in (deep, deep[:2]):

        def penalty(W, encoder=encoder):
            parameters = {"0.weight": W}

            def encode(rows):
                return torch.func.functional_call(encoder, parameters, rows)

            norms = encode_with_jacobian(encode, X)[1]
            codes = encode(X)
            return norms.mean() + sparsity(weighted_mean(codes).sigmoid(), 0.05)

        W = encoder[0].weight.detach().clone().requires_grad_()
        assert torch.autograd.gradcheck(penalty, W)
    codes, log_variance = (torch.from_numpy(a).requires_grad_() for a in (OUTPUT, TARGET))
    assert torch.autograd.gradcheck(kl_from_standard_normal, (codes, log_variance))


def generator():
    return torch.Generator().manual_seed(0)


def test_noise_has_the_spread_asked_for_and_leaves_rows_alone():
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


def test_salt_and_pepper_are_the_extremes_in_equal_shares():
    X = torch.rand(2000, 5)
    noisy = CORRUPTIONS["salt_pepper"](X, 0.3, generator())
    for extreme in (X.min(), X.max()):
        assert (noisy == extreme).float().mean().item() == pytest.approx(0.15, abs=0.015)
    untouched = (noisy != X.min()) & (noisy != X.max())
    torch.testing.assert_close(noisy[untouched], X[untouched], rtol=0, atol=0)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_level_zero_changes_nothing_and_a_generator_decides_all(name):
    X = torch.rand(50, 5)
    assert torch.equal(CORRUPTIONS[name](X, 0.0, generator()), X)
    one, same = (CORRUPTIONS[name](X, 0.5, generator()) for _ in range(2))
    assert torch.equal(one, same)
    source = generator()
    assert not torch.equal(*(CORRUPTIONS[name](X, 0.5, source) for _ in range(2)))


def test_nested_dropout_keeps_a_beginning_of_any_length_equally_often():
    codes = 1 + torch.rand(8000, 4)
    kept = nested_dropout(codes, generator())
    lengths = (kept != 0).sum(dim=1)
    for row, before, length in zip(kept[:100], codes, lengths):
        assert torch.equal(row[:length], before[:length])
        assert (row[length:] == 0).all()
    assert torch.bincount(lengths).tolist() == [0, 2000, 2000, 2000, 2000]
