package rdd

import (
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// BatchRows is the number of rows in a batch that an operator fills.
const BatchRows = 1024

// Rows is a batch of rows on its way from one operator to the next. A kernel
// reads Rows of its input, keeping Row up to date, and pushes into its output.
//
// The batch belongs to whoever filled it and is filled again after the
// consumer returns: rows may be kept, the slice may not.
type Rows[T any] struct {
	Rows []T
	// Row is the index of the row in hand. Kernels set it before they call
	// user code, so that an error can name the row.
	Row int

	buf []T // what Push fills
	n   int // so far; always less than len(buf)
	flow
}

// flow is what a batch has beside its rows.
type flow struct {
	self   any     // the *Rows
	most   int     // rows that buf may grow to
	from   []int32 // index in the parent's batch of the row that each came from
	parent *int    // the parent's Row
	next   Feed    // takes the batch when it is full
	where  locator // of source batches: where a row was read
	done   bool    // the consumer wants no more
}

// Feed takes a batch, a *Rows of the type that the consumer reads, and says
// whether it wants more.
type Feed func(batch any) bool

// batch is a *Rows of any type. A nil one stands for the type of its rows.
type batch interface {
	raw() *rawRows
	typ() (*codec.Type, error)
}

func (*Rows[T]) typ() (*codec.Type, error) { return codec.TypeOf[T]() }

// rawRows is a Rows whose type is known at run time only: all Rows are laid
// out alike. What does not look into rows works on it, so that it is compiled
// once. A slice of it has the right length, and elements of no size.
type rawRows Rows[struct{}]

func (r *Rows[T]) raw() *rawRows { return (*rawRows)(unsafe.Pointer(r)) }

// rowsLike makes an empty batch of the type that like stands for.
func rowsLike(like batch) *rawRows {
	self := reflect.New(reflect.TypeOf(like).Elem()).Interface()
	r := self.(batch).raw()
	r.self = self
	return r
}

// sliceOf is the type []T of a *Rows[T].
func sliceOf(rows any) reflect.Type { return reflect.TypeOf(rows).Elem().Field(0).Type }

// locator finds where row i of a source's batch was read.
type locator interface {
	// locate returns the path ("" when the row is not from a file), the
	// offset of the row in it, and the row's ordinal in its partition.
	locate(i int) (path string, offset, ordinal int64)
}

// newOut makes the output batch of an operator whose input rows are counted by
// parent.
//
// Most tasks are small: the batch starts with a few rows and grows as it is
// filled. Large rows make smaller batches.
func newOut(like batch, parent *int, next Feed) *rawRows {
	r := rowsLike(like)
	r.parent, r.next, r.most = parent, next, BatchRows
	if size := int(sliceOf(r.self).Elem().Size()); size > batchBytes/BatchRows {
		r.most = max(batchBytes/size, minRows)
	}
	r.resize(minRows)
	return r
}

const (
	minRows    = 16
	batchBytes = 256 << 10
)

func (r *rawRows) resize(rows int) {
	r.buf = rawSlice(reflect.MakeSlice(sliceOf(r.self), rows, rows).UnsafePointer(), rows)
	r.from = make([]int32, rows)
}

func rawSlice(p unsafe.Pointer, n int) []struct{} { return unsafe.Slice((*struct{})(p), n) }

// Push adds a row and says whether there is room for another. When there is
// not, Flush must follow: kernels write
//
//	if !out.Push(v) && !out.Flush() {
//		return
//	}
//
// so that the common case is inlined into their loop.
func (r *Rows[T]) Push(v T) bool {
	n := r.n
	r.buf[n] = v
	r.from[n] = int32(*r.parent)
	r.n = n + 1
	return r.n < len(r.buf)
}

// Flush hands on the rows there are. It says false when no more rows are
// wanted: the limit of a Take is reached, or the task is cancelled.
func (r *Rows[T]) Flush() bool { return r.raw().flush() }

func (r *rawRows) flush() bool {
	n := r.n
	r.n = 0
	if n > 0 && !r.done {
		r.Rows = r.buf[:n]
		r.done = !r.next(r.self)
		if n == len(r.buf) && n < r.most {
			r.resize(min(4*n, r.most))
		}
	}
	return !r.done
}

func (r *rawRows) limit(rows int64) {
	r.most = int(min(int64(r.most), rows))
	r.buf = r.buf[:min(len(r.buf), r.most)]
}

// set makes rows the batch's.
func (r *rawRows) set(rows codec.Rows) { r.Rows = rawSlice(rows.Data, rows.Len) }

// rows gives the batch's rows.
func (r *rawRows) rows() codec.Rows {
	return codec.Rows{Data: unsafe.Pointer(unsafe.SliceData(r.Rows)), Len: len(r.Rows)}
}

// rowOf gives row i of a *Rows as it is, for messages about it.
func rowOf(rows any, i int) any { return reflect.ValueOf(rows).Elem().Field(0).Index(i).Interface() }

// inHand gives the row in hand and the row of the parent's batch it came from.
func (r *rawRows) inHand() (i, from int) {
	if r.Row < 0 || r.Row >= len(r.Rows) {
		return r.Row, -1
	}
	return r.Row, r.fromOf(r.Row)
}

func (r *rawRows) fromOf(i int) int {
	if i < 0 || i >= len(r.from) {
		return -1
	}
	return int(r.from[i])
}
