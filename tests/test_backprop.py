"""Explicit backward pass, flat parameters and fused update: the same results as autograd."""

import copy
import itertools

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, LRScheduler
from torch.optim.optimizer import register_optimizer_step_post_hook

from skae import AutoencoderTransformer
from skae._training import backprop as backprop_module
from skae._training.backprop import Backprop, is_plain
from skae._training.flat_parameters import FlatParameters
from skae._training.fused_update import FusedUpdate, can_update
from skae.architectures import MLP, Linear
from skae.losses import LOSSES, mean_loss

X = np.random.RandomState(0).rand(53, 6)


def gradients(module):
    return [weight.grad.clone() for weight in module.parameters()]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sizes", [(), (5,), (7, 4)])
def test_gradients_equal_those_of_autograd(loss, activation, weighted, sizes):
    architecture = MLP(sizes, activation, latent_activation=activation, output_activation="sigmoid")
    module = architecture.build(6, 2).double()
    assert is_plain(module, loss)
    target = torch.from_numpy(X)
    backprop = Backprop(module, loss, n_rows=len(X))
    for n_rows in (len(X), len(X) - 1, len(X)):  # batches have two lengths
        rows = target[:n_rows]
        inputs = rows.flip(0)  # as if they were corrupted
        weight = torch.linspace(0.5, 2, n_rows, dtype=torch.float64) if weighted else None
        value = backprop(inputs, rows, weight)
        ours = gradients(module)
        for parameter in module.parameters():
            parameter.grad.zero_()
        expected = mean_loss(loss, module.decoder(module.encoder(inputs)), rows, weight)
        expected.backward()
        torch.testing.assert_close(value, expected.detach())
        torch.testing.assert_close(ours, gradients(module), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize(
    ("optimizer", "dtype"),
    [
        *itertools.product(["adam", "adamw", "sgd", torch.optim.NAdam], [np.float32, np.float64]),
        ("lbfgs", np.float64),  # it builds on differences of gradients: rounding, in float32
    ],
)
def test_training_equals_training_with_autograd(optimizer, dtype, monkeypatch):
    def fit():
        ae = AutoencoderTransformer(
            2, architecture=MLP((8,)), optimizer=optimizer, max_epochs=3, tol=None, random_state=0
        )
        return ae.fit(X.astype(dtype), sample_weight=np.linspace(1, 2, len(X)))

    fast = fit()
    monkeypatch.setattr(backprop_module, "is_plain", lambda module, loss: False)
    slow = fit()
    tolerance = {"rtol": 1e-3, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-7}
    np.testing.assert_allclose(fast.transform(X), slow.transform(X), **tolerance)
    np.testing.assert_allclose(fast.loss_curve_, slow.loss_curve_, **tolerance)


@pytest.mark.parametrize(
    ("architecture", "loss"),
    [
        (MLP(tied_weights=True), "mse"),
        (MLP(dropout=0.1), "mse"),
        (MLP(activation="selu"), "mse"),
        (MLP(), torch.nn.MSELoss(reduction="none")),
    ],
)
def test_other_networks_are_left_to_autograd(architecture, loss):
    assert not is_plain(architecture.build(6, 2), loss)


def test_a_frozen_weight_is_left_to_autograd_and_stays():
    ae = AutoencoderTransformer(2, architecture=MLP(), max_epochs=1, tol=None, random_state=0)
    first = ae.fit(X).module_.encoder[0]
    first.weight.requires_grad_(False)
    assert not is_plain(ae.module_, "mse")
    before = first.weight.clone()
    ae.set_params(warm_start=True).fit(X)
    assert torch.equal(first.weight, before)


def test_parameters_are_views_of_one_vector_and_are_linked_again_when_moved():
    module = Linear().build(6, 2)
    values = copy.deepcopy(list(module.parameters()))
    flat = FlatParameters(list(module.parameters()))
    torch.testing.assert_close(list(module.parameters()), values)
    flat.vector.data.add_(1.0)
    torch.testing.assert_close(list(module.parameters()), [value + 1 for value in values])
    module.double()  # gives each parameter memory of its own
    for weight in module.parameters():
        weight.data.mul_(2.0)
    flat.link()
    torch.testing.assert_close(list(module.parameters()), [2 * value + 2 for value in values])
    assert module.encoder[0].weight.data_ptr() == flat.vector.data_ptr()


def test_partial_fit_trains_a_module_that_was_moved():
    ae = AutoencoderTransformer(2, random_state=0).partial_fit(X)
    ae.module_.float().double()
    before = ae.transform(X)
    assert np.abs(ae.partial_fit(X).transform(X) - before).max() > 1e-4


@pytest.mark.parametrize("kind", FusedUpdate.kinds)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}])
@pytest.mark.parametrize("changes", [{}, {"decoupled_weight_decay": True}, {"maximize": True}])
def test_the_short_way_to_update_gives_the_same_bits_and_keeps_the_state(kind, options, changes):
    def steps(short):
        vectors = [torch.nn.Parameter(torch.linspace(-1, 1, n)) for n in (5, 3)]
        groups = [{"params": [vector], "lr": lr} for vector, lr in zip(vectors, (0.1, 0.01))]
        optimizer = kind(groups, fused=True, **options)
        optimizer.param_groups[0].update(changes)
        generator, update = torch.Generator().manual_seed(0), optimizer.step
        for i in range(6):
            for vector in vectors:
                gradient = torch.randn(len(vector), generator=generator)
                vector.grad = gradient if vector.grad is None else vector.grad.copy_(gradient)
            optimizer.param_groups[0]["lr"] = 0.1 / (i + 1)
            update()
            if short and i == 0:
                update = FusedUpdate(optimizer)
        if short:
            update = optimizer.step  # goes on where the short way left off
        update()
        return [value.tolist() for vector in vectors for value in (vector, vector.grad)], [
            {name: value.tolist() for name, value in optimizer.state[vector].items()}
            for vector in vectors
        ]

    assert steps(short=True) == steps(short=False)


