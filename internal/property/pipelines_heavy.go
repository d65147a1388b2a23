package property

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

// heavyRows and heavyKeys make some 24 MB: more than tasks have within the
// least memory.
const (
	heavyRows = 24_000
	heavyKeys = 8_000
)

// HeavyCases gives cases whose data do not fit in the least memory that a
// session takes. Their input is always the same; what they show is short.
func HeavyCases() []Case {
	return slices.Concat(heavySortCases(), heavyKeyCases(), heavyJoinCases(), heavyCacheCases())
}

// heavy makes a row of a thousand bytes. Many differ only at their ends.
func heavy(x int64) string {
	x = x * 7919 % heavyRows
	return fmt.Sprintf("%04d%s%06d", x/64, strings.Repeat("-payload-", 110), x)
}

func heavyKey(x int64) string { return heavy(x % heavyKeys) }

func self(w string) string { return w }

// digest is a short row for a heavy one.
func digest(w string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(w))
	return fmt.Sprintf("%s %d %x", w[len(w)-6:], len(w), h.Sum64())
}

// digestAll is a short row for many heavy ones, in their order.
func digestAll(rows iter.Seq[string]) string {
	h := fnv.New64a()
	n := 0
	for w := range rows {
		_, _ = h.Write([]byte(w))
		n++
	}
	return fmt.Sprintf("%d %x", n, h.Sum64())
}

func numbers(s *typed.Session) typed.RDD[int64] { return s.Range(heavyRows, typed.Partitions(4)) }

func allNumbers() []int64 { return counted(0, 1, heavyRows) }

func heavySortCases() []Case {
	return []Case{
		{"heavy/SortBy", Exact, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			return show(numbers(s).Map(heavy).SortBy(self, typed.Partitions(2)).Map(digest).Collect(ctx))
		}, func(Input) []string { return each(sorted(each(allNumbers(), heavy), self, false), digest) }},
		{"heavy/SortFunc", Exact, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			rows := numbers(s).Map(heavyKey).SortFunc(strings.Compare, typed.Partitions(1), typed.Descending())
			return show(rows.Map(digest).Collect(ctx))
		}, func(Input) []string {
			return each(sorted(each(allNumbers(), heavyKey), self, true), digest)
		}},
		{"heavy/Repartition", AnyOrder, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			return show(numbers(s).Map(heavy).Repartition(3).Map(digest).Collect(ctx))
		}, func(Input) []string { return each(each(allNumbers(), heavy), digest) }},
		{"heavy/TakeOrdered", Exact, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			rows, err := numbers(s).Map(heavy).Top(ctx, 3000, strings.Compare)
			return show(each(rows, digest), err)
		}, func(Input) []string { return each(first(sorted(each(allNumbers(), heavy), self, true), 3000), digest) }},
	}
}

// heavyGroups groups heavy rows by a number.
func heavyGroups(key func(int64) int64, n int) []group[int64, string] {
	return grouped(each(counted(0, 1, n), func(x int64) pair[int64, string] { return pair[int64, string]{key(x), heavy(x)} }))
}

func heavyKeyCases() []Case {
	return []Case{
		{"heavy/ReduceByKey", AnyOrder, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			sums := numbers(s).MapToPair(func(x int64) (string, int64) { return heavyKey(x), x }).ReduceByKey(addInts, typed.Partitions(2))
			return show(sums.Map(func(k string, v int64) string { return line(digest(k), v) }).Collect(ctx))
		}, func(Input) []string {
			sums := wantSumsOf(each(allNumbers(), func(x int64) pair[string, int64] { return pair[string, int64]{heavyKey(x), x} }))
			return each(sums, func(p pair[string, int64]) string { return line(digest(p.Key), p.Value) })
		}},
		{"heavy/CombineByKey", AnyOrder, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			lists := numbers(s).KeyBy(heavyKey).CombineByKey(single, push, concat, typed.Partitions(2))
			return show(lists.Map(func(k string, v []int64) string { return line(digest(k), v) }).Collect(ctx))
		}, func(Input) []string {
			lists := grouped(each(allNumbers(), func(x int64) pair[string, int64] { return pair[string, int64]{heavyKey(x), x} }))
			return each(lists, func(g group[string, int64]) string { return line(digest(g.Key), g.Values) })
		}},
		{"heavy/Distinct", AnyOrder, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			return show(typed.Distinct(numbers(s).Map(heavyKey), typed.Partitions(2)).Map(digest).Collect(ctx))
		}, func(Input) []string { return each(distinct(each(allNumbers(), heavyKey)), digest) }},
		{"heavy/GroupByKey", AnyOrder, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			p := numbers(s).MapToPair(func(x int64) (int64, string) { return x % 97, heavy(x) })
			g := p.GroupByKey(func(_ int64, rows iter.Seq[string]) string { return digestAll(rows) }, typed.Partitions(2))
			return show(g.Map(line[int64, string]).Collect(ctx))
		}, func(Input) []string {
			return each(heavyGroups(func(x int64) int64 { return x % 97 }, heavyRows), func(g group[int64, string]) string {
				return line(g.Key, digestAll(slices.Values(g.Values)))
			})
		}},
		{"heavy/one group", ByKey, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			p := numbers(s).MapToPair(func(x int64) (int64, string) { return x / (heavyRows - 10), heavy(x) })
			return show(p.FlatMapGroups(func(k int64, rows iter.Seq[string]) iter.Seq[string] {
				return func(yield func(string) bool) {
					for w := range rows {
						if !yield(line(k, digest(w))) {
							return
						}
					}
				}
			}, typed.Partitions(2)).Collect(ctx))
		}, func(Input) []string {
			return each(allNumbers(), func(x int64) string { return line(x/(heavyRows-10), digest(heavy(x))) })
		}},
	}
}

