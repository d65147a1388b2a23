package table

import (
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// ints is the table for keys of the integer kinds: the first word of a slot. The key 0 marks a free slot and has a
// place of its own.
type ints struct {
	slots
	accs     accs
	keys     *codec.KeyType
	width    uintptr // of a key
	seed     uint64
	overhead int
	n        int
	hasZero  bool
	zero     []uint64 // the slot of the key 0
	sink     uint64
}

// zeroPosition is the position of the key 0.
const zeroPosition = 1<<32 - 1

func newInts(keys *codec.KeyType, pairs codec.PairType, seed uint64, overhead int) *ints {
	t := &ints{accs: newAccs(pairs), keys: keys, width: uintptr(pairs.Key.Size()), seed: seed, overhead: overhead}
	t.size = wordBytes + t.accs.slotBytes()
	t.zero = make([]uint64, t.size/wordBytes+1)
	return t
}

func (t *ints) Len() int { return t.n }

func (t *ints) bytes(slots int) int64 { return int64(slots) * int64(int(t.size)+t.overhead/2) }

func (t *ints) Bytes() int64 { return t.bytes(t.len) + t.accs.bytes() }

func (t *ints) Need(n int) int64 {
	need := t.accs.need(n)
	if slots := grown(t.len, t.n+n); slots > t.len {
		need += t.bytes(slots)
	}
	return need
}

// toWord reads an integer of any width.
func toWord(p unsafe.Pointer, width uintptr) uint64 {
	switch width {
	case 8:
		return *(*uint64)(p)
	case 4:
		return uint64(*(*uint32)(p))
	case 2:
		return uint64(*(*uint16)(p))
	}
	return uint64(*(*uint8)(p))
}

func fromWord(w uint64, p unsafe.Pointer, width uintptr) {
	switch width {
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

func (t *ints) Hash(keys Keys, hashes []uint64) {
	t.keys.Hash(hashes[:keys.Len], keys.First, keys.Stride, t.seed)
}

func (t *ints) Upsert(keys Keys, hashes []uint64, slots []unsafe.Pointer) (fresh uint64) {
	if n := grown(t.len, t.n+keys.Len); n > t.len {
		t.resize(n)
	}
	hashes, slots = hashes[:keys.Len], slots[:keys.Len]
	t.sink += t.touch(hashes, 0)
	base, size, shift, mask, width := t.base, t.size, t.shift&63, t.mask(), t.width
	for i, h := range hashes {
		k := toWord(keys.At(i), width)
		if k == 0 {
			if !t.hasZero {
				t.hasZero = true
				t.n++
				fresh |= 1 << i
			}
			slots[i] = t.zeroAcc()
			continue
		}
		for at := h >> shift; ; at++ {
			slot := unsafe.Add(base, uintptr(at&mask)*size)
			if found := *word(slot, 0); found == k {
				slots[i] = unsafe.Add(slot, wordBytes)
				break
			} else if found == 0 {
				*word(slot, 0) = k
				t.n++
				fresh |= 1 << i
				slots[i] = unsafe.Add(slot, wordBytes)
				break
			}
		}
	}
	t.accs.upserted(fresh, slots)
	return fresh
}

func (t *ints) zeroAcc() unsafe.Pointer {
	return unsafe.Add(unsafe.Pointer(unsafe.SliceData(t.zero)), wordBytes)
}

func (t *ints) Find(keys Keys, hashes []uint64, slots []unsafe.Pointer) (missing uint64) {
	if t.len == 0 {
		return 1<<keys.Len - 1
	}
	hashes, slots = hashes[:keys.Len], slots[:keys.Len]
	t.sink += t.touch(hashes, 0)
	for i, h := range hashes {
		k := toWord(keys.At(i), t.width)
		if k == 0 {
			slots[i] = t.zeroAcc()
			if !t.hasZero {
				missing |= 1 << i
			}
			continue
		}
		at := h >> t.shift
		for *word(t.at(at&t.mask()), 0) != k && *word(t.at(at&t.mask()), 0) != 0 {
			at++
		}
		slot := t.at(at & t.mask())
		slots[i] = unsafe.Add(slot, wordBytes)
		if *word(slot, 0) == 0 {
			missing |= 1 << i
		}
	}
	t.accs.found(missing, slots)
	return missing
}

// resize moves the entries to a table of n slots, a batch at a time: keys are hashed again.
func (t *ints) resize(n int) {
	old := t.make(n)
	mask := t.mask()
	var from [Batch]unsafe.Pointer
	var keys, hashes [Batch]uint64
	held := 0
	move := func() {
		t.keys.Hash(hashes[:held], unsafe.Pointer(&keys), wordBytes, t.seed)
		for i, slot := range from[:held] {
			at := hashes[i] >> t.shift
			for *word(t.at(at&mask), 0) != 0 {
				at++
			}
			copy(unsafe.Slice((*byte)(t.at(at&mask)), t.size), unsafe.Slice((*byte)(slot), t.size))
		}
		held = 0
	}
	for i := range uint64(old.len) {
		if slot := old.at(i); *word(slot, 0) != 0 {
			from[held] = slot
			fromWord(*word(slot, 0), unsafe.Pointer(&keys[held]), t.width)
			if held++; held == Batch {
				move()
			}
		}
	}
	move()
	old.free()
}

func (t *ints) Positions(dst []uint32) []uint32 {
	if t.hasZero {
		dst = append(dst, zeroPosition)
	}
	for i := range uint64(t.len) {
		if *word(t.at(i), 0) != 0 {
			dst = append(dst, uint32(i))
		}
	}
	return dst
}

func (t *ints) slot(pos uint32) unsafe.Pointer {
	if pos == zeroPosition {
		return unsafe.Pointer(unsafe.SliceData(t.zero))
	}
	return t.at(uint64(pos))
}

func (t *ints) Hashes(pos []uint32, seed uint64, hashes []uint64) {
	var keys [Batch]uint64
	for from := 0; from < len(pos); from += Batch {
		part := pos[from:min(from+Batch, len(pos))]
		for i, p := range part {
			fromWord(*word(t.slot(p), 0), unsafe.Pointer(&keys[i]), t.width)
		}
		t.keys.Hash(hashes[from:from+len(part)], unsafe.Pointer(&keys), wordBytes, seed)
	}
}

func (t *ints) Load(rows codec.Rows, pos []uint32, _ bool) {
	for i, p := range pos {
		slot, row := t.slot(p), t.accs.pairs.At(rows, i)
		fromWord(*word(slot, 0), row, t.width)
		t.accs.load(row, unsafe.Add(slot, wordBytes))
	}
}

func (t *ints) Sample(n int, visit func(unsafe.Pointer)) { t.accs.sample(n, visit) }

func (t *ints) Clear() {
	t.clear()
	clear(t.zero)
	t.accs.store.clear()
	t.n, t.hasZero = 0, false
}

func (t *ints) Free() {
	t.free()
	t.accs.store.free()
	t.n, t.hasZero = 0, false
}
