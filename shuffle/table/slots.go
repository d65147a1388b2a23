package table

import (
	"math/bits"
	"unsafe"
)

// slots is an array of slots of a size that is known at run time only. A slot begins with the words of its key, which
// the accumulator follows. It holds no pointers into the Go heap.
type slots struct {
	base  unsafe.Pointer
	size  uintptr // of a slot
	len   int     // a power of two, or 0
	shift uint    // a hash shifted by it is the number of a slot
	raw   []byte  // memory to be unmapped
}

func (s *slots) at(i uint64) unsafe.Pointer { return unsafe.Add(s.base, uintptr(i)*s.size) }

func (s *slots) mask() uint64 { return uint64(s.len - 1) }

// word returns word i of a slot.
func word(slot unsafe.Pointer, i uintptr) *uint64 {
	return (*uint64)(unsafe.Add(slot, i*wordBytes))
}

// touch reads the word at offset of every hash's slot, so that their cache misses overlap. In a loop of its own:
// between the hashing of keys, whose branches are hard to predict, it cost more than it saved.
func (s *slots) touch(hashes []uint64, offset uintptr) (sum uint64) {
	base, size, shift := unsafe.Add(s.base, offset), s.size, s.shift&63
	for _, h := range hashes {
		sum += *(*uint64)(unsafe.Add(base, uintptr(h>>shift)*size))
	}
	return sum
}

// make replaces the array by one of n free slots. What it was comes back, to be moved and freed.
func (s *slots) make(n int) (old slots) {
	old = *s
	s.base, s.raw = Alloc(n*int(s.size) + wordBytes) // so that even an empty accumulator at the end lies within
	s.len, s.shift = n, shiftOf(n)
	return old
}

// clear frees all slots.
func (s *slots) clear() {
	if s.len > 0 {
		clear(unsafe.Slice((*byte)(s.base), s.len*int(s.size)))
	}
}

func (s *slots) free() {
	Unmap(s.raw)
	s.base, s.raw, s.len = nil, nil, 0
}

// shiftOf returns how far a hash is shifted to be a number of one of n slots.
func shiftOf(n int) uint { return uint(64 - bits.TrailingZeros(uint(n))) }
