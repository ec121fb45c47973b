# Two commands matter: `make repro` and `make test`. Each sets up everything it needs: a machine needs Python
# (3.11, 3.12 or 3.13), git and make. Every path is relative or quoted, so that the folder's name may contain spaces.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The Python that creates the environment: PYTHON=/path/to/python, or the first suitable candidate.
PYTHON ?=
CANDIDATES := python3.11 python3.12 python3.13 python3 python
# TensorFlow publishes wheels for these versions only; on Debian, ensurepip is in the package python3-venv.
SUITABLE := import sys, venv, ensurepip; assert (3, 11) <= sys.version_info[:2] <= (3, 13), "version %d.%d" % sys.version_info[:2]

# The environment is up to date if these files exist. Their names contain the digest of what it was made from (times would
# rebuild it at every change of branch) and of the folder (an environment cannot be moved).
ifeq ($(shell command -v git),)
$(error git is not on the PATH: hindcast needs Python, git and make)
endif
LOCKED := .venv/locked-$(shell { pwd -P; cat requirements.lock; } | cksum | tr -cs '0-9\n' -)
READY := $(LOCKED)-$(shell cksum < pyproject.toml | tr -cs '0-9\n' -)

# The environment's programs come first, since the commands in dvc.yaml say `python`.
IN_VENV := PATH="$$PWD/.venv/bin:$$PATH" VIRTUAL_ENV="$$PWD/.venv" PYTHONNOUSERSITE=1
PIP := .venv/bin/python -m pip --quiet --no-input --disable-pip-version-check
DVC_LOCK := .dvc/tmp/rwlock
WORKERS ?= 2
ROUNDS ?= 3
ARGS ?=

.PHONY: help
help: ## list the targets
	@echo "hindcast: forecast and realized series as HDF5, and networks trained from them"
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/\1	\2/' \
	| while IFS='	' read -r name what; do printf '  make %-12s %s\n' "$$name" "$$what"; done

.PHONY: repro
repro: $(READY) ## run the pipeline on the data set of params.yaml, and list the results
	@test ! -e $(DVC_LOCK) || $(IN_VENV) python -m json.tool $(DVC_LOCK) >/dev/null 2>&1 || { \
	  echo "$(DVC_LOCK) is empty or half-written: a killed dvc left it, and dvc refuses to run with it." >&2; \
	  echo "If no other dvc runs in this folder: rm $(DVC_LOCK), then make repro. No output is lost." >&2; exit 1; }
	@$(IN_VENV) python -m dvc repro
	@printf '\nThe results:\n'
	@printf '  %-10s %s\n' metrics "$$PWD/reports/metrics.json" "by series" "$$PWD/reports/by_series.csv" \
	report "$$PWD/reports/report.html" models "$$PWD/models"

# Ten minutes on two cores: unit tests, and property tests on examples that are the same at every run.
.PHONY: test
test: lint ## lint, types and unit tests (ARGS="-k name" narrows, WORKERS=2)
	@$(IN_VENV) python -m pytest -n $(WORKERS) --dist loadfile -m "not slow and not workflow" $(ARGS)

# Half an hour at most on two cores; `.ci/run` calls it after `make test`.
.PHONY: ci
ci: check-lock site ## what users do, as they do it: the wheel, clones and a remote, DVC, the report in a browser
	@$(IN_VENV) python -m pytest -n $(WORKERS) --dist loadfile -m "workflow and not slow" $(ARGS)

.PHONY: soak
soak: $(READY) ## the slow tests, and property tests on ten times as many random examples (ROUNDS=3)
	@$(IN_VENV) python -m pytest -m slow $(ARGS)
	@for round in $$(seq $(ROUNDS)); do \
	  $(IN_VENV) HINDCAST_EXAMPLES=random python -m pytest -n $(WORKERS) -m "hypothesis and not slow" $(ARGS) || exit 1; \
	done

LOCKS := requirements.lock requirements-bench.lock requirements-docs.lock requirements-adapters.lock

