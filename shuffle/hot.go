package shuffle

import (
	"math/bits"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// HotKey is a key that a join has in several partitions. Rows of the one side are dealt out to them, and those of the
// other are copied to each, so that every row meets the same rows as in one partition.
type HotKey struct {
	Key unsafe.Pointer
	// Parts is the number of partitions, from 1 to all of them. They follow each other, beginning with the one that the
	// key's hash says.
	Parts int
	// Copied says that this side's rows are copied, and not dealt.
	Copied bool
}

// Hot places the rows of one side of a join of which some keys are hot. It is not safe for concurrent use.
type Hot struct {
	keys    *codec.KeyType
	row     *codec.Type
	seed    uint64
	reduces uint32
	hot     []hotKey
	slots   []hotSlot // by the lowest bits of the hash; the next ones where that is taken
	copies  bool

	batch *codec.Buffer
	rows  []unsafe.Pointer
}

type hotKey struct {
	HotKey
	first, parts uint32 // partitions
	next         uint32 // of the parts
}

// hotSlot is empty where n is 0, and else that of hot key n-1.
type hotSlot struct {
	hash uint64
	n    uint32
}

// copiedRows is about how many rows are handed on together where some of them are copies.
const copiedRows = 1024

// NewHot returns the placing of rows of type row, which begin with their keys, in reduces partitions, by the hash under
// seed for all keys but some. The rows of these are dealt from a part on that start says: tasks should begin at
// different ones.
func NewHot(keys *codec.KeyType, row *codec.Type, seed uint64, start, reduces int, hot []HotKey) *Hot {
	h := &Hot{keys: keys, row: row, seed: seed, reduces: uint32(reduces), slots: make([]hotSlot, 4<<bits.Len(uint(len(hot))))}
	for _, k := range hot {
		hash := keys.Hash1(k.Key, seed)
		at := h.slot(hash)
		for h.slots[at].n != 0 {
			at = (at + 1) & (len(h.slots) - 1)
		}
		h.slots[at] = hotSlot{hash, uint32(len(h.hot)) + 1}
		h.copies = h.copies || k.Copied
		h.hot = append(h.hot, hotKey{HotKey: k, first: partition(hash, uint64(reduces)), parts: uint32(k.Parts), next: uint32(start % k.Parts)})
	}
	if h.copies {
		h.batch = row.NewBuffer(0)
	}
	return h
}

func (h *Hot) slot(hash uint64) int { return int(hash) & (len(h.slots) - 1) }

// maybe says whether a key may be hot.
func (h *Hot) maybe(hash uint64) bool { return h.slots[h.slot(hash)].n != 0 }

// find returns the hot key of a hash, or nil.
func (h *Hot) find(hash uint64, key unsafe.Pointer) *hotKey {
	for at := h.slot(hash); ; at = (at + 1) & (len(h.slots) - 1) {
		s := &h.slots[at]
		if s.n == 0 {
			return nil
		}
		if k := &h.hot[s.n-1]; s.hash == hash && h.keys.Equal(k.Key, key) {
			return k
		}
	}
}

// Place is a [Placer]. Rows of keys that are copied have been by Copied, and are dealt like others: each copy goes to
// another partition.
func (h *Hot) Place(rows codec.Rows, out []uint32) {
	var hashes [128]uint64
	stride := uintptr(h.row.Size())
	for from := 0; from < rows.Len; from += len(hashes) {
		part := hashes[:min(rows.Len-from, len(hashes))]
		h.keys.Hash(part, h.row.At(rows, from), stride, h.seed)
		for i, hash := range part {
			out[from+i] = partition(hash, uint64(h.reduces))
			if h.maybe(hash) {
				if k := h.find(hash, h.row.At(rows, from+i)); k != nil {
					out[from+i] = k.deal(h.reduces)
				}
			}
		}
	}
}

// deal returns the partition of the next row.
func (k *hotKey) deal(reduces uint32) uint32 {
	at := k.first + k.next
	if k.next++; k.next == k.parts {
		k.next = 0
	}
	if at >= reduces {
		at -= reduces
	}
	return at
}

// Copied gives rows with as many of each whose key is copied as that has parts, some at a time. What it gives is valid
// during the call.
func (h *Hot) Copied(rows codec.Rows, yield func(codec.Rows) error) error {
	if !h.copies {
		return yield(rows)
	}
	defer h.batch.Clear()
	var hashes [128]uint64
	before := true // the first copied row
	for from := 0; from < rows.Len; from += len(hashes) {
		part := hashes[:min(rows.Len-from, len(hashes))]
		h.keys.Hash(part, h.row.At(rows, from), uintptr(h.row.Size()), h.seed)
		for i, hash := range part {
			row, times := h.row.At(rows, from+i), 1
			if h.maybe(hash) {
				if k := h.find(hash, row); k != nil && k.Copied {
					times = k.Parts
				}
			}
			if before && times > 1 {
				before = false
				if err := yield(h.row.Part(rows, 0, from+i)); err != nil {
					return err
				}
			}
			if before {
				continue
			}
			if err := h.add(row, times, yield); err != nil {
				return err
			}
		}
	}
	if before {
		return yield(rows)
	}
	return h.hand(yield)
}

// add gathers a row so many times.
func (h *Hot) add(row unsafe.Pointer, times int, yield func(codec.Rows) error) error {
	for range times {
		if h.rows = append(h.rows, row); len(h.rows) == copiedRows {
			if err := h.hand(yield); err != nil {
				return err
			}
		}
	}
	return nil
}

// hand gives the rows that were gathered.
func (h *Hot) hand(yield func(codec.Rows) error) error {
	h.batch.Reset()
	h.batch.Gather(h.rows)
	clear(h.rows)
	h.rows = h.rows[:0]
	return yield(h.batch.Rows())
}
