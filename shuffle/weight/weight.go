// Package weight estimates the memory that rows hold beyond themselves, and cuts their strings loose from the text
// they point into.
package weight

import (
	"reflect"
	"time"
	"unsafe"
)

// Weigher estimates the memory that rows of one type hold: what they point to, without the rows themselves. It is safe
// for concurrent use.
type Weigher struct {
	fixed   int
	strings []uintptr // offsets of the strings in a row, when rest is nil
	rest    weight    // for types that point to more than strings
}

// weight returns the bytes reachable from the value at p, without the value itself. depth ends walks of cyclic data.
type weight func(p unsafe.Pointer, depth int) int64

// NewWeigher returns the weigher of rows of type t.
func NewWeigher(t reflect.Type) *Weigher {
	w := &Weigher{fixed: int(t.Size())}
	if off, ok := Strings(t); ok {
		w.strings = off
	} else {
		w.rest = (&weights{}).of(t)
	}
	return w
}

// Fixed returns the size of a row itself.
func (w *Weigher) Fixed() int { return w.fixed }

// Flat reports whether rows point to nothing.
func (w *Weigher) Flat() bool { return w.rest == nil && len(w.strings) == 0 }

// Row returns the bytes that a row points to.
func (w *Weigher) Row(row unsafe.Pointer) int64 {
	if w.rest != nil {
		return w.rest(row, 0)
	}
	var n int64
	for _, off := range w.strings {
		n += int64(len(*(*string)(unsafe.Add(row, off))))
	}
	return n
}

// Rows returns the bytes that n rows hold, themselves included. They begin at first and are stride bytes apart.
func (w *Weigher) Rows(first unsafe.Pointer, stride uintptr, n int) int64 {
	sum := int64(n) * int64(w.fixed)
	if w.Flat() {
		return sum
	}
	for i := range n {
		sum += w.Row(unsafe.Add(first, uintptr(i)*stride))
	}
	return sum
}

// maxStrings bounds the offsets kept for one type; arrays of many strings are walked instead.
const maxStrings = 64

// Strings returns the offsets of all strings in a value of type t. It says false when t holds other pointers.
func Strings(t reflect.Type) ([]uintptr, bool) {
	switch t.Kind() {
	case reflect.String:
		return []uintptr{0}, true
	case reflect.Array:
		in, ok := Strings(t.Elem())
		if !ok || len(in) > 0 && t.Len() > maxStrings/len(in) {
			return nil, false
		}
		var out []uintptr
		for i := 0; i < t.Len() && len(in) > 0; i++ {
			for _, off := range in {
				out = append(out, uintptr(i)*t.Elem().Size()+off)
			}
		}
		return out, true
	case reflect.Struct:
		var out []uintptr
		for i := range t.NumField() {
			f := t.Field(i)
			in, ok := Strings(f.Type)
			if !ok || len(out)+len(in) > maxStrings {
				return nil, false
			}
			for _, off := range in {
				out = append(out, f.Offset+off)
			}
		}
		return out, true
	case reflect.Slice, reflect.Pointer, reflect.Map, reflect.Interface, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return nil, false
	}
	return nil, true
}

// weights compiles weights; made holds the types under way, so that recursive types end.
type weights struct{ made map[reflect.Type]*weight }

const maxDepth = 64

func (w *weights) of(t reflect.Type) weight {
	if off, ok := Strings(t); ok {
		return flatWeight(off)
	}
	if t == reflect.TypeFor[time.Time]() {
		return nil // its pointer leads to a shared Location
	}
	if made := w.made[t]; made != nil {
		return func(p unsafe.Pointer, depth int) int64 {
			if depth > maxDepth || *made == nil {
				return 0
			}
			return (*made)(p, depth+1)
		}
	}
	if w.made == nil {
		w.made = map[reflect.Type]*weight{}
	}
	made := new(weight)
	w.made[t] = made
	*made = w.compile(t)
	return *made
}

func flatWeight(off []uintptr) weight {
	if len(off) == 0 {
		return nil
	}
	return func(p unsafe.Pointer, _ int) int64 {
		var n int64
		for _, o := range off {
			n += int64(len(*(*string)(unsafe.Add(p, o))))
		}
		return n
	}
}