# The lock files belong to pyproject.toml: compiled again without an upgrade, they come out the same.
.PHONY: check-lock
check-lock: $(READY) ## compare the lock files with what pyproject.toml asks for
	@for name in $(LOCKS); do cp "$$name" ".venv/$$name.before"; done
	@$(MAKE) lock >/dev/null
	@status=0; for name in $(LOCKS); do \
	  if ! cmp -s "$$name" ".venv/$$name.before"; then \
	    echo "$$name does not match pyproject.toml: run \`make lock\` and commit the result." >&2; status=1; \
	    diff ".venv/$$name.before" "$$name" | head -20 >&2; mv ".venv/$$name.before" "$$name"; \
	  fi; done; exit $$status

.PHONY: lint
lint: $(READY) ## ruff and mypy; changes nothing
	@$(IN_VENV) python -m ruff check .
	@$(IN_VENV) python -m ruff format --check .
	@$(IN_VENV) python -m mypy

.PHONY: format
format: $(READY) ## format the code with ruff
	@$(IN_VENV) python -m ruff check --fix .
	@$(IN_VENV) python -m ruff format .

# The libraries that benchmarks compare with are installed separately, so that .venv holds exactly the locked packages.
BENCH := .venv-bench/locked-$(shell cat requirements-bench.lock | cksum | tr -cs '0-9\n' -)
$(BENCH): $(READY)
	@rm -rf .venv-bench && $(PIP) install --require-hashes --no-deps --target .venv-bench -r requirements-bench.lock
	@touch "$@"

.PHONY: bench-ingest
bench-ingest: $(BENCH) ## ingest compared with pyarrow, pandas, dask, polars and DuckDB (ARGS="speed --megabytes 100" narrows)
	@$(IN_VENV) PYTHONPATH="$$PWD/.venv-bench" python benchmarks/ingest.py $(ARGS)

.PHONY: bench-pack
bench-pack: $(READY) ## pack 40 million steps from tables: speed and memory (ARGS="--groups 10" narrows)
	@$(IN_VENV) python benchmarks/pack.py $(ARGS)

.PHONY: bench-train
bench-train: $(READY) ## training in lanes compared with windows, batch 1 and the limit (ARGS="--only speed --folder F" narrows)
	@$(IN_VENV) python benchmarks/train.py $(ARGS)

.PHONY: bench-leak
bench-leak: $(READY) ## what a leak is worth: one network with and without point in time (ARGS="--ercot FOLDER")
	@$(IN_VENV) python benchmarks/leak.py $(ARGS)

.PHONY: bench-scale
bench-scale: $(READY) ## exponents of time and memory of every stage, by series, groups, size, files, features, steps (ARGS="--quick")
	@$(IN_VENV) python benchmarks/scale.py $(ARGS)

.PHONY: bench-serve
bench-serve: $(READY) ## seconds and memory of a forecast in service, with 200 and 20,000 series (ARGS="--customers 2" narrows)
	@$(IN_VENV) python benchmarks/serve.py $(ARGS)

.PHONY: bench-worth
bench-worth: $(READY) ## the error relative to the published forecast, on real data sets, by recipe (ARGS="--data F --seeds 7")
	@$(IN_VENV) python benchmarks/worth.py $(ARGS)

.PHONY: bench-whole
bench-whole: $(READY) ## all stages at the size of method 1, half an hour, and that method's own loop on a slice
	@$(IN_VENV) python benchmarks/whole_way.py $(ARGS)

BENCH_STREAM := .venv-bench-stream/made-$(shell cat requirements-bench-stream.txt | cksum | tr -cs '0-9\n' -)
$(BENCH_STREAM): $(READY)
	@rm -rf .venv-bench-stream && $(PIP) install --no-deps --target .venv-bench-stream -r requirements-bench-stream.txt
	@touch "$@"

.PHONY: bench-stream
bench-stream: $(BENCH_STREAM) ## streams compared with tf.data, Grain, MosaicML, PyTorch, xbatcher and h5py (ARGS="windows")
	@$(IN_VENV) PYTHONPATH="$$PWD/.venv-bench-stream" python benchmarks/stream.py $(ARGS)

