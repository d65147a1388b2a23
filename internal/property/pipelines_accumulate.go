package property

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// sizeCounts counts words by their length: a value of an accumulator that is changed
// in place.
type sizeCounts map[int]int64

// Merge adds the counts.
func (l sizeCounts) Merge(o sizeCounts) sizeCounts {
	if l == nil {
		return o
	}
	for n, count := range o {
		l[n] += count
	}
	return l
}

// load is a value of which each task's is as large as the sum.
type load struct {
	Sum  int64
	Load []byte
}

// Merge adds the numbers.
func (l load) Merge(o load) load {
	if len(l.Load) == 0 {
		l.Load = o.Load
	}
	return load{l.Sum + o.Sum, l.Load}
}

// seen is a With value with accumulators.
type seen struct {
	Mod  int64
	Odd  typed.Counter
	All  struct{ Sum typed.Total[int64] }
	Span typed.Extremes[int64]
}

func newSeen(s *typed.Session, in Input) seen {
	v := seen{Mod: in.env().Mod, Odd: typed.NewCounter(s, "odd"), Span: typed.NewExtremes[int64](s, "span")}
	v.All.Sum = typed.NewTotal[int64](s, "sum")
	return v
}

// look counts a number, and says whether it is divisible.
func (v seen) look(x int64) bool {
	if x%2 != 0 {
		v.Odd.Add(1)
	}
	v.All.Sum.Add(x)
	v.Span.Add(x)
	return x%v.Mod == 0
}

// told is what was seen, as a row.
func (v seen) told() string {
	least, _ := v.Span.Min()
	most, _ := v.Span.Max()
	return line(line(v.Odd.Value(), v.All.Sum.Value()), line(least, most))
}

// wantSeen is what times looks at numbers make, and how many are divisible.
func wantSeen(in Input, times int64) (row string, kept []int64) {
	var odd, sum, least, most int64
	if len(in.Ints) > 0 {
		least, most = slices.Min(in.Ints), slices.Max(in.Ints)
	}
	for _, x := range in.Ints {
		if x%2 != 0 {
			odd += times
		}
		sum += times * x
		if x%in.env().Mod == 0 {
			kept = append(kept, x)
		}
	}
	return line(line(odd, sum), line(least, most)), kept
}

func itself(x int64) int64 { return x }

func accumulatorCases() []Case {
	return []Case{
		{"Accumulator in Filter", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			v := newSeen(s, in)
			rows, err := show(ints(s, in).With(v).Filter(seen.look).Map(double).Collect(ctx))
			return append(rows, v.told()), err
		}, func(in Input) []string {
			row, kept := wantSeen(in, 1)
			for i := range kept {
				kept[i] = double(kept[i])
			}
			return append(text(kept), row)
		}},
		{"Accumulator before a shuffle that two actions read", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			v := newSeen(s, in)
			distinct := typed.Distinct(ints(s, in).With(v).Filter(func(v seen, x int64) bool { return v.look(x) }))
			if _, err := distinct.Count(ctx); err != nil {
				return nil, err
			}
			n, err := distinct.Count(ctx)
			return []string{line(n, v.told())}, err
		}, func(in Input) []string {
			row, kept := wantSeen(in, 1)
			slices.Sort(kept)
			return []string{line(len(slices.Compact(kept)), row)}
		}},
		{"Accumulator before a sort, and in two actions", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			v := newSeen(s, in)
			kept := ints(s, in).With(v).Filter(seen.look)
			if _, err := kept.Count(ctx); err != nil {
				return nil, err
			}
			rows, err := show(kept.SortBy(itself).Collect(ctx))
			return append(rows, v.told()), err
		}, func(in Input) []string {
			row, kept := wantSeen(in, 2)
			slices.Sort(kept)
			return append(text(kept), row)
		}},
		{"Accumulator before kept rows that a sort makes", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			v := newSeen(s, in)
			kept := ints(s, in).With(v).Filter(seen.look).Persist(typed.MemoryAndDiskSer)
			rows, err := show(kept.SortBy(itself).Collect(ctx))
			if err == nil {
				_, err = kept.Coalesce(2).Count(ctx)
			}
			return append(rows, v.told()), err
		}, func(in Input) []string {
			row, kept := wantSeen(in, 1)
			slices.Sort(kept)
			return append(text(kept), row)
		}},
		{"Accumulator of more than a message holds", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			loads := typed.NewAccumulator[load](s, "loads")
			n, err := s.Range(50, typed.Partitions(50)).With(loads).Map(func(loads typed.Accumulator[load], x int64) int64 {
				loads.Add(load{x, make([]byte, 200<<10)})
				return x
			}).Count(ctx)
			return []string{line(n, loads.Value().Sum)}, err
		}, func(Input) []string { return []string{line(50, 49*50/2)} }},
		{"Accumulator in Reduce and in pairs", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			calls, short := typed.NewCounter(s, "calls"), typed.NewAccumulator[sizeCounts](s, "words by length")
			n, err := s.Parallelize(in.Words, in.Parts).KeyBy(strings.Clone).With(short).
				Map(func(short typed.Accumulator[sizeCounts], word, _ string) int64 {
					if own := short.Local(); *own == nil {
						*own = sizeCounts{}
					}
					(*short.Local())[len(word)]++
					return 1
				}).
				With(calls).Reduce(ctx, func(calls typed.Counter, a, b int64) int64 {
				calls.Add(1)
				return a + b
			})
			short.Add(sizeCounts{-1: 1}) // at the driver
			rows := []string{line(n, calls.Value())}
			for _, n := range slices.Sorted(maps.Keys(short.Value())) {
				rows = append(rows, line(n, short.Value()[n]))
			}
			if errors.Is(err, typed.ErrEmpty) {
				err = nil
			}
			return rows, err
		}, func(in Input) []string {
			l := sizeCounts{-1: 1}
			for _, w := range in.Words {
				l[len(w)]++
			}
			rows := []string{line(len(in.Words), max(len(in.Words)-1, 0))}
			for _, n := range slices.Sorted(maps.Keys(l)) {
				rows = append(rows, line(n, l[n]))
			}
			return rows
		}},
	}
}
