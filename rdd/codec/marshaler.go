package codec

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"time"
	"unsafe"
)

// opaque is the column of types that encode themselves.
type opaque struct {
	typ    reflect.Type
	binary bool // the binary pair, else the text pair
}

func (c *opaque) min() int   { return 1 }
func (c *opaque) flat() bool { return true }

func (c *opaque) append(dst []byte, base unsafe.Pointer, stride uintptr, n, _ int) ([]byte, error) {
	for i := range n {
		v := reflect.NewAt(c.typ, at(base, stride, i)).Interface()
		var code []byte
		var err error
		if c.binary {
			code, err = v.(encoding.BinaryMarshaler).MarshalBinary()
		} else {
			code, err = v.(encoding.TextMarshaler).MarshalText()
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: marshal %s: %w", i, c.typ, err)
		}
		dst = append(appendLen(dst, len(code)), code...)
	}
	return dst, nil
}

func (c *opaque) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, _ int) ([]byte, error) {
	for i := range n {
		l, rest, err := uvarint(src)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		if l > uint64(len(rest)) {
			return nil, corrupt("row %d: %d bytes of %s in %d", i, l, c.typ, len(rest))
		}
		// A copy, because an unmarshaler may keep what it is given, and into a
		// fresh value, because it may reuse what it finds.
		code := append(make([]byte, 0, l), rest[:l]...)
		v := reflect.NewAt(c.typ, at(base, stride, i))
		v.Elem().SetZero()
		if c.binary {
			err = v.Interface().(encoding.BinaryUnmarshaler).UnmarshalBinary(code)
		} else {
			err = v.Interface().(encoding.TextUnmarshaler).UnmarshalText(code)
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: unmarshal %s: %w: %w", i, c.typ, ErrCorrupt, err)
		}
		src = rest[l:]
	}
	return src, nil
}

// instant is the column of time.Time and types declared as one.
type instant struct{}

const (
	instantSize = 16
	utcOffset   = math.MinInt32
)

func (instant) min() int   { return instantSize }
func (instant) flat() bool { return true }

func (instant) append(dst []byte, base unsafe.Pointer, stride uintptr, n, _ int) ([]byte, error) {
	dst, room := extend(dst, n*instantSize)
	for i := range n {
		t := (*time.Time)(at(base, stride, i))
		offset := utcOffset
		if t.Location() != time.UTC {
			_, offset = t.Zone()
		}
		b := room[i*instantSize:]
		binary.LittleEndian.PutUint64(b, uint64(t.Unix()))
		binary.LittleEndian.PutUint32(b[8:], uint32(t.Nanosecond()))
		binary.LittleEndian.PutUint32(b[12:], uint32(int32(offset)))
	}
	return dst, nil
}

func (instant) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, _ int) ([]byte, error) {
	if !enough(n, instantSize, len(src)) {
		return nil, corrupt("%d times in %d bytes", n, len(src))
	}
	var zone *time.Location // of the row before, which is likely that of the next
	last := 0
	for i := range n {
		b := src[i*instantSize:]
		nanos := binary.LittleEndian.Uint32(b[8:])
		if nanos >= 1e9 {
			return nil, corrupt("row %d: %d nanoseconds", i, nanos)
		}
		t := time.Unix(int64(binary.LittleEndian.Uint64(b)), int64(nanos))
		offset := int(int32(binary.LittleEndian.Uint32(b[12:])))
		if zone == nil || last != offset {
			zone, last = nil, offset
		}
		if offset == utcOffset {
			t = t.UTC()
		} else if _, here := t.Zone(); here != offset {
			if zone == nil {
				zone = time.FixedZone("", offset)
			}
			t = t.In(zone)
		}
		*(*time.Time)(at(base, stride, i)) = t
	}
	return src[n*instantSize:], nil
}