# Both environments of peers come first on the path; .venv itself stays as locked.
.PHONY: bench
bench: $(BENCH) $(BENCH_STREAM) ## every benchmark, an hour; writes docs/benchmarks.md (ARGS="--parts ingest pack" narrows)
	@$(IN_VENV) PYTHONPATH="$$PWD/.venv-bench:$$PWD/.venv-bench-stream" python benchmarks/summary.py $(ARGS)

.PHONY: bench-quick
bench-quick: $(BENCH) $(BENCH_STREAM) ## every benchmark on little data, two minutes; writes nothing
	@$(IN_VENV) PYTHONPATH="$$PWD/.venv-bench:$$PWD/.venv-bench-stream" python benchmarks/summary.py --quick $(ARGS)

# The libraries of docs/adapters.md, in an environment of their own. torch is not in the lock file, nor is what its builds for CUDA
# need: its wheel differs between indexes, and PIP_EXTRA_INDEX_URL may name one with builds without CUDA.
OF_TORCH := torch triton cuda-bindings cuda-pathfinder cuda-toolkit $(addprefix nvidia-,cublas cuda-cccl cuda-cupti cuda-nvrtc \
	cuda-runtime cudnn-cu13 cufft cufile curand cusolver cusparse cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx)
ADAPTERS := .venv-adapters/made-$(shell cat requirements-adapters.lock requirements-adapters-torch.txt | cksum | tr -cs '0-9\n' -)
$(ADAPTERS): $(READY)
	@rm -rf .venv-adapters && .venv/bin/python -m venv .venv-adapters
	@.venv-adapters/bin/python -m pip --quiet --no-input --disable-pip-version-check install -r requirements-adapters-torch.txt
	@.venv-adapters/bin/python -m pip --quiet --no-input --disable-pip-version-check install --require-hashes --no-deps -r requirements-adapters.lock
	@touch "$@"

.PHONY: adapters
adapters: $(ADAPTERS) ## train NeuralForecast, darts and PyTorch on a small project, and judge them (ARGS="torch_lstm" narrows)
	@$(IN_VENV) python -m tools.adapters .venv-adapters/bin/python $(ARGS)

# Composed by DVC's own function, so that the result equals what `dvc exp run` without -S writes.
COMPOSE := import os; from dvc.utils.hydra import compose_and_dump as f; r = os.getcwd(); f("params.yaml", r + "/conf", None, "config", r, [])

SCHEMA := from pathlib import Path; from hindcast.pipeline.settings.schema import CONF_SCHEMA, conf_schema_text; Path(CONF_SCHEMA).write_text(conf_schema_text(), encoding="utf-8")

.PHONY: figures
figures: $(READY) ## the figures of the code's structure (ARGS="REVISION" compares)
	@$(IN_VENV) python -m tools.structure figures $(ARGS)

.PHONY: deps
deps: $(READY) ## write into dvc.yaml the code that each stage imports
	@$(IN_VENV) python -m tools.structure deps --write

# Every output of small data sets of all kinds, before and after a change that should change none.
.PHONY: same-bytes
same-bytes: $(READY) ## compare all output bytes with those of another revision (ARGS="main")
	@$(IN_VENV) python -m tools.output_bytes against $(ARGS)

# `make ci` compares. A commit that changes outputs on purpose contains the result and says why they change.
.PHONY: lock-outputs
lock-outputs: $(READY) ## run the default data set from nothing and write dvc.lock, the digests of its outputs
	@$(IN_VENV) python -m tools.locked_outputs

.PHONY: params
params: $(READY) ## compose conf/ into params.yaml, for the data set that conf/config.yaml names, and write its JSON Schema
	@$(IN_VENV) python -c '$(COMPOSE)'
	@$(IN_VENV) python -c '$(SCHEMA)'

.PHONY: venv
venv: $(READY) ## set up the environment in .venv, nothing else

