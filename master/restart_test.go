package master

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/journal"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// again lets a worker of an earlier master come back, with attempts that run.
func (h *held) again(t *testing.T, by *road, running []model.AttemptID) *held {
	t.Helper()
	n := &held{wait: make(chan model.AttemptID, 1000)}
	inv := model.Inventory{Executors: []model.ExecutorRef{{Job: running[0].Stage.Job, No: 1}}, Running: running}
	n.fakeWorker = by.comesBack(t, h.from.Worker, inv, func(id model.AttemptID) model.Event {
		n.wait <- id
		return nil
	})
	n.renews(t)
	for _, id := range running {
		n.wait <- id
	}
	return n
}

// running takes the attempts that a worker has not ended.
func (h *held) running() (ids []model.AttemptID) {
	for len(h.wait) > 0 {
		ids = append(ids, <-h.wait)
	}
	return ids
}

// A job goes on under the next master: what runs goes on running, the driver comes
// back by itself, and hears all that it has not heard.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, workers, drivers := t.TempDir(), &road{}, &road{}
		m := masterIn(t, dir, workers, drivers)
		w := workers.holds(t, "w1")
		p := drivers.drives(t)
		p.begin(1, 4)
		w.end(1)
		began := m.Jobs()[0].Began
		end(t, m)
		runs := w.running()
		if len(runs) != 3 {
			t.Fatalf("%d attempts run, want 3", len(runs))
		}

		m = masterIn(t, dir, workers, drivers)
		defer func() { end(t, m) }()
		w = w.again(t, workers, runs)
		time.Sleep(5 * time.Second)
		w.end(3)
		w.end(1) // whose result was on its way to the driver
		if got := partitions(p); !slices.Equal(slices.Compact(got), []int{0, 1, 2, 3}) {
			t.Errorf("the driver has partitions %v", got)
		}
		if ends := heard[*wire.ActionEnd](p); len(ends) != 1 || ends[0].Status.State != plan.ActionDone {
			t.Errorf("ends %+v", ends)
		}
		if n := len(w.launches()); n != 1 {
			t.Errorf("%d attempts were launched again, want 1", n)
		}
		p.begin(2, 1)
		w.end(1)
		p.job.Heed(&wire.Finish{})
		if ends := heard[*wire.JobEnd](p); len(ends) != 1 {
			t.Errorf("ends of the job: %+v", ends)
		}
		if j := m.Jobs(); len(j) != 1 || j[0].State != "done" || !j[0].Began.Equal(began) {
			t.Errorf("jobs %+v", j)
		}
	})
}

// A driver that heard nothing of its action's last result gets it from the next master,
// which has it made again, and one whose job was cancelled meanwhile hears how that
// ended.
func TestRestartWhileTheDriverIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, workers, drivers, other := t.TempDir(), &road{}, &road{}, &road{}
		m := masterIn(t, dir, workers, drivers, other)
		w := workers.holds(t, "w1")
		p, q := drivers.drives(t), other.drives(t)
		p.begin(1, 1)
		synctest.Wait()
		drivers.cut(true)
		other.cut(true)
		w.end(1)
		m.engine.Send(model.Cancel{Job: q.job.ID(), Reason: "by hand"})
		synctest.Wait()
		end(t, m)
		m = masterIn(t, dir, workers, drivers, other)
		defer func() { end(t, m) }()
		w = workers.holds(t, "w1")
		drivers.open()
		other.open()
		time.Sleep(5 * time.Second)
		w.end(1)
		if ends := heard[*wire.ActionEnd](p); len(ends) != 1 || ends[0].Status.State != plan.ActionDone {
			t.Errorf("ends %+v", ends)
		}
		if got := partitions(p); !slices.Equal(got, []int{0}) {
			t.Errorf("the driver has partitions %v", got)
		}
		if ends := heard[*wire.JobEnd](q); len(ends) != 1 || !strings.Contains(ends[0].Why, "has ended: cancelled: cancelled: by hand") {
			t.Errorf("ends of the job: %+v", ends)
		}
	})
}

// An action that runs only so far ahead of its driver goes on: the driver has taken
// values that are made again, and says so.
func TestRestartOfPacedAction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, workers, drivers := t.TempDir(), &road{}, &road{}
		m := masterIn(t, dir, workers, drivers)
		w := workers.holds(t, "w1")
		p := drivers.drives(t)
		p.beginAhead(1, 6, 2)
		w.end(2)
		p.job.Heed(&wire.Taken{N: 1, Partitions: []int{0}})
		p.job.Heed(&wire.Taken{N: 1, Partitions: []int{1}})
		synctest.Wait()
		end(t, m)
		m = masterIn(t, dir, workers, drivers)
		defer func() { end(t, m) }()
		w = w.again(t, workers, w.running())
		time.Sleep(5 * time.Second)
		for taken := 2; taken < 6; {
			got := slices.Compact(partitions(p))
			runs := w.running()
			if len(got) == taken && len(runs) == 0 {
				t.Fatalf("it stands still: the driver has %v, and nothing runs", got)
			}
			for _, id := range runs {
				w.send(model.TaskDone{From: w.from, Attempt: id, Rows: 1, Result: []byte("x")})
			}
			time.Sleep(2 * time.Millisecond) // results are gathered
			for ; taken < len(got); taken++ {
				p.job.Heed(&wire.Taken{N: 1, Partitions: []int{got[taken]}})
			}
		}
		if ends := heard[*wire.ActionEnd](p); len(ends) != 1 || ends[0].Status.State != plan.ActionDone {
			t.Errorf("ends %+v", ends)
		}
	})
}

