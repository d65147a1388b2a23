package gordd_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/gordd-project/gordd"

// Third-party modules, by the names that rules use.
const (
	compress = "github.com/klauspost/compress"
	msgpack  = "github.com/vmihailenco/msgpack/v5"
	xxh3     = "github.com/zeebo/xxh3"
	xtools   = "golang.org/x/tools"
	jennifer = "github.com/dave/jennifer"
	mpb      = "github.com/vbauerster/mpb/v8"
	grpc     = "google.golang.org/grpc"
)

// imports says what each package may import beside the standard library:
// packages of this module, by their path in it, and modules. What is not here
// is forbidden; a new edge is argued for in the commit that adds it. Commands,
// examples and benchmarks may import anything.
var imports = map[string][]string{
	"": {},

	"typed": {"rdd", "rdd/plan", "rdd/codec", "rdd/sequencefile", "shuffle", "storage", "internal/driver", "internal/embedded", "internal/executor", "internal/machine", "internal/scratch", "internal/wire", "internal/size", "internal/tally"},
	// Only programs that import it link the libraries of sketches.
	"typed/sketch":    {"typed", "rdd", "github.com/DataDog/sketches-go", "github.com/axiomhq/hyperloglog"},
	"typed/ml":        {},
	"typed/typedtest": {"typed", "internal/embedded", "internal/fault", "internal/deep"},

	"rdd":          {"rdd/plan", "rdd/codec", "rdd/keptfile", "rdd/objects", "rdd/sequencefile", "shuffle", "shuffle/block", "shuffle/weight", "storage", msgpack, xxh3},
	"rdd/plan":     {msgpack},
	"rdd/codec":    {xxh3},
	"rdd/keptfile": {"rdd/plan", "shuffle/block", msgpack, xxh3}, // executors write these files, and workers check them
	"rdd/objects":  {"rdd/codec", "shuffle/block", xxh3},         // files of blocks, as shuffles write them

	"rdd/sequencefile": {compress},

	"shuffle":        {"rdd/codec", "shuffle/block", "shuffle/table", "shuffle/weight", xxh3},
	"shuffle/block":  {"rdd/codec", "shuffle/weight", compress, xxh3},
	"shuffle/table":  {"rdd/codec", "shuffle/weight"},
	"shuffle/weight": {},
	"storage":        {compress},
	// Only programs that import it link it: the library needs net/http, by way of its Kerberos.
	"hdfs": {"storage", "github.com/colinmarc/hdfs/v2", "github.com/jcmturner/gokrb5/v8", "google.golang.org/protobuf", "net"},

	"internal/sched":          {"internal/sched/blame", "internal/sched/graph", "internal/sched/health", "internal/sched/locality", "internal/sched/model", "internal/sched/outputs", "internal/sched/pace", "internal/sched/queue", "internal/size", "rdd/plan"},
	"internal/sched/blame":    {"internal/sched/model", "rdd/plan"},
	"internal/sched/graph":    {"internal/sched/model", "rdd/plan"},
	"internal/sched/health":   {"internal/sched/model"},
	"internal/sched/locality": {"internal/sched/model", "internal/sched/queue"},
	"internal/sched/outputs":  {"internal/sched/model", "rdd/plan"},
	"internal/sched/pace":     {"internal/sched/model", "internal/sched/queue"},
	"internal/sched/model":    {"rdd/plan"},
	"internal/sched/queue":    {},
	"internal/sched/sim":      {"internal/sched", "internal/sched/model", "rdd/plan"},
	"internal/engine":         {"internal/engine/work", "internal/sched", "internal/sched/model", "rdd/plan", "storage"},
	"internal/engine/work":    {"internal/sched/model", "rdd/plan", "storage", msgpack},
	"internal/agent":          {"internal/engine/work", "internal/sched/model", "rdd/plan", "storage"},
	"internal/driver":         {"internal/blob", "internal/engine/work", "internal/sched/model", "internal/wire", "rdd/plan", "storage"},
	"internal/executor":       {"internal/wire", "rdd/plan"},
	"internal/embedded":       {"internal/agent", "internal/blob", "internal/driver", "internal/engine", "internal/engine/work", "internal/sched/model", "rdd/plan"},
	"internal/blob":           {"rdd/plan"},
	"internal/scratch":        {},
	"internal/submit":         {"internal/msg", "internal/sched/model", "internal/wire", "rdd/plan", "worker/transfer", grpc},
	"master":                  {"internal/blob", "internal/door", "internal/driver", "internal/engine", "internal/engine/work", "internal/gossip", "internal/journal", "internal/msg", "internal/sched/model", "internal/status", "internal/trust", "internal/web", "internal/wire", "rdd/plan", "worker/transfer", grpc},
	"worker":                  {"internal/agent", "internal/cgroup", "internal/engine/work", "internal/gossip", "internal/launch", "internal/msg", "internal/sched/model", "internal/scratch", "internal/show", "internal/submit", "internal/trust", "internal/web", "internal/wire", "rdd/keptfile", "rdd/plan", "shuffle", "shuffle/block", "worker/process", "worker/transfer", grpc, msgpack},
	"worker/process":          {"internal/cgroup", "internal/engine/work", "internal/sched/model", "internal/wire", "rdd/plan"},
	"internal/forms":          {"rdd/plan"},
	"internal/machine":        {},
	"internal/msg":            {"internal/forms", "internal/sched/model", "internal/wire", "rdd/plan", grpc},
	"internal/wire":           {"internal/forms", "rdd/plan"},
	"internal/hdfslab":        {"net", "net/http"}, // tests and the demo import it
	"internal/hdfsdemo":       {"internal/hdfslab"},
	"internal/hdfsdemo/words": {"hdfs", "typed", "rdd"}, // its generated file names rdd
	"internal/gossip":         {"internal/door", "github.com/hashicorp/memberlist", "github.com/hashicorp/serf", "net"},
	"internal/trust":          {"net"}, // addresses; it opens no connection
	"internal/size":           {},
	"internal/web":            {"internal/door", "net", "net/http"},
	"internal/door":           {"net"},
	"internal/status":         {},
	"internal/tally":          {"internal/size", "rdd/plan"},
	"internal/journal":        {"internal/forms", "internal/machine", "internal/sched/model", "rdd/plan"},
	"internal/launch":         {"internal/wire", "rdd/plan"},
	"internal/show":           {"internal/size", "internal/tally", "internal/wire", "rdd/plan", mpb},
	"internal/cgroup":         {},
	"internal/chaos":          {},
	"internal/acceptance":     {},               // tests only
	"internal/chaos/job":      {"typed", "rdd"}, // its generated file names rdd
	"internal/chaos/proxy":    {"net"},
	"internal/property":       {"typed", "typed/sketch", "rdd"}, // its generated file names rdd
	"internal/testmod":        {},                               // only tests import it
	"internal/fault":          {"internal/embedded", "rdd/plan", "shuffle", msgpack},
	"internal/deep":           {},

	"internal/property/random":        {},
	"internal/property/random/oracle": {"typed", "internal/embedded", "internal/fault", "internal/deep"},

	"worker/transfer": {"internal/sched/model", "rdd/plan", "shuffle", "shuffle/block", xxh3},

	"gen":               {"gen/api", "gen/fix", "gen/scan", "gen/check", "gen/chain", "gen/diag", "gen/encode", "gen/emit", "gen/model", xtools},
	"gen/rddvet":        {"gen/api", "gen/check", "gen/diag", "gen/encode", "gen/fix", "gen/scan", xtools},
	"gen/api":           {"gen/model"},
	"gen/scan":          {"gen/api", "gen/model", xtools},
	"gen/scan/scantest": {"gen/api", "gen/scan"},
	"gen/check":         {"gen/api", "gen/diag", "gen/model", "gen/scan", xtools},
	"gen/chain":         {"gen/api", "gen/model", "gen/scan", xtools},
	"gen/encode":        {"gen/api", "gen/diag", "gen/model", "gen/scan"},
	"gen/diag":          {xtools}, // txtar: its examples are archives
	"gen/model":         {},
	"gen/fix":           {"gen/api", "gen/check", "gen/diag", "gen/scan"},
	"gen/emit":          {"gen/model", jennifer},
}

