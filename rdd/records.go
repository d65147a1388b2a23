package rdd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

var binaryRecords = builtin(recordsOp())

// MaxRecord is the most bytes that a record of BinaryRecords has.
const MaxRecord = 1 << 30

// BinaryRecordsOp is the source of records of one length.
func BinaryRecordsOp() *Op { return binaryRecords }

func recordsOp() *Op {
	return one("BinaryRecords", nil, &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		if in.spec.Files == nil || in.spec.Files.Record < 1 || in.spec.Files.Record > MaxRecord {
			return nil, errors.New("BinaryRecords of records of no length")
		}
		size := in.spec.Files.Record
		t.input = shuffle.Reading{All: plainBytes(in.split)}
		return func(feed Feed) error {
			usual := int64(t.chunkBytes())
			chunk := max(usual/size, 1) * size
			t.mem.Force(usual)
			defer t.mem.Shrink(usual)
			if more := chunk - usual; more > 0 {
				if !t.grow(more) {
					return fmt.Errorf("no memory for a record of %d bytes: give more of it, or run fewer tasks at a time", size)
				}
				defer t.mem.Shrink(more)
			}
			r := &records{t: t, size: size, chunk: chunk, feed: feed}
			r.out.where = &r.at
			for _, part := range in.split.Parts {
				more, err := r.part(part)
				if !more || err != nil {
					return err
				}
			}
			return nil
		}, nil
	}})
}

// records reads records of size bytes each, chunk bytes at a time.
type records struct {
	t           *Task
	size, chunk int64
	feed        Feed
	out         Rows[[]byte]
	at          inRecords
}

// inRecords locates rows of BinaryRecords.
type inRecords struct {
	path                 string
	offset, size, before int64
}

func (r *inRecords) locate(i int) (path string, offset, ordinal int64) {
	return r.path, r.offset + int64(i)*r.size, r.before + int64(i)
}

// part gives the records that begin in a part. It says whether more are wanted.
func (r *records) part(part storage.Part) (more bool, err error) {
	from, to := r.begin(part.Offset), r.begin(part.Offset+part.Length)
	zipped := part.Compression != ""
	if !zipped {
		if err := r.whole(part.Path, part.FileSize); err != nil || from == to {
			return true, err
		}
	}
	file, err := storage.OpenPart(r.t, part)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if from > 0 {
		if _, err := file.Seek(from, io.SeekStart); err != nil {
			return false, err
		}
	}
	r.at.path, r.at.size = part.Path, r.size
	for at := from; zipped || at < to; {
		want := r.chunk
		if !zipped {
			want = min(want, to-at)
		}
		// Fresh memory each time: rows may be kept.
		b := make([]byte, want)
		n, err := io.ReadFull(file, b)
		if err := r.ended(part, at+int64(n), zipped, err); err != nil {
			return false, err
		}
		if more = r.give(b[:n], at); !more || n < len(b) {
			return more, r.cause(more)
		}
		at += int64(n)
	}
	return true, nil
}

// cause is that of a task which was told to stop.
func (r *records) cause(more bool) error {
	if !more && r.t.Err() != nil {
		return context.Cause(r.t)
	}
	return nil
}

// begin is where the first record at or after an offset begins.
func (r *records) begin(offset int64) int64 { return offset + (r.size-offset%r.size)%r.size }

// whole makes sure that a file has records only.
func (r *records) whole(path string, length int64) error {
	if length%r.size == 0 {
		return nil
	}
	return &storage.PathError{Op: "read", Path: path, Kind: storage.Invalid, Offset: -1, Err: fmt.Errorf(
		"%d bytes are not a whole number of records of %d bytes each: %d are left over", length, r.size, length%r.size)}
}

// ended judges an error of reading up to an offset: a compressed file, whose length is
// not known before, ends where it ends, if that is behind a record.
func (r *records) ended(part storage.Part, at int64, zipped bool, err error) error {
	//nolint:errorlint // wrapped ones are the store's
	switch {
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		return err
	case zipped:
		return r.whole(part.Path, at)
	}
	return &storage.PathError{Op: "read", Path: part.Path, Kind: storage.Changed, Offset: at,
		Err: fmt.Errorf("input changed since planning: it ends here, not at %d", part.FileSize)}
}

// give hands on the records of b, which begins at an offset.
func (r *records) give(b []byte, at int64) bool {
	r.t.counters.BytesRead += int64(len(b))
	for r.at.offset = at; len(b) > 0; {
		n := min(int64(len(b))/r.size, BatchRows)
		rows := r.out.Rows[:0]
		for i := range n {
			rows = append(rows, b[i*r.size:(i+1)*r.size:(i+1)*r.size])
		}
		r.out.Rows = rows
		if !r.feed(&r.out) {
			return false
		}
		b, r.at.offset, r.at.before = b[n*r.size:], r.at.offset+n*r.size, r.at.before+n
		r.t.input.Done += n * r.size
		r.t.seen.fraction.Store(math.Float64bits(min(r.t.progress(), 1)))
	}
	return true
}
