//go:build linux

package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/cgroup"
	"github.com/gordd-project/gordd/internal/chaos/proxy"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/internal/tally"
	"github.com/gordd-project/gordd/typed"
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
	shots []shot
}

// shot is the end of a worker's process.
type shot struct {
	worker string
	at     time.Time
	events int // that were there before
}

// failures are what happens to clusters, and what must come of it.
var failures = []struct {
	name   string
	run    func(tr *trial)
	faults *proxy.Faults // between workers
}{
	{name: "worker-in-map-stage", run: func(tr *trial) { tr.killed(1, 0, 3*time.Second) }},
	{name: "worker-in-reduce-stage", run: func(tr *trial) { tr.killed(0, 0, time.Second) }},
	{name: "fickle-rows", run: (*trial).fickle},
	{name: "executor", run: (*trial).executor},
	{name: "kept-blocks", run: func(tr *trial) { tr.keptBlocks(typed.DiskOnly) }},
	{name: "kept-blocks-twice", run: func(tr *trial) { tr.keptBlocks(typed.MemoryAndDisk2) }},
	{name: "all-but-one-worker", run: (*trial).allButOne},
	{name: "all-workers", run: (*trial).allWorkers},
	{name: "zombie", run: (*trial).zombie},
	{name: "flapping-worker", run: (*trial).flapping},
	{name: "missing-block", run: func(tr *trial) { tr.spoiled(1, remove) }},
	{name: "corrupt-block", run: func(tr *trial) { tr.spoiled(1, flip) }},
	{name: "truncated-block", run: func(tr *trial) { tr.spoiled(1, cut) }},
	{name: "swapped-blocks", run: func(tr *trial) { tr.spoiled(2, swap) }},
	{name: "partition", run: (*trial).partition},
	{name: "blinks", run: (*trial).blinks},
	{name: "slow-network", run: (*trial).slowNetwork},
	{name: "workers-apart", run: (*trial).workersApart},
	{name: "master-apart", run: (*trial).masterApart},
	{name: "transient-fetches", run: (*trial).transient, faults: unsteady},
	{name: "gossip-partition", run: (*trial).gossipCut},
	{name: "fatal", run: (*trial).fatal},
	{name: "out-of-memory", run: (*trial).outOfMemory},
	{name: "out-of-memory-once", run: (*trial).outOfMemoryOnce},
	{name: "hung-task", run: (*trial).hung},
	{name: "slow-worker", run: (*trial).slow},
	{name: "barrier", run: (*trial).barrier},
	{name: "master-idle", run: (*trial).masterIdle},
	{name: "master-in-map-stage", run: func(tr *trial) { tr.masterIn(1) }},
	{name: "master-in-reduce-stage", run: func(tr *trial) { tr.masterIn(0) }},
	{name: "master-in-barrier", run: (*trial).masterInBarrier},
	{name: "master-in-commit", run: (*trial).masterInCommit},
	{name: "master-in-portions", run: (*trial).masterInPortions},
	{name: "master-and-worker", run: (*trial).masterAndWorker},
	{name: "cancel-at-start", run: func(tr *trial) { tr.cancelled(syscall.SIGINT, atStart) }},
	{name: "cancel-in-map-stage", run: func(tr *trial) { tr.cancelled(syscall.SIGINT, inStage(1)) }},
	{name: "cancel-in-reduce-stage", run: func(tr *trial) { tr.cancelled(syscall.SIGTERM, inStage(0)) }},
	{name: "cancel-at-commit", run: func(tr *trial) { tr.cancelled(syscall.SIGINT, atCommit) }},
	{name: "client", run: func(tr *trial) { tr.cancelled(syscall.SIGKILL, anyTime) }},
	{name: "client-of-detached-job", run: (*trial).detached},
	{name: "other-release", run: (*trial).otherRelease},
	{name: "other-build", run: (*trial).otherBuild},
	{name: "garbage", run: (*trial).garbage},
}

