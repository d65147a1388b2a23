package rdd

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"unsafe"

	"github.com/zeebo/xxh3"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

// SaveAsTextFileOp writes rows as lines of text. format makes a row's line,
// without its end; without one, TextFormat does.
func SaveAsTextFileOp[T any](format ...func(T) string) *Op {
	if len(format) == 0 {
		return of((*T)(nil), one("SaveAsTextFile", nil, textPart((*Rows[T])(nil), nil)))
	}
	f := format[0]
	return of((*T)(nil), one("SaveAsTextFile", f, textPart((*Rows[T])(nil), func(dst []byte, row unsafe.Pointer) ([]byte, error) {
		return append(dst, f(*(*T)(row))...), nil
	})))
}

// textPart makes the sink of rows like those of like; line may be nil.
//
//go:noinline
func textPart(like batch, line textAppender) *SinkPart {
	return &SinkPart{open: func(t *Task, _ *plan.Sink) (sink, error) {
		row, line := sliceOf(like).Elem(), line
		if line == nil {
			var err error
			if line, err = textOf(row); err != nil {
				return nil, err
			}
		}
		w, err := createStaged(t)
		if err != nil {
			return nil, err
		}
		return &textSink{staged: staged{t: t, file: w}, line: line, size: row.Size()}, nil
	}}
}

// createStaged creates the attempt's output file, compressed as its name says.
func createStaged(t *Task) (storage.Writer, error) {
	fs, path, err := storage.Lookup(t.spec.Staged)
	if err != nil {
		return nil, err
	}
	var out plan.Output
	if t.plan.Output != nil {
		out = *t.plan.Output
	}
	w, err := storage.CreateWith(t, fs, path, storage.FileOptions{Replication: out.Replication, BlockSize: out.BlockSize})
	if err != nil {
		return nil, err
	}
	return storage.Compress(w, out.Compression)
}

// staged is what sinks have that write an attempt's output file.
type staged struct {
	t    *Task
	file storage.Writer
	sum  xxh3.Hasher // of what was written, before compression
	rows int64
	err  error
}

func (s *staged) target() any { return nil }
func (s *staged) flush() bool { return s.err == nil }
func (s *staged) abort()      { _ = s.file.Abort() }

// report completes the file, if nothing went wrong, and tells of it.
func (s *staged) report(res *plan.Result) error {
	if s.err != nil {
		s.abort()
		return s.err
	}
	if err := s.file.Close(); err != nil {
		return err
	}
	size := s.file.Size()
	s.t.counters.RowsOut += s.rows
	s.t.counters.Output += size
	res.Rows, res.Bytes, res.Sum = s.rows, size, s.sum.Sum64()
	res.Staged = &plan.StagedFile{Path: s.t.spec.Staged, Rows: s.rows, Bytes: size, Sum: res.Sum}
	return nil
}

// textSink writes a part file of lines.
type textSink struct {
	staged
	line textAppender
	size uintptr // of a row
	text []byte  // not written yet
}

// writtenAtOnce is how many bytes of text are written at a time.
const writtenAtOnce = 256 << 10

func (s *textSink) feed(b any) bool {
	in := b.(batch).raw()
	rows := in.rows()
	for i := range rows.Len {
		in.Row = i
		before := len(s.text)
		text, err := s.line(s.text, unsafe.Add(rows.Data, uintptr(i)*s.size))
		if err != nil {
			s.text = text[:before]
			s.t.Reject(rowOf(b, i), err)
			continue
		}
		s.text = append(text, '\n')
		s.rows++
		if len(s.text) >= writtenAtOnce && !s.write() {
			return false
		}
	}
	return true
}

func (s *textSink) write() bool {
	_, _ = s.sum.Write(s.text)
	_, s.err = s.file.Write(s.text)
	s.text = s.text[:0]
	return s.err == nil
}

func (s *textSink) finish(res *plan.Result) error {
	if s.err == nil && len(s.text) > 0 {
		s.write()
	}
	return s.report(res)
}

// textAppender appends the text of the value at p.
type textAppender func(dst []byte, p unsafe.Pointer) ([]byte, error)

