//go:build unix

package main

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gordd-project/gordd/rdd/plan"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"rddctl": main})
}

// TestScripts runs testdata/script, where $WORDCOUNT is the example's binary,
// $PROG and $UNTYPED are those of testdata, $TESTS is one that go test runs, and
// temporary files belong into $SCRATCH.
func TestScripts(t *testing.T) {
	programs := buildPrograms(t)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		Setup:         func(env *testscript.Env) error { return setup(env, programs) },
		Condition:     condition,
		UpdateScripts: os.Getenv("UPDATE") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "interrupt": interrupt, "nothing": nothing, "repeat": repeat, "gz": gz,
			"raw": raw, "module": module, "tmpfs": tmpfs, "fifo": fifo,
			"cluster": cluster, "begun": begun, "get": get,
			"member": startMember, "leave": leave, "token": token, "port": port,
		},
	})
}

// buildPrograms builds what scripts run, and gives the paths by variable.
func buildPrograms(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir, "../../examples/wordcount", "./testdata/prog", "./testdata/untyped").CombinedOutput(); err != nil {
		t.Fatalf("build programs: %v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"WORDCOUNT": filepath.Join(dir, "wordcount"), "PROG": filepath.Join(dir, "prog"),
		"UNTYPED": filepath.Join(dir, "untyped"), "TESTS": self}
}

func setup(env *testscript.Env, programs map[string]string) error {
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GOSUMDB", "GONOSUMDB"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return err
		}
		env.Setenv(name, strings.TrimSpace(string(out)))
	}
	scratch := filepath.Join(env.WorkDir, ".scratch")
	env.Setenv("RDD_SCRATCH", scratch)
	env.Setenv("SCRATCH", scratch)
	env.Setenv("ROOT", root)
	env.Setenv("PLATFORM", string(plan.Here))
	for name, path := range programs {
		env.Setenv(name, path)
	}
	return os.Mkdir(scratch, 0o700)
}

func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "tmpfs":
		return canMount(), nil
	case "linux/amd64":
		return plan.Here == "linux/amd64", nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// exits CODE COMMAND ARGS… runs a command that ends with a code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// nothing DIR… says that directories are empty or not there.
func nothing(ts *testscript.TestScript, neg bool, args []string) {
	for _, dir := range args {
		var names []string
		entries, err := os.ReadDir(ts.MkAbs(dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			ts.Fatalf("%v", err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if (len(names) > 0) != neg {
			ts.Fatalf("in %s: %q", dir, names)
		}
	}
}

// repeat FILE N TEXT writes N bytes of a repeated text, with \n for a newline,
// and no newline at the end.
func repeat(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: repeat FILE N TEXT")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := strings.ReplaceAll(args[2], `\n`, "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Repeat(text, n/len(text)+1)[:n]), 0o666))
}

// raw FILE TEXT writes a text with the escapes of a Go string.
func raw(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: raw FILE TEXT")
	}
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o666))
}

// gz FILE [CUT] compresses a file to FILE.gz, of which the last CUT bytes are
// missing.
func gz(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: gz FILE [CUT]")
	}
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(ts.ReadFile(args[0])))
	ts.Check(errors.Join(err, w.Close()))
	cut := 0
	if len(args) > 1 {
		cut, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".gz"), []byte(b.String()[:b.Len()-cut]), 0o666))
}

// module DIR makes a module of its own in DIR, with this one as it is here.
func module(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: module DIR")
	}
	root := ts.Getenv("ROOT")
	mod := ts.ReadFile(filepath.Join(root, "go.mod"))
	mod = strings.Replace(mod, "module github.com/gordd-project/gordd\n", "module example.com/user\n", 1)
	mod += fmt.Sprintf("\nrequire github.com/gordd-project/gordd v0.0.0\n\nreplace github.com/gordd-project/gordd => %s\n", root)
	dir := ts.MkAbs(args[0])
	ts.Check(os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o666))
	ts.Check(os.WriteFile(filepath.Join(dir, "go.sum"), []byte(ts.ReadFile(filepath.Join(root, "go.sum"))), 0o666))
}

// give up on what hangs.
const patience = time.Minute

// interrupt CODE FILE SIGNALS COMMAND ARGS… starts a command, waits until it has
// made FILE, sends it the signals (INT, TERM or KILL, with commas between), and
// expects it to end with the code. When it has, so has the process whose number
// is in FILE.
func interrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: interrupt CODE FILE SIGNALS COMMAND ARGS…")
	}
	path, err := exec.LookPath(args[3])
	ts.Check(err)
	cmd := exec.Command(path, args[4:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "RDD_SCRATCH", "TMPDIR", "HOME"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = patience
	ts.Check(cmd.Start())
	file := ts.MkAbs(args[1])
	until(ts, func() bool { b, err := os.ReadFile(file); return err == nil && strings.HasSuffix(string(b), "\n") })
	begun := time.Now()
	for _, name := range strings.Split(args[2], ",") {
		ts.Check(cmd.Process.Signal(signals[name]))
	}
	_ = cmd.Wait()
	ts.Logf("%s%s ended %v after the signal", out.String(), args[3], time.Since(begun).Round(time.Millisecond))
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[1])))
	ts.Check(err)
	until(ts, func() bool { return gone(pid) })
	ts.Check(os.WriteFile(ts.MkAbs("interrupted"), []byte(out.String()), 0o666))
}

// until waits for something that other processes do.
func until(ts *testscript.TestScript, f func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !f(); <-tick.C {
		if time.Now().After(end) {
			ts.Fatalf("waited in vain")
		}
	}
}

// TestHelpIsThePackageComment keeps the two equal in what they list.
func TestHelpIsThePackageComment(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rootCommand().Commands() {
		if c.Hidden || slices.Contains([]string{"help", "completion"}, c.Name()) {
			continue
		}
		if !strings.Contains(string(doc), "rddctl "+c.Name()) {
			t.Errorf("the package comment lacks rddctl %s", c.Name())
		}
		if c.Short == "" || c.Example == "" && c.Name() != "version" {
			t.Errorf("rddctl %s has no example or no first line", c.Name())
		}
	}
}

func TestNearestFlag(t *testing.T) {
	c := runCommand()
	for name, want := range map[string]string{"memroy": "memory", "core": "cores", "gen": "generate", "xyzzy": "", "Memory": "memory"} {
		if got := nearest(c, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// cluster FLAGS… starts a cluster, which ends with the script, and makes it that
// of the commands that follow.
func cluster(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: cluster FLAGS…")
	}
	path, err := exec.LookPath("rddctl")
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"dev", "--listen", "127.0.0.1:0"}, args...)...)
	for _, name := range []string{"PATH", "TMPDIR", "HOME"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "WORKERS_SECRET=not for jobs")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		ts.Check(cmd.Process.Signal(os.Interrupt))
		if err := cmd.Wait(); err != nil {
			ts.Fatalf("the cluster: %v\n%s", err, complaints.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "READY master=")
	if !ok {
		ts.Fatalf("the cluster says %q, %v", line, err)
	}
	address, url, _ := strings.Cut(address, " http=")
	ts.Setenv("RDD_MASTER", address)
	url, token, _ := strings.Cut(url, "/?token=")
	ts.Setenv("HTTP", url)
	ts.Setenv("HTTP_TOKEN", token)
}

// begun FILE waits until a process has written a line to a file.
func begun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: begun FILE")
	}
	file := ts.MkAbs(args[0])
	until(ts, func() bool { b, err := os.ReadFile(file); return err == nil && strings.HasSuffix(string(b), "\n") })
}
