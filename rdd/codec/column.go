package codec

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"unsafe"
)

// column encodes runs of one type. Values are at base, base+stride, …; base
// and stride come from the rows, so that a field's column runs over structs
// without copying them. Runs are never empty.
//
// Pointers are written through pointers of the right type only: the garbage
// collector has to see the writes.
type column interface {
	append(dst []byte, base unsafe.Pointer, stride uintptr, n, depth int) ([]byte, error)
	decode(base unsafe.Pointer, stride uintptr, n int, src []byte, depth int) (rest []byte, err error)
	// min is the fewest bytes one value takes; 0 only for types of size zero.
	min() int
	// flat reports whether the encoding of a run is that of its values one
	// after another, so that runs can be joined.
	flat() bool
}

const (
	maxDepth     = 1000    // levels of recursive types
	maxZeroElems = 1 << 20 // elements of size zero in a slice
)

var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// at is the i-th value of a run.
func at(base unsafe.Pointer, stride uintptr, i int) unsafe.Pointer {
	return unsafe.Add(base, uintptr(i)*stride)
}

// enough reports whether n values of at least size bytes fit into left.
func enough(n, size, left int) bool { return size == 0 || n <= left/size }

// satMul and satAdd stop at the largest int, for sizes that no input reaches.
func satMul(a, b int) int {
	if a != 0 && b > math.MaxInt/a {
		return math.MaxInt
	}
	return a * b
}

func satAdd(a, b int) int {
	if b > math.MaxInt-a {
		return math.MaxInt
	}
	return a + b
}

// extend makes room for n more bytes and returns them apart.
func extend(dst []byte, n int) (all, room []byte) {
	dst = slices.Grow(dst, n)
	all = dst[:len(dst)+n]
	return all, all[len(dst):]
}

// zero is the column of types of size zero.
type zero struct{}

func (zero) min() int   { return 0 }
func (zero) flat() bool { return true }

func (zero) append(dst []byte, _ unsafe.Pointer, _ uintptr, _, _ int) ([]byte, error) {
	return dst, nil
}

func (zero) decode(_ unsafe.Pointer, _ uintptr, _ int, src []byte, _ int) ([]byte, error) {
	return src, nil
}

// fixed is the column of numbers as wide in memory as they travel, all kinds
// of one width alike.
type fixed[U uint8 | uint16 | uint32 | uint64] struct{}

func (fixed[U]) min() int   { return int(unsafe.Sizeof(U(0))) }
func (fixed[U]) flat() bool { return true }

func (fixed[U]) append(dst []byte, base unsafe.Pointer, stride uintptr, n, _ int) ([]byte, error) {
	size := unsafe.Sizeof(U(0))
	dst, room := extend(dst, n*int(size))
	if stride == size && (littleEndian || size == 1) {
		copy(room, unsafe.Slice((*byte)(base), len(room)))
		return dst, nil
	}
	for i := range n {
		put(room[i*int(size):], *(*U)(at(base, stride, i)))
	}
	return dst, nil
}

func (fixed[U]) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, _ int) ([]byte, error) {
	size := unsafe.Sizeof(U(0))
	if !enough(n, int(size), len(src)) {
		return nil, corrupt("%d values of %d bytes in %d", n, size, len(src))
	}
	in, rest := src[:n*int(size)], src[n*int(size):]
	if stride == size && (littleEndian || size == 1) {
		copy(unsafe.Slice((*byte)(base), len(in)), in)
		return rest, nil
	}
	for i := range n {
		*(*U)(at(base, stride, i)) = get[U](in[i*int(size):])
	}
	return rest, nil
}

func put[U uint8 | uint16 | uint32 | uint64](b []byte, v U) {
	switch unsafe.Sizeof(v) {
	case 1:
		b[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(b, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(b, uint32(v))
	default:
		binary.LittleEndian.PutUint64(b, uint64(v))
	}
}

func get[U uint8 | uint16 | uint32 | uint64](b []byte) U {
	switch unsafe.Sizeof(U(0)) {
	case 1:
		return U(b[0])
	case 2:
		return U(binary.LittleEndian.Uint16(b))
	case 4:
		return U(binary.LittleEndian.Uint32(b))
	default:
		return U(binary.LittleEndian.Uint64(b))
	}
}

// wide is the column of int, uint and uintptr where they are narrower than
// the 8 bytes they travel in.
type wide[I int32 | uint32] struct{}

func (wide[I]) min() int   { return 8 }
func (wide[I]) flat() bool { return true }

func (wide[I]) append(dst []byte, base unsafe.Pointer, stride uintptr, n, _ int) ([]byte, error) {
	dst, room := extend(dst, 8*n)
	for i := range n {
		binary.LittleEndian.PutUint64(room[8*i:], uint64(*(*I)(at(base, stride, i))))
	}
	return dst, nil
}

func (wide[I]) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, _ int) ([]byte, error) {
	if !enough(n, 8, len(src)) {
		return nil, corrupt("%d values of 8 bytes in %d", n, len(src))
	}
	for i := range n {
		v := binary.LittleEndian.Uint64(src[8*i:])
		if uint64(I(v)) != v {
			return nil, fmt.Errorf("row %d: %d does not fit this machine's %d bits", i, int64(v), 8*unsafe.Sizeof(I(0)))
		}
		*(*I)(at(base, stride, i)) = I(v)
	}
	return src[8*n:], nil
}

// boolean is the column of bools. Any other byte in a bool's place would break
// the program.
type boolean struct{}

func (boolean) min() int   { return 1 }
func (boolean) flat() bool { return true }

func (boolean) append(dst []byte, base unsafe.Pointer, stride uintptr, n, _ int) ([]byte, error) {
	return fixed[uint8]{}.append(dst, base, stride, n, 0)
}

func (boolean) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, _ int) ([]byte, error) {
	if n > len(src) {
		return nil, corrupt("%d bools in %d bytes", n, len(src))
	}
	for i, b := range src[:n] {
		if b > 1 {
			return nil, corrupt("row %d: bool is %d", i, b)
		}
		*(*bool)(at(base, stride, i)) = b == 1
	}
	return src[n:], nil
}

