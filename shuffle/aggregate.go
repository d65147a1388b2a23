package shuffle

import (
	"context"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
)

// Aggregate combines the values of every key of in, which were not combined on the map side, and returns one
// accumulator a key.
//
// Values are added in the order of their arrival. The result is in the order of the keys' hashes. Neither depends on
// how much memory there was.
func Aggregate(ctx context.Context, cfg Config, c Combining, in RawStream) RawStream {
	return aggregate(ctx, cfg, c, c.in, c.add, in)
}

// Merge is Aggregate for the accumulators that a Combiner made.
func Merge(ctx context.Context, cfg Config, c Combining, in RawStream) RawStream {
	return aggregate(ctx, cfg, c, c.out, c.merge, in)
}

func aggregate(ctx context.Context, cfg Config, c Combining, rows codec.PairType, up update, in RawStream) RawStream {
	return func(yield func(codec.Rows) bool) error {
		cfg := cfg.withDefaults()
		a := &aggregator{types: c, in: rows, seed: cfg.tableSeed(roleReduce), mem: cfg.share(), up: newUpdater(up)}
		a.tab = newLedger(table.New(c.keys, c.out, a.seed, keyBytes), c.out.Value, &a.mem)
		a.missed = rows.NewBuffer(0)
		a.rest = newSorter(ctx, cfg, &a.mem, rows.Type, byHash(c.keys, rows.Type, a.seed))
		defer a.close()
		if err := a.consume(in); err != nil {
			return err
		}
		out, err := a.finish()
		if err != nil {
			return err
		}
		// Keys that are not in the table have a row or more each: it is never more than done.
		cfg.Reading.begin(int64(a.tab.Len()) + a.rest.total)
		return push(out, a.rest.stop, func(rows codec.Rows) bool {
			more := yield(rows)
			cfg.Reading.did(rows.Len)
			return more
		})
	}
}

// aggregator combines rows in a table until its growth is refused. From then on the table is frozen: rows of keys that
// are there are combined as before, all others are sorted by the hash of their keys, on disk if need be. So the values
// of a key are either all in the table or all among the sorted rows, and in both places combined in the order of their
// arrival. In the end the two are merged by hash.
type aggregator struct {
	types  Combining
	in     codec.PairType
	seed   uint64
	mem    share
	up     updater
	tab    ledger
	frozen bool
	rest   *sorter
	missed *codec.Buffer

	hashes [table.Batch]uint64
	slots  [table.Batch]unsafe.Pointer
}