// An action that ends before its driver is back ends once.
func TestRestartEndsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, workers, drivers := t.TempDir(), &road{}, &road{}
		m := masterIn(t, dir, workers, drivers)
		w := workers.holds(t, "w1")
		p := drivers.drives(t)
		p.begin(1, 1)
		synctest.Wait()
		drivers.cut(true)
		end(t, m)
		m = masterIn(t, dir, workers, drivers)
		defer func() { end(t, m) }()
		w.again(t, workers, w.running()).end(1)
		drivers.open()
		time.Sleep(5 * time.Second)
		if ends := heard[*wire.ActionEnd](p); len(ends) != 1 || ends[0].Status.State != plan.ActionDone {
			t.Errorf("ends %+v", ends)
		}
		if got := partitions(p); !slices.Equal(got, []int{0}) {
			t.Errorf("the driver has partitions %v", got)
		}
	})
}

// A driver that does not come back loses its job as its lease ends.
func TestRestartWithoutTheDriver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, workers, drivers := t.TempDir(), &road{}, &road{}
		m := masterIn(t, dir, workers, drivers)
		_ = drivers.drives(t)
		drivers.cut(true)
		end(t, m)
		m = masterIn(t, dir, workers)
		defer func() { end(t, m) }()
		time.Sleep(29 * time.Second)
		if j := m.Jobs(); len(j) != 1 || j[0].Over() {
			t.Errorf("before the lease has ended: %+v", j)
		}
		time.Sleep(2 * time.Minute)
		if j := m.Jobs(); len(j) != 1 || j[0].State != "cancelled" {
			t.Errorf("after that: %+v", j)
		}
	})
}

// What a job was given is there for the next master, until the job ends.
func TestRestartKeepsBlobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, workers, drivers := t.TempDir(), &road{}, &road{}
		m := masterIn(t, dir, workers, drivers)
		p := drivers.drives(t)
		path := filepath.Join(t.TempDir(), "value")
		if err := os.WriteFile(path, []byte("value"), 0o600); err != nil {
			t.Fatal(err)
		}
		d := plan.DigestOf([]byte("value"))
		p.job.Heed(&wire.PutBlob{Digest: d, Path: path, Size: 5})
		if puts := heard[*wire.BlobPut](p); len(puts) != 1 || puts[0].Error != "" {
			t.Fatalf("%+v", puts)
		}
		end(t, m)
		stray := filepath.Join(dir, "blobs", "new-1")
		if err := os.WriteFile(stray, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		m = masterIn(t, dir, workers, drivers)
		defer func() { end(t, m) }()
		if b, err := m.blobs.store.Get(d); err != nil || string(b) != "value" {
			t.Errorf("got %q, %v", b, err)
		}
		if _, err := os.Stat(stray); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("what nobody holds is still there: %v", err)
		}
		time.Sleep(5 * time.Second)
		p.job.Heed(&wire.Finish{})
		time.Sleep(time.Minute)
		if files, _ := os.ReadDir(filepath.Join(dir, "blobs")); len(files) != 0 {
			t.Errorf("left %v", files)
		}
	})
}

// A job whose program is gone cannot go on, and says so.
func TestRestartWithoutTheProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, workers, drivers := t.TempDir(), &road{}, &road{}
		m := masterIn(t, dir, workers, drivers)
		p := drivers.drives(t)
		end(t, m)
		if err := os.RemoveAll(filepath.Join(dir, "blobs")); err != nil {
			t.Fatal(err)
		}
		m = masterIn(t, dir, workers, drivers)
		defer func() { end(t, m) }()
		time.Sleep(5 * time.Second)
		if ends := heard[*wire.JobEnd](p); len(ends) != 1 || !strings.Contains(ends[0].Why, "without its program") {
			t.Errorf("ends of the job: %+v", ends)
		}
	})
}

func TestOneMasterADirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		m := masterIn(t, dir, &road{})
		defer func() { end(t, m) }()
		_, err := New(Options{Cluster: "c", Dir: dir, Advertise: "10.0.0.2:7077"})
		var locked *journal.LockedError
		if !errors.As(err, &locked) || !strings.Contains(locked.Holder, fmt.Sprintf("with pid %d", os.Getpid())) {
			t.Errorf("got %v", err)
		}
	})
}

// A master whose journal fails ends at once. Its drivers do not hear that their
// jobs have ended, for they have not.
func TestJournalFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, workers, drivers := startMaster(t)
		w := workers.holds(t, "w1")
		p := drivers.drives(t)
		p.begin(1, 2)
		synctest.Wait()
		if _, err := m.journal.Append([]model.Append{{}}); err == nil { // as a full disk would
			t.Fatal("nothing was written, without an error")
		}
		w.end(1)
		select {
		case err := <-m.Failed():
			if !strings.Contains(err.Error(), "this master has stepped down: journal: write journal") {
				t.Errorf("got %v", err)
			}
		default:
			t.Error("the master goes on")
		}
		if ends := heard[*wire.JobEnd](p); len(ends) != 0 {
			t.Errorf("the driver hears %+v", ends)
		}
		if ends := heard[*wire.ActionEnd](p); len(ends) != 0 {
			t.Errorf("the driver hears %+v", ends)
		}
	})
}
