package shuffle_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"sort"
	"runtime"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

func cpu() int64 {
	var r syscall.Rusage
	syscall.Getrusage(1, &r) // thread
	return r.Utime.Nano() + r.Stime.Nano()
}

func comb[K comparable](dir string, keys []K, on bool) {
	c := newCombiner[K](shuffle.Config{Dir: dir, Reduces: 16, Seed: 1, RowSum: on}, sumInt64())
	for _, k := range keys {
		if !c.Push(k, 1) && !c.Flush() {
			panic(c.Err())
		}
	}
	must(c.Close())
}

func wr[K comparable, V any](dir string, reduces int, rows []codec.Pair[K, V], on bool) {
	typ, keys := typeOf[codec.Pair[K, V]](), must(codec.KeyTypeOf[K]())
	cfg := shuffle.Config{Dir: dir, Reduces: reduces, Copy: true, RowSum: on}
	w := shuffle.NewWriter(cfg, typ, shuffle.HashKeys(keys, typ, 1, reduces))
	for part := range slices.Chunk(rows, 1024) {
		if err := w.Write(codec.RowsOf(part)); err != nil {
			panic(err)
		}
	}
	must(w.Close())
}

func TestZZ(t *testing.T) {
	runtime.LockOSThread()
	words, ints := benchWords(), benchInts()
	ip := make([]codec.Pair[int64, int64], 0, benchRows)
	for i, k := range ints {
		ip = append(ip, codec.Pair[int64, int64]{Key: k, Value: int64(i)})
	}
	wp := make([]codec.Pair[string, string], 0, benchRows)
	text := strings.Repeat("what a line of text has beside its key ", 2)
	for _, w := range words {
		wp = append(wp, codec.Pair[string, string]{Key: w, Value: text[len(w):]})
	}
	dir := t.TempDir()
	runs := []struct {
		name string
		f    func(on bool)
	}{
		{"combine words", func(on bool) { comb(dir, words, on) }},
		{"combine ints", func(on bool) { comb(dir, ints, on) }},
		{"write ints", func(on bool) { wr(dir, 64, ip, on) }},
		{"write text", func(on bool) { wr(dir, 64, wp, on) }},
	}
	for _, r := range runs {
		var d [2][]float64
		var rel []float64
		for i := range 21 {
			var x [2]float64
			for _, on := range []bool{i%2 == 0, i%2 != 0} {
				before := cpu()
				r.f(on)
				k := 0
				if on {
					k = 1
				}
				x[k] = float64(cpu()-before) / benchRows
				d[k] = append(d[k], x[k])
			}
			rel = append(rel, x[1]/x[0])
		}
		for _, s := range d {
			sort.Float64s(s)
		}
		sort.Float64s(rel)
		fmt.Printf("%-16s off min %.2f med %.2f  on min %.2f med %.2f  ratio min %.3f med %.3f paired %.3f\n", r.name, d[0][0], d[0][10], d[1][0], d[1][10], d[1][0]/d[0][0], d[1][10]/d[0][10], rel[10])
	}
}
