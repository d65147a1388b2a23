package typed_test

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gordd-project/gordd/typed"
)

// hang gives the rows of the first partitions, and nothing of the others until they
// are cancelled.
func hang(first int, t *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
	if t.Partition() >= first {
		<-t.Done()
	}
	return rows
}

func TestCountApprox(t *testing.T) {
	for _, c := range []struct {
		parts, done    int // of 10 rows each, but for the last, of 5
		value, low     float64
		high, confided float64
	}{
		{4, 4, 35, 35, 35, 1},
		{4, 3, 40, 40, 40, 0.9},
		{8, 1, 80, 10, math.Inf(1), 0.9},
		{8, 0, 0, 0, math.Inf(1), 0.9},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, typed.Options{Cores: 8, Closures: true})
			r := s.Range(int64(10*c.parts), typed.Partitions(c.parts)).Filter(func(x int64) bool { return x < 35 || x > 39 }).
				With(c.done).MapPartitions(hang)
			got, err := r.CountApprox(ctx, time.Hour, 0.9)
			if want := (typed.Approximation{Value: c.value, Low: c.low, High: c.high, Confidence: c.confided}); err != nil || got != want {
				t.Errorf("%d of %d partitions: %+v, %v, want %+v", c.done, c.parts, got, err, want)
			}
		})
	}
}

func TestCountApproxErrors(t *testing.T) {
	s := open(t, typed.Options{Closures: true})
	for _, confidence := range []float64{0, 1, -1, math.NaN()} {
		if _, err := s.Range(3).CountApprox(ctx, time.Hour, confidence); err == nil || !strings.Contains(err.Error(), "CountApprox (countapprox_test.go:") {
			t.Errorf("%v: %v", confidence, err)
		}
	}
	bad := s.Range(3).TryMap(func(int64) (int, error) { return 0, errors.New("no good") })
	if _, err := bad.CountApprox(ctx, time.Hour, 0.9); err == nil || !strings.Contains(err.Error(), "no good") {
		t.Error(err)
	}
}

func ExampleRDD_CountApprox() {
	n, err := session().Range(1000).CountApprox(ctx, time.Minute, 0.95)
	fmt.Println(n.Value, n.Low, n.High, n.Confidence, err)
	// Output: 1000 1000 1000 1 <nil>
}

func ExamplePairRDD_CountApprox() {
	n, err := session().Range(10).KeyBy(func(x int64) int64 { return x % 2 }).CountApprox(ctx, time.Minute, 0.95)
	fmt.Println(n.Value, err)
	// Output: 10 <nil>
}
