package block_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

// sequence gives blocks of strings, from empty rows to more than a read.
func sequence(t *testing.T, id block.ID, sizes ...int) (all []byte, ends []int) {
	t.Helper()
	typ, err := codec.TypeOf[string]()
	if err != nil {
		t.Fatal(err)
	}
	enc := block.Encoder{Type: typ}
	for _, n := range sizes {
		var rows []string
		if n >= 0 {
			rows = []string{strings.Repeat("x", n)}
		}
		if all, _, err = enc.Append(all, id, codec.RowsOf(rows)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, len(all))
		id.Seq++
	}
	return all, ends
}

func check(id block.ID, b []byte, step int) (int64, error) {
	var c block.Checker
	c.Reset(id)
	for len(b) > 0 {
		n := min(step, len(b))
		if _, err := c.Write(b[:n]); err != nil {
			return c.Passed(), err
		}
		b = b[n:]
	}
	return c.Passed(), c.End()
}

var checked = block.ID{Shuffle: 7, Map: 3, Reduce: 2, Segment: 1}

func TestCheckerPassesWhatTheEncoderWrote(t *testing.T) {
	all, _ := sequence(t, checked, 0, -1, 1, 15, 200, 300, 5000, 0)
	for _, step := range []int{1, 7, 39, 40, 41, 1000, len(all)} {
		if n, err := check(checked, all, step); err != nil || n != int64(len(all)) {
			t.Errorf("in steps of %d: %d of %d bytes, %v", step, n, len(all), err)
		}
	}
}

func TestCheckerFindsEveryFlippedBit(t *testing.T) {
	all, _ := sequence(t, checked, 3, 0, 260)
	for i := range len(all) * 8 {
		b := bytes.Clone(all)
		b[i/8] ^= 1 << (i % 8)
		if _, err := check(checked, b, 64); !errors.Is(err, block.ErrCorrupt) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
}

func TestCheckerFindsWhatIsMissingOrElsewhere(t *testing.T) {
	all, ends := sequence(t, checked, 3, 10, 260)
	for cut := 1; cut < len(all); cut++ {
		_, err := check(checked, all[:cut], 50)
		whole := cut == ends[0] || cut == ends[1] // the index, not the checker, knows how many there are
		if whole != (err == nil) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
	if _, err := check(checked, all[ends[0]:], 50); !errors.Is(err, block.ErrCorrupt) {
		t.Errorf("the first block is missing: %v", err)
	}
	swapped := append(bytes.Clone(all[ends[0]:ends[1]]), all[:ends[0]]...)
	if _, err := check(checked, swapped, 50); !errors.Is(err, block.ErrCorrupt) {
		t.Errorf("blocks in another order: %v", err)
	}
	for name, other := range map[string]block.ID{
		"shuffle": {Shuffle: 8, Map: 3, Reduce: 2, Segment: 1},
		"map":     {Shuffle: 7, Map: 4, Reduce: 2, Segment: 1},
		"reduce":  {Shuffle: 7, Map: 3, Reduce: 3, Segment: 1},
		"segment": {Shuffle: 7, Map: 3, Reduce: 2, Segment: 0},
	} {
		if _, err := check(other, all, 50); !errors.Is(err, block.ErrCorrupt) {
			t.Errorf("of another %s: %v", name, err)
		}
	}
}

func TestCheckerKeepsItsError(t *testing.T) {
	var c block.Checker
	c.Reset(checked)
	if n, err := c.Write(make([]byte, 100)); err == nil || n != 40 {
		t.Fatalf("100 zero bytes: took %d, %v", n, err)
	}
	if _, err := c.Write(nil); !errors.Is(err, block.ErrCorrupt) {
		t.Errorf("after it: %v", err)
	}
	c.Reset(checked)
	if err := c.End(); err != nil {
		t.Errorf("an empty sequence: %v", err)
	}
}

func TestCheckerGoesOnAfterRewind(t *testing.T) {
	all, ends := sequence(t, checked, 3, 10, 260)
	var c block.Checker
	c.Reset(checked)
	bad := bytes.Clone(all)
	bad[ends[1]+100] ^= 4
	if _, err := c.Write(bad); !errors.Is(err, block.ErrCorrupt) || c.Passed() != int64(ends[1]) {
		t.Fatalf("passed %d of %d, %v", c.Passed(), ends[1], err)
	}
	c.Rewind()
	if _, err := c.Write(all[c.Passed():]); err != nil || c.End() != nil || c.Passed() != int64(len(all)) {
		t.Errorf("after rewinding: passed %d of %d, %v", c.Passed(), len(all), err)
	}
}

func FuzzChecker(f *testing.F) {
	f.Add([]byte("kB"), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		step := 1 + rand.New(rand.NewPCG(seed, 0)).IntN(100)
		one, errOne := check(checked, b, max(1, len(b)))
		many, errMany := check(checked, b, step)
		if one != many || (errOne == nil) != (errMany == nil) {
			t.Fatalf("at once %d, %v; in steps of %d: %d, %v", one, errOne, step, many, errMany)
		}
		if one > int64(len(b)) {
			t.Fatalf("passed %d of %d bytes", one, len(b))
		}
	})
}
