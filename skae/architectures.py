"""Architectures: parameter objects that build networks.

They hold numbers and names, no tensors. ``AutoencoderTransformer`` calls ``build`` in ``fit``,
where the number of columns is known, so that one object can be used in all folds of a search.
"""

import copy
import math
from numbers import Integral, Real

from sklearn.base import BaseEstimator
from torch import nn

from skae import modules
from skae._names import check_counts
from skae._sklearn_compat import Interval, StrOptions, validate_parameter_constraints

__all__ = ["MLP", "Architecture", "Conv", "Linear", "Recurrent", "build_module"]

#: Constraints that several architectures share.
LAST_ACTIVATIONS = {"latent_activation": [str], "output_activation": [str, None]}
WEIGHT_INIT = {"weight_init": [str, Interval(Real, 0, None, closed="neither")]}
COUNT = Interval(Integral, 1, None, closed="left")


class Architecture(BaseEstimator):
    """Base of the architectures: parameters that can be cloned, searched and printed.

    A subclass lists its parameters in ``__init__``, their types and ranges in
    ``_parameter_constraints``, and defines ``build(n_features, n_components, latent)``, which
    returns a ``torch.nn.Module`` with ``encode`` and ``decode``, for ``latent`` of
    :class:`~skae.modules.Autoencoder`. Anything else that is callable as ``(n_features,
    n_components) -> torch.nn.Module`` can replace an architecture.

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
    """Fully connected autoencoder with a symmetric decoder.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(256,)
        Widths of the encoder's hidden layers, each at least 1; the decoder has them in reverse
        order. Wider or deeper fits more and takes longer; ``()`` is a linear autoencoder.
    activation : str, default="relu"
        Activation of the hidden layers: "identity", "relu", "leaky_relu", "prelu", "elu", "selu",
        "gelu", "silu", "softplus", "tanh" or "sigmoid".
    latent_activation : str, default="identity"
        Activation of the codes, from the same list. "relu" codes can be dead: 0 for every
        sample.
    output_activation : str or None, default=None
        Activation of the output, from the same list. None follows the loss: identity for
        regression losses, a sigmoid for ``loss="bce"``. With another one, the network computes in
        the units of X instead of standard units, because its range is fixed.
    tied_weights : bool, default=False
        Whether the decoder uses the encoder's weights, transposed: half as many.
    dropout : float in [0, 1), default=0.0
        Probability of a hidden unit to be set to 0 in a training step (Srivastava et
        al., 2014). Larger regularises more.
    weight_init : str or float, default="auto"
        Initial weights: "kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform",
        "orthogonal", a positive standard deviation s for N(0, s²), or "auto": LeCun normal for
        "selu" (Klambauer et al., 2017), Xavier's uniform (Glorot & Bengio, 2010) with a gain of
        2 for "sigmoid", and torch's default, uniform on ±1/sqrt(fan in), for the others.
    norm : {None, "batch", "layer"}, default=None
        Normalisation between each hidden layer and its activation: over the rows of a batch (Ioffe
        & Szegedy, 2015) or over the units of a row (Ba et al., 2016). Deep networks
        train faster with it.
    linear_path : bool, default=False
        Whether the network is added to PCA: the codes are PCA's scores plus the output of the
        encoder's hidden layers, the reconstruction is PCA's plus the output of the decoder's. The
        linear path is computed from the training data and not trained; the other path starts at 0,
        and ``fit`` keeps PCA unless held-out samples show that the network is better. For
        ``loss="mse"`` and euclidean codes, without tied weights, dropout, norm, and activations
        of codes or output.

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
        "tied_weights": ["boolean"],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "norm": [str, None],
        "linear_path": ["boolean"],
        **LAST_ACTIVATIONS,
        **WEIGHT_INIT,
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
        norm=None,
        linear_path=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.latent_activation = latent_activation
        self.output_activation = output_activation
        self.tied_weights = tied_weights
        self.dropout = dropout
        self.weight_init = weight_init
        self.norm = norm
        self.linear_path = linear_path

    def build(self, n_features, n_components, latent="euclidean", n_axes=None):
        """Build the network.

        Parameters
        ----------
        n_features : int
            Number of columns of X.
        n_components : int
            Number of latent codes.
        latent : str, default="euclidean"
            Kind of latent codes, a key of :data:`skae.modules.LATENTS`.
        n_axes : int or None, default=None
            For ``linear_path=True``, number of principal axes that the network works in; None is
            ``n_features``.

        Returns
        -------
        skae.modules.MLPAutoencoder or skae.modules.ResidualAutoencoder
            With random weights, in float32 on the CPU.

        Raises
        ------
        ValueError
            If a parameter has a wrong type, range or name.
        """
        self._check_parameters()
        check_counts("hidden_layer_sizes", self.hidden_layer_sizes, "(256,) or (128, 32)")
        _check_tied(self.tied_weights, latent)
        sizes = tuple(map(int, self.hidden_layer_sizes))
        if self.linear_path:
            self._check_linear_path(latent)
            n_axes = n_features if n_axes is None else n_axes
            return modules.ResidualAutoencoder(
                n_features, n_components, n_axes, sizes, self.activation, self.weight_init
            )
        parameters = {**self.get_params(), "hidden_layer_sizes": sizes, "latent": latent}
        del parameters["linear_path"]
        return modules.MLPAutoencoder(n_features, n_components, **parameters)

    def _check_linear_path(self, latent):
        """Raise an error if a parameter is not compatible with ``linear_path=True``."""
        plain = {
            "latent_activation": "identity",
            "output_activation": None,
            "tied_weights": False,
            "dropout": 0.0,
            "norm": None,
        }
        other = {name: getattr(self, name) for name in plain if getattr(self, name) != plain[name]}
        if latent != "euclidean":
            other["latent"] = latent
        if not len(self.hidden_layer_sizes):
            other["hidden_layer_sizes"] = ()
        if other:
            found = ", ".join(f"{name}={value!r}" for name, value in other.items())
            raise ValueError(
                f"linear_path=True is not compatible with {found}: use linear_path=False, or the "
                "default of these."
            )


