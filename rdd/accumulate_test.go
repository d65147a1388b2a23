package rdd

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// few is a value that cannot be merged to more than three.
type few int

func (f few) Merge(o few) few {
	if f+o > 3 {
		panic("too many")
	}
	return f + o
}

// delivery are the updates of a task, of numbers added to accumulators.
func delivery(t *testing.T, own bool, partition int, of plan.Updates) []plan.StageUpdates {
	t.Helper()
	return []plan.StageUpdates{{Stage: "s1.left", Own: own, Tasks: []plan.TaskUpdates{{Partition: partition, Updates: of}}}}
}

func encoded[T any](t *testing.T, v T) []byte {
	t.Helper()
	b, err := codec.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBlocksCountOnce has several tasks tell of the same kept block.
func TestBlocksCountOnce(t *testing.T) {
	g := NewGraph(GraphOptions{})
	rows := NewAccumulator[few](g, "rows")
	one := plan.Updates(nil).With(rows.id, encoded(t, few(1)))
	block := plan.Block{RDD: "c7", Partition: 4}
	for range 3 {
		g.Ended(1, delivery(t, true, 0, plan.Updates(nil).Under(block, one)))
	}
	g.Ended(1, delivery(t, true, 1, one))
	if n := rows.Value(); n != 2 {
		t.Errorf("%d, want 1 of the block and 1 of a task", n)
	}
	if s := g.counted("c7"); !s.Has(4) || s.Has(3) {
		t.Errorf("counted %v", s)
	}
	g.release("c7")
	if len(g.tallies.counted) > 0 {
		t.Errorf("what is gone is known: %v", g.tallies.counted)
	}
}

// TestMergeThatPanics breaks one accumulator, and the others count all the same.
func TestMergeThatPanics(t *testing.T) {
	g := NewGraph(GraphOptions{})
	broken, fine := NewAccumulator[few](g, "broken"), NewAccumulator[few](g, "fine")
	u := plan.Updates(nil).With(broken.id, encoded(t, few(2))).With(fine.id, encoded(t, few(1)))
	g.Ended(1, delivery(t, true, 0, u))
	g.Ended(1, delivery(t, true, 1, u))
	g.Ended(1, delivery(t, true, 2, u))
	if err := g.Settle(); err == nil || !strings.Contains(err.Error(), "too many") || !strings.Contains(err.Error(), `"broken"`) {
		t.Errorf("settle: %v", err)
	}
	if n := fine.Value(); n != 3 {
		t.Errorf("%d, want 3", n)
	}
	if _, err := broken.MarshalBinary(); err == nil {
		t.Error("what is broken is given to tasks")
	}
	defer func() {
		if recover() == nil {
			t.Error("what is broken has a value")
		}
	}()
	broken.Value()
}

// again is a type that is in itself: at first as it is, then behind a pointer.
type again struct {
	Plain  holder
	Shared *holder
}

type holder struct{ Of Accumulator[few] }

func TestSharedAccumulatorIsFound(t *testing.T) {
	path, ok := sharedAccumulator(reflect.TypeFor[again](), "again", false, map[reflect.Type]bool{})
	if !ok || path != "again.Shared.Of" {
		t.Errorf("%q, %t", path, ok)
	}
	if path, ok := sharedAccumulator(reflect.TypeFor[struct{ A, B holder }](), "two", false, map[reflect.Type]bool{}); ok {
		t.Errorf("%q is not shared", path)
	}
}

// nosy is a value whose methods look at accumulators, this one's among them.
type nosy struct{ N int64 }

var (
	peek    func() // in the methods
	peeking string // in which of them
	inPeek  = func(at string) {
		if at == peeking {
			peek()
		}
	}
)

func (n nosy) Merge(o nosy) nosy {
	inPeek("Merge")
	return nosy{n.N + o.N}
}

func (n nosy) MarshalBinary() ([]byte, error) {
	inPeek("MarshalBinary")
	return binary.AppendVarint(nil, n.N), nil
}

func (n *nosy) UnmarshalBinary(b []byte) error {
	inPeek("UnmarshalBinary")
	n.N, _ = binary.Varint(b)
	return nil
}

// TestAccumulatorsInTheirOwnMethods are an error: they would wait for themselves.
func TestAccumulatorsInTheirOwnMethods(t *testing.T) {
	defer func() { peeking = "" }()
	caught := func(f func()) (text string) {
		defer func() {
			if v := recover(); v != nil {
				text = fmt.Sprint(v)
			}
		}()
		f()
		return ""
	}
	for _, method := range []string{"Merge", "MarshalBinary", "UnmarshalBinary"} {
		for _, own := range []bool{true, false} {
			peeking = ""
			g := NewGraph(GraphOptions{})
			a, other := NewAccumulator[nosy](g, "a"), NewTotal[int64](g, "other")
			a.Add(nosy{1})
			update := plan.Updates(nil).With(a.id, encoded(t, nosy{2}))
			peek = func() {
				if own {
					a.Value()
				} else {
					other.Value()
				}
			}
			peeking = method
			g.Running(1, delivery(t, true, 0, update))
			if all := g.Shown(); len(all) != 2 || method == "MarshalBinary" && !strings.Contains(all[0].Value, "Value of accumulator") {
				t.Errorf("%s is shown as %v", method, all)
			}
			if text := caught(func() { a.Value() }); method != "Merge" && !strings.Contains(text, "in a Merge or a marshaler") {
				t.Errorf("%s: Value gives %q", method, text)
			}
			if text := caught(func() { a.Add(nosy{3}) }); method == "Merge" && !strings.Contains(text, "in a Merge or a marshaler") {
				t.Errorf("%s: Add gives %q", method, text)
			}
			g.Ended(1, delivery(t, true, 0, update))
			if text := fmt.Sprint(g.Settle(), caught(func() { a.Value() })); !strings.Contains(text, "in a Merge or a marshaler") {
				t.Errorf("%s: %s", method, text)
			}
			peeking = ""
			if n := other.Value(); n != 0 {
				t.Errorf("other is %d", n)
			}
		}
	}
}
