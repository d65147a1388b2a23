package typed_test

import (
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// TestJoinsOfHotKeys joins sides of which half the rows, more than memory, are of one key.
func TestJoinsOfHotKeys(t *testing.T) {
	const many, few = 1_200_000, 4
	var spilled int64
	s := open(t, typed.Options{Cores: 1, Memory: 16 << 20, Observe: func(st plan.ActionStatus) {
		spilled = 0
		for _, stage := range st.Stages {
			spilled += stage.Counters.Spilled
		}
	}})
	// Odd numbers of the large side, and of the small one, have no partner.
	keyed := func(n, others int64) typed.PairRDD[int64, int64] {
		return s.Range(n).KeyBy(func(i int64) int64 {
			if i%2 == 0 {
				return -1
			}
			return i + others
		})
	}
	large, small := keyed(many, 0), keyed(few, many)
	const pairs = many / 2 * few / 2
	shuffled := typed.BroadcastBelow(0)
	tests := map[string]struct {
		joined typed.PairRDD[int64, int64]
		want   int64
	}{
		"hot on the left":            {large.Join(small, func(v, _ int64) int64 { return v }, shuffled), pairs},
		"hot on the right":           {small.Join(large, func(v, _ int64) int64 { return v }, shuffled), pairs},
		"hot on the left, outer":     {large.LeftOuterJoin(small, func(v int64, _ *int64) int64 { return v }, shuffled), pairs + many/2},
		"hot on the right, outer":    {small.LeftOuterJoin(large, func(v int64, _ *int64) int64 { return v }, shuffled), pairs + few/2},
		"hot on the left, all kept":  {large.FullOuterJoin(small, func(_, _ *int64) int64 { return 0 }), pairs + many/2 + few/2},
		"hot on the right, all kept": {small.FullOuterJoin(large, func(_, _ *int64) int64 { return 0 }), pairs + many/2 + few/2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if n, err := test.joined.Count(ctx); n != test.want || err != nil || spilled < many/2 {
				t.Errorf("%d rows, want %d; %d bytes spilled; %v", n, test.want, spilled, err)
			}
		})
	}
}
