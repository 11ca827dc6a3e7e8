# `make` lists what there is. Every target installs the tools it lacks first: see tools/setup.sh.

# Trunk takes NO_COLOR=1, which some CI sets, for a wrong argument.
trunk = unset NO_COLOR; PATH="$$(tools/setup.sh path):$$PATH" trunk
# A first view may weigh this many bytes after brotli, in this many requests.
size_limits = --limit 150000 --requests 5

.PHONY: help setup serve build site single test fmt clippy cargo-test native accuracy soak fit size size-check browser-test bench lighthouse clean
.NOTPARALLEL:

help:
	@echo "make serve       the page on http://127.0.0.1:8080, rebuilt at every change"
	@echo "make build       the site in dist/, and dist/petaday.html, the same in a single file"
	@echo "make native      the command, target/release/petaday"
	@echo "make accuracy    holds petaday to published tables, row by row"
	@echo "make test        formatting, lints, all tests, the weight; what CI runs"
	@echo "make soak        runs millions of random steps through the memory's properties"
	@echo "make fit         fits the step-time model's constants and prints them"
	@echo "make size        builds, and weighs what a first view transfers"
	@echo "make bench       builds, and times 200 drags of a slider, and searches, in a headless browser"
	@echo "make lighthouse  builds, and runs Lighthouse five times, as on a phone"
	@echo "make clean       removes what was built (the tools stay in their cache folder)"

setup:
	@tools/setup.sh build

serve: setup
	@echo "==> Serving the page on http://127.0.0.1:8080 (the first build takes a minute or two)"
	@$(trunk) serve --offline

build: setup site single

# Trunk's build, then the first paint written into index.html.
site:
	@echo "==> Building the site in dist/ (cold: about 3 minutes on two cores)"
	@$(trunk) build --release --offline
	@echo "==> Writing the first paint into dist/index.html"
	@cargo run --locked --features page --bin petaday-prerender -- dist/index.html
	@echo "==> Shrinking wasm and scripts"
	@node tools/shrink.mjs

single:
	@echo "==> Writing the single-file build"
	@node tools/single.mjs

test:
	@tools/setup.sh test
	@$(MAKE) fmt clippy cargo-test native site single size-check browser-test
	@echo "==> All passed"

fmt:
	@echo "==> Checking the formatting"
	@cargo fmt --check

clippy:
	@echo "==> Linting the command and the tests"
	@cargo clippy --locked --all-targets --features command -- -D warnings
	@echo "==> Linting the prerenderer"
	@cargo clippy --locked --features page -- -D warnings
	@echo "==> Linting the page"
	@cargo clippy --locked --target wasm32-unknown-unknown --features page,engine --lib --bin petaday-app --bin petaday-engine -- -D warnings

cargo-test:
	@echo "==> Running the tests in Rust"
	@cargo test --locked --features command

native: setup
	@echo "==> Building the command, target/release/petaday"
	@cargo build --locked --release --features command --bin petaday

soak:
	@echo "==> Millions of random steps and ranks (hours)"
	@PROPTEST_CASES=1000000 cargo test --locked --features command --test memory_properties --test ranks

# The same tables and limits are a test, tests/accuracy.rs.
accuracy:
	@echo "==> Holding petaday to published tables"
	@cargo run --locked --quiet --features command --bin petaday -- check \
		$(addprefix tests/reference/,models.json runs.json runs_throughput.json)

fit:
	@cargo run --locked --quiet --features command --bin petaday -- fit tests/reference/runs_throughput.json

size: build size-check
size-check:
	@echo "==> Weighing what a first view transfers"
	@node tools/size.mjs $(size_limits)

browser-test:
	@echo "==> Running the tests in the browser"
	@node --test tests/browser/*.test.mjs

bench:
	@tools/setup.sh test
	@$(MAKE) site
	@echo "==> Timing drags of a slider (about a minute)"
	@node tools/bench.mjs

lighthouse:
	@tools/setup.sh lighthouse
	@$(MAKE) site single
	@echo "==> Running Lighthouse five times (about two minutes)"
	@node tools/lighthouse.mjs

clean:
	@echo "==> Removing dist/ and target/"
	@rm -rf dist
	@cargo clean
