"""Fitted estimators as ONNX models, which run without Python or torch.

skl2onnx converts pipelines of scikit-learn to ONNX, step by step. This file registers converters
of the estimators of skae. Networks are converted layer by layer, by the table ``LAYERS``.

Shapes are those of :mod:`skae.modules`; here ``X`` and ``codes`` are names of values in the graph.
"""

from itertools import pairwise

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

try:
    from onnx import TensorProto, numpy_helper
    from onnx.helper import np_dtype_to_tensor_dtype, tensor_dtype_to_np_dtype
    from skl2onnx import get_model_alias, update_registered_converter
    from skl2onnx.common.data_types import guess_proto_type, guess_tensor_type
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
    from skl2onnx.common.utils_classifier import get_label_classes
except ImportError as error:
    raise ImportError('skae.onnx needs onnx and skl2onnx: pip install "skae[onnx]".') from error

from skae import modules
from skae._autoencoder import AutoencoderTransformer
from skae._classifier import PretrainedEncoderClassifier

__all__ = ["register"]

#: Operators that onnxruntime implements for float32 only, in some opset since 18.
FLOAT32_ONLY = {
    "Conv",
    "ConvTranspose",
    "Elu",
    "Erf",
    "GRU",
    "LeakyRelu",
    "LSTM",
    "PRelu",
    "Selu",
    "Softplus",
}


def register():
    """Register converters of the estimators of skae with skl2onnx.

    Call it once before ``skl2onnx.to_onnx``, for an estimator alone or as a step of a pipeline. The
    output of an :class:`~skae.AutoencoderTransformer` is that of ``transform``, or that of
    ``reconstruct`` with its option ``"output"``: ``options={"output": "reconstruction"}`` for
    the estimator, ``options={"ae__output": "reconstruction"}`` for the step "ae" of a pipeline. The
    outputs of a :class:`~skae.PretrainedEncoderClassifier` are labels and probabilities, as for
    classifiers of scikit-learn, with skl2onnx's options ``"zipmap"`` and ``"nocl"``.

    Raises
    ------
    ImportError
        When this module is imported without skl2onnx: ``pip install "skae[onnx]"``.

    Notes
    -----
    The dtype of the samples passed to ``to_onnx``, float32 or float64, is that of the model's
    input. As in ``transform``, computation is in the wider of this dtype and that of the training
    data, so that training in float32 halves the size of the model. Convolutions, recurrent layers
    and some activations are always computed in float32, the only dtype for which onnxruntime
    implements them. Models need opset 18 or newer.

    Converted networks do not validate their input: missing values are not an error, and the output
    for them is meaningless.

    The networks of ``MLP``, ``Linear``, ``Conv`` and ``Recurrent`` can be converted; for the
    network of a callable, ``to_onnx`` raises a ``NotImplementedError``. Losses, corruptions and
    penalties are not part of the model, since they are used in training only.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> import skae.onnx
    >>> from skae import AutoencoderTransformer
    >>> from skl2onnx import to_onnx
    >>> from sklearn.datasets import load_digits
    >>> X = load_digits().data.astype(np.float32)
    >>> ae = AutoencoderTransformer(n_components=2, max_epochs=5, random_state=0, tol=None).fit(X)
    >>> skae.onnx.register()
    >>> model = to_onnx(ae, X[:1])
    >>> session = onnxruntime.InferenceSession(model.SerializeToString())
    >>> codes, = session.run(None, {"X": X})
    >>> np.allclose(codes, ae.transform(X), atol=1e-5)
    True
    """
    update_registered_converter(
        AutoencoderTransformer,
        "SkaeAutoencoderTransformer",
        _shape_rows,
        _convert_autoencoder,
        options={"output": ["codes", "reconstruction"]},
    )
    update_registered_converter(
        PretrainedEncoderClassifier,
        "SkaePretrainedEncoderClassifier",
        calculate_linear_classifier_output_shapes,
        _convert_classifier,
        options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
    )


