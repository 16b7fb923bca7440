# Each target does all of the set-up that it needs; a set-up that is up to date takes a second.
.PHONY: help install train test test-mpi bench lint
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
RANKS ?= 2
# Containers run as root, which Open MPI wants to be told twice.
MPIRUN := OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun -np $(RANKS)
# Cores without bfloat16 instructions emulate them, slowly.
PRECISION ?= $(shell grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo 2>/dev/null && echo bfloat16 || echo float32)

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: ## system packages, .venv, TensorFlow, GDAL, Horovod
	@./install.sh

train: install ## train DSen2 on a small real sample with two ranks, and show how good it is (minutes)
	@sample=$$($(PYTHON) common/sample.py) && \
	$(MPIRUN) $(PYTHON) superres/train.py --tiles "$$sample/train.txt" --test-tiles "$$sample/test.txt" \
		--epochs 40 --batch-size 8 --learning-rate 2.5e-4 --schedule cosine --precision $(PRECISION) \
		--patch-cache runs/sample/patches --run-dir runs/sample/dsen2-20m --overwrite

test: install ## all tests, the two-rank ones under mpirun included
	@$(PYTHON) -m pytest

test-mpi: install ## the two-rank tests alone
	@$(MPIRUN) $(PYTHON) -m pytest -m mpi tests/mpi

bench: install ## speed and memory against the plain way, as ratios
	@$(PYTHON) benchmarks/bench.py

lint: install ## formatter and linter
	@.venv/bin/pip install -qq "ruff==0.14.5" && .venv/bin/ruff check .