# Resolves again for all platforms at once, keeping the locked versions where they still fit (UPGRADE=1: the newest). The
# file names no index, so it works with any that a machine is configured for.
.PHONY: lock
lock: $(READY) ## recompile the lock files from pyproject.toml (UPGRADE=1 takes the newest versions)
	@test -x .venv-lock/bin/uv || { .venv/bin/python -m venv .venv-lock \
	&& .venv-lock/bin/python -m pip --quiet --no-input --disable-pip-version-check install uv; }
	@.venv-lock/bin/uv pip compile pyproject.toml --extra train --extra test --universal --fork-strategy fewest --generate-hashes \
	--no-emit-index-url --no-header --quiet $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	@.venv-lock/bin/uv pip compile --group bench --universal --generate-hashes \
	--no-emit-index-url --no-header --quiet $(if $(UPGRADE),--upgrade) --output-file requirements-bench.lock
	@.venv-lock/bin/uv pip compile pyproject.toml --group adapters --universal --fork-strategy fewest --generate-hashes \
	$(addprefix --no-emit-package ,$(OF_TORCH)) \
	--no-emit-index-url --no-header --quiet $(if $(UPGRADE),--upgrade) --output-file requirements-adapters.lock
	@.venv-lock/bin/uv pip compile --group docs --universal --generate-hashes \
	--no-emit-index-url --no-header --quiet $(if $(UPGRADE),--upgrade) --output-file requirements-docs.lock
	@git diff --stat -- $(LOCKS) requirements-adapters.lock

# The generator of the site is installed separately, so that .venv holds exactly the locked packages. Neither step needs a network, and the result
# has its own fonts, icons and scripts: `check` finds what a page would load from elsewhere.
DOCS := .venv-docs/locked-$(shell { pwd -P; cat requirements-docs.lock; } | cksum | tr -cs '0-9\n' -)
$(DOCS): $(READY)
	@rm -rf .venv-docs && .venv/bin/python -m venv .venv-docs
	@.venv-docs/bin/python -m pip --quiet --no-input --disable-pip-version-check install --require-hashes -r requirements-docs.lock
	@touch "$@"

.PHONY: site
site: $(DOCS) ## the documentation site, in build/site/index.html; broken links are errors
	@$(IN_VENV) python -m tools.docs_site pages build/site-pages
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/python -m mkdocs --quiet build --strict
	@$(IN_VENV) python -m tools.docs_site check build/site
	@printf 'The site: %s\n' "$$PWD/build/site/index.html"

.PHONY: clean
clean: ## remove the environment and all outputs; never data/raw or DVC's cache
	rm -rf .venv .venv-lock .venv-bench .venv-bench-stream .venv-adapters .venv-docs build dist hindcast.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf data/simulated data/notes data/tables data/quarantine data/packed data/dataset.h5 data/scaler.json models reports logs .hindcast
	find pipeline stages tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

# A new lock file means a new environment, without packages of the old one or of an interrupted installation.
$(LOCKED):
	@asked='$(PYTHON)'; chosen=''; seen=''; \
	for candidate in "$${asked:-}" $(if $(PYTHON),,$(CANDIDATES)); do \
	  test -n "$$candidate" || continue; \
	  if why=$$("$$candidate" -c '$(SUITABLE)' 2>&1); then chosen="$$candidate"; break; fi; \
	  seen="$$seen$$(printf '\n  %s: %s' "$$candidate" "$$(printf '%s\n' "$$why" | tail -n 1)")"; \
	done; \
	if test -z "$$chosen"; then \
	  printf '%s\n' "No suitable Python: 3.11, 3.12 or 3.13 is needed, with its venv and ensurepip modules." \
	  "Tried:$$seen" "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; \
	fi; \
	echo "Setting up .venv with $$("$$chosen" --version); this takes some minutes, once." >&2; \
	rm -rf .venv && "$$chosen" -m venv .venv
	@$(PIP) install --require-hashes -r requirements.lock
	@touch "$@"

$(READY): $(LOCKED)
	@rm -f $(LOCKED)-*
	@$(PIP) install --no-build-isolation --no-deps --config-settings editable_mode=compat --editable .
	@touch "$@"
