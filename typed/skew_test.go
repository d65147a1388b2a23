package typed_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// hotKeysOf adds up the hot keys that a session's joins split.
type hotKeysOf struct {
	mu          sync.Mutex
	keys, parts int64
}

func (h *hotKeysOf) observe(st plan.ActionStatus) {
	if !st.State.Ended() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range st.Stages {
		h.keys += st.Stages[i].Counters.HotKeys
		h.parts += st.Stages[i].Counters.HotParts
	}
}

func (h *hotKeysOf) take() (keys, parts int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	keys, parts = h.keys, h.parts
	h.keys, h.parts = 0, 0
	return keys, parts
}

// shape is how often keys of a side are the hot one: every one of so many rows is not.
type shape struct {
	rows, other int64
}

// skewedJoins compares all joins of two sides, of which some have a hot key, with loops.
func skewedJoins[K comparable](t *testing.T, name string, key func(int64) K, left, right shape, hot bool) {
	t.Run(fmt.Sprint(name, " ", left, " ", right), func(t *testing.T) {
		var found hotKeysOf
		s := open(t, typed.Options{Cores: 6, Observe: found.observe, Closures: true, BroadcastBelow: -1})
		number := func(i int64, of shape, from int64) int64 {
			if i%of.other != 0 {
				return 7
			}
			return i/of.other%20 + from
		}
		lefts := s.Range(left.rows, typed.Partitions(3)).MapToPair(func(i int64) (K, string) { return key(number(i, left, 0)), fmt.Sprint("l", i, " ") })
		rights := s.Range(right.rows, typed.Partitions(2)).MapToPair(func(i int64) (K, int64) { return key(number(i, right, 10)), i })
		rows, err := lefts.Collect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		others, err := rights.Collect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		want := nested(rows, others)
		for _, bytes := range []int64{0, 1} {
			for kind, got := range joinsOf(t, lefts, rights, typed.SkewJoin(bytes)) {
				if !slices.Equal(got, want[kind]) {
					t.Errorf("%s, hot from %d: got %d rows %.300q, want %d %.300q", kind, bytes, len(got), got, len(want[kind]), want[kind])
				}
			}
			if keys, parts := found.take(); (keys > 0) != (hot && bytes > 0) || parts < 2*keys {
				t.Errorf("hot from %d: %d hot keys in %d parts", bytes, keys, parts)
			}
		}
	})
}

func TestSkewedJoins(t *testing.T) {
	for _, c := range []struct {
		left, right shape
		hot         bool
	}{
		{shape{900, 10}, shape{60, 1}, true},
		{shape{60, 1}, shape{900, 10}, true},
		{shape{400, 10}, shape{300, 5}, true},
		{shape{300, 1 << 40}, shape{100, 1 << 40}, true},
		{shape{0, 1}, shape{300, 10}, true},
		{shape{300, 10}, shape{0, 1}, true},
		{shape{0, 1}, shape{0, 1}, false},
		{shape{300, 1}, shape{200, 1}, false},
	} {
		skewedJoins(t, "numbers", func(i int64) int64 { return i - 3 }, c.left, c.right, c.hot)
		skewedJoins(t, "texts", func(i int64) string { return strings.Repeat("k", int(i)) }, c.left, c.right, c.hot)
		skewedJoins(t, "structs", func(i int64) spot { return spot{i % 7, i / 7} }, c.left, c.right, c.hot)
		skewedJoins(t, "floats", func(i int64) float64 { return float64(i-7) / 2 }, c.left, c.right, c.hot)
	}
}

// TestSkewedJoinOfNaN splits a key that is not equal to itself, and is one key all the same.
func TestSkewedJoinOfNaN(t *testing.T) {
	var found hotKeysOf
	s := open(t, typed.Options{Cores: 6, Observe: found.observe, BroadcastBelow: -1})
	many := s.Range(2000, typed.Partitions(3)).KeyBy(func(i int64) float64 { return math.NaN() })
	few := s.Range(3).KeyBy(func(i int64) float64 { return math.NaN() })
	n, err := many.Join(few, func(v, w int64) int64 { return v + w }, typed.SkewJoin(1)).Count(ctx)
	if keys, parts := found.take(); n != 6000 || err != nil || keys != 1 || parts != 12 {
		t.Errorf("%d rows, %v, %d hot keys in %d parts", n, err, keys, parts)
	}
}

func sum2(a, b int64) int64 { return a + b }

