package rdd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/rdd/sequencefile"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/storage"
)

// SequenceFileOp is the source of the pairs of Hadoop's SequenceFiles.
func SequenceFileOp[K, V any]() *Op {
	return of((*Pair[K, V])(nil), one("SequenceFile", nil, sequenceSource((*Rows[Pair[K, V]])(nil))))
}

// SaveAsSequenceFileOp writes pairs as SequenceFiles.
func SaveAsSequenceFileOp[K, V any]() *Op {
	return of((*Pair[K, V])(nil), one("SaveAsSequenceFile", nil, sequenceSink((*Rows[Pair[K, V]])(nil))))
}

// field is the key or the value of a pair.
type field struct {
	typ    reflect.Type
	offset uintptr
	class  *sequencefile.Class
}

func (f *field) of(pair unsafe.Pointer) unsafe.Pointer { return unsafe.Add(pair, f.offset) }

// fieldsOf gives the key and the value of the pairs that like stands for.
func fieldsOf(like batch) (pair reflect.Type, fields [2]field) {
	pair = sliceOf(like).Elem()
	for i := range fields {
		f := pair.Field(i)
		fields[i].typ, fields[i].offset = f.Type, f.Offset
	}
	return pair, fields
}

//go:noinline
func sequenceSource(like batch) *SourcePart {
	return &SourcePart{open: func(t *Task, in *Input) (Run, error) {
		t.input = shuffle.Reading{All: in.split.Bytes()}
		return func(feed Feed) error {
			s := &sequences{t: t, feed: feed, out: rowsLike(like)}
			var pair reflect.Type
			pair, s.fields = fieldsOf(like)
			s.rows = reflect.MakeSlice(reflect.SliceOf(pair), BatchRows, BatchRows)
			s.size = pair.Size()
			s.out.where = &s.at
			defer func() { t.mem.Shrink(s.held) }()
			for _, part := range in.split.Parts {
				more, err := s.part(part)
				if !more || err != nil {
					return err
				}
			}
			return nil
		}, nil
	}}
}

// sequences reads the pairs of SequenceFiles into batches.
type sequences struct {
	t      *Task
	feed   Feed
	out    *rawRows
	fields [2]field
	rows   reflect.Value // that batches are made in
	size   uintptr       // of a row
	n      int           // rows in it
	bytes  int           // and about how much they point to
	held   int64         // of the task's memory
	at     inSequence
}

// inSequence locates rows of a SequenceFile: by the record, or the block, that they are in.
type inSequence struct {
	path   string
	places [BatchRows]int64
	before int64
}

func (l *inSequence) locate(i int) (path string, offset, ordinal int64) {
	return l.path, l.places[i], l.before + int64(i)
}

// part gives the pairs of a part. It says whether more are wanted.
func (s *sequences) part(part storage.Part) (more bool, err error) {
	file, err := storage.OpenPart(s.t, part)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	was := s.held
	r, err := sequencefile.Open(file, sequencefile.Options{
		From: part.Offset, To: part.Offset + part.Length, Size: part.FileSize, Room: s.room,
	})
	if err != nil {
		return false, badSequence(part.Path, -1, err)
	}
	defer func() {
		r.Close()
		s.t.mem.Shrink(s.held - was)
		s.held = was
	}()
	if err := s.classes(r.Header()); err != nil {
		return false, badSequence(part.Path, -1, err)
	}
	s.at.path = part.Path
	return s.records(r, part)
}

// room takes memory of the task, for what a file needs beyond what any has.
func (s *sequences) room(more int) error {
	if s.held+int64(more) <= int64(s.t.chunkBytes()) {
		s.t.mem.Force(int64(more))
	} else if !s.t.grow(int64(more)) {
		return fmt.Errorf("no memory for a record or block of more than %d bytes: give more of it, or run fewer tasks at a time", s.held+int64(more))
	}
	s.held += int64(more)
	return nil
}

// classes finds how what a file has is read.
func (s *sequences) classes(h sequencefile.Header) error {
	names := [2]string{h.Key, h.Value}
	for i := range s.fields {
		var ok bool
		if s.fields[i].class, ok = sequencefile.ForReading(names[i], s.fields[i].typ); !ok {
			return fmt.Errorf("%w: it has keys of %s, and values of %s, and is read as %s and %s: read it as %s and %s",
				errClasses, h.Key, h.Value, s.fields[0].typ, s.fields[1].typ, readable(h.Key), readable(h.Value))
		}
	}
	return nil
}

var errClasses = errors.New("other classes than asked for")

// readable says how to read values of a class.
func readable(class string) string {
	if types := sequencefile.TypesOf(class); types != "" {
		return types
	}
	return "nothing: there is no Go type for " + class
}

