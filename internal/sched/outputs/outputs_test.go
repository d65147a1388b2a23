package outputs

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Whatever comes and goes, a Table knows what is there, whose it is, and the sums
// over what is there.
func TestTable(t *testing.T) {
	type truth struct {
		o        Output
		owner    int
		counters []model.Counter
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 20).Draw(t, "n")
		names := rapid.SampledFrom([]int{3, 200}).Draw(t, "names")
		tab, want := Make(n), map[int]truth{}
		seq := uint64(0)
		for range rapid.IntRange(0, 100).Draw(t, "ops") {
			if n == 0 {
				break
			}
			i := rapid.IntRange(0, n-1).Draw(t, "i")
			x, there := want[i]
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				if there {
					continue
				}
				seq++
				x = truth{Output{Term: 1, Seq: seq, Rows: int64(seq)}, rapid.IntRange(-1, 4).Draw(t, "owner"), nil}
				for k := range rapid.IntRange(0, 5).Draw(t, "counters") {
					name := fmt.Sprint(k)
					if rapid.Bool().Draw(t, "own name") {
						name = fmt.Sprint(rapid.IntRange(0, names).Draw(t, "name"))
					}
					x.counters = append(x.counters, model.Counter{Name: name, Value: rapid.Int64Range(-9, 99).Draw(t, "v")})
				}
				tab.Put(i, x.o, x.owner, Report{Counters: x.counters})
				want[i] = x
			case 2:
				tab.Take(i)
				delete(want, i)
			case 3:
				if rapid.Bool().Draw(t, "move") && there {
					tab.Move(i, 3, []byte("x"))
					x.owner = 3
				} else {
					tab.Disown(i)
					x.owner = Nobody
				}
				if there {
					want[i] = x
				}
			}
		}
		if err := tab.Check(); err != nil {
			t.Fatal(err)
		}
		if tab.Done() != len(want) || tab.Len() != n || !slices.Equal(slices.Collect(tab.All()), slices.Sorted(maps.Keys(want))) {
			t.Fatalf("%d of %d, want %d", tab.Done(), tab.Len(), len(want))
		}
		held, sums := map[int]int{}, map[string]int64{}
		for i, x := range want {
			owner, ok := tab.Owner(i)
			if !tab.Made(i, 1, x.o.Seq) || tab.Made(i, 2, x.o.Seq) || ok != (x.owner >= 0) || ok && owner != x.owner {
				t.Fatalf("task %d: %+v, want %+v", i, tab.At(i), x)
			}
			held[x.owner]++
			for _, c := range x.counters {
				sums[c.Name] += c.Value
			}
		}
		for w := range 5 {
			got := slices.Collect(tab.HeldBy(w))
			if len(got) != held[w] || tab.Held(w) != held[w] {
				t.Fatalf("worker %d has %v, want %d", w, got, held[w])
			}
		}
		for _, c := range tab.Sums() {
			if sums[c.Name] != c.Value {
				t.Fatalf("%s is %d, want %d", c.Name, c.Value, sums[c.Name])
			}
			delete(sums, c.Name)
		}
		for name, v := range sums {
			if v != 0 {
				t.Fatalf("%s is lost", name)
			}
		}
	})
}

func TestRowsOutliveTheOutput(t *testing.T) {
	tab := Make(2)
	tab.Put(1, Output{Rows: 7, Data: []byte("x")}, 0, Report{})
	tab.Take(1)
	if o := tab.At(1); o.Rows != 7 || o.Data != nil || tab.Has(1) || tab.Has(-1) || tab.Has(2) {
		t.Errorf("%+v", o)
	}
	tab.Put(0, Output{}, 4, Report{})
	tab.DisownAll()
	if tab.Held(4) != 0 || !tab.Has(0) {
		t.Error("still owned")
	}
}

func TestHeldByStops(t *testing.T) {
	tab := Make(5)
	for i := range 5 {
		tab.Put(i, Output{}, 0, Report{})
	}
	for i := range tab.HeldBy(0) {
		if i == 2 {
			break
		}
	}
	for i := range tab.All() {
		if i == 2 {
			break
		}
	}
}

