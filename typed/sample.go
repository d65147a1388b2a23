package typed

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"unsafe"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
)

// SampleOption is an option of the operators that draw rows.
type SampleOption interface{ sample(*sampling) }

type sampling struct {
	seed    uint64
	replace bool
}

type sampleFunc func(*sampling)

func (f sampleFunc) sample(o *sampling) { f(o) }

// Seed makes an operator draw the same rows each time. Without it each call draws
// others; what one call has drawn stays the same, however often it is computed.
func Seed(n uint64) SampleOption { return sampleFunc(func(o *sampling) { o.seed = n }) }

// WithReplacement draws rows that may have been drawn before.
func WithReplacement() SampleOption { return sampleFunc(func(o *sampling) { o.replace = true }) }

func sampleOptions(opts []SampleOption) sampling {
	o := sampling{seed: rand.Uint64()}
	for _, opt := range opts {
		opt.sample(&o)
	}
	return o
}

// Sample draws each row with the chance fraction, or, WithReplacement, fraction
// times in the mean. It does not draw an exact number of them; TakeSample does.
func (r RDD[T]) Sample(fraction float64, opts ...SampleOption) RDD[T] {
	return RDD[T]{r.s, newUse(r.s, r.n, rowType{}).sample(rdd.SampleOp[T](), fraction, opts)}
}

// Sample draws each pair with the chance fraction, or, WithReplacement, fraction
// times in the mean. Keys stay, and where their pairs are.
func (p PairRDD[K, V]) Sample(fraction float64, opts ...SampleOption) PairRDD[K, V] {
	return PairRDD[K, V]{p.s, newUse(p.s, p.n, rowType{}).sample(rdd.SampleOp[Pair[K, V]](), fraction, opts)}
}

func (u *use) sample(op *rdd.Op, fraction float64, opts []SampleOption) *rdd.Node {
	o := sampleOptions(opts)
	u.fraction(op, fraction, o.replace)
	u.carry(encode(rdd.Sampling{Seed: o.seed, To: fraction, Replace: o.replace}))
	return u.n.Narrow(op, u.c, true)
}

// fraction notes that there is no such fraction.
func (u *use) fraction(op *rdd.Op, f float64, replace bool) {
	most := 1.0
	if replace {
		most = math.MaxInt32
	}
	if !(f >= 0 && f <= most) && u.c.Err == nil {
		u.c.Err = fmt.Errorf("%s (%s): fraction %v: give a number from 0 to %v", op.Name, u.c.Site, f, most)
	}
}

// SampleByKey draws each pair with the chance that fractions has for its key, or,
// WithReplacement, so many times in the mean. Pairs of keys that are not there are
// not drawn. Keys stay, and where their pairs are.
func (p PairRDD[K, V]) SampleByKey(fractions map[K]float64, opts ...SampleOption) PairRDD[K, V] {
	u, op, o := newUse(p.s, p.n, rowType{}), rdd.SampleByKeyOp[K, V](), sampleOptions(opts)
	for _, f := range fractions {
		u.fraction(op, f, o.replace)
	}
	u.carry(encode(rdd.Strata[K]{Seed: o.seed, Fractions: fractions, Replace: o.replace}))
	return PairRDD[K, V]{p.s, u.n.Narrow(op, u.c, true)}
}

// SampleByKeyExact draws of the pairs of each key exactly the share that fractions has
// for it, rounded up, in their order; WithReplacement so many of any of them. It counts
// the pairs of these keys first, which runs at once, and draws their numbers in the
// driver: what is drawn has to fit there, as eight bytes for each pair. Keys stay, and
// where their pairs are.
func (p PairRDD[K, V]) SampleByKeyExact(ctx context.Context, fractions map[K]float64, opts ...SampleOption) (PairRDD[K, V], error) {
	u, op, o := newUse(p.s, p.n, typeOf[map[K]int64]()), rdd.SampleByKeyExactOp[K, V](), sampleOptions(opts)
	q := rdd.Quotas[K]{Wanted: map[K]bool{}}
	for k, f := range fractions {
		u.fraction(op, f, o.replace)
		q.Wanted[k] = f > 0
	}
	counts, err := countsByKey(ctx, u, op, q)
	if err != nil {
		return PairRDD[K, V]{p.s, u.n}, err
	}
	if q.Picks, err = drawByKey(counts, fractions, o); err != nil {
		return PairRDD[K, V]{p.s, u.n}, fmt.Errorf("%s (%s): %w", op.Name, u.c.Site, err)
	}
	q.Wanted = nil
	u.carry(encode(q))
	return PairRDD[K, V]{p.s, u.n.Narrow(op, u.c, true)}, nil
}

// countsByKey counts the pairs of each wanted key in each partition.
func countsByKey[K comparable](ctx context.Context, u *use, op *rdd.Op, q rdd.Quotas[K]) ([]map[K]int64, error) {
	counting := *u
	counting.carry(encode(q))
	defer counting.done()
	a := counting.action(op)
	a.Part = "count"
	values, err := gather(ctx, u.s, u.n, a)
	counts := make([]map[K]int64, len(values))
	for i, b := range values {
		if err != nil {
			break
		}
		var p unsafe.Pointer
		if p, err = rdd.DecodeAcc(b, u.t.typ); p != nil {
			counts[i] = *(*map[K]int64)(p)
		}
	}
	return counts, err
}

