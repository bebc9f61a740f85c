"""Options of AutoencoderTransformer: codes, architectures, corruption, penalties, training."""

import functools
import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    Callback,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
)

from skae import AutoencoderTransformer
from skae.architectures import MLP, Conv, Linear, Recurrent
from skae.modules import LATENTS

DIGITS = load_digits().data.astype(np.float32)


def make(**params):
    """A small estimator that is trained quickly."""
    defaults = {"n_components": 3, "architecture": MLP((16,)), "max_epochs": 4, "tol": None}
    return AutoencoderTransformer(**{**defaults, "random_state": 0, **params})


def noisy(X, sigma=4.0):
    return (X + np.random.RandomState(1).normal(0, sigma, X.shape)).astype(np.float32)


# Kinds of codes -----------------------------------------------------------------------------


def test_codes_of_the_sphere_have_unit_norm():
    ae = make(latent="sphere").fit(DIGITS)
    np.testing.assert_allclose(np.linalg.norm(ae.transform(DIGITS), axis=1), 1, rtol=1e-6)
    assert (
        AutoencoderTransformer(latent="sphere", max_epochs=1, tol=None)
        .fit(DIGITS[:, :2])
        .n_components_
        == 2
    )  # one code would be two points


def truncated_r2(ae, X, k):
    codes = ae.transform(X)
    codes[:, k:] = 0
    error = np.square(ae.inverse_transform(codes).astype(np.float64) - X).sum()
    return 1 - error / np.square(X - ae.mean_).sum()


def test_the_first_of_ordered_codes_do_for_each_number_of_them():
    X = DIGITS.astype(np.float64)
    params = {"architecture": MLP((64, 64)), "max_epochs": 60}
    ordered, plain = (
        make(n_components=8, latent=kind, **params).fit(X) for kind in ("ordered", "euclidean")
    )
    for k in (1, 2, 4):
        alone = make(n_components=k, **params).fit(X).score(X)
        assert truncated_r2(ordered, X, k) > 0.5 * alone
        assert truncated_r2(ordered, X, k) > truncated_r2(plain, X, k) + 0.1
    gains = np.diff([truncated_r2(ordered, X, k) for k in range(9)])
    assert (gains > 0).all()


