package sequencefile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader reads the records of a part of a file. It is for one goroutine.
type Reader struct {
	h    Header
	r    io.ReadSeeker
	in   *bufio.Reader
	room func(more int) error
	at   int64 // of the next byte of in
	size int64 // of the file
	to   int64 // markers that begin here or later are not the part's
	err  error

	zip                   inflater // nil: not compressed
	record, value, zipped []byte
	block                 block
}

// Options say how a file is read.
type Options struct {
	// From and To are the part: see the package's comment.
	From, To int64
	// Size is that of the file.
	Size int64
	// Room is asked before so many bytes more are held than before, if there is one.
	Room func(more int) error
}

const (
	firstRead = 64 << 10
	growBy    = 1 << 20 // bytes that are read before more of a length is believed
)

// Open reads the header of a file and finds the first record of the part. Close the
// Reader. Errors are those of r, of Room, and others with ErrCorrupt or ErrUnsupported
// in their chain.
func Open(r io.ReadSeeker, o Options) (*Reader, error) {
	x := &Reader{r: r, in: bufio.NewReaderSize(r, firstRead), size: o.Size, to: o.To, room: o.Room}
	if x.room == nil {
		x.room = func(int) error { return nil }
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if err := x.header(); err != nil {
		return nil, err
	}
	if x.h.Codec != "" {
		c, err := codecOf(x.h.Codec)
		if err != nil {
			return nil, err
		}
		x.zip = c.reader()
	}
	switch {
	case x.at >= o.To && o.From <= x.at:
		x.err = io.EOF // the records behind the header are another part's
	case o.From > x.at:
		if err := x.find(o.From); err != nil {
			x.Close()
			return nil, err
		}
	}
	return x, nil
}

// Header returns what the file says of its records.
func (x *Reader) Header() Header { return x.h }

// At returns the offset of what Next reads next: a record, or the block that it is in.
func (x *Reader) At() int64 { return x.at }

// Close gives back what decompression needs. It leaves the file open.
func (x *Reader) Close() {
	if x.zip != nil {
		x.zip.close()
	}
}

func (x *Reader) header() error {
	var b [len(magic) + 1]byte
	err := x.fill(b[:])
	if err != nil {
		return err
	}
	if string(b[:len(magic)]) != magic {
		return corrupt("it does not begin as one")
	}
	if v := b[len(magic)]; v != version {
		return fmt.Errorf("%w: it is of version %d, and only %d is known", ErrUnsupported, v, version)
	}
	if x.h.Key, err = x.text(maxName); err != nil {
		return err
	}
	if x.h.Value, err = x.text(maxName); err != nil {
		return err
	}
	flags := b[:2]
	if err := x.fill(flags); err != nil {
		return err
	}
	if flags[0] > 1 || flags[1] > flags[0] {
		return corrupt("flags of compression %d and %d", flags[0], flags[1])
	}
	x.h.Block = flags[1] == 1
	if flags[0] == 1 {
		if x.h.Codec, err = x.text(maxName); err != nil {
			return err
		}
	}
	if err := x.notes(); err != nil {
		return err
	}
	return x.fill(x.h.marker[:])
}

// notes passes over what else a header says.
func (x *Reader) notes() error {
	n, err := x.uint32()
	if err != nil {
		return err
	}
	if n > maxEntries {
		return corrupt("a header of %d notes", n)
	}
	for range 2 * n {
		if _, err := x.text(firstRead); err != nil {
			return err
		}
	}
	return nil
}

// find goes to the first marker at or behind an offset.
func (x *Reader) find(from int64) error {
	if from+4+markerSize >= x.size || from >= x.to {
		x.err = io.EOF
		return nil
	}
	if _, err := x.r.Seek(from, io.SeekStart); err != nil {
		return err
	}
	x.in.Reset(x.r)
	x.at = from
	for x.at < x.to {
		b, err := x.in.Peek(4 + markerSize)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(b) < 4+markerSize {
			break
		}
		if binary.BigEndian.Uint32(b) == escape && [markerSize]byte(b[4:]) == x.h.marker {
			return nil
		}
		_, _ = x.in.Discard(1)
		x.at++
	}
	x.err = io.EOF
	return nil
}

// Next returns the key and the value of the next record, until the next call; io.EOF
// after the last one. at is where the record is, or its block; or, with an error, what
// is wrong.
func (x *Reader) Next() (key, value []byte, at int64, err error) {
	if x.err != nil {
		return nil, nil, x.at, x.err
	}
	if x.h.Block {
		key, value, err = x.ofBlock()
		at = x.block.at
	} else {
		at = x.at
		key, value, err = x.next()
	}
	x.err = err
	return key, value, at, err
}

// next reads a record of its own.
func (x *Reader) next() (key, value []byte, err error) {
	length, err := x.length()
	if err != nil {
		return nil, nil, err
	}
	keyLength, err := x.uint32()
	if err != nil {
		return nil, nil, err
	}
	if length > MaxRecord || keyLength > length {
		return nil, nil, corrupt("a record of %d bytes with a key of %d", length, keyLength)
	}
	if x.record, err = x.bytes(x.record, int(length)); err != nil {
		return nil, nil, err
	}
	key, value = x.record[:keyLength], x.record[keyLength:]
	if x.zip == nil {
		return key, value, nil
	}
	x.value, err = x.unzip(x.value, value)
	return key, x.value, err
}

// length reads the length of a record, and the markers before it.
func (x *Reader) length() (n uint32, err error) {
	for {
		if x.at == x.size {
			return 0, io.EOF
		}
		if n, err = x.uint32(); err != nil || n != escape {
			return n, err
		}
		if x.at-4 >= x.to {
			return 0, io.EOF
		}
		if err := x.marker(); err != nil {
			return 0, err
		}
	}
}

// marker reads a marker and compares it.
func (x *Reader) marker() error {
	var b [markerSize]byte
	if err := x.fill(b[:]); err != nil {
		return err
	}
	if b != x.h.marker {
		return corrupt("a marker is not the file's")
	}
	return nil
}

// unzip decompresses all of zipped into what dst has room for.
func (x *Reader) unzip(dst, zipped []byte) ([]byte, error) {
	dst = dst[:0]
	if len(zipped) == 0 {
		return dst, nil
	}
	src := reader(zipped)
	if err := x.zip.reset(&src); err != nil {
		return dst, corrupt("compressed data: %v", err)
	}
	for {
		if len(dst) > MaxRecord {
			return dst, corrupt("compressed data of more than %d bytes", MaxRecord)
		}
		if len(dst) == cap(dst) {
			if err := x.grow(&dst, min(max(len(dst), 4<<10), growBy)); err != nil {
				return dst, err
			}
		}
		n, err := x.zip.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		//nolint:errorlint // the end is io.EOF itself
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, corrupt("compressed data: %v", err)
		}
	}
}

