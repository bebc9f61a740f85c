"""
Telling colour images apart: fully connected against convolutional
==================================================================

Before autoencoders, the supervised task: ten epochs of a fully connected network and of a
convolutional one, on colour images with labels. Both are written twice, as a plain torch module that
skorch trains and as a :class:`~skae.PretrainedEncoderClassifier` that starts from
scratch, so that each checks the other.
"""

# %%
# Without a data folder these are digits in random colours at random places, made from
# scikit-learn's; with it, 20,000 images of CIFAR-10.

import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from _data import load_colour
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring
from torch import nn

from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP, Conv
from skae.plotting import LossCurveDisplay, ReconstructionDisplay

X, X_test, y, y_test, image_shape = load_colour()
torch.manual_seed(0)
