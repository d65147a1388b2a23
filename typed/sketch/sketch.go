// Package sketch has values for accumulators that know little of many rows: about
// how many different ones there are, and about where their quantiles are. They take
// the same room for ten rows and for ten billion.
//
//	users := typed.NewAccumulator[sketch.Distinct](s, "users")
//	times := typed.NewAccumulator[sketch.Quantiles](s, "seconds")
//	err := requests.With(seen{users, times}).ForEach(ctx, func(v seen, r Request) {
//		v.Users.Local().AddString(r.User)
//		v.Times.Local().Add(r.Seconds)
//	})
//	…
//	v := times.Value()
//	p99, ok := v.Quantile(0.99)
//
// [QuantilesOf] is an action that gives some quantiles of an RDD of numbers.
//
// The zero values are empty. What is added first does not matter. Only programs that
// import the package link what it is made of.
package sketch

import (
	"errors"
	"fmt"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/store"
	"github.com/axiomhq/hyperloglog"
)

// Distinct knows about how many different values were added, by HyperLogLog: small
// numbers nearly exactly, and large ones within about 1 %, in 16 KiB at most.
type Distinct struct{ s *hyperloglog.Sketch }

// Add adds a value.
func (d *Distinct) Add(value []byte) { d.sketch().Insert(value) }

// AddString adds a value.
func (d *Distinct) AddString(value string) { d.Add([]byte(value)) }

func (d *Distinct) sketch() *hyperloglog.Sketch {
	if d.s == nil {
		d.s = hyperloglog.New14()
	}
	return d.s
}

// Merge gives the values of both. It may change d.
func (d Distinct) Merge(o Distinct) Distinct {
	switch {
	case d.s == nil:
		return o
	case o.s == nil:
		return d
	}
	if err := d.s.Merge(o.s); err != nil {
		panic(fmt.Sprintf("sketch: %v", err)) // all have one precision, which UnmarshalBinary sees to
	}
	return d
}

// Estimate is about how many different values there are.
func (d Distinct) Estimate() uint64 {
	if d.s == nil {
		return 0
	}
	return d.s.Estimate()
}

// String is the estimate, for people.
func (d Distinct) String() string { return fmt.Sprintf("about %d", d.Estimate()) }

// MarshalBinary encodes the sketch; an empty one as nothing.
func (d Distinct) MarshalBinary() ([]byte, error) {
	if d.s == nil {
		return nil, nil
	}
	return d.s.MarshalBinary()
}

// UnmarshalBinary is the reverse of MarshalBinary.
func (d *Distinct) UnmarshalBinary(b []byte) error {
	d.s = nil
	if len(b) == 0 {
		return nil
	}
	s := hyperloglog.New14()
	if err := s.UnmarshalBinary(b); err != nil {
		return err
	}
	if b[1] != precision {
		return fmt.Errorf("sketch: precision %d, want %d", b[1], precision)
	}
	d.s = s
	return nil
}

// precision is that of all sketches, the second byte of their encoding.
const precision = 14

// Quantiles know about where the quantiles of numbers are, by DDSketch: each within
// 1 % of its value. Of numbers that are more than a factor of 10¹⁷ apart the small
// ones are taken together.
type Quantiles struct{ s *ddsketch.DDSketch }

const (
	accuracy = 0.01
	maxBins  = 2048
)

var errNotFinite = errors.New("sketch: NaN, an infinity and numbers near the largest have no place among quantiles")

// Add adds a number. NaN and infinities are refused, and so are numbers near the
// largest one that there is.
func (q *Quantiles) Add(x float64) error {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return errNotFinite
	}
	if q.s == nil {
		s, err := ddsketch.LogCollapsingLowestDenseDDSketch(accuracy, maxBins)
		if err != nil {
			return err
		}
		q.s = s
	}
	if q.s.Add(x) != nil {
		return errNotFinite
	}
	return nil
}

// Merge gives the numbers of both. It may change q.
func (q Quantiles) Merge(o Quantiles) Quantiles {
	switch {
	case q.s == nil:
		return o
	case o.s == nil:
		return q
	}
	if err := q.s.MergeWith(o.s); err != nil {
		panic(fmt.Sprintf("sketch: %v", err)) // all have one accuracy, which UnmarshalBinary sees to
	}
	return q
}

// Count is how many numbers there are.
func (q Quantiles) Count() int64 {
	if q.s == nil {
		return 0
	}
	return int64(q.s.GetCount())
}

// Quantile is about the number below which a share of p of all numbers is, from 0 on
// to 1; ok says that there is one.
func (q Quantiles) Quantile(p float64) (x float64, ok bool) {
	if q.s == nil {
		return 0, false
	}
	x, err := q.s.GetValueAtQuantile(p)
	return x, err == nil
}

// String is how many numbers there are, and some quantiles, for people.
func (q Quantiles) String() string {
	if q.Count() == 0 {
		return "none"
	}
	half, _ := q.Quantile(0.5)
	most, _ := q.Quantile(0.99)
	return fmt.Sprintf("%d, half below %.3g, 99%% below %.3g", q.Count(), half, most)
}

// MarshalBinary encodes the sketch; an empty one as nothing.
func (q Quantiles) MarshalBinary() (b []byte, _ error) {
	if q.s != nil {
		q.s.Encode(&b, false)
	}
	return b, nil
}

// UnmarshalBinary is the reverse of MarshalBinary.
func (q *Quantiles) UnmarshalBinary(b []byte) error {
	q.s = nil
	if len(b) == 0 {
		return nil
	}
	s, err := ddsketch.DecodeDDSketch(b, func() store.Store { return store.NewCollapsingLowestDenseStore(maxBins) }, nil)
	if err != nil {
		return fmt.Errorf("sketch: %w", err)
	}
	if got := s.RelativeAccuracy(); math.Abs(got-accuracy) > accuracy/1000 {
		return fmt.Errorf("sketch: accuracy %g, want %g", got, accuracy)
	}
	q.s = s
	return nil
}
