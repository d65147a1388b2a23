package master

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/submit"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// program is a driver's program as its job sees it.
type program struct {
	t   *testing.T
	job *submit.Job
	mu  sync.Mutex
	got []wire.Message
}

// drives opens a job by a road.
func (r *road) drives(t *testing.T) *program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("a program"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, job: submit.New(t.Context(), submit.Options{Conn: r.conn(t), Programs: map[plan.Platform]string{plan.Here: path}, Scratch: t.TempDir(), Open: msg.Open{Name: "test", User: "u"}})}
	if err := p.job.Join(&wire.Started{Code: plan.DigestOf([]byte("code"))}, p.take); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.job.Close)
	return p
}

func (p *program) take(ms ...wire.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, ms...)
	return nil
}

func heard[T any](p *program) (got []T) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.got {
		if m, ok := m.(T); ok {
			got = append(got, m)
		}
	}
	return got
}

// begin starts an action of n tasks.
func (p *program) begin(action, n int) { p.beginAhead(action, n, 0) }

// beginAhead starts one that runs only so far ahead.
func (p *program) beginAhead(action, n, ahead int) {
	key := plan.StageKey(fmt.Sprint("r", action))
	b, err := plan.Encode(&plan.Plan{Action: "Test", Target: key, Stages: []plan.Stage{{Key: key, Kind: plan.ResultStage,
		Pipe: plan.Pipe{Source: plan.Source{Range: &plan.Range{Count: int64(n), Step: 1, N: n}}}}}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.job.Heed(&wire.Begin{N: action, Plan: b, Ahead: ahead})
}

// held is a worker whose attempts wait.
type held struct {
	*fakeWorker
	wait chan model.AttemptID
}

func (r *road) holds(t *testing.T, id plan.WorkerID) *held {
	return r.holdsAt(t, id, model.Attach{Hosts: []string{string(id)}, Slots: 4})
}

func (r *road) holdsAt(t *testing.T, id plan.WorkerID, at model.Attach) *held {
	h := &held{wait: make(chan model.AttemptID, 1000)}
	h.fakeWorker = r.workerAt(t, id, at, func(id model.AttemptID) model.Event {
		h.wait <- id
		return nil
	})
	h.renews(t)
	return h
}

// renews renews the worker's lease until the test ends.
func (h *held) renews(t *testing.T) {
	renew := time.NewTicker(2 * time.Second)
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for n := model.Instant(1); ; n++ {
			select {
			case <-renew.C:
				_ = h.st.Send(msg.Renewal{SentAt: n, Heard: true})
			case <-quit:
				return
			}
		}
	})
	t.Cleanup(func() {
		renew.Stop()
		close(quit)
		done.Wait()
	})
}

// end ends so many attempts with success.
func (h *held) end(n int) {
	h.t.Helper()
	for range n {
		synctest.Wait()
		select {
		case id := <-h.wait:
			h.send(model.TaskDone{From: h.from, Attempt: id, Rows: 1, Result: []byte(fmt.Sprint(id.Partition))})
		default:
			h.t.Fatal("nothing runs")
		}
	}
	time.Sleep(2 * time.Millisecond) // results are gathered
	synctest.Wait()
}

func partitions(p *program) (got []int) {
	for _, r := range heard[*wire.Result](p) {
		got = append(got, r.Partition)
	}
	slices.Sort(got)
	return got
}

// TestR65 breaks the driver's stream in all places of an action.
func TestR65(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, workers, drivers := startMaster(t)
		w := workers.holds(t, "w1")
		p := drivers.drives(t)
		p.begin(1, 8)
		w.end(2)
		drivers.cut(true)
		w.end(2) // while nobody listens
		if got := partitions(p); len(got) != 2 {
			t.Errorf("got %v over a road that is closed", got)
		}
		time.Sleep(20 * time.Second)
		drivers.open()
		time.Sleep(5 * time.Second)
		if got := partitions(p); len(got) != 4 {
			t.Errorf("got %v, want what came meanwhile", got)
		}
		drivers.cut(false)
		p.begin(2, 1) // what is said while there is no stream
		time.Sleep(5 * time.Second)
		w.end(5)
		if got, want := partitions(p), []int{0, 0, 1, 2, 3, 4, 5, 6, 7}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if ends := heard[*wire.ActionEnd](p); len(ends) != 2 || ends[0].Status.State != plan.ActionDone || ends[1].Status.State != plan.ActionDone {
			t.Errorf("got %+v", ends)
		}
		if n := len(w.launches()); n != 9 {
			t.Errorf("%d attempts: something was done twice", n)
		}
		drivers.cut(true)
		p.job.Heed(&wire.Finish{})
		drivers.open()
		time.Sleep(5 * time.Second)
		if ends := heard[*wire.JobEnd](p); len(ends) != 1 || !strings.Contains(ends[0].Why, "has ended") {
			t.Errorf("got %+v", ends)
		}
	})
}

