package table

import "unsafe"

// offHeap is the size from which arrays without pointers are kept outside the Go heap, where huge pages make large
// tables cheaper and the garbage collector does not count them.
const offHeap = 1 << 20

// alloc returns n zeroed elements and the bytes they lie in when that is memory to be unmapped. T holds no pointers.
func alloc[T any](n int) ([]T, []byte) {
	var t T
	if size := n * int(unsafe.Sizeof(t)); size >= offHeap {
		if raw := mapMemory(size); raw != nil {
			return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(raw))), n), raw
		}
	}
	return make([]T, n), nil
}

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
	buf, raw := alloc[byte](int(size))
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
	unmapMemory(a.raw)
	a.buf, a.raw = nil, nil
}
