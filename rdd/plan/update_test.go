package plan

import (
	"bytes"
	"reflect"
	"testing"
)

func TestUpdates(t *testing.T) {
	want := []Update{{1, []byte("one")}, {1 << 40, nil}, {3, make([]byte, 300)}}
	var u Updates
	for _, w := range want {
		u = u.With(w.Accumulator, w.Value)
	}
	i := 0
	for got, err := range u.All() {
		if err != nil || got.Accumulator != want[i].Accumulator || !bytes.Equal(got.Value, want[i].Value) {
			t.Errorf("update %d: %v, %v", i, got, err)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d updates, want %d", i, len(want))
	}
	if CheckAdded(make(Updates, MaxAdded)) != nil || CheckUpdates(MaxUpdates) != nil {
		t.Error("what is allowed is refused")
	}
	if CheckAdded(make(Updates, MaxAdded+1)) == nil || CheckUpdates(MaxUpdates+1) == nil {
		t.Error("too many bytes are let pass")
	}
}

// TestUpdatesOfBlocks takes apart what a task added itself and what was added for
// kept rows.
func TestUpdatesOfBlocks(t *testing.T) {
	one, two := Updates(nil).With(1, []byte("one")), Updates(nil).With(2, nil).With(1, []byte("x"))
	blocks := []Added{{true, Block{"c1", 0}, two}, {true, Block{"c1", MaxPartitions - 1}, one}}
	for _, want := range [][]Added{nil, {{Updates: one}}, blocks, append([]Added{{Updates: two}}, blocks...)} {
		var u Updates
		for _, a := range want {
			if a.Kept {
				u = u.Under(a.Block, a.Updates)
			} else {
				u = append(u, a.Updates...)
			}
		}
		var got []Added
		for a, err := range u.Parts() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, a)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	for what, bad := range map[string]Updates{
		"a block in a block": Updates(nil).Under(Block{"c1", 0}, Updates(nil).Under(Block{"c2", 0}, one)),
		"no partition":       Updates(nil).Under(Block{"c1", MaxPartitions}, one),
		"no RDD":             Updates(nil).Under(Block{"", 1}, one),
		"cut short":          Updates(nil).Under(Block{"c1", 1}, one)[:6],
		"behind a block":     Updates(nil).Under(Block{"c1", 1}, one).With(3, nil),
	} {
		var err error
		for _, err = range bad.Parts() {
		}
		if err == nil {
			t.Errorf("%s is taken", what)
		}
	}
}

func TestPartitionSet(t *testing.T) {
	var s PartitionSet
	for _, p := range []int{9, 0, 1000, 9} {
		s = s.With(p)
	}
	for p, want := range map[int]bool{-1: false, 0: true, 1: false, 8: false, 9: true, 1000: true, 1001: false, 1 << 30: false} {
		if s.Has(p) != want {
			t.Errorf("it has %d: %t", p, !want)
		}
	}
}

func FuzzUpdates(f *testing.F) {
	f.Add([]byte(Updates(nil).With(7, []byte("x"))))
	f.Add([]byte(Updates(nil).With(7, []byte("x")).Under(Block{"c1", 300}, Updates(nil).With(1, []byte("yz")))))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{0, 1, 'c', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1})
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, b []byte) {
		size := 0
		for part, err := range Updates(b).Parts() {
			if err != nil {
				return
			}
			for u, err := range part.Updates.All() {
				if err != nil {
					t.Fatalf("a part is no encoding: %v", err)
				}
				if size += len(u.Value); size > len(b) {
					t.Fatal("more than there is")
				}
			}
		}
	})
}

// TestPortions puts together again what was cut into portions, each of which fits into a
// message.
func TestPortions(t *testing.T) {
	stage := func(key StageKey, own bool, sizes ...int) StageUpdates {
		st := StageUpdates{Stage: key, Own: own}
		for i, n := range sizes {
			st.Tasks = append(st.Tasks, TaskUpdates{Partition: 2 * i, Updates: make(Updates, n)})
		}
		return st
	}
	small := stage("small", false)
	for i := range 200_000 {
		small.Tasks = append(small.Tasks, TaskUpdates{Partition: i, Updates: Updates{1, 0}})
	}
	for name, test := range map[string]struct {
		all  []StageUpdates
		want int
	}{
		"none":       {nil, 1},
		"one":        {[]StageUpdates{stage("a", true, 10)}, 1},
		"large ones": {[]StageUpdates{stage("a", true, MaxUpdates, MaxUpdates, 1), stage("b", false, MaxUpdates, MaxUpdates-1000)}, 3},
		"many":       {[]StageUpdates{stage("a", true, 1), small}, 2},
	} {
		portions := Portions(test.all)
		type task struct {
			stage StageKey
			own   bool
			TaskUpdates
		}
		list := func(all []StageUpdates) (tasks []task) {
			for _, st := range all {
				for _, t := range st.Tasks {
					tasks = append(tasks, task{st.Stage, st.Own, t})
				}
			}
			return tasks
		}
		var got []task
		for _, p := range portions {
			b, err := Encode(&p)
			if err != nil || len(b) > MaxPortion*5/4 {
				t.Errorf("%s: a portion of %d bytes, %v", name, len(b), err)
			}
			got = append(got, list(p)...)
		}
		if len(portions) != test.want || !reflect.DeepEqual(got, list(test.all)) {
			t.Errorf("%s: %d portions, want %d, of %d tasks", name, len(portions), test.want, len(got))
		}
	}
}
