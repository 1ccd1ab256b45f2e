# Needs python3 >= 3.11 and make; everything else is set up by the first target that needs it.
# Works as root and as an ordinary user. Network is used for package registries only.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HARNESS := $(BIN)/harness
STAMP := $(VENV)/.installed
OUTPUT ?= runs
SECONDS ?= 60
COUNT ?= 500
SEED ?= 1
PYTEST_ARGS ?=
JOBS ?= auto
BENCH_ARGS ?=
PEER_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help run kill-matrix rows how-to false-alarms test replay check lint format bench bench-replay bench-sim fuzz corpus captures system balancers clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r n t; do printf '%-19s %s\n' "$$n" "$$t"; done

run: $(STAMP) ## run every scenario, replay every capture, print the results
	@status=0; \
	$(HARNESS) doctor || [ $$? -eq 4 ] || exit 70; \
	$(HARNESS) run scenarios --output $(OUTPUT) || status=$$?; \
	$(HARNESS) replay captures || { code=$$?; [ $$status -ne 0 ] || status=$$code; }; \
	exit $$status

CORPUS ?= ../shared/corpus
corpus: $(STAMP) ## compare reference captures with what other tools saw: CORPUS=DIR
	@$(BIN)/python -m tests.end_to_end.reference $(CORPUS)

# By hand, on a machine with these programs; the captures are kept, so that nobody else needs them.
captures: $(STAMP) ## record the captures of tests/peers again, with openssl, curl, nginx and others
	@$(BIN)/python -m tests.peers $(SCENES)

kill-matrix: $(STAMP) ## run every scenario, judge its capture again, write docs/kill-matrix.md
	@$(HARNESS) run scenarios --output $(OUTPUT) && $(BIN)/python -m tests.end_to_end.kill_matrix $(OUTPUT) docs/kill-matrix.md

false-alarms: $(STAMP) ## run COUNT (500) good deployments drawn by SEED, on both wires: nothing may FAIL or be UNKNOWN
	@$(BIN)/python -m tests.end_to_end.false_alarms --count $(COUNT) --seed $(SEED)

rows: $(STAMP) ## list the rows of the deployment documents: scenarios, defects, checks, state
	@$(BIN)/python -m tests.end_to_end.rows

how-to: $(STAMP) ## write the outputs on the pages of docs/how-to again
	@$(BIN)/python -m tests.end_to_end.how_to && $(BIN)/python -m tests.end_to_end.real_balancers

replay: $(STAMP) ## judge every checked-in capture again
	@$(HARNESS) replay captures

test: system balancers $(STAMP) ## set up everything, check the code, run all tests
	@status=0; { $(LINT); } || status=$$?; \
	$(BIN)/python -m pytest -n $(JOBS) --maxprocesses 8 --dist worksteal $(PYTEST_ARGS) || { code=$$?; [ $$status -ne 0 ] || status=$$code; }; \
	exit $$status

check: lint ## lint, types, architecture
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/test_architecture.py

# The architecture is one of the tests. Not a $(MAKE) of its own in `test`: that would run under `make -n` as well.
LINT = $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy --strict harness fuzz
lint: $(STAMP)
	$(LINT)

format: $(STAMP) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## measure speed and memory, print the numbers
	@$(BIN)/python benchmarks/main_job.py

bench-replay: system $(STAMP) ## measure decoding beside tshark, scapy and pyshark, on captures made for it
	@$(BIN)/python benchmarks/replay.py $(BENCH_ARGS)
	@$(BIN)/python -W ignore -c 'import pyshark' 2>/dev/null \
	|| $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
	  -r benchmarks/requirements.lock 2>/dev/null \
	|| echo "pyshark cannot be installed here: its rows are left out"
	@$(BIN)/python benchmarks/replay_peers.py $(PEER_ARGS)

bench-sim: $(STAMP) ## measure the simulated wire beside the kernel's
	@$(BIN)/python benchmarks/simulated.py

fuzz: $(STAMP) ## fuzz every reader and the judge for SECONDS (60) over all cores
	@$(BIN)/python -c 'import atheris' 2>/dev/null \
	|| $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
	  -r fuzz/requirements.lock 2>/dev/null \
	|| echo "atheris has no build for this machine: the targets run blind, without coverage"
	@$(BIN)/python -m fuzz --seconds $(SECONDS)

clean: ## remove what the other targets made
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What only the tests need: tshark, editcap and capinfos, the independent readers of the capture files.
system:
	@if command -v tshark >/dev/null && command -v editcap >/dev/null && command -v capinfos >/dev/null; \
	then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing tshark"; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get install -qq -y --no-install-recommends tshark >/dev/null 2>&1 \
	  || { apt-get update -qq && apt-get install -qq -y --no-install-recommends tshark >/dev/null; }; \
	else \
	  echo "tshark (with editcap and capinfos) is missing: the tests that compare with it are left out."; \
	  echo "To have them: apt-get install tshark (as root), or your system's package of that name."; \
	  [ "$${CI:-}" != true ]; \
	fi

# Real balancers, for scenarios/real-balancers. Installed with CI=true alone: elsewhere their packages would start services.
balancers:
	@PATH="$$PATH:/usr/local/sbin:/usr/sbin:/sbin"; missing=""; \
	command -v haproxy >/dev/null || missing="haproxy"; \
	modules="$$(nginx -V 2>&1 | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')"; \
	nginx -V 2>&1 | grep -Eq -- '--with-stream( |$$)' || [ -f "$$modules/ngx_stream_module.so" ] \
	|| missing="$$missing nginx libnginx-mod-stream"; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$${CI:-}" = true ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing $$missing"; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  apt-get install -qq -y --no-install-recommends $$missing >/dev/null 2>&1 \
	  || { apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing >/dev/null; }; \
	else \
	  echo "scenarios with real balancers are left out where they are missing; packages: $$missing"; \
	  [ "$${CI:-}" != true ]; \
	fi

# The environment: made once, and again when the lock or the project file changes.
$(STAMP): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null \
	|| { echo "$(PYTHON) is missing: install Python 3.11 or newer, or name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "$$($(PYTHON) --version) is too old: install Python 3.11 or newer, or name one: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing python3-venv"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get install -qq -y --no-install-recommends python3-venv >/dev/null 2>&1 \
	    || { apt-get update -qq && apt-get install -qq -y --no-install-recommends python3-venv >/dev/null; }; \
	  else \
	    echo "$(PYTHON) cannot make environments (no venv or ensurepip): apt-get install python3-venv (as root)"; \
	    exit 1; \
	  fi; }
	@echo "setting up $(VENV)"
	@[ -x $(BIN)/python ] && $(BIN)/python -c '' 2>/dev/null || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $(STAMP)
