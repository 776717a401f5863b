# What people and CI run. `make` lists the targets.

GO ?= go
# The linter is pinned in a module of its own, so that its two hundred dependencies stay out of the program's.
LINT := $(GO) tool -modfile=deploy/tools/go.mod golangci-lint
# How long each fuzz target runs.
FUZZTIME ?= 30s
# How many posts bench-scale works on.
POSTS ?= 100000
# What bench-scale compares with.
HUGO := github.com/gohugoio/hugo@v0.152.2
# Version as a release names it; empty for what the build itself knows.
VERSION ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/feedpub: static, the same bytes for the same source
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(if $(VERSION),-X main.version=$(VERSION))' -o bin/feedpub ./cmd/feedpub

.PHONY: test
test: deps ## run all tests with the race detector; installs the programs that they start when it may
	$(GO) test -race ./...
	$(GO) test -run Allocates ./feed/serve/...
	$(GO) test -run TenThousandFeeds ./cmd/feedpub

.PHONY: deps
deps: ## see that the programs are there that tests start
	@deploy/install-test-deps

.PHONY: lint
lint: ## run the linters of .golangci.yml; go vet and gofmt are among them
	$(GO) mod tidy -diff
	$(LINT) run ./...

.PHONY: attribution
attribution: ## print the score of reading credits from prose on the project's own posts
	$(GO) test -count=1 -run '^TestScore' -v ./feed/attribution/

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@deploy/each-fuzz-target $(FUZZTIME)

.PHONY: bench
bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-scale
bench-scale: ## measure what the work costs with POSTS (100,000) posts, Hugo beside it, 10,000 feeds and 200 sites; needs redis-server
	bin=$$(mktemp -d) && trap 'rm -rf "$$bin"' EXIT && GOBIN=$$bin $(GO) install $(HUGO) && \
	$(GO) run ./deploy/bench/scale -posts $(POSTS) -hugo $$bin/hugo
	$(GO) run ./deploy/bench/scale -feeds 10000
	$(GO) run ./deploy/bench/scale -sites 200

.PHONY: plots
plots: ## draw what bench-scale measured: deploy/scale/results.jsonl as pictures beside it
	$(GO) -C deploy/bench/plot run . -out ../../scale < deploy/scale/results.jsonl

.PHONY: bench-serve
bench-serve: ## compare the cost of an answer with nginx's; needs nginx and wrk, five quiet minutes and two cores
	$(GO) run ./deploy/bench/serve

.PHONY: bench-import
bench-import: ## measure importing POSTS (100,000) posts, importing them again, and streams of 2 GB; needs redis-server
	$(GO) run ./deploy/bench/import -posts $(POSTS)

.PHONY: golden
golden: ## write the golden files anew; read the difference before committing it
	$(GO) test ./feed/render/ ./feed/build/ -update

.PHONY: man
man: ## write the man pages to bin/man
	$(GO) run ./cmd/feedpub man bin/man
