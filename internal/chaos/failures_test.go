//go:build linux

package chaos

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

var (
	words  = spec{maps: 24, reduces: 16, pause: 250 * time.Millisecond}
	sorted = spec{maps: 24, reduces: 16, pause: 250 * time.Millisecond, sort: true}
	quick  = spec{maps: 8, reduces: 4}
)

// trial is one failure with one seed.
type trial struct {
	*cluster
	*figures
}

// failures are what happens to clusters, and what must come of it.
var failures = []struct {
	name string
	run  func(tr *trial)
}{
	{"worker-in-map-stage", func(tr *trial) { tr.killed(1, 0, 3*time.Second) }},
	{"worker-in-reduce-stage", func(tr *trial) { tr.killed(0, 0, time.Second) }},
	{"executor", (*trial).executor},
	{"all-but-one-worker", (*trial).allButOne},
	{"all-workers", (*trial).allWorkers},
	{"zombie", (*trial).zombie},
	{"flapping-worker", (*trial).flapping},
	{"missing-block", func(tr *trial) { tr.damaged(remove) }},
	{"corrupt-block", func(tr *trial) { tr.damaged(flip) }},
	{"truncated-block", func(tr *trial) { tr.damaged(cut) }},
	{"swapped-blocks", func(tr *trial) { tr.damaged(swap) }},
	{"partition", (*trial).partition},
	{"blinks", (*trial).blinks},
	{"fatal-exit", func(tr *trial) { tr.fatal("exit", "exited with 3") }},
	{"fatal-map-write", func(tr *trial) { tr.fatal("map", "concurrent map writes") }},
	{"fatal-stack", func(tr *trial) { tr.fatal("stack", "stack overflow") }},
	{"master-idle", (*trial).masterIdle},
	{"master-in-map-stage", func(tr *trial) { tr.masterIn(1) }},
	{"master-in-reduce-stage", func(tr *trial) { tr.masterIn(0) }},
	{"master-in-commit", (*trial).masterInCommit},
	{"master-and-worker", (*trial).masterAndWorker},
	{"cancel", func(tr *trial) { tr.cancelled(syscall.SIGINT) }},
	{"client", func(tr *trial) { tr.cancelled(syscall.SIGKILL) }},
}

func TestFailures(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			for seed := *first; seed < *first+uint64(*seeds); seed++ {
				t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
					c := newCluster(t, seed)
					defer func() {
						if t.Failed() {
							t.Logf("again: go test -v ./internal/chaos -run TestFailures/%s -seed %d", f.name, seed)
						}
					}()
					tr := &trial{c, of(f.name)}
					tr.trials++
					f.run(tr)
					tr.nothingLeft()
				})
			}
		})
	}
}

// job draws a kind of job, of which it is known how long it takes.
func (tr *trial) job() spec {
	s := words
	if tr.rng.IntN(2) == 1 {
		s = sorted
	}
	if cleanTimes[s] == 0 {
		if o := tr.clean(s); o.code == 0 {
			cleanTimes[s] = o.took
		}
	}
	return s
}

// clean runs a job to which nothing happens.
func (tr *trial) clean(s spec) outcome {
	tr.t.Helper()
	o := of("nothing").right(tr.submit(s))
	if o.code == 0 && o.recomputed != 0 {
		tr.t.Errorf("%d tasks ran again, and nothing had happened", o.recomputed)
	}
	return o
}

// reach waits until a job has come to a stage, and a while longer.
func (tr *trial) reach(j *job, fromLast int, more time.Duration) {
	tr.t.Helper()
	if err := j.stage(fromLast); err != nil {
		tr.t.Fatal(err)
	}
	pass(more)
}

// shot kills a worker, and counts what is lost with it.
func (tr *trial) shot(i int) {
	tr.kill(i)
	tr.kills++
	tr.lost += len(tr.outputs(i))
}

// bounded says that no more ran again than was lost.
func (tr *trial) bounded(o outcome, lost int) {
	tr.t.Helper()
	if o.recomputed > lost {
		tr.t.Errorf("%d tasks ran again, where the outputs of %d were lost", o.recomputed, lost)
	}
}

// killed kills a worker in a stage.
func (tr *trial) killed(fromLast int, from, to time.Duration) {
	j := tr.submit(tr.job())
	tr.reach(j, fromLast, tr.between(from, to))
	i, before := tr.any(), tr.lost
	tr.shot(i)
	tr.bounded(tr.right(j), tr.lost-before)
}

// executor kills an executor: what its worker keeps is still there.
func (tr *trial) executor() {
	j := tr.submit(tr.job())
	tr.reach(j, tr.rng.IntN(2), tr.between(0, time.Second))
	i := tr.any()
	var pids []int
	_, err := until("a worker has an executor", patience, func() bool { pids = tr.executors(i); return len(pids) > 0 })
	tr.must(err)
	tr.must(syscall.Kill(-pids[0], syscall.SIGKILL))
	tr.kills++
	tr.bounded(tr.right(j), 0)
}