// drawByKey draws the numbers of pairs for each key by itself, from a seed that depends
// on the key: they are the same in whatever order keys come.
func drawByKey[K comparable](counts []map[K]int64, fractions map[K]float64, o sampling) ([]map[K][]int64, error) {
	keys, err := codec.KeyTypeOf[K]()
	if err != nil {
		return nil, err
	}
	picks := make([]map[K][]int64, len(counts))
	for i := range picks {
		picks[i] = map[K][]int64{}
	}
	for k, f := range fractions {
		each, all := make([]int64, len(counts)), int64(0)
		for i := range counts {
			each[i] = counts[i][k]
			all += each[i]
		}
		rng := rand.New(rand.NewPCG(o.seed, keys.Hash1(unsafe.Pointer(&k), o.seed)))
		for i, rows := range draw(rng, each, int(math.Ceil(f*float64(all))), o.replace) {
			if len(rows) > 0 {
				picks[i][k] = rows
			}
		}
	}
	return picks, nil
}

// RandomSplit gives each row to one of several RDDs, by chances that are to each
// other as the weights are. WithReplacement has no meaning here.
func (r RDD[T]) RandomSplit(weights []float64, opts ...SampleOption) []RDD[T] {
	nodes := newUse(r.s, r.n, rowType{}).split(rdd.SampleOp[T]().Named("RandomSplit"), weights, opts)
	split := make([]RDD[T], len(nodes))
	for i, n := range nodes {
		split[i] = RDD[T]{r.s, n}
	}
	return split
}

func (u *use) split(op *rdd.Op, weights []float64, opts []SampleOption) []*rdd.Node {
	o := sampleOptions(opts)
	var all float64
	for _, w := range weights {
		if all += w; !(w >= 0) {
			all = math.NaN()
		}
	}
	if !(all > 0) || math.IsInf(all, 0) {
		u.c.Err = fmt.Errorf("%s (%s): weights %v: give numbers from 0 on, and not only 0", op.Name, u.c.Site, weights)
	}
	nodes := make([]*rdd.Node, len(weights))
	var upTo float64
	for i, w := range weights {
		part, from := *u, upTo
		if upTo = from + w/all; i == len(weights)-1 {
			upTo = 1 // whatever rounding gave
		}
		part.carry(encode(rdd.Sampling{Seed: o.seed, From: from, To: upTo}))
		nodes[i] = u.n.Narrow(op, part.c, true)
	}
	return nodes
}

// TakeSample draws n rows, or all when there are fewer, in no order. With
// WithReplacement it draws n of any rows. It counts the rows first, and then
// fetches those that it has drawn.
func (r RDD[T]) TakeSample(ctx context.Context, n int, opts ...SampleOption) ([]T, error) {
	return slice[T](newUse(r.s, r.n, typeOf[T]()).takeSample(ctx, rdd.TakeSampleOp[T](), n, opts))
}

func (u *use) takeSample(ctx context.Context, op *rdd.Op, n int, opts []SampleOption) (rows codec.Rows, err error) {
	o := sampleOptions(opts)
	if n <= 0 {
		return u.none(u.action(op), n)
	}
	counts, err := u.counts(ctx, op)
	if err != nil {
		return rows, err
	}
	rng := rand.New(rand.NewPCG(o.seed, 0))
	picks := draw(rng, counts, n, o.replace)
	u.carry(encode(picks)) // which goes with the node below
	picking := *u
	picking.n = u.n.Part(op, u.c, "pick")
	if rows, err = picking.collect(ctx, op); err != nil {
		return rows, err
	}
	order := make([]unsafe.Pointer, rows.Len)
	for i, at := range rng.Perm(rows.Len) {
		order[i] = u.t.typ.At(rows, at)
	}
	drawn := u.t.typ.Make(rows.Len)
	u.t.typ.Gather(drawn, order)
	return drawn, nil
}

// draw draws n rows of partitions that have so many: it gives their numbers within
// each partition, in order.
func draw(rng *rand.Rand, counts []int64, n int, replace bool) [][]int64 {
	var all int64
	for _, c := range counts {
		all += c
	}
	picks := make([][]int64, len(counts))
	at, before := 0, int64(0) // the partition in hand, and the rows before it
	for _, row := range rowsOf(rng, all, n, replace) {
		for row >= before+counts[at] {
			before += counts[at]
			at++
		}
		picks[at] = append(picks[at], row-before)
	}
	return picks
}

// rowsOf gives n of the numbers below all, in order.
func rowsOf(rng *rand.Rand, all int64, n int, replace bool) []int64 {
	switch {
	case all == 0:
		return nil
	case replace:
		rows := make([]int64, n)
		for i := range rows {
			rows[i] = rng.Int64N(all)
		}
		slices.Sort(rows)
		return rows
	case int64(n) >= all:
		rows := make([]int64, all)
		for i := range rows {
			rows[i] = int64(i)
		}
		return rows
	}
	// Floyd's way: in memory of n, not of all.
	chosen := make(map[int64]bool, n)
	for i := all - int64(n); i < all; i++ {
		if row := rng.Int64N(i + 1); !chosen[row] {
			chosen[row] = true
		} else {
			chosen[i] = true
		}
	}
	return slices.Sorted(maps.Keys(chosen))
}
