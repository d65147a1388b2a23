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
