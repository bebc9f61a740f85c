"""The net as a skorch net, and what its "auto" settings mean."""

import pickle

import numpy as np
import pytest
from skorch import NeuralNet
from skorch.callbacks import Callback, Checkpoint

from skae import AutoencoderTransformer
from skae._training.data import TrainingData
from skae._training.optimizers import resolve_batch_size
from skae.architectures import MLP

X = np.random.RandomState(0).rand(50, 4)


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


def test_callbacks_that_implement_batch_events_are_notified_of_batches():
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


def test_a_checkpoint_saves_weights_optimizer_and_net_during_training(tmp_path):
    checkpoint = Checkpoint(monitor=None, f_pickle="net.pkl", dirname=tmp_path)
    ae = AutoencoderTransformer(2, architecture=MLP(), callbacks=[checkpoint], random_state=0)
    ae.set_params(max_epochs=2, tol=None)
    codes = ae.fit(X).transform(X)
    net = pickle.loads((tmp_path / "net.pkl").read_bytes())
    np.testing.assert_array_equal(net.apply("encode", X), codes)
    ae.partial_fit(X).net_.load_params(checkpoint=net.callbacks_[0][1])
    np.testing.assert_array_equal(ae.partial_fit(X).net_.history[:, "epoch"], [1, 2, 3, 4])


def test_a_step_takes_few_python_calls():
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
