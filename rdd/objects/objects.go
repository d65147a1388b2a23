// Package objects is the format of object files: rows of one type, as they are,
// that can be read back from any place.
//
// A file is a sequence of blocks (see package block) and an index after them. The
// index says how long each block is, so that whoever is to read a range of the
// file finds the blocks that begin in it without a search, and what type the rows
// have. Blocks have checksums and know their number, the index has a checksum, and
// their lengths must fill the file: a flipped bit, a file that is cut short and
// blocks of another file are all found before a row is decoded.
//
//	blocks
//	n × u32  length of each block
//	name     of the row type, as Go writes it
//	u64      schema of the rows
//	u64      rows
//	u32      n
//	u16      bytes of name
//	u16      version
//	u64      xxh3 of all from the lengths to the version
//	8 bytes  "gorddobj"
//
// Numbers are little-endian.
package objects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

const (
	magic      = "gorddobj"
	version    = 1
	tailSize   = 40
	blockBytes = 256 << 10 // that a block aims at, before compression
	maxName    = 1 << 10
	maxBlocks  = 1 << 24
	footerRead = 16 << 10 // bytes from the end that are read at first
)

var (
	// ErrCorrupt is in the chain of errors for bytes that are no object file, or
	// not the one that was written.
	ErrCorrupt = errors.New("corrupt object file")
	// ErrType is in the chain of the error for a file whose rows are of a type
	// with another layout.
	ErrType = errors.New("other rows than asked for")
)

// place is where block number seq of a file stands.
func place(seq int) block.ID { return block.ID{Seq: uint32(seq)} }

// Writer writes rows of one type as an object file. The same rows in the same
// batches give the same bytes. It is not safe for concurrent use.
type Writer struct {
	w      io.Writer
	typ    *codec.Type
	blocks *block.Writer
	index  []byte // of the blocks written
	rows   uint64
	bytes  int64
}

// NewWriter returns a Writer of rows of type typ. Nothing is written before the
// first block is full.
func NewWriter(w io.Writer, typ *codec.Type) *Writer {
	x := &Writer{w: w, typ: typ}
	x.blocks = block.NewWriter(x.indexed(), place(0), typ, true, blockBytes)
	return x
}

// Write appends rows. It keeps what they point to, but not the rows, until Flush,
// Close, or a block is full.
func (x *Writer) Write(rows codec.Rows) error {
	x.rows += uint64(rows.Len)
	return x.blocks.Write(rows)
}

// Flush writes the rows that are kept as a block, so that what they point to can
// be forgotten.
func (x *Writer) Flush() error { return x.blocks.Flush() }

// Close writes what is kept, and the index. The file is whole after it, or there
// was an error; the io.Writer stays open.
func (x *Writer) Close() error {
	if err := x.blocks.Flush(); err != nil {
		return err
	}
	n := len(x.index) / 4
	if n > maxBlocks {
		return fmt.Errorf("object file of %d blocks: the most is %d: use more partitions", n, maxBlocks)
	}
	name := x.typ.Reflect().String()
	name = name[:min(len(name), maxName)]
	footer := append(x.index, name...)
	footer = binary.LittleEndian.AppendUint64(footer, x.typ.Schema())
	footer = binary.LittleEndian.AppendUint64(footer, x.rows)
	footer = binary.LittleEndian.AppendUint32(footer, uint32(n))
	footer = binary.LittleEndian.AppendUint16(footer, uint16(len(name)))
	footer = binary.LittleEndian.AppendUint16(footer, version)
	footer = binary.LittleEndian.AppendUint64(footer, xxh3.Hash(footer))
	footer = append(footer, magic...)
	k, err := x.w.Write(footer)
	x.bytes += int64(k)
	return err
}

// Rows returns how many rows were given.
func (x *Writer) Rows() int64 { return int64(x.rows) }

// Bytes returns how many bytes were written.
func (x *Writer) Bytes() int64 { return x.bytes }

// indexed is x's destination of blocks, which come one a call.
func (x *Writer) indexed() io.Writer { return indexed{x} }

type indexed struct{ x *Writer }

func (i indexed) Write(p []byte) (int, error) {
	n, err := i.x.w.Write(p)
	i.x.bytes += int64(n)
	i.x.index = binary.LittleEndian.AppendUint32(i.x.index, uint32(len(p)))
	return n, err
}
