package block

import (
	"encoding/binary"
	"fmt"

	"github.com/zeebo/xxh3"
)

// Checker verifies a sequence of blocks while their bytes pass, without knowing the type of the rows: it finds flipped
// bits, blocks of another place, blocks that are missing between others and a sequence that ends within one. The
// schema is left to the one who decodes. Its zero value must be Reset first; it is not safe for concurrent use.
type Checker struct {
	id     ID
	head   [HeaderSize]byte
	have   int    // bytes of the header
	left   uint32 // bytes of the payload to come
	want   uint64
	sum    xxh3.Hasher
	whole  bool // the header was complete
	passed int64
	err    error
}

// Reset makes the checker expect a sequence that begins with the block of id.
func (c *Checker) Reset(id ID) {
	c.id, c.have, c.left, c.whole, c.passed, c.err = id, 0, 0, false, 0, nil
}

// Rewind forgets the bytes since the last whole block that was right, and the error, so that they can be given again.
func (c *Checker) Rewind() { c.have, c.left, c.whole, c.err = 0, 0, false, nil }

// Passed returns the length of the whole blocks that were found right.
func (c *Checker) Passed() int64 { return c.passed }

// Write looks at the next bytes. The error has [ErrCorrupt] in its chain, and is returned again by every later call.
func (c *Checker) Write(p []byte) (int, error) {
	n := len(p)
	for c.err == nil && len(p) > 0 {
		if !c.whole {
			k := copy(c.head[c.have:], p)
			c.have += k
			p = p[k:]
			if c.have < HeaderSize {
				break
			}
			c.begin()
			if c.err != nil || c.left > 0 {
				continue
			}
		}
		k := min(len(p), int(c.left))
		_, _ = c.sum.Write(p[:k])
		c.left -= uint32(k)
		p = p[k:]
		if c.left == 0 {
			c.end()
		}
	}
	return n - len(p), c.err
}

// End says whether the sequence is whole: the error is that of Write, or for a block that is cut short.
func (c *Checker) End() error {
	if c.err == nil && (c.whole || c.have > 0) {
		c.err = fmt.Errorf("%w: %v is cut short", ErrCorrupt, c.id)
	}
	return c.err
}

func (c *Checker) begin() {
	h, err := Parse(c.head[:])
	if err != nil {
		c.err = fmt.Errorf("%v: %w", c.id, err)
		return
	}
	if h.Shuffle != c.id.Shuffle || h.Map != c.id.Map || h.Reduce != c.id.Reduce {
		found := ID{h.Shuffle, h.Map, h.Reduce, c.id.Segment, c.id.Seq}
		c.err = fmt.Errorf("%w: %v found in place of %v", ErrCorrupt, found, c.id)
		return
	}
	c.whole, c.left, c.want = true, h.Stored, h.Sum
	c.sum.ResetSeed(xxh3.HashSeed(c.head[:32], c.id.seed()))
}

func (c *Checker) end() {
	if sum := c.sum.Sum64(); sum != c.want {
		c.err = fmt.Errorf("%w: %v: checksum %016x, header says %016x", ErrCorrupt, c.id, sum, c.want)
		return
	}
	c.passed += HeaderSize + int64(binary.LittleEndian.Uint32(c.head[28:]))
	c.id.Seq++
	c.have, c.whole = 0, false
}
