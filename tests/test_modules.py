"""The networks: shapes, numbers of weights, initial weights, tied weights."""

import copy

import pytest
import torch

from skae.architectures import MLP, Linear
from skae.modules import ACTIVATIONS, MLPAutoencoder


def count(module):
    return sum(weight.numel() for weight in module.parameters())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_each_activation_builds_a_network_that_trains(activation):
    module = MLP((7, 5), activation=activation, output_activation=activation).build(6, 2)
    output = module(torch.ones(3, 6))
    assert output.shape == (3, 6)
    output.sum().backward()
    assert all(weight.grad is not None for weight in module.parameters())


def test_the_decoder_mirrors_the_encoder():
    module = MLPAutoencoder(784, 2, hidden_layer_sizes=(392, 64), output_activation="sigmoid")
    widths = [tuple(layer.weight.shape) for layer in module.encoder if hasattr(layer, "weight")]
    assert widths == [(392, 784), (64, 392), (2, 64)]
    mirrored = [tuple(layer.weight.shape) for layer in module.decoder if hasattr(layer, "weight")]
    assert mirrored == [shape[::-1] for shape in widths[::-1]]
    assert count(module) == sum(2 * a * b + a + b for a, b in widths)


def test_every_layer_has_its_own_activation():
    module = MLPAutoencoder(6, 2, hidden_layer_sizes=(5, 4), activation="prelu")
    slopes = [layer for layer in module.modules() if isinstance(layer, torch.nn.PReLU)]
    assert len(slopes) == len(set(map(id, slopes))) == 4


@pytest.mark.parametrize("architecture", [MLP((5,), tied_weights=True), Linear(tied_weights=True)])
def test_tied_weights_are_one_and_stay_one(architecture):
    module = architecture.build(6, 2)
    free = type(architecture)(**{**architecture.get_params(), "tied_weights": False}).build(6, 2)
    n_matrices = sum(weight.numel() for weight in module.parameters() if weight.ndim == 2)
    assert count(free) - count(module) == n_matrices
    assert set(module.state_dict()) == {
        name for name, _ in [*module.named_parameters(), *module.named_buffers()]
    }
    for same in (module, copy.deepcopy(module), module.double()):
        for down, up in zip(same.encoder, reversed(same.decoder)):
            if isinstance(down, torch.nn.Linear):
                X = torch.ones(3, down.out_features, dtype=down.weight.dtype)
                torch.testing.assert_close(up(X) - up.bias, X @ down.weight)


def test_units_are_those_of_the_rows_outside_and_standard_inside():
    module = MLPAutoencoder(3, 2).double()
    module.use_units(shift=[1.0, 2.0, 3.0], scale=10.0)
    X = torch.tensor([[11.0, 2.0, -7.0]], dtype=torch.float64)
    torch.testing.assert_close(module.standardize(X)[0].tolist(), [1.0, 0.0, -1.0])
    torch.testing.assert_close(module.encode(X), module.encoder(module.standardize(X)))
    codes = module.encode(X)
    torch.testing.assert_close(module.decode(codes), module.decoder(codes) * 10 + module.shift)
    torch.testing.assert_close(module(X), module.decode(codes))


def test_dropout_follows_hidden_layers_only_and_sleeps_in_evaluation():
    module = MLPAutoencoder(6, 2, hidden_layer_sizes=(50,), dropout=0.5)
    for part in (module.encoder, module.decoder):
        assert [type(layer).__name__ for layer in part] == ["Linear", "ReLU", "Dropout", "Linear"]
    X = torch.ones(1, 6)
    assert not torch.equal(module(X), module(X))
    module.eval()
    assert torch.equal(module(X), module(X))


@pytest.mark.parametrize(
    ("weight_init", "activation", "std"),
    [
        ("auto", "relu", (1 / 3 / 400) ** 0.5),  # uniform on ±1/sqrt(fan in)
        ("auto", "selu", (1 / 400) ** 0.5),
        ("kaiming_normal", "relu", (2 / 400) ** 0.5),
        ("kaiming_uniform", "relu", (2 / 400) ** 0.5),
        ("xavier_normal", "tanh", (2 / 700) ** 0.5),
        ("xavier_uniform", "tanh", (2 / 700) ** 0.5),
        (0.01, "relu", 0.01),
    ],
)
def test_initial_weights_have_the_spread_of_their_formula(weight_init, activation, std):
    module = MLPAutoencoder(
        400, 2, hidden_layer_sizes=(300,), weight_init=weight_init, activation=activation
    )
    assert module.encoder[0].weight.std().item() == pytest.approx(std, rel=0.03)


def test_orthogonal_initial_weights_are_orthogonal():
    weight = MLPAutoencoder(40, 30, hidden_layer_sizes=(), weight_init="orthogonal").encoder[0]
    torch.testing.assert_close(weight.weight @ weight.weight.T, torch.eye(30), atol=1e-5, rtol=0)
