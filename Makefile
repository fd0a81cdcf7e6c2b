# Every target sets up first whatever is missing; `make` alone lists them.

# The first of these that really runs and is Python 3.11 (a pyenv shim may be there and not run); else one that can at
# least say what is missing.
PYTHON ?= $(shell \
	runs() { "$$1" -c "import sys; sys.exit(not $$2)" </dev/null >/dev/null 2>&1 && echo "$$1"; }; \
	for p in python3.11 /usr/local/bin/python3.11 /usr/bin/python3.11 python3 python; do \
		runs $$p "sys.version_info[:2] == (3, 11)" && exit; \
	done; \
	runs python3 "sys.version_info >= (3, 8)")
SETUP = @p="$(PYTHON)"; command -v "$$p" >/dev/null || { \
	echo "Python 3.11 is needed and was not found$${p:+ as $$p}. Install it, or: make PYTHON=/path/to/python3.11 setup" >&2; \
	exit 1; }; "$$p" .ci/setup.py
ARGS ?=
# One worker more than cores, for many tests wait, and not more than four; WORKERS=0 runs in one process, as a bare .venv/bin/pytest does. With worksteal
# a worker that crashes is a failed test and the rest goes on; with loadfile and loadgroup (3.8.0) the run hangs.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
PYTEST = .venv/bin/pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup setup-app run test check train evaluate bench bench-nlu bench-crash bench-console fuzz near-duplicates encoder format clean

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

setup: ## install and train whatever is missing or out of date, nothing else
	$(SETUP)

setup-app:
	$(SETUP) app

run: setup ## set up, then serve the chat page on http://127.0.0.1:8080
	@exec .venv/bin/xiaoshao run $(ARGS)

test: setup ## set up, then run every test (ARGS="-k name" for some)
	$(PYTEST) $(ARGS)

check: setup-app ## format, lint, types, import contracts and unit tests; needs no Rasa
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/mypy .ci/setup.py
	.venv/bin/lint-imports
	$(PYTEST) tests/unit $(ARGS)

train: ## train the model if what it is made from has changed (FORCE=1: in any case)
	$(SETUP) rasa model $(if $(FORCE),--force)

evaluate: setup ## measure the NLU on FILE=messages.jsonl (ARGS=--json for a program)
	$(if $(FILE),,$(error which messages? make evaluate FILE=messages.jsonl))
	@.venv/bin/xiaoshao evaluate "$(FILE)" $(ARGS)

bench: setup-app ## the spine: turns beside a bare echo, sweep, digest, look-up, memory, start (ARGS="turns --engine sqlite" for a part, ARGS=--readme writes the table; some 15 minutes)
	@.venv/bin/python -m tests.benchmarks.spine $(ARGS)

bench-nlu: setup ## the reader against its peers on the same messages (ARGS=--readme writes the table; about 40 minutes)
	@.venv/bin/python -m tests.benchmarks.nlu $(ARGS)

KILLS ?= 200
SEED ?= 1
ENGINE ?= sqlite
bench-crash: setup-app ## kill the product KILLS times under load, then prove that nothing was lost or doubled (SEED=1 ENGINE=sqlite|postgresql)
	@.venv/bin/python -m tests.benchmarks.crash --kills $(KILLS) --seed $(SEED) --engine $(ENGINE) $(ARGS)

UPDATES ?= 100000
fuzz: setup-app ## send UPDATES mutated updates and requests, then say what did not stand it (SEED=1 ENGINE=sqlite|postgresql, ARGS="--rasa 500")
	@.venv/bin/python -m tests.benchmarks.fuzz --updates $(UPDATES) --seed $(SEED) --engine $(ENGINE) $(ARGS)

bench-console: setup-app ## the console's page times at 100,000 cases on both engines (ARGS="--engine sqlite"; some 5 minutes)
	@.venv/bin/python -m tests.benchmarks.console $(ARGS)

near-duplicates: setup ## training messages that say almost the same (ARGS=--remove takes the later ones away)
	@nlu/rasa/.venv/bin/python nlu/rasa/near_duplicates.py --against tests/nlu/plain_exam.jsonl tests/nlu/dev_author.jsonl tests/nlu/test_author.jsonl tests/nlu/test_exam.jsonl $(ARGS)

encoder: setup-app ## make the sentence encoder that ships anew (about 40 minutes; only after the messages have changed much)
	cd nlu/encoder && ../../.cache/uv/bin/uv sync --frozen
	cd nlu/encoder && OMP_NUM_THREADS=2 .venv/bin/python make.py $(ARGS)

format: setup-app ## put the code into its format and cure what lint can cure
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean: ## remove environments, model and caches; what people entered (var/) stays
	rm -rf .venv nlu/rasa/.venv nlu/encoder/.venv nlu/rasa/models nlu/rasa/.rasa .cache
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
