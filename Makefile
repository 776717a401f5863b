# Targets for developers and CI. `make` lists the targets.

GO ?= go
# The linter is pinned in a module of its own to keep its dependencies out of go.mod.
LINT := $(GO) tool -modfile=deploy/tools/go.mod golangci-lint
# How long to run each fuzz target.
FUZZTIME ?= 30s
# The number of posts in bench-scale and bench-import.
POSTS ?= 100000
# The number of sites in bench-sites.
SITES ?= 1000
# The number of posts in bench-folder.
FOLDER ?= 10000
# The Hugo release that bench-scale uses for comparison.
HUGO := github.com/gohugoio/hugo@v0.152.2
# The number of schedules that simulate runs, the seed of the first one, and the seed to run alone, if any.
SCHEDULES ?= 10000
FIRST ?= 1
SEED ?=
# The number of schedules that chaos runs, and how often it kills the program at each crash point.
CHAOS ?= 1000
KILLS ?= 25
# The number of times that takeover kills the builder.
TAKEOVERS ?= 100
# The version of a release; empty for the version in the binary's build information.
VERSION ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/feedpub: a static, reproducible binary
	CGO_ENABLED=0 $(GO) build -trimpath -pgo deploy/feedpub.pgo -ldflags '-s -w $(if $(VERSION),-X main.version=$(VERSION))' -o bin/feedpub ./cmd/feedpub

.PHONY: pgo
pgo: ## renew deploy/feedpub.pgo, the profile with which the compiler optimizes releases; needs redis-server and wrk
	$(GO) test -run '^$$' -bench '^BenchmarkLoad$$' -benchtime 1x -cpuprofile deploy/feedpub.pgo -o bin/feedpub.test ./cmd/feedpub

.PHONY: dist
dist: ## build a release in bin/dist: archives, Debian packages, bill of materials and checksums for amd64 and arm64
	VERSION='$(VERSION)' GO='$(GO)' deploy/make-dist bin/dist

.PHONY: test-dist
test-dist: ## test that a release is reproducible, and install, start, upgrade, remove and purge its package in a fresh Debian
	deploy/test-dist

.PHONY: test
test: deps ## run all tests with the race detector, after installing the programs that they start
	GORACE=atexit_sleep_ms=10 $(GO) test -race -timeout 30m ./... # by default, each process sleeps for a second at its end
	$(GO) test -run Allocate ./feed/serve/...
	$(GO) test -run 'Cost|LinearTime|Random' ./feed/attribution ./feed/intake ./feed/markup ./feed/render ./feed/transfer
	$(GO) test -run 'TwoHundredSites|HostilePosts' ./cmd/feedpub
	$(GO) -C deploy/train test ./...
	$(GO) -C deploy/kubernetes test ./...
	$(GO) test ./cmd/internal/simulate

.PHONY: deps
deps: ## install the programs that tests start, on Debian, if the user is allowed to
	@deploy/install-test-deps

