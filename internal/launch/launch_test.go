//go:build unix

package launch

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

const childVar = "LAUNCH_TEST_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childVar); name != "" {
		os.Exit(children[name]())
	}
	goleak.VerifyTestMain(m)
}

// children are the programs that tests run.
var children = map[string]func() int{
	"typed": func() int {
		c, o, err := hello()
		if err != nil {
			return 90
		}
		last := &plan.ActionStatus{ID: plan.ActionID{Job: "j", N: o.Cores}, State: plan.ActionDone}
		for _, m := range []wire.Message{&wire.Notice{Text: strings.Join(os.Args[1:], " ")}, &wire.Explained{Action: "Count"},
			&plan.ActionStatus{State: plan.ActionRunning}, last} {
			if err := c.Send(m); err != nil {
				return 91
			}
		}
		m, err := c.Receive()
		if seen, ok := m.(*wire.Seen); err != nil || !ok || seen.ID != last.ID {
			return 92
		}
		_ = c.Send(&wire.Ended{Code: 3})
		return 3
	},
	"untyped": func() int { return 4 },
	"killed": func() int {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	},
	"babble": func() int {
		f := os.NewFile(3, "wire")
		_, _ = f.WriteString("what is a frame?")
		_, _ = io.Copy(io.Discard, f)
		return 5
	},
	"interrupted": func() int {
		c, _, err := hello()
		if err != nil {
			return 90
		}
		if err := c.Send(&wire.Notice{Text: "ready"}); err != nil {
			return 91
		}
		for _, now := range []bool{false, true} {
			m, err := c.Receive()
			if cancel, ok := m.(*wire.Cancel); err != nil || !ok || cancel.Now != now {
				return 92
			}
			if err := c.Send(&wire.Notice{Text: "told"}); err != nil {
				return 93
			}
		}
		return 130
	},
}

func hello() (*wire.Conn, *wire.Options, error) {
	c, err := wire.Inherited()
	if err != nil {
		return nil, nil, err
	}
	m, err := c.Receive()
	if err != nil {
		return nil, nil, err
	}
	o, ok := m.(*wire.Options)
	if !ok {
		return nil, nil, errors.New("no options first")
	}
	return c, o, c.Send(&wire.Started{Program: "child", PID: os.Getpid()})
}

// recorder is a Watcher that writes down what it is told.
type recorder struct {
	lines  []string
	notice func(text string)
}

func (r *recorder) Status(s *plan.ActionStatus) { r.lines = append(r.lines, s.State.String()) }
func (r *recorder) Notice(program, text string) {
	r.lines = append(r.lines, program+": "+text)
	if r.notice != nil {
		r.notice(text)
	}
}
func (r *recorder) Explained(x *wire.Explained) { r.lines = append(r.lines, "explained "+x.Action) }

func do(t *testing.T, name string, w *recorder) (Outcome, error) {
	t.Helper()
	t.Setenv(childVar, name)
	r := Run{Args: []string{"a", "b"}, Options: wire.Options{Cores: 7}, Stdout: os.Stdout, Stderr: os.Stderr, Watcher: w}
	return r.Do(t.Context(), os.Args[0])
}

func TestDo(t *testing.T) {
	for name, test := range map[string]struct {
		want Outcome
		told string
	}{
		"typed":   {Outcome{Code: 3, Typed: true}, "child: a b,explained Count,running,done"},
		"untyped": {Outcome{Code: 4}, ""},
		"killed":  {Outcome{Code: 128 + 9}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := &recorder{}
			out, err := do(t, name, w)
			if err != nil || out != test.want || strings.Join(w.lines, ",") != test.told {
				t.Errorf("got %+v, %q, %v, want %+v, %q", out, w.lines, err, test.want, test.told)
			}
		})
	}
}