// HasText says whether rows of a type have a text form, by the error: strings
// and bytes as they are, numbers and booleans as strconv writes them,
// encoding.TextMarshaler by its own word, a pair as key, tab, value.
func HasText(row reflect.Type) error {
	_, err := textOf(row)
	return err
}

func textOf(t reflect.Type) (textAppender, error) {
	if f := marshalerText(t); f != nil {
		return f, nil
	}
	if f := basicText(t); f != nil {
		return f, nil
	}
	if isPair(t) {
		key, err := textOf(t.Field(0).Type)
		if err != nil {
			return nil, err
		}
		value, err := textOf(t.Field(1).Type)
		if err != nil {
			return nil, err
		}
		at := t.Field(1).Offset
		return func(dst []byte, p unsafe.Pointer) ([]byte, error) {
			dst, err := key(dst, p)
			if err != nil {
				return dst, err
			}
			return value(append(dst, '\t'), unsafe.Add(p, at))
		}, nil
	}
	return nil, fmt.Errorf("rows of type %s have no text form: give typed.Format(func(row) string), or %s a MarshalText method", t, t)
}

// isPair recognises every instance of Pair.
func isPair(t reflect.Type) bool {
	one := reflect.TypeFor[Pair[int, int]]()
	return t.Kind() == reflect.Struct && t.PkgPath() == one.PkgPath() && t.NumField() == 2 &&
		len(t.Name()) > 5 && t.Name()[:5] == "Pair["
}

func marshalerText(t reflect.Type) textAppender {
	marshaler := reflect.TypeFor[encoding.TextMarshaler]()
	if !t.Implements(marshaler) && !reflect.PointerTo(t).Implements(marshaler) {
		return nil
	}
	own := t.Implements(marshaler)
	return func(dst []byte, p unsafe.Pointer) ([]byte, error) {
		v := reflect.NewAt(t, p)
		if own {
			v = v.Elem()
		}
		m, ok := v.Interface().(encoding.TextMarshaler)
		if !ok || v.Kind() == reflect.Pointer && v.IsNil() {
			return dst, nil // a nil interface or pointer has no text
		}
		text, err := m.MarshalText()
		return append(dst, text...), err
	}
}

// basicText gives the text of the basic kinds, nil for others.
func basicText(t reflect.Type) textAppender {
	switch t.Kind() {
	case reflect.String:
		return func(dst []byte, p unsafe.Pointer) ([]byte, error) { return append(dst, *(*string)(p)...), nil }
	case reflect.Bool:
		return func(dst []byte, p unsafe.Pointer) ([]byte, error) { return strconv.AppendBool(dst, *(*bool)(p)), nil }
	case reflect.Float32:
		return func(dst []byte, p unsafe.Pointer) ([]byte, error) {
			return strconv.AppendFloat(dst, float64(*(*float32)(p)), 'g', -1, 32), nil
		}
	case reflect.Float64:
		return func(dst []byte, p unsafe.Pointer) ([]byte, error) {
			return strconv.AppendFloat(dst, *(*float64)(p), 'g', -1, 64), nil
		}
	case reflect.Int:
		return signedText[int]
	case reflect.Int8:
		return signedText[int8]
	case reflect.Int16:
		return signedText[int16]
	case reflect.Int32:
		return signedText[int32]
	case reflect.Int64:
		return signedText[int64]
	case reflect.Uint:
		return unsignedText[uint]
	case reflect.Uint8:
		return unsignedText[uint8]
	case reflect.Uint16:
		return unsignedText[uint16]
	case reflect.Uint32:
		return unsignedText[uint32]
	case reflect.Uint64:
		return unsignedText[uint64]
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return func(dst []byte, p unsafe.Pointer) ([]byte, error) { return append(dst, *(*[]byte)(p)...), nil }
		}
	}
	return nil
}

func signedText[I int | int8 | int16 | int32 | int64](dst []byte, p unsafe.Pointer) ([]byte, error) {
	return strconv.AppendInt(dst, int64(*(*I)(p)), 10), nil
}

func unsignedText[I uint | uint8 | uint16 | uint32 | uint64](dst []byte, p unsafe.Pointer) ([]byte, error) {
	return strconv.AppendUint(dst, uint64(*(*I)(p)), 10), nil
}
