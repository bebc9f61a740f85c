"""The test suite in fresh environments, one for each combination of versions: ``make matrix``.

``nox --list`` names the combinations; ``nox -s "tests(newest)"`` runs one.
"""

import nox


@nox.session
@nox.parametrize(
    ("python", "pins"),
    [
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
