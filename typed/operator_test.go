package typed_test

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/gordd-project/gordd/typed"
)

// glom gives the rows of each partition.
func glom[T any](t *testing.T, r typed.RDD[T]) [][]T {
	t.Helper()
	got, err := r.MapPartitions(func(_ *typed.Task, rows iter.Seq[T]) iter.Seq[string] {
		return slices.Values([]string{fmt.Sprint(len(slices.Collect(rows)))})
	}).Collect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.Collect(ctx)
	if err != nil {
		t.Fatal(err)
	}
	parts := make([][]T, len(got))
	for i, text := range got {
		var n int
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(err)
		}
		parts[i], all = all[:n], all[n:]
	}
	return parts
}

func TestPartitionsBeginAsSparksDo(t *testing.T) {
	s := open(t, typed.Options{})
	for _, n := range []int{0, 1, 2, 5, 10, 1000, 5000} {
		for _, p := range []int{1, 2, 3, 7, 12} {
			rows := make([]int64, n)
			for i := range rows {
				rows[i] = int64(i)
			}
			for name, r := range map[string]typed.RDD[int64]{
				"Parallelize": s.Parallelize(rows, p), "Range": s.Range(int64(n), typed.Partitions(p)),
			} {
				parts := glom(t, r)
				if len(parts) != p {
					t.Fatalf("%s: %d partitions, want %d", name, len(parts), p)
				}
				for i, part := range parts {
					if want := rows[i*n/p : (i+1)*n/p]; name == "Parallelize" && !slices.Equal(part, want) {
						t.Errorf("%s of %d in %d: partition %d is %v, want %v", name, n, p, i, part, want)
					}
				}
				if all := slices.Concat(parts...); !slices.Equal(all, rows) {
					t.Errorf("%s of %d in %d: rows are out of order", name, n, p)
				}
			}
		}
	}
}

