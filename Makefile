# The front door. `make` alone says what there is.

.DEFAULT_GOAL := help
.PHONY: help run test dev check bench fuzz mutants

help: ## shows this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## builds the release if anything changed, starts it on http://localhost:3000 (TLS=1: https://localhost:3443), keeps its data in ./data
	@tools/install
	@tools/build
	@TLS='$(TLS)' tools/serve

test: ## runs everything: check, the release with its budget, and the browser tests on it
	@tools/install tests
	@tools/test all

dev: ## builds and starts a debug build, and again after each change
	@tools/install
	@tools/dev

check: ## runs the fast part: formatting, lints, unit, integration and documentation tests
	@tools/install
	@tools/test check

bench: ## measures the engine, into docs/BENCHMARKS.md; QUICK=1 for a first impression, SCALE=10M for more sessions
	@QUICK='$(QUICK)' SCALE='$(SCALE)' ONLY='$(ONLY)' tools/bench

fuzz: ## throws arbitrary bytes at the engine, a minute a target; SECONDS_EACH=600 for longer
	@SECONDS_EACH='$(SECONDS_EACH)' tools/fuzz

mutants: ## changes the engine's pure modules and says which change no unit test notices; MODULES="keys jar" for some of them
	@tools/mutants $(MODULES)
