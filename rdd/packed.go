package rdd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

// packer encodes the rows of a cached partition as a sequence of blocks, compressed
// where that pays, with checksums that hold for their place alone. It is in memory, a
// chunk for each block, until it is moved to a file. The zero packer takes blocks that are
// encoded already.
type packer struct {
	batched
	chunks [][]byte
	file   *os.File // nil: the blocks are in chunks
	open   bool     // file is
	bytes  int64    // of all blocks
	room   func() error
	asked  int64 // bytes that there were when room was asked for
}

// roomEvery is how many bytes are written between two looks at the disk.
const roomEvery = 16 << 20

func newPacker(typ *codec.Type, first block.ID) *packer {
	p := &packer{}
	p.w = block.NewWriter(p, first, typ, true, 0)
	return p
}

// Write takes one block of the block.Writer.
func (p *packer) Write(b []byte) (int, error) {
	p.bytes += int64(len(b))
	if p.file != nil {
		if p.bytes-p.asked >= roomEvery {
			p.asked = p.bytes
			if err := p.room(); err != nil {
				return 0, err
			}
		}
		return p.file.Write(b)
	}
	p.chunks = append(p.chunks, bytes.Clone(b))
	return len(b), nil
}

// moveTo moves the blocks to a file, in which further ones follow.
func (p *packer) moveTo(f *os.File) error {
	p.file, p.open, p.bytes = f, true, 0
	for _, chunk := range p.chunks {
		if _, err := p.Write(chunk); err != nil {
			return err
		}
	}
	p.chunks = nil
	return nil
}

// flush ends the last block.
func (p *packer) flush() error {
	if p.w == nil {
		return nil
	}
	return p.w.Flush()
}

// close ends the last block, and the file. Nothing can be added after.
func (p *packer) close() error {
	p.open = false
	return errors.Join(p.flush(), p.file.Close())
}

// abort removes the file, if there is one.
func (p *packer) abort() {
	if p.open {
		p.open = false
		_ = p.file.Close()
	}
	if p.file != nil {
		removeAll(p.file.Name())
	}
}

// unpackChunks gives the rows of chunks to yield.
func unpackChunks(typ *codec.Type, first block.ID, chunks [][]byte, yield func(codec.Rows) bool) error {
	dec, rows, id := block.Decoder{Type: typ}, typ.NewBuffer(0), first
	for _, chunk := range chunks {
		rows.Reset()
		if err := dec.Decode(rows, id, chunk); err != nil {
			return err
		}
		if id.Seq++; !inBatches(typ, rows.Rows(), yield) {
			return nil
		}
	}
	return nil
}

// unpackFile gives the rows of a file of blocks, so many bytes and rows, to yield.
func unpackFile(path string, size, n int64, typ *codec.Type, first block.ID, yield func(codec.Rows) bool) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != size {
		return fmt.Errorf("%s has %d bytes, and %d were written: %w", path, info.Size(), size, block.ErrCorrupt)
	}
	if err := unpack(f, size, n, typ, first, yield); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// unpack gives the rows of blocks, so many bytes and rows, to yield.
func unpack(from io.Reader, size, n int64, typ *codec.Type, first block.ID, yield func(codec.Rows) bool) error {
	r, rows := block.NewReader(from, first, typ, size), typ.NewBuffer(0)
	for {
		rows.Reset()
		switch err := r.Next(rows); {
		case errors.Is(err, io.EOF) && n == 0:
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%d rows are not there: %w", n, block.ErrCorrupt)
		case err != nil:
			return err
		}
		n -= int64(rows.Len())
		if !inBatches(typ, rows.Rows(), yield) {
			return nil
		}
	}
}

// inBatches gives rows to yield, no more at a time than operators take well, and
// reports whether it wants more.
func inBatches(typ *codec.Type, rows codec.Rows, yield func(codec.Rows) bool) bool {
	for i := 0; i < rows.Len; i += BatchRows {
		if !yield(typ.Part(rows, i, min(i+BatchRows, rows.Len))) {
			return false
		}
	}
	return true
}
