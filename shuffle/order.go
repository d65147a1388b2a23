package shuffle

import (
	"cmp"
	"math/bits"
	"slices"
)

// sortKey stands for a row while rows are sorted: a prefix of its order and its number among the rows.
type sortKey struct {
	p uint64
	i uint32
}

func compareKeys(a, b sortKey) int {
	if c := cmp.Compare(a.p, b.p); c != 0 {
		return c
	}
	return cmp.Compare(a.i, b.i)
}

const (
	smallSort  = 24      // up to here insertion is fastest
	mediumSort = 2 << 10 // up to here a bucket fits the nearest cache and is compared
	maxBuckets = 1 << 12
)

// sortKeys sorts ks by prefix and number. It needs tmp, at least as long, as scratch.
func sortKeys(ks, tmp []sortKey) {
	if len(ks) <= mediumSort {
		sortFew(ks)
		return
	}
	low, high, sorted := ks[0].p, ks[0].p, true
	for i, k := range ks[1:] {
		low, high = min(low, k.p), max(high, k.p)
		sorted = sorted && compareKeys(ks[i], k) <= 0
	}
	switch {
	case sorted:
	case low == high:
		slices.SortFunc(ks, compareKeys)
	default:
		spread(ks, tmp[:len(ks)], low, high)
	}
}

func sortFew(ks []sortKey) {
	if len(ks) > smallSort {
		slices.SortFunc(ks, compareKeys)
		return
	}
	insertionSort(ks, len(ks)*len(ks))
}

// insertionSort sorts ks and gives up, reporting false, when more than moves elements had to be moved.
func insertionSort(ks []sortKey, moves int) bool {
	for i := 1; i < len(ks); i++ {
		k, j := ks[i], i
		for ; j > 0 && compareKeys(k, ks[j-1]) < 0; j-- {
			ks[j] = ks[j-1]
		}
		ks[j] = k
		if moves -= i - j; moves < 0 {
			return false
		}
	}
	return true
}

// spread deals the keys out to buckets by the highest bits in which they differ, and sorts each.
func spread(ks, tmp []sortKey, low, high uint64) {
	buckets := min(maxBuckets, 1<<bits.Len(uint(len(ks)/smallSort)))
	shift := max(0, bits.Len64(high-low)-bits.Len(uint(buckets-1)))
	ends := make([]uint32, (high-low)>>shift+1)
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
	from := uint32(0)
	for _, end := range ends {
		if end-from > 1 {
			sortKeys(ks[from:end], tmp[from:end])
		}
		from = end
	}
}

// ordering is how rows are sorted: by a prefix that agrees with cmp, then by cmp, then as they came.
type ordering[T any] struct {
	prefix func(rows []T, out []uint64)
	cmp    func(a, b *T) int // nil when the prefix says it all
}

// breakTies puts rows with equal prefixes in the order of cmp.
func (o ordering[T]) breakTies(ks []sortKey, at func(i uint32) *T) {
	if o.cmp == nil {
		return
	}
	for from := 0; from < len(ks); {
		end, sorted := from+1, true
		for ; end < len(ks) && ks[end].p == ks[from].p; end++ {
			sorted = sorted && o.cmp(at(ks[end-1].i), at(ks[end].i)) <= 0
		}
		if !sorted {
			slices.SortStableFunc(ks[from:end], func(a, b sortKey) int { return o.cmp(at(a.i), at(b.i)) })
		}
		from = end
	}
}

// compare compares two rows with their prefixes.
func (o ordering[T]) compare(ap, bp uint64, a, b *T) int {
	if c := cmp.Compare(ap, bp); c != 0 || o.cmp == nil {
		return c
	}
	return o.cmp(a, b)
}
