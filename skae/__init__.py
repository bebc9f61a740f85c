"""skae: autoencoders as scikit-learn estimators."""

from skae._autoencoder import AutoencoderTransformer

__version__ = "0.1.0.dev0"
__all__ = ["AutoencoderTransformer"]
