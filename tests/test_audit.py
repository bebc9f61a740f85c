"""load with damaged and malicious files: one type of error, no code executed, bounded memory."""

import copy
import hashlib
import io
import json
import pickle
import re
import resource
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import skae
from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae._persistence import allowed
from skae.architectures import MLP, Conv, Recurrent

X = np.random.RandomState(0).uniform(0.1, 0.9, (30, 4))

#: What Python reports of itself where a file has run something.
FORBIDDEN = (
    "ctypes",
    "exec",
    "os.",
    "pickle.find_class",
    "pty.",
    "shutil.",
    "socket.",
    "subprocess.",
    "urllib.",
    "webbrowser.",
)

#: A gibibyte in all, as the documentation of load says.
MEMORY = 2**30


def fit(**params):
    settings = {"n_components": 2, "architecture": MLP((3,)), "max_epochs": 1, "tol": None}
    return AutoencoderTransformer(**{**settings, "random_state": 0, **params}).fit(X)


class Forger:
    """The content of a file, to be changed and sealed again with the right checksum."""

    def __init__(self, estimator, folder):
        self.path = folder / "forged.skae"
        skae.save(estimator, self.path)
        self.whole = self.path.read_bytes()
        with zipfile.ZipFile(self.path) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.schema = json.loads(self.members["schema.json"])

    def load(self, data):
        self.path.write_bytes(data)
        return skae.load(self.path)

    def seal(self, schema=None, compression=zipfile.ZIP_STORED, comment=b"", **members):
        """Return a file with some members changed or, if None, taken out."""
        members = {**self.members, **members}
        if schema is not None:
            members["schema.json"] = json.dumps(schema).encode()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                if content is not None:
                    member = zipfile.ZipInfo(name)
                    member.compress_type, member.comment = compression, comment
                    archive.writestr(member, content)
        return sign(buffer.getvalue())

    def attributes(self):
        """Return a copy of the schema, and the part of it that has the estimator's attributes."""
        schema = copy.deepcopy(self.schema)
        return schema, schema["content"]["content"]


def sign(data):
    """Return an archive without a comment as a file with a valid checksum."""
    data = data[:-2] + (64).to_bytes(2, "little")
    return data + hashlib.sha256(data).hexdigest().encode()


def node(loader, name, **fields):
    module, _, kind = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": kind, **fields}


def plain(value):
    return node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def sequence(*items, kind="Tuple"):
    return node(f"{kind}Node", f"builtins.{kind.lower()}", content=list(items))


def mapping(**items):
    keys = sequence(*(node("TypeNode", "builtins.str") for _ in items), kind="List")
    return node("DictNode", "builtins.dict", content=items, key_types=keys)


def array(value):
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def forger(tmp_path_factory):
    return Forger(fit(), tmp_path_factory.mktemp("forged"))


@pytest.fixture(scope="module")
def watched():
    """Return a list that collects forbidden audit events of this process while it is not None."""
    state = {"events": None}

    def hook(event, args):
        if state["events"] is not None and event.startswith(FORBIDDEN):
            state["events"].append((event, str(args)[:80]))

    sys.addaudithook(hook)
    return state


@pytest.fixture
def caged(forger, watched):
    """Return a function that loads a file and returns its estimator, or None for a ValueError.

    Anything but a ValueError fails, as does memory beyond the bound, or a forbidden event, or an
    error that comes only when something has been built.
    """
    allowed.known_objects(), allowed.known_functions()  # imports all of scikit-learn, once
    forger.load(forger.whole)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)

    def load(data, needs_error=True, may_build=True):
        forger.path.write_bytes(data)
        estimator, watched["events"] = None, []
        try:
            estimator = skae.load(forger.path)
        except ValueError as error:
            assert "alloc" not in str(error)
            assert may_build or "does not hold" not in str(error)
        finally:
            events, watched["events"] = watched["events"], None
        assert events == []
        assert estimator is None or not needs_error
        return estimator

    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, hard))
    yield load
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def test_the_forger_can_make_files_that_load(forger, caged):
    loaded = caged(forger.seal(forger.schema), needs_error=False)
    np.testing.assert_array_equal(loaded.transform(X), fit().transform(X))


def test_truncated_files_are_refused(forger, caged):
    for length in np.linspace(0, len(forger.whole) - 1, 300).astype(int):
        caged(forger.whole[:length])


