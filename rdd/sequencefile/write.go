package sequencefile

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Writer writes a file. It is not safe for concurrent use.
type Writer struct {
	w     io.Writer
	h     Header
	zip   deflater // nil: not compressed
	out   []byte   // what is to be written next
	since int      // bytes since the last marker
	err   error

	records                     int // of the block
	keyLens, keys, lens, values []byte
	zipped                      bytes.Buffer
}

// NewWriter returns a Writer of a file with a header, compressed by block if that
// names a codec. Its marker is random, so that not even a record that is a SequenceFile
// has it.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	x := &Writer{w: w, h: h}
	_, _ = rand.Read(x.h.marker[:]) // never fails
	if x.h.Block = h.Codec != ""; x.h.Block {
		c, err := codecOf(h.Codec)
		if err != nil {
			return nil, err
		}
		if x.zip, err = c.writer(); err != nil {
			return nil, err
		}
	}
	x.out = x.h.append(nil)
	return x, nil
}

// append appends the bytes of a header.
func (h *Header) append(dst []byte) []byte {
	text := func(s string) { dst = append(appendVInt(dst, len(s)), s...) }
	flag := func(b bool) {
		dst = append(dst, 0)
		if b {
			dst[len(dst)-1] = 1
		}
	}
	dst = append(dst, magic...)
	dst = append(dst, version)
	text(h.Key)
	text(h.Value)
	flag(h.Codec != "")
	flag(h.Block)
	if h.Codec != "" {
		text(h.Codec)
	}
	dst = binary.BigEndian.AppendUint32(dst, 0) // no notes
	return append(dst, h.marker[:]...)
}

// Append adds a record. It keeps neither key nor value.
func (x *Writer) Append(key, value []byte) error {
	if len(key)+len(value) > MaxRecord {
		return fmt.Errorf("a record of %d bytes: the most is %d", len(key)+len(value), MaxRecord)
	}
	if x.h.Block {
		return x.add(key, value)
	}
	if x.since >= markEvery {
		x.mark()
	}
	before := len(x.out)
	x.out = binary.BigEndian.AppendUint32(x.out, uint32(len(key)+len(value)))
	x.out = binary.BigEndian.AppendUint32(x.out, uint32(len(key)))
	x.out = append(append(x.out, key...), value...)
	x.since += len(x.out) - before
	if len(x.out) >= 64<<10 {
		return x.write()
	}
	return x.err
}

func (x *Writer) mark() {
	x.out = binary.BigEndian.AppendUint32(x.out, escape)
	x.out = append(x.out, x.h.marker[:]...)
	x.since = 0
}

func (x *Writer) write() error {
	if x.err == nil {
		_, x.err = x.w.Write(x.out)
	}
	x.out = x.out[:0]
	return x.err
}

// add adds a record to the block.
func (x *Writer) add(key, value []byte) error {
	x.records++
	x.keyLens = appendVInt(x.keyLens, len(key))
	x.lens = appendVInt(x.lens, len(value))
	x.keys = append(x.keys, key...)
	x.values = append(x.values, value...)
	if len(x.keys)+len(x.values)+len(x.keyLens)+len(x.lens) >= blockBytes {
		return x.block()
	}
	return x.err
}

// block writes the records there are as a block.
func (x *Writer) block() error {
	if x.records == 0 {
		return x.err
	}
	x.mark()
	x.out = appendVInt(x.out, x.records)
	for _, b := range []*[]byte{&x.keyLens, &x.keys, &x.lens, &x.values} {
		x.zipped.Reset()
		x.zip.Reset(&x.zipped)
		_, err := x.zip.Write(*b)
		if err = errors.Join(err, x.zip.Close()); err != nil {
			return err
		}
		x.out = appendVInt(x.out, x.zipped.Len())
		x.out = append(x.out, x.zipped.Bytes()...)
		*b = (*b)[:0]
	}
	x.records = 0
	return x.write()
}

// Close writes what is kept. The file is whole after it, or there was an error; the
// io.Writer stays open.
func (x *Writer) Close() error {
	if err := x.block(); err != nil {
		return err
	}
	return x.write()
}
