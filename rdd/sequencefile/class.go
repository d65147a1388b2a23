package sequencefile

import (
	"encoding/binary"
	"math"
	"reflect"
	"strings"
	"unsafe"
)

// Class is one of Hadoop's classes of keys and values, for a Go type.
type Class struct {
	Name string // the Java class
	like reflect.Type
	// Append appends the serialized value at p.
	Append func(dst []byte, p unsafe.Pointer) []byte
	// Decode makes the value at p of all of b, and keeps nothing of b. It says
	// whether b is one.
	Decode func(b []byte, p unsafe.Pointer) bool
}

const hadoop = "org.apache.hadoop.io."

// classes are those that are known; of those for one Go type the first is written.
var classes = []Class{
	class(hadoop+"Text", func(dst []byte, v string) []byte { return append(appendVInt(dst, len(v)), v...) },
		func(b []byte) (string, bool) {
			n, rest, ok := cutVInt(b)
			return string(rest), ok && n == len(rest)
		}),
	class(hadoop+"BytesWritable", func(dst, v []byte) []byte {
		return append(binary.BigEndian.AppendUint32(dst, uint32(len(v))), v...)
	}, func(b []byte) ([]byte, bool) {
		b, ok := cutBytes(b)
		return append([]byte{}, b...), ok
	}),
	// Slices are no keys.
	class(hadoop+"BytesWritable", nil, func(b []byte) (string, bool) {
		b, ok := cutBytes(b)
		return string(b), ok
	}),
	class(hadoop+"IntWritable", func(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) },
		func(b []byte) (int32, bool) { v, ok := fixed(b, 4); return int32(v), ok }),
	class(hadoop+"LongWritable", func(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) },
		func(b []byte) (int64, bool) { v, ok := fixed(b, 8); return int64(v), ok }),
	class(hadoop+"FloatWritable", func(dst []byte, v float32) []byte {
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(v))
	}, func(b []byte) (float32, bool) { v, ok := fixed(b, 4); return math.Float32frombits(uint32(v)), ok }),
	class(hadoop+"DoubleWritable", func(dst []byte, v float64) []byte {
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v))
	}, func(b []byte) (float64, bool) { v, ok := fixed(b, 8); return math.Float64frombits(v), ok }),
	class(hadoop+"BooleanWritable", func(dst []byte, v bool) []byte {
		if v {
			return append(dst, 1)
		}
		return append(dst, 0)
	}, func(b []byte) (bool, bool) { v, ok := fixed(b, 1); return v == 1, ok && v <= 1 }),
	class(hadoop+"NullWritable", func(dst []byte, _ struct{}) []byte { return dst },
		func(b []byte) (struct{}, bool) { return struct{}{}, len(b) == 0 }),
}

func class[T any](name string, add func([]byte, T) []byte, decode func([]byte) (T, bool)) Class {
	c := Class{Name: name, like: reflect.TypeFor[T]()}
	if add != nil {
		c.Append = func(dst []byte, p unsafe.Pointer) []byte { return add(dst, *(*T)(p)) }
	}
	c.Decode = func(b []byte, p unsafe.Pointer) bool {
		v, ok := decode(b)
		*(*T)(p) = v
		return ok
	}
	return c
}

// cutBytes gives what is behind a length of four bytes, which must be that of it.
func cutBytes(b []byte) ([]byte, bool) {
	if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) != uint64(len(b)-4) {
		return nil, false
	}
	return b[4:], true
}

// fixed decodes a number of size bytes, which must be all.
func fixed(b []byte, size int) (v uint64, ok bool) {
	if len(b) != size {
		return 0, false
	}
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v, true
}

// reads says whether values of the class are read as values of a type, which may
// have a name of its own.
func (c *Class) reads(t reflect.Type) bool {
	if c.like.Kind() == reflect.Struct || c.like.Kind() == reflect.Slice {
		return t.ConvertibleTo(c.like) && t.Kind() == c.like.Kind()
	}
	return t.Kind() == c.like.Kind()
}

// ForWriting gives the class as which values of a type are written.
func ForWriting(t reflect.Type) (*Class, bool) {
	for i := range classes {
		if c := &classes[i]; c.Append != nil && c.reads(t) {
			return c, true
		}
	}
	return nil, false
}

// ForReading gives the class with a name, as values of a type read it.
func ForReading(name string, t reflect.Type) (*Class, bool) {
	for i := range classes {
		if c := &classes[i]; c.Name == name && c.reads(t) {
			return c, true
		}
	}
	return nil, false
}

// TypesOf names the Go types that read a class: "" when there are none.
func TypesOf(name string) string {
	var types []string
	for i := range classes {
		if classes[i].Name == name {
			types = append(types, classes[i].like.String())
		}
	}
	return strings.Join(types, " or ")
}
