package shuffle

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
)

func TestSortKeysIsStable(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		ks := make([]sortKey, r.IntN(5000))
		width := r.IntN(65)
		for i := range ks {
			p := r.Uint64() >> min(63, 64-min(width, 64))
			if seed%3 == 0 {
				p >>= r.IntN(64)
			}
			ks[i] = sortKey{p, uint32(i)}
		}
		want := slices.Clone(ks)
		slices.SortStableFunc(want, func(a, b sortKey) int {
			switch {
			case a.p < b.p:
				return -1
			case a.p > b.p:
				return 1
			}
			return 0
		})
		sortKeys(ks, make([]sortKey, len(ks)))
		if !slices.Equal(ks, want) {
			t.Fatalf("seed %d: %d keys of %d bits are not in order", seed, len(ks), width)
		}
	}
}

func TestInsertionSortGivesUp(t *testing.T) {
	near, far := make([]sortKey, 1000), make([]sortKey, 1000)
	for i := range near {
		near[i].p, far[i].p = uint64(i^1), uint64(1000-i)
	}
	if !insertionSort(near, 1000) || insertionSort(far, 1000) {
		t.Error("nearly sorted keys are to be sorted, others not")
	}
}

func TestCountingSort(t *testing.T) {
	parts := []uint32{2, 0, 2, 1, 0}
	counts, order := countingSort(parts, 4, nil, nil)
	if want := []uint32{1, 4, 3, 0, 2}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if want := []uint32{2, 3, 5, 5}; !slices.Equal(counts, want) {
		t.Errorf("ends %v, want %v", counts, want)
	}
}

func TestRowsPerKeyPredictsTheEnd(t *testing.T) {
	for _, tt := range []struct {
		name         string
		domain, rows float64 // keys that there are, rows of the task
		want         float64
	}{
		{"keys repeat often", 100_000, 12_500_000, 125},
		{"keys repeat", 1_000_000, 12_500_000, 12.5},
		{"keys hardly repeat", 10_000_000, 12_500_000, 1.75},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// rows that show so many keys
			rows := func(keys float64) float64 { return -tt.domain * math.Log1p(-keys/tt.domain) }
			look := func(keys float64) sight { return sight{keys, rows(keys)} }
			for _, got := range []float64{
				look(firstLook).rowsPerKey(sight{}, tt.rows),
				look(2*firstLook).rowsPerKey(look(firstLook), tt.rows),
			} {
				if math.Abs(got-tt.want) > tt.want/20 {
					t.Errorf("got %.2f, want about %.2f", got, tt.want)
				}
			}
		})
	}
	if got := (sight{1000, 1000}).rowsPerKey(sight{}, 1_000_000); got > 1.01 {
		t.Errorf("keys that never repeated: got %v", got)
	}
	if got := (sight{10, 1000}).rowsPerKey(sight{}, 100_000); got < 9_000 {
		t.Errorf("all keys seen: got %v", got)
	}
}

func TestRowsPerKeyOfKeysDrawn(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 9))
		zipf := rand.NewZipf(r, 1.05, 20, 1<<22)
		for _, tt := range []struct {
			name        string
			draw        func() uint64
			all         float64
			least, most float64
		}{
			{"even", func() uint64 { return r.Uint64N(1_000_000) }, 50_000_000, 12, 60},
			{"a few of them often", zipf.Uint64, 1_000_000, 1, 7},
			{"a few of them often, and many rows", zipf.Uint64, 200_000_000, 15, 400},
		} {
			seen, before := map[uint64]bool{}, sight{}
			rows, ratio := 0.0, 0.0
			for look := firstLook; look <= 2*firstLook; look *= 2 {
				for len(seen) < look {
					seen[tt.draw()] = true
					rows++
				}
				now := sight{float64(look), rows}
				ratio, before = now.rowsPerKey(before, tt.all), now
			}
			if ratio < tt.least || ratio > tt.most {
				t.Errorf("%s: %.1f rows a key, want from %.0f to %.0f", tt.name, ratio, tt.least, tt.most)
			}
		}
	}
}

