package property

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

func addInts(a, b int64) int64 { return a + b }

func even(x int64) bool { return x%2 == 0 }

// upTo gives the numbers below x modulo 5.
func upTo(x int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := range max(x%5, -x%5) {
			if !yield(i * x) {
				return
			}
		}
	}
}

// twoColumns are the first of the columns that the letter a is between.
func twoColumns(w string) string {
	var c [2]string
	n := typed.Columns(w, 'a', c[:])
	return fmt.Sprintf("%q %q %d", c[0], c[1], n)
}

var errOdd = errors.New("odd")

func half(x int64) (int64, error) {
	if !even(x) {
		return 0, errOdd
	}
	return x / 2, nil
}

func parse(w string) (int64, error) { return strconv.ParseInt(w, 10, 64) }

func tryUpTo(x int64) (iter.Seq[int64], error) {
	if !even(x) {
		return nil, errOdd
	}
	return upTo(x), nil
}

// withIndex numbers the rows of a partition.
func withIndex(t *typed.Task, rows iter.Seq[string]) iter.Seq[string] {
	return func(yield func(string) bool) {
		i := 0
		for w := range rows {
			if !yield(fmt.Sprintf("%d/%d %s", t.Partition(), i, w)) {
				return
			}
			i++
		}
	}
}

func wantIndex(in Input) []string {
	var out []string
	for p, cut := range in.slices(len(in.Words)) {
		for i, w := range in.Words[cut[0]:cut[1]] {
			out = append(out, fmt.Sprintf("%d/%d %s", p, i, w))
		}
	}
	return out
}

func letters(w string) iter.Seq2[string, int64] {
	return func(yield func(string, int64) bool) {
		for i, r := range w {
			if i > 6 || !yield(string(r), int64(i)) {
				return
			}
		}
	}
}

func wantLetters(words []string) []pair[string, int64] {
	var out []pair[string, int64]
	for _, w := range words {
		for i, r := range w {
			if i > 6 {
				break
			}
			out = append(out, pair[string, int64]{string(r), int64(i)})
		}
	}
	return out
}

