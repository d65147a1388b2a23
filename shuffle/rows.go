package shuffle

import (
	"math/bits"
	"unsafe"

	"github.com/gordd-project/gordd/shuffle/weight"
)

// rowStore keeps rows in chunks of equal size, so that it grows without copying, and counts what they hold.
type rowStore[T any] struct {
	mem    *share
	weigh  *weight.Weigher[T]
	copier *weight.Copier[T] // nil: keep strings as they are
	extra  int64             // bytes charged per row for what the owner needs to order the rows
	least  int64             // up to here memory is taken by force
	shift  uint
	chunks [][]T
	n      int
	held   int64 // bytes charged for chunks and what rows point to
	points int64 // of these, what rows point to
	sink   byte
}

const chunkBytes = 16 << 10

func newRowStore[T any](mem *share, cfg Config, extra int) *rowStore[T] {
	s := &rowStore[T]{mem: mem, weigh: weight.NewWeigher[T](), extra: int64(extra), least: 64 << 10}
	per := max(16, chunkBytes/max(1, s.weigh.Fixed()+extra))
	s.shift = uint(bits.Len(uint(per)) - 1)
	if cfg.Copy {
		s.copier = weight.NewCopier[T]()
	}
	return s
}

func (s *rowStore[T]) chunkRows() int { return 1 << s.shift }

// add keeps as many of rows as there is memory for and returns their number. It keeps at least one row when it is
// empty, by force if need be.
func (s *rowStore[T]) add(rows []T) int {
	done := 0
	for done < len(rows) {
		c, at := s.n>>s.shift, s.n&(s.chunkRows()-1)
		n := min(len(rows)-done, s.chunkRows()-at)
		part := rows[done : done+n]
		if n = s.reserve(part, c); n == 0 {
			break
		}
		part = part[:n]
		s.chunks[c] = append(s.chunks[c], part...)
		if s.copier != nil {
			s.copier.Copy(s.chunks[c][at:])
		}
		s.n += n
		done += n
	}
	return done
}

// reserve takes memory for the leading rows of part, which go to chunk c, and returns how many.
func (s *rowStore[T]) reserve(part []T, c int) int {
	if c == len(s.chunks) {
		size := int64(s.chunkRows()) * (int64(s.weigh.Fixed()) + s.extra)
		if !s.take(size) {
			return 0
		}
		s.chunks = append(s.chunks, make([]T, 0, s.chunkRows()))
	}
	if s.weigh.Flat() {
		return len(part)
	}
	size := s.weigh.Rows(part) - int64(len(part)*s.weigh.Fixed())
	if s.take(size) {
		s.points += size
		return len(part)
	}
	for i := range part { // they do not fit as a whole
		size := s.weigh.Row(&part[i])
		if !s.take(size) {
			return i
		}
		s.points += size
	}
	return len(part)
}

// size is the memory that the rows kept need, without spare chunks.
func (s *rowStore[T]) size() int64 { return int64(s.n)*(int64(s.weigh.Fixed())+s.extra) + s.points }

func (s *rowStore[T]) take(n int64) bool {
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

func (s *rowStore[T]) at(i uint32) *T { return &s.chunks[i>>s.shift][i&uint32(s.chunkRows()-1)] }

// touch reads a byte of each of the rows.
func (s *rowStore[T]) touch(ks []sortKey) {
	if s.weigh.Fixed() == 0 {
		return
	}
	sum := s.sink
	for _, k := range ks {
		sum += *(*byte)(unsafe.Pointer(s.at(k.i)))
	}
	s.sink = sum
}

// clear forgets the rows and keeps the chunks for the next ones.
func (s *rowStore[T]) clear() {
	for i := range s.chunks {
		if !s.weigh.Flat() {
			clear(s.chunks[i])
		}
		s.chunks[i] = s.chunks[i][:0]
	}
	s.mem.shrink(s.points)
	s.held -= s.points
	s.points, s.n = 0, 0
}

// free gives everything back.
func (s *rowStore[T]) free() {
	s.mem.shrink(s.held)
	s.chunks, s.held, s.points, s.n = nil, 0, 0, 0
}
