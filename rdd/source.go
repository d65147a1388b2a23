package rdd

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

// builtins are the operators that are in every binary.
var builtins = map[plan.OpID]*Op{}

func builtin(op *Op) *Op {
	op.builtin = plan.OpID("builtin-" + op.Name)
	builtins[op.builtin] = op
	return op
}

var (
	textFile = builtin(textOp("TextFile", func(c *chunk, _ []string) []string { return c.Lines }))
	numbers  = builtin(rangeOp())
	lines    = builtin(textOp("Lines", func(c *chunk, rows []Line) []Line {
		rows = rows[:0]
		for i, text := range c.Lines {
			rows = append(rows, Line{Path: c.Path, Offset: c.Offset(i), Text: text})
		}
		return rows
	}))
)

// Line is a line of text with its place: the path of its file, and the offset
// of its first byte in the file's (uncompressed) bytes.
type Line struct {
	Path   string
	Offset int64
	Text   string
}

// File is a whole file.
type File struct {
	Path string
	Text string
}

// chunk is one batch of lines of a text file.
type chunk struct {
	storage.Chunk
	before int64 // lines of the partition before this chunk
	pieces bool  // are read, not the whole partition: how many lines are before is not known
}

func (c *chunk) locate(i int) (path string, offset, ordinal int64) {
	if c.pieces {
		return c.Path, c.Offset(i), -1
	}
	return c.Path, c.Offset(i), c.before + int64(i)
}

// plain locates rows that come from no file, by their ordinal.
type plain int64

func (p plain) locate(i int) (path string, offset, ordinal int64) { return "", -1, int64(p) + int64(i) }

// TextOp is the source of lines of text, without their ends.
func TextOp() *Op { return textFile }

// LinesOp is the source of lines with their path and offset.
func LinesOp() *Op { return lines }

func textOp[T any](name string, rows func(c *chunk, buf []T) []T) *Op {
	return one(name, nil, &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		t.input = shuffle.Reading{All: plainBytes(in.split)}
		return func(feed Feed) error {
			opt := storage.TextOptions{ChunkBytes: t.chunkBytes(), Grow: t.grow}
			t.mem.Force(int64(opt.ChunkBytes))
			defer t.mem.Shrink(int64(opt.ChunkBytes))
			read := func(s storage.Split) error {
				r := storage.OpenText(s, opt)
				defer func() { _ = r.Close() }()
				return readText(t, r, s.Bytes() < in.split.Bytes(), rows, feed)
			}
			if s, ok := t.sink.(*sampler); ok && t.rowByRow {
				return s.thinned(*in.split, read)
			}
			return read(*in.split)
		}, nil
	}})
}

// readText gives the lines of the partition, or of pieces of it.
func readText[T any](t *Task, r *storage.TextReader, pieces bool, rows func(c *chunk, buf []T) []T, feed Feed) error {
	out := &Rows[T]{}
	c := &chunk{pieces: pieces}
	for {
		next, err := r.Next(t)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		c.before += int64(len(c.Lines))
		c.Chunk = next
		t.counters.BytesRead += int64(len(next.Text))
		out.where = c
		out.Rows = rows(c, out.Rows)
		if !feed(out) {
			return nil
		}
		t.input.Done += int64(len(next.Text))
		t.seen.fraction.Store(math.Float64bits(min(t.progress(), 1)))
	}
}

// chunkBytes is how much text is read at a time: no large part of what the task
// may take.
func (t *Task) chunkBytes() int {
	const least, most = 64 << 10, 256 << 10
	return int(min(max(t.mem.Fair()/16, least), most))
}

// grow takes memory for a line that is longer than a chunk, of the sink where
// there is none else, or gives it back.
func (t *Task) grow(bytes int64) bool {
	if bytes < 0 {
		t.mem.Shrink(-bytes)
		return true
	}
	if t.mem.Grow(bytes) {
		return true
	}
	s, ok := t.sink.(interface{ shed() error })
	if !ok {
		return false
	}
	if err := s.shed(); err != nil {
		t.leave(err)
	}
	return t.mem.Grow(bytes)
}

