package codec

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"math"
	"math/big"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// reference writes a run as the package comment says, value by value and with
// no thought of speed.
func reference(dst []byte, t reflect.Type, run []reflect.Value) []byte {
	pt := reflect.PointerTo(t)
	switch {
	case t.Size() == 0:
		return dst
	case t == timeType:
		for _, v := range run {
			dst = referenceTime(dst, v.Interface().(time.Time))
		}
		return dst
	case t.Kind() == reflect.Pointer:
		return referencePointers(dst, t, run)
	case pt.Implements(binaryMarshal) && pt.Implements(binaryUnmarshal):
		for _, v := range run {
			code, _ := v.Addr().Interface().(encoding.BinaryMarshaler).MarshalBinary()
			dst = append(binary.AppendUvarint(dst, uint64(len(code))), code...)
		}
		return dst
	case t == reflect.TypeFor[big.Int]():
		for _, v := range run {
			code := v.Addr().Interface().(*big.Int).String()
			dst = append(binary.AppendUvarint(dst, uint64(len(code))), code...)
		}
		return dst
	}
	return referenceKind(dst, t, run)
}

func referenceTime(dst []byte, t time.Time) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.Unix()))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(t.Nanosecond()))
	_, offset := t.Zone()
	if t.Location() == time.UTC {
		offset = math.MinInt32
	}
	return binary.LittleEndian.AppendUint32(dst, uint32(offset))
}

func referencePointers(dst []byte, t reflect.Type, run []reflect.Value) []byte {
	for _, v := range run {
		if v.IsNil() {
			dst = append(dst, 0)
		} else {
			dst = append(dst, 1)
		}
	}
	for _, v := range run {
		if !v.IsNil() {
			dst = reference(dst, t.Elem(), []reflect.Value{v.Elem()})
		}
	}
	return dst
}

func referenceKind(dst []byte, t reflect.Type, run []reflect.Value) []byte {
	switch t.Kind() {
	case reflect.String:
		for _, v := range run {
			dst = binary.AppendUvarint(dst, uint64(v.Len()))
		}
		for _, v := range run {
			dst = append(dst, v.String()...)
		}
	case reflect.Slice, reflect.Map:
		for _, v := range run {
			if v.IsNil() {
				dst = append(dst, 0)
			} else {
				dst = binary.AppendUvarint(dst, uint64(v.Len())+1)
			}
		}
		for _, v := range run {
			switch {
			case v.Len() == 0:
			case t.Kind() == reflect.Slice:
				dst = reference(dst, t.Elem(), elements(v))
			default:
				dst = referenceMap(dst, v)
			}
		}
	case reflect.Array:
		for _, v := range run {
			dst = reference(dst, t.Elem(), elements(v))
		}
	case reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).Name == "_" {
				continue
			}
			var column []reflect.Value
			for _, v := range run {
				f := v.Field(i)
				column = append(column, reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem())
			}
			dst = reference(dst, t.Field(i).Type, column)
		}
	default:
		for _, v := range run {
			dst = referenceNumber(dst, v)
		}
	}
	return dst
}

func elements(v reflect.Value) (all []reflect.Value) {
	for i := range v.Len() {
		all = append(all, v.Index(i))
	}
	return all
}

func referenceMap(dst []byte, m reflect.Value) []byte {
	type entry struct {
		code     []byte
		key, val reflect.Value
	}
	addressable := func(v reflect.Value) reflect.Value {
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		return p.Elem()
	}
	var all []entry
	for it := m.MapRange(); it.Next(); {
		k := addressable(it.Key())
		all = append(all, entry{reference(nil, k.Type(), []reflect.Value{k}), k, addressable(it.Value())})
	}
	slices.SortFunc(all, func(a, b entry) int { return bytes.Compare(a.code, b.code) })
	var keys, vals []reflect.Value
	for _, e := range all {
		keys, vals = append(keys, e.key), append(vals, e.val)
	}
	return reference(reference(dst, m.Type().Key(), keys), m.Type().Elem(), vals)
}

func referenceNumber(dst []byte, v reflect.Value) []byte {
	number := any(nil)
	switch v.Kind() {
	case reflect.Int:
		number = v.Int()
	case reflect.Uint, reflect.Uintptr:
		number = v.Uint()
	default:
		number = v.Interface()
	}
	dst, err := binary.Append(dst, binary.LittleEndian, number)
	if err != nil {
		panic(err)
	}
	return dst
}

func oracle[T any](t *testing.T) {
	t.Run(reflect.TypeFor[T]().String(), func(t *testing.T) {
		c := mustFor[T](t)
		rapid.Check(t, func(t *rapid.T) {
			rows := randomRows[T](rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 5).Draw(t, "rows"))
			got, err := c.Append(nil, rows)
			if err != nil {
				t.Fatal(err)
			}
			want := reference(nil, reflect.TypeFor[T](), elements(reflect.ValueOf(rows)))
			if !bytes.Equal(got, want) {
				t.Fatalf("rows %+v\ngot  %x\nwant %x", rows, got, want)
			}
		})
	})
}

// The compiled columns take short cuts: joined runs, copies of memory, flat
// structs. The bytes must not show it.
func TestBytesAreThoseOfTheReference(t *testing.T) {
	oracle[bool](t)
	oracle[int](t)
	oracle[Pair[uint, uintptr]](t)
	oracle[Pair[float32, complex128]](t)
	oracle[label](t)
	oracle[[]byte](t)
	oracle[[][]string](t)
	oracle[[3][2]string](t)
	oracle[[2]pixel](t)
	oracle[[][2]int16](t)
	oracle[[]struct{ V int32 }](t)
	oracle[[]struct{}](t)
	oracle[line](t)
	oracle[order](t)
	oracle[[]*order](t)
	oracle[tags](t)
	oracle[map[point]*string](t)
	oracle[map[string]map[pixel]line](t)
	oracle[Pair[string, int64]](t)
	oracle[Pair[struct{}, box[box[string]]]](t)
	oracle[[]time.Time](t)
	oracle[tree](t)
	oracle[chain](t)
	oracle[forest](t)
}
