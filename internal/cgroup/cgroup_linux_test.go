package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const kindVar = "CGROUP_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(kindVar) {
	case "where":
		b, _ := os.ReadFile("/proc/self/cgroup")
		_, _ = os.Stdout.Write(b)
		os.Exit(0)
	case "waits":
		_, _ = fmt.Println("here")
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	case "grows":
		for all := [][]byte{}; ; {
			all = append(all, bytes.Repeat([]byte{1}, 1<<20))
		}
	}
	os.Exit(m.Run())
}

// child is this test's program, which does what kind says.
func child(t *testing.T, kind string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), kindVar+"="+kind)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// open gives a tree, where there can be one.
func open(t *testing.T) *Tree {
	t.Helper()
	tree, err := Open(2, 4<<30)
	if err != nil {
		t.Skipf("no groups here: %v", err)
	}
	t.Cleanup(func() {
		if err := tree.Close(); err != nil {
			t.Error(err)
		}
	})
	return tree
}

func newGroup(t *testing.T, tree *Tree, name string, memory int64) *Group {
	t.Helper()
	g, err := tree.New(name, memory)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestLimit(t *testing.T) {
	tree := open(t)
	grow(t, tree, 64<<20)
}

// All of a worker's groups together have a limit too.
func TestLimitOfAll(t *testing.T) {
	tree := open(t)
	r := tree.roots[0]
	if err := r.home.limit(r.path, 64<<20); err != nil {
		t.Fatal(err)
	}
	grow(t, tree, 1<<30)
}

// grow runs a process that wants more than it may have.
func grow(t *testing.T, tree *Tree, limit int64) {
	t.Helper()
	if !strings.HasPrefix(tree.String(), "memory") {
		t.Errorf("bounded is %q", tree)
	}
	g := newGroup(t, tree, "j-1", limit)
	cmd := child(t, "grows")
	if err := g.Start(cmd); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("beyond its limit: %v", err)
	}
	if u := g.Usage(); !u.Killed || u.Peak < 32<<20 || u.Peak > 65<<20 {
		t.Errorf("got %+v", u)
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
}

// A process is in its group from the start, and who starts it is not afterwards.
func TestStart(t *testing.T) {
	tree := open(t)
	before, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	g := newGroup(t, tree, "j-1", 1<<30)
	cmd := child(t, "where")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := errors.Join(g.Start(cmd), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "/j-1\n"); got != len(tree.roots) {
		t.Errorf("the process was in\n%s", out.String())
	}
	if u := g.Usage(); u.Killed {
		t.Errorf("got %+v of a process that ended well", u)
	}
	tasks, _ := filepath.Glob("/proc/self/task/*/cgroup")
	for _, path := range tasks {
		if b, err := os.ReadFile(path); err == nil && !bytes.Equal(b, before) {
			t.Errorf("%s is\n%s", path, b)
		}
	}
	if _, err := tree.New("j-1", 1<<30); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second group of one name: %v", err)
	}
	cmd = child(t, "where")
	cmd.Path += "-none"
	if err := g.Start(cmd); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
}

// start starts a process that waits, and gives what waits for its end.
func start(t *testing.T, g *Group) func() error {
	t.Helper()
	cmd := child(t, "waits")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	return cmd.Wait
}

// What runs in a group ends with it.
func TestRemove(t *testing.T) {
	tree := open(t)
	g := newGroup(t, tree, "j-1", 1<<30)
	wait := start(t, g)
	ended := make(chan error, 1)
	go func() { ended <- wait() }()
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("the process ended by itself")
	}
	if err := g.Remove(); err != nil {
		t.Errorf("removed again: %v", err)
	}
}

// What a worker that is gone has left is removed by the next one; what one has
// that is there, is not.
func TestLeftovers(t *testing.T) {
	tree := open(t)
	newGroup(t, tree, "j-1", 1<<30)
	gone, err := Open(1, 4<<30)
	if err != nil {
		t.Fatal(err)
	}
	wait := start(t, newGroup(t, gone, "j-2", 1<<30))
	for _, r := range gone.roots {
		_ = r.lock.Close() // as the end of its process would
	}
	ended := make(chan error, 1)
	go func() { ended <- wait() }()
	open(t)
	if err := <-ended; err == nil {
		t.Error("the process ended by itself")
	}
	for _, r := range gone.roots {
		if _, err := os.Stat(r.path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", r.path, err)
		}
	}
	for _, r := range tree.roots {
		if _, err := os.Stat(filepath.Join(r.path, "j-1")); err != nil {
			t.Errorf("of a worker that is there: %v", err)
		}
	}
}

// Without a tree everything works, and nothing is bounded.
func TestNone(t *testing.T) {
	var tree *Tree
	g, err := tree.New("j-1", 1)
	if err != nil || tree.String() != "none" {
		t.Errorf("got %v of %s", err, tree)
	}
	cmd := child(t, "where")
	if err := errors.Join(g.Start(cmd), cmd.Wait(), g.Remove(), tree.Close()); err != nil || g.Usage() != (Usage{}) {
		t.Errorf("got %v", err)
	}
}