def test_steps_that_somebody_has_changed_are_taken_as_they_are():
    def make(kind=torch.optim.Adam, steps=1, **options):
        vector = torch.nn.Parameter(torch.ones(3))
        vector.grad = torch.ones(3)
        optimizer = kind([vector], **options)
        for _ in range(steps):
            optimizer.step()
        return optimizer

    assert can_update(make(fused=True))
    assert not can_update(make(fused=True, steps=0))
    assert not can_update(make(fused=False))
    assert not can_update(make(fused=True, amsgrad=True))
    assert not can_update(make(torch.optim.SGD, fused=True))
    assert not can_update(make(type("Mine", (torch.optim.Adam,), {}), fused=True))
    hooked = make(fused=True)
    hooked.register_step_post_hook(lambda *args: None)
    assert not can_update(hooked)
    scheduled = make(fused=True)
    torch.optim.lr_scheduler.ConstantLR(scheduled)
    assert not can_update(scheduled)
    pair, idle = make(fused=True), make(fused=True)
    pair.param_groups[0]["params"].append(torch.nn.Parameter(torch.ones(2)))
    assert not can_update(pair)
    idle.zero_grad()
    assert not can_update(idle)
    handle = register_optimizer_step_post_hook(lambda *args: None)
    assert not can_update(make(fused=True))
    handle.remove()
    assert can_update(make(fused=True))


def test_most_steps_go_the_short_way_unless_a_callback_may_interfere(monkeypatch):
    def n_updates(**params):
        count = []
        monkeypatch.setattr(FusedUpdate, "__call__", lambda update: count.append(update))
        AutoencoderTransformer(2, max_epochs=3, batch_size=9, tol=None, **params).fit(X)
        return len(count)

    class Listener(Callback):
        def on_batch_end(self, net, **kwargs):
            pass

    assert n_updates() == 3 * (6 - 1)
    assert n_updates(optimizer="adamw", architecture=MLP((4,), norm="layer")) == 3 * (6 - 1)
    assert n_updates(optimizer="sgd") == n_updates(callbacks=[Listener()]) == 0
    assert n_updates(callbacks=[LRScheduler("ExponentialLR", gamma=0.9)]) == 0


@pytest.mark.parametrize("norm", [None, "layer"])
@pytest.mark.parametrize(
    "disturb",
    [
        lambda net: net.optimizer_.zero_grad(),
        lambda net: net.module_.zero_grad(),
        lambda net: net.module_._apply(torch.clone),
    ],
    ids=["no vector of gradients", "no gradients", "other memory"],
)
@pytest.mark.parametrize("event", ["on_epoch_end", "on_batch_end"])
def test_what_callbacks_replace_between_steps_is_put_back(norm, disturb, event):
    class Disturber(Callback):
        pass

    setattr(Disturber, event, lambda self, net, **kwargs: disturb(net))

    few = {"max_epochs": 3, "batch_size": 9, "tol": None}

    def curve(**params):
        ae = AutoencoderTransformer(2, architecture=MLP((4,), norm=norm), **params)
        return ae.set_params(**few, random_state=0).fit(X).loss_curve_.tolist()

    assert curve(callbacks=[Disturber()]) == curve()


@pytest.mark.parametrize("norm", [None, "layer"])
def test_a_callback_may_put_other_gradients_in_the_place_of_those_computed(norm):
    class Stopper(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            for _, weight in named_parameters:
                weight.grad = torch.zeros_like(weight)

    ae = AutoencoderTransformer(2, architecture=MLP((4,), norm=norm), callbacks=[Stopper()])
    curve = ae.set_params(max_epochs=3, tol=None, batch_size=64).fit(X).loss_curve_
    np.testing.assert_allclose(curve, curve[0])


def test_a_callback_may_start_the_optimizer_anew():
    class Starter(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.initialize_optimizer()

    ae = AutoencoderTransformer(2, callbacks=[Starter()], max_epochs=5, tol=None).fit(X)
    assert (np.diff(ae.loss_curve_) < 0).all()
