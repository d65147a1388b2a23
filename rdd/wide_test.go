package rdd

import (
	"cmp"
	"fmt"
	"iter"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// TestTablesKeepNoChunks combines one word of each megabyte of text; the heap
// must hold the words and not the text.
func TestTablesKeepNoChunks(t *testing.T) {
	longest := func(a, b string) string {
		if len(b) > len(a) {
			return b
		}
		return a
	}
	for name, test := range map[string]struct {
		op  *Op
		row func(word string) any
	}{
		"Distinct":   {DistinctOp[string](), func(s string) any { return &Rows[string]{Rows: []string{s}} }},
		"DistinctBy": {DistinctByOp(func(s string) string { return s }), func(s string) any { return &Rows[string]{Rows: []string{s}} }},
		"ReduceByKey": {ReduceByKeyOp[string](longest), func(s string) any {
			return &Rows[Pair[string, string]]{Rows: []Pair[string, string]{{Key: s, Value: s}}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := &plan.Plan{}
			spec := &plan.Sink{Part: &plan.Partitioner{N: 2}}
			task := &Task{Context: t.Context(), plan: p, stage: &plan.Stage{}, runner: w.r, spec: &plan.Task{Attempt: "a1", Store: w.dir}}
			s, err := test.op.Parts["map"].(*SinkPart).open(task, spec)
			if err != nil {
				t.Fatal(err)
			}
			defer s.abort()
			before := heap()
			for i := range 150 {
				text := strings.Repeat("word ", 1<<20/5)
				s.feed(test.row(text[:4+i]))
			}
			if held := heap() - before; held > 64<<20 {
				t.Errorf("150 rows hold %d MiB", held>>20)
			}
		})
	}
}

// heap is what is in use of it.
func heap() int64 {
	for range 3 { // what pools and cleanups of earlier tests hold goes later
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestOwning: results are the same, and no accumulator lies in a value.
func TestOwning(t *testing.T) {
	type rec struct {
		Name string
		N    int
		Last string
	}
	f := shuffle.Combine[rec, rec]{
		Init: func(acc *rec, v rec) { *acc = v },
		Add:  func(acc *rec, v rec) { acc.N, acc.Last = acc.N+v.N, v.Last[1:] },
		AddBatch: func(slots []*rec, vals []rec) {
			for i, v := range vals {
				slots[i].N, slots[i].Last = slots[i].N+v.N, v.Last[1:]
			}
		},
	}
	own := owning(f)
	fields, _ := weight.Strings(reflect.TypeFor[rec]())
	inside := func(acc *rec, v *rec) bool { return borrows(unsafe.Pointer(acc), fields, unsafe.Pointer(v), fields) }
	var plain, owned rec
	v := rec{"name of the record", 1, "last of the record"}
	f.Init(&plain, v)
	own.Init(&owned, v)
	if owned != plain || inside(&owned, &v) || !inside(&plain, &v) {
		t.Errorf("got %+v, want a copy of %+v", owned, plain)
	}
	w := rec{"other", 2, "text"}
	own.Add(&owned, w)
	f.Add(&plain, w)
	if owned != plain || inside(&owned, &w) {
		t.Errorf("got %+v, want a copy of %+v", owned, plain)
	}
	vals := []rec{{"x", 3, "first"}, {"y", 4, "second"}}
	own.AddBatch([]*rec{&owned, &owned}, vals)
	f.AddBatch([]*rec{&plain, &plain}, vals)
	if owned != plain || inside(&owned, &vals[1]) {
		t.Errorf("got %+v, want a copy of %+v", owned, plain)
	}
	// Numbers cost nothing: the functions stay as they are.
	sum := shuffle.Combine[int, int]{Init: func(acc *int, v int) { *acc = v }}
	if reflect.ValueOf(owning(sum).Init).Pointer() != reflect.ValueOf(sum.Init).Pointer() {
		t.Error("numbers are copied")
	}
}

// TestJoins compares all joins with nested loops.
func TestJoins(t *testing.T) {
	type kv = Pair[int, int]
	rng := rand.New(rand.NewPCG(13, 14))
	some := func() []kv {
		rows := make([]kv, rng.IntN(40))
		for i := range rows {
			rows[i] = kv{Key: rng.IntN(15), Value: 1 + rng.IntN(9)}
		}
		return rows
	}
	deref := func(p *int) int {
		if p == nil {
			return 0
		}
		return *p
	}
	code := func(v, w int) int { return v*100 + w }
	ops := map[string]struct {
		op          *Op
		left, right bool // sides that are kept without a partner
	}{
		"Join":           {JoinOp[int](code), false, false},
		"LeftOuterJoin":  {LeftOuterJoinOp[int](func(v int, w *int) int { return code(v, deref(w)) }), true, false},
		"RightOuterJoin": {RightOuterJoinOp[int](func(v *int, w int) int { return code(deref(v), w) }), false, true},
		"FullOuterJoin":  {FullOuterJoinOp[int](func(v, w *int) int { return code(deref(v), deref(w)) }), true, true},
		"CoGroup": {CoGroupOp(func(_ int, left, right iter.Seq[int]) iter.Seq[int] {
			return func(yield func(int) bool) {
				for v := range left {
					for w := range right {
						if !yield(code(v, w)) {
							return
						}
					}
				}
			}
		}), false, false},
	}
	for name, test := range ops {
		t.Run(name, func(t *testing.T) {
			for range 10 {
				left, right := some(), some()
				var want []kv
				rightSeen := make([]bool, len(right))
				for _, l := range left {
					found := false
					for i, r := range right {
						if l.Key == r.Key {
							found, rightSeen[i] = true, true
							want = append(want, kv{Key: l.Key, Value: code(l.Value, r.Value)})
						}
					}
					if !found && test.left {
						want = append(want, kv{Key: l.Key, Value: code(l.Value, 0)})
					}
				}
				for i, r := range right {
					if !rightSeen[i] && test.right {
						want = append(want, kv{Key: r.Key, Value: code(0, r.Value)})
					}
				}
				w := newWorld(t)
				by := wide("left", "right")
				by.Post = true
				got := collect[kv](w, slice(w, 3, left...).Wide(test.op, here(), by, slice(w, 2, right...)))
				order := func(a, b kv) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Value, b.Value)) }
				slices.SortFunc(got, order)
				slices.SortFunc(want, order)
				if !slices.Equal(got, want) {
					t.Fatalf("got %v, want %v", got, want)
				}
			}
		})
	}
}

// TestByKey compares what is combined and grouped with maps.
func TestByKey(t *testing.T) {
	w := newWorld(t)
	rng := rand.New(rand.NewPCG(15, 16))
	rows := make([]Pair[string, int], 3000)
	want := map[string][]int{}
	for i := range rows {
		rows[i] = Pair[string, int]{Key: fmt.Sprint(rng.IntN(100)), Value: i}
		want[rows[i].Key] = append(want[rows[i].Key], i)
	}
	sum := func(values []int) (n int) {
		for _, v := range values {
			n += v
		}
		return n
	}
	grouped := wide("map")
	grouped.Post = true
	source := slice(w, 4, rows...)
	for name, test := range map[string]struct {
		op   *Op
		by   Wide
		want func(values []int) int
	}{
		"ReduceByKey":    {ReduceByKeyOp[string](func(a, b int) int { return a + b }), wide("map"), sum},
		"CombineByKey":   {CombineByKeyOp[string](func(v int) int { return v }, func(c, v int) int { return c + v }, func(a, b int) int { return a + b }), wide("map"), sum},
		"AggregateByKey": {AggregateByKeyOp[string](func() int { return 0 }, func(a *int, v int) { *a += v }, func(a, b *int) { *a += *b }), wide("map"), sum},
		"GroupByKey":     {GroupByKeyOp(func(_ string, values iter.Seq[int]) int { return sum(slices.Collect(values)) }), grouped, sum},
		"FlatMapGroups": {FlatMapGroupsOp(func(k string, values iter.Seq[int]) iter.Seq[Pair[string, int]] {
			return slices.Values([]Pair[string, int]{{Key: k, Value: sum(slices.Collect(values))}})
		}), grouped, sum},
		"PartitionBy, then reduced where it is": {nil, wide("map"), sum},
	} {
		t.Run(name, func(t *testing.T) {
			n := source
			if test.op == nil {
				n = source.Wide(PartitionByOp[string, int](), here(), wide("map")).
					Wide(ReduceByKeyOp[string](func(a, b int) int { return a + b }), here(), wide("map"))
			} else {
				n = n.Wide(test.op, here(), test.by)
			}
			got := collect[Pair[string, int]](w, n)
			if len(got) != len(want) {
				t.Fatalf("%d keys, want %d", len(got), len(want))
			}
			for _, p := range got {
				if p.Value != test.want(want[p.Key]) {
					t.Errorf("key %s: got %d, want %d", p.Key, p.Value, test.want(want[p.Key]))
				}
			}
		})
	}
	distinct := collect[string](w, source.Narrow(KeysOp[string, int](), here(), false).Wide(DistinctOp[string](), here(), wide("map")))
	slices.Sort(distinct)
	if len(slices.Compact(distinct)) != len(want) {
		t.Errorf("%d distinct keys, want %d", len(distinct), len(want))
	}
	firsts := collect[Pair[string, int]](w, source.Wide(DistinctByOp(func(p Pair[string, int]) string { return p.Key }), here(), wide("map")))
	for _, p := range firsts {
		if p.Value != want[p.Key][0] {
			t.Errorf("key %s: got %d, want the first, %d", p.Key, p.Value, want[p.Key][0])
		}
	}
	spread := Wide{Kind: plan.RoundRobinPartitioner, N: 7, Sinks: []string{"map"}}
	parts := partitions[Pair[string, int]](w, w.act(source.Wide(RepartitionOp[Pair[string, int]](), here(), spread), Action{Op: CollectOp[Pair[string, int]](), Call: here()}))
	total := 0
	for i, p := range parts {
		total += len(p)
		if len(p) < 400 || len(p) > 460 {
			t.Errorf("partition %d of 7 has %d of 3000 rows", i, len(p))
		}
	}
	if total != 3000 {
		t.Errorf("%d rows", total)
	}
}

// TestNarrow runs every operator that takes rows one by one.
func TestNarrow(t *testing.T) {
	type kv = Pair[string, int]
	w := newWorld(t)
	words := slice(w, 2, "a", "bb", "ccc")
	pairs := words.Narrow(MapToPairOp(func(s string) (string, int) { return s, len(s) }), here(), false)
	twice := func(s string) iter.Seq[string] { return slices.Values([]string{s, s}) }
	show := func(k string, v int) string { return fmt.Sprint(k, v) }
	both := func(k string, v int) iter.Seq2[int, string] {
		return func(yield func(int, string) bool) { _ = yield(v, k) && yield(-v, k) }
	}
	for name, test := range map[string]struct {
		of   *Node
		op   *Op
		want string
	}{
		"Map":               {words, MapOp(strings.ToUpper), "A BB CCC"},
		"Filter":            {words, FilterOp(func(s string) bool { return s != "bb" }), "a ccc"},
		"FlatMap":           {words, FlatMapOp(twice), "a a bb bb ccc ccc"},
		"TryMap":            {words, TryMapOp(func(s string) (string, error) { return s, nil }), "a bb ccc"},
		"TryFlatMap":        {words, TryFlatMapOp(func(s string) (iter.Seq[string], error) { return twice(s), nil }), "a a bb bb ccc ccc"},
		"MapPartitions":     {words, MapPartitionsOp(passOn[string]), "a bb ccc"},
		"Keys":              {pairs, KeysOp[string, int](), "a bb ccc"},
		"pairs' Map":        {pairs, PairMapOp(show), "a1 bb2 ccc3"},
		"pairs' TryMap":     {pairs, PairTryMapOp(func(k string, v int) (string, error) { return show(k, v), nil }), "a1 bb2 ccc3"},
		"pairs' FlatMap":    {pairs, PairFlatMapOp(func(k string, v int) iter.Seq[string] { return twice(k) }), "a a bb bb ccc ccc"},
		"pairs' TryFlatMap": {pairs, PairTryFlatMapOp(func(k string, v int) (iter.Seq[string], error) { return twice(k), nil }), "a a bb bb ccc ccc"},
		"pairs' MapPartitions": {pairs, PairMapPartitionsOp(func(_ *Task, rows iter.Seq2[string, int]) iter.Seq[string] {
			return func(yield func(string) bool) {
				for k, v := range rows {
					if !yield(show(k, v)) {
						return
					}
				}
			}
		}), "a1 bb2 ccc3"},
	} {
		if got := strings.Join(collect[string](w, test.of.Narrow(test.op, here(), false)), " "); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
	for name, test := range map[string]struct {
		of   *Node
		op   *Op
		want string
	}{
		"KeyBy":                {words, KeyByOp(func(s string) int { return len(s) }), "{1 a} {2 bb} {3 ccc}"},
		"TryMapToPair":         {words, TryMapToPairOp(func(s string) (int, string, error) { return len(s), s, nil }), "{1 a} {2 bb} {3 ccc}"},
		"FlatMapToPair":        {words, FlatMapToPairOp(func(s string) iter.Seq2[int, string] { return both(s, len(s)) }), "{1 a} {-1 a} {2 bb} {-2 bb} {3 ccc} {-3 ccc}"},
		"pairs' MapToPair":     {pairs, PairMapToPairOp(func(k string, v int) (int, string) { return v, k }), "{1 a} {2 bb} {3 ccc}"},
		"pairs' TryMapToPair":  {pairs, PairTryMapToPairOp(func(k string, v int) (int, string, error) { return v, k, nil }), "{1 a} {2 bb} {3 ccc}"},
		"pairs' FlatMapToPair": {pairs, PairFlatMapToPairOp(both), "{1 a} {-1 a} {2 bb} {-2 bb} {3 ccc} {-3 ccc}"},
	} {
		got := fmt.Sprint(collect[Pair[int, string]](w, test.of.Narrow(test.op, here(), false)))
		if got != "["+test.want+"]" {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
	got := collect[kv](w, pairs.Narrow(PairFilterOp(func(k string, v int) bool { return v > 1 }), here(), true).
		Narrow(MapValuesOp[string](func(v int) int { return v * v }), here(), true))
	if fmt.Sprint(got) != "[{bb 4} {ccc 9}]" {
		t.Errorf("got %v", got)
	}
}
