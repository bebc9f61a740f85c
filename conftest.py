"""Set up the tests: array-API checks switched on, real data where it is, no open figures."""

import os
import sys
from pathlib import Path

# scikit-learn skips its array-API check unless SciPy was imported with this.
os.environ["SCIPY_ARRAY_API"] = "1"

# Processes that share the tests share the cores too: with several threads each they would spend
# most of their time waiting for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Figures are drawn, not shown.
os.environ.setdefault("MPLBACKEND", "agg")

import pytest
from hypothesis import settings

# The same cases in each run, and many more of them with --hypothesis-profile=long.
settings.register_profile("short", max_examples=60, deadline=None, derandomize=True, database=None)
settings.register_profile("long", max_examples=2000, deadline=None, database=None)
settings.load_profile("short")

#: What Sphinx reads and writes, beside the pages whose examples are tests.
collect_ignore_glob = ["docs/*.py", "docs/_*", "docs/api/*", "docs/auto_examples/*"]


@pytest.fixture(scope="session")
def mnist():
    """MNIST's training and test images in [0, 1], float32."""
    _need_data("mnist")
    from skae.datasets import fetch_mnist

    return tuple(fetch_mnist(subset=name).data for name in ("train", "test"))


@pytest.fixture(autouse=True)
def _data_for_doctests(request):
    """Skip the examples of the fetchers where their data is not at hand."""
    if request.node.name.startswith("skae.datasets.fetch_"):
        _need_data(request.node.name.split("fetch_")[1])


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def _need_data(name):
    if not Path(os.environ.get("SKAE_DATA", ""), name).is_dir():
        pytest.skip(f"needs the folder {name} in SKAE_DATA")
