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

// TypeOf returns the type of rows of T, compiled when it is asked for the first
// time. The error is a [*TypeError] when T holds something that cannot travel.
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
