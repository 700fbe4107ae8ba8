# Each target builds .venv (Python 3.7, locked dependencies) first if need be. Extra options go in ARGS:
#   make train ARGS="--set seed=3 --out runs/seed_3"
PYTHON := .venv/bin/python
CONFIG ?= configs/synthetic.yaml
ARGS ?=
RUNS ?= runs
export PYTHON37

.DEFAULT_GOAL := help
.PHONY: help setup setup-sweep setup-dev setup-notebook train notebook resume report figure table recipes time vae pitfalls posteriors digits diagnostics digits-settings mnist patches rivals rivals-search documents documents-check benchmark config-reference test clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{ printf "%-18s%s\n", $$1, $$2 }'

setup:  ## make .venv with everything that training needs
	@scripts/setup_venv.sh requirements.lock

setup-sweep:  ## the same, with Ray for scripts/sweep.py
	@scripts/setup_venv.sh requirements.lock requirements-sweep.lock

setup-dev:  ## the same, with the test and lint tools
	@scripts/setup_venv.sh requirements.lock requirements-sweep.lock requirements-dev.lock

setup-notebook:  ## the same, with Jupyter
	@scripts/setup_venv.sh requirements.lock requirements-notebook.lock

train: setup  ## train the tutorial's model; figures and numbers go to runs/synthetic
	@$(PYTHON) scripts/train.py --config "$(CONFIG)" $(ARGS)

resume: setup  ## go on with an interrupted run: make resume DIR=runs/synthetic
	@$(PYTHON) scripts/train.py --resume "$(or $(DIR),runs/synthetic)" $(ARGS)

notebook: setup-notebook  ## open docs/tutorial.ipynb in Jupyter: the tutorial's model, built by hand (2 minutes to run)
	@JUPYTER_PREFER_ENV_PATH=1 $(PYTHON) -m notebook --notebook-dir=. docs/tutorial.ipynb $(ARGS)

report: setup  ## the tutorial's run as a page, runs/synthetic/report.html (trains it if need be)
	@$(PYTHON) scripts/report.py runs/synthetic --config configs/synthetic.yaml $(ARGS)

figure: setup  ## write docs/figure_5.png (trains what is missing: 8 CPU minutes)
	@$(PYTHON) scripts/paper.py figure --runs "$(RUNS)/table" $(ARGS)

table: setup  ## write docs/table_1.md, 5 configs, 5 or 10 seeds each (trains what is missing: 80 CPU minutes)
	@$(PYTHON) scripts/paper.py table --runs "$(RUNS)/table" $(ARGS)

recipes: setup  ## write docs/recipes.md and .png, 13 configs, 5 or 10 seeds each (trains what is missing: 3 CPU hours)
	@$(PYTHON) scripts/paper.py recipes --runs "$(RUNS)/table" $(ARGS)

time: setup  ## write docs/time_to_quality.md and .png, docs/runs.csv: how near each config comes, and in what time
	@$(PYTHON) scripts/paper.py time --runs "$(RUNS)/table" $(ARGS)

vae: setup  ## write docs/paper_vae_seeds.png: what the paper's VAE finds, seed by seed (trains what is missing)
	@$(PYTHON) scripts/paper.py vae --runs "$(RUNS)/table" $(ARGS)

pitfalls: setup  ## write docs/pitfalls.md and .png: one thing of fast_avb changed, 5 seeds each (trains what is missing)
	@$(PYTHON) scripts/paper.py pitfalls --runs "$(RUNS)/table" $(ARGS)

posteriors: setup  ## write docs/posteriors.md and .png, seven given posteriors, AVB beside Gaussians and samplers (six and HMC alone took 47 minutes)
	@$(PYTHON) scripts/paper.py posteriors --runs "$(RUNS)/posteriors" $(ARGS)

diagnostics: setup  ## write docs/diagnostics.md and .png: which diagnostic sees which fault, cases whose truth is known
	@$(PYTHON) scripts/paper.py diagnostics --runs "$(RUNS)/diagnostics" $(ARGS)

digits: digits-settings  ## write docs/digits.md and .png, real images, AVB beside VAEs, a flow and maximum likelihood, 5 seeds each (hours)
	@$(PYTHON) scripts/documents.py train --pages digits.md --runs "$(RUNS)"
	@$(PYTHON) scripts/paper.py digits --runs "$(RUNS)/digits" $(ARGS)

