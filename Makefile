# make run, make test: everything a newcomer needs. The rest is listed by `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SHARED ?= ../shared
export SHARED

.DEFAULT_GOAL := help
.PHONY: help install run test chaos fortnight eval bench bench-ingest bench-notify faults screens lint lock docs newcomer words clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## install, then watch the sample articles until Ctrl-C
	@$(BIN)/monitor run

install: $(VENV)/.run ## install monitor into .venv

test: $(VENV)/.dev ## install, then run the tests
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup $(ARGS)

chaos: $(VENV)/.dev ## forty kills over five hundred real articles (needs SHARED)
	@$(BIN)/python -m pytest -q -s -m chaos tests/chaos

fortnight: $(VENV)/.dev ## two weeks of polling two hundred sources with bad habits, in simulated time
	@$(BIN)/python -m tests.simulation $(ARGS)

eval: $(VENV)/.dev ## how well terms find what analysts mean, on labelled data (needs SHARED)
	@$(BIN)/python -m tests.eval $(ARGS)

bench: $(VENV)/.dev ## checks by phase, hostile texts, articles a second against 10 to 10,000 watchlists (needs SHARED)
	@$(BIN)/python -m tests.bench.check
	@$(BIN)/python -m tests.bench.hostile
	@$(BIN)/python -m tests.bench.matching $(ARGS)

bench-ingest: $(VENV)/.dev .cache/reader/.made ## feeds polled a second beside lemon24/reader, and how late 10,000 sources are
	@$(BIN)/python -m tests.bench.ingest --reader .cache/reader/bin/python $(ARGS)

bench-notify: $(VENV)/.dev ## a match from the bus to its mail beside a million past alerts (ARGS=--small: a tenth)
	@$(BIN)/python -m tests.bench.notifying $(ARGS)

faults: $(VENV)/.dev ## a server and documents that misbehave in every way: outcome, seconds, peak memory
	@$(BIN)/python -m tests.bench.misbehaving
	@$(BIN)/python -m tests.bench.poison

screens: $(VENV)/.dev ## the pictures of the README, taken by Chromium
	@$(BIN)/python -m tests.screens

lint: $(VENV)/.dev ## ruff, mypy --strict, import contracts, hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/Dockerfile

lock: $(VENV)/.dev ## resolve the dependencies again, with hashes and without addresses
	$(PIP) install -qq uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/run.txt
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements/run.txt --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -q -o requirements/dev.txt

newcomer: $(VENV)/.dev ## follow the five-minute guide from git clone on, with times
	@$(BIN)/python -m tests.newcomer

docs: $(VENV)/.dev ## write the references in docs/ from the program itself
	@$(BIN)/python docs/reference.py

words: $(VENV)/.dev ## the table of how common words are, from wordfreq (WHEEL=FILE)
	@$(BIN)/python docs/words.py $(WHEEL)

clean: ## remove the environment and what a run leaves behind
	rm -rf $(VENV) var build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "monitor needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing monitor into $(VENV) (once)"
	@$(PIP) install -qq --require-hashes -r requirements/run.txt
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "installing the test tools into $(VENV) (once)"
	@$(PIP) install -qq --require-hashes -r requirements/dev.txt
	@touch $@

# What we are measured against is none of our dependencies, and lives apart. sgmllib3k: feedparser asks for it.
.cache/reader/.made:
	@echo "installing reader into .cache/reader (once)"
	@$(PYTHON) -m venv .cache/reader
	@.cache/reader/bin/python -m pip --disable-pip-version-check install -qq reader==3.26 sgmllib3k==1.0.0
	@touch $@
