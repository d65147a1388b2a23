package shuffle

import (
	"context"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
)

// Aggregate combines the values of every key of in, which were not combined on the map side, and returns one
// accumulator a key. The codec is that of the rows of in, for those that memory cannot hold.
//
// Values are added in the order of their arrival. The result is in the order of the keys' hashes. Neither depends on
// how much memory there was.
func Aggregate[K comparable, V, C any](
	ctx context.Context, cfg Config, keys codec.Keys[K], c codec.Codec[codec.Pair[K, V]], f Combine[V, C],
	in Stream[codec.Pair[K, V]],
) Stream[codec.Pair[K, C]] {
	return aggregate(ctx, cfg, keys, c, f.adding(), in)
}

// Merge is Aggregate for the accumulators that a Combiner made.
func Merge[K comparable, V, C any](
	ctx context.Context, cfg Config, keys codec.Keys[K], c codec.Codec[codec.Pair[K, C]], f Combine[V, C],
	in Stream[codec.Pair[K, C]],
) Stream[codec.Pair[K, C]] {
	return aggregate(ctx, cfg, keys, c, f.merging(), in)
}

// Presence is the Combine of keys without values, for distinct.
func Presence() Combine[struct{}, struct{}] {
	return Combine[struct{}, struct{}]{
		Init:       func(*struct{}, struct{}) {},
		Add:        func(*struct{}, struct{}) {},
		Merge:      func(_, _ *struct{}) {},
		AddBatch:   func([]*struct{}, []struct{}) {},
		MergeBatch: func([]*struct{}, []struct{}) {},
	}
}

func aggregate[K comparable, X, C any](
	ctx context.Context, cfg Config, keys codec.Keys[K], c codec.Codec[codec.Pair[K, X]], up update[X, C],
	in Stream[codec.Pair[K, X]],
) Stream[codec.Pair[K, C]] {
	return func(yield func([]codec.Pair[K, C]) bool) error {
		cfg := cfg.withDefaults()
		a := &aggregator[K, X, C]{keys: keys, seed: cfg.tableSeed(roleReduce), mem: cfg.share(), up: up}
		a.tab = newLedger(table.New[K, C](keys, a.seed, keyBytes), &a.mem)
		a.rest = newSorter(ctx, cfg, &a.mem, c, byHash[K, X](keys, a.seed))
		defer a.close()
		if err := a.consume(in); err != nil {
			return err
		}
		out, err := a.finish()
		if err != nil {
			return err
		}
		return push(out, a.rest.stop, yield)
	}
}

// byHash orders pairs by the hash of their keys, and those of equal hashes by key.
func byHash[K comparable, V any](keys codec.Keys[K], seed uint64) ordering[codec.Pair[K, V]] {
	return ordering[codec.Pair[K, V]]{
		prefix: func(rows []codec.Pair[K, V], out []uint64) {
			var ks [table.Batch]K
			for len(rows) > 0 {
				n := min(len(rows), len(ks))
				for i := range n {
					ks[i] = rows[i].Key
				}
				keys.Hash(out[:n], ks[:n], seed)
				rows, out = rows[n:], out[n:]
			}
		},
		cmp: func(a, b *codec.Pair[K, V]) int {
			if keys.Equal(a.Key, b.Key) {
				return 0
			}
			return keys.Compare(a.Key, b.Key)
		},
	}
}

// aggregator combines rows in a table until its growth is refused. From then on the table is frozen: rows of keys that
// are there are combined as before, all others are sorted by the hash of their keys, on disk if need be. So the values
// of a key are either all in the table or all among the sorted rows, and in both places combined in the order of their
// arrival. In the end the two are merged by hash.
type aggregator[K comparable, X, C any] struct {
	keys   codec.Keys[K]
	seed   uint64
	mem    share
	up     update[X, C]
	tab    ledger[K, C]
	frozen bool
	rest   *sorter[codec.Pair[K, X]]
	missed []codec.Pair[K, X]

	ks     [table.Batch]K
	xs     [table.Batch]X
	hashes [table.Batch]uint64
	slots  [table.Batch]*C
}

