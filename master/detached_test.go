package master

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/submit"
	"github.com/gordd-project/gordd/rdd/plan"
)

// A driver does not begin where its worker is about to go: that would be its end.
func TestNoDriverOnADrainingWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, workers, drivers := startMaster(t)
		w1 := workers.holds(t, "w1")
		drivers.drives(t).begin(1, 4)
		synctest.Wait()
		w2 := workers.holds(t, "w2")
		m.engine.Send(model.Drain{Worker: "w1"})
		path := filepath.Join(t.TempDir(), "program")
		if err := os.WriteFile(path, []byte("a program"), 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := submit.Detach(t.Context(), submit.Options{Conn: drivers.conn(t), Programs: map[plan.Platform]string{plan.Here: path}, Open: msg.Open{Name: "test"}}, msg.Detach{})
		if err == nil || !strings.Contains(err.Error(), "worker w2 has not started the driver within "+time.Minute.String()) {
			t.Errorf("got %v", err)
		}
		if a, b := len(said[msg.StartDriver](w1.fakeWorker)), len(said[msg.StartDriver](w2.fakeWorker)); a != 0 || b != 1 {
			t.Errorf("the one that goes was told %d times, the other %d times", a, b)
		}
	})
}

// A key opens its job once, whatever comes first: the driver's word, its end, or
// the loss of its worker.
func TestDetached(t *testing.T) {
	var d detached
	if d.claim("") != nil {
		t.Error("a driver without a key was taken for a detached one")
	}
	a, b, c := &starting{job: "ja", worker: "w1", opened: make(chan any, 1)}, &starting{job: "jb", worker: "w1", opened: make(chan any, 1)},
		&starting{job: "jc", worker: "w2", opened: make(chan any, 1)}
	d.add("a", a)
	d.add("b", b)
	d.add("c", c)
	if got := d.claim("a"); got != a {
		t.Errorf("key a opens %+v", got)
	}
	d.opened("a", msg.Opened{Job: "ja"})
	d.opened("a", errors.New("late"))
	if got, _ := (<-a.opened).(msg.Opened); got.Job != "ja" {
		t.Errorf("a became %v", got)
	}
	if d.claim("a") != nil {
		t.Error("key a opens a second job")
	}
	d.workerGone("w1")
	if err, _ := (<-b.opened).(error); err == nil || !strings.Contains(err.Error(), "worker w1") {
		t.Errorf("b became %v", err)
	}
	if d.claim("c") != c {
		t.Error("c was lost with another worker")
	}
	d.drives("w2", "jd")
	if got := [3]int{d.runs("w1"), d.runs("w2"), d.runs("w3")}; got != [3]int{0, 2, 0} {
		t.Errorf("the workers run %d drivers", got)
	}
	if len(d.all) != 1 {
		t.Errorf("%d are left", len(d.all))
	}
}
