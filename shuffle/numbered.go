package shuffle

import "github.com/gordd-project/gordd/rdd/codec"

// numberedRows keep rows as they come, with the number of the partition of each. They are for rows that hold more than
// numbers and strings, and for many partitions.
type numberedRows struct {
	store  *rowStore
	place  Placer
	cfg    Config
	parts  []uint32 // partition of every row
	order  []uint32
	counts []uint32
	batch  *codec.Buffer
}

func newNumbered(mem *share, cfg Config, typ *codec.Type, place Placer) *numberedRows {
	n := &numberedRows{store: newRowStore(mem, cfg, typ, 8), place: place, cfg: cfg, batch: typ.NewBuffer(0)}
	n.store.least = max(n.store.least, int64(cfg.Reduces)*8) // segments' indexes stay smaller than their rows
	return n
}

func (s *numberedRows) rows() int    { return s.store.n }
func (s *numberedRows) bytes() int64 { return s.store.bytes() }

// add is as keeping says.
func (s *numberedRows) add(rows codec.Rows) int {
	typ := s.store.typ
	n := s.store.add(typ.Part(rows, 0, min(rows.Len, s.store.chunkRows())))
	at := len(s.parts)
	if cap(s.parts)-at < n {
		s.parts = append(make([]uint32, 0, max(2*cap(s.parts), at+n)), s.parts...)
	}
	s.parts = s.parts[:at+n]
	s.place(typ.Part(rows, 0, n), s.parts[at:])
	return n
}

// write writes the rows as a segment: a counting sort by partition, then partition after partition.
func (s *numberedRows) write(out *outFile) error {
	s.counts, s.order = countingSort(s.parts, s.cfg.Reduces, s.counts, s.order)
	from := uint32(0)
	for r := range s.cfg.Reduces {
		end := s.counts[r]
		if err := s.partition(out, uint32(r), s.order[from:end]); err != nil {
			return err
		}
		from = end
	}
	return nil
}

func (s *numberedRows) clear() {
	s.store.clear()
	s.parts = s.parts[:0]
}

func (s *numberedRows) free() {
	s.store.free()
	s.parts, s.order, s.counts = nil, nil, nil
}

// countingSort orders the indexes of parts by partition, equal ones as they come. On return counts[r] is the end of
// partition r in order.
func countingSort(parts []uint32, reduces int, counts, order []uint32) ([]uint32, []uint32) {
	if len(counts) < reduces {
		counts = make([]uint32, reduces)
	}
	clear(counts)
	for _, p := range parts {
		counts[p]++
	}
	sum := uint32(0)
	for r, c := range counts {
		counts[r] = sum
		sum += c
	}
	if cap(order) < len(parts) {
		order = make([]uint32, len(parts))
	}
	order = order[:len(parts)]
	for i, p := range parts {
		order[counts[p]] = uint32(i)
		counts[p]++
	}
	return counts, order
}

// gatherRows is how many rows are brought together before they are encoded: few enough to stay in the cache.
const gatherRows = 1024

func (s *numberedRows) partition(out *outFile, r uint32, order []uint32) error {
	if len(order) == 0 {
		return nil
	}
	limit := min(s.cfg.BlockRows, max(gatherRows, out.cut.Bytes/max(1, s.store.typ.Size())))
	for len(order) > 0 {
		n := min(len(order), limit)
		s.batch.Reset()
		s.store.gather(s.batch, order[:n])
		if err := out.write(r, s.batch.Rows()); err != nil {
			return err
		}
		order = order[n:]
	}
	s.batch.Clear()
	return nil
}
