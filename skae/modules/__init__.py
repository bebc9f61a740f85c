"""The networks: :class:`torch.nn.Module` only, independent of scikit-learn and skorch."""

# Names that are not in __all__ can be imported, but are details of the networks.
# ruff: noqa: F401
from skae.modules.base import Autoencoder, keeps_units
from skae.modules.conv import ConvAutoencoder
from skae.modules.heads import Classifier, Head
from skae.modules.initialization import CELLS, WEIGHT_INITS
from skae.modules.latents import LATENTS, Latent
from skae.modules.layer_list import Layer, list_layers
from skae.modules.layers import (
    ACTIVATIONS,
    CONVOLUTIONS,
    NORMS,
    TRANSPOSED_CONVOLUTIONS,
    BatchNorm,
    Transposed,
)
from skae.modules.linear import LinearAutoencoder
from skae.modules.mlp import Level, MLPAutoencoder
from skae.modules.recurrent import RecurrentAutoencoder, Summary, Unrolled
from skae.modules.residual import (
    BackProjection,
    Projection,
    ResidualAutoencoder,
    ResidualCore,
    ResidualDecoder,
    ResidualEncoder,
)

__all__ = [
    "ACTIVATIONS",
    "LATENTS",
    "Autoencoder",
    "BatchNorm",
    "Classifier",
    "ConvAutoencoder",
    "Head",
    "LinearAutoencoder",
    "MLPAutoencoder",
    "RecurrentAutoencoder",
    "ResidualAutoencoder",
    "keeps_units",
    "list_layers",
]
