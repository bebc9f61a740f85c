"""Penalties against their formulas."""

import numpy as np
import pytest
import torch

from skae.losses import weighted_mean
from skae.penalties import encode_with_jacobian, kl_from_standard_normal, sparsity

RNG = np.random.RandomState(0)
OUTPUT, TARGET = 3 * RNG.randn(7, 5), RNG.rand(7, 5)


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