class Graph:
    """The nodes of an operator, which are computed in one dtype.

    Parameters
    ----------
    scope, operator, container
        The arguments of a converter of skl2onnx.
    module : torch.nn.Module
        Has a buffer ``shift``, of the dtype of the network.
    """

    def __init__(self, scope, operator, container, module):
        if container.target_opset < 18:
            raise ValueError(
                f"target_opset={container.target_opset} is too old for "
                f"{type(operator.raw_operator).__name__}: use 18 or newer."
            )
        self.scope, self.container = scope, container
        self.output_type = guess_proto_type(operator.outputs[-1].type)
        output_dtype = tensor_dtype_to_np_dtype(self.output_type)
        self.dtype = np.promote_types(output_dtype, _as_array(module.shift).dtype)

    def add(self, kind, *inputs, output=0, **attributes):
        """Add a node and return the name of one of its outputs.

        Inputs are names, of which the first may be cast, or constants: numbers, arrays and tensors.
        Constants of floats are converted to the dtype of the graph.
        """
        name = self.scope.get_unique_variable_name(kind.lower())
        narrow = kind in FLOAT32_ONLY and self.dtype == np.float64
        dtype = np.float32 if narrow else self.dtype
        inputs = [v if isinstance(v, str) else self._constant(v, dtype) for v in inputs]
        if narrow:
            inputs[0] = self.cast(inputs[0], TensorProto.FLOAT)
        self._add_node(kind, inputs, [""] * output + [name], attributes)
        return self.cast(name) if narrow else name

    def cast(self, value, to=None):
        """Cast a value, by default to the dtype of the graph."""
        return self.add("Cast", value, to=to or np_dtype_to_tensor_dtype(self.dtype))

    def concatenate(self, inputs):
        """Return the concatenated columns of all inputs."""
        columns = [self.cast(variable.full_name) for variable in inputs]
        return columns[0] if len(columns) == 1 else self.add("Concat", *columns, axis=1)

    def set_output(self, value, variable):
        """Set the value of an output."""
        self._add_node("Cast", [value], [variable.full_name], {"to": self.output_type})

    def strings(self, values):
        """Return the name of a constant tensor of strings."""
        name = self.scope.get_unique_variable_name("strings")
        encoded = [value.encode() for value in values]
        self.container.add_initializer(name, TensorProto.STRING, [len(encoded)], encoded)
        return name

    def _constant(self, value, dtype):
        array = _as_array(value)
        array = array.astype(dtype) if array.dtype.kind == "f" else array
        name = self.scope.get_unique_variable_name("constant")
        tensor = numpy_helper.from_array(np.ascontiguousarray(array))
        self.container.add_initializer(name, None, None, tensor)
        return name

    def _add_node(self, kind, inputs, outputs, attributes):
        name, version = self.scope.get_unique_operator_name(kind), self.container.target_opset
        self.container.add_node(kind, inputs, outputs, op_version=version, name=name, **attributes)


def _as_array(value):
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _shape_rows(operator):
    """Set the type and shape of the output of an autoencoder."""
    estimator, rows = operator.raw_operator, operator.inputs[0]
    check_is_fitted(estimator)
    reconstructs = _reconstructs(operator.scope_inst, estimator)
    width = estimator.n_features_in_ if reconstructs else estimator.n_components_
    operator.outputs[0].type = guess_tensor_type(rows.type)
    operator.outputs[0].type.shape = [rows.get_first_dimension(), width]


def _reconstructs(scope, estimator):
    return scope.get_options(estimator, {"output": "codes"})["output"] == "reconstruction"


def _convert_autoencoder(scope, operator, container):
    estimator = operator.raw_operator
    module = estimator.module_
    if not type(module).__module__.startswith("skae.modules."):
        raise NotImplementedError(
            f"architecture={estimator._architecture!r} built a {type(module).__name__}, which is "
            "not a network of skae.modules, so that its conversion to ONNX is not known. Use "
            "MLP, Linear, Conv or Recurrent of skae.architectures, or convert module_ by itself "
            "with torch.onnx.export."
        )
    graph = Graph(scope, operator, container, module)
    rows = _encode(graph, module, graph.concatenate(operator.inputs), estimator.n_components_)
    if _reconstructs(scope, estimator):
        rows = _decode(graph, module, rows)
        rows = graph.add("Sigmoid", rows) if estimator._settings.loss == "bce" else rows
    graph.set_output(rows, operator.outputs[0])


