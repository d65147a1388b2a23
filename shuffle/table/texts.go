package table

import (
	"encoding/binary"
	"runtime"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// texts is the table for keys of kind string.
//
// A key of up to 15 bytes is the slot's first word and the low 7 bytes of its second, whose top byte is the length plus
// one. A longer one has its hash in the first word, and in the second the top byte 255 and its place in the arena below
// that. A top byte of 0 marks a free slot.
type texts struct {
	slots
	accs     accs
	hash     codec.TextHash
	overhead int
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

const (
	lengthAt  = 56
	longKey   = 0xff << lengthAt
	textWords = 2 * wordBytes
)

func newTexts(pairs codec.PairType, seed uint64, overhead int) *texts {
	t := &texts{accs: newAccs(pairs), hash: codec.TextHashOf(seed), overhead: overhead}
	t.size = textWords + t.accs.slotBytes()
	return t
}

func (t *texts) Len() int { return t.n }

func (t *texts) bytes(slots int) int64 { return int64(slots) * int64(int(t.size)+t.overhead/2) }

func (t *texts) Bytes() int64 { return t.bytes(t.len) + int64(len(t.long.buf)) + t.accs.bytes() }

func (t *texts) Need(n int) int64 {
	need := t.long.need(t.longBytes) + t.accs.need(n)
	if slots := grown(t.len, t.n+n); slots > t.len {
		need += t.bytes(slots)
	}
	return need
}

func text(key unsafe.Pointer) string { return *(*string)(key) }

// Hash packs keys as codec.Pack does, nearly all of them without a branch on their length, which is hard to predict.
func (t *texts) Hash(keys Keys, hashes []uint64) {
	t.longBytes = 0
	hash, batch := t.hash, &t.batch
	hashes = hashes[:keys.Len]
	for i := range hashes {
		s := text(keys.At(i))
		n := len(s)
		if n > codec.PackedLen {
			hashes[i] = hash.Long(s)
			batch[i%Batch] = packed{hashes[i], longKey}
			t.longBytes += lengthBytes + n
			continue
		}
		var lo, hi uint64
		if p := unsafe.Pointer(unsafe.StringData(s)); n > 0 && readable16(p) {
			lo, hi = load16(p)
			mask := &masks[n]
			lo, hi = lo&mask.lo, hi&mask.hi|uint64(n+1)<<lengthAt
		} else {
			lo, hi = codec.Pack(s)
		}
		batch[i%Batch] = packed{lo, hi}
		hashes[i] = hash.Packed(lo, hi)
	}
}

// masks are the bytes of a string of each length that is packed.
var masks = func() (m [codec.PackedLen + 1]packed) {
	for n := range m {
		m[n].lo = 1<<(8*min(n, 8)) - 1
		m[n].hi = 1<<(8*max(n-8, 0)) - 1
	}
	return m
}()

const (
	// words says that words are little endian and may lie anywhere.
	words    = runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64"
	pageMask = 4<<10 - 1
)

// readable16 says whether 16 bytes can be read at p, the address of at least one that can: memory is readable by whole
// pages, which are nowhere smaller.
func readable16(p unsafe.Pointer) bool { return words && uintptr(p)&pageMask <= pageMask+1-16 }

// load16 reads 16 bytes at p, some of which may belong to others: they are masked away whatever they are.
//
//go:nocheckptr
//go:norace
func load16(p unsafe.Pointer) (lo, hi uint64) {
	w := (*[2]uint64)(p)
	return w[0], w[1]
}

// unpack writes the bytes of a short key to buf, 16 bytes long, and returns its length.
func unpack(buf []byte, k0, k1 uint64) int {
	binary.LittleEndian.PutUint64(buf[8:16], k1)
	binary.LittleEndian.PutUint64(buf[:8], k0)
	return int(k1>>lengthAt) - 1
}

func (t *texts) Upsert(keys Keys, hashes []uint64, slots []unsafe.Pointer) (fresh uint64) {
	t.long.reserve(t.longBytes)
	if n := grown(t.len, t.n+keys.Len); n > t.len {
		t.resize(n)
	}
	hashes, slots = hashes[:keys.Len], slots[:keys.Len]
	t.sink += t.touch(hashes, wordBytes)
	base, size, shift := t.base, t.size, t.shift&63
	for i, h := range hashes {
		key := &t.batch[i%Batch]
		slot := unsafe.Add(base, uintptr(h>>shift)*size)
		// Nearly all keys are short and there, where they belong.
		if *word(slot, 0) != key.lo || *word(slot, 1) != key.hi || key.hi == longKey {
			if key.hi == longKey {
				slot = t.findLong(text(keys.At(i)), h)
			} else {
				slot = t.findShort(*key, h)
			}
			if *word(slot, 1) == 0 {
				t.insert(slot, *key, h, keys.At(i))
				fresh |= 1 << i
			}
		}
		slots[i] = unsafe.Add(slot, textWords)
	}
	t.accs.upserted(fresh, slots)
	return fresh
}

// insert fills a free slot.
func (t *texts) insert(slot unsafe.Pointer, key packed, hash uint64, k unsafe.Pointer) {
	if key.hi == longKey {
		key = packed{hash, longKey | t.long.add(text(k))}
	}
	*word(slot, 0), *word(slot, 1) = key.lo, key.hi
	t.n++
}

// findLong returns the slot of a long key, or the free slot where it belongs.
func (t *texts) findLong(s string, hash uint64) unsafe.Pointer {
	for at := hash >> t.shift; ; at++ {
		slot := t.at(at & t.mask())
		k0, k1 := *word(slot, 0), *word(slot, 1)
		if k1 == 0 || k0 == hash && k1 >= longKey && t.long.at(k1&^longKey) == s {
			return slot
		}
	}
}

func (t *texts) findShort(key packed, hash uint64) unsafe.Pointer {
	for at := hash >> t.shift; ; at++ {
		slot := t.at(at & t.mask())
		k0, k1 := *word(slot, 0), *word(slot, 1)
		if k1 == 0 || k0 == key.lo && k1 == key.hi {
			return slot
		}
	}
}

func (t *texts) Find(keys Keys, hashes []uint64, slots []unsafe.Pointer) (missing uint64) {
	if t.len == 0 {
		return 1<<keys.Len - 1
	}
	hashes, slots = hashes[:keys.Len], slots[:keys.Len]
	t.sink += t.touch(hashes, wordBytes)
	for i, h := range hashes {
		var slot unsafe.Pointer
		if key := t.batch[i%Batch]; key.hi == longKey {
			slot = t.findLong(text(keys.At(i)), h)
		} else {
			slot = t.findShort(key, h)
		}
		slots[i] = unsafe.Add(slot, textWords)
		if *word(slot, 1) == 0 {
			missing |= 1 << i
		}
	}
	t.accs.found(missing, slots)
	return missing
}

// resize moves the entries to a table of n slots. Their hashes follow from what is in the slots.
func (t *texts) resize(n int) {
	old := t.make(n)
	mask := t.mask()
	for i := range uint64(old.len) {
		from := old.at(i)
		if *word(from, 1) == 0 {
			continue
		}
		at := t.hashOf(from, t.hash) >> t.shift
		for *word(t.at(at&mask), 1) != 0 {
			at++
		}
		copy(unsafe.Slice((*byte)(t.at(at&mask)), t.size), unsafe.Slice((*byte)(from), t.size))
	}
	old.free()
}

// hashOf hashes the key of a slot as hash does.
func (t *texts) hashOf(slot unsafe.Pointer, hash codec.TextHash) uint64 {
	k0, k1 := *word(slot, 0), *word(slot, 1)
	switch {
	case k1 < longKey:
		return hash.Packed(k0, k1)
	case hash == t.hash:
		return k0
	}
	return hash.Long(t.long.at(k1 &^ longKey))
}

func (t *texts) Positions(dst []uint32) []uint32 {
	for i := range uint64(t.len) {
		if *word(t.at(i), 1) != 0 {
			dst = append(dst, uint32(i))
		}
	}
	return dst
}

func (t *texts) Hashes(pos []uint32, seed uint64, hashes []uint64) {
	hash := codec.TextHashOf(seed)
	for i, p := range pos {
		hashes[i] = t.hashOf(t.at(uint64(p)), hash)
	}
}

func (t *texts) Load(rows codec.Rows, pos []uint32, keep bool) {
	if keep || len(t.scratch) < 16*len(pos) {
		t.scratch = make([]byte, 16*len(pos))
	}
	for i, p := range pos {
		slot, row := t.at(uint64(p)), t.accs.pairs.At(rows, i)
		*(*string)(row) = t.key(slot, t.scratch[16*i:16*i+16], keep)
		t.accs.load(row, unsafe.Add(slot, textWords))
	}
	if keep {
		t.scratch = nil
	}
}

// key returns the key of a slot, a short one in buf.
func (t *texts) key(slot unsafe.Pointer, buf []byte, keep bool) string {
	k0, k1 := *word(slot, 0), *word(slot, 1)
	if k1 < longKey {
		return unsafe.String(unsafe.SliceData(buf), unpack(buf, k0, k1))
	}
	s := t.long.at(k1 &^ longKey)
	if keep {
		s = string([]byte(s))
	}
	return s
}

func (t *texts) Sample(n int, visit func(unsafe.Pointer)) { t.accs.sample(n, visit) }

func (t *texts) Clear() {
	t.clear()
	t.accs.store.clear()
	t.n, t.long.n = 0, 0
}

func (t *texts) Free() {
	t.free()
	t.long.free()
	t.accs.store.free()
	t.n, t.scratch = 0, nil
}
