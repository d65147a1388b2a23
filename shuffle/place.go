package shuffle

import (
	"math/bits"
	"unsafe"

	"github.com/zeebo/xxh3"

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

// Dealt takes note of which rows went to which partitions, where that depends on their order. It is not safe for
// concurrent use.
type Dealt struct {
	row  *codec.Type
	pack *codec.Packer // nil: rows are encoded
	sum  uint64
	buf  []byte
}

// NewDealt returns a Dealt of rows of type row.
func NewDealt(row *codec.Type) *Dealt { return &Dealt{row: row, pack: row.Packer()} }

// By places rows as place does, and notes that.
func (d *Dealt) By(place Placer) Placer {
	return func(rows codec.Rows, out []uint32) {
		place(rows, out)
		for i := range rows.Len {
			d.add(rows, i, out[i])
		}
	}
}

// add notes that row i went to a partition. One that cannot be encoded fails where it is written.
func (d *Dealt) add(rows codec.Rows, i int, to uint32) {
	if d.pack != nil {
		d.sum += d.pack.Hash(d.row.At(rows, i), uint64(to))
		return
	}
	var err error
	if d.buf, err = d.row.Append(d.buf[:0], d.row.Part(rows, i, i+1)); err == nil {
		d.sum += xxh3.HashSeed(d.buf, uint64(to))
	}
}

// Sum says which rows went where, in whatever order they came; 0 if there were none. Functions of the user may give
// the same rows in another order when they run again, and other ones go to a partition then: what is made with another
// sum does not go together with what others have read of what it replaces.
func (d *Dealt) Sum() uint64 { return d.sum }

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
