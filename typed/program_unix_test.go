//go:build unix

package typed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// newProgram is what Main makes.
func newProgram() (*program, *bytes.Buffer) {
	var stderr bytes.Buffer
	return &program{name: "prog", stderr: &stderr, seen: make(chan plan.ActionID, 16)}, &stderr
}

func count10(ctx context.Context, s *Session) error {
	n, err := s.Range(10).Count(ctx)
	if err == nil && n != 10 {
		err = fmt.Errorf("counted %d", n)
	}
	return err
}

func TestMainGivesCodeAndError(t *testing.T) {
	for name, test := range map[string]struct {
		run     func(context.Context, *Session) error
		options []Options
		code    int
		stderr  string
	}{
		"done":        {count10, nil, 0, ""},
		"failed":      {func(context.Context, *Session) error { return errors.New("no luck") }, nil, 1, "prog: no luck\n"},
		"usage":       {func(context.Context, *Session) error { return Usagef("give %s", "-in") }, nil, 2, "prog: give -in\n"},
		"two options": {count10, []Options{{}, {}}, 2, "prog: typed.Main takes one Options, not 2\n"},
		"little":      {count10, []Options{{Memory: 1}}, 2, "prog: memory of 1 bytes is too little: give at least 16 MiB\n"},
		"missing path": {func(ctx context.Context, s *Session) error {
			return s.TextFile("/missing").ForEach(ctx, func(string) {})
		}, nil, 6, "/missing"},
	} {
		t.Run(name, func(t *testing.T) {
			scratch := t.TempDir()
			t.Setenv("RDD_SCRATCH", scratch)
			p, stderr := newProgram()
			code := p.main(test.run, append([]Options(nil), test.options...))
			got := stderr.String()
			got = got[strings.LastIndex(strings.TrimSuffix(got, "\n"), "\n")+1:] // notices come before
			if strings.Contains(got, "was not generated") && test.stderr == "" {
				got = ""
			}
			if code != test.code || (got != test.stderr && !strings.Contains(got, test.stderr)) {
				t.Errorf("code %d, stderr %q, want %d, %q", code, got, test.code, test.stderr)
			}
			if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
				t.Errorf("left in scratch: %v, %v", left, err)
			}
		})
	}
}

// inherit makes a wire as if this process had been started with it, and gives
// the starter's end.
func inherit(t *testing.T) *wire.Conn {
	t.Helper()
	ours, theirs, err := wire.Pair()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(theirs.Fd())) // a number that no file of this process owns
	if err := errors.Join(err, theirs.Close()); err != nil {
		t.Fatal(err)
	}
	t.Setenv(wire.EnvVar, strconv.Itoa(fd))
	return ours
}

// started runs a program as rddctl would start it, and gives what it tells.
func started(t *testing.T, o wire.Options, run func(context.Context, *Session) error, heed func(*wire.Conn, wire.Message)) (int, string, []wire.Message) {
	t.Helper()
	ours := inherit(t)
	defer func() { _ = ours.Close() }()
	t.Setenv("RDD_SCRATCH", t.TempDir())
	if err := ours.Send(&o); err != nil {
		t.Fatal(err)
	}
	var told []wire.Message
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			m, err := ours.Receive()
			if err != nil {
				return
			}
			told = append(told, m)
			heed(ours, m)
		}
	}()
	p, stderr := newProgram()
	code := p.main(run, nil)
	<-done
	return code, stderr.String(), told
}

// see acknowledges the ends of actions.
func see(c *wire.Conn, m wire.Message) {
	if s, ok := m.(*plan.ActionStatus); ok && s.State.Ended() {
		_ = c.Send(&wire.Seen{ID: s.ID})
	}
}

func TestMainTellsWhatStartedIt(t *testing.T) {
	code, stderr, told := started(t, wire.Options{Cores: 3, Fresh: true}, func(ctx context.Context, s *Session) error {
		if s.options.Cores != 3 || !s.options.fresh {
			return fmt.Errorf("options %+v", s.options)
		}
		return count10(ctx, s)
	}, see)
	if code != 0 || stderr != "" {
		t.Fatalf("code %d, %q", code, stderr)
	}
	var kinds []string
	for _, m := range told {
		if s, ok := m.(*plan.ActionStatus); ok && !s.State.Ended() {
			continue
		}
		kinds = append(kinds, fmt.Sprintf("%T", m))
	}
	if got, want := strings.Join(kinds, " "), "*wire.Started *wire.Notice *plan.ActionStatus *wire.Ended"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
}

