package main

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const childVar = "WORDCOUNT_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		main()
	}
	os.Exit(m.Run())
}

// wordcount runs the program.
func wordcount(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), childVar+"=1", "RDD_SCRATCH="+t.TempDir()), env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// plainCount is word count as anybody would write it.
func plainCount(files []string) (map[string]int64, error) {
	counts := map[string]int64{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<30)
		for lines.Scan() {
			for _, word := range strings.Fields(lines.Text()) {
				counts[word]++
			}
		}
		if err := errors.Join(lines.Err(), f.Close()); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// readCounts reads what the program wrote.
func readCounts(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, part := range parts {
		b, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			word, count, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			n, err := strconv.ParseInt(count, 10, 64)
			if _, twice := counts[word]; !ok || err != nil || twice {
				t.Fatalf("%s: line %q", part, line)
			}
			counts[word] = n
		}
	}
	return counts
}

// goFiles are the sources of a package of Go's own library, and this module's
// in files of every kind of line end.
func goFiles(t *testing.T) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	sources, err := filepath.Glob("../../typed/*.go")
	if err != nil || len(sources) == 0 {
		t.Fatal(sources, err)
	}
	for i, src := range sources {
		b, err := os.ReadFile(src)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		switch i % 3 {
		case 1:
			text = strings.ReplaceAll(text, "\n", "\r\n")
		case 2:
			text = strings.TrimRight(text, "\n") + " \xff\xfe \u2003 end"
		}
		name := filepath.Join(dir, fmt.Sprintf("%d", i%4), filepath.Base(src))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		files = append(files, name)
	}
	return dir, files
}

func TestCountsAreThoseOfAPlainProgram(t *testing.T) {
	in, files := goFiles(t)
	want, err := plainCount(files)
	if err != nil {
		t.Fatal(err)
	}
	for name, env := range map[string][]string{
		"generated": nil,
		"closures":  {"RDD_CLOSURES=1"},
		"not fused": {"RDD_NO_FUSING=1"},
		"one core":  {"RDD_CORES=1", "RDD_MEMORY=16MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			stdout, stderr, code := wordcount(t, env, "-in", in, "-out", out, "-top", "7")
			if code != 0 || stderr != "" {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			if got := readCounts(t, out); !maps.Equal(got, want) {
				t.Errorf("%d words, want %d", len(got), len(want))
			}
			if got := topOf(want, 7); stdout != got {
				t.Errorf("printed\n%swant\n%s", stdout, got)
			}
			if _, err := os.Stat(filepath.Join(out, "_SUCCESS")); err != nil {
				t.Error(err)
			}
		})
	}
}

func topOf(counts map[string]int64, n int) string {
	words := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		if d := counts[b] - counts[a]; d != 0 {
			return int(d)
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	for _, w := range words[:n] {
		fmt.Fprintf(&b, "%8d %s\n", counts[w], w)
	}
	return b.String()
}

// TestFilesAreReadOnce looks at the log: the second action's map stage is
// skipped.
func TestFilesAreReadOnce(t *testing.T) {
	in, _ := goFiles(t)
	_, stderr, code := wordcount(t, []string{"RDD_LOG=debug"}, "-in", in, "-out", filepath.Join(t.TempDir(), "out"), "-top", "3")
	if code != 0 {
		t.Fatal(stderr)
	}
	if !strings.Contains(stderr, "skipped=true") {
		t.Errorf("no stage was skipped:\n%s", stderr)
	}
}

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, "no input: give -in"},
		{[]string{"-in", "x"}, 2, "no output: give -out"},
		{[]string{"-in", "x", "-out", "y", "-top", "-1"}, 2, "-top must not be negative"},
		{[]string{"-in", "x", "-out", "y", "-top", "many"}, 2, "invalid value"},
		{[]string{"-in", "x", "-out", "y", "z"}, 2, `unexpected argument "z"`},
		{[]string{"-nonesuch"}, 2, "flag provided but not defined"},
		{[]string{"-in", "nonesuch", "-out", "y"}, 6, "no such file"},
	} {
		stdout, stderr, code := wordcount(t, nil, test.args...)
		if code != test.code || stdout != "" || !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit code %d, %q, %q", test.args, code, stdout, stderr)
		}
	}
	if stdout, _, code := wordcount(t, nil, "-help"); code != 0 || !strings.Contains(stdout, "usage: wordcount") {
		t.Errorf("-help: exit code %d, %q", code, stdout)
	}
}
