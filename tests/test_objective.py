"""The objective: each penalty by its formula, corruption, warm-up."""

import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer
from skae._training.objective import Objective
from skae.architectures import MLP, Conv, Recurrent
from skae.losses import encode_with_jacobian, kl_from_standard_normal, mean_loss, sparsity
from skae.modules import LATENTS

X = torch.from_numpy(np.random.RandomState(0).rand(9, 6))
WEIGHT = torch.arange(1.0, 10.0, dtype=torch.float64)


def generator():
    return torch.Generator().manual_seed(0)


def make_objective(**parameters):
    settings = AutoencoderTransformer(**parameters)._make_settings(seed=0, n_rows=len(X))
    return Objective(settings)


def evaluate(module, weight=None, epoch=1, inputs=X, **parameters):
    objective = make_objective(**parameters)
    return objective.evaluate(module, inputs, X, weight, epoch, generator())


@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_each_penalty_is_added_by_its_formula(weight):
    module = MLP((5,), latent_activation="sigmoid").build(6, 3).double()
    codes = module.encode(X)
    share = (torch.ones(9).double() if weight is None else weight) / (9 if weight is None else 45)
    norms = encode_with_jacobian(module.encode, X)[1]
    penalties = {
        "l1": share @ codes.abs().sum(dim=1),
        "kl": sparsity(share @ codes, 0.2),
        "contractive": share @ norms,
    }
    loss = mean_loss("mse", module(X), X, weight)
    torch.testing.assert_close(evaluate(module, weight), loss)
    for penalty, value in penalties.items():
        total = evaluate(module, weight, penalty=penalty, alpha=0.3, target_activation=0.2)
        torch.testing.assert_close(total, loss + 0.3 * value)


def test_the_contractive_penalty_goes_through_the_sphere():
    module = MLP((), latent_activation="tanh").build(6, 3, latent="sphere").double()
    norms = encode_with_jacobian(module.encode, X)[1]
    total = evaluate(module, penalty="contractive", alpha=1.0)
    torch.testing.assert_close(total, mean_loss("mse", module(X), X) + norms.mean())


def test_variational_codes_are_drawn_in_training_only():
    module = MLP((5,)).build(6, 3, latent="gaussian").double()
    mean, log_variance = LATENTS["gaussian"].split(module.encoder(X))
    divergence = kl_from_standard_normal(mean, log_variance)
    noise = torch.randn(9, 3, dtype=torch.float64, generator=generator())
    drawn = module.decoder(mean + (log_variance / 2).exp() * noise)
    expected = mean_loss("mse", drawn, X, WEIGHT) + 0.1 * (WEIGHT / 45) @ divergence
    torch.testing.assert_close(evaluate(module.train(), WEIGHT, alpha=0.1), expected)
    expected = mean_loss("mse", module(X), X) + 0.1 * divergence.mean()
    torch.testing.assert_close(evaluate(module.eval(), alpha=0.1), expected)


def test_alpha_grows_from_zero_in_its_epochs():
    module = MLP((5,)).build(6, 3).double()
    bare = evaluate(module)
    shares = [
        evaluate(module, epoch=epoch, penalty="l1", alpha=1.0, alpha_warmup=4) - bare
        for epoch in (1, 2, 5, 9)
    ]
    full = module.encode(X).abs().sum(dim=1).mean()
    torch.testing.assert_close(torch.stack(shares), full * torch.tensor([0, 0.25, 1, 1]).double())


def test_the_target_is_the_clean_row():
    module = MLP((5,)).build(6, 3).double()
    hidden = torch.zeros_like(X)
    torch.testing.assert_close(evaluate(module, inputs=hidden), mean_loss("mse", module(hidden), X))


def test_named_corruptions_see_standard_units_and_callables_those_of_x():
    def standardize(rows):
        return (rows - 5) / 10

    named = make_objective(corruption="masking", corruption_level=1.0)
    assert (named.corrupt(X, standardize, generator()) == 0).all()
    own = make_objective(corruption=lambda rows, generator: rows * 0)
    assert (own.corrupt(X, standardize, generator()) == -0.5).all()


def test_a_callable_corruption_may_write_to_its_rows_but_not_change_their_shape():
    before = X.clone()
    own = make_objective(corruption=lambda rows, generator: rows.zero_())
    own.corrupt(X, lambda rows: rows, generator())
    assert torch.equal(X, before)
    wrong = make_objective(corruption=lambda rows, generator: rows[:, 1:])
    with pytest.raises(ValueError, match=r"returned \(9, 5\) for a batch of shape \(9, 6\)"):
        wrong.corrupt(X, lambda rows: rows, generator())


@pytest.mark.parametrize(
    ("architecture", "latent", "penalty"),
    [
        (MLP((4,), "tanh", norm="batch"), "sphere", None),
        (MLP((4,), "gelu", norm="layer"), "gaussian", None),
        (MLP((), "tanh", latent_activation="sigmoid"), "euclidean", "contractive"),
        (MLP((4,), "silu", latent_activation="sigmoid"), "euclidean", "kl"),
        (Conv((1, 6), (2,), activation="softplus"), "euclidean", "contractive"),
        (Conv((1, 6), (2, 2), 3, 1, pool=2, activation="tanh"), "gaussian", None),
        (Recurrent((3, 2), 3, "lstm"), "euclidean", "l1"),
        (Recurrent((3, 2), 3, "gru", padding_value=0.0), "sphere", None),
    ],
)
def test_gradients_of_the_whole_objective_equal_finite_differences(architecture, latent, penalty):
    module = architecture.build(6, 2, latent).double().train()
    names, weights = zip(*module.named_parameters())

    class Total(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self):
            return evaluate(self.module, WEIGHT, penalty=penalty, alpha=0.1)

    def total(*weights):
        parameters = {f"module.{name}": weight for name, weight in zip(names, weights)}
        return torch.func.functional_call(Total(), parameters, ())

    weights = [weight.detach().clone().requires_grad_() for weight in weights]
    assert torch.autograd.gradcheck(total, weights)
