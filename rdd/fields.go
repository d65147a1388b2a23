package rdd

import (
	"iter"
	"math/bits"
	"unicode"
	"unicode/utf8"
	"unsafe"
)

// Fields splits s around each run of white space, with exactly the results of
// strings.FieldsSeq. It looks at eight bytes at a time while they are ASCII.
func Fields(s string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := 0; ; {
			from, to := nextField(s, i)
			if from == to {
				return
			}
			if !yield(s[from:to]) {
				return
			}
			i = to
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// Columns cuts s at every sep and sets columns to the parts, as many as there is
// room for, and what is left to "". They are those of strings.Split. It returns how
// many there are. It looks at eight bytes at a time.
func Columns(s string, sep byte, columns []string) int {
	if len(columns) == 0 {
		return 0
	}
	n, from := 0, 0
	for at := 0; at < len(s); at += markedAtOnce {
		for m := marks(s, at, ones*uint64(sep)); m != 0; m &= m - 1 {
			to := at + bits.TrailingZeros64(m)
			columns[n] = s[from:to]
			from = to + 1
			if n++; n == len(columns) {
				return n
			}
		}
	}
	columns[n] = s[from:]
	clear(columns[n+1:])
	return n + 1
}

// markedAtOnce is how many bytes are looked for separators before any is taken: how many
// there are in eight bytes is hard to foresee, how many in a line is not.
const markedAtOnce = 64

// marks has a bit for each of the next bytes of s that is one of eight equal ones.
func marks(s string, at int, eight uint64) (m uint64) {
	left := len(s) - at
	if left >= markedAtOnce {
		s = s[at : at+markedAtOnce]
		return mark(load64(s, 0)^eight) | mark(load64(s, 8)^eight)<<8 | mark(load64(s, 16)^eight)<<16 | mark(load64(s, 24)^eight)<<24 |
			mark(load64(s, 32)^eight)<<32 | mark(load64(s, 40)^eight)<<40 | mark(load64(s, 48)^eight)<<48 | mark(load64(s, 56)^eight)<<56
	}
	i := 0
	for ; i+8 <= left; i += 8 {
		m |= mark(load64(s, at+i)^eight) << uint(i)
	}
	if len(s) >= 8 { // the end of s
		return m | mark(load64(s, len(s)-8)^eight)>>uint(8-(left-i))<<uint(i)
	}
	for ; i < left; i++ {
		if s[at+i] == byte(eight) {
			m |= 1 << uint(i)
		}
	}
	return m
}

// mark has a bit for each byte of x that is 0.
func mark(x uint64) uint64 {
	// Each byte's highest bit comes to a place of its own in the highest byte, and
	// none of the others carries into it.
	return zeros(x) >> 7 * 0x0102040810204080 >> 56
}

// zeros marks the bytes of x that are 0, and no others, by their highest bits.
func zeros(x uint64) uint64 {
	const rest = ^uint64(highs)
	return ^(x&rest + rest | x | rest)
}

// nextField finds the first field at or after i; from == to when there is none.
// Nearly always there is one blank, and then a word of ASCII letters: that is a
// look at eight bytes, or a few of them.
func nextField(s string, i int) (from, to int) {
	if i < len(s) && asciiSpace(s[i]) {
		i++
	}
	if len(s) < 8 {
		return slowField(s, i)
	}
	for at := i; ; at += 8 {
		left := len(s) - at
		var x uint64
		if left >= 8 {
			x = load64(s, at)
		} else {
			x = load64(s, len(s)-8) >> (64 - 8*uint(left)) // the end of s, and zeros
		}
		// The lowest marked byte is below '!' or above 0x7f. Above it a mark
		// may be a borrow's.
		m := ((x - ones*'!') &^ x & highs) | x&highs
		if m == 0 {
			continue
		}
		n := bits.TrailingZeros64(m) >> 3
		to := at + n
		if to == i || n < left && !asciiSpace(byte(x>>(8*uint(n)))) {
			return slowField(s, i)
		}
		return i, to
	}
}

// slowField is nextField for whatever comes.
func slowField(s string, i int) (from, to int) {
	for i < len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if !unicode.IsSpace(r) {
				break
			}
			i += n
			continue
		}
		if !asciiSpace(c) {
			break
		}
		i++
	}
	from = i
	for i+8 <= len(s) {
		x := load64(s, i)
		if m := ((x - ones*'!') &^ x & highs) | x&highs; m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			break
		}
		i += 8
	}
	for i < len(s) {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if unicode.IsSpace(r) {
				return from, i
			}
			i += n
			continue
		}
		if asciiSpace(c) {
			return from, i
		}
		i++
	}
	return from, i
}

func asciiSpace(c byte) bool { return c == ' ' || c-'\t' <= '\r'-'\t' }

// load64 reads eight bytes of s at i, little-endian; i+8 must be within s.
func load64(s string, i int) uint64 {
	_ = s[i+7]
	b := (*[8]byte)(unsafe.Pointer(unsafe.StringData(s[i:])))
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}