// allButOne kills one worker after the other.
func (tr *trial) allButOne() {
	j := tr.submit(tr.job())
	tr.reach(j, 1, 0)
	before := tr.lost
	for _, i := range tr.rng.Perm(workers)[1:] {
		pass(tr.between(0, 2*time.Second))
		tr.shot(i)
	}
	tr.bounded(tr.right(j), tr.lost-before)
}

// allWorkers kills all of them, and starts them again.
func (tr *trial) allWorkers() {
	j := tr.submit(tr.job())
	tr.reach(j, tr.rng.IntN(2), tr.between(0, time.Second))
	before := tr.lost
	for i := range tr.workers {
		tr.shot(i)
	}
	pass(tr.between(time.Second, 4*time.Second))
	for i := range tr.workers {
		tr.back(i)
	}
	tr.bounded(tr.right(j), tr.lost-before)
}

// zombie stops a worker until it counts as lost, and lets it go on.
func (tr *trial) zombie() {
	j := tr.submit(tr.job())
	tr.reach(j, tr.rng.IntN(2), tr.between(0, time.Second))
	i := tr.any()
	stopped := len(tr.outputs(i))
	tr.lost += stopped
	tr.kills++
	tr.workers[i].signal(syscall.SIGSTOP)
	pass(tr.between(10*time.Second, 13*time.Second))
	tr.workers[i].signal(syscall.SIGCONT)
	tr.right(j)
	tr.right(tr.submit(quick))
}

// flapping kills a worker again and again, and starts it each time.
func (tr *trial) flapping() {
	s := words
	s.pause = time.Second
	j, i := tr.submit(s), tr.any()
	tr.reach(j, 1, 0)
	for !j.ended(tr.between(time.Second, 3*time.Second)) {
		tr.shot(i)
		tr.back(i)
	}
	tr.right(j)
}

// partition cuts a worker off, until it counts as lost.
func (tr *trial) partition() {
	if tr.net == nil {
		tr.t.Skip("links can be cut between namespaces only")
	}
	j := tr.submit(tr.job())
	tr.reach(j, tr.rng.IntN(2), tr.between(0, time.Second))
	i := tr.any()
	tr.lost += len(tr.outputs(i))
	tr.kills++
	tr.must(tr.net.link(tr.workers[i].name, "down"))
	pass(tr.between(10*time.Second, 13*time.Second))
	tr.must(tr.net.link(tr.workers[i].name, "up"))
	tr.right(j)
	tr.right(tr.submit(quick))
}

// blinks cuts workers off for moments, in which nobody is lost.
func (tr *trial) blinks() {
	if tr.net == nil {
		tr.t.Skip("links can be cut between namespaces only")
	}
	j := tr.submit(tr.job())
	tr.reach(j, 1, 0)
	for !j.ended(tr.between(100*time.Millisecond, time.Second)) {
		w := tr.workers[tr.any()]
		tr.must(tr.net.link(w.name, "down"))
		pass(tr.between(50*time.Millisecond, 500*time.Millisecond))
		tr.must(tr.net.link(w.name, "up"))
	}
	tr.right(j)
}

func (tr *trial) must(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
}

// nothingLeft says that workers have nothing of jobs that have ended, not even of
// processes that were killed.
func (tr *trial) nothingLeft() {
	tr.t.Helper()
	if tr.t.Failed() {
		return
	}
	if _, err := tr.idle(10 * time.Second); err != nil {
		tr.t.Error(err)
	}
}

// fatal runs a program that ends its executors beside one that is innocent.
func (tr *trial) fatal(how, complaint string) {
	innocent := tr.submit(tr.job())
	tr.reach(innocent, 1, 0)
	s := quick
	s.fatal = how
	bad := tr.submit(s)
	if o := bad.end(); o.code != 1 || !bad.said(complaint) {
		tr.t.Errorf("exit code %d, %v; %q is not in\n%s", o.code, o.err, complaint, bad.tail(20))
	}
	tr.right(innocent)
	for _, w := range tr.workers {
		if w.ended(0) {
			tr.t.Errorf("%s has ended:\n%s", w.name, w.tail(20))
		}
	}
}

// driverLease is how long a master waits for a driver whose connection broke.
const driverLease = 30 * time.Second

// cancelled ends the submitting process at any time. Soon nothing of its job is
// left, but for the result of one that was faster.
func (tr *trial) cancelled(s syscall.Signal) {
	j := tr.submit(tr.job())
	if !j.ended(tr.between(0, 6*time.Second)) {
		tr.kills++
	}
	j.signal(s)
	if !j.ended(5 * time.Second) {
		tr.t.Errorf("the client does not end:\n%s", j.tail(20))
	}
	limit := 5 * time.Second
	if s == syscall.SIGKILL { // a client that says nothing may come back as long as its lease lasts
		limit += driverLease
	}
	took, err := tr.idle(limit)
	if err != nil {
		tr.t.Error(err)
	}
	tr.t.Logf("free %s after the client's end", took.Round(time.Millisecond))
	if s != syscall.SIGKILL {
		if left := tr.left(); len(left) > 0 {
			tr.t.Errorf("left behind: %q", left)
		}
	}
	tr.unpublished(j)
	tr.right(tr.submit(quick))
}
