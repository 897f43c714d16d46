.DEFAULT_GOAL := help
.PHONY: help up down status ledger resume call matrix scenarios test prove fuzz tools generate lint breaking bench lock clean
PYTHON ?= python3
# With -j, `make clean up` would do both at once.
.NOTPARALLEL:
BIN := .venv/bin
# Settings of pip in the environment, such as PIP_USER=1, would prevent it from installing into .venv.
PIP := PIP_USER=0 PIP_TARGET= PIP_PREFIX= $(BIN)/python -m pip --quiet --disable-pip-version-check
VENV := .venv/.made

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Each target that needs Python depends on this one.
$(VENV): requirements.lock pyproject.toml services/pyproject.toml proto/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or newer: make PYTHON=<path>")'
	$(PYTHON) -m venv .venv
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable proto --editable services --editable .
	$(BIN)/python tools/googleapis.py
	$(BIN)/python tools/validate_proto.py
	@touch $@

up: $(VENV) ## Start the mesh (builds its tools the first time) and place an order through it
	@$(BIN)/mesh up

down: ## Stop the mesh; its data stays
	@[ ! -x $(BIN)/mesh ] || $(BIN)/mesh down

status: $(VENV) ## Show every Pod of the mesh with its memory
	@$(BIN)/mesh status

ledger: $(VENV) ## Prove that the books of all services balance, or list every mismatch
	@$(BIN)/mesh ledger

resume: $(VENV) ## Resume a parked order: ORDER=orders/<id>
	@$(BIN)/mesh resume "$(ORDER)"

call: $(VENV) ## Call a method as the operator: METHOD=<package>.<Service>/<Method> JSON='{…}'
	@$(BIN)/mesh call "$(METHOD)" '$(or $(JSON),{})'

matrix: $(VENV) ## Call every method as every caller, and compare each result with the contracts
	@$(BIN)/mesh matrix

scenarios: $(VENV) tools ## Run every scenario, and chaos, on a separate mesh; show the figure that each reached
	@$(BIN)/pytest -m "" tests/mesh/scenarios tests/mesh/test_chaos_experiments.py $(ARGS)

test: $(VENV) tools ## Run the tests that guard every change, in about 10 minutes; ARGS="-k word" picks some
	@$(BIN)/pytest -n 2 $(ARGS)

prove: $(VENV) tools ## Prove every claim, in about 50 minutes; writes proof/report.md and proof/junit.xml
	@FUZZ_MESSAGES=$(or $(FUZZ_MESSAGES),10000) $(BIN)/pytest -n 2 -m "prove or scenarios or postgresql or fuzz" \
	  --proof proof --junitxml proof/junit.xml $(ARGS)

fuzz: $(VENV) ## Send 10,000 generated requests to every method; FUZZ_MESSAGES=<another number>
	@FUZZ_MESSAGES=$(or $(FUZZ_MESSAGES),10000) $(BIN)/pytest -m "" -s -k "$(or $(KEYWORDS),sqlite)" tests/services/test_fuzz.py

tools: $(VENV) ## Build the mesh's tools that are missing, and list all with their versions
	@$(BIN)/mesh tools

generate: $(VENV) ## Generate gen/ and mesh/istio/contracts/ from proto/
	$(BIN)/buf generate

lint: $(VENV) ## Check format, style and types of code and contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code proto

breaking: $(VENV) ## Name what breaks callers since the last release; AGAINST=<another revision, or a folder>
	@$(BIN)/python -m tools.breaking "$(AGAINST)"

bench: $(VENV) ## Measure orders a second and what a commit costs, on each database, in a minute and a half
	@$(BIN)/python -m bench.orders

lock: ## Pin the dependencies of the three distributions, by hash (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --all-extras \
	  --no-emit-package grpc-mesh-contracts --custom-compile-command "make lock" --output-file requirements.lock \
	  pyproject.toml services/pyproject.toml proto/pyproject.toml

clean: down ## Remove the mesh's data, keys and logs, and what was installed into this checkout
	@[ ! -x $(BIN)/mesh ] || $(BIN)/mesh down --purge
	rm -rf .venv .googleapis .protovalidate .mypy_cache .pytest_cache .ruff_cache .hypothesis