// plainBytes is the length of the text of a split, or 0 when it is compressed
// and not known.
func plainBytes(s *storage.Split) int64 {
	for _, p := range s.Parts {
		if p.Compression != "" {
			return 0
		}
	}
	return s.Bytes()
}

// DataOp is the source of a slice that the driver holds.
func DataOp[T any]() *Op {
	return of((*T)(nil), one("Parallelize", nil, dataPart((*Rows[T])(nil))))
}

//go:noinline
func dataPart(like batch) *SourcePart {
	return &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		data := in.spec.Data
		if data == nil || in.partition < 0 || in.partition >= len(data.Ends) {
			return nil, fmt.Errorf("no partition %d of Parallelize", in.partition)
		}
		var from int64
		if in.partition > 0 {
			from = data.Ends[in.partition-1]
		}
		typ, err := like.typ()
		if err != nil {
			return nil, err
		}
		return runOf(like, func(yield func(codec.Rows) bool) error {
			rows, err := t.runner.o.BlobPart(data.Blob, from, data.Ends[in.partition])
			if err == nil {
				defer func() { _ = rows.Close() }()
				err = DecodeRows(rows, typ, yield)
			}
			if err != nil {
				return fmt.Errorf("fetch the rows of Parallelize: %w", err)
			}
			return nil
		}), nil
	}}
}

// EncodeData writes rows of type typ as the blob of a Data source, cut into n
// partitions as Spark does: partition i begins at floor(i·len/n). It says where
// each ends.
func EncodeData(w io.Writer, rows codec.Rows, typ *codec.Type, n int) (ends []int64, err error) {
	var block []byte
	var written int64
	ends = make([]int64, n)
	for i := range n {
		from, to := i*rows.Len/n, (i+1)*rows.Len/n
		for at := from; at < to; at += BatchRows {
			block, err = appendRows(block[:0], typ, typ.Part(rows, at, min(at+BatchRows, to)))
			if err == nil {
				_, err = w.Write(block)
			}
			if err != nil {
				return nil, fmt.Errorf("rows %d to %d: %w", from, to, err)
			}
			written += int64(len(block))
		}
		ends[i] = written
	}
	return ends, nil
}

// RangeOp is the source of evenly spaced numbers.
func RangeOp() *Op { return numbers }

func rangeOp() *Op {
	return one("Range", nil, &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		r := in.spec.Range
		if r == nil || in.partition < 0 || in.partition >= r.N {
			return nil, fmt.Errorf("no partition %d of Range", in.partition)
		}
		from := int64(in.partition) * (r.Count / int64(r.N))
		to := from + r.Count/int64(r.N)
		// The first Count mod N partitions would make borders that depend on
		// each other; floor(i·n/p) needs 128 bits for long ranges.
		rest, p, n := r.Count%int64(r.N), int64(in.partition), int64(r.N)
		from += p * rest / n
		to += (p + 1) * rest / n
		t.input = shuffle.Reading{All: to - from}
		return func(feed Feed) error {
			out := &Rows[int64]{Rows: make([]int64, min(BatchRows, max(to-from, 0)))}
			buf := out.Rows
			for at := from; at < to; at += int64(len(out.Rows)) {
				out.Rows = buf[:min(int64(len(buf)), to-at)]
				for i := range out.Rows {
					out.Rows[i] = r.From + (at+int64(i))*r.Step
				}
				out.where = plain(at - from)
				if !feed(out) {
					return nil
				}
				t.input.Done = at - from + int64(len(out.Rows))
			}
			return nil
		}, nil
	}})
}

// EmptyOp is the source of no rows.
func EmptyOp[T any]() *Op {
	return of((*T)(nil), one("Empty", nil, emptyPart))
}

var emptyPart = &SourcePart{open: func(*Task, *Input) (Run, error) {
	return func(Feed) error { return nil }, nil
}}
