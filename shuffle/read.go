package shuffle

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/block"
)

// Stream pushes batches of rows to yield until it has none left or yield returns false, and returns the error that
// ended it early, if any. A batch is valid only during the call; what its rows point to is not reused.
type Stream[T any] func(yield func(rows []T) bool) error

// RawStream is a [Stream] of rows whose type is known at run time only.
type RawStream func(yield func(rows codec.Rows) bool) error

// Raw returns a stream as what the operators take.
func Raw[T any](in Stream[T]) RawStream {
	return func(yield func(codec.Rows) bool) error {
		return in(func(rows []T) bool { return yield(codec.RowsOf(rows)) })
	}
}

// Typed returns a stream as the one of rows of T that it is.
func Typed[T any](in RawStream) Stream[T] {
	return func(yield func([]T) bool) error {
		return in(func(rows codec.Rows) bool { return yield(codec.Slice[T](rows)) })
	}
}

// ErrCorrupt is in the chain of every error caused by bytes that are not the block that was asked for.
var ErrCorrupt = block.ErrCorrupt

// ErrTooLarge is in the chain of the error for rows that fit into no block; fewer of them may.
var ErrTooLarge = block.ErrTooLarge

// FetchError says which map output could not be read. The rows that came before it must not be used.
type FetchError struct {
	Shuffle, Map, Reduce uint32
	Path                 string
	Cause                error
}

// Error names the block and says why it could not be read.
func (e *FetchError) Error() string {
	return fmt.Sprintf("fetch block s%d/m%d/p%d from %s: %v", e.Shuffle, e.Map, e.Reduce, e.Path, e.Cause)
}

// Unwrap returns the cause.
func (e *FetchError) Unwrap() error { return e.Cause }

// Read returns the rows of the inputs, which are of type typ, in their order and within one in the order of its
// segments. Errors are *[FetchError] or the cause of ctx's end.
func Read(ctx context.Context, inputs []Input, typ *codec.Type) RawStream {
	return func(yield func(codec.Rows) bool) error {
		r := inputReader{blocks: block.NewReader(nil, block.ID{}, typ, 0), rows: typ.NewBuffer(0), yield: yield}
		for _, in := range inputs {
			if in.Bytes() == 0 {
				continue
			}
			more, err := r.input(ctx, in)
			if err != nil {
				if cause := context.Cause(ctx); cause != nil && errors.Is(err, cause) {
					return err
				}
				return &FetchError{Shuffle: in.Shuffle, Map: in.Map, Reduce: in.Reduce, Path: in.Path, Cause: err}
			}
			if !more {
				return nil
			}
		}
		return nil
	}
}

type inputReader struct {
	blocks *block.Reader
	rows   *codec.Buffer
	yield  func(codec.Rows) bool
}

func (r *inputReader) input(ctx context.Context, in Input) (more bool, err error) {
	if err := context.Cause(ctx); err != nil {
		return false, err
	}
	src, closer, err := in.Open()
	if err != nil {
		return false, err
	}
	defer func() {
		if cerr := closer.Close(); err == nil && cerr != nil {
			more, err = false, cerr
		}
	}()
	for seg, span := range in.Ranges {
		size := span[1] - span[0]
		id := block.ID{Shuffle: in.Shuffle, Map: in.Map, Reduce: in.Reduce, Segment: uint32(seg)}
		r.blocks.Reset(io.NewSectionReader(src, span[0], size), id, size)
		for {
			if err := context.Cause(ctx); err != nil {
				return false, err
			}
			r.rows.Clear()
			err := r.blocks.Next(r.rows)
			if errors.Is(err, io.EOF) {
				if read := r.blocks.Consumed(); read != size {
					return false, fmt.Errorf("%w: %d bytes where the index says %d", ErrCorrupt, read, size)
				}
				break
			}
			if err != nil {
				return false, err
			}
			if !r.yield(r.rows.Rows()) {
				return false, nil
			}
		}
	}
	return true, nil
}

// EncodeBlock appends rows of type typ to dst as one block that stands alone, as results travel.
func EncodeBlock(dst []byte, typ *codec.Type, rows codec.Rows, compress bool) ([]byte, error) {
	enc := block.Encoder{Type: typ, Compress: compress}
	dst, _, err := enc.Append(dst, block.ID{}, rows)
	return dst, err
}

// DecodeBlock appends the rows of a block that EncodeBlock made to dst, a buffer of typ. The error has [ErrCorrupt] in
// its chain.
func DecodeBlock(dst *codec.Buffer, typ *codec.Type, b []byte) error {
	dec := block.Decoder{Type: typ}
	return dec.Decode(dst, block.ID{}, b)
}
