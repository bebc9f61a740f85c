"""skae: autoencoders as scikit-learn estimators."""

from skae._autoencoder import AutoencoderTransformer
from skae._classifier import PretrainedEncoderClassifier
from skae._persistence.load import load
from skae._persistence.save import save

__version__ = "0.2.0"
__all__ = ["AutoencoderTransformer", "PretrainedEncoderClassifier", "load", "save"]
