package rdd

import (
	"math"
	"math/bits"
	"unsafe"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// Registers know about how many different values were added, by HyperLogLog: 2^p
// bytes, of which each value raises one. It is not that of typed/sketch, so that
// programs link no library for it, and so that it has the precision that is asked for.
type Registers []byte

// The precisions of Registers. With fewer the errors are larger than these promise.
const (
	MinPrecision = 7
	MaxPrecision = 18
)

// registerSeed is that of all hashes: registers are merged across tasks.
const registerSeed = 0x9e3779b97f4a7c15

// NewRegisters makes registers of a precision, in which there is nothing.
func NewRegisters(precision int) Registers { return make(Registers, 1<<precision) }

// Add adds a value by its hash.
func (r Registers) Add(hash uint64) {
	p := bits.TrailingZeros(uint(len(r)))
	at := hash >> (64 - p)
	rank := byte(bits.LeadingZeros64(hash<<p|1<<p>>1) + 1)
	r[at] = max(r[at], rank)
}

// Merge adds what was added to others of the same precision.
func (r Registers) Merge(o Registers) {
	for i, rank := range o {
		r[i] = max(r[i], rank)
	}
}

// Estimate is about how many different values there are (Ertl, "New cardinality
// estimation algorithms for HyperLogLog sketches", 2017, algorithm 6).
func (r Registers) Estimate() int64 {
	m, top := float64(len(r)), 64-bits.TrailingZeros(uint(len(r)))
	counts := make([]float64, top+2)
	for _, rank := range r {
		counts[rank]++
	}
	z := m * tau(1-counts[top+1]/m)
	for k := top; k >= 1; k-- {
		z = 0.5 * (z + counts[k])
	}
	z += m * sigma(counts[0]/m)
	return int64(math.Round(m * m / (2 * math.Ln2) / z))
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	for y, z := 1.0, x; ; y += y {
		x *= x
		next := z + x*y
		if next == z {
			return z
		}
		z = next
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	for y, z := 0.5, 1-x; ; y *= 0.5 {
		x = math.Sqrt(x)
		next := z - (1-x)*(1-x)*y
		if next == z {
			return z / 3
		}
		z = next
	}
}

// CountApproxDistinctOp adds the rows of each partition to Registers, whose precision
// travels with it.
func CountApproxDistinctOp[T comparable]() *Op {
	return valued(func(precision int) *Op {
		keys, err := codec.KeyTypeOf[T]()
		return of((*T)(nil), one("CountApproxDistinct", nil, accPart((*Rows[Registers])(nil),
			func(*accSink, *plan.Sink) error { return err },
			func() accumulator {
				acc := &Acc[Registers]{Value: NewRegisters(precision), Has: true}
				var hashes []uint64
				return accumulate(acc, func(b any) bool {
					rows := b.(*Rows[T]).Rows
					if len(rows) == 0 {
						return true
					}
					hashes = append(hashes[:0], make([]uint64, len(rows))...)
					keys.Hash(hashes, unsafe.Pointer(&rows[0]), unsafe.Sizeof(rows[0]), registerSeed)
					for _, h := range hashes {
						acc.Value.Add(h)
					}
					return true
				})
			})))
	})
}

// CountApproxDistinctByKeyOp adds the values of each key to Registers, whose precision
// travels with it, and gives their estimates.
func CountApproxDistinctByKeyOp[K, V comparable]() *Op {
	return valued(func(precision int) *Op {
		values, err := codec.KeyTypeOf[V]()
		add := func(r *Registers, v V) {
			if err != nil {
				panic(err) // the driver has looked
			}
			r.Add(values.Hash1(unsafe.Pointer(&v), registerSeed))
		}
		return combineRows("CountApproxDistinctByKey", nil, shuffle.Combine[V, Registers]{
			Init:  func(r *Registers, v V) { *r = NewRegisters(precision); add(r, v) },
			Add:   add,
			Merge: func(r, o *Registers) { r.Merge(*o) },
		}, func(p *Pair[K, V]) (K, V) { return p.Key, p.Value },
			func(p *Pair[K, Registers]) Pair[K, int64] {
				return Pair[K, int64]{Key: p.Key, Value: p.Value.Estimate()}
			})
	})
}