def _convert_classifier(scope, operator, container):
    estimator, (label, probabilities) = operator.raw_operator, operator.outputs
    encoder = scope.declare_local_operator(
        get_model_alias(type(estimator.encoder_)), estimator.encoder_
    )
    encoder.inputs = operator.inputs
    codes = scope.declare_local_variable("codes", guess_tensor_type(probabilities.type))
    encoder.outputs.append(codes)

    head = estimator.module_.head
    graph = Graph(scope, operator, container, head)
    Z = _standardize(graph, head, graph.concatenate([codes]))
    shares = graph.add("Softmax", _pass(graph, head.layers, Z), axis=1)
    graph.set_output(shares, probabilities)
    number = graph.add("ArgMax", shares, axis=1, keepdims=0)
    classes = get_label_classes(scope, estimator)
    is_text = isinstance(classes[0], str)
    classes = graph.strings(classes) if is_text else classes.astype(np.int64)
    name = graph.add("Gather", classes, number)
    container.add_node("Identity", name, label.full_name, op_version=14)


def _standardize(graph, module, X):
    # One scale per column: onnxruntime would fuse a scalar with the next product, in float32.
    return graph.add("Div", graph.add("Sub", X, module.shift), module.scale.expand_as(module.shift))


def _encode(graph, module, X, n_components):
    """Add the nodes of ``module.encode``."""
    encoded = _pass(graph, module.encoder, _standardize(graph, module, X))
    codes = modules.LATENTS[module.latent].add_onnx_nodes(graph, encoded, n_components)
    if isinstance(module, modules.LinearAutoencoder):
        return graph.add("MatMul", graph.add("Sub", codes, module.center), module.rotation)
    return codes


def _decode(graph, module, codes):
    """Add the nodes of ``module.decode``."""
    if isinstance(module, modules.LinearAutoencoder):
        codes = graph.add("Add", graph.add("MatMul", codes, module.inverse_rotation), module.center)
    Z = _pass(graph, module.decoder, codes)
    return graph.add("Add", graph.add("Mul", Z, module.scale), module.shift)


def _pass(graph, layers, X):
    """Add the nodes of layers that are applied one after the other."""
    for layer in layers:
        X = LAYERS[type(layer)](graph, layer, X)
    return X


def _linear(graph, layer, X):
    weight = layer._source[0].weight if isinstance(layer, modules.Transposed) else layer.weight.t()
    return graph.add("Add", graph.add("MatMul", X, weight), layer.bias)


def _batch_norm(graph, layer, X):
    variance = layer.running_var.double() + layer.eps
    weights = layer.weight, layer.bias, layer.running_mean, variance
    return graph.add("BatchNormalization", X, *weights, epsilon=0.0)


def _layer_norm(graph, layer, X):
    return graph.add("LayerNormalization", X, layer.weight, layer.bias, epsilon=layer.eps)


def _group_norm(graph, layer, X):
    """Normalise each row over its channels and positions, which are one axis meanwhile."""
    shape = graph.add("Shape", X)
    X = graph.add("Reshape", X, np.array([0, layer.num_channels, -1]))
    X = graph.add("Sub", X, graph.add("ReduceMean", X, np.array([1, 2])))
    variance = graph.add("ReduceMean", graph.add("Mul", X, X), np.array([1, 2]))
    X = graph.add("Div", X, graph.add("Sqrt", graph.add("Add", variance, layer.eps)))
    X = graph.add("Mul", X, layer.weight.unsqueeze(1))
    return graph.add("Reshape", graph.add("Add", X, layer.bias.unsqueeze(1)), shape)


def _gelu(graph, layer, X):
    erf = graph.add("Erf", graph.add("Mul", X, 0.5**0.5))
    return graph.add("Mul", X, graph.add("Mul", graph.add("Add", erf, 1.0), 0.5))


def _silu(graph, layer, X):
    # Not X * sigmoid(X), which onnxruntime 1.23 fuses into an operation for float32 only.
    return graph.add("Div", X, graph.add("Add", graph.add("Exp", graph.add("Neg", X)), 1.0))


def _conv(graph, layer, X):
    geometry = {"strides": layer.stride, "pads": 2 * layer.padding}
    return graph.add("Conv", X, layer.weight, layer.bias, **geometry)


def _conv_transpose(graph, layer, X):
    geometry = {"strides": layer.stride, "pads": 2 * layer.padding}
    geometry["output_padding"] = layer.output_padding
    return graph.add("ConvTranspose", X, layer.weight, layer.bias, **geometry)


