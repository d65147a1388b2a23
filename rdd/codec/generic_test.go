package codec

import "unsafe"

// Tests know the types of their rows and keys.

// Codec is a Type with methods that take slices of T.
type Codec[T any] struct{ Type *Type }

func (c Codec[T]) Append(dst []byte, rows []T) ([]byte, error) {
	return c.Type.Append(dst, RowsOf(rows))
}

func (c Codec[T]) Decode(dst []T, src []byte, n int) ([]T, []byte, error) {
	buf := Buffer{typ: c.Type, rows: RowsOf(dst[:cap(dst)]), n: len(dst)}
	rest, err := c.Type.Decode(&buf, src, n)
	if err != nil {
		return dst, src, err
	}
	return Slice[T](buf.rows)[:buf.n], rest, nil
}

func For[T any]() (Codec[T], error) {
	t, err := TypeOf[T]()
	return Codec[T]{t}, err
}

// Keys is the KeyType of K with methods that take values and slices of K.
type Keys[K comparable] struct{ KeyType *KeyType }

func KeysFor[K comparable]() (Keys[K], error) {
	t, err := KeyTypeOf[K]()
	return Keys[K]{t}, err
}

func (k Keys[K]) Hash(out []uint64, keys []K, seed uint64) {
	k.KeyType.Hash(out[:len(keys)], unsafe.Pointer(unsafe.SliceData(keys)), unsafe.Sizeof(*new(K)), seed)
}

func (k Keys[K]) Hash1(key K, seed uint64) uint64 {
	return k.KeyType.Hash1(unsafe.Pointer(&key), seed)
}

func (k Keys[K]) Equal(a, b K) bool { return k.KeyType.Equal(unsafe.Pointer(&a), unsafe.Pointer(&b)) }

func (k Keys[K]) Compare(a, b K) int {
	return k.KeyType.Compare(unsafe.Pointer(&a), unsafe.Pointer(&b))
}

func (k Keys[K]) Prefix(out []uint64, keys []K) {
	k.KeyType.Prefix(out[:len(keys)], unsafe.Pointer(unsafe.SliceData(keys)), unsafe.Sizeof(*new(K)))
}
