# Everything that a fresh clone needs; `make help` lists the targets.
# PYTHON=/path/to/python picks the interpreter (3.11 or newer).

VENV := .venv
BIN := $(VENV)/bin
INSTALL := python -m pip --disable-pip-version-check install --quiet --only-binary=:all:
PYTHON ?=
# Test files side by side: much of the time one waits for a process of its own, R above all.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test lint r-check docs accept bench clean

help:
	@echo "make demo    fit the airway study, test dexamethasone, prove the fit"
	@echo "make test    install what the tests need (R included), then lint, types and all tests"
	@echo "make lint    style, format and types only"
	@echo "make r-check build and check the R package, with its tests"
	@echo "make docs    run the cells of the documentation and build its pages: build/docs/index.html"
	@echo "make accept  the full-size acceptance lists, with their numbers"
	@echo "make bench   time, memory and accuracy beside other engines, into docs/benchmarks.md"
	@echo "make clean   remove what make and the tests created"

$(VENV)/made:
	.ci/make_venv.sh $(VENV) $(PYTHON)
	touch $@

# Wheels only: nobody needs a compiler. Editable, so that a changed source is the one that runs.
$(VENV)/installed: $(VENV)/made pyproject.toml
	$(BIN)/$(INSTALL) --editable .
	touch $@

$(VENV)/test-installed: $(VENV)/installed
	$(BIN)/$(INSTALL) --editable ".[test,lint,dask,zarr]" hatchling
	touch $@

$(VENV)/r-installed: .ci/install_r.sh | $(VENV)/made
	.ci/install_r.sh
	touch $@

$(VENV)/docs-installed: $(VENV)/installed
	$(BIN)/$(INSTALL) --editable ".[docs]"
	touch $@

$(VENV)/browser-installed: .ci/install_browser.sh | $(VENV)/made
	.ci/install_browser.sh
	touch $@

# rpy2 has no wheel for Linux. In this mode it builds without a compiler and runs with every R.
$(VENV)/rpy2-installed: $(VENV)/test-installed $(VENV)/r-installed
	RPY2_CFFI_MODE=ABI $(BIN)/$(INSTALL) --no-binary=rpy2-rinterface --editable ".[r]"
	touch $@

demo: $(VENV)/installed
	$(BIN)/countglm demo

lint: $(VENV)/test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The kernels are plain Python too: the unit tests run without the compiler first.
test: lint $(VENV)/rpy2-installed $(VENV)/docs-installed $(VENV)/browser-installed
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest $(PARALLEL) tests/unit
	COUNTGLM_REQUIRE_R=1 COUNTGLM_REQUIRE_BROWSER=1 $(BIN)/python -m pytest $(PARALLEL)
	$(MAKE) --no-print-directory r-check
	$(MAKE) --no-print-directory docs

# Built and checked in a temporary folder, by the Python and countglm of this one.
r-check: $(VENV)/test-installed $(VENV)/r-installed
	.ci/check_r_package.sh $(BIN)/python

# A warning is an error. Compiling first keeps its notice out of the cells' output. With
# PAGE=tutorials/airway one page is built alone, for its author; its links to others lead nowhere.
docs: $(VENV)/docs-installed
	$(BIN)/countglm precompile >/dev/null
ifdef PAGE
	$(BIN)/python -m sphinx -q -b html -D root_doc=$(PAGE) -D include_patterns=$(PAGE).md docs build/docs-page
else
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs
endif

# COUNTGLM_TEST_DATA names the folder of studies that are not embedded; without it they are not run.
accept: $(VENV)/test-installed
	$(BIN)/python tests/accept/run.py

# Other engines live in an environment of their own: they may ask for other versions. One that
# cannot be installed here is named in the tables, with the reason.
$(VENV)/bench-installed: pyproject.toml benchmarks/peers.py | $(VENV)/made
	.ci/make_venv.sh $(VENV)/bench $(BIN)/python
	$(VENV)/bench/bin/$(INSTALL) --editable .
	$(VENV)/bench/bin/python benchmarks/peers.py $(VENV)/bench/bin/python
	touch $@

# COUNTGLM_TEST_DATA names the folder of studies that are not embedded; without it they are left
# out of the pipelines.
bench: $(VENV)/bench-installed $(VENV)/r-installed
	$(VENV)/bench/bin/python benchmarks/kernel_pass.py
	$(VENV)/bench/bin/python benchmarks/startup.py
	$(VENV)/bench/bin/python benchmarks/profile.py
	$(VENV)/bench/bin/python benchmarks/memory.py
	$(VENV)/bench/bin/python benchmarks/scaling.py
	$(VENV)/bench/bin/python benchmarks/run.py
	$(VENV)/bench/bin/python benchmarks/pipelines.py
	$(VENV)/bench/bin/python benchmarks/pydeseq2_backend.py
	$(VENV)/bench/bin/python benchmarks/crossing.py
	$(VENV)/bench/bin/python benchmarks/reconditioning.py
	$(VENV)/bench/bin/python benchmarks/million.py
	$(VENV)/bench/bin/python benchmarks/convergence.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist countglm-demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
