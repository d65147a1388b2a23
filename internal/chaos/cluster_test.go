//go:build linux

package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/chaos/proxy"
	"github.com/gordd-project/gordd/internal/status"
)

// workers is how many a cluster has, with a slot each.
const workers = 4

// cluster is a master and its workers.
type cluster struct {
	t       *testing.T
	rng     *rand.Rand
	dir     string
	env     []string
	net     *network // nil: all on 127.0.0.1
	secrets string   // directory of what cluster init makes; "": there is none
	at      string   // where the master listens
	page    string   // and where it has its page
	master  *process
	events  *process // writes what the master tells of itself
	workers [workers]*worker
	faults  *proxy.Faults // between workers; nil: there are none
	jobs    int
}

// worker is a place where a worker runs, one process after the other.
type worker struct {
	*process
	proxy              *process // before its data port; nil: there is none
	name, address, dir string
}

// newCluster starts a cluster, and ends it with the test. Its workers fetch through
// proxies with faults, if there are any, and namespaces.
func newCluster(t *testing.T, seed uint64, faults *proxy.Faults) *cluster {
	t.Helper()
	c := &cluster{t: t, faults: faults, rng: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir()}
	c.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir, "TMPDIR=" + c.path("tmp"), "NO_COLOR=1", "RDD_ROW_SUMS=1"}
	if err := os.Mkdir(c.path("tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	c.connect()
	c.master = c.start("master", c.masterCommand()...)
	t.Cleanup(c.close)
	if c.at = c.ready(c.master, "READY master="); c.at == "" {
		t.Fatalf("the master does not start:\n%s", c.master.tail(20))
	}
	c.at, c.page, _ = strings.Cut(c.at, " http=http://")
	c.events = c.start("client", c.clientCommand("events", "--follow", "--output", "json")...)
	for i, w := range c.workers {
		if c.faults != nil && c.net != nil {
			w.proxy = c.startProxy(w)
		}
		w.process = c.startWorker(i)
	}
	for i := range c.workers {
		c.attached(i)
	}
	return c
}

// connect lays the network, where there can be one. What it takes to use it is
// made before: a namespace is another machine.
func (c *cluster) connect() {
	for i := range c.workers {
		name := "w" + strconv.Itoa(i+1)
		c.workers[i] = &worker{name: name, address: "127.0.0.1", dir: c.path(name)}
	}
	why := separate()
	if why == "" {
		why = c.init()
	}
	if why != "" {
		c.t.Logf("the cluster runs on 127.0.0.1: %s", why)
		return
	}
	n, err := newNetwork()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		if err := n.close(); err != nil {
			c.t.Error(err)
		}
	})
	c.net = n
	err = errors.Join(n.join("master", masterAddress), n.join("client", "10.77.0.2"))
	for i, w := range c.workers {
		w.address = "10.77.0." + strconv.Itoa(11+i)
		err = errors.Join(err, n.join(w.name, w.address))
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

const (
	// masterAddress is where the master is in a network.
	masterAddress = "10.77.0.1"
	// gossipPort is where all members gossip, and dataPort where workers serve: in a
	// network each has an address of its own.
	gossipPort, dataPort = "7946", "7079"
	// proxyPort is where others come to a worker that has a proxy.
	proxyPort = "7080"
)

// separate says why members do not get namespaces of their own; "" when they do.
func separate() string {
	if *loop {
		return "-loopback is given"
	}
	return noNetworks()
}

// What follows is all that knows how members are started.

// init makes a cluster's secrets. It gives the reason when this cannot be.
func (c *cluster) init() string {
	dir := c.path("secrets")
	if out, err := c.rddctl("cluster", "init", "--dir", dir); err != nil {
		return "no rddctl cluster init: " + out
	}
	c.secrets = dir
	return ""
}

// rddctl runs a short command to its end.
func (c *cluster) rddctl(args ...string) (string, error) {
	cmd := exec.Command(built.rddctl, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (c *cluster) masterCommand() []string {
	command := []string{built.rddctl, "master", "--verbose", "--dir", c.path("master")}
	if c.secrets == "" {
		at := c.at // of the one before it
		if at == "" {
			at = "127.0.0.1:0"
		}
		return append(command, "--listen", at)
	}
	return append(command, "--listen", masterAddress+":7077", "--gossip", masterAddress+":"+gossipPort, "--cluster", c.secrets)
}

func (c *cluster) workerCommand(w *worker) []string {
	command := []string{built.rddctl, "worker", "--join", c.at, "--name", w.name, "--dir", w.dir, "--slots", "1", "--memory", "256MiB", "--verbose"}
	if c.secrets == "" {
		return command
	}
	command = append(command, "--listen", w.address+":"+dataPort, "--gossip", w.address+":"+gossipPort)
	if w.proxy != nil {
		command = append(command, "--advertise", w.address+":"+proxyPort)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "credentials")); err == nil {
		return command // it has enrolled before
	}
	token, err := c.rddctl("cluster", "token", "--dir", c.secrets)
	if err != nil {
		c.t.Fatalf("make a join token: %v: %s", err, token)
	}
	return append(command, "--token", token)
}

// startProxy starts what stands before the data port of a worker.
func (c *cluster) startProxy(w *worker) *process {
	b, err := json.Marshal(between{Listen: w.address + ":" + proxyPort, To: w.address + ":" + dataPort, Faults: *c.faults})
	if err != nil {
		c.t.Fatal(err)
	}
	p := c.start(w.name, built.self, "-between", string(b))
	if !p.said("READY") {
		c.t.Fatalf("the proxy of %s does not start:\n%s", w.name, p.tail(5))
	}
	return p
}

// clientCommand is a command of rddctl that talks to the master.
func (c *cluster) clientCommand(name string, args ...string) []string {
	command := []string{built.rddctl, name, "--master", c.at}
	if c.secrets != "" {
		command = append(command, "--credentials", filepath.Join(c.secrets, "admin"))
	}
	return append(command, args...)
}

// start starts a command where a member is. It sees the machine's control groups
// there, as it would not by ip netns exec.
func (c *cluster) start(member string, command ...string) *process {
	c.t.Helper()
	if c.net != nil {
		command = append([]string{"nsenter", "--net=" + filepath.Join(namespaces, c.net.name(member))}, command...)
	}
	p, err := start(member, c.dir, c.env, command...)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *cluster) startWorker(i int) *process {
	return c.start(c.workers[i].name, c.workerCommand(c.workers[i])...)
}

// attached waits until the master has taken a worker in.
func (c *cluster) attached(i int) {
	c.t.Helper()
	if w := c.workers[i]; !w.said("READY worker=") {
		c.t.Fatalf("%s does not start:\n%s", w.name, w.tail(20))
	}
}

// ready waits for a line that begins so, and gives the rest of it.
func (c *cluster) ready(p *process, text string) string {
	l, _ := p.says(0, patience, text)
	_, rest, _ := strings.Cut(l.text, text)
	return rest
}

// kill kills a worker's process group. Its executors end by themselves.
func (c *cluster) kill(i int) { c.workers[i].kill() }

// back starts another process where a worker was killed.
func (c *cluster) back(i int) { c.workers[i].process = c.startWorker(i) }

// any draws a worker.
func (c *cluster) any() int { return c.rng.IntN(workers) }

// between draws a time.
func (c *cluster) between(from, to time.Duration) time.Duration {
	return from + time.Duration(c.rng.Int64N(int64(to-from)))
}

// pass lets time pass.
func pass(d time.Duration) { <-time.After(d) }

// executors gives the processes that a worker has started.
func (c *cluster) executors(i int) []int { return children(c.workers[i].cmd.Process.Pid) }

// outputs gives the shuffle files that a worker has.
func (c *cluster) outputs(i int) (paths []string) {
	paths, _ = filepath.Glob(filepath.Join(c.workers[i].dir, "shuffle", "*", "*.data"))
	return paths
}

// idle waits until no worker has anything of a job any more.
func (c *cluster) idle(limit time.Duration) (time.Duration, error) {
	var held []string
	took, err := until("no executor, no shuffle file and no task's directory is left", limit, func() bool {
		held = held[:0]
		for i, w := range c.workers {
			if !w.ended(0) {
				held = append(held, c.held(i)...)
			}
		}
		return len(held) == 0
	})
	if err != nil {
		err = fmt.Errorf("%w; left are %s", err, strings.Join(held, ", "))
	}
	return took, err
}

// open names the jobs that the master has told of, and that have not ended.
func (c *cluster) open() (jobs []string) {
	for _, e := range c.happened(0) {
		switch name := "job " + e.Job; e.Kind {
		case "job accepted":
			jobs = append(jobs, name)
		case "job ended":
			jobs = slices.DeleteFunc(jobs, func(j string) bool { return j == name })
		}
	}
	return jobs
}

// held names what a worker has of jobs.
func (c *cluster) held(i int) []string {
	held := c.outputs(i)
	tasks, _ := filepath.Glob(filepath.Join(c.workers[i].dir, "tasks", "*", "*"))
	held = append(held, tasks...)
	for _, pid := range c.executors(i) {
		held = append(held, fmt.Sprintf("executor %d of %s", pid, c.workers[i].name))
	}
	return held
}

// close ends everything. A member that does not end when told to is an error.
func (c *cluster) close() {
	all := []*process{c.events}
	for _, w := range c.workers {
		all = append(all, w.process, w.proxy)
	}
	all = append(all, c.master)
	for _, p := range all {
		if p == nil {
			continue
		}
		p.signal(syscall.SIGCONT)
		p.signal(syscall.SIGTERM)
		if !p.ended(10 * time.Second) {
			c.t.Errorf("%s does not end when told to:\n%s", p.name, p.tail(5))
			p.kill()
		}
		if c.t.Failed() {
			c.t.Logf("%s said last:\n%s", p.name, p.tail(25))
		}
	}
}

// happened gives the events behind the first so many that the master has told of.
func (c *cluster) happened(from int) (es []status.Event) {
	c.events.mu.Lock()
	defer c.events.mu.Unlock()
	for _, l := range c.events.lines[from:] {
		if strings.HasPrefix(l.text, "rddctl: ") { // that it waits for the master
			continue
		}
		var e status.Event
		if err := json.Unmarshal([]byte(l.text), &e); err != nil {
			c.t.Errorf("no event: %q: %v", l.text, err)
		}
		es = append(es, e)
	}
	return es
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

// left names what is in the directory for temporary files that no member needs.
func (c *cluster) left() (names []string) {
	all, _ := filepath.Glob(c.path("tmp/*"))
	for _, name := range all {
		if base := filepath.Base(name); base != "gordd-"+strconv.Itoa(os.Geteuid()) {
			names = append(names, base)
		}
	}
	return names
}

// spec says what a job does.
type spec struct {
	sort          bool
	barrier       bool // tasks of the first stage wait for one another
	fickle        bool // rows are others each time they are made
	maps, reduces int
	pause         time.Duration
	fatal         string
	detached      bool
	once          bool   // only the first task that would be fatal is
	memory        string // budget of an executor; "": its worker's
	keep          string // the storage level of the lines, "": they are not kept
	stuck         string // how long a task may stand still; "": long
	note          int    // bytes that each task of the first stage adds to an accumulator
	from, to      string // the lines that are sorted and written; "": all are
}

func (s spec) kind() string {
	if s.sort {
		return "sort"
	}
	return "words"
}

// job is a job that was submitted.
type job struct {
	*process
	c       *cluster
	spec    spec
	begun   time.Time
	out     string
	summary string
	kept    string // the file by which it waits
}

// submit submits a job.
func (c *cluster) submit(s spec) *job {
	c.t.Helper()
	x, err := built.text()
	if err != nil {
		c.t.Fatal(err)
	}
	c.jobs++
	n := strconv.Itoa(c.jobs)
	j := &job{c: c, spec: s, begun: time.Now(), out: c.path("out" + n), summary: c.path("summary" + n), kept: c.path("kept" + n)}
	how := []string{"--summary", j.summary}
	if s.detached {
		how = []string{"--detach"}
	}
	if s.memory != "" {
		how = append(how, "--memory", s.memory)
	}
	if s.stuck != "" {
		how = append(how, "--stuck-after", s.stuck)
	}
	args := c.clientCommand("submit", append(how, "--name", s.kind()+n, built.job, "--", "-in", x.path, "-lines", strconv.Itoa(x.lines), "-out", j.out,
		"-maps", strconv.Itoa(s.maps), "-reduces", strconv.Itoa(s.reduces), "-pause", s.pause.String())...)
	if s.sort {
		args = append(args, "-sort")
	}
	if s.barrier {
		args = append(args, "-barrier")
	}
	if s.fickle {
		args = append(args, "-fickle")
	}
	if s.note > 0 {
		args = append(args, "-note", strconv.Itoa(s.note))
	}
	if s.from != "" {
		args = append(args, "-from", s.from, "-to", s.to)
	}
	if s.keep != "" {
		args = append(args, "-keep", s.keep, "-kept", c.path("kept"+n))
	}
	if s.fatal != "" {
		args = append(args, "-fatal", s.fatal)
	}
	if s.once {
		args = append(args, "-once", c.path("once"+n))
	}
	j.process = c.start("client", args...)
	return j
}

// stage waits until a stage begins, counted from the last one: 0 is that which
// writes the result, 1 the one before it.
func (j *job) stage(fromLast int) error {
	n := 2
	if j.spec.sort {
		n = 4 // a sample of the rows, and bounds from it, come first
	}
	if !j.said(fmt.Sprintf("stage %d of %d", n-fromLast, n)) {
		return fmt.Errorf("the job did not come to its stage %d of %d:\n%s", n-fromLast, n, j.tail(20))
	}
	return nil
}
