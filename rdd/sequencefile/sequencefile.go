// Package sequencefile reads and writes Hadoop's SequenceFiles: pairs of serialized
// keys and values. It knows the format of version 6, plain, compressed by record and
// compressed by block; files are written plain or compressed by block.
//
// A file begins with a header that names the classes of its keys and values, the
// codec, and 16 bytes that no other file has: the marker. It is repeated, behind an
// escape of four bytes, now and then between records, and before each block, so that
// a reader can begin anywhere: a part of a file has the records behind the markers
// that begin in it, and those behind the header if that ends in it. Hadoop cuts the
// same way.
//
// There are no checksums in the format. What a damaged file can show are lengths and
// markers that do not fit; errors of these have ErrCorrupt in their chain, and nothing
// is allocated for a length before the bytes are there, but for the window of zstd.
package sequencefile

import (
	"errors"
	"fmt"
	"math"
)

const (
	magic      = "SEQ"
	version    = 6
	markerSize = 16
	escape     = math.MaxUint32 // the length that says that a marker follows
	markEvery  = 100 << 10      // bytes between markers of a plain file that is written
	blockBytes = 1 << 20        // of keys and values in a block, before compression
	maxName    = 1 << 10        // of a class
	maxEntries = 1 << 16        // of a header's notes

	// MaxRecord is the most bytes that a key and its value may have.
	MaxRecord = 1 << 30
)

// ErrCorrupt is in the chain of errors for bytes that are no SequenceFile, or not the
// one that was written.
var ErrCorrupt = errors.New("corrupt SequenceFile")

// ErrUnsupported is in the chain of errors for files of an older version, or with a
// codec that is not known.
var ErrUnsupported = errors.New("SequenceFile that cannot be read")

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
}

// Header is what a file says of its records.
type Header struct {
	Key, Value string // the Java classes
	Codec      string // the Java class, "": not compressed
	Block      bool   // compressed by block, not by record
	marker     [markerSize]byte
}

// appendVInt appends a number as Hadoop's WritableUtils does: small ones in one byte,
// others as a byte that says how many follow, the most significant one first.
func appendVInt(dst []byte, n int) []byte {
	v, first := int64(n), -112
	if v >= -112 && v <= 127 {
		return append(dst, byte(v))
	}
	if v < 0 {
		v, first = ^v, -120
	}
	size := 0
	for rest := v; rest != 0; rest >>= 8 {
		size++
	}
	dst = append(dst, byte(first-size))
	for i := size - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

// vintSize is how many bytes a number has whose first byte is b.
func vintSize(b byte) int {
	switch n := int(int8(b)); {
	case n >= -112:
		return 1
	case n < -120:
		return -119 - n
	default:
		return -111 - n
	}
}

// vint decodes a number of as many bytes as vintSize says. ok is false when it is
// larger than a length can be.
func vint(b []byte) (n int, ok bool) {
	if len(b) == 1 {
		return int(int8(b[0])), true
	}
	v := uint64(0)
	for _, c := range b[1:] {
		v = v<<8 | uint64(c)
	}
	if v > math.MaxInt32 {
		return 0, false
	}
	if int8(b[0]) < -120 {
		return int(^int64(v)), true
	}
	return int(v), true
}

// cutVInt takes a number from the front of b.
func cutVInt(b []byte) (n int, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < vintSize(b[0]) {
		return 0, nil, false
	}
	size := vintSize(b[0])
	n, ok = vint(b[:size])
	return n, b[size:], ok
}
