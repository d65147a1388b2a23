//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package typed

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestScratchIsMadeByTheFirstAction, and not by what only plans.
func TestScratchIsMadeByTheFirstAction(t *testing.T) {
	scratch, ctx := t.TempDir(), t.Context()
	s, err := NewSession(ctx, Options{Scratch: scratch, Notices: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	r := s.Parallelize([]int{1, 2, 3}, 2).With(1).Map(func(a, b int) int { return a + b }).SortBy(func(n int) int { return n })
	if left := entries(t, scratch); len(left) > 0 {
		t.Errorf("before the first action: %v", left)
	}
	if _, err := r.Count(ctx); err != nil {
		t.Error(err)
	}
	if there := entries(t, scratch); len(there) != 1 {
		t.Errorf("after the first action: %v", there)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if left := entries(t, scratch); len(left) > 0 {
		t.Errorf("after Close: %v", left)
	}
}

// TestLargeValuesGoToFiles before the first action: they do not stay in memory.
func TestLargeValuesGoToFiles(t *testing.T) {
	scratch := t.TempDir()
	s, err := NewSession(t.Context(), Options{Scratch: scratch, Notices: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	large := s.Parallelize(make([]string, 5<<20), 1)
	blobs, err := filepath.Glob(filepath.Join(scratch, "gordd-*", "blobs", "*"))
	if err != nil || len(blobs) != 1 {
		t.Errorf("files of blobs: %v, %v", blobs, err)
	}
	if n, err := large.Count(t.Context()); n != 5<<20 || err != nil {
		t.Errorf("counted %d, %v", n, err)
	}
	if err := s.Close(); err != nil || len(entries(t, scratch)) > 0 {
		t.Errorf("left %v, %v", entries(t, scratch), err)
	}
}

func TestScratchGoesAway(t *testing.T) {
	scratch := filepath.Join(t.TempDir(), "scratch")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RDD_SCRATCH", scratch)
	p, stderr := newProgram()
	code := p.main(func(ctx context.Context, s *Session) error {
		return errors.Join(os.Remove(scratch), count10(ctx, s))
	}, nil)
	if got := stderr.String(); code != exitPath || !strings.Contains(got, "Count (program_unix_test.go:") || !strings.Contains(got, scratch) {
		t.Errorf("code %d, %s", code, got)
	}
}

func TestScratchMustBeThere(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	p, stderr := newProgram()
	code := p.main(count10, []Options{{Scratch: missing}})
	if got := stderr.String(); code != exitUsage || !strings.Contains(got, "scratch directory: stat "+missing) {
		t.Errorf("code %d, %s", code, got)
	}
}

// exits are programs that do not come to their end.
var exits = map[string]func(context.Context, *Session) error{
	"help in run": func(context.Context, *Session) error {
		fs := flag.NewFlagSet("prog", flag.ExitOnError)
		_ = fs.Parse([]string{"-h"})
		return errors.New("it went on")
	},
	"exit between actions": func(ctx context.Context, s *Session) error {
		_ = count10(ctx, s)
		os.Exit(7)
		return nil
	},
	"exit in a task": func(ctx context.Context, s *Session) error {
		return s.Range(10).ForEach(ctx, func(int64) { os.Exit(7) })
	},
}

// TestExits looks at what is left of programs that end the process by
// themselves, and that the next one removes it.
func TestExits(t *testing.T) {
	const env = "TYPED_TEST_EXIT"
	if run := exits[os.Getenv(env)]; run != nil {
		Main(run)
	}
	for name, want := range map[string]struct{ code, left int }{
		"help in run": {0, 0}, "exit between actions": {7, 1}, "exit in a task": {7, 1},
	} {
		t.Run(name, func(t *testing.T) {
			scratch := t.TempDir()
			cmd := exec.Command(os.Args[0], "-test.run=^TestExits$")
			cmd.Env = append(os.Environ(), env+"="+name, "RDD_SCRATCH="+scratch)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != want.code || len(entries(t, scratch)) != want.left {
				t.Errorf("code %d, left %v, %v, %s", code, entries(t, scratch), err, &stderr)
			}
			s, err := NewSession(t.Context(), Options{Scratch: scratch, Notices: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(count10(t.Context(), s), s.Close()); err != nil {
				t.Error(err)
			}
			if left := entries(t, scratch); len(left) > 0 {
				t.Errorf("the next session leaves %v", left)
			}
		})
	}
}

// TestScratchIsNotMadeAgain by tasks that go on after a program was ended.
func TestScratchIsNotMadeAgain(t *testing.T) {
	scratch := t.TempDir()
	s, err := NewSession(t.Context(), Options{Scratch: scratch, Notices: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Range(2, Partitions(2)).ForEachPartition(t.Context(), func(*Task, iter.Seq[int64]) error {
		return s.scratch.Remove()
	})
	var stage *plan.StageError
	if err != nil && (!errors.As(err, &stage) || stage.Class != plan.FailResource) {
		t.Error(err)
	}
	if err := count10(t.Context(), s); !errors.As(err, &stage) || stage.Class != plan.FailResource {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil || len(entries(t, scratch)) > 0 {
		t.Errorf("left %v, %v", entries(t, scratch), err)
	}
}