func narrowCases() []Case {
	return []Case{
		{"RDD.Map", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Map(func(x int64) string { return strconv.FormatInt(x, 36) }).Collect(ctx))
		}, func(in Input) []string {
			return each(in.Ints, func(x int64) string { return strconv.FormatInt(x, 36) })
		}},
		{"RDD.Map/method expression", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(recs(s, in).Map(Rec.String).Collect(ctx))
		}, func(in Input) []string { return each(in.Recs, Rec.String) }},
		{"RDD.Map/records", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(recs(s, in).Map(func(r Rec) Rec { return Rec{Name: r.Name, At: r.At, Attrs: r.Attrs} }).Collect(ctx))
		}, func(in Input) []string {
			return each(in.Recs, func(r Rec) string { return Rec{Name: r.Name, At: r.At, Attrs: r.Attrs}.String() })
		}},
		{"RDD.TryMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).TryMap(half).Collect(ctx))
		}, func(in Input) []string {
			return text(each(keep(in.Ints, even), func(x int64) int64 { return x / 2 }))
		}},
		{"RDD.TryMap/words", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).TryMap(parse).Collect(ctx))
		}, func(in Input) []string {
			return keep(in.Words, func(w string) bool { _, err := strconv.Atoi(w); return err == nil })
		}},
		{"RDD.Filter", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(floats(s, in).Filter(func(x float64) bool { return x <= 0 }).Collect(ctx))
		}, func(in Input) []string {
			return text(keep(in.Floats, func(x float64) bool { return x <= 0 }))
		}},
		{"RDD.FlatMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).FlatMap(upTo).Collect(ctx))
		}, func(in Input) []string { return text(flat(in.Ints, upTo)) }},
		{"RDD.FlatMap/fields", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			a := strs(s, in).FlatMap(strings.FieldsSeq)
			return show(a.Union(strs(s, in).FlatMap(typed.Fields)).Collect(ctx))
		}, func(in Input) []string {
			fields := slices.Concat(each(in.Words, strings.Fields)...)
			return append(fields, fields...)
		}},
		{"RDD.Map/columns", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).Map(twoColumns).Collect(ctx))
		}, func(in Input) []string {
			return each(in.Words, func(w string) string {
				parts := append(strings.Split(w, "a"), "")
				return fmt.Sprintf("%q %q %d", parts[0], parts[1], min(len(parts)-1, 2))
			})
		}},
		{"RDD.TryMap/floats", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).TryMap(typed.ParseFloat).Collect(ctx))
		}, func(in Input) []string {
			var want []float64
			for _, w := range in.Words {
				if x, err := strconv.ParseFloat(w, 64); err == nil {
					want = append(want, x)
				}
			}
			return text(want)
		}},
		{"RDD.TryFlatMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).TryFlatMap(tryUpTo).Collect(ctx))
		}, func(in Input) []string { return text(flat(keep(in.Ints, even), upTo)) }},
		{"RDD.MapPartitions", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).MapPartitions(withIndex).Collect(ctx))
		}, wantIndex},
		{"RDD.MapPartitions/stops early", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).Filter(even).MapPartitions(func(_ *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
				return func(yield func(int64) bool) {
					for x := range rows {
						if !yield(x) || x > 40 {
							return
						}
					}
				}
			}).Map(func(x int64) int64 { return -x }).Collect(ctx))
		}, func(in Input) []string {
			var out []int64
			for _, cut := range in.slices(len(in.Ints)) {
				for _, x := range keep(in.Ints[cut[0]:cut[1]], even) {
					if out = append(out, -x); x > 40 {
						break
					}
				}
			}
			return text(out)
		}},
		{"Task.Reject", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).MapPartitions(func(t *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
				return func(yield func(int64) bool) {
					for x := range rows {
						if !even(x) {
							t.Reject(x, errOdd)
						} else if !yield(x) {
							return
						}
					}
				}
			}).Collect(ctx))
		}, func(in Input) []string { return text(keep(in.Ints, even)) }},
		{"RDD.MapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).MapToPair(func(x int64) (int64, int64) { return x % 3, x }).Collect(ctx))
		}, func(in Input) []string {
			return text(each(in.Ints, func(x int64) pair[int64, int64] { return pair[int64, int64]{x % 3, x} }))
		}},
		{"RDD.TryMapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).TryMapToPair(func(x int64) (int64, int64, error) {
				h, err := half(x)
				return h, x, err
			}).Collect(ctx))
		}, func(in Input) []string {
			return text(each(keep(in.Ints, even), func(x int64) pair[int64, int64] { return pair[int64, int64]{x / 2, x} }))
		}},
		{"RDD.FlatMapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).FlatMapToPair(letters).Collect(ctx))
		}, func(in Input) []string { return text(wantLetters(in.Words)) }},
		{"RDD.KeyBy", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).KeyBy(func(w string) int64 { return int64(len(w)) }).Collect(ctx))
		}, func(in Input) []string {
			return text(each(in.Words, func(w string) pair[int, string] { return pair[int, string]{len(w), w} }))
		}},
		{"RDD.Union", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			a := ints(s, in)
			b := a.Filter(even)
			return show(a.Union(b, a).Map(func(x int64) int64 { return x ^ 1 }).Union(b).Collect(ctx))
		}, func(in Input) []string {
			b := keep(in.Ints, even)
			return text(append(each(slices.Concat(in.Ints, b, in.Ints), func(x int64) int64 { return x ^ 1 }), b...))
		}},
	}
}

func double(x int64) int64 { return 2 * x }

func small(k string, v int64) bool { return len(k) < 4 && v < 500 }

func smallPairs(rows []KV) []pair[string, int64] {
	return keep(pairs(rows), func(p pair[string, int64]) bool { return small(p.Key, p.Value) })
}

func tryLine(k string, v int64) (string, error) {
	if v < 0 {
		return "", fmt.Errorf("%s is negative", k)
	}
	return line(k, v), nil
}

func positive(rows []KV) []KV { return keep(rows, func(p KV) bool { return p.Value >= 0 }) }

func repeat(k string, v int64) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range v & 3 {
			if !yield(fmt.Sprint(k, i)) {
				return
			}
		}
	}
}

func repeatPairs(k string, v int64) iter.Seq2[int64, string] {
	return func(yield func(int64, string) bool) {
		for w := range repeat(k, v) {
			if !yield(v, w) {
				return
			}
		}
	}
}

func swap(k string, v int64) (int64, string) { return v, k }