func (s *sequences) records(r *sequencefile.Reader, part storage.Part) (more bool, err error) {
	last := r.At()
	for {
		key, value, at, err := r.Next()
		if errors.Is(err, io.EOF) {
			return s.give(r.At() - last), s.cause()
		}
		if err != nil {
			return false, badSequence(part.Path, at, err)
		}
		if err := s.add(key, value, at); err != nil {
			return false, badSequence(part.Path, at, err)
		}
		if s.n == BatchRows || s.bytes >= batchBytes {
			now := r.At()
			if !s.give(now - last) {
				return false, s.cause()
			}
			last = now
		}
	}
}

// cause is that of a task which was told to stop.
func (s *sequences) cause() error {
	if s.t.Err() != nil {
		return context.Cause(s.t)
	}
	return nil
}

// add decodes a record into the batch.
func (s *sequences) add(key, value []byte, at int64) error {
	row := unsafe.Add(s.rows.UnsafePointer(), uintptr(s.n)*s.size)
	for i, b := range [][]byte{key, value} {
		f := &s.fields[i]
		if !f.class.Decode(b, f.of(row)) {
			return fmt.Errorf("%w: %d bytes that are no %s", sequencefile.ErrCorrupt, len(b), f.class.Name)
		}
	}
	s.at.places[s.n] = at
	s.n++
	s.bytes += len(key) + len(value)
	return nil
}

// give hands on the batch, for which so many bytes were read.
func (s *sequences) give(bytes int64) bool {
	s.t.counters.BytesRead += bytes
	s.t.input.Done += bytes
	s.t.seen.fraction.Store(math.Float64bits(min(s.t.progress(), 1)))
	if s.n == 0 {
		return true
	}
	s.out.Rows = rawSlice(s.rows.UnsafePointer(), s.n)
	more := s.feed(s.out.self)
	s.at.before += int64(s.n)
	s.n, s.bytes = 0, 0
	return more && s.t.Err() == nil
}

// badSequence says of an error of a SequenceFile which file it is.
func badSequence(path string, offset int64, err error) error {
	var known *storage.PathError
	if errors.As(err, &known) {
		return err
	}
	kind := storage.Other
	switch {
	case errors.Is(err, sequencefile.ErrCorrupt):
		kind = storage.Corrupt
	case errors.Is(err, sequencefile.ErrUnsupported), errors.Is(err, errClasses):
		kind = storage.Invalid
	}
	return &storage.PathError{Op: "read", Path: path, Kind: kind, Offset: offset, Err: err}
}

//go:noinline
func sequenceSink(like batch) *SinkPart {
	return &SinkPart{open: func(t *Task, _ *plan.Sink) (sink, error) {
		pair, fields := fieldsOf(like)
		for i := range fields {
			var ok bool
			if fields[i].class, ok = sequencefile.ForWriting(fields[i].typ); !ok {
				return nil, fmt.Errorf("no class of Hadoop's stands for %s", fields[i].typ)
			}
		}
		h := sequencefile.Header{Key: fields[0].class.Name, Value: fields[1].class.Name}
		if t.plan.Output != nil && t.plan.Output.Blocks != "" {
			var ok bool
			if h.Codec, ok = sequencefile.CodecOf(t.plan.Output.Blocks); !ok {
				return nil, fmt.Errorf("unknown compression %q", t.plan.Output.Blocks)
			}
		}
		file, err := createStaged(t)
		if err != nil {
			return nil, err
		}
		w, err := sequencefile.NewWriter(file, h)
		if err != nil {
			return nil, errors.Join(err, file.Abort())
		}
		return &sequencesSink{staged: staged{t: t, file: file}, fields: fields, size: pair.Size(), w: w}, nil
	}}
}

// sequencesSink writes a part file of keys and values.
type sequencesSink struct {
	staged
	fields     [2]field
	size       uintptr // of a row
	w          *sequencefile.Writer
	key, value []byte
}

func (s *sequencesSink) feed(b any) bool {
	in := b.(batch).raw()
	rows := in.rows()
	for i := range rows.Len {
		in.Row = i
		row := unsafe.Add(rows.Data, uintptr(i)*s.size)
		s.key = s.fields[0].class.Append(s.key[:0], s.fields[0].of(row))
		s.value = s.fields[1].class.Append(s.value[:0], s.fields[1].of(row))
		// Not of the file, which has a marker that no other attempt's has.
		_, _ = s.sum.Write(s.key)
		_, _ = s.sum.Write(s.value)
		if s.err = s.w.Append(s.key, s.value); s.err != nil {
			return false
		}
		s.rows++
	}
	return true
}

func (s *sequencesSink) finish(res *plan.Result) error {
	if s.err == nil {
		s.err = s.w.Close()
	}
	return s.report(res)
}
