package typed_test

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
)

// letters counts letters: a value that is changed in place.
type letters map[rune]int

func (l letters) Merge(o letters) letters {
	if l == nil {
		return o
	}
	for r, n := range o {
		l[r] += n
	}
	return l
}

// tallied is a With value with accumulators beside other things.
type tallied struct {
	Limit   int64
	Above   typed.Counter
	In      struct{ Seen typed.Counter }
	Letters typed.Accumulator[letters]
}

// TestAccumulatorsCountEachTaskOnce runs actions in the ways in which an operator
// may run more than once for a row, or a task more than once.
func TestAccumulatorsCountEachTaskOnce(t *testing.T) {
	for name, o := range map[string]typed.Options{"fused": {Cores: 3}, "closures": {Cores: 3, Closures: true}, "single operators": {Cores: 3, NoFusing: true}} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o)
			seen := typed.NewCounter(s, "seen")
			want := int64(0)
			counted := func() typed.RDD[int64] {
				return s.Range(1000, typed.Partitions(7)).With(seen).Map(func(c typed.Counter, x int64) int64 {
					c.Add(1)
					return x
				})
			}
			check := func(what string, more int64, err error) {
				t.Helper()
				if want += more; err != nil || seen.Value() != want {
					t.Errorf("%s: %d seen, want %d, %v", what, seen.Value(), want, err)
				}
			}
			_, err := counted().Count(ctx)
			check("count", 1000, err)
			err = counted().SaveAsTextFile(ctx, filepath.Join(t.TempDir(), "out"))
			check("save", 1000, err)
			sums := counted().KeyBy(func(x int64) int64 { return x % 10 }).ReduceByKey(func(a, b int64) int64 { return a + b })
			_, err = sums.Count(ctx)
			check("shuffle", 1000, err)
			_, err = sums.Map(func(k, v int64) int64 { return k * v }).Collect(ctx)
			check("the same shuffle again", 0, err)
			sorted := counted().SortBy(func(x int64) int64 { return -x })
			_, err = sorted.Collect(ctx)
			check("sort, which looks at its rows for a sample too", 1000, err)
			cached := counted().Cache()
			_, err = cached.Count(ctx)
			check("cache", 1000, err)
			_, err = cached.Count(ctx)
			check("cached", 0, err)
			twice := counted()
			_, err = twice.Union(twice).Count(ctx)
			check("union with itself, which reads it twice", 2000, err)
			_, err = s.Range(1000, typed.Partitions(7)).With(seen).Reduce(ctx, func(c typed.Counter, a, b int64) int64 {
				c.Add(1)
				return a + b
			})
			check("reduce, of which the driver does the last six", 999, err)
		})
	}
}

