# What there is to do, and what depends on what. `make help` lists it.

PYTHON ?= python3
EDITION ?= full
SUBMITTED ?= _build/demo/submitted
OUT ?= _build/grading
PORT ?= 8000

SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

BIN := .venv/bin
READY := .venv/.ready
KERNEL := .venv-kernel/.ready
PEERS := .venv-peers
DONE := _build/.done

files = $(shell find $(1) -type f $(2) -not -path '*/.*' -not -path '*/__pycache__/*' 2>/dev/null)
SOLUTIONS := $(call files,solutions)
AUTOGRADER := $(call files,autograder) $(call files,assignments)
BOOK := _config.yml _toc.yml $(call files,book)
# What a page or an extension may import or read: the execution cache does not notice that one of these has changed.
IMPORTED := $(SOLUTIONS) $(AUTOGRADER) $(call files,verification) $(call files,book,-name '*.py') \
  book/_lib/source_formulas.txt benchmarks/results.json benchmarks/pytorch_layers.py

# The engine is installed; solutions, assignments, book and verification are plain folders, which .venv finds by this file.
BESIDE := import site; open(site.getsitepackages()[0] + '/backprop_by_hand_checkout.pth', 'w').write('$(CURDIR)\n')

step = @printf '\n== %s\n' "$(1)"
done = @mkdir -p $(DONE) && touch $@
# The autograder's exit status 3: all is graded, and some of it wants a person's eye.
or_needs_you = || [ $$? -eq 3 ]

.PHONY: help course test soak book pdf links serve pyodide release grade formulas bench peers lint clean lock
.DELETE_ON_ERROR:

help: ## this list
	@echo "make TARGET, where TARGET is"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

course: $(DONE)/book-full $(DONE)/feedback ## everything, end to end: book, assignment, a graded class, feedback
	@echo
	@$(BIN)/autograder summary --out _build/grading $(or_needs_you)
	@echo
	@printf '%-12s %s\n' \
	  "the book" _build/html/index.html \
	  "assignment" _build/release/hw1/ \
	  "grades" "_build/grading/grades.csv, grades.json" \
	  "feedback" "_build/grading/feedback/<student>/hw1/<notebook>.html"

test: $(READY) $(KERNEL) ## every test but the long ones
	$(BIN)/pytest -n auto --dist loadfile

soak: $(READY) $(KERNEL) ## the long tests
	$(BIN)/pytest -m soak

book: $(DONE)/book-$(EDITION) ## the book; EDITION=full (default) or student, without answers

pdf: book ## the book as one PDF, printed by Chromium, beside its pages in _build/html (EDITION=student: in _build/student/html)
	$(call step,Printing the book: a minute)
	@$(BIN)/python -m book._tools.print_pdf $(HTML_$(EDITION)) $(PDF_$(EDITION))
	@echo $(PDF_$(EDITION))

links: book ## asks every other site that the book links to (needs the internet)
	@$(BIN)/python -m book._tools.external_links $(HTML_$(EDITION))

serve: book ## the book, at http://localhost:8000 (PORT=8000)
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(HTML_$(EDITION)) $(PORT)

pyodide: _build/pyodide/pyodide.js ## Python for live cells, as a copy for the browser tests or beside a site (needs npm)

release: $(DONE)/release ## the assignment's student version, in _build/release/hw1

grade: $(READY) $(KERNEL) $(if $(filter _build/demo/%,$(SUBMITTED)),$(DONE)/demo) ## grades and feedback of SUBMITTED=folder, in OUT=folder
	@$(BIN)/autograder grade $(SUBMITTED) --out $(OUT) $(or_needs_you)
	@$(BIN)/autograder feedback --out $(OUT) $(or_needs_you)

formulas: $(READY) ## the verdict on every formula of a written solution: SHEET=file.md (ARGS=--scalars: one gamma for all)
	@$(BIN)/autograder formula $(SHEET) $(ARGS) $(or_needs_you)

bench: $(READY) ## us and the peers, side by side: a quarter of an hour (first: make peers)
	$(if $(wildcard $(PEERS)/.ready),$(PEERS),.venv)/bin/python -m benchmarks

