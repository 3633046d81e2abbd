# Everything from a fresh machine to a running city. `make` alone lists what there is.

TERRITORY ?= helsinki
TESTS ?=
FUZZ_S ?= 900
FUZZ_EXAMPLES ?= 25
VENV := .venv
PYTHON := $(VENV)/bin/python
PYTHON_READY := $(VENV)/ready
WEB := api/web
WEB_READY := $(WEB)/vendor/manifest.json

.NOTPARALLEL:
.PHONY: help up env test fuzz lint bench stop clean lock system system-for-tests

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

up: env  ## from a fresh machine to a city on http://127.0.0.1:8000 (TERRITORY=helsinki, HORAD_PORT=8000)
	@$(VENV)/bin/horad up $(TERRITORY)

env: system $(PYTHON_READY) $(WEB_READY)  ## only make the environment ready: system packages, Python, front end

test: system-for-tests env  ## run every test (TESTS="-k tiles" for some)
	@$(PYTHON) -m pytest $(TESTS)

fuzz: system-for-tests env  ## ask all of the API for things good and bad, for long, and hold the answers to its description (FUZZ_S=900)
	@HORAD_FUZZ_S=$(FUZZ_S) HORAD_FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PYTHON) -m pytest tests/api/test_described.py

lint: env  ## check style, types and the direction of imports
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

bench: env  ## measure speed
	@set -e; for benchmark in benchmarks/*.py; do echo "$$benchmark"; $(PYTHON) "$$benchmark"; done

stop:  ## stop the service and its database
	@if [ -x $(VENV)/bin/horad ]; then $(VENV)/bin/horad stop; else echo "Nothing was ever started here"; fi

clean:  ## stop, and remove the database, the environment and the built front end
	@scripts/clean.sh

lock: $(PYTHON_READY)  ## choose the versions of all Python packages anew
	@$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --all-extras --generate-hashes \
	  --no-header --no-annotate --upgrade pyproject.toml --output-file requirements.lock
	@sed -i '/^horad /d' requirements.lock

system:
	@scripts/system-packages.sh

system-for-tests:
	@scripts/system-packages.sh --for-tests

# No recipe: when the environment's Python is gone, say after an upgrade of the system, the environment is made anew.
$(PYTHON):

$(PYTHON_READY): requirements.lock pyproject.toml $(PYTHON) | system
	@scripts/python-environment.sh $(VENV)
	@touch $@

$(WEB_READY): $(WEB)/package-lock.json $(WEB)/build.py $(WEB)/glyphs.py | $(PYTHON_READY)
	@echo "Front end: installing npm packages"
	@cd $(WEB) && npm ci --no-audit --no-fund --loglevel=error
	@echo "Front end: collecting its assets"
	@$(PYTHON) -m api.web.build
	@touch $@
