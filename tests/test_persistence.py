"""save and load: the same predictions, atomic writes, bounded size, errors."""

import copy
import errno
import json
import os
import pickle
import re
import resource
import signal
import sys
import time
import warnings
import zipfile
from dataclasses import is_dataclass, replace
from functools import partial
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from joblib.externals import loky
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV, RepeatedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import GradientNormClipping

import skae
from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae._persistence import archive
from skae._persistence import load as load_module
from skae._training import weights as network_weights
from skae.architectures import MLP, Conv, Linear, Recurrent

X = np.random.RandomState(0).uniform(0.1, 0.9, (40, 16))
Y = np.array(["no", "yes"])[(X[:, 0] > 0.5).astype(int)]


class Mine(torch.nn.Module):
    def __init__(self, n_features, n_components, width=3):
        super().__init__()
        self.down = torch.nn.Linear(n_features, width)
        self.up = torch.nn.Linear(n_components, n_features)

    def encode(self, X):
        return self.down(X)[:, :2].tanh()

    def decode(self, codes):
        return self.up(codes)


def quick(**params):
    settings = {"n_components": 2, "architecture": MLP((4,)), "max_epochs": 2, "tol": None}
    return AutoencoderTransformer(**{**settings, "random_state": 0, **params})


def quick_classifier(encoder, **params):
    settings = {"max_epochs": 2, "tol": None, "random_state": 0}
    return PretrainedEncoderClassifier(encoder, **{**settings, **params})


def mixed():
    columns = ColumnTransformer([("a", StandardScaler(), slice(0, 8)), ("b", "drop", [8, 9])])
    return make_pipeline(FunctionTransformer(np.log1p), columns, quick(), LogisticRegression())


ESTIMATORS = {
    "mlp": lambda: quick(architecture=MLP((4,), norm="batch", dropout=0.1, activation="prelu")),
    "tied": lambda: quick(architecture=MLP((4,), tied_weights=True)),
    "linear": lambda: quick(architecture=Linear()),
    "conv": lambda: quick(architecture=Conv((1, 4, 4), channels=(2, 3))),
    "recurrent": lambda: quick(architecture=Recurrent((4, 4), hidden_size=5, padding_value=0.0)),
    "recurrent, deep": lambda: quick(
        architecture=Recurrent((4, 4), hidden_size=5, num_layers=2, bidirectional=True)
    ),
    "conv, norm": lambda: quick(
        architecture=Conv((1, 4, 4), channels=(2, 3), norm="batch", dropout=0.1)
    ),
    "variational": lambda: quick(latent="gaussian"),
    "sphere": lambda: quick(latent="sphere", loss="bce", early_stopping=True),
    "denoising": lambda: quick(corruption="masking", penalty="l1", optimizer="sgd"),
    "finetune": lambda: quick_classifier(quick(), hidden_layer_sizes=(3,)),
    "frozen": lambda: quick_classifier(FrozenEstimator(quick().fit(X)), strategy="frozen"),
    "scratch": lambda: quick_classifier(
        make_pipeline(StandardScaler(), quick()), strategy="scratch", class_weight={"no": 2}
    ),
    "pipeline": mixed,
    "grid search": lambda: GridSearchCV(
        Pipeline([("ae", quick()), ("clf", LogisticRegression())]),
        {"ae__architecture": [MLP((3,)), Linear()]},
        cv=KFold(2),
        scoring="accuracy",
    ),
    "random search": lambda: RandomizedSearchCV(
        quick(), {"lr": [1e-3, 1e-2]}, n_iter=2, cv=RepeatedKFold(n_splits=2, n_repeats=1)
    ),
}


@pytest.fixture(scope="module")
def fitted():
    """Return a fitted estimator by its name, fitted once."""
    known = {}

    def get(name):
        if name not in known:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # dead codes, after two epochs
                known[name] = ESTIMATORS[name]().fit(X, Y)
        return known[name]

    return get