// halfOfOneKey gives so many rows, of which every other one is of key −1.
func halfOfOneKey(r typed.RDD[int64]) typed.PairRDD[int64, int64] {
	return r.KeyBy(func(i int64) int64 {
		if i%2 == 0 {
			return -1
		}
		return i
	})
}

// TestSkewJoinUnasked splits keys of joins that are worth a sample, and whose rows nobody
// needs where their keys are.
func TestSkewJoinUnasked(t *testing.T) {
	var found hotKeysOf
	s := open(t, typed.Options{Cores: 6, Observe: found.observe, BroadcastBelow: -1, SkewJoin: 20_000})
	large, other, small := halfOfOneKey(s.Range(20_000)), s.Range(21_000).KeyBy(func(i int64) int64 { return i - 1 }), halfOfOneKey(s.Range(2000))
	for name, test := range map[string]struct {
		rows typed.PairRDD[int64, int64]
		want int64
	}{
		"left":                   {large.Join(other, sum2), 1},
		"right":                  {other.Join(large, sum2), 1},
		"left outer":             {large.LeftOuterJoin(other, func(v int64, _ *int64) int64 { return v }), 1},
		"left outer, hot right":  {other.LeftOuterJoin(large, func(v int64, _ *int64) int64 { return v }), 0},
		"right outer":            {other.RightOuterJoin(large, func(_ *int64, w int64) int64 { return w }), 1},
		"right outer, hot left":  {large.RightOuterJoin(other, func(_ *int64, w int64) int64 { return w }), 0},
		"full outer":             {large.FullOuterJoin(other, func(_, _ *int64) int64 { return 0 }, typed.SkewJoin(1)), 0},
		"small":                  {small.Join(small, sum2), 0},
		"small, told":            {small.Join(other, sum2, typed.SkewJoin(1)), 1},
		"told not to":            {large.Join(other, sum2, typed.SkewJoin(0)), 0},
		"told of more":           {large.Join(other, sum2, typed.SkewJoin(1<<30)), 0},
		"with a number":          {large.Join(other, sum2, typed.Partitions(4), typed.SkewJoin(1)), 0},
		"with a function":        {large.Join(other, sum2, typed.PartitionFunc(2, func(k int64) int { return int(k & 1) }), typed.SkewJoin(1)), 0},
		"a side placed":          {large.Join(other.PartitionBy(typed.Partitions(7)), sum2, typed.SkewJoin(1)), 0},
		"a side reduced":         {large.Join(other.ReduceByKey(sum2), sum2, typed.SkewJoin(1)), 0},
		"moved before":           {large.Repartition(3).Join(other, sum2), 0},
		"moved before, told":     {large.Repartition(3).Join(other, sum2, typed.SkewJoin(1)), 1},
		"by broadcast":           {large.Join(other, sum2, typed.SkewJoin(1), typed.BroadcastBelow(1<<30)), 0},
		"read by key":            {large.Join(other, sum2).ReduceByKey(sum2), 0},
		"read by key, told":      {large.Join(other, sum2, typed.SkewJoin(1)).ReduceByKey(sum2), 1},
		"read by another key":    {large.Join(other, sum2).MapToPair(func(k, v int64) (int64, int64) { return v, k }).ReduceByKey(sum2), 1},
		"kept":                   {large.Join(other, sum2).Cache(), 0},
		"kept, told":             {large.Join(other, sum2, typed.SkewJoin(1)).Cache(), 1},
		"kept by another key":    {large.Join(other, sum2).MapToPair(func(k, v int64) (int64, int64) { return v, k }).Cache(), 1},
		"kept behind a shuffle":  {large.Join(other, sum2).Repartition(3).Cache(), 1},
		"joined with a third":    {large.Join(other, sum2).MapValues(func(v int64) int64 { return v }).Join(small, sum2, typed.SkewJoin(0)), 0},
		"twice, both told":       {large.Join(other, sum2, typed.SkewJoin(1)).Join(other, sum2, typed.SkewJoin(1)), 2},
		"of nothing":             {s.Range(0).KeyBy(identity).Join(s.Range(0).KeyBy(identity), sum2, typed.SkewJoin(1)), 0},
		"without keys that meet": {large.Filter(func(k, _ int64) bool { return k == -1 }).Join(small.Filter(func(k, _ int64) bool { return k > 0 }), sum2), 1},
	} {
		found.take()
		if _, err := test.rows.Count(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n, _ := found.take(); n != test.want {
			t.Errorf("%s: %d hot keys, want %d", name, n, test.want)
		}
	}
}

// TestSkewJoinIsLogged says which join of which action has split how many keys.
func TestSkewJoinIsLogged(t *testing.T) {
	var log bytes.Buffer
	s := open(t, typed.Options{Cores: 6, BroadcastBelow: -1, Log: slog.New(slog.NewTextHandler(&log, nil))})
	few := s.Range(5).KeyBy(func(i int64) int64 { return i - 1 })
	for range 2 {
		if _, err := halfOfOneKey(s.Range(10_000)).Join(few, sum2, typed.SkewJoin(1000)).Count(ctx); err != nil {
			t.Fatal(err)
		}
	}
	said := regexp.MustCompile(`msg="hot keys split" job=\S+ action=\d join=Join site=skew_test.go:\d+ keys=1 parts=\d+\n`)
	if n := len(said.FindAllString(log.String(), -1)); n != 2 {
		t.Errorf("said %d times in\n%s", n, &log)
	}
}

// TestSkewJoinOff splits nothing in a session that says so, but where a join does.
func TestSkewJoinOff(t *testing.T) {
	var found hotKeysOf
	s := open(t, typed.Options{Cores: 6, Observe: found.observe, BroadcastBelow: -1, SkewJoin: -1})
	large, few := halfOfOneKey(s.Range(10_000)), s.Range(5).KeyBy(func(i int64) int64 { return i - 1 })
	for want, rows := range []typed.PairRDD[int64, int64]{large.Join(few, sum2), large.Join(few, sum2, typed.SkewJoin(1000))} {
		if n, err := rows.Count(ctx); n != 5002 || err != nil {
			t.Error(n, err)
		}
		if n, _ := found.take(); n != int64(want) {
			t.Errorf("%d hot keys, want %d", n, want)
		}
	}
}

// TestSkewJoinAgain: later actions find what an earlier one left, and do not rely on the
// placement that a join without hot keys would have.
func TestSkewJoinAgain(t *testing.T) {
	var found hotKeysOf
	s := open(t, typed.Options{Cores: 6, Observe: found.observe, BroadcastBelow: -1})
	counted := typed.NewCounter(s, "rows")
	large := halfOfOneKey(s.Range(10_000, typed.Partitions(4)).With(counted).Map(func(c typed.Counter, i int64) int64 {
		c.Add(1)
		return i
	}))
	small := s.Range(100).KeyBy(func(i int64) int64 { return i - 1 })
	joined := large.Join(small, sum2, typed.SkewJoin(1))
	const pairs = 5000 + 49
	for want := int64(1); want >= 0; want-- { // the second time nobody looks for them
		if n, err := joined.Count(ctx); n != pairs || err != nil {
			t.Fatal(n, err)
		}
		if keys, _ := found.take(); keys != want {
			t.Errorf("%d hot keys, want %d", keys, want)
		}
	}
	keys, err := joined.ReduceByKey(sum2).Join(joined.MapValues(func(int64) int64 { return 1 }).ReduceByKey(sum2), sum2).Count(ctx)
	if keys != 50 || err != nil {
		t.Errorf("%d keys, want 50; %v", keys, err)
	}
	if n := counted.Value(); n != 10_000 {
		t.Errorf("%d rows counted, want 10000: those that are sampled do not count", n)
	}
}

// TestSkewJoinOfShuffled keeps the rows of a side that comes by a shuffle, so that its
// functions run once.
func TestSkewJoinOfShuffled(t *testing.T) {
	s := open(t, typed.Options{Cores: 6, BroadcastBelow: -1})
	counted := typed.NewCounter(s, "rows")
	large := halfOfOneKey(s.Range(10_000, typed.Partitions(4)).Repartition(5).With(counted).Map(func(c typed.Counter, i int64) int64 {
		c.Add(1)
		return i
	}))
	small := s.Range(100).KeyBy(func(i int64) int64 { return i - 1 })
	for range 2 {
		if n, err := large.LeftOuterJoin(small, func(v int64, _ *int64) int64 { return v }, typed.SkewJoin(1)).Count(ctx); n != 10_000 || err != nil {
			t.Fatal(n, err)
		}
	}
	if n := counted.Value(); n != 2*10_000 { // by two joins
		t.Errorf("%d rows counted", n)
	}
}

// TestSkewJoinSpreads: no task has a hot key's rows for itself, on either side.
func TestSkewJoinSpreads(t *testing.T) {
	const many = 1_000_000
	for name, opts := range map[string][]typed.JoinOption{"split": {typed.SkewJoin(1 << 20)}, "whole": {typed.SkewJoin(0)}} {
		var most int64
		s := open(t, typed.Options{Cores: 4, Memory: 16 << 20, BroadcastBelow: -1})
		hot := s.Range(many).KeyBy(func(int64) int64 { return 1 })
		one := s.Range(1).KeyBy(func(int64) int64 { return 1 })
		for _, rows := range []typed.PairRDD[int64, int64]{hot.Join(one, sum2, opts...), one.Join(hot, sum2, opts...)} {
			parts, err := rows.MapPartitions(func(_ *typed.Task, pairs iter.Seq2[int64, int64]) iter.Seq[int64] {
				n := int64(0)
				for range pairs {
					n++
				}
				return func(yield func(int64) bool) { yield(n) }
			}).Collect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, slices.Max(parts))
		}
		if split := name == "split"; split != (most < many/5) {
			t.Errorf("%s: a task has %d rows", name, most)
		}
	}
}

