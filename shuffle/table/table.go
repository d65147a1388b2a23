// Package table has the hash tables that combine the rows of a key, one for strings, one for integers and one for
// everything else.
//
// They are open-addressing tables with linear probing, at most half full, that are used in batches: a batch is hashed,
// all its slots are touched so that their cache misses overlap, and then it is looked up. Keys are copied on insertion.
// String keys of up to 15 bytes and integers lie in the slot itself, and so does the accumulator unless it holds
// pointers. Slots lie outside the Go heap once there are many, and have to be freed by hand.
//
// A slot is chosen by the high bits of a hash, so slots are almost in the order of hashes. The order depends on the
// seed, the keys and the order of their insertion only.
//
// Tables do not know the types of keys and accumulators at compile time: these come as pointers.
package table

import (
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// Batch is the largest number of keys of one call.
const Batch = 64

// Keys are keys in rows: the first, and the distance from each to the next.
type Keys struct {
	First  unsafe.Pointer
	Stride uintptr
	Len    int
}

// At returns a pointer to key i.
func (k Keys) At(i int) unsafe.Pointer { return unsafe.Add(k.First, uintptr(i)*k.Stride) }

// Table holds accumulators by key. It is not safe for concurrent use.
type Table interface {
	// Len returns the number of keys.
	Len() int
	// Bytes returns the memory held, with the overhead given to New.
	Bytes() int64
	// Hash writes the hashes of a batch of keys to hashes, as their codec.KeyType does, and readies the table for it:
	// Need, Upsert and Find are about the keys that were hashed last.
	Hash(keys Keys, hashes []uint64)
	// Need returns how many bytes more a call of Upsert with n keys may take while it runs.
	Need(n int) int64
	// Upsert stores pointers to the keys' accumulators in slots, making those of new keys. Bit i of the result says that
	// key i is new at this place of the batch; its accumulator is zero. Pointers are valid until the next call.
	Upsert(keys Keys, hashes []uint64, slots []unsafe.Pointer) (fresh uint64)
	// Find is Upsert without insertion: bit i of the result says that key i is not there.
	Find(keys Keys, hashes []uint64, slots []unsafe.Pointer) (missing uint64)
	// Positions appends the positions of all entries to dst in the order of the slots.
	Positions(dst []uint32) []uint32
	// Hashes writes the hashes, under a seed of the caller's, of the keys of the entries at pos.
	Hashes(pos []uint32, seed uint64, hashes []uint64)
	// Load copies the entries at pos to rows, which are pairs of key and accumulator. Unless keep is set, the keys are
	// valid until the next call of a method.
	Load(rows codec.Rows, pos []uint32, keep bool)
	// Sample calls visit with up to n accumulators spread evenly over the entries. Accumulators without pointers have
	// nothing to be sampled for, and are not visited.
	Sample(n int, visit func(acc unsafe.Pointer))
	// Clear removes all keys and keeps the memory.
	Clear()
	// Free gives the memory back. The table must not be used any more.
	Free()
}

// New returns the table for the keys and accumulators that are the keys and values of pairs. Keys are hashed under
// seed. Overhead is the number of bytes that Bytes and Need charge for every entry there is room for, on behalf of the
// owner.
func New(keys *codec.KeyType, pairs codec.PairType, seed uint64, overhead int) Table {
	switch k := keys.Reflect().Kind(); {
	case k == reflect.String:
		return newTexts(pairs, seed, overhead)
	case k >= reflect.Int && k <= reflect.Uintptr:
		return newInts(keys, pairs, seed, overhead)
	}
	return newGeneral(keys, pairs, seed, overhead)
}

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

// accs keeps the accumulators of a table: in its slots, or when they hold pointers in chunks on the Go heap, with their
// numbers in the slots.
type accs struct {
	pairs  codec.PairType
	inSlot bool
	store  chunks
}

func newAccs(pairs codec.PairType) accs {
	return accs{
		pairs:  pairs,
		inSlot: weight.PointerFree(pairs.Value.Reflect()),
		store:  chunks{typ: pairs.Value},
	}
}

const (
	refBytes  = 8
	wordBytes = 8
)

// slotBytes returns what an accumulator takes in a slot, a multiple of 8.
func (a *accs) slotBytes() uintptr {
	if !a.inSlot {
		return refBytes
	}
	return (uintptr(a.pairs.Value.Size()) + wordBytes - 1) &^ (wordBytes - 1)
}

func (a *accs) bytes() int64 { return a.store.bytes() }

func (a *accs) need(n int) int64 {
	if a.inSlot {
		return 0
	}
	return a.store.need(n)
}

// upserted replaces pointers into slots, those marked fresh new, by pointers to accumulators.
func (a *accs) upserted(fresh uint64, slots []unsafe.Pointer) {
	if a.inSlot {
		return
	}
	for i, p := range slots {
		ref := (*uint32)(p)
		if fresh>>i&1 != 0 {
			*ref = a.store.add()
		}
		slots[i] = a.store.at(*ref)
	}
}

// found is upserted for slots of which some are not there.
func (a *accs) found(missing uint64, slots []unsafe.Pointer) {
	if a.inSlot {
		return
	}
	for i, p := range slots {
		if missing>>i&1 == 0 {
			slots[i] = a.store.at(*(*uint32)(p))
		}
	}
}

// load copies the accumulator of the slot that has it at p, into a row.
func (a *accs) load(row, p unsafe.Pointer) {
	to := unsafe.Add(row, a.pairs.ValueAt)
	switch size := a.pairs.Value.Size(); {
	case !a.inSlot:
		copyOne(a.pairs.Value, to, a.store.at(*(*uint32)(p)))
	case size == wordBytes:
		*(*[wordBytes]byte)(to) = *(*[wordBytes]byte)(p)
	default:
		copy(unsafe.Slice((*byte)(to), size), unsafe.Slice((*byte)(p), size))
	}
}

func copyOne(t *codec.Type, to, from unsafe.Pointer) {
	t.Copy(codec.Rows{Data: to, Len: 1}, codec.Rows{Data: from, Len: 1})
}

func (a *accs) sample(n int, visit func(unsafe.Pointer)) {
	if !a.inSlot {
		a.store.sample(n, visit)
	}
}

// chunks keeps values on the Go heap, by number. They do not move.
type chunks struct {
	typ  *codec.Type
	list []unsafe.Pointer
	n    uint32
}

const (
	chunkShift = 8
	chunkLen   = 1 << chunkShift
)

func (c *chunks) bytes() int64 { return int64(len(c.list)) * c.chunkBytes() }

func (c *chunks) chunkBytes() int64 { return chunkLen * int64(c.typ.Size()) }

func (c *chunks) need(n int) int64 {
	if int(c.n)+n > len(c.list)*chunkLen {
		return c.chunkBytes()
	}
	return 0
}

// add returns the number of a new value, which is zero.
func (c *chunks) add() uint32 {
	if int(c.n) == len(c.list)*chunkLen {
		c.list = append(c.list, c.typ.Make(chunkLen).Data)
	}
	c.n++
	return c.n - 1
}

func (c *chunks) at(i uint32) unsafe.Pointer {
	return unsafe.Add(c.list[i>>chunkShift], uintptr(i%chunkLen)*uintptr(c.typ.Size()))
}

// sample visits up to n values at even distances.
func (c *chunks) sample(n int, visit func(unsafe.Pointer)) {
	n = min(n, int(c.n))
	for i := range n {
		visit(c.at(uint32(i * int(c.n) / n)))
	}
}

func (c *chunks) clear() {
	for _, p := range c.list {
		c.typ.Clear(codec.Rows{Data: p, Len: chunkLen})
	}
	c.n = 0
}

func (c *chunks) free() { c.list, c.n = nil, 0 }
