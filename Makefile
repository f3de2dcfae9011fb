# Everything that a fresh clone needs; `make help` lists the targets.
# PYTHON=/path/to/python picks the interpreter (3.11 or newer).

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --only-binary=:all:
PYTHON ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint unit check accept bench clean

help:
	@echo "make demo    fit the airway study, test dexamethasone, prove the fit"
	@echo "make test    install what the tests need (R included), then lint, types and all tests"
	@echo "make lint    style, format and types only"
	@echo "make accept  the full-size acceptance lists, with their numbers"
	@echo "make bench   time, memory and accuracy beside other engines, into docs/benchmarks.md"
	@echo "make clean   remove what make and the tests created"

$(VENV)/made:
	tools/make_venv.sh $(VENV) $(PYTHON)
	touch $@

# Wheels only: nobody needs a compiler. Editable, so that a changed source is the one that runs.
$(VENV)/installed: $(VENV)/made pyproject.toml
	$(PIP) --editable .
	touch $@

$(VENV)/test-installed: $(VENV)/installed
	$(PIP) --editable ".[test,lint,dask,zarr]" hatchling
	touch $@

$(VENV)/r-installed: tools/install_r.sh | $(VENV)/made
	tools/install_r.sh
	touch $@

demo: $(VENV)/installed
	$(BIN)/countglm demo

lint: $(VENV)/test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The kernels are plain Python too: the unit tests run without the compiler first.
test: lint $(VENV)/r-installed
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest tests/unit
	COUNTGLM_REQUIRE_R=1 $(BIN)/python -m pytest

accept: $(VENV)/test-installed
	$(BIN)/python -m pytest -s tests/accept

bench: $(VENV)/test-installed
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist countglm-demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
