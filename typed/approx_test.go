package typed_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/typed"
)

func TestCountApproxDistinct(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	for _, sd := range []float64{0.3, 0.05, 0.01, 0.003} {
		for _, n := range []int64{0, 1, 7, 500, 20_000} {
			r := s.Range(3*n, typed.Partitions(3)).With(n).Map(func(n, x int64) string { return fmt.Sprint("row ", x%n) })
			got, err := typed.CountApproxDistinct(ctx, r, sd)
			if err != nil || math.Abs(float64(got-n)) > 5*sd*float64(n)+0.5 {
				t.Errorf("%d of %d, within %v: %v", got, n, sd, err)
			}
		}
	}
}

func TestCountApproxDistinctByKey(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	p := s.Range(100_000, typed.Partitions(4)).MapToPair(func(x int64) (int64, float64) { // key k has 10·4^k values
		k := x % 5
		return k, float64(x / 5 % (10 << (2 * k)))
	})
	for _, p := range []typed.PairRDD[int64, float64]{p, p.PartitionBy(typed.Partitions(3))} {
		got, err := typed.CountApproxDistinctByKey(p, 0.02, typed.Partitions(3)).CollectAsMap(ctx)
		if err != nil || len(got) != 5 {
			t.Fatal(got, err)
		}
		for k, n := range got {
			if want := float64(int64(10) << (2 * k)); math.Abs(float64(n)-want) > 0.1*want {
				t.Errorf("key %d has %d values, want about %v", k, n, want)
			}
		}
	}
}

func TestCountApproxDistinctErrors(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	for _, sd := range []float64{0, -1, 0.001, 0.4, math.NaN()} {
		_, err := typed.CountApproxDistinct(ctx, s.Range(3), sd)
		_, err2 := typed.CountApproxDistinctByKey(s.Range(3).KeyBy(func(x int64) int64 { return x }), sd).Collect(ctx)
		for _, err := range []error{err, err2} {
			if err == nil || !strings.Contains(err.Error(), "from 0.003 to 0.3") || !strings.Contains(err.Error(), "approx_test.go:") {
				t.Errorf("%v: %v", sd, err)
			}
		}
	}
	type box struct{ P *int }
	boxes := s.Range(3).Map(func(int64) box { return box{} })
	if _, err := typed.CountApproxDistinct(ctx, boxes, 0.05); err == nil || !strings.Contains(err.Error(), "values to be counted") {
		t.Errorf("rows that cannot be hashed: %v", err)
	}
}

func ExampleCountApproxDistinct() {
	fmt.Println(typed.CountApproxDistinct(ctx, session().Parallelize([]string{"a", "b", "a", "c"}, 2), 0.05))
	// Output: 3 <nil>
}

func ExampleCountApproxDistinctByKey() {
	visits := session().Parallelize([]string{"ann /", "bob /", "ann /a", "ann /"}, 2).
		MapToPair(func(v string) (string, string) { who, page, _ := strings.Cut(v, " "); return who, page })
	fmt.Println(typed.CountApproxDistinctByKey(visits, 0.05).CollectAsMap(ctx))
	// Output: map[ann:2 bob:1] <nil>
}
