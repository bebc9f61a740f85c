# The commands. Each makes its own environment in .venv.

PYTHON ?= python3
DATA ?= digits
BIN := .venv/bin

.PHONY: demo test lint matrix docs check-docs clean

demo: .venv/demo
	$(BIN)/python examples/demo.py --data $(DATA)

test: lint
	$(BIN)/python -m pytest -n 2

lint: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

matrix: .venv/matrix
	$(BIN)/nox

docs: .venv/docs
	$(BIN)/sphinx-build -W --keep-going -d docs/_build/doctrees docs docs/_build/html

check-docs: docs
	$(BIN)/python docs/check_site.py docs/_build/html

.venv/demo: setup.cfg constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[datasets]"
	touch $@

.venv/test: .venv/demo
	$(BIN)/pip install --quiet -c constraints.txt -e ".[test]"
	touch $@

.venv/docs: .venv/demo
	$(BIN)/pip install --quiet -c constraints.txt -e ".[docs]"
	touch $@

.venv/matrix: .venv/demo
	$(BIN)/pip install --quiet "nox>=2024.4"
	touch $@

clean:
	rm -rf .venv docs/_build docs/api docs/auto_examples
