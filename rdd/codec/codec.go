package codec

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// Pair is one row of an RDD of keys and values.
type Pair[K, V any] struct {
	Key   K
	Value V
}

// Codec encodes batches of rows column by column. It is safe for concurrent
// use.
type Codec[T any] interface {
	// Append appends the encoding of rows to dst. It fails with the error of a
	// marshaler, on a value in an interface whose type has no name, and on
	// values nested too deep. It keeps no reference to rows.
	Append(dst []byte, rows []T) ([]byte, error)
	// Decode appends n rows read from the front of src to dst, and returns the
	// bytes after them. Rows never alias src, but rows of one batch share
	// memory: a string that is to outlive them should be cloned. On error dst
	// comes back at its old length. Bytes that are no encoding of n rows give
	// an error that is ErrCorrupt.
	Decode(dst []T, src []byte, n int) ([]T, []byte, error)
	// Schema is a hash of how rows are laid out: kinds and order of fields, not
	// their names. Equal schemas can read each other's batches.
	Schema() uint64
}

// ErrCorrupt is what errors of Decode are, by errors.Is, when the bytes are not
// an encoding of the rows asked for.
var ErrCorrupt = errors.New("corrupt batch")

// corrupt returns an ErrCorrupt that says what is wrong.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// registry keeps values by type. Codecs and keys are functions of the type and
// the program, which makes these the same for all users in the process.
type registry struct{ announced, built sync.Map }

func (r *registry) lookup(t reflect.Type) (any, bool) {
	if v, ok := r.announced.Load(t); ok {
		return v, true
	}
	return r.built.Load(t)
}

var codecs, keyOps registry

// Register makes c the codec For returns for T. Generated code calls it from
// init. Two packages may both bring a codec for one type: they write the same
// bytes, and the first stays.
func Register[T any](c Codec[T]) { codecs.announced.LoadOrStore(reflect.TypeFor[T](), c) }

// For returns the codec of T: the registered one, else one compiled from the
// type and kept for the life of the process. The error is a [*TypeError] when T
// holds something that cannot travel.
func For[T any]() (Codec[T], error) {
	t := reflect.TypeFor[T]()
	if c, ok := codecs.lookup(t); ok {
		return c.(Codec[T]), nil
	}
	p, err := compile(t)
	if err != nil {
		return nil, err
	}
	c, _ := codecs.built.LoadOrStore(t, newCompiled[T](p))
	return c.(Codec[T]), nil
}

// SchemaOf returns the schema of T, as the codec of T reports it. Generated
// codecs call it.
func SchemaOf[T any]() (uint64, error) {
	p, err := compile(reflect.TypeFor[T]())
	if err != nil {
		return 0, err
	}
	return xxh3.HashString(p.desc), nil
}

// Marshal encodes one value, as a batch of one row.
func Marshal[T any](v T) ([]byte, error) {
	c, err := For[T]()
	if err != nil {
		return nil, err
	}
	return c.Append(nil, []T{v})
}

// Unmarshal decodes what Marshal wrote. Bytes left over are an error.
func Unmarshal[T any](src []byte) (T, error) {
	var zero T
	c, err := For[T]()
	if err != nil {
		return zero, err
	}
	rows, rest, err := c.Decode(nil, src, 1)
	if err != nil {
		return zero, err
	}
	if len(rest) > 0 {
		return zero, fmt.Errorf("decode %s: %w", reflect.TypeFor[T](), corrupt("%d bytes after the value", len(rest)))
	}
	return rows[0], nil
}

// compiled is the codec built from a type.
type compiled[T any] struct {
	col    column
	schema uint64
}

func newCompiled[T any](p plan) Codec[T] {
	return &compiled[T]{col: p.col, schema: xxh3.HashString(p.desc)}
}

func (c *compiled[T]) Schema() uint64 { return c.schema }

func (c *compiled[T]) Append(dst []byte, rows []T) ([]byte, error) {
	if len(rows) == 0 {
		return dst, nil
	}
	out, err := c.col.append(dst, unsafe.Pointer(unsafe.SliceData(rows)), unsafe.Sizeof(rows[0]), len(rows), 0)
	if err != nil {
		return dst, fmt.Errorf("encode %s: %w", reflect.TypeFor[T](), err)
	}
	return out, nil
}

func (c *compiled[T]) Decode(dst []T, src []byte, n int) ([]T, []byte, error) {
	if n == 0 {
		return dst, src, nil
	}
	if n < 0 || !enough(n, c.col.min(), len(src)) {
		return dst, src, fmt.Errorf("decode %s: %w", reflect.TypeFor[T](), corrupt("%d rows in %d bytes", n, len(src)))
	}
	all := slices.Grow(dst, n)[:len(dst)+n]
	rows := all[len(dst):]
	rest, err := c.col.decode(unsafe.Pointer(unsafe.SliceData(rows)), unsafe.Sizeof(rows[0]), n, src, 0)
	if err != nil {
		return dst, src, fmt.Errorf("decode %s: %w", reflect.TypeFor[T](), err)
	}
	return all, rest, nil
}