def test_variational_codes_are_means_and_use_their_divergence():
    ae = make(latent="gaussian", max_epochs=30, device="cpu").fit(DIGITS)
    codes = ae.transform(DIGITS)
    np.testing.assert_array_equal(codes, ae.transform(DIGITS))
    encoded = ae.module_.encoder(ae.module_.standardize(torch.from_numpy(DIGITS)))
    mean, output = encoded.detach().numpy().astype(np.float64).T.reshape(2, 3, -1)
    log_variance = bounded(output)
    np.testing.assert_allclose(codes, mean.T, rtol=1e-5, atol=1e-5)
    divergence = (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(axis=0).mean() / 2
    assert divergence > 3  # nats: the codes say something about each row
    assert ae.score(DIGITS) > 0.5


def bounded(output):
    """Log-variances in [-10, 2] of outputs of an encoder."""
    values = output - 3
    values = np.where(values > 0, 2 - 2 / (1 + np.abs(values) / 2), values)
    return np.where(values < -5, -10 + 5 / (1 + np.abs(values + 5) / 5), values)


def test_log_variances_are_bounded_smooth_and_increasing():
    output = torch.linspace(-20, 20, 401, dtype=torch.float64).requires_grad_()
    mean, log_variance = LATENTS["gaussian"].split(torch.stack([0 * output, output], dim=1))
    np.testing.assert_allclose(log_variance.detach()[:, 0], bounded(output.detach().numpy()))
    assert not mean.any()
    (slope,) = torch.autograd.grad(log_variance.sum(), output)
    assert (slope > 0.01).all() and (slope <= 1).all()
    assert slope.diff().abs().max() < 0.11  # no kink
    far = torch.tensor([[0.0, -1e30], [0.0, 1e30], [0.0, -1e6], [0.0, 1e6]])
    ends = LATENTS["gaussian"].split(far)[1][:, 0]
    torch.testing.assert_close(ends, torch.tensor([-10.0, 2.0, -10.0, 2.0]), atol=1e-4, rtol=0)


def test_variational_codes_of_raw_heavy_tailed_columns():
    X = np.random.RandomState(3).lognormal(0, 2, (5000, 42))
    ae, plain = (
        AutoencoderTransformer(8, random_state=0, **params).fit(X[:3300])
        for params in ({"latent": "gaussian"}, {"architecture": MLP()})
    )
    assert np.isfinite(ae.loss_curve_).all()
    assert ae.score(X[:3300]) > plain.score(X[:3300]) - 0.1
    assert ae.score(X[3300:]) > plain.score(X[3300:]) - 0.1


def test_fit_warns_once_of_collapsed_codes():
    params = {"latent": "gaussian", "alpha": 1.0, "random_state": 0}
    message = (
        "Of n_components=3, codes 0, 1 and 2 are collapsed: .*"
        r"smaller alpha \(alpha=1\), a longer alpha_warmup \(alpha_warmup=0\)"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        AutoencoderTransformer(3, **params).fit(DIGITS)
    assert len(caught) == 1
    with pytest.warns(UserWarning) as caught:
        AutoencoderTransformer(3, max_epochs=12, tol=1e-6, **params).fit(DIGITS)
    assert [w.category.__name__ for w in caught] == ["UserWarning", "ConvergenceWarning"]


@pytest.mark.parametrize(
    "params", [{"alpha": 1e-3}, {"alpha": 1.0, "max_epochs": 1, "tol": None}], ids=["used", "short"]
)
def test_fit_does_not_warn_of_codes_in_use_nor_after_an_epoch(params):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AutoencoderTransformer(3, latent="gaussian", random_state=0, **params).fit(DIGITS)


def test_codes_beyond_the_rank_of_the_rows_may_collapse():
    X = np.random.RandomState(0).randn(500, 1) @ np.ones((1, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ae = AutoencoderTransformer(3, latent="gaussian", alpha=0.03, random_state=0).fit(X)
    assert ae.score(X) > 0.8


def test_a_larger_alpha_presses_variational_codes_towards_the_prior():
    loose, tight = (
        make(latent="gaussian", alpha=alpha, max_epochs=20).fit(DIGITS) for alpha in (1e-3, 1.0)
    )
    assert tight.transform(DIGITS).std() < 0.1 < loose.transform(DIGITS).std()
    assert tight.score(DIGITS) < loose.score(DIGITS)


def test_alpha_is_zero_in_the_first_epoch_of_its_warm_up():
    curves = [
        make(latent="gaussian", alpha=alpha, alpha_warmup=2, max_epochs=2).fit(DIGITS).loss_curve_
        for alpha in (0.01, 0.1)
    ]
    assert curves[0][0] == curves[1][0]
    assert curves[0][1] < curves[1][1]


def test_training_does_not_stop_while_alpha_grows():
    params = {"latent": "gaussian", "alpha": 1e-3, "tol": 0.5, "n_iter_no_change": 1}
    first, later = (
        make(max_epochs="auto", batch_size=2, alpha_warmup=warmup, **params).fit(DIGITS).n_iter_
        for warmup in (0, 8)
    )
    assert first < 8 < later <= 9 + first


# Architectures ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "shape"),
    [
        (Conv((1, 8, 8), (4, 8)), (1, 8, 8)),
        (Conv((1, -1, 8), (4,)), (1, 8, 8)),
        (Conv((8, 8), (4,)), (8, 8)),
        (Recurrent((8, 8), 8), (8, 8)),
    ],
)
def test_images_and_sequences_may_have_their_shape(architecture, shape):
    ae = make(architecture=architecture).fit(DIGITS.reshape(-1, *shape))
    codes = ae.transform(DIGITS)
    np.testing.assert_array_equal(ae.transform(DIGITS.reshape(-1, *shape)), codes)
    np.testing.assert_array_equal(ae.transform(torch.from_numpy(DIGITS).reshape(-1, *shape)), codes)
    assert ae.inverse_transform(codes).shape == DIGITS.shape
    with pytest.raises(ValueError, match=r"X has rows of shape .*, but input_shape="):
        ae.transform(np.zeros((5, *shape[:-1], 3)))


def test_rows_of_another_shape_stay_an_error():
    with pytest.raises(ValueError, match="Found array with dim 3"):
        make().fit(DIGITS.reshape(-1, 8, 8))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (Conv((1, 8, 9)), r"input_shape=\(1, 8, 9\) does not match X with 64 columns: .* is 72\."),
        (Conv((3, -1, 8)), r"product of its entries is 24 times a whole number"),
        (Conv((64,)), r"input_shape=\(64,\) must hold 2 or 3 whole numbers"),
        (Conv((1, -1, -1)), "one of which may be -1"),
        (Conv((1, 8, 8), ()), r"channels=\(\) has no layer"),
        (Conv((1, 8, 8), (4, 0)), r"channels=\(4, 0\) must hold whole numbers of at least 1"),
        (Conv((1, 8, 8), pool=2), r"kernel_size=3 is smaller than stride \* pool = 4"),
        (Conv((1, 8, 8), stride=1, pool=2, channels=(4,) * 4), "Sizes near it that can: 16, 17"),
        (Conv((1, 8, 8), padding="same"), "'padding' parameter of Conv must be"),
        (Recurrent((1, 8, 8)), r"input_shape=\(1, 8, 8\) must hold 2 whole numbers"),
        (Recurrent((8, 8), cell="ltsm"), "cell='ltsm' is not known; did you mean 'lstm'"),
        (MLP(norm="bach"), "norm='bach' is not known; did you mean 'batch'"),
    ],
)
def test_bad_architectures_say_what_would_be_good(architecture, message):
    with pytest.raises(ValueError, match=message):
        make(architecture=architecture).fit(DIGITS)


def test_architectures_are_searched_by_name():
    grid = {"architecture__channels": [(2,), (4, 4)], "latent": ["euclidean", "sphere"]}
    search = GridSearchCV(make(architecture=Conv((1, 8, 8)), max_epochs=1), grid, cv=2)
    assert len(search.fit(DIGITS[:200]).cv_results_["params"]) == 4


@pytest.mark.parametrize(
    "params",
    [
        {"architecture": Conv((1, 8, 8), (4,)), "latent": "sphere"},
        {"architecture": Recurrent((8, 8), 8, "gru", padding_value=0.0), "latent": "gaussian"},
        {"architecture": MLP((8,), norm="batch"), "corruption": "gaussian", "penalty": "l1"},
        {"callbacks": [GradientNormClipping(1.0)], "weight_decay": 0.1},
    ],
)
def test_every_option_survives_a_pickle_and_goes_on(params):
    ae = make(**params).fit(DIGITS)
    copied = pickle.loads(pickle.dumps(ae))
    np.testing.assert_array_equal(copied.transform(DIGITS), ae.transform(DIGITS))
    np.testing.assert_array_equal(copied.reconstruct(DIGITS), ae.reconstruct(DIGITS))
    before = copied.transform(DIGITS)
    assert np.abs(copied.partial_fit(DIGITS).transform(DIGITS) - before).max() > 1e-4


# Corruption ---------------------------------------------------------------------------------


def test_a_denoising_autoencoder_removes_the_noise_it_was_trained_on_better():
    plain, denoising = (
        make(n_components=16, corruption=corruption, corruption_level=1.0, max_epochs=40).fit(
            DIGITS
        )
        for corruption in (None, "gaussian")
    )
    errors = [
        np.mean((ae.reconstruct(noisy(DIGITS, 6.0)) - DIGITS) ** 2) for ae in (plain, denoising)
    ]
    assert errors[1] < 0.8 * errors[0]


def test_a_callable_corrupts_each_batch_anew_in_the_units_of_the_rows_from_one_generator():
    seen = []

    def corrupt(X, generator):
        seen.append(
            (len(X), X.max().item(), torch.rand(1, generator=generator, device=X.device).item())
        )
        return X

    def fit():
        make(corruption=corrupt, batch_size=600, max_epochs=2).fit(DIGITS)
        batches = seen.copy()
        seen.clear()
        return batches

    first = fit()
    assert [batch[0] for batch in first] == [599] * 6
    assert max(batch[1] for batch in first) == 16.0
    assert len({batch[2] for batch in first}) == 6
    assert fit() == first


def test_corruption_sleeps_outside_training():
    ae = make(corruption="gaussian", corruption_level=5.0, early_stopping=True).fit(DIGITS)
    np.testing.assert_array_equal(ae.transform(DIGITS), ae.transform(DIGITS))
    assert ae.validation_curve_[-1] < ae.loss_curve_[-1]  # held-out rows are shown as they are


@pytest.mark.parametrize("corruption", ["gaussian", "masking", "salt_pepper"])
def test_corruption_goes_the_fast_way_to_the_same_weights(corruption, monkeypatch):
    from skae._training import backprop

    X = DIGITS.astype(np.float64)
    fast = make(corruption=corruption).fit(X)
    monkeypatch.setattr(backprop, "is_plain", lambda module, loss: False)
    slow = make(corruption=corruption).fit(X)
    np.testing.assert_allclose(fast.transform(X), slow.transform(X), rtol=1e-6, atol=1e-9)


# Penalties ----------------------------------------------------------------------------------


def test_l1_makes_codes_small_and_contraction_makes_them_flat():
    plain, sparse, flat = (
        make(penalty=penalty, alpha=0.1, max_epochs=20).fit(DIGITS)
        for penalty in (None, "l1", "contractive")
    )
    assert np.abs(sparse.transform(DIGITS)).mean() < 0.2 * np.abs(plain.transform(DIGITS)).mean()
    moved = DIGITS + np.random.RandomState(0).normal(0, 0.1, DIGITS.shape).astype(np.float32)

    def sensitivity(ae):
        return np.linalg.norm(ae.transform(moved) - ae.transform(DIGITS))

    assert sensitivity(flat) < 0.2 * sensitivity(plain)


def test_kl_brings_mean_codes_to_their_target():
    architecture = MLP((16,), latent_activation="sigmoid")
    ae = make(
        architecture=architecture, penalty="kl", alpha=10.0, target_activation=0.2, max_epochs=40
    ).fit(DIGITS)
    np.testing.assert_allclose(ae.transform(DIGITS).mean(axis=0), 0.2, atol=0.05)


@pytest.mark.parametrize("architecture", [Conv((1, 8, 8), (4,)), MLP((8, 8), "selu", norm="layer")])
def test_contraction_works_for_deep_encoders(architecture):
    ae = make(architecture=architecture, penalty="contractive", max_epochs=1).fit(DIGITS[:200])
    assert np.isfinite(ae.loss_curve_).all()


def test_a_network_in_units_of_its_own_has_the_same_penalties_for_rows_of_any_scale():
    params = {"penalty": "contractive", "alpha": 0.01, "max_epochs": 3}
    X = DIGITS.astype(np.float64)
    one, large = make(**params).fit(X), make(**params).fit(1000 * X)
    np.testing.assert_allclose(large.transform(1000 * X), one.transform(X), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(large.loss_curve_, 1e6 * one.loss_curve_, rtol=1e-6)


# Ways to train ------------------------------------------------------------------------------


def test_layerwise_pretraining_starts_deep_networks_ahead():
    params = {"architecture": MLP((48, 32, 16), "sigmoid"), "max_epochs": 6}
    plain, pretrained = make(**params).fit(DIGITS), make(pretrain="layerwise", **params).fit(DIGITS)
    assert pretrained.loss_curve_[0] < 0.8 * plain.loss_curve_[0]
    assert pretrained.n_iter_ == 6


def test_pretraining_needs_layers():
    with pytest.raises(ValueError, match="pretrain='layerwise' needs the layers of an MLP"):
        make(architecture=Conv((1, 8, 8)), pretrain="layerwise").fit(DIGITS)


def test_weight_decay_makes_weights_smaller_as_the_optimisers_own_setting_does():
    def norm(ae):
        ae.fit(DIGITS)
        return sum(weight.pow(2).sum().item() for weight in ae.module_.parameters())

    free, decayed = make(), make(weight_decay=0.1)
    by_class = make(optimizer=functools.partial(torch.optim.Adam, weight_decay=0.1, fused=True))
    assert norm(decayed) < 0.9 * norm(free)
    assert norm(decayed) == pytest.approx(norm(by_class), rel=1e-4)
    assert make(optimizer="adamw").fit(DIGITS).net_.optimizer_.defaults["weight_decay"] == 0.01


class Recorder(Callback):
    """Records the learning rate after each epoch."""

    def on_train_begin(self, net, **kwargs):
        self.rates_ = []

    def on_epoch_end(self, net, **kwargs):
        self.rates_.append(net.optimizer_.param_groups[0]["lr"])


def test_a_schedule_of_skorch_changes_the_learning_rate():
    schedule = LRScheduler("StepLR", step_size=2, gamma=0.1)
    ae = make(callbacks=[schedule, ("recorder", Recorder())], lr=1e-3).fit(DIGITS)
    rates = dict(ae.net_.callbacks_)["recorder"].rates_
    np.testing.assert_allclose(rates, [1e-3, 1e-4, 1e-4, 1e-5])
    assert not hasattr(schedule, "lr_scheduler_")  # a copy was used
    by_batch = LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR, step_every="batch", max_lr=1e-2, total_steps=120
    )
    assert make(callbacks=[by_batch]).fit(DIGITS).score(DIGITS) > 0.2


def test_clipping_bounds_the_step_of_plain_gradient_descent():
    def moved(clip):
        sgd = functools.partial(torch.optim.SGD, lr=1.0)
        start = make(optimizer=sgd, lr=1e-9, max_epochs=1, batch_size=2000).fit(DIGITS)
        ae = make(optimizer=sgd, lr=1.0, max_epochs=1, batch_size=2000, callbacks=clip).fit(DIGITS)
        differences = [
            (a - b).pow(2).sum().item()
            for a, b in zip(ae.module_.parameters(), start.module_.parameters())
        ]
        return sum(differences) ** 0.5

    assert moved(None) > 0.1
    assert moved([GradientNormClipping(0.01)]) == pytest.approx(0.01, rel=1e-3)


def test_callbacks_survive_clone_and_follow_partial_fit():
    ae = make(callbacks=[Recorder()]).fit(DIGITS)
    assert clone(ae).fit(DIGITS).score(DIGITS) == ae.score(DIGITS)
    optimizer = ae.net_.optimizer_
    ae.partial_fit(DIGITS)
    assert ae.net_.optimizer_ is optimizer  # the same callbacks: no fresh optimiser
    ae.set_params(callbacks=None).partial_fit(DIGITS)
    assert ae.net_.callbacks_ == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"latent": "spere"}, "'latent' parameter of AutoencoderTransformer must be"),
        ({"corruption": "blur"}, "'corruption' parameter of AutoencoderTransformer must be"),
        ({"penalty": "l2"}, "'penalty' parameter of AutoencoderTransformer must be"),
        ({"corruption": "masking", "corruption_level": 2}, "corruption_level=2 is a probability"),
        (
            {"latent": "gaussian", "penalty": "l1"},
            "penalty='l1' is not compatible with latent='gaussian'",
        ),
        (
            {"penalty": "kl"},
            r"penalty='kl' needs codes in \(0, 1\): set latent_activation='sigmoid'",
        ),
        (
            {"architecture": Recurrent((8, 8), padding_value=0.0), "corruption": "gaussian"},
            "corruption would hide which steps are padding",
        ),
        (
            {"architecture": MLP(tied_weights=True), "latent": "gaussian"},
            "tied_weights=True needs a symmetric decoder",
        ),
        ({"optimizer": "lbfgs", "latent": "gaussian"}, "optimizer='lbfgs' needs the same loss"),
        ({"optimizer": "lbfgs", "latent": "ordered"}, "optimizer='lbfgs' needs the same loss"),
        (
            {"optimizer": "lbfgs", "architecture": MLP(dropout=0.1)},
            "optimizer='lbfgs' needs the same loss at each call, but dropout draws",
        ),
        (
            {"latent": "gaussian", "architecture": MLP(latent_activation="relu")},
            "latent_activation='relu' would bound the variances",
        ),
        (
            {"penalty": "contractive", "architecture": MLP(norm="batch")},
            "penalty='contractive' is computed for each row separately, but norm='batch' mixes",
        ),
        ({"penalty": "kl", "architecture": Linear()}, r"penalty='kl' needs codes in \(0, 1\)"),
        (
            {"corruption": lambda X, generator: X.tolist()},
            "returned list for .* it must return a tensor",
        ),
        (
            {"optimizer": "lbfgs", "weight_decay": 0.1},
            "weight_decay=0.1 is not a parameter of LBFGS",
        ),
        (
            {"optimizer": torch.optim.Rprop, "weight_decay": 0.1},
            "0.1 is not a parameter of Rprop: use",
        ),
        ({"callbacks": [EarlyStopping()]}, "callbacks holds skorch's EarlyStopping"),
        ({"callbacks": [("r2", EpochScoring("r2"))]}, "holds skorch's EpochScoring, which needs"),
        ({"callbacks": ["log"]}, "callbacks holds 'log', which is not a skorch callback: pass"),
        (
            {"architecture": lambda n, k: torch.nn.Linear(n, k), "latent": "sphere"},
            "latent='sphere' needs an architecture of skae.architectures",
        ),
        ({"callbacks": Recorder()}, "'callbacks' parameter of AutoencoderTransformer must be"),
    ],
)
def test_what_does_not_go_together_says_so(params, message):
    with pytest.raises(ValueError, match=message):
        make(**params).fit(DIGITS)


