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

// hashString hashes up to 16 bytes as two words, which may overlap, and more
// of them by xxh3.
func hashString(k string, s seeds) uint64 {
	var a, b uint64
	switch n := len(k); {
	case n > 16:
		return xxh3.HashStringSeed(k, s.a)
	case n >= 8:
		a, b = load8(k), load8(k[n-8:])
	case n >= 4:
		a, b = load4(k), load4(k[n-4:])
	case n > 0:
		a = uint64(k[0])<<16 | uint64(k[n>>1])<<8 | uint64(k[n-1])
	}
	return fold(fold(a^s.a, b^s.b)^s.a, mix0^uint64(len(k)))
}

func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func load4(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
