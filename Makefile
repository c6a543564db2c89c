# The targets of docs/architecture.md, "How it is tested". Go ≥ 1.26, make and git do everything.
.DEFAULT_GOAL := build
.PHONY: build check fmt test race e2e sim fuzz bench bench-graph bench-ml bench-serving peers page page-assets demo clean

export CGO_ENABLED ?= 0
BIN     := bin/bsp
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
TOOL    := go tool -modfile=tools/go.mod
GOFILES  = $(filter-out %_templ.go,$(wildcard $(shell git ls-files --cached --others --exclude-standard '*.go'))) # those that are there, but for generated ones
N       ?= 10       # of make e2e: random kills; N/2 kills of the leader under load, 10 N jobs
HOURS   ?= 2        # virtual hours of make sim
SEED    ?= 1        # of its first world
RUNS    ?= 1000000x # runs of each fuzz test of make fuzz
ARGS    ?=          # of make bench, bench-graph, bench-ml and bench-serving, such as -only start,local

build: ## the bsp binary, static
	go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN) ./cmd/bsp

check: ## formatting, vet, lint, in bench/peers too; the import table; embed.go, the kernels and the page are current
	@out=$$($(TOOL) gofumpt -l $(GOFILES)) || exit; [ -z "$$out" ] || { echo "not formatted (run make fmt):"; echo "$$out"; exit 1; }
	go vet ./...
	go vet -tags e2e ./e2e
	$(TOOL) golangci-lint run --allow-serial-runners --timeout 10m ./...
	cd bench/peers && go vet ./... && go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint run --allow-serial-runners --timeout 10m ./...
	go test ./internal/arch ./cmd/bsp/internal/embed
	go test -run Generated ./tensor/internal/kernel
	$(TOOL) templ generate -log-level error -check -path serving/ui
	$(TOOL) templ fmt -log-level error -fail serving/ui

fmt: ## format every file
	@$(TOOL) gofumpt -w $(GOFILES)

test: ## unit, property, golden, fuzz corpora, CLI, small clusters; at the end the tests that were skipped, by name
	$(TOOL) gotestsum --format pkgname -- -timeout 15m ./...

race: ## the same under the race detector, shuffled, with 2,000 jobs instead of 100,000; needs gcc
	CGO_ENABLED=1 GORACE=suppressions=$(CURDIR)/tools/race.supp go test -race -short -shuffle=on -timeout 25m ./...

e2e: build ## real processes under faults; N=100 takes half an hour
	BSP=$(CURDIR)/$(BIN) go test -tags e2e -count=1 -v -timeout 40m ./e2e -args -trials $(N) -kills $$((($(N) + 1) / 2)) -jobs $$((10 * $(N)))

sim: ## the control plane in virtual time with seeded faults, HOURS of it; placements on 10,000 grooms
	go test -count=1 -v -timeout 90m -run 'Sim|Replay|Calm' ./testcluster/sim -args -hours $(HOURS) -seed $(SEED)
	go test -count=1 -v -timeout 10m -run Placements ./testcluster/sim -args -placements

fuzz: ## RUNS runs of every fuzz test, a line for each; stops at the first finding
	@set -e; tests=$$(go test -list '^Fuzz' ./...); printf '%s\n' "$$tests" | \
	awk '/^Fuzz/ { f[n++] = $$1 } $$1 == "ok" { for (i = 0; i < n; i++) print $$2, f[i]; n = 0 }' | \
	while read -r pkg f; do \
	  printf '%s %s: ' "$$pkg" "$$f"; \
	  out=$$(go test -run '^$$' -fuzz "^$$f\$$" -fuzzminimizetime 1s -fuzztime $(RUNS) "$$pkg" 2>&1 </dev/null) || { printf 'FAILED\n%s\n' "$$out"; exit 1; }; \
	  printf '%s\n' "$$out" | sed -n 's/^fuzz: //p' | tail -n 1; \
	done

bench: build ## figures beside their limits, into bench/results
	BSP=$(CURDIR)/$(BIN) go run ./bench/cmd/figures $(ARGS)

bench-graph: build ## the graph engine's figures beside limits and peers; ARGS='-only load -scale 16 -runs 1' for a part
	BSP=$(CURDIR)/$(BIN) go run ./bench/cmd/figures -set graph $(ARGS)

bench-ml: build ## training's figures beside OpenBLAS, PyTorch, TensorFlow, scikit-learn and Spark, which it installs; SCALAR_MNIST names the folder of MNIST
	-bench/peers/install openblas pytorch tensorflow sklearn spark
	BSP=$(CURDIR)/$(BIN) go run ./bench/cmd/figures -set ml $(ARGS)

bench-serving: build ## the prediction tier's figures by wrk and an open-loop generator, beside a bare server and the peers, which it installs
	-bench/peers/install pytorch fastapi triton mlserver torchserve litserve
	BSP=$(CURDIR)/$(BIN) go run ./bench/cmd/figures -set serving $(ARGS)

peers: ## what the other benches measure besides, from package registries into bench/peers/.cache
	bench/peers/install

page: ## the page's Go code from serving/ui/*.templ
	$(TOOL) templ fmt -log-level error serving/ui
	$(TOOL) templ generate -log-level error -path serving/ui

page-assets: ## what the page has of others, from the npm registry, by its sha256
	serving/ui/assets/fetch

demo: build ## the main job on real input, with a kill -9 in the middle
	go run ./examples/demo -bsp $(CURDIR)/$(BIN)

clean:
	rm -rf bin out
