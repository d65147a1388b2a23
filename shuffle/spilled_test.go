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
			err := sorted(t, cfg, prefix, func(a, b *int64) int { return cmp.Compare(*a, *b) }, in)(func(batch []int64) bool {
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

// TestSegmentsCountAsSpilledForWantOfMemoryOnly: a segment that is merely full is written early as well.
func TestSegmentsCountAsSpilledForWantOfMemoryOnly(t *testing.T) {
	for _, tt := range []struct {
		name    string
		limit   int64 // of memory
		segment int64
		want    bool
	}{
		{"plenty of memory", 0, 0, false},
		{"small segments", 0, 256 << 10, false},
		{"little memory", 256 << 10, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var written, combined int64
			cfg := shuffle.Config{Dir: t.TempDir(), Name: "rows", Limit: tt.limit, SegmentBytes: tt.segment, Reduces: 2, Spilled: &written}
			w := shuffle.NewWriter(cfg, typeOf[int64](), shuffle.RoundRobin(0, 2))
			cfg.Name, cfg.Spilled = "pairs", &combined
			c := newCombiner[int](cfg, sumInt64())
			for i := range 100_000 {
				if err := w.Write(codec.RowsOf([]int64{int64(i)})); err != nil {
					t.Fatal(err)
				}
				_ = c.Push(i, 1) || c.Flush()
			}
			rows, pairs := must(w.Close()), must(c.Close())
			for name, out := range map[string]*shuffle.Output{"rows": rows, "pairs": pairs} {
				if early := len(out.Segments) > 1; early != (tt.limit > 0 || tt.segment > 0) {
					t.Errorf("%s: %d segments", name, len(out.Segments))
				}
			}
			for name, n := range map[string]int64{"rows": written, "pairs": combined} {
				if spilled := n > 100_000; spilled != tt.want || n > 0 != tt.want {
					t.Errorf("%s: %d bytes count as spilled", name, n)
				}
			}
		})
	}
}
