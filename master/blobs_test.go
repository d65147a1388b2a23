package master

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/internal/blob"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestOwners(t *testing.T) {
	b, program := programs(t)
	if _, ok := b.job("j", "w"); ok {
		t.Error("a job that is not there is known")
	}
	if err := b.open(msg.Job{ID: "j", Name: "n", Binary: program(0)}); err != nil {
		t.Fatal(err)
	}
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

// programs gives blobs, and what uploads program i to them.
func programs(t *testing.T) (*blobs, func(i int) plan.Digest) {
	b := newBlobs(blob.New(t.TempDir(), nil, 1<<20))
	return b, func(i int) plan.Digest {
		d, err := b.store.Write(func(w io.Writer) error {
			_, err := fmt.Fprint(w, "program ", i)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b.program(d)
		return d
	}
}

// A running job's program stays, however many others come.
func TestProgramsOfJobsStay(t *testing.T) {
	b, program := programs(t)
	used, unused := program(0), program(1)
	if err := b.open(msg.Job{ID: "j", Binary: used}); err != nil {
		t.Fatal(err)
	}
	for i := range maxPrograms {
		program(2 + i)
	}
	if !b.store.Has(used) || b.store.Has(unused) {
		t.Errorf("of a running job: %v, of none: %v", b.store.Has(used), b.store.Has(unused))
	}
	if err := b.open(msg.Job{ID: "late", Binary: unused}); err == nil {
		t.Error("a job was opened whose program is gone")
	}
	b.close("j")
	if b.store.Has(used) {
		t.Error("it is still there after its job")
	}
}
