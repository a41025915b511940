# Two commands: `make demo` shows the main job on this machine, `make test` checks everything.
# Each sets up what it needs in .venv; nothing else on the machine is touched but the Debian packages
# of other vendors' DICOM programs, which `make test` installs when it may.

PYTHON  ?= python3
VENV    ?= .venv
# One more than a small machine has processors: half of the time is waiting.
WORKERS ?= 3
DICOM   ?=
ARGS    ?=

BIN      := $(VENV)/bin
PIP      := $(BIN)/python -m pip --disable-pip-version-check
PACKAGES := dcmtk orthanc orthanc-dicomweb dcm2niix dicom3tools libgdcm-tools postgresql tesseract-ocr tesseract-ocr-fra chromium firefox-esr
SOURCES  := pyproject.toml requirements.lock

.DEFAULT_GOAL := help
.PHONY: help demo portal check test screenshots bench lint format examples lock packages clean

help:
	@echo "make demo [DICOM=DIR] [ARGS=--once]   the main job on this machine: hub, site node and a PACS stand-in"
	@echo "make portal                           what browsers are given: libraries from npm, the engine as a zip (make demo and test do it)"
	@echo "make check                            lint, types and the quick unit tests: under two minutes, before a commit"
	@echo "make test                             lint, format check, types and every test"
	@echo "make bench [ARGS=--quick]             speed and memory beside DCMTK, Orthanc and deid, on this machine"
	@echo "make screenshots                      the pictures of docs/portal.md, by the browser tests"
	@echo "make lint                             lint, format check and types only"
	@echo "make format                           put the code into shape"
	@echo "make examples                         write config/*.example.toml and the tables of docs/conformance-statement.md from the code"
	@echo "make lock                             write requirements.lock from the newest versions allowed"
	@echo "make clean                            remove .venv and everything generated"

demo: $(VENV)/.demo portal
	$(BIN)/fidac-node demo $(if $(DICOM),"$(DICOM)") $(ARGS)

# What is there and right is not made again.
portal:
	@$(PYTHON) -m fidac_node.portal.build

# Without the tests that take a corpus, or another program, through the whole engine.
check: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not thorough" --hypothesis-profile check tests/unit $(ARGS)

test: lint packages portal
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

# The demo's own pages, and an upload's.
screenshots: $(VENV)/.test packages portal
	@mkdir -p docs/portal
	FIDAC_SCREENSHOTS=$(CURDIR)/docs/portal $(BIN)/python -m pytest -q tests/browser/test_demo.py tests/browser/test_upload.py -k "stays_up or what_may_go"

bench: $(VENV)/.test
	PYTHONPATH=. $(BIN)/python -m benchmarks.run $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

examples: $(VENV)/.test
	$(BIN)/python -c "from pathlib import Path; from fidac_node.config.config import HubConfig, SiteConfig, example; \
	[Path(f'config/{name}.example.toml').write_text(example(cls), 'utf-8') for name, cls in (('site', SiteConfig), ('hub', HubConfig))]"
	$(BIN)/python -m tests.conformance

lock:
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[dev]'
	{ sed -n '/^#/p' requirements.lock; build/lock/bin/python -m pip freeze --exclude-editable | tr A-Z_ a-z- | sort; } > build/requirements.lock
	mv build/requirements.lock requirements.lock

# What is installed follows these two files; a half-made environment is made anew.
$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "FIDAC node needs Python 3.11 or later, this is " + sys.version.split()[0])'
	@echo "Setting up $(VENV): a minute or two, the first time only"
	$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo "On Debian: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.demo: $(SOURCES) | $(VENV)/bin/python
	$(PIP) install --quiet --constraint requirements.lock --editable '.[web]'
	@touch $@

$(VENV)/.test: $(SOURCES) | $(VENV)/bin/python
	$(PIP) install --quiet --constraint requirements.lock --editable '.[dev]'
	@touch $(VENV)/.demo $@

# Other vendors' programs that the interoperability tests talk to.
packages:
	@missing=; for package in $(PACKAGES); do \
		dpkg-query --show --showformat='$${Status}' $$package 2>/dev/null | grep -q ' installed$$' || missing="$$missing $$package"; \
	done; \
	test -n "$$missing" || exit 0; \
	if test "$$(id -u)" = 0; then as=; elif sudo -n true 2>/dev/null; then as="sudo -n"; else as=no; fi; \
	if test "$$as" != no && command -v apt-get >/dev/null; then \
		echo "Installing$$missing for the interoperability tests"; \
		$$as apt-get update -qq && $$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null && exit 0; \
		echo "That did not work; the tests go on without."; \
	fi; \
	echo "Missing:$$missing. The interoperability tests that need them are skipped, and listed at the end. To run them too:"; \
	echo "    sudo apt-get install$$missing"

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
