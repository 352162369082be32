# make demo     the whole story on a PostgreSQL of its own
# make test     everything that needs only what pip installs (PostgreSQL 18 comes with it)
# make matrix   what make test ran on 18, on older majors: the catalogue of statements on all, the rest on the oldest
# make faults   random operations struck by random faults under load: SEEDS of them from FIRST on, on MAJOR; 30 in make test
# make check    style, types and import contracts

PYTHON ?= python3
BIN := .venv/bin
OLDEST ?= 14
MAJORS ?= 14 15 16 17
WORKERS ?= 2
FIRST ?= 1
SEEDS ?= 300
MAJOR ?= 18

.PHONY: demo test matrix faults check clean

demo: .venv/installed
	$(BIN)/migrate-safe demo

test: check
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

matrix: .venv/tested
	$(BIN)/python -m tests.support.servers $(MAJORS)
	MIGRATE_SAFE_TEST_MAJORS="$(MAJORS)" $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m matrix tests/truth
	MIGRATE_SAFE_TEST_MAJORS="$(OLDEST)" $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m matrix --ignore tests/truth

faults: .venv/tested
	$(BIN)/python -m tests.faults $(FIRST) $(SEEDS) $(MAJOR)
	$(BIN)/python -m tests.faults ways-out $(MAJOR)

check: .venv/tested
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv .cache build dist

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e .
	@touch $@

.venv/tested: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e '.[test]'
	@touch $@ .venv/installed
