# make demo   the whole path on synthetic data, or on yours: make demo DEMO="--data FOLDER"
# make check  the style and type checks and the quick tests, in about two minutes
# make test   all tests
# make lint   the style and type checks
# make docs   the documentation site, in docs/_build/html
#
# Everything is installed once, into VENV; `make test VENV=/path/to/an/environment` uses one that you have already.
# PYTHON is the interpreter that a new environment is made with (3.10 or newer).

PYTHON ?= python3
VENV ?= .venv
DEMO ?=

SOURCES := pyproject.toml setup.py $(wildcard build_backend/*.p*) $(wildcard nnunetv2_cipa/native/*.[ch]pp)
PROJECT := $(VENV)/.nnunetv2_cipa
TOOLS := $(VENV)/.nnunetv2_cipa-dev
IN_VENV = . "$(VENV)/bin/activate" &&

# Threads that wait should soon sleep: where cores are few and busy, spinning ones take most of the time from those at
# work, and those that sleep at once are late.
export GOMP_SPINCOUNT ?= 10000

.DELETE_ON_ERROR:
.PHONY: help demo check test lint docs

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

demo: $(PROJECT)
	$(IN_VENV) nnUNetv2_cipa demo $(DEMO)

check: lint
	$(IN_VENV) OMP_NUM_THREADS=1 python -m pytest -m "not slow" --numprocesses auto

test: $(TOOLS)
	$(IN_VENV) OMP_NUM_THREADS=1 python -m pytest --numprocesses auto --maxprocesses 4

lint: $(TOOLS)
	$(IN_VENV) ruff check
	$(IN_VENV) ruff format --check
	$(IN_VENV) mypy

docs: $(TOOLS)
	$(IN_VENV) python -m sphinx --fail-on-warning --keep-going -q -b html docs docs/_build/html

$(VENV)/bin/python:
	$(PYTHON) -m venv "$(VENV)"

$(PROJECT): $(SOURCES) | $(VENV)/bin/python
	@echo "Installing into $(VENV). PyTorch, which nnU-Net needs, takes several GB and minutes."
	$(IN_VENV) python -m pip install --editable .
	@touch "$@"

$(TOOLS): $(SOURCES) | $(VENV)/bin/python
	@echo "Installing into $(VENV). PyTorch, which nnU-Net needs, takes several GB and minutes."
	$(IN_VENV) python -m pip install --editable ".[dev]"
	@touch "$@" "$(PROJECT)"
