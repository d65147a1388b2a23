package typed

import (
	"context"
	"fmt"
	"math"
	"unsafe"

	"github.com/gordd-project/gordd/rdd"
	"github.com/gordd-project/gordd/rdd/codec"
)

// CountApproxDistinct counts about how many different rows there are, by HyperLogLog,
// in one pass and without a shuffle. relativeSD is the standard deviation of the result
// as a share of it, from 0.003 on, and up to 0.3: for 0.05 each task keeps 512 bytes,
// four times as many for half of it, and 128 at least.
func CountApproxDistinct[T comparable](ctx context.Context, r RDD[T], relativeSD float64) (int64, error) {
	return newUse(r.s, r.n, hashed[T](typeOf[rdd.Registers]())).countApproxDistinct(ctx, rdd.CountApproxDistinctOp[T](), relativeSD)
}

// CountApproxDistinctByKey counts about how many different values each key has. See
// [CountApproxDistinct]; so many bytes are kept for each key.
func CountApproxDistinctByKey[K, V comparable](p PairRDD[K, V], relativeSD float64, opts ...ShuffleOption) PairRDD[K, int64] {
	u := newUse(p.s, p.n, hashed[V](keyed[K, rdd.Registers]()))
	op := rdd.CountApproxDistinctByKeyOp[K, V]()
	u.carry(encode(u.precision(op, relativeSD)))
	return PairRDD[K, int64]{p.s, u.wide(op, combined(opts))}
}

// hashed is a type of rows for which values of type V are hashed.
func hashed[V comparable](t rowType) rowType {
	if _, err := codec.KeyTypeOf[V](); err != nil && t.err == nil {
		t.err = fmt.Errorf("values to be counted: %w", err)
	}
	return t
}

// precision is that of registers with a relative standard deviation.
func (u *use) precision(op *rdd.Op, relativeSD float64) int {
	if !(relativeSD >= 0.003 && relativeSD <= 0.3) {
		if u.c.Err == nil {
			u.c.Err = fmt.Errorf("%s (%s): a relative standard deviation of %v: give a number from 0.003 to 0.3; Distinct and Count are exact",
				op.Name, u.c.Site, relativeSD)
		}
		return rdd.MinPrecision
	}
	return min(max(int(math.Ceil(2*math.Log2(1.054/relativeSD))), rdd.MinPrecision), rdd.MaxPrecision)
}

func (u *use) countApproxDistinct(ctx context.Context, op *rdd.Op, relativeSD float64) (int64, error) {
	precision := u.precision(op, relativeSD)
	u.carry(encode(precision))
	defer u.done()
	all := rdd.NewRegisters(precision)
	_, err := u.merge(ctx, u.action(op), unsafe.Pointer(&all), func(acc, v unsafe.Pointer) {
		(*rdd.Registers)(acc).Merge(*(*rdd.Registers)(v))
	})
	if err != nil {
		return 0, err
	}
	return all.Estimate(), nil
}
