package typed_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// hotKeysOf adds up the hot keys that a session's joins split.
type hotKeysOf struct {
	mu          sync.Mutex
	keys, parts int64
}

func (h *hotKeysOf) observe(st plan.ActionStatus) {
	if !st.State.Ended() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range st.Stages {
		h.keys += st.Stages[i].Counters.HotKeys
		h.parts += st.Stages[i].Counters.HotParts
	}
}

func (h *hotKeysOf) take() (keys, parts int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	keys, parts = h.keys, h.parts
	h.keys, h.parts = 0, 0
	return keys, parts
}

// shape is how often keys of a side are the hot one: every one of so many rows is not.
type shape struct {
	rows, other int64
}

// skewedJoins compares all joins of two sides, of which some have a hot key, with loops.
func skewedJoins[K comparable](t *testing.T, name string, key func(int64) K, left, right shape, hot bool) {
	t.Run(fmt.Sprint(name, " ", left, " ", right), func(t *testing.T) {
		var found hotKeysOf
		s := open(t, typed.Options{Cores: 6, Observe: found.observe, Closures: true, BroadcastBelow: -1})
		number := func(i int64, of shape, from int64) int64 {
			if i%of.other != 0 {
				return 7
			}
			return i/of.other%20 + from
		}
		lefts := s.Range(left.rows, typed.Partitions(3)).MapToPair(func(i int64) (K, string) { return key(number(i, left, 0)), fmt.Sprint("l", i, " ") })
		rights := s.Range(right.rows, typed.Partitions(2)).MapToPair(func(i int64) (K, int64) { return key(number(i, right, 10)), i })
		rows, err := lefts.Collect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		others, err := rights.Collect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := nested(rows, others)
		for _, bytes := range []int64{0, 1} {
			for kind, got := range joinsOf(t, lefts, rights, typed.SkewJoin(bytes)) {
				if !slices.Equal(got, want[kind]) {
					t.Errorf("%s, hot from %d: got %d rows %.300q, want %d %.300q", kind, bytes, len(got), got, len(want[kind]), want[kind])
				}
			}
			if keys, parts := found.take(); (keys > 0) != (hot && bytes > 0) || parts < 2*keys {
				t.Errorf("hot from %d: %d hot keys in %d parts", bytes, keys, parts)
			}
		}
	})
}

func TestSkewedJoins(t *testing.T) {
	for _, c := range []struct {
		left, right shape
		hot         bool
	}{
		{shape{900, 10}, shape{60, 1}, true},
		{shape{60, 1}, shape{900, 10}, true},
		{shape{400, 10}, shape{300, 5}, true},
		{shape{300, 1 << 40}, shape{100, 1 << 40}, true},
		{shape{0, 1}, shape{300, 10}, true},
		{shape{300, 10}, shape{0, 1}, true},
		{shape{0, 1}, shape{0, 1}, false},
		{shape{300, 1}, shape{200, 1}, false},
	} {
		skewedJoins(t, "numbers", func(i int64) int64 { return i - 3 }, c.left, c.right, c.hot)
		skewedJoins(t, "texts", func(i int64) string { return strings.Repeat("k", int(i)) }, c.left, c.right, c.hot)
		skewedJoins(t, "structs", func(i int64) spot { return spot{i % 7, i / 7} }, c.left, c.right, c.hot)
		skewedJoins(t, "floats", func(i int64) float64 { return float64(i-7) / 2 }, c.left, c.right, c.hot)
	}
}

// TestSkewedJoinOfNaN splits a key that is not equal to itself, and is one key all the same.
func TestSkewedJoinOfNaN(t *testing.T) {
	var found hotKeysOf
	s := open(t, typed.Options{Cores: 6, Observe: found.observe, BroadcastBelow: -1})
	many := s.Range(2000, typed.Partitions(3)).KeyBy(func(i int64) float64 { return math.NaN() })
	few := s.Range(3).KeyBy(func(i int64) float64 { return math.NaN() })
	n, err := many.Join(few, func(v, w int64) int64 { return v + w }, typed.SkewJoin(1)).Count(ctx)
	if keys, parts := found.take(); n != 6000 || err != nil || keys != 1 || parts != 12 {
		t.Errorf("%d rows, %v, %d hot keys in %d parts", n, err, keys, parts)
	}
}