// sumOf gives one row a partition: how many pairs it has, and their sum.
func sumOf(t *typed.Task, rows iter.Seq2[string, int64]) iter.Seq[string] {
	n, sum := 0, int64(0)
	for k, v := range rows {
		n, sum = n+len(k), sum+v
	}
	return slices.Values([]string{fmt.Sprint(t.Partition(), n, sum)})
}

func wantSums(in Input) []string {
	var out []string
	for i, cut := range in.slices(len(in.Pairs)) {
		n, sum := 0, int64(0)
		for _, p := range in.Pairs[cut[0]:cut[1]] {
			n, sum = n+len(p.Key), sum+p.Value
		}
		out = append(out, fmt.Sprint(i, n, sum))
	}
	return out
}

func pairCases() []Case {
	return []Case{
		{"PairRDD.Map", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).Map(line[string, int64]).Collect(ctx))
		}, func(in Input) []string { return lines(pairs(in.Pairs)) }},
		{"PairRDD.TryMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).TryMap(tryLine).Collect(ctx))
		}, func(in Input) []string { return lines(pairs(positive(in.Pairs))) }},
		{"PairRDD.Filter", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).Filter(small).Collect(ctx))
		}, func(in Input) []string { return text(smallPairs(in.Pairs)) }},
		{"PairRDD.FlatMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).FlatMap(repeat).Collect(ctx))
		}, func(in Input) []string {
			return flat(in.Pairs, func(p KV) iter.Seq[string] { return repeat(p.Key, p.Value) })
		}},
		{"PairRDD.TryFlatMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).TryFlatMap(func(k string, v int64) (iter.Seq[string], error) {
				_, err := tryLine(k, v)
				return repeat(k, v), err
			}).Collect(ctx))
		}, func(in Input) []string {
			return flat(positive(in.Pairs), func(p KV) iter.Seq[string] { return repeat(p.Key, p.Value) })
		}},
		{"PairRDD.MapPartitions", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).MapPartitions(sumOf).Collect(ctx))
		}, wantSums},
		{"PairRDD.MapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).MapToPair(swap).Collect(ctx))
		}, func(in Input) []string {
			return text(each(in.Pairs, func(p KV) pair[int64, string] { return pair[int64, string]{p.Value, p.Key} }))
		}},
		{"PairRDD.TryMapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).TryMapToPair(func(k string, v int64) (string, string, error) {
				l, err := tryLine(k, v)
				return l, k, err
			}).Values().Collect(ctx))
		}, func(in Input) []string { return each(positive(in.Pairs), func(p KV) string { return p.Key }) }},
		{"PairRDD.FlatMapToPair", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).FlatMapToPair(repeatPairs).Map(line[int64, string]).Collect(ctx))
		}, func(in Input) []string {
			var out []string
			for _, p := range in.Pairs {
				for w := range repeat(p.Key, p.Value) {
					out = append(out, line(p.Value, w))
				}
			}
			return out
		}},
		{"PairRDD.MapValues", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).MapValues(double).Collect(ctx))
		}, func(in Input) []string {
			return text(each(in.Pairs, func(p KV) KV { return KV{p.Key, 2 * p.Value} }))
		}},
		{"PairRDD.MapValuesWithKey", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).MapValuesWithKey(line[string, int64]).Collect(ctx))
		}, func(in Input) []string {
			return text(each(in.Pairs, func(p KV) pair[string, string] { return pair[string, string]{p.Key, line(p.Key, p.Value)} }))
		}},
		{"PairRDD.FlatMapValues", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).FlatMapValues(upTo).Collect(ctx))
		}, func(in Input) []string {
			var out []KV
			for _, p := range in.Pairs {
				for v := range upTo(p.Value) {
					out = append(out, KV{p.Key, v})
				}
			}
			return text(out)
		}},
		{"PairRDD.Keys", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).Keys().Collect(ctx))
		}, func(in Input) []string { return each(in.Pairs, func(p KV) string { return p.Key }) }},
		{"PairRDD.Values", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).Filter(small).Values().Collect(ctx))
		}, func(in Input) []string {
			return text(each(smallPairs(in.Pairs), func(p pair[string, int64]) int64 { return p.Value }))
		}},
		{"PairRDD.Union", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			a := keyed(s, in.Left, in.Parts)
			return show(a.Union(keyed(s, in.Right, 3), a).Collect(ctx))
		}, func(in Input) []string { return text(slices.Concat(in.Left, in.Right, in.Left)) }},
	}
}
