package shuffle

import (
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
)

// Found describes a join of rows that stay where they are with those of a small side.
type Found struct {
	Keys       *codec.KeyType
	Row, Small codec.PairType
	// Outer says that rows without a partner are kept.
	Outer bool
}

// JoinPieces does what [Lookup.Join] does, for a small side that has no room in memory: it is read again for each
// batch of rows that has. What it visits is the same, in the same order.
func JoinPieces(cfg Config, f Found, rows, small RawStream, visit func(row, value unsafe.Pointer) bool) error {
	cfg = cfg.withDefaults()
	cfg.Copy = true // few of the rows are kept of what they were cut from
	p := &pieces{Found: f, cfg: cfg, mem: cfg.share(), small: small, more: true}
	p.mem.limit = p.mem.fair() / 2
	p.visit = func(row, value unsafe.Pointer) bool {
		p.more = visit(row, value)
		return p.more
	}
	p.batch = newRowStore(&p.mem, cfg, f.Row.Type, perBatched)
	defer p.batch.free()
	var failed error
	err := rows(func(rows codec.Rows) bool {
		for rows.Len > 0 && p.more && failed == nil {
			n := p.batch.add(rows)
			if rows = f.Row.Part(rows, n, rows.Len); rows.Len > 0 {
				failed = p.flush()
			}
		}
		return p.more && failed == nil
	})
	if err == nil && failed == nil && p.more {
		failed = p.flush()
	}
	if err != nil {
		return err
	}
	return failed
}

// perBatched is what a row of a batch takes beside itself: its hash, and four places in a set of hashes.
const perBatched = 8 * 5

type pieces struct {
	Found
	cfg   Config
	mem   share
	small RawStream
	visit func(row, value unsafe.Pointer) bool
	batch *rowStore
	more  bool // is wanted
}

// flush joins the batch, and empties it.
func (p *pieces) flush() error {
	err := p.join(0, p.batch.n)
	p.batch.clear()
	return err
}

// join joins some rows of the batch with what there is for them, in two halves where that has no room.
func (p *pieces) join(from, to int) error {
	if from == to || !p.more {
		return nil
	}
	l, err := p.pick(from, to)
	switch {
	case err != nil:
		return err
	case l != nil:
		defer l.Close()
		p.each(from, to, func(rows codec.Rows) bool { return l.Join(rows, p.Row, p.Outer, p.visit) })
		return nil
	}
	if to-from == 1 {
		return p.one(p.batch.row(uint32(from)))
	}
	mid := from + (to-from)/2
	if err := p.join(from, mid); err != nil {
		return err
	}
	return p.join(mid, to)
}

// pick gives what the small side has for some rows of the batch; nil: there is no room for it.
func (p *pieces) pick(from, to int) (*Lookup, error) {
	b := newLookupBuilder(p.cfg, p.Keys, p.Small)
	defer b.store.free()
	set, whole := p.hashesOf(b.l, from, to), true
	var some [table.Batch]uint64
	err := p.small(func(rows codec.Rows) bool {
		for at := 0; at < rows.Len; at += table.Batch {
			batch := p.Small.Part(rows, at, min(at+table.Batch, rows.Len))
			b.l.hash(some[:batch.Len], batch, p.Small)
			for i, h := range some[:batch.Len] {
				if set.has(h) && b.store.add(p.Small.Part(batch, i, i+1)) == 0 {
					whole = false
					return false
				}
			}
		}
		return true
	})
	if err != nil || !whole {
		return nil, err
	}
	return b.build(), nil
}

// hashesOf gives the hashes of the keys of some rows of the batch.
func (p *pieces) hashesOf(l *Lookup, from, to int) hashes {
	all := make([]uint64, 0, to-from)
	p.each(from, to, func(rows codec.Rows) bool {
		at := len(all)
		all = all[:at+rows.Len]
		l.hash(all[at:], rows, p.Row)
		return true
	})
	return newHashes(all)
}

// one joins a single row with the rows of the small side as they come.
func (p *pieces) one(row unsafe.Pointer) error {
	found := false
	err := p.small(func(rows codec.Rows) bool {
		for i := range rows.Len {
			if other := p.Small.At(rows, i); p.Keys.Equal(row, other) {
				found = true
				if !p.visit(row, p.Small.ValueOf(other)) {
					return false
				}
			}
		}
		return true
	})
	if err == nil && !found && p.Outer {
		p.visit(row, nil)
	}
	return err
}

// each visits some rows of the batch, in order.
func (p *pieces) each(from, to int, visit func(codec.Rows) bool) {
	per := p.batch.chunkRows()
	for c := from / per; c*per < to; c++ {
		rows := p.batch.part(c)
		if !visit(p.Row.Part(rows, max(from-c*per, 0), min(to-c*per, rows.Len))) {
			return
		}
	}
}

// hashes is a set of hashes.
type hashes struct {
	slots []uint64 // 0: free
	zero  bool     // the hash 0 is in the set
	mask  uint64
}

func newHashes(of []uint64) hashes {
	n := 2
	for n < 2*len(of) {
		n *= 2
	}
	s := hashes{slots: make([]uint64, n), mask: uint64(n - 1)}
	for _, h := range of {
		if h == 0 {
			s.zero = true
			continue
		}
		at := h
		for s.slots[at&s.mask] != 0 && s.slots[at&s.mask] != h {
			at++
		}
		s.slots[at&s.mask] = h
	}
	return s
}

func (s *hashes) has(h uint64) bool {
	if h == 0 {
		return s.zero
	}
	at := h
	for s.slots[at&s.mask] != 0 && s.slots[at&s.mask] != h {
		at++
	}
	return s.slots[at&s.mask] != 0
}
