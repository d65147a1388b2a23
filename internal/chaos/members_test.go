//go:build linux

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gordd-project/gordd/internal/chaos/proxy"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/rdd/plan"
)

// unsteady is a network between workers in which connections break.
var unsteady = &proxy.Faults{Chunk: 32 << 10, Reset: 0.025, Cut: 0.025, Late: 0.1, Delay: 20 * time.Millisecond}

// transient has workers fetch over connections that are cut: nothing is done again.
func (tr *trial) transient() {
	if tr.net == nil {
		tr.t.Skip("proxies stand between namespaces only")
	}
	j := tr.submit(tr.job())
	tr.calm(0, tr.right(j))
	for _, w := range tr.workers {
		w.proxy.signal(syscall.SIGTERM)
		if !w.proxy.ended(patience) {
			tr.t.Fatalf("the proxy of %s does not end", w.name)
		}
		var faults, bytes int
		if _, err := fmt.Sscanf(w.proxy.tail(1), "%d faults in %d bytes", &faults, &bytes); err != nil {
			tr.t.Errorf("%v: %q", err, w.proxy.tail(1))
		}
		tr.cut += faults
	}
}

// calm says that nothing was done again since so many events, and nobody was given up.
func (tr *trial) calm(from int, o outcome) {
	tr.t.Helper()
	tr.bounded(o, 0)
	for _, e := range tr.happened(from) {
		switch e.Kind {
		case "worker suspect", "worker lost", "task failed", "task retry", "output lost":
			tr.t.Errorf("%s: %+v", e.Kind, e)
		}
	}
}

// gossipCut cuts a worker off the gossip and nothing else: there is a warning, and no
// task is lost.
func (tr *trial) gossipCut() {
	if tr.net == nil {
		tr.t.Skip("ports can be cut between namespaces only")
	}
	s := tr.job()
	s.pause *= 6 // longer than the gossip takes to miss somebody
	from := tr.events.count()
	j := tr.submit(s)
	tr.reach(j, 1, 0)
	i := tr.any()
	begun := time.Now()
	tr.must(tr.gossips(i, false))
	tr.kills++
	name := tr.workers[i].name
	if _, ok := tr.events.says(from, patience, `"kind":"gossip"`, strconv.Quote(name)); !ok {
		tr.t.Errorf("nothing tells that the gossip does not hear %s:\n%s", name, tr.events.tail(20))
	}
	tr.measure("warned after", time.Since(begun))
	var all []status.Worker
	tr.must(tr.ask(&all, "workers"))
	for _, w := range all {
		if w.State != "live" {
			tr.t.Errorf("worker %s is %s", w.ID, w.State)
		}
	}
	tr.calm(from, tr.right(j))
	tr.must(tr.gossips(i, true))
	tr.calm(from, tr.right(tr.submit(quick)))
}

// gossips cuts a worker off the gossip, both ways, or lets it back.
func (c *cluster) gossips(i int, on bool) error {
	w := c.workers[i]
	err := errors.Join(c.net.hush(w.name, gossipPort, "", !on), c.net.hush("master", gossipPort, w.address, !on))
	for k, other := range c.workers {
		if k != i {
			err = errors.Join(err, c.net.hush(other.name, gossipPort, w.address, !on))
		}
	}
	return err
}

// inside runs a command where clients are, to its end.
func (c *cluster) inside(command ...string) (string, error) {
	if c.net != nil {
		command = append([]string{"ip", "netns", "exec", c.net.name("client")}, command...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// ask gives what a command of rddctl lists.
func (c *cluster) ask(to any, name string, args ...string) error {
	out, err := c.inside(c.clientCommand(name, append(args, "--output", "json")...)...)
	if err != nil {
		return fmt.Errorf("rddctl %s: %w: %s", name, err, out)
	}
	return json.Unmarshal([]byte(out), to)
}

// otherRelease starts members of a release with an older protocol. They are told so,
// and have no part in anything.
func (tr *trial) otherRelease() {
	old, err := built.older()
	tr.must(err)
	i := tr.any()
	w := tr.workers[i]
	tr.kill(i)
	tr.kills++
	_, _ = tr.events.says(0, 5*time.Second, `"kind":"worker lost"`, strconv.Quote(w.name))
	from := tr.events.count()
	command := tr.workerCommand(w)
	command[0] = old
	w.process = tr.start(w.name, command...)
	const want = "use one release of gordd for both"
	if !w.said(want) {
		tr.t.Errorf("%q is not in\n%s", want, w.tail(20))
	}
	submit := tr.clientCommand("submit", built.job)
	submit[0] = old
	out, err := tr.inside(submit...)
	var ended *exec.ExitError
	if !errors.As(err, &ended) || !strings.Contains(out, want) {
		tr.t.Errorf("submitting: %v, %q is not in\n%s", err, want, out)
	}
	tr.right(tr.submit(tr.job()))
	for _, e := range tr.happened(from) {
		if e.Worker == w.name {
			tr.t.Errorf("a worker of another release: %+v", e)
		}
	}
	if n := len(tr.executors(i)); n > 0 || w.times(0, "READY") > 0 {
		tr.t.Errorf("%d executors of a worker of another release:\n%s", n, w.tail(20))
	}
	w.kill()
	tr.back(i)
	tr.attached(i)
}

// otherBuild puts another build where a worker has the program of a job. It does not
// run, and the job does not notice.
func (tr *trial) otherBuild() {
	tr.right(tr.submit(quick))
	i := tr.any()
	w := tr.workers[i]
	b, err := os.ReadFile(built.job)
	tr.must(err)
	program := filepath.Join(w.dir, "blobs", string(plan.DigestOf(b)))
	if _, err := os.Stat(program); err != nil {
		tr.t.Fatalf("%s has not run the program: %v", w.name, err)
	}
	trace := tr.path("trace")
	tr.must(build(program, "./job", "-ldflags=-X main.trace="+trace))
	tr.kills++
	tr.right(tr.submit(tr.job()))
	if !w.said("is another build in " + program) {
		tr.t.Errorf("the worker does not name it:\n%s", w.tail(20))
	}
	if _, err := os.Stat(trace); !errors.Is(err, os.ErrNotExist) {
		tr.t.Errorf("another build has run: %v", err)
	}
}

// build builds a program.
func build(to, pkg string, flags ...string) error {
	args := append(append([]string{"build", "-o", to}, flags...), pkg)
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// buildOlder builds an rddctl that speaks an older protocol.
func buildOlder() (string, error) {
	source, err := filepath.Abs("../msg/message.go")
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(source)
	if err != nil {
		return "", err
	}
	changed := regexp.MustCompile(`(?m)^const Protocol = \d+$`).ReplaceAll(b, []byte("const Protocol = 0"))
	if string(changed) == string(b) {
		return "", fmt.Errorf("%s has no protocol", source)
	}
	replaced, overlay, to := filepath.Join(built.dir, "message.go"), filepath.Join(built.dir, "overlay.json"), filepath.Join(built.dir, "older")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: replaced}})
	if err != nil {
		return "", err
	}
	err = errors.Join(os.WriteFile(replaced, changed, 0o600), os.WriteFile(overlay, list, 0o600))
	if err != nil {
		return "", err
	}
	return to, build(to, "../../cmd/rddctl", "-overlay", overlay)
}