# Summary ------------------------------------------------------------------------------------


def test_the_summary_lists_layers_shapes_and_weights():
    ae = make(architecture=Conv((1, 8, 8), (4,), kernel_size=4)).fit(DIGITS)
    lines = ae.summary().splitlines()
    assert lines[0].split() == ["part", "layer", "output", "weights"]
    assert lines[2].split() == ["encode", "Conv2d", "4", "x", "4", "x", "4", "68"]
    total = sum(weight.numel() for weight in ae.module_.parameters())
    assert lines[-1].split() == ["total", str(total)]


def test_notebooks_show_the_summary_of_what_is_fitted():
    ae = make()
    assert "Linear" not in ae._repr_mimebundle_()["text/html"]
    assert "encode  Linear  16" in ae.fit(DIGITS)._repr_mimebundle_()["text/html"]


# Faults that were found in use ----------------------------------------------------------------


def test_batch_norm_survives_batches_of_one_row():
    architecture = MLP((16,), norm="batch")
    assert make(architecture=architecture, batch_size=1).fit(DIGITS[:200]).score(DIGITS) > -1
    ae = make(architecture=architecture)
    for row in DIGITS[:100]:
        ae.partial_fit(row[np.newaxis])
    assert ae.score(DIGITS) > -1
    weighted = make(architecture=architecture, device="cpu").fit(
        DIGITS, sample_weight=np.ones(len(DIGITS))
    )
    assert weighted.module_.train()(torch.from_numpy(DIGITS[:7])).shape == (7, 64)


