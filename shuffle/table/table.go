// Package table has the hash tables that combine the rows of a key, one for strings, one for integers and one for
// everything else.
//
// They are open-addressing tables with linear probing, at most half full, that are used in batches: a batch is hashed,
// all its slots are touched so that their cache misses overlap, and then it is looked up. Keys are copied on insertion. String
// keys of up to 15 bytes and integers lie in the slot itself, beside the accumulator unless that holds pointers.
// Tables without pointers lie outside the Go heap once they are large, and have to be freed by hand.
//
// A slot is chosen by the high bits of a hash the caller computes, so slots are almost in the order of hashes. The
// order depends on the seed, the keys and the order of their insertion only.
package table

import (
	"iter"
	"reflect"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// Batch is the largest number of keys of one call.
const Batch = 64

// Table holds accumulators of type C by key. It is not safe for concurrent use.
type Table[K comparable, C any] interface {
	// Len returns the number of keys.
	Len() int
	// Bytes returns the memory held, with the overhead given to New.
	Bytes() int64
	// Hash writes the hashes of a batch of keys to hashes, as their codec.Keys do, and readies the table for it: Need,
	// Upsert and Find are about the n keys that were hashed last.
	Hash(keys []K, hashes []uint64)
	// Need returns how many bytes more a call of Upsert may take while it runs.
	Need(n int) int64
	// Upsert stores pointers to the keys' accumulators in slots, making those of new keys. Bit i of the result says that
	// key i is new at this place of the batch; its accumulator is zero. Pointers are valid until the next call.
	Upsert(keys []K, hashes []uint64, slots []*C) (fresh uint64)
	// Find is Upsert without insertion: bit i of the result says that key i is not there.
	Find(keys []K, hashes []uint64, slots []*C) (missing uint64)
	// Positions appends the positions of all entries to dst in the order of the slots.
	Positions(dst []uint32) []uint32
	// Load copies the entries at pos to rows. Unless keep is set, the keys are valid until the next call of a method.
	Load(rows []codec.Pair[K, C], pos []uint32, keep bool)
	// Sample calls visit with up to n accumulators spread evenly over the entries. Accumulators without pointers have
	// nothing to be sampled for, and are not visited.
	Sample(n int, visit func(*C))
	// Clear removes all keys and keeps the memory.
	Clear()
	// Free gives the memory back. The table must not be used any more.
	Free()
}

// New returns the table for keys of type K whose hashes are made by keys.Hash under seed. Overhead is the number of
// bytes that Bytes and Need charge for every entry there is room for, on behalf of the owner.
func New[K comparable, C any](keys codec.Keys[K], seed uint64, overhead int) Table[K, C] {
	_, isText := codec.TextHashOf(keys, seed)
	switch {
	case !isText && !isInteger(reflect.TypeFor[K]().Kind()):
		return newGeneral[K, C](keys, seed, overhead)
	case !weight.PointerFree(reflect.TypeFor[C]()):
		return newSided[K, C](newDirect[K, uint32](keys, seed, overhead))
	default:
		return newDirect[K, C](keys, seed, overhead)
	}
}

func newDirect[K comparable, C any](keys codec.Keys[K], seed uint64, overhead int) Table[K, C] {
	if hash, ok := codec.TextHashOf(keys, seed); ok {
		return newTexts[K, C](hash, overhead)
	}
	return newInts[K, C](keys, seed, overhead)
}

func isInteger(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uintptr }

// firstSlots is the size of a table's first array: enough for one batch at half load, twice.
const firstSlots = 4 * Batch

// grown returns the number of slots for a table of now slots that is to hold n keys at half load.
func grown(now, n int) int {
	if now == 0 {
		now = firstSlots
	}
	for 2*n > now {
		if now < 1<<16 {
			now *= 4
		} else {
			now *= 2
		}
	}
	return now
}

// sided keeps accumulators with pointers in chunks on the Go heap, and their numbers in a table without pointers.
type sided[K comparable, C any] struct {
	index  Table[K, uint32]
	chunks [][]C
	n      uint32
	refs   [Batch]*uint32
	rows   []codec.Pair[K, uint32]
	size   int64
}

const (
	sideShift = 8
	sideChunk = 1 << sideShift
)

func newSided[K comparable, C any](index Table[K, uint32]) *sided[K, C] {
	return &sided[K, C]{index: index, size: int64(reflect.TypeFor[C]().Size())}
}

func (t *sided[K, C]) Len() int { return t.index.Len() }

func (t *sided[K, C]) Bytes() int64 {
	return t.index.Bytes() + int64(len(t.chunks))*sideChunk*t.size
}

func (t *sided[K, C]) Hash(keys []K, hashes []uint64) { t.index.Hash(keys, hashes) }

func (t *sided[K, C]) Need(n int) int64 {
	need := t.index.Need(n)
	if int(t.n)+n > len(t.chunks)*sideChunk {
		need += sideChunk * t.size
	}
	return need
}

func (t *sided[K, C]) at(i uint32) *C { return &t.chunks[i>>sideShift][i%sideChunk] }

func (t *sided[K, C]) Upsert(keys []K, hashes []uint64, slots []*C) uint64 {
	fresh := t.index.Upsert(keys, hashes, t.refs[:])
	for i := range keys {
		ref := t.refs[i]
		if fresh>>i&1 != 0 {
			if int(t.n) == len(t.chunks)*sideChunk {
				t.chunks = append(t.chunks, make([]C, sideChunk))
			}
			*ref = t.n
			t.n++
		}
		slots[i] = t.at(*ref)
	}
	return fresh
}

func (t *sided[K, C]) Find(keys []K, hashes []uint64, slots []*C) uint64 {
	missing := t.index.Find(keys, hashes, t.refs[:])
	for i := range keys {
		if missing>>i&1 == 0 {
			slots[i] = t.at(*t.refs[i])
		}
	}
	return missing
}

func (t *sided[K, C]) Positions(dst []uint32) []uint32 { return t.index.Positions(dst) }

func (t *sided[K, C]) Load(rows []codec.Pair[K, C], pos []uint32, keep bool) {
	if len(t.rows) < len(pos) {
		t.rows = make([]codec.Pair[K, uint32], len(pos))
	}
	t.index.Load(t.rows, pos, keep)
	for i := range pos {
		rows[i] = codec.Pair[K, C]{Key: t.rows[i].Key, Value: *t.at(t.rows[i].Value)}
	}
}

func (t *sided[K, C]) Sample(n int, visit func(*C)) {
	for i := range spread(n, int(t.n)) {
		visit(t.at(i))
	}
}

// spread yields up to n numbers below size at even distances.
func spread(n, size int) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		n = min(n, size)
		for i := range n {
			if !yield(uint32(i * size / n)) {
				return
			}
		}
	}
}

func (t *sided[K, C]) Clear() {
	t.index.Clear()
	for _, c := range t.chunks {
		clear(c)
	}
	t.n = 0
}

func (t *sided[K, C]) Free() {
	t.index.Free()
	t.chunks, t.rows, t.n = nil, nil, 0
}