// free are the folders whose packages may import anything.
var free = []string{"cmd/", "examples", "bench"}

// network are packages of the standard library that only what runs beside users'
// programs may use: a program opens no connections.
// network are packages of the standard library that what a program links may
// not use, and others only if the table says so: a program opens no connections.
var network = []string{"net", "net/http", "net/rpc"}

// connected are the folders whose packages may.
var connected = []string{"master/", "worker/"}

type listed struct {
	ImportPath string
	Imports    []string
}

func goList(t *testing.T, args ...string) (pkgs []listed) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// own gives the path of a package in this module.
func own(path string) (string, bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range goList(t, "./...") {
		name, _ := own(p.ImportPath)
		if slices.ContainsFunc(free, func(f string) bool { return strings.HasPrefix(name, f) }) {
			continue
		}
		seen[name] = true
		allowed, ok := imports[name]
		if !ok {
			t.Errorf("%q is not in the table: say what it may import", name)
			continue
		}
		for _, path := range p.Imports {
			online := slices.Contains(network, path) && slices.ContainsFunc(connected, func(f string) bool { return strings.HasPrefix(name+"/", f) })
			if !online && !mayImport(allowed, path) {
				t.Errorf("%s may not import %s", name, path)
			}
		}
	}
	for name := range imports {
		if !seen[name] {
			t.Errorf("%s is in the table and not in the module", name)
		}
	}
}

func mayImport(allowed []string, path string) bool {
	if name, ok := own(path); ok {
		return slices.Contains(allowed, name)
	}
	if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") {
		return slices.ContainsFunc(allowed, func(m string) bool { return path == m || strings.HasPrefix(path, m+"/") })
	}
	return !slices.Contains(network, path) || slices.Contains(allowed, path)
}

// TestProgramsStaySmall looks at all that a user's program links.
func TestProgramsStaySmall(t *testing.T) {
	for _, p := range goList(t, "-deps", "./examples/wordcount") {
		for _, heavy := range []string{"net/http", "google.golang.org/grpc", "github.com/hashicorp/", "github.com/colinmarc/", "github.com/spf13/"} {
			if strings.HasPrefix(p.ImportPath, heavy) {
				t.Errorf("wordcount links %s", p.ImportPath)
			}
		}
	}
}
