package transfer

import (
	"errors"
	"io"
	"os"
)

// Part is what was fetched of one output: the wanted partitions, segment by segment, verified. It is read from one
// goroutine, and is good until it or its [Fetch] is closed.
type Part struct {
	// Source is where it came from.
	Source Source
	// Lens is the length of every wanted partition in every segment.
	Lens [][]int64

	f      *Fetcher
	size   int64
	pos    int64
	data   []byte
	file   *os.File
	off    int64
	own    *spool // of a blob, closed with it
	stream *stream
	closed bool
}

// Size returns the length of all.
func (p *Part) Size() int64 { return p.size }

// Bytes returns all of a part that lies in memory, and whether it does.
func (p *Part) Bytes() ([]byte, bool) { return p.data, p.file == nil && p.stream == nil }

// File returns the file that a part lies in and its first byte's offset there, and whether it lies in one. The file is
// shared by the parts of a fetch, so it must be read at offsets, and belongs to it.
func (p *Part) File() (f *os.File, off int64, ok bool) { return p.file, p.off, p.file != nil }

// Read reads on. A stream fetches what is asked for; its errors are *[Error], or the cause of the fetch's end.
func (p *Part) Read(b []byte) (n int, err error) {
	switch {
	case p.closed:
		return 0, os.ErrClosed
	case len(b) == 0:
		return 0, nil
	case p.pos == p.size:
		return 0, io.EOF
	case p.stream != nil:
		n, err = p.stream.read(b)
	case p.file != nil:
		n, err = p.file.ReadAt(b[:min(int64(len(b)), p.size-p.pos)], p.off+p.pos)
	default:
		n = copy(b, p.data[p.pos:])
	}
	p.pos += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Close lets go of what the part holds in memory.
func (p *Part) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	if n := int64(len(p.data)); n > 0 {
		p.f.held.give(n)
	}
	p.data, p.stream = nil, nil
	if p.own != nil {
		return p.own.close()
	}
	return nil
}
