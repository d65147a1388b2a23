//go:build linux

package chaos

import (
	"os"
	"path/filepath"
	"time"

	"github.com/gordd-project/gordd/rdd/plan"
)

// again kills the master and starts another one in its place, and waits until that
// has the workers that live.
func (tr *trial) again(alive int) {
	tr.t.Helper()
	tr.master.kill()
	tr.kills++
	pass(tr.between(0, time.Second))
	tr.master = tr.start("master", tr.masterCommand()...)
	if tr.ready(tr.master, "READY master=") == "" {
		tr.t.Fatalf("the master does not start again:\n%s", tr.master.tail(20))
	}
	took, err := until("all workers have come back", patience, func() bool { return tr.master.times(0, "worker attached") >= alive })
	tr.must(err)
	tr.t.Logf("all workers are back %s after the master's start", took.Round(time.Millisecond))
}

// masterIdle kills a master that has nothing to do, and one that has just ended a
// job.
func (tr *trial) masterIdle() {
	tr.again(workers)
	tr.bounded(tr.right(tr.submit(quick)), 0)
	tr.again(workers)
	tr.bounded(tr.right(tr.submit(quick)), 0)
}

// masterIn kills the master in a stage, once or twice. All workers live, so nothing
// runs again.
func (tr *trial) masterIn(fromLast int) {
	j := tr.submit(tr.job())
	tr.reach(j, fromLast, tr.between(0, time.Second))
	for range 1 + tr.rng.IntN(2) {
		tr.again(workers)
		if j.ended(tr.between(0, time.Second)) {
			break
		}
	}
	tr.bounded(tr.right(j), 0)
}

// masterInCommit kills the master as soon as all that a job writes has been written
// aside: before it puts that in its place, or while it does.
func (tr *trial) masterInCommit() {
	s := words
	s.pause = 0
	j := tr.submit(s)
	staged := filepath.Join(filepath.Dir(j.out), "_temporary", "*", "*", "*")
	_, err := until("all is written", patience, func() bool {
		files, _ := filepath.Glob(staged)
		return len(files) >= s.reduces || j.ended(0)
	})
	tr.must(err)
	pass(tr.between(0, 3*time.Millisecond))
	tr.again(workers)
	tr.bounded(tr.right(j), 0)
}

// masterInPortions kills the master between two of the portions in which it tells what
// tasks added to accumulators: the next one tells all of it, and each task counts once.
func (tr *trial) masterInPortions() {
	if tr.net == nil {
		tr.t.Skip("a link on which portions take their time needs a namespace")
	}
	tr.must(tr.net.slow("client", "100mbit"))
	s := quick
	s.maps, s.note = 128, 240<<10
	j := tr.submit(s)
	_, err := until("all is written", patience, func() bool {
		_, err := os.Stat(filepath.Join(j.out, "_SUCCESS"))
		return err == nil || j.ended(0)
	})
	tr.must(err)
	told := func() int64 {
		n, err := tr.net.received("client")
		tr.must(err)
		return n
	}
	enough := told() + plan.MaxPortion + tr.rng.Int64N(int64(s.maps*s.note-2*plan.MaxPortion))
	_, err = until("some portions are told", patience, func() bool { return told() > enough || j.ended(0) })
	tr.must(err)
	if j.ended(0) {
		tr.t.Fatalf("the job has ended before the master is killed:\n%s", j.tail(20))
	}
	tr.again(workers)
	tr.bounded(tr.right(j), 0)
}

// masterAndWorker kills both at a time: what the worker held is made again.
func (tr *trial) masterAndWorker() {
	j := tr.submit(tr.job())
	tr.reach(j, tr.rng.IntN(2), tr.between(0, time.Second))
	i, before := tr.any(), tr.lost
	tr.fell(i)
	tr.again(workers - 1)
	tr.back(i)
	tr.bounded(tr.right(j), tr.lost-before)
}
