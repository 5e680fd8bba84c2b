# Two commands do all the set-up: `make run` and `make test`. `make help` lists the rest.

PORT ?= 7860
HOST ?= 127.0.0.1
# The first of these that runs and is Python 3.11 or newer.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEVELOPMENT := $(VENV)/.development-installed

.DEFAULT_GOAL := help
.PHONY: help run build test check fix bench browser screenshots peers clean

help:
	@echo "make run          set up, bring the index up to date, serve the page (PORT=$(PORT))"
	@echo "make test         set up, then format check, lint, types and tests"
	@echo "make build        bring the index up to date"
	@echo "make check        the checks alone;  make fix  writes what can be mended"
	@echo "make bench        is anything slower than the committed ratios say? (two minutes)"
	@echo "make screenshots  take the pictures of the README and docs/ again"
	@echo "make peers        measure beside other tools (EVAL=folder of sets in BEIR form)"
	@echo "make clean        remove the environment and the index, never the corpus"

run: $(RUNTIME)
	@exec $(BIN)/python -m qa_app serve --build --host $(HOST) --port $(PORT)

build: $(RUNTIME)
	@$(BIN)/python build_index.py

test: $(DEVELOPMENT) browser check

check:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

fix: $(DEVELOPMENT)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(RUNTIME)
	@$(BIN)/python benchmarks/bench.py $(if $(WRITE),--write)

# torch goes first and alone: a CPU build is chosen then, where one is to be had.
$(RUNTIME): constraints.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "qa_app needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing (once; a few minutes) …"
	@$(BIN)/python -m pip install -qq -c constraints.txt torch
	@$(BIN)/python -m pip install -qq -c constraints.txt -e .
	@touch $@

$(DEVELOPMENT): $(RUNTIME)
	@$(BIN)/python -m pip install -qq -c constraints.txt -e '.[dev]'
	@touch $@

# The browser tests drive the system's Chromium; as root on Debian or Ubuntu it is installed here.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || { \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium …"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; \
	else \
		echo "The browser tests need Chromium. Install it (Debian, Ubuntu: sudo apt-get install chromium), then run make test again." >&2; exit 1; \
	fi; }

# The peers live in an environment of their own, outside the project: make peers EVAL=folder-of-sets
PEERS ?= /tmp/qa_app-peers
PEERS_READY := $(PEERS)/.installed

peers: $(DEVELOPMENT) $(PEERS_READY)
	@test -d "$(EVAL)" || { echo "Say where the sets are: make peers EVAL=folder-of-sets" >&2; exit 1; }
	$(BIN)/python benchmarks/peers/compare.py $(EVAL) $(PEERS)/bin/python $(PEERS)/work

$(PEERS_READY): benchmarks/peers/requirements.txt
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@echo "Installing the peers into $(PEERS) (once; some minutes) …"
	@$(PEERS)/bin/python -m pip install -qq -c constraints.txt torch
	@$(PEERS)/bin/python -m pip install -qq -r benchmarks/peers/requirements.txt
	@touch $@

screenshots: $(DEVELOPMENT) browser
	$(BIN)/python docs/make_screenshots.py

clean:
	rm -rf $(VENV) index/generations index/CURRENT index/LOCK .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
