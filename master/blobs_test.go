package master

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/internal/blob"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestOwners(t *testing.T) {
	b, program := programs(t)
	if _, ok := b.job("j", "w", plan.Here); ok {
		t.Error("a job that is not there is known")
	}
	if err := b.open(msg.Job{ID: "j", Name: "n"}, forHere(program(0))); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		id := plan.WorkerID(fmt.Sprint("w", i))
		for range 2 { // as after a stream that broke
			j, ok := b.job("j", id, plan.Here)
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
	if n := len(b.jobs["j"].told[plan.Here]); n != maxTold {
		t.Errorf("%d workers are remembered", n)
	}
	if len(b.jobs["j"].spec.Owners) != 0 {
		t.Error("the job itself was changed")
	}
}

// forHere is a job's programs when there is only this one.
func forHere(d plan.Digest) []model.Program {
	return []model.Program{{Platform: plan.Here, Binary: d}}
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
		b.keep(d, 10)
		return d
	}
}

// A running job's program stays, however many others come.
func TestProgramsOfJobsStay(t *testing.T) {
	b, program := programs(t)
	used, unused := program(0), program(1)
	if err := b.open(msg.Job{ID: "j"}, forHere(used)); err != nil {
		t.Fatal(err)
	}
	for i := range keptBlobs {
		program(2 + i)
	}
	if !b.store.Has(used) || b.store.Has(unused) {
		t.Errorf("of a running job: %v, of none: %v", b.store.Has(used), b.store.Has(unused))
	}
	if err := b.open(msg.Job{ID: "late"}, forHere(unused)); err == nil {
		t.Error("a job was opened whose program is gone")
	}
	b.close("j")
	if b.store.Has(used) {
		t.Error("it is still there after its job")
	}
}

// Each worker hears of the program for its platform, and of workers that may have it.
func TestProgramsByPlatform(t *testing.T) {
	b, program := programs(t)
	arm, intel, file := program(0), program(1), program(2)
	err := b.open(msg.Job{ID: "j", Files: []msg.File{{Name: "f", Digest: file}}},
		[]model.Program{{Platform: "linux/arm64", Binary: arm}, {Platform: "linux/amd64", Binary: intel}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		worker plan.WorkerID
		at     plan.Platform
		want   plan.Digest
		owners []plan.WorkerID
	}{
		{"a1", "linux/arm64", arm, nil}, {"i1", "linux/amd64", intel, nil}, {"a2", "linux/arm64", arm, []plan.WorkerID{"a1"}},
		{"i2", "linux/amd64", intel, []plan.WorkerID{"i1"}}, {"d1", "darwin/arm64", "", nil},
	} {
		j, ok := b.job("j", c.worker, c.at)
		if !ok || j.Binary != c.want || !slices.Equal(j.Owners, c.owners) || len(j.Files) != 1 {
			t.Errorf("%s is told %+v", c.worker, j)
		}
	}
	for i := range keptBlobs {
		program(3 + i)
	}
	for _, d := range []plan.Digest{arm, intel, file} {
		if !b.store.Has(d) {
			t.Error("a job's program or file is gone")
		}
	}
	b.close("j")
	for _, d := range []plan.Digest{arm, intel, file} {
		if b.store.Has(d) {
			t.Error("a program or file is there after its job, and others came since")
		}
	}
}

// What was looked for is kept longer, and the bytes are bounded too.
func TestKept(t *testing.T) {
	b, program := programs(t)
	first, second := program(0), program(1)
	for i := range keptBlobs - 2 {
		program(2 + i)
	}
	b.used(first)
	last := program(1000)
	if !b.store.Has(first) || b.store.Has(second) || !b.store.Has(last) {
		t.Errorf("the one in use: %v, the oldest: %v, the newest: %v", b.store.Has(first), b.store.Has(second), b.store.Has(last))
	}
	if err := b.store.Hold([]plan.Digest{last}); err != nil {
		t.Fatal(err)
	}
	b.keep(last, keptBytes)
	if len(b.kept) != 1 || b.sum != keptBytes || b.store.Has(first) || !b.store.Has(last) {
		t.Errorf("%d are kept, with %d bytes", len(b.kept), b.sum)
	}
}
