# The same commands for people and for CI. `make test` needs nothing but Python ≥ 3.11.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install run test lint format bench

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml tests/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]' --constraint tests/constraints.txt
	@touch $@

run: install
	$(BIN)/artifactd serve

test: export ARTIFACTD_TEST_BIN ?= $(CURDIR)/.clients
test: install
	@tests/support/install-clients
	$(BIN)/python -m pytest --numprocesses 2 --maxschedchunk 1

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: export ARTIFACTD_TEST_BIN ?= $(CURDIR)/.clients
bench: install
	@PYTHON=$(PYTHON) benchmarks/install-peers
	$(BIN)/python -m benchmarks
