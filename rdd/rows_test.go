package rdd

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// taken takes batches and keeps what they hold.
type taken[T any] struct {
	rows  []T
	from  []int
	sizes []int
	most  int // rows wanted; 0: all
}

func (k *taken[T]) feed(b any) bool {
	in := b.(*Rows[T])
	for i := range in.Rows {
		k.rows, k.from = append(k.rows, in.Rows[i]), append(k.from, in.fromOf(i))
	}
	k.sizes = append(k.sizes, len(in.Rows))
	return k.most == 0 || len(k.rows) < k.most
}

func TestRowsPushFlush(t *testing.T) {
	var got taken[int]
	parent := 0
	out := newOut[int](&parent, got.feed)
	const n = 10 * BatchRows
	for i := range n {
		parent = i % 777
		if !out.Push(i) && !out.Flush() {
			t.Fatal("ended early")
		}
	}
	if first, again := out.Flush(), out.Flush(); !first || !again {
		t.Error("Flush says that no more rows are wanted")
	}
	if len(got.rows) != n {
		t.Fatalf("got %d rows of %d", len(got.rows), n)
	}
	for i, v := range got.rows {
		if v != i || got.from[i] != i%777 {
			t.Fatalf("row %d: got %d of parent %d", i, v, got.from[i])
		}
	}
	if got.sizes[0] != minRows || slices.Max(got.sizes) != BatchRows || slices.Contains(got.sizes, 0) {
		t.Errorf("batches of %v rows", got.sizes)
	}
}

func TestRowsDone(t *testing.T) {
	got := taken[int]{most: 5}
	out := newOut[int](new(int), got.feed)
	pushed := 0
	for pushed < 1000 {
		pushed++
		if !out.Push(pushed) && !out.Flush() {
			break
		}
	}
	if pushed != minRows || len(got.rows) != minRows {
		t.Errorf("pushed %d, got %d", pushed, len(got.rows))
	}
	// Whatever comes after the end is dropped.
	out.Push(-1)
	if out.Flush() || slices.Contains(got.rows, -1) {
		t.Error("rows after the end are handed on")
	}
}

func TestRowsLimit(t *testing.T) {
	for _, limit := range []int64{1, 2, 15, 16, 17, 100, 5000} {
		var got taken[int]
		out := newOut[int](new(int), got.feed)
		out.limit(limit)
		for i := range 5000 {
			if !out.Push(i) && !out.Flush() {
				t.Fatal("ended early")
			}
		}
		out.Flush()
		if len(got.rows) != 5000 || int64(slices.Max(got.sizes)) > limit {
			t.Errorf("limit %d: %d rows, batches of up to %d", limit, len(got.rows), slices.Max(got.sizes))
		}
	}
}

func TestRowsOfLargeTypes(t *testing.T) {
	type large [1 << 20]byte
	var got taken[large]
	out := newOut[large](new(int), func(b any) bool { got.sizes = append(got.sizes, len(b.(*Rows[large]).Rows)); return true })
	for range 50 {
		if !out.Push(large{}) {
			out.Flush()
		}
	}
	out.Flush()
	if slices.Max(got.sizes) > minRows {
		t.Errorf("batches of %d rows of 1 MiB", slices.Max(got.sizes))
	}
}

// TestRowsRandom pushes rows of random parents through random flushes.
func TestRowsRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var got taken[int]
		parent := 0
		out := newOut[int](&parent, got.feed)
		var want []int
		for i := range rng.IntN(5000) {
			parent = rng.IntN(1 << 20)
			want = append(want, parent)
			if !out.Push(i) || rng.IntN(500) == 0 {
				out.Flush()
			}
		}
		out.Flush()
		if !slices.Equal(got.from, want) {
			t.Fatal("parents differ")
		}
	}
}

func TestRowsInHand(t *testing.T) {
	r := Rows[string]{Rows: []string{"a", "b"}, from: []int32{4, 9}}
	for row, want := range map[int][2]int{-1: {-1, -1}, 0: {0, 4}, 1: {1, 9}, 2: {2, -1}} {
		r.Row = row
		if i, from, _ := r.row(); i != want[0] || from != want[1] {
			t.Errorf("row %d: got %d from %d, want %v", row, i, from, want)
		}
	}
}