func TestAccumulatorsInAStruct(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	env := tallied{Limit: 700, Above: typed.NewCounter(s, "above"), Letters: typed.NewAccumulator[letters](s, "letters")}
	env.In.Seen = typed.NewCounter(s, "seen")
	words := []string{"abba", "cab", "ba"}
	for range 2 { // the value is decoded once for both, and the tasks' own are not
		if _, err := s.Parallelize(words, 2).With(env).FlatMap(func(env tallied, w string) iter.Seq[rune] {
			env.In.Seen.Add(1)
			if own := env.Letters.Local(); *own == nil {
				*own = letters{}
			}
			for _, r := range w {
				(*env.Letters.Local())[r]++
			}
			return slices.Values([]rune(w))
		}).Count(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := env.Letters.Value(), (letters{'a': 8, 'b': 8, 'c': 2}); !maps.Equal(got, want) {
		t.Errorf("letters %v, want %v", got, want)
	}
	if n := env.In.Seen.Value(); n != 6 {
		t.Errorf("%d seen, want 6", n)
	}
	if n := env.Above.Value(); n != 0 {
		t.Errorf("%d above, want none", n)
	}
	got := env.Letters.Value()
	got['z'] = 1
	if len(env.Letters.Value()) != 3 {
		t.Error("a value that was given is the accumulator's own")
	}
	env.Letters.Add(letters{'z': 5}) // at the driver
	if n := env.Letters.Value()['z']; n != 5 {
		t.Errorf("the driver added 5, and there are %d", n)
	}
}

// TestAccumulatorsOfFailedActions count what succeeded before.
func TestAccumulatorsOfFailedActions(t *testing.T) {
	s := open(t, typed.Options{Cores: 1})
	seen := typed.NewCounter(s, "seen")
	_, err := s.Range(40, typed.Partitions(4)).With(seen).Map(func(c typed.Counter, x int64) int64 {
		c.Add(1)
		if x == 25 {
			panic("no")
		}
		return x
	}).Count(ctx)
	if err == nil {
		t.Fatal("it did not fail")
	}
	if n := seen.Value(); n != 20 {
		t.Errorf("%d seen, want the 20 of the two tasks that succeeded", n)
	}
}

// heavy is a value of many bytes.
type heavy []byte

func (h heavy) Merge(o heavy) heavy { return append(h, o...) }

// bad panics when it is merged at the driver.
type bad int

func (b bad) Merge(o bad) bad {
	if b+o > 3 {
		panic("too much")
	}
	return b + o
}

type closed struct{ F func() }

func (c closed) Merge(closed) closed { return c }

func TestAccumulatorsRefused(t *testing.T) {
	s, other := open(t, typed.Options{Cores: 2}), open(t, typed.Options{Cores: 2})
	big := typed.NewAccumulator[heavy](s, "big")
	much := typed.NewAccumulator[bad](s, "much")
	unfit := typed.NewAccumulator[closed](s, "unfit")
	type list struct{ All []typed.Counter }
	x := s.Range(6, typed.Partitions(3))
	for what, test := range map[string]struct {
		run  func() error
		want string
	}{
		"of another session": {func() error {
			return x.With(typed.NewCounter(other, "theirs")).ForEach(ctx, func(c typed.Counter, _ int64) { c.Add(1) })
		}, `With (accumulator_test.go:`},
		"behind a slice": {func() error {
			return x.With(list{}).ForEach(ctx, func(list, int64) {})
		}, `.All is behind a pointer, slice, map or array`},
		"behind a pointer": {func() error {
			c := typed.NewCounter(s, "c")
			return x.With(&c).ForEach(ctx, func(c *typed.Counter, _ int64) { c.Add(1) })
		}, `is behind a pointer, slice, map or array`},
		"no session's": {func() error {
			return x.With(typed.Counter{}).ForEach(ctx, func(c typed.Counter, _ int64) { c.Add(1) })
		}, `the zero value of its type`},
		"too large in one task": {func() error {
			return x.With(big).ForEach(ctx, func(a typed.Accumulator[heavy], _ int64) { a.Add(make(heavy, 200<<10)) })
		}, `accumulator "big": the task added 409`},
		"that cannot be encoded": {func() error {
			return x.With(unfit).ForEach(ctx, func(a typed.Accumulator[closed], _ int64) { a.Add(closed{}) })
		}, `accumulator "unfit": `},
		"read in a task": {func() error {
			return x.With(typed.NewCounter(s, "c")).ForEach(ctx, func(c typed.Counter, _ int64) { _ = c.Value() })
		}, `Value of accumulator "c" in a task`},
		"that came with rows": {func() error {
			rows := s.Parallelize([]typed.Counter{typed.NewCounter(s, "c")}, 1)
			return rows.ForEach(ctx, func(c typed.Counter) { c.Add(1) })
		}, `it came with the rows`},
		"whose Merge panics at the driver": {func() error {
			return x.With(much).ForEach(ctx, func(a typed.Accumulator[bad], _ int64) { a.Add(1) })
		}, `too much`},
	} {
		if err := test.run(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", what, err, test.want)
		}
	}
}

// pile is a value of which each task's is as large as the sum.
type pile struct {
	N    int64
	Load []byte
}

func (p pile) Merge(o pile) pile {
	return pile{N: p.N + o.N, Load: slices.MaxFunc([][]byte{p.Load, o.Load}, func(a, b []byte) int { return len(a) - len(b) })}
}

// TestManyUpdates is an action whose tasks together add many times what a message holds,
// and one whose tasks add too much.
func TestManyUpdates(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	add := func(tasks int) (int64, error) {
		sum := typed.NewAccumulator[pile](s, "sum")
		err := s.Range(int64(tasks), typed.Partitions(tasks)).With(sum).ForEach(ctx, func(a typed.Accumulator[pile], x int64) {
			a.Add(pile{x, make([]byte, 250<<10)})
		})
		return sum.Value().N, err
	}
	const many = 300 // 73 MiB
	if n, err := add(many); n != many*(many-1)/2 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	_, err := add(plan.MaxAllUpdates/(250<<10) + 60)
	if err == nil || !strings.Contains(err.Error(), "the most of an action is") {
		t.Errorf("%v", err)
	}
}

// TestAccumulatorsAreFrom several goroutines, whose actions share a shuffle.
func TestAccumulatorsOfConcurrentActions(t *testing.T) {
	s := open(t, typed.Options{Cores: 2})
	seen := typed.NewCounter(s, "seen")
	sums := s.Range(5000, typed.Partitions(20)).With(seen).MapToPair(func(c typed.Counter, x int64) (int64, int64) {
		c.Add(1)
		return x % 10, x
	}).ReduceByKey(func(a, b int64) int64 { return a + b })
	var failed atomic.Int64
	done := make(chan error)
	for range 4 {
		go func() {
			n, err := sums.Count(ctx)
			if n != 10 {
				failed.Add(1)
			}
			done <- err
		}()
	}
	var errs []error
	for range 4 {
		errs = append(errs, <-done)
	}
	if err := errors.Join(errs...); err != nil || failed.Load() > 0 || seen.Value() != 5000 {
		t.Errorf("%d seen, %d wrong counts, %v", seen.Value(), failed.Load(), err)
	}
}

// TestTaskThatFailsOnce adds to an accumulator before it fails.
func TestTaskThatFailsOnce(t *testing.T) {
	s := session()
	type once struct {
		Seen typed.Counter
		File string
	}
	env := once{typed.NewCounter(s, "seen"), filepath.Join(t.TempDir(), "failed")}
	fail := func(e once, x int64) int64 {
		e.Seen.Add(1)
		if x == 7 {
			if f, err := os.OpenFile(e.File, os.O_CREATE|os.O_EXCL, 0o600); err == nil {
				_ = f.Close()
				panic("once")
			}
		}
		return x
	}
	rows := s.Range(20, typed.Partitions(2)).With(env).Map(fail)
	if _, err := rows.Count(ctx); err == nil {
		t.Fatal("it did not fail")
	}
	before := env.Seen.Value() // of the other task, if it was done
	if before != 0 && before != 10 {
		t.Errorf("%d seen, want all of a task or nothing", before)
	}
	if _, err := rows.Count(ctx); err != nil || env.Seen.Value() != before+20 {
		t.Errorf("%d seen, want %d more than %d, %v", env.Seen.Value(), 20, before, err)
	}
}

func ExampleNewCounter() {
	s := session()
	bad := typed.NewCounter(s, "bad lines")
	good := s.Parallelize([]string{"7", "x", "12", ""}, 2).With(bad).Filter(func(bad typed.Counter, line string) bool {
		if line == "" || strings.Trim(line, "0123456789") != "" {
			bad.Add(1)
			return false
		}
		return true
	})
	n, err := good.Count(ctx)
	fmt.Println(n, "good,", bad.Value(), "bad,", err)
	// Output: 2 good, 2 bad, <nil>
}

func ExampleNewTotal() {
	s := session()
	type seen struct {
		Bytes typed.Total[float64]
		Size  typed.Extremes[int]
	}
	v := seen{typed.NewTotal[float64](s, "KiB"), typed.NewExtremes[int](s, "size")}
	err := s.Parallelize([]int{512, 2048, 1536}, 2).With(v).ForEach(ctx, func(v seen, size int) {
		v.Bytes.Add(float64(size) / 1024)
		v.Size.Add(size)
	})
	least, _ := v.Size.Min()
	most, any := v.Size.Max()
	fmt.Println(v.Bytes.Value(), "KiB in files of", least, "to", most, any, err)
	// Output: 4 KiB in files of 512 to 2048 true <nil>
}

func ExampleNewExtremes() {
	s := session()
	words := typed.NewExtremes[string](s, "words")
	_, any := words.Min()
	fmt.Println(any)
	_, err := s.Parallelize([]string{"pear", "apple", "quince"}, 3).With(words).Filter(func(words typed.Extremes[string], w string) bool {
		words.Add(w)
		return w != ""
	}).Count(ctx)
	first, _ := words.Min()
	last, _ := words.Max()
	fmt.Println(first, last, err)
	// Output:
	// false
	// apple quince <nil>
}

// longest is the longest word, of equally long ones the first.
type longest string

func (l longest) Merge(o longest) longest {
	if len(o) > len(l) || len(o) == len(l) && o < l {
		return o
	}
	return l
}

func ExampleNewAccumulator() {
	s := session()
	word := typed.NewAccumulator[longest](s, "longest word")
	n, err := s.Parallelize([]string{"a", "heap", "of", "words"}, 3).With(word).
		Map(func(word typed.Accumulator[longest], w string) int {
			word.Add(longest(w))
			return len(w)
		}).
		Reduce(ctx, func(a, b int) int { return a + b })
	fmt.Println(n, word.Value(), err)
	// Output: 12 words <nil>
}