func (w *weights) compile(t reflect.Type) weight {
	switch t.Kind() {
	case reflect.Slice:
		return w.run(t.Elem(), -1)
	case reflect.Array:
		return w.run(t.Elem(), t.Len())
	case reflect.Pointer:
		elem, size := w.of(t.Elem()), int64(t.Elem().Size())
		return func(p unsafe.Pointer, depth int) int64 {
			q := *(*unsafe.Pointer)(p)
			if q == nil || elem == nil {
				return size
			}
			return size + elem(q, depth)
		}
	case reflect.Struct:
		return w.fields(t)
	case reflect.Map:
		return w.mapped(t)
	case reflect.Interface:
		return w.dynamic(t)
	}
	return nil
}

// run weighs the elements of an array of n, or of a slice when n is negative.
func (w *weights) run(t reflect.Type, n int) weight {
	elem, size := w.of(t), t.Size()
	return func(p unsafe.Pointer, depth int) (sum int64) {
		count := n
		if n < 0 {
			s := *(*[]struct{})(p)
			count, p, sum = len(s), unsafe.Pointer(unsafe.SliceData(s)), int64(cap(s))*int64(size)
		}
		for i := 0; elem != nil && i < count; i++ {
			sum += elem(unsafe.Add(p, uintptr(i)*size), depth)
		}
		return sum
	}
}

func (w *weights) fields(t reflect.Type) weight {
	var parts []weight
	var offs []uintptr
	for i := range t.NumField() {
		if part := w.of(t.Field(i).Type); part != nil {
			parts, offs = append(parts, part), append(offs, t.Field(i).Offset)
		}
	}
	return func(p unsafe.Pointer, depth int) (n int64) {
		for i, part := range parts {
			n += part(unsafe.Add(p, offs[i]), depth)
		}
		return n
	}
}

func (w *weights) mapped(t reflect.Type) weight {
	key, val := w.of(t.Key()), w.of(t.Elem())
	entry := int64(t.Key().Size()+t.Elem().Size()) * 3 / 2
	return func(p unsafe.Pointer, depth int) (n int64) {
		m := reflect.NewAt(t, p).Elem()
		n = 48 + int64(m.Len())*entry
		if key == nil && val == nil {
			return n
		}
		for it := m.MapRange(); it.Next(); {
			n += boxed(key, it.Key(), depth) + boxed(val, it.Value(), depth)
		}
		return n
	}
}

func boxed(f weight, v reflect.Value, depth int) int64 {
	if f == nil {
		return 0
	}
	box := reflect.New(v.Type())
	box.Elem().Set(v)
	return f(box.UnsafePointer(), depth+1)
}

func (w *weights) dynamic(t reflect.Type) weight {
	return func(p unsafe.Pointer, depth int) int64 {
		v := reflect.NewAt(t, p).Elem().Elem()
		if !v.IsValid() || depth > maxDepth {
			return 0
		}
		return int64(v.Type().Size()) + boxed((&weights{}).of(v.Type()), v, depth)
	}
}

// Copier copies the strings of rows into memory of its own, so that a kept row does not keep the chunk of text its
// strings were cut from. Types that point to more than strings are left as they are. It is not safe for concurrent use.
type Copier struct {
	strings []uintptr
	arena   []byte
}

// NewCopier returns a copier of rows of type t.
func NewCopier(t reflect.Type) *Copier {
	off, ok := Strings(t)
	if !ok {
		off = nil
	}
	return &Copier{strings: off}
}

// Copy replaces the strings of n rows by copies. They begin at first and are stride bytes apart.
func (c *Copier) Copy(first unsafe.Pointer, stride uintptr, n int) {
	if len(c.strings) == 0 {
		return
	}
	for i := range n {
		row := unsafe.Add(first, uintptr(i)*stride)
		for _, off := range c.strings {
			s := (*string)(unsafe.Add(row, off))
			*s = c.keep(*s)
		}
	}
}

func (c *Copier) keep(s string) string {
	const chunk = 32 << 10
	if len(s) > chunk/4 {
		return string([]byte(s))
	}
	if len(s) > cap(c.arena)-len(c.arena) {
		c.arena = make([]byte, 0, chunk)
	}
	at := len(c.arena)
	c.arena = append(c.arena, s...)
	return unsafe.String(unsafe.SliceData(c.arena[at:]), len(s))
}

// PointerFree reports whether values of type t hold no pointers, so that they may live outside the Go heap.
func PointerFree(t reflect.Type) bool {
	off, ok := Strings(t)
	return ok && len(off) == 0
}
