// Package block is the format in which rows lie in shuffle files, spill files and results.
//
// A block is a header of 40 bytes and a payload: the columns a [codec.Type] wrote, compressed with s2 when that
// paid. The checksum covers the header, the stored bytes and the place the block was written for, so a flipped bit,
// a cut file and a right block in the wrong place are all found before a byte is decoded.
//
//	 0  u16  magic
//	 2  u8   version
//	 3  u8   compression: 0 none, 1 s2
//	 4  u32  schema of the rows (both halves of the codec's 64 bits folded)
//	 8  u32  shuffle
//	12  u32  map
//	16  u32  reduce
//	20  u32  rows
//	24  u32  bytes of the payload as the codec wrote it
//	28  u32  bytes of the payload as stored
//	32  u64  xxh3 of bytes 0–31 and the stored payload, seeded with segment and sequence number
//
// Numbers are little-endian. A block holds at most [MaxRows] rows and [MaxBytes] bytes.
package block

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"
	"github.com/zeebo/xxh3"

	"github.com/gordd-project/gordd/rdd/codec"
)

const (
	// HeaderSize is the length of a block's header.
	HeaderSize = 40
	// MaxRows is the most rows a block may hold.
	MaxRows = 1 << 24
	// MaxBytes is the most bytes a block's payload may have, before or after compression.
	MaxBytes = 1 << 30

	magic   = 0x6b42 // "Bk"
	version = 1

	plain      = 0
	compressed = 1
	maxRatio   = 1 << 14
)

// ErrCorrupt is in the chain of every error caused by bytes that are not the block that was asked for.
var ErrCorrupt = errors.New("corrupt block")

// ErrTooLarge is in the chain of the error for a single row whose bytes pass [MaxBytes].
var ErrTooLarge = errors.New("row too large")

// ID is the place of a block: partition Reduce of the output of map task Map, and there block number Seq of segment
// Segment. Results and spill files use what they need of it.
type ID struct {
	Shuffle, Map, Reduce, Segment, Seq uint32
}

// String gives the id as messages show it.
func (id ID) String() string {
	return fmt.Sprintf("s%d/m%d/p%d block %d.%d", id.Shuffle, id.Map, id.Reduce, id.Segment, id.Seq)
}

func (id ID) seed() uint64 { return uint64(id.Segment)<<32 | uint64(id.Seq) }

// Header is a parsed header. Only its sizes are checked, until [Header.Verify] has seen the payload.
type Header struct {
	Compressed           bool
	Schema               uint32
	Shuffle, Map, Reduce uint32
	Rows, Raw, Stored    uint32
	Sum                  uint64
}

// Encoder writes blocks of one row type. The zero value with Type set is ready; it is not safe for concurrent use.
type Encoder struct {
	Type     *codec.Type
	Compress bool

	scratch []byte
}

// Append appends rows as one block for the place id and returns its checksum. The error is [ErrTooLarge] when the
// rows do not fit: the caller may try fewer.
func (e *Encoder) Append(dst []byte, id ID, rows codec.Rows) ([]byte, uint64, error) {
	if rows.Len > MaxRows {
		return dst, 0, fmt.Errorf("encode %d rows: %w", rows.Len, ErrTooLarge)
	}
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	dst, err := e.Type.Append(dst, rows)
	if err != nil {
		return dst[:start], 0, fmt.Errorf("encode %d rows: %w", rows.Len, err)
	}
	return e.finish(dst, start, id, rows.Len)
}

// AppendPacked is Append for rows that are encoded.
func (e *Encoder) AppendPacked(dst []byte, id ID, rows *codec.Packed) ([]byte, uint64, error) {
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	return e.finish(rows.Append(dst), start, id, rows.Rows)
}

// finish makes a block of the payload of so many rows, which is in dst behind the header's place at start.
func (e *Encoder) finish(dst []byte, start int, id ID, rows int) ([]byte, uint64, error) {
	raw := len(dst) - start - HeaderSize
	if raw > MaxBytes {
		return dst[:start], 0, fmt.Errorf("encode %d rows: %w: %d bytes", rows, ErrTooLarge, raw)
	}
	kind := byte(plain)
	if e.Compress && raw > 64 {
		e.scratch = s2.Encode(e.scratch[:cap(e.scratch)], dst[start+HeaderSize:])
		// What packs better than maxRatio is stored plain, so that a reader can refuse it: see unpack.
		if len(e.scratch) < raw-raw/8 && len(e.scratch) > raw/maxRatio {
			dst, kind = append(dst[:start+HeaderSize], e.scratch...), compressed
		}
	}
	h := dst[start : start+HeaderSize : start+HeaderSize]
	le := binary.LittleEndian
	le.PutUint16(h, magic)
	h[2], h[3] = version, kind
	le.PutUint32(h[4:], fold(e.Type.Schema()))
	le.PutUint32(h[8:], id.Shuffle)
	le.PutUint32(h[12:], id.Map)
	le.PutUint32(h[16:], id.Reduce)
	le.PutUint32(h[20:], uint32(rows))
	le.PutUint32(h[24:], uint32(raw))
	le.PutUint32(h[28:], uint32(len(dst)-start-HeaderSize))
	sum := checksum(h, dst[start+HeaderSize:], id)
	le.PutUint64(h[32:], sum)
	return dst, sum, nil
}

