# Everything a newcomer or a build server runs. Needs Python 3.11 or newer, make, and a package index; nothing else.

.DEFAULT_GOAL := help
.PHONY: help demo test test-long nightly adversary bench check docs lock runtime dev

# The tests start a hundred processes: each takes a third longer when it compiles our modules anew because nobody may write bytecode.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
BIN := .venv/bin
# Workers of the test run; 0 runs everything in one process (`make test WORKERS=0 TESTS=tests/unit`). One more than the two cores
# that are asked for: the worker that starts processes and kills them waits for them most of the time.
WORKERS ?= 3
TESTS ?= tests
# Where `make test` writes: in memory where that has room and programs may be run from it, since thousands of commits wait for a disk.
# (`make test-long` uses the disk.)
TEST_FOLDER ?= $(or $(TMPDIR),$(shell grep -qs ' /dev/shm .*noexec' /proc/mounts || df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 2000000 { print "/dev/shm" }'))
# Checkouts that `make test-long` plays with each kind of order systems that misbehave at random: with a database, a quarter of a second
# each, and in memory, a tenth of that.
HOSTILE_RUNS ?= 500
QUICK_RUNS ?= 10000
# What `make adversary` is told, and how many checkouts of each kind it plays in memory.
ADVERSARY ?= --checkouts 100000 --minutes 240
# Benchmarks of `make bench`, by the names of their files.
BENCH ?= ordering preview carts cart_filter hub waiting trace fairness storm backlog

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: runtime ## a cart becomes a completed order, over HTTP, before your eyes
	@$(BIN)/gateway demo

test: dev ## every test but the long ones
	@$(if $(TEST_FOLDER),TMPDIR=$(TEST_FOLDER)) $(BIN)/python -m pytest -m "not long" -n $(WORKERS) --dist loadgroup $(TESTS)

test-long: dev ## the tests that take minutes: real processes, killed at random; less than two hours on two cores
	@failed=; export HOSTILE_RUNS=$(HOSTILE_RUNS) QUICK_RUNS=$(QUICK_RUNS); \
	$(BIN)/python -m pytest -m "long and not processes" -n 2 --dist loadgroup --timeout 3600 $(TESTS) || [ $$? = 5 ] || failed=1; \
	$(BIN)/python -m pytest -m "long and processes" -n 0 --timeout 3600 $(TESTS) || [ $$? = 5 ] || failed=1; \
	[ -z "$$failed" ]

nightly: dev ## a million simulated checkouts, and that all end when faults do; NIGHTLY="--replay KIND:SEED" plays one again
	@$(BIN)/python tests/properties/nightly.py $(NIGHTLY)

adversary: dev ## 200 000 checkouts against order systems that misbehave; ADVERSARY="--replay KIND:SEED" plays one world again
	@$(BIN)/python tests/properties/hostile_tally.py adversary.txt --quick $(ADVERSARY)

bench: dev ## the benchmarks, each to its end; BENCH="ordering preview" for some (docs/how-to/measure.md)
	@missed=""; for name in $(BENCH); do \
		echo "$$name" >&2; \
		large=$$([ $$name = ordering ] && echo --large); \
		$(BIN)/python tests/benchmarks/$$name.py $$large || missed="$$missed $$name"; \
	done; \
	[ -z "$$missed" ] || { echo "a target was missed by:$$missed" >&2; exit 1; }

check: dev ## format, lint, types, import contracts, generated pages
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m scripts.generate_reference --check

docs: dev ## write the generated pages and config/gateway.toml anew
	@$(BIN)/python -m scripts.generate_reference

lock: dev ## resolve the dependencies anew and pin them with hashes
	@$(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv
	@$(BIN)/python -m scripts.lock

# A locked set of packages in .venv, and this project on top; at once when it is there already.
runtime dev:
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3.14; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
			exec $$python scripts/install.py $@; \
		fi; \
	done; \
	echo 'Python 3.11 or newer is needed; name one with `make PYTHON=...`' >&2; exit 1
