"""Documentation agrees with the code: docstrings, names, imports, files."""

import functools
import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from numpydoc.docscrape import ClassDoc, FunctionDoc
from numpydoc.validate import validate

import skae
from skae import (
    AutoencoderTransformer,
    PretrainedEncoderClassifier,
    modules,
    plotting,
)
from skae.architectures import MLP, Conv, Linear, Recurrent
from skae.inspection.bottleneck import BottleneckCurve
from skae.inspection.label_efficiency import LabelEfficiencyCurve
from skae.inspection.latent_codes import LatentReport
from skae.inspection.pca_comparison import PCAComparison

ROOT = Path(__file__).parents[1]
MODULES = [
    "skae",
    "skae.architectures",
    "skae.modules",
    "skae.losses",
    "skae.corruptions",
    "skae.penalties",
    "skae.generation",
    "skae.inspection",
    "skae.plotting",
    "skae.datasets",
    "skae.onnx",
]

#: numpydoc's checks that are not ours: extended summaries and cross references everywhere,
#: summaries that start on the second line, types of return values for ``self``.
NOT_OURS = {
    "ES01",
    "RT02",
    "SA01",
    "GL01",
    "GL08",
    "RT03",
    "SA04",
    "EX01",
    "RT01",
    "PR01",
    "SS05",
    "GL03",
}


def public_objects():
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                yield f"{module_name}.{name}"


METHODS = [
    f"{place}.{thing.__name__}.{name}"
    for place, things in (
        ("skae", (AutoencoderTransformer, PretrainedEncoderClassifier)),
        ("skae.plotting", [getattr(plotting, name) for name in plotting.__all__]),
    )
    for thing in things
    for name in vars(thing)
    if not name.startswith(("_", "set_")) or name == "set_params"
]


@pytest.mark.parametrize("name", [*public_objects(), *METHODS])
def test_docstrings_follow_numpydoc(name):
    errors = [error for error in validate(name)["errors"] if error[0] not in NOT_OURS]
    assert errors == []


@pytest.mark.parametrize("name", list(public_objects()))
def test_public_names_have_an_example_that_runs(name):
    module, _, attribute = name.rpartition(".")
    docstring = inspect.getdoc(getattr(importlib.import_module(module), attribute))
    assert ">>> " in docstring
    assert "+SKIP" not in docstring


@pytest.mark.parametrize("name", [*public_objects(), *METHODS])
def test_documented_parameters_are_the_real_ones(name):
    thing = functools.reduce(getattr, name.split(".")[1:], skae)
    doc = ClassDoc(thing) if inspect.isclass(thing) else FunctionDoc(thing)
    real = [
        ("**" if parameter.kind is parameter.VAR_KEYWORD else "") + parameter.name
        for parameter in inspect.signature(thing).parameters.values()
        if parameter.name != "self"
    ]
    assert [parameter.name for parameter in doc["Parameters"]] == real


def test_documented_attributes_are_the_real_ones():
    ae = AutoencoderTransformer(1, max_epochs=1, tol=None)

    def learned(ae):
        return {name for name in vars(ae) if name.endswith("_") and not name.startswith("_")}

    attributes = ClassDoc(AutoencoderTransformer)["Attributes"]
    linear_only = {
        attribute.name
        for attribute in attributes
        if " ".join(attribute.desc).startswith(("Only with ``arch", "With ``components_``"))
    }
    always = {attribute.name for attribute in attributes} - linear_only - {"feature_names_in_"}
    assert learned(ae.fit(np.eye(3))) == always
    assert learned(ae.set_params(architecture=Linear()).fit(np.eye(3))) == always | linear_only


@pytest.mark.parametrize("strategy", ["finetune", "frozen", "scratch"])
def test_documented_attributes_of_the_classifier_are_the_real_ones(strategy):
    encoder = AutoencoderTransformer(1, max_epochs=1, tol=None)
    clf = PretrainedEncoderClassifier(encoder, strategy=strategy, max_epochs=1, tol=None)
    clf.fit(np.eye(3), [0, 1, 1])
    learned = {name for name in vars(clf) if name.endswith("_") and not name.startswith("_")}
    documented = {attribute.name for attribute in ClassDoc(type(clf))["Attributes"]}
    assert learned == documented - {"feature_names_in_"}


