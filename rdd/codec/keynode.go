package codec

import (
	"cmp"
	"math"
	"reflect"
	"unsafe"
)

// kindBytes is the kind of a node for an array of bytes.
const kindBytes = reflect.Kind(255)

// keyNode is a type of key taken apart. Its methods work on a key in memory.
type keyNode struct {
	kind   reflect.Kind
	size   uintptr
	fields []keyField // of a struct
	elem   *keyNode   // of an array
	len    int
}

type keyField struct {
	offset uintptr
	node   *keyNode
}

// word returns a value of a kind that fits into 64 bits as the bits to hash:
// equal for equal keys.
func (n *keyNode) word(p unsafe.Pointer) uint64 {
	switch n.kind {
	case reflect.Bool, reflect.Uint8: // a bool is 0 or 1
		return uint64(*(*uint8)(p))
	case reflect.Int8:
		return uint64(*(*int8)(p))
	case reflect.Int16:
		return uint64(*(*int16)(p))
	case reflect.Int32:
		return uint64(*(*int32)(p))
	case reflect.Uint16:
		return uint64(*(*uint16)(p))
	case reflect.Uint32:
		return uint64(*(*uint32)(p))
	case reflect.Float32:
		return floatBits(float64(*(*float32)(p)))
	case reflect.Float64:
		return floatBits(*(*float64)(p))
	}
	return *(*uint64)(p)
}

// plain says that keys are equal when their bytes are: they hold no strings, no
// floats, and nothing between fields.
func (n *keyNode) plain() bool {
	switch n.kind {
	case reflect.String, reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return false
	case reflect.Array:
		return n.elem.plain()
	case reflect.Struct:
		size := uintptr(0)
		for _, f := range n.fields {
			if !f.node.plain() {
				return false
			}
			size += f.node.size
		}
		return size == n.size
	}
	return true
}

// floatBits returns the bits of f with one NaN and one zero.
func floatBits(f float64) uint64 {
	switch {
	case f != f:
		return 0x7ff8 << 48
	case f == 0:
		return 0
	}
	return math.Float64bits(f)
}

// hash hashes a struct or array by making the hash of each part a seed of the
// next.
func (n *keyNode) hash(p unsafe.Pointer, s seeds) uint64 {
	switch n.kind {
	case reflect.String:
		return hashString(*(*string)(p), s)
	case kindBytes:
		return hashString(n.bytes(p), s)
	case reflect.Struct:
		for i := range n.fields {
			f := &n.fields[i]
			s.a = f.node.hash(unsafe.Add(p, f.offset), s)
		}
		return s.a
	case reflect.Array:
		for i := range n.len {
			s.a = n.elem.hash(at(p, n.elem.size, i), s)
		}
		return s.a
	case reflect.Complex64:
		return hashComplex(complex128(*(*complex64)(p)), s)
	case reflect.Complex128:
		return hashComplex(*(*complex128)(p), s)
	}
	return hashWord(n.word(p), s)
}

// hashStructs is hash for many structs, field by field.
func (n *keyNode) hashStructs(out []uint64, first unsafe.Pointer, stride uintptr, s seeds) {
	for i := range out {
		out[i] = s.a
	}
	for i := range n.fields {
		f := &n.fields[i]
		p := unsafe.Add(first, f.offset)
		switch f.node.kind {
		case reflect.Bool, reflect.Uint8:
			for i, h := range out {
				out[i] = hashWord(uint64(*(*uint8)(at(p, stride, i))), seeds{h, s.b})
			}
		case reflect.Int64, reflect.Uint64:
			for i, h := range out {
				out[i] = hashWord(*(*uint64)(at(p, stride, i)), seeds{h, s.b})
			}
		default:
			for i, h := range out {
				out[i] = f.node.hash(at(p, stride, i), seeds{h, s.b})
			}
		}
	}
}

func hashComplex(c complex128, s seeds) uint64 {
	s.a = hashWord(floatBits(real(c)), s)
	return hashWord(floatBits(imag(c)), s)
}

func (n *keyNode) bytes(p unsafe.Pointer) string { return unsafe.String((*byte)(p), int(n.size)) }

func (n *keyNode) compare(p, q unsafe.Pointer) int {
	switch n.kind {
	case reflect.String:
		return cmp.Compare(*(*string)(p), *(*string)(q))
	case kindBytes:
		return cmp.Compare(n.bytes(p), n.bytes(q))
	case reflect.Struct:
		for i := range n.fields {
			f := &n.fields[i]
			if c := f.node.compare(unsafe.Add(p, f.offset), unsafe.Add(q, f.offset)); c != 0 {
				return c
			}
		}
		return 0
	case reflect.Array:
		for i := range n.len {
			if c := n.elem.compare(at(p, n.elem.size, i), at(q, n.elem.size, i)); c != 0 {
				return c
			}
		}
		return 0
	case reflect.Float32:
		return cmp.Compare(*(*float32)(p), *(*float32)(q))
	case reflect.Float64:
		return cmp.Compare(*(*float64)(p), *(*float64)(q))
	case reflect.Complex64:
		return compareComplex(complex128(*(*complex64)(p)), complex128(*(*complex64)(q)))
	case reflect.Complex128:
		return compareComplex(*(*complex128)(p), *(*complex128)(q))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return cmp.Compare(int64(n.word(p)), int64(n.word(q)))
	}
	return cmp.Compare(n.word(p), n.word(q))
}

func compareComplex(a, b complex128) int {
	return cmp.Or(cmp.Compare(real(a), real(b)), cmp.Compare(imag(a), imag(b)))
}

// prefix is that of the first part that is not of size zero: parts before it
// are always equal.
func (n *keyNode) prefix(p unsafe.Pointer) uint64 {
	switch n.kind {
	case reflect.String:
		return prefixString(*(*string)(p))
	case kindBytes:
		return prefixString(n.bytes(p))
	case reflect.Struct:
		for i := range n.fields {
			if f := &n.fields[i]; f.node.size > 0 {
				return f.node.prefix(unsafe.Add(p, f.offset))
			}
		}
		return 0
	case reflect.Array:
		if n.size == 0 {
			return 0
		}
		return n.elem.prefix(p)
	case reflect.Float32:
		return prefixFloat(float64(*(*float32)(p)))
	case reflect.Float64:
		return prefixFloat(*(*float64)(p))
	case reflect.Complex64:
		return prefixFloat(float64(real(*(*complex64)(p))))
	case reflect.Complex128:
		return prefixFloat(real(*(*complex128)(p)))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return n.word(p) ^ signBit
	}
	return n.word(p)
}

const signBit = 1 << 63

// prefixString is the first 8 bytes, most significant first.
func prefixString(s string) uint64 {
	if len(s) >= 8 {
		return uint64(s[7]) | uint64(s[6])<<8 | uint64(s[5])<<16 | uint64(s[4])<<24 |
			uint64(s[3])<<32 | uint64(s[2])<<40 | uint64(s[1])<<48 | uint64(s[0])<<56
	}
	v := uint64(0)
	for i := range len(s) {
		v |= uint64(s[i]) << (56 - 8*i)
	}
	return v
}

// prefixFloat orders NaN before all others, like cmp.Compare.
func prefixFloat(f float64) uint64 {
	if f != f {
		return 0
	}
	b := floatBits(f)
	if b&signBit != 0 {
		return ^b
	}
	return b | signBit
}
