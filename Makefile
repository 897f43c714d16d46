.DEFAULT_GOAL := help
.PHONY: help up down status ledger resume call matrix scenarios test prove fuzz tools web generate lint api-lint breaking bench lock client-go client-python client-typescript clean
# With -j, `make clean up` would do both at once.
.NOTPARALLEL:
# Make would run `$(shell …)` in a variable of its command line. Each stays text, and recipes read it as "$$NAME".
$(foreach name,$(.VARIABLES),\
  $(if $(filter command,$(origin $(name))),$(eval override export $(name) := $$(value $(name)))))
# What recipes start gets these variables of the environment and no others, as in mesh/local/environment.py: PIP_USER=1,
# PYTHONPATH, or GIT_DIR in a git hook would change what a target does.
override INHERITED := PATH HOME USER LOGNAME SHELL TMPDIR TZ LD_LIBRARY_PATH LANG LANGUAGE LC_% TERM COLORTERM COLUMNS \
  LINES NO_COLOR FORCE_COLOR MESH_% XDG_CACHE_HOME XDG_STATE_HOME %_PROXY %_proxy SSL_CERT_FILE SSL_CERT_DIR \
  REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NETRC GOPROXY GONOPROXY GOPRIVATE GOINSECURE GOSUMDB GONOSUMDB GOAUTH GOENV \
  PIP_CONFIG_FILE PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_NO_INDEX PIP_FIND_LINKS PIP_CERT PIP_CLIENT_CERT \
  PIP_TRUSTED_HOST PIP_PROXY PIP_TIMEOUT PIP_DEFAULT_TIMEOUT PIP_RETRIES PIP_CACHE_DIR PIP_KEYRING_PROVIDER
# What targets take, and what determines which Python `python3` is.
override SETTINGS := AGAINST ARGS FORMAT FUZZ_MESSAGES JSON KEYWORDS METHOD ORDER PYTHON CI PYENV_% ASDF_% MISE_%
override FOREIGN := $(foreach name,$(.VARIABLES),$(if $(filter environment,$(origin $(name))),$(name)))
unexport $(filter-out $(INHERITED) $(SETTINGS),$(FOREIGN))
override BIN := .venv/bin
# The same settings of pip in its configuration files.
override PIP := PIP_USER=0 PIP_TARGET= PIP_PREFIX= $(BIN)/python -m pip --quiet --disable-pip-version-check
override VENV := .venv/.made
# Starts a program with the words of ARGS as its last arguments. The shell must not see them, and workers of pytest-xdist
# ignore paths in PYTEST_ADDOPTS. Paths in ARGS replace testpaths.
override WITH_ARGS := $(BIN)/python -c 'import os, shlex, sys; words = shlex.split(os.environ.get("ARGS", "")); \
  os.execv(sys.argv[1], sys.argv[1:] + words)'

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' Makefile

# Each target that needs Python depends on this one.
$(VENV): requirements.lock pyproject.toml services/pyproject.toml proto/pyproject.toml
	@"$${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or newer: make PYTHON=<path>")'
	"$${PYTHON:-python3}" -m venv .venv
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable proto --editable services --editable .
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
	@$(BIN)/mesh resume -- "$$ORDER"

call: $(VENV) ## Call a method as the operator: METHOD=<package>.<Service>/<Method> JSON='{…}'
	@$(BIN)/mesh call -- "$$METHOD" "$$JSON"

matrix: $(VENV) ## Call every method as every caller, and compare each result with the contracts
	@$(BIN)/mesh matrix

scenarios: $(VENV) tools ## Run every scenario, and chaos, on a separate mesh; show the figure that each reached
	@$(WITH_ARGS) $(BIN)/pytest -m "" -o testpaths="tests/mesh/scenarios tests/mesh/test_chaos_experiments.py"

test: $(VENV) tools ## Run the tests that guard every change, in about 12 minutes; ARGS=<path> or ARGS="-k word" picks some
	@$(WITH_ARGS) $(BIN)/pytest -n 2

prove: $(VENV) tools ## Prove every claim, in about two hours; writes proof/report.md and proof/junit.xml
	@FUZZ_MESSAGES="$${FUZZ_MESSAGES:-10000}" $(WITH_ARGS) $(BIN)/pytest -n 2 \
	  -m "prove or scenarios or postgresql or fuzz" --proof proof --junitxml proof/junit.xml

fuzz: $(VENV) ## Send 10,000 generated requests to every method; FUZZ_MESSAGES=<another number>
	@FUZZ_MESSAGES="$${FUZZ_MESSAGES:-10000}" $(BIN)/pytest -m "" -s -k "$${KEYWORDS:-sqlite}" tests/services/test_fuzz.py

tools: $(VENV) ## Build the mesh's tools that are missing, and list all with their versions
	@$(BIN)/mesh tools

web: $(VENV) ## Check and build the storefront from services/*/web, and serve it if the mesh runs
	@$(BIN)/mesh web

generate: $(VENV) ## Generate code, policies, alerts and dashboards from proto/
	@$(BIN)/python tools/generate.py

lint: $(VENV) ## Check format, style and types of code, pages and contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code proto
	$(BIN)/python -m tools.openapi_lint mesh/istio/contracts/openapi.json
	$(BIN)/mesh web --check

api-lint: $(VENV) ## Compare what Google's API linter finds in the contracts with the list of exceptions
	@$(BIN)/python -m tools.api_linter

breaking: $(VENV) ## Name what breaks callers since the last release; AGAINST=<revision or folder>, FORMAT=json|sarif|github
	@$(BIN)/python -m tools.breaking --format "$${FORMAT:-text}" -- "$$AGAINST"

client-typescript: $(VENV) ## Build the TypeScript client in clients/typescript
	@$(BIN)/python -m tools.clients typescript

client-go: $(VENV) ## Build the Go client in clients/go
	@$(BIN)/python -m tools.clients go

client-python: $(VENV) ## Build the Python client in clients/python
	@$(BIN)/python -m tools.clients python

bench: $(VENV) tools ## Measure what the services and the mesh cost, in ratios; ARGS=read picks a group, ARGS=--help lists them
	@$(BIN)/python -m bench "$$ARGS"

lock: ## Pin the dependencies of the three distributions and of the Python client, by hash (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --all-extras \
	  --no-emit-package grpc-mesh-contracts --custom-compile-command "make lock" --output-file requirements.lock \
	  pyproject.toml services/pyproject.toml proto/pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --all-extras \
	  --constraint requirements.lock --custom-compile-command "make lock" --output-file clients/python/requirements.lock \
	  proto/pyproject.toml clients/python/requirements.in

clean: down ## Remove the mesh's data, keys and logs, and what was installed into this checkout
	@[ ! -x $(BIN)/mesh ] || $(BIN)/mesh down --purge
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf clients/*/.venv clients/*/dist clients/*/gen clients/*/node_modules
	rm -rf tools/api_linter/dist tools/openapi_lint/node_modules
	rm -rf services/storefront/web/gen services/storefront/web/node_modules