func (a *aggregator) consume(in RawStream) error {
	var failed error
	err := in(func(rows codec.Rows) bool {
		failed = a.rest.stop()
		for from := 0; from < rows.Len && failed == nil; from += table.Batch {
			failed = a.take(a.in.Part(rows, from, min(from+table.Batch, rows.Len)))
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

func (a *aggregator) take(rows codec.Rows) error {
	size := uintptr(a.in.Size())
	keys := table.Keys{First: rows.Data, Stride: size, Len: rows.Len}
	xs := values{unsafe.Add(rows.Data, a.in.ValueAt), size}
	hashes, slots := a.hashes[:rows.Len], a.slots[:rows.Len]
	a.tab.Hash(keys, hashes)
	if !a.frozen && a.tab.room(rows.Len, 0) && a.headroom() {
		fresh := a.tab.Upsert(keys, hashes, slots)
		a.tab.settle()
		a.up.apply(fresh, slots, xs)
		a.frozen = !a.tab.measure(slots, 0)
		return nil
	}
	if !a.frozen {
		a.frozen = true
		a.tab.settle()
	}
	missing := a.tab.Find(keys, hashes, slots)
	a.up.rest(missing, slots, xs)
	if missing == 0 {
		return nil
	}
	a.missed.Reset()
	for i := range rows.Len {
		if missing>>i&1 != 0 {
			a.missed.Append(a.in.Part(rows, i, i+1))
		}
	}
	return a.rest.add(a.missed.Rows())
}

// headroom reports whether the table leaves memory for sorting: half of what it takes itself.
func (a *aggregator) headroom() bool {
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

func (a *aggregator) finish() (puller, error) {
	kept := a.entries()
	if !a.frozen {
		return kept, nil
	}
	rest, err := a.rest.finish()
	if err != nil {
		return nil, err
	}
	sorted := &folded{groups: newGroups(rest, a.types.keys, a.in), out: a.types.out, up: a.up.update}
	sorted.rows = a.types.out.Make(pulledRows)
	return merge(byHash(a.types.keys, a.types.out.Type, a.seed), a.types.out.Type, []puller{kept, sorted})
}

// entries returns the table's entries in the order of their hashes.
func (a *aggregator) entries() *entries {
	pos := a.tab.Positions(make([]uint32, 0, a.tab.Len()))
	ks := make([]sortKey, len(pos))
	var hashes [pulledRows]uint64
	for from := 0; from < len(pos); from += len(hashes) {
		part := pos[from:min(from+len(hashes), len(pos))]
		a.tab.Hashes(part, a.seed, hashes[:len(part)])
		for i, p := range part {
			ks[from+i] = sortKey{hashes[i], p}
		}
	}
	// Slots are nearly in order already, but for those that wrapped around at the end.
	if !insertionSort(ks, 8*len(ks)) {
		sortKeys(ks, make([]sortKey, len(ks)))
	}
	a.breakTies(ks)
	return &entries{tab: a.tab.Table, keys: ks, typ: a.types.out.Type, rows: a.types.out.Make(pulledRows)}
}

// breakTies orders entries of equal hashes by key. These are one in 2⁶⁴, but their order must not be chance.
func (a *aggregator) breakTies(ks []sortKey) {
	out := a.types.out
	two := out.Make(2)
	for i := 1; i < len(ks); i++ {
		for j := i; j > 0 && ks[j].p == ks[j-1].p; j-- {
			a.tab.Load(two, []uint32{ks[j-1].i, ks[j].i}, false)
			if a.types.keys.Compare(out.At(two, 0), out.At(two, 1)) <= 0 {
				break
			}
			ks[j-1], ks[j] = ks[j], ks[j-1]
		}
	}
}

func (a *aggregator) close() {
	a.rest.close()
	a.tab.free()
	clear(a.slots[:])
	a.mem.release()
}

// entries pulls from a table.
type entries struct {
	tab  table.Table
	keys []sortKey
	typ  *codec.Type
	rows codec.Rows
	pos  [pulledRows]uint32
	pre  [pulledRows]uint64
}

func (e *entries) next() (codec.Rows, []uint64, error) {
	n := min(len(e.keys), pulledRows)
	for i, k := range e.keys[:n] {
		e.pos[i], e.pre[i] = k.i, k.p
	}
	e.keys = e.keys[n:]
	rows := e.typ.Part(e.rows, 0, n)
	e.tab.Load(rows, e.pos[:n], true) // who gets the rows may keep their strings
	return rows, e.pre[:n], nil
}

// folded pulls one accumulator for every group of sorted rows.
type folded struct {
	groups *groups
	out    codec.PairType
	up     update
	rows   codec.Rows
	pre    [pulledRows]uint64
	slot   [1]unsafe.Pointer
}

func (f *folded) next() (codec.Rows, []uint64, error) {
	f.out.Clear(f.rows)
	n := 0
	for ; n < pulledRows && f.groups.open(); n++ {
		row := f.out.At(f.rows, n)
		f.out.Key.Copy(codec.Rows{Data: row, Len: 1}, codec.Rows{Data: f.groups.key, Len: 1})
		f.pre[n] = f.groups.hash
		acc := unsafe.Add(row, f.out.ValueAt)
		f.slot[0] = acc
		f.up.first(acc, f.groups.value())
		for f.groups.step(); f.groups.more; f.groups.step() {
			f.up.batch(f.slot[:], f.groups.value())
		}
	}
	return f.out.Part(f.rows, 0, n), f.pre[:n], f.groups.err
}
