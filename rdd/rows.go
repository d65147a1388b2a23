package rdd

import (
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

	buf    []T     // what Push fills
	n      int     // so far; always less than len(buf)
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

// batch is what the runner knows of a *Rows of any type.
type batch interface {
	size() int
	raw() codec.Rows
	row() (i int, from int, value any)
	fromOf(i int) int
	origin() locator
	rowPtr() *int
}

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
func newOut[T any](parent *int, next Feed) *Rows[T] {
	var row T
	most := BatchRows
	if size := int(unsafe.Sizeof(row)); size > batchBytes/BatchRows {
		most = max(batchBytes/size, minRows)
	}
	r := &Rows[T]{parent: parent, next: next, most: most}
	r.resize(minRows)
	return r
}

const (
	minRows    = 16
	batchBytes = 256 << 10
)

func (r *Rows[T]) resize(rows int) {
	r.buf, r.from = make([]T, rows), make([]int32, rows)
}

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
func (r *Rows[T]) Flush() bool {
	n := r.n
	r.n = 0
	if n > 0 && !r.done {
		r.Rows = r.buf[:n]
		r.done = !r.next(r)
		if n == len(r.buf) && n < r.most {
			r.resize(min(4*n, r.most))
		}
	}
	return !r.done
}

func (r *Rows[T]) size() int          { return len(r.Rows) }
func (r *Rows[T]) raw() codec.Rows    { return codec.RowsOf(r.Rows) }
func (r *Rows[T]) setParent(row *int) { r.parent = row }
func (r *Rows[T]) limit(rows int64) {
	r.most = int(min(int64(r.most), rows))
	r.buf = r.buf[:min(len(r.buf), r.most)]
}
func (r *Rows[T]) origin() locator { return r.where }
func (r *Rows[T]) rowPtr() *int    { return &r.Row }

// row gives the row in hand and the row of the parent's batch it came from.
func (r *Rows[T]) row() (i, from int, value any) {
	i = r.Row
	if i < 0 || i >= len(r.Rows) {
		return i, -1, nil
	}
	return i, r.fromOf(i), r.Rows[i]
}

func (r *Rows[T]) fromOf(i int) int {
	if i < 0 || i >= len(r.from) {
		return -1
	}
	return int(r.from[i])
}
