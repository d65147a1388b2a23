package shuffle

import (
	"math/bits"
	"sort"

	"github.com/gordd-project/gordd/rdd/codec"
)

// Placer chooses the partition of every row: out, as long as rows, is filled with numbers below the number of
// partitions.
type Placer[T any] func(rows []T, out []uint32)

// partition places a hash in one of n partitions by its high bits.
func partition(hash uint64, n uint64) uint32 {
	hi, _ := bits.Mul64(hash, n)
	return uint32(hi)
}

// HashPairs places pairs by the hash of their keys under seed.
func HashPairs[K comparable, V any](keys codec.Keys[K], seed uint64, reduces int) Placer[codec.Pair[K, V]] {
	var ks [128]K
	var hs [128]uint64
	return func(rows []codec.Pair[K, V], out []uint32) {
		for len(rows) > 0 {
			n := min(len(rows), len(ks))
			for i := range n {
				ks[i] = rows[i].Key
			}
			keys.Hash(hs[:n], ks[:n], seed)
			for i, h := range hs[:n] {
				out[i] = partition(h, uint64(reduces))
			}
			rows, out = rows[n:], out[n:]
		}
		clear(ks[:])
	}
}

// HashRows places rows that are their own keys.
func HashRows[K comparable](keys codec.Keys[K], seed uint64, reduces int) Placer[K] {
	var hs [128]uint64
	return func(rows []K, out []uint32) {
		for len(rows) > 0 {
			n := min(len(rows), len(hs))
			keys.Hash(hs[:n], rows[:n], seed)
			for i, h := range hs[:n] {
				out[i] = partition(h, uint64(reduces))
			}
			rows, out = rows[n:], out[n:]
		}
	}
}

// Ranges places rows between len(bounds)+1 partitions: partition i holds the rows r with
// bounds[i-1] <= r < bounds[i]. The bounds are ascending by cmp.
func Ranges[T any](bounds []T, cmp func(a, b *T) int) Placer[T] {
	return func(rows []T, out []uint32) {
		for i := range rows {
			row := &rows[i]
			out[i] = uint32(sort.Search(len(bounds), func(j int) bool { return cmp(row, &bounds[j]) < 0 }))
		}
	}
}

// RoundRobin deals rows out in turn, beginning with partition start. Tasks should begin at different partitions.
func RoundRobin[T any](start, reduces int) Placer[T] {
	next := uint32(start % reduces)
	return func(rows []T, out []uint32) {
		for i := range rows {
			out[i] = next
			if next++; next == uint32(reduces) {
				next = 0
			}
		}
	}
}

// Single places all rows in partition 0.
func Single[T any](rows []T, out []uint32) { clear(out[:len(rows)]) }

// By places rows by a function of one row, for partitioners that users write.
func By[T any](f func(*T) uint32) Placer[T] {
	return func(rows []T, out []uint32) {
		for i := range rows {
			out[i] = f(&rows[i])
		}
	}
}

// KeyPartition returns the partition of one key, as HashPairs and HashRows place it.
func KeyPartition[K comparable](keys codec.Keys[K], key K, seed uint64, reduces int) uint32 {
	return partition(keys.Hash1(key, seed), uint64(reduces))
}
