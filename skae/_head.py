"""A classifier's network: how it is built and trained, with its encoder or behind it."""

from contextlib import nullcontext
from functools import partial

import numpy as np
import torch

from skae._build import initialize_net, is_lbfgs
from skae._net import Net, weighted_rows
from skae._rows import make_rows
from skae._runtime import make_generator, seeded
from skae._weights import restore_module
from skae.losses import cross_entropy, weighted_mean
from skae.modules import Classifier, Head

#: What is recorded for held-out rows, by what is asked for.
MONITORED = {"loss": "valid_loss", "accuracy": "valid_error"}


class CrossEntropy(torch.nn.Module):
    """The criterion of the net: mean cross-entropy."""

    def forward(self, logits, y, weight=None):
        """Return the mean loss of a batch."""
        return cross_entropy(logits, y, weight)


class ClassifierNet(Net):
    """The net that trains a classifier.

    Parameters
    ----------
    module : skae.modules.Classifier
        Without an encoder, its rows are codes.
    encoder_lr : float or None
        Learning rate of the encoder; None is that of the head.
    judge : {"loss", "accuracy"}
        What held-out rows are judged by.
    **kwargs
        Of :class:`skae._net.Net`.
    """

    parts = ("encode", "classify")

    def __init__(self, module, *, encoder_lr, judge, **kwargs):
        super().__init__(module, **kwargs)
        self.encoder_lr = encoder_lr
        self.judge = judge

    @property
    def monitored(self):
        """What is recorded for held-out rows and judged by."""
        return MONITORED[self.judge]

    def validation_curve(self, first):
        """Return what held-out rows were judged by in each epoch from one on."""
        curve = super().validation_curve(first)
        return 1 - curve if self.judge == "accuracy" else curve

    def train_step(self, batch, **fit_params):
        """Take one step of the optimiser."""

        def compute():
            self._clear_gradients()
            loss = self._loss(batch)
            loss.backward()
            return loss

        return self._step(compute, batch)

    def validation_step(self, batch, **fit_params):
        """Compute the loss and the share of errors of a batch."""
        X, weight, y = batch
        with torch.no_grad():
            logits = self.module_(X)
            wrong = (logits.argmax(dim=1) != y).to(logits.dtype)
            loss = self.criterion_(logits, y, weight)
            return {"loss": loss, "error": weighted_mean(wrong, weight)}

    def _loss(self, batch):
        """Return the mean loss of a batch, by way of autograd."""
        X, weight, y = batch
        draws = seeded(self.generator) if self.may_draw_ else nullcontext()
        with weighted_rows(self.batch_norms_, weight), draws:
            return self.criterion_(self.module_(X), y, weight)

    def _weights_to_train(self):
        """Return the weights that logits depend on: of the head and, apart, of the encoder."""
        module = self.module_
        groups = [{"params": list(module.head.parameters())}]
        encoder = used_weights(module, self.n_features)
        if encoder and self.encoder_lr is None:
            groups[0]["params"] += encoder
        elif encoder:
            groups.append({"params": encoder, "lr": self.encoder_lr})
        return groups


def used_weights(module, n_features):
    """Return the weights of a classifier's encoder that logits depend on: not the decoder's."""
    if module.encoder is None:
        return []
    weights = [weight for weight in module.encoder.parameters() if weight.requires_grad]
    if not weights:
        return []
    X = next(module.head.parameters()).new_zeros(2, n_features)
    module.eval()
    with seeded(make_generator(0)):
        logits = module(X)
    gradients = torch.autograd.grad(logits.sum(), weights, allow_unused=True)
    return [weight for weight, gradient in zip(weights, gradients) if gradient is not None]


def build_head(n_components, n_classes, hidden_layer_sizes, activation, seed):
    """Return a head with fresh weights; all it draws comes from the seed."""
    with seeded(make_generator(seed)):
        return Head(n_components, n_classes, hidden_layer_sizes, activation)


def restore_head(parameters, weights):
    """Return a head with weights that another one had, from the parameters of ``build_head``."""
    parameters = {name: value for name, value in parameters.items() if name != "seed"}
    n_layers = len(parameters["hidden_layer_sizes"])
    return restore_module(partial(Head, **parameters), weights, n_layers)


def make_classifier_net(head, encoder, *, optimizer, encoder_lr, dtype, **settings):
    """Return an initialised net around a head and perhaps an encoder, ready to train.

    Parameters
    ----------
    head : skae.modules.Head
        Trained in place.
    encoder : torch.nn.Module or None
        Has ``encode``; trained in place. None trains the head alone, on codes.
    optimizer : str or callable
        As in :func:`skae._build.initialize_net`.
    encoder_lr : float or None
        Learning rate of the encoder; None is that of the head.
    dtype : numpy.dtype
        To compute in.
    **settings
        Of :class:`ClassifierNet` and :func:`skae._build.initialize_net`.

    Returns
    -------
    ClassifierNet
        The net.

    Raises
    ------
    ValueError
        As :func:`skae._build.initialize_net` does, and if the optimiser knows one rate only.
    """
    if encoder_lr is not None and is_lbfgs(optimizer):
        raise ValueError(
            f"encoder_lr={encoder_lr} is not known to L-BFGS, whose step is one for all weights: "
            "use encoder_lr=None or another optimizer."
        )
    return initialize_net(
        ClassifierNet,
        Classifier(head, encoder),
        CrossEntropy(),
        optimizer=optimizer,
        encoder_lr=encoder_lr,
        dtype=dtype,
        weight_decay=None,
        **settings,
    )


def make_labelled_rows(X, y, weight, shuffle=False):
    """Return rows with the numbers of their classes."""
    return make_rows(X, weight, shuffle)._replace(y=torch.from_numpy(y.astype(np.int64)))