def test_rows_that_encode_to_zero_have_a_place_on_the_sphere():
    X = DIGITS / 16
    X[:20] = 0
    architecture = Conv((1, 8, 8), (4, 8), activation="tanh")
    ae = make(architecture=architecture, latent="sphere", loss="bce", optimizer="sgd", lr=0.01)
    norms = np.linalg.norm(ae.fit(X).transform(X), axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-5)
    assert max(weight.abs().max().item() for weight in ae.module_.parameters()) < 10


class WritesToItsInput(torch.nn.Module):
    def __init__(self, n_features, n_components):
        super().__init__()
        self.down = torch.nn.Linear(n_features, n_components)
        self.up = torch.nn.Linear(n_components, n_features)

    def encode(self, X):
        return self.down(X.sub_(5.0))

    def decode(self, codes):
        return self.up(codes)


def test_a_module_that_writes_to_its_input_has_the_clean_target():
    ae = make(architecture=WritesToItsInput, max_epochs=40)
    assert ae.fit(DIGITS / 16).score(DIGITS / 16) > 0.2


class KeepsATensor(WritesToItsInput):
    def encode(self, X):
        if not hasattr(self, "factor"):
            self.factor = torch.ones(X.shape[1])
        return self.down(X * self.factor)


def test_a_module_that_keeps_a_tensor_from_its_first_rows_is_trained():
    assert np.isfinite(make(architecture=KeepsATensor, device="cpu").fit(DIGITS).loss_curve_).all()


