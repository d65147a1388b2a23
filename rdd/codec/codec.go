package codec

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"unsafe"
)

// Pair is one row of an RDD of keys and values.
type Pair[K, V any] struct {
	Key   K
	Value V
}

// Codec is the [Type] of T with methods that take slices of T. It is safe for
// concurrent use. The type is not embedded: all its methods would be compiled
// again for every T.
type Codec[T any] struct{ Type *Type }

// Append is [Type.Append] of a slice.
func (c Codec[T]) Append(dst []byte, rows []T) ([]byte, error) {
	return c.Type.Append(dst, RowsOf(rows))
}

// Decode is [Type.Decode] that appends to a slice. On error dst comes back at
// its old length.
func (c Codec[T]) Decode(dst []T, src []byte, n int) ([]T, []byte, error) {
	buf := Buffer{typ: c.Type, rows: RowsOf(dst[:cap(dst)]), n: len(dst)}
	rest, err := c.Type.Decode(&buf, src, n)
	if err != nil {
		return dst, src, err
	}
	return Slice[T](buf.rows)[:buf.n], rest, nil
}

// ErrCorrupt is what errors of Decode are, by errors.Is, when the bytes are not
// an encoding of the rows asked for.
var ErrCorrupt = errors.New("corrupt batch")

// corrupt returns an ErrCorrupt that says what is wrong.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// types, pairTypes and keyTypes keep what was compiled, by reflect.Type, for the
// life of the process.
var types, pairTypes, keyTypes sync.Map

// For returns the codec of T, compiled from the type when it is asked for the
// first time. The error is a [*TypeError] when T holds something that cannot
// travel.
func For[T any]() (Codec[T], error) {
	t, err := TypeOf[T]()
	return Codec[T]{t}, err
}

// TypeOf is [For] without the methods that take slices.
func TypeOf[T any]() (*Type, error) {
	return rowTypeOf((*T)(nil), moveRows[T])
}

// rowTypeOf takes a nil pointer to a row for its type.
//
//go:noinline
func rowTypeOf(pointer any, m move) (*Type, error) {
	return compileType(reflect.TypeOf(pointer).Elem(), m)
}

func compileType(t reflect.Type, m move) (*Type, error) {
	if c, ok := types.Load(t); ok {
		return c.(*Type), nil
	}
	p, err := compile(t)
	if err != nil {
		return nil, err
	}
	c, _ := types.LoadOrStore(t, newType(t, p, m))
	return c.(*Type), nil
}

// Marshal encodes one value, as a batch of one row.
func Marshal[T any](v T) ([]byte, error) {
	t, err := TypeOf[T]()
	if err != nil {
		return nil, err
	}
	return t.Marshal(unsafe.Pointer(&v))
}

// Marshal is [Marshal] of the row at v.
func (t *Type) Marshal(v unsafe.Pointer) ([]byte, error) { return t.Append(nil, Rows{v, 1}) }

// Unmarshal decodes what Marshal wrote. Bytes left over are an error.
func Unmarshal[T any](src []byte) (v T, err error) {
	t, err := TypeOf[T]()
	if err != nil {
		return v, err
	}
	b, err := t.Unmarshal(src)
	if err != nil {
		return v, err
	}
	return *(*T)(b), nil
}

// Unmarshal is [Unmarshal] to a new row, to which it gives a pointer.
func (t *Type) Unmarshal(src []byte) (unsafe.Pointer, error) {
	b := t.NewBuffer(1)
	rest, err := t.Decode(b, src, 1)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("decode %s: %w", t.typ, corrupt("%d bytes after the value", len(rest)))
	}
	return b.rows.Data, nil
}