func fold(schema uint64) uint32 { return uint32(schema ^ schema>>32) }

func checksum(header, stored []byte, id ID) uint64 {
	return xxh3.HashSeed(stored, xxh3.HashSeed(header[:32], id.seed()))
}

// Parse reads a header and checks what can be checked without the payload.
func Parse(b []byte) (Header, error) {
	if len(b) < HeaderSize {
		return Header{}, fmt.Errorf("%w: %d bytes where a header of %d should be", ErrCorrupt, len(b), HeaderSize)
	}
	le := binary.LittleEndian
	if m := le.Uint16(b); m != magic {
		return Header{}, fmt.Errorf("%w: magic %#04x", ErrCorrupt, m)
	}
	if b[2] != version {
		return Header{}, fmt.Errorf("%w: version %d, this program reads %d", ErrCorrupt, b[2], version)
	}
	if b[3] > compressed {
		return Header{}, fmt.Errorf("%w: compression %d", ErrCorrupt, b[3])
	}
	h := Header{
		Compressed: b[3] == compressed,
		Schema:     le.Uint32(b[4:]),
		Shuffle:    le.Uint32(b[8:]),
		Map:        le.Uint32(b[12:]),
		Reduce:     le.Uint32(b[16:]),
		Rows:       le.Uint32(b[20:]),
		Raw:        le.Uint32(b[24:]),
		Stored:     le.Uint32(b[28:]),
		Sum:        le.Uint64(b[32:]),
	}
	if h.Rows > MaxRows || h.Raw > MaxBytes || h.Stored > h.Raw || !h.Compressed && h.Stored != h.Raw {
		return Header{}, fmt.Errorf("%w: %d rows, %d bytes stored as %d", ErrCorrupt, h.Rows, h.Raw, h.Stored)
	}
	return h, nil
}

// Decoder reads blocks of one row type. The zero value with Type set is ready; it is not safe for concurrent use.
type Decoder struct {
	Type *codec.Type

	scratch []byte
}

// Decode checks a block, its header being the first [HeaderSize] bytes of b and its payload the rest, against the
// place it was asked for and appends its rows to dst, a buffer of d.Type. The rows do not alias b. On error dst is as
// it was.
func (d *Decoder) Decode(dst *codec.Buffer, id ID, b []byte) error {
	h, err := Parse(b)
	if err != nil {
		return err
	}
	payload := b[HeaderSize:]
	if err := h.verify(id, fold(d.Type.Schema()), b[:HeaderSize], payload); err != nil {
		return err
	}
	if h.Compressed {
		if payload, err = d.unpack(payload, int(h.Raw)); err != nil {
			return err
		}
	}
	before := dst.Len()
	rest, err := d.Type.Decode(dst, payload, int(h.Rows))
	if err != nil {
		return fmt.Errorf("%w: decode %d rows: %w", ErrCorrupt, h.Rows, err)
	}
	if len(rest) != 0 {
		dst.Truncate(before)
		return fmt.Errorf("%w: %d bytes left after %d rows", ErrCorrupt, len(rest), h.Rows)
	}
	return nil
}

func (h Header) verify(id ID, schema uint32, header, payload []byte) error {
	if len(payload) != int(h.Stored) {
		return fmt.Errorf("%w: %d bytes of a payload of %d", ErrCorrupt, len(payload), h.Stored)
	}
	if h.Shuffle != id.Shuffle || h.Map != id.Map || h.Reduce != id.Reduce {
		found := ID{h.Shuffle, h.Map, h.Reduce, id.Segment, id.Seq}
		return fmt.Errorf("%w: %v found in place of %v", ErrCorrupt, found, id)
	}
	if sum := checksum(header, payload, id); sum != h.Sum {
		return fmt.Errorf("%w: checksum %016x, header says %016x", ErrCorrupt, sum, h.Sum)
	}
	if h.Schema != schema {
		return fmt.Errorf("%w: rows of schema %08x, want %08x", ErrCorrupt, h.Schema, schema)
	}
	return nil
}

func (d *Decoder) unpack(payload []byte, raw int) ([]byte, error) {
	n, err := s2.DecodedLen(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: s2 length: %w", ErrCorrupt, err)
	}
	if n != raw {
		return nil, fmt.Errorf("%w: s2 length %d instead of %d", ErrCorrupt, n, raw)
	}
	if len(payload) <= raw/maxRatio { // a few hostile bytes must not cost a gigabyte
		return nil, fmt.Errorf("%w: %d bytes packed into %d", ErrCorrupt, raw, len(payload))
	}
	d.scratch = slices.Grow(d.scratch[:0], raw)[:raw]
	out, err := s2.Decode(d.scratch, payload)
	if err != nil {
		return nil, fmt.Errorf("%w: s2: %w", ErrCorrupt, err)
	}
	return out, nil
}
