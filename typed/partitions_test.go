package typed_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

// TestFilterByRangeReadsLittle counts the rows that come out of the partitions that
// are read.
func TestFilterByRangeReadsLittle(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	var read atomic.Int64
	keyed := s.Range(1000, typed.Partitions(4)).KeyBy(func(x int64) int64 { return x * 7 % 1000 })
	for name, opts := range map[string][]typed.SortOption{
		"ascending": {typed.Partitions(10)}, "descending": {typed.Partitions(10), typed.Descending()},
	} {
		sorted := typed.SortByKey(keyed, opts...).MapValues(func(x int64) int64 {
			read.Add(1)
			return x
		})
		for _, span := range [][2]int64{{340, 380}, {-5, 5}, {990, 2000}, {5000, 6000}, {7, 6}} {
			read.Store(0)
			got, err := typed.FilterByRange(sorted, span[0], span[1]).Keys().Collect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			want := max(min(span[1], 999)-max(span[0], 0)+1, 0)
			if int64(len(got)) != want || read.Load() > want+220 {
				t.Errorf("%s: %d keys of %d read from %d to %d, want %d", name, len(got), read.Load(), span[0], span[1], want)
			}
		}
	}
}

// TestFilterByRangeOfKept reads what is kept, and computes nothing again.
func TestFilterByRangeOfKept(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	var made atomic.Int64
	kept := typed.SortByKey(s.Range(1000).KeyBy(func(x int64) int64 { return x * 7 % 1000 }), typed.Partitions(10)).
		MapValues(func(x int64) int64 {
			made.Add(1)
			return x
		}).Cache()
	if n, err := kept.Count(ctx); n != 1000 || err != nil {
		t.Fatal(n, err)
	}
	made.Store(0)
	for range 2 {
		got, err := typed.FilterByRange(kept, 340, 380).Keys().Collect(ctx)
		if err != nil || len(got) != 41 || got[0] != 340 || got[40] != 380 || made.Load() != 0 {
			t.Errorf("%d keys, %v; %d rows were computed again", len(got), err, made.Load())
		}
	}
}

// heavyRow is decoded by itself, which is counted.
type heavyRow struct {
	n int64
	_ [127]int64
}

var heavyRead atomic.Int64

func (h heavyRow) MarshalBinary() ([]byte, error) {
	return append([]byte(nil), byte(h.n), byte(h.n>>8)), nil
}

func (h *heavyRow) UnmarshalBinary(b []byte) error {
	heavyRead.Add(1)
	h.n = int64(b[0]) | int64(b[1])<<8
	return nil
}

// TestCartesianOfManyRows has a right side that does not fit in memory, and reads that
// again for 256 rows of the left one.
func TestCartesianOfManyRows(t *testing.T) {
	const lefts, rights = 600, 20_000
	s := open(t, typed.Options{Cores: 1, Memory: 16 << 20})
	left := s.Range(lefts, typed.Partitions(1))
	right := s.Range(rights, typed.Partitions(1)).Map(func(x int64) heavyRow { return heavyRow{n: x} })
	heavyRead.Store(0)
	var wrong, n int64
	got, err := left.Cartesian(right, func(x int64, y heavyRow) int64 { return x*rights + y.n }).
		Fold(ctx, 0, func(a, v int64) int64 {
			run := n / (rights * 256) // of the left side, all of 256 rows but for the last
			of := min(256, lefts-run*256)
			at := n - run*256*rights
			if v != (run*256+at%of)*rights+at/of && n < lefts*rights {
				wrong++
			}
			n++
			return a + v
		})
	if want := int64(lefts*rights) * (lefts*rights - 1) / 2; got != want || err != nil || wrong > 0 {
		t.Errorf("%d, %v, want %d; %d rows are not at their place", got, err, want, wrong)
	}
	if read := heavyRead.Load(); read < rights || read > 5*rights {
		t.Errorf("%d rows of the right side were decoded, which are %d", read, rights)
	}
}

// TestPartitionFuncErrors: what a partition function cannot be, and what it must not
// give.
func TestPartitionFuncErrors(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	p := s.Range(10).KeyBy(func(x int64) int64 { return x })
	sum := func(a, b int64) int64 { return a + b }
	beyond := typed.PartitionFunc(3, func(k int64) int { return int(k) - 4 })
	for name, c := range map[string]struct {
		p    longs
		says string
	}{
		"below 0":         {p.PartitionBy(beyond), ") places the key "},
		"when it ends":    {p.ReduceByKey(sum, beyond), "give a number from 0 to 2"},
		"of a join":       {p.Join(p, sum, typed.PartitionFunc(2, func(int64) int { return 2 })), "in partition 2: give a number from 0 to 1"},
		"that panics":     {p.PartitionBy(typed.PartitionFunc(2, func(k int64) int { return []int{}[k] })), "index out of range"},
		"of no number":    {p.PartitionBy(typed.PartitionFunc(0, func(int64) int { return 0 })), "0 partitions: give a number"},
		"that is nil":     {p.PartitionBy(typed.PartitionFunc[int64](2, nil)), "the function is nil"},
		"for other keys":  {p.PartitionBy(typed.PartitionFunc(2, func(string) int { return 0 })), "the keys are of type int64, and the partition function takes string"},
		"beside a number": {p.ReduceByKey(sum, typed.Partitions(4), typed.PartitionFunc(2, func(int64) int { return 0 })), "Partitions(4) beside a PartitionFunc of 2 partitions: leave Partitions out"},
		"of a sort":       {typed.RepartitionAndSortWithinPartitions(p, beyond), "give a number from 0 to 2"},
		"beside one":      {typed.RepartitionAndSortWithinPartitions(p, typed.Partitions(4), beyond), "RepartitionAndSortWithinPartitions (partitions_test.go:"},
		"of many, placed": {p.ReduceByKey(sum, typed.PartitionFunc(2_000_000, func(int64) int { return 0 })), "2000000 partitions: give a number"},
	} {
		_, err := c.p.Collect(ctx)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "partitions_test.go:") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := typed.FilterByRange(p.ReduceByKey(sum, beyond), 0, 3).Count(ctx)
	if err == nil || !strings.Contains(err.Error(), "PartitionFunc (partitions_test.go:") {
		t.Errorf("the function is not named: %v", err)
	}
}
