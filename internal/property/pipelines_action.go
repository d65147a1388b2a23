package property

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// few is how many rows the cases of Take and its like ask for.
func (in Input) few() int { return in.Size/3 + 1 }

// orEmpty makes a row of the error for no rows.
func orEmpty(rows []string, err error) ([]string, error) {
	if errors.Is(err, typed.ErrEmpty) {
		return []string{"empty"}, nil
	}
	return rows, err
}

func firstOrEmpty[T any](rows []T) []string {
	if len(rows) == 0 {
		return []string{"empty"}
	}
	return text(rows[:1])
}

// drain takes the rows of All.
func drain[T any](rows iter.Seq2[T, error]) ([]T, error) {
	var out []T
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// entries shows a map, sorted.
func entries[K comparable, V any](m map[K]V, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	out := []string{}
	for k, v := range m {
		out = append(out, line(k, v))
	}
	slices.Sort(out)
	return out, nil
}

// byMod compares numbers so that many are equal.
func byMod(a, b int64) int { return cmp.Compare(mod(a), mod(b)) }

func byValue(a, b typed.Pair[string, int64]) int { return cmp.Compare(a.Value/8, b.Value/8) }

func kvByValue(a, b KV) int { return cmp.Compare(a.Value/8, b.Value/8) }

func reverse[T any](f func(a, b T) int) func(a, b T) int {
	return func(a, b T) int { return f(b, a) }
}

// folded is what Fold with joinWords must give: zero enters once in each
// partition and once in the end.
func folded(in Input, zero string) string {
	acc := zero
	for _, cut := range in.slices(len(in.Words)) {
		part := zero
		for _, w := range in.Words[cut[0]:cut[1]] {
			part = joinWords(part, w)
		}
		acc = joinWords(acc, part)
	}
	return acc
}

func actionCases() []Case {
	return []Case{
		{"RDD.All", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(drain(ints(s, in).Map(double).All(ctx)))
		}, func(in Input) []string { return text(each(in.Ints, double)) }},
		{"RDD.All/left early", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			var out []string
			for x, err := range ints(s, in).All(ctx) {
				if err != nil {
					return nil, err
				}
				if out = append(out, fmt.Sprint(x)); len(out) == in.few() {
					break
				}
			}
			return out, nil
		}, func(in Input) []string { return text(first(in.Ints, in.few())) }},
		{"RDD.Count", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(ints(s, in).Filter(even).Count(ctx))
		}, func(in Input) []string { return []string{strconv.Itoa(len(keep(in.Ints, even)))} }},
		{"RDD.First", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return orEmpty(one(ints(s, in).Filter(even).First(ctx)))
		}, func(in Input) []string { return firstOrEmpty(keep(in.Ints, even)) }},
		{"RDD.Take", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(strs(s, in).Take(ctx, in.few()))
		}, func(in Input) []string { return first(in.Words, in.few()) }},
		{"RDD.Take/flat", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).FlatMap(upTo).Filter(even).Take(ctx, in.few()))
		}, func(in Input) []string { return text(first(keep(flat(in.Ints, upTo), even), in.few())) }},
		{"RDD.TakeOrdered", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(ints(s, in).TakeOrdered(ctx, in.few(), byMod))
		}, func(in Input) []string { return text(first(sortedFunc(in.Ints, byMod), in.few())) }},
		{"RDD.Top", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(floats(s, in).Top(ctx, 7, cmp.Compare[float64]))
		}, func(in Input) []string {
			return text(first(sortedFunc(in.Floats, reverse(cmp.Compare[float64])), 7))
		}},
		{"RDD.Reduce", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return orEmpty(one(strs(s, in).Reduce(ctx, joinWords)))
		}, func(in Input) []string {
			if len(in.Words) == 0 {
				return []string{"empty"}
			}
			return []string{strings.Join(in.Words, "|")}
		}},
		{"RDD.Reduce/fused", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return orEmpty(one(ints(s, in).Filter(even).Map(double).Reduce(ctx, addInts)))
		}, func(in Input) []string {
			if evens := each(keep(in.Ints, even), double); len(evens) > 0 {
				return text([]int64{reduced(evens, addInts)})
			}
			return []string{"empty"}
		}},
		{"RDD.Fold", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(strs(s, in).Fold(ctx, "z", joinWords))
		}, func(in Input) []string { return []string{folded(in, "z")} }},
		{"RDD.Aggregate", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(ints(s, in).Aggregate(ctx, newStats, addStats, mergeStats))
		}, func(in Input) []string { return text([]Stats{statsOf(in.Ints)}) }},
		{"PairRDD.Collect", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(recs(s, in).KeyBy(func(r Rec) Place { return Place{r.Name, 1, [2]bool{r.OK}} }).Collect(ctx))
		}, func(in Input) []string {
			return text(each(in.Recs, func(r Rec) pair[Place, Rec] { return pair[Place, Rec]{Place{r.Name, 1, [2]bool{r.OK}}, r} }))
		}},
		{"PairRDD.CollectAsMap", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return entries(kvs(s, in).CollectAsMap(ctx))
		}, func(in Input) []string {
			return slices.Sorted(slices.Values(perGroup(in, func(g group[string, int64]) int64 { return g.Values[len(g.Values)-1] })))
		}},
		{"PairRDD.All", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(drain(kvs(s, in).All(ctx)))
		}, func(in Input) []string { return text(in.Pairs) }},
		{"PairRDD.Count", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return one(kvs(s, in).Filter(small).Count(ctx))
		}, func(in Input) []string { return []string{strconv.Itoa(len(smallPairs(in.Pairs)))} }},
		{"PairRDD.CountByKey", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return entries(kvs(s, in).CountByKey(ctx))
		}, func(in Input) []string {
			return slices.Sorted(slices.Values(perGroup(in, func(g group[string, int64]) int { return len(g.Values) })))
		}},
		{"PairRDD.First", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return orEmpty(one(kvs(s, in).Filter(small).First(ctx)))
		}, func(in Input) []string { return firstOrEmpty(smallPairs(in.Pairs)) }},
		{"PairRDD.Take", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).Filter(small).Take(ctx, in.few()))
		}, func(in Input) []string { return text(first(smallPairs(in.Pairs), in.few())) }},
		{"PairRDD.TakeOrdered", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).TakeOrdered(ctx, 11, byValue))
		}, func(in Input) []string { return text(first(sortedFunc(in.Pairs, kvByValue), 11)) }},
		{"PairRDD.Top", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return show(kvs(s, in).Top(ctx, in.few(), byValue))
		}, func(in Input) []string {
			return text(first(sortedFunc(in.Pairs, reverse(kvByValue)), in.few()))
		}},
	}
}

