package msg

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestKept(t *testing.T) {
	var k Kept
	for i := range 5 {
		k.Keep(i + 1)
	}
	if err := k.Arrived(2); err != nil || k.Len() != 3 {
		t.Errorf("%v, %d left", err, k.Len())
	}
	if err := k.Arrived(1); err != nil || k.Len() != 3 {
		t.Errorf("said late: %v, %d left", err, k.Len())
	}
	if err := k.Arrived(6); err == nil {
		t.Error("more arrived than was sent")
	}
	if ms, err := k.Missing(3); err != nil || !slices.Equal(ms, []any{4, 5}) {
		t.Errorf("missing %v, %v", ms, err)
	}
	if _, err := k.Missing(2); err == nil {
		t.Error("what a peer said that it has is not kept")
	}
	if ms, err := k.Missing(5); err != nil || len(ms) != 0 {
		t.Errorf("missing %v, %v", ms, err)
	}
	if _, err := k.Missing(6); err == nil {
		t.Error("more arrived than was sent")
	}
}

// Whatever streams lose at their ends, all arrives once and in order.
func TestKeptOverManyStreams(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var k Kept
		var got []int
		var wire []any // sent and not received
		for n := 0; n < 200; {
			switch rng.IntN(8) {
			case 0: // the stream breaks
				var err error
				if wire, err = k.Missing(uint64(len(got))); err != nil {
					t.Fatal(err)
				}
			case 1:
				if err := k.Arrived(uint64(len(got))); err != nil {
					t.Fatal(err)
				}
			case 2, 3, 4:
				n++
				k.Keep(n)
				wire = append(wire, n)
			default:
				if len(wire) > 0 {
					got, wire = append(got, wire[0].(int)), wire[1:]
				}
			}
		}
		for _, m := range wire {
			got = append(got, m.(int))
		}
		for i, m := range got {
			if m != i+1 {
				t.Fatalf("message %d is %d", i+1, m)
			}
		}
		if len(got) != 200 {
			t.Fatalf("%d arrived", len(got))
		}
	}
}
