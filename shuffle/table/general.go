package table

import (
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// general is the table for keys of any type: entries in the order of insertion, and an index of their numbers.
type general struct {
	slots    // one word each: the high half of the hash above, and the number of the entry plus one; 0 is free
	keyType  *codec.KeyType
	pairs    codec.PairType
	seed     uint64
	overhead int
	keys     chunks
	accs     chunks
	hashes   []*[chunkLen]uint64
	weigh    *weight.Weigher
	copier   *weight.Copier
	weighed  int64 // what the keys of the batch that was hashed last hold
	strings  int64 // bytes of the copied strings
	sink     uint64
}

func newGeneral(keys *codec.KeyType, pairs codec.PairType, seed uint64, overhead int) *general {
	return &general{
		slots:    slots{size: wordBytes},
		keyType:  keys,
		pairs:    pairs,
		seed:     seed,
		overhead: overhead,
		keys:     chunks{typ: pairs.Key},
		accs:     chunks{typ: pairs.Value},
		weigh:    weight.NewWeigher(pairs.Key.Reflect()),
		copier:   weight.NewCopier(pairs.Key.Reflect()),
	}
}

func (t *general) Len() int { return int(t.keys.n) }

// entryBytes is what an entry takes beside its key and its accumulator.
func (t *general) entryBytes() int64 { return int64(wordBytes + t.overhead) }

func (t *general) Bytes() int64 {
	return int64(t.len)*wordBytes + t.keys.bytes() + t.accs.bytes() + int64(len(t.keys.list))*chunkLen*t.entryBytes() + t.strings
}

func (t *general) Need(n int) int64 {
	need := t.weighed
	if more := t.keys.need(n); int(t.keys.n)+n > len(t.keys.list)*chunkLen {
		need += more + t.accs.need(n) + chunkLen*t.entryBytes()
	}
	if slots := grown(t.len, t.Len()+n); slots > t.len {
		need += int64(slots) * wordBytes
	}
	return need
}

const highHalf = 0xffffffff << 32

// find returns the number of the entry of a key, or false and the index slot where it belongs.
func (t *general) find(key unsafe.Pointer, hash uint64) (entry uint32, slot *uint64, ok bool) {
	for at := hash >> t.shift; ; at++ {
		slot := (*uint64)(t.at(at & t.mask()))
		ref := *slot
		if ref == 0 {
			return 0, slot, false
		}
		if (ref^hash)&highHalf == 0 {
			if i := uint32(ref) - 1; t.hash(i) == hash && t.keyType.Equal(t.keys.at(i), key) {
				return i, slot, true
			}
		}
	}
}

// hash returns the hash of an entry's key.
func (t *general) hash(entry uint32) uint64 { return t.hashes[entry>>chunkShift][entry%chunkLen] }

func (t *general) Hash(keys Keys, hashes []uint64) {
	t.weighed = t.weigh.Rows(keys.First, keys.Stride, keys.Len)
	t.keyType.Hash(hashes[:keys.Len], keys.First, keys.Stride, t.seed)
}

func (t *general) Upsert(keys Keys, hashes []uint64, slots []unsafe.Pointer) (fresh uint64) {
	if n := grown(t.len, t.Len()+keys.Len); n > t.len {
		t.resize(n)
	}
	hashes = hashes[:keys.Len]
	t.sink += t.touch(hashes, 0)
	for i, h := range hashes {
		entry, slot, ok := t.find(keys.At(i), h)
		if !ok {
			entry = t.insert(keys.At(i), h)
			*slot = h&highHalf | uint64(entry+1)
			fresh |= 1 << i
		}
		slots[i] = t.accs.at(entry)
	}
	return fresh
}

func (t *general) insert(key unsafe.Pointer, hash uint64) uint32 {
	i := t.keys.add()
	t.accs.add()
	if int(i) == len(t.hashes)*chunkLen {
		t.hashes = append(t.hashes, new([chunkLen]uint64))
	}
	t.hashes[i>>chunkShift][i%chunkLen] = hash
	own := t.keys.at(i)
	copyOne(t.pairs.Key, own, key)
	if !t.weigh.Flat() {
		t.copier.Copy(own, 0, 1)
		t.strings += t.weigh.Row(own)
	}
	return i
}

func (t *general) Find(keys Keys, hashes []uint64, slots []unsafe.Pointer) (missing uint64) {
	if t.len == 0 {
		return 1<<keys.Len - 1
	}
	hashes = hashes[:keys.Len]
	t.sink += t.touch(hashes, 0)
	for i, h := range hashes {
		if entry, _, ok := t.find(keys.At(i), h); ok {
			slots[i] = t.accs.at(entry)
		} else {
			missing |= 1 << i
		}
	}
	return missing
}

func (t *general) resize(n int) {
	old := t.make(n)
	for i := range t.keys.n {
		h := t.hash(i)
		at := h >> t.shift
		for *(*uint64)(t.at(at & t.mask())) != 0 {
			at++
		}
		*(*uint64)(t.at(at & t.mask())) = h&highHalf | uint64(i+1)
	}
	old.free()
}

func (t *general) Positions(dst []uint32) []uint32 {
	for i := range t.keys.n {
		dst = append(dst, i)
	}
	return dst
}

func (t *general) Hashes(pos []uint32, seed uint64, hashes []uint64) {
	for i, p := range pos {
		hashes[i] = t.hash(p)
		if seed != t.seed {
			hashes[i] = t.keyType.Hash1(t.keys.at(p), seed)
		}
	}
}

func (t *general) Load(rows codec.Rows, pos []uint32, _ bool) {
	for i, p := range pos {
		row := t.pairs.At(rows, i)
		copyOne(t.pairs.Key, row, t.keys.at(p))
		copyOne(t.pairs.Value, unsafe.Add(row, t.pairs.ValueAt), t.accs.at(p))
	}
}

func (t *general) Sample(n int, visit func(unsafe.Pointer)) { t.accs.sample(n, visit) }

func (t *general) Clear() {
	t.clear()
	t.keys.clear()
	t.accs.clear()
	t.strings = 0
}

func (t *general) Free() {
	t.free()
	t.keys.free()
	t.accs.free()
	t.hashes, t.strings = nil, 0
}
