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
	o := ownerOf(reflect.TypeFor[C](), reflect.TypeFor[V]())
	if o == nil {
		return f
	}
	init, add, batch := f.Init, f.Add, f.AddBatch
	f.Init = func(acc *C, v V) {
		init(acc, v)
		o.own(unsafe.Pointer(acc))
	}
	f.Add = func(acc *C, v V) {
		add(acc, v)
		o.take(unsafe.Pointer(acc), unsafe.Pointer(&v))
	}
	if batch != nil {
		f.AddBatch = func(slots []*C, values []V) {
			batch(slots, values)
			for i := range slots {
				o.take(unsafe.Pointer(slots[i]), unsafe.Pointer(&values[i]))
			}
		}
	}
	return f
}

// owner knows where the strings of accumulators and values are.
type owner struct {
	accs, vals []uintptr
	copier     *weight.Copier
}

// ownerOf is nil where there is nothing to copy.
func ownerOf(acc, val reflect.Type) *owner {
	accs, ok := weight.Strings(acc)
	if !ok || len(accs) == 0 {
		return nil
	}
	vals, _ := weight.Strings(val)
	return &owner{accs, vals, weight.NewCopier(acc)}
}

func (o *owner) own(acc unsafe.Pointer) { o.copier.Copy(acc, 0, 1) }

// take owns an accumulator's strings if it has some of the value's.
func (o *owner) take(acc, v unsafe.Pointer) {
	if borrows(acc, o.accs, v, o.vals) {
		o.own(acc)
	}
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
