PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
BUILD := setup.py pyproject.toml $(wildcard csrc/*)

.PHONY: verify verify-all test lint bench gpu clean

verify: $(VENV)/.built
	$(RUN)/hatact verify hong2022 --quick

verify-all: $(VENV)/.built
	$(RUN)/hatact verify

test: $(VENV)/.built
	$(RUN)/python -m pytest

lint: $(VENV)/.built
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

bench: $(VENV)/.built
	$(RUN)/python -m bench

# On a CUDA machine without network: the system's Python and torch, pytest and numpy.
gpu:
	$(PYTHON) -m bench.gpu

$(VENV)/.installed: requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "hatact needs Python >= 3.10; got " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

# Built against the torch of this environment: no build isolation.
$(VENV)/.built: $(VENV)/.installed $(BUILD)
	$(RUN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) build out *.egg-info hatact/*.so
