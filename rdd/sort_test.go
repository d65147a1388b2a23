package rdd

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

func sorts(n int, descending bool, pre string) Wide {
	return Wide{
		Kind: plan.RangePartitioner, N: n, Descending: descending, Sinks: []string{"map"}, Pre: pre, Sampled: true,
	}
}

// TestSort sorts in every way and demands the rows in order over all
// partitions, and those with equal keys as they came.
func TestSort(t *testing.T) {
	type row struct{ Key, At int }
	rng := rand.New(rand.NewPCG(3, 4))
	for _, test := range []struct {
		name       string
		rows, keys int
	}{
		{"no rows", 0, 1}, {"one row", 1, 1}, {"one key", 500, 1}, {"fewer keys than partitions", 500, 3},
		{"many keys", 20000, 1 << 40}, {"some keys", 5000, 100},
	} {
		rows := make([]row, test.rows)
		for i := range rows {
			rows[i] = row{rng.IntN(test.keys) - test.keys/2, i}
		}
		for _, descending := range []bool{false, true} {
			want := slices.Clone(rows)
			slices.SortStableFunc(want, func(a, b row) int {
				if descending {
					a, b = b, a
				}
				return cmp.Compare(a.Key, b.Key)
			})
			ways := map[string]func(w *world) *Node{
				"SortBy": func(w *world) *Node {
					return slice(w, 4, rows...).Wide(SortByOp(func(r row) int { return r.Key }), here(), sorts(5, descending, "key"))
				},
				"SortFunc": func(w *world) *Node {
					return slice(w, 4, rows...).Wide(SortFuncOp(func(a, b row) int { return cmp.Compare(a.Key, b.Key) }), here(), sorts(5, descending, ""))
				},
				"SortBy of pairs": func(w *world) *Node {
					return slice(w, 4, rows...).Narrow(MapToPairOp(func(r row) (int, int) { return r.At, r.Key }), here(), false).
						Wide(PairSortByOp(func(_, key int) int { return key }), here(), sorts(5, descending, "key")).
						Narrow(PairMapOp(func(at, key int) row { return row{key, at} }), here(), false)
				},
				"SortByKey": func(w *world) *Node {
					return slice(w, 4, rows...).Narrow(MapToPairOp(func(r row) (int, row) { return r.Key, r }), here(), false).
						Wide(SortByKeyOp[int, row](), here(), sorts(5, descending, "")).Narrow(ValuesOp[int, row](), here(), false)
				},
			}
			for name, way := range ways {
				t.Run(test.name+"/"+name, func(t *testing.T) {
					w := newWorld(t)
					parts := partitions[row](w, w.act(way(w), Action{Op: CollectOp[row](), Call: here()}))
					var got []row
					most := 0
					for _, p := range parts {
						got = append(got, p...)
						most = max(most, len(p))
					}
					if len(parts) != 5 || !slices.Equal(got, want) {
						t.Fatalf("descending %v: %d rows in %d partitions, not in order", descending, len(got), len(parts))
					}
					if test.keys > 1000 && most > len(got)/5*5/4 {
						t.Errorf("the largest of 5 partitions has %d of %d rows", most, len(got))
					}
					if left := w.files("scratch"); len(left) > 0 {
						t.Errorf("left behind: %v", left)
					}
				})
			}
		}
	}
}

// boundsOf finds bounds for n partitions.
func boundsOf(t *testing.T, n int, descending bool, samples ...Sample) []string {
	t.Helper()
	s, err := newBounder(&plan.Sink{Part: &plan.Partitioner{N: n, Descending: descending}}, byKey[string, int])
	if err != nil {
		t.Fatal(err)
	}
	s.feed(&Rows[Sample]{Rows: samples})
	var res plan.Result
	if err := s.finish(&res); err != nil {
		t.Fatal(err)
	}
	s.abort()
	var bounds []string
	if err := decodeRows(res.Value, func(rows []string) bool { bounds = append(bounds, rows...); return true }); err != nil {
		t.Fatal(err)
	}
	return bounds
}