// fake is a directory with the files of a hierarchy of the second version, which
// not every machine has with memory in it.
func fake(t *testing.T, controllers, procs string) hierarchy {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"cgroup.controllers": controllers, "cgroup.procs": procs, "cgroup.subtree_control": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own, mounts := filepath.Join(dir, "own"), filepath.Join(dir, "mounts")
	err := errors.Join(os.WriteFile(own, []byte("0::/unit\n"), 0o600),
		os.WriteFile(mounts, []byte("41 31 0:38 /unit "+dir+" rw,relatime - cgroup2 cgroup2 rw\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	found, err := find(own, mounts)
	if err != nil || len(found) != 1 || found[0].path != dir || !found[0].v2 {
		t.Fatalf("found %+v, %v", found, err)
	}
	return found[0]
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func TestSecondVersion(t *testing.T) {
	h := fake(t, "cpuset cpu io memory pids\n", strconv.Itoa(os.Getpid())+"\n")
	r, err := h.open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.lock.Close() }()
	if err := errors.Join(h.share(r.path, 3), h.limit(r.path, 7<<20)); err != nil {
		t.Fatal(err)
	}
	tree := &Tree{roots: []*root{r}}
	g, err := tree.New("j-1", 5<<20)
	if err != nil {
		t.Fatal(err)
	}
	group := filepath.Join(r.path, "j-1")
	for _, c := range []struct{ got, want string }{
		{tree.String(), "memory+cpu"},
		{read(t, h.path, "agent", "cgroup.procs"), strconv.Itoa(os.Getpid())},
		{read(t, h.path, "cgroup.subtree_control"), "+memory +cpu"},
		{read(t, r.path, "cgroup.subtree_control"), "+memory +cpu"},
		{read(t, r.path, "cpu.weight"), "300"},
		{read(t, r.path, "memory.max"), "7340032"},
		{read(t, group, "memory.max"), "5242880"},
		{read(t, group, "memory.swap.max"), "0"},
		{read(t, group, "memory.oom.group"), "1"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	err = errors.Join(os.WriteFile(filepath.Join(group, "memory.events"), []byte("low 0\noom 4\noom_kill 2\n"), 0o600),
		os.WriteFile(filepath.Join(group, "memory.peak"), []byte("4096\n"), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if u := g.Usage(); u != (Usage{Killed: true, Peak: 4096}) {
		t.Errorf("got %+v", u)
	}
}

// In the second version the worker must be alone in its group.
func TestNotAlone(t *testing.T) {
	h := fake(t, "memory\n", "1\n"+strconv.Itoa(os.Getpid())+"\n")
	if _, err := h.open(); err == nil || !strings.Contains(err.Error(), "other processes") {
		t.Errorf("got %v", err)
	}
	if all, _ := filepath.Glob(filepath.Join(h.path, prefix+"*")); len(all) > 0 {
		t.Errorf("made %q", all)
	}
}

// A process is started in a group of the second version, whatever that bounds.
func TestStartInSecondVersion(t *testing.T) {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	mounts := mountsOf(string(info))
	i := slices.IndexFunc(mounts, func(m mount) bool { return m.v2 })
	if i < 0 {
		t.Skip("no group of the second version is mounted")
	}
	path := filepath.Join(mounts[i].path, prefix+"test-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Skipf("no groups here: %v", err)
	}
	g := &Group{dirs: []dir{{hierarchy{path: mounts[i].path, v2: true}, path}}}
	cmd := child(t, "where")
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := errors.Join(g.Start(cmd), cmd.Wait(), g.Remove()); err != nil {
		t.Fatal(err)
	}
	if want := "/" + filepath.Base(path) + "\n"; !strings.Contains(out.String(), want) {
		t.Errorf("%q is not in\n%s", want, out.String())
	}
}

func TestFind(t *testing.T) {
	const (
		v1      = "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
		bind    = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
		nothing = "23 1 0:20 / /proc rw - proc proc rw\nbroken\n"
	)
	for _, c := range []struct{ name, own, mounts, want string }{
		{"first version", "9:name=systemd:/\n4:memory:/a/b\n1:cpu,cpuacct:/c:d\n0::/\n", v1, "[{/sys/fs/cgroup/memory/a/b [memory] false} {/sys/fs/cgroup/cpu,cpuacct/c:d [cpu] false}]"},
		{"one group of both", "1:cpu,memory:/a\n", "1 2 0:1 / /g rw - cgroup cgroup rw,cpu,memory\n", "[{/g/a [memory cpu] false}]"},
		{"container", "4:memory:/docker/abc\n", bind, "[{/sys/fs/cgroup/memory [memory] false}]"},
		{"container with its own names", "4:memory:/\n", bind, "[{/sys/fs/cgroup/memory [memory] false}]"},
		{"memory is not mounted", "4:memory:/a\n1:cpu:/\n", nothing, "no control group with memory is mounted here"},
		{"no groups", "", nothing, "no control group with memory is mounted here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			own, mounts := filepath.Join(dir, "own"), filepath.Join(dir, "mounts")
			if err := errors.Join(os.WriteFile(own, []byte(c.own), 0o600), os.WriteFile(mounts, []byte(c.mounts), 0o600)); err != nil {
				t.Fatal(err)
			}
			found, err := find(own, mounts)
			got := fmt.Sprint(found)
			if err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
