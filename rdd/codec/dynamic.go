package codec

import (
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// named is a type that may be found in an interface.
type named struct {
	name string
	typ  reflect.Type
	col  func() (column, error) // compiled when first met: names come in any order
}

// names is the registry of RegisterName. Like codecs it describes the program.
var names struct {
	sync.RWMutex
	byName map[string]*named
	byType map[reflect.Type]*named
}

// RegisterName lets values of the concrete type T travel in fields of interface
// type, under a name that must be the same in all processes and releases that
// exchange batches. Call it from init. It panics when T is an interface, or when
// the name or the type is already taken.
func RegisterName[T any](name string) {
	t := reflect.TypeFor[T]()
	if name == "" || t.Kind() == reflect.Interface {
		panic(fmt.Sprintf("codec: cannot register %s as %q", t, name))
	}
	names.Lock()
	defer names.Unlock()
	if names.byName == nil {
		names.byName = map[string]*named{}
		names.byType = map[reflect.Type]*named{}
	}
	was, other := names.byName[name], names.byType[t]
	if was != nil && was == other {
		return
	}
	if was != nil || other != nil {
		panic(fmt.Sprintf("codec: register %s as %q: name or type is taken", t, name))
	}
	e := &named{name: name, typ: t, col: sync.OnceValues(func() (column, error) {
		p, err := compile(t)
		return p.col, err
	})}
	names.byName[name], names.byType[t] = e, e
}

// holdable reports whether a registered type implements the interface t.
func holdable(t reflect.Type) bool {
	names.RLock()
	defer names.RUnlock()
	for _, e := range names.byName {
		if e.typ.Implements(t) {
			return true
		}
	}
	return false
}

func nameOf(t reflect.Type) *named {
	names.RLock()
	defer names.RUnlock()
	return names.byType[t]
}

func typeNamed(name []byte) *named {
	names.RLock()
	defer names.RUnlock()
	return names.byName[string(name)]
}

// dynamic is the column of interfaces.
type dynamic struct{ typ reflect.Type }

func (c *dynamic) min() int   { return 1 }
func (c *dynamic) flat() bool { return true }

func (c *dynamic) append(dst []byte, base unsafe.Pointer, stride uintptr, n, depth int) ([]byte, error) {
	for i := range n {
		v := reflect.NewAt(c.typ, at(base, stride, i)).Elem().Elem()
		if !v.IsValid() {
			dst = append(dst, 0)
			continue
		}
		var err error
		if dst, err = appendDynamic(dst, v, depth); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	return dst, nil
}

func appendDynamic(dst []byte, v reflect.Value, depth int) ([]byte, error) {
	e := nameOf(v.Type())
	if e == nil {
		return nil, fmt.Errorf("value of type %s in an interface: give the type a name with codec.RegisterName", v.Type())
	}
	col, err := e.col()
	if err != nil {
		return nil, err
	}
	if depth >= maxDepth {
		return nil, errDepth
	}
	dst = append(appendLen(dst, len(e.name)+1), e.name...)
	p := reflect.New(e.typ)
	p.Elem().Set(v)
	dst, err = col.append(dst, p.UnsafePointer(), e.typ.Size(), 1, depth+1)
	return dst, shorten(err)
}

func (c *dynamic) decode(base unsafe.Pointer, stride uintptr, n int, src []byte, depth int) ([]byte, error) {
	for i := range n {
		l, rest, err := uvarint(src)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		slot := reflect.NewAt(c.typ, at(base, stride, i)).Elem()
		if l == 0 {
			slot.SetZero()
			src = rest
			continue
		}
		if l--; l > uint64(len(rest)) {
			return nil, corrupt("row %d: name of %d bytes in %d", i, l, len(rest))
		}
		if src, err = c.decodeValue(slot, rest[:l], rest[l:], depth); err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
	}
	return src, nil
}

func (c *dynamic) decodeValue(slot reflect.Value, name, src []byte, depth int) ([]byte, error) {
	e := typeNamed(name)
	if e == nil {
		return nil, corrupt("no type is registered as %.40q", name)
	}
	if !e.typ.Implements(c.typ) {
		return nil, corrupt("%s, registered as %q, does not implement %s", e.typ, e.name, c.typ)
	}
	col, err := e.col()
	if err != nil {
		return nil, err
	}
	if depth >= maxDepth {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, errDepth)
	}
	if !enough(1, col.min(), len(src)) {
		return nil, corrupt("a %s in %d bytes", e.typ, len(src))
	}
	v := reflect.New(e.typ)
	rest, err := col.decode(v.UnsafePointer(), e.typ.Size(), 1, src, depth+1)
	if err != nil {
		return nil, shorten(err)
	}
	slot.Set(v.Elem())
	return rest, nil
}