def test_flipped_bits_are_refused(forger, caged):
    bits = np.random.RandomState(0).choice(8 * len(forger.whole), 300, replace=False)
    header = range(8 * len(forger.whole) - 8 * 90, 8 * len(forger.whole), 9)
    for bit in [*bits, *header]:
        data = bytearray(forger.whole)
        data[bit // 8] ^= 1 << bit % 8
        caged(bytes(data))


def test_appended_and_prepended_bytes_are_refused(forger, caged):
    for data in (forger.whole + b"\0", b"#!" + forger.whole, forger.whole + forger.whole):
        caged(data)


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('ran')",))


def test_a_pickle_is_refused(forger, caged):
    caged(pickle.dumps(Bomb()))
    caged(sign(pickle.dumps(Bomb())))
    caged(forger.seal(**{"0.npy": pickle.dumps(Bomb())}))
    caged(forger.seal(**{"0.npy": array(np.array([Bomb()], dtype=object))}))


#: Functions and types that run code, read files, import or take memory, by packages that a list
#: of packages would let in.
DANGEROUS = """builtins.eval builtins.exec builtins.open builtins.getattr builtins.__import__
    builtins.map builtins.type builtins.object builtins.bytearray builtins.bytes builtins.property
    codecs.decode ctypes.CDLL functools.partial functools.reduce importlib.import_module
    io.FileIO joblib.load joblib.memory.Memory joblib.Parallel
    numpy.load numpy.fromfile numpy.memmap numpy.save numpy.loadtxt numpy.genfromtxt numpy.zeros
    numpy.vectorize numpy.frompyfunc numpy.apply_along_axis numpy.lib.npyio.NpzFile
    numpy.lib.format.read_array numpy.object_ numpy.void numpy.bytes_ numpy.random.seed
    numpy.random.mtrand.RandomState numpy.random._generator.Generator numpy.testing.runstring
    numpy.f2py.compile operator.methodcaller operator.attrgetter os.system posix.system
    pickle.loads pty.spawn runpy.run_path shutil.rmtree skops.io.load skae.load
    skae._persistence.allowed.audit skae._training.autoencoder_net.make_autoencoder_net
    skae.datasets.fetch_mnist skae.modules.MLPAutoencoder
    sklearn.base.clone sklearn.callback._scoring_monitor.ScoringMonitor
    sklearn.datasets.load_svmlight_file sklearn.datasets.fetch_openml sklearn.datasets.load_files
    sklearn.externals._arff.load sklearn.gaussian_process.kernels.RBF sklearn.neighbors.KDTree
    sklearn.svm._classes.SVC sklearn.tree._tree.Tree sklearn.utils.all_estimators
    sklearn.utils._testing.assert_run_python_script_without_output sklearn.utils.Bunch
    sklearn.utils._bunch.Bunch sklearn.utils.check_random_state sklearn.show_versions
    scipy.stats._distn_infrastructure.rv_continuous_frozen scipy.io.loadmat subprocess.Popen
    torch.load torch.hub.load torch.nn.modules.linear.Linear torch._C._jit_set_profiling_mode
    types.CodeType types.FunctionType urllib.request.urlopen webbrowser.open"""


def as_nodes(name):
    """Return a node of each loader with a given name."""
    text, nothing = sequence(plain("id")), mapping(name=plain("id"))
    content = {"obj": node("ObjectNode", name, content=None), "func": "__init__"}
    calls = {"func": node("FunctionNode", name), "args": text, "kwds": nothing, "namespace": text}
    return [
        node("FunctionNode", name),
        node("TypeNode", name),
        node("ObjectNode", name, content=nothing),
        node("ConstructorFromReduceNode", name, content=text),
        node("OperatorFuncNode", name, attrs=text),
        node("MethodNode", name, content=content),
        node("PartialNode", "functools.partial", content=calls),
        node("ReduceNode", name, content=nothing, __reduce__={"args": text}),
        node("TreeNode", name, content=nothing, __reduce__={"args": text}),
        node("LossNode", name, content=nothing, __reduce__={"args": text}),
        node("DictNode", name, content={}, key_types=sequence(kind="List")),
        {**mapping(id=plain(0)), "key_types": sequence(node("TypeNode", name), kind="List")},
        {**mapping(id=plain(0)), "key_types": sequence(node("FunctionNode", name), kind="List")},
        node("ListNode", name, content=[plain("id")]),
        node("TupleNode", name, content=[plain("id")]),
        node("DefaultDictNode", name, content={"main": nothing, "default_factory": text}),
        node("NdArrayNode", name, type="json", content=[], shape=sequence(plain(0))),
        node("RandomStateNode", name, content=nothing),
        node("RandomGeneratorNode", name, content={"bit_generator": nothing, "seed_seq": nothing}),
        node("CachedNode", name, __id__=1),
    ]


def test_no_dangerous_name_is_ever_reached(forger, caged):
    schema, attributes = forger.attributes()
    for name in DANGEROUS.split():
        for hostile in as_nodes(name):
            attributes["random_state"] = hostile
            caged(forger.seal(schema), may_build=False)


def test_names_are_said_and_methods_are_refused_whatever_is_trusted(forger):
    schema, attributes = forger.attributes()
    attributes["random_state"] = node("FunctionNode", "os.system")
    with pytest.raises(
        ValueError, match=r"unknown to skae.load: \['os.system'\].*trusted=\['os.system'"
    ):
        forger.load(forger.seal(schema))
    attributes["random_state"] = as_nodes("os.system")[5]
    forger.path.write_bytes(forger.seal(schema))
    with pytest.raises(ValueError, match=r"os.system as a MethodNode, which is never loaded"):
        skae.load(forger.path, trusted=["os.system", "os.system.__init__"])


def places(item, path=()):
    """Yield the path to each item of a schema."""
    yield path
    for key, value in item.items() if type(item) is dict else enumerate(item):
        if type(value) in (dict, list):
            yield from places(value, (*path, key))
        else:
            yield (*path, key)


def test_schemas_with_something_else_somewhere_are_refused_or_give_a_whole_model(forger, caged):
    rng = np.random.RandomState(0)
    everywhere = [path for path in places(forger.schema) if path]
    others = [None, True, -1, 10**30, 1e300, "", "null", "NaN", "-5", "1e9", "[[]]", [], {}]
    others += [plain(None), plain(-1), plain(10**12), plain("x"), sequence(), mapping()]
    for _ in range(400):
        schema = copy.deepcopy(forger.schema)
        *path, last = everywhere[rng.randint(len(everywhere))]
        parent = schema
        for key in path:
            parent = parent[key]
        parent[last] = others[rng.randint(len(others))]
        loaded = caged(forger.seal(schema), needs_error=False)
        if isinstance(loaded, AutoencoderTransformer) and hasattr(loaded, "net_"):
            assert loaded.transform(X).shape == (30, 2)
            assert np.isfinite(loaded.inverse_transform(loaded.transform(X))).all()


def test_arrays_that_are_not_those_of_the_network_are_refused(forger, caged):
    for name in (name for name in forger.members if name.endswith(".npy")):
        value = np.load(io.BytesIO(forger.members[name]))
        others = [
            np.append(value, 0.0),
            np.full(value.shape, np.nan),
            value.astype(np.float16),
            value.astype(complex),
            value.astype(str),
            value[..., np.newaxis, np.newaxis],
            np.empty((0, 7)),
        ]
        header = array(value)
        lies = [re.sub(rb"'shape': \(", b"'shape': (99999999,", header, count=1)[: len(header)]]
        lies += [header[:8] + (8000).to_bytes(2, "little") + b"-" * 7999 + b"\n"]
        lies += [header.replace(b"<f8", b"|O8"), header[:-1], header + b"\0", b"", header[:20]]
        for content in [*map(array, others), *lies]:
            loaded = caged(forger.seal(**{name: content}), needs_error=False)
            # Not all is part of the network: curves may be any finite numbers.
            assert loaded is None or np.array_equal(loaded.transform(X), fit().transform(X))
    schema, attributes = forger.attributes()
    weights = attributes["module_"]["content"]
    weights["shift"] = weights["scale"]
    caged(forger.seal(schema))
    items = sequence(plain(0), kind="List")["content"]
    table = node("NdArrayNode", "numpy.ndarray", type="json", content=items)
    attributes["random_state"] = {**table, "shape": sequence(plain(1), plain(1))}
    caged(forger.seal(schema), may_build=False)


def test_parameters_have_to_be_in_their_range(forger):
    schema, attributes = forger.attributes()
    attributes["lr"] = plain(-1.0)
    with pytest.raises(ValueError, match="does not contain a valid estimator: The 'lr' parameter"):
        forger.load(forger.seal(schema))


def test_what_was_learned_is_finite_and_of_the_right_shape(forger, caged):
    _, attributes = forger.attributes()
    for value in (np.full(4, np.nan), np.zeros(5), np.array(["a"] * 4)):
        caged(forger.seal(**{attributes["mean_"]["file"]: array(value)}))


def test_every_weight_has_to_be_finite(forger, caged):
    _, attributes = forger.attributes()
    for weight in attributes["module_"]["content"].values():
        value = np.load(io.BytesIO(forger.members[weight["file"]]))
        for number in (np.nan, np.inf):
            caged(forger.seal(**{weight["file"]: array(np.full_like(value, number))}))


def test_numbers_do_not_buy_memory(caged, tmp_path):
    fully_convolutional = {"channels": (2,), "kernel_size": 3, "stride": 1}
    mlp, big = fit(), plain(10**9)
    conv = fit(n_components=8, architecture=Conv((1, 2, 2), **fully_convolutional))
    signal = fit(architecture=Conv((1, 4), channels=(2,), stride=1))
    recurrent = fit(architecture=Recurrent((2, 2), hidden_size=2))
    deep = fit(architecture=Conv((1, 2, 2), channels=(1,) * 8, stride=1, activation="tanh"))
    large = {"n_features_in_": plain(1500**2), "n_components_": plain(1500**2)}
    image = {"input_shape": sequence(plain(1), plain(1500), plain(1500))}
    for estimator, message, learned, parameters in (
        (mlp, "weight .* has the shape", {}, {"hidden_layer_sizes": sequence(big)}),
        (mlp, "for 10000 layers", {}, {"hidden_layer_sizes": sequence(*[plain(3)] * 10**4)}),
        (mlp, "weight .* has the shape", {"n_features_in_": big}, {}),
        (mlp, "weight .* has the shape", {"n_components_": big}, {}),
        (conv, "numbers per row", {"n_components_": plain(72 * 10**6)}, {"padding": plain(3000)}),
        (conv, "need 2[0-9,]{13,} numbers per row", large, {**image, "kernel_size": plain(101)}),
        (deep, "numbers per row", large, image),
        (
            signal,
            "cannot be mirrored",
            {"n_features_in_": big},
            {
                "input_shape": sequence(plain(1), big),
                "kernel_size": plain(2 * 10**9),
                "padding": plain(0),
            },
        ),
        (recurrent, "for 1000000000 layers", {}, {"num_layers": big}),
        (
            recurrent,
            "numbers per row",
            {"n_features_in_": plain(2 * 10**5)},
            {"input_shape": sequence(plain(10**5), plain(2))},
        ),
    ):
        forger = Forger(estimator, tmp_path)
        schema, attributes = forger.attributes()
        attributes.update(learned)
        attributes["_architecture"]["content"]["content"].update(parameters)
        data = forger.seal(schema)
        caged(data)
        with pytest.raises(ValueError, match=message):
            forger.load(data)


def test_a_function_cannot_compute_with_what_it_likes_as_an_architecture(forger, caged):
    schema, attributes = forger.attributes()
    attributes["_architecture"] = node("FunctionNode", "numpy.multiply")
    big = {"type": "numpy", "file": "big.npy"}
    for value in (node("NdArrayNode", "numpy.ndarray", **big), plain(10**30), plain(0)):
        attributes["n_features_in_"] = value
        more = {"big.npy": array(np.zeros((20_000, 1)))} if "file" in value else {}
        data = forger.seal(schema, **more)
        caged(data)
        with pytest.raises(ValueError, match=r"n_features_in_ is (?s:.*) instead of a number"):
            forger.load(data)


def test_a_classifier_is_held_to_its_weights_too(caged, tmp_path):
    clf = PretrainedEncoderClassifier(fit(), strategy="frozen", max_epochs=1, tol=None)
    clf.set_params(encoder=None).fit(X, X[:, 0] > 0.5)
    forger = Forger(clf, tmp_path)
    for name in ("n_classes", "n_components"):
        schema, attributes = forger.attributes()
        attributes["_head"]["content"][name] = plain(10**9)
        caged(forger.seal(schema))
    schema, attributes = forger.attributes()
    forged = array(np.arange(3))
    caged(forger.seal(**{attributes["classes_"]["file"]: forged}))


def test_archives_that_are_not_as_save_writes_them_are_refused(forger, caged):
    caged(forger.seal(compression=zipfile.ZIP_DEFLATED, **{"0.npy": array(np.zeros(2**27, "i1"))}))
    caged(forger.seal(**{"../0.npy": b"", "/etc/passwd": b""}))
    caged(forger.seal(**{"schema.json": None}))
    caged(forger.seal(**{"skae.json": None}))
    caged(forger.seal(**{"skae.json": b'{"format": 1, "versions": {}}'}))


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("0.npy", {"0.npy": None}),
        ("compressed or overlap", {"compression": zipfile.ZIP_LZMA, "comment": b"large" * 4000}),
        ("more than 10,000 members", {f"{i}.txt": b"" for i in range(10_001)}),
        ("an array is not used exactly once", {"more.npy": array(np.zeros(3))}),
        ("its format is 2", {"skae.json": b'{"format": 2}'}),
        ("schema has more than 4,194,304 bytes", {"skae.json": b" " * 2**22}),
    ],
    ids=["missing", "compressed", "many", "unused", "newer", "long"],
)
def test_the_error_says_what_is_wrong_with_an_archive(message, changes, forger):
    with pytest.raises(ValueError, match=f"is not an intact file of skae.save: .*{message}"):
        forger.load(forger.seal(**changes))


