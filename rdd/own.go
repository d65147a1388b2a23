package rdd

import (
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// owning makes accumulators that keep no text which values were cut from: one
// word in a table would keep its megabyte. Strings are copied when a key is new,
// and when an accumulator takes one over from a value. Accumulators that hold
// more than strings are left alone. The result serves one task.
func owning[V, C any](f shuffle.Combine[V, C]) shuffle.Combine[V, C] {
	accs, ok := weight.Strings(reflect.TypeFor[C]())
	if !ok || len(accs) == 0 {
		return f
	}
	vals, _ := weight.Strings(reflect.TypeFor[V]())
	copier := weight.NewCopier(reflect.TypeFor[C]())
	init, add, batch := f.Init, f.Add, f.AddBatch
	own := func(acc *C, v *V) {
		if borrows(unsafe.Pointer(acc), accs, unsafe.Pointer(v), vals) {
			copier.Copy(unsafe.Pointer(acc), 0, 1)
		}
	}
	f.Init = func(acc *C, v V) {
		init(acc, v)
		copier.Copy(unsafe.Pointer(acc), 0, 1)
	}
	f.Add = func(acc *C, v V) {
		add(acc, v)
		own(acc, &v)
	}
	if batch != nil {
		f.AddBatch = func(slots []*C, values []V) {
			batch(slots, values)
			for i := range slots {
				own(slots[i], &values[i])
			}
		}
	}
	return f
}

// borrows says whether a string of the accumulator lies within one of the
// value.
func borrows(acc unsafe.Pointer, accs []uintptr, v unsafe.Pointer, vals []uintptr) bool {
	for _, i := range accs {
		s := *(*string)(unsafe.Add(acc, i))
		at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
		for _, j := range vals {
			text := *(*string)(unsafe.Add(v, j))
			if from := uintptr(unsafe.Pointer(unsafe.StringData(text))); len(s) > 0 && at >= from && at < from+uintptr(len(text)) {
				return true
			}
		}
	}
	return false
}
