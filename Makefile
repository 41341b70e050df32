# The commands for development. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help run test dev check bench fuzz mutants

help: ## shows this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: ## builds the release if anything changed, starts it on http://localhost:3000 (TLS=1: https://localhost:3443), keeps its data in ./data
	@tools/install
	@tools/build
	@TLS='$(TLS)' tools/serve

test: ## runs all tests: check, the release build with its budget, and the browser tests on it
	@tools/install tests
	@tools/test all

dev: ## builds and starts a debug build, and repeats that after each change
	@tools/install
	@tools/dev

check: ## runs the fast part: formatting, lints, unit, integration and documentation tests
	@tools/install
	@tools/test check

bench: ## measures the engine and writes docs/BENCHMARKS.md; QUICK=1 for a quick run, SCALE=10M for more sessions
	@QUICK='$(QUICK)' SCALE='$(SCALE)' ONLY='$(ONLY)' tools/bench

fuzz: ## fuzzes the engine, a minute for each target; SECONDS_EACH=600 for longer
	@SECONDS_EACH='$(SECONDS_EACH)' tools/fuzz

mutants: ## lists mutations of the engine's pure modules that no unit test detects; MODULES="keys jar" for these only
	@tools/mutants $(MODULES)