def test_pretraining_drops_no_reconstruction_and_corrupts_rows_of_x_alone():
    widths = set()

    def corrupt(X, generator):
        widths.add(X.shape[1])
        return X

    network = MLP((16, 8), dropout=0.5)
    ae = make(architecture=network, pretrain="layerwise", corruption=corrupt).fit(DIGITS)
    assert widths == {64}
    for level in ae.module_.levels():
        assert not any(isinstance(layer, torch.nn.Dropout) for layer in level.decoder)


def test_what_does_not_go_together_is_refused_when_training_goes_on():
    ae = make(latent="gaussian", warm_start=True).fit(DIGITS)
    ae.set_params(penalty="l1")
    for method in (ae.fit, ae.partial_fit):
        with pytest.raises(
            ValueError, match="penalty='l1' is not compatible with latent='gaussian'"
        ):
            method(DIGITS)


def test_a_penalty_set_later_is_not_rotated_away():
    ae = make(architecture=Linear(), warm_start=True, device="cpu").fit(DIGITS)
    ae.set_params(penalty="l1").fit(DIGITS)
    assert not hasattr(ae, "components_")
    rows = ae.module_.standardize(torch.from_numpy(DIGITS))
    np.testing.assert_allclose(
        ae.transform(DIGITS), ae.module_.encoder(rows).detach().numpy(), rtol=1e-5, atol=1e-5
    )


