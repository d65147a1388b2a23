package table

import (
	"math/bits"
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// shiftOf returns how far a hash is shifted to be a number of one of n slots.
func shiftOf(n int) uint { return uint(64 - bits.TrailingZeros(uint(n))) }

// ints is the table for keys of the integer kinds and accumulators without pointers. The key 0 marks a free slot and
// has a place of its own.
type ints[K comparable, C any] struct {
	keys     codec.Keys[K]
	seed     uint64
	overhead int
	slots    []intSlot[C]
	raw      []byte
	shift    uint
	n        int
	hasZero  bool
	zero     C
	sink     uint64
	words    [Batch]uint64
}

type intSlot[C any] struct {
	v C // first: an empty C at the end would be padded
	k uint64
}

// zeroPosition is the position of the key 0.
const zeroPosition = 1<<32 - 1

func newInts[K comparable, C any](keys codec.Keys[K], seed uint64, overhead int) *ints[K, C] {
	return &ints[K, C]{keys: keys, seed: seed, overhead: overhead}
}

func (t *ints[K, C]) Len() int { return t.n }

func (t *ints[K, C]) bytes(slots int) int64 {
	return int64(slots) * int64(int(reflect.TypeFor[intSlot[C]]().Size())+t.overhead/2)
}

func (t *ints[K, C]) Bytes() int64 { return t.bytes(len(t.slots)) }

func (t *ints[K, C]) Need(n int) int64 {
	if slots := grown(len(t.slots), t.n+n); slots > len(t.slots) {
		return t.bytes(slots)
	}
	return 0
}

// toWords reads integers of any width; which of them is known by their size.
func toWords[K comparable](keys []K, out *[Batch]uint64) {
	if len(keys) == 0 {
		return
	}
	p := unsafe.Pointer(unsafe.SliceData(keys))
	switch unsafe.Sizeof(keys[0]) {
	case 8:
		copy(out[:], unsafe.Slice((*uint64)(p), len(keys)))
	case 4:
		widen(unsafe.Slice((*uint32)(p), len(keys)), out)
	case 2:
		widen(unsafe.Slice((*uint16)(p), len(keys)), out)
	default:
		widen(unsafe.Slice((*uint8)(p), len(keys)), out)
	}
}

func widen[U uint8 | uint16 | uint32](in []U, out *[Batch]uint64) {
	for i, u := range in {
		out[i] = uint64(u)
	}
}

func fromWord[K comparable](w uint64, k *K) {
	p := unsafe.Pointer(k)
	switch unsafe.Sizeof(*k) {
	case 8:
		*(*uint64)(p) = w
	case 4:
		*(*uint32)(p) = uint32(w)
	case 2:
		*(*uint16)(p) = uint16(w)
	default:
		*(*uint8)(p) = uint8(w)
	}
}

func (t *ints[K, C]) touch(hashes []uint64) {
	sum := t.sink
	for _, h := range hashes {
		sum += t.slots[h>>t.shift].k
	}
	t.sink = sum
}

func (t *ints[K, C]) Hash(keys []K, hashes []uint64) { t.keys.Hash(hashes, keys, t.seed) }

func (t *ints[K, C]) Upsert(keys []K, hashes []uint64, slots []*C) (fresh uint64) {
	if n := grown(len(t.slots), t.n+len(keys)); n > len(t.slots) {
		t.resize(n)
	}
	hashes, slots = hashes[:len(keys)], slots[:len(keys)]
	t.touch(hashes)
	toWords(keys, &t.words)
	tab, mask := t.slots, uint64(len(t.slots)-1)
	for i, k := range t.words[:len(keys)] {
		if k == 0 {
			if !t.hasZero {
				t.hasZero = true
				t.n++
				fresh |= 1 << i
			}
			slots[i] = &t.zero
			continue
		}
		for at := hashes[i] >> t.shift; ; at++ {
			slot := &tab[at&mask]
			if slot.k == k {
				slots[i] = &slot.v
				break
			}
			if slot.k == 0 {
				slot.k = k
				t.n++
				fresh |= 1 << i
				slots[i] = &slot.v
				break
			}
		}
	}
	return fresh
}

func (t *ints[K, C]) Find(keys []K, hashes []uint64, slots []*C) (missing uint64) {
	if len(t.slots) == 0 {
		return 1<<len(keys) - 1
	}
	t.touch(hashes[:len(keys)])
	toWords(keys, &t.words)
	mask := uint64(len(t.slots) - 1)
	for i, k := range t.words[:len(keys)] {
		at := hashes[i] >> t.shift
		for t.slots[at&mask].k != k && t.slots[at&mask].k != 0 {
			at++
		}
		switch {
		case k == 0 && t.hasZero:
			slots[i] = &t.zero
		case k == 0 || t.slots[at&mask].k == 0:
			missing |= 1 << i
		default:
			slots[i] = &t.slots[at&mask].v
		}
	}
	return missing
}

func (t *ints[K, C]) resize(n int) {
	old, oldRaw := t.slots, t.raw
	t.slots, t.raw = alloc[intSlot[C]](n)
	t.shift = shiftOf(n)
	mask := uint64(n - 1)
	var from [Batch]*intSlot[C]
	var keys [Batch]K
	var hashes [Batch]uint64
	held := 0
	move := func() {
		t.keys.Hash(hashes[:held], keys[:held], t.seed)
		for i, slot := range from[:held] {
			at := hashes[i] >> t.shift
			for t.slots[at&mask].k != 0 {
				at++
			}
			t.slots[at&mask] = *slot
		}
		held = 0
	}
	for i := range old {
		if slot := &old[i]; slot.k != 0 {
			from[held] = slot
			fromWord(slot.k, &keys[held])
			if held++; held == Batch {
				move()
			}
		}
	}
	move()
	unmapMemory(oldRaw)
}

func (t *ints[K, C]) Positions(dst []uint32) []uint32 {
	if t.hasZero {
		dst = append(dst, zeroPosition)
	}
	for i := range t.slots {
		if t.slots[i].k != 0 {
			dst = append(dst, uint32(i))
		}
	}
	return dst
}

func (t *ints[K, C]) Load(rows []codec.Pair[K, C], pos []uint32, _ bool) {
	for i, p := range pos {
		if p == zeroPosition {
			fromWord(0, &rows[i].Key)
			rows[i].Value = t.zero
			continue
		}
		slot := &t.slots[p]
		fromWord(slot.k, &rows[i].Key)
		rows[i].Value = slot.v
	}
}

func (t *ints[K, C]) Sample(int, func(*C)) {}

func (t *ints[K, C]) Clear() {
	clear(t.slots)
	var zero C
	t.n, t.hasZero, t.zero = 0, false, zero
}

func (t *ints[K, C]) Free() {
	unmapMemory(t.raw)
	t.slots, t.raw, t.n = nil, nil, 0
}
