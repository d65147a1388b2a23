package codec

import (
	"math/bits"

	"github.com/zeebo/xxh3"
)

// Constants without structure: the golden ratio's and pi's digits, made odd.
const (
	mix0 = 0x9e3779b97f4a7c15
	mix1 = 0x243f6a8885a308d3
	mix2 = 0x13198a2e03707345
	mix3 = 0xa4093822299f31d1
)

// fold multiplies to 128 bits and folds the halves, which lets every bit of
// a and b have a say in the low and the high bits of the result.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// seeds is a seed spread over two words. Small seeds and small keys are the
// common case, and a seed that only changed low bits would leave small keys
// where they were.
type seeds struct{ a, b uint64 }

func mixSeed(seed uint64) seeds {
	a := fold(seed^mix1, mix0) ^ seed
	return seeds{a, fold(a^mix2, mix3) | 1}
}

// hashWord hashes 64 bits. The hashes of all kinds are part of the format:
// they decide which partition a key is in.
func hashWord(x uint64, s seeds) uint64 {
	return fold(fold(x^s.a, s.b)^s.a, mix0)
}

// spreadWord is hashWord by steps that can each be undone, so that no two words
// have the same hash.
func spreadWord(x uint64, s seeds) uint64 {
	x = (x ^ s.a) * mix0
	x = (x ^ x>>32) * s.b // which is odd
	return x ^ x>>29
}

// hashString hashes up to PackedLen bytes as two words, and more of them by
// xxh3.
func hashString(k string, s seeds) uint64 {
	if len(k) > PackedLen {
		return xxh3.HashStringSeed(k, s.a)
	}
	lo, hi := Pack(k)
	return s.packed(lo, hi)
}

func (s seeds) packed(lo, hi uint64) uint64 { return fold(fold(lo^s.a, hi^s.b)^s.a, mix0) }

// PackedLen is the length of the longest string that Pack packs.
const PackedLen = 15

// Pack returns a string of up to PackedLen bytes as two words: its bytes in
// order from the lowest of lo on, and its length plus one in the highest byte of
// hi, which so is never 0 or 255. It loads words that overlap rather than read
// beyond the string.
func Pack(k string) (lo, hi uint64) {
	n := len(k)
	switch {
	case n >= 8:
		lo = load8(k)
		hi = load8(k[n-8:]) >> (8 * uint(16-n))
	case n >= 4:
		lo = load4(k) | load4(k[n-4:])<<(8*uint(n-4))
	case n > 0:
		lo = uint64(k[0]) | uint64(k[n>>1])<<(8*uint(n>>1)) | uint64(k[n-1])<<(8*uint(n-1))
	}
	return lo, hi | uint64(n+1)<<56
}

// TextHash hashes strings as the Keys of string types do. Tables that keep
// packed strings need only those to hash again.
type TextHash struct{ s seeds }

// TextHashOf returns the TextHash of a seed.
func TextHashOf(seed uint64) TextHash { return TextHash{mixSeed(seed)} }

// Packed hashes what Pack gave.
func (h TextHash) Packed(lo, hi uint64) uint64 { return h.s.packed(lo, hi) }

// Long hashes a string that is too long to be packed.
func (h TextHash) Long(k string) uint64 { return xxh3.HashStringSeed(k, h.s.a) }

func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load4(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
