"""What a saved file may hold: every node of its schema is checked before anything is built.

skops builds objects from a schema, a tree of nodes. A node is a dict with the loader to use
(``__loader__``) and the name of the object (``__module__`` and ``__class__``). Names are compared
with allowlists of single types and functions: a package as a whole is never trusted, since numpy
and scikit-learn have functions that read files and unpickle.
"""

import io
import json
import sys
from functools import cache

import numpy as np

from skae import architectures
from skae._autoencoder import AutoencoderTransformer
from skae._classifier import PretrainedEncoderClassifier
from skae._sklearn_compat import scorers
from skae._training.settings import AutoencoderSettings, ClassifierSettings

#: The supported protocol of skops.
PROTOCOL = 2

#: Loaders of plain data, with the names that are allowed for each.
DATA = {
    "DTypeNode": {"numpy.dtype"},
    "DictNode": {"builtins.dict", "collections.OrderedDict"},
    "JsonNode": {"builtins.str"},
    "ListNode": {"builtins.list"},
    "MaskedArrayNode": {"numpy.ma.MaskedArray", "numpy.ma.core.MaskedArray"},
    "SetNode": {"builtins.set"},
    "SliceNode": {"builtins.slice"},
    "TupleNode": {"builtins.tuple"},
}

#: Loaders that are allowed only for names that the user trusts. Loaders that are in no list, such
#: as those of bound methods and operators, are refused even then.
TRUSTED_ONLY = {
    "ConstructorFromReduceNode",
    "LossNode",
    "PartialNode",
    "RandomGeneratorNode",  # NumPy does not check their position in the buffer
    "RandomStateNode",
    "TreeNode",
}

#: Estimators whose compiled code reads memory at fitted indices without a check of their range.
UNCHECKED = {"NuSVC", "NuSVR", "OneClassSVM", "SVC", "SVR"}

#: Types of keys of dicts. skops converts them from strings, which is wrong for booleans.
KEYS = {"builtins.float", "builtins.int", "builtins.str"} | {
    f"numpy.{kind.__name__}"
    for kind in set(np.sctypeDict.values())
    if issubclass(kind, (np.number, np.str_))
}

#: Types of scalars, and of dtypes that are parameters.
PLAIN = KEYS | {"builtins.bool", f"numpy.{np.bool_.__name__}"}


def name_of(thing):
    """Return the name that skops uses for a type or function."""
    return f"{thing.__module__}.{thing.__name__}"


@cache
def known_objects():
    """Return the types whose instances a file may contain, by name."""
    from sklearn.utils import all_estimators  # imports all of scikit-learn

    types = [kind for name, kind in all_estimators() if name not in UNCHECKED]
    types = [kind for kind in types if kind.__module__.startswith("sklearn.")]
    types += splitters()
    types += scorers()
    types += [AutoencoderTransformer, PretrainedEncoderClassifier]
    types += [AutoencoderSettings, ClassifierSettings]
    public = [getattr(architectures, name) for name in architectures.__all__]
    types += [kind for kind in public if isinstance(kind, type)]
    return {name_of(kind): kind for kind in types}


@cache
def splitters():
    """Return scikit-learn's classes that split samples into folds."""
    from sklearn import model_selection

    return [thing for thing in vars(model_selection).values() if hasattr(thing, "get_n_splits")]


@cache
def known_functions():
    """Return the names of the functions a file may contain: ufuncs and scikit-learn's metrics."""
    from sklearn import metrics

    scores = {metrics.get_scorer(name)._score_func for name in metrics.get_scorer_names()}
    ufuncs = {name for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}
    return {name_of(score) for score in scores} | {f"numpy.{name}" for name in ufuncs}


def nodes(schema):
    """Yield all dicts in a schema that skops might interpret as a node, in a fixed order."""
    pending = [schema]
    while pending:
        item = pending.pop()
        if type(item) is dict and "__loader__" in item:
            yield item
        if type(item) in (dict, list):
            pending += item.values() if type(item) is dict else item


def audit(schema, arrays):
    """Check a schema node by node; nothing is imported or built.

    Parameters
    ----------
    schema : dict
        Content of skops's ``schema.json``.
    arrays : dict of bytes
        The other members of the archive, by name.

    Returns
    -------
    names : set of str
        All names of types and functions in the schema.
    unknown : set of str
        Those that are in no allowlist: they need the user's trust.

    Raises
    ------
    ValueError
        If a node has an unknown loader or is not as skops writes it.
    """
    if type(schema) is not dict or schema.get("protocol") != PROTOCOL:
        raise ValueError(f"its schema does not have protocol {PROTOCOL} of skops.")
    names, unknown, files = set(), set(), []
    for node in nodes(schema):
        name, is_known = _check_node(node, arrays)
        names.add(name)
        if not is_known:
            unknown.add(name)
        if _caches_on_disk(node):
            unknown.add("joblib.memory.Memory")
        if "file" in node:
            files.append(node["file"])
        if "__id__" in node:
            raise ValueError("a node has an __id__, which would let other nodes refer to it.")
    if sorted(files) != sorted(arrays):
        raise ValueError("an array is not used exactly once.")
    return names, unknown


