"""What the parameters of an autoencoder ask for, and whether it goes together."""

from sklearn.base import clone

from skae.architectures import MLP, Architecture
from skae.losses import LOSSES, SCALE_POWER
from skae.modules import look_up


def check_objective(ae):
    """Raise an error if what is to be minimised is not known or does not go together."""
    if isinstance(ae.loss, str):
        look_up("loss", ae.loss, LOSSES)
    elif isinstance(ae.loss, type):
        raise ValueError(
            f"loss={ae.loss.__name__} is a class; pass an instance, such as "
            f"{ae.loss.__name__}(reduction='none')."
        )
    if ae.corruption in ("masking", "salt_pepper") and ae.corruption_level > 1:
        raise ValueError(
            f"corruption_level={ae.corruption_level} is a probability for "
            f"corruption={ae.corruption!r}: use a value in [0, 1]."
        )
    if ae.corruption is not None and _parameter(ae, "padding_value") is not None:
        raise ValueError(
            "corruption would hide which steps are padding: use corruption=None, or "
            "padding_value=None in the architecture."
        )
    if ae.penalty is not None and ae.latent == "gaussian":
        raise ValueError(
            f"penalty={ae.penalty!r} does not go with latent='gaussian', whose own "
            "penalty alpha weighs: use penalty=None."
        )
    latent_activation = _parameter(ae, "latent_activation", "identity")
    if ae.latent == "gaussian" and latent_activation not in (None, "identity"):
        raise ValueError(
            f"latent_activation={latent_activation!r} would bound the variances that "
            "latent='gaussian' learns: set latent_activation='identity' in the architecture."
        )
    if ae.penalty == "contractive" and _parameter(ae, "norm") == "batch":
        raise ValueError(
            "penalty='contractive' is about each row by itself, but norm='batch' mixes the "
            "rows of a batch: use norm='layer' or None."
        )
    if ae.penalty == "kl" and latent_activation not in (None, "sigmoid"):
        raise ValueError(
            "penalty='kl' needs codes in (0, 1): set latent_activation='sigmoid' in the "
            "architecture, as in MLP(latent_activation='sigmoid')."
        )


def _parameter(ae, name, default=None):
    """Return a parameter of the architecture, a default if it has no such, None of others."""
    architecture = MLP() if ae.architecture is None else ae.architecture
    if not isinstance(architecture, Architecture):
        return None
    return getattr(architecture, name, default)


def resolve_n_components(ae):
    """Return the number of codes asked for."""
    if ae.n_components == "auto":
        return max(2 if ae.latent == "sphere" else 1, min(32, ae.n_features_in_ // 2))
    return int(ae.n_components)


def resolve_architecture(ae):
    """Return what is asked for as it will be kept: changes of parameters do not reach it."""
    architecture = MLP() if ae.architecture is None else ae.architecture
    if not isinstance(architecture, Architecture):
        return architecture
    architecture = clone(architecture)
    output = architecture.get_params().get("output_activation")
    if ae.loss == "bce" and output is not None:
        if output != "sigmoid":
            raise ValueError(
                f"output_activation={output!r} does not give probabilities, which loss='bce' "
                "needs: use output_activation='sigmoid' or None."
            )
        architecture.set_params(output_activation=None)  # the loss takes logits
    return architecture


def may_use_standard_units(architecture, loss):
    """Tell whether the output is free to be moved and scaled, and the loss with it."""
    return (
        isinstance(architecture, Architecture)
        and architecture.get_params().get("output_activation") in (None, "identity")
        and isinstance(loss, str)
        and loss in SCALE_POWER
    )