peers: $(PEERS)/.ready ## the benchmark's peers, in an environment of their own

lint: $(READY) ## style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean: ## remove what was made, but for the environments
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

lock: ## resolve the dependencies anew (needs uv)
	UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --universal --generate-hashes --python-version 3.11 \
	  --no-config --upgrade --quiet --all-extras pyproject.toml -o requirements.lock
	cd autograder/sandbox && UV_CUSTOM_COMPILE_COMMAND="make lock" uv pip compile --universal --generate-hashes --python-version 3.11 \
	  --no-config --upgrade --quiet --constraint ../../requirements.lock kernel.in -o kernel.lock

# The environment

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
	  "Python 3.11 or newer is needed, and '$(PYTHON)' is none. Name another one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo \
	  "'$(PYTHON)' lacks its venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	$(call step,Setting up .venv: about a minute the first time)
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv --clear .venv
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.lock | \
	  awk '/^Collecting/ { printf "\r  %d packages found ", ++n; fflush() } /^Installing/ { print "\n  installing them" }' ; \
	  exit $${PIPESTATUS[0]}
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@$(BIN)/python -c "$(BESIDE)"
	@touch $@

$(KERNEL): autograder/sandbox/kernel.lock $(READY)
	$(call step,Setting up .venv-kernel: all that a submission's code can see)
	@AUTOGRADER_KERNEL=$(CURDIR)/.venv-kernel $(BIN)/autograder kernel
	@touch $@

_build/pyodide/pyodide.js: book/_tools/pyodide_copy.py | $(READY)
	$(call step,Fetching Pyodide: 83 MB)
	@$(BIN)/python -m book._tools.pyodide_copy $(@D)
	@touch $@

$(PEERS)/.ready: benchmarks/peers.txt
	$(call step,Setting up $(PEERS): 1.6 GB)
	@$(PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --disable-pip-version-check --quiet -r benchmarks/peers.txt
	@touch $@

# The book. Always a whole build: after a failed one Sphinx would pass with a traceback in the page.

HTML_full := _build/html
HTML_student := _build/student/html
OPTIONS_student := --path-output _build/student
PDF_full := $(HTML_full)/backprop-by-hand.pdf
PDF_student := $(HTML_student)/backprop-by-hand.pdf
CACHES := _build/.jupyter_cache _build/student/_build/.jupyter_cache

$(DONE)/imported: $(READY) $(IMPORTED)
	@rm -rf $(CACHES)
	$(done)

$(DONE)/book-full $(DONE)/book-student: $(DONE)/book-%: $(DONE)/imported $(DONE)/release $(BOOK)
	$(call step,Building the book ($* edition): pages are executed and every warning is an error)
	@rm -rf $(HTML_$*)
	@set -o pipefail; EDITION=$* $(BIN)/jupyter-book build . --all -W -n --keep-going $(OPTIONS_$*) 2>&1 | \
	  grep --line-buffered -v -e 'IPKernelApp. WARNING . Kernel is running over TCP'
	@$(if $(filter student,$*),mv _build/student/_build/html $(HTML_student))
	$(done)

$(DONE)/book-%:
	@echo "EDITION is full or student, not '$*'."; exit 1

# The assignment, and a class to show what grading does

$(DONE)/release: $(READY) $(SOLUTIONS) $(AUTOGRADER)
	$(call step,Making the assignment)
	@$(BIN)/autograder release
	@cd _build/release && rm -f hw1.zip && $(CURDIR)/$(BIN)/python -m zipfile -c hw1.zip hw1
	$(done)

$(DONE)/demo: $(DONE)/release
	$(call step,Writing the demonstration class)
	@$(BIN)/autograder demo
	$(done)

$(DONE)/grade: $(DONE)/demo $(KERNEL)
	$(call step,Grading it)
	@$(BIN)/autograder grade _build/demo/submitted --out _build/grading $(or_needs_you)
	$(done)

$(DONE)/feedback: $(DONE)/grade
	$(call step,Writing feedback)
	@$(BIN)/autograder feedback --out _build/grading $(or_needs_you)
	$(done)