def check_importable(names):
    """Raise an error if a name is not an attribute of an imported module."""
    for name in sorted(names):
        module, _, attribute = name.rpartition(".")
        if not hasattr(sys.modules.get(module), attribute):
            raise ValueError(f"{name} is not at the top level of its module.")


def _check_node(node, arrays):
    """Return the name of a node, and whether it is allowed for its loader."""
    loader, name = node["__loader__"], f"{node['__module__']}.{node['__class__']}"
    if loader in DATA:
        _check_data(loader, node)
        return name, name in DATA[loader]
    if loader == "NdArrayNode":
        _check_array(name, node, arrays)
        return name, name == "numpy.ndarray" or name in PLAIN
    if loader == "ObjectNode":
        kind = known_objects().get(name)
        if kind is not None:
            _check_attributes(kind, node)
        return name, kind is not None
    if loader == "TypeNode":
        return name, name in PLAIN or known_objects().get(name) in splitters()
    if loader == "FunctionNode":
        return name, name in known_functions()
    if loader in TRUSTED_ONLY:
        return name, False
    raise ValueError(f"it contains {name} as a {loader}, which is never loaded.")


def _check_data(loader, node):
    """Raise an error if a node of plain data is not as skops writes it."""
    if loader == "JsonNode":
        if not isinstance(json.loads(node["content"]), (type(None), bool, int, float, str)):
            raise ValueError("a JSON value is not a scalar.")
    elif loader == "SliceNode":
        if not all(item is None or type(item) is int for item in node["content"].values()):
            raise ValueError("a slice has bounds that are not integers.")
    elif loader == "DictNode":
        keys, content = node["key_types"], node["content"]
        plain = keys["__loader__"] == "ListNode" and all(
            key["__loader__"] == "TypeNode" and f"{key['__module__']}.{key['__class__']}" in KEYS
            for key in keys["content"]
        )
        if not plain or type(content) is not dict or len(keys["content"]) != len(content):
            raise ValueError("a dict has duplicate keys, or keys that are not numbers or strings.")


def _check_array(name, node, arrays):
    """Raise an error if an array is incomplete, or would need more memory than its member."""
    if node["type"] == "json" and name == "numpy.ndarray":  # of objects
        if len(node["shape"]["content"]) != 1:
            raise ValueError("an array of objects has more than one dimension.")
        return
    data = arrays[node["file"]]
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read = {(1, 0): "read_array_header_1_0", (2, 0): "read_array_header_2_0"}[version]
    try:
        shape, _, dtype = getattr(np.lib.format, read)(file)
    except MemoryError as error:  # raised by Python's parser for deep nesting
        raise ValueError(f"array {node['file']} has an invalid header.") from error
    n_elements = 1
    for size in shape:
        n_elements *= size
    is_whole = n_elements * dtype.itemsize == len(data) - file.tell()
    if dtype.hasobject or min(shape, default=0) < 0 or not is_whole or dtype.itemsize == 0:
        raise ValueError(f"array {node['file']} has the wrong size or type.")
    if name != "numpy.ndarray" and (shape or name != name_of(dtype.type)):
        raise ValueError(f"array {node['file']} is not a {name}.")


def _check_attributes(kind, node):
    """Raise an error if an attribute of an object would shadow a method or define a protocol.

    NumPy would read memory at the address in an attribute ``__array_interface__``.
    """
    content = node.get("content")
    if content is None:
        return
    if content["__loader__"] != "DictNode":
        raise ValueError(f"the attributes of a {kind.__name__} are not a dict.")
    refused = [
        name
        for name in content["content"]
        if name.startswith("__") or callable(getattr(kind, name, None))
    ]
    if refused:
        raise ValueError(
            f"a {kind.__name__} has attributes {refused}, which are methods or protocols."
        )


def _caches_on_disk(node):
    """Return whether an object has a cache folder of joblib, which unpickles its content."""
    if node["__loader__"] != "ObjectNode" or not node.get("content"):
        return False
    attributes = node["content"]["content"]
    memory = attributes.get("memory") if type(attributes) is dict else None
    return memory is not None and memory.get("content") != "null"
