package rdd

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// hotOf gives the parts and the side of each key that a finder of keys of text finds in
// samples.
func hotOf(t *testing.T, part *plan.Partitioner, samples []Sample) map[string][2]int {
	t.Helper()
	task := &Task{}
	s, err := newHotFinder(task, &plan.Sink{Part: part}, sideOf[string, int]())
	if err != nil {
		t.Fatal(err)
	}
	s.feed(&Rows[Sample]{Rows: samples})
	var res plan.Result
	if err := s.finish(&res); err != nil {
		t.Fatal(err)
	}
	s.abort()
	found, parts := map[string][2]int{}, 0
	err = DecodeRows(bytes.NewReader(res.Value), must(codec.TypeOf[HotKey]()), func(rows codec.Rows) bool {
		for _, k := range codec.Slice[HotKey](rows) {
			found[must(codec.Unmarshal[string](k.Key))] = [2]int{k.Parts, k.Side}
			parts += k.Parts
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if c := task.counters; c.HotKeys != int64(len(found)) || c.HotParts != int64(parts) {
		t.Errorf("counted %d keys in %d parts, and found %v", c.HotKeys, c.HotParts, found)
	}
	return found
}

func TestHotFinder(t *testing.T) {
	// of makes samples of one side: each letter weighs as much.
	of := func(side int, weight float64, keys string) (all []Sample) {
		for _, k := range keys {
			all = append(all, Sample{Weight: weight, Bound: must(codec.Marshal(string(k))), Side: side})
		}
		return all
	}
	times := strings.Repeat
	long := func(k string, n int) []Sample {
		return slices.Repeat([]Sample{{Weight: 10, Bound: must(codec.Marshal(times(k, mostHotBytes*2/3)))}}, n)
	}
	many := ""
	for i := range 400 {
		many += times(string(rune('a'+i)), 2)
	}
	for name, c := range map[string]struct {
		n       int
		from    int64
		samples []Sample
		want    map[string][2]int
	}{
		"no rows":                    {10, 1, nil, nil},
		"one partition":              {1, 1, of(0, 1, "aaaa"), nil},
		"one key":                    {10, 1, of(0, 1, "aaaa"), map[string][2]int{"a": {10, 0}}},
		"one on the right":           {10, 1, of(1, 1, "aaaa"), map[string][2]int{"a": {10, 1}}},
		"half":                       {10, 1, of(0, 1, times("a", 10)+"bcdefghijk"), map[string][2]int{"a": {10, 0}}},
		"half of two":                {2, 1, of(0, 1, times("a", 10)+"bcdefghijk"), nil},
		"a fifth":                    {100, 1, of(0, 1, times("a", 20)+times("bcdefghi", 10)), map[string][2]int{"a": {40, 0}, "b": {20, 0}, "c": {20, 0}, "d": {20, 0}, "e": {20, 0}, "f": {20, 0}, "g": {20, 0}, "h": {20, 0}, "i": {20, 0}}},
		"too few bytes":              {10, 41, of(0, 10, "aaaa"), nil},
		"enough bytes":               {10, 40, of(0, 10, "aaaa"), map[string][2]int{"a": {8, 0}}},
		"of some bytes":              {10, 160, of(0, 40, "aaaa"), map[string][2]int{"a": {8, 0}}},
		"twice as many as others":    {4, 1, of(0, 1, "aabcdefg"), nil},
		"more than five times":       {4, 1, of(0, 1, times("a", 40)+times("bcdefgh", 4)), map[string][2]int{"a": {4, 0}}},
		"two hot ones":               {10, 1, of(0, 1, times("ab", 10)+"cdefg"), map[string][2]int{"a": {8, 0}, "b": {8, 0}}},
		"as many keys as partitions": {4, 1, of(0, 1, "abcd"), nil},
		"heavier on the right":       {10, 1, append(of(0, 1, "aaaa"), of(1, 2, "aaaa")...), map[string][2]int{"a": {10, 1}}},
		"heavier on the left":        {10, 1, append(of(0, 2, "aaaa"), of(1, 1, "aaaa")...), map[string][2]int{"a": {10, 0}}},
		"as heavy":                   {10, 1, append(of(1, 1, "aaaa"), of(0, 1, "aaaa")...), map[string][2]int{"a": {10, 0}}},
		"another on each side":       {10, 1, append(of(0, 1, times("a", 9)+"bc"), of(1, 1, times("b", 9)+"ac")...), map[string][2]int{"a": {10, 0}, "b": {10, 1}}},
		"a large row":                {10, 1, append(of(0, 1000, "a"), of(0, 1, "bcdefghijk")...), nil},
		"keys that are too large":    {10, 1, slices.Concat(long("a", 9), long("b", 10), of(0, 10, times("c", 8))), map[string][2]int{times("b", mostHotBytes*2/3): {8, 0}, "c": {6, 0}}},
		"most of them":               {1000, 1, of(0, 1, many), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := hotOf(t, &plan.Partitioner{Kind: plan.SkewPartitioner, N: c.n, HotFrom: c.from}, c.samples)
			if name == "most of them" {
				if len(got) != mostHot {
					t.Errorf("%d keys, want %d", len(got), mostHot)
				}
				return
			}
			if !maps.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestHotKeysDecode refuses what a stage of another build may tell.
func TestHotKeysDecode(t *testing.T) {
	typ := must(codec.TypeOf[HotKey]())
	key := must(codec.Marshal("a"))
	for name, c := range map[string]struct {
		keys []HotKey
		want string
	}{
		"good":            {[]HotKey{{key, 2, 1}, {must(codec.Marshal("b")), 4, 0}}, ""},
		"no parts":        {[]HotKey{{key, 0, 1}}, "different builds"},
		"too many parts":  {[]HotKey{{key, 5, 1}}, "different builds"},
		"too many":        {slices.Repeat([]HotKey{{key, 2, 1}}, 2*mostHot+1), "different builds"},
		"no key":          {[]HotKey{{[]byte{9, 'a'}, 2, 1}}, "decode hot keys"},
		"of no such side": {[]HotKey{{key, 2, 2}}, "different builds"},
	} {
		task := &Task{spec: &plan.Task{Values: []plan.StageValue{{Stage: "h", Value: must(appendRows(nil, typ, codec.RowsOf(c.keys)))}}}}
		hot, err := task.hotKeys(&plan.Partitioner{N: 4, Hot: "h"}, must(codec.TypeOf[string]()), 0)
		if c.want == "" && (err != nil || len(hot) != 2 || !hot[0].Copied || hot[1].Copied || *(*string)(hot[1].Key) != "b") ||
			c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, %v", name, hot, err)
		}
	}
	if _, err := (&Task{spec: &plan.Task{}}).hotKeys(&plan.Partitioner{N: 4, Hot: "h"}, must(codec.TypeOf[string]()), 0); err == nil {
		t.Error("no value, and no error")
	}
}

// TestHotSamplesElsewhere reads the beginning of a split that is not at hand.
func TestHotSamplesElsewhere(t *testing.T) {
	const all = 4 * samplePieces * samplePiece
	for name, c := range map[string]struct {
		compression string
		length      int64
		read        int64
		enough      int64
	}{
		"long":       {"", all, samplePieces * samplePiece, 0},
		"short":      {"", 1000, 1000, 7},
		"compressed": {"gzip", all, all, 7},
	} {
		s := &sampler{hot: &hotSampling{enough: 7}, seen: 1}
		split := storage.Split{Parts: []storage.Part{{Path: "elsewhere://a", Length: c.length, FileSize: c.length, Compression: c.compression}}}
		var read int64
		err := s.hot.thinned(s, split, split, func(some storage.Split) error {
			read += some.Bytes()
			return nil
		})
		if err != nil || read != c.read || s.seen != float64(c.read)/float64(c.length) || s.hot.enough != c.enough {
			t.Errorf("%s: read %d bytes, seen %v, enough %d, %v", name, read, s.seen, s.hot.enough, err)
		}
	}
}

// TestHotSamplerStops at the very row, however rows come: what is found never depends on
// memory.
func TestHotSamplerStops(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.numbers(100, 1), Action{Op: CountOp[int64](), Call: here()})
	taken := func(batch int) (rows []string) {
		task := &Task{Context: t.Context(), spec: w.task(&p.Stages[0], 0), stage: &p.Stages[0], plan: p, runner: w.r}
		spec := &plan.Sink{Limit: 5000, Part: &plan.Partitioner{Kind: plan.SinglePartitioner, N: 1}}
		made, err := newHotSampler(task, spec, sideOf[int64, int64](), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer made.abort()
		next := int64(0)
		for more := true; more; {
			in := &Rows[Pair[int64, int64]]{Rows: make([]Pair[int64, int64], batch)}
			for i := range in.Rows {
				in.Rows[i].Key = next
				next++
			}
			more = made.feed(in)
		}
		s := made.(*sampler)
		if s.rows != 5000 {
			t.Errorf("%d rows were looked at", s.rows)
		}
		for _, x := range s.taken {
			rows = append(rows, fmt.Sprintf("%x %v", x.bound, x.size))
		}
		return rows
	}
	if one, many := taken(1), taken(777); len(one) != sampleRows || !slices.Equal(one, many) {
		t.Errorf("%d and %d rows, which differ", len(one), len(many))
	}
}