func TestFailures(t *testing.T) {
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			for seed := *first; seed < *first+uint64(*seeds); seed++ {
				t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
					c := newCluster(t, seed, f.faults.With(seed))
					defer func() {
						if t.Failed() {
							t.Logf("again: go test -v ./internal/chaos -run TestFailures/%s -seed %d", f.name, seed)
						}
					}()
					tr := &trial{cluster: c, figures: of(f.name)}
					tr.trials++
					f.run(tr)
					tr.nothingLeft()
					tr.noticed()
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

// shot kills a worker, and counts what is lost with it. It is to be noticed.
func (tr *trial) shot(i int) {
	w := tr.workers[i]
	if w.times(0, "READY worker=") > 0 { // else the master need not know it
		tr.shots = append(tr.shots, shot{w.name, time.Now(), tr.events.count()})
	}
	tr.fell(i)
}

// fell kills a worker with nobody there to notice, and counts what is lost with it.
func (tr *trial) fell(i int) {
	tr.kill(i)
	tr.kills++
	tr.lost += len(tr.outputs(i))
}

// noticed measures when the master took note of each shot: that a stream broke, and
// that nobody answers where the worker was.
func (tr *trial) noticed() {
	for _, s := range tr.shots {
		_, _ = tr.events.says(s.events, 5*time.Second, `"kind":"worker lost"`, strconv.Quote(s.worker))
	}
	all := map[string][]status.Event{}
	for _, e := range tr.happened(0) {
		all[e.Worker] = append(all[e.Worker], e)
	}
	for _, s := range tr.shots {
		there, seen, lost := false, time.Duration(0), time.Duration(0)
		for _, e := range all[s.worker] {
			since := e.Time.Sub(s.at)
			switch {
			case e.Kind == "worker attached" && since < 0:
				there = true
			case e.Kind == "worker lost" && since < 0: // on a busy machine for no other reason
				there = false
			case e.Kind == "worker suspect" && since > 0 && seen == 0:
				seen = since
			case e.Kind == "worker lost" && lost == 0:
				lost = since
			}
		}
		if !there {
			continue
		}
		if lost == 0 {
			tr.t.Errorf("%s was killed at %s, and the master has not noticed: %+v", s.worker, s.at.Format(time.RFC3339Nano), all[s.worker])
			continue
		}
		if seen == 0 || seen > lost {
			seen = lost
		}
		tr.measure("kill seen after", seen)
		tr.measure("lost after", lost)
	}
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
	_, err := until("an executor is killed", patience, func() bool {
		pids := tr.executors(i)
		return len(pids) > 0 && syscall.Kill(-pids[0], syscall.SIGKILL) == nil // it may be ending
	})
	tr.must(err)
	tr.kills++
	tr.bounded(tr.right(j), 0)
}

// keptBlocks kills a worker that keeps lines: no more of the text is read again than it
// had, and nothing where others have copies. Lines count once all the same.
func (tr *trial) keptBlocks(level typed.StorageLevel) {
	s := words
	s.keep, s.pause = strconv.Itoa(int(level)), 0
	j := tr.submit(s)
	copied := func() (n int) {
		for _, w := range tr.workers {
			n += w.times(0, "a kept block is copied here")
		}
		return n
	}
	_, err := until("lines are kept", patience, func() bool {
		_, err := os.Stat(j.kept)
		return err == nil && copied() >= (level.Copies()-1)*s.maps
	})
	tr.must(err)
	i := tr.any()
	lost, err := filepath.Glob(filepath.Join(tr.workers[i].dir, "cached", "*", "*.block"))
	tr.must(err)
	tr.shot(i)
	tr.must(os.Remove(j.kept))
	tr.right(j)
	x, err := built.text()
	tr.must(err)
	text, err := os.Stat(x.path)
	tr.must(err)
	var sum tally.Tally
	b, err := os.ReadFile(j.summary)
	tr.must(err)
	tr.must(json.Unmarshal(b, &sum))
	again := sum.Read - text.Size()
	most := int64(len(lost)) * (text.Size()/int64(s.maps) + 1<<10)
	if level.Copies() > 1 {
		most = 0
	}
	tr.t.Logf("%d of %d bytes were read again, of %d blocks that were lost", again, text.Size(), len(lost))
	if again < 0 || again > most || level.Copies() == 1 && again == 0 {
		tr.t.Errorf("%d bytes were read again, %d at most were lost", again, most)
	}
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

// poisoned is the row at which the task of a job of package job dies.
const poisoned = 100

// deaths are the ways in which tasks of package job end, and what their job's error
// says then.
var deaths = []struct{ how, complaint string }{
	{"exit", "exited with 3"}, {"map", "concurrent map writes"}, {"stack", "stack overflow"}, {"fault", "fatal error: fault"},
	{"mutex", "unlock of unlocked mutex"}, {"memory", "out of memory"}, {"kill", "ended by signal 9"},
	{"panic", "partition 1, row " + strconv.Itoa(poisoned-1) + " ("},
}

// fatal runs programs that end their executors, or their tasks, beside one that is
// innocent.
func (tr *trial) fatal() {
	s := tr.job()
	s.pause *= 4
	innocent := tr.submit(s)
	tr.reach(innocent, 1, 0)
	for _, i := range tr.rng.Perm(len(deaths)) {
		s := quick
		s.fatal = deaths[i].how
		bad := tr.submit(s)
		if o := bad.end(); o.code != 1 || !bad.said(deaths[i].complaint) {
			tr.t.Errorf("%s: exit code %d, %v; %q is not in\n%s", s.fatal, o.code, o.err, deaths[i].complaint, bad.tail(20))
		}
		tr.kills++
	}
	tr.right(innocent)
	tr.allThere()
}

func (tr *trial) guilty(s spec, complaint string) {
	innocent := tr.submit(tr.job())
	tr.reach(innocent, 1, 0)
	bad := tr.submit(s)
	if o := bad.end(); o.code != 1 || !bad.said(complaint) {
		tr.t.Errorf("exit code %d, %v; %q is not in\n%s", o.code, o.err, complaint, bad.tail(20))
	}
	tr.right(innocent)
	tr.allThere()
}

// allThere says that no worker has ended.
func (tr *trial) allThere() {
	tr.t.Helper()
	for _, w := range tr.workers {
		if w.ended(0) {
			tr.t.Errorf("%s has ended:\n%s", w.name, w.tail(20))
		}
	}
}

// hung runs a program one of whose tasks waits for ever, once. It is ended, and its
// worker's log says where it was.
func (tr *trial) hung() {
	s := quick
	s.maps = 2 // half of a stage is too few for a second attempt to come first
	s.fatal, s.once, s.stuck = "hang", true, "5s"
	j := tr.submit(s)
	tr.right(j)
	tr.kills++
	logs := ""
	for _, w := range tr.workers {
		logs += tr.logs(w)
	}
	if where := "select (no cases)"; !strings.Contains(logs, where) || !strings.Contains(logs, "job/main.go:") {
		tr.t.Errorf("%q is not in the logs of executors:\n%s", where, logs)
	}
	tr.allThere()
}

// together is a job whose first stage has tasks that wait for one another.
var together = spec{maps: workers - 1, reduces: workers - 1, pause: 4 * time.Second, barrier: true}

// waits is what its tasks say, but the first, when they begin to.
const waits = "waits for the others"

// atBarrier submits the job, and gives the workers whose tasks wait for another one.
func (tr *trial) atBarrier() (j *job, waiting []int) {
	j = tr.submit(together)
	_, err := until("tasks wait for one another", patience, func() bool {
		waiting = waiting[:0]
		for i, w := range tr.workers {
			if strings.Contains(tr.logs(w), waits) {
				waiting = append(waiting, i)
			}
		}
		return len(waiting) == together.maps-1
	})
	tr.must(err)
	pass(tr.between(0, time.Second))
	return j, waiting
}

// twice says that all tasks of the stage were started twice.
func (tr *trial) twice() {
	tr.t.Helper()
	n := 0
	for _, w := range tr.workers {
		n += strings.Count(tr.logs(w), waits)
	}
	if want := 2 * (together.maps - 1); n != want {
		tr.t.Errorf("%d tasks waited for others, want %d: all of them twice", n, want)
	}
}

// barrier kills a worker whose task waits for another worker's: all of them start
// again, where there are slots for all.
func (tr *trial) barrier() {
	j, waiting := tr.atBarrier()
	before := tr.lost
	tr.shot(waiting[tr.rng.IntN(len(waiting))])
	tr.bounded(tr.right(j), tr.lost-before)
	tr.twice()
}

// masterInBarrier kills the master: the next one does not know who waits, and starts
// all of them again.
func (tr *trial) masterInBarrier() {
	j, _ := tr.atBarrier()
	tr.again(workers)
	tr.bounded(tr.right(j), 0)
	tr.twice()
}

// logs is what the executors of a worker wrote.
func (tr *trial) logs(w *worker) string {
	var all strings.Builder
	paths, _ := filepath.Glob(filepath.Join(w.dir, "jobs", "*", "log"))
	for _, path := range paths {
		b, err := os.ReadFile(path)
		tr.must(err)
		all.Write(b)
	}
	return all.String()
}

// slow gives the executors of a worker a hundredth of a CPU. Another one does their
// last tasks too, and is first.
func (tr *trial) slow() {
	tr.bounds()
	s := words
	s.maps, s.reduces = 8, 4
	cleanTimes[s] = tr.clean(s).took
	j := tr.submit(s)
	i := tr.any()
	var pids []int
	_, err := until("a worker has an executor", patience, func() bool { pids = tr.executors(i); return len(pids) > 0 })
	tr.must(err)
	tr.must(throttle(pids[0], 1))
	tr.bounded(tr.right(j), 0)
	events := tr.start("client", tr.clientCommand("events")...)
	if !events.said("speculated") {
		tr.t.Errorf("nobody ran a slow task twice:\n%s", events.tail(50))
	}
}

const (
	// tight is a budget for executors, whose control groups have as much again at
	// first, and in the end what the budget of their worker is good for.
	tight  = "128MiB"
	scarce = "ran out of memory: limit 256 MiB, peak"
	spent  = "ran out of memory: limit 384 MiB, peak"
)

// bounds leaves out a trial where executors have no control groups.
func (tr *trial) bounds() {
	tr.t.Helper()
	g, err := cgroup.Open(1, 1<<30)
	if err != nil {
		tr.t.Skipf("executors have no limits here: %v", err)
	}
	tr.must(g.Close())
}

// outOfMemory runs a program that takes more memory than there is for it, wherever
// it runs.
func (tr *trial) outOfMemory() {
	tr.bounds()
	s := quick
	s.fatal, s.memory = "fill", tight
	tr.guilty(s, spent)
}

// outOfMemoryOnce runs one that does so once: its task runs again.
func (tr *trial) outOfMemoryOnce() {
	tr.bounds()
	s := tr.job()
	s.fatal, s.memory, s.once = "fill", tight, true
	tr.bounded(tr.right(tr.submit(s)), 0)
	tr.kills++
	events := tr.start("client", tr.clientCommand("events")...)
	if !events.said(scarce) {
		tr.t.Errorf("%q is not in\n%s", scarce, events.tail(50))
	}
	tr.allThere()
}

// driverLease is how long a master waits for a driver whose connection broke.
const driverLease = 30 * time.Second

// Moments at which a job is cancelled.
func atStart(tr *trial, _ *job) { pass(tr.between(0, time.Second)) }

func anyTime(tr *trial, _ *job) { pass(tr.between(0, 6*time.Second)) }

func inStage(fromLast int) func(*trial, *job) {
	return func(tr *trial, j *job) { tr.reach(j, fromLast, tr.between(0, time.Second)) }
}

// atCommit is about when all parts of the output are there, and nothing of it shows.
func atCommit(tr *trial, j *job) {
	tr.reach(j, 0, 0)
	_, err := until("all parts are staged, or the job has ended", patience, func() bool {
		staged, _ := filepath.Glob(filepath.Join(filepath.Dir(j.out), "_temporary", "*", "*", "*"))
		return len(staged) >= j.spec.reduces-1 || j.ended(0)
	})
	tr.must(err)
	pass(tr.between(0, 300*time.Millisecond))
}

// cancelled ends the submitting process at some time. Soon nothing of its job is
// left, but for the result of one that was faster.
func (tr *trial) cancelled(s syscall.Signal, when func(*trial, *job)) {
	j := tr.submit(tr.job())
	when(tr, j)
	if !j.ended(0) {
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
	// A job that has not begun holds nothing either.
	ended, err1 := until("the job has ended", limit, func() bool { return len(tr.open()) == 0 })
	took, err2 := tr.idle(limit - ended)
	if err := errors.Join(err1, err2); err != nil {
		tr.t.Error(err)
	}
	tr.measure("free after", ended+took)
	if s != syscall.SIGKILL {
		if left := tr.left(); len(left) > 0 {
			tr.t.Errorf("left behind: %q", left)
		}
	}
	tr.unpublished(j)
	tr.right(tr.submit(quick))
}

// detached ends the client of a job that needs none. The job is not there, or it is
// right.
func (tr *trial) detached() {
	s := tr.job()
	s.detached = true
	j := tr.submit(s)
	pass(tr.between(0, time.Second))
	if !j.ended(0) {
		tr.kills++
	}
	j.kill()
	if l, ok := tr.master.says(0, 2*time.Second, `msg="driver starts"`); ok {
		_, id, _ := strings.Cut(l.text, " job=")
		id, _, _ = strings.Cut(id, " ")
		if _, ok := tr.master.says(0, patience, `msg="job ended"`, id); !ok {
			tr.t.Errorf("job %s does not end", id)
		}
	}
	_, err := os.Stat(j.out)
	switch {
	case err == nil:
		tr.figures.jobs++
		if err := j.checked(); err != nil {
			tr.wrong++
			tr.t.Error(err)
		}
	case j.cmd.ProcessState.ExitCode() == 0:
		tr.failed++
		tr.t.Errorf("the job was accepted, and its output is not there: %v", err)
	}
	tr.right(tr.submit(quick))
}
