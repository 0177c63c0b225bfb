# zfs_replicate: what a developer types. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
PREFIX ?= /usr/local
DESTDIR ?=
DEB ?= dist
.PHONY: help install uninstall deb demo test test-unit test-packaging test-deb test-lab test-versions test-transports
.PHONY: transcripts
.PHONY: coverage mutants exhaust soak fuzz lock audit bench bench-full check release format lab clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.ready ## show the main job on real OpenZFS
	@PYTHON=$(CURDIR)/$(BIN)/python demo/run

test: test-unit test-packaging test-lab ## run all tests: the fast ones, then those on real OpenZFS

test-unit: $(VENV)/.ready ## run the fast tests
	@echo "== unit tests"
	@$(BIN)/python -m pytest -q -n auto --dist worksteal tests/simulator tests/unit tests/contract

test-packaging: $(VENV)/.ready ## install it in several ways, and check man page, completion and units
	@echo "== packaging"
	@tests/make-tools mandoc zsh systemd-analyze:systemd
	@$(BIN)/python -m pytest -q tests/packaging --ignore=tests/packaging/test_debian.py

test-deb: $(VENV)/.ready ## build the Debian package and look into it
	@$(BIN)/python -m pytest -q tests/packaging/test_debian.py

test-lab: $(VENV)/.ready ## run the tests on real OpenZFS, in the lab (ARGS: what pytest gets)
	@echo "== tests on real OpenZFS; the first time the lab is built, which takes about ten minutes"
	@PYTHON=$(CURDIR)/$(BIN)/python tests/lab/run $(ARGS)

test-versions: $(VENV)/.ready ## run the lab tests on OpenZFS 2.1 and 2.3 too
	@for variant in 2.1 2.3; do ZFS_LAB_VARIANT=$$variant PYTHON=$(CURDIR)/$(BIN)/python tests/lab/run $(ARGS) || exit 1; done

test-transports: $(VENV)/.ready ## put the whole fault matrix through OpenSSH's client too
	@ZFS_REPLICATE_TRANSPORT=openssh PYTHON=$(CURDIR)/$(BIN)/python tests/lab/run tests/lab/test_faults_*.py

transcripts: ## replay the main situations in the lab and write docs/transcripts.md
	@$(MAKE) --no-print-directory test-lab ARGS=tests/lab/test_transcripts.py

coverage: $(VENV)/.ready ## measure what the fast tests run of each room; fails where actions is below its floor
	@$(BIN)/python -m pytest -q -n auto --dist worksteal --cov --cov-report= --cov-report=json:.coverage.json \
		tests/simulator tests/unit tests/contract
	@$(BIN)/python -m tests.support.coverage_by_room .coverage.json

mutants: $(VENV)/.ready ## break the program in many ways and see that the fast tests notice
	@$(BIN)/python -m tests.mutants

soak: $(VENV)/.ready ## take a million random steps (STEPS), each time others; half an hour on two cores
	@ZFS_REPLICATE_STEPS=$(or $(STEPS),1000000) $(BIN)/python -m pytest -q -n auto -p no:logging \
		tests/simulator/test_state_machine.py

exhaust: $(VENV)/.ready ## try all histories of a small mirror in ten minutes (SECONDS, DEPTH, JOBS); writes docs/reliability.md
	@$(BIN)/python -m tests.exhaust

fuzz: $(VENV)/.ready ## throw hostile commands at the gate and print figures (EXAMPLES, SECONDS)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris 2>/dev/null || true
	@EXAMPLES=$(or $(EXAMPLES),20000) SECONDS=$(or $(SECONDS),60) $(BIN)/python -m tests.fuzz_gate

bench: $(VENV)/.bench ## measure beside syncoid, bzfs and zfs_autobackup, in under 10 minutes; writes docs/benchmarks.md
	@$(BIN)/python -m bench quick start planning bulk

bench-full: $(VENV)/.bench ## measure everything, overnight
	@$(BIN)/python -m bench trips goals curve transports links start planning bulk full

lock: ## write tests/requirements.lock anew, after a change of tests/constraints.txt
	@tests/make-lock "$(PYTHON)"

audit: $(VENV)/.ready ## check what we depend on for known vulnerabilities, if pip-audit can be installed
	@$(PYTHON) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit || \
		{ echo "pip-audit cannot be installed here: nothing was checked"; exit 0; }; \
		$(VENV)/audit/bin/pip-audit --disable-pip --require-hashes -r tests/requirements.lock

check: $(VENV)/.ready ## lint, types and fast tests, in under a minute
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -n auto tests/unit

release: ## check that this commit can be released, and print the next steps; changes and pushes nothing
	@packaging/check-release

format: $(VENV)/.ready ## let ruff lay out the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lab: $(VENV)/.ready ## build the lab (once)
	@PYTHON=$(CURDIR)/$(BIN)/python lab/build

$(VENV)/.ready: setup.cfg pyproject.toml tests/constraints.txt tests/requirements.lock
	@tests/make-venv "$(PYTHON)" "$(VENV)"
	@touch $@

install: ## install below PREFIX (/usr/local), in DESTDIR where a package is built; uninstall removes it
	@packaging/install "$(DESTDIR)" "$(PREFIX)" "$(PYTHON)"

deb: ## build the Debian package into DEB (dist/), and look it over with lintian
	@packaging/make-deb "$(DEB)"

uninstall:
	@packaging/uninstall "$(DESTDIR)" "$(PREFIX)"

$(VENV)/.bench: $(VENV)/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@

clean: ## remove the virtual environment and caches (the lab stays)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
