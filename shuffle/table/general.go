package table

import (
	"reflect"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle/weight"
)

// general is the table for keys of any type: entries in the order of insertion, and an index of their numbers.
type general[K comparable, C any] struct {
	keys     codec.Keys[K]
	seed     uint64
	weighed  int64 // what the keys of the batch that was hashed last hold
	overhead int
	index    []uint32 // number of the entry plus one; 0 is free
	raw      []byte
	shift    uint
	chunks   [][]entry[K, C]
	n        int
	weigh    *weight.Weigher[K]
	copier   *weight.Copier[K]
	strings  int64 // bytes of the copied strings
	sink     uint64
}

type entry[K comparable, C any] struct {
	v    C
	key  K
	hash uint64
}

func newGeneral[K comparable, C any](keys codec.Keys[K], seed uint64, overhead int) *general[K, C] {
	return &general[K, C]{keys: keys, seed: seed, overhead: overhead, weigh: weight.NewWeigher[K](), copier: weight.NewCopier[K]()}
}

func (t *general[K, C]) Len() int { return t.n }

func (t *general[K, C]) chunkBytes() int64 {
	return sideChunk * int64(int(reflect.TypeFor[entry[K, C]]().Size())+t.overhead)
}

func (t *general[K, C]) Bytes() int64 {
	return int64(len(t.index))*4 + int64(len(t.chunks))*t.chunkBytes() + t.strings
}

func (t *general[K, C]) Need(n int) int64 {
	need := t.weighed
	if t.n+n > len(t.chunks)*sideChunk {
		need += t.chunkBytes()
	}
	if slots := grown(len(t.index), t.n+n); slots > len(t.index) {
		need += int64(slots) * 4
	}
	return need
}

func (t *general[K, C]) at(i uint32) *entry[K, C] { return &t.chunks[i>>sideShift][i%sideChunk] }

// find returns the entry of a key, or nil and the index slot where it belongs.
func (t *general[K, C]) find(key K, hash uint64) (*entry[K, C], uint64) {
	mask := uint64(len(t.index) - 1)
	for at := hash >> t.shift; ; at++ {
		ref := t.index[at&mask]
		if ref == 0 {
			return nil, at & mask
		}
		if e := t.at(ref - 1); e.hash == hash && t.keys.Equal(e.key, key) {
			return e, 0
		}
	}
}

func (t *general[K, C]) touch(hashes []uint64) {
	sum := t.sink
	for _, h := range hashes {
		if ref := t.index[h>>t.shift]; ref != 0 {
			sum += t.at(ref - 1).hash
		}
	}
	t.sink = sum
}

func (t *general[K, C]) Hash(keys []K, hashes []uint64) {
	t.weighed = t.weigh.Rows(keys)
	t.keys.Hash(hashes, keys, t.seed)
}

func (t *general[K, C]) Upsert(keys []K, hashes []uint64, slots []*C) (fresh uint64) {
	if n := grown(len(t.index), t.n+len(keys)); n > len(t.index) {
		t.resize(n)
	}
	t.touch(hashes[:len(keys)])
	for i := range keys {
		e, at := t.find(keys[i], hashes[i])
		if e == nil {
			e = t.insert(keys[i], hashes[i])
			t.index[at] = uint32(t.n)
			fresh |= 1 << i
		}
		slots[i] = &e.v
	}
	return fresh
}

func (t *general[K, C]) insert(key K, hash uint64) *entry[K, C] {
	if t.n == len(t.chunks)*sideChunk {
		t.chunks = append(t.chunks, make([]entry[K, C], sideChunk))
	}
	own := []K{key}
	if !t.weigh.Flat() {
		t.copier.Copy(own)
		t.strings += t.weigh.Row(&own[0])
	}
	e := t.at(uint32(t.n))
	e.key, e.hash = own[0], hash
	t.n++
	return e
}

func (t *general[K, C]) Find(keys []K, hashes []uint64, slots []*C) (missing uint64) {
	if t.n == 0 {
		return 1<<len(keys) - 1
	}
	t.touch(hashes[:len(keys)])
	for i := range keys {
		if e, _ := t.find(keys[i], hashes[i]); e != nil {
			slots[i] = &e.v
		} else {
			missing |= 1 << i
		}
	}
	return missing
}

func (t *general[K, C]) resize(n int) {
	unmapMemory(t.raw)
	t.index, t.raw = alloc[uint32](n)
	t.shift = shiftOf(n)
	mask := uint64(n - 1)
	for i := range uint32(t.n) {
		at := t.at(i).hash >> t.shift
		for t.index[at&mask] != 0 {
			at++
		}
		t.index[at&mask] = i + 1
	}
}

func (t *general[K, C]) Positions(dst []uint32) []uint32 {
	for i := range uint32(t.n) {
		dst = append(dst, i)
	}
	return dst
}

func (t *general[K, C]) Load(rows []codec.Pair[K, C], pos []uint32, _ bool) {
	for i, p := range pos {
		e := t.at(p)
		rows[i] = codec.Pair[K, C]{Key: e.key, Value: e.v}
	}
}

func (t *general[K, C]) Sample(n int, visit func(*C)) {
	for i := range spread(n, t.n) {
		visit(&t.at(i).v)
	}
}

func (t *general[K, C]) Clear() {
	clear(t.index)
	for _, c := range t.chunks {
		clear(c)
	}
	t.n, t.strings = 0, 0
}

func (t *general[K, C]) Free() {
	unmapMemory(t.raw)
	t.index, t.raw, t.chunks, t.n, t.strings = nil, nil, nil, 0, 0
}