func heavyJoinCases() []Case {
	return []Case{
		{"heavy/Join", ByKey, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			a := numbers(s).MapToPair(func(x int64) (int64, string) { return x % heavyKeys, heavy(x) })
			b := numbers(s).Filter(even).MapToPair(func(x int64) (int64, string) { return x % (heavyKeys / 2), heavy(x + 1) })
			j := a.Join(b, func(v, w string) string { return digest(v) + digest(w) }, typed.Partitions(2))
			return show(j.Map(line[int64, string]).Collect(ctx))
		}, func(Input) []string {
			a := each(allNumbers(), func(x int64) pair[int64, string] { return pair[int64, string]{x % heavyKeys, heavy(x)} })
			b := each(keep(allNumbers(), even), func(x int64) pair[int64, string] { return pair[int64, string]{x % (heavyKeys / 2), heavy(x + 1)} })
			return lines(joined(a, b, func(v, w *string) (string, bool) {
				if v == nil || w == nil {
					return "", false
				}
				return digest(*v) + digest(*w), true
			}))
		}},
		{"heavy/CoGroup, one key", Exact, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			// The right rows of the key are read again for every left one.
			a := s.Range(3).MapToPair(func(x int64) (int64, string) { return 1, heavy(x) })
			b := numbers(s).MapToPair(func(x int64) (int64, string) { return 1, heavy(x) })
			j := a.CoGroup(b, func(_ int64, left, right iter.Seq[string]) iter.Seq[string] {
				return func(yield func(string) bool) {
					for v := range left {
						if !yield(digest(v) + digestAll(right)) {
							return
						}
					}
				}
			}, typed.Partitions(2))
			return show(j.Map(line[int64, string]).Collect(ctx))
		}, func(Input) []string {
			all := digestAll(slices.Values(each(allNumbers(), heavy)))
			return each(counted(0, 1, 3), func(x int64) string { return line(1, digest(heavy(x))+all) })
		}},
	}
}

func heavyCacheCases() (all []Case) {
	for level := typed.MemoryOnly; level <= typed.DiskOnly; level++ {
		all = append(all, Case{"heavy/Persist/" + level.String(), Exact, func(ctx context.Context, s *typed.Session, _ Input) ([]string, error) {
			return persisted(ctx, s, level)
		}, func(Input) []string { return each(allNumbers(), func(x int64) string { return digest(heavy(x)) }) }})
	}
	return all
}

// persisted reads rows that are kept, has tasks push out some of them, and reads them
// again.
func persisted(ctx context.Context, s *typed.Session, level typed.StorageLevel) ([]string, error) {
	kept := numbers(s).Map(heavy).Persist(level)
	defer kept.Unpersist()
	once, err := show(kept.Map(digest).Collect(ctx))
	if err != nil {
		return nil, err
	}
	n, err := kept.KeyBy(self).ReduceByKey(func(a, b string) string { return max(a, b) }, typed.Partitions(2)).Count(ctx)
	if err != nil || n != heavyRows {
		return nil, fmt.Errorf("%d keys, %w", n, err)
	}
	again, err := show(kept.Map(digest).Collect(ctx))
	if err == nil && !slices.Equal(once, again) {
		err = fmt.Errorf("the rows that were kept are others: %w", differ(again, once))
	}
	return again, err
}