def test_two_members_of_one_name_are_refused(forger):
    buffer = io.BytesIO(forger.seal()[:-64][:-2] + b"\0\0")
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("0.npy", forger.members["0.npy"])
    with pytest.raises(ValueError, match="two of its members have the same name"):
        forger.load(sign(buffer.getvalue()))


def test_one_array_cannot_be_read_many_times(forger, caged):
    schema, attributes = forger.attributes()
    big = node("NdArrayNode", "numpy.ndarray", type="numpy", file="big.npy")
    attributes["random_state"] = sequence(*[big] * 1000)
    caged(forger.seal(schema, **{"big.npy": array(np.zeros(2**20))}), may_build=False)


def test_nodes_cannot_stand_for_others(forger, caged):
    schema, attributes = forger.attributes()
    attributes["random_state"] = {**plain(0), "__id__": 1}
    caged(forger.seal(schema), may_build=False)


@pytest.mark.parametrize(
    "text",
    [b"[" * 10**5, b'{"a":' * 10**5, b"[[]," * 4_000_000, b"9" * 10**6, b"\xff", b"null", b"[]"],
    ids=["lists", "dicts", "many", "digits", "bytes", "null", "list"],
)
def test_hostile_json_is_refused(text, forger, caged):
    caged(forger.seal(**{"schema.json": text}))


