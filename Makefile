# What people and CI run, by the same names. Everything works on a machine with
# nothing but Go: an older one fetches the Go that go.mod names.
export GOTOOLCHAIN = auto

# Packages with goroutines of their own: those the race detector is for.
RACE = ./hdfs/... ./internal/agent/... ./internal/blob/... ./internal/chaos/proxy/... ./internal/door/... ./internal/driver/... ./internal/embedded/... ./internal/engine/... ./internal/executor/... ./internal/gossip/... ./internal/hdfslab/... ./internal/launch/... ./internal/msg/... ./internal/scratch/... ./internal/show/... ./internal/submit/... ./internal/trust/... ./internal/web/... ./internal/wire/... ./master/... ./rdd/... ./shuffle/... ./storage/... ./typed/... ./worker/...

GOROOT = $(shell go env GOROOT)

.PHONY: run hdfs-demo peers test race random chaos hdfs-chaos chaos-killer chaos-200 vet lint generate bench check

# Word count over the sources of Go itself, ninety megabytes of text: all its
# regular files, those with names that a * alone leaves out (.x, _x) too. The
# result is in a directory of its own each time.
run:
	@out=$$(mktemp -d "$${TMPDIR:-/tmp}/wordcount.XXXXXX")/counts && \
	go run ./cmd/rddctl run ./examples/wordcount -- -in '$(GOROOT)/src/**/{*,.*,_*,_*/**/*}.go' -out "$$out" -top 20 && \
	echo "the counts of all words are in $$out"

# A real HDFS, and a cluster with a worker at the address of each data node: where
# the tasks of a word count run. It needs a JDK and Maven, and leaves nothing.
hdfs-demo:
	go run ./internal/hdfsdemo

# gordd beside hand-written Go on the same work, on small data, but for TPC-H, whose
# data want a generator; bench/peers/README.md says how to run all of it at full size,
# beside Spark, DuckDB and Polars.
PEERWORK = wordcount,kmeans_csv,kmeans_bin,kmeans_pair,terasort,reduce_ints,group_ints,join_ints,distinct_ints,pagerank,tasks1000,count100,startup
peers:
	@dir=$$(mktemp -d "$${TMPDIR:-/tmp}/peers.XXXXXX") && trap 'rm -rf "$$dir"' EXIT && \
	python3 bench/peers/run.py --size quick --peers gordd,goplain --workloads $(PEERWORK) --work "$$dir"

test: vet
	go test -timeout 30m ./...
	$(MAKE) race

race:
	go test -timeout 30m -race -short $(RACE)

# Ten thousand random pipelines, of seeds that nobody has run. It takes hours;
# what it finds is repeated by the command that it prints.
random:
	go test -timeout 0 -v ./internal/property/random -run TestRandomPipelines -seed $$(date +%s) -programs 40 -pipelines 250

# Real clusters that are broken while they work: every failure with so many
# seeds, and workers killed for two minutes. As root each member has a network of
# its own. make test has one seed of each, in about four minutes.
SEEDS = 20
chaos:
	go test -timeout 0 -v ./internal/chaos -seeds $(SEEDS) -killer 2m

# Data nodes of a real HDFS that are killed or stand still, or whose replicas
# change, while a job reads from them or writes to them. make test has one run of
# each kind.
hdfs-chaos:
	go test -timeout 0 -v ./internal/hdfsdemo -run TestDataNodesFail -seeds $(SEEDS)

# Word counts and sorts while a worker is killed every ten seconds on average, for
# two minutes, each back after five: none may be wrong, none may fail.
chaos-killer:
	go test -timeout 20m -v ./internal/chaos -run TestKiller -killer 2m

# The same until 200 small jobs have ended, in a quarter of an hour or so. CI does
# not run it.
chaos-200:
	go test -timeout 0 -v ./internal/chaos -run TestKiller -jobs 200

vet:
	go vet ./...
	GOOS=darwin go build ./...
	GOOS=windows go build ./typed/...

# The linters are pinned in a module of their own. The vulnerability database
# may be out of reach, which is no failure of ours.
lint:
	go tool -modfile=tools/go.mod golangci-lint run ./...
	@timeout 120 go tool -modfile=tools/go.mod govulncheck ./... || \
		{ code=$$?; if [ $$code -eq 3 ]; then exit 3; fi; echo "govulncheck did not run to its end (exit code $$code): skipped"; }

generate:
	go generate ./...

bench:
	go test -run '^$$' -bench . -benchtime 200ms ./...

# What CI runs, but for the tests.
check: vet lint
	go run ./cmd/rddgen -check ./...
	go vet -vettool="$$(go tool -n rddvet)" ./examples/...
