//go:build unix

package typed_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

func shell(script string) typed.Command { return typed.Command{Args: []string{"sh", "-c", script}} }

// More goes in and comes out than any buffer on the way holds.
func TestPipeGivesAllLines(t *testing.T) {
	s := open(t, typed.Options{})
	for name, c := range map[string]typed.Command{
		"as they come": {Args: []string{"cat"}},
		"at the end":   {Args: []string{"sort", "-n"}},
	} {
		got, err := s.Range(300_000, typed.Partitions(3)).Pipe(c).Collect(t.Context())
		if err != nil || len(got) != 300_000 {
			t.Fatalf("%s: %d lines, %v", name, len(got), err)
		}
		for i, line := range got {
			if line != strconv.Itoa(i) {
				t.Fatalf("%s: line %d is %q", name, i, line)
			}
		}
	}
}

func TestPipeStartsOneAPartition(t *testing.T) {
	s := open(t, typed.Options{})
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := shell(`wc -l | tr -d " "; echo "$A in $PWD"; printf "no end\\r"`)
	c.Env, c.Dir = []string{"A=b c"}, dir
	got, err := s.Range(10, typed.Partitions(2)).Pipe(c).Collect(t.Context())
	want := []string{"5", "b c in " + dir, "no end", "5", "b c in " + dir, "no end"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	pairs := s.Range(2, typed.Partitions(1)).KeyBy(func(i int64) string { return fmt.Sprint("k", i) })
	if got, err := pairs.Pipe(typed.Command{Args: []string{"cat"}}).Collect(t.Context()); err != nil || !slices.Equal(got, []string{"k0\t0", "k1\t1"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

// A program need not read all that it is given, and nobody all that it writes.
func TestPipeEndsEarly(t *testing.T) {
	s := open(t, typed.Options{})
	got, err := s.Range(1_000_000, typed.Partitions(1)).Pipe(typed.Command{Args: []string{"head", "-n", "2"}}).Collect(t.Context())
	if err != nil || !slices.Equal(got, []string{"0", "1"}) {
		t.Errorf("got %q, %v", got, err)
	}
	pid := filepath.Join(t.TempDir(), "pid")
	got, err = s.Range(1, typed.Partitions(1)).Pipe(shell("echo $$ > "+pid+"; yes & yes")).Take(t.Context(), 3)
	if err != nil || !slices.Equal(got, []string{"y", "y", "y"}) {
		t.Errorf("got %q, %v", got, err)
	}
	gone(t, pid)
}

// gone makes sure that no process of the group whose number is in a file runs.
func gone(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !errors.Is(syscall.Kill(-pid, 0), syscall.ESRCH); {
		if time.Now().After(end) {
			t.Fatalf("processes of group %d run on", pid)
		}
		time.Sleep(time.Millisecond) // those that the system takes over have no event
	}
}

func TestPipeIsCancelled(t *testing.T) {
	s := open(t, typed.Options{})
	dir := t.TempDir()
	ready, pid := filepath.Join(dir, "ready"), filepath.Join(dir, "pid")
	if err := syscall.Mkfifo(ready, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	go func() {
		_, err := os.ReadFile(ready) // waits until it is written
		stop(errors.Join(err, enough))
	}()
	_, err := s.Range(1_000_000, typed.Partitions(1)).Pipe(shell("echo $$ > " + pid + "; echo > " + ready + "; sleep 1000 & sleep 1000")).Count(ctx)
	if !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
	gone(t, pid)
}

func TestPipeErrors(t *testing.T) {
	s := open(t, typed.Options{})
	rows := s.Range(10, typed.Partitions(1))
	for script, want := range map[string]string{
		"cat > /dev/null; echo one; echo no such thing >&2; exit 3": `program "sh": exit status 3: it said: no such thing`,
		"exit 1":                `program "sh": exit status 1`,
		"kill -9 $$":            `program "sh": signal: killed`,
		"seq 99999 >&2; exit 1": "it said: … ",
	} {
		_, err := rows.Pipe(shell(script)).Collect(t.Context())
		var stage *plan.StageError
		if !errors.As(err, &stage) || stage.Class != plan.FailUser || !strings.Contains(err.Error(), want) || len(err.Error()) > 6000 {
			t.Errorf("%s: got %v", script, err)
		}
	}
	if _, err := rows.Pipe(typed.Command{Args: []string{"no-such-program"}}).Count(t.Context()); err == nil || !strings.Contains(err.Error(), `start "no-such-program": `) {
		t.Errorf("got %v", err)
	}
	for _, err := range []error{
		rows.Pipe(typed.Command{}).Err(),
		rows.Pipe(typed.Command{Args: []string{"cat"}, Env: []string{"A"}}).Err(),
		rows.Pipe(typed.Command{Args: []string{"cat", "a\x00b"}}).Err(),
		rows.Pipe(typed.Command{Args: []string{"cat"}, Env: []string{"A=\x00"}}).Err(),
		rows.Pipe(typed.Command{Args: []string{"cat"}, Dir: "a\x00b"}).Err(),
		rows.Map(func(i int64) []int64 { return nil }).Pipe(typed.Command{Args: []string{"cat"}}).Err(),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "Pipe (pipe_unix_test.go:") {
			t.Errorf("got %v", err)
		}
	}
}

func ExampleRDD_Pipe() {
	words := session().Parallelize([]string{"pear", "fig", "apple"}, 1)
	fmt.Println(words.Pipe(typed.Command{Args: []string{"sort"}}).Collect(ctx))
	// Output: [apple fig pear] <nil>
}

func ExamplePairRDD_Pipe() {
	fmt.Println(pairs(session()).Pipe(typed.Command{Args: []string{"cut", "-f2"}}).Collect(ctx))
	// Output: [1 2 3] <nil>
}
