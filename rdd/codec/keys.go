package codec

import (
	"cmp"
	"reflect"
	"unsafe"
)

// Keys hashes and orders keys of one type. It is safe for concurrent use.
//
// For floating-point numbers, also inside structs and arrays, all NaN are one
// key, less than all others, and -0 is +0.
type Keys[K comparable] interface {
	// Hash writes the hashes of keys to out, which must be at least as long.
	// They depend on the key and the seed only, never on process or machine.
	// Different seeds place keys independently. The hash is not proof against
	// keys chosen by an adversary who knows the seed.
	Hash(out []uint64, keys []K, seed uint64)
	// Hash1 is Hash of one key.
	Hash1(k K, seed uint64) uint64
	// Equal is ==, except that NaN equals NaN.
	Equal(a, b K) bool
	// Compare is cmp.Compare, with false before true, and structs and arrays
	// ordered by their first field or element that differs.
	Compare(a, b K) int
	// Prefix writes to out, which must be at least as long as keys, numbers that
	// are ordered like keys: if that of a is less than that of b, so is a.
	Prefix(out []uint64, keys []K)
}

// RegisterKeys makes k what KeysFor returns for K. Generated code calls it from
// init. The first stays.
func RegisterKeys[K comparable](k Keys[K]) {
	keyOps.announced.LoadOrStore(reflect.TypeFor[K](), k)
}

// KeysFor returns the Keys of K: the registered ones, else some made for the
// type. The error is a [*TypeError] when K holds pointers, interfaces or
// channels, which mean something in one process only.
func KeysFor[K comparable]() (Keys[K], error) {
	t := reflect.TypeFor[K]()
	if k, ok := keyOps.lookup(t); ok {
		return k.(Keys[K]), nil
	}
	c := &keyCompiler{}
	c.push(typeName(t))
	node, err := c.compile(t)
	if err != nil {
		return nil, err
	}
	k, _ := keyOps.built.LoadOrStore(t, keysOf[K](node))
	return k.(Keys[K]), nil
}

func keysOf[K comparable](node *keyNode) Keys[K] {
	switch node.kind {
	case reflect.String:
		return stringKeys[K]{}
	case reflect.Int64:
		return intKeys[K]{}
	}
	return nodeKeys[K]{node}
}

// stringKeys are keys of kind string. K is known to be one by who made them.
type stringKeys[K comparable] struct{}

func (stringKeys[K]) Hash(out []uint64, keys []K, seed uint64) {
	out, s := out[:len(keys)], mixSeed(seed)
	for i, k := range asStrings(keys) {
		out[i] = hashString(k, s)
	}
}

func (stringKeys[K]) Hash1(k K, seed uint64) uint64 {
	return hashString(*(*string)(unsafe.Pointer(&k)), mixSeed(seed))
}

func (stringKeys[K]) Equal(a, b K) bool { return a == b }

func (stringKeys[K]) Compare(a, b K) int {
	return cmp.Compare(*(*string)(unsafe.Pointer(&a)), *(*string)(unsafe.Pointer(&b)))
}

func (stringKeys[K]) Prefix(out []uint64, keys []K) {
	out = out[:len(keys)]
	for i, k := range asStrings(keys) {
		out[i] = prefixString(k)
	}
}

func asStrings[K any](keys []K) []string {
	return unsafe.Slice((*string)(unsafe.Pointer(unsafe.SliceData(keys))), len(keys))
}

// intKeys are keys of kind int64, and int where it is as wide.
type intKeys[K comparable] struct{}

func (intKeys[K]) Hash(out []uint64, keys []K, seed uint64) {
	out, s := out[:len(keys)], mixSeed(seed)
	for i, k := range asInts(keys) {
		out[i] = hashWord(uint64(k), s)
	}
}

func (intKeys[K]) Hash1(k K, seed uint64) uint64 {
	return hashWord(*(*uint64)(unsafe.Pointer(&k)), mixSeed(seed))
}

func (intKeys[K]) Equal(a, b K) bool { return a == b }

func (intKeys[K]) Compare(a, b K) int {
	return cmp.Compare(*(*int64)(unsafe.Pointer(&a)), *(*int64)(unsafe.Pointer(&b)))
}

func (intKeys[K]) Prefix(out []uint64, keys []K) {
	out = out[:len(keys)]
	for i, k := range asInts(keys) {
		out[i] = uint64(k) ^ signBit
	}
}

func asInts[K any](keys []K) []int64 {
	return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(keys))), len(keys))
}

// nodeKeys are keys of any other type. The functions on nodes are called
// directly, never through an interface, so that keys stay on the stack.
type nodeKeys[K comparable] struct{ node *keyNode }

func (k nodeKeys[K]) Hash(out []uint64, keys []K, seed uint64) {
	out, s := out[:len(keys)], mixSeed(seed)
	for i := range keys {
		out[i] = k.node.hash(unsafe.Pointer(&keys[i]), s)
	}
}

func (k nodeKeys[K]) Hash1(key K, seed uint64) uint64 {
	return k.node.hash(unsafe.Pointer(&key), mixSeed(seed))
}

func (k nodeKeys[K]) Equal(a, b K) bool {
	return k.node.compare(unsafe.Pointer(&a), unsafe.Pointer(&b)) == 0
}

func (k nodeKeys[K]) Compare(a, b K) int {
	return k.node.compare(unsafe.Pointer(&a), unsafe.Pointer(&b))
}

func (k nodeKeys[K]) Prefix(out []uint64, keys []K) {
	out = out[:len(keys)]
	for i := range keys {
		out[i] = k.node.prefix(unsafe.Pointer(&keys[i]))
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
