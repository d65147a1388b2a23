package oracle

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/typed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pairs(kv ...any) Data[Pair[string, int]] {
	var rows []Pair[string, int]
	for i := 0; i < len(kv); i += 2 {
		rows = append(rows, Pair[string, int]{Key: kv[i].(string), Value: kv[i+1].(int)})
	}
	return Data[Pair[string, int]]{rows}
}

func upTo(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

func odd(n int) (int, error) {
	if n%2 == 0 {
		return 0, errors.New("even")
	}
	return n, nil
}

func TestOperators(t *testing.T) {
	n := Slice([]int{0, 1, 2, 3, 4}, 2)
	p := pairs("b", 1, "a", 2, "b", 3)
	q := pairs("b", 10, "c", 20)
	sum := func(_ string, values iter.Seq[int]) (sum int) {
		for v := range values {
			sum += v
		}
		return sum
	}
	type side struct{ l, r *int }
	join := func(left, right bool) []string {
		return Must(Pairs(Join(p, q, left, right, func(v, w *int) side { return side{v, w} }).All(), nil))
	}
	for _, test := range []struct {
		name      string
		got, want any
	}{
		{"Slice", n, Data[int]{{0, 1}, {2, 3, 4}}},
		{"Range", Range(4, 5, -2, 3), Data[int64]{{5}, {3}, {1, -1}}},
		{"Map", Map(n, func(n int) int { return n * n }), Data[int]{{0, 1}, {4, 9, 16}}},
		{"TryMap", TryMap(n, odd), Data[int]{{1}, {3}}},
		{"Filter", Filter(n, func(n int) bool { return n > 2 }), Data[int]{nil, {3, 4}}},
		{"FlatMap", FlatMap(n, upTo), Data[int]{{0}, {0, 1, 0, 1, 2, 0, 1, 2, 3}}},
		{"TryFlatMap", TryFlatMap(n, func(n int) (iter.Seq[int], error) { n, err := odd(n); return upTo(n), err }), Data[int]{{0}, {0, 1, 2}}},
		{"MapPartitions", MapPartitions(n, func(_ *typed.Task, rows iter.Seq[int]) iter.Seq[int] {
			return slices.Values([]int{len(slices.Collect(rows))})
		}), Data[int]{{2}, {3}}},
		{"KeyBy", Map(Slice([]int{7}, 1), By(func(int) string { return "k" })), pairs("k", 7)},
		{"MapToPair", Map(Slice([]int{7}, 1), To(func(n int) (string, int) { return "k", n + 1 })), pairs("k", 8)},
		{"Keys", Keys(p), Data[string]{{"b", "a", "b"}}},
		{"Values", Values(p), Data[int]{{1, 2, 3}}},
		{"MapValues", Value(p, func(v int) int { return -v }), pairs("b", -1, "a", -2, "b", -3)},
		{"MapValuesWithKey", ValueWithKey(p, func(k string, v int) int { return v + len(k) }), pairs("b", 2, "a", 3, "b", 4)},
		{"FlatMapValues", FlatValue(p, upTo), pairs("b", 0, "a", 0, "a", 1, "b", 0, "b", 1, "b", 2)},
		{"Union", Union(n, n[:1]), Data[int]{{0, 1}, {2, 3, 4}, {0, 1}}},
		{"Moved", Moved(n), Data[int]{{0, 1, 2, 3, 4}}},
		{"Sort", Sort(p, Key(func(p Pair[string, int]) string { return p.Key }, false)), pairs("a", 2, "b", 1, "b", 3)},
		{"Sort down", Sort(p, Key(func(p Pair[string, int]) string { return p.Key }, true)), pairs("b", 1, "b", 3, "a", 2)},
		{"Combine", Combine(p, func(v int) int { return v }, func(a, b int) int { return a*10 + b }), pairs("b", 13, "a", 2)},
		{"Add", Add(p, func() int { return 100 }, func(a *int, v int) { *a += v }), pairs("b", 104, "a", 102)},
		{"Groups", Groups(p, sum), pairs("b", 4, "a", 2)},
		{"FlatMapGroups", FlatMapGroups(p, func(_ string, vs iter.Seq[int]) iter.Seq[int] { return vs }), Data[int]{{1, 3, 2}}},
		{"CoGroup3", CoGroup3(p, q, q, func(k string, a, b, c iter.Seq[int]) iter.Seq[int] {
			return slices.Values([]int{sum(k, a), sum(k, b), sum(k, c)})
		}), pairs("b", 4, "b", 10, "b", 10, "a", 2, "a", 0, "a", 0, "c", 0, "c", 20, "c", 20)},
		{"CoGroup", CoGroup(p, q, func(k string, l, r iter.Seq[int]) iter.Seq[int] { return slices.Values([]int{sum(k, l), sum(k, r)}) }),
			pairs("b", 4, "b", 10, "a", 2, "a", 0, "c", 0, "c", 20)},
		{"Join", join(false, false), []string{"\"b\"\t{l:&1 r:&10}", "\"b\"\t{l:&3 r:&10}"}},
		{"LeftOuterJoin", join(true, false)[2:], []string{"\"a\"\t{l:&2 r:nil}"}},
		{"RightOuterJoin", join(false, true)[2:], []string{"\"c\"\t{l:nil r:&20}"}},
		{"FullOuterJoin", len(join(true, true)), 4},
		{"First", First(n, func(n int) bool { return n > 1 }), Data[int]{{0, 2}}},
		{"Reduce", Reduce([]int{1, 2, 3}, func(a, b int) int { return a*10 + b }), 123},
		{"Fold", Fold(n, 1, func(a, b int) int { return a + b }), 10 + 3},
		{"Aggregate", Aggregate(n, func() int { return 1 }, func(a *int, n int) { *a += n }), 11},
		{"Count", Count(p), map[string]int64{"a": 1, "b": 2}},
		{"Last", Last(p), map[string]int{"a": 2, "b": 3}},
	} {
		if Show(test.got) != Show(test.want) {
			t.Errorf("%s: got %s, want %s", test.name, Show(test.got), Show(test.want))
		}
	}
}

func TestSetsAndPlaces(t *testing.T) {
	n := Slice([]int{0, 1, 2, 3, 4}, 2)
	p := pairs("b", 1, "a", 2, "b", 3)
	key := Make[string](3)
	for _, test := range []struct {
		name      string
		got, want any
	}{
		{"TopByKey", TopByKey(p, 1, cmp.Compare), Data[Pair[string, []int]]{{{Key: "b", Value: []int{3}}, {Key: "a", Value: []int{2}}}}},
		{"WithoutKeys", WithoutKeys(p, pairs("a", 0)), pairs("b", 1, "b", 3)},
		{"Subtract", Subtract(Slice([]int{1, 1, 2, 3}, 2), Slice([]int{2}, 1)), Data[int]{{1, 1, 3}}},
		{"Intersection", Intersection(Slice([]int{1, 1, 2, 3}, 2), Slice([]int{1, 3, 9}, 1)), Data[int]{{1, 3}}},
		{"Of", Of(p, "b"), []int{1, 3}},
		{"OfKeys", OfKeys(pairs(key, 1, key+"x", 2), Shares[string](3)), pairs(key, 1)},
		{"Sampled", Sampled(n, false), Data[int]{nil, nil}},
		{"Glom", Glom(Data[int]{{1, 2}, nil}), Data[[]int]{{{1, 2}}, {nil}}},
		{"Numbered", Keys(Numbered(n)), Data[int64]{{0, 2}, {1, 3, 5}}},
		{"Indexed", Keys(Indexed(n)), Data[int64]{{0, 1}, {2, 3, 4}}},
		{"Sliding", Sliding(n, 4), Data[[]int]{{{0, 1, 2, 3}, {1, 2, 3, 4}}}},
		{"Sliding of few", Sliding(n, 6), Data[[]int]{{}}},
		{"Zipped", Zipped(n, n, func(a, b int) int { return a * b }), Data[int]{{0, 1}, {4, 9, 16}}},
		{"ZippedPartitions", ZippedPartitions(n, n, func(_ *typed.Task, a, _ iter.Seq[int]) iter.Seq[int] { return a }), n},
		{"MapPartitionsWithIndex", MapPartitionsWithIndex(n, func(i int, _ iter.Seq[int]) iter.Seq[int] { return slices.Values([]int{i}) }), Data[int]{{0}, {1}}},
		{"Gathered", Gathered(func(b []byte) [][]byte { return [][]byte{b, []byte("7")} }, 12), 19},
		{"MaxOf", MaxOf(n), []string{"4"}},
		{"MinOf", MinOf(Data[float64]{{1, math.NaN()}}), []string{"NaN"}},
		{"MaxOf nothing", MaxOf(Data[int]{}), []string{"no rows"}},
		{"SumOf", SumOf(Data[int8]{{100, 100}}), []string{"-56"}},
		{"StatsOf", StatsOf(n), []string{"5", "0", "4"}},
		{"HistogramOf", HistogramOf(Data[int]{{-1e9, -1, 0, 4, 99, 1e9, 1e9 + 1}}), []string{"1", "1", "1", "1", "1", "1"}},
		{"Near", Must(Near(11, 10, nil)), []string{"near"}},
		{"not near", Must(Near(20, 10, nil)), []string{"10, about 20"}},
	} {
		if Show(test.got) != Show(test.want) {
			t.Errorf("%s: got %s, want %s", test.name, Show(test.got), Show(test.want))
		}
	}
}

func TestKeysThatAreNotEqualToThemselves(t *testing.T) {
	rows := Data[Pair[float64, int]]{{{Key: math.NaN(), Value: 1}, {Key: math.NaN(), Value: 2}, {Key: 0, Value: 3}, {Key: math.Copysign(0, -1), Value: 4}}}
	got := Must(Pairs(Combine(rows, func(v int) int { return v }, func(a, b int) int { return a + b }).All(), nil))
	if !slices.Equal(got, []string{"NaN\t3", "0\t7"}) {
		t.Errorf("got %q", got)
	}
}

type tree struct {
	Name string
	size int32
	Kids []*tree
	At   map[string][2]float64
	_    int
}

func TestMake(t *testing.T) {
	seen, sizes := map[string]bool{}, map[int32]bool{}
	for seed := range uint64(200) {
		a, b := Make[tree](seed), Make[tree](seed)
		if Show(a) != Show(b) || Hash(a) != Hash(b) {
			t.Fatalf("seed %d: %s and %s", seed, Show(a), Show(b))
		}
		seen[Show(a)], sizes[a.size] = true, true
	}
	if len(sizes) < 20 {
		t.Errorf("%d different values of an unexported field", len(sizes))
	}
	if len(seen) < 150 {
		t.Errorf("%d different values", len(seen))
	}
	rows := Rows[int8](5, 100)
	if len(rows) != 100 || !slices.Equal(rows, Rows[int8](5, 100)) {
		t.Error("rows of a seed differ")
	}
	small := map[uint8]bool{}
	for seed := range uint64(2000) {
		small[Make[uint8](seed)] = true
	}
	if len(small) < 100 {
		t.Errorf("%d different bytes", len(small))
	}
}

func TestOrderOfValues(t *testing.T) {
	if Less(1, 2) >= 0 || Less("b", "a") <= 0 || Less(nil, nil) != 0 || Max(3, 2) != 3 || Max("a", "b") != "b" {
		t.Error("values are not in order")
	}
	values := Rows[string](3, 50)
	if got := slices.SortedFunc(slices.Values(values), func(a, b string) int { return cmp.Or(Less(a, b)) }); len(got) != 50 {
		t.Error("rows got lost")
	}
}

func TestOrders(t *testing.T) {
	for _, test := range []struct {
		order     Order
		got, want []string
		same      bool
		tries     bool
	}{
		{Exact, []string{"a", "b"}, []string{"a", "b"}, true, false},
		{Exact, []string{"b", "a"}, []string{"a", "b"}, false, false},
		{Bag, []string{"b", "a"}, []string{"a", "b"}, true, false},
		{Bag, []string{"b", "b"}, []string{"b"}, false, false},
		{PerKey, []string{"b\t1", "a\t2", "b\t0"}, []string{"a\t2", "b\t1", "b\t0"}, true, false},
		{PerKey, []string{"b\t0", "a\t2", "b\t1"}, []string{"a\t2", "b\t1", "b\t0"}, false, false},
		{Seen, []string{"b", "a"}, []string{"a", "b"}, true, false},
		{Seen, []string{"b", "b"}, []string{"b"}, false, false},
		{Seen, []string{"b", "a", "b"}, []string{"a", "b"}, true, true},
		{Seen, []string{"b"}, []string{"a", "b"}, false, true},
	} {
		c := &Case{Order: test.order}
		if err := differ(c.sort(test.got, test.tries), c.sort(test.want, test.tries)); (err == nil) != test.same {
			t.Errorf("%q and %q: %v", test.got, test.want, err)
		}
	}
}

// run runs cases in all modes.
func run(t *testing.T, cases ...Case) (found []Finding) {
	t.Helper()
	var out bytes.Buffer
	r := newRunner(cases, 1, &out)
	r.modes()
	for dec := json.NewDecoder(&out); ; {
		var f Finding
		if err := dec.Decode(&f); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(f.Error, "was not generated") {
			found = append(found, f)
		}
	}
}

func numbers(ctx context.Context, s *typed.Session, _ string) ([]string, error) {
	return Lines(s.Range(30, typed.Partitions(4)).Collect(ctx))
}

func TestWhatIsWrongIsFound(t *testing.T) {
	right := Case{Name: "right", Run: numbers, Want: func() []string { return Must(Lines(Range(30, 0, 1, 4).All(), nil)) }}
	calls := 0
	found := run(t, right,
		Case{Name: "another row", Run: numbers, Want: func() []string { return Must(Lines(Range(30, 0, 2, 4).All(), nil)) }},
		Case{Name: "a row less", Run: numbers, Want: func() []string { return Must(Lines(Range(29, 0, 1, 4).All(), nil)) }},
		Case{Name: "an error", Run: func(context.Context, *typed.Session, string) ([]string, error) { return nil, io.ErrUnexpectedEOF }, Want: right.Want},
		Case{Name: "another mode", Run: func(ctx context.Context, s *typed.Session, dir string) ([]string, error) {
			if calls++; calls == 3 {
				return []string{"0"}, nil
			}
			return numbers(ctx, s, dir)
		}, Want: right.Want},
	)
	says := map[string]string{}
	count := map[string]int{}
	for _, f := range found {
		says[f.Case] += f.Mode + ": " + f.Error
		count[f.Case]++
	}
	want := map[string]int{"another row": 1, "a row less": 1, "an error": len(modes()) - 1, "another mode": 1}
	if !maps.Equal(count, want) {
		t.Errorf("got %v, want %v", count, want)
	}
	for name, part := range map[string]string{
		"another row": "row 1 of 30 is 1, want 2", "a row less": "30 rows, want 29", "an error": "unexpected EOF", "another mode": "operator by operator: not as fused",
	} {
		if !strings.Contains(says[name], part) {
			t.Errorf("%s: %s", name, says[name])
		}
	}
}

func TestSavedLines(t *testing.T) {
	found := run(t, Case{Name: "saved", Run: func(ctx context.Context, s *typed.Session, dir string) ([]string, error) {
		return Saved(dir, s.Range(5, typed.Partitions(2)).SaveAsTextFile(ctx, dir))
	}, Want: func() []string { return []string{"0", "1", "2", "3", "4"} }})
	if len(found) > 0 {
		t.Error(found)
	}
	if _, err := Saved("", io.EOF); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestNoRows(t *testing.T) {
	if got, err := One(0, typed.ErrEmpty); err != nil || len(got) != 1 || got[0] != "no rows" {
		t.Error(got, err)
	}
	if _, err := Pairs[int, int](nil, io.EOF); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if _, err := Counts(map[int]int{}, io.EOF); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