func TestTableSeedsDiffer(t *testing.T) {
	seen := map[uint64]Config{}
	for _, c := range []Config{{}, {Map: 1}, {Map: 2}, {Reduce: 1}, {Shuffle: 1}, {Seed: 1}, {TableSeed: 1}, {TableSeed: 2}} {
		for _, role := range []uint64{roleCombine, roleReduce} {
			s := c.tableSeed(role)
			if other, taken := seen[s]; taken || s == c.Seed {
				t.Errorf("%+v has the seed of %+v or of its partitions", c, other)
			}
			seen[s] = c
			if again := c.tableSeed(role); again != s {
				t.Errorf("%+v has the seeds %x and %x", c, s, again)
			}
		}
	}
	for i := range uint64(64) { // small differences reach all bits
		if n := bits.OnesCount64(mix(0, i) ^ mix(0, i+1)); n < 12 {
			t.Errorf("seeds %d and %d differ in %d bits", i, i+1, n)
		}
	}
}

func TestPartitionUsesAllPartitions(t *testing.T) {
	for _, n := range []uint64{1, 3, 4096} {
		if first, last := partition(0, n), partition(math.MaxUint64, n); first != 0 || last != uint32(n-1) {
			t.Errorf("%d partitions: %d to %d", n, first, last)
		}
	}
}

func TestShare(t *testing.T) {
	m := NewMemory(1000)
	a := m.Open("task")
	s := share{account: a, limit: 300}
	if s.fair() != 300 || !s.grow(300) || s.grow(1) {
		t.Error("a share keeps to its limit")
	}
	if !s.growOr(50, 400) || s.growOr(100, 400) || s.used != 350 {
		t.Errorf("by force up to the least only: %d", s.used)
	}
	s.shrink(100)
	if a.Used() != 250 {
		t.Errorf("the account holds %d", a.Used())
	}
	s.release()
	if a.Used() != 0 {
		t.Errorf("the account still holds %d", a.Used())
	}
	if none := (&share{}); none.fair() != math.MaxInt64 || !none.grow(1<<40) {
		t.Error("no account has no limit")
	}
	s.force(10)
	a.Close()
	s.release() // after the task closed its account
}

func TestAccountMisuse(t *testing.T) {
	for name, f := range map[string]func(a *Account){
		"giving back too much": func(a *Account) { a.Shrink(1) },
		"use after Close":      func(a *Account) { a.Close(); a.Force(1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("went unnoticed")
				}
			}()
			f(NewMemory(10).Open("task"))
		})
	}
}

func TestRowStore(t *testing.T) {
	a := NewMemory(1 << 20).Open("task")
	mem := share{account: a}
	s := newRowStore(&mem, Config{}, typeOf[string](t), 8)
	rows := make([]string, 100)
	for i := range rows {
		rows[i] = string(make([]byte, 1000))
	}
	kept := 0
	for {
		n := s.add(codec.RowsOf(rows))
		if kept += n; n < len(rows) {
			break
		}
	}
	if kept < 500 || a.Used() > 1<<20 || s.bytes() > a.Used() {
		t.Errorf("%d rows kept, %d bytes used, %d counted", kept, a.Used(), s.bytes())
	}
	if got := *(*string)(s.row(uint32(kept - 1))); len(got) != 1000 {
		t.Errorf("the last row has %d bytes", len(got))
	}
	s.clear()
	if n := s.add(codec.RowsOf(rows)); n != len(rows) {
		t.Errorf("%d rows kept after clear", n)
	}
	s.free()
	if a.Used() != 0 {
		t.Errorf("%d bytes held after free", a.Used())
	}
	if s.add(codec.RowsOf([]string{string(make([]byte, 2<<20))})) != 1 {
		t.Error("a first row is kept whatever its size")
	}
}
