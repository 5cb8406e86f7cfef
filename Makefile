# Everything here works on a machine with python3, pip and make: the environment is made on demand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test test-all coverage lint docs bench faults screenshots clean

demo: $(INSTALLED)
	$(BIN)/quickdraw-kit demo --out out/demo

# One worker per core; tests that share a server or a browser stay on one worker (xdist_group).
PYTEST := $(BIN)/python -m pytest -n auto --dist loadgroup

test: $(INSTALLED)
	$(PYTEST) -m "not slow"

# What `make test` leaves out: the slow tests, and all examples of the property tests.
test-all: test
	HYPOTHESIS_PROFILE=full $(PYTEST) -m "slow or hypothesis"

coverage: $(INSTALLED)
	HYPOTHESIS_PROFILE=full $(PYTEST) --cov --cov-report=term

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	$(BIN)/python docs/generate.py
	mkdir -p out
	$(BIN)/zensical build --clean --strict > out/docs.log 2>&1 || { cat out/docs.log; exit 1; }
	! grep -E "^griffe:|[Ww]arning" out/docs.log

faults: $(INSTALLED)
	FAULTS=all $(BIN)/python -m pytest tests/faults -q

screenshots: $(INSTALLED)
	$(BIN)/python -m tests.serve.screenshots docs/images

bench: $(INSTALLED)
	$(BIN)/python -m pip install --quiet -e ".[bench]"
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) out dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e ".[test,lint]"
	$(BIN)/quickdraw-kit warm-up
	touch $@
