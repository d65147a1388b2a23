// Package oracle is what programs of random pipelines are linked with: values
// of any type, an interpreter of operators over slices that knows nothing of
// shuffles and tasks, and a [Main] that runs pipelines in all modes and
// compares them with it.
package oracle

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/internal/fault"
	"github.com/gordd-project/gordd/typed"
)

// Order is what is known of the order of rows.
type Order int

const (
	// Exact rows come in one order.
	Exact Order = iota
	// PerKey are pairs whose keys come in any order, the values of a key in one.
	PerKey
	// Bag is any order.
	Bag
	// Seen is a bag in which rows are more than once when tasks are tried again.
	Seen
)

// Cores are those of all sessions: defaults depend on them.
const Cores = 3

// Case is a pipeline with what it must give.
type Case struct {
	Name  string
	Order Order
	// Once says that each row is computed once by each run.
	Once bool
	Run  func(ctx context.Context, s *typed.Session, dir string) ([]string, error)
	Want func() []string
}

// Finding is what was wrong with a case.
type Finding struct{ Case, Mode, Error string }

// Lines shows rows.
func Lines[T any](rows []T, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(rows))
	for i, x := range rows {
		lines[i] = Show(x)
	}
	return lines, nil
}

// One shows a value.
func One[T any](v T, err error) ([]string, error) {
	if errors.Is(err, typed.ErrEmpty) {
		return []string{"no rows"}, nil
	}
	return Lines([]T{v}, err)
}

// Pairs shows pairs, the key up to a tab.
func Pairs[K, V any](rows []Pair[K, V], err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(rows))
	for i, p := range rows {
		lines[i] = Show(p.Key) + "\t" + Show(p.Value)
	}
	return lines, nil
}

// Counts shows the entries of a map in order.
func Counts[K comparable, V any](m map[K]V, err error) ([]string, error) {
	rows := make([]Pair[K, V], 0, len(m))
	for k, v := range m {
		rows = append(rows, Pair[K, V]{Key: k, Value: v})
	}
	lines, err := Pairs(rows, err)
	slices.Sort(lines)
	return lines, err
}

// Must leaves out an error that cannot be.
func Must(lines []string, err error) []string {
	if err != nil {
		panic(err)
	}
	return lines
}

// Saved gives the lines of a directory that SaveAsTextFile wrote.
func Saved(dir string, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "part-*"))
	lines := []string{}
	for _, name := range names {
		b, e := os.ReadFile(name)
		err = errors.Join(err, e)
		lines = slices.AppendSeq(lines, strings.Lines(string(b)))
	}
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\n")
	}
	return lines, err
}

// sort puts rows into the order in which they are compared. tries says that
// tasks were tried again.
func (c *Case) sort(rows []string, tries bool) []string {
	switch c.Order {
	case Bag:
		rows = slices.Sorted(slices.Values(rows))
	case Seen:
		rows = slices.Sorted(slices.Values(rows))
		if tries {
			rows = slices.Compact(rows)
		}
	case PerKey:
		rows = slices.Clone(rows)
		slices.SortStableFunc(rows, func(a, b string) int {
			a, _, _ = strings.Cut(a, "\t")
			b, _, _ = strings.Cut(b, "\t")
			return strings.Compare(a, b)
		})
	}
	return rows
}

func differ(got, want []string) error {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("row %d of %d is %.300s, want %.300s", i, len(got), got[i], want[i])
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d rows, want %d", len(got), len(want))
	}
	return nil
}

// mode is a way to run cases.
type mode struct {
	name  string
	o     typed.Options
	tries bool // tasks fail, within hardly any memory
	fails bool // a bad row ends the job; otherwise it is set aside, or dropped where tasks fail
}

// least is a budget in which everything spills.
const least = 32 << 10

func modes() []mode {
	return []mode{
		{name: "fused"},
		{name: "closures", o: typed.Options{Closures: true}},
		{name: "operator by operator", o: typed.Options{NoFusing: true}},
		{name: "failing at bad rows", fails: true},
		{name: "fused with faults", tries: true},
		{name: "closures with faults", o: typed.Options{Closures: true}, tries: true},
	}
}

// Main runs cases in all modes and prints findings, one JSON value a line. The
// exit code is 1 when there are any.
func Main(cases []Case) {
	only := flag.String("case", "", "run this case alone")
	seed := flag.Uint64("faults", 1, "the seed of what fails")
	flag.Parse()
	if *only != "" {
		cases = slices.DeleteFunc(slices.Clone(cases), func(c Case) bool { return c.Name != *only })
	}
	r := newRunner(cases, *seed, os.Stdout)
	r.modes()
	if r.found {
		os.Exit(1)
	}
}

func newRunner(cases []Case, seed uint64, out io.Writer) *runner {
	return &runner{cases: cases, seed: seed, base: make([]result, len(cases)), out: json.NewEncoder(out)}
}

