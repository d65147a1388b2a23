package codec

import (
	"reflect"
	"unsafe"
)

// KeyType hashes and orders keys of one type. Keys are passed by pointer, many
// of them by a pointer to the first and the distance between two, so that keys
// need not be taken out of their rows. It is safe for concurrent use.
//
// For floating-point numbers, also inside structs and arrays, all NaN are one
// key, less than all others, and -0 is +0.
type KeyType struct {
	typ   reflect.Type
	node  *keyNode
	plain bool // keys are equal when their bytes are
}

// KeyTypeOf returns the type of keys of K. The error is a [*TypeError] when K
// holds pointers, interfaces or channels, which mean something in one process
// only.
func KeyTypeOf[K comparable]() (*KeyType, error) { return keyTypeOf((*K)(nil)) }

func keyTypeOf(pointer any) (*KeyType, error) {
	t := reflect.TypeOf(pointer).Elem()
	if k, ok := keyTypes.Load(t); ok {
		return k.(*KeyType), nil
	}
	c := &keyCompiler{}
	c.push(typeName(t))
	node, err := c.compile(t)
	if err != nil {
		return nil, err
	}
	k, _ := keyTypes.LoadOrStore(t, &KeyType{t, node, node.plain()})
	return k.(*KeyType), nil
}

// Reflect returns the type of a key.
func (k *KeyType) Reflect() reflect.Type { return k.typ }

// Hash writes to out the hashes of as many keys, which begin at first and are
// stride bytes apart. They depend on the key and the seed only, never on process
// or machine. Different seeds place keys independently. The hash is not proof
// against keys chosen by an adversary who knows the seed.
func (k *KeyType) Hash(out []uint64, first unsafe.Pointer, stride uintptr, seed uint64) {
	s := mixSeed(seed)
	switch k.node.kind {
	case reflect.String:
		for i := range out {
			out[i] = hashString(*(*string)(at(first, stride, i)), s)
		}
	case reflect.Int64, reflect.Uint64:
		for i := range out {
			out[i] = hashWord(*(*uint64)(at(first, stride, i)), s)
		}
	case reflect.Int32:
		for i := range out {
			out[i] = hashWord(uint64(*(*int32)(at(first, stride, i))), s)
		}
	case reflect.Uint32:
		for i := range out {
			out[i] = hashWord(uint64(*(*uint32)(at(first, stride, i))), s)
		}
	case reflect.Struct:
		k.node.hashStructs(out, first, stride, s)
	default:
		for i := range out {
			out[i] = k.node.hash(at(first, stride, i), s)
		}
	}
}

// Exact says that HashExact can be used: that keys are integers.
func (k *KeyType) Exact() bool {
	return k.node.kind >= reflect.Int8 && k.node.kind <= reflect.Uint64
}

// HashExact is Hash by a function that gives different keys different hashes, so that equal hashes need no comparison.
func (k *KeyType) HashExact(out []uint64, first unsafe.Pointer, stride uintptr, seed uint64) {
	s := mixSeed(seed)
	switch k.node.kind {
	case reflect.Int64, reflect.Uint64:
		for i := range out {
			out[i] = spreadWord(*(*uint64)(at(first, stride, i)), s)
		}
	case reflect.Int32, reflect.Uint32:
		for i := range out {
			out[i] = spreadWord(uint64(*(*uint32)(at(first, stride, i))), s)
		}
	default:
		for i := range out {
			out[i] = spreadWord(k.node.word(at(first, stride, i)), s)
		}
	}
}

// Hash1 is Hash of one key.
func (k *KeyType) Hash1(key unsafe.Pointer, seed uint64) uint64 {
	return k.node.hash(key, mixSeed(seed))
}

// Equal is ==, except that NaN equals NaN.
func (k *KeyType) Equal(a, b unsafe.Pointer) bool {
	switch k.node.kind {
	case reflect.String:
		return *(*string)(a) == *(*string)(b)
	case reflect.Int64, reflect.Uint64:
		return *(*uint64)(a) == *(*uint64)(b)
	case reflect.Int32, reflect.Uint32:
		return *(*uint32)(a) == *(*uint32)(b)
	}
	if k.plain {
		return k.node.bytes(a) == k.node.bytes(b)
	}
	return k.node.compare(a, b) == 0
}

// Compare is cmp.Compare, with false before true, and structs and arrays ordered
// by their first field or element that differs.
func (k *KeyType) Compare(a, b unsafe.Pointer) int { return k.node.compare(a, b) }

// Prefix writes to out numbers for as many keys that are ordered like the keys:
// if that of a is less than that of b, so is a.
func (k *KeyType) Prefix(out []uint64, first unsafe.Pointer, stride uintptr) {
	switch k.node.kind {
	case reflect.String:
		for i := range out {
			out[i] = prefixString(*(*string)(at(first, stride, i)))
		}
	case reflect.Int64:
		for i := range out {
			out[i] = *(*uint64)(at(first, stride, i)) ^ signBit
		}
	default:
		for i := range out {
			out[i] = k.node.prefix(at(first, stride, i))
		}
	}
}

// keyCompiler turns a type into a tree of nodes.
type keyCompiler struct{ trail }

func (c *keyCompiler) compile(t reflect.Type) (*keyNode, error) {
	n := &keyNode{kind: t.Kind(), size: t.Size()}
	switch n.kind {
	case reflect.Bool, reflect.String, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return n, nil
	case reflect.Int:
		n.kind = sized(reflect.Int32, reflect.Int64)
		return n, nil
	case reflect.Uint, reflect.Uintptr:
		n.kind = sized(reflect.Uint32, reflect.Uint64)
		return n, nil
	case reflect.Array:
		return n, c.array(n, t)
	case reflect.Struct:
		return n, c.fields(n, t)
	}
	return nil, c.refuse(t, "use a key made of numbers, strings, arrays and structs of them")
}

func (c *keyCompiler) refuse(t reflect.Type, remedy string) error {
	return &TypeError{Type: t, Path: c.String(), Reason: "cannot be part of a key", Remedy: remedy}
}

func sized(narrow, wide reflect.Kind) reflect.Kind {
	if unsafe.Sizeof(uintptr(0)) == 4 {
		return narrow
	}
	return wide
}

// array adds the elements of t to n: bytes as one string, others one by one.
func (c *keyCompiler) array(n *keyNode, t reflect.Type) error {
	c.push("[]")
	elem, err := c.compile(t.Elem())
	if err != nil {
		return err
	}
	c.pop()
	if elem.kind != reflect.Uint8 {
		n.elem, n.len = elem, t.Len()
		return nil
	}
	n.kind = kindBytes
	return nil
}

func (c *keyCompiler) fields(n *keyNode, t reflect.Type) error {
	if t.ConvertibleTo(timeType) {
		return c.refuse(t, "it holds a pointer to its zone: use its UnixNano")
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" { // == passes over them too
			continue
		}
		c.push("." + f.Name)
		node, err := c.compile(f.Type)
		if err != nil {
			return err
		}
		c.pop()
		n.fields = append(n.fields, keyField{f.Offset, node})
	}
	return nil
}
