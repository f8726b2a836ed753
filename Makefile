# Every verb that a contributor needs. Each sets up what it needs by itself: start with `make demo`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
# One more than two cores: a test against a control plane waits for most of its time.
WORKERS ?= 3
PEERS := .bench-peers
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format versions fast test-chart e2e bench bench-load bench-updates bench-peers bench-scale chaos mutants crd lock image dist version release-dry-run release-state clean

help:  ## list these verbs
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[1m%-15s\033[0m %s\n", $$1, $$2}'

setup: $(STAMP)  ## make the virtual environment with everything in it

$(STAMP): requirements-dev.lock pyproject.toml tools/setup.sh
	@tools/setup.sh $(PYTHON) $(VENV)
	@touch $@

demo: $(STAMP)  ## the main job at once: simulated Socrata, real PostgreSQL, load, change, update
	@$(BIN)/socratasync demo

test: $(STAMP)  ## the whole suite: units, real PostgreSQL, real HTTPS, a real Kubernetes control plane
	@tools/test_programs.sh
	@$(BIN)/python tests/cluster/programs.py api kstatus
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder

versions: $(STAMP)  ## the pipeline's tests on PostgreSQL 14 to 18 (needs npm)
	@tools/test_programs.sh
	@tools/postgres_versions.sh $(BIN)/python

fast: $(STAMP)  ## only what needs neither a database nor a control plane
	$(PYTEST) -q tests/unit tests/packaging

lint: $(STAMP)  ## ruff, mypy --strict, the import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## let ruff format and mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test-chart: $(STAMP)  ## the Helm chart and the alerts, with helm and promtool (built once)
	@$(BIN)/python tests/cluster/programs.py api chart rules
	$(PYTEST) tests/chart

e2e: $(STAMP)  ## a real node: image, operator, Jobs, PostgreSQL (root on Linux, or KUBECONFIG)
	@tests/e2e/prepare.sh
	@$(BIN)/python tests/cluster/programs.py $(if $(KUBECONFIG),api chart,api node chart)
	$(PYTEST) tests/e2e

bench: bench-load bench-updates bench-scale  ## speed and memory, measured and asserted; results in bench-results/

bench-load: $(STAMP)  ## a million rows against psql's \copy
	$(BIN)/python tests/bench/load.py

bench-updates: $(STAMP)  ## a night's update of a million rows, and a night without a change, beside the same by hand
	$(BIN)/python tests/bench/updates.py

bench-peers: $(STAMP)  ## another loader beside this one, for comparison: asserts nothing, and is no part of bench
	@test -x $(PEERS)/bin/dlt || { $(PYTHON) -m venv $(PEERS) && $(PEERS)/bin/pip install --quiet "dlt[postgres]==1.31.0"; }
	$(BIN)/python tests/bench/peers.py --python $(PEERS)/bin/python

bench-scale: $(STAMP)  ## 1,000 and 10,000 SocrataSyncs against a real API server
	@$(BIN)/python tests/cluster/programs.py api
	$(BIN)/python tests/bench/scale.py

chaos: $(STAMP)  ## the property tests at length, the kill tests at every step, all runs by both interfaces
	@tools/test_programs.sh
	HYPOTHESIS_PROFILE=chaos $(PYTEST) -n $(WORKERS) --dist loadfile tests/unit
	$(PYTEST) -n $(WORKERS) --dist loadfile --interface both tests/postgres tests/bad_inputs
	HYPOTHESIS_PROFILE=chaos $(PYTEST) -n $(WORKERS) --dist loadfile --interface both tests/chaos

mutants: $(STAMP)  ## which changes of what decides no test notices; MUTANTS=--changed, or --record and modules
	$(BIN)/python -m tests.mutants $(MUTANTS)

crd: $(STAMP)  ## write crds/ and the pages made from it anew, and the version wherever it stands
	$(BIN)/python -m tools.release.version
	$(BIN)/socratasync crd > crds/socratasyncs.yaml
	$(BIN)/python helm/copy_crd.py
	$(BIN)/python helm/readme.py
	$(BIN)/python helm/dashboard.py
	$(BIN)/python docs/reference.py

lock: $(STAMP)  ## pin every dependency with its hash
	tools/lock.sh $(BIN)/uv

image:  ## the container image, with whatever builds images here
	$${IMAGE_BUILDER:-docker} build -t socratasync:dev .

dist: $(STAMP)  ## wheel and sdist
	$(BIN)/python -m hatchling build

version: $(STAMP)  ## begin a version, as in VERSION=1.2.3: the package, CHANGELOG.md, all that says it
	$(BIN)/python -m tools.release.version "$(VERSION)"
	$(MAKE) crd

release-dry-run: $(STAMP)  ## all of a release but its publishing, into dist/ (root on Linux); TAG=v1.2.3 for a release
	@tools/release/prepare.sh
	@$(BIN)/python tests/cluster/programs.py chart sbom
	$(BIN)/python -m tools.release $(if $(TAG),--tag $(TAG))
	$(PYTEST) tests/release

release-state: $(STAMP)  ## keep what this version leaves in a cluster and a database, for tests of upgrades from it
	@$(BIN)/python tests/cluster/programs.py api
	$(PYTEST) -q tests/releases/freeze.py

clean:  ## remove what these verbs made
	rm -rf $(VENV) $(PEERS) dist bench-results .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
