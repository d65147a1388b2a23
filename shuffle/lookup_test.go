package shuffle

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// lookedUp joins rows with a small side, with all of it in memory or piece by piece.
func lookedUp[K comparable](t *testing.T, cfg Config, outer bool, rows []codec.Pair[K, string], small []codec.Pair[K, int64], pieces bool) (got []string) {
	t.Helper()
	f := Found{Outer: outer}
	var err error
	if f.Keys, err = codec.KeyTypeOf[K](); err == nil {
		if f.Row, err = codec.PairTypeOf[K, string](); err == nil {
			f.Small, err = codec.PairTypeOf[K, int64]()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	visit := func(row, value unsafe.Pointer) bool {
		p := (*codec.Pair[K, string])(row)
		found := "none"
		if value != nil {
			found = fmt.Sprint(*(*int64)(value))
		}
		got = append(got, fmt.Sprint(p.Key, p.Value, found))
		return true
	}
	if pieces {
		if err := JoinPieces(cfg, f, inBatches(rows), inBatches(small), visit); err != nil {
			t.Fatal(err)
		}
		return got
	}
	l, err := NewLookup(cfg, f.Keys, f.Small, inBatches(small))
	if err != nil || l == nil {
		t.Fatal(l, err)
	}
	defer l.Close()
	if err := inBatches(rows)(func(rows codec.Rows) bool { return l.Join(rows, f.Row, outer, visit) }); err != nil {
		t.Fatal(err)
	}
	return got
}

// inBatches gives rows a few at a time.
func inBatches[T any](rows []T) RawStream {
	return func(yield func(codec.Rows) bool) error {
		for part := range slices.Chunk(rows, 100) {
			if !yield(codec.RowsOf(slices.Clone(part))) {
				return nil
			}
		}
		return nil
	}
}

func lookups[K comparable](t *testing.T, key func(int) K) {
	for _, n := range []struct{ rows, small, keys int }{{0, 0, 1}, {50, 0, 9}, {0, 50, 9}, {700, 1, 5}, {1200, 400, 800}, {200, 150, 3}, {300, 40, 1}} {
		r := rand.New(rand.NewPCG(uint64(n.rows), uint64(n.small)))
		rows, small := make([]codec.Pair[K, string], n.rows), make([]codec.Pair[K, int64], n.small)
		for i := range rows {
			rows[i] = codec.Pair[K, string]{Key: key(r.IntN(n.keys)), Value: fmt.Sprint(" ", i, " ")}
		}
		for i := range small {
			small[i] = codec.Pair[K, int64]{Key: key(r.IntN(n.keys) + n.keys/3), Value: int64(i)}
		}
		for _, outer := range []bool{false, true} {
			want := []string{}
			for _, row := range rows {
				alone := true
				for _, s := range small {
					if s.Key == row.Key {
						alone = false
						want = append(want, fmt.Sprint(row.Key, row.Value, s.Value))
					}
				}
				if alone && outer {
					want = append(want, fmt.Sprint(row.Key, row.Value, "none"))
				}
			}
			for _, limit := range []int64{0, 1 << 20, 200 << 10, 20 << 10, 1} {
				cfg, done := accountOf(t, limit)
				if limit == 0 {
					if got := lookedUp(t, cfg, outer, rows, small, false); !slices.Equal(got, want) {
						t.Errorf("%v, outer %t: got %d %.200q, want %d %.200q", n, outer, len(got), got, len(want), want)
					}
				}
				if got := lookedUp(t, cfg, outer, rows, small, true); !slices.Equal(got, want) {
					t.Errorf("%v, outer %t, in pieces with %d bytes: got %d %.200q, want %d %.200q", n, outer, limit, len(got), got, len(want), want)
				}
				done()
			}
		}
	}
}

// accountOf configures a join with so much memory; 0: no limit.
func accountOf(t *testing.T, limit int64) (cfg Config, done func()) {
	if limit == 0 {
		return Config{Seed: 7}, func() {}
	}
	m := NewMemory(limit)
	a := m.Open("join")
	return Config{Seed: 7, Mem: a}, func() {
		if used := a.Used(); used != 0 {
			t.Errorf("%d bytes of %d are still held", used, limit)
		}
		a.Close()
	}
}

func TestLookup(t *testing.T) {
	t.Run("numbers", func(t *testing.T) { lookups(t, func(i int) int64 { return int64(i) - 2 }) })
	t.Run("small numbers", func(t *testing.T) { lookups(t, func(i int) int16 { return int16(i) - 2 }) })
	t.Run("texts", func(t *testing.T) {
		lookups(t, func(i int) string { return strings.Repeat("ab", i%30) + fmt.Sprint(i) })
	})
	t.Run("structs", func(t *testing.T) { lookups(t, func(i int) [2]int32 { return [2]int32{int32(i % 5), int32(i)} }) })
}

// TestLookupEndsEarly stops when no more is wanted, and gives errors of either side on.
func TestLookupEndsEarly(t *testing.T) {
	keys, _ := codec.KeyTypeOf[int64]()
	pair, _ := codec.PairTypeOf[int64, int64]()
	rows := make([]codec.Pair[int64, int64], 1000)
	broken := errors.New("broken")
	failing := func(yield func(codec.Rows) bool) error {
		yield(codec.RowsOf(rows[:5]))
		return broken
	}
	if l, err := NewLookup(Config{}, keys, pair, failing); l != nil || !errors.Is(err, broken) {
		t.Error(l, err)
	}
	f := Found{Keys: keys, Row: pair, Small: pair}
	for _, sides := range [][2]RawStream{{failing, inBatches(rows)}, {inBatches(rows), failing}} {
		if err := JoinPieces(Config{}, f, sides[0], sides[1], func(_, _ unsafe.Pointer) bool { return true }); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	for limit := range 3 {
		n := 0
		cfg, done := accountOf(t, int64(limit))
		err := JoinPieces(cfg, f, inBatches(rows), inBatches(rows), func(_, _ unsafe.Pointer) bool {
			n++
			return n < 1500
		})
		if done(); err != nil || n != 1500 {
			t.Errorf("%d visited, %v", n, err)
		}
	}
}

// TestSharedAccount takes no more than its part, and what is cached before it gives up.
func TestSharedAccount(t *testing.T) {
	m := NewMemory(1000)
	cached := int64(0)
	m.Reclaim(func(n int64) {
		n = min(n, cached)
		cached -= n
		m.Uncache(n)
	})
	for m.Cache(100) {
		cached += 100
	}
	shared, other, task := m.OpenShared("table"), m.OpenShared("another"), m.Open("task")
	if !shared.Grow(200) || other.Grow(100) || !other.Grow(50) || shared.Grow(1) {
		t.Errorf("shared accounts hold %d and %d bytes", shared.Used(), other.Used())
	}
	if !task.Grow(700) {
		t.Error("a task gets nothing beside them")
	}
	shared.Close()
	other.Close()
	other.Close()
	task.Close()
	if m.Used() != cached || !m.Open("whole").Grow(1000) {
		t.Errorf("%d bytes are left, %d of them cached", m.Used(), cached)
	}
}

// TestSharesBesideSharedAccounts: tasks divide what shared accounts leave, which are none
// of those among whom it is divided, and get it back as these give it back.
func TestSharesBesideSharedAccounts(t *testing.T) {
	m := NewMemory(1000)
	a, b := m.Open("a"), m.Open("b")
	fair := func(want int64, when string) {
		t.Helper()
		if a.Fair() != want || b.Fair() != want {
			t.Errorf("%s: tasks may hold %d and %d bytes, want %d", when, a.Fair(), b.Fair(), want)
		}
	}
	fair(500, "alone")
	one, two := m.OpenShared("one"), m.OpenShared("two")
	fair(500, "beside empty ones")
	if !one.Grow(100) || !two.Grow(100) {
		t.Fatal("there is room for both")
	}
	fair(400, "beside both")
	if !a.Grow(400) || a.Grow(1) || !b.Grow(400) || b.Grow(1) {
		t.Errorf("tasks hold %d and %d bytes", a.Used(), b.Used())
	}
	if one.Grow(50) || one.Used() != 100 {
		t.Error("a shared account takes what tasks have")
	}
	two.Shrink(100)
	fair(450, "when one gave its bytes back")
	if !b.Grow(50) || m.Used() != 950 {
		t.Errorf("%d bytes are used", m.Used())
	}
	two.Close()
	fair(450, "when that one was closed")
	one.Close()
	one.Shrink(100) // says nothing after Close
	fair(500, "when both were closed")
	a.Close()
	if b.Fair() != 1000 || m.Used() != 450 {
		t.Errorf("the last task may hold %d bytes, %d are used", b.Fair(), m.Used())
	}
}

// TestSharedAccountsAreCached: what they hold is part of what may be cached, and nobody can
// have it let go of.
func TestSharedAccountsAreCached(t *testing.T) {
	m := NewMemory(1000)
	asked := int64(0)
	m.Reclaim(func(n int64) { asked += n })
	shared := m.OpenShared("table")
	if !shared.Grow(250) || m.Cache(501) || !m.Cache(500) || m.Cache(1) {
		t.Errorf("%d bytes are cached beside it", m.Used()-250)
	}
	other := m.OpenShared("another")
	if other.Grow(1) || asked != 0 {
		t.Errorf("shared accounts hold more than their part, or ask for %d bytes", asked)
	}
	shared.Shrink(1)
	if !m.Cache(1) || other.Grow(1) || asked != 1 {
		t.Errorf("what is cached and stays makes room: asked for %d", asked)
	}
	m.Uncache(1)
	if !other.Grow(1) || m.Used() != 750 {
		t.Errorf("%d bytes are used", m.Used())
	}
}