func (a *aggregator[K, X, C]) consume(in Stream[codec.Pair[K, X]]) error {
	var failed error
	err := in(func(rows []codec.Pair[K, X]) bool {
		failed = a.rest.stop()
		for len(rows) > 0 && failed == nil {
			n := min(len(rows), table.Batch)
			failed = a.take(rows[:n])
			rows = rows[n:]
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

func (a *aggregator[K, X, C]) take(rows []codec.Pair[K, X]) error {
	for i := range rows {
		a.ks[i], a.xs[i] = rows[i].Key, rows[i].Value
	}
	n := len(rows)
	ks, hashes, slots := a.ks[:n], a.hashes[:n], a.slots[:n]
	a.tab.Hash(ks, hashes)
	if !a.frozen && a.tab.room(n, 0) && a.headroom() {
		fresh := a.tab.Upsert(ks, hashes, slots)
		a.tab.settle()
		a.up.apply(fresh, slots, a.xs[:n])
		a.frozen = !a.tab.measure(slots, 0)
		return nil
	}
	if !a.frozen {
		a.frozen = true
		a.tab.settle()
	}
	missing := a.tab.Find(ks, hashes, slots)
	if missing == 0 {
		a.up.batch(slots, a.xs[:n])
		return nil
	}
	a.missed = a.missed[:0]
	for i := range rows {
		if missing>>i&1 != 0 {
			a.missed = append(a.missed, rows[i])
		}
	}
	a.up.compact(missing, slots, a.xs[:n])
	return a.rest.add(a.missed)
}

// headroom reports whether the table leaves memory for sorting: half of what it takes itself.
func (a *aggregator[K, X, C]) headroom() bool {
	if a.tab.charged == a.tab.Bytes() || a.tab.charged <= leastTable {
		return true // it does not grow now
	}
	half := a.tab.charged / 2
	if !a.mem.grow(half) {
		return false
	}
	a.mem.shrink(half)
	return true
}

func (a *aggregator[K, X, C]) finish() (puller[codec.Pair[K, C]], error) {
	kept := a.entries()
	if !a.frozen {
		return kept, nil
	}
	rest, err := a.rest.finish()
	if err != nil {
		return nil, err
	}
	sorted := &folded[K, X, C]{groups: groups[K, X]{src: rest, keys: a.keys}, up: a.up}
	return merge(byHash[K, C](a.keys, a.seed), []puller[codec.Pair[K, C]]{kept, sorted})
}

// entries returns the table's entries in the order of their hashes.
func (a *aggregator[K, X, C]) entries() *entries[K, C] {
	pos := a.tab.Positions(make([]uint32, 0, a.tab.Len()))
	ks := make([]sortKey, len(pos))
	ord := byHash[K, C](a.keys, a.seed)
	rows := make([]codec.Pair[K, C], min(len(pos), gatherRows))
	pre := make([]uint64, len(rows))
	for from := 0; from < len(pos); from += gatherRows {
		part := pos[from:min(from+gatherRows, len(pos))]
		a.tab.Load(rows, part, false)
		ord.prefix(rows[:len(part)], pre)
		for i, p := range part {
			ks[from+i] = sortKey{pre[i], p}
		}
	}
	// Slots are nearly in order already, but for those that wrapped around at the end.
	if !insertionSort(ks, 8*len(ks)) {
		sortKeys(ks, make([]sortKey, len(ks)))
	}
	// Equal hashes of different keys are one in 2⁶⁴, but their order must not be chance.
	var two [2]codec.Pair[K, C]
	for i := 1; i < len(ks); i++ {
		for j := i; j > 0 && ks[j].p == ks[j-1].p; j-- {
			a.tab.Load(two[:], []uint32{ks[j-1].i, ks[j].i}, false)
			if ord.cmp(&two[0], &two[1]) <= 0 {
				break
			}
			ks[j-1], ks[j] = ks[j], ks[j-1]
		}
	}
	return &entries[K, C]{tab: a.tab.Table, keys: ks}
}

func (a *aggregator[K, X, C]) close() {
	a.rest.close()
	a.tab.free()
	a.mem.release()
}

// entries pulls from a table.
type entries[K comparable, C any] struct {
	tab  table.Table[K, C]
	keys []sortKey
	pos  [pulledRows]uint32
	pre  [pulledRows]uint64
	rows [pulledRows]codec.Pair[K, C]
}

func (e *entries[K, C]) next() ([]codec.Pair[K, C], []uint64, error) {
	n := min(len(e.keys), pulledRows)
	for i, k := range e.keys[:n] {
		e.pos[i], e.pre[i] = k.i, k.p
	}
	e.keys = e.keys[n:]
	e.tab.Load(e.rows[:], e.pos[:n], true) // who gets the rows may keep their strings
	return e.rows[:n], e.pre[:n], nil
}

// folded pulls one accumulator for every group of sorted rows.
type folded[K comparable, X, C any] struct {
	groups groups[K, X]
	up     update[X, C]
	rows   [pulledRows]codec.Pair[K, C]
	pre    [pulledRows]uint64
	slot   [1]*C
	one    [1]X
}

func (f *folded[K, X, C]) next() ([]codec.Pair[K, C], []uint64, error) {
	n := 0
	for ; n < pulledRows && f.groups.open(); n++ {
		row := &f.rows[n]
		*row = codec.Pair[K, C]{Key: f.groups.key}
		f.pre[n] = f.groups.hash
		f.slot[0] = &row.Value
		first := true
		for x := range f.groups.values {
			f.one[0] = x
			if first {
				f.up.first(&row.Value, &f.one[0])
				first = false
			} else {
				f.up.batch(f.slot[:], f.one[:])
			}
		}
	}
	return f.rows[:n], f.pre[:n], f.groups.err
}
