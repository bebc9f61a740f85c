"""Batches, seeding, splitting, devices, and the net as a skorch net."""

import pickle

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, Checkpoint

from skae import AutoencoderTransformer
from skae._training.data import TrainingData, batch_slices
from skae._training.optimizers import resolve_batch_size
from skae.architectures import MLP

X = np.random.RandomState(0).rand(50, 4)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 32, 64, 1000])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 5, 64, 65, 66, 127, 128, 129, 1797])
def test_batches_cover_all_rows_once_in_nearly_equal_parts(n_rows, batch_size):
    slices = batch_slices((n_rows,), batch_size)
    covered = np.concatenate([np.arange(n_rows)[part] for part in slices])
    np.testing.assert_array_equal(covered, np.arange(n_rows))
    lengths = [part.stop - part.start for part in slices]
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) <= max(batch_size, 3 if batch_size == 2 else 0)
    if batch_size > 1 and n_rows > 1:
        assert min(lengths) > 1


def test_shuffled_batches_show_each_row_once_and_another_order_each_time():
    data = TrainingData(X, weight=X[:, 0].copy())
    batches = data.batches(16, torch.float64, "cpu", torch.Generator().manual_seed(0))
    passes = [list(batches) for _ in range(2)]
    orders = [np.concatenate([batch[0].numpy() for batch in one]) for one in passes]
    for one, order in zip(passes, orders):
        np.testing.assert_array_equal(np.sort(order, axis=0), np.sort(X, axis=0))
        np.testing.assert_array_equal(np.concatenate([batch[1] for batch in one]), order[:, 0])
    assert not np.array_equal(*orders)


def test_rows_stay_in_order_without_a_generator():
    batches = TrainingData(X).batches(16, torch.float64, "cpu")
    np.testing.assert_array_equal(np.concatenate([batch for batch, _ in batches]), X)


@pytest.mark.parametrize("n_rows", [2, 3, 10, 101])
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_a_split_leaves_rows_on_both_sides(n_rows, fraction):
    data = TrainingData(np.random.RandomState(0).rand(n_rows, 1))
    train, valid = data.split(fraction, seed=0)
    together = torch.cat([train.index, valid.index]).sort().values
    assert torch.equal(together, torch.arange(n_rows))
    assert len(train.index) >= 1
    assert len(valid.index) == min(n_rows - 1, int(np.ceil(fraction * n_rows)))


def test_auto_batches_and_epochs():
    sizes = [resolve_batch_size("auto", n, "adam") for n in (10, 1797, 30_000, 1_000_000)]
    assert sizes == [64, 64, 117, 256]
    ae = AutoencoderTransformer(2, architecture=MLP(), tol=None, random_state=0).fit(X)
    assert ae.n_iter_ == 1500  # one step per epoch
    many = TrainingData(np.zeros((100_000, 1)))
    assert ae._make_stopping(many, ae.net_).max_epochs == 10


def test_the_net_is_a_skorch_net_that_can_be_used_as_one():
    ae = AutoencoderTransformer(2, max_epochs=3, tol=None, random_state=0).fit(X)
    assert isinstance(ae.net_, NeuralNet)
    np.testing.assert_array_equal(ae.net_.history[:, "train_loss"], ae.loss_curve_)
    np.testing.assert_allclose(ae.net_.predict(X), ae.reconstruct(X))
    ae.net_.set_params(lr=1e-5)
    assert ae.net_.optimizer_.param_groups[0]["lr"] == 1e-5
    ae.net_.partial_fit(X)
    assert len(ae.net_.history) == 3 + ae.net_.max_epochs


def test_callbacks_hear_of_batches_only_if_they_listen():
    class Listener(Callback):
        def __init__(self):
            self.events = []

        def on_grad_computed(self, net, named_parameters, **kwargs):
            self.events.append(len(list(named_parameters)))

        def on_batch_end(self, net, batch, training, **kwargs):
            self.events.append(len(batch[0]))

    ae = AutoencoderTransformer(
        2, architecture=MLP(), batch_size=20, max_epochs=1, tol=None, random_state=0
    ).fit(X)
    listener = Listener()
    ae.net_.callbacks_.append(("listener", listener))
    ae.partial_fit(X)
    assert listener.events == [8, 16, 8, 17, 8, 17]
    losses = ae.net_.history[-1, "batches", :, "train_loss"]
    assert np.average(losses, weights=[16, 17, 17]) == pytest.approx(ae.loss_curve_[-1])


def test_a_checkpoint_keeps_weights_optimizer_and_the_whole_net_in_mid_training(tmp_path):
    checkpoint = Checkpoint(monitor=None, f_pickle="net.pkl", dirname=tmp_path)
    ae = AutoencoderTransformer(2, architecture=MLP(), callbacks=[checkpoint], random_state=0)
    ae.set_params(max_epochs=2, tol=None)
    codes = ae.fit(X).transform(X)
    net = pickle.loads((tmp_path / "net.pkl").read_bytes())
    np.testing.assert_array_equal(net.apply("encode", X), codes)
    ae.partial_fit(X).net_.load_params(checkpoint=net.callbacks_[0][1])
    np.testing.assert_array_equal(ae.partial_fit(X).net_.history[:, "epoch"], [1, 2, 3, 4])


def test_a_step_costs_few_python_calls_and_no_row_is_touched_alone():
    import cProfile
    import pstats

    def calls(n_epochs):
        ae = AutoencoderTransformer(2, architecture=MLP(), batch_size=2, random_state=0)
        ae.set_params(max_epochs=n_epochs, tol=None)
        profile = cProfile.Profile()
        profile.runcall(ae.fit, X)
        return pstats.Stats(profile).total_calls

    calls(1)  # what is imported or cached on first use
    per_step = (calls(41) - calls(1)) / 40 / 25
    assert per_step < 110  # a bare loop makes 430, skorch with its DataLoader 6,132
