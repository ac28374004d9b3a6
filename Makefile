# neq: how many parameters is a neuron? Bare "make" prints the targets.
SHELL := /bin/bash
GO ?= go
OUT ?= out
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# The GPU's driver is found at run time; gorgonia.org/cu must find our cuda.h to be built (cuda/driver/lazycuda).
export CGO_CFLAGS := -O2 -g -I$(CURDIR)/cuda/driver/lazycuda
TAGS := -tags gpu
# Its archive holds the CPU's library: install scripts would fetch CUDA's besides.
ONNXRUNTIME := 1.20.1
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help
.PHONY: help build test lint demo demo-hh published bench cell-accuracy generate check-generated generate-table check-ptx gpu-bundle onnx-check torch-check fuzz clean setup

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:
	@command -v $(GO) >/dev/null || { echo "neq needs Go 1.26 or newer: https://go.dev/dl"; exit 1; }
	@command -v gcc >/dev/null || { echo "neq needs a C compiler: apt-get install gcc"; exit 1; }

build: setup ## bin/neq, the one program
	$(GO) build $(TAGS) -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/neq ./cmd/neq

test: setup ## all tests (about two minutes; what needs an absent tool says so and is skipped)
	$(GO) test $(TAGS) $(TESTFLAGS) ./...

lint: setup ## gofmt, vet, staticcheck, shellcheck
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "gofmt would change: $$bad"; exit 1; }
	$(GO) vet ./... && $(GO) vet $(TAGS) ./...
	$(GO) run $(STATICCHECK) ./... && $(GO) run $(STATICCHECK) $(TAGS) ./...
	@if command -v shellcheck >/dev/null; then shellcheck .ci/run $$(git ls-files '*.sh'); else echo "shellcheck is absent: shell scripts were not checked"; fi

demo: build ## how many parameters an integrate-and-fire neuron is, in a few minutes: $(OUT)/demo
	bin/neq run examples/integrate-and-fire.yaml --out $(OUT)/demo --resume

demo-hh: build ## the same for a Hodgkin-Huxley neuron: $(OUT)/demo-hh
	bin/neq run examples/hodgkin-huxley.yaml --out $(OUT)/demo-hh --resume

published: build ## the published integrate-and-fire experiment, all 12,000 episodes: $(OUT)/published
	bin/neq run examples/integrate-and-fire-published.yaml --out $(OUT)/published --resume

bench: build ## side by side with NEURON and PyTorch, where they are installed: bench/README.md
	bench/run.sh

cell-accuracy: setup ## the layer 5 cell against NEURON at full length; how far each solver and step is from the truth: bench/results
	NEQ_VALIDATE=1 NEQ_ACCURACY=$(CURDIR)/bench/results/l5pc-accuracy.txt $(GO) test ./data/neuron -run TestL5PC -count 1 -timeout 60m -v

onnx-check: setup ## exported surrogates stepped in onnxruntime (of npm) give what neq gives: every family
	npm install --loglevel error --no-audit --no-fund --ignore-scripts --prefix $(OUT)/onnxruntime onnxruntime-node@$(ONNXRUNTIME)
	NEQ_ONNXRUNTIME=$(abspath $(OUT))/onnxruntime/node_modules $(GO) test ./surrogates -run TestONNX -count 1 -v

torch-check: setup ## gradients of the operations and families against PyTorch (python3-torch; PYTHON names another interpreter)
	NEQ_TORCH=$(or $(PYTHON),/usr/bin/python3) $(GO) test ./surrogates/... -run TestTorch -count 1 -v

generate: ## the PTX of the GPU's kernels (needs clang-19)
	cuda/kernels/generate.sh

check-generated: ## fails where the PTX in the tree is not what the sources give
	cuda/kernels/generate.sh --check

generate-table: ## registers and spills of the GPU's kernels, as ptxas gives them (fetched from Debian)
	cuda/kernels/assemble.sh

check-ptx: ## fails where that table is not current, or a hot kernel spills (says so where ptxas cannot be had)
	cuda/kernels/assemble.sh --check --optional

gpu-bundle: setup ## a folder that tests and measures neq on a GPU machine: $(OUT)/gpu-bundle
	bench/gpu/bundle.sh $(OUT)/gpu-bundle

fuzz: setup ## every fuzz test for 20 seconds
	@$(GO) list ./... | while read -r p; do \
	  $(GO) test -list '^Fuzz' $$p | grep '^Fuzz' | while read -r f; do $(GO) test $$p -run '^$$' -fuzz "^$$f\$$" -fuzztime 20s || exit 1; done || exit 1; done

clean: ## delete what was built; data sets and reports in $(OUT) stay
	rm -rf bin
