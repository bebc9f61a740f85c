"""The networks: shapes, numbers of weights, initial weights, tied weights."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv, Linear, Recurrent
from skae.modules import (
    ACTIVATIONS,
    BatchNorm,
    ConvAutoencoder,
    MLPAutoencoder,
    RecurrentAutoencoder,
    list_layers,
)


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
        ("auto", "sigmoid", 2 * (2 / 700) ** 0.5),
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


@pytest.mark.parametrize("weight_init", ["auto", "kaiming_uniform", 0.01])
def test_initial_weights_of_convolutions(weight_init):
    module = ConvAutoencoder((30, 8, 8), 5, (40, 50), 4, weight_init=weight_init)
    down, up = module.encoder[3].weight, module.decoder[3].weight
    expected = {
        "auto": ((40 * 16) ** -0.5, (50 * 16 / 4) ** -0.5),  # inputs of an output
        "kaiming_uniform": ((40 * 16 / 2) ** -0.5, (40 * 16 / 2) ** -0.5),
        0.01: (0.01, 0.01),
    }[weight_init]
    assert (down.std().item(), up.std().item()) == pytest.approx(expected, rel=0.03)
    assert (module.encoder[3].bias == 0).all()


def test_signals_keep_their_size_through_convolutions_down_and_up():
    module = ConvAutoencoder((3, 64, 64), 5, (64, 64), 4, activation="identity")
    images = torch.randn(4, 3, 64, 64)
    for layer in module.encoder[1:3]:
        images = layer(images)
        assert images.std().item() == pytest.approx(1, abs=0.15)
    for layer in module.decoder[2:4]:
        images = layer(images)
        assert images.std().item() == pytest.approx(1, abs=0.2)


def test_orthogonal_initial_weights_are_orthogonal():
    weight = MLPAutoencoder(40, 30, hidden_layer_sizes=(), weight_init="orthogonal").encoder[0]
    torch.testing.assert_close(weight.weight @ weight.weight.T, torch.eye(30), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("hidden_layer_sizes", "n_components", "n_weights"),
    [((392, 64), 2, 666_791), ((392, 96), 3, 692_264), ((1568, 392, 96), 3, 3_768_682)],
)
def test_a_prelu_after_every_layer(hidden_layer_sizes, n_components, n_weights):
    architecture = MLP(hidden_layer_sizes, "prelu", "prelu", output_activation="sigmoid")
    assert count(architecture.build(784, n_components)) == n_weights


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_a_norm_stands_between_hidden_layers_and_their_activations(norm):
    module = MLPAutoencoder(6, 2, hidden_layer_sizes=(5,), norm=norm, tied_weights=True)
    name = {"batch": "BatchNorm", "layer": "LayerNorm"}[norm]
    assert [type(layer).__name__ for layer in module.encoder] == ["Linear", name, "ReLU", "Linear"]
    assert [type(layer).__name__ for layer in module.decoder][1:3] == [name, "ReLU"]


def test_batch_norm_is_torchs_but_for_the_variance_it_remembers():
    X = torch.from_numpy(np.random.RandomState(0).randn(10, 3) * 5 + 2)
    ours, theirs = BatchNorm(3).double(), torch.nn.BatchNorm1d(3).double()
    torch.testing.assert_close(ours(X), theirs(X))
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    # Torch remembers the unbiased variance; with weights of rows there is no such thing.
    torch.testing.assert_close(ours.running_var - 0.9, (theirs.running_var - 0.9) * 9 / 10)
    theirs.running_var.copy_(ours.running_var)
    torch.testing.assert_close(ours.eval()(X), theirs.eval()(X))


def test_a_row_of_weight_two_is_two_rows_in_batch_norm():
    X = torch.from_numpy(np.random.RandomState(0).randn(4, 3))
    weighted, repeated = BatchNorm(3).double(), BatchNorm(3).double()
    weighted.row_weight = torch.tensor([1.0, 2.0, 0.0, 1.0], dtype=torch.float64)
    index = torch.tensor([0, 1, 1, 3])
    torch.testing.assert_close(weighted(X)[index], repeated(X[index]))
    torch.testing.assert_close(weighted.running_var, repeated.running_var)


@pytest.mark.parametrize("shape", [(7,), (4, 5)])
def test_batch_norm_of_maps_is_that_of_all_positions(shape):
    X = torch.from_numpy(np.random.RandomState(0).randn(4, 3, *shape))
    maps, columns = BatchNorm(3).double(), BatchNorm(3).double()
    weight = torch.tensor([1.0, 2.0, 0.0, 1.0], dtype=torch.float64)
    n_positions = int(np.prod(shape))
    maps.row_weight, columns.row_weight = weight, weight.repeat_interleave(n_positions)
    for _ in range(2):  # in training and in evaluation
        rows = columns(X.flatten(2).transpose(1, 2).reshape(-1, 3))
        torch.testing.assert_close(
            maps(X), rows.reshape(4, n_positions, 3).transpose(1, 2).reshape(X.shape)
        )
        torch.testing.assert_close(maps.running_mean, columns.running_mean)
        torch.testing.assert_close(maps.running_var, columns.running_var)
        maps.eval(), columns.eval()


@pytest.mark.parametrize("norm", ["batch", "layer"])
def test_norm_and_dropout_of_convolutions_surround_hidden_activations(norm):
    name = {"batch": "BatchNorm", "layer": "GroupNorm"}[norm]
    module = ConvAutoencoder((1, 8), 3, (2,), stride=1, pool=2, norm=norm, dropout=0.5)
    hidden = [name, "ReLU", "MaxPool1d", "Dropout"]
    names = [type(layer).__name__ for layer in module.encoder]
    assert names == ["Unflatten", "Conv1d", *hidden, "Flatten", "Linear"]
    hidden.remove("MaxPool1d")
    names = [type(layer).__name__ for layer in module.decoder]
    assert names == ["Linear", "Unflatten", *hidden, "ConvTranspose1d", "Flatten"]
    module = ConvAutoencoder((1, 8), 8, (2, 4), norm=norm, dropout=0.5)  # the map is the codes
    names = [type(layer).__name__ for layer in module.encoder]
    hidden = [name, "ReLU", "Dropout"]
    assert names == ["Unflatten", "Conv1d", *hidden, "Conv1d", "Flatten"]
    names = [type(layer).__name__ for layer in module.decoder]
    assert names == ["Unflatten", "ConvTranspose1d", *hidden, "ConvTranspose1d", "Flatten"]


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 14), (2, 21)])
@pytest.mark.parametrize("n_components", [5, 60])
def test_convolutions_lead_to_codes_and_back(shape, n_components):
    for kernel_size, stride, pool in [(3, 1, 1), (3, 2, 1), (4, 2, 1), (5, 1, 2), (3, 1, 3)]:
        module = ConvAutoencoder(shape, n_components, (4, 3), kernel_size, stride, pool=pool)
        X = torch.zeros(2, int(np.prod(shape)))
        assert module.encode(X).shape == (2, n_components)
        assert module(X).shape == X.shape


@pytest.mark.parametrize("size", range(1, 20))
@pytest.mark.parametrize("n_layers", [1, 2])
def test_any_size_is_mirrored_or_refused_with_sizes_that_are_not(size, n_layers):
    mirrored = 0
    for kernel_size, stride, padding, pool in itertools.product(
        (2, 3, 4), (1, 2), ("auto", 0), (1, 2)
    ):
        if kernel_size < stride * pool:
            continue
        architecture = Conv((1, -1), (2,) * n_layers, kernel_size, stride, padding, pool)
        sizes = [size]
        try:
            architecture.build(size, 3)
            mirrored += 1
        except ValueError as error:
            sizes = list(map(int, str(error).split("that can: ")[1].split(".")[0].split(", ")))
            assert size not in sizes
        for other in sizes:
            assert architecture.build(other, 3)(torch.zeros(1, other)).shape == (1, other)
    assert mirrored >= 1


def test_sizes_halve_downwards_and_come_back_odd():
    module = Conv((1, 28, 28), (2, 2, 2), stride=1, pool=2).build(784, 3)
    shapes = [layer.shape for layer in list_layers(module, torch.zeros(1, 784))]
    pooled = [shape[-1] for shape in shapes if len(shape) == 3]
    assert [size for size, _ in itertools.groupby(pooled)] == [28, 14, 7, 3, 7, 14, 28]


def test_the_code_is_the_last_map_where_the_sizes_agree():
    strided = Conv((3, 32, 32), (8, 16, 32), kernel_size=4, output_activation="sigmoid")
    module = strided.build(3072, 512)
    assert not any(isinstance(layer, torch.nn.Linear) for layer in module.modules())
    assert count(module) == 21_331
    pooled = Conv(
        (1, 28, 28), (16, 32, 64), stride=1, pool=2, activation="selu", latent_activation="selu"
    )
    module = pooled.build(784, 64 * 3 * 3)
    assert (count(module.encoder), count(module.decoder)) == (23_296, 23_233)
    kinds = [type(layer).__name__ for layer in module.encoder[1:]]
    assert kinds == [*["Conv2d", "SELU", "MaxPool2d"] * 3, "Flatten"]


def test_a_convolution_is_the_sum_that_its_definition_says():
    module = ConvAutoencoder((1, 5), 3, (1,), kernel_size=3, stride=2).double()
    X = torch.from_numpy(np.random.RandomState(0).rand(1, 5))
    kernel, bias = module.encoder[1].weight[0, 0], module.encoder[1].bias
    padded = torch.cat([torch.zeros(1), X[0], torch.zeros(1)])
    expected = [padded[2 * i : 2 * i + 3] @ kernel + bias[0] for i in range(3)]
    torch.testing.assert_close(module.encode(X)[0], torch.stack(expected))


def lstm_by_hand(cell, sequence, state=None, memory=None):
    """Return the states of an LSTM for one sequence by its equations, in NumPy."""
    W, U, b, c = (value.detach().numpy() for value in cell.parameters())
    state = np.zeros(cell.hidden_size) if state is None else state
    memory = np.zeros(cell.hidden_size) if memory is None else memory
    states = []
    for step in sequence:
        inside = np.split(W @ step + b + U @ state + c, 4)
        i, f, o = (1 / (1 + np.exp(-inside[k])) for k in (0, 1, 3))
        memory = f * memory + i * np.tanh(inside[2])
        state = o * np.tanh(memory)
        states.append(state)
    return np.array(states)


def read_by_hand(reader, sequence):
    """Return mean and end of the states of a reader for one sequence without padding."""
    for i, cell in enumerate(reader.forwards):
        states = ahead = lstm_by_hand(cell, sequence)
        end = ahead[-1]
        if reader.backwards:
            back = lstm_by_hand(reader.backwards[i], sequence[::-1])
            states = np.hstack([ahead, back[::-1]])
            end = np.hstack([ahead[-1], back[-1]])
        sequence = states
    return np.hstack([states.mean(axis=0), end])


@pytest.mark.parametrize("padding_value", [-1.0, None])
@pytest.mark.parametrize(("num_layers", "bidirectional"), [(1, False), (2, False), (2, True)])
@pytest.mark.parametrize("scale", [1.0, 3.7])
def test_the_code_of_a_sequence_is_read_before_its_padding(
    scale, num_layers, bidirectional, padding_value
):
    module = Recurrent(
        (6, 2), 4, padding_value=padding_value, num_layers=num_layers, bidirectional=bidirectional
    )
    module = module.build(12, 3).double()
    rng = np.random.RandomState(0)
    module.use_units(rng.rand(12), scale)
    X = rng.rand(3, 6, 2)
    lengths = [6, 4, 1]
    for row, length in zip(X, lengths):
        row[length:] = -1.0
    X[0, 2] = -1.0  # in the middle: a value like others
    Z = module.standardize(torch.from_numpy(X).reshape(3, 12)).reshape(3, 6, 2)
    summaries = module.encoder[:2](Z.reshape(3, 12)).detach().numpy()
    for summary, sequence, length in zip(summaries, Z.numpy(), lengths):
        length = 6 if padding_value is None else length
        by_hand = read_by_hand(module.encoder[1].reader, sequence[:length])
        if padding_value is not None:
            by_hand = np.hstack([by_hand, module.encoder[1].time[length - 1]])
        np.testing.assert_allclose(summary, by_hand)


@pytest.mark.parametrize("num_layers", [1, 2])
def test_the_decoder_is_shown_the_codes_and_the_time_at_each_step(num_layers):
    module = Recurrent((6, 2), 4, num_layers=num_layers).build(12, 3).double()
    codes = torch.from_numpy(np.random.RandomState(0).rand(1, 3))
    unrolled = module.decoder[0]
    start = np.tanh(unrolled.start(codes)[0].detach().numpy()).reshape(2, num_layers, 4)
    states = np.hstack([np.tile(codes.numpy(), (6, 1)), unrolled.time.numpy()])
    for cell, state, memory in zip(unrolled.cells, *start):
        states = lstm_by_hand(cell, states, state, memory)
    np.testing.assert_allclose(unrolled(codes)[0].detach().numpy(), states)


def test_the_time_tells_all_steps_apart():
    time = Recurrent((50, 1)).build(50, 3).decoder[0].time
    np.testing.assert_allclose(np.diff(time[:, 0]), 12**0.5 / 50, rtol=1e-4)
    np.testing.assert_allclose((time**2).mean(dim=0), 1, rtol=1e-3)


@pytest.mark.parametrize(
    ("X", "n_components", "padding_value"),
    [("waves", 4, None), ("padded waves", 6, -2.0), ("tokens", 16, None)],
)
def test_recurrent_networks_learn_in_a_few_hundred_steps(X, n_components, padding_value):
    rng, time = np.random.RandomState(0), np.arange(30)
    if X == "tokens":
        X, shape = np.eye(5)[rng.randint(0, 5, (500, 10))].reshape(500, 50), (10, 5)
    else:
        frequency, phase = rng.uniform(0.5, 3, (500, 1)), rng.uniform(0, 6.3, (500, 1))
        X, shape = np.sin(6.28 * frequency * time / 30 + phase), (30, 1)
    if padding_value is not None:
        X[time >= rng.randint(5, 31, (500, 1))] = padding_value
    ae = AutoencoderTransformer(
        n_components,
        architecture=Recurrent(shape, padding_value=padding_value),
        max_epochs=40,
        tol=None,
        random_state=0,
    )
    assert ae.fit(X.astype(np.float32)).score(X) > 0.8


@pytest.mark.parametrize("weight_init", ["auto", "xavier_normal", 0.1])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_forget_gates_start_open(cell, weight_init):
    module = Recurrent((6, 2), 4, cell, weight_init=weight_init, num_layers=2, bidirectional=True)
    module = module.build(12, 3)
    reader = module.encoder[1].reader
    for layer in (*reader.forwards, *reader.backwards, *module.decoder[0].cells):
        bias = torch.zeros(4, 4) if cell == "lstm" else torch.zeros(3, 4)
        if cell == "lstm":
            bias[1] = 1
        torch.testing.assert_close(layer.bias_ih_l0 + layer.bias_hh_l0, bias.flatten())
        if weight_init == "auto":
            for gate in layer.weight_hh_l0.split(4):
                torch.testing.assert_close(gate @ gate.T, torch.eye(4))


def test_gated_units_have_three_quarters_of_the_weights():
    lstm, gru = (RecurrentAutoencoder((6, 2), 3, 4, cell).encoder[1] for cell in ("lstm", "gru"))
    assert count(gru) * 4 == count(lstm) * 3


def test_codes_on_the_sphere_have_unit_norm_and_the_encoders_direction():
    module = MLP().build(6, 3, latent="sphere")
    X = torch.from_numpy(np.random.RandomState(0).rand(5, 6)).float()
    codes, encoded = module.encode(X), module.encoder(X)
    torch.testing.assert_close(codes.norm(dim=1), torch.ones(5))
    torch.testing.assert_close(F.cosine_similarity(codes, encoded), torch.ones(5))


@pytest.mark.parametrize(
    ("architecture", "n_components"),
    [(MLP((5,)), 3), (Conv((1, 12), (2,)), 3), (Conv((1, 12), (2,)), 12), (Recurrent((6, 2)), 3)],
)
def test_variational_encoders_give_two_numbers_per_code(architecture, n_components):
    module = architecture.build(12, n_components, latent="gaussian")
    X = torch.ones(4, 12)
    encoded = module.encoder(X)
    assert encoded.shape == (4, 2 * n_components)
    torch.testing.assert_close(module.encode(X), encoded[:, :n_components])
    assert module(X).shape == (4, 12)


def test_levels_are_the_layers_of_the_network_itself():
    module = MLP((5, 4), "tanh", "sigmoid", norm="layer").build(6, 2, latent="sphere")
    module.use_units(torch.ones(6), 2.0)
    levels = module.levels()
    X = codes = torch.rand(3, 6)
    for level in levels:
        codes = level.encode(codes)
    torch.testing.assert_close(codes, module.encode(X))
    for level in reversed(levels):
        codes = level.decode(codes)
    torch.testing.assert_close(codes, module(X))
    shared = {id(weight) for level in levels for weight in level.parameters()}
    assert shared == {id(weight) for weight in module.parameters()}


@pytest.mark.parametrize(
    "architecture",
    [
        MLP((5,), tied_weights=True),
        Conv((2, 3, 4), (3, 2)),
        Recurrent((4, 6), 5, "gru"),
        Recurrent((4, 6), 5, "gru", padding_value=0.0, num_layers=2, bidirectional=True),
    ],
)
def test_layers_are_listed_with_all_weights_and_products(architecture):
    module = architecture.build(24, 3)
    layers = list_layers(module, torch.zeros(2, 24))
    assert sum(layer.n_weights for layer in layers) == count(module)
    assert (layers[0].part, layers[-1].part, layers[-1].shape) == ("encode", "decode", (24,))
    for layer in layers:
        if layer.name == "Conv2d":
            assert layer.n_products == layer.n_weights * np.prod(layer.shape[1:])
        if layer.name == "GRU":
            assert layer.n_products == layer.n_weights * 4


def test_listing_layers_leaves_no_trace_wherever_it_is_interrupted():
    module = MLP((5,)).build(4, 2)
    state = [(layer.training, len(layer._forward_hooks)) for layer in module.modules()]
    seen = []

    class Interrupted(torch.nn.ReLU):
        def forward(self, X):
            seen.append([(layer.training, len(layer._forward_hooks)) for layer in module.modules()])
            raise KeyboardInterrupt

    module.encoder[1].__class__ = Interrupted
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        list_layers(module, torch.zeros(2, 4))
    assert seen == [state]
