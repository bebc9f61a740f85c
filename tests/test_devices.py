"""Accelerators: placement of data, absence of synchronisation, mixed precision.

Tests that need a GPU are skipped without one. Others run the same code on torch's device "meta",
whose tensors have no values: an operation that needs a value, and would synchronise with a GPU,
is an error.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skae import AutoencoderTransformer
from skae._training import data as training_data
from skae._training import inference
from skae._training import net as training_net
from skae._training.data import TrainingData
from skae._training.devices import fits_in_memory, resolve_device
from skae.architectures import MLP, Conv, Recurrent

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a GPU that torch can compute on"
)

X = np.random.RandomState(0).rand(200, 64).astype(np.float32)

NETWORKS = {
    "explicit gradients": {"architecture": MLP((8,))},
    "autograd": {"architecture": MLP((8,), activation="gelu", norm="batch", dropout=0.1)},
    "convolutions": {"architecture": Conv((1, 8, 8), channels=(4,))},
    "recurrent": {"architecture": Recurrent((8, 8), hidden_size=4)},
    "noise": {"latent": "gaussian", "corruption": "gaussian"},
}


@pytest.mark.parametrize("whole", [True, False], ids=["rows on the device", "rows in batches"])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_step_synchronises_with_the_device(monkeypatch, name, whole):
    ae = AutoencoderTransformer(2, optimizer="sgd", max_epochs=1, tol=None, **NETWORKS[name])
    ae.fit(X)
    ae._settings = replace(ae._settings, device="meta")
    monkeypatch.setattr(training_data, "fits_in_memory", lambda n_bytes, device: whole)
    for module in (training_net, inference):  # torch has no generator of the meta device
        monkeypatch.setattr(module, "make_generator", lambda *args: torch.Generator())
    net = ae._make_net(ae._build_module(), X.dtype)
    net._set_training(True)
    net._allocate_buffers(len(X))
    data = TrainingData(X, np.ones(len(X))).prepare(torch.device("meta"))
    assert data._rows.is_meta == whole
    for batch in net.get_iterator(data, training=True):
        assert all(values.is_meta for values in batch)
        loss = net.train_step(batch)["loss"]
    with pytest.raises(RuntimeError, match="cannot be called on meta tensors"):
        loss.item()


def test_auto_takes_cuda_then_mps_then_the_cpu_and_a_gpu_for_float32_only(monkeypatch):
    here = {"cuda": True, "mps": True}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: here["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: here["mps"])
    single, double = np.dtype(np.float32), np.dtype(np.float64)
    assert resolve_device("auto", single).type == "cuda"
    assert resolve_device("auto", double).type == "cpu"
    here["cuda"] = False
    assert resolve_device("auto", single).type == "mps"
    here["mps"] = False
    assert resolve_device("auto", single).type == "cpu"


@pytest.mark.parametrize(("n_bytes", "moves"), [(499, True), (501, False)])
def test_rows_move_to_a_gpu_as_a_whole_if_half_of_its_free_memory_holds_them(
    monkeypatch, n_bytes, moves
):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 2000))
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 1500)
    monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: 500)
    assert fits_in_memory(n_bytes, torch.device("cuda")) == moves
    assert fits_in_memory(n_bytes, torch.device("mps")) == moves
    assert not fits_in_memory(n_bytes, torch.device("cpu"))


def test_mixed_precision_multiplies_in_bfloat16_and_keeps_weights_in_float32():
    full, mixed = (
        AutoencoderTransformer(
            4, architecture=MLP(), precision=precision, max_epochs=20, tol=None, random_state=0
        )
        for precision in ("full", "bf16")
    )
    full.fit(X)
    products = []

    def note(layer, inputs, output):
        products.append((layer.training, output.dtype))

    with torch.nn.modules.module.register_module_forward_hook(note):
        mixed.fit(X)
    assert (True, torch.bfloat16) in products
    assert (False, torch.float32) in products
    assert {weight.dtype for weight in mixed.module_.parameters()} == {torch.float32}
    assert mixed.transform(X).dtype == np.float32
    assert mixed.loss_curve_[-1] == pytest.approx(full.loss_curve_[-1], rel=0.02)
    assert not np.array_equal(mixed.loss_curve_, full.loss_curve_)


@pytest.mark.parametrize(
    "params",
    [
        {"architecture": MLP((8,), norm="batch", dropout=0.1)},
        {"architecture": Recurrent((8, 8), hidden_size=4)},
        {"architecture": Conv((1, 8, 8), channels=(4,))},
        {"latent": "sphere"},
        {"latent": "gaussian"},
        {"penalty": "contractive"},
        {"loss": "bce"},
    ],
    ids=lambda params: str(*params.values()).partition("(")[0],
)
def test_every_kind_of_network_trains_in_mixed_precision(params):
    ae = AutoencoderTransformer(2, precision="bf16", max_epochs=5, tol=None, random_state=0)
    curve = ae.set_params(**params).fit(X).loss_curve_
    assert curve[-1] < curve[0]


def test_mixed_precision_needs_float32():
    with pytest.raises(ValueError, match="precision='bf16' needs float32 rows and X is float64"):
        AutoencoderTransformer(precision="bf16").fit(X.astype(np.float64))


def test_precision_is_a_setting_that_survives_clone_and_counts_from_the_next_chunk_on():
    ae = AutoencoderTransformer(2, precision="bf16", random_state=0).partial_fit(X)
    assert clone(ae).precision == ae.net_.settings.precision == "bf16"
    assert ae.set_params(precision="full").partial_fit(X).net_.settings.precision == "full"


def test_a_failed_chunk_restores_the_random_state_of_the_device():
    def corrupt(X, generator):
        torch.rand(1, generator=generator)
        if corrupt.fails:
            raise KeyError("of the user")
        return X

    corrupt.fails = False
    ae = AutoencoderTransformer(2, corruption=corrupt, random_state=0, device="cpu").partial_fit(X)
    ae.net_.noise_ = torch.Generator()  # as on a GPU, where noise has a generator of its own
    before = ae.net_.noise_.get_state()
    corrupt.fails = True
    with pytest.raises(KeyError, match="of the user"):
        ae.partial_fit(X)
    assert torch.equal(ae.net_.noise_.get_state(), before)


@needs_cuda
@pytest.mark.parametrize("whole", [True, False], ids=["rows on the GPU", "rows in batches"])
@pytest.mark.parametrize("name", ["explicit gradients", "convolutions", "recurrent"])
def test_a_gpu_learns_what_the_cpu_learns(monkeypatch, name, whole):
    monkeypatch.setattr(training_data, "fits_in_memory", lambda n_bytes, device: whole)
    cpu, gpu = (
        AutoencoderTransformer(
            2, max_epochs=5, tol=None, random_state=0, device=device, **NETWORKS[name]
        ).fit(X)
        for device in ("cpu", "cuda")
    )
    np.testing.assert_allclose(gpu.loss_curve_, cpu.loss_curve_, rtol=1e-3)
    np.testing.assert_allclose(gpu.transform(X), cpu.transform(X), rtol=0.05, atol=0.05)


@needs_cuda
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
@pytest.mark.parametrize("precision", ["full", "bf16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_network_trains_on_a_gpu_without_waiting(name, precision):
    ae = AutoencoderTransformer(2, precision=precision, max_epochs=1, tol=None)
    ae.set_params(**NETWORKS[name]).fit(X)
    net = ae.net_
    net._set_training(True)
    net._allocate_buffers(len(X))
    data = TrainingData(X).prepare(torch.device("cuda"))
    batches = iter(net.get_iterator(data, training=True))
    net.train_step(next(batches))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches:
            net.train_step(batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("name", ["cpu", "auto"])
def test_cpu_and_auto_are_always_available(name):
    expected = "cpu" if name == "cpu" or not torch.cuda.is_available() else "cuda"
    if not torch.backends.mps.is_available():
        assert resolve_device(name, np.dtype("float32")).type == expected
    assert resolve_device(name, np.dtype("float64")).type == "cpu"
