package queue

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBitsIsAnOrderedSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Bits
		model := map[int]bool{}
		top := rapid.SampledFrom([]int{1, 63, 64, 65, 4096, 4097, 300_000}).Draw(t, "top")
		for range rapid.IntRange(1, 200).Draw(t, "ops") {
			i := rapid.IntRange(0, top).Draw(t, "i")
			if rapid.Bool().Draw(t, "add") {
				if got := b.Add(i); got == model[i] {
					t.Fatalf("Add(%d) = %v", i, got)
				}
				model[i] = true
			} else {
				if got := b.Remove(i); got != model[i] {
					t.Fatalf("Remove(%d) = %v", i, got)
				}
				delete(model, i)
			}
			checkBits(t, &b, model, rapid.IntRange(0, top+70).Draw(t, "from"))
		}
	})
}

func checkBits(t *rapid.T, b *Bits, model map[int]bool, from int) {
	var want []int
	for i := range model {
		want = append(want, i)
	}
	slices.Sort(want)
	if b.Len() != len(want) {
		t.Fatalf("Len = %d, want %d", b.Len(), len(want))
	}
	if got, ok := b.Min(); ok != (len(want) > 0) || ok && got != want[0] {
		t.Fatalf("Min = %d, %v, want %v", got, ok, want)
	}
	if got, ok := b.Max(); ok != (len(want) > 0) || ok && got != want[len(want)-1] {
		t.Fatalf("Max = %d, %v, want %v", got, ok, want)
	}
	at, _ := slices.BinarySearch(want, from)
	if got, ok := b.Next(from); ok != (at < len(want)) || ok && got != want[at] {
		t.Fatalf("Next(%d) = %d, %v, of %v", from, got, ok, want)
	}
}

func TestSlotsYieldTheMostFreeFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Slots
		free := make([]int, 200)
		for range rapid.IntRange(1, 100).Draw(t, "ops") {
			w, n := rapid.IntRange(0, 199).Draw(t, "w"), rapid.IntRange(0, 70).Draw(t, "n")
			s.Set(w, n)
			free[w] = n
		}
		var want []int
		total := 0
		for w, n := range free {
			total += n
			if n > 0 {
				want = append(want, w)
			}
			if s.Free(w) != n {
				t.Fatalf("Free(%d) = %d, want %d", w, s.Free(w), n)
			}
		}
		slices.SortStableFunc(want, func(a, b int) int { return free[b] - free[a] })
		got := slices.Collect(s.All)
		if !slices.Equal(got, want) || s.Total() != total || s.Workers() != len(want) {
			t.Fatalf("All = %v, want %v; total %d, want %d", got, want, s.Total(), total)
		}
	})
}

func TestTimersComeInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var q Timers[int]
	type e struct {
		at int64
		v  int
	}
	var want []e
	for i := range 1000 {
		at := r.Int64N(50)
		q.Add(at, i)
		want = append(want, e{at, i})
	}
	slices.SortStableFunc(want, func(a, b e) int { return int(a.at - b.at) })
	if at, ok := q.Next(); !ok || at != want[0].at {
		t.Fatalf("Next = %d, %v", at, ok)
	}
	if _, ok := q.Pop(-1); ok {
		t.Fatal("a value came before its time")
	}
	seen := 0
	for range q.All {
		seen++
	}
	if seen != 1000 {
		t.Fatalf("All yields %d", seen)
	}
	for i, w := range want {
		if v, ok := q.Pop(50); !ok || v != w.v {
			t.Fatalf("Pop %d = %d, %v, want %d", i, v, ok, w.v)
		}
	}
	if _, ok := q.Next(); ok || q.Len() != 0 {
		t.Fatal("values left")
	}
}

func TestLocalSkipsTakenTasks(t *testing.T) {
	var l Local
	taken := map[int32]bool{}
	valid := func(t int32) bool { return !taken[t] }
	for i := range int32(100) {
		l.Push(i%3, i)
		l.Push(7, i)
	}
	if got, ok := l.First(7, valid); !ok || got != 0 {
		t.Fatalf("First = %d, %v", got, ok)
	}
	taken[0], taken[99] = true, true
	if got, ok := l.First(0, valid); !ok || got != 3 {
		t.Fatalf("First = %d, %v, want 3", got, ok)
	}
	if got, ok := l.Last(7, valid); !ok || got != 98 {
		t.Fatalf("Last = %d, %v, want 98", got, ok)
	}
	if _, ok := l.First(5, valid); ok {
		t.Fatal("a name without tasks has one")
	}
	if _, ok := l.Last(5, valid); ok {
		t.Fatal("a name without tasks has a last one")
	}
	for i := range int32(100) {
		taken[i] = true
	}
	for _, n := range []int32{0, 1, 2, 7} {
		if _, ok := l.First(n, valid); ok {
			t.Fatalf("name %d has an untaken task", n)
		}
	}
	if !l.Empty() {
		t.Fatal("empty queues are kept")
	}
	l.Push(1, 1)
	l.Clear()
	if !l.Empty() {
		t.Fatal("Clear leaves something")
	}
}

func TestLocalDoesNotGrowWithUse(t *testing.T) {
	var l Local
	now := int32(0)
	for ; now < 100_000; now++ {
		l.Push(1, now)
		if got, ok := l.First(1, func(t int32) bool { return t >= now }); !ok || got != now {
			t.Fatalf("First = %d", got)
		}
	}
	if n := len(l.queues[1].tasks); n > 100 {
		t.Fatalf("queue holds %d entries", n)
	}
}

func TestSketchQuantiles(t *testing.T) {
	var s Sketch
	if s.Quantile(0.5) != 0 {
		t.Fatal("an empty sketch has a median")
	}
	r := rand.New(rand.NewPCG(3, 4))
	var all []time.Duration
	for range 10_000 {
		d := time.Duration(r.ExpFloat64() * float64(200*time.Millisecond))
		all = append(all, d)
		s.Add(d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.1, 0.5, 0.75, 0.99} {
		want := float64(all[int(q*float64(len(all)))])
		if got := float64(s.Quantile(q)); got < want*0.85 || got > want*1.15 {
			t.Errorf("Quantile(%v) = %v, want %v", q, time.Duration(got), time.Duration(want))
		}
	}
	s.Add(1 << 62)
	s.Add(-1)
	if s.Len() != 10_002 {
		t.Errorf("Len = %d", s.Len())
	}
}
