# Every command installs what it needs into .venv first; `make` alone lists them.
PYTHON ?= python3
VENV := .venv/bin/python
PYTEST := $(VENV) -m pytest
# As many as there are cores: these need no server and no order. What is not run there need not be looked
# through either: every worker would collect it.
SUITE := -n auto --dist worksteal -p no:playwright $(addprefix --ignore=tests/,browser chaos/experiments house)
FAST := $(SUITE) -m "not service and not slow" --ignore=tests/hostile
SOME := $(SUITE) -m "not service and (not slow or database)" --ignore=tests/hostile
EVERY := $(SUITE) -m "not service"
# Whole houses mostly wait: four side by side keep two cores at ease. Tests of one house stay together.
WAITING := -n 4 --dist loadgroup --durations=0 --durations-min=20
HOUSE := tests/house $(WAITING)
EXPERIMENTS := tests/chaos/experiments $(WAITING) -p tests.chaos.experiments.figures

.DEFAULT_GOAL := help
.PHONY: help install demo demo-reset run test test-postgresql test-slow test-house test-house-full test-houses test-browser browser \
	chaos chaos-short experiments experiments-full check lint types rooms migrations translations deploy-check compose-check screenshots

help: ## this list
	@echo "Omnidesk Cabinet"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

install: ## .venv with the pinned packages (every other command does this by itself)
	@$(PYTHON) scripts/bootstrap.py

demo: install ## everything running here against a pretend Omnidesk; ONCE=1 leaves after the check
	@exec $(VENV) -m scripts.demo $(if $(filter-out 0,$(ONCE)),--once)

demo-reset: install ## forget what the demo has kept
	@$(VENV) -m scripts.demo --reset

run: install ## the processes of the Procfile with your own .env
	@PATH="$(CURDIR)/.venv/bin:$$PATH" PORT="$${PORT:-8000}" exec $(VENV) -m honcho start

test: install ## the fast tests: no server, no browser
	$(PYTEST) $(FAST)

test-slow: install ## the slower ones: every switch of the sandbox, long walks and plays, requests made to break a door
	$(PYTEST) $(SUITE) -m slow

test-postgresql: install ## the fast tests and some of the slower ones on PostgreSQL (starts one of its own); ALL=1 for all
	$(VENV) -m scripts.services $(PYTEST) $(if $(filter-out 0,$(ALL)),$(EVERY),$(SOME))

test-house: install ## real processes and real HTTP, on the embedded defaults; PICK="trouble or rows"
	$(PYTEST) $(HOUSE) -m "not service" $(if $(PICK),-k "$(PICK)")

test-house-full: install ## the same on PostgreSQL and Redis (starts its own)
	$(VENV) -m scripts.services $(PYTEST) $(HOUSE) -m service

# The embedded ones mostly wait, for quarantines and killed workers: others work meanwhile.
test-houses: install ## what CI runs of both, side by side: all on PostgreSQL and Redis, and embedded what differs there
	$(VENV) -m scripts.services $(PYTEST) $(HOUSE) \
		-k "full or test_trouble or test_promises or test_erasing"

# SECONDS is the shell's own name for something else: only what was given on make's command line counts.
CHAOS_SECONDS = $(if $(findstring command,$(origin SECONDS)),$(SECONDS),600)
CHAOS_KILLS = $(if $(findstring command,$(origin SECONDS)),30,200)
CHAOS = -m tests.chaos --seed "$(SEED)"
CHAOS_LONG = $(CHAOS) --seconds $(CHAOS_SECONDS) --blows 1.3 --pace 2 --least-messages 100 --least-kills $(CHAOS_KILLS)

chaos: install ## everything breaks for SECONDS (600) from SEED, on each of both stacks; then both sides are compared
	$(VENV) $(CHAOS_LONG)
	$(VENV) -m scripts.services $(VENV) $(CHAOS_LONG) --full

chaos-short: install ## the same in at most 5 minutes; FULL=1 on PostgreSQL and Redis
	$(if $(filter-out 0,$(FULL)),$(VENV) -m scripts.services) $(VENV) $(CHAOS) --seconds 110 --settle 180 --blows 1.3 \
		--pace 2 --least-messages 100 --least-kills 30 $(if $(filter-out 0,$(FULL)),--full)

experiments: install ## one thing broken on purpose at a time, in real processes, with figures; PICK="broker or streams"
	$(PYTEST) $(EXPERIMENTS) -m "not service" $(if $(PICK),-k "$(PICK)")

experiments-full: install ## the same on PostgreSQL and Redis (starts its own)
	$(VENV) -m scripts.services $(PYTEST) $(EXPERIMENTS) -m service $(if $(PICK),-k "$(PICK)")

# Side by side, but all that needs the house of real processes in one place.
BROWSER := tests/browser -n 2 --dist loadgroup

test-browser: install ## Chromium: every story and page, sizes, languages, themes, scripts on and off in pairs; axe; PICK="chat"
	$(PYTEST) $(BROWSER) $(if $(PICK),-k "$(PICK)")

browser: install ## the same in every combination of them (about a quarter of an hour)
	BROWSER=full $(PYTEST) $(BROWSER)

check: lint types rooms migrations translations deploy-check test test-slow ## all that CI checks without servers

lint: install
	$(VENV) -m ruff format --check .
	$(VENV) -m ruff check .

types: install
	$(VENV) -m mypy

rooms: install
	.venv/bin/lint-imports

migrations: install
	DJANGO_SETTINGS_MODULE=tests.settings $(VENV) manage.py makemigrations --check --dry-run

translations: install
	$(VENV) -m scripts.check_translations

deploy-check: install
	$(VENV) -m scripts.check_deploy

compose-check: install ## docker-compose.yml, read by docker-compose (needs it installed)
	$(VENV) -m scripts.check_compose

screenshots: install ## the pictures in docs/images, from real pages; ALL=folder for every page in every state
	$(if $(ALL),PICTURES="$(abspath $(ALL))" $(PYTEST) -n 2 tests/browser/test_places.py,$(VENV) -m scripts.screenshots)
