"""The net that trains a classifier: a head, alone or together with its encoder."""

from contextlib import nullcontext
from functools import partial

import torch

from skae._training.net import Net, weighted_rows
from skae._training.optimizers import initialize_net, is_lbfgs
from skae._training.random_state import draws_from, make_generator
from skae._training.weights import restore_module
from skae.losses import cross_entropy, weighted_mean
from skae.modules import Classifier, Head

#: Name under which the monitored value is recorded, by the value of ``early_stopping``.
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
        Without an encoder, its input are latent codes.
    settings : ClassifierSettings
        How to train.
    **kwargs
        Parameters of :class:`skae._training.net.Net`.
    """

    parts = ("encode", "classify")

    @property
    def monitored(self):
        """Name under which the value that early stopping monitors is recorded."""
        return MONITORED[self.settings.monitor]

    def validation_curve(self, first):
        """Return the monitored values of the held-out samples from an epoch on."""
        curve = super().validation_curve(first)
        return 1 - curve if self.settings.monitor == "accuracy" else curve

    def train_step(self, batch, **fit_params):
        """Take one step of the optimiser."""

        def compute():
            self._clear_gradients()
            loss = self._loss(batch)
            loss.backward()
            return loss

        return self._step(compute, batch)

    def validation_step(self, batch, **fit_params):
        """Compute the loss and the error rate of a batch."""
        X, weight, y = batch
        with torch.no_grad():
            logits = self.module_(X)
            wrong = (logits.argmax(dim=1) != y).to(logits.dtype)
            loss = self.criterion_(logits, y, weight)
            return {"loss": loss, "error": weighted_mean(wrong, weight)}

    def _loss(self, batch):
        """Return the mean loss of a batch, to be differentiated by autograd."""
        X, weight, y = batch
        draws = draws_from(self.generator) if self.profile_.may_draw else nullcontext()
        with weighted_rows(self.profile_.batch_norms, weight), draws:
            return self.criterion_(self.module_(X), y, weight)

    def _parameter_groups(self):
        """Return the parameters that logits depend on: of the head and, apart, of the encoder."""
        module = self.module_
        groups = [{"params": list(module.head.parameters())}]
        encoder = used_weights(module, self.n_features)
        if encoder and self.settings.encoder_lr is None:
            groups[0]["params"] += encoder
        elif encoder:
            groups.append({"params": encoder, "lr": self.settings.encoder_lr})
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
    with draws_from(make_generator(0)):
        logits = module(X)
    gradients = torch.autograd.grad(logits.sum(), weights, allow_unused=True)
    return [weight for weight, gradient in zip(weights, gradients) if gradient is not None]


def build_head(n_components, n_classes, hidden_layer_sizes, activation, seed):
    """Return a head whose initial weights are determined by the seed."""
    with draws_from(make_generator(seed)):
        return Head(n_components, n_classes, hidden_layer_sizes, activation)


def restore_head(parameters, weights):
    """Return a head with given weights, from the parameters of ``build_head``."""
    parameters = {name: value for name, value in parameters.items() if name != "seed"}
    n_layers = len(parameters["hidden_layer_sizes"])
    return restore_module(partial(Head, **parameters), weights, n_layers)


def make_classifier_net(head, encoder, settings, **kwargs):
    """Return an initialised net around a head and perhaps an encoder, ready to train.

    Parameters
    ----------
    head : skae.modules.Head
        Trained in place.
    encoder : torch.nn.Module or None
        Has ``encode``; trained in place. None trains the head alone, on latent codes.
    settings : ClassifierSettings
        How to train.
    **kwargs
        Further parameters of :func:`skae._training.optimizers.initialize_net`.

    Returns
    -------
    ClassifierNet
        The net.

    Raises
    ------
    ValueError
        As ``initialize_net`` does, and if the optimiser supports a single learning rate only.
    """
    if settings.encoder_lr is not None and is_lbfgs(settings.optimizer):
        raise ValueError(
            f"encoder_lr={settings.encoder_lr} is not supported by L-BFGS, which has one step "
            "length for all weights: use encoder_lr=None or another optimizer."
        )
    module = Classifier(head, encoder)
    return initialize_net(ClassifierNet, module, CrossEntropy(), settings, **kwargs)
