package shuffle

import (
	"math/bits"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

const (
	sortBits    = 6 // the highest of prefixes, by which rows are kept in lanes
	sortLanes   = 1 << sortBits
	dealtRows   = 1 << 11 // about as many in a bucket, which with their keys stay in the cache
	maxDealtRow = keyBytes - 8
)

// sortingLanes returns lanes for rows to be sorted, or nil where those are sorted by keys that stand for them. What
// dealing needs for a row, a copy and its prefix, is no more than what is charged for its key.
func sortingLanes(mem *share, typ *codec.Type, ord ordering) *lanes {
	if typ.Size() > maxDealtRow {
		return nil
	}
	return newLanes(mem, typ, sortLanes, keyBytes, laneOf(ord.prefix))
}

// laneOf places rows in lanes to sort them.
func laneOf(prefix func(rows codec.Rows, out []uint64)) Placer {
	var pre [placedAtOnce]uint64
	return func(rows codec.Rows, out []uint32) {
		pre := pre[:rows.Len]
		prefix(rows, pre)
		for i, p := range pre {
			out[i] = uint32(p >> (64 - sortBits))
		}
	}
}

// dealt pulls from lanes. The rows of a lane are dealt out to buckets by the highest bits in which their prefixes
// differ, and a bucket is sorted when its turn comes, so that the rows are in the cache while they are compared and
// handed out.
type dealt struct {
	ord   ordering
	typ   *codec.Type
	lanes *lanes
	drop  bool // lanes that were read
	lane  int  // the next one

	all  codec.Rows // room for the rows of a lane,
	rows codec.Rows // which are here bucket after bucket
	ends []uint32   // of the buckets
	from uint32     // where the next bucket begins
	pres []uint64
	keys []sortKey // of a bucket
	left []sortKey // of these, those to hand out
	tmp  []sortKey
	out  *codec.Buffer
	at   [pulledRows]unsafe.Pointer
	pre  [pulledRows]uint64
}

func newDealt(ord ordering, l *lanes, drop bool) *dealt {
	most := 0
	for i := range l.lanes {
		most = max(most, l.in(i))
	}
	return &dealt{ord: ord, typ: l.typ, lanes: l, drop: drop, all: l.typ.Make(most), pres: make([]uint64, most), out: l.typ.NewBuffer(0)}
}

// deal deals out the next lane that has rows, and reports false when there is none left.
func (d *dealt) deal() bool {
	n := 0
	for ; n == 0; d.lane++ {
		if d.lane == len(d.lanes.lanes) {
			return false
		}
		n = d.lanes.in(d.lane)
	}
	lane := d.lane - 1
	d.rows, d.from = d.typ.Part(d.all, 0, n), 0
	pre := d.pres[:n]
	at := 0
	for rows := range d.lanes.all(lane) {
		d.ord.prefix(rows, pre[at:at+rows.Len])
		at += rows.Len
	}
	b := dealingOf(pre)
	at = 0
	for rows := range d.lanes.all(lane) {
		b.move(d.typ, d.rows, rows, pre[at:at+rows.Len])
		at += rows.Len
	}
	if d.ends = b.ends; d.drop {
		d.lanes.drop(lane)
	}
	return true
}

// dealing is where rows go: to the bucket of (prefix-low)>>shift. In ends buckets have their next free place, and in
// the end where they end.
type dealing struct {
	low   uint64
	shift uint
	ends  []uint32
}

// dealingOf is where rows of these prefixes go.
func dealingOf(pre []uint64) dealing {
	low, high := pre[0], pre[0]
	for _, p := range pre {
		low, high = min(low, p), max(high, p)
	}
	buckets := min(1<<bits.Len(uint(len(pre)/dealtRows)), maxBuckets)
	b := dealing{low: low, shift: uint(max(0, bits.Len64(high-low)-bits.Len(uint(buckets-1)))), ends: make([]uint32, buckets+1)}
	b.count(pre)
	return b
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
	for len(d.ends) == 0 || d.ends[0] == d.from {
		if len(d.ends) > 0 {
			d.ends = d.ends[1:]
		} else if !d.deal() {
			return false
		}
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
