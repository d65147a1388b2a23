// Package keptfile is the format in which a block of a cached RDD goes from one
// executor to another: what whoever reads its rows must know of them, and then the
// rows, in blocks of the shuffle's format.
//
//	 0  u32  magic
//	 4  u32  bytes of the head
//	 8  u64  bytes of the blocks
//	16  u64  xxh3 of the head, seeded with the bytes of the blocks
//	24  the head, as msgpack
//	    the blocks, numbered from 0 on: their checksums hold for this place alone
//
// Numbers are little-endian.
package keptfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/zeebo/xxh3"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle/block"
)

// Head is what is known of a block beside its rows.
type Head struct {
	Block plan.Block
	Level plan.StorageLevel
	Of    string // generations of what it was made of
	Rows  int64
	Grown int64 // what its values take of the memory, as far as that is known
	Added []Added
}

// Added is what was added to accumulators when a kept block was computed.
type Added struct {
	Block   plan.Block
	Updates plan.Updates
}

const (
	magic = 0x314b6467 // "gdK1"
	fixed = 24
	// maxHead is the most bytes of a head: with all that a task may tell of.
	maxHead = plan.MaxUpdates + 1<<20
)

// errFormat is wrapped by the errors for what is none of these files. It is damage, as
// that of a block is.
var errFormat = fmt.Errorf("no file of kept rows: %w", block.ErrCorrupt)

// First is the place of the first of a block's encoded blocks.
func First(b plan.Block) block.ID {
	return block.ID{Shuffle: uint32(xxh3.HashString(string(b.RDD))), Map: uint32(b.Partition)}
}

// Write writes a head for blocks of so many bytes, which follow. It can be written again
// with another number.
func (h *Head) Write(w io.Writer, bytes int64) error {
	head, err := msgpack.Marshal(h)
	if err != nil {
		return fmt.Errorf("encode the head of a block: %w", err)
	}
	if len(head) > maxHead {
		return fmt.Errorf("the head of a block has %d bytes: the most is %d", len(head), maxHead)
	}
	le := binary.LittleEndian
	b := make([]byte, 0, fixed+len(head))
	b = le.AppendUint32(b, magic)
	b = le.AppendUint32(b, uint32(len(head)))
	b = le.AppendUint64(b, uint64(bytes))
	b = le.AppendUint64(b, xxh3.HashSeed(head, uint64(bytes)))
	_, err = w.Write(append(b, head...))
	return err
}

// Read reads the head of a file of so many bytes, which must be of a block, and says
// where its blocks begin. They are the rest of it.
func Read(r io.ReaderAt, size int64, want plan.Block) (h *Head, at int64, err error) {
	var prefix [fixed]byte
	if err := readFull(r, prefix[:], 0); err != nil {
		return nil, 0, err
	}
	le := binary.LittleEndian
	n, bytes := int64(le.Uint32(prefix[4:])), le.Uint64(prefix[8:])
	if at = fixed + n; le.Uint32(prefix[:]) != magic || n > maxHead || at > size || bytes != uint64(size-at) {
		return nil, 0, fmt.Errorf("%d bytes, with a head of %d: %w", size, n, errFormat)
	}
	head := make([]byte, n)
	if err := readFull(r, head, fixed); err != nil {
		return nil, 0, err
	}
	if xxh3.HashSeed(head, bytes) != le.Uint64(prefix[16:]) {
		return nil, 0, fmt.Errorf("checksum of the head: %w", errFormat)
	}
	h = &Head{}
	if err := plan.Check(head); err != nil {
		return nil, 0, fmt.Errorf("head: %w: %w", errFormat, err)
	}
	if err := msgpack.Unmarshal(head, h); err != nil {
		return nil, 0, fmt.Errorf("head: %w: %w", errFormat, err)
	}
	return h, at, h.check(want)
}

func readFull(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("it ends in its head: %w", errFormat)
	}
	return err
}

// check refuses what no executor writes.
func (h *Head) check(want plan.Block) error {
	bytes := 0
	for _, a := range h.Added {
		if a.Block.RDD == "" || a.Block.Partition < 0 {
			return fmt.Errorf("updates of no block: %w", errFormat)
		}
		bytes += len(a.Updates)
	}
	switch {
	case h.Block != want:
		return fmt.Errorf("partition %d of %q in place of %d of %q: %w", h.Block.Partition, h.Block.RDD, want.Partition, want.RDD, errFormat)
	case !h.Level.Known() || h.Rows < 0 || h.Grown < 0:
		return fmt.Errorf("level %d, %d rows, %d bytes of values: %w", h.Level, h.Rows, h.Grown, errFormat)
	}
	return plan.CheckUpdates(bytes)
}

// Verify reads a file of so many bytes, and says whether it is whole and of a block.
// Of what its rows are it knows nothing.
func Verify(r io.ReaderAt, size int64, want plan.Block) error {
	_, at, err := Read(r, size, want)
	if err != nil {
		return err
	}
	var c block.Checker
	c.Reset(First(want))
	if _, err := io.Copy(&c, io.NewSectionReader(r, at, size-at)); err != nil {
		return err
	}
	return c.End()
}