// text is the column of strings.
type text struct{}

func (text) min() int   { return 1 }
func (text) flat() bool { return false }

func (text) append(dst []byte, base unsafe.Pointer, stride uintptr, n, _ int) ([]byte, error) {
	total := 0
	dst = slices.Grow(dst, n)
	for i := range n {
		l := len(*(*string)(at(base, stride, i)))
		total += l
		dst = appendLen(dst, l)
	}
	dst = slices.Grow(dst, total)
	for i := range n {
		dst = append(dst, *(*string)(at(base, stride, i))...)
	}
	return dst, nil
}

func (text) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, _ int) ([]byte, error) {
	total, rest, err := sumLens(src, n, 0, 1)
	if err != nil {
		return nil, err
	}
	all, from := string(rest[:total]), 0
	for i := range n {
		var l int
		l, src = nextLen(src)
		*(*string)(at(base, stride, i)) = all[from : from+l]
		from += l
	}
	return rest[total:], nil
}

func appendLen(dst []byte, l int) []byte {
	if l < 0x80 {
		return append(dst, byte(l))
	}
	return binary.AppendUvarint(dst, uint64(l))
}

// nextLen reads a uvarint that sumLens has seen before.
func nextLen(src []byte) (int, []byte) {
	if src[0] < 0x80 {
		return int(src[0]), src[1:]
	}
	v, k := binary.Uvarint(src)
	return int(v), src[k:]
}

// uvarint reads a uvarint not checked yet.
func uvarint(src []byte) (uint64, []byte, error) {
	if len(src) > 0 && src[0] < 0x80 {
		return uint64(src[0]), src[1:], nil
	}
	v, k := binary.Uvarint(src)
	if k <= 0 {
		return 0, nil, corrupt("bad uvarint in the last %d bytes", len(src))
	}
	return v, src[k:], nil
}

// sumLens adds up n lengths, each written as length+bias with 0 for nil, and
// checks that as many values of at least size bytes fit into what follows.
func sumLens(src []byte, n int, bias uint64, size int) (total int, rest []byte, err error) {
	most := uint64(maxZeroElems)
	if size > 0 {
		most = uint64(len(src) / size)
	}
	short, biased := shortLens(src, n, byte(bias))
	total, rest = biased, src[short:]
	for i := short; i < n; i++ {
		var v uint64
		if v, rest, err = uvarint(rest); err != nil {
			return 0, nil, fmt.Errorf("length of row %d: %w", i, err)
		}
		v -= min(v, bias)
		if v > most || size > 0 && v+uint64(total) > most {
			return 0, nil, corrupt("row %d: length %d after %d in %d bytes", i, v, total, len(src))
		}
		total += int(v)
	}
	if !enough(total, size, len(rest)) {
		return 0, nil, corrupt("%d values of at least %d bytes in %d", total, size, len(rest))
	}
	return total, rest, nil
}

// shortLens adds up the lengths at the front of src that are single bytes, at
// most n, and returns how many they are. Most columns have no others.
func shortLens(src []byte, n int, bias byte) (count, total int) {
	for i, b := range src[:min(n, len(src))] {
		if b >= 0x80 {
			return i, total
		}
		total += int(b - min(b, bias))
	}
	return min(n, len(src)), total
}

// record is the column of structs: the columns of the fields, one after
// another.
type record struct {
	fields []field
	least  int
}

type field struct {
	name   string
	offset uintptr
	col    column
}

func (c *record) min() int { return c.least }

func (c *record) flat() bool { return len(c.fields) == 1 && c.fields[0].col.flat() }

func (c *record) append(dst []byte, base unsafe.Pointer, stride uintptr, n, depth int) (_ []byte, err error) {
	for i := range c.fields {
		f := &c.fields[i]
		if dst, err = f.col.append(dst, unsafe.Add(base, f.offset), stride, n, depth); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.name, err)
		}
	}
	return dst, nil
}

func (c *record) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, depth int) (_ []byte, err error) {
	for i := range c.fields {
		f := &c.fields[i]
		if src, err = f.col.decode(unsafe.Add(base, f.offset), stride, n, src, depth); err != nil {
			return nil, fmt.Errorf("field %s: %w", f.name, err)
		}
	}
	return src, nil
}

// array is the column of arrays, and of complex numbers.
type array struct {
	elem column
	size uintptr // of an element
	len  int
}

func (c *array) min() int   { return satMul(c.len, c.elem.min()) }
func (c *array) flat() bool { return true }

// whole reports whether the rows can be taken as one run of elements.
func (c *array) whole(stride uintptr) bool {
	return c.elem.flat() && stride == uintptr(c.len)*c.size
}

func (c *array) append(dst []byte, base unsafe.Pointer, stride uintptr, n, depth int) (_ []byte, err error) {
	if c.whole(stride) {
		return c.elem.append(dst, base, c.size, n*c.len, depth)
	}
	for i := range n {
		if dst, err = c.elem.append(dst, at(base, stride, i), c.size, c.len, depth); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (c *array) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, depth int) (_ []byte, err error) {
	if c.whole(stride) {
		return c.elem.decode(base, c.size, n*c.len, src, depth)
	}
	for i := range n {
		if src, err = c.elem.decode(at(base, stride, i), c.size, c.len, src, depth); err != nil {
			return nil, err
		}
	}
	return src, nil
}
