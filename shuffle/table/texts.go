package table

import (
	"encoding/binary"
	"reflect"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// texts is the table for keys of kind string and accumulators without pointers.
//
// A key of up to 15 bytes is the slot's k0 and the low 7 bytes of k1, whose top byte is its length plus one. A longer
// one has its hash in k0, the top byte 255 and its place in the arena below that. A top byte of 0 marks a free slot.
type texts[K comparable, C any] struct {
	hash     codec.TextHash
	overhead int
	slots    []textSlot[C]
	raw      []byte
	shift    uint
	n        int
	long     arena
	scratch  []byte // bytes of short keys handed out by Load
	// Of the batch that was hashed last: its keys packed, and the bytes that its long keys take in the arena.
	batch     [Batch]packed
	longBytes int
	sink      uint64
}

// packed is a key as it lies in a slot; hi is longKey for one that lies in the arena.
type packed struct{ lo, hi uint64 }

type textSlot[C any] struct {
	v      C // first: an empty C at the end would be padded
	k0, k1 uint64
}

const (
	lengthAt = 56
	longKey  = 0xff << lengthAt
)

func newTexts[K comparable, C any](hash codec.TextHash, overhead int) *texts[K, C] {
	return &texts[K, C]{hash: hash, overhead: overhead}
}

func (t *texts[K, C]) Len() int { return t.n }

func (t *texts[K, C]) bytes(slots int) int64 {
	return int64(slots) * int64(int(reflect.TypeFor[textSlot[C]]().Size())+t.overhead/2)
}

func (t *texts[K, C]) Bytes() int64 { return t.bytes(len(t.slots)) + int64(len(t.long.buf)) }

func (t *texts[K, C]) Need(n int) int64 {
	need := t.long.need(t.longBytes)
	if slots := grown(len(t.slots), t.n+n); slots > len(t.slots) {
		need += t.bytes(slots)
	}
	return need
}

func text[K comparable](k *K) string { return *(*string)(unsafe.Pointer(k)) }

func (t *texts[K, C]) Hash(keys []K, hashes []uint64) {
	t.longBytes = 0
	hash, batch := t.hash, &t.batch
	hashes = hashes[:len(keys)]
	for i := range keys {
		s := text(&keys[i])
		n := len(s)
		var lo, hi uint64
		switch { // as codec.Pack does: the call would cost as much again
		case n > codec.PackedLen:
			hashes[i] = hash.Long(s)
			batch[i%Batch] = packed{hashes[i], longKey}
			t.longBytes += lengthBytes + n
			continue
		case n >= 8:
			lo = load8(s)
			hi = load8(s[n-8:]) >> (8 * uint(16-n))
		case n >= 4:
			lo = load4(s) | load4(s[n-4:])<<(8*uint(n-4))
		case n > 0:
			lo = uint64(s[0]) | uint64(s[n>>1])<<(8*uint(n>>1)) | uint64(s[n-1])<<(8*uint(n-1))
		}
		hi |= uint64(n+1) << lengthAt
		batch[i%Batch] = packed{lo, hi}
		hashes[i] = hash.Packed(lo, hi)
	}
}

func load8(s string) uint64 {
	return binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(s), 8))
}

func load4(s string) uint64 {
	return uint64(binary.LittleEndian.Uint32(unsafe.Slice(unsafe.StringData(s), 4)))
}

// unpack writes the bytes of a short key to buf, 16 bytes long, and returns its length.
func unpack(buf []byte, k0, k1 uint64) int {
	binary.LittleEndian.PutUint64(buf[8:16], k1)
	binary.LittleEndian.PutUint64(buf[:8], k0)
	return int(k1>>lengthAt) - 1
}

// touch reads the slots of a batch, so that their cache misses overlap. In a loop of its own: between the hashing of
// keys, whose branches are hard to predict, it cost more than it saved.
func (t *texts[K, C]) touch(hashes []uint64) {
	sum := t.sink
	for _, h := range hashes {
		sum += t.slots[h>>t.shift].k1
	}
	t.sink = sum
}

