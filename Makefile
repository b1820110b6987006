# Two commands matter to a newcomer: `make run` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# npm of a machine that has one; otherwise the Node that requirements-node.lock brings from the Python registry.
NODE_PATH = $(if $(shell command -v npm),,$(CURDIR)/$(VENV)/bin:)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# ---- set-up ---------------------------------------------------------------------------------------------------------
$(VENV)/.run: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Chargehand needs Python 3.11 or newer: install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || { echo "Creating $(VENV) with $(PYTHON) …"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the locked packages (a minute or two the first time) …"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@CHARGEHAND_SKIP_CONSOLE=1 $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run requirements-test.lock
	@echo "Installing the locked test packages …"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-test.lock
	@touch $@

$(VENV)/.node: $(VENV)/.run requirements-node.lock
	@command -v npm >/dev/null || { echo "No Node here: installing the one from the Python registry …"; \
		$(BIN)/python -m pip install --quiet --require-hashes -r requirements-node.lock; }
	@touch $@

web/node_modules/.installed: web/package-lock.json $(VENV)/.node
	cd web && PATH="$(NODE_PATH)$$PATH" npm ci --no-audit --no-fund --loglevel=error
	@touch $@

WEB_SOURCES := $(shell git ls-files web 2>/dev/null | grep -v '^web/dist/')
web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	@echo "Building the console …"
	cd web && PATH="$(NODE_PATH)$$PATH" npm run --silent build
	@touch $@

.PHONY: console
console: web/dist/index.html ## Build the web console (done by run, test and build)

# ---- the two commands -----------------------------------------------------------------------------------------------
.PHONY: run
run: $(VENV)/.run web/dist/index.html ## Start everything on this machine: console, API, workers, Temporal, demo systems
	@exec $(BIN)/chargehand dev

.PHONY: test
test: lint test-web test-browser test-python ## All tests but the slow suites

# ---- parts of it ----------------------------------------------------------------------------------------------------
.PHONY: lint
lint: $(VENV)/.test ## Format, lint, types, import contracts
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyright

.PHONY: test-web
test-web: $(VENV)/.test web/dist/index.html ## Component tests of the console
	cd web && PATH="$(NODE_PATH)$$PATH" npm run --silent typecheck && PATH="$(NODE_PATH)$$PATH" npm test --silent

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { echo "Installing Chromium for the browser tests …"; \
		apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk >/dev/null; }

.PHONY: postgres
postgres:
	@test -x "$$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1)" || { echo "Installing PostgreSQL …"; \
		apt-get update -qq && apt-get install -y -qq postgresql >/dev/null; }

PARALLEL := -n auto --maxprocesses 4 --dist loadfile

# In processes of their own: Playwright's synchronous interface keeps an event loop running, which asynchronous tests
# in the same process would trip over.
.PHONY: test-browser
test-browser: $(VENV)/.test web/dist/index.html chromium ## The console in a real browser, on the real stack
	$(BIN)/python -m pytest tests/browser -m "not slow" $(PARALLEL) $(ARGS)

.PHONY: test-python
test-python: $(VENV)/.test web/dist/index.html postgres ## All other Python tests but the slow ones
	$(BIN)/python -m pytest --ignore tests/browser -m "not slow" $(PARALLEL) --no-loadscope-reorder $(ARGS)

.PHONY: chaos
chaos: $(VENV)/.test postgres ## The slow crash suites
	$(BIN)/python -m pytest -m slow tests/crash $(ARGS)

.PHONY: mutants
mutants: $(VENV)/.test ## Take every guard away, one at a time: its tests must notice (ARGS="grant. --jobs 2")
	$(BIN)/python tests/mutants/runner.py $(ARGS)

.PHONY: releases
releases: $(VENV)/.test ## 200 waiting runs through ten releases that do not fit each other
	$(BIN)/python -m pytest -m slow -s tests/behaviour/runs/test_releases.py $(ARGS)

.PHONY: slow
slow: $(VENV)/.test web/dist/index.html chromium postgres ## Every slow suite
	$(BIN)/python -m pytest -m slow $(ARGS)

.PHONY: bench
bench: $(VENV)/.test postgres ## Every benchmark with its control arm; results in benchmarks/results
	@for b in benchmarks/*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

.PHONY: bench-gateway
bench-gateway: $(VENV)/.test ## The gateway beside direct calls, reads and writes; fails when a bar is missed (quiet machine)
	$(BIN)/python benchmarks/gateway_throughput.py --seconds 10 --rounds 5 --check

.PHONY: screenshots
screenshots: $(VENV)/.test web/dist/index.html chromium ## Pictures of every page into screenshots/
	$(BIN)/python tests/browser/screenshots.py

.PHONY: build
build: $(VENV)/.test $(VENV)/.node ## Wheel and source distribution into dist/
	PATH="$(NODE_PATH)$$PATH" $(BIN)/python -m build --no-isolation --outdir dist .

.PHONY: format
format: $(VENV)/.test ## Format the Python code and mend what can be mended
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

# ---- locks (needs uv; every lock is hashed and names no host) ---------------------------------------------------------
UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"
.PHONY: lock
lock: ## Compile the lock files anew
	$(UV_COMPILE) --extra dev-server --group build pyproject.toml -o requirements.lock
	$(UV_COMPILE) --all-extras --group build --group test -c requirements.lock pyproject.toml -o requirements-test.lock
	$(UV_COMPILE) --group pyproject.toml:node -o requirements-node.lock
	@for f in connectors/chargehand_connectors/demo/*/requirements.in; do \
		$(UV_COMPILE) "$$f" -o "$${f%.in}.lock"; done

.PHONY: clean
clean: ## Remove what was built; keeps .chargehand/ (your data)
	rm -rf $(VENV) dist build web/dist web/node_modules
