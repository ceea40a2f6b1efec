# What people run. `make` alone says it.

PYTEST := .venv/bin/python -m pytest

.PHONY: help setup setup-dev cloud rack check lint test clean

help:
	@echo 'make cloud   set this machine up, and a verified OpenStack on it (root)'
	@echo 'make rack    three virtual servers, from powered off to installed (root)'
	@echo 'make check   linters and unit tests, about a minute'
	@echo 'make test    all tests, a real cloud among them, under 45 minutes (root)'
	@echo 'make lint    linters alone'
	@echo 'make clean   remove what setup and tests made in this folder'

setup:
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh --development

cloud: setup
	.venv/bin/crowbar deploy --single-node
	.venv/bin/crowbar verify

# MACHINES=3 KIND=vm|container FIRMWARE=bios|uefi
rack:
	@scripts/setup.sh --rack
	@scripts/rack.sh

lint: setup-dev
	$(PYTEST) tests/test_linters.py

check: setup-dev
	$(PYTEST) -n 2 -m 'not machine and not cloud'

# The fast ones first; the coverage of all three together.
test: setup-dev
	rm -rf .cache/coverage && mkdir -p .cache/coverage
	$(PYTEST) -n 2 --cov --cov-report= -m 'not machine and not cloud'
	$(PYTEST) --cov --cov-append --cov-report= -m 'machine and not cloud'
	$(PYTEST) --cov --cov-append --cov-report= -m cloud
	.venv/bin/coverage report --fail-under=90

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .ansible build dist