def _max_pool(graph, layer, X, n_axes):
    sizes = n_axes * [layer.kernel_size]
    return graph.add("MaxPool", X, kernel_shape=sizes, strides=sizes)


def _recur(graph, cell, steps, lengths=None, starts=(), backward=False):
    """Pass (steps, batch, features) through a cell; return its state at each step.

    Initial states need ``lengths``: skl2onnx cannot sort nodes that leave an input out.
    """
    is_lstm = isinstance(cell, nn.LSTM)
    # torch's gates are input, forget, cell, output; and reset, update, new.
    order = [0, 3, 1, 2] if is_lstm else [1, 0, 2]
    W, R, input_bias, state_bias = (
        np.split(_as_array(weight), len(order)) for weight in cell.all_weights[0]
    )
    W, R, input_bias, state_bias = (
        np.concatenate([parts[gate] for gate in order]) for parts in (W, R, input_bias, state_bias)
    )
    bias = np.concatenate([input_bias, state_bias])
    attributes = {"hidden_size": cell.hidden_size}
    if not is_lstm:
        attributes["linear_before_reset"] = 1
    if backward:
        attributes["direction"] = "reverse"
    weights = W[np.newaxis], R[np.newaxis], bias[np.newaxis]
    starts = [
        graph.cast(graph.add("Unsqueeze", start, np.array([0])), TensorProto.FLOAT)
        for start in starts
    ]
    kind = "LSTM" if is_lstm else "GRU"
    more = [] if lengths is None else [lengths, *starts]
    states = graph.add(kind, steps, *weights, *more, **attributes)
    return graph.add("Squeeze", states, np.array([1]))


def _clip(graph, X, low, high):
    """Bound each column; ONNX's own Clip has one bound for all."""
    return graph.add("Min", graph.add("Max", X, low), high)


def _residual_encoder(graph, layer, T):
    """Add scores on the first axes to a nonlinear function of all coordinates."""
    n_codes = len(layer.sigma)
    hidden = _clip(
        graph, graph.add("Mul", T, layer.unit.expand_as(layer.low)), layer.low, layer.high
    )
    scores = graph.add("Slice", T, np.array([0]), np.array([n_codes]), np.array([1]))
    scores = graph.add(
        "Add", graph.add("Mul", scores, layer.gain), _pass(graph, layer.hidden, hidden)
    )
    return graph.add("Mul", scores, layer.sigma)


def _residual_decoder(graph, layer, codes):
    """Add coordinates along the first axes to a nonlinear function of the codes."""
    scores = graph.add("Div", codes, layer.sigma)
    T = _pass(graph, layer.hidden, _clip(graph, scores, layer.low, layer.high))
    to_axes = np.eye(len(layer.sigma), len(layer.unit)) * _as_array(layer.gain)[:, np.newaxis]
    return graph.add("Add", graph.add("Mul", T, layer.unit), graph.add("MatMul", scores, to_axes))


def _back_projection(graph, layer, T):
    rows = graph.add("MatMul", T, layer.axes)
    return graph.add("Add", graph.add("Mul", rows, layer.slope), layer.offset)


def _summary(graph, layer, X):
    """Read (batch, steps, features) up to the padding."""
    n_steps, lengths = len(layer.shift), None
    if layer.padding_value is not None:
        padding = (layer.padding_value - layer.shift) / layer.scale
        distance = graph.add("Abs", graph.add("Sub", X, padding))
        observed = graph.add("Greater", distance, 1e-5 + 1e-5 * padding.abs())
        observed = graph.add("ReduceMax", graph.cast(observed), np.array([2]), keepdims=0)
        numbers = np.arange(1.0, n_steps + 1)
        count = graph.add(
            "ReduceMax", graph.add("Mul", observed, numbers), np.array([1]), keepdims=1
        )
        count = graph.add("Max", count, 1.0)
        lengths = graph.add("Squeeze", count, np.array([1]))
        lengths = graph.cast(lengths, TensorProto.INT32)
    states = graph.add("Transpose", X, perm=[1, 0, 2])
    for i, cell in enumerate(layer.reader.forwards):
        directions = [_recur(graph, cell, states, lengths)]
        if layer.reader.backwards:
            directions.append(_recur(graph, layer.reader.backwards[i], states, lengths, (), True))
        states = graph.add("Concat", *directions, axis=2)
    if lengths is not None:  # onnxruntime's states are 0 after the last step
        mean = graph.add("ReduceSum", states, np.array([0]), keepdims=0)
        mean = graph.add("Div", mean, count)
        number = graph.add("Unsqueeze", graph.add("Sub", count, 1.0), np.array([0]))
        is_last = graph.add("Equal", number, np.arange(float(n_steps))[:, np.newaxis, np.newaxis])
        is_last = graph.cast(is_last)
        ends, times = (
            [graph.add("ReduceSum", graph.add("Mul", is_last, value), np.array([0]), keepdims=0)]
            for value in (directions[0], layer.time.unsqueeze(1))
        )
    else:
        mean = graph.add("ReduceMean", states, np.array([0]), keepdims=0)
        ends, times = [_take_step(graph, directions[0], n_steps - 1)], []
    ends += [_take_step(graph, backward, 0) for backward in directions[1:]]
    return graph.add("Concat", mean, *ends, *times, axis=1)