def documented_attributes(cls):
    """Return the attributes that a class and its bases in skae document."""
    bases = [base for base in cls.__mro__ if base.__module__.startswith("skae")]
    names = [attribute.name for base in bases for attribute in ClassDoc(base)["Attributes"]]
    return {name for line in names for name in line.split(", ")}


RESULTS = [
    PCAComparison({}, {}, None, 1),
    BottleneckCurve(np.array([1, 2]), np.eye(2), np.eye(2)),
    LatentReport(np.eye(3), 0.5, np.zeros(3)),
    LabelEfficiencyCurve(("scratch",), np.array([1]), np.ones((1, 1, 2))),
]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_documented_attributes_of_results_are_the_real_ones(result):
    assert set(vars(result)) == documented_attributes(type(result))


NETWORKS = [
    modules.MLPAutoencoder(4, 2),
    modules.LinearAutoencoder(4, 2),
    modules.ConvAutoencoder((1, 4), 2, (2,)),
    modules.RecurrentAutoencoder((2, 2), 2),
    modules.BatchNorm(2),
    modules.Head(2, 3),
    modules.Classifier(modules.Head(2, 3)),
]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: type(network).__name__)
def test_documented_attributes_of_modules_are_the_real_ones(network):
    places = vars(network), network._parameters, network._buffers, network._modules
    names = {name for place in places for name in place if not name.startswith("_")}
    assert names - {"training"} == documented_attributes(type(network))


ARCHITECTURES = [MLP(), Linear(), Conv((1, 4)), Recurrent((2, 2))]


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda a: type(a).__name__)
def test_attributes_of_architectures_are_their_parameters(architecture):
    documented = {parameter.name for parameter in ClassDoc(type(architecture))["Parameters"]}
    assert set(vars(architecture)) == documented


def test_version_and_changelog_agree():
    assert skae.__version__.removesuffix(".dev0") in (ROOT / "CHANGES.rst").read_text()


PAGES = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.rst")}


def test_api_reference_has_every_public_name():
    module, listed = None, []
    for part in re.split(r"^(?=\.\. )", PAGES["api"], flags=re.M):
        if found := re.match(r"\.\. (?:module|automodule):: (\S+)", part):
            module = found[1]
        listed += [f"{module}.{name}" for name in re.findall(r"^   (\w+)$", part, re.M)]
    names = {f"{m}.{name}" for m in MODULES for name in importlib.import_module(m).__all__}
    assert sorted(listed) == sorted(names)


def test_every_page_is_in_one_toctree():
    text = "".join(PAGES.values())
    trees = "".join(re.findall(r"^\.\. toctree::\n((?: +.*\n|\n)+)", text, re.M))
    listed = re.findall(r"^   (?!:)(\S+)$", trees, re.M)
    assert sorted(listed) == sorted({*PAGES, "auto_examples/index"} - {"index"})


def test_pictures_and_examples_that_pages_show_are_there():
    text = "".join(PAGES.values())
    pictures = [ROOT / "docs" / name for name in re.findall(r"\.\. image:: (\S+)", text)]
    scripts = [
        ROOT / "examples" / name for name in re.findall(r"sphx_glr_auto_examples_(\w+.py)", text)
    ]
    assert len(pictures) > 10
    assert len(scripts) > 7
    assert [path for path in pictures + scripts if not path.exists()] == []


def test_speeds_beside_other_libraries_are_those_that_were_measured():
    rows = re.findall(
        r"^([\w ,-]+?)  +(\d+\.\d+)(?: \(.*?\))?  +(\d+\.\d+)", PAGES["comparison"], re.M
    )
    measured = re.findall(
        r"^   ([\w ,-]+?)  +\d\.\d+ +\d+ +(\d+\.\d+)$", PAGES["performance"], re.M
    )
    names = {"hand-written torch loop": "hand-written loop, fused Adam"}
    assert len(rows) == 6
    for name, *ratios in rows:
        assert [ratio for other, ratio in measured if other == names.get(name, name)][:2] == ratios
    readme = (ROOT / "README.md").read_text()
    lines = re.findall(r"^\| (?:MNIST|digits), [\w-]+ \|(.*)\|$", readme, re.M)
    by_library = zip(*([cell.strip() for cell in line.split("|")] for line in lines))
    assert sorted(by_library) == sorted(tuple(ratios) for _, *ratios in rows)
