package property

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/typed"
)

var (
	seeds    = flag.Int("seeds", 12, "how many seeds are run")
	seed     = flag.Uint64("seed", 0, "run this seed alone")
	onlyCase = flag.String("case", "", "run the cases alone whose name contains this")
)

func TestMain(m *testing.M) {
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
}

// modes are the ways whose results must be equal. The first is how programs
// run unless they say otherwise.
func modes(in Input) []mode {
	all := []mode{
		{"fused", typed.Options{Cores: 2}},
		{"closures", typed.Options{Cores: 3, Closures: true}},
		{"single operators", typed.Options{Cores: 1, NoFusing: true}},
		{"fused in 16 MiB", typed.Options{Cores: 3, Memory: leastMemory}},
		{"closures in 16 MiB", typed.Options{Cores: 2, Memory: leastMemory, Closures: true}},
	}
	for i := range all {
		o := &all[i].options
		o.Seed, o.Policy, o.Notices = in.Seed+1, typed.Skip(0), io.Discard
		if in.Parts == 0 || in.Reducers == 0 { // the default depends on them
			o.Cores = in.Cores
		}
	}
	return all
}

// command is what repeats a case.
func command(in Input, name string) string {
	return fmt.Sprintf("go test ./internal/property -run 'TestCases' -seed %d -case '%s'", in.Seed, name)
}

func TestCases(t *testing.T) {
	from, n := uint64(1), *seeds
	if *seed != 0 {
		from, n = *seed, 1
	}
	for i := range n {
		at := from + uint64(i)
		t.Run(fmt.Sprint("seed=", at), func(t *testing.T) {
			in, err := NewInput(at, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			runSeed(t, in)
		})
	}
}

// runSeed runs all cases in all modes over one input.
func runSeed(t *testing.T, in Input) {
	cases := slices.DeleteFunc(Cases(), func(c Case) bool { return !strings.Contains(c.Name, *onlyCase) })
	base := make([][]string, len(cases))
	scratch := t.TempDir()
	for i, m := range modes(in) {
		m.options.Scratch = filepath.Join(scratch, fmt.Sprint("session", i))
		if err := os.Mkdir(m.options.Scratch, 0o777); err != nil {
			t.Fatal(err)
		}
		s, err := typed.NewSession(t.Context(), m.options)
		if err != nil {
			t.Fatal(err)
		}
		for j := range cases {
			got, err := runCase(t.Context(), t, s, &cases[j], in)
			switch {
			case err != nil:
			case i == 0:
				base[j] = got
				err = cases[j].Check(got, cases[j].Want(in))
			case base[j] != nil:
				if err = differ(got, base[j]); err != nil {
					err = fmt.Errorf("not as %s: %w", modes(in)[0].name, err)
				}
			}
			if err != nil {
				t.Errorf("%s, %s, %d rows in %d partitions, %d reducers: %v\n\t%s",
					cases[j].Name, m.name, in.Size, in.Parts, in.Reducers, err, command(in, cases[j].Name))
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(m.options.Scratch); len(left) > 0 {
			t.Errorf("%s left %s behind", m.name, left[0].Name())
		}
	}
}

// runCase runs a case in a directory of its own.
func runCase(ctx context.Context, t *testing.T, s *typed.Session, c *Case, in Input) ([]string, error) {
	dir, err := os.MkdirTemp(t.TempDir(), "")
	if err != nil {
		return nil, err
	}
	in.Scratch = dir
	got, err := c.Run(ctx, s, in)
	if got == nil {
		got = []string{}
	}
	return got, err
}
