# Every target sets itself up: the first one run on a fresh machine makes .venv and installs the package there.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
DEMO := runs/demo
PYTEST_ARGS ?=
# These run with every annotation checked, shapes too (about half as fast again).
TYPED := tests/test_types.py tests/test_problem.py

.DEFAULT_GOAL := help
.PHONY: help install demo test fuzz bench clean

help:
	@echo "make demo    solve one experiment of the paper and draw it, in $(DEMO)"
	@echo "make test    check style, imports, types and docstrings, and run all tests"
	@echo "make fuzz    try more than ten thousand odd values, arrays, files and command lines (minutes)"
	@echo "make bench   time the package"
	@echo "make clean   remove .venv and caches (saved runs stay)"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; say which one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (once; takes a few minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	@touch $@

demo: $(INSTALLED)
	$(BIN)/learning-effort run gain-mnist --seeds 1 --out $(DEMO)
	@echo "The figure and the saved run are in $(DEMO):" && ls $(DEMO)

test: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/mypy
	$(BIN)/interrogate --quiet
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore=tests/test_types.py $(PYTEST_ARGS)
	$(BIN)/python -m pytest -n 2 --dist loadfile --jaxtyping-packages=learning_effort,beartype.beartype $(TYPED)

fuzz: $(INSTALLED)
	$(BIN)/python -m tests.fuzz

bench: $(INSTALLED)
	@$(BIN)/python -c 'import casadi' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test,bench]" || \
	  echo "CasADi could not be installed; its line of the table will say so." >&2
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
