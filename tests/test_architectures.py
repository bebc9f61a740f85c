"""Architectures: parameters that can be cloned, set, searched and checked."""

import pytest
import torch
from sklearn.base import clone

from skae.architectures import MLP, Linear, build_module


@pytest.mark.parametrize(
    "architecture", [MLP((7, 5), "tanh", dropout=0.1, weight_init=0.5), Linear(tied_weights=True)]
)
def test_architectures_are_cloned_and_printed_with_their_parameters(architecture):
    copied = clone(architecture)
    assert copied is not architecture
    assert copied.get_params() == architecture.get_params()
    assert repr(copied) == repr(architecture)
    assert repr(architecture).startswith(type(architecture).__name__ + "(")


def test_parameters_are_checked_when_the_network_is_built_not_before():
    architecture = MLP(dropout=2.0)
    with pytest.raises(ValueError, match="'dropout' parameter of MLP must be"):
        architecture.build(6, 2)
    assert architecture.set_params(dropout=0.5).build(6, 2).encoder[2].p == 0.5


def test_linear_is_an_mlp_without_hidden_layers():
    shapes = [
        [tuple(weight.shape) for weight in architecture.build(6, 2).parameters()]
        for architecture in (Linear(), MLP(()))
    ]
    assert shapes[0] == shapes[1] == [(2, 6), (2,), (6, 2), (6,)]


def test_weights_come_from_torchs_generator_in_float32():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first = build_module(MLP((5,)), 6, 2).encoder[0].weight
        torch.manual_seed(0)
        torch.testing.assert_close(first, torch.nn.Linear(6, 5).weight)
    assert first.dtype == torch.float32
