# tillwarden. `make help` lists the targets; README.md explains the first two.

GO       ?= go
TOOLS    := $(GO) tool -modfile=packaging/tools/tools.mod
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -X main.version=$(VERSION)
FUZZTIME ?= 60s
COUNT    ?= 1

# The daemon, the command line and the simulator are plain Go: no C in what decides.
export CGO_ENABLED ?= 0

.PHONY: help build demo run year test check unit e2e bench lint fuzz fmt deb deb-check deb-test test-rig test-acceptance clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the binaries into bin/
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...
	$(GO) build -trimpath -o bin/tillwarden-demo ./packaging/demo

demo: ## play a register's day with the real binaries and simulated hardware
	@packaging/setup.sh demo
	@$(MAKE) --no-print-directory build
	bin/tillwarden-demo --bin bin

run: ## the demo's register, left up to try by hand
	@packaging/setup.sh demo
	@$(MAKE) --no-print-directory build
	bin/tillwarden-demo --bin bin --stay

year: ## a made-up store's journal of a year, to try reports and simulations on: build/year.db
	@packaging/setup.sh demo
	@$(MAKE) --no-print-directory build
	@mkdir -p build
	bin/tillwarden-demo --year build/year.db

test: ## everything: linters, then all tests with the race detector
	@packaging/setup.sh test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory build
	CGO_ENABLED=1 $(GO) test -race -count=$(COUNT) -timeout 20m ./...

lint: ## gofumpt, go vet, staticcheck
	@out=$$($(TOOLS) gofumpt -l .); [ -z "$$out" ] || { echo "not formatted (run make fmt):"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(TOOLS) staticcheck ./...

fmt: ## format the source
	$(TOOLS) gofumpt -w .

bench: ## benchmarks, each beside its floor (docs/benchmarks.md)
	@packaging/bench.sh

fuzz: ## every fuzz target for FUZZTIME (60s)
	@packaging/fuzz.sh $(FUZZTIME)

deb: ## the Debian package, in build/deb (ARCH=arm64 for the other one)
	@packaging/setup.sh deb
	@packaging/deb.sh $(ARCH)

# What its packages build is built once, and removed at the end.
define rig
	@packaging/setup.sh deb
	@packaging/setup.sh rig
	dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && chmod 755 "$$dir" && \
	TILLWARDEN_RIG=$(1) TILLWARDEN_RIG_BINARIES=$$dir $(GO) test -p 1 -count=1 -timeout $(2) $(RIGFLAGS) ./packaging/rig ./packaging/sandbox ./packaging/installation
endef

test-rig: ## the daemon on a real system: Debian's kernel in a virtual machine, USB, power cuts (docs/rig.md)
	$(call rig,ci,50m)

test-acceptance: ## the same, at length
	$(call rig,all,120m)

deb-check: ## build the package, and look through it
	@packaging/setup.sh deb
	@package=$$(packaging/deb.sh $(ARCH)) && packaging/deb-test.sh "$$package"

deb-test: ## build the package twice, compare, and look through it
	@packaging/setup.sh deb
	@packaging/deb-test.sh

clean: ## remove what was built
	rm -rf bin build
