package shuffle

import (
	"math/bits"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/table"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// Combine has the functions of a shuffle that combines values of type V to accumulators of type C. Accumulators are
// passed by pointer so that large ones are not copied.
type Combine[V, C any] struct {
	// Init makes an accumulator, which is zero, from the first value of a key.
	Init func(acc *C, v V)
	// Add adds a further value.
	Add func(acc *C, v V)
	// Merge adds the accumulator right to left. Left is from earlier rows.
	Merge func(left, right *C)
	// AddBatch is Add for many values: vals[i] belongs to *slots[i]. The same slot may be there several times; the
	// order counts. It is optional, and used instead of Add where given.
	AddBatch func(slots []*C, vals []V)
	// MergeBatch is Merge for many accumulators, and optional too.
	MergeBatch func(slots []*C, accs []C)

	nothing bool // there is nothing to combine but keys
}

// Presence is the Combine of keys without values, for distinct.
func Presence() Combine[struct{}, struct{}] {
	return Combine[struct{}, struct{}]{
		Init:       func(*struct{}, struct{}) {},
		Add:        func(*struct{}, struct{}) {},
		Merge:      func(_, _ *struct{}) {},
		AddBatch:   func([]*struct{}, []struct{}) {},
		MergeBatch: func([]*struct{}, []struct{}) {},
		nothing:    true,
	}
}

// Combining is a [Combine] with the types it works on.
type Combining struct {
	keys       *codec.KeyType
	in, out    codec.PairType // rows with values, and with accumulators
	add, merge update
}

// NewCombining returns the Combining of pairs of K and V. The error is a [*codec.TypeError].
func NewCombining[K comparable, V, C any](f Combine[V, C]) (c Combining, err error) {
	if c.keys, err = codec.KeyTypeOf[K](); err != nil {
		return c, err
	}
	if c.in, err = codec.PairTypeOf[K, V](); err != nil {
		return c, err
	}
	if c.out, err = codec.PairTypeOf[K, C](); err != nil {
		return c, err
	}
	c.add, c.merge = adding(f), merging(f)
	c.add.typ, c.merge.typ = c.in.Value, c.out.Value
	c.add.nothing, c.merge.nothing = f.nothing, f.nothing
	return c, nil
}

// Rows returns the type of the rows that come out.
func (c Combining) Rows() *codec.Type { return c.out.Type }

// update is what is done with values: those of a map side, or accumulators that were combined already.
type update struct {
	typ   *codec.Type // of the values
	first func(acc, x unsafe.Pointer)
	// each is first for n accumulators that lie stride bytes apart. Only what adds values has it.
	each  func(accs unsafe.Pointer, stride uintptr, xs values, n int)
	batch func(slots []unsafe.Pointer, xs unsafe.Pointer)

	nothing bool // has to be done
}

//go:noinline
func adding[V, C any](f Combine[V, C]) update {
	batch := f.AddBatch
	if batch == nil {
		batch = func(slots []*C, vals []V) {
			for i, s := range slots {
				f.Add(s, vals[i])
			}
		}
	}
	return update{
		first: func(acc, x unsafe.Pointer) { f.Init((*C)(acc), *(*V)(x)) },
		each: func(accs unsafe.Pointer, stride uintptr, xs values, n int) {
			for i := range n {
				f.Init((*C)(unsafe.Add(accs, uintptr(i)*stride)), *(*V)(xs.at(i)))
			}
		},
		batch: func(slots []unsafe.Pointer, xs unsafe.Pointer) {
			batch(typedSlots[C](slots), unsafe.Slice((*V)(xs), len(slots)))
		},
	}
}

//go:noinline
func merging[V, C any](f Combine[V, C]) update {
	batch := f.MergeBatch
	if batch == nil {
		batch = func(slots []*C, accs []C) {
			for i, s := range slots {
				f.Merge(s, &accs[i])
			}
		}
	}
	return update{
		first: func(acc, x unsafe.Pointer) { *(*C)(acc) = *(*C)(x) },
		batch: func(slots []unsafe.Pointer, xs unsafe.Pointer) {
			batch(typedSlots[C](slots), unsafe.Slice((*C)(xs), len(slots)))
		},
	}
}

func typedSlots[C any](slots []unsafe.Pointer) []*C {
	return unsafe.Slice((**C)(unsafe.Pointer(unsafe.SliceData(slots))), len(slots))
}

// values are the values of a batch: the first, and the distance from each to the next.
type values struct {
	first  unsafe.Pointer
	stride uintptr
}

func (v values) at(i int) unsafe.Pointer { return unsafe.Add(v.first, uintptr(i)*v.stride) }

// updater runs an update for a batch at a time.
type updater struct {
	update
	rows [table.Batch]unsafe.Pointer
	xs   codec.Rows // values brought together
	word bool       // they have 8 bytes without pointers
}

func newUpdater(u update) updater {
	word := u.typ.Size() == 8 && weight.PointerFree(u.typ.Reflect())
	return updater{update: u, xs: u.typ.Make(table.Batch), word: word}
}

// fewRuns is up to how many runs of values are better handed on one by one than brought together first.
const fewRuns = 6

// apply updates the accumulators in slots, those of new keys first: a key's first row is the one marked fresh, and
// its other rows in the batch come later.
func (u *updater) apply(fresh uint64, slots []unsafe.Pointer, xs values) {
	if u.nothing {
		return
	}
	for f := fresh; f != 0; f &= f - 1 {
		i := bits.TrailingZeros64(f)
		u.first(slots[i], xs.at(i))
	}
	u.rest(fresh, slots, xs)
}

// rest updates the accumulators of the rows that done does not mark.
func (u *updater) rest(done uint64, slots []unsafe.Pointer, xs values) {
	if u.nothing {
		return
	}
	if int(xs.stride) != u.typ.Size() || bits.OnesCount64(done) >= fewRuns {
		if u.word {
			u.words(done, slots, xs)
		} else {
			u.gathered(done, slots, xs)
		}
		return
	}
	from := 0
	for ; done != 0; done &= done - 1 {
		to := bits.TrailingZeros64(done)
		if to > from {
			u.batch(slots[from:to], xs.at(from))
		}
		from = to + 1
	}
	if from < len(slots) {
		u.batch(slots[from:], xs.at(from))
	}
}

// gathered is rest for values that do not lie side by side. It moves the slots together.
func (u *updater) gathered(done uint64, slots []unsafe.Pointer, xs values) {
	n := 0
	for i, slot := range slots {
		if done>>i&1 == 0 {
			slots[n], u.rows[n] = slot, xs.at(i)
			n++
		}
	}
	if n > 0 {
		u.typ.Gather(u.xs, u.rows[:n])
		u.batch(slots[:n], u.xs.Data)
	}
}

// words is gathered for values of 8 bytes without pointers.
func (u *updater) words(done uint64, slots []unsafe.Pointer, xs values) {
	to := (*[table.Batch]uint64)(u.xs.Data)
	n := 0
	for i, slot := range slots {
		slots[n], to[n] = slot, *(*uint64)(xs.at(i))
		n += int(^done >> i & 1)
	}
	if n > 0 {
		u.batch(slots[:n], u.xs.Data)
	}
}
