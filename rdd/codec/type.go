package codec

import (
	"fmt"
	"reflect"
	"slices"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// Rows is a slice whose element type only a [Type] knows. Code that moves rows
// about works on Rows, so that it is compiled once and not for every type that
// a user's pipeline has.
type Rows struct {
	Data unsafe.Pointer
	Len  int
}

// RowsOf returns rows as Rows that share their memory.
func RowsOf[T any](rows []T) Rows {
	return Rows{unsafe.Pointer(unsafe.SliceData(rows)), len(rows)}
}

// Slice returns r as the slice that it is. T must be the element type.
func Slice[T any](r Rows) []T { return unsafe.Slice((*T)(r.Data), r.Len) }

// Type is what code has to know of a row type to encode, decode and move rows.
// It is safe for concurrent use.
type Type struct {
	typ    reflect.Type
	size   uintptr
	col    column
	schema uint64
	slice  reflect.Type
	move   move
}

// move is what only code compiled for a type can do: what rows point to is
// followed by the garbage collector. It sets n rows at dst: to those that the
// pointers in from lead to; where from is nil to the n at src; and where that
// is nil too, to zero. It is one function because every row type has its own.
type move func(dst unsafe.Pointer, n int, src unsafe.Pointer, from []unsafe.Pointer)

//go:noinline
func moveRows[T any](dst unsafe.Pointer, n int, src unsafe.Pointer, from []unsafe.Pointer) {
	to := unsafe.Slice((*T)(dst), n)
	switch {
	case from != nil:
		for i, p := range from[:n] {
			to[i] = *(*T)(p)
		}
	case src != nil:
		copy(to, unsafe.Slice((*T)(src), n))
	default:
		clear(to)
	}
}

func newType(t reflect.Type, p plan, m move) *Type {
	return &Type{typ: t, size: t.Size(), col: p.col, schema: xxh3.HashString(p.desc), slice: reflect.SliceOf(t), move: m}
}

// Reflect returns the type of a row.
func (t *Type) Reflect() reflect.Type { return t.typ }

// Size returns the bytes of a row, without what it points to.
func (t *Type) Size() int { return int(t.size) }

// Schema is a hash of how rows are laid out: kinds and order of fields, not
// their names. Equal schemas can read each other's batches.
func (t *Type) Schema() uint64 { return t.schema }

// Make returns n zero rows.
func (t *Type) Make(n int) Rows { return Rows{reflect.MakeSlice(t.slice, n, n).UnsafePointer(), n} }

// At returns row i of r, which is not checked against its length.
func (t *Type) At(r Rows, i int) unsafe.Pointer { return at(r.Data, t.size, i) }

// Part returns the rows from i up to j, which must lie within r.
func (t *Type) Part(r Rows, i, j int) Rows {
	if uint(i) > uint(j) || uint(j) > uint(r.Len) {
		panic(fmt.Sprintf("codec: rows %d to %d of %d", i, j, r.Len))
	}
	if i == r.Len {
		return Rows{r.Data, 0} // a pointer past the end would keep what lies there
	}
	return Rows{at(r.Data, t.size, i), j - i}
}

// Copy copies src to the front of dst, which must be at least as long.
func (t *Type) Copy(dst, src Rows) {
	if src.Len > dst.Len {
		panic(fmt.Sprintf("codec: copy of %d rows to %d", src.Len, dst.Len))
	}
	t.copy(dst.Data, src.Data, src.Len)
}

func (t *Type) copy(dst, src unsafe.Pointer, n int) {
	if n > 0 {
		t.move(dst, n, src, nil)
	}
}

// Gather copies the rows that the pointers lead to, to the front of dst, which
// must be at least as long.
func (t *Type) Gather(dst Rows, rows []unsafe.Pointer) {
	if len(rows) > dst.Len {
		panic(fmt.Sprintf("codec: gather %d rows in %d", len(rows), dst.Len))
	}
	t.gather(dst.Data, rows)
}

func (t *Type) gather(dst unsafe.Pointer, rows []unsafe.Pointer) {
	if len(rows) > 0 {
		t.move(dst, len(rows), nil, rows)
	}
}

// Clear makes rows zero.
func (t *Type) Clear(r Rows) { t.move(r.Data, r.Len, nil, nil) }

// Order appends pointers to the rows, ordered by cmp, equal ones as they are.
func (t *Type) Order(dst []unsafe.Pointer, rows Rows, cmp func(a, b unsafe.Pointer) int) []unsafe.Pointer {
	from := len(dst)
	for i := range rows.Len {
		dst = append(dst, t.At(rows, i))
	}
	slices.SortStableFunc(dst[from:], cmp)
	return dst
}

// Append appends the encoding of rows to dst. It fails with the error of a
// marshaler, on a value in an interface whose type has no name, and on values
// nested too deep. It keeps no reference to rows.
func (t *Type) Append(dst []byte, rows Rows) ([]byte, error) {
	if rows.Len == 0 {
		return dst, nil
	}
	out, err := t.col.append(dst, rows.Data, t.size, rows.Len, 0)
	if err != nil {
		return dst, fmt.Errorf("encode %s: %w", t.typ, err)
	}
	return out, nil
}

// Decode appends n rows read from the front of src to dst, which must be a buffer
// of t, and returns the bytes after them. Rows never alias src, but rows of one
// batch share memory: a string that is to outlive them should be cloned. On error
// dst is as it was. Bytes that are no encoding of n rows give an error that is
// [ErrCorrupt].
func (t *Type) Decode(dst *Buffer, src []byte, n int) ([]byte, error) {
	if dst.typ != t {
		panic(fmt.Sprintf("codec: rows of %s decoded to a buffer of %s", t.typ, dst.typ.typ))
	}
	if n == 0 {
		return src, nil
	}
	if n < 0 || !enough(n, t.col.min(), len(src)) {
		return src, fmt.Errorf("decode %s: %w", t.typ, corrupt("%d rows in %d bytes", n, len(src)))
	}
	dst.Grow(n)
	rest, err := t.col.decode(at(dst.rows.Data, t.size, dst.n), t.size, n, src, 0)
	if err != nil {
		return src, fmt.Errorf("decode %s: %w", t.typ, err)
	}
	dst.n += n
	return rest, nil
}

// Buffer is a slice of rows that grows. It is not safe for concurrent use.
type Buffer struct {
	typ  *Type
	rows Rows // all there is room for
	n    int  // of these, rows in use
}

// NewBuffer returns a buffer with room for n rows of type t.
func (t *Type) NewBuffer(n int) *Buffer {
	b := &Buffer{typ: t}
	if n > 0 {
		b.rows = t.Make(n)
	}
	return b
}

// Len returns the number of rows in the buffer.
func (b *Buffer) Len() int { return b.n }

// Cap returns the number of rows there is room for.
func (b *Buffer) Cap() int { return b.rows.Len }

// Rows returns the rows in the buffer, valid until the next call of a method.
func (b *Buffer) Rows() Rows { return Rows{b.rows.Data, b.n} }

// Reset takes all rows out of the buffer. The memory, and what rows in it point
// to, stays until it is used again.
func (b *Buffer) Reset() { b.n = 0 }

// Truncate takes all rows but the first n out of the buffer, as Reset does.
func (b *Buffer) Truncate(n int) {
	if uint(n) > uint(b.n) {
		panic(fmt.Sprintf("codec: the first %d rows of %d", n, b.n))
	}
	b.n = n
}

// Clear takes all rows out of the buffer and forgets what they point to.
func (b *Buffer) Clear() {
	b.typ.Clear(b.Rows())
	b.n = 0
}

// Grow makes room for n more rows, as append does: to at least the double.
func (b *Buffer) Grow(n int) {
	if b.n+n <= b.rows.Len {
		return
	}
	grown := b.typ.Make(max(b.n+n, 2*b.rows.Len))
	b.typ.copy(grown.Data, b.rows.Data, b.n)
	b.rows = grown
}

// Append adds rows.
func (b *Buffer) Append(rows Rows) {
	if rows.Len == 0 {
		return // the buffer may be full: there is no place behind it
	}
	b.Grow(rows.Len)
	b.typ.copy(at(b.rows.Data, b.typ.size, b.n), rows.Data, rows.Len)
	b.n += rows.Len
}

// Gather adds the rows that the pointers lead to.
func (b *Buffer) Gather(rows []unsafe.Pointer) {
	if len(rows) == 0 {
		return
	}
	b.Grow(len(rows))
	b.typ.gather(at(b.rows.Data, b.typ.size, b.n), rows)
	b.n += len(rows)
}
