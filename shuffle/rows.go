package shuffle

import (
	"math/bits"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// rowStore keeps rows in chunks of equal size, so that it grows without copying, and counts what they hold.
type rowStore struct {
	mem    *share
	typ    *codec.Type
	weigh  *weight.Weigher
	copier *weight.Copier // nil: keep strings as they are
	extra  int64          // bytes charged per row for what the owner needs to order the rows
	least  int64          // up to here memory is taken by force
	shift  uint
	size   uintptr      // of a row
	chunks []codec.Rows // full but for the last in use
	n      int
	held   int64 // bytes charged for chunks and what rows point to
	points int64 // of these, what rows point to
	picks  [pulledRows]unsafe.Pointer
	sink   byte
}

const chunkBytes = 16 << 10

func newRowStore(mem *share, cfg Config, typ *codec.Type, extra int) *rowStore {
	s := &rowStore{
		mem:   mem,
		typ:   typ,
		weigh: weight.NewWeigher(typ.Reflect()),
		extra: int64(extra),
		least: 64 << 10,
		size:  uintptr(typ.Size()),
	}
	per := max(16, chunkBytes/max(1, typ.Size()+extra))
	s.shift = uint(bits.Len(uint(per)) - 1)
	if cfg.Copy {
		s.copier = weight.NewCopier(typ.Reflect())
	}
	return s
}

func (s *rowStore) chunkRows() int { return 1 << s.shift }

// add keeps as many of rows as there is memory for and returns their number. It keeps at least one row when it is
// empty, by force if need be.
func (s *rowStore) add(rows codec.Rows) int {
	done := 0
	for done < rows.Len {
		c, at := s.n>>s.shift, s.n&(s.chunkRows()-1)
		part := s.typ.Part(rows, done, done+min(rows.Len-done, s.chunkRows()-at))
		n := s.reserve(part, c)
		if n == 0 {
			break
		}
		kept := s.typ.Part(s.chunks[c], at, at+n)
		s.typ.Copy(kept, s.typ.Part(part, 0, n))
		if s.copier != nil {
			s.copier.Copy(kept.Data, s.size, n)
		}
		s.n += n
		done += n
	}
	return done
}

// reserve takes memory for the leading rows of part, which go to chunk c, and returns how many.
func (s *rowStore) reserve(part codec.Rows, c int) int {
	if c == len(s.chunks) {
		if !s.take(int64(s.chunkRows()) * (int64(s.size) + s.extra)) {
			return 0
		}
		s.chunks = append(s.chunks, s.typ.Make(s.chunkRows()))
	}
	if s.weigh.Flat() {
		return part.Len
	}
	size := s.weigh.Rows(part.Data, s.size, part.Len) - int64(part.Len)*int64(s.size)
	if s.take(size) {
		s.points += size
		return part.Len
	}
	for i := range part.Len { // they do not fit as a whole
		size := s.weigh.Row(s.typ.At(part, i))
		if !s.take(size) {
			return i
		}
		s.points += size
	}
	return part.Len
}

// bytes is the memory that the rows kept need, without spare chunks.
func (s *rowStore) bytes() int64 { return int64(s.n)*(int64(s.size)+s.extra) + s.points }

func (s *rowStore) take(n int64) bool {
	// A first row is kept whatever it weighs: otherwise nothing would ever move.
	if !s.mem.grow(n) {
		if s.n > 0 && s.held+n > s.least {
			return false
		}
		s.mem.force(n)
	}
	s.held += n
	return true
}

func (s *rowStore) row(i uint32) unsafe.Pointer {
	return unsafe.Add(s.chunks[i>>s.shift].Data, uintptr(i&uint32(s.chunkRows()-1))*s.size)
}

// parts returns how many chunks are in use.
func (s *rowStore) parts() int { return (s.n + s.chunkRows() - 1) >> s.shift }

// part returns the rows in chunk c, which is in use.
func (s *rowStore) part(c int) codec.Rows {
	return s.typ.Part(s.chunks[c], 0, min(s.n-c<<s.shift, s.chunkRows()))
}

// gather adds the rows of the given numbers to dst.
func (s *rowStore) gather(dst *codec.Buffer, rows []uint32) {
	for len(rows) > 0 {
		n := min(len(rows), len(s.picks))
		for i, r := range rows[:n] {
			s.picks[i] = s.row(r)
		}
		dst.Gather(s.picks[:n])
		rows = rows[n:]
	}
}

// touch reads a byte of each of the rows.
func (s *rowStore) touch(ks []sortKey) {
	if s.size == 0 {
		return
	}
	sum := s.sink
	for _, k := range ks {
		sum += *(*byte)(s.row(k.i))
	}
	s.sink = sum
}

// clear forgets the rows and keeps the chunks for the next ones.
func (s *rowStore) clear() {
	if s.n == 0 {
		return
	}
	for c := range s.parts() {
		if !s.weigh.Flat() {
			s.typ.Clear(s.part(c))
		}
	}
	s.mem.shrink(s.points)
	s.held -= s.points
	s.points, s.n = 0, 0
}

// free gives everything back.
func (s *rowStore) free() {
	s.mem.shrink(s.held)
	clear(s.picks[:])
	s.chunks, s.held, s.points, s.n = nil, 0, 0, 0
}
