"""Kinds of latent codes."""

import numpy as np
import pytest
import torch

from skae import AutoencoderTransformer
from skae.architectures import MLP
from skae.modules import LATENTS
from skae.modules.latents import Latent


@pytest.fixture
def encoded():
    """A function that returns random output of an encoder for 4 codes of a kind."""

    def encode(latent):
        generator = torch.Generator().manual_seed(0)
        output = torch.randn(50, latent.n_encoded(4), dtype=torch.float64, generator=generator)
        return latent.split(output)

    return encode


@pytest.mark.parametrize("name", LATENTS)
def test_codes_and_the_input_of_the_decoder_have_n_components_columns(name, encoded):
    latent = LATENTS[name]
    parts = encoded(latent)
    codes = latent.codes(parts, training=True)
    drawn = latent.sample(codes, parts, torch.Generator().manual_seed(0))
    assert codes.shape == drawn.shape == (50, 4)
    assert latent.is_random == (not torch.equal(codes, drawn))
    assert latent.n_encoded(4) == (8 if name == "gaussian" else 4)
    assert (latent.penalty(parts) is None) == (not latent.has_prior)


def test_codes_on_the_sphere_have_norm_1(encoded):
    for training in (True, False):
        codes = LATENTS["sphere"].codes(encoded(LATENTS["sphere"]), training)
        torch.testing.assert_close(codes.norm(dim=1), torch.ones(50, dtype=torch.float64))


def test_variational_codes_are_drawn_with_their_mean_and_variance(encoded):
    latent, generator = LATENTS["gaussian"], torch.Generator().manual_seed(0)
    mean, log_variance = parts = encoded(latent)
    codes = latent.codes(parts, training=True)
    draws = torch.stack([latent.sample(codes, parts, generator) for _ in range(4000)])
    torch.testing.assert_close(codes, mean)
    torch.testing.assert_close(draws.var(dim=0), log_variance.exp(), rtol=0.12, atol=0)
    error = (draws.mean(dim=0) - mean) / (log_variance / 2).exp() * 4000**0.5
    assert error.abs().max() < 5


def test_the_penalty_of_variational_codes_is_the_kl_divergence(encoded):
    mean, log_variance = parts = encoded(LATENTS["gaussian"])
    expected = (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
    torch.testing.assert_close(LATENTS["gaussian"].penalty(parts), expected)


def test_the_base_class_has_no_onnx_nodes():
    with pytest.raises(NotImplementedError, match="Latent codes have no conversion to ONNX"):
        Latent().add_onnx_nodes(None, "encoded", 2)


def test_an_unknown_kind_is_refused_by_onnx(monkeypatch):
    pytest.importorskip("skl2onnx", reason="needs the extra onnx")
    from skl2onnx import to_onnx

    import skae.onnx

    class Doubled(Latent):
        def codes(self, encoded, training):
            return 2 * encoded

    monkeypatch.setitem(LATENTS, "doubled", Doubled())
    X = np.random.RandomState(0).rand(40, 6)
    ae = AutoencoderTransformer(2, architecture=MLP((8,)), max_epochs=1, tol=None)
    ae.fit(X).module_.latent = "doubled"
    skae.onnx.register()
    with pytest.raises(NotImplementedError, match="Doubled codes have no conversion to ONNX"):
        to_onnx(ae, X[:1])
