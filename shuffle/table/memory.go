package table

import "unsafe"

// offHeap is the size from which arrays without pointers are kept outside the Go heap, where huge pages make large
// tables cheaper and the garbage collector does not count them.
const offHeap = 1 << 20

// Alloc returns n zeroed bytes, aligned for words and not looked at by the garbage collector, and the same bytes as
// memory that has to be unmapped, if so.
func Alloc(n int) (p unsafe.Pointer, raw []byte) {
	if n >= offHeap {
		if raw := mapMemory(n); raw != nil {
			return unsafe.Pointer(unsafe.SliceData(raw)), raw
		}
	}
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, (n+wordBytes-1)/wordBytes))), nil
}

// Unmap gives back what Alloc said has to be unmapped; nil is nothing.
func Unmap(raw []byte) { unmapMemory(raw) }

// arena keeps byte strings, each with its length before it.
type arena struct {
	buf []byte
	raw []byte
	n   int
}

func (a *arena) need(n int) int64 {
	if a.n+n <= len(a.buf) {
		return 0
	}
	return int64(max(2*len(a.buf), a.n+n, 4<<10))
}

// reserve makes room for n bytes.
func (a *arena) reserve(n int) {
	size := a.need(n)
	if size == 0 {
		return
	}
	p, raw := Alloc(int(size))
	buf := unsafe.Slice((*byte)(p), size)
	copy(buf, a.buf[:a.n])
	a.free()
	a.buf, a.raw = buf, raw
}

const lengthBytes = 8

// add appends s, for which there must be room, and returns its place.
func (a *arena) add(s string) uint64 {
	at := a.n
	for i := range lengthBytes {
		a.buf[at+i] = byte(len(s) >> (8 * i))
	}
	copy(a.buf[at+lengthBytes:], s)
	a.n += lengthBytes + len(s)
	return uint64(at)
}

// at returns the string at a place, valid until the arena grows or is freed.
func (a *arena) at(place uint64) string {
	b := a.buf[place:]
	n := 0
	for i := range lengthBytes {
		n |= int(b[i]) << (8 * i)
	}
	return unsafe.String(unsafe.SliceData(b[lengthBytes:]), n)
}

func (a *arena) free() {
	Unmap(a.raw)
	a.buf, a.raw = nil, nil
}