RIVALS := $(PYTHON) scripts/rivals.py
SEEDS ?= 0-4
# Runs the configs below a folder, in folders that are called as their seeds; the runs' folder is the second. Where runs diverged
# (code 3), which the pages tell, it goes on.
SWEEP = for folder in "$(1)"/*/; do test ! -d "$$folder" || \
	$(PYTHON) scripts/sweep.py --config "$$folder"*.yaml --seeds "$$(basename "$$folder")" --out "$(2)" || \
	{ code=$$?; test $$code -eq 3 || exit $$code; }; done
OF_RIVALS = --runs "$(RUNS)/rivals" --others "$(RUNS)"
SWEEP_RIVALS = $(RIVALS) $(1) $(OF_RIVALS) --seeds $(2) && { $(call SWEEP,$(RUNS)/rivals/configs/$(1),$(RUNS)/rivals); }
rivals: setup-sweep  ## write docs/rivals.md and .png: AVB beside flows, IWAE, HMC and others, 5 seeds each (20 to 25 CPU hours)
	@$(call SWEEP_RIVALS,equal_iterations,$(SEEDS))
	@test ! -f configs/rivals/chosen.yaml || { $(call SWEEP_RIVALS,equal_time,$(SEEDS)); }
	@$(RIVALS) page $(OF_RIVALS) --seeds $(SEEDS) $(ARGS)

IMAGES := $(PYTHON) scripts/image_models.py
# Trains what is missing of a page's runs, seed by seed, and writes the page.
define OF_IMAGES
@for seed in $(2); do $(IMAGES) $(1) configs --runs "$(RUNS)/$(1)" --seed $$seed && \
  { $(call SWEEP,$(RUNS)/$(1)/configs/seed_$$seed,$(RUNS)/$(1)); } || exit; done
@$(IMAGES) $(1) page --runs "$(RUNS)/$(1)" $(ARGS)
endef

mnist: setup-sweep  ## write docs/mnist.md, .png and pictures: MNIST beside the paper's numbers, 28 runs (some 12 hours, resumable)
	$(call OF_IMAGES,mnist,0 1 2)

patches: setup-sweep  ## write docs/patches.md, .png and pictures: patches of photographs, of grey and of colour, 32 runs (an hour)
	$(call OF_IMAGES,patches,0)

rivals-search: setup-sweep  ## choose settings for equal CPU time, configs/rivals/chosen.yaml, which make rivals then takes (4.5 CPU hours)
	@$(call SWEEP_RIVALS,equal_iterations,0)
	@$(call SWEEP_RIVALS,search,100)
	@$(RIVALS) choose $(OF_RIVALS)

digits-settings: setup-sweep  ## train the digits' models with other learning rates, for docs/digits.md (an hour)
	@$(call SWEEP_RIVALS,settings,100)

documents: setup-sweep  ## write all pages of docs again that other code than this made, but speed.md (many hours, resumable)
	@$(PYTHON) scripts/documents.py make --runs "$(RUNS)" $(ARGS)

documents-check: setup  ## tell which pages of docs are not of this state of the code, and what mends each
	@$(PYTHON) scripts/documents.py check $(ARGS)

benchmark: setup-sweep  ## time training beside the tutorial's loop, its bare graph, JAX and PyTorch, in turn (40 minutes)
	@$(PYTHON) scripts/benchmark.py $(ARGS)
	@$(PYTHON) scripts/benchmark.py --time-to-pass configs/fast_avb.yaml configs/tuned_avb.yaml

config-reference: setup  ## write docs/config.md, every key of a config, from the code that checks them
	@$(PYTHON) scripts/config_reference.py $(ARGS)

test: setup-dev  ## run the linter and the test suite; the longer tests: make test ARGS="-m slow" (or long)
	@$(PYTHON) -m ruff check .
	@.venv/bin/lint-imports --no-cache
	@$(PYTHON) -m pytest $(ARGS)

clean:  ## remove .venv, .venv-peers, .python37 and caches; run folders stay
	rm -rf .venv .venv-peers .python37 .pytest_cache .ruff_cache .hypothesis *.egg-info
	find avb_tf1 scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +
