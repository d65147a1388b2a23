package property

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/typed"
)

var (
	seeds    = flag.Int("seeds", 6, "how many seeds are run")
	seed     = flag.Uint64("seed", 0, "run this seed alone")
	onlyCase = flag.String("case", "", "run the cases alone whose name contains this")
)

func TestMain(m *testing.M) {
	if os.Getenv(wire.EnvVar) != "" { // started by a test, to run its tasks
		typed.Main(drive, typed.Options{Policy: typed.Skip(0), RowSums: true})
	}
	// A session within 16 MiB sets the limit of the whole process, in which the
	// others run too.
	_ = os.Setenv("GOMEMLIMIT", "off")
	flag.Parse()
	goleak.VerifyTestMain(m)
}

const leastMemory = 16 << 20

// mode is one way to run all cases.
type mode struct {
	name    string
	options typed.Options
	process bool // tasks run in a process of their own
}

// modes are the ways whose results must be equal. The first is how programs
// run unless they say otherwise. Each has slots for two tasks that wait for one
// another.
func modes(in Input) []mode {
	all := []mode{
		{name: "fused", options: typed.Options{Cores: 2}},
		{name: "closures", options: typed.Options{Cores: 3, Closures: true}},
		{name: "single operators", options: typed.Options{Cores: 2, NoFusing: true}},
		{name: "fused in 16 MiB", options: typed.Options{Cores: 3, Memory: leastMemory}},
		{name: "closures in 16 MiB", options: typed.Options{Cores: 2, Memory: leastMemory, Closures: true}},
		{name: "fused in another process", options: typed.Options{Cores: 2}, process: true},
	}
	for i := range all {
		o := &all[i].options
		o.Seed, o.Policy, o.RowSums = in.Seed+1, typed.Skip(0), true
		if in.Parts == 0 || in.Reducers == 0 { // the default depends on them
			o.Cores = in.Cores
		}
	}
	return all
}

// command is what repeats a case.
func command(in Input, name string) string {
	test := "TestCases"
	if strings.HasPrefix(name, "heavy/") {
		test = "TestHeavyCases"
	}
	return fmt.Sprintf("go test ./internal/property -run %s -seed %d -case '%s'", test, in.Seed, name)
}

func TestCases(t *testing.T) {
	from, n := uint64(1), *seeds
	switch {
	case *seed != 0:
		from, n = *seed, 1
	case testing.Short() || raceEnabled:
		n = min(n, 2)
	}
	for i := range n {
		at := from + uint64(i)
		t.Run(fmt.Sprint("seed=", at), func(t *testing.T) {
			in, err := NewInput(at, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			r := newRunner(t, in, slices.DeleteFunc(Cases(), func(c Case) bool { return !strings.Contains(c.Name, *onlyCase) }))
			for _, m := range modes(in) {
				r.run(m)
			}
			if r.sums.seen == 0 {
				t.Error("no sums of rows were compared")
			}
		})
	}
}

// runner runs cases over one input in one mode after the other.
type runner struct {
	t       *testing.T
	in      Input
	cases   []Case
	base    [][]string // what the first mode gave
	first   string     // its name
	scratch string
	runs    int
	sums    *rowSums
}

func newRunner(t *testing.T, in Input, cases []Case) *runner {
	return &runner{t: t, in: in, cases: cases, scratch: t.TempDir(), sums: &rowSums{t: t, sums: map[string]uint64{}}}
}

// run runs all cases in a mode. The first one is compared with the
// interpreter, the others with the first.
func (r *runner) run(m mode) {
	m.options.Scratch, m.options.CheckpointDir = r.dir(), r.dir()
	m.options.Notices = notices{r.t, m.name}
	ctx, stop := r.context(m)
	s, err := typed.NewSession(ctx, m.options)
	if err != nil {
		r.t.Fatal(err)
	}
	firstMode := r.base == nil
	if firstMode {
		r.base, r.first = make([][]string, len(r.cases)), m.name
	}
	for i := range r.cases {
		c := &r.cases[i]
		in := r.in
		in.Scratch = r.dir()
		r.sums.begin(m.name, c.Name)
		got, err := c.Run(ctx, s, in)
		switch {
		case err != nil:
		case firstMode:
			r.base[i] = append([]string{}, got...)
			err = c.Check(got, c.Want(in))
		case r.base[i] != nil:
			if err = differ(got, r.base[i]); err != nil {
				err = fmt.Errorf("not as %s: %w", r.first, err)
			}
		}
		if err != nil {
			r.t.Errorf("%s, %s, %d rows in %d partitions, %d reducers: %v\n\t%s",
				c.Name, m.name, in.Size, in.Parts, in.Reducers, err, command(in, c.Name))
		}
	}
	if err := errors.Join(s.Close(), stop()); err != nil {
		r.t.Error(err)
	}
	if left, _ := os.ReadDir(m.options.Scratch); len(left) > 0 {
		r.t.Errorf("%s left %s behind", m.name, left[0].Name())
	}
}

// dir makes a directory.
func (r *runner) dir() string {
	r.runs++
	dir := filepath.Join(r.scratch, fmt.Sprint(r.runs))
	if err := os.Mkdir(dir, 0o777); err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// notices fails the test for code that is not generated, or no more fresh: the
// modes would not differ. That lineage is cut may be said.
type notices struct {
	t    *testing.T
	mode string
}

func (n notices) Write(text []byte) (int, error) {
	if !strings.Contains(string(text), "has a long lineage") {
		n.t.Errorf("%s: %s", n.mode, text)
	}
	return len(text), nil
}
