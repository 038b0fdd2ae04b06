# Two commands matter: `make demo` and `make test`. All state lies in .venv/ and var/.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test compare stages lint types architecture migrations tests messages bench \
	bench-pages faults clean
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
# variables of another installation must not reach the trial or the tests
CLEAN := env -u DJANGO_SETTINGS_MODULE -u DATABASE_URL -u REDIS_URL -u MEDIA_ROOT \
	-u PROMETHEUS_MULTIPROC_DIR

# $(call stage,name,command): run it, say its name and how long it took, keep its exit status
define stage
@echo "== $(1)"; SECONDS=0; status=0; $(2) || status=$$?; \
[ $$status = 0 ] && verdict=passed || verdict="FAILED ($$status)"; \
echo "== $(1): $$verdict in $$SECONDS s"; echo; exit $$status
endef

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

demo: ## run Nevus with sample data on this machine (PORT=8000 HOST=127.0.0.1)
	@[ -e .venv/.requirements ] || echo "The first start installs Nevus into .venv/: about 3 minutes, later ones take 10 seconds."
	@$(MAKE) --silent .venv/.requirements
	@exec $(CLEAN) .venv/bin/python manage.py demo --host "$(HOST)" --port "$(PORT)"

test: ## lint, types, architecture, migrations and all tests (ARGS= for pytest)
	@echo "Checks and tests on a private PostgreSQL, Redis and nginx and a headless Chromium:"
	@echo "about 25 minutes on two cores, 5 more the first time to install what is missing."
	@.ci/need $(if $(wildcard .venv/.requirements),,venv) postgresql redis chromium nginx
	@$(MAKE) --silent --keep-going stages

stages: lint types architecture migrations tests

compare: .venv/.requirements-dev ## train every recipe in a tiny form on the CPU (ARGS= recipes, --full)
	@.venv/bin/python -m ml.compare $(ARGS)

lint: .venv/.requirements-dev ## ruff: rules and formatting
	$(call stage,lint,.venv/bin/python -m ruff check . && .venv/bin/python -m ruff format --check .)

types: .venv/.requirements-dev ## mypy on ml/, the services and what lies between them
	$(call stage,types,$(CLEAN) .venv/bin/python -m mypy)

architecture: .venv/.requirements-dev ## who may import whom (docs/house.md)
	$(call stage,architecture,.venv/bin/lint-imports --no-cache)

migrations: .venv/.requirements-dev
	$(call stage,migrations,$(CLEAN) .venv/bin/python manage.py makemigrations --check --dry-run)

tests: .venv/.requirements-dev .venv/.checkov
	$(call stage,tests,$(CLEAN) .venv/bin/python -m pytest $(ARGS))

messages: .venv/.requirements ## collect the strings to translate and compile what is translated
	@.ci/need gettext
	@$(CLEAN) .venv/bin/python manage.py makemessages --all --no-location --no-obsolete --no-wrap \
		--ignore .venv --ignore var --ignore tests --verbosity 0
	@$(CLEAN) .venv/bin/python manage.py compilemessages --ignore .venv --ignore var --verbosity 0
	@for file in locale/*/LC_MESSAGES/django.po; do printf '%s: ' "$$file"; \
		msgfmt --statistics --output-file=/dev/null "$$file"; done

bench: .venv/.requirements-dev ## images a second, bare and in a worker: var/bench.json (ARGS= checkpoints)
	@.ci/need postgresql redis
	@exec $(CLEAN) .venv/bin/python -m tests.benchmarks.inference $(ARGS)

bench-pages: .venv/.requirements-dev ## pages and lists from 1,000 to 1,000,000 images, first byte and queries (SIZES=)
	@.ci/need postgresql redis
	@exec $(CLEAN) .venv/bin/python -m tests.benchmarks.pages $(if $(SIZES),--sizes $(SIZES))

faults: .venv/.requirements-dev ## kill each part at each step of the way of an image: var/faults.json
	@.ci/need postgresql redis
	@exec $(CLEAN) .venv/bin/python -m tests.benchmarks.faults $(ARGS)

.venv/.requirements: requirements.txt
	@PYTHON=$(PYTHON) .ci/need venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Nevus needs Python 3.11 or newer.")'
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/.requirements-dev: requirements-dev.txt requirements-training.txt .venv/.requirements
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# in an environment of its own: it pins a hundred packages that are no business of the main one
.venv/.checkov: .ci/checkov.txt .venv/.requirements
	@echo "Installing checkov, which judges the Kubernetes manifests: about a minute and a half."
	@$(PYTHON) -m venv .venv/checkov
	@.venv/checkov/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps -r .ci/checkov.txt
	@touch $@

clean: ## remove .venv/, the caches and the trial's data in var/
	@if [ -e var/demo.lock ] && ! flock --nonblock var/demo.lock true; then \
		echo "make demo is still running: stop it first (Ctrl-C)."; exit 1; fi
	rm -rf .venv var staticfiles .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
