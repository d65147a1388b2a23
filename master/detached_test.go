package master

import (
	"errors"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/internal/msg"
)

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
