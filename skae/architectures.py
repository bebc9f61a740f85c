"""What network to build: small parameter objects with ``get_params`` and ``build``.

They hold numbers and names, no tensors. ``AutoencoderTransformer`` calls ``build`` when
it knows the number of columns, so that one object serves every fold of a search.
"""

import copy
from numbers import Integral, Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, validate_parameter_constraints
from torch import nn

from skae import modules

__all__ = ["MLP", "Architecture", "Linear", "build_module"]


class Architecture(BaseEstimator):
    """Base of the architectures: parameters that can be cloned, searched and printed.

    A subclass lists its parameters in ``__init__``, their types and ranges in
    ``_parameter_constraints``, and defines ``build(n_features, n_components)``, which returns a
    ``torch.nn.Module`` with ``encode`` and ``decode``. Anything else that is callable as
    ``(n_features, n_components) -> torch.nn.Module`` can stand in for an architecture.

    Examples
    --------
    >>> from sklearn.base import clone
    >>> from skae.architectures import MLP
    >>> clone(MLP(hidden_layer_sizes=(64,))).get_params()["hidden_layer_sizes"]
    (64,)
    """

    _parameter_constraints: dict = {}

    def _check_parameters(self):
        """Raise an error if a parameter has a wrong type or range."""
        validate_parameter_constraints(
            self._parameter_constraints,
            self.get_params(deep=False),
            caller_name=type(self).__name__,
        )


class MLP(Architecture):
    """Fully connected autoencoder; the decoder mirrors the encoder.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(256,)
        Widths of the encoder's hidden layers, each at least 1; the decoder has them in reverse
        order. Wider or deeper fits more and costs more; ``()`` is a linear autoencoder.
    activation : str, default="relu"
        After each hidden layer: "identity", "relu", "leaky_relu", "prelu", "elu", "selu",
        "gelu", "silu", "softplus", "tanh" or "sigmoid".
    latent_activation : str, default="identity"
        After the code layer, from the same list. "identity" keeps every code alive;
        "relu" units can die and then stay 0 for every row.
    output_activation : str or None, default=None
        After the last layer, from the same list. None follows the loss: identity for
        regression losses, a sigmoid for ``loss="bce"``. Another one makes the network
        see X as it is, instead of in standard units, because its range is fixed.
    tied_weights : bool, default=False
        Whether the decoder uses the encoder's weights, transposed: half as many.
    dropout : float in [0, 1), default=0.0
        Probability with which a hidden unit is silenced in a training step (Srivastava et
        al., 2014). More regularises more.
    weight_init : str or float, default="auto"
        Initial weights: "kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform",
        "orthogonal", a positive standard deviation s for N(0, s²), or "auto": LeCun normal for
        "selu" (Klambauer et al., 2017) and torch's default, uniform on ±1/sqrt(fan in), for the
        others.

    See Also
    --------
    Linear : The autoencoder that spans PCA's subspace.

    Examples
    --------
    >>> from skae.architectures import MLP
    >>> MLP(hidden_layer_sizes=(128, 32)).build(n_features=64, n_components=8).encoder
    Sequential(
      (0): Linear(in_features=64, out_features=128, bias=True)
      (1): ReLU()
      (2): Linear(in_features=128, out_features=32, bias=True)
      (3): ReLU()
      (4): Linear(in_features=32, out_features=8, bias=True)
    )
    """

    _parameter_constraints = {
        "hidden_layer_sizes": ["array-like"],
        "activation": [str],
        "latent_activation": [str],
        "output_activation": [str, None],
        "tied_weights": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_init": [str, Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        hidden_layer_sizes=(256,),
        activation="relu",
        latent_activation="identity",
        output_activation=None,
        tied_weights=False,
        dropout=0.0,
        weight_init="auto",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.latent_activation = latent_activation
        self.output_activation = output_activation
        self.tied_weights = tied_weights
        self.dropout = dropout
        self.weight_init = weight_init

    def build(self, n_features, n_components):
        """Build the network.

        Parameters
        ----------
        n_features : int
            Number of columns of X.
        n_components : int
            Width of the code.

        Returns
        -------
        skae.modules.MLPAutoencoder
            With fresh weights, in float32 on the CPU.

        Raises
        ------
        ValueError
            If a parameter has a wrong type, range or name.
        """
        self._check_parameters()
        sizes = self.hidden_layer_sizes
        if not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes={sizes!r} must hold whole numbers of at least 1, "
                "such as (256,) or (128, 32)."
            )
        return modules.MLPAutoencoder(n_features, n_components, **self.get_params())


