package shuffle

import (
	"math/bits"
	"slices"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
)

// sortKey stands for a row while rows are sorted: a prefix of its order and its number among the rows.
type sortKey struct {
	p uint64
	i uint32
}

const (
	smallSort  = 32 // up to here insertion is fastest
	fewBuckets = 64
	maxBuckets = 1 << 12
)

// sortKeys sorts ks by prefix, leaving keys with equal prefixes as they are. It needs tmp, at least as long, as scratch.
//
// Keys are dealt out to buckets by the highest bits in which they differ, each of which is sorted in turn. Every pass
// leaves fewer bits, so skewed prefixes cost passes but not more than a few dozen.
func sortKeys(ks, tmp []sortKey) {
	if len(ks) <= smallSort {
		insertionSort(ks, len(ks)*len(ks))
		return
	}
	low, high, sorted := ks[0].p, ks[0].p, true
	for i, k := range ks[1:] {
		low, high = min(low, k.p), max(high, k.p)
		sorted = sorted && ks[i].p <= k.p
	}
	if sorted {
		return
	}
	var few [fewBuckets + 1]uint32
	buckets := min(maxBuckets, 16<<bits.Len(uint(len(ks)/(16*smallSort))))
	ends := few[:]
	if buckets > fewBuckets {
		ends = make([]uint32, buckets+1)
	}
	shift := max(0, bits.Len64(high-low)-bits.Len(uint(buckets-1)))
	deal(ks, tmp[:len(ks)], low, uint(shift), ends)
	from := uint32(0)
	for _, end := range ends {
		if end-from > 1 {
			sortKeys(ks[from:end], tmp[from:end])
		}
		from = max(from, end)
	}
}

// deal orders ks by (p-low)>>shift. On return ends has where every bucket ends.
func deal(ks, tmp []sortKey, low uint64, shift uint, ends []uint32) {
	for _, k := range ks {
		ends[(k.p-low)>>shift]++
	}
	sum := uint32(0)
	for b, n := range ends {
		ends[b] = sum
		sum += n
	}
	for _, k := range ks {
		b := (k.p - low) >> shift
		tmp[ends[b]] = k
		ends[b]++
	}
	copy(ks, tmp)
}

// insertionSort sorts ks and gives up, reporting false, when more than moves elements had to be moved.
func insertionSort(ks []sortKey, moves int) bool {
	for i := 1; i < len(ks); i++ {
		k, j := ks[i], i
		for ; j > 0 && k.p < ks[j-1].p; j-- {
			ks[j] = ks[j-1]
		}
		ks[j] = k
		if moves -= i - j; moves < 0 {
			return false
		}
	}
	return true
}

// ordering is how rows are sorted: by a prefix that agrees with cmp, then by cmp, then as they came.
type ordering struct {
	prefix func(rows codec.Rows, out []uint64)
	cmp    func(a, b unsafe.Pointer) int // nil when the prefix says it all
}

// byHash orders rows by the hash of the keys they begin with, and those of equal hashes by key.
func byHash(keys *codec.KeyType, row *codec.Type, seed uint64) ordering {
	stride := uintptr(row.Size())
	return ordering{
		prefix: func(rows codec.Rows, out []uint64) { keys.Hash(out[:rows.Len], rows.Data, stride, seed) },
		cmp: func(a, b unsafe.Pointer) int {
			if keys.Equal(a, b) {
				return 0
			}
			return keys.Compare(a, b)
		},
	}
}

// byKey is byHash for rows that nothing but their order brings together: where it can, it uses hashes that say all.
func byKey(keys *codec.KeyType, row *codec.Type, seed uint64) ordering {
	if !keys.Exact() {
		return byHash(keys, row, seed)
	}
	stride := uintptr(row.Size())
	return ordering{prefix: func(rows codec.Rows, out []uint64) { keys.HashExact(out[:rows.Len], rows.Data, stride, seed) }}
}

// then orders rows that are equal by cmp.
func (o ordering) then(cmp func(a, b unsafe.Pointer) int) ordering {
	if o.cmp == nil {
		return ordering{o.prefix, cmp}
	}
	return ordering{o.prefix, func(a, b unsafe.Pointer) int {
		if c := o.cmp(a, b); c != 0 {
			return c
		}
		return cmp(a, b)
	}}
}

// numbered are rows that keys stand for.
type numbered interface {
	row(i uint32) unsafe.Pointer
	// touch reads a byte of each of the rows.
	touch(ks []sortKey)
}

// breakTies puts rows with equal prefixes in the order of cmp.
func (o ordering) breakTies(ks []sortKey, rows numbered) {
	if o.cmp == nil {
		return
	}
	touched := 0
	for from := 0; from < len(ks); {
		end, sorted := from+1, true
		for ; end < len(ks) && ks[end].p == ks[from].p; end++ {
			if end >= touched {
				touched = min(end+touchRows, len(ks))
				rows.touch(ks[end-1 : touched])
			}
			sorted = sorted && o.cmp(rows.row(ks[end-1].i), rows.row(ks[end].i)) <= 0
		}
		if !sorted {
			slices.SortStableFunc(ks[from:end], func(a, b sortKey) int { return o.cmp(rows.row(a.i), rows.row(b.i)) })
		}
		from = end
	}
}

// touchRows is how many rows are touched before they are compared, so that their cache misses overlap.
const touchRows = 128
