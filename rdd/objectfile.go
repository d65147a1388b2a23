package rdd

import (
	"context"
	"errors"
	"io"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/objects"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

// ObjectFileOp is the source of the rows that SaveAsObjectFileOp wrote.
func ObjectFileOp[T any]() *Op {
	return of((*T)(nil), one("ObjectFile", nil, objectSource((*Rows[T])(nil))))
}

// SaveAsObjectFileOp writes rows as they are, to be read by ObjectFileOp.
func SaveAsObjectFileOp[T any]() *Op {
	return of((*T)(nil), one("SaveAsObjectFile", nil, objectSink((*Rows[T])(nil))))
}

// CheckpointOp writes rows as SaveAsObjectFileOp does; its part "read" is their source.
func CheckpointOp[T any]() *Op {
	like := (*Rows[T])(nil)
	return of((*T)(nil), many("Checkpoint", nil, map[string]Part{"": objectSink(like), "read": objectSource(like)}))
}

// Checkpointed makes a node of a node's rows, as a checkpoint operator wrote them to
// the files of a directory, one for each partition.
func (n *Node) Checkpointed(op *Op, c Call, dir string, partitions int) *Node {
	m := n.graph.Source(op, c, plan.Source{Files: &plan.Files{Paths: dir, Parts: partitions}})
	m.part = "read"
	m.placed = n.lies().of(m, partitions)
	return m
}

// inObject locates rows of an object file: by the block that they are in.
type inObject struct {
	path          string
	block, before int64
}

func (o *inObject) locate(i int) (path string, offset, ordinal int64) {
	return o.path, o.block, o.before + int64(i)
}

//go:noinline
func objectSource(like batch) *SourcePart {
	return &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		typ, err := like.typ()
		if err != nil {
			return nil, err
		}
		t.input = shuffle.Reading{All: in.split.Bytes()}
		return func(feed Feed) error {
			out := rowsLike(like)
			where := &inObject{}
			out.where = where
			for _, part := range in.split.Parts {
				where.path = part.Path
				more, err := readObjects(t, part, typ, func(rows codec.Rows, block int64) bool {
					where.block = block
					out.set(rows)
					more := feed(out.self)
					where.before += int64(rows.Len)
					return more
				})
				if !more || err != nil {
					return err
				}
			}
			return nil
		}, nil
	}}
}

// readObjects gives the blocks of a part, with their offsets, to yield. It says
// whether yield wants more.
func readObjects(t *Task, part storage.Part, typ *codec.Type, yield func(rows codec.Rows, block int64) bool) (more bool, err error) {
	file, err := storage.OpenPart(t, part)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	f, err := objects.Open(file, part.FileSize, typ)
	if err != nil {
		return false, badObject(part.Path, -1, err)
	}
	r, err := f.Part(part.Offset, part.Offset+part.Length)
	if err != nil {
		return false, err
	}
	// One buffer a block: rows may be kept.
	for t.Err() == nil {
		buf := typ.NewBuffer(0)
		at, size, err := r.Next(buf)
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, badObject(part.Path, at, err)
		}
		t.counters.BytesRead += size
		for rows, i := buf.Rows(), 0; i < rows.Len; i += BatchRows {
			if !yield(typ.Part(rows, i, min(i+BatchRows, rows.Len)), at) {
				return false, nil
			}
		}
		t.input.Done += size
	}
	return false, context.Cause(t)
}

// badObject says of an error of an object file which file it is.
func badObject(path string, offset int64, err error) error {
	var known *storage.PathError
	if errors.As(err, &known) {
		return err
	}
	kind := storage.Other
	switch {
	case errors.Is(err, objects.ErrCorrupt):
		kind = storage.Corrupt
	case errors.Is(err, objects.ErrType):
		kind = storage.Invalid
	}
	return &storage.PathError{Op: "read", Path: path, Kind: kind, Offset: offset, Err: err}
}

//go:noinline
func objectSink(like batch) *SinkPart {
	return &SinkPart{open: func(t *Task, _ *plan.Sink) (sink, error) {
		typ, err := like.typ()
		if err != nil {
			return nil, err
		}
		file, err := createStaged(t)
		if err != nil {
			return nil, err
		}
		s := &objectsSink{staged: staged{t: t, file: file}}
		s.objects = objects.NewWriter(io.MultiWriter(file, &s.sum), typ)
		s.w = s.objects
		return s, nil
	}}
}

// objectsSink writes a part file of rows as they are.
type objectsSink struct {
	staged
	batched
	objects *objects.Writer
}

func (s *objectsSink) feed(b any) bool {
	rows := b.(batch).raw().rows()
	s.rows += int64(rows.Len)
	s.err = s.add(rows)
	return s.err == nil
}

func (s *objectsSink) finish(res *plan.Result) error {
	if s.err == nil {
		s.err = s.objects.Close()
	}
	return s.report(res)
}

// batched writes batches as blocks.
type batched struct {
	w interface {
		Write(rows codec.Rows) error
		Flush() error
	}
	small int // batches of few rows since the last flush
}

// fewBatches is how many small batches share a block. What their rows were read
// into is kept until it is written.
const fewBatches = 16

func (b *batched) add(rows codec.Rows) error {
	err := b.w.Write(rows)
	if b.small++; rows.Len >= BatchRows/8 {
		b.small = 0
	}
	if err == nil && b.small >= fewBatches {
		b.small, err = 0, b.w.Flush()
	}
	return err
}
