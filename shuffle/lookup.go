package shuffle

import (
	"math"
	"math/bits"
	"runtime"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// Lookup has pairs by their keys: the side of a join that is small enough for memory. Many may read it at a time.
type Lookup struct {
	keys  *codec.KeyType
	pair  codec.PairType
	seed  uint64
	exact bool // different keys have different hashes
	word  bool // and are words
	mem   share
	taken int64

	rows     codec.Rows
	slots    []lookupSlot
	shift    uint
	next     []uint32 // for each row the next one of the same key, by number, from 1; nil where no key has two
	last     []uint32 // for each slot its last row, while next is filled
	unmapped [][]byte // what has to be
	lost     runtime.Cleanup
}

// lookupSlot is a key: a part of its hash, and the first of its rows by number, from 1; 0: it is free.
type lookupSlot struct{ tag, first uint32 }

const slotBytes = int64(unsafe.Sizeof(lookupSlot{}))

// NewLookup reads rows, which are pairs, into a Lookup. It is nil where there is no room for them. The memory is
// cfg.Mem's until Close.
func NewLookup(cfg Config, keys *codec.KeyType, pair codec.PairType, rows RawStream) (*Lookup, error) {
	b := newLookupBuilder(cfg, keys, pair)
	defer b.store.free()
	whole := true
	err := rows(func(rows codec.Rows) bool {
		whole = b.store.add(rows) == rows.Len
		return whole
	})
	if err != nil || !whole {
		return nil, err
	}
	return b.build(), nil
}

// lookupBuilder gathers the rows of a Lookup.
type lookupBuilder struct {
	l     *Lookup
	store *rowStore
}

func newLookupBuilder(cfg Config, keys *codec.KeyType, pair codec.PairType) lookupBuilder {
	l := &Lookup{keys: keys, pair: pair, seed: cfg.tableSeed(roleLookup), exact: keys.Exact(), mem: cfg.share()}
	l.word = l.exact && pair.Key.Size() == 8
	return lookupBuilder{l, newRowStore(&l.mem, Config{Copy: cfg.Copy}, pair.Type, 0)}
}

// build gives the Lookup of the rows, which the store has no more; nil: there is no room for it.
func (b lookupBuilder) build() *Lookup {
	l, n := b.l, 2
	for n < 2*b.store.n {
		n *= 2
	}
	size := int64(b.store.n) * int64(l.pair.Size())
	if uint64(b.store.n) >= math.MaxUint32 || !l.take(int64(n)*slotBytes+size+b.store.points) {
		return nil
	}
	l.gather(b.store, int(size))
	b.store.free()
	l.slots, l.shift = unsafe.Slice((*lookupSlot)(l.alloc(n*int(slotBytes))), n), uint(64-bits.TrailingZeros(uint(n)))
	if !l.index() {
		l.Close()
		return nil
	}
	l.mem.shrink(4 * int64(len(l.last)))
	l.taken -= 4 * int64(len(l.last))
	l.last = nil
	l.lost = runtime.AddCleanup(l, unmapAll, l.unmapped) // a process may end sessions without letting go of all
	return l
}

func unmapAll(all [][]byte) {
	for _, raw := range all {
		table.Unmap(raw)
	}
}

// gather copies the rows to where they lie side by side.
func (l *Lookup) gather(from *rowStore, size int) {
	if weight.PointerFree(l.pair.Reflect()) && size > 0 {
		l.rows = codec.Rows{Data: l.alloc(size), Len: from.n}
	} else {
		l.rows = l.pair.Make(from.n)
	}
	at := 0
	for c := range from.parts() {
		rows := from.part(c)
		l.pair.Copy(l.pair.Part(l.rows, at, at+rows.Len), rows)
		at += rows.Len
	}
}

// alloc gives memory without pointers.
func (l *Lookup) alloc(n int) unsafe.Pointer {
	p, raw := table.Alloc(n)
	if raw != nil {
		l.unmapped = append(l.unmapped, raw)
	}
	return p
}

// index fills the slots. It reports false where there is no room for keys that have several rows.
func (l *Lookup) index() bool {
	var hashes [table.Batch]uint64
	for from := 0; from < l.rows.Len; from += table.Batch {
		batch := l.pair.Part(l.rows, from, min(from+table.Batch, l.rows.Len))
		some := hashes[:batch.Len]
		l.hash(some, batch, l.pair)
		keepAlive(l.touch(some))
		for i, h := range some {
			if !l.insert(h, uint32(from+i+1)) {
				return false
			}
		}
	}
	return true
}

// insert adds a row by its number, from 1. It reports false where there is no room for that.
func (l *Lookup) insert(hash uint64, row uint32) bool {
	at := l.slot(hash, l.row(row))
	s := &l.slots[at]
	if s.first == 0 {
		*s = lookupSlot{tag: uint32(hash), first: row}
		return true
	}
	if l.next == nil {
		if !l.take(4 * int64(l.rows.Len+len(l.slots))) {
			return false
		}
		l.next, l.last = make([]uint32, l.rows.Len), make([]uint32, len(l.slots))
	}
	last := l.last[at]
	if last == 0 {
		last = s.first
	}
	l.next[last-1], l.last[at] = row, row
	return true
}

// row is the row of a number, from 1.
func (l *Lookup) row(number uint32) unsafe.Pointer { return l.pair.At(l.rows, int(number-1)) }

// slot finds the slot of a key, or the free one where it belongs.
func (l *Lookup) slot(hash uint64, key unsafe.Pointer) int {
	mask := uint64(len(l.slots) - 1)
	for at := hash >> (l.shift & 63); ; at++ {
		s := l.slots[at&mask]
		if s.first == 0 || s.tag == uint32(hash) && l.equal(l.row(s.first), key) {
			return int(at & mask)
		}
	}
}

func (l *Lookup) equal(a, b unsafe.Pointer) bool {
	if l.word {
		return *(*uint64)(a) == *(*uint64)(b)
	}
	return l.keys.Equal(a, b)
}

// hash writes the hashes of the keys of rows of type row.
func (l *Lookup) hash(hashes []uint64, rows codec.Rows, row codec.PairType) {
	if l.exact {
		l.keys.HashExact(hashes, rows.Data, uintptr(row.Size()), l.seed)
	} else {
		l.keys.Hash(hashes, rows.Data, uintptr(row.Size()), l.seed)
	}
}

// touch reads the slot of every hash, so that their cache misses overlap.
func (l *Lookup) touch(hashes []uint64) (sum uint64) {
	slots, shift := l.slots, l.shift&63
	for _, h := range hashes {
		sum += uint64(slots[h>>shift].tag)
	}
	return sum
}

func (l *Lookup) take(n int64) bool {
	if !l.mem.grow(n) {
		return false
	}
	l.taken += n
	return true
}

// Close gives the memory back. Nobody may read it any more.
func (l *Lookup) Close() {
	l.lost.Stop()
	unmapAll(l.unmapped)
	l.mem.shrink(l.taken)
	l.rows, l.slots, l.next, l.last, l.unmapped, l.taken = codec.Rows{}, nil, nil, nil, nil, 0
}

// Join visits each of rows, which are pairs of type row, with each value that its key has here, in the order in which
// these came; with outer, with nil where it has none. It reports false when visit does.
func (l *Lookup) Join(rows codec.Rows, row codec.PairType, outer bool, visit func(row, value unsafe.Pointer) bool) bool {
	var hashes [table.Batch]uint64
	var firsts [table.Batch]uint32
	for from := 0; from < rows.Len; from += table.Batch {
		batch := row.Part(rows, from, min(from+table.Batch, rows.Len))
		l.find(firsts[:batch.Len], hashes[:batch.Len], batch, row)
		for i, first := range firsts[:batch.Len] {
			if !l.values(row.At(batch, i), first, outer, visit) {
				return false
			}
		}
	}
	return true
}

// find gives the number of the first row that each key has, from 1; 0: it has none.
func (l *Lookup) find(firsts []uint32, hashes []uint64, batch codec.Rows, row codec.PairType) {
	l.hash(hashes, batch, row)
	keepAlive(l.touch(hashes) + l.likely(firsts, hashes))
	for i, first := range firsts {
		if key := row.At(batch, i); first != 0 && !l.equal(l.row(first), key) {
			firsts[i] = l.slots[l.slot(hashes[i], key)].first
		}
	}
}

// likely gives the first row of each hash's tag, which is nearly always that of its key, and reads a byte of it, so
// that its cache misses overlap too.
func (l *Lookup) likely(firsts []uint32, hashes []uint64) (sum uint64) {
	slots, shift, mask := l.slots, l.shift&63, uint64(len(l.slots)-1)
	for i, h := range hashes {
		at := h >> shift
		s := slots[at]
		for s.first != 0 && s.tag != uint32(h) {
			at++
			s = slots[at&mask]
		}
		firsts[i] = s.first
		if s.first != 0 && l.pair.Size() > 0 {
			sum += uint64(*(*byte)(l.row(s.first)))
		}
	}
	return sum
}

// keepAlive has the compiler believe that what was read for its cache misses is used.
//
//go:noinline
func keepAlive(uint64) {}

// values visits a row with the values of its key, of which the first is known.
func (l *Lookup) values(row unsafe.Pointer, at uint32, outer bool, visit func(row, value unsafe.Pointer) bool) bool {
	if at == 0 {
		return !outer || visit(row, nil)
	}
	for at != 0 {
		if !visit(row, l.pair.ValueOf(l.row(at))) {
			return false
		}
		if l.next == nil {
			return true
		}
		at = l.next[at-1]
	}
	return true
}
