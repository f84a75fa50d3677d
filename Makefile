PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
BUILD := setup.py pyproject.toml $(wildcard csrc/*)

.PHONY: verify verify-all test test-rest test-all lint combinations random bench bench-cpu gpu gpu-prepare gpu-rehearsal clean

verify: $(VENV)/.built
	$(RUN)/hatact verify hong2022 --quick

verify-all: $(VENV)/.built
	$(RUN)/hatact verify

# The conformance of what runs natively here, and all else that is quick; test-rest: what is not.
TIERS := slow or aot or interpreter or emulated or torch_versions
WORKERS ?= 2
PYTEST = $(RUN)/python -m pytest -q -n $(WORKERS)

test: $(VENV)/.built
	$(PYTEST) -m "not ($(TIERS))"

# With the oldest torch that is declared; TORCH=all: with all that are tested, for half an hour.
TORCH ?= oldest
test-rest: $(VENV)/.built
	$(PYTEST) -m "$(TIERS)" --torch $(TORCH)

test-all:
	$(MAKE) test
	$(MAKE) test-rest TORCH=all

lint: $(VENV)/.built
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

# Which ops ran on which backend, dtype and layout, of everything: counted.
combinations: $(VENV)/.built
	set -e; folder=$$(mktemp -d); HATACT_COMBINATIONS=$$folder $(PYTEST); \
	  $(RUN)/python -m tests.support.combinations $$folder; rm -r $$folder

# Random specs by the thousand, on every instruction set that this CPU has.
random: SPECS ?= 5000
random: POINTS ?= 60
random: SEED ?= 1
random: CAPABILITIES ?= avx512 avx2 portable
random: $(VENV)/.built
	set -e; for capability in $(CAPABILITIES); do export HATACT_CPU_CAPABILITY=$$capability; \
	  if $(RUN)/python -c "from hatact.backends.extension import *; cpu_capability()" 2>/dev/null; then \
	    $(RUN)/python -m pytest -q tests/ops/test_every_path.py \
	      --specs $(SPECS) --points $(POINTS) --seed $(SEED) -k "extension or traced"; \
	  else echo "$$capability: this CPU has it not"; fi; \
	done

bench: $(VENV)/.built $(VENV)/.peers
	$(RUN)/python -m bench --minutes 30

# Regressions on this CPU: make bench-cpu ARGS=--benchmark-save=before, then --benchmark-compare.
bench-cpu: $(VENV)/.built
	$(RUN)/python -m pytest bench/test_cpu_regression.py --benchmark-only $(ARGS)

# On a CUDA machine without network, in eight minutes: the system's Python, torch, pytest and numpy.
OUT ?= out/gpu
gpu:
	$(PYTHON) -m bench.gpu --out $(OUT)

# Beforehand, without a GPU: what would cost time there, for its Python and its torch, in .gpu/.
GPU_PYTHON ?= python3.12
GPU_TORCH ?= 2.11.0
gpu-prepare:
	$(GPU_PYTHON) -m venv .gpu-venv
	PIP_CONSTRAINT=/dev/null .gpu-venv/bin/python -m pip install --quiet "torch===$(GPU_TORCH)" \
	  "setuptools>=77,<82" ninja numpy pytest pytest-xdist hypothesis
	.gpu-venv/bin/python -m bench.gpu --prepare

# Without a GPU: every stage as far as it can go.
gpu-rehearsal: $(VENV)/.built
	$(RUN)/python -m bench.gpu --dry-run --out out/gpu-rehearsal

$(VENV)/.installed: requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "hatact needs Python >= 3.10; got " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

# Packages to compare with: without those that do not install the benchmark runs too.
$(VENV)/.peers: $(VENV)/.installed bench/peers.txt
	-$(RUN)/python -m pip install --quiet --no-deps -r bench/peers.txt && touch $@

# Built against the torch of this environment: no build isolation.
$(VENV)/.built: $(VENV)/.installed $(BUILD)
	$(RUN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	touch $@

clean:
	rm -rf $(VENV) .gpu .gpu-venv build out *.egg-info hatact/*.so
