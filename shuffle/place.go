package shuffle

import (
	"math/bits"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// Placer chooses the partition of every row: out, as long as rows, is filled with numbers below the number of
// partitions.
type Placer func(rows codec.Rows, out []uint32)

// partition places a hash in one of n partitions by its high bits.
func partition(hash uint64, n uint64) uint32 {
	hi, _ := bits.Mul64(hash, n)
	return uint32(hi)
}

// HashKeys places rows of type row by the hash under seed of the keys that they begin with: pairs, and rows that are
// their own keys.
func HashKeys(keys *codec.KeyType, row *codec.Type, seed uint64, reduces int) Placer {
	var hashes [128]uint64
	stride := uintptr(row.Size())
	return func(rows codec.Rows, out []uint32) {
		for from := 0; from < rows.Len; from += len(hashes) {
			part := hashes[:min(rows.Len-from, len(hashes))]
			keys.Hash(part, row.At(rows, from), stride, seed)
			for i, h := range part {
				out[from+i] = partition(h, uint64(reduces))
			}
		}
	}
}

// RoundRobin deals rows out in turn, beginning with partition start. Tasks should begin at different partitions.
func RoundRobin(start, reduces int) Placer {
	next := uint32(start % reduces)
	return func(rows codec.Rows, out []uint32) {
		for i := range rows.Len {
			out[i] = next
			if next++; next == uint32(reduces) {
				next = 0
			}
		}
	}
}

// Single places all rows in partition 0.
func Single(rows codec.Rows, out []uint32) { clear(out[:rows.Len]) }

// By places rows of type row by a function of one row, for partitioners that users write.
func By(row *codec.Type, f func(row unsafe.Pointer) uint32) Placer {
	return func(rows codec.Rows, out []uint32) {
		for i := range rows.Len {
			out[i] = f(row.At(rows, i))
		}
	}
}

// placing are the partitions of the rows that come next. A Placer may count rows, and is asked once for each: where
// they go must not depend on memory, for want of which a part of the rows comes again.
type placing struct {
	typ   *codec.Type
	place Placer
	parts [placedAtOnce]uint32
	left  []uint32
}

// of returns the partitions of leading ones of rows.
func (p *placing) of(rows codec.Rows) []uint32 {
	if len(p.left) == 0 {
		p.left = p.parts[:min(rows.Len, len(p.parts))]
		p.place(p.typ.Part(rows, 0, len(p.left)), p.left)
	}
	return p.left
}

// did says that so many of them will not come again.
func (p *placing) did(n int) { p.left = p.left[n:] }