func TestBounder(t *testing.T) {
	sample := func(keys string, weight float64) (all []Sample) {
		for _, k := range keys {
			all = append(all, Sample{Weight: weight, Bound: must(codec.Marshal(string(k)))})
		}
		return all
	}
	for _, test := range []struct {
		name       string
		n          int
		descending bool
		samples    []Sample
		want       string
	}{
		{"no rows", 4, false, nil, ""},
		{"one partition", 1, false, sample("abcd", 1), ""},
		{"equal parts", 4, false, sample("dchgfeba", 1), "bdf"},
		{"equal parts downwards", 4, true, sample("abcdefgh", 1), "gec"},
		{"one key", 4, false, sample("aaaa", 1), "a"},
		{"fewer keys than partitions", 5, false, sample("ababcc", 1), "abc"},
		{"a heavy sample is many rows", 2, false, append(sample("abcdef", 1), sample("z", 100)...), "z"},
		{"many light ones are few", 2, false, append(sample("zzzz", 0.01), sample("ab", 10)...), "b"},
		{"no weight at all", 3, false, sample("abc", 0), "ab"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := boundsOf(t, test.n, test.descending, test.samples...); strings.Join(got, "") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestPlaceByBounds compares with the rule: partition i has the rows that are
// not above bound i, nor in a partition before.
func TestPlaceByBounds(t *testing.T) {
	for _, descending := range []bool{false, true} {
		o, err := byKey[int, int](descending)
		if err != nil {
			t.Fatal(err)
		}
		for _, bounds := range [][]int{nil, {0}, {-5, 0, 5}, {1, 2, 3, 4}} {
			if descending {
				bounds = slices.Clone(bounds)
				slices.Reverse(bounds)
			}
			encoded, err := appendRows(nil, must(codec.TypeOf[int]()), codec.RowsOf(bounds))
			if err != nil {
				t.Fatal(err)
			}
			place, err := placeByBounds(o, encoded, len(bounds)+1)
			if err != nil {
				t.Fatal(err)
			}
			var rows []Pair[int, int]
			for k := -10; k <= 10; k++ {
				rows = append(rows, Pair[int, int]{Key: k})
			}
			out := make([]uint32, len(rows))
			place(codec.RowsOf(rows), out)
			for i, row := range rows {
				want := 0
				for want < len(bounds) && o.cmp(unsafe.Pointer(&row.Key), unsafe.Pointer(&bounds[want])) > 0 {
					want++
				}
				if int(out[i]) != want {
					t.Errorf("bounds %v: row %d is in partition %d, want %d", bounds, row.Key, out[i], want)
				}
			}
			if _, err := placeByBounds(o, encoded, len(bounds)); err == nil {
				t.Errorf("%d bounds for as many partitions are taken", len(bounds))
			}
		}
		if _, err := placeByBounds(o, []byte("\xff\xff\xff"), 9); err == nil || !strings.HasPrefix(err.Error(), "decode range bounds: ") {
			t.Errorf("got %v", err)
		}
	}
}

func TestSortFloats(t *testing.T) {
	w := newWorld(t)
	rows := []float64{2, math.NaN(), math.Inf(1), 0, -1, math.Inf(-1), math.NaN(), 1}
	got := collect[float64](w, slice(w, 3, rows...).Wide(SortByOp(func(f float64) float64 { return f }), here(), sorts(3, false, "key")))
	want := slices.Clone(rows)
	slices.Sort(want)
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || a != a && b != b }) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func samplerOf(t *testing.T, task *Task, spec *plan.Sink) *sampler {
	t.Helper()
	pair := must(codec.PairTypeOf[int64, int64]())
	s, err := newSampler(task, spec, pair.Type, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSamplerWeights: samples stand for all rows of their partition, however
// many are taken.
func TestSamplerWeights(t *testing.T) {
	w := newWorld(t)
	for _, rows := range []int{0, 1, sampleRows - 1, sampleRows, sampleRows + 1, 50 * sampleRows} {
		p := w.plan(w.numbers(int64(rows), 1).Wide(SortByOp(func(n int64) int64 { return n }), here(), sorts(4, false, "key")), Action{Op: CountOp[int64](), Call: here()})
		taskOf := &Task{Context: t.Context(), spec: w.task(&p.Stages[0], 0), stage: &p.Stages[0], plan: p, runner: w.r}
		s := samplerOf(t, taskOf, &p.Stages[0].Sink)
		in := &Rows[Pair[int64, int64]]{Rows: make([]Pair[int64, int64], 1)}
		for i := range rows {
			in.Rows[0].Key = int64(i)
			s.feed(in)
		}
		if len(s.taken) != min(rows, sampleRows) {
			t.Errorf("took %d of %d rows", len(s.taken), rows)
		}
		var mean float64
		for _, x := range s.taken {
			mean += float64(must(codec.Unmarshal[int64](x.bound))) / float64(len(s.taken))
		}
		if rows > sampleRows && math.Abs(mean-float64(rows)/2) > float64(rows)/20 {
			t.Errorf("the mean of a sample of 0 to %d is %f", rows, mean)
		}
		s.abort()
	}
}

// TestSamplesAreBounded: many partitions take few samples each.
func TestSamplesAreBounded(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.numbers(100, 1).Wide(SortByOp(func(n int64) int64 { return n }), here(), sorts(4, false, "key")), Action{Op: CountOp[int64](), Call: here()})
	for n, want := range map[int]int64{1: sampleRows, 512: sampleRows, 1 << 13: 128, plan.MaxPartitions: minSampleRows} {
		stage := p.Stages[0]
		stage.Pipe.N = n
		s := samplerOf(t, &Task{Context: t.Context(), spec: &plan.Task{}, stage: &stage, plan: p, runner: w.r}, &stage.Sink)
		if got := s.most; got != want {
			t.Errorf("%d partitions: %d samples each, want %d", n, got, want)
		}
		s.abort()
	}
}

func TestRowBlocks(t *testing.T) {
	typ, err := codec.TypeOf[string]()
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	var want []string
	for n := range 20 {
		rows := make([]string, n)
		for i := range rows {
			rows[i] = strings.Repeat("x", n*i)
		}
		if b, err = appendRows(b, typ, codec.RowsOf(rows)); err != nil {
			t.Fatal(err)
		}
		want = append(want, rows...)
	}
	var got []string
	if err := decodeRows(b, func(rows []string) bool { got = append(got, rows...); return true }); err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %d rows, %v", len(got), err)
	}
	batches := 0
	if err := decodeRows(b, func([]string) bool { batches++; return batches < 3 }); err != nil || batches != 3 {
		t.Errorf("%d batches after the end, %v", batches, err)
	}
	// Rows that are damaged are an error or the rows, never a panic.
	for i := range b {
		bad := slices.Clone(b)
		bad[i] ^= 0x41
		if err := decodeRows(bad, func([]string) bool { return true }); err == nil {
			t.Fatalf("byte %d is wrong and nobody says so", i)
		}
	}
	for cut := range b {
		got = got[:0]
		err := decodeRows(b[:cut], func(rows []string) bool { got = append(got, rows...); return true })
		if err == nil && len(got) == len(want) {
			t.Fatalf("all rows are there in %d of %d bytes", cut, len(b))
		}
	}
}

func FuzzDecodeRows(f *testing.F) {
	typ, err := codec.TypeOf[string]()
	if err != nil {
		f.Fatal(err)
	}
	for _, rows := range [][]string{nil, {""}, {"a", "b", "c"}, {strings.Repeat("x", 1000)}} {
		b, err := appendRows(nil, typ, codec.RowsOf(rows))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = decodeRows(b, func([]string) bool { return true })
		_, _ = decodeAcc[string](b)
	})
}

func TestBounderOfDamagedSamples(t *testing.T) {
	s, err := newBounder(&plan.Sink{Part: &plan.Partitioner{N: 4}}, byKey[string, int])
	if err != nil {
		t.Fatal(err)
	}
	if s.feed(&Rows[Sample]{Rows: []Sample{{Weight: 1, Bound: []byte{1, 'a'}}, {Weight: 1, Bound: []byte{9, 'a'}}}}) {
		t.Error("a damaged sample is taken")
	}
	if err := s.finish(&plan.Result{}); !errors.Is(err, codec.ErrCorrupt) || !strings.HasPrefix(err.Error(), "read a sample: ") {
		t.Errorf("got %v", err)
	}
}

func FuzzPlaceByBounds(f *testing.F) {
	o := must(byKey[string, int](false))
	for _, bounds := range [][]string{nil, {"a"}, {"a", "b", "c"}, {"b", "a"}} {
		f.Add(must(appendRows(nil, o.bound, codec.RowsOf(bounds))), "b")
	}
	f.Fuzz(func(t *testing.T, encoded []byte, key string) {
		const n = 4
		place, err := placeByBounds(o, encoded, n)
		if err != nil {
			return
		}
		out := []uint32{n}
		place(codec.RowsOf([]Pair[string, int]{{Key: key}}), out)
		if out[0] >= n {
			t.Errorf("%q is in partition %d of %d", key, out[0], n)
		}
	})
}

// TestOwner: strings that lie in a value are copied, others stay.
func TestOwner(t *testing.T) {
	type acc struct {
		n    int
		s, u string
	}
	if ownerOf(reflect.TypeFor[int](), reflect.TypeFor[string]()) != nil || ownerOf(reflect.TypeFor[[]string](), reflect.TypeFor[string]()) != nil {
		t.Error("there is nothing to own, or more than strings")
	}
	text := strings.Repeat("text", 10)
	o := ownerOf(reflect.TypeFor[acc](), reflect.TypeFor[string]())
	in := func(s string) bool {
		from, at := uintptr(unsafe.Pointer(unsafe.StringData(text))), uintptr(unsafe.Pointer(unsafe.StringData(s)))
		return at >= from && at < from+uintptr(len(text))
	}
	a, v := acc{1, text[3:7], text[:2]}, text[20:]
	if o.take(unsafe.Pointer(&a), unsafe.Pointer(&v)); !in(a.s) || !in(a.u) {
		t.Error("what is not the value's is copied")
	}
	v = text[:5]
	if o.take(unsafe.Pointer(&a), unsafe.Pointer(&v)); in(a.s) || in(a.u) || a != (acc{1, "ttex", "te"}) {
		t.Errorf("got %+v", a)
	}
}

// TestSamplerThins reads pieces of a long text, larger ones where they have few rows, and all where these have few.
func TestSamplerThins(t *testing.T) {
	whole := storage.Split{Parts: []storage.Part{{Path: "/long", Length: 100 << 20, FileSize: 100 << 20}}}
	for _, test := range []struct {
		row  int64 // bytes
		seen float64
	}{{100, 0.02}, {2 << 10, 0.1}, {1 << 20, 1}} {
		s := &sampler{most: sampleRows, seen: 1, writeSink: writeSink{t: &Task{}}}
		var read int64
		err := s.thinned(whole, func(some storage.Split) error {
			read += some.Bytes()
			s.rows += some.Bytes() / test.row
			return nil
		})
		if part := float64(read) / float64(whole.Bytes()); err != nil || part != test.seen || s.seen != part {
			t.Errorf("rows of %d bytes: %v of the text is read, %v seen, want %v; %v", test.row, part, s.seen, test.seen, err)
		}
	}
}

// TestSortOfLongText sorts a text so long that pieces of it are the sample, and in order
// already.
func TestSortOfLongText(t *testing.T) {
	const rows, parts = 400_000, 8
	lines := make([]string, rows)
	for i := range lines {
		lines[i] = fmt.Sprintf("%08d%80d", i, i)
	}
	w := newWorld(t)
	n := w.text(lines...).Wide(SortByOp(func(line string) string { return line[:8] }), here(), sorts(parts, false, "key"))
	var got []string
	for i, p := range partitions[string](w, w.act(n, Action{Op: CollectOp[string](), Call: here()})) {
		if math.Abs(float64(len(p))*parts/rows-1) > 0.25 {
			t.Errorf("partition %d has %d rows, and the mean is %d", i, len(p), rows/parts)
		}
		got = append(got, p...)
	}
	if !slices.Equal(got, lines) {
		t.Errorf("%d rows are not in order", len(got))
	}
}

func TestFirstNotBelow(t *testing.T) {
	for n := range 70 {
		prefixes := make([]uint64, n)
		for i := range prefixes {
			prefixes[i] = uint64(i/2*2 + 1) // two of each
		}
		for p := range uint64(n + 3) {
			want, _ := slices.BinarySearch(prefixes, p)
			if got := firstNotBelow(prefixes, p); got != want {
				t.Fatalf("%d among %v: got %d, want %d", p, prefixes, got, want)
			}
		}
	}
}

// BenchmarkPlaceByBounds places rows that come in no order in 64 partitions.
func BenchmarkPlaceByBounds(b *testing.B) {
	o, err := byKey[int64, int64](false)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	bounds := make([]int64, 63)
	for i := range bounds {
		bounds[i] = rng.Int64()
	}
	slices.Sort(bounds)
	encoded, err := appendRows(nil, o.bound, codec.RowsOf(bounds))
	if err != nil {
		b.Fatal(err)
	}
	place, err := placeByBounds(o, encoded, 64)
	if err != nil {
		b.Fatal(err)
	}
	rows := make([]Pair[int64, int64], 1<<16)
	for i := range rows {
		rows[i].Key = rng.Int64()
	}
	out := make([]uint32, len(rows))
	for b.Loop() {
		place(codec.RowsOf(rows), out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(rows)), "ns/row")
}