class Linear(Architecture):
    """One linear layer down, one up: the autoencoder that is PCA.

    With squared error, no linear autoencoder reconstructs better than PCA at the same
    width, and the best one projects on the same subspace (Bourlard & Kamp, 1988; Baldi & Hornik,
    1989). Training ends in an arbitrary basis of that subspace; an SVD of the trained decoder
    and the covariance of the codes give PCA's (Plaut, 2018). ``AutoencoderTransformer`` turns
    the network into that basis after training: its codes are then PCA's scores, centred
    and in the units of X, and it has ``components_`` and ``explained_variance_``.

    Parameters
    ----------
    tied_weights : bool, default=False
        Whether the decoder uses the encoder's weights, transposed: half as many, which reach
        PCA's subspace in fewer steps.

    See Also
    --------
    MLP : With hidden layers; ``MLP(())`` is a linear autoencoder that is left as trained.

    References
    ----------
    Bourlard & Kamp (1988), "Auto-association by multilayer perceptrons and singular value
    decomposition", *Biological Cybernetics* 59.

    Baldi & Hornik (1989), "Neural networks and principal component analysis: learning from
    examples without local minima", *Neural Networks* 2.

    Plaut (2018), "From principal subspaces to principal components with linear autoencoders",
    arXiv:1804.10253.

    Examples
    --------
    >>> from skae.architectures import Linear
    >>> Linear().build(n_features=64, n_components=2).decoder
    Sequential(
      (0): Linear(in_features=2, out_features=64, bias=True)
    )
    """

    _parameter_constraints = {"tied_weights": ["boolean"]}

    def __init__(self, tied_weights=False):
        self.tied_weights = tied_weights

    def build(self, n_features, n_components):
        """Build the network.

        Parameters
        ----------
        n_features : int
            Number of columns of X.
        n_components : int
            Width of the code.

        Returns
        -------
        skae.modules.LinearAutoencoder
            With fresh weights, in float32 on the CPU.

        Raises
        ------
        ValueError
            If a parameter has a wrong type, range or name.
        """
        self._check_parameters()
        return modules.LinearAutoencoder(n_features, n_components, **self.get_params())


def build_module(architecture, n_features, n_components):
    """Build the network of an architecture or of a callable that stands in for one.

    Parameters
    ----------
    architecture : Architecture or callable
        With ``build(n_features, n_components)``, or itself callable like that.
    n_features : int
        Number of columns of X.
    n_components : int
        Width of the code.

    Returns
    -------
    torch.nn.Module
        With methods ``encode`` and ``decode``.

    Raises
    ------
    ValueError
        If what is built is not such a module.

    Examples
    --------
    >>> from skae.architectures import MLP, build_module
    >>> type(build_module(MLP(), n_features=4, n_components=2)).__name__
    'MLPAutoencoder'
    """
    if isinstance(architecture, type) and issubclass(architecture, Architecture):
        raise ValueError(
            f"architecture={architecture.__name__} is a class; pass an instance, such as "
            f"{architecture.__name__}()."
        )
    if isinstance(architecture, nn.Module):
        raise ValueError(
            f"architecture is an instance of {type(architecture).__name__}, whose width is fixed; "
            "pass what builds one, such as its class or "
            "lambda n_features, n_components: MyModule(n_features, n_components)."
        )
    build = getattr(architecture, "build", architecture)
    # A copy, since a callable may hand out a module that it keeps.
    module = copy.deepcopy(build(n_features, n_components))
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"architecture={architecture!r} built a {type(module).__name__}; it must return a "
            "torch.nn.Module."
        )
    for method in ("encode", "decode"):
        if not callable(getattr(module, method, None)):
            raise ValueError(
                f"architecture={architecture!r} built a {type(module).__name__} without a method "
                f"{method!r}: define encode(X) -> codes and decode(codes) -> X."
            )
    return module
