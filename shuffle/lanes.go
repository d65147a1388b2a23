package shuffle

import (
	"iter"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// lanes keep small rows without pointers apart as they come, by the partition they go to, or the part of an order they
// are in. To bring them together later would read each again from a place that the cache has lost.
type lanes struct {
	mem    *share
	typ    *codec.Type
	extra  int // bytes charged for a row beside its own
	lanes  []lane
	n      int   // rows kept
	held   int64 // bytes charged
	placed placing
}

// lane has the rows of a partition in chunks. The more rows it has the larger is the next one.
type lane struct {
	base   unsafe.Pointer // of the last chunk in use
	n, cap int            // rows in it, and room
	before int            // rows in the chunks before it
	used   int            // chunks in use
	chunks []codec.Rows
}

const (
	maxLanes   = 64
	maxLaneRow = 64      // bytes
	leastLane  = 1 << 10 // bytes charged for a first chunk
	mostLane   = 256 << 10
	lanePart   = 4                    // a chunk has room for this part of the rows before it: so little is wasted when memory ends
	leastLanes = maxLanes * leastLane // what lanes may take by force
)

// newLanes returns n lanes, or nil where rows are better kept otherwise.
func newLanes(mem *share, typ *codec.Type, n, extra int, place Placer) *lanes {
	if size := typ.Size(); n > maxLanes || size == 0 || size > maxLaneRow || !weight.PointerFree(typ.Reflect()) {
		return nil
	}
	return &lanes{mem: mem, typ: typ, extra: extra, lanes: make([]lane, n), placed: placing{typ: typ, place: place}}
}

func (l *lanes) bytes() int64 { return int64(l.n) * int64(l.typ.Size()) }

// add is as keeping says.
func (l *lanes) add(rows codec.Rows) int {
	parts := l.placed.of(rows)
	rows.Len = len(parts)
	n := 0
	switch l.typ.Size() {
	case 8:
		n = spread[[1]uint64](l, rows, parts)
	case 16:
		n = spread[[2]uint64](l, rows, parts)
	case 24:
		n = spread[[3]uint64](l, rows, parts)
	default:
		n = l.spread(rows, parts)
	}
	l.n += n
	l.placed.did(n)
	return n
}

// spread copies rows of the size of a T to the lanes of their partitions.
func spread[T any](l *lanes, rows codec.Rows, parts []uint32) int {
	from := unsafe.Slice((*T)(rows.Data), rows.Len)
	for i, p := range parts {
		to := &l.lanes[p]
		if to.n == to.cap && !l.grow(to, l.n+i) {
			return i
		}
		*(*T)(unsafe.Add(to.base, uintptr(to.n)*unsafe.Sizeof(from[0]))) = from[i]
		to.n++
	}
	return len(parts)
}

func (l *lanes) spread(rows codec.Rows, parts []uint32) int {
	size := l.typ.Size()
	for i, p := range parts {
		to := &l.lanes[p]
		if to.n == to.cap && !l.grow(to, l.n+i) {
			return i
		}
		copy(unsafe.Slice((*byte)(unsafe.Add(to.base, to.n*size)), size), unsafe.Slice((*byte)(l.typ.At(rows, i)), size))
		to.n++
	}
	return len(parts)
}

// grow gives a lane its next chunk, or reports false where there is no memory for one. The lanes have n rows.
func (l *lanes) grow(to *lane, n int) bool {
	if to.used == len(to.chunks) && !l.make(to, n) {
		return false
	}
	chunk := &to.chunks[to.used]
	to.before += to.n
	to.base, to.n, to.cap = chunk.Data, 0, chunk.Len
	to.used++
	return true
}

// charge is what a chunk of so many rows costs.
func (l *lanes) charge(rows int) int64 { return int64(rows) * int64(l.typ.Size()+l.extra) }

func (l *lanes) make(to *lane, n int) bool {
	size := l.typ.Size()
	least := max(leastLane/(size+l.extra), 1)
	rows := max(min((to.before+to.n)/lanePart, mostLane/size), least)
	bytes := l.charge(rows)
	if !l.mem.grow(bytes) {
		if n > 0 && l.held+bytes > leastLanes {
			return false
		}
		if n == 0 { // chunks of others are in the way
			l.free()
			rows = least
			bytes = l.charge(rows)
		}
		l.mem.force(bytes)
	}
	l.held += bytes
	to.chunks = append(to.chunks, l.typ.Make(rows))
	return true
}

// all gives the rows of a lane, some at a time.
func (l *lanes) all(r int) iter.Seq[codec.Rows] {
	return func(yield func(codec.Rows) bool) {
		to := &l.lanes[r]
		for i, rows := range to.chunks[:to.used] {
			if i == to.used-1 {
				rows.Len = to.n
			}
			if !yield(rows) {
				return
			}
		}
	}
}

// write writes the rows as a segment.
func (l *lanes) write(out *outFile) error {
	for r := range l.lanes {
		for rows := range l.all(r) {
			if err := out.write(uint32(r), rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows is how many rows there are.
func (l *lanes) rows() int { return l.n }

// in is how many rows a lane has.
func (l *lanes) in(r int) int { return l.lanes[r].before + l.lanes[r].n }

// drop lets go of the rows of a lane, which stay charged.
func (l *lanes) drop(r int) { l.lanes[r] = lane{} }

// clear forgets the rows and keeps the chunks for the next ones.
func (l *lanes) clear() {
	for i := range l.lanes {
		l.lanes[i] = lane{chunks: l.lanes[i].chunks}
	}
	l.n = 0
}

// free gives everything back.
func (l *lanes) free() {
	l.mem.shrink(l.held)
	clear(l.lanes)
	l.n, l.held = 0, 0
}
