package codec

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"unsafe"
)

// errDepth is returned for values of recursive types nested too deep, which
// includes those that contain themselves.
var errDepth = fmt.Errorf("more than %d levels deep", maxDepth)

// again is the column of a type inside itself.
type again struct{ col column }

func (c *again) min() int   { return c.col.min() }
func (c *again) flat() bool { return false }

func (c *again) append(dst []byte, base unsafe.Pointer, stride uintptr, n, depth int) ([]byte, error) {
	if depth >= maxDepth {
		return nil, errDepth
	}
	out, err := c.col.append(dst, base, stride, n, depth+1)
	return out, shorten(err)
}

func (c *again) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, depth int) ([]byte, error) {
	if depth >= maxDepth {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, errDepth)
	}
	rest, err := c.col.decode(base, stride, n, src, depth+1)
	return rest, shorten(err)
}

// shorten keeps the way to an error a thousand levels down out of its text.
func shorten(err error) error {
	if err != nil && errors.Is(err, errDepth) {
		if errors.Is(err, ErrCorrupt) {
			return fmt.Errorf("%w: %w", ErrCorrupt, errDepth)
		}
		return errDepth
	}
	return err
}

// sliceHeader is a slice whose element type is not known to the compiler.
type sliceHeader struct {
	data     unsafe.Pointer
	len, cap int
}

// nowhere is what empty slices point to: the end of the memory shared by a run
// may belong to something else.
var nowhere struct{ _ uint64 }

// list is the column of slices. The elements of all rows of a run share one
// allocation.
type list struct {
	elem column
	typ  reflect.Type // the slice's
	size uintptr      // of an element
}

func (c *list) min() int   { return 1 }
func (c *list) flat() bool { return false }

