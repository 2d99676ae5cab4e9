# One verb a chore; each says what it does. `make` alone lists them.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SHELL := /bin/bash

help:  ## list the verbs
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else "Hourline needs Python 3.11 or 3.12; this is %d.%d. Say which to use: make PYTHON=python3.11 setup" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.8'
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

setup: $(READY)  ## install the locked set into .venv

demo: $(READY)  ## run the main job on a simulated firm: five systems, one statement
	@$(BIN)/hourline demo

sim: $(READY)  ## serve the five simulated systems on loopback until Ctrl-C
	@$(BIN)/python -m simulators --out .hourline/simulators

lint: $(READY)  ## style, import law, SQL style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests
	cd expectations/rules && ../../$(BIN)/sqlfluff lint --disable-progress-bar .

types: $(READY)  ## mypy, strict
	$(BIN)/mypy

CHROMIUM := $(shell command -v chromium || command -v chromium-browser)

unit: $(READY)  ## the tests alone, on three processes; those marked `slow` or `erp` are left out, and `browser` where no chromium is
	@test -n "$(CHROMIUM)" || echo "No chromium here: the two tests that look at pages are left out."
	$(BIN)/pytest -n 3 --dist loadgroup --no-loadscope-reorder -m "not slow and not erp$(if $(CHROMIUM),, and not browser)" --durations 15 --durations-min 20

unit-slow: $(READY)  ## the tests marked `slow`: full size, kill -9 through the whole job
	$(BIN)/pytest -m slow

tryton: $(READY)  ## a real Tryton with a seeded firm (SERIES=8.2 for the other series); prints where it answers
	@$(BIN)/python -m tests.tryton up --series $(or $(SERIES),8.0)

erp: $(READY)  ## the tests marked `erp`, against a real Tryton 8.0 and 8.2
	$(BIN)/pytest -m "erp and not slow"

erp-short: $(READY)  ## of those, writer and source against Tryton 8.0: 200 hours through every fault
	$(BIN)/pytest -m "erp and not slow" -k "8.0" tests/conformance tests/real/test_tryton_source.py tests/real/test_tryton_writer.py

test: $(READY)  ## everything that must pass before a change lands: lint and types side by side, then unit
	@$(MAKE) --no-print-directory --output-sync --jobs 2 lint types
	@$(MAKE) --no-print-directory unit

test-url: $(READY)  ## the tests marked `warehouse` on a PostgreSQL of yours: HOURLINE_TEST_WAREHOUSE_URL=…
	@test -n "$$HOURLINE_TEST_WAREHOUSE_URL" || { echo "Set HOURLINE_TEST_WAREHOUSE_URL to a PostgreSQL >= 15 whose login may create databases and roles."; exit 2; }
	$(BIN)/pytest -n 3 --dist loadgroup --no-loadscope-reorder -m "warehouse and not slow"

screenshots: $(READY)  ## show a real night and the lineage in a headless Chromium; pictures go to docs/images
	$(BIN)/pytest -m browser --pictures=docs/images tests

bench: $(READY)  ## the figures of docs/benchmarks.md
	$(BIN)/python -m benchmarks

bench-short: $(READY)  ## the figures of delivery in short, with fixed seeds, as CI runs them
	@$(BIN)/python -m benchmarks --short

lock: $(READY)  ## resolve the lock file anew
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-header --python-version 3.11 --extra dev pyproject.toml -o requirements.lock

clean:  ## remove what was built; keeps the warehouse in .hourline
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .hypothesis dbt_project/target dbt_project/logs

.PHONY: help setup demo sim lint types unit unit-slow tryton erp erp-short test test-url screenshots bench bench-short lock clean
