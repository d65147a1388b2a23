package sketch

import (
	"context"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

// QuantilesOf gives about the number below which each share of the rows is, from 0 on
// to 1: of 0.5 the median. Each is within 1 % of the number that is there, or of one beside it. No rows are
// [typed.ErrEmpty], and NaN and infinities among them an error.
//
//	q, err := sketch.QuantilesOf(ctx, seconds, 0.5, 0.99)
func QuantilesOf[T typed.Number](ctx context.Context, r typed.RDD[T], shares ...float64) ([]float64, error) {
	for _, p := range shares {
		if !(p >= 0 && p <= 1) {
			return nil, fmt.Errorf("QuantilesOf: share %v: give numbers from 0 to 1", p)
		}
	}
	all, err := r.Aggregate(ctx,
		func() numbers { return numbers{} },
		func(n *numbers, x T) { n.add(float64(x)) },
		func(n, o *numbers) { n.merge(o) })
	switch {
	case err != nil:
		return nil, err
	case all.Refused > 0:
		return nil, fmt.Errorf("QuantilesOf: %d of %d rows: %w: Filter them first", all.Refused, all.Refused+all.Known.Count(), errNotFinite)
	case all.Known.Count() == 0:
		return nil, fmt.Errorf("QuantilesOf: %w", typed.ErrEmpty)
	}
	quantiles := make([]float64, len(shares))
	for i, p := range shares {
		quantiles[i], _ = all.Known.Quantile(p) // there are rows, and the share is one
	}
	return quantiles, nil
}

// numbers are those that have a place among quantiles, and how many have none.
type numbers struct {
	Known   Quantiles
	Refused int64
}

func (n *numbers) add(x float64) {
	if n.Known.Add(x) != nil {
		n.Refused++
	}
}

func (n *numbers) merge(o *numbers) {
	n.Known = n.Known.Merge(o.Known)
	n.Refused += o.Refused
}
