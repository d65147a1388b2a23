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

// Read returns the rows of the inputs, in their order and within one in the order of its segments. Errors are
// *[FetchError] or the cause of ctx's end.
func Read[T any](ctx context.Context, inputs []Input, c codec.Codec[T]) Stream[T] {
	return func(yield func(rows []T) bool) error {
		r := inputReader[T]{blocks: block.NewReader[T](nil, block.ID{}, c, 0), yield: yield}
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

type inputReader[T any] struct {
	blocks *block.Reader[T]
	rows   []T
	yield  func([]T) bool
}

func (r *inputReader[T]) input(ctx context.Context, in Input) (more bool, err error) {
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
			rows, err := r.blocks.Next(r.rows[:0])
			if errors.Is(err, io.EOF) {
				if read := r.blocks.Consumed(); read != size {
					return false, fmt.Errorf("%w: %d bytes where the index says %d", ErrCorrupt, read, size)
				}
				break
			}
			if err != nil {
				return false, err
			}
			r.rows = rows
			if !r.yield(rows) {
				return false, nil
			}
			clear(rows)
		}
	}
	return true, nil
}

// EncodeBlock appends rows to dst as one block that stands alone, as results travel.
func EncodeBlock[T any](dst []byte, c codec.Codec[T], rows []T, compress bool) ([]byte, error) {
	enc := block.Encoder[T]{Codec: c, Compress: compress}
	dst, _, err := enc.Append(dst, block.ID{}, rows)
	return dst, err
}

// DecodeBlock appends the rows of a block that EncodeBlock made to dst. The error has [ErrCorrupt] in its chain.
func DecodeBlock[T any](dst []T, c codec.Codec[T], b []byte) ([]T, error) {
	dec := block.Decoder[T]{Codec: c}
	return dec.Decode(dst, block.ID{}, b)
}

// BlockWriter writes rows as a sequence of blocks to any [io.Writer].
type BlockWriter[T any] = block.Writer[T]

// BlockReader reads the sequence back.
type BlockReader[T any] = block.Reader[T]

// NewBlockWriter returns a writer of blocks of about bytes bytes (0: 64 KiB). Flush writes the last one.
func NewBlockWriter[T any](w io.Writer, c codec.Codec[T], compress bool, bytes int) *BlockWriter[T] {
	return block.NewWriter[T](w, block.ID{}, c, compress, bytes)
}

// NewBlockReader returns a reader of the blocks in the next size bytes of r; a negative size reads until the end.
// A sequence that was cut between two blocks and whose size is not given cannot be told from a shorter one.
func NewBlockReader[T any](r io.Reader, c codec.Codec[T], size int64) *BlockReader[T] {
	return block.NewReader[T](r, block.ID{}, c, size)
}
