// Package deep shows and compares values with all that they lead to: what
// pointers point to rather than the pointers.
package deep

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// depth is how far pointers are followed: a value may lead to itself.
const depth = 100

// Show writes a value out: nil apart from empty, entries of maps in order. All
// NaN look alike, so do both zeros, as they do in keys.
func Show(v any) string {
	var p printer
	p.show(reflect.ValueOf(v), 0)
	return p.String()
}

type printer struct{ strings.Builder }

func (p *printer) show(v reflect.Value, at int) {
	if at > depth {
		p.WriteString("…")
		return
	}
	switch v.Kind() {
	case reflect.Invalid:
		p.WriteString("nil")
	case reflect.Bool:
		p.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		p.WriteString(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		p.WriteString(strconv.FormatFloat(v.Float()+0, 'g', -1, v.Type().Bits()))
	case reflect.Complex64, reflect.Complex128:
		p.WriteString(strconv.FormatComplex(v.Complex(), 'g', -1, v.Type().Bits()))
	case reflect.String:
		p.WriteString(strconv.Quote(v.String()))
	default:
		p.showOther(v, at)
	}
}

// showOther shows what has parts.
func (p *printer) showOther(v reflect.Value, at int) {
	switch k := v.Kind(); {
	case k != reflect.Struct && k != reflect.Array && v.IsNil():
		p.WriteString("nil")
	case k == reflect.Pointer:
		p.WriteByte('&')
		p.show(v.Elem(), at+1)
	case k == reflect.Interface:
		p.show(v.Elem(), at+1)
	case k == reflect.Struct:
		if t, ok := timeOf(v); ok {
			p.WriteString(t.Format(time.RFC3339Nano))
			return
		}
		named := slices.DeleteFunc(reflect.VisibleFields(v.Type()), func(f reflect.StructField) bool { return len(f.Index) > 1 || f.Name == "_" })
		p.list('{', '}', len(named), func(i int) {
			p.WriteString(named[i].Name)
			p.WriteByte(':')
			p.show(v.FieldByIndex(named[i].Index), at+1)
		})
	case k == reflect.Array || k == reflect.Slice:
		p.list('[', ']', v.Len(), func(i int) { p.show(v.Index(i), at+1) })
	case k == reflect.Map:
		entries := entries(v, at+1)
		p.list('{', '}', len(entries), func(i int) { p.WriteString(entries[i]) })
	default: // functions, channels
		p.WriteString(v.Type().String())
	}
}

func (p *printer) list(open, end byte, n int, item func(i int)) {
	p.WriteByte(open)
	for i := range n {
		if i > 0 {
			p.WriteByte(' ')
		}
		item(i)
	}
	p.WriteByte(end)
}

// entries shows the entries of a map, in the order of what they show.
func entries(v reflect.Value, at int) []string {
	var out []string
	for it := v.MapRange(); it.Next(); {
		var e printer
		e.show(it.Key(), at)
		e.WriteByte(':')
		e.show(it.Value(), at)
		out = append(out, e.String())
	}
	slices.Sort(out)
	return out
}

// timeOf gives a time.Time that may be read.
func timeOf(v reflect.Value) (time.Time, bool) {
	if v.Type() != reflect.TypeFor[time.Time]() || !v.CanInterface() {
		return time.Time{}, false
	}
	return v.Interface().(time.Time), true
}

// Equal says whether two values of one type are the same: numbers with a
// fraction as far apart as tolerance allows, relative to the greater where that
// is beyond 1; NaN is the same as NaN, nil as empty, a time.Time as the same
// instant.
func Equal(a, b any, tolerance float64) bool {
	return comparer(tolerance).equal(reflect.ValueOf(a), reflect.ValueOf(b), 0)
}

type comparer float64

func (c comparer) equal(a, b reflect.Value, at int) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	if !a.IsValid() || at > depth {
		return true
	}
	switch a.Kind() {
	case reflect.Float32, reflect.Float64:
		return c.near(a.Float(), b.Float())
	case reflect.Complex64, reflect.Complex128:
		x, y := a.Complex(), b.Complex()
		return c.near(real(x), real(y)) && c.near(imag(x), imag(y))
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return c.equal(a.Elem(), b.Elem(), at+1)
	case reflect.Struct:
		return c.structs(a, b, at)
	case reflect.Array, reflect.Slice:
		return a.Len() == b.Len() && every(a.Len(), func(i int) bool { return c.equal(a.Index(i), b.Index(i), at+1) })
	case reflect.Map:
		return c.maps(a, b, at)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return a.Pointer() == b.Pointer()
	}
	return a.Equal(b)
}

func (c comparer) near(x, y float64) bool {
	if x == y || math.IsNaN(x) && math.IsNaN(y) {
		return true
	}
	return math.Abs(x-y) <= float64(c)*max(1, math.Abs(x), math.Abs(y)) && !math.IsInf(x, 0) && !math.IsInf(y, 0)
}

func (c comparer) structs(a, b reflect.Value, at int) bool {
	if x, ok := timeOf(a); ok {
		y, _ := timeOf(b)
		return x.Equal(y)
	}
	return every(a.NumField(), func(i int) bool {
		return a.Type().Field(i).Name == "_" || c.equal(a.Field(i), b.Field(i), at+1)
	})
}

// maps compares by key, and by what they show where a key is not equal to
// itself.
func (c comparer) maps(a, b reflect.Value, at int) bool {
	if a.Len() != b.Len() {
		return false
	}
	for it := a.MapRange(); it.Next(); {
		if v := b.MapIndex(it.Key()); !v.IsValid() || !c.equal(it.Value(), v, at+1) {
			return slices.Equal(entries(a, at), entries(b, at))
		}
	}
	return true
}

func every(n int, ok func(i int) bool) bool {
	for i := range n {
		if !ok(i) {
			return false
		}
	}
	return true
}