func TestTwoOutputsPanic(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a second output is taken in")
		}
	}()
	tab := Make(1)
	tab.Put(0, Output{}, 0, Report{})
	tab.Put(0, Output{}, 0, Report{})
}

func TestSizeOfAnOutput(t *testing.T) {
	if n := unsafe.Sizeof(Output{}); n > 112 {
		t.Errorf("an output takes %d bytes", n)
	}
}

// Names that only single tasks use must not make the table as wide as it is high.
func TestTallyIsBounded(t *testing.T) {
	n := 10_000
	tab := Make(n)
	for i := range n {
		tab.Put(i, Output{}, Nobody, Report{Counters: []model.Counter{{Name: fmt.Sprint(i), Value: 1}}})
	}
	if got := len(tab.tally.rows); got > n*widest {
		t.Errorf("%d cells", got)
	}
	if got := len(tab.Sums()); got != n {
		t.Errorf("%d sums", got)
	}
}

// TestAdded follows what a task added through the loss of its output.
func TestAdded(t *testing.T) {
	tab := Make(3)
	tell := func() (got string) {
		for i, b := range tab.Tell() {
			got += fmt.Sprint(i, string(b), " ")
		}
		return got
	}
	check := func(want string, fresh int) {
		t.Helper()
		if n := tab.Fresh(); n != fresh {
			t.Errorf("%d bytes to tell, want %d", n, fresh)
		}
		if got := tell(); got != want || tab.Fresh() != 0 {
			t.Errorf("told %q, want %q; %d bytes are left", got, want, tab.Fresh())
		}
	}
	tab.Put(0, Output{}, 0, Report{})
	check("", 0)
	tab.Put(1, Output{}, 0, Report{Updates: []byte("ab")})
	tab.Put(2, Output{}, 0, Report{Updates: []byte("c")})
	tab.Take(2)                       // the output is lost before anybody was told
	tab.Put(2, Output{}, 1, Report{}) // made again, of kept rows
	tab.Take(0)                       // and one that had added nothing
	tab.Put(0, Output{}, 1, Report{Updates: []byte("more")})
	if b, noted := tab.Noted(2); string(b) != "c" || !noted {
		t.Errorf("%q, %t are noted", b, noted)
	}
	check("1ab 2c ", 3)
	tab.Take(2)
	tab.Put(2, Output{}, 1, Report{Updates: []byte("g")}) // and again, when it was told
	check("", 0)
	tab.Take(0)
	tab.Take(2)
	tab.Renew() // both start over
	tab.Put(0, Output{}, 1, Report{Updates: []byte("h")})
	tab.Put(2, Output{}, 1, Report{Updates: []byte("i")})
	check("0h ", 1)
}

// TestBlocksAreHeldOnce has tasks tell of one kept block, and again when their stage
// has started over: what was told of it before may be replaced.
func TestBlocksAreHeldOnce(t *testing.T) {
	own := plan.Updates(nil).With(1, []byte("own"))
	kept := own.Under(plan.Block{RDD: "c", Partition: 7}, plan.Updates(nil).With(2, []byte("kept")))
	tab := Make(2)
	tab.Put(0, Output{}, 0, Report{Updates: kept})
	tab.Put(1, Output{}, 0, Report{Updates: kept})
	if n, want := tab.Fresh(), len(kept)+len(own); n != want {
		t.Errorf("%d bytes are held, want %d", n, want)
	}
	tab.Take(0)
	tab.Take(1)
	tab.Renew()
	tab.Put(0, Output{}, 0, Report{Updates: own})
	tab.Put(1, Output{}, 0, Report{Updates: kept})
	for i, b := range tab.Tell() {
		if want := []plan.Updates{own, kept}[i]; !bytes.Equal(b, want) {
			t.Errorf("task %d tells %q, want %q", i, b, want)
		}
	}
}
