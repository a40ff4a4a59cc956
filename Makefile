# Every target sets itself up: `make train` and `make test` work in a fresh clone.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
BENCH_VENV := .venv-bench
BENCH_INSTALLED := $(BENCH_VENV)/installed
DOCS_VENV := .venv-docs
DOCS_INSTALLED := $(DOCS_VENV)/installed
SITE := build/site
UV_VERSION := 0.13.9

# What is given after the target, NAME=value, becomes --name value.
PREPARE := TASK DATA VALIDATION TEST TEXT TEXT_PAIR LABEL ENCODER MAX_LENGTH PROCESSES
# Of a run in several processes.
TOGETHER := CLUSTER INDEX JOIN_TIMEOUT HEARTBEAT RESTARTS
TRAIN := $(PREPARE) NAME EPOCHS MINUTES BATCH_SIZE LEARNING_RATE SEED WORKERS \
	THREADS DTYPE CLASS_WEIGHTS $(TOGETHER)
PRETRAIN := DATA TEXT ENCODER MAX_LENGTH NAME EPOCHS MINUTES BATCH_SIZE \
	LEARNING_RATE SEED WORKERS THREADS DTYPE $(TOGETHER)
TUNE := $(PREPARE) NAME SPACE ALGORITHM BUDGET TRIALS OBJECTIVE MAX_LATENCY_MS \
	MAX_SIZE_MB EPOCHS SEED WORKERS DTYPE FINAL_SEEDS
HARDWARE := ENCODER MAX_LENGTH BATCH_SIZE WORKERS THREADS DTYPE
SWITCHES := RESUME OVERWRITE

# Only what stands on the command line counts (a shell may have a NAME of its own),
# and it reaches the command through the environment, so that quotes, spaces and
# dollar signs stay what they are.
GIVEN := $(foreach name,$(sort $(TRAIN) $(TUNE)) OUTPUT PART ENGINE DIR SHORT $(SWITCHES),\
	$(if $(filter command,$(origin $(name))),$(name)))
$(foreach name,$(GIVEN),$(eval override $(name) := $$(value $(name))))
export $(GIVEN) SITE

flag = --$(subst _,-,$(shell echo $(1) | tr A-Z a-z))
options = $(foreach name,$(filter $(1),$(GIVEN)),$(call flag,$(name)) "$$$(name)")
switches = $(foreach name,$(filter $(1),$(GIVEN)),\
	$(if $(filter-out 0,$($(name))),$(call flag,$(name))))
RUN := $(if $(filter NAME,$(GIVEN)),"$$NAME",movie_reviews)

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: prepare
prepare: $(INSTALLED) ## Turn raw text into records: DATA= TEXT= LABEL= OUTPUT=
	@$(BIN)/bert-cpu prepare $(call options,$(PREPARE) OUTPUT PART ENGINE) \
		$(call switches,OVERWRITE) $(ARGS)

.PHONY: train
train: $(INSTALLED) ## Fine-tune and test a model: TASK= DATA= TEXT= LABEL= NAME= SEED=
	@$(BIN)/bert-cpu train $(call options,$(TRAIN)) $(call switches,$(SWITCHES)) \
		$(ARGS)

.PHONY: tune
tune: $(INSTALLED) ## Search good settings: BUDGET=30m DATA= NAME= WORKERS= SPACE=
	@$(BIN)/bert-cpu tune $(call options,$(TUNE)) $(call switches,$(SWITCHES)) \
		$(ARGS)

.PHONY: pretrain
pretrain: $(INSTALLED) ## Pre-train an encoder on plain text: DATA= MINUTES= ENCODER=
	@$(BIN)/bert-cpu pretrain $(call options,$(PRETRAIN)) \
		$(call switches,$(SWITCHES)) $(ARGS)

.PHONY: evaluate
evaluate: $(INSTALLED) ## Test a trained run again: NAME=
	@$(BIN)/bert-cpu evaluate --name $(RUN) $(ARGS)

.PHONY: tflite
tflite: $(INSTALLED) ## Convert a run to TensorFlow Lite and compare: NAME=
	@$(BIN)/bert-cpu export --name $(RUN) $(call options,THREADS) $(ARGS)

.PHONY: predict
predict: $(INSTALLED) ## Answer a text with a converted run: NAME= TEXT="..."
	@$(BIN)/bert-cpu predict runs/$(RUN) $(ARGS) \
		$(if $(filter TEXT,$(GIVEN)),-- "$$TEXT")

.PHONY: fsck
fsck: $(INSTALLED) ## Check prepared records against their manifest: DIR= ENCODER=
	@$(BIN)/bert-cpu fsck $(call options,ENCODER) $(ARGS) -- \
		$(if $(filter DIR,$(GIVEN)),"$$DIR",records)

.PHONY: hardware
hardware: $(INSTALLED) ## Show what this processor has and what will be used: ENCODER=
	@$(BIN)/bert-cpu hardware $(call options,$(HARDWARE)) $(ARGS)