func (t *texts[K, C]) Upsert(keys []K, hashes []uint64, slots []*C) (fresh uint64) {
	t.long.reserve(t.longBytes)
	if n := grown(len(t.slots), t.n+len(keys)); n > len(t.slots) {
		t.resize(n)
	}
	hashes, slots = hashes[:len(keys)], slots[:len(keys)]
	t.touch(hashes)
	tab, mask := t.slots, uint64(len(t.slots)-1)
	for i, h := range hashes {
		at, key := h>>t.shift, t.batch[i%Batch]
		if key.hi == longKey {
			slot := t.findLong(text(&keys[i]), h)
			if slot.k1 == 0 {
				slot.k0, slot.k1 = h, longKey|t.long.add(text(&keys[i]))
				t.n++
				fresh |= 1 << i
			}
			slots[i] = &slot.v
			continue
		}
		for {
			slot := &tab[at&mask]
			if slot.k0 == key.lo && slot.k1 == key.hi {
				slots[i] = &slot.v
				break
			}
			if slot.k1 == 0 {
				slot.k0, slot.k1 = key.lo, key.hi
				t.n++
				fresh |= 1 << i
				slots[i] = &slot.v
				break
			}
			at++
		}
	}
	return fresh
}

// findLong returns the slot of a long key, or the free slot where it belongs.
func (t *texts[K, C]) findLong(s string, hash uint64) *textSlot[C] {
	mask := uint64(len(t.slots) - 1)
	for at := hash >> t.shift; ; at++ {
		slot := &t.slots[at&mask]
		if slot.k1 == 0 || slot.k0 == hash && slot.k1 >= longKey && t.long.at(slot.k1&^longKey) == s {
			return slot
		}
	}
}

func (t *texts[K, C]) findShort(key packed, hash uint64) *textSlot[C] {
	mask := uint64(len(t.slots) - 1)
	for at := hash >> t.shift; ; at++ {
		slot := &t.slots[at&mask]
		if slot.k1 == 0 || slot.k0 == key.lo && slot.k1 == key.hi {
			return slot
		}
	}
}

func (t *texts[K, C]) Find(keys []K, hashes []uint64, slots []*C) (missing uint64) {
	if len(t.slots) == 0 {
		return 1<<len(keys) - 1
	}
	t.touch(hashes[:len(keys)])
	for i, h := range hashes[:len(keys)] {
		var slot *textSlot[C]
		if key := t.batch[i%Batch]; key.hi == longKey {
			slot = t.findLong(text(&keys[i]), h)
		} else {
			slot = t.findShort(key, h)
		}
		if slot.k1 != 0 {
			slots[i] = &slot.v
		} else {
			missing |= 1 << i
		}
	}
	return missing
}

// resize moves the entries to a table of n slots. Their hashes follow from what is in the slots.
func (t *texts[K, C]) resize(n int) {
	old, oldRaw := t.slots, t.raw
	t.slots, t.raw = alloc[textSlot[C]](n)
	t.shift = shiftOf(n)
	mask := uint64(n - 1)
	for i := range old {
		slot := &old[i]
		if slot.k1 == 0 {
			continue
		}
		h := slot.k0
		if slot.k1 < longKey {
			h = t.hash.Packed(slot.k0, slot.k1)
		}
		at := h >> t.shift
		for t.slots[at&mask].k1 != 0 {
			at++
		}
		t.slots[at&mask] = *slot
	}
	unmapMemory(oldRaw)
}

// key returns the key of a slot, a short one in buf.
func (t *texts[K, C]) key(slot *textSlot[C], buf []byte) string {
	if slot.k1 >= longKey {
		return t.long.at(slot.k1 &^ longKey)
	}
	n := unpack(buf, slot.k0, slot.k1)
	return unsafe.String(unsafe.SliceData(buf), n)
}

func (t *texts[K, C]) Positions(dst []uint32) []uint32 {
	for i := range t.slots {
		if t.slots[i].k1 != 0 {
			dst = append(dst, uint32(i))
		}
	}
	return dst
}

func (t *texts[K, C]) Load(rows []codec.Pair[K, C], pos []uint32, keep bool) {
	if keep || len(t.scratch) < 16*len(pos) {
		t.scratch = make([]byte, 16*len(pos))
	}
	for i, p := range pos {
		slot := &t.slots[p]
		s := t.key(slot, t.scratch[16*i:16*i+16])
		if keep && len(s) > codec.PackedLen {
			s = string([]byte(s))
		}
		*(*string)(unsafe.Pointer(&rows[i].Key)) = s
		rows[i].Value = slot.v
	}
	if keep {
		t.scratch = nil
	}
}

func (t *texts[K, C]) Sample(int, func(*C)) {}

func (t *texts[K, C]) Clear() {
	clear(t.slots)
	t.n, t.long.n = 0, 0
}

func (t *texts[K, C]) Free() {
	unmapMemory(t.raw)
	t.long.free()
	t.slots, t.raw, t.n, t.scratch = nil, nil, 0, nil
}
