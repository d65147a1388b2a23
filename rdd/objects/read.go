package objects

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

// File is an object file open for reading: its index. It is for one goroutine.
type File struct {
	r      io.ReadSeeker
	typ    *codec.Type
	starts []int64 // of the blocks, and where they end
	rows   int64
}

// Open reads the index of a file of size bytes, whose rows shall be of type typ.
// Errors are those of r, and others with ErrCorrupt or ErrType in their chain.
func Open(r io.ReadSeeker, size int64, typ *codec.Type) (*File, error) {
	footer, err := readFooter(r, size)
	if err != nil {
		return nil, err
	}
	tail := footer[len(footer)-tailSize:]
	n, nameSize := int(binary.LittleEndian.Uint32(tail[16:])), int(binary.LittleEndian.Uint16(tail[20:]))
	if schema := binary.LittleEndian.Uint64(tail); schema != typ.Schema() {
		name := footer[4*n : 4*n+nameSize]
		return nil, fmt.Errorf("%w: it has rows of %s (schema %016x), and is read as rows of %s (schema %016x)",
			ErrType, name, schema, typ.Reflect(), typ.Schema())
	}
	f := &File{r: r, typ: typ, starts: make([]int64, n+1), rows: int64(binary.LittleEndian.Uint64(tail[8:]))}
	for i := range n {
		length := binary.LittleEndian.Uint32(footer[4*i:])
		if length < block.HeaderSize || length > block.HeaderSize+block.MaxBytes {
			return nil, fmt.Errorf("%w: block %d of %d bytes", ErrCorrupt, i, length)
		}
		f.starts[i+1] = f.starts[i] + int64(length)
	}
	if end := size - int64(len(footer)); f.starts[n] != end {
		return nil, fmt.Errorf("%w: its blocks end at %d, its index begins at %d", ErrCorrupt, f.starts[n], end)
	}
	return f, nil
}

// readFooter reads all that comes after the blocks, and checks it.
func readFooter(r io.ReadSeeker, size int64) ([]byte, error) {
	if size < tailSize {
		return nil, fmt.Errorf("%w: it has %d bytes", ErrCorrupt, size)
	}
	last, err := readLast(r, size, min(size, footerRead))
	if err != nil {
		return nil, err
	}
	tail := last[len(last)-tailSize:]
	if string(tail[32:]) != magic {
		return nil, fmt.Errorf("%w: it does not end as one", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint16(tail[22:]); v != version {
		return nil, fmt.Errorf("%w: it is of version %d, this program reads %d", ErrCorrupt, v, version)
	}
	n, name := int64(binary.LittleEndian.Uint32(tail[16:])), int64(binary.LittleEndian.Uint16(tail[20:]))
	length := 4*n + name + tailSize
	if n > maxBlocks || name > maxName || length > size {
		return nil, fmt.Errorf("%w: an index of %d blocks in %d bytes", ErrCorrupt, n, size)
	}
	if length > int64(len(last)) {
		if last, err = readLast(r, size, length); err != nil {
			return nil, err
		}
	}
	footer := last[int64(len(last))-length:]
	sum := len(footer) - len(magic) - 8
	if xxh3.Hash(footer[:sum]) != binary.LittleEndian.Uint64(footer[sum:]) {
		return nil, fmt.Errorf("%w: its index has another checksum", ErrCorrupt)
	}
	return footer, nil
}

// readLast reads the last n of size bytes.
func readLast(r io.ReadSeeker, size, n int64) ([]byte, error) {
	if _, err := r.Seek(size-n, io.SeekStart); err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// Rows returns how many rows the file has.
func (f *File) Rows() int64 { return f.rows }

// Reader reads rows of a part of a file, a block at a time.
type Reader struct {
	file     *File
	next, to int   // numbers of the block that Next reads, and of the one that it does not any more
	base     int64 // where the first one begins
	blocks   *block.Reader
}

// Part returns a reader of the blocks that begin at an offset from from to before
// to. Parts that cover the file give every row once.
func (f *File) Part(from, to int64) (*Reader, error) {
	x := &Reader{file: f, next: f.first(from), to: f.first(to)}
	x.base = f.starts[x.next]
	if x.next < x.to {
		if _, err := f.r.Seek(x.base, io.SeekStart); err != nil {
			return nil, err
		}
		x.blocks = block.NewReader(f.r, place(x.next), f.typ, f.starts[x.to]-x.base)
	}
	return x, nil
}

// first returns the number of the first block that begins at or after an offset.
func (f *File) first(offset int64) int {
	i, _ := slices.BinarySearch(f.starts[:len(f.starts)-1], offset)
	return i
}

// Next appends the rows of the next block to dst, a buffer of the file's type, and
// returns where the block begins and how many bytes it has. After the last it
// returns io.EOF.
func (x *Reader) Next(dst *codec.Buffer) (offset, bytes int64, err error) {
	offset = x.file.starts[x.next]
	if x.next >= x.to {
		return offset, 0, io.EOF
	}
	err = x.blocks.Next(dst)
	switch {
	case err == io.EOF: //nolint:errorlint // a wrapped one is the store's
		return offset, 0, fmt.Errorf("%w: it ends before block %d", ErrCorrupt, x.next)
	case errors.Is(err, block.ErrCorrupt):
		return offset, 0, fmt.Errorf("%w: block %d: %w", ErrCorrupt, x.next, err)
	case err != nil:
		return offset, 0, err
	}
	x.next++
	if x.base+x.blocks.Consumed() != x.file.starts[x.next] {
		return offset, 0, fmt.Errorf("%w: block %d is not as long as the index says", ErrCorrupt, x.next-1)
	}
	return offset, x.file.starts[x.next] - offset, nil
}
