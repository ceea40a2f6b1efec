# What people run. `make` alone says it.

PYTEST := .venv/bin/python -m pytest

.PHONY: help setup setup-dev cloud rack machines check lint test test-long clean

help:
	@echo 'make cloud     set this machine up, and a verified OpenStack on one virtual server, from powered off on (root)'
	@echo 'make rack      the same on three: a controller, and two that compute and store (root)'
	@echo 'make machines  three virtual servers, from powered off to installed (root)'
	@echo 'make check     linters and unit tests, about three minutes'
	@echo 'make test      all tests, a real cloud and a real cluster among them, about an hour (root)'
	@echo 'make test-long what goes wrong while a cluster is deployed, an hour (root)'
	@echo 'make lint      linters alone'
	@echo 'make clean     remove what setup and tests made in this folder'

setup:
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh --development

cloud: setup
	.venv/bin/crowbar deploy playbooks/clusters/cloud.yml --verify

rack: setup
	.venv/bin/crowbar deploy playbooks/clusters/rack.yml --verify

# MACHINES=3 KIND=vm|container FIRMWARE=bios|uefi
machines:
	@scripts/setup.sh --rack
	@scripts/machines.sh

lint: setup-dev
	$(PYTEST) tests/test_linters.py

check: setup-dev
	$(PYTEST) -n 2 -m 'not machine and not cloud'

# The fast ones first; the coverage of all four together.
test: setup-dev
	rm -rf .cache/coverage && mkdir -p .cache/coverage
	$(PYTEST) -n 2 --cov --cov-report= -m 'not machine and not cloud'
	$(PYTEST) -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-append --cov-report= -m 'machine and not cloud'
	$(PYTEST) --cov --cov-append --cov-report= -m 'cloud and not long' tests/cloud
	$(PYTEST) --cov --cov-append --cov-report= -m 'cloud and not long' tests/cluster
	.venv/bin/coverage report --fail-under=90

# The cluster again with more kills, and what goes wrong in it.
test-long: setup-dev
	CROWBAR_KILLS=20 $(PYTEST) -m cloud tests/cluster/test_1_deployment.py tests/cluster/test_3_faults.py tests/cluster/test_4_clock.py

clean:
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .ansible build dist
