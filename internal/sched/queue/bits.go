// Package queue has the indexes of the scheduler: sets of tasks and workers in
// order, queues of tasks per host, timers, and a sketch of durations.
//
// Nothing here knows a rule. Every operation costs a small constant or a
// logarithm, none iterates over a map, and equal calls give equal answers, so
// that the same events give the same decisions.
package queue

import "math/bits"

// Bits is an ordered set of small non-negative ints: 64-way summaries over a
// bitmap, so the smallest member of a million is found in four steps. The zero
// value is an empty set.
type Bits struct {
	levels [][]uint64 // levels[0] is the bitmap; each bit above says that a word below is not zero
	n      int
}

// Len returns how many members there are.
func (b *Bits) Len() int { return b.n }

// Has reports whether i is a member.
func (b *Bits) Has(i int) bool {
	return len(b.levels) > 0 && i>>6 < len(b.levels[0]) && b.levels[0][i>>6]&(1<<(i&63)) != 0
}

// Add makes i a member and reports whether it was not before.
func (b *Bits) Add(i int) bool {
	b.grow(i)
	if b.Has(i) {
		return false
	}
	b.n++
	for l := range b.levels {
		w := &b.levels[l][i>>6]
		was := *w
		*w |= 1 << (i & 63)
		if was != 0 {
			break
		}
		i >>= 6
	}
	return true
}

// Remove ends the membership of i and reports whether there was one.
func (b *Bits) Remove(i int) bool {
	if !b.Has(i) {
		return false
	}
	b.n--
	for l := range b.levels {
		w := &b.levels[l][i>>6]
		*w &^= 1 << (i & 63)
		if *w != 0 {
			break
		}
		i >>= 6
	}
	return true
}

// Min returns the smallest member.
func (b *Bits) Min() (int, bool) { return b.Next(0) }

// Next returns the smallest member that is at least i.
func (b *Bits) Next(i int) (int, bool) {
	for l := 0; l < len(b.levels); l++ {
		if i>>6 >= len(b.levels[l]) {
			return 0, false
		}
		if w := b.levels[l][i>>6] >> (i & 63); w != 0 {
			return b.down(l, i+bits.TrailingZeros64(w)), true
		}
		i = i>>6 + 1
	}
	return 0, false
}

// Max returns the largest member.
func (b *Bits) Max() (int, bool) {
	if b.n == 0 {
		return 0, false
	}
	i := 0
	for l := len(b.levels) - 1; l >= 0; l-- {
		i = i<<6 + 63 - bits.LeadingZeros64(b.levels[l][i])
	}
	return i, true
}

// down follows the first set bits from bit i of level l to the bottom.
func (b *Bits) down(l, i int) int {
	for l--; l >= 0; l-- {
		i = i<<6 + bits.TrailingZeros64(b.levels[l][i])
	}
	return i
}

// grow makes room for i. The top level always has one word.
func (b *Bits) grow(i int) {
	words := i>>6 + 1
	if len(b.levels) > 0 && words <= len(b.levels[0]) {
		return
	}
	for l := 0; ; l++ {
		if l == len(b.levels) {
			b.levels = append(b.levels, nil)
			if l > 0 {
				b.summarize(l, words)
			}
		}
		if need := words - len(b.levels[l]); need > 0 {
			b.levels[l] = append(b.levels[l], make([]uint64, need)...)
		}
		if words == 1 {
			return
		}
		words = (words + 63) >> 6
	}
}

// summarize fills a new level l from the one below.
func (b *Bits) summarize(l, words int) {
	b.levels[l] = make([]uint64, words)
	for i, w := range b.levels[l-1] {
		if w != 0 {
			b.levels[l][i>>6] |= 1 << (i & 63)
		}
	}
}