def outputs(estimator):
    names = ("transform", "predict", "predict_proba", "score_samples")
    return {name: getattr(estimator, name)(X) for name in names if hasattr(estimator, name)}


def assert_same(estimator, other):
    expected, found = outputs(estimator), outputs(other)
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def through_file(estimator, folder, **kwargs):
    skae.save(estimator, folder / "a.skae")
    return skae.load(folder / "a.skae", **kwargs)


def through_joblib(estimator, folder):
    joblib.dump(estimator, folder / "a.joblib")
    return joblib.load(folder / "a.joblib", mmap_mode="r")


COPIES = {
    "pickle": lambda estimator, folder: pickle.loads(pickle.dumps(estimator)),
    "cloudpickle": lambda estimator, folder: pickle.loads(cloudpickle.dumps(estimator)),
    "deepcopy": lambda estimator, folder: copy.deepcopy(estimator),
    "joblib": through_joblib,
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_file_gives_back_the_same_predictions(name, fitted, tmp_path):
    assert_same(fitted(name), through_file(fitted(name), tmp_path))


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", ["conv", "linear", "finetune", "frozen", "pipeline"])
def test_other_ways_to_copy_give_back_the_same_predictions(name, how, fitted, tmp_path):
    assert_same(fitted(name), COPIES[how](fitted(name), tmp_path))


def test_a_worker_process_gives_back_the_same_predictions(fitted):
    estimators = [fitted(name) for name in ("mlp", "finetune", "pipeline")]
    with loky.ProcessPoolExecutor(max_workers=1) as worker:
        others = worker.submit(copy.deepcopy, estimators).result()
    for estimator, other in zip(estimators, others):
        assert_same(estimator, other)


def test_an_unfitted_estimator_keeps_its_parameters(tmp_path):
    loaded = through_file(quick(lr=0.5), tmp_path)
    assert loaded.get_params()["lr"] == 0.5
    assert not hasattr(loaded, "net_")


@pytest.mark.parametrize("warm_start", [False, True])
def test_training_goes_on_after_a_load_as_after_a_pickle(warm_start, tmp_path):
    ae = quick(warm_start=warm_start).fit(X)
    copies = pickle.loads(pickle.dumps(ae)), through_file(ae, tmp_path)
    codes = [(c.fit(X) if warm_start else c.partial_fit(X)).transform(X) for c in copies]
    np.testing.assert_array_equal(codes[0], codes[1])
    assert not np.array_equal(codes[0], ae.transform(X))
    assert copies[1].n_iter_ > ae.n_iter_


def test_a_loaded_classifier_goes_on(tmp_path):
    clf = quick_classifier(quick(), warm_start=True).fit(X, Y)
    loaded = through_file(clf, tmp_path).fit(X, Y)
    assert loaded.n_iter_ == 2 * clf.n_iter_
    assert not np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_the_same_estimator_gives_the_same_bytes(fitted, tmp_path):
    skae.save(fitted("pipeline"), tmp_path / "a.skae")
    skae.save(skae.load(tmp_path / "a.skae"), tmp_path / "b.skae")
    assert (tmp_path / "a.skae").read_bytes() == (tmp_path / "b.skae").read_bytes()


def test_a_file_is_as_large_as_the_weights(tmp_path):
    wide = np.random.RandomState(0).rand(64, 784).astype(np.float32)
    ae = quick(n_components=32, architecture=MLP((256,)), max_epochs=1).fit(wide)
    skae.save(ae, tmp_path / "a.skae")
    n_weights = sum(weight.numel() for weight in ae.module_.parameters())
    assert (tmp_path / "a.skae").stat().st_size < 1.1 * 4 * n_weights


def test_a_load_takes_a_bounded_multiple_of_the_file(tmp_path):
    wide = np.random.RandomState(0).rand(64, 1000).astype(np.float32)
    ae = quick(architecture=MLP((1000,)), max_epochs=1).fit(wide)
    expected = through_file(ae, tmp_path).transform(wide)
    size = (tmp_path / "a.skae").stat().st_size
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (taken + 8 * size, hard))
    try:
        loaded = skae.load(tmp_path / "a.skae")
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    np.testing.assert_array_equal(loaded.transform(wide), expected)