// TestSkewJoinOfText samples pieces of large files, and all of those that are compressed
// where it is told to.
func TestSkewJoinOfText(t *testing.T) {
	dir := t.TempDir()
	var plain, packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	const lines = 2_000_000
	for i := range lines {
		line := fmt.Sprintf("key%d some more text\n", i)
		if i%4 == 0 {
			line = "hot some more text of it\n"
		}
		plain.WriteString(line)
		_, _ = zip.Write([]byte(line))
	}
	_ = zip.Close()
	for name, b := range map[string][]byte{"plain.txt": plain.Bytes(), "packed.txt.gz": packed.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var found hotKeysOf
	var read int64
	s := open(t, typed.Options{Cores: 12, BroadcastBelow: -1, SkewJoin: 1 << 20, Observe: func(st plan.ActionStatus) {
		found.observe(st)
		read = 0
		for i := range st.Stages {
			if strings.HasSuffix(st.Stages[i].Name, "sample") {
				read += st.Stages[i].Counters.BytesRead
			}
		}
	}})
	few := s.Range(10, typed.Partitions(1)).KeyBy(func(int64) string { return "hot" })
	all := int64(plain.Len())
	for name, c := range map[string]struct {
		file  string
		opts  []typed.JoinOption
		read  [2]int64 // least and most
		found bool
	}{
		"plain":        {"plain.txt", nil, [2]int64{all / 20, all / 3}, true},
		"packed":       {"packed.txt.gz", nil, [2]int64{all / 100, all / 10}, false},
		"packed, told": {"packed.txt.gz", []typed.JoinOption{typed.SkewJoin(1 << 20)}, [2]int64{all, all}, true},
	} {
		words := s.TextFile(filepath.Join(dir, c.file), typed.SplitBytes(1<<30), typed.Partitions(1)).KeyBy(func(line string) string { return line[:strings.IndexByte(line, ' ')] })
		n, err := words.Join(few, func(_ string, n int64) int64 { return n }, c.opts...).Count(ctx)
		if n != lines/4*10 || err != nil || read < c.read[0] || read > c.read[1] {
			t.Errorf("%s: %d rows, %v; %d bytes read for the sample, want %v", name, n, err, read, c.read)
		}
		if keys, parts := found.take(); keys > 1 || (keys == 1) != c.found || parts < 2*keys {
			t.Errorf("%s: %d hot keys in %d parts", name, keys, parts)
		}
	}
}

// anyOrder gives 100 rows for each, in another order each time: functions may do that.
func anyOrder(i int64) iter.Seq[int64] {
	rows := map[int64]bool{}
	for k := range int64(100) {
		rows[i*100+k] = true
	}
	return maps.Keys(rows)
}

// TestDealtRowsLoseOutputs has outputs of map tasks go when some of what reads them is
// done. What is made again may have its rows in another order, and deal them otherwise:
// none is there twice or not at all.
func TestDealtRowsLoseOutputs(t *testing.T) {
	const all = 30_000
	by := func(made *atomic.Int64) func(int64) string {
		return func(i int64) string {
			if made.Add(1); i%10 > 0 {
				return "hot"
			}
			return fmt.Sprint(i)
		}
	}
	// few is one row, of so many that there are eight partitions: one task at a time reads them.
	few := func(s *typed.Session) typed.RDD[int64] {
		return s.Range(4 << 20).Filter(func(i int64) bool { return i == 0 })
	}
	join := func(rows typed.PairRDD[string, int64], few typed.RDD[int64], seen func()) typed.RDD[int64] {
		return rows.LeftOuterJoin(few.KeyBy(func(int64) string { return "hot" }), func(v int64, _ *int64) int64 {
			seen()
			return v
		}, typed.SkewJoin(1)).Values()
	}
	for name, c := range map[string]struct {
		rows func(s *typed.Session, made *atomic.Int64, seen func()) typed.RDD[int64]
		hot  int64
		kept bool // in files, so that functions do not run again
	}{
		"a join": {func(s *typed.Session, made *atomic.Int64, seen func()) typed.RDD[int64] {
			return join(s.Range(all, typed.Partitions(6)).KeyBy(by(made)), few(s), seen)
		}, 1, false},
		"a join of what was shuffled": {func(s *typed.Session, made *atomic.Int64, seen func()) typed.RDD[int64] {
			return join(s.Range(all, typed.Partitions(6)).Repartition(5).KeyBy(by(made)), few(s), seen)
		}, 1, true},
		"a join in any order": {func(s *typed.Session, made *atomic.Int64, seen func()) typed.RDD[int64] {
			return join(s.Range(all/100, typed.Partitions(6)).FlatMap(anyOrder).KeyBy(by(made)), few(s), seen)
		}, 1, false},
		"turns in any order": {func(s *typed.Session, made *atomic.Int64, seen func()) typed.RDD[int64] {
			return s.Range(all/100, typed.Partitions(6)).FlatMap(anyOrder).KeyBy(by(made)).Values().Repartition(8).Map(func(i int64) int64 {
				seen()
				return i
			})
		}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var found hotKeysOf
			s, err := typed.NewSession(ctx, typed.Options{Cores: 1, Scratch: dir, Observe: found.observe, Notices: io.Discard, BroadcastBelow: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			var seen, made, before atomic.Int64
			got, err := c.rows(s, &made, func() {
				if seen.Add(1) == all/2 {
					before.Store(made.Load())
					for i, path := range keptFiles(t, dir) {
						if i%3 == 0 {
							_ = os.Truncate(path, 10)
						}
					}
				}
			}).Collect(ctx)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			for i, v := range got {
				if v != int64(i) {
					t.Fatalf("row %d is %d", i, v)
				}
			}
			if again := made.Load() - before.Load(); len(got) != all || again == 0 && !c.kept {
				t.Errorf("%d rows; %d were made again", len(got), again)
			}
			if keys, _ := found.take(); keys < c.hot { // again when all starts over
				t.Errorf("%d hot keys, want %d", keys, c.hot)
			}
		})
	}
}

// BenchmarkSkewJoin joins a side with one key that has half of all rows, whole and split,
// and one without, which is sampled or is not.
func BenchmarkSkewJoin(b *testing.B) {
	const rows = 20_000_000
	for _, c := range []struct {
		name string
		hot  int64 // every so many rows
		opt  typed.JoinOption
	}{
		{"half of one key, whole", 2, typed.SkewJoin(0)},
		{"half of one key, split", 2, typed.SkewJoin(64 << 20)},
		{"no hot key, not sampled", rows + 1, typed.SkewJoin(0)},
		{"no hot key, sampled", rows + 1, typed.SkewJoin(64 << 20)},
	} {
		b.Run(c.name, func(b *testing.B) {
			var spilled, longest int64
			s := open(b, typed.Options{Cores: 4, Memory: 256 << 20, BroadcastBelow: -1, Observe: func(st plan.ActionStatus) {
				for i := range st.Stages {
					if st.State.Ended() {
						spilled += st.Stages[i].Counters.Spilled
					}
				}
			}})
			large := s.Range(rows).KeyBy(func(i int64) int64 {
				if i%c.hot == 1 {
					return 1
				}
				return i % 1_000_000
			})
			small := s.Range(1_000_000).KeyBy(func(i int64) int64 { return i })
			for b.Loop() {
				all, err := large.Join(small, sum2, c.opt).MapPartitions(func(_ *typed.Task, pairs iter.Seq2[int64, int64]) iter.Seq[int64] {
					n := int64(0)
					for range pairs {
						n++
					}
					return func(yield func(int64) bool) { yield(n) }
				}).Collect(ctx)
				if err != nil {
					b.Fatal(err)
				}
				longest = slices.Max(all)
			}
			b.ReportMetric(float64(longest), "rows/largest-task")
			b.ReportMetric(float64(spilled)/float64(b.N)/1e6, "MB-spilled/op")
		})
	}
}
