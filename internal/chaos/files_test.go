//go:build linux

package chaos

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// spoiled spoils some shuffle files of a worker while they are read.
func (tr *trial) spoiled(files int, how func(rng *rand.Rand, paths []string) error) {
	j := tr.submit(tr.job())
	tr.reach(j, 0, 0)
	paths := tr.outputs(tr.any())
	if len(paths) < 2 {
		tr.t.Fatalf("a worker has %d shuffle files", len(paths))
	}
	tr.rng.Shuffle(len(paths), func(i, k int) { paths[i], paths[k] = paths[k], paths[i] })
	from := tr.events.count()
	tr.must(how(tr.rng, paths[:2]))
	tr.kills++
	tr.damaged += files
	tr.lost += files
	tr.bounded(tr.right(j), files)
	_, _ = tr.events.says(from, time.Second, `"kind":"output lost"`) // what was read before is not found
	for _, e := range tr.happened(from) {
		if e.Kind == "output lost" {
			tr.found += e.Count
		}
	}
}

// remove removes a file.
func remove(_ *rand.Rand, paths []string) error { return os.Remove(paths[0]) }

// flip changes bits all over a file.
func flip(rng *rand.Rand, paths []string) error {
	b, err := os.ReadFile(paths[0])
	if err != nil {
		return err
	}
	f, err := os.OpenFile(paths[0], os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	const parts = 64
	for i := range parts {
		from, to := len(b)*i/parts, len(b)*(i+1)/parts
		if from < to {
			at := from + rng.IntN(to-from)
			_, e := f.WriteAt([]byte{b[at] ^ 1<<rng.IntN(8)}, int64(at))
			err = errors.Join(err, e)
		}
	}
	return errors.Join(err, f.Close())
}

// cut takes a file's end away.
func cut(rng *rand.Rand, paths []string) error {
	info, err := os.Stat(paths[0])
	if err != nil {
		return err
	}
	return os.Truncate(paths[0], rng.Int64N(max(info.Size()/4, 1)))
}

// swap gives each of two files the other's name.
func swap(_ *rand.Rand, paths []string) error {
	between := paths[0] + ".swap"
	return errors.Join(os.Rename(paths[0], between), os.Rename(paths[1], paths[0]), os.Rename(between, paths[1]))
}

// unpublished says that a job that did not end well has left no output, but for one
// that was whole before the job ended.
func (tr *trial) unpublished(j *job) {
	tr.t.Helper()
	if j.cmd.ProcessState.ExitCode() == 0 {
		return
	}
	if _, err := os.Stat(filepath.Join(j.out, "_SUCCESS")); err == nil {
		if err := j.checked(); err != nil {
			tr.t.Error(err)
		}
		return
	}
	entries, err := os.ReadDir(filepath.Dir(j.out))
	if err != nil {
		tr.t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), filepath.Base(j.out)) {
			tr.t.Errorf("left behind: %s", e.Name())
		}
	}
}

func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	read := func(path string) string {
		b, _ := os.ReadFile(path)
		return string(b)
	}
	for _, tt := range []struct {
		name string
		how  func(*rand.Rand, []string) error
		ok   func() bool
	}{
		{"remove", remove, func() bool { _, err := os.Stat(a); return errors.Is(err, os.ErrNotExist) }},
		{"flip", flip, func() bool { return len(read(a)) == 1000 && read(a) != strings.Repeat("a", 1000) }},
		{"cut", cut, func() bool { return len(read(a)) < 250 }},
		{"swap", swap, func() bool { return read(a) == "b" && read(b) == strings.Repeat("a", 1000) }},
	} {
		if err := errors.Join(os.WriteFile(a, []byte(strings.Repeat("a", 1000)), 0o600), os.WriteFile(b, []byte("b"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if err := tt.how(rng, []string{a, b}); err != nil || !tt.ok() {
			t.Errorf("%s: %v, %q, %q", tt.name, err, read(a), read(b))
		}
		if err := errors.Join(os.RemoveAll(a), os.RemoveAll(b)); err != nil {
			t.Fatal(err)
		}
		if err := tt.how(rng, []string{a, b}); err == nil {
			t.Errorf("%s: files that are not there were damaged", tt.name)
		}
	}
}
