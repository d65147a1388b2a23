//go:build unix

package main

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// members are the processes that a script started.
var members struct {
	sync.Mutex
	all map[*testscript.TestScript]map[string]*running
}

// running is one of them.
type running struct {
	cmd  *exec.Cmd
	said strings.Builder // on standard error
	done bool
}

// startMember NAME COMMAND ARGS… starts a member of a cluster and waits until it says
// READY. What it says then is in the variable READY, what follows = in NAME. It
// ends with the script.
func startMember(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: member NAME COMMAND ARGS…")
	}
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	m := &running{cmd: exec.Command(path, args[2:]...)}
	m.cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "TMPDIR", "HOME", "RDD_TOKEN", "RDD_MASTER"} {
		if v := ts.Getenv(name); v != "" {
			m.cmd.Env = append(m.cmd.Env, name+"="+v)
		}
	}
	m.cmd.Stderr = &m.said
	out, err := m.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(m.cmd.Start())
	ts.Defer(func() { m.end(ts, os.Interrupt) })
	line, err := bufio.NewReader(out).ReadString('\n')
	ready, ok := strings.CutPrefix(strings.TrimSpace(line), "READY ")
	if !ok {
		ts.Fatalf("%s says %q, %v\n%s", args[0], line, err, m.said.String())
	}
	_, value, _ := strings.Cut(ready, "=")
	value, _, _ = strings.Cut(value, " ") // http=URL
	ts.Setenv("READY", ready)
	ts.Setenv(args[0], value)
	members.Lock()
	defer members.Unlock()
	if members.all == nil {
		members.all = map[*testscript.TestScript]map[string]*running{}
	}
	if members.all[ts] == nil {
		members.all[ts] = map[string]*running{}
	}
	members.all[ts][args[0]] = m
}

// leave NAME SIGNAL ends a member, and writes what it said to the file NAME.err.
func leave(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: leave NAME SIGNAL")
	}
	members.Lock()
	m := members.all[ts][args[0]]
	members.Unlock()
	if m == nil {
		ts.Fatalf("no member %s", args[0])
	}
	m.end(ts, signals[args[1]])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(m.said.String()), 0o666))
}

// end ends a member, which is well unless it was killed.
func (m *running) end(ts *testscript.TestScript, s os.Signal) {
	if m.done {
		return
	}
	m.done = true
	ts.Check(m.cmd.Process.Signal(s))
	if err := m.cmd.Wait(); err != nil && s != os.Kill {
		ts.Fatalf("%v: %v\n%s", m.cmd.Args, err, m.said.String())
	}
}

// token DIR puts a new join token for the cluster of DIR into RDD_TOKEN.
func token(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: token DIR FLAGS…")
	}
	path, err := exec.LookPath("rddctl")
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"cluster", "token", "--dir", ts.MkAbs(args[0])}, args[1:]...)...)
	out, err := cmd.Output()
	ts.Check(err)
	ts.Setenv("RDD_TOKEN", strings.TrimSpace(string(out)))
}

// port NAME puts the address of a free port into a variable.
func port(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: port NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Check(l.Close())
}