// TestR64 leaves a job without a driver.
func TestR64(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, workers, drivers := startMaster(t)
		w := workers.holds(t, "w1")
		p := drivers.drives(t)
		p.begin(1, 2)
		time.Sleep(2 * time.Minute)
		if ends := heard[*wire.JobEnd](p); len(ends) != 0 || len(w.launches()) != 2 {
			t.Fatalf("a job with a driver ended: %+v", ends)
		}
		drivers.cut(true)
		time.Sleep(24 * time.Second)
		if kills := said[model.Kill](w.fakeWorker); len(kills) != 0 {
			t.Error("the job ends before the driver's lease")
		}
		time.Sleep(8 * time.Second)
		if kills := said[model.Kill](w.fakeWorker); len(kills) != 2 {
			t.Errorf("%d attempts are told to end", len(kills))
		}
		for _, id := range w.launches() {
			w.send(model.TaskFailed{From: w.from, Attempt: id, Class: model.Killed})
		}
		if ends := heard[*wire.JobEnd](p); len(ends) != 1 || !strings.Contains(ends[0].Why, "connection to the master is lost") {
			t.Errorf("the program hears %+v", ends)
		}
		time.Sleep(lastWord + time.Second)
		synctest.Wait()
		left := make(chan int, 1)
		m.engine.Call(func() model.Event { left <- len(m.drivers); return nil })
		if n := <-left; n != 0 {
			t.Errorf("%d drivers are remembered", n)
		}
	})
}

// A driver that comes back too late hears why its job ended, as long as that is
// remembered.
func TestAttachTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, workers, drivers := startMaster(t)
		workers.holds(t, "w1")
		p := drivers.drives(t)
		drivers.cut(true)
		p.job.Heed(&wire.Begin{N: 1, Plan: []byte("no plan")}) // is said later
		time.Sleep(20 * time.Second)
		drivers.open()
		time.Sleep(5 * time.Second)
		if ends := heard[*wire.JobEnd](p); len(ends) != 1 {
			t.Errorf("a driver that says what none does hears %+v", ends)
		}
	})
}

// Only who knows the secret attaches to a job.
func TestAttachAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, workers, drivers := startMaster(t)
		p := drivers.drives(t)
		for name, open := range map[string]msg.Open{
			"no secret":    {Protocol: msg.Protocol, Job: p.job.ID()},
			"other secret": {Protocol: msg.Protocol, Job: p.job.ID(), Again: "x"},
			"other job":    {Protocol: msg.Protocol, Job: "x"},
			"old protocol": {Job: p.job.ID()},
		} {
			st, err := msg.Dial(t.Context(), workers.conn(t), msg.MethodDrive)
			if err != nil {
				t.Fatal(err)
			}
			if err := st.Send(open); err != nil {
				t.Fatal(err)
			}
			if m, err := st.Receive(); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if _, ok := m.(msg.Refused); !ok {
				t.Errorf("%s: %+v", name, m)
			}
		}
		if ends := heard[*wire.JobEnd](p); len(ends) != 0 {
			t.Errorf("the job ended: %+v", ends)
		}
	})
}

// A program that ends without a word ends its job at once.
func TestDriverEndsWithoutAWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, workers, drivers := startMaster(t)
		w := workers.holds(t, "w1")
		p := drivers.drives(t)
		p.begin(1, 1)
		synctest.Wait()
		began := time.Now()
		done := make(chan struct{})
		go func() { p.job.Close(); close(done) }()
		if kills := said[model.Kill](w.fakeWorker); len(kills) != 1 {
			t.Errorf("%d attempts are told to end", len(kills))
		}
		w.send(model.TaskFailed{From: w.from, Attempt: w.launches()[0], Class: model.Killed})
		<-done
		if took := time.Since(began); took > 0 {
			t.Errorf("took %v", took)
		}
	})
}

// A value that is on its way when the road closes arrives when it is open again.
func TestBlobOverABrokenRoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _, drivers := startMaster(t)
		p := drivers.drives(t)
		path := filepath.Join(t.TempDir(), "value")
		if err := os.WriteFile(path, []byte("a value"), 0o600); err != nil {
			t.Fatal(err)
		}
		d := plan.DigestOf([]byte("a value"))
		drivers.cut(true)
		p.job.Heed(&wire.PutBlob{Digest: d, Path: path, Size: 7})
		time.Sleep(10 * time.Second)
		if got := heard[*wire.BlobPut](p); len(got) != 0 {
			t.Errorf("got %+v over a road that is closed", got[0])
		}
		drivers.open()
		time.Sleep(5 * time.Second)
		if got := heard[*wire.BlobPut](p); len(got) != 1 || got[0].Error != "" || !m.blobs.store.Has(d) {
			t.Errorf("got %+v", got)
		}
		p.job.Heed(&wire.PutBlob{Digest: d, Path: path + "x", Size: 7})
		if got := heard[*wire.BlobPut](p); len(got) != 2 || got[1].Error == "" {
			t.Errorf("got %+v for a file that is not there", got)
		}
	})
}
