package plan

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// maxDepth bounds nesting. Pipes nest in unions and joins, a few levels each.
const maxDepth = 1000

var (
	errShort = errors.New("message is cut short")
	errDepth = fmt.Errorf("message is nested deeper than %d", maxDepth)
)

// check walks one msgpack value without decoding it. The decoder believes the
// counts it reads, and a few bytes can announce billions of elements; after
// check every count is backed by bytes that are there.
func check(b []byte) error {
	if len(b) > MaxEncoded {
		return fmt.Errorf("%d bytes: %w: the most is %d", len(b), ErrTooLarge, MaxEncoded)
	}
	// left[i] counts the values still to come on level i.
	left := []int{1}
	for len(left) > 0 {
		if left[len(left)-1] == 0 {
			left = left[:len(left)-1]
			continue
		}
		left[len(left)-1]--
		skip, children, err := head(b)
		if err != nil {
			return err
		}
		b = b[skip:]
		if children > len(b) {
			return errShort
		}
		if children > 0 {
			if len(left) == maxDepth {
				return errDepth
			}
			left = append(left, children)
		}
	}
	if len(b) != 0 {
		return fmt.Errorf("%d bytes after the message", len(b))
	}
	return nil
}

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
