package property

import (
	"cmp"
	"context"
	"encoding/binary"
	"iter"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// atOnce is how many tasks the cases here have that run at once: there are slots
// for two everywhere.
func atOnce(n int) int { return min(cmp.Or(n, 2), 2) }

// gathered is what all tasks bring of a number each.
func gathered(t *typed.BarrierTask, n int64) (all []int64) {
	for _, b := range t.AllGather(binary.AppendVarint(nil, n)) {
		n, _ := binary.Varint(b)
		all = append(all, n)
		clear(b) // it is the caller's
	}
	return all
}

// total is gathered, added up.
func total(t *typed.BarrierTask, n int64) (sum int64) {
	for _, n := range gathered(t, n) {
		sum += n
	}
	return sum
}

// places gives rows with their place among those of all partitions.
func places(t *typed.BarrierTask, rows iter.Seq[int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		own := slices.Collect(rows)
		t.Barrier()
		at := int64(0)
		for _, n := range gathered(t, int64(len(own)))[:t.Partition()] {
			at += n
		}
		for _, x := range own {
			if !yield(line(at, x)) {
				return
			}
			at++
		}
	}
}

// shares gives pairs with how many there are of all, and what all values are
// together, once the first round is known.
func shares(t *typed.BarrierTask, pairs iter.Seq2[string, int64]) iter.Seq[string] {
	return func(yield func(string) bool) {
		var own []KV
		sum := int64(0)
		for k, v := range pairs {
			own = append(own, KV{k, v})
			sum += v
		}
		n := total(t, int64(len(own)))
		sum = total(t, sum)
		for _, p := range own {
			if !yield(line(line(p.Key, p.Value), line(n, sum))) {
				return
			}
		}
	}
}

// step is a round of what the partitions compute together.
func step(state, sum int64) int64 { return state*31 ^ sum }

// together computes over all partitions in rounds, each of which depends on what
// all of them brought to the one before.
func together(rounds int, t *typed.BarrierTask, rows iter.Seq[int64]) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		own := slices.Collect(rows)
		state := int64(0)
		for range rounds {
			sum := int64(0)
			for _, x := range own {
				sum += x ^ state
			}
			state = step(state, total(t, sum))
		}
		for _, x := range own {
			if !yield(x + state) {
				return
			}
		}
	}
}

func wantBarrier(rounds int, rows []int64) []int64 {
	state := int64(0)
	for range rounds {
		sum := int64(0)
		for _, x := range rows {
			sum += x ^ state
		}
		state = step(state, sum)
	}
	return each(rows, func(x int64) int64 { return x + state })
}

func togetherPairs(rounds int, t *typed.BarrierTask, pairs iter.Seq2[string, int64]) iter.Seq[int64] {
	return together(rounds, t, func(yield func(int64) bool) {
		for _, x := range pairs {
			if !yield(x) {
				return
			}
		}
	})
}

func barrierCases() []Case {
	return []Case{
		{"RDD.MapPartitionsWithBarrier", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(s.Parallelize(in.Ints, atOnce(in.Parts)).Map(double).MapPartitionsWithBarrier(places).Collect(ctx))
		}, func(in Input) (out []string) {
			for i, x := range in.Ints {
				out = append(out, line(i, double(x)))
			}
			return out
		}},
		{"PairRDD.MapPartitionsWithBarrier", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			moved := kvs(s, in).PartitionBy(typed.Partitions(atOnce(in.Reducers)))
			return show(moved.MapPartitionsWithBarrier(shares).Collect(ctx))
		}, func(in Input) []string {
			sum := int64(0)
			for _, p := range in.Pairs {
				sum += p.Value
			}
			return each(in.Pairs, func(p KV) string { return line(line(p.Key, p.Value), line(len(in.Pairs), sum)) })
		}},
		{"RDDWith.MapPartitionsWithBarrier", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			once := s.Parallelize(in.Ints, atOnce(in.Parts)).With(3).MapPartitionsWithBarrier(together)
			return show(once.Map(double).With(5).MapPartitionsWithBarrier(together).Collect(ctx))
		}, func(in Input) []string { return text(wantBarrier(5, each(wantBarrier(3, in.Ints), double))) }},
		{"PairWith.MapPartitionsWithBarrier", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			made := keyed(s, in.Pairs, atOnce(in.Parts)).With(4).MapPartitionsWithBarrier(togetherPairs)
			counts := made.MapToPair(func(x int64) (int64, int64) { return x, 1 }).
				ReduceByKey(func(a, b int64) int64 { return a + b }, typed.Partitions(in.Reducers))
			return show(counts.Map(line[int64, int64]).Collect(ctx))
		}, func(in Input) (out []string) {
			counts := map[int64]int64{}
			for _, x := range wantBarrier(4, valuesOf(in.Pairs)) {
				counts[x]++
			}
			for x, n := range counts {
				out = append(out, line(x, n))
			}
			return out
		}},
		{"MapPartitionsWithBarrier/sorted", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			made := s.Parallelize(in.Ints, atOnce(in.Parts)).With(2).MapPartitionsWithBarrier(together)
			sorted := made.SortBy(func(x int64) int64 { return x }, typed.Partitions(atOnce(in.Reducers)))
			return show(sorted.MapPartitionsWithBarrier(places).Collect(ctx))
		}, func(in Input) (out []string) {
			for i, x := range slices.Sorted(slices.Values(wantBarrier(2, in.Ints))) {
				out = append(out, line(i, x))
			}
			return out
		}},
	}
}