func TestParallelizeEncodesAtOnce(t *testing.T) {
	s := open(t, typed.Options{})
	rows := [][]int{{1}, {2}}
	r := s.Parallelize(rows, 0)
	rows[0][0], rows[1] = 9, nil
	if got, err := r.Collect(ctx); err != nil || !gocmp.Equal(got, [][]int{{1}, {2}}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestRangeAtTheEndsOfInt64(t *testing.T) {
	s := open(t, typed.Options{})
	tests := []struct {
		n    int64
		opts []typed.RangeOption
		want []int64 // nil: an error
	}{
		{2, []typed.RangeOption{typed.From(math.MaxInt64 - 1)}, []int64{math.MaxInt64 - 1, math.MaxInt64}},
		{3, []typed.RangeOption{typed.From(math.MaxInt64 - 1)}, nil},
		{2, []typed.RangeOption{typed.From(math.MinInt64 + 1), typed.Step(-1)}, []int64{math.MinInt64 + 1, math.MinInt64}},
		{3, []typed.RangeOption{typed.From(math.MinInt64 + 1), typed.Step(-1)}, nil},
		{2, []typed.RangeOption{typed.From(math.MinInt64), typed.Step(math.MaxInt64)}, []int64{math.MinInt64, -1}},
		{2, []typed.RangeOption{typed.From(0), typed.Step(math.MinInt64)}, []int64{0, math.MinInt64}},
		{2, []typed.RangeOption{typed.From(-1), typed.Step(math.MinInt64)}, nil},
		{3, []typed.RangeOption{typed.Step(0)}, []int64{0, 0, 0}},
		{-1, nil, nil},
		{3, []typed.RangeOption{typed.Partitions(-1)}, nil},
	}
	for i, test := range tests {
		got, err := s.Range(test.n, test.opts...).Collect(ctx)
		if test.want == nil && (err == nil || !strings.Contains(err.Error(), "Range (operator_test.go:")) {
			t.Errorf("%d: got %v, %v, want an error with the line", i, got, err)
		} else if test.want != nil && (err != nil || !slices.Equal(got, test.want)) {
			t.Errorf("%d: got %v, %v, want %v", i, got, err, test.want)
		}
	}
}

func TestUnionKeepsDuplicatesAndOrder(t *testing.T) {
	s := open(t, typed.Options{})
	a, b := s.Parallelize([]int{1, 2}, 2), s.Parallelize([]int{2, 3}, 1)
	u := a.Union(b, a, s.Empty[int](), b.Union(b))
	if got := glom(t, u); !gocmp.Equal(got, [][]int{{1}, {2}, {2, 3}, {1}, {2}, {2, 3}, {2, 3}}) {
		t.Errorf("got %v", got)
	}
	if got := glom(t, a.Union()); !gocmp.Equal(got, [][]int{{1}, {2}}) {
		t.Errorf("union with none: %v", got)
	}
	if got, err := u.Map(func(i int) int { return -i }).Take(ctx, 4); err != nil || !slices.Equal(got, []int{-1, -2, -2, -3}) {
		t.Errorf("Take: %v, %v", got, err)
	}
}

func TestMapPartitionsReadsAsItLikes(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(5000, typed.Partitions(2)).Union(s.Range(0, typed.Partitions(1)))
	count := func(rows iter.Seq[int64]) (n int) {
		for range rows {
			n++
		}
		return n
	}
	tests := map[string]struct {
		f    func(rows iter.Seq[int64]) []int
		want []int
	}{
		"all":     {func(rows iter.Seq[int64]) []int { return []int{count(rows)} }, []int{2500, 2500, 0}},
		"none":    {func(iter.Seq[int64]) []int { return []int{7} }, []int{7, 7, 7}},
		"nothing": {func(iter.Seq[int64]) []int { return nil }, []int{}},
		"stops early": {func(rows iter.Seq[int64]) []int {
			for i := range rows {
				return []int{int(i)}
			}
			return nil
		}, []int{0, 2500}},
		"ranges twice": {func(rows iter.Seq[int64]) []int {
			return []int{count(rows), count(rows)}
		}, []int{2500, 0, 2500, 0, 0, 0}},
		"pulls": {func(rows iter.Seq[int64]) []int {
			next, stop := iter.Pull(rows)
			defer stop()
			i, ok := next()
			j, _ := next()
			if !ok {
				return nil
			}
			return []int{int(i), int(j)}
		}, []int{0, 1, 2500, 2501}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := r.MapPartitions(func(_ *typed.Task, rows iter.Seq[int64]) iter.Seq[int] {
				return slices.Values(test.f(rows))
			}).Collect(ctx)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
}

func TestGroupByKeyReadsAsItLikes(t *testing.T) {
	s := open(t, typed.Options{})
	p := s.Range(3000, typed.Partitions(4)).MapToPair(func(i int64) (int64, int64) { return i % 3, i })
	count := func(values iter.Seq[int64]) (n int) {
		for range values {
			n++
		}
		return n
	}
	tests := map[string]struct {
		f    func(values iter.Seq[int64]) int
		want int
	}{
		"reads all":   {count, 1000},
		"reads none":  {func(iter.Seq[int64]) int { return -1 }, -1},
		"reads twice": {func(values iter.Seq[int64]) int { return 10_000*count(values) + count(values) }, 10_000_000},
		"reads one and then the rest": {func(values iter.Seq[int64]) int {
			for range values {
				break
			}
			return count(values)
		}, 999},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := p.GroupByKey(func(_ int64, values iter.Seq[int64]) int { return test.f(values) }).CollectAsMap(ctx)
			want := map[int64]int{0: test.want, 1: test.want, 2: test.want}
			if err != nil || !gocmp.Equal(got, want) {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
}

// sides are two pair RDDs as slices and as RDDs: keys only left, only right,
// and on both sides once and several times.
func sides(s *typed.Session) (l, r typed.PairRDD[string, int]) {
	split := func(text string) (string, int) { return text[:1], int(text[1] - '0') }
	return s.Parallelize([]string{"a1", "b2", "b3", "c4"}, 3).MapToPair(split),
		s.Parallelize([]string{"b5", "b6", "c7", "d8", "d9"}, 2).MapToPair(split)
}

func TestJoins(t *testing.T) {
	s := open(t, typed.Options{})
	l, r := sides(s)
	tests := map[string]struct {
		got  typed.PairRDD[string, string]
		want string
	}{
		"Join": {
			l.Join(r, func(v, w int) string { return fmt.Sprint(v, w) }), "b=2 5 b=2 6 b=3 5 b=3 6 c=4 7",
		},
		"LeftOuterJoin": {
			l.LeftOuterJoin(r, func(v int, w *int) string { return fmt.Sprint(v, deref(w)) }),
			"a=1none b=25 b=26 b=35 b=36 c=47",
		},
		"RightOuterJoin": {
			l.RightOuterJoin(r, func(v *int, w int) string { return fmt.Sprint(deref(v), w) }),
			"b=25 b=26 b=35 b=36 c=47 d=none8 d=none9",
		},
		"FullOuterJoin": {
			l.FullOuterJoin(r, func(v, w *int) string { return deref(v) + deref(w) }),
			"a=1none b=25 b=26 b=35 b=36 c=47 d=none8 d=none9",
		},
		"CoGroup": {
			l.CoGroup(r, func(k string, vs, ws iter.Seq[int]) iter.Seq[string] {
				v, w, again := slices.Sorted(vs), slices.Sorted(ws), slices.Sorted(ws)
				return slices.Values([]string{fmt.Sprint(v, w, len(again))})
			}),
			"a=[1] [] 0 b=[2 3] [5 6] 2 c=[4] [7] 1 d=[] [8 9] 2",
		},
		"CoGroup reads nothing": {
			l.CoGroup(r, func(k string, _, _ iter.Seq[int]) iter.Seq[string] { return slices.Values([]string{"x", "y"}) }),
			"a=x a=y b=x b=y c=x c=y d=x d=y",
		},
		"Join with itself": {l.Join(l, func(v, w int) string { return fmt.Sprint(v, w) }), "a=1 1 b=2 2 b=2 3 b=3 2 b=3 3 c=4 4"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := pairBag(test.got)
			if text := strings.Join(got.Value.([]string), " "); got.Err != "" || text != test.want {
				t.Errorf("got  %s, %s\nwant %s", text, got.Err, test.want)
			}
		})
	}
}

// TestPlacedJoinsAndCombinations gives the same with and without the shuffles
// that placing saves.
func TestPlacedJoinsAndCombinations(t *testing.T) {
	w := &watch{}
	s := open(t, typed.Options{Observe: w.see})
	l, r := sides(s)
	f := func(v, w *int) string { return deref(v) + deref(w) }
	want := pairBag(l.FullOuterJoin(r, f))
	for name, got := range map[string]typed.PairRDD[string, string]{
		"left":          l.PartitionBy(typed.Partitions(5)).FullOuterJoin(r, f),
		"right":         l.FullOuterJoin(r.PartitionBy(typed.Partitions(5)), f),
		"both":          l.PartitionBy(typed.Partitions(5)).FullOuterJoin(r.PartitionBy(typed.Partitions(5)), f),
		"both, but not": l.PartitionBy(typed.Partitions(5)).FullOuterJoin(r.PartitionBy(typed.Partitions(4)), f),
		"filtered":      l.PartitionBy().Filter(func(string, int) bool { return true }).FullOuterJoin(r.PartitionBy(), f),
	} {
		if diff := gocmp.Diff(want, pairBag(got)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
	placed := l.PartitionBy(typed.Partitions(3))
	got, err := placed.ReduceByKey(func(a, b int) int { return a + b }).
		Join(placed.AggregateByKey(func() int { return 0 }, func(a *int, v int) { *a += v }, func(a, b *int) { *a += *b }),
			func(a, b int) int { return a - b }).CollectAsMap(ctx)
	if err != nil || !gocmp.Equal(got, map[string]int{"a": 0, "b": 0, "c": 0}) {
		t.Errorf("got %v, %v", got, err)
	}
	last := w.actions()[len(w.actions())-1]
	if len(last.Stages) != 2 {
		t.Errorf("%d stages ran, want the shuffle of PartitionBy and the result", len(last.Stages))
	}
}

func TestSorts(t *testing.T) {
	s := open(t, typed.Options{})
	rnd := rand.New(rand.NewPCG(5, 6))
	type row struct{ Key, Seq int }
	for _, shape := range []struct {
		n, keys, in, out int
	}{{0, 1, 1, 3}, {1, 1, 1, 1}, {3, 3, 2, 50}, {5000, 1, 4, 5}, {5000, 3, 3, 7}, {5000, 100_000, 4, 1}, {5000, 100_000, 3, 8}} {
		rows := make([]row, shape.n)
		for i := range rows {
			rows[i] = row{rnd.IntN(shape.keys) - shape.keys/2, i}
		}
		x := s.Parallelize(rows, shape.in)
		parts := typed.Partitions(shape.out)
		up := slices.SortedStableFunc(slices.Values(rows), func(a, b row) int { return cmp.Compare(a.Key, b.Key) })
		down := slices.SortedStableFunc(slices.Values(rows), func(a, b row) int { return cmp.Compare(b.Key, a.Key) })
		key := func(r row) int { return r.Key }
		comparing := func(a, b row) int { return cmp.Compare(a.Key, b.Key) }
		pairs := x.MapToPair(func(r row) (int, int) { return r.Key, r.Seq })
		join := func(k, v int) row { return row{k, v} }
		swapped := x.MapToPair(func(r row) (int, int) { return r.Seq, r.Key })
		back := func(seq, key int) row { return row{key, seq} }
		byValue := func(_, key int) int { return key }
		comparingValues := func(a, b typed.Pair[int, int]) int { return cmp.Compare(a.Value, b.Value) }
		for name, test := range map[string]struct {
			got  typed.RDD[row]
			want []row
		}{
			"SortBy":                       {x.SortBy(key, parts), up},
			"SortBy descending":            {x.SortBy(key, parts, typed.Descending()), down},
			"SortFunc":                     {x.SortFunc(comparing, parts), up},
			"SortFunc descending":          {x.SortFunc(comparing, typed.Descending(), parts), down},
			"SortBy of pairs":              {swapped.SortBy(byValue, parts).Map(back), up},
			"SortBy of pairs descending":   {swapped.SortBy(byValue, parts, typed.Descending()).Map(back), down},
			"SortFunc of pairs":            {swapped.SortFunc(comparingValues, parts).Map(back), up},
			"SortFunc of pairs descending": {swapped.SortFunc(comparingValues, typed.Descending(), parts).Map(back), down},
			"SortByKey":                    {typed.SortByKey(pairs, parts).Map(join), up},
			"SortByKey descending":         {typed.SortByKey(pairs, parts, typed.Descending()).Map(join), down},
		} {
			got, err := test.got.Collect(ctx)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("%+v: %s: %d rows, %v: not as sorted in memory", shape, name, len(got), err)
			}
		}
	}
}

// TestSortComputesOnce: a sort looks at its rows twice, and runs the functions
// behind a shuffle once.
func TestSortComputesOnce(t *testing.T) {
	s := open(t, typed.Options{})
	for name, sorted := range map[string]func(r typed.PairRDD[int64, int64]) typed.RDD[int64]{
		"SortByKey": func(r typed.PairRDD[int64, int64]) typed.RDD[int64] { return typed.SortByKey(r).Keys() },
		"SortBy": func(r typed.PairRDD[int64, int64]) typed.RDD[int64] {
			return r.SortBy(func(k, _ int64) int64 { return k }, typed.Partitions(3)).Keys()
		},
		"of a union": func(r typed.PairRDD[int64, int64]) typed.RDD[int64] {
			return r.Union(s.Empty[int64]().KeyBy(func(n int64) int64 { return n })).Keys().SortFunc(cmp.Compare[int64])
		},
		"twice": func(r typed.PairRDD[int64, int64]) typed.RDD[int64] {
			return typed.SortByKey(r.SortBy(func(k, v int64) int64 { return -k })).Keys()
		},
	} {
		var groups atomic.Int64
		r := s.Range(3000, typed.Partitions(3)).KeyBy(func(n int64) int64 { return n % 1000 }).
			GroupByKey(func(_ int64, values iter.Seq[int64]) int64 {
				groups.Add(1)
				return int64(len(slices.Collect(values)))
			}, typed.Partitions(5))
		for range 2 {
			keys, err := sorted(r).Collect(ctx)
			if err != nil || len(keys) != 1000 || !slices.IsSorted(keys) {
				t.Errorf("%s: %d keys, %v", name, len(keys), err)
			}
		}
		if n := groups.Load(); n != 2000 {
			t.Errorf("%s: the function ran for %d groups in two actions of two sorts, want 2000", name, n)
		}
	}
}

// TestSortSpills sorts more than the session's memory.
func TestSortSpills(t *testing.T) {
	s := open(t, typed.Options{Memory: 16 << 20})
	const n = 200_000
	r := s.Range(n, typed.Partitions(4)).Map(func(i int64) string { return fmt.Sprintf("%0100d", (i*7919)%n) }).SortBy(strings.Clone, typed.Partitions(2))
	last, rows := "", 0
	for text, err := range r.All(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if rows++; text <= last && rows > 1 {
			t.Fatalf("%s comes after %s", text, last)
		}
		last = text
	}
	if rows != n {
		t.Errorf("%d rows", rows)
	}
}

func TestDistinctOfFloats(t *testing.T) {
	s := open(t, typed.Options{})
	nan2 := math.Float64frombits(math.Float64bits(math.NaN()) ^ 1)
	r := s.Parallelize([]float64{0, math.Copysign(0, -1), math.NaN(), nan2, 1, math.Inf(1), math.Inf(-1), 1, math.NaN()}, 3)
	got, err := typed.Distinct(r).SortBy(func(f float64) float64 { return f }).Collect(ctx)
	if text := fmt.Sprint(got); err != nil || strings.ReplaceAll(text, "-0", "0") != "[NaN -Inf 0 1 +Inf]" {
		t.Errorf("got %s, %v", text, err)
	}
	counts, err := r.KeyBy(func(f float64) float64 { return f }).MapValues(func(float64) int { return 1 }).
		ReduceByKey(func(a, b int) int { return a + b }).Map(func(k float64, n int) string { return fmt.Sprint(k+0, "×", n) }).
		SortBy(strings.Clone).Collect(ctx)
	if err != nil || strings.Join(counts, " ") != "+Inf×1 -Inf×1 0×2 1×2 NaN×3" {
		t.Errorf("got %v, %v", counts, err)
	}
}

func TestDistinctByKeepsTheFirst(t *testing.T) {
	s := open(t, typed.Options{})
	r := s.Range(10_000, typed.Partitions(9)).DistinctBy(func(i int64) int64 { return i % 10 })
	got, err := r.SortBy(func(i int64) int64 { return i }).Collect(ctx)
	if err != nil || !slices.Equal(got, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestRepartitionIsEven(t *testing.T) {
	s := open(t, typed.Options{})
	for _, n := range []int{1, 2, 7, 40} {
		parts := glom(t, s.Range(1000, typed.Partitions(3)).Repartition(n))
		if len(parts) != n {
			t.Fatalf("%d partitions, want %d", len(parts), n)
		}
		for i, p := range parts {
			if d := len(p) - 1000/n; d < -3 || d > 3 {
				t.Errorf("partition %d of %d has %d rows", i, n, len(p))
			}
		}
		if all := slices.Sorted(slices.Values(slices.Concat(parts...))); len(all) != 1000 || all[0] != 0 || all[999] != 999 {
			t.Errorf("rows are lost or doubled")
		}
	}
}

// TestNoFusingGivesTheSame is about this package's closures: every operator
// runs on its own either way.
func TestNoFusingGivesTheSame(t *testing.T) {
	var got []result
	for _, o := range []typed.Options{{}, {NoFusing: true}, {Closures: true}, {Cores: 1, Memory: 16 << 20}} {
		s := open(t, o)
		words := s.Range(2000, typed.Partitions(5)).Map(func(i int64) string { return fmt.Sprint("w", i%50, " x", i%7) }).FlatMap(typed.Fields)
		got = append(got, pairBag(words.MapToPair(func(w string) (string, int) { return w, 1 }).ReduceByKey(func(a, b int) int { return a + b })))
	}
	for i := range got {
		if diff := gocmp.Diff(got[0], got[i]); diff != "" || got[i].Err != "" {
			t.Errorf("options %d: %s", i, diff)
		}
	}
}

// TestSortOfTheLeastComparison: all that counts of a comparison is its sign.
func TestSortOfTheLeastComparison(t *testing.T) {
	s := open(t, typed.Options{})
	rows := []int{5, 1, 4, 1, 3, 9, 2, 6}
	extreme := func(a, b int) int {
		switch {
		case a < b:
			return math.MinInt
		case a > b:
			return math.MaxInt
		}
		return 0
	}
	r := s.Parallelize(rows, 3)
	want := slices.Sorted(slices.Values(rows))
	got, err := r.SortFunc(extreme).Collect(ctx)
	if !slices.Equal(got, want) || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	slices.Reverse(want)
	got, err = r.SortFunc(extreme, typed.Descending()).Collect(ctx)
	if !slices.Equal(got, want) || err != nil {
		t.Errorf("descending: got %v, %v", got, err)
	}
	got, err = r.Top(ctx, 3, extreme)
	if !slices.Equal(got, want[:3]) || err != nil {
		t.Errorf("Top: got %v, %v", got, err)
	}
}
