"""Rules of imports, tested by parsing every file, imports inside functions included."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "skae"

#: Groups of modules by their place in the order of imports: each may import itself and those
#: that are listed. Other private modules of the top level are helpers that every group may use.
FOUNDATION = {"architectures", "modules", "losses", "corruptions", "penalties"}
ESTIMATORS = {"_autoencoder", "_classifier", "_base", "_pca_axes", "_parameter_checks"}
ESTIMATORS |= {
    "_pretrained_encoder",
    "_labels",
    "_sklearn_callbacks",
    "_linear_path",
    "_fit_warnings",
}
HELPERS = {"_names", "_pipeline", "_input_checks", "_latent_diagnostics", "_latent_geometry"}
HELPERS |= {"_sklearn_compat", "_torch_compat", "_progress_line"}
INSPECTORS = {"inspection", "plotting", "generation", "datasets"}
ALLOWED = {
    **dict.fromkeys(FOUNDATION, FOUNDATION | HELPERS),
    **dict.fromkeys(HELPERS, FOUNDATION | HELPERS),
    "_training": FOUNDATION | HELPERS,
    **{name: ESTIMATORS | FOUNDATION | HELPERS | {"_training"} for name in ESTIMATORS},
    **dict.fromkeys(INSPECTORS, INSPECTORS | FOUNDATION | HELPERS),
    "_persistence": ESTIMATORS | FOUNDATION | HELPERS | {"_training"},
    "onnx": ESTIMATORS | FOUNDATION | HELPERS,
    "__init__": ESTIMATORS | {"_persistence"},
}

#: The only modules that may import a package.
ONLY = {
    "skorch": {"_training"},
    "matplotlib": {"plotting"},
    "pooch": {"datasets"},
    "skops": {"_persistence"},
    "onnx": {"onnx"},
    "skl2onnx": {"onnx"},
    "plotly": {"plotting"},
    "pandas": {"inspection"},
}


def imports_of(text):
    """Return pairs of module and name of all imports of a source text; name "" for a module."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found += [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Call):
            function = ast.unparse(node.func)
            constants = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
            if function.endswith(("import_module", "__import__")):
                found += [(name, "") for name in constants]
    return found


def faults_of(file, text):
    """Return the violations of the rules in a file, given by its path below skae."""
    parts = Path(file).with_suffix("").parts
    group, faults = parts[0], []
    for module, name in imports_of(text):
        package, *inner = module.split(".")
        if package != "skae":
            if package in ONLY and group not in ONLY[package]:
                faults.append(f"imports {package}")
            is_private = name.startswith("_") or any(part.startswith("_") for part in inner)
            compat = {"sklearn": "_sklearn_compat", "torch": "_torch_compat"}.get(package)
            if compat and is_private and group != compat:
                faults.append(f"imports {module}.{name}")
            if module == "sklearn.callback" and group != "_sklearn_compat":
                faults.append("imports sklearn.callback")
            if group == "modules" and package in ("sklearn", "numpy", "scipy"):
                faults.append(f"imports {package}")
            continue
        target = inner[0] if inner else name
        if target == "":  # the package itself, for its version
            continue
        if target != group and target not in ALLOWED[group]:
            faults.append(f"imports skae.{target}")
        is_private = bool(inner) and name.startswith("_") and not inner[0].endswith("_compat")
        if is_private and list(parts[:-1]) != inner[:-1]:
            faults.append(f"imports {module}.{name}")
    return faults


FILES = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("file", FILES)
def test_each_file_keeps_the_rules(file):
    assert faults_of(file, (ROOT / file).read_text()) == []


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("_autoencoder.py", "from skorch import NeuralNet", "imports skorch"),
        ("_autoencoder.py", "def f():\n    import skorch.callbacks", "imports skorch"),
        ("losses.py", "import importlib\nimportlib.import_module('skorch')", "imports skorch"),
        ("inspection/report.py", "import matplotlib.pyplot as plt", "imports matplotlib"),
        ("modules/mlp.py", "from sklearn.base import clone", "imports sklearn"),
        ("modules/mlp.py", "from skae._training.net import Net", "imports skae._training"),
        ("_training/net.py", "from skae._autoencoder import AE", "imports skae._autoencoder"),
        ("plotting/base.py", "from skae._autoencoder import AE", "imports skae._autoencoder"),
        ("_labels.py", "from skae.inspection import f", "imports skae.inspection"),
        ("losses.py", "from sklearn.base import _fit_context", "imports sklearn.base._fit_context"),
        ("losses.py", "import torch.utils._pytree", "imports torch.utils._pytree."),
        (
            "_classifier.py",
            "from skae._training.net import _private",
            "imports skae._training.net._private",
        ),
    ],
)
def test_the_rules_find_what_breaks_them(file, text, fault):
    assert faults_of(file, text) == [fault]


def test_init_files_of_private_packages_are_empty():
    private = [path for path in ROOT.rglob("__init__.py") if path.parent.name.startswith("_")]
    assert len(private) == 2
    assert [path.read_text() for path in private] == ["", ""]


def test_import_loads_no_optional_package():
    code = (
        "import sys, skae, skae.datasets, skae.inspection\n"
        "optional = {'matplotlib', 'plotly', 'pooch', 'skops', 'polars', 'sphinx', 'numpydoc'}\n"
        "optional |= {'dask', 'onnx', 'onnxruntime', 'skl2onnx'}\n"
        "print(sorted(optional & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert output.stdout.strip() == "[]"
