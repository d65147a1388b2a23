package shuffle

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
)

// Lookup has pairs by their keys: the side of a join that is small enough for memory. Many may read it at a time.
type Lookup struct {
	keys  *codec.KeyType
	pair  codec.PairType
	seed  uint64
	exact bool // different keys have different hashes
	mem   share
	store *rowStore
	slots []lookupSlot
	shift uint
	taken int64    // for slots and next
	next  []uint32 // for each row the next one of the same key, by number, from 1; nil where no key has two
}

// lookupSlot is a key: its hash, and the first and last of its rows, by number, from 1; 0: it is free.
type lookupSlot struct {
	hash        uint64
	first, last uint32
}

const slotBytes = int64(unsafe.Sizeof(lookupSlot{}))

// NewLookup reads rows, which are pairs, into a Lookup. It is nil where there is no room for them. The memory is
// cfg.Mem's until Close.
func NewLookup(cfg Config, keys *codec.KeyType, pair codec.PairType, rows RawStream) (*Lookup, error) {
	l := newLookup(cfg, cfg.share(), keys, pair)
	whole := true
	err := rows(func(rows codec.Rows) bool {
		whole = l.store.add(rows) == rows.Len
		return whole
	})
	if err == nil && whole && l.index() {
		return l, nil
	}
	l.Close()
	return nil, err
}

func newLookup(cfg Config, mem share, keys *codec.KeyType, pair codec.PairType) *Lookup {
	l := &Lookup{keys: keys, pair: pair, seed: cfg.tableSeed(roleLookup), exact: keys.Exact(), mem: mem}
	l.store = newRowStore(&l.mem, Config{Copy: cfg.Copy}, pair.Type, 0)
	return l
}

// index makes the slots, once all rows are there. It reports false where there is no room for them.
func (l *Lookup) index() bool {
	n := 2
	for n < 2*l.store.n {
		n *= 2
	}
	if uint64(l.store.n) >= math.MaxUint32 || !l.take(int64(n)*slotBytes) {
		return false
	}
	l.slots, l.shift = make([]lookupSlot, n), uint(64-bits.TrailingZeros(uint(n)))
	var hashes [table.Batch]uint64
	at := uint32(0)
	for c := range l.store.parts() {
		rows := l.store.part(c)
		for from := 0; from < rows.Len; from += table.Batch {
			batch := l.pair.Part(rows, from, min(from+table.Batch, rows.Len))
			some := hashes[:batch.Len]
			l.hash(some, batch, l.pair)
			l.touch(some)
			for i, h := range some {
				at++
				if !l.insert(h, l.pair.At(batch, i), at) {
					return false
				}
			}
		}
	}
	return true
}

// insert adds a row by its number, from 1. It reports false where there is no room for that.
func (l *Lookup) insert(hash uint64, key unsafe.Pointer, row uint32) bool {
	s := l.slot(hash, key)
	switch {
	case s.first == 0:
		*s = lookupSlot{hash: hash, first: row, last: row}
		return true
	case l.next == nil && !l.take(4*int64(l.store.n)):
		return false
	case l.next == nil:
		l.next = make([]uint32, l.store.n)
	}
	l.next[s.last-1], s.last = row, row
	return true
}

// slot finds the slot of a key, or the free one where it belongs.
func (l *Lookup) slot(hash uint64, key unsafe.Pointer) *lookupSlot {
	mask := uint64(len(l.slots) - 1)
	for at := hash >> l.shift; ; at++ {
		s := &l.slots[at&mask]
		if s.first == 0 || s.hash == hash && (l.exact || l.keys.Equal(l.store.row(s.first-1), key)) {
			return s
		}
	}
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
	for _, h := range hashes {
		sum += l.slots[h>>l.shift].hash
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

// Close gives the memory back.
func (l *Lookup) Close() {
	l.store.free()
	l.mem.shrink(l.taken)
	l.slots, l.next, l.taken = nil, nil, 0
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
	sink := l.touch(hashes)
	for i, h := range hashes {
		firsts[i] = l.slot(h, row.At(batch, i)).first
	}
	if l.pair.Size() == 0 {
		return
	}
	for _, first := range firsts {
		if first != 0 {
			sink += uint64(*(*byte)(l.store.row(first - 1)))
		}
	}
	keepAlive(sink)
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
		if !visit(row, l.pair.ValueOf(l.store.row(at-1))) {
			return false
		}
		if l.next == nil {
			return true
		}
		at = l.next[at-1]
	}
	return true
}
