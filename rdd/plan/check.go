package plan

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxDepth bounds nesting. Pipes nest in operators over rows that are placed
// already, four levels each: a loop of a thousand rounds is deep.
const maxDepth = 10_000

// MaxNesting is the most pipes that may be inside one another, in a plan that can
// be decoded.
const MaxNesting = 2400

// bytesPerStruct is the least that a list, or an encoded value of this package
// with the names of its fields, takes on average. The largest of them in memory
// is about forty times that.
const bytesPerStruct = 12

var (
	errShort = errors.New("message is cut short")
	errDepth = fmt.Errorf("message is nested deeper than %d", maxDepth)
	errEmpty = errors.New("message announces more values than it describes")
)

// Check walks one msgpack value without decoding it. The decoder believes the
// counts it reads, and a few bytes can announce billions of elements, or as many
// structs as there are bytes; after Check every count is backed by bytes that
// are there, and every struct by about what its fields take.
func Check(b []byte) error {
	open := []level{{left: 1}}
	structs := len(b)/bytesPerStruct + 64
	for len(open) > 0 {
		at := &open[len(open)-1]
		if at.left == 0 {
			open = open[:len(open)-1]
			continue
		}
		at.left--
		skip, children, err := head(b)
		if err != nil {
			return err
		}
		// Fields are often nil; an element of a list that is, is a whole struct.
		if container(b[0]) || at.list && b[0] == 0xc0 {
			structs--
		}
		inner := level{left: children, list: list(b[0])}
		if b = b[skip:]; children > len(b) {
			return errShort
		}
		if structs < 0 {
			return errEmpty
		}
		if children > 0 {
			if len(open) == maxDepth {
				return errDepth
			}
			open = append(open, inner)
		}
	}
	if len(b) != 0 {
		return fmt.Errorf("%d bytes after the message", len(b))
	}
	return nil
}

// level is a list or map that Check is inside of, and how many of its values
// are still to come.
type level struct {
	left int
	list bool
}

// list says whether c starts an array, container whether it starts one or a
// map.
func list(c byte) bool { return c >= 0x90 && c <= 0x9f || c == 0xdc || c == 0xdd }

func container(c byte) bool { return c >= 0x80 && c <= 0x9f || c >= 0xdc && c <= 0xdf }

// head reads the first byte of a value: how many bytes its own part takes, and
// how many values follow inside it.
func head(b []byte) (skip, children int, err error) {
	if len(b) == 0 {
		return 0, 0, errShort
	}
	c := b[0]
	switch {
	case c <= 0x7f || c >= 0xe0: // small integers
		return 1, 0, nil
	case c <= 0x8f:
		return 1, 2 * int(c&0x0f), nil
	case c <= 0x9f:
		return 1, int(c & 0x0f), nil
	case c <= 0xbf:
		return sized(b, 1+int(c&0x1f), 0)
	}
	switch c {
	case 0xc0, 0xc2, 0xc3: // nil, false, true
		return 1, 0, nil
	case 0xc4, 0xc5, 0xc6: // bin
		return counted(b, 1<<(c-0xc4), 0, 1)
	case 0xc7, 0xc8, 0xc9: // ext: one more byte, the type
		return counted(b, 1<<(c-0xc7), 1, 1)
	case 0xca, 0xd2, 0xce: // 32 bits
		return sized(b, 5, 0)
	case 0xcb, 0xd3, 0xcf: // 64 bits
		return sized(b, 9, 0)
	case 0xcc, 0xd0:
		return sized(b, 2, 0)
	case 0xcd, 0xd1:
		return sized(b, 3, 0)
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8: // fixext 1 to 16
		return sized(b, 2+1<<(c-0xd4), 0)
	case 0xd9, 0xda, 0xdb: // str
		return counted(b, 1<<(c-0xd9), 0, 1)
	case 0xdc, 0xdd: // array
		return counted(b, 2<<(c-0xdc), 0, 0)
	case 0xde, 0xdf: // map
		skip, children, err = counted(b, 2<<(c-0xde), 0, 0)
		return skip, 2 * children, err
	}
	return 0, 0, fmt.Errorf("byte 0x%02x starts no value", c)
}

func sized(b []byte, skip, children int) (int, int, error) {
	if len(b) < skip {
		return 0, 0, errShort
	}
	return skip, children, nil
}

// counted reads a count of width bytes. With inline 1 it counts bytes that
// follow, extra more among them; with inline 0, values.
func counted(b []byte, width, extra, inline int) (skip, children int, err error) {
	if len(b) < 1+width {
		return 0, 0, errShort
	}
	var buf [8]byte
	copy(buf[8-width:], b[1:1+width])
	n := binary.BigEndian.Uint64(buf[:])
	if n > uint64(len(b)) {
		return 0, 0, errShort
	}
	if inline == 1 {
		return sized(b, 1+width+extra+int(n), 0)
	}
	return 1 + width, int(n), nil
}
