"""Losses against their formulas."""

import numpy as np
import pytest
import torch

from skae.losses import LOSSES, mean_loss

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
