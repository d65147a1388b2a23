package shuffle

import (
	"context"
	"fmt"
	"io"
	"os"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

// Sort returns the rows of in, which are of type typ, ordered by cmp, equal ones as they came. Prefix writes a number
// for every row to out that agrees with cmp: where that of a is less than that of b, a is before b. Cmp may be nil when
// the numbers say it all. Rows that memory cannot hold are sorted in runs, which are merged from a file.
func Sort(
	ctx context.Context, cfg Config, typ *codec.Type, prefix func(rows codec.Rows, out []uint64),
	cmp func(a, b unsafe.Pointer) int, in RawStream,
) RawStream {
	return func(yield func(codec.Rows) bool) error {
		cfg := cfg.withDefaults()
		mem := cfg.share()
		s := newSorter(ctx, cfg, &mem, typ, ordering{prefix, cmp})
		defer s.close()
		rows, err := s.sort(in)
		if err != nil {
			return err
		}
		cfg.Reading.begin(s.total)
		return push(rows, s.stop, func(rows codec.Rows) bool {
			more := yield(rows)
			cfg.Reading.did(rows.Len)
			return more
		})
	}
}

const (
	maxFanIn    = 64
	minFanIn    = 4
	minRunBlock = 4 << 10
	maxRunBlock = 256 << 10
	// keyBytes is what sorting takes beside a row: its key, and room to deal the keys out.
	keyBytes = 32
	// maxRunRows keeps row numbers within 32 bits.
	maxRunRows = 1 << 30
)

// sorter sorts rows externally.
type sorter struct {
	cfg   Config
	mem   *share
	typ   *codec.Type
	ord   ordering
	stop  func() error
	store *rowStore
	lanes *lanes // instead of the store, or nil
	keys  []sortKey
	tmp   []sortKey
	total int64 // rows added

	spill     *os.File
	runs      []span
	end       int64 // of the spill file
	runBlock  int
	fanIn     int
	mergeHeld int64
	// relieve, when set, is asked once to free memory before the sorter spills.
	relieve func() error
}

// span is the place of a run in the spill file.
type span struct {
	from, to int64
	number   uint32 // of the run, which its blocks carry
}

func newSorter(ctx context.Context, cfg Config, mem *share, typ *codec.Type, ord ordering) *sorter {
	return &sorter{
		cfg:   cfg,
		mem:   mem,
		typ:   typ,
		ord:   ord,
		stop:  func() error { return context.Cause(ctx) },
		store: newRowStore(mem, cfg, typ, keyBytes),
		lanes: sortingLanes(mem, typ, ord),
	}
}

// kept is how many rows are in memory.
func (s *sorter) kept() int {
	if s.lanes != nil {
		return s.lanes.n
	}
	return s.store.n
}

// keep keeps as many of rows as there is memory for and returns their number.
func (s *sorter) keep(rows codec.Rows) int {
	if s.lanes == nil {
		return s.store.add(rows)
	}
	done := 0
	for done < rows.Len {
		n := s.lanes.add(s.typ.Part(rows, done, rows.Len))
		if n == 0 {
			break
		}
		done += n
	}
	return done
}

// ordered returns the rows in memory sorted. They may be let go of as they are pulled where they are needed once.
func (s *sorter) ordered(once bool) puller {
	if s.lanes != nil {
		return newDealt(s.ord, s.lanes, once)
	}
	s.order()
	return newStoredRows(s.store, s.keys)
}

// free gives the memory of rows back.
func (s *sorter) free() {
	s.store.free()
	if s.lanes != nil {
		s.lanes.free()
	}
	s.keys, s.tmp = nil, nil
}

// consume adds all rows of in.
func (s *sorter) consume(in RawStream) error {
	var failed error
	err := in(func(rows codec.Rows) bool {
		if failed = s.stop(); failed == nil {
			failed = s.add(rows)
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

func (s *sorter) add(rows codec.Rows) error {
	s.total += int64(rows.Len)
	for {
		n := 0
		if s.kept() < maxRunRows-rows.Len {
			n = s.keep(rows)
		}
		if rows = s.typ.Part(rows, n, rows.Len); rows.Len == 0 {
			return nil
		}
		relieve := s.relieve
		if s.relieve = nil; relieve == nil {
			relieve = s.writeRun
		}
		if err := relieve(); err != nil {
			return err
		}
	}
}

// order sorts the rows in memory.
func (s *sorter) order() {
	n := s.store.n
	if cap(s.keys) < n {
		s.keys, s.tmp = make([]sortKey, n), make([]sortKey, n)
	}
	s.keys = s.keys[:n]
	pre := make([]uint64, min(n, s.store.chunkRows()))
	at := 0
	for c := range s.store.parts() {
		rows := s.store.part(c)
		s.ord.prefix(rows, pre[:rows.Len])
		for _, p := range pre[:rows.Len] {
			s.keys[at] = sortKey{p, uint32(at)}
			at++
		}
	}
	sortKeys(s.keys, s.tmp[:n])
	s.ord.breakTies(s.keys, s.store)
}

// writeRun sorts the rows in memory, moves them to the spill file and frees their places.
func (s *sorter) writeRun() error {
	if s.kept() == 0 {
		return nil
	}
	if s.spill == nil {
		f, err := s.cfg.tempFile("sort")
		if err != nil {
			return err
		}
		s.spill = f
		s.runBlock = int(min(max(s.mem.used/(3*maxFanIn), minRunBlock), maxRunBlock))
		s.fanIn = int(min(max(s.mem.used/int64(3*s.runBlock), minFanIn), maxFanIn))
	}
	run, err := s.write(s.spill, s.ordered(false), uint32(len(s.runs)), s.end)
	if err != nil {
		return err
	}
	s.runs, s.end = append(s.runs, run), run.to
	if s.store.clear(); s.lanes != nil {
		s.lanes.clear()
	}
	return nil
}

// write writes rows as run number to f, which has been written up to from.
func (s *sorter) write(f *os.File, rows puller, number uint32, from int64) (span, error) {
	id := block.ID{Shuffle: s.cfg.Shuffle, Map: s.cfg.Map, Reduce: s.cfg.Reduce, Segment: number}
	w := block.NewWriter(f, id, s.typ, s.cfg.Compress, s.runBlock)
	var failed error
	err := push(rows, s.stop, func(rows codec.Rows) bool {
		failed = w.Write(rows)
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return span{}, fmt.Errorf("spill run %d at offset %d: %w", number, from+w.Bytes(), err)
	}
	s.cfg.spilled(w.Bytes())
	return span{from, from + w.Bytes(), number}, nil
}

// shed moves everything to the spill file and gives the memory back.
func (s *sorter) shed() error {
	if err := s.writeRun(); err != nil {
		return err
	}
	s.free()
	return nil
}

// sort returns the rows of in sorted. The sorter must stay open while they are pulled.
func (s *sorter) sort(in RawStream) (puller, error) {
	if err := s.consume(in); err != nil {
		return nil, err
	}
	return s.finish()
}

// finish returns the sorted rows. The sorter must stay open while they are pulled.
func (s *sorter) finish() (puller, error) {
	if len(s.runs) == 0 {
		return s.ordered(true), nil
	}
	if err := s.shed(); err != nil {
		return nil, err
	}
	s.mergeHeld = int64(min(s.fanIn, len(s.runs))) * int64(s.runBlock) * 3
	s.mem.force(s.mergeHeld)
	for len(s.runs) > s.fanIn {
		if err := s.pass(); err != nil {
			return nil, err
		}
	}
	return s.mergeRuns(s.runs)
}

// pass merges runs, as many neighbours at a time as allowed, into a new spill file.
func (s *sorter) pass() error {
	f, err := s.cfg.tempFile("sort")
	if err != nil {
		return err
	}
	var runs []span
	end := int64(0)
	for from := 0; from < len(s.runs); from += s.fanIn {
		group := s.runs[from:min(from+s.fanIn, len(s.runs))]
		rows, err := s.mergeRuns(group)
		var run span
		if err == nil {
			run, err = s.write(f, rows, uint32(len(runs)), end)
		}
		if err != nil {
			removeFile(f)
			return err
		}
		runs, end = append(runs, run), run.to
	}
	removeFile(s.spill)
	s.spill, s.runs = f, runs
	return nil
}

func (s *sorter) mergeRuns(runs []span) (puller, error) {
	srcs := make([]puller, len(runs))
	for i, r := range runs {
		id := block.ID{Shuffle: s.cfg.Shuffle, Map: s.cfg.Map, Reduce: s.cfg.Reduce, Segment: r.number}
		size := r.to - r.from
		blocks := block.NewReader(io.NewSectionReader(s.spill, r.from, size), id, s.typ, size)
		blocks.ReadAhead(s.runBlock)
		srcs[i] = &runRows{blocks: blocks, rows: s.typ.NewBuffer(0), prefix: s.ord.prefix}
	}
	if len(srcs) == 1 {
		return srcs[0], nil
	}
	return merge(s.ord, s.typ, srcs)
}

// close gives memory and files back.
func (s *sorter) close() {
	s.free()
	s.mem.shrink(s.mergeHeld)
	s.mergeHeld = 0
	if s.spill != nil {
		removeFile(s.spill)
		s.spill = nil
	}
}
