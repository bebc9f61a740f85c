# The two commands: `make demo` and `make test`. Each makes its own environment in .venv.

PYTHON ?= python3
DATA ?= digits
BIN := .venv/bin

.PHONY: demo test clean

demo: .venv/demo
	$(BIN)/python examples/demo.py --data $(DATA)

test: .venv/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -n 2

.venv/demo: setup.cfg constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[datasets]"
	touch $@

.venv/test: .venv/demo
	$(BIN)/pip install --quiet -c constraints.txt -e ".[test]"
	touch $@

clean:
	rm -rf .venv
