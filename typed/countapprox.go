package typed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/rdd"
)

// Approximation is a number that is known so far.
type Approximation struct {
	Value      float64
	Low, High  float64 // where the number is, by the confidence; High is +Inf where too little is known
	Confidence float64 // 1: the number is Value
}

// CountApprox counts the rows for so long, and tells what is known of their number
// then. A count that is done before is exact. Otherwise it is an estimate by the
// partitions that were done, as though chance had picked them, and the number is
// between its bounds with a probability of confidence, such as 0.95. Where large
// partitions take longer, the estimate is too small; Low never is greater than the
// number. What runs is ended when the time is up.
func (r RDD[T]) CountApprox(ctx context.Context, timeout time.Duration, confidence float64) (Approximation, error) {
	return newUse(r.s, r.n, rowType{}).countApprox(ctx, rdd.CountOp[T]().Named("CountApprox"), timeout, confidence)
}

// CountApprox is RDD.CountApprox of pairs.
func (p PairRDD[K, V]) CountApprox(ctx context.Context, timeout time.Duration, confidence float64) (Approximation, error) {
	return newUse(p.s, p.n, rowType{}).countApprox(ctx, rdd.CountOp[Pair[K, V]]().Named("CountApprox"), timeout, confidence)
}

var errTimeIsUp = errors.New("the time for it is up")

func (u *use) countApprox(ctx context.Context, op *rdd.Op, timeout time.Duration, confidence float64) (Approximation, error) {
	if !(confidence > 0 && confidence < 1) {
		return Approximation{}, fmt.Errorf("CountApprox (%s): a confidence of %v: give a number between 0 and 1, such as 0.95", u.c.Site, confidence)
	}
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errTimeIsUp)
	defer cancel()
	var counts []int64
	st, err := u.s.act(limited, u.n, rdd.Action{Op: op, Call: u.c}, driver.Action{
		AnyOrder: true,
		Reset:    func() { counts = nil },
		Result: func(_ int, v driver.Value) error {
			b, err := v.Bytes()
			if err != nil {
				return err
			}
			n, err := accOf(b)
			counts = append(counts, n)
			return err
		},
	})
	if err != nil && !errors.Is(err, errTimeIsUp) {
		return Approximation{}, err
	}
	if err == nil {
		confidence = 1
	}
	return estimate(counts, st.Partitions, confidence), nil
}

// estimate is a total of parts, of which some are known: drawn without replacement
// (Cochran, Sampling Techniques, 1977, chapter 2). With a confidence of 1 all are.
func estimate(known []int64, parts int, confidence float64) Approximation {
	sum, n, all := 0.0, float64(len(known)), float64(parts)
	for _, x := range known {
		sum += float64(x)
	}
	switch {
	case confidence == 1:
		return Approximation{sum, sum, sum, 1}
	case len(known) == 0 || parts < len(known): // of how many is not known
		return Approximation{sum, sum, math.Inf(1), confidence}
	}
	value := sum / n * all
	if len(known) == 1 {
		return Approximation{value, sum, math.Inf(1), confidence}
	}
	squares := 0.0
	for _, x := range known {
		squares += (float64(x) - sum/n) * (float64(x) - sum/n)
	}
	within := student(confidence, len(known)-1) * all * math.Sqrt((1-n/all)*squares/(n-1)/n)
	return Approximation{value, max(sum, value-within), value + within, confidence}
}

// student is how many standard errors to both sides hold a mean with a probability,
// by Student's distribution; from three degrees of freedom on by the expansion 26.7.5
// of Abramowitz and Stegun, Handbook of Mathematical Functions, within a thousandth or
// so for usual probabilities.
func student(probability float64, freedom int) float64 {
	switch freedom {
	case 1:
		return math.Tan(math.Pi * probability / 2)
	case 2:
		return probability * math.Sqrt(2/(1-probability*probability))
	}
	z, f := math.Sqrt2*math.Erfinv(probability), float64(freedom)
	z2 := z * z
	return z * (1 + (z2+1)/(4*f) + ((5*z2+16)*z2+3)/(96*f*f) + (((3*z2+19)*z2+17)*z2-15)/(384*f*f*f) +
		((((79*z2+776)*z2+1482)*z2-1920)*z2-945)/(92160*f*f*f*f))
}
