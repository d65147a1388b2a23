package shuffle_test

import (
	"cmp"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/shuffle"
)

func TestSpilledCountsTemporaryFiles(t *testing.T) {
	rows := make([]int64, 200_000)
	for i := range rows {
		rows[i] = int64(i*7919) % 200_003
	}
	in := func(yield func([]int64) bool) error {
		yield(rows)
		return nil
	}
	c, err := codec.For[int64]()
	if err != nil {
		t.Fatal(err)
	}
	for name, limit := range map[string]int64{"in memory": 0, "on disk": 256 << 10} {
		t.Run(name, func(t *testing.T) {
			var spilled int64
			cfg := shuffle.Config{Dir: t.TempDir(), Limit: limit, Spilled: &spilled}
			n := 0
			prefix := func(rows []int64, out []uint64) {
				for i, r := range rows {
					out[i] = uint64(r)
				}
			}
			err := shuffle.Sort(t.Context(), cfg, c, prefix, func(a, b *int64) int { return cmp.Compare(*a, *b) }, in)(func(batch []int64) bool {
				n += len(batch)
				return true
			})
			if err != nil || n != len(rows) {
				t.Fatalf("%d rows, %v", n, err)
			}
			if spilled < int64(len(rows)) != (limit == 0) || limit == 0 && spilled != 0 {
				t.Errorf("%d bytes spilled", spilled)
			}
		})
	}
}
