# Every target makes the local environment it needs; nothing outside this folder is touched.
#   PYTHON=python3.12   the interpreter that makes .venv
#   ARGS="..."          handed on: make demo ARGS="--epochs 2", make test ARGS="-k linear"

PYTHON ?= python3
ARGS ?=
PARITY ?= parity.py
TORCH_PYTHON ?=

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN := $(BIN)/python
LOCK := requirements.lock
USER_READY := $(VENV)/.user-ready
DEV_READY := $(VENV)/.dev-ready
# what does not depend on the width of vectors is left out
NARROW := tests/engines/cpu tests/engines/test_random_graphs.py $(addprefix --ignore=tests/engines/cpu/, \
	test_cores.py test_dump.py test_faults.py test_pool.py test_targets.py test_cache.py)
WORKERS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)

.DEFAULT_GOAL := help
.PHONY: help demo test widths fuzz lint format bench parity docs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(USER_READY) ## train a small network on real handwritten digits
	@$(RUN) -m rushlight.cli demo $(ARGS)

test: $(DEV_READY) ## run every test, the examples in docstrings and in the guide included
	@$(RUN) -m pytest -n $(WORKERS) $(ARGS)

widths: $(DEV_READY) ## the CPU engine's tests with each kind of vectors narrower than this machine's
	@for width in $$($(RUN) -c "from rushlight.engines.cpu import machine; print(*machine.widths()[:-1])"); do \
		echo "== $$width"; RUSHLIGHT_VECTOR=$$width $(RUN) -m pytest -q -n $(WORKERS) $(NARROW) || exit 1; done

fuzz: $(DEV_READY) ## random graphs on both engines: make fuzz ARGS="--minutes 10 --seed 1"
	@$(RUN) -m tests.engines.fuzz $(ARGS)

lint: $(DEV_READY) ## check style, types and sizes; changes nothing
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(RUN) tools/check_size.py

format: $(DEV_READY) ## put the code into the project's form
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

bench: $(DEV_READY) ## run the programs in benchmarks/, or one: make bench ARGS=benchmarks/recording.py
	@for program in $(or $(ARGS),$(wildcard benchmarks/[a-z]*.py)); do \
		echo "== $$program"; $(RUN) $$program || exit 1; done

parity: $(DEV_READY) ## compare with PyTorch's own samples: PARITY=parity.py TORCH_PYTHON=python-with-torch
	@test -f "$(PARITY)" || { echo "No file '$(PARITY)'. Say where it is: make parity PARITY=..."; exit 2; }
	@test -n "$(TORCH_PYTHON)" || { echo "Which Python has torch? make parity TORCH_PYTHON=..."; exit 2; }
	PYTHONPATH="$(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))" \
		"$(TORCH_PYTHON)" "$(PARITY)" --impl rushlight $(ARGS)

docs: $(DEV_READY) ## run every example in README.md and docs/, and check their links
	@$(RUN) -m pytest tests/docs $(ARGS)

clean: ## remove the environment and everything that was built or cached
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------------ the environment

# A half-made environment (no pip) or one whose Python has gone is made anew.
define MAKE_VENV
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Rushlight needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one, for example: make demo PYTHON=python3.12"; exit 1; }
	@$(RUN) -m pip --version >/dev/null 2>&1 || { \
		echo "Making $(VENV) ..."; $(PYTHON) -m venv --clear $(VENV); }
endef

define INSTALL
	@echo "Installing $(1) into $(VENV) ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c $(LOCK) -e "$(1)"
	@touch $@
endef

$(USER_READY): pyproject.toml $(LOCK)
	$(MAKE_VENV)
	$(call INSTALL,.[plots])

$(DEV_READY): pyproject.toml $(LOCK)
	$(MAKE_VENV)
	$(call INSTALL,.[dev])
	@touch $(USER_READY)
