# The two commands that matter: `make demo PROMPT="…"` draws a picture, `make test` passes the tests.
# Both install what they need into .venv first; `make help` lists the rest.

PYTHON ?= python3
PROMPT ?= a blue star on a yellow background
OUT ?= picture.png
N ?= 400

BIN := .venv/bin
INSTALLED := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help setup demo up test check eval format generate chart lock images clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(INSTALLED) ## Install everything, pinned by hash, into .venv

# uv is pinned in the constraints like everything else; pip only fetches uv.
$(INSTALLED): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PicShapes needs Python 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@awk '/^uv==/ {on = 1; print; next} /^[^ ]/ {on = 0} on' constraints.txt > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@echo "Installing the pinned packages (about 3 GB the first time, most of it PyTorch)"
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --require-hashes -r constraints.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## Draw PROMPT into OUT: starts everything, generates, stops
	@$(BIN)/picshapes demo "$(PROMPT)" --out "$(OUT)"

up: setup ## Run everything on this machine until Ctrl-C
	@$(BIN)/picshapes up

test: setup ## Run all tests
	@$(BIN)/pytest

check: setup ## Lint, types, import rules, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format" >&2; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m picshapes_crds.generate --check
	@$(BIN)/python -m picshapes_cli.settings_page --check
	@cd charts && ../$(BIN)/python -m chart_source.generate --check

eval: setup ## Measure the demo weights on N held-out prompts a cell (hours with the default 400)
	@cd worker && OMP_WAIT_POLICY=passive ../$(BIN)/python -W ignore -m training.goals --n $(N)

format: setup ## Format the code and mend what the linter can
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

generate: setup chart ## Write anew what is made from the types: the YAML in crds/, parts of the chart
	@$(BIN)/python -m picshapes_crds.generate
	@$(BIN)/python -m picshapes_cli.settings_page

chart: setup ## Write the chart's values.yaml, schema and README anew from charts/chart_source
	@cd charts && ../$(BIN)/python -m chart_source.generate

lock: setup ## Pin the newest versions that pyproject.toml allows
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header \
		--python-version 3.11 --all-extras --group dev pyproject.toml -o constraints.txt

# BUILDER: docker, or buildah; BUILD_FLAGS: e.g. --build-arg BASE_IMAGE=…
BUILDER ?= docker
BUILD_FLAGS ?=
REGISTRY ?= localhost
TAG ?= dev
TARGETS ?= control worker store

images: ## Build the chart's images with BUILDER (docker, buildah) as REGISTRY/picshapes-*:TAG, and list them
	@for target in $(TARGETS); do \
		$(BUILDER) build $(BUILD_FLAGS) --target $$target -t $(REGISTRY)/picshapes-$$target:$(TAG) . || exit 1; done
	@$(BUILDER) images | grep -E 'REPOSITORY|$(REGISTRY)/picshapes-'

clean: ## Remove the environment and caches of the checkout
	rm -rf .venv .pytest-kind .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