.PHONY: notebooks
notebooks: $(INSTALLED) ## Run the notebooks and save what they show: NAME= SHORT=1
	@$(BIN)/python notebooks/execute.py $(call options,NAME) $(call switches,SHORT)

.PHONY: test
test: $(INSTALLED) ## Run the fast tests, in two processes
	@$(BIN)/python -m pytest -m "not slow and not faults" -n 2 --dist loadfile $(ARGS)

.PHONY: test-slow
test-slow: $(INSTALLED) ## Run the slow tests: real checkpoints and whole runs
	@$(BIN)/python -m pytest -m "slow and not faults" $(ARGS)

.PHONY: test-faults
test-faults: $(INSTALLED) ## Run the tests that kill, stop and cut off processes: long
	@$(BIN)/python -m pytest -m faults $(ARGS)

.PHONY: lint
lint: $(INSTALLED) ## Check style and types: ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

.PHONY: tree
tree: $(INSTALLED) ## Write the tree of the package into README.md
	@$(BIN)/python docs/write_tree.py

.PHONY: docs
docs: $(DOCS_INSTALLED) ## Build the site of the documentation: SITE=build/site
	@$(DOCS_VENV)/bin/sphinx-build --quiet --fail-on-warning --keep-going \
		-c docs -d "$$SITE.doctrees" . "$$SITE" $(ARGS)
	@echo "Open $$SITE/index.html"

.PHONY: lock
lock: $(INSTALLED) ## Choose the newest versions that fit, and write the lock files
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
	@for lock in develop build runtime docs; do \
		case $$lock in \
			develop) from="setup.cfg --extra test" ;; \
			build) from="requirements/build.in" ;; \
			runtime) from="setup.cfg" ;; \
			docs) from="setup.cfg --extra docs" ;; \
		esac; \
		$(BIN)/uv pip compile --no-config --system-certs --quiet --upgrade --universal \
			--python-version 3.11 --generate-hashes \
			--custom-compile-command "make lock" \
			--constraints $$(test $$lock = develop && echo requirements/constraints.in || \
				echo requirements/develop.lock) \
			--output-file requirements/$$lock.lock $$from || exit; \
	done

.PHONY: bench
bench: $(BENCH_INSTALLED) ## Race ours against the peers: hours; ARGS="--only 'one answer'"
	@$(BIN)/python -m bench $(ARGS)

.PHONY: bench-quick
bench-quick: $(BENCH_INSTALLED) ## Race a part of it, in 2 minutes (6 the first time)
	@$(BIN)/python -m bench --quick $(ARGS)

.PHONY: bench-task
bench-task: $(BENCH_INSTALLED) ## Train a task by ours and by transformers, 3 seeds: ARGS=
	@$(BIN)/python -m bench.baselines.compare $(ARGS)

.PHONY: bench-page
bench-page: $(INSTALLED) ## Write bench.json's results into docs/performance.md
	@$(BIN)/python -m bench.write_page bench.json

.PHONY: bench-scale
bench-scale: $(INSTALLED) ## Measure two workers against one process, 10 minutes
	@$(BIN)/python -m bench.scaling.measure $(ARGS)

.PHONY: bench-scale-page
bench-scale-page: $(INSTALLED) ## Write scale.json's results into docs/scaling.md
	@$(BIN)/python -m bench.scaling scale.json

.PHONY: bench-tune
bench-tune: $(BENCH_INSTALLED) ## Count trials beside a plain Keras Tuner loop: BUDGET=30m
	@$(BIN)/python -m bench.tuning.measure $(call options,BUDGET) $(ARGS)

.PHONY: bench-tune-page
bench-tune-page: $(INSTALLED) ## Write tune.json's results into docs/tuning.md
	@$(BIN)/python -m bench.tuning tune.json

.PHONY: bench-lock
bench-lock: $(INSTALLED) ## Choose the newest peers that fit, and write their lock file
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv==$(UV_VERSION)
	@cd bench/requirements && ../../$(BIN)/uv pip compile --no-config \
		--system-certs --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --custom-compile-command "make bench-lock" \
		--override overrides.in --constraints ../../requirements/constraints.in \
		--output-file peers.lock peers.in

.PHONY: clean
clean: ## Remove .venv and caches; runs/ stays
	@rm -rf $(VENV) $(BENCH_VENV) $(DOCS_VENV) build *.egg-info .pytest_cache .ruff_cache \
		.mypy_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements/build.lock requirements/develop.lock \
		requirements/make_venv.sh setup.cfg pyproject.toml setup.py \
		$(wildcard $(addprefix bert_cpu/native/,*.cc *.h prepare/*.cc prepare/*.h))
	@sh requirements/make_venv.sh $(VENV)
	@touch $@

$(DOCS_INSTALLED): requirements/docs.lock requirements/make_venv.sh
	@sh requirements/make_venv.sh $(DOCS_VENV) docs
	@touch $@

$(BENCH_INSTALLED): bench/requirements/peers.lock bench/make_venv.sh | $(INSTALLED)
	@sh bench/make_venv.sh $(BIN)/python $(BENCH_VENV)
	@touch $@