func (c *list) append(dst []byte, base unsafe.Pointer, stride uintptr, n, depth int) (_ []byte, err error) {
	for i := range n {
		h := (*sliceHeader)(at(base, stride, i))
		switch {
		case h.data == nil:
			dst = append(dst, 0)
		case c.size == 0 && h.len > maxZeroElems:
			return nil, fmt.Errorf("row %d: more than %d elements without size", i, maxZeroElems)
		default:
			dst = appendLen(dst, h.len+1)
		}
	}
	for i := range n {
		h := (*sliceHeader)(at(base, stride, i))
		if h.len == 0 {
			continue
		}
		if dst, err = c.elem.append(dst, h.data, c.size, h.len, depth); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (c *list) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, depth int) ([]byte, error) {
	total, rest, err := sumLens(src, n, 1, c.elem.min())
	if err != nil {
		return nil, err
	}
	slab := unsafe.Pointer(&nowhere)
	if total > 0 && c.size > 0 {
		slab = reflect.MakeSlice(c.typ, total, total).UnsafePointer()
	}
	joined := total > 0 && c.elem.flat()
	if joined {
		if rest, err = c.elem.decode(slab, c.size, total, rest, depth); err != nil {
			return nil, err
		}
	}
	for i, from := 0, 0; i < n; i++ {
		var l int
		l, src = nextLen(src)
		h := (*sliceHeader)(at(base, stride, i))
		if l < 2 {
			*h = sliceHeader{}
			if l == 1 {
				h.data = unsafe.Pointer(&nowhere)
			}
			continue
		}
		l--
		part := at(slab, c.size, from)
		if !joined {
			if rest, err = c.elem.decode(part, c.size, l, rest, depth); err != nil {
				return nil, err
			}
		}
		*h = sliceHeader{part, l, l}
		from += l
	}
	return rest, nil
}

// pointer is the column of pointers. The values a run points to share one
// allocation.
type pointer struct {
	elem column
	typ  reflect.Type // of a slice of what is pointed to
	size uintptr
}

func (c *pointer) min() int   { return 1 }
func (c *pointer) flat() bool { return false }

func (c *pointer) append(dst []byte, base unsafe.Pointer, stride uintptr, n, depth int) (_ []byte, err error) {
	dst, room := extend(dst, n)
	for i := range n {
		room[i] = 0
		if *(*unsafe.Pointer)(at(base, stride, i)) != nil {
			room[i] = 1
		}
	}
	for i := range n {
		p := *(*unsafe.Pointer)(at(base, stride, i))
		if p == nil {
			continue
		}
		if dst, err = c.elem.append(dst, p, c.size, 1, depth); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func (c *pointer) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, depth int) ([]byte, error) {
	if n > len(src) {
		return nil, corrupt("%d pointers in %d bytes", n, len(src))
	}
	marks, rest, count := src[:n], src[n:], 0
	for i, m := range marks {
		if m > 1 {
			return nil, corrupt("row %d: mark of pointer is %d", i, m)
		}
		count += int(m)
	}
	if !enough(count, c.elem.min(), len(rest)) {
		return nil, corrupt("%d values of at least %d bytes in %d", count, c.elem.min(), len(rest))
	}
	var slab unsafe.Pointer
	if count > 0 {
		slab = reflect.MakeSlice(c.typ, count, count).UnsafePointer()
	}
	used := 0
	for i, m := range marks {
		p := (*unsafe.Pointer)(at(base, stride, i))
		if m == 0 {
			*p = nil
			continue
		}
		v := at(slab, c.size, used)
		var err error
		if rest, err = c.elem.decode(v, c.size, 1, rest, depth); err != nil {
			return nil, err
		}
		*p = v
		used++
	}
	return rest, nil
}

// dict is the column of maps.
type dict struct {
	key, val   column
	typ        reflect.Type
	keys, vals reflect.Type // slices of them
	check      bool         // keys may hold a value that cannot be hashed
}

func (c *dict) min() int   { return 1 }
func (c *dict) flat() bool { return false }

func (c *dict) append(dst []byte, base unsafe.Pointer, stride uintptr, n, depth int) (_ []byte, err error) {
	for i := range n {
		m := reflect.NewAt(c.typ, at(base, stride, i)).Elem()
		if m.IsNil() {
			dst = append(dst, 0)
			continue
		}
		dst = appendLen(dst, m.Len()+1)
	}
	for i := range n {
		m := reflect.NewAt(c.typ, at(base, stride, i)).Elem()
		if m.Len() == 0 {
			continue
		}
		if dst, err = c.appendEntries(dst, m, depth); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// entries are the entries of one map in the order they travel in.
type entries struct {
	keys, vals reflect.Value
	code       [][]byte // of each key
	swap       [2]func(i, j int)
}

func (e *entries) Len() int           { return len(e.code) }
func (e *entries) Less(i, j int) bool { return bytes.Compare(e.code[i], e.code[j]) < 0 }

func (e *entries) Swap(i, j int) {
	e.code[i], e.code[j] = e.code[j], e.code[i]
	e.swap[0](i, j)
	e.swap[1](i, j)
}

func (c *dict) appendEntries(dst []byte, m reflect.Value, depth int) (_ []byte, err error) {
	n := m.Len()
	e := &entries{
		keys: reflect.MakeSlice(c.keys, n, n),
		vals: reflect.MakeSlice(c.vals, n, n),
		code: make([][]byte, 0, n),
	}
	e.swap = [2]func(i, j int){reflect.Swapper(e.keys.Interface()), reflect.Swapper(e.vals.Interface())}
	var buf []byte
	for it := m.MapRange(); it.Next(); {
		i := len(e.code)
		k := e.keys.Index(i)
		k.SetIterKey(it)
		e.vals.Index(i).SetIterValue(it)
		// A code cut from a buffer that has grown since stays where it is.
		from := len(buf)
		if buf, err = c.key.append(buf, k.Addr().UnsafePointer(), k.Type().Size(), 1, depth); err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		e.code = append(e.code, buf[from:])
	}
	sort.Sort(e)
	if dst, err = c.key.append(dst, e.keys.UnsafePointer(), c.keys.Elem().Size(), n, depth); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return c.val.append(dst, e.vals.UnsafePointer(), c.vals.Elem().Size(), n, depth)
}

func (c *dict) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, depth int) ([]byte, error) {
	_, rest, err := sumLens(src, n, 1, c.entrySize())
	if err != nil {
		return nil, err
	}
	for i := range n {
		var l int
		l, src = nextLen(src)
		m := reflect.NewAt(c.typ, at(base, stride, i)).Elem()
		switch l {
		case 0:
			m.SetZero()
		case 1:
			m.Set(reflect.MakeMap(c.typ))
		default:
			var fresh reflect.Value
			if fresh, rest, err = c.decodeEntries(l-1, rest, depth); err != nil {
				return nil, fmt.Errorf("row %d: %w", i, err)
			}
			m.Set(fresh)
		}
	}
	return rest, nil
}

// entrySize is the fewest bytes an entry takes.
func (c *dict) entrySize() int { return satAdd(c.key.min(), c.val.min()) }

func (c *dict) decodeEntries(n int, src []byte, depth int) (m reflect.Value, rest []byte, err error) {
	if !enough(n, c.entrySize(), len(src)) || c.key.min() == 0 && n > 1 {
		return m, nil, corrupt("map of %d entries in %d bytes", n, len(src))
	}
	keys, vals := reflect.MakeSlice(c.keys, n, n), reflect.MakeSlice(c.vals, n, n)
	if rest, err = c.key.decode(keys.UnsafePointer(), c.keys.Elem().Size(), n, src, depth); err != nil {
		return m, nil, fmt.Errorf("key: %w", err)
	}
	if rest, err = c.val.decode(vals.UnsafePointer(), c.vals.Elem().Size(), n, rest, depth); err != nil {
		return m, nil, err
	}
	m = reflect.MakeMapWithSize(c.typ, n)
	for i := range n {
		k := keys.Index(i)
		if c.check && !k.Comparable() {
			return m, nil, corrupt("key of a type that cannot be hashed")
		}
		m.SetMapIndex(k, vals.Index(i))
	}
	if m.Len() != n {
		return m, nil, corrupt("map of %d entries has %d keys", n, m.Len())
	}
	return m, rest, nil
}
