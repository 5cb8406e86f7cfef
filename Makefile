# Everything here works on a machine with python3, pip and make: the environment is made on demand.
PYTHON ?= python3
VENV := .venv
BIN = $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_FOR_DEMO := $(VENV)/.installed-demo
export PIP_CONSTRAINT ?= $(CURDIR)/constraints.txt

.PHONY: demo test test-all coverage lint docs lowest package bench faults screenshots clean

demo: $(INSTALLED_FOR_DEMO)
	$(BIN)/quickdraw-kit demo --out out/demo

# Rewritten tests and compiled modules are kept, also where the environment says not to.
export PYTHONDONTWRITEBYTECODE :=

# One worker per core; tests that share a server or a browser stay on one worker (xdist_group).
PYTEST = $(BIN)/python -m pytest -n auto --dist loadgroup

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
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format CITATION.cff
	$(BIN)/zizmor --offline --quiet .github
	test ! -x $(BIN)/hadolint || $(BIN)/hadolint Dockerfile

docs: $(INSTALLED)
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	$(BIN)/python docs/generate.py
	mkdir -p out
	$(BIN)/zensical build --clean --strict > out/docs.log 2>&1 || { cat out/docs.log; exit 1; }
	! grep -E "^griffe:|[Ww]arning" out/docs.log

# The tests with the lowest version of every dependency (of Python too: PYTHON=python3.11). PINS replaces
# some of them: make lowest PINS=torch==2.13.0
lowest: VENV := .venv-lowest
lowest:
	$(PYTHON) -m venv --clear $(VENV)
	$(PYTHON) .ci/lowest.py $(PINS) > $(VENV)/constraints.txt
	PIP_CONSTRAINT=$(CURDIR)/$(VENV)/constraints.txt $(BIN)/python -m pip install --quiet -e ".[all]"
	PIP_CONSTRAINT=$(CURDIR)/$(VENV)/constraints.txt $(BIN)/python -m pip install --quiet -e ".[test]"
	$(PYTEST) -m "not slow" -W default::DeprecationWarning -W default::FutureWarning

package: $(INSTALLED)
	$(BIN)/python -m build --outdir dist

faults: $(INSTALLED)
	FAULTS=all $(BIN)/python -m pytest tests/faults -q

screenshots: $(INSTALLED)
	$(BIN)/python -m tests.serve.screenshots docs/images

bench: $(INSTALLED)
	$(BIN)/python -m pip install --quiet -e ".[bench]"
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

clean:
	rm -rf $(VENV) .venv-lowest out dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What users install: no tools for tests. The demo compiles what it needs.
$(INSTALLED_FOR_DEMO): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(INSTALLED): $(INSTALLED_FOR_DEMO)
	$(BIN)/python -m pip install --quiet -e ".[test,lint]"
	$(BIN)/quickdraw-kit warm-up
	touch $@
