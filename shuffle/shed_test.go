package shuffle_test

import (
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

// TestShed: what sheds its memory has next to none, loses nothing, and goes on.
func TestShed(t *testing.T) {
	sum := shuffle.Combine[int, int]{
		Init: func(c *int, v int) { *c = v }, Add: func(c *int, v int) { *c += v }, Merge: func(c, d *int) { *c += *d },
	}
	for _, direct := range []bool{false, true} {
		_, acc := budget(t, 64<<20)
		var spilled int64
		cfg := shuffle.Config{Dir: emptyDir(t), Reduces: 3, Mem: acc, Spilled: &spilled}
		if direct {
			cfg.Progress = func() float64 { return 1 } // keys do not repeat: combining does not pay
		}
		c := newCombiner[int](cfg, sum)
		push := func(from int) {
			for i := range 150_000 {
				if !c.Push(from+i, 1) && !c.Flush() {
					t.Fatal(c.Err())
				}
			}
			c.Flush()
		}
		fresh := acc.Used()
		push(0)
		before := acc.Used()
		if err := c.Shed(); err != nil || acc.Used() > fresh || before < fresh+(1<<20) || spilled == 0 {
			t.Errorf("direct %v: %d bytes, then %d, then %d shed by %v; %d spilled", direct, fresh, before, acc.Used(), err, spilled)
		}
		if err := c.Shed(); err != nil { // nothing to do
			t.Error(err)
		}
		push(75_000)
		out, err := c.Close()
		if err != nil {
			t.Fatal(err)
		}
		total, twice := 0, map[int]int{}
		for p := range 3 {
			for _, row := range must(read[codec.Pair[int, int]](t, out.Input(p))) {
				total += row.Value
				twice[row.Key] += row.Value
			}
		}
		if total != 300_000 || len(twice) != 225_000 || twice[80_000] != 2 || twice[1] != 1 {
			t.Errorf("direct %v: %d rows of %d keys", direct, total, len(twice))
		}
		if c.Shed() == nil {
			t.Error("shedding after Close is no error")
		}
	}
}

func TestShedWriter(t *testing.T) {
	_, acc := budget(t, 64<<20)
	w := shuffle.NewWriter(shuffle.Config{Dir: emptyDir(t), Reduces: 2, Mem: acc}, typeOf[int](), shuffle.RoundRobin(0, 2))
	fresh := acc.Used()
	for range 3 {
		if err := w.Write(codec.RowsOf(make([]int, 100_000))); err != nil {
			t.Fatal(err)
		}
		if acc.Used() <= fresh {
			t.Error("rows take no memory")
		}
		if err := w.Shed(); err != nil || acc.Used() != fresh {
			t.Errorf("%d bytes are left of %d: %v", acc.Used(), fresh, err)
		}
	}
	if out := must(w.Close()); out.Rows != 300_000 {
		t.Errorf("%d rows", out.Rows)
	}
	if w.Shed() == nil {
		t.Error("shedding after Close is no error")
	}
}

// TestShrinkAfterClose: what is given back late was given back already.
func TestShrinkAfterClose(t *testing.T) {
	mem, acc := budget(t, 1<<20)
	acc.Force(100)
	acc.Close()
	if acc.Shrink(100); mem.Used() != 0 {
		t.Errorf("%d bytes are held", mem.Used())
	}
}
