// Package examples_test runs the programs as their users do.
package examples_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// program is a program with its input, in a file "in", and what comes of it.
type program struct {
	name, in string
	args     []string
	stdout   string
	out      string // lines of the directory "out", in order
}

var programs = []program{{
	name: "logs",
	args: []string{"-top", "1", "in"},
	in: `192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "GET /a?q=1 HTTP/1.1" 200 2326 1500
192.0.2.7 - - [10/Oct/2026:13:55:37 +0200] "GET /a HTTP/1.1" 500 0 90000
192.0.2.7 - - [10/Oct/2026:13:55:38 +0200] "GET /b HTTP/1.1" 503 0 1
no entry
`,
	stdout: "       2      1     90     90 /a\n2026-10-10 11:55 2\n",
}, {
	name: "sales",
	args: []string{"-sales", "in", "-products", "products", "-out", "out", "-skip"},
	in: `id,day,region,product,quantity,price
1,2026-01-31,north,7,2,1.50
2,2026-01-01,north,7,1,9
3,2026-02-01,north,8,1,0.10
no sale
`,
	stdout: "3,4,12.10,9.00\n",
	out:    "\"north\",\"toys\",2026-01,2,3,12.00,9.00\n\"north\",\"unknown\",2026-02,1,1,0.10,0.10\n",
}, {
	name:   "components",
	args:   []string{"-edges", "in", "-out", "out"},
	in:     "b c\na b\ny z\n",
	stdout: "2 components\n       3 a\n       2 y\n",
	out:    "a\ta\nb\ta\nc\ta\ny\ty\nz\ty\n",
}, {
	name: "kmeans",
	args: []string{"-in", "in", "-k", "2", "-out", "out"},
	in: `zip_code,latitude,longitude,city,state,county
10001,40.75,-73.99,New York,NY,New York
90001,33.97,-118.24,Los Angeles,CA,Los Angeles
10002,40.71,-73.98,New York,NY,New York
90002,33.94,-118.24,Los Angeles,CA,Los Angeles
`,
	stdout: "round 1: 2.8 km\nround 2: 2.0 km\n" +
		"group  0:     2 places around 40.73, -73.98, 2 km from there\ngroup  1:     2 places around 33.96, -118.24, 2 km from there\n",
	out: "10001,New York,NY,0\n10002,New York,NY,0\n90001,Los Angeles,CA,1\n90002,Los Angeles,CA,1\n",
}, {
	name:   "pagerank",
	args:   []string{"-in", "in", "-rounds", "1", "-top", "1"},
	in:     "package a\nimport \"errors\"\n",
	stdout: "round 1: moved 0.4250\n    1.425 errors\n",
}, {
	name:   "triangles",
	args:   []string{"-in", "in"},
	in:     "package a\nimport (\n\"errors\"\n\"fmt\"\n)\n",
	stdout: "0 triangles\n",
}, {
	name:   "terasort",
	args:   []string{"-dir", "sorts", "-rows", "1000", "-partitions", "3"},
	stdout: "1000 records are in order in sorts/sorted\n",
}, {
	name: "index",
	args: []string{"-in", "in", "-out", "out", "-stop", "the"},
	in:   "The cat, the CAT and me\n",
	out:  "and\tin:4\ncat\tin:1,3\nme\tin:5\n",
}, {
	name:   "windows",
	args:   []string{"-in", "in", "-top", "1"},
	in:     "2026-03-29T00:01:00Z\tann\n2026-03-29T00:20:00Z\tann\n2026-03-29T00:02:00Z\tbob\n",
	stdout: "ann 2026-03-29 00:01:00 19m0s 2\n2026-03-28 23:55:00 2 2\n2026-03-29 00:00:00 2 2\n2026-03-29 00:15:00 1 1\n2026-03-29 00:20:00 1 1\n",
}, {
	name: "sessions",
	args: []string{"-in", "in", "-out", "out", "-top", "1"},
	in: `192.0.2.7 - - [10/Oct/2026:14:30:00 +0200] "GET /c HTTP/1.1" 200 1 "-" "Browser"
192.0.2.7 - - [10/Oct/2026:13:55:36 +0200] "GET /a?q=1 HTTP/1.1" 200 1 "-" "Browser"
2001:db8::1 - - [10/Oct/2026:13:55:36 +0200] "GET /a HTTP/1.1" 200 1 "-" "Browser"
192.0.2.7 - - [10/Oct/2026:13:56:36 +0200] "GET /b HTTP/1.1" 200 1 "-" "Browser"
no entry
`,
	stdout: "3 sessions, 1.33 pages in each\n       2   1.50 /a\n",
	out: "192.0.2.7\t2026-10-10T11:55:36Z\t1m0s\t2\t/a\t/b\tBrowser\n192.0.2.7\t2026-10-10T12:30:00Z\t0s\t1\t/c\t/c\tBrowser\n" +
		"2001:db8::1\t2026-10-10T11:55:36Z\t0s\t1\t/a\t/a\tBrowser\n",
}}

// build builds all programs into a directory.
func build(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// run runs a program in a directory of its own.
func run(t *testing.T, path, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RDD_SCRATCH="+t.TempDir())
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestPrograms(t *testing.T) {
	bin := build(t)
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"in": p.in, "products": "id,name,category\n7,ball,toys\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			stdout, stderr, code := run(t, filepath.Join(bin, p.name), dir, p.args...)
			if code != 0 || stderr != "" || stdout != p.stdout {
				t.Errorf("exit code %d, %q, printed\n%swant\n%s", code, stderr, stdout, p.stdout)
			}
			if got := written(t, filepath.Join(dir, "out")); strings.ReplaceAll(got, dir+string(filepath.Separator), "") != p.out {
				t.Errorf("wrote\n%swant\n%s", got, p.out)
			}
			if _, stderr, code := run(t, filepath.Join(bin, p.name), dir); code != 2 || strings.Count(stderr, "\n") != 1 {
				t.Errorf("without arguments: exit code %d, %q", code, stderr)
			}
		})
	}
}

// written gives the lines of the parts of an output directory, in order.
func written(t *testing.T, dir string) string {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(dir, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, part := range parts {
		b, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, slices.Collect(strings.Lines(string(b)))...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