// saved gives the part files below a directory, one row each.
func saved(dir string, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir)
	var out []string
	for _, f := range files {
		b, e := os.ReadFile(filepath.Join(dir, f.Name()))
		err = errors.Join(err, e)
		if strings.HasPrefix(f.Name(), "part-") {
			out = append(out, f.Name()+"\n"+string(b))
		}
	}
	return out, err
}

// wantParts gives the part files of lines that lie in partitions as a source
// cuts them.
func wantParts(in Input, lines []string) []string {
	var out []string
	for i, cut := range in.slices(len(lines)) {
		part := fmt.Sprintf("part-%05d\n", i)
		for _, l := range lines[cut[0]:cut[1]] {
			part += l + "\n"
		}
		out = append(out, part)
	}
	return out
}

func (in Input) out() string { return filepath.Join(in.Scratch, "out") }

func saveCases() []Case {
	return []Case{
		{"RDD.SaveAsTextFile", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return saved(in.out(), strs(s, in).SaveAsTextFile(ctx, in.out()))
		}, func(in Input) []string { return wantParts(in, in.Words) }},
		{"RDD.SaveAsTextFile/twice", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			if err := ints(s, in).Union(ints(s, in)).SaveAsTextFile(ctx, in.out()); err != nil {
				return nil, err
			}
			if err := ints(s, in).SaveAsTextFile(ctx, in.out()); err == nil {
				return nil, errors.New("wrote over what was there")
			}
			return saved(in.out(), floats(s, in).SaveAsTextFile(ctx, in.out(), typed.Overwrite()))
		}, func(in Input) []string {
			return wantParts(in, each(in.Floats, func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }))
		}},
		{"RDD.SaveAsTextFile/compressed", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			if err := strs(s, in).SaveAsTextFile(ctx, in.out(), typed.Compress("zstd")); err != nil {
				return nil, err
			}
			return show(s.TextFile(in.out()).Collect(ctx))
		}, func(in Input) []string { return in.Words }},
		{"RDD.SaveAsTextFile/format", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return saved(in.out(), recs(s, in).SaveAsTextFile(ctx, in.out(), typed.Format(Rec.String)))
		}, func(in Input) []string { return wantParts(in, each(in.Recs, Rec.String)) }},
		{"PairRDD.SaveAsTextFile", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return saved(in.out(), kvs(s, in).SaveAsTextFile(ctx, in.out()))
		}, func(in Input) []string { return wantParts(in, lines(pairs(in.Pairs))) }},
		{"RDD.SaveAsObjectFile", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			if err := recs(s, in).SaveAsObjectFile(ctx, in.out()); err != nil {
				return nil, err
			}
			return show(typed.ObjectFile[Rec](s, in.out(), typed.SplitBytes(1000)).Collect(ctx))
		}, func(in Input) []string { return each(in.Recs, Rec.String) }},
		{"PairRDD.SaveAsObjectFile", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			sums := kvs(s, in).ReduceByKey(addInts, typed.Partitions(in.Reducers))
			if err := sums.SaveAsObjectFile(ctx, in.out()); err != nil {
				return nil, err
			}
			again := typed.ObjectFile[KV](s, in.out())
			return show(again.Map(func(p KV) string { return fmt.Sprintf("%s\t%d", p.Key, p.Value) }).Collect(ctx))
		}, func(in Input) []string {
			return perGroup(in, func(g group[string, int64]) string { return fmt.Sprint(reduced(g.Values, addInts)) })
		}},
		{"SaveAsSequenceFile", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			if err := typed.SaveAsSequenceFile(ctx, kvs(s, in), in.out()); err != nil {
				return nil, err
			}
			again := typed.SequenceFile[string, int64](s, in.out(), typed.SplitBytes(1000))
			return show(again.Map(func(k string, v int64) string { return fmt.Sprintf("%s\t%d", k, v) }).Collect(ctx))
		}, func(in Input) []string { return lines(pairs(in.Pairs)) }},
		{"SaveAsSequenceFile/compressed", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			if err := typed.SaveAsSequenceFile(ctx, kvs(s, in), in.out(), typed.Compress("zlib")); err != nil {
				return nil, err
			}
			again := typed.SequenceFile[string, int64](s, in.out())
			return show(again.Map(func(k string, v int64) string { return fmt.Sprintf("%s\t%d", k, v) }).Collect(ctx))
		}, func(in Input) []string { return lines(pairs(in.Pairs)) }},
		{"PairRDD.SaveAsTextFile/shuffled", AnyOrder, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			sums := kvs(s, in).ReduceByKey(addInts, typed.Partitions(in.Reducers))
			parts, err := saved(in.out(), sums.SaveAsTextFile(ctx, in.out()))
			// One row a file, and then the lines of all files.
			for _, p := range parts {
				_, body, _ := strings.Cut(p, "\n")
				parts = append(parts, strings.SplitAfter(body, "\n")...)
			}
			return slices.DeleteFunc(parts, func(p string) bool { return p == "" || strings.HasPrefix(p, "part-") }), err
		}, func(in Input) []string {
			return perGroup(in, func(g group[string, int64]) string { return fmt.Sprint(reduced(g.Values, addInts)) + "\n" })
		}},
	}
}

