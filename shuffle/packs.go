package shuffle

import "github.com/gordd-project/gordd/rdd/codec"

// packs keep rows encoded, as blocks of the partition they go to: a string is copied once, to where it is written from.
type packs struct {
	mem    *share
	pack   *codec.Packer
	placed placing
	parts  []packed
	spare  []*pack
	limit  int   // bytes of a block
	most   int   // rows of a block
	n      int   // rows kept
	size   int64 // of what is kept
	held   int64 // bytes charged
}

// packed are the rows of a partition: full blocks and one that is not.
type packed struct {
	full []*pack
	open *pack
}

// pack becomes one block.
type pack struct {
	codec.Packed
	size    int // bytes in use, about
	charged int
}

const (
	leastPack = 1 << 10 // bytes charged for a pack at first
	minPack   = 4 << 10 // the least limit
	packShare = 4       // packs that are not full take this part of the memory at most
)

// newPacks returns packs for cfg.Reduces partitions, or nil where rows are better kept otherwise.
func newPacks(mem *share, cfg Config, typ *codec.Type, place Placer) *packs {
	pack := typ.Packer()
	if pack == nil || cfg.Reduces > maxLanes {
		return nil
	}
	return &packs{
		mem: mem, pack: pack, placed: placing{typ: typ, place: place}, parts: make([]packed, cfg.Reduces),
		limit: int(max(minPack, min(int64(cfg.BlockBytes), mem.fair()/16, mem.fair()/int64(packShare*cfg.Reduces)))), most: cfg.BlockRows,
	}
}

func (p *packs) bytes() int64 { return p.size }

// add is as keeping says.
func (p *packs) add(rows codec.Rows) int {
	typ, parts := p.placed.typ, p.placed.of(rows)
	n := 0
	for ; n < len(parts); n++ {
		part, row := &p.parts[parts[n]], typ.At(rows, n)
		size := p.pack.Size(row)
		to := part.open
		if to == nil || size > to.charged-to.size {
			if to = p.room(part, size); to == nil {
				break
			}
		}
		p.pack.Add(&to.Packed, row)
		to.size += size
		p.size += int64(size)
		p.n++
		if to.size >= p.limit || to.Rows == p.most {
			part.full, part.open = append(part.full, to), nil
		}
	}
	p.placed.did(n)
	return n
}

// room returns a pack of the partition that may take so many bytes more, or nil where there is no memory for them.
func (p *packs) room(part *packed, size int) *pack {
	if part.open != nil && size >= p.limit { // it is to be a block by itself, which is not larger than it must be
		part.full, part.open = append(part.full, part.open), nil
	}
	to := part.open
	if to == nil {
		to = p.next()
	}
	if more := to.size + size - to.charged; more > 0 {
		more = max(more, to.charged/4, leastPack) // as the memory of columns grows
		if !p.take(int64(more)) {
			if part.open == nil {
				p.spare = append(p.spare, to)
			}
			return nil
		}
		to.charged += more
	}
	part.open = to
	return to
}

// next returns a pack without rows.
func (p *packs) next() *pack {
	last := len(p.spare) - 1
	if last < 0 {
		return &pack{}
	}
	to := p.spare[last]
	p.spare = p.spare[:last]
	return to
}

// take takes memory, by force for the first row and as long as there is little.
func (p *packs) take(n int64) bool {
	if !p.mem.grow(n) {
		if p.n > 0 && p.held+n > leastLanes {
			return false
		}
		p.mem.force(n)
	}
	p.held += n
	return true
}

// write writes the rows as a segment.
func (p *packs) write(out *outFile) error {
	for r := range p.parts {
		part := &p.parts[r]
		for _, full := range part.full {
			if err := out.writePacked(uint32(r), &full.Packed); err != nil {
				return err
			}
		}
		if part.open != nil && part.open.Rows > 0 {
			if err := out.writePacked(uint32(r), &part.open.Packed); err != nil {
				return err
			}
		}
	}
	return nil
}

// clear forgets the rows and keeps the packs for the next ones, but for those of a row that is a block by itself, and those
// whose columns hold more than is charged: where text is now in this column and now in that, each has been long.
func (p *packs) clear() {
	for r := range p.parts {
		part := &p.parts[r]
		if part.open != nil {
			part.full = append(part.full, part.open)
		}
		for _, full := range part.full {
			if full.charged > 2*p.limit || full.Held() > full.charged+full.charged/2 {
				p.mem.shrink(int64(full.charged))
				p.held -= int64(full.charged)
				continue
			}
			full.Reset()
			full.size = 0
			p.spare = append(p.spare, full)
		}
		clear(part.full)
		part.full, part.open = part.full[:0], nil
	}
	p.n, p.size = 0, 0
}

// free gives everything back.
func (p *packs) free() {
	p.mem.shrink(p.held)
	clear(p.parts)
	p.spare, p.n, p.size, p.held = nil, 0, 0, 0
}

func (p *packs) rows() int { return p.n }