func TestMainExplains(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	code, _, told := started(t, wire.Options{Explain: true}, func(ctx context.Context, s *Session) error {
		r := s.TextFile("/missing").Filter(func(string) bool { return true })
		rows, err := r.Collect(ctx)
		if n, err2 := r.Count(ctx); len(rows) != 0 || n != 0 || err != nil || err2 != nil {
			return errors.Join(fmt.Errorf("%v, %d", rows, n), err, err2)
		}
		for row, err := range r.All(ctx) {
			return fmt.Errorf("row %q: %w", row, err)
		}
		if _, err := r.First(ctx); !errors.Is(err, ErrEmpty) {
			return fmt.Errorf("First: %w", err)
		}
		return r.SaveAsTextFile(ctx, out)
	}, see)
	var actions []string
	for _, m := range told {
		if x, ok := m.(*wire.Explained); ok {
			actions = append(actions, x.Action)
			if len(x.Stages) == 0 || (x.Output != "") != (x.Action == "SaveAsTextFile") {
				t.Errorf("%s: %d stages, output %q", x.Action, len(x.Stages), x.Output)
			}
		}
	}
	if got := strings.Join(actions, " "); code != 0 || got != "Collect Count All First SaveAsTextFile" {
		t.Errorf("code %d, explained %s", code, got)
	}
	if _, err := os.Stat(out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the output: %v", err)
	}
}

func TestMainIsCancelled(t *testing.T) {
	wait := func(ctx context.Context, _ *Session) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, heed := range map[string]func(*wire.Conn, wire.Message){
		"by a message":   func(c *wire.Conn, _ wire.Message) { _ = c.Send(&wire.Cancel{}) },
		"by silence":     func(c *wire.Conn, _ wire.Message) { _ = c.Close() },
		"by other words": func(c *wire.Conn, _ wire.Message) { _ = c.Send(&wire.Notice{Text: "?"}); _ = c.Send(&wire.Cancel{}) },
	} {
		t.Run(name, func(t *testing.T) {
			code, stderr, _ := started(t, wire.Options{}, wait, heed)
			if code != 130 || !strings.HasPrefix(stderr, "prog: interrupted") {
				t.Errorf("code %d, %q", code, stderr)
			}
		})
	}
}

// TestMainEndsAllTheSame is for a run that returns nil although it was
// cancelled: its output is there.
func TestMainEndsAllTheSame(t *testing.T) {
	code, stderr, _ := started(t, wire.Options{}, func(ctx context.Context, _ *Session) error {
		<-ctx.Done()
		return nil
	}, func(c *wire.Conn, _ wire.Message) { _ = c.Send(&wire.Cancel{}) })
	if code != 0 || stderr != "" {
		t.Errorf("code %d, %q", code, stderr)
	}
}

func TestMainPanics(t *testing.T) {
	scratch := t.TempDir()
	t.Setenv("RDD_SCRATCH", scratch)
	p, _ := newProgram()
	func() {
		defer func() {
			if v := recover(); v != "oh" {
				t.Errorf("recovered %v", v)
			}
		}()
		p.main(func(context.Context, *Session) error { panic("oh") }, nil)
	}()
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("left in scratch: %v, %v", left, err)
	}
}

func TestMainRefusesOtherStarters(t *testing.T) {
	ours := inherit(t)
	defer func() { _ = ours.Close() }()
	if err := ours.Send(&wire.Cancel{}); err != nil {
		t.Fatal(err)
	}
	p, stderr := newProgram()
	if code := p.main(count10, nil); code != 2 || !strings.Contains(stderr.String(), "got *wire.Cancel first") {
		t.Errorf("code %d, %q", code, stderr)
	}
}