// Note is a row that knows where it is to be written.
type Note struct {
	Dir string
	X   int64
}

func (n Note) file() string { return filepath.Join(n.Dir, "notes") }

// appendTo adds lines to a file in one write, as goroutines do it side by side.
func appendTo(path string, lines ...string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		panic(err)
	}
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		panic(err)
	}
	if err := f.Close(); err != nil {
		panic(err)
	}
}

// noted reads what an action wrote by appendTo.
func noted(in Input, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(Note{Dir: in.Scratch}.file())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	out := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	slices.Sort(out) // written by several tasks at once
	return out, err
}

func (in Input) notes() []Note {
	return each(first(in.Ints, 100), func(x int64) Note { return Note{in.Scratch, x} })
}

func notes(s *typed.Session, in Input) typed.RDD[Note] { return s.Parallelize(in.notes(), in.Parts) }

func noteOf(n Note) (string, int64) { return n.Dir, n.X }

func wantNotes(in Input) []string {
	return slices.Sorted(slices.Values(text(first(in.Ints, 100))))
}

// wantTotals gives a line for each partition of the notes that has rows.
func wantTotals(in Input) []string {
	var out []string
	for i, cut := range in.slices(len(in.notes())) {
		sum := int64(0)
		for _, x := range in.Ints[cut[0]:cut[1]] {
			sum += x
		}
		if cut[0] < cut[1] {
			out = append(out, line(i, sum))
		}
	}
	slices.Sort(out)
	return out
}

func effectCases() []Case {
	return []Case{
		{"RDD.ForEach", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return noted(in, notes(s, in).ForEach(ctx, func(n Note) { appendTo(n.file(), fmt.Sprint(n.X)) }))
		}, wantNotes},
		{"RDD.ForEachPartition", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return noted(in, notes(s, in).ForEachPartition(ctx, func(t *typed.Task, rows iter.Seq[Note]) error {
				sum, file := int64(0), ""
				for n := range rows {
					sum, file = sum+n.X, n.file()
				}
				if file != "" {
					appendTo(file, line(t.Partition(), sum))
				}
				return nil
			}))
		}, wantTotals},
		{"PairRDD.ForEach", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return noted(in, notes(s, in).MapToPair(noteOf).ForEach(ctx, func(dir string, x int64) {
				appendTo(Note{Dir: dir}.file(), fmt.Sprint(x))
			}))
		}, wantNotes},
		{"PairRDD.ForEachPartition", Exact, func(ctx context.Context, s *typed.Session, in Input) ([]string, error) {
			return noted(in, notes(s, in).MapToPair(noteOf).ForEachPartition(ctx, func(t *typed.Task, rows iter.Seq2[string, int64]) error {
				sum, file := int64(0), ""
				for dir, x := range rows {
					sum, file = sum+x, Note{Dir: dir}.file()
				}
				if file != "" {
					appendTo(file, line(t.Partition(), sum))
				}
				return nil
			}))
		}, wantTotals},
	}
}
