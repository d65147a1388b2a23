package acceptance_test

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/typed"
)

// prices is a value that tasks are given: fields that are lists, maps and pointers.
type prices struct {
	Of   map[string]int64
	Tax  *int64
	Last []int64
}

// TestValuesThatAreBroadcast gives tasks values by With, which is our broadcast.
func TestValuesThatAreBroadcast(t *testing.T) {
	four := func(s *typed.Session) typed.RDD[int64] { return s.Range(4, typed.Partitions(4)) }
	length := func(list []int64, x int64) int64 { return int64(len(list)) + x }
	check(t, []promise{
		{does: "each task has it", run: func(s *typed.Session) (any, error) {
			return rows(four(s).With([]int64{1, 2, 3}).Map(length))
		}, want: []int64{3, 4, 5, 6}},
		{does: "nothing is a value too", run: func(s *typed.Session) (any, error) {
			return rows(four(s).With([]int64(nil)).Map(length))
		}, want: []int64{0, 1, 2, 3}},
		{does: "a struct with a map, a pointer and a list", run: func(s *typed.Session) (any, error) {
			tax := int64(5)
			v := prices{map[string]int64{"a": 10, "b": 20}, &tax, []int64{1, 2}}
			return rows(s.Parallelize([]string{"b", "a", "z"}, 2).With(v).Map(func(p prices, w string) string {
				return fmt.Sprint(p.Of[w]+*p.Tax, p.Last)
			}))
		}, want: []string{"25 [1 2]", "15 [1 2]", "5 [1 2]"}},
		{does: "values of several operators are apart", run: func(s *typed.Session) (any, error) {
			return rows(four(s).With(int64(10)).Map(add).With(int64(-3)).Map(add).With("x").Map(func(a string, x int64) string { return a + fmt.Sprint(x) }))
		}, want: []string{"x7", "x8", "x9", "x10"}},
		{does: "one value for two RDDs", run: func(s *typed.Session) (any, error) {
			v := []int64{9, 9}
			a, b := four(s).With(v).Map(length), s.Range(2, typed.Partitions(1)).With(v).Map(length)
			return rows(a.Union(b))
		}, want: []int64{2, 3, 4, 5, 2, 3}},
		{does: "behind a shuffle", run: func(s *typed.Session) (any, error) {
			p := four(s).KeyBy(func(x int64) int64 { return x % 2 })
			return byKey(p.With(int64(100)).ReduceByKey(func(e, a, b int64) int64 { return e + a + b }).With("!").MapValues(
				func(e string, v int64) string { return fmt.Sprint(v, e) }))
		}, want: []string{"0=102!", "1=104!"}},
		{does: "a later change is not seen", run: func(s *typed.Session) (any, error) {
			v := []int64{1}
			r := four(s).With(v).Map(func(list []int64, x int64) int64 { return list[0]*10 + x })
			v[0] = 7
			return rows(r)
		}, want: []int64{10, 11, 12, 13}},
		{does: "so a loop gives another each time", run: func(s *typed.Session) (any, error) {
			total := []int64{0}
			for range 3 {
				sum, err := four(s).With(total).Map(func(t []int64, x int64) int64 { return t[0] + x }).Reduce(ctx, add)
				if err != nil {
					return nil, err
				}
				total[0] = sum
			}
			return total[0], nil
		}, want: int64((6*4+6)*4 + 6)},
		{does: "a large one", run: func(s *typed.Session) (any, error) {
			v := make([]int64, 1<<20)
			v[len(v)-1] = 5
			return rows(four(s).With(v).Map(func(v []int64, x int64) int64 { return v[len(v)-1] + x }))
		}, want: []int64{5, 6, 7, 8}},
		{does: "what cannot travel", run: func(s *typed.Session) (any, error) {
			return rows(four(s).With(func() int64 { return 1 }).Map(func(f func() int64, x int64) int64 { return f() + x }))
		}, fails: `^With \(broadcast_test.go:\d+\): .*func`},
		{does: "a channel in a struct cannot travel either", run: func(s *typed.Session) (any, error) {
			type with struct{ C chan int64 }
			return rows(four(s).With(with{}).Map(func(_ with, x int64) int64 { return x }))
		}, fails: `^With \(broadcast_test.go:\d+\): .*chan`},
	})
}

// TestBroadcastIsDecodedOnce looks at where the value is that tasks see: all see the one
// that was decoded, and none that of the driver.
func TestBroadcastIsDecodedOnce(t *testing.T) {
	own := map[string]int64{"a": 1}
	var mu sync.Mutex
	var at []uintptr
	_, err := shared().Range(40, typed.Partitions(8)).With(own).Map(func(m map[string]int64, x int64) int64 {
		mu.Lock()
		defer mu.Unlock()
		at = append(at, reflect.ValueOf(m).Pointer())
		return x
	}).Count(ctx)
	slices.Sort(at)
	if n := len(slices.Compact(at)); err != nil || n != 1 || at[0] == reflect.ValueOf(own).Pointer() {
		t.Errorf("%d values, %v", n, err)
	}
}

// TestBroadcastIsThereAgain fails each task once: the next attempt has the value too.
func TestBroadcastIsThereAgain(t *testing.T) {
	s := open(embedded.WithTrial(ctx, embedded.Trial{Attempts: 2}), t, typed.Options{})
	r := failOnce(s.Range(40, typed.Partitions(4)), 3).With(strings.Repeat("x", 100)).MapPartitions(
		func(e string, _ *typed.Task, rows iter.Seq[int64]) iter.Seq[int64] {
			return func(yield func(int64) bool) {
				for x := range rows {
					if !yield(x + int64(len(e))) {
						return
					}
				}
			}
		})
	if got, err := r.Collect(ctx); err != nil || !slices.Equal(got, numbers(100, 140)) {
		t.Errorf("got %v, %v", got, err)
	}
}
