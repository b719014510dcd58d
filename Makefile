# Each target does the set-up that it needs: .venv with everything in it, and a mongod that starts.
#
#   make demo ARGS="--size 500 --app"      make test ARGS="-k embedded"      make setup PYTHON=python3.12

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup browser demo test trust audit lint fmt bench clean

# Where this is set, each of the hundreds of processes of a test run would compile FiftyOne anew, some seconds each.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# Newest first, of those that syncd is tested with; then whatever python3 is.
PYTHONS := $(PYTHON) python3.13 python3.12 python3.11 python3.10 python3
USABLE := import sys, venv, ensurepip, ssl, sqlite3, ctypes; sys.exit(sys.version_info < (3, 10))

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## create or mend .venv (the other targets do it by themselves)
	@$(BIN)/python -m tools.setup_env --check 2>/dev/null || { \
	  for python in $(PYTHONS); do \
	    if "$$python" -c '$(USABLE)' >/dev/null 2>&1; then exec "$$python" -m tools.setup_env; fi; \
	  done; \
	  echo "error: no usable Python 3.10 or newer among: $(PYTHONS)" >&2; \
	  echo "Install one with its venv module (Debian, Ubuntu: apt install python3-venv), or name it: make PYTHON=..." >&2; \
	  exit 1; }

browser: ## install Debian's Chromium, which the tests of the App look through (as root)
	apt-get update && apt-get install --yes --no-install-recommends chromium

demo: setup ## two sides, edited by hand, come into agreement (ARGS="--size 500 --app")
	@$(BIN)/syncd demo $(ARGS)

# Two tests of one file stay together: they share what is dear to build. One worker more than cores, because many a test
# waits for a server; the order is that of tests/conftest.py.
WORKERS := $(shell cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((cores < 4 ? cores + 1 : 4)))

test: setup ## run the tests (ARGS="-k name")
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

trust: setup ## try in full what the tests of trust try in short: an hour or so (ARGS=FILE)
	@$(BIN)/python -m tools.trust $(ARGS)

audit: setup ## look for known vulnerabilities in the dependencies (ARGS=--if-reachable)
	@$(BIN)/python -m tools.dependency_audit $(ARGS)

lint: setup ## ruff, and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict

fmt: setup ## format, and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## run the benchmarks (ARGS="--labels 100000")
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove .venv and everything that can be made again
	@rm -rf .venv .venv.discarded build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
