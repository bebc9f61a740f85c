"""Missing private names of scikit-learn and torch: the fallbacks fit the same models."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

FIT = """
import pickle, sys
import numpy as np
import torch, torch._dynamo, skorch
from sklearn.datasets import load_iris
from sklearn import frozen, model_selection, pipeline
# Missing for skae only: torch and scikit-learn have imported them before and use them after.
hidden = [(sys.modules[module], name) for module, name in {hidden!r}]
values = [vars(module).pop(name) for module, name in hidden]
blocked = {{name: sys.modules.pop(name, None) for name in {blocked!r}}}
sys.modules.update(dict.fromkeys(blocked))
from skae import AutoencoderTransformer, PretrainedEncoderClassifier
from skae.architectures import MLP
for (module, name), value in zip(hidden, values):
    setattr(module, name, value)
sys.modules.update(blocked)

X, y = load_iris(return_X_y=True)
torch.manual_seed(7)
before = torch.get_rng_state()
params = {{"max_epochs": 3, "tol": None, "random_state": 0}}
weight = np.arange(len(X)) % 3
found = []
for options in ({{}}, {{"architecture": MLP((8,), dropout=0.2)}}, {{"latent": "gaussian"}}):
    ae = AutoencoderTransformer(2, **params, **options).fit(X, sample_weight=weight)
    found += [ae.transform(X), ae.loss_curve_]
clf = PretrainedEncoderClassifier(AutoencoderTransformer(2, **params), **params)
found.append(clf.fit(X, y, sample_weight=weight).predict_proba(X))
assert torch.equal(torch.get_rng_state(), before)
wrong = [
    {{"n_components": 0}}, {{"n_components": "all"}}, {{"lr": 0.0}}, {{"lr": float("nan")}},
    {{"latent": "cube"}}, {{"tol": -1.0}}, {{"batch_size": 1.5}}, {{"early_stopping": 3}},
    {{"architecture": 3}}, {{"random_state": "now"}}, {{"architecture": MLP(dropout=1.0)}},
]
for options in wrong:
    try:
        AutoencoderTransformer(**options).fit(X)
    except ValueError as error:
        assert "parameter" in str(error), error
    else:
        raise AssertionError(options)
for weight in ([-1.0] * len(X), [1.0] * 3, [[1.0]] * len(X)):
    try:
        AutoencoderTransformer(**params).fit(X, sample_weight=weight)
    except ValueError as error:
        assert "weight" in str(error), error
    else:
        raise AssertionError(weight)
sys.stdout.buffer.write(pickle.dumps(found))
"""

HIDDEN = {
    "nothing": [],
    "names of torch": [
        "torch.utils._python_dispatch.TorchDispatchMode",
        "torch.optim.optimizer._global_optimizer_pre_hooks",
        "torch._fused_adamw_",
    ],
    "names of scikit-learn": [
        "sklearn.base._fit_context",
        "sklearn.utils._param_validation.StrOptions",
        "sklearn.utils._safe_indexing",
        "sklearn.utils.validation._check_sample_weight",
        "sklearn.utils._missing.is_pandas_na",
    ],
}


def fit_without(hidden, blocked=()):
    """Return the fitted state of estimators in a process where skae cannot import some names."""
    pairs = [tuple(name.rsplit(".", 1)) for name in hidden]
    code = FIT.format(hidden=pairs, blocked=list(blocked))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return pickle.loads(result.stdout)


@pytest.fixture(scope="module")
def expected():
    return fit_without(HIDDEN["nothing"])


@pytest.mark.parametrize(
    ("hidden", "blocked"),
    [
        (HIDDEN["names of torch"], ()),
        (HIDDEN["names of scikit-learn"], ()),
        ([], ("sklearn.callback",)),
    ],
    ids=["names of torch", "names of scikit-learn", "callbacks of scikit-learn"],
)
def test_missing_private_names_change_no_result(hidden, blocked, expected):
    for values, others in zip(fit_without(hidden, blocked), expected):
        np.testing.assert_allclose(values, others, rtol=1e-10)