func TestDoEndsAProgramThatBabbles(t *testing.T) {
	out, err := do(t, "babble", &recorder{})
	if err == nil || !strings.Contains(err.Error(), "talk to") || out.Typed {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestDoPassesInterruptsOn(t *testing.T) {
	w := &recorder{notice: func(string) {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Error(err)
		}
	}}
	out, err := do(t, "interrupted", w)
	if err != nil || out.Code != 130 {
		t.Errorf("got %+v, %q, %v", out, w.lines, err)
	}
}

func TestDoWithoutAProgram(t *testing.T) {
	r := Run{Watcher: &recorder{}}
	_, err := r.Do(t.Context(), filepath.Join(t.TempDir(), "missing"))
	var coded *Error
	if !errors.As(err, &coded) || coded.Code != CodeUsage || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, mode := range map[string]os.FileMode{"binary": 0o755, "text": 0o644, "main.go": 0o755} {
		if err := os.WriteFile(name, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("dir", 0o777); err != nil {
		t.Fatal(err)
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]Target{
		"binary": {Binary: filepath.Join(wd, "binary")}, "./text": {Binary: filepath.Join(wd, "text")}, "dir": {Pattern: ".", WorkDir: "dir"}, ".": {Pattern: ".", WorkDir: "."},
		"example.com/x": {Pattern: "example.com/x"},
	} {
		want.arg = arg
		if got, err := Find(arg); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", arg, got, err, want)
		}
	}
	for arg, words := range map[string]string{
		"./missing": "no such package", "/missing": "no such package", "./...": "not a pattern",
		"main.go": "main.go: give the package rather than a file of it: .", "cmd/x/main.go": "rather than a file of it: ./cmd/x",
		"../x/main.go": "rather than a file of it: ../x", "/x/missing.go": "rather than a file of it: /x",
	} {
		_, err := Find(arg)
		var coded *Error
		if !errors.As(err, &coded) || coded.Code != CodeUsage || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: got %v, want %q", arg, err, words)
		}
	}
}

func TestBuild(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.21\n", "ok/main.go": "package main\n\nfunc main() {}\n",
		"broken/main.go": "package main\n\nfunc main() { missing() }\n", "broken/x_rdd.go": "package main\n", "lib/lib.go": "package lib\n",
		"only/main_windows.go": "package main\n\nfunc main() {}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("empty", 0o777); err != nil {
		t.Fatal(err)
	}
	for arg, test := range map[string]struct {
		code  int
		words []string
	}{
		"ok": {}, "./ok": {}, "example.com/m/ok": {},
		"broken":              {CodeRefused, []string{"does not compile", "undefined: missing", "x_rdd.go is what does not fit"}},
		"lib":                 {CodeUsage, []string{"is not a program"}},
		"example.com/m/other": {CodeUsage, []string{"example.com/m/other"}},
		"only":                {CodeUsage, []string{"only: ", "build constraints exclude all Go files"}},
		"empty":               {CodeUsage, []string{"empty: no Go files in "}},
	} {
		t.Run(arg, func(t *testing.T) {
			target, err := Find(arg)
			if err != nil {
				t.Fatal(err)
			}
			p, err := target.Build(t.Context(), io.Discard)
			var coded *Error
			switch {
			case test.code == 0 && err == nil:
				path, err := p.Here()
				if err != nil || p.Name != "ok" || filepath.Base(path) != "ok" {
					t.Errorf("%+v: %v", p, err)
				}
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the binary is left: %v", err)
				}
			case !errors.As(err, &coded) || coded.Code != test.code:
				t.Errorf("got %v, want code %d", err, test.code)
			default:
				for _, w := range test.words {
					if !strings.Contains(err.Error(), w) {
						t.Errorf("%q lacks %q", err, w)
					}
				}
			}
		})
	}
}

func TestBuildWithoutGo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Target{Pattern: ".", arg: "x"}.Build(context.Background(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "the go command is not on the PATH") {
		t.Errorf("got %v", err)
	}
}
