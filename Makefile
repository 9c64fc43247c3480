# `make up` runs the whole system on this machine; `make test` proves that it works.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DASHBOARD := control_plane/dashboard
VENDOR := $(DASHBOARD)/static/vendor
PAGES := $(VENDOR)/hls.min.js $(VENDOR)/tus.min.js

.PHONY: up install test test-long test-parts fuzz fuzz-uploads storm bench-edge bench-ingest bench-upload bench-jobs bench-placement bench-purge bench-routes bench-routing-accuracy bench-desired bench-dns bench-feed bench-fleet bench-accounts lint lock clean
.DELETE_ON_ERROR:

## Runs everything; VIDEO=path plays a file of your own, ARGS="…" adds flags of `nearcast up`.
up: install
	@exec $(BIN)/nearcast up $(if $(VIDEO),--video "$(VIDEO)") $(ARGS)

## Makes .venv with the command `nearcast`.
install: $(VENV)/.installed $(PAGES)

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Nearcast needs Python 3.11: apt-get install python3.11-venv, or name another with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing: apt-get install python3.11-venv" >&2; exit 1; }

$(VENV)/.installed: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "Installing the pinned dependencies…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch $@

# Where the machine has no npm, the one in a wheel does.
$(PAGES) &: $(DASHBOARD)/package-lock.json | $(VENV)/.installed
	@echo "Installing what the web pages use…"
	@command -v npm >/dev/null || [ -x $(BIN)/npm ] || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/node.txt
	@cd $(DASHBOARD) && PATH="$$PATH:$(abspath $(BIN))" npm ci --silent
	@mkdir -p $(VENDOR)
	@cp $(DASHBOARD)/node_modules/hls.js/dist/hls.min.js $(DASHBOARD)/node_modules/tus-js-client/dist/tus.min.js $(VENDOR)

$(VENV)/.tested: requirements/test.txt $(VENV)/.installed
	@echo "Installing what the tests need…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@

## Gates, while the tests' parts are installed, then every test.
test: install $(VENV)/.tested
	@$(MAKE) --no-print-directory --jobs=2 lint test-parts
	@$(BIN)/python -m tests.side_by_side

## Players, odd inputs, chunks against whole encodes, removals, edges, control planes and origins under faults; half an hour.
test-long: install test-parts
	@$(BIN)/python -m tests.side_by_side long

## Installs what the tests need beside Python packages: real servers, a browser, footage.
test-parts: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install

## Looks for a minute for input that a parser of fields cannot take.
fuzz: $(VENV)/.tested
	@for program in fields cmcd ranges structured recognising subtitles; do $(BIN)/python -m tests.fuzz.$$program || exit 1; done

## Inspects and encodes 1,000 broken videos; ARGS="--files 100 --seed 2" are others.
fuzz-uploads: $(VENV)/.tested
	@$(BIN)/python -m tests.fuzz.uploads $(ARGS)

## Runs 200 jobs on four workers that are killed all the time, while servers go away; four minutes.
storm: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m tests.faults.ingest_storm $(ARGS)

## Measures how soon uploads are acknowledged, and what they cost in memory.
bench-upload: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m tests.bench.upload $(ARGS)

## Measures what claiming a task costs among a million jobs, and how soon an encoder starts.
bench-jobs: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m tests.bench.claims $(ARGS)
	@$(BIN)/python -m tests.bench.dispatch

## Measures what a decision about a viewer takes, and how many a core answers over HTTP.
bench-routes: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install bench
	@$(BIN)/python -m tests.bench.routes $(ARGS)

## Measures how soon a purge is carried out by 100 edges; ARGS="--mongodb" adds MongoDB.
bench-purge: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m tests.bench.purge $(ARGS)

## Measures encoding beside one plain ffmpeg; ARGS="--quick" is a look, "--upload" adds memory.
bench-ingest: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m tests.bench.ingest $(ARGS)

## Measures the edge beside nginx and Varnish; ARGS="--quick" is a look at the main cases.
bench-edge: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install bench
	@$(BIN)/python -m tests.bench.edge $(ARGS)

## Measures the planner of placement with a million assets; ARGS="--quick" is a look.
bench-placement: $(VENV)/.tested
	@$(BIN)/python -m tests.bench.placement $(ARGS)

## Measures how soon kills and publishes are noticed by a fleet; ARGS="--mongodb" adds MongoDB.
bench-fleet: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m tests.bench.fleet $(ARGS)

## Measures the feed and searches at a million assets; ARGS="--folder F" keeps the catalog.
bench-feed: $(VENV)/.tested
	@$(BIN)/python -m tests.bench.feed $(ARGS)

## Measures how often viewers are sent to the nearest region, by real GeoIP databases; a minute.
bench-routing-accuracy: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m tests.bench.routing_accuracy $(ARGS)

## Measures what desired states of 20,000 packages cost an edge.
bench-desired: $(VENV)/.tested
	@$(BIN)/python -m tests.bench.desired_state $(ARGS)

## Measures how many DNS queries a core answers.
bench-dns: $(VENV)/.tested
	@$(BIN)/python -m tests.bench.dns $(ARGS)

## Measures accounts with a million users, on SQLite and MariaDB.
bench-accounts: $(VENV)/.tested
	@$(BIN)/python -m tests.servers.install
	@$(BIN)/python -m tests.bench.accounts $(ARGS)

## The gates alone: style, types, and which package may import which.
lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## Pins every dependency anew, with hashes and without the address it came from.
lock: $(VENV)/.tested
	@$(BIN)/python -m pip install --quiet uv
	@for set in "pyproject.toml requirements/build.in:runtime" "requirements/test.in:test" "requirements/node.in:node"; do \
		$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header \
			--python-version 3.11 $${set%%:*} -o requirements/$${set##*:}.txt >/dev/null || exit 1; done

## Removes what was built; the data under .nearcast stays.
clean:
	@rm -rf $(VENV) .cache build *.egg-info $(DASHBOARD)/node_modules $(DASHBOARD)/static/vendor
