package typedtest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/internal/fault"
	"github.com/gordd-project/gordd/typed"
)

// Option says how pipelines are run and results are compared.
type Option func(*config)

type config struct {
	options   typed.Options
	seed      uint64
	anyOrder  bool
	tolerance float64
	slots     int
}

func configOf(opts []Option) config {
	c := config{seed: 1}
	for _, o := range opts {
		o(&c)
	}
	return c
}

// Seed places keys in partitions, and chooses what fails in the failures mode.
// The default is 1.
func Seed(seed uint64) Option { return func(c *config) { c.seed = seed } }

// Options are the options of all sessions, where modes do not say otherwise:
// Cores, Memory, Scratch, Closures, NoFusing and Seed are not for them to say.
func Options(o typed.Options) Option { return func(c *config) { c.options = o } }

// Slots gives each mode n cores at least, for pipelines with n tasks that wait for
// one another, as MapPartitionsWithBarrier has them. The default is 1.
func Slots(n int) Option { return func(c *config) { c.slots = n } }

// mode is a way to run pipelines.
type mode struct {
	name    string
	options typed.Options
	memory  int64
	faults  bool
}

// little is a budget in which tables of some hundred rows spill.
const little = 32 << 10

var modes = []mode{
	{name: "closures", options: typed.Options{Cores: 2, Closures: true}},
	{name: "generated", options: typed.Options{Cores: 2}},
	{name: "operator_by_operator", options: typed.Options{Cores: 2, NoFusing: true}},
	{name: "one_core", options: typed.Options{Cores: 1}},
	{name: "seven_cores", options: typed.Options{Cores: 7}},
	{name: "little_memory", options: typed.Options{Cores: 2}, memory: little},
	{name: "failures", options: typed.Options{Cores: 3}, faults: true},
}

// Run runs f in each mode, as a subtest with a session of its own, which is
// closed after f. It is for tests that look at results themselves.
func Run(t *testing.T, f func(t *testing.T, s *typed.Session), opts ...Option) {
	t.Helper()
	c := configOf(opts)
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) { m.run(t, c, f) })
	}
}

// label marks the goroutines that a session starts.
const label = "typedtest"

func (m mode) run(t *testing.T, c config, f func(t *testing.T, s *typed.Session)) {
	t.Helper()
	scratch := t.TempDir()
	defer func() {
		if t.Failed() {
			t.Logf("repeat this mode alone: go test -run '%s'", pattern(t.Name()))
		}
	}()
	pprof.Do(m.trial(t.Context(), c.seed), pprof.Labels(label, t.Name()), func(ctx context.Context) {
		s, err := typed.NewSession(ctx, m.session(t, c, scratch))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		f(t, s)
	})
	if t.Failed() { // f may have left what it started
		return
	}
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("the session left files behind: %v %v", left, err)
	}
	if left := goroutines(t.Name()); left != "" {
		t.Errorf("goroutines are left that were started in the session:\n%s", left)
	}
}

func (m mode) trial(ctx context.Context, seed uint64) context.Context {
	trial := embedded.Trial{Memory: m.memory, Strict: true}
	if m.faults {
		trial.Wrap, trial.Attempts = fault.New(seed).Wrap, fault.Attempts
	}
	return embedded.WithTrial(ctx, trial)
}

func (m mode) session(t *testing.T, c config, scratch string) typed.Options {
	o := c.options
	o.Cores, o.Memory, o.Scratch, o.Seed = max(m.options.Cores, c.slots), 0, scratch, c.seed
	o.CheckpointDir = cmp.Or(o.CheckpointDir, t.TempDir())
	o.Closures, o.NoFusing = m.options.Closures, m.options.NoFusing
	if o.Notices == nil {
		o.Notices = logger{t}
	}
	return o
}

// logger writes notices to the log of a test.
type logger struct{ t *testing.T }

func (l logger) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// pattern is what go test -run takes for one test.
func pattern(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}

// patience is how long goroutines have to end after their session was closed.
const patience = time.Second

// goroutines lists those with a label, once they had time to end.
func goroutines(name string) string {
	mark := fmt.Sprintf("%q:%q", label, name)
	deadline := time.Now().Add(patience)
	for wait := time.Microsecond; ; wait *= 2 {
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
			return err.Error()
		}
		var left []string
		for stack := range strings.SplitSeq(b.String(), "\n\n") {
			if strings.Contains(stack, mark) {
				left = append(left, stack)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		time.Sleep(wait)
	}
}