def leaves(value):
    if is_dataclass(value):
        value = vars(value)
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple, set)):
        return [leaf for item in value for leaf in leaves(item)]
    if hasattr(value, "get_params"):
        return leaves(value.__getstate__())
    return [value]


@pytest.mark.parametrize("name", ["conv", "recurrent", "linear", "finetune", "frozen"])
def test_state_is_numpy_and_plain_values(name, fitted):
    found = {type(leaf) for leaf in leaves(fitted(name).__getstate__())}
    assert np.ndarray in found
    assert found <= {np.ndarray, str, int, float, bool, type(None)}


def test_a_file_from_a_gpu_opens_without_one(tmp_path, monkeypatch):
    ae = quick().fit(X.astype(np.float32))
    ae.device = "cuda"
    ae._settings = replace(ae._settings, device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = through_file(ae, tmp_path)
    assert next(loaded.module_.parameters()).device.type == "cpu"
    np.testing.assert_allclose(loaded.transform(X), ae.transform(X), rtol=1e-5, atol=1e-6)


TRUSTED = {
    "module class": (lambda: quick(architecture=Mine), [f"{__name__}.Mine"]),
    "partial": (
        lambda: quick(architecture=partial(Mine, width=5)),
        ["functools.partial", f"{__name__}.Mine"],
    ),
    "callback": (
        lambda: quick(callbacks=[GradientNormClipping(1.0)]),
        ["skorch.callbacks.regularization.GradientNormClipping"],
    ),
    "optimiser": (lambda: quick(optimizer=torch.optim.RMSprop), ["torch.optim.rmsprop.RMSprop"]),
    "loss": (
        lambda: quick(loss=torch.nn.L1Loss(reduction="none")),
        ["torch.nn.modules.loss.L1Loss"],
    ),
    "generator": (
        lambda: quick(random_state=np.random.RandomState(0)),
        ["numpy.random.mtrand.RandomState"],
    ),
    "folder": (lambda: make_pipeline(quick(), memory="here"), ["joblib.memory.Memory"]),
    "function": (
        lambda: make_pipeline(FunctionTransformer(np.nan_to_num), quick()),
        ["numpy.nan_to_num"],
    ),
}


@pytest.mark.parametrize("case", TRUSTED)
def test_what_is_not_known_has_to_be_trusted_by_name(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build, names = TRUSTED[case]
    estimator = build().fit(X)
    with pytest.raises(ValueError, match=rf"names types .*pass trusted={re.escape(str(names))}"):
        through_file(estimator, tmp_path)
    if len(names) > 1:
        with pytest.raises(ValueError, match=names[1]):
            skae.load(tmp_path / "a.skae", trusted=names[:1])
    assert_same(estimator, skae.load(tmp_path / "a.skae", trusted=names))


def test_types_can_be_trusted_as_themselves(tmp_path):
    ae = quick(optimizer=torch.optim.RMSprop).fit(X)
    assert_same(ae, through_file(ae, tmp_path, trusted=[torch.optim.RMSprop]))


@pytest.mark.parametrize("trusted", [True, "torch.optim.adam.Adam"])
def test_trust_is_a_list(trusted, tmp_path):
    with pytest.raises(TypeError, match="must be a list of names or types"):
        skae.load(tmp_path / "a.skae", trusted=trusted)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"architecture": lambda a, b: Mine(a, b)}, "<lambda> is not at the top level"),
        ({"loss": MLP().build}, "MethodNode, which is never loaded"),
        ({"callbacks": {True: 1}}, "a dict has duplicate keys, or keys that are not"),
    ],
)
def test_save_refuses_what_load_would(params, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        skae.save(make_pipeline(FunctionTransformer(kw_args=params), quick()), tmp_path / "a.skae")
    assert list(tmp_path.iterdir()) == []


def test_save_refuses_a_network_that_is_not_whole(tmp_path):
    ae = quick().fit(X)
    with torch.no_grad():
        next(ae.module_.parameters()).fill_(np.nan)
    with pytest.raises(ValueError, match=r"encode returned values that are not finite"):
        skae.save(ae, tmp_path / "a.skae")


def test_a_network_that_is_too_wide_for_load_can_still_be_copied(tmp_path, monkeypatch):
    conv = quick(architecture=Conv((1, 4, 4), channels=(2, 3))).fit(X)
    monkeypatch.setattr(network_weights, "MAX_ACTIVATIONS", 7)
    assert_same(conv, pickle.loads(pickle.dumps(conv)))
    with pytest.raises(ValueError, match="numbers per row, more than 7: such a network can be"):
        skae.save(conv, tmp_path / "a.skae")


def test_save_takes_estimators_only(tmp_path):
    with pytest.raises(TypeError, match="is not an estimator"):
        skae.save({"ae": quick()}, tmp_path / "a.skae")


@pytest.mark.parametrize("caller", ["save", "load"])
def test_without_skops_the_error_names_the_extra(caller, monkeypatch):
    monkeypatch.setitem(sys.modules, "skops.io", None)
    function = partial(skae.save, quick()) if caller == "save" else skae.load
    with pytest.raises(ImportError, match=rf"skae.{caller} needs skops.*skae\[io\]"):
        function("a.skae")


def test_another_major_version_warns(tmp_path, monkeypatch):
    skae.save(quick(), tmp_path / "a.skae")
    versions = archive.versions()
    monkeypatch.setattr(load_module, "versions", lambda: {**versions, "torch": "99.1"})
    with pytest.warns(UserWarning, match=r"written with torch .* \(here 99.1\)"):
        skae.load(tmp_path / "a.skae")
    major = versions["torch"].split(".")[0]
    monkeypatch.setattr(load_module, "versions", lambda: {**versions, "torch": f"{major}.999"})
    skae.load(tmp_path / "a.skae")


def test_the_stamp_says_the_versions(tmp_path):
    skae.save(quick(), tmp_path / "a.skae")
    with zipfile.ZipFile(tmp_path / "a.skae") as archive:
        stamp = json.loads(archive.read("skae.json"))
    assert stamp["versions"]["skae"] == skae.__version__
    assert set(stamp["versions"]) == {"skae", "scikit-learn", "torch"}


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.skae"):
        skae.load(tmp_path / "none.skae")


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.skae"
    skae.save(quick().fit(X), path)
    old = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) // 2, hard))
    try:
        with pytest.raises(OSError, match=r"before is unchanged. Free space") as info:
            skae.save(quick(random_state=1).fit(X), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert info.value.errno == errno.EFBIG
    assert info.value.filename == str(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.skae"]
    assert path.read_bytes() == old


def test_a_link_is_followed_and_rights_are_the_usual_ones(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "a.skae")
    skae.save(quick(), tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    (tmp_path / "other").touch()
    assert (tmp_path / "a.skae").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_killed_save_leaves_a_whole_file(tmp_path):
    path, contents, seen = tmp_path / "a.skae", [], set()
    for seed in (0, 1):
        skae.save(quick(architecture=MLP((2048,)), random_state=seed, max_epochs=1).fit(X), path)
        contents.append(path.read_bytes())
    for moment in np.random.RandomState(0).uniform(0, 0.04, 50):
        child = os.fork()
        if child == 0:  # the last thing that save does, over and over
            while True:
                for content in contents:
                    archive.write(path, content)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        seen.add(contents.index(path.read_bytes()))
    assert seen == {0, 1}
