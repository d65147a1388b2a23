package master

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestOwners(t *testing.T) {
	b := newBlobs(nil)
	if _, ok := b.job("j", "w"); ok {
		t.Error("a job that is not there is known")
	}
	b.open(msg.Job{ID: "j", Name: "n"})
	for i := range 100 {
		id := plan.WorkerID(fmt.Sprint("w", i))
		for range 2 { // as after a stream that broke
			j, ok := b.job("j", id)
			if !ok || j.Name != "n" || len(j.Owners) != min(i, maxOwners) {
				t.Fatalf("worker %d is told %+v", i, j)
			}
			for k, o := range j.Owners {
				if o == id || slices.Contains(j.Owners[:k], o) {
					t.Errorf("worker %d is told of %v", i, j.Owners)
				}
			}
		}
	}
	if n := len(b.jobs["j"].told); n != maxTold {
		t.Errorf("%d workers are remembered", n)
	}
	if len(b.jobs["j"].spec.Owners) != 0 {
		t.Error("the job itself was changed")
	}
}
