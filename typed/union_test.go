package typed_test

import (
	"fmt"
	"iter"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/gordd-project/gordd/typed"
)

// side is one side of a union, and the rows of its partitions.
type side struct {
	r     typed.RDD[int64]
	parts [][]int64
}

// sideOf makes a side of n rows from a number on, in p partitions.
func sideOf(s *typed.Session, from, n int64, p int) side {
	rows := make([]int64, n)
	for i := range rows {
		rows[i] = from + int64(i)
	}
	parts := make([][]int64, p)
	for i := range parts {
		parts[i] = rows[i*len(rows)/p : (i+1)*len(rows)/p]
	}
	return side{s.Parallelize(rows, p), parts}
}

func (a side) union(others ...side) side {
	u, rest := side{parts: slices.Clone(a.parts)}, make([]typed.RDD[int64], len(others))
	for i, o := range others {
		rest[i] = o.r
		u.parts = append(u.parts, o.parts...)
	}
	u.r = a.r.Union(rest...)
	return u
}

// plus adds 1000 to each row.
func (a side) plus() side {
	return side{a.r.Map(func(x int64) int64 { return x + 1000 }), eachRow(a.parts, func(x int64) int64 { return x + 1000 })}
}

// moved has the rows in four partitions, by what is left of them, and in order there.
func (a side) moved() side {
	by := typed.PartitionFunc(4, func(x int64) int { return int(x % 4) })
	parts := make([][]int64, 4)
	for _, x := range slices.Sorted(slices.Values(slices.Concat(a.parts...))) {
		parts[x%4] = append(parts[x%4], x)
	}
	return side{typed.RepartitionAndSortWithinPartitions(a.r.KeyBy(itself), by).Keys(), parts}
}

func (a side) coalesced(n int) side {
	parts := make([][]int64, n)
	for i := range parts {
		parts[i] = slices.Concat(a.parts[i*len(a.parts)/n : (i+1)*len(a.parts)/n]...)
	}
	return side{a.r.Coalesce(n), parts}
}

// crossed has each row with each of the other side.
func (a side) crossed(b side) side {
	mix := func(x, y int64) int64 { return 10_000*x + y }
	c := side{r: a.r.Cartesian(b.r, mix)}
	for _, left := range a.parts {
		for _, right := range b.parts {
			var part []int64
			for _, x := range left {
				part = append(part, eachRow([][]int64{right}, func(y int64) int64 { return mix(x, y) })[0]...)
			}
			c.parts = append(c.parts, part)
		}
	}
	return c
}

// zipped adds the rows of the other side, which has as many in each partition.
func (a side) zipped(b side) side {
	z := side{r: a.r.Zip(b.r, func(x, y int64) int64 { return 10_000*x + y })}
	for i, left := range a.parts {
		part := make([]int64, len(left))
		for j, x := range left {
			part[j] = 10_000*x + b.parts[i][j]
		}
		z.parts = append(z.parts, part)
	}
	return z
}

// apart has the same partitions without a union.
func (a side) apart(s *typed.Session) typed.RDD[int64] {
	return s.Parallelize(a.parts, len(a.parts)).FlatMap(slices.Values[[]int64])
}

func itself(x int64) int64 { return x }

func eachRow(parts [][]int64, f func(int64) int64) [][]int64 {
	out := make([][]int64, len(parts))
	for i, part := range parts {
		for _, x := range part {
			out[i] = append(out[i], f(x))
		}
	}
	return out
}

// unions are unions of all kinds, and what is made of them by partition.
func unions(s *typed.Session) map[string]side {
	a, b, c := sideOf(s, 0, 7, 3), sideOf(s, 100, 5, 2), sideOf(s, 200, 2, 4)
	none := side{r: s.Empty[int64]()}
	cached := side{a.plus().r.Cache(), a.plus().parts}
	u := a.union(b, c)
	return map[string]side{
		"of sources":           u,
		"with itself":          u.union(u),
		"of none":              none.union(none),
		"with none":            none.union(a, none, b),
		"mapped":               u.plus(),
		"of mapped":            a.plus().union(b, c.plus()),
		"nested":               a.union(b.union(c)).plus().union(c.union(a.plus())),
		"of kept":              cached.union(b, cached),
		"of kept, mapped":      b.union(cached).plus(),
		"kept":                 {u.plus().r.Cache(), u.plus().parts},
		"of kept unions":       side{u.r.Cache(), u.parts}.union(a, side{b.union(c).r.Cache(), b.union(c).parts}),
		"on disk":              side{u.r.Persist(typed.DiskOnly), u.parts}.plus().union(b),
		"of moved":             a.moved().union(b, c.moved()),
		"of moved unions":      u.moved().plus().union(u.moved()),
		"moved":                u.union(a.plus()).moved(),
		"coalesced":            u.coalesced(4),
		"of coalesced":         b.union(u.coalesced(2), a).coalesced(5),
		"crossed":              a.union(b).crossed(c.union(b)),
		"of crossed":           b.union(a.crossed(b.union(c)), c),
		"zipped":               a.union(b.plus()).zipped(a.plus().union(b)),
		"of zipped":            c.union(u.zipped(u.plus()), a),
		"coalesced and moved":  u.coalesced(3).union(a.moved().union(b)).plus(),
		"of a zip of products": a.crossed(b).union(u).zipped(a.crossed(b).union(u)).union(b).coalesced(6),
	}
}

