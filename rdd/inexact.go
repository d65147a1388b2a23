package rdd

import "reflect"

// holdsFloats says whether a value of a type may hold floating-point numbers.
func holdsFloats(t reflect.Type) bool { return floats{}.in(t) }

// floats are the types seen on the way to one, which may lead back to themselves.
type floats map[reflect.Type]bool

func (seen floats) in(t reflect.Type) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128, reflect.Interface:
		return true
	case reflect.Map:
		return seen.in(t.Key()) || seen.in(t.Elem())
	case reflect.Array, reflect.Slice, reflect.Pointer:
		return seen.in(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if seen.in(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}
