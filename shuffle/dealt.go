package shuffle

import (
	"math/bits"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/weight"
)

const (
	leastDealt  = 1 << 14 // rows: fewer are in the cache anyway
	dealtRows   = 1 << 11 // about as many in a bucket, which with their keys stay in the cache
	maxDealtRow = keyBytes - 8
)

// dealt pulls from rows in memory that were dealt out to buckets by the highest bits of their prefixes. Buckets are
// sorted one by one, when their turn comes, so that the rows are in the cache while they are compared and handed out.
type dealt struct {
	ord  ordering
	typ  *codec.Type
	rows codec.Rows // bucket after bucket
	ends []uint32   // of the buckets
	from uint32     // where the next bucket begins
	keys []sortKey  // of a bucket
	left []sortKey  // of these, those to hand out
	tmp  []sortKey
	out  *codec.Buffer
	at   [pulledRows]unsafe.Pointer
	pre  [pulledRows]uint64
}

// deal deals out the rows of a sorter, whose chunks it lets go of, or returns nil where that does not pay. What it
// needs for a row, a copy and its prefix, is no more than what is charged for its key.
func (s *sorter) deal() *dealt {
	n, typ := s.store.n, s.typ
	if n < leastDealt || typ.Size() == 0 || typ.Size() > maxDealtRow || !weight.PointerFree(typ.Reflect()) {
		return nil
	}
	pre := make([]uint64, n)
	for c, at := 0, 0; c < s.store.parts(); c++ {
		rows := s.store.part(c)
		s.ord.prefix(rows, pre[at:at+rows.Len])
		at += rows.Len
	}
	low, high := pre[0], pre[0]
	for _, p := range pre {
		low, high = min(low, p), max(high, p)
	}
	buckets := min(1<<bits.Len(uint(n/dealtRows)), maxBuckets)
	b := dealing{low: low, shift: uint(max(0, bits.Len64(high-low)-bits.Len(uint(buckets-1)))), ends: make([]uint32, buckets+1)}
	b.count(pre)
	d := &dealt{ord: s.ord, typ: typ, rows: typ.Make(n), out: typ.NewBuffer(pulledRows)}
	for c, at := 0, 0; c < s.store.parts(); c++ {
		rows := s.store.part(c)
		b.move(typ, d.rows, rows, pre[at:at+rows.Len])
		at += rows.Len
		s.store.chunks[c] = codec.Rows{Len: rows.Len}
	}
	d.ends = b.ends
	return d
}

// dealing is where rows go: to the bucket of (prefix-low)>>shift. In ends buckets have their next free place, and in
// the end where they end.
type dealing struct {
	low   uint64
	shift uint
	ends  []uint32
}

func (b *dealing) count(pre []uint64) {
	for _, p := range pre {
		b.ends[(p-b.low)>>(b.shift&63)]++
	}
	sum := uint32(0)
	for i, n := range b.ends {
		b.ends[i] = sum
		sum += n
	}
}

func (b *dealing) move(typ *codec.Type, to, rows codec.Rows, pre []uint64) {
	switch size := typ.Size(); size {
	case 8:
		moveTo[[1]uint64](b, to, rows, pre)
	case 16:
		moveTo[[2]uint64](b, to, rows, pre)
	case 24:
		moveTo[[3]uint64](b, to, rows, pre)
	default:
		for i, p := range pre {
			end := &b.ends[(p-b.low)>>(b.shift&63)]
			copy(unsafe.Slice((*byte)(typ.At(to, int(*end))), size), unsafe.Slice((*byte)(typ.At(rows, i)), size))
			*end++
		}
	}
}

// moveTo moves rows of the size of a T.
func moveTo[T any](b *dealing, to, rows codec.Rows, pre []uint64) {
	dst, src := unsafe.Slice((*T)(to.Data), to.Len), unsafe.Slice((*T)(rows.Data), rows.Len)
	low, shift, ends := b.low, b.shift&63, b.ends
	for i, p := range pre {
		end := &ends[(p-low)>>shift]
		dst[*end] = src[i]
		*end++
	}
}

// bucket sorts the next bucket that has rows, and reports false when there is none left.
func (d *dealt) bucket() bool {
	for len(d.ends) > 0 && d.ends[0] == d.from {
		d.ends = d.ends[1:]
	}
	if len(d.ends) == 0 {
		return false
	}
	n := int(d.ends[0] - d.from)
	if cap(d.keys) < n {
		d.keys, d.tmp = make([]sortKey, n), make([]sortKey, n)
	}
	d.left = d.keys[:n]
	for at := 0; at < n; at += len(d.pre) {
		pre := d.pre[:min(len(d.pre), n-at)]
		first := d.from + uint32(at)
		d.ord.prefix(d.typ.Part(d.rows, int(first), int(first)+len(pre)), pre)
		for i, p := range pre {
			d.left[at+i] = sortKey{p, first + uint32(i)}
		}
	}
	sortKeys(d.left, d.tmp[:n])
	d.ord.breakTies(d.left, d)
	d.from = d.ends[0]
	return true
}

func (d *dealt) row(i uint32) unsafe.Pointer { return d.typ.At(d.rows, int(i)) }

// touch has nothing to do: a bucket is in the cache.
func (d *dealt) touch([]sortKey) {}

func (d *dealt) next() (codec.Rows, []uint64, error) {
	if len(d.left) == 0 && !d.bucket() {
		return codec.Rows{}, nil, nil
	}
	n := min(pulledRows, len(d.left))
	for i, k := range d.left[:n] {
		d.at[i], d.pre[i] = d.row(k.i), k.p
	}
	d.left = d.left[n:]
	d.out.Reset()
	d.out.Gather(d.at[:n])
	return d.out.Rows(), d.pre[:n], nil
}
