package queue

import (
	"math/bits"
	"time"
)

// Sketch counts durations in buckets a quarter of an octave wide, from a
// microsecond to an hour and more: quantiles within 12 %, in fixed space.
type Sketch struct {
	n       int
	buckets [128]int32
}

// Add counts d.
func (s *Sketch) Add(d time.Duration) {
	s.n++
	s.buckets[bucket(d)]++
}

// Len returns how many durations were added.
func (s *Sketch) Len() int { return s.n }

// Quantile returns a duration that about the share q of all is not above; 0 when
// there are none.
func (s *Sketch) Quantile(q float64) time.Duration {
	rank, sum := int(q*float64(s.n)+0.5), 0
	for i, c := range s.buckets {
		if sum += int(c); c > 0 && sum >= rank {
			return middle(i)
		}
	}
	return 0
}

// bucket returns 4 × the octave of d in microseconds plus its next two bits.
func bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 1))
	e := bits.Len64(us) - 1
	var frac uint64
	if e >= 2 {
		frac = us >> (e - 2) & 3
	} else {
		frac = us << (2 - e) & 3
	}
	return min(4*e+int(frac), len(Sketch{}.buckets)-1)
}

// middle returns the middle of bucket i.
func middle(i int) time.Duration {
	e, frac := i/4, i%4
	return time.Duration((float64(4+frac) + 0.5) / 4 * float64(uint64(1)<<e) * float64(time.Microsecond))
}