def _take_step(graph, states, number):
    step = graph.add("Gather", states, np.array([number]), axis=0)
    return graph.add("Squeeze", step, np.array([0]))


def _unroll(graph, layer, codes):
    """Show codes and time at each step, from a state that depends on the codes."""
    n_cells = len(layer.cells)
    starts = graph.add("Tanh", _linear(graph, layer.start, codes))
    ends = np.arange(0, len(layer.start.bias) + 1, layer.cells[0].hidden_size)[:, np.newaxis]
    starts = [
        graph.add("Slice", starts, start, end, np.array([1])) for start, end in pairwise(ends)
    ]
    n_rows = graph.add("Gather", graph.add("Shape", codes), np.array([0]))
    time = layer.time.unsqueeze(1)
    shape = graph.add("Concat", np.array([layer.steps]), n_rows, np.array([1]), axis=0)
    states = graph.add(
        "Concat",
        graph.add("Expand", graph.add("Unsqueeze", codes, np.array([0])), shape),
        graph.add("Expand", time, shape),
        axis=2,
    )
    lengths = graph.add("Expand", np.array([layer.steps], dtype=np.int32), n_rows)
    for i, cell in enumerate(layer.cells):
        states = _recur(graph, cell, states, lengths, starts[i::n_cells])
    return graph.add("Transpose", states, perm=[1, 0, 2])


#: Functions that add the nodes of a layer, by type.
LAYERS = {
    nn.Linear: _linear,
    modules.Transposed: _linear,
    modules.BatchNorm: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.GroupNorm: _group_norm,
    nn.Dropout: lambda graph, layer, X: X,
    nn.ReLU: lambda graph, layer, X: graph.add("Relu", X),
    nn.LeakyReLU: lambda graph, layer, X: graph.add("LeakyRelu", X, alpha=layer.negative_slope),
    nn.PReLU: lambda graph, layer, X: graph.add("PRelu", X, layer.weight),
    nn.ELU: lambda graph, layer, X: graph.add("Elu", X, alpha=layer.alpha),
    nn.SELU: lambda graph, layer, X: graph.add("Selu", X),
    nn.GELU: _gelu,
    nn.SiLU: _silu,
    nn.Softplus: lambda graph, layer, X: graph.add("Softplus", X),
    nn.Tanh: lambda graph, layer, X: graph.add("Tanh", X),
    nn.Sigmoid: lambda graph, layer, X: graph.add("Sigmoid", X),
    nn.Unflatten: lambda graph, layer, X: graph.add(
        "Reshape", X, np.array([0, *layer.unflattened_size])
    ),
    nn.Flatten: lambda graph, layer, X: graph.add("Flatten", X),
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.ConvTranspose1d: _conv_transpose,
    nn.ConvTranspose2d: _conv_transpose,
    nn.MaxPool1d: lambda graph, layer, X: _max_pool(graph, layer, X, 1),
    nn.MaxPool2d: lambda graph, layer, X: _max_pool(graph, layer, X, 2),
    modules.Projection: lambda graph, layer, X: graph.add("MatMul", X, layer.axes.t()),
    modules.BackProjection: _back_projection,
    modules.ResidualEncoder: _residual_encoder,
    modules.ResidualDecoder: _residual_decoder,
    modules.Summary: _summary,
    modules.Unrolled: _unroll,
}