// TestUnionByPartition has the operators that go by partitions see those of a union as
// they see them without one.
func TestUnionByPartition(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	for name, u := range unions(s) {
		t.Run(name, func(t *testing.T) {
			numbersByPartition(t, u)
			slidesOver(t, u)
			drawsAlike(t, u.r, u.apart(s))
		})
	}
}

// numbersByPartition compares what numbers partitions and rows.
func numbersByPartition(t *testing.T, u side) {
	var places []string
	var indices, ids []typed.Pair[int64, int64]
	for i, part := range u.parts {
		places = append(places, fmt.Sprint(i, part))
		for j, x := range part {
			indices = append(indices, typed.Pair[int64, int64]{Key: int64(len(indices)), Value: x})
			ids = append(ids, typed.Pair[int64, int64]{Key: int64(i + j*len(u.parts)), Value: x})
		}
	}
	isRows(t, "MapPartitionsWithIndex", u.r.MapPartitionsWithIndex(func(i int, rows iter.Seq[int64]) iter.Seq[string] {
		return slices.Values([]string{fmt.Sprint(i, slices.Collect(rows))})
	}), places)
	isRows(t, "Glom", typed.Glom(u.r), u.parts)
	withIndex, err := typed.ZipWithIndex(ctx, u.r)
	if err != nil {
		t.Fatal(err)
	}
	isRows(t, "ZipWithIndex", withIndex.Map(asPair), indices)
	isRows(t, "ZipWithUniqueID", typed.ZipWithUniqueID(u.r).Map(asPair), ids)
	again, err := typed.ZipWithIndex(ctx, u.r.Union(u.r).Filter(func(x int64) bool { return x%2 == 0 }))
	if err != nil {
		t.Fatal(err)
	}
	even := slices.DeleteFunc(slices.Concat(u.parts...), func(x int64) bool { return x%2 != 0 })
	isRows(t, "Union, Filter and ZipWithIndex", again.Values(), slices.Concat(even, even))
	isRows(t, "Union, Filter and ZipWithIndex", again.Keys(), slices.Collect(upTo(2*len(even))))
}

func asPair(k, v int64) typed.Pair[int64, int64] { return typed.Pair[int64, int64]{Key: k, Value: v} }

func upTo(n int) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i := int64(0); i < int64(n) && yield(i); i++ {
		}
	}
}

func slidesOver(t *testing.T, u side) {
	all := slices.Concat(u.parts...)
	var runs [][]int64
	for i := range max(len(all)-3, 0) {
		runs = append(runs, all[i:i+4])
	}
	sliding, err := typed.Sliding(ctx, u.r, 4)
	if err != nil {
		t.Fatal(err)
	}
	isRows(t, "Sliding", sliding, runs)
}

// drawsAlike has one seed draw the same rows of a union and of what has its partitions.
func drawsAlike(t *testing.T, union, apart typed.RDD[int64]) {
	same := func(name string, draw func(typed.RDD[int64]) typed.RDD[int64]) {
		want, err := draw(apart).Collect(ctx)
		if err != nil {
			t.Fatal(err)
		}
		isRows(t, name, draw(union), want)
	}
	same("Sample", func(r typed.RDD[int64]) typed.RDD[int64] { return r.Sample(0.5, typed.Seed(3)) })
	same("Sample with replacement", func(r typed.RDD[int64]) typed.RDD[int64] {
		return r.Sample(1.5, typed.Seed(3), typed.WithReplacement())
	})
	same("RandomSplit", func(r typed.RDD[int64]) typed.RDD[int64] { return r.RandomSplit([]float64{1, 2}, typed.Seed(4))[1] })
	shares := map[int64]float64{0: 0.5, 1: 0.7}
	byHalf := func(r typed.RDD[int64]) typed.PairRDD[int64, int64] {
		return r.KeyBy(func(x int64) int64 { return x % 2 })
	}
	same("SampleByKey", func(r typed.RDD[int64]) typed.RDD[int64] {
		return byHalf(r).SampleByKey(shares, typed.Seed(5)).Values()
	})
	same("SampleByKeyExact", func(r typed.RDD[int64]) typed.RDD[int64] {
		p, err := byHalf(r).SampleByKeyExact(ctx, shares, typed.Seed(6))
		if err != nil {
			t.Fatal(err)
		}
		return p.Values()
	})
	got, err := union.TakeSample(ctx, 6, typed.Seed(7))
	want, err2 := apart.TakeSample(ctx, 6, typed.Seed(7))
	if err != nil || err2 != nil || !slices.Equal(got, want) {
		t.Errorf("TakeSample: %v, want %v; %v, %v", got, want, err, err2)
	}
}

// isRows compares the rows of an RDD with what is wanted.
func isRows[T any](t *testing.T, name string, r typed.RDD[T], want []T) {
	t.Helper()
	got, err := r.Collect(ctx)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want\n%s", name, err, gocmp.Diff(want, got))
	}
}
