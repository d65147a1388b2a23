package work

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

func sampleResolved(splits int, name string) *Resolved {
	f := plan.Files{ID: 3, Paths: "/in", Whole: true}
	r := &Resolved{Plan: &plan.Plan{Action: "Count", Target: "r", Stages: []plan.Stage{{Key: "r", Kind: plan.ResultStage,
		Pipe: plan.Pipe{Source: plan.Source{Files: &f}}}}}, Found: map[plan.Files][]storage.Split{f: {}}}
	for i := range splits {
		r.Found[f] = append(r.Found[f], storage.Split{Parts: []storage.Part{{Path: name, Offset: int64(i), Length: 7}}, Hosts: []string{"h"}})
	}
	return r
}

func TestResolvedTravels(t *testing.T) {
	for _, n := range []int{1, 1000} {
		want := sampleResolved(n, "/in/a")
		b, err := want.Pack()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unpack(b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Found, want.Found) || got.Plan.Target != "r" || got.Plan.Stages[0].Pipe.Source.Files == nil {
			t.Errorf("%d splits: got %+v, want %+v", n, got, want)
		}
	}
}

func TestResolvedIsBounded(t *testing.T) {
	noise := make([]byte, plan.MaxEncoded/2+1)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
	if _, err := sampleResolved(1, string(noise)).Pack(); !errors.Is(err, plan.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	b, err := sampleResolved(2, "/in/a").Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Unpack(b)
		if err == nil && r.Plan == nil {
			t.Error("no plan and no error")
		}
	})
}