// modes runs the cases in one mode after the other.
func (r *runner) modes() {
	for i, m := range modes() {
		if err := r.run(m, i == 0); err != nil {
			r.report("", m.name, err)
		}
	}
}

// result is what a case gave in a mode.
type result struct {
	rows  []string
	aside []string // rows that were set aside
	bad   int64    // and how many there were for the interpreter
}

type runner struct {
	cases []Case
	seed  uint64
	base  []result // what the first mode gave

	mu    sync.Mutex
	out   *json.Encoder
	found bool
}

func (r *runner) report(name, mode string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = true
	_ = r.out.Encode(Finding{name, mode, err.Error()})
}

type notices struct {
	r    *runner
	mode string
}

func (n notices) Write(b []byte) (int, error) {
	n.r.report("", n.mode, errors.New(string(b)))
	return len(b), nil
}

func (r *runner) run(m mode, first bool) error {
	scratch, err := os.MkdirTemp("", "random-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	m.o.Cores, m.o.Seed, m.o.Notices = Cores, 7, notices{r, m.name}
	m.o.CheckpointDir = filepath.Join(scratch, "checkpoints")
	ctx := context.Background()
	switch {
	case m.tries:
		m.o.Policy = typed.Skip(0)
	case m.fails:
		m.o.Policy = typed.Fail()
	default:
		m.o.Policy = typed.SetAside(filepath.Join(scratch, "aside"), 0)
	}
	if m.tries {
		ctx = embedded.WithTrial(ctx, embedded.Trial{
			Wrap: fault.New(r.seed).Wrap, Attempts: fault.Attempts, Memory: least, Strict: true,
		})
	}
	s, err := typed.NewSession(ctx, m.o)
	if err != nil {
		return err
	}
	r.all(s, m, scratch, first)
	return s.Close()
}

// all runs the cases, one after the other; where tasks fail a few at a time,
// since they wait before they are tried again.
func (r *runner) all(s *typed.Session, m mode, scratch string, first bool) {
	var group sync.WaitGroup
	turns := make(chan struct{}, 1)
	if m.tries {
		turns = make(chan struct{}, 8)
	}
	for i := range r.cases {
		turns <- struct{}{}
		group.Go(func() {
			if err := r.one(s, i, filepath.Join(scratch, fmt.Sprint(i)), m, first); err != nil {
				r.report(r.cases[i].Name, m.name, err)
			}
			<-turns
		})
	}
	group.Wait()
}

// barrierAgain says why an action failed that had handed out rows (All): all tasks of a
// barrier had to run again, and may make others.
const barrierAgain = "since one of its tasks ended, and all run at once: sort them first"

// one runs a case. The first mode is compared with the interpreter, the others
// with the first: in the very order, which depends on what ran before, or where
// not all runs or tasks fail in as much of it as is promised.
func (r *runner) one(s *typed.Session, i int, dir string, m mode, first bool) error {
	c, base := &r.cases[i], &r.base[i]
	if m.fails && (!c.Once || base.rows == nil) {
		return nil
	}
	got, err := c.Run(context.Background(), s, dir)
	if m.fails && base.bad > 0 {
		if err == nil {
			return fmt.Errorf("there are %d bad rows, but no error", base.bad)
		}
		return nil
	}
	if err != nil {
		if m.tries && strings.Contains(err.Error(), barrierAgain) {
			return nil
		}
		return err
	}
	if !m.tries && !m.fails {
		aside, err := setAside(filepath.Join(filepath.Dir(dir), "aside"))
		if err != nil {
			return err
		}
		if first {
			return r.first(c, base, result{rows: got, aside: aside})
		}
		if c.Once && base.rows != nil {
			if err := differ(aside, base.aside); err != nil {
				return fmt.Errorf("set aside, not as fused: %w", err)
			}
		}
	}
	if base.rows == nil {
		return nil
	}
	want := base.rows
	if m.tries || m.fails || c.Order == Seen {
		got, want = c.sort(got, m.tries), c.sort(want, m.tries)
	}
	if err := differ(got, want); err != nil {
		return fmt.Errorf("not as fused: %w", err)
	}
	return nil
}

// first compares what the first mode gave with the interpreter.
func (r *runner) first(c *Case, base *result, got result) error {
	rejected.Store(0)
	want := c.Want()
	got.bad = rejected.Load()
	if got.rows == nil {
		got.rows = []string{}
	}
	*base = got
	if err := differ(c.sort(got.rows, false), c.sort(want, false)); err != nil {
		return err
	}
	if c.Once && int64(len(got.aside)) != got.bad {
		return fmt.Errorf("%d rows were set aside, want %d", len(got.aside), got.bad)
	}
	return nil
}