def test_a_callback_may_freeze_layers():
    start = make(lr=1e-9).fit(DIGITS).module_.encoder[0].weight
    frozen = make(callbacks=[Freezer("encoder*")]).fit(DIGITS).module_.encoder[0].weight
    torch.testing.assert_close(frozen, start)


def test_padding_is_known_in_any_dtype():
    S = np.random.RandomState(0).rand(50, 8, 2)
    S[:, 5:] = 0.1
    ae = make(architecture=Recurrent((8, 2), 6, padding_value=0.1)).fit(S)
    np.testing.assert_allclose(ae.transform(S), ae.transform(S.astype(np.float32)), atol=1e-5)


def test_widths_may_be_arrays():
    for architecture in (MLP(np.array([16, 8])), Conv((1, 8, 8), np.array([4, 8]))):
        make(architecture=architecture, warm_start=True).fit(DIGITS).fit(DIGITS)


def test_a_callable_corruption_leaves_the_global_generator_alone():
    def corrupt(X, generator):
        return X + torch.rand(X.shape, device=X.device)

    state = torch.get_rng_state()
    one, same = (make(corruption=corrupt).fit(DIGITS).transform(DIGITS) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    assert torch.equal(torch.get_rng_state(), state)


def test_early_stopping_keeps_no_weights_of_the_warm_up():
    params = {"latent": "gaussian", "alpha": 1.0, "early_stopping": True, "max_epochs": 8}
    ae = make(alpha_warmup=6, **params).fit(DIGITS)
    assert np.argmin(ae.validation_curve_) < 6  # while alpha was small
    assert ae.transform(DIGITS).std() < 1.0  # the codes are those of the full alpha


def test_the_best_loss_is_not_one_of_the_warm_up():
    params = {"latent": "gaussian", "alpha": 10.0, "alpha_warmup": 4}
    ae = make(early_stopping=True, max_epochs=8, **params).fit(DIGITS)
    assert ae.validation_curve_[4:].min() == ae.best_loss_ > ae.validation_curve_.min()
    ae.set_params(early_stopping=False).partial_fit(DIGITS)
    assert ae.validation_curve_[4:8].min() == ae.best_loss_
    chunks = make(**params)
    for _ in range(6):
        chunks.partial_fit(DIGITS)
    assert chunks.best_loss_ == chunks.loss_curve_[4:].min() > chunks.loss_curve_.min()