// grow makes room for more bytes behind those of b.
func (x *Reader) grow(b *[]byte, more int) error {
	was := cap(*b)
	if was-len(*b) >= more {
		return nil
	}
	// Twice as much, so that what is there is not copied with every piece.
	size := max(len(*b)+more, 2*was)
	if err := x.room(size - was); err != nil {
		return err
	}
	*b = append(make([]byte, 0, size), *b...)
	return nil
}

// text reads a string of at most limit bytes.
func (x *Reader) text(limit int) (string, error) {
	n, err := x.vint()
	if err != nil {
		return "", err
	}
	if n < 0 || n > limit {
		return "", corrupt("a name of %d bytes", n)
	}
	b, err := x.bytes(nil, n)
	return string(b), err
}

func (x *Reader) uint32() (uint32, error) {
	var b [4]byte
	if err := x.fill(b[:]); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b[:]), nil
}

func (x *Reader) vint() (int, error) {
	var b [9]byte
	if err := x.fill(b[:1]); err != nil {
		return 0, err
	}
	size := vintSize(b[0])
	if err := x.fill(b[1:size]); err != nil {
		return 0, err
	}
	n, ok := vint(b[:size])
	if !ok {
		return 0, corrupt("a number that is no length")
	}
	return n, nil
}

// bytes reads n bytes into what buf has room for. It allocates as they come.
func (x *Reader) bytes(buf []byte, n int) ([]byte, error) {
	if int64(n) > x.size-x.at {
		return nil, corrupt("%d bytes are to come and %d are left: it is cut short", n, x.size-x.at)
	}
	buf = buf[:0]
	for len(buf) < n {
		more := min(n-len(buf), growBy)
		if err := x.grow(&buf, more); err != nil {
			return nil, err
		}
		at := len(buf)
		buf = buf[:at+more]
		if err := x.fill(buf[at:]); err != nil {
			return nil, err
		}
	}
	return buf, nil
}

func (x *Reader) fill(b []byte) error {
	n, err := io.ReadFull(x.in, b)
	x.at += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return corrupt("it is cut short")
	}
	return err
}

// reader is an io.Reader of what is left of it. It reads single bytes too, so that
// nothing is buffered above it.
type reader []byte

func (r *reader) Read(p []byte) (int, error) {
	if len(*r) == 0 {
		return 0, io.EOF
	}
	n := copy(p, *r)
	*r = (*r)[n:]
	return n, nil
}

func (r *reader) ReadByte() (byte, error) {
	if len(*r) == 0 {
		return 0, io.EOF
	}
	b := (*r)[0]
	*r = (*r)[1:]
	return b, nil
}