func TestExitCode(t *testing.T) {
	stage := func(class plan.FailureClass, path string) error {
		return fmt.Errorf("outer: %w", &plan.StageError{Failure: plan.Failure{Class: class, Path: path}})
	}
	for name, test := range map[string]struct {
		err  error
		code int
	}{
		"none": {nil, 0}, "any": {errors.New("x"), 1}, "interrupted": {fmt.Errorf("x: %w", errInterrupted), 130},
		"orphaned": {errOrphaned, 130}, "usage": {fmt.Errorf("x: %w", Usagef("y")), 2}, "stale": {fmt.Errorf("x: %w", &rdd.CodeError{}), 5},
		"path": {fmt.Errorf("x: %w", &storage.PathError{Err: errors.New("y")}), 6}, "user's code": {stage(plan.FailUser, "in.txt"), 1},
		"input": {stage(plan.FailInput, "in.txt"), 6}, "full output": {stage(plan.FailResource, "out"), 6},
		"full scratch": {stage(plan.FailResource, ""), 1}, "joined": {errors.Join(Usagef("y"), errors.New("z")), 2},
	} {
		if got := exitCode(test.err); got != test.code {
			t.Errorf("%s: got %d, want %d", name, got, test.code)
		}
	}
}

func TestErrorTextHasTheStackOfAPanic(t *testing.T) {
	err := &plan.StageError{Name: "s", Failure: plan.Failure{Message: "panic: x", Row: -1, Stack: "\tmain.f (f.go:1)\n"}}
	if got := errorText(fmt.Errorf("outer: %w", err)); got != "outer: panic: x: stage \"s\", partition 0\n\tmain.f (f.go:1)" {
		t.Errorf("got %q", got)
	}
}

func TestFromEnvironment(t *testing.T) {
	o := Options{Cores: 1, Memory: 2, Scratch: "a"}
	unknown, err := fromEnvironment(&o, []string{"RDD_CORES=4", "RDD_MEMORY=1GiB", "RDD_MAX_RESULT=5kb", "RDD_SCRATCH=", "RDD_CLOSURES=true",
		"RDD_NO_FUSING=1", "RDD_KEEP_LINEAGE=1", "RDD_ROW_SUMS=1", "RDD_LOG=debug", "RDD_WIRE=3", "RDD_OTHER=x", "PATH=y", "RDDX=1"})
	if err != nil || strings.Join(unknown, " ") != "RDD_OTHER" {
		t.Errorf("unknown %q, %v", unknown, err)
	}
	if o.Cores != 4 || o.Memory != 1<<30 || o.MaxResultSize != 5000 || o.Scratch != "a" || !o.Closures || !o.NoFusing || !o.KeepLineage || !o.RowSums || o.Log == nil {
		t.Errorf("options %+v", o)
	}
	for _, kv := range []string{"RDD_CORES=0", "RDD_CORES=x", "RDD_MEMORY=much", "RDD_MAX_RESULT=-1", "RDD_MAX_RESULT=0", "RDD_MEMORY=0MiB", "RDD_CLOSURES=maybe", "RDD_NO_FUSING=2", "RDD_KEEP_LINEAGE=no", "RDD_ROW_SUMS=maybe", "RDD_LOG=loud"} {
		name, _, _ := strings.Cut(kv, "=")
		if _, err := fromEnvironment(&Options{}, []string{kv}); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: got %v", kv, err)
		}
	}
}

func TestFromWire(t *testing.T) {
	o := Options{Cores: 1, Memory: 2, MaxResultSize: 3, Scratch: "a"}
	before := o
	fromWire(&o, &wire.Options{})
	if o.Cores != before.Cores || o.Memory != before.Memory || o.MaxResultSize != before.MaxResultSize || o.Scratch != before.Scratch {
		t.Errorf("nothing changed %+v", o)
	}
	fromWire(&o, &wire.Options{Cores: 4, Memory: 5, MaxResult: 6, Scratch: "b", Profile: "c", Fresh: true})
	if o.Cores != 4 || o.Memory != 5 || o.MaxResultSize != 6 || o.Scratch != "b" || o.profile != "c" || !o.fresh {
		t.Errorf("options %+v", o)
	}
}

func TestBoth(t *testing.T) {
	n := 0
	one := func(plan.ActionStatus) { n++ }
	if both(nil, nil) != nil {
		t.Error("two of nothing are something")
	}
	for _, f := range []observer{both(one, nil), both(nil, one), both(one, one)} {
		f(plan.ActionStatus{})
	}
	if n != 4 {
		t.Errorf("%d calls, want 4", n)
	}
}
