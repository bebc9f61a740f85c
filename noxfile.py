"""The test suite in fresh environments, one for each combination of versions: ``make matrix``.

``nox --list`` names the combinations; ``nox -s "tests(lowest)"`` runs one.
"""

import nox

LOWEST = [
    "scikit-learn==1.6.1",
    "numpy==1.26.4",
    "scipy==1.13.1",
    "torch==2.9.1",
    "skorch==1.2.0",
    "matplotlib==3.8.4",
    "pandas==2.2.3",
]


@nox.session
@nox.parametrize(
    ("python", "pins"),
    [
        nox.param("3.10", LOWEST, id="lowest"),
        nox.param("3.11", ["scikit-learn==1.6.1", "scipy==1.15.3"], id="sklearn-1.6"),
        nox.param("3.12", ["scikit-learn==1.7.2"], id="sklearn-1.7"),
        nox.param("3.13", ["scikit-learn==1.8.0"], id="sklearn-1.8"),
        nox.param("3.13", [], id="newest"),
    ],
)
def tests(session, pins):
    """Install skae with its extras for tests beside the pinned versions, and run the suite."""
    session.install(*pins, "-e", ".[test]")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)
