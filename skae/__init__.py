"""skae: autoencoders as scikit-learn estimators.

``AutoencoderTransformer`` is the estimator, ``PretrainedEncoderClassifier`` a classifier behind its
encoder; ``save`` and ``load`` keep either, or a pipeline around it, in a file without pickle. What
else there is, and where:

``skae.architectures``
    What network to build: ``MLP``, ``Linear``, ``Conv``, ``Recurrent``, or a callable of yours.
``skae.modules``
    The networks that those build, as torch modules.
``skae.losses``
    What training minimises: losses, penalties; corruptions.
``skae.inspection``
    What an autoencoder gains over PCA, what its bottleneck learned, how many labels it saves.
``skae.generation``
    New rows: on the way between two rows, or drawn from a density of codes.
``skae.plotting``
    Pictures of all that, as scikit-learn's Displays.
``skae.onnx``
    Fitted estimators as ONNX models, through skl2onnx.
``skae.datasets``
    MNIST, Fashion-MNIST, CIFAR-10, points around a bent plane.

Files with a leading underscore are private. The estimators: ``_autoencoder``, ``_choices`` (what
its parameters ask for) and ``_linear`` (PCA's axes), ``_classifier`` with ``_encoders`` and
``_labels``, ``_training`` (what both do). Their nets: ``_autoencoder_net`` and ``_head``, ``_net``
(what both are: training with skorch), ``_build`` (optimiser, batches, callbacks), ``_rows``
(batches), ``_files`` (large ones), ``_weights`` (as arrays), ``_objective`` (what a step
minimises), ``_backprop`` (the fast path), ``_distributed`` (several processes), ``_runtime``
(random numbers, threads, devices). Others: ``_codes`` (what an array of codes tells),
``_label_efficiency`` (a part of inspection), ``_report`` (results as tables),
``_persistence`` (files), ``_audit`` (what a file may hold), ``_plot_base`` and the other
``_plot_*`` (the parts of plotting).
"""

from skae._autoencoder import AutoencoderTransformer
from skae._classifier import PretrainedEncoderClassifier
from skae._persistence import load, save

__version__ = "0.1.0.dev0"
__all__ = ["AutoencoderTransformer", "PretrainedEncoderClassifier", "load", "save"]