class Linear(Architecture):
    """Linear autoencoder, which is equivalent to PCA.

    With squared error, no linear autoencoder reconstructs better than PCA at the same
    width, and the best one projects on the same subspace (Bourlard & Kamp, 1988; Baldi & Hornik,
    1989). Training ends in an arbitrary basis of that subspace; an SVD of the trained decoder
    and the covariance of the codes yield PCA's (Plaut, 2018). ``AutoencoderTransformer`` rotates
    the network to that basis after training: its codes are then PCA's scores, centred
    and in the units of X, and it has ``components_`` and ``explained_variance_``.

    Parameters
    ----------
    tied_weights : bool, default=False
        Whether the decoder uses the encoder's weights, transposed: half as many, which converge
        to PCA's subspace in fewer steps.

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

    def build(self, n_features, n_components, latent="euclidean"):
        """Build the network.

        Parameters
        ----------
        n_features : int
            Number of columns of X.
        n_components : int
            Number of latent codes.
        latent : str, default="euclidean"
            Kind of latent codes, a key of :data:`skae.modules.LATENTS`.

        Returns
        -------
        skae.modules.LinearAutoencoder
            With random weights, in float32 on the CPU.

        Raises
        ------
        ValueError
            If a parameter has a wrong type, range or name.
        """
        self._check_parameters()
        _check_tied(self.tied_weights, latent)
        if latent != "euclidean":  # reconstructions do not form a plane
            return MLP((), tied_weights=self.tied_weights).build(n_features, n_components, latent)
        return modules.LinearAutoencoder(n_features, n_components, **self.get_params())


class Conv(Architecture):
    """Convolutional autoencoder of images or signals with a symmetric decoder.

    Rows of X are flattened images, channels first.

    Parameters
    ----------
    input_shape : tuple of int
        Shape of one row: (channels, height, width) of an image, such as (1, 28, 28), or (channels,
        length) of a signal. One entry may be -1 and then follows from the number of columns.
    channels : tuple of int, default=(16, 32, 64)
        Channels of each convolution, each at least 1. More channels fit more and take longer; more
        layers enlarge the receptive field.
    kernel_size : int, default=3
        Size of the kernels, at least ``stride * pool``: smaller ones would leave pixels out in
        the decoder.
    stride : int, default=2
        Stride of the convolutions: the factor by which each layer reduces the size.
    padding : int or "auto", default="auto"
        Zeros around each image. "auto" is ``(kernel_size - 1) // 2``, which keeps the size
        for odd kernels and a stride of 1.
    pool : int, default=1
        Size of max-pooling after each activation; 1 is none. 2 is usual, with ``stride=1``.
    activation : str, default="relu"
        Activation of the hidden layers, from the list of :class:`MLP`.
    latent_activation : str, default="identity"
        Activation of the codes.
    output_activation : str or None, default=None
        Activation of the output, as in :class:`MLP`.
    weight_init : str or float, default="auto"
        Initial weights, as in :class:`MLP`; "auto" is LeCun normal (LeCun et al., 1998), except
        for "sigmoid".
    norm : {None, "batch", "layer"}, default=None
        Normalisation between each hidden layer and its activation: of each channel over the rows
        of a batch and all positions, or of each row over its channels and positions. Deep networks
        train faster with it.
    dropout : float in [0, 1), default=0.0
        Probability of an element of a hidden map to be set to 0 in a training step. Larger
        regularises more.

    See Also
    --------
    Recurrent : For sequences.

    Notes
    -----
    With as many codes as the last convolution has outputs (channels x height x width), these
    are the codes and the network is fully convolutional. With any other number, a
    dense layer follows on either side.

    References
    ----------
    LeCun, Bottou, Orr & Müller (1998), "Efficient backprop", in *Neural Networks: Tricks of the
    Trade*.

    Masci, Meier, Cireşan & Schmidhuber (2011), "Stacked convolutional auto-encoders for
    hierarchical feature extraction", *ICANN*.

    Examples
    --------
    >>> from skae.architectures import Conv
    >>> Conv(input_shape=(1, 8, 8), channels=(4, 8)).build(n_features=64, n_components=2).encoder
    Sequential(
      (0): Unflatten(dim=1, unflattened_size=(1, 8, 8))
      (1): Conv2d(1, 4, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
      (2): ReLU()
      (3): Conv2d(4, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
      (4): ReLU()
      (5): Flatten(start_dim=1, end_dim=-1)
      (6): Linear(in_features=32, out_features=2, bias=True)
    )
    """

    _parameter_constraints = {
        "input_shape": [tuple, list],
        "channels": ["array-like"],
        "kernel_size": [COUNT],
        "stride": [COUNT],
        "padding": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "pool": [COUNT],
        "activation": [str],
        "norm": [str, None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        **LAST_ACTIVATIONS,
        **WEIGHT_INIT,
    }

    def __init__(
        self,
        input_shape,
        channels=(16, 32, 64),
        kernel_size=3,
        stride=2,
        padding="auto",
        pool=1,
        activation="relu",
        latent_activation="identity",
        output_activation=None,
        weight_init="auto",
        norm=None,
        dropout=0.0,
    ):
        self.input_shape = input_shape
        self.channels = channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.pool = pool
        self.activation = activation
        self.latent_activation = latent_activation
        self.output_activation = output_activation
        self.weight_init = weight_init
        self.norm = norm
        self.dropout = dropout

    def build(self, n_features, n_components, latent="euclidean"):
        """Build the network.

        Parameters
        ----------
        n_features : int
            Number of columns of X.
        n_components : int
            Number of latent codes.
        latent : str, default="euclidean"
            Kind of latent codes, a key of :data:`skae.modules.LATENTS`.

        Returns
        -------
        skae.modules.ConvAutoencoder
            With random weights, in float32 on the CPU.

        Raises
        ------
        ValueError
            If a parameter has a wrong type, range or name, if ``input_shape`` does not match the
            columns, or if the sizes cannot be mirrored; the message then says which can.
        """
        self._check_parameters()
        check_counts("channels", self.channels, "(16, 32)")
        if not len(self.channels):
            raise ValueError(
                "channels=() has no layer: pass one number per layer, such as (16, 32)."
            )
        if self.kernel_size < self.stride * self.pool:
            raise ValueError(
                f"kernel_size={self.kernel_size} is smaller than stride * pool = "
                f"{self.stride * self.pool}, so that the decoder would leave pixels out: use a "
                "larger kernel_size, or stride=1."
            )
        shape = _resolve_shape(self.input_shape, n_features, (2, 3))
        channels = tuple(map(int, self.channels))
        parameters = {**self.get_params(), "input_shape": shape, "channels": channels}
        return modules.ConvAutoencoder(n_components=n_components, **parameters, latent=latent)


class Recurrent(Architecture):
    """Recurrent autoencoder of sequences: recurrent networks as encoder and decoder.

    Rows of X are flattened sequences of (steps, features). The codes are a linear function of the
    encoder's last state and of the mean of its states. The decoder starts from a state that it
    computes from the codes, and at each step is shown the codes and the time.

    Parameters
    ----------
    input_shape : tuple of int
        (steps, features) of one row, such as (28, 28) for the lines of an image. One of them
        may be -1 and then follows from the number of columns.
    hidden_size : int, default=100
        Width of the recurrent state, at least 1. Larger keeps more information and takes longer.
    cell : {"lstm", "gru"}, default="lstm"
        Long short-term memory (Hochreiter & Schmidhuber, 1997) or gated recurrent units (Cho et
        al., 2014), which have three quarters as many weights.
    latent_activation : str, default="identity"
        Activation of the codes, from the list of :class:`MLP`.
    output_activation : str or None, default=None
        Activation of the output, as in :class:`MLP`.
    padding_value : float or None, default=None
        For sequences of different length, padded at their end: steps there whose features all
        have this value are not read by the encoder. The decoder learns to reconstruct them, so
        that the length is part of the codes.
    weight_init : str or float, default="auto"
        Initial weights, as in :class:`MLP`. For recurrent layers, "auto" is orthogonal from state
        to state and Xavier's uniform from inputs to states. The forget gates of an LSTM start open,
        with a bias of 1 (Jozefowicz et al., 2015).
    num_layers : int, default=1
        Recurrent layers of encoder and decoder, each of which reads the states of the one before.
        More fit more and take longer.
    bidirectional : bool, default=False
        Whether the encoder also reads each sequence from its end to its start, with weights of its
        own.

    See Also
    --------
    Conv : For images and signals.

    References
    ----------
    Jozefowicz, Zaremba & Sutskever (2015), "An empirical exploration of recurrent network
    architectures", *ICML*.

    Srivastava, Mansimov & Salakhutdinov (2015), "Unsupervised learning of video
    representations using LSTMs", *ICML*.

    Examples
    --------
    >>> from skae.architectures import Recurrent
    >>> Recurrent(input_shape=(8, 8), hidden_size=16).build(n_features=64, n_components=2).decoder
    Sequential(
      (0): Unrolled(
        (cells): ModuleList(
          (0): LSTM(11, 16, batch_first=True)
        )
        (start): Linear(in_features=2, out_features=32, bias=True)
      )
      (1): Linear(in_features=16, out_features=8, bias=True)
      (2): Flatten(start_dim=1, end_dim=-1)
    )
    """

    _parameter_constraints = {
        "input_shape": [tuple, list],
        "hidden_size": [COUNT],
        "cell": [str],
        "padding_value": [Real, None],
        "num_layers": [COUNT],
        "bidirectional": ["boolean"],
        **LAST_ACTIVATIONS,
        **WEIGHT_INIT,
    }

    def __init__(
        self,
        input_shape,
        hidden_size=100,
        cell="lstm",
        latent_activation="identity",
        output_activation=None,
        padding_value=None,
        weight_init="auto",
        num_layers=1,
        bidirectional=False,
    ):
        self.input_shape = input_shape
        self.hidden_size = hidden_size
        self.cell = cell
        self.latent_activation = latent_activation
        self.output_activation = output_activation
        self.padding_value = padding_value
        self.weight_init = weight_init
        self.num_layers = num_layers
        self.bidirectional = bidirectional

    def build(self, n_features, n_components, latent="euclidean"):
        """Build the network.

        Parameters
        ----------
        n_features : int
            Number of columns of X.
        n_components : int
            Number of latent codes.
        latent : str, default="euclidean"
            Kind of latent codes, a key of :data:`skae.modules.LATENTS`.

        Returns
        -------
        skae.modules.RecurrentAutoencoder
            With random weights, in float32 on the CPU.

        Raises
        ------
        ValueError
            If a parameter has a wrong type, range or name, or if ``input_shape`` does not match
            the columns.
        """
        self._check_parameters()
        shape = _resolve_shape(self.input_shape, n_features, (2,))
        parameters = {**self.get_params(), "input_shape": shape}
        return modules.RecurrentAutoencoder(n_components=n_components, **parameters, latent=latent)


def _check_tied(tied_weights, latent):
    """Raise an error if the layers of encoder and decoder cannot share weights."""
    if tied_weights and modules.LATENTS[latent].n_encoded(1) != 1:
        raise ValueError(
            "tied_weights=True needs a symmetric decoder, but with "
            f"latent={latent!r} the encoder gives several numbers per code: set "
            "tied_weights=False."
        )


def _resolve_shape(shape, n_features, n_axes):
    """Return ``input_shape`` without -1, checked against the number of columns of X."""
    whole = all(isinstance(size, Integral) and (size > 0 or size == -1) for size in shape)
    if len(shape) not in n_axes or not whole or list(shape).count(-1) > 1:
        raise ValueError(
            f"input_shape={shape!r} must hold {' or '.join(map(str, n_axes))} whole numbers of at "
            "least 1, one of which may be -1."
        )
    known = math.prod(size for size in shape if size != -1)
    resolved = tuple(n_features // known if size == -1 else int(size) for size in shape)
    if math.prod(resolved) != n_features:
        raise ValueError(
            f"input_shape={shape!r} does not match X with {n_features} columns: the product of its "
            f"entries is {known}{' times a whole number' if -1 in shape else ''}. Set "
            "input_shape to the shape of one row."
        )
    return resolved


def build_module(architecture, n_features, n_components, latent="euclidean", n_axes=None):
    """Build the network of an architecture or of a callable.

    Parameters
    ----------
    architecture : Architecture or callable
        With ``build(n_features, n_components)``, or itself callable like that.
    n_features : int
        Number of columns of X.
    n_components : int
        Number of latent codes.
    latent : str, default="euclidean"
        Kind of latent codes, a key of :data:`skae.modules.LATENTS`; a callable supports
        "euclidean" only.
    n_axes : int or None, default=None
        Number of principal axes, for ``MLP(linear_path=True)``.

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
    kind = {} if latent == "euclidean" else {"latent": latent}
    axes = {} if n_axes is None else {"n_axes": n_axes}
    if kind and not isinstance(architecture, Architecture):
        raise ValueError(
            f"latent={latent!r} needs an architecture of skae.architectures, such as MLP(), which "
            f"builds such networks; architecture={architecture!r} does not."
        )
    # A copy, since a callable may hand out a module that it keeps.
    module = copy.deepcopy(build(n_features, n_components, **kind, **axes))
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
