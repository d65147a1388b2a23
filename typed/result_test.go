package typed_test

import (
	"errors"
	"iter"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// allocated is how many bytes f takes from the heap, given back or not.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestAllReadsBlockByBlock: a partition is never in memory as a whole.
func TestAllReadsBlockByBlock(t *testing.T) {
	s := open(t, typed.Options{})
	const rows = 4 << 20
	large := s.Range(rows, typed.Partitions(1)).Map(func(i int64) int64 { return i << 40 })
	n := int64(0)
	bytes := allocated(func() {
		for row, err := range large.All(ctx) {
			if err != nil || row != n<<40 {
				t.Fatalf("row %d: got %d, %v", n, row, err)
			}
			n++
		}
	})
	if n != rows || bytes > 4*rows {
		t.Errorf("%d rows took %d bytes, want a few of all %d", n, bytes, 8*rows)
	}
}

// TestParallelizeWritesInPieces: the rows are not in memory once more.
func TestParallelizeWritesInPieces(t *testing.T) {
	s := open(t, typed.Options{})
	rows := make([]int64, 8<<20)
	for i := range rows {
		rows[i] = int64(i) << 40
	}
	var r typed.RDD[int64]
	if bytes, of := allocated(func() { r = s.Parallelize(rows, 3) }), int64(8*len(rows)); bytes > of/2 {
		t.Errorf("%d bytes were allocated for rows of %d", bytes, of)
	}
	n := 0
	for row, err := range r.All(ctx) {
		if err != nil || row != rows[n] {
			t.Fatalf("row %d: got %d, %v", n, row, err)
		}
		n++
	}
	if n != len(rows) {
		t.Errorf("%d rows", n)
	}
}

// TestAllStaysNearTheLoop: a slow loop has a few partitions before it, and not
// all of them.
func TestAllStaysNearTheLoop(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	var ran atomic.Int64
	each := s.Range(200, typed.Partitions(200)).MapPartitions(func(_ *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
		ran.Add(1)
		return rows
	})
	n := int64(0)
	for row, err := range each.All(ctx) {
		if err != nil || row != n {
			t.Fatalf("got %d, %v, want %d", row, err, n)
		}
		if n++; n%50 == 1 {
			if got, err := s.Range(100, typed.Partitions(20)).Count(ctx); err != nil || got != 100 {
				t.Errorf("an action in the loop: %d, %v", got, err)
			}
		}
		if ran.Load() > row+4*2 {
			t.Fatalf("%d partitions were computed when the loop had row %d", ran.Load(), row)
		}
	}
	if n != 200 {
		t.Errorf("%d rows", n)
	}
}

// TestAllOfALoopThatPanics ends what was on its way to the loop.
func TestAllOfALoopThatPanics(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	var ran atomic.Int64
	r := s.Range(100, typed.Partitions(100)).MapPartitions(func(t *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
		if ran.Add(1); t.Partition() > 0 {
			<-t.Done()
		}
		return rows
	})
	func() {
		defer func() { _ = recover() }()
		for _, err := range r.All(ctx) {
			panic(err)
		}
	}()
	after := ran.Load()
	if n, err := s.Range(10).Count(ctx); err != nil || n != 10 || ran.Load() != after {
		t.Errorf("count %d, %v; %d partitions after the loop", n, err, ran.Load()-after)
	}
}

// explosive can travel in one direction only.
type explosive struct{ N int }

func (explosive) MarshalBinary() ([]byte, error) { return []byte{1}, nil }

func (*explosive) UnmarshalBinary([]byte) error { panic("unpacked") }

// TestRowsThatCannotBeUnpacked are an error of the action that brings them to
// the driver.
func TestRowsThatCannotBeUnpacked(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(3).Map(func(i int64) explosive { return explosive{int(i)} })
	_, err := r.Collect(ctx)
	var stage *plan.StageError
	if !errors.As(err, &stage) || !strings.HasPrefix(err.Error(), "Collect (result_test.go:") || !strings.Contains(err.Error(), "unpacked") {
		t.Errorf("Collect: %v", err)
	}
	if n, err := r.Count(ctx); err != nil || n != 3 {
		t.Errorf("Count: %d, %v", n, err)
	}
}