.PHONY: lint
lint: ## run the linters of .golangci.yml, including go vet and gofmt, on the program and the benchmarks
	$(GO) mod tidy -diff
	$(GO) -C deploy/bench mod tidy -diff
	$(GO) -C deploy/train mod tidy -diff
	$(GO) -C deploy/clients/go mod tidy -diff
	$(GO) -C deploy/release mod tidy -diff
	$(GO) -C deploy/kubernetes mod tidy -diff
	$(GO) tool -modfile=deploy/release/go.mod actionlint -shellcheck= -pyflakes= .github/workflows/*.yml
	$(LINT) run ./...
	cd deploy/bench && $(GO) tool -modfile=../tools/go.mod golangci-lint run --config ../../.golangci.yml ./...
	cd deploy/train && $(GO) tool -modfile=../tools/go.mod golangci-lint run --config ../../.golangci.yml ./...

.PHONY: vulncheck
vulncheck: ## report known vulnerabilities in code that the program calls
	$(GO) tool -modfile=deploy/release/go.mod govulncheck ./...

.PHONY: train
train: ## train the attribution model on the posts in deploy/train/posts; the output is reproducible
	$(GO) -C deploy/train run . -out ../../feed/attribution/model.txt

.PHONY: attribution
attribution: ## evaluate attribution, with the rules alone for comparison; draw bin/reliability.svg
	mkdir -p bin
	$(GO) -C deploy/train run . -evaluate -diagram ../../bin/reliability.svg
	$(GO) -C deploy/train run . -check 'test/test-*.jsonl'
	$(GO) test -count=1 -run '^TestScore' -v ./feed/attribution/

.PHONY: ablation
ablation: ## evaluate the attribution model without each kind of feature
	$(GO) -C deploy/train run . -ablation 'test/test-*.jsonl' -model ../../feed/attribution/model.txt

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@deploy/each-fuzz-target $(FUZZTIME)

.PHONY: bench
bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-scale
bench-scale: ## measure POSTS (100,000) posts, compare with Hugo three times, and measure 10,000 feeds and 200 sites; needs redis-server
	bin=$$(mktemp -d) && trap 'rm -rf "$$bin"' EXIT && GOBIN=$$bin $(GO) install $(HUGO) && \
	$(GO) -C deploy/bench run ./scale -posts $(POSTS) && \
	$(GO) -C deploy/bench run ./scale -posts $(POSTS) -rounds 3 -hugo $$bin/hugo
	$(GO) -C deploy/bench run ./scale -feeds 10000
	$(GO) -C deploy/bench run ./scale -sites 200

.PHONY: bench-sites
bench-sites: ## measure a server with SITES (1,000) idle sites, and the time until a change of one of them is served; needs redis-server
	$(GO) -C deploy/bench run ./scale -sites $(SITES)

.PHONY: bench-folder
bench-folder: ## measure a server with a folder of FOLDER (10,000) posts, and its second start
	$(GO) -C deploy/bench run ./scale -folder $(FOLDER)

.PHONY: plots
plots: ## draw the bench-scale results in deploy/docs/scale as SVG files in the same folder
	$(GO) -C deploy/bench run ./plot -out ../docs/scale < deploy/docs/scale/results.jsonl

.PHONY: bench-serve
bench-serve: ## compare the cost of a response with nginx; needs nginx, wrk and an idle machine for seven minutes
	$(GO) -C deploy/bench run ./serve

.PHONY: bench-hub
bench-hub: ## measure the hub with 10,000 subscribers, kill it 100 times, and store 1,000,000 subscriptions; needs redis-server
	$(GO) -C deploy/bench run ./hub

.PHONY: bench-import
bench-import: ## measure importing POSTS (100,000) posts, importing them again, and streams of 2 GB; needs redis-server
	$(GO) -C deploy/bench run ./import -posts $(POSTS)

.PHONY: restarts
restarts: ## restart and reload a server 20 times each, polled every 10 ms and by 8 readers without a pause
	$(GO) test -count=1 -v ./cmd/feedpub -run 'TestRestartInPlace|TestSocketActivation|TestReloadUnderPolls' \
	  -restarts 20 -readers 8

.PHONY: simulate
simulate: ## run SCHEDULES (10,000) random fault schedules in virtual time, or only that of SEED, with its log
	$(GO) test -count=1 -timeout 0 -v ./cmd/internal/simulate -run Simulate \
	  $(if $(SEED),-seed $(SEED),-schedules $(SCHEDULES) -first $(FIRST) -jobs $$(nproc))

.PHONY: chaos
chaos: ## run CHAOS (1,000) random fault schedules against the built program, including Sentinels and Clusters, kill it 25 times at each crash point, and give it posts that crash it
	$(GO) test -count=1 -timeout 0 -v ./cmd/internal/chaos -run Chaos -groups -schedules $(CHAOS) -first $(FIRST)
	$(GO) test -count=1 -timeout 0 -v ./cmd/internal/chaos -run CrashPoints -kills $(KILLS)
	$(GO) test -count=1 -timeout 0 -v ./cmd/internal/chaos -run DeadlyPosts -timed

.PHONY: takeover
takeover: ## kill the builder TAKEOVERS (100) times while every processor is busy, and measure the time to the next commit
	$(GO) test -count=1 -timeout 0 -v ./cmd/internal/chaos -run Takeover -busy -takeovers $(TAKEOVERS)

.PHONY: golden
golden: ## rewrite the golden files; review the diff before you commit it
	$(GO) test ./feed/render/ ./feed/transfer/ -update

.PHONY: man
man: ## write the man pages to bin/man
	$(GO) run ./cmd/feedpub man bin/man
