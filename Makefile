# Each target runs the whole set-up first; this takes a second if the set-up is up to date.
.PHONY: help install train weights classify test test-long test-packages test-mpi test-network notebooks bench lint
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
# Options of install.sh, such as --mpi4py, which may put an mpirun into .venv/bin.
INSTALL ?=
# Hide TensorFlow's notes about its own build.
export TF_CPP_MIN_LOG_LEVEL ?= 2
RANKS ?= 2
# Open MPI needs two variables to run as root, as in a container. For more ranks than cores, Open MPI 4 reads the OMPI_MCA
# variable, and Open MPI 5 the PRTE_MCA variable.
MPIRUN := PATH="$(CURDIR)/.venv/bin:$$PATH" OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 \
	PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe mpirun --bind-to none -np $(RANKS)
# Without bfloat16 instructions, a processor emulates them slowly.
PRECISION ?= $(shell grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo 2>/dev/null && echo bfloat16 || echo float32)

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: ## install system packages, and TensorFlow, GDAL and Horovod into .venv; INSTALL=--mpi4py: mpi4py instead
	@./install.sh $(INSTALL)

train: install ## train DSen2 on a small real sample with two ranks, and measure it (minutes)
	@sample=$$($(PYTHON) common/sample.py) && \
	$(MPIRUN) $(PYTHON) superres/train.py --tiles "$$sample/train.txt" --test-tiles "$$sample/test.txt" \
		--epochs 24 --batch-size 4 --learning-rate 2.5e-4 --schedule cosine --precision $(PRECISION) \
		--patch-cache runs/sample/patches --run-dir runs/sample/dsen2-20m --overwrite

weights: install ## fetch the published DSen2 weights (80 MB) into the cache
	@$(PYTHON) superres/weights.py

classify: install ## train ResNet50 on six real BigEarthNet patches with two ranks, as a check that it runs (minutes)
	@sample=$$($(PYTHON) common/sample.py) && mkdir -p runs/sample && \
	$(PYTHON) bigearthnet/prepare.py --root "$$sample/BigEarthNet-S2" --s1-root "$$sample/BigEarthNet-S1" \
		--splits bigearthnet/sample_splits --keep-snow-cloud --output runs/sample/bigearthnet.h5 --overwrite && \
	$(MPIRUN) $(PYTHON) bigearthnet/train.py --data runs/sample/bigearthnet.h5 --model resnet50 --bands s2 \
		--epochs 20 --batch-size 2 --learning-rate 1e-4 --run-dir runs/sample/resnet50-s2 --overwrite && \
	$(PYTHON) bigearthnet/evaluate.py --data runs/sample/bigearthnet.h5 --run-dir runs/sample/resnet50-s2 \
		--output runs/sample/classified --overwrite && \
	echo "These scores come from three training patches and one test patch. They only show that the commands run."

test: install test-packages ## run the tests, the two-rank ones under mpirun included
	@$(PYTHON) -m pytest -n 2 --dist loadfile --ignore=notebooks/03_train_tiny_superres.ipynb --ignore=notebooks/04_compare.ipynb \
		--ignore=notebooks/05_bigearthnet_tiny.ipynb --ignore=notebooks/06_which_network.ipynb --ignore=notebooks/07_bands_and_classes.ipynb \
		--ignore=notebooks/08_super_resolved_bands.ipynb

test-long: install test-packages notebooks ## run what `make test` leaves out: trainings under Slurm, slow networks, comparisons, notebooks 3 to 8 (minutes)
	@$(PYTHON) -m pytest -m "long or not long" tests/test_slurm.py tests/superres/prediction/test_windows.py \
		tests/superres/networks/test_networks.py tests/cli/test_bigearthnet_compare.py tests/cli/test_superres_compare.py \
		tests/cli/superres_train/test_joint.py

# For the tests of jobs/ and those that open reports in a browser. Without root, sudo without a password, or Debian, they skip.
test-packages:
	@wanted=; \
	[ -x /usr/sbin/slurmctld ] && [ -x /usr/sbin/slurmd ] && [ -x /usr/sbin/munged ] || wanted="slurm-wlm,munge"; \
	[ -x /usr/bin/chromium ] && [ -x /usr/bin/chromedriver ] || wanted="$$wanted chromium,chromium-driver"; \
	[ -n "$$wanted" ] || exit 0; \
	echo "install: system packages for tests: $$wanted" | tr , ' ' >&2; \
	root=$$([ "$$(id -u)" -eq 0 ] || echo "sudo -n"); $$root apt-get update -qq; \
	for packages in $$wanted; do \
		$$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$(echo $$packages | tr , ' ') >/dev/null || \
			echo "install: $$packages could not be installed; the tests that need it skip" >&2; \
	done

test-mpi: install ## run only the two-rank tests
	@$(MPIRUN) $(PYTHON) -m pytest -m mpi tests/mpi

test-network: install ## train over network namespaces that stand in for nodes, and lose one (Linux, as root; minutes)
	@$(PYTHON) -m pytest -m "network or not network" tests/network

notebooks: install ## run all notebooks from top to bottom
	@$(PYTHON) -m pytest notebooks

bench: install ## measure speed and memory, as ratios to a plain solution
	@$(PYTHON) benchmarks/bench.py

lint: install ## check the style of the code (ruff) and which room imports which (import-linter)
	@.venv/bin/pip install -qq "ruff==0.14.5" && .venv/bin/ruff check . && .venv/bin/lint-imports --no-cache