def test_deep_nodes_are_refused(forger, caged):
    deep = plain(0)
    for _ in range(300):
        deep = sequence(deep)
    schema, attributes = forger.attributes()
    attributes["random_state"] = deep
    caged(forger.seal(schema))


def test_keys_are_numbers_or_strings_and_each_has_one(forger, caged):
    keys = [node("FunctionNode", "numpy.sign"), node("TypeNode", "builtins.bool"), None]
    for key in keys:
        schema, attributes = forger.attributes()
        types = sequence(*([] if key is None else [key]), kind="List")
        attributes["random_state"] = {**mapping(id=plain(0)), "key_types": types}
        caged(forger.seal(schema), may_build=False)


def test_attributes_cannot_hide_methods(forger, caged):
    schema, attributes = forger.attributes()
    attributes["transform"] = node("FunctionNode", "numpy.exp")
    schema["content"]["key_types"]["content"].append(node("TypeNode", "builtins.str"))
    caged(forger.seal(schema), may_build=False)


@pytest.mark.parametrize("name", ["__array_interface__", "__array_struct__", "__array__"])
def test_attributes_cannot_give_numpy_an_address(name, forger):
    schema, attributes = forger.attributes()
    address, shape = sequence(plain(4096), plain(False)), sequence(plain(4))
    memory = mapping(data=address, shape=shape, typestr=plain("<f8"), version=plain(3))
    scaler = "sklearn.preprocessing._data.StandardScaler"
    attributes["random_state"] = node("ObjectNode", scaler, content=mapping(**{name: memory}))
    with pytest.raises(ValueError, match=f"StandardScaler has attributes .*{name}.* protocols"):
        forger.load(forger.seal(schema))


def test_the_root_is_an_estimator(forger, caged):
    for root in (sequence(kind="List"), mapping(), plain(1), node("FunctionNode", "numpy.exp")):
        caged(forger.seal({**root, "protocol": 2}))


@pytest.mark.parametrize("protocol", [None, 0, 1, 3, "2", True])
def test_older_and_newer_protocols_are_refused(protocol, forger, caged):
    caged(forger.seal({**forger.schema, "protocol": protocol}), may_build=False)


def test_known_functions_do_arithmetic_and_scores_only():
    for name in allowed.known_functions():
        module, _, function = name.rpartition(".")
        assert module.startswith("sklearn.metrics.") or isinstance(getattr(np, function), np.ufunc)


def test_a_ufunc_survives(tmp_path):
    pipe = make_pipeline(FunctionTransformer(np.log1p, np.expm1)).fit(X)
    skae.save(pipe, tmp_path / "a.skae")
    assert skae.load(tmp_path / "a.skae")[0].inverse_func is np.expm1
