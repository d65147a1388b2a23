package typed_test

import (
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/gordd-project/gordd/typed"
)

func ExampleRDD_Map() {
	s := session()
	fmt.Println(s.Range(4).Map(func(i int64) int64 { return i * i }).Collect(ctx))
	// Output: [0 1 4 9] <nil>
}

func ExampleRDD_TryMap() {
	s := session()
	numbers := s.Parallelize([]string{"1", "2", "x"}, 1).TryMap(strconv.Atoi)
	_, err := numbers.Collect(ctx)
	fmt.Println(err != nil && strings.Contains(err.Error(), `strconv.Atoi: parsing "x": invalid syntax`))
	fmt.Println(numbers.Take(ctx, 2)) // never comes to the bad row
	// Output:
	// true
	// [1 2] <nil>
}

func ExampleRDD_Filter() {
	s := session()
	fmt.Println(s.Range(7).Filter(func(i int64) bool { return i%2 == 0 }).Collect(ctx))
	// Output: [0 2 4 6] <nil>
}

func ExampleRDD_FlatMap() {
	s := session()
	words := s.Parallelize([]string{"to be", "", "or not"}, 2).FlatMap(strings.FieldsSeq)
	fmt.Println(words.Collect(ctx))
	// Output: [to be or not] <nil>
}

func ExampleFields() {
	s := session()
	fmt.Println(s.Parallelize([]string{" to  be", "or\tnot"}, 2).FlatMap(typed.Fields).Collect(ctx))
	// Output: [to be or not] <nil>
}

func ExampleColumns() {
	s := session()
	lines := s.Parallelize([]string{"1|Ada|London|12.5", "2|Grace"}, 2)
	fmt.Println(lines.Map(func(line string) [3]string {
		var c [3]string
		typed.Columns(line, '|', c[:])
		return c
	}).Collect(ctx))
	// Output: [[1 Ada London] [2 Grace ]] <nil>
}

func ExampleParseFloat() {
	s := session()
	fmt.Println(s.Parallelize([]string{"12.5", "-3e2"}, 2).TryMap(typed.ParseFloat).Collect(ctx))
	// Output: [12.5 -300] <nil>
}

func ExampleRDD_TryFlatMap() {
	s := session()
	digits := s.Parallelize([]string{"12", "3"}, 2).TryFlatMap(func(text string) (iter.Seq[int], error) {
		n, err := strconv.Atoi(text)
		return func(yield func(int) bool) {
			for ; n > 0 && yield(n%10); n /= 10 {
			}
		}, err
	})
	fmt.Println(digits.Collect(ctx))
	// Output: [2 1 3] <nil>
}

func ExampleRDD_MapPartitions() {
	s := session()
	sums := s.Range(10, typed.Partitions(2)).MapPartitions(func(t *typed.Task, rows iter.Seq[int64]) iter.Seq[string] {
		return func(yield func(string) bool) {
			var sum int64
			for i := range rows {
				sum += i
			}
			yield(fmt.Sprint("partition ", t.Partition(), ": ", sum))
		}
	})
	fmt.Println(sums.Collect(ctx))
	// Output: [partition 0: 10 partition 1: 35] <nil>
}

func ExampleRDD_MapToPair() {
	s := session()
	lengths := s.Parallelize([]string{"a", "bcd"}, 1).MapToPair(func(w string) (string, int) { return w, len(w) })
	fmt.Println(lengths.Collect(ctx))
	// Output: [{a 1} {bcd 3}] <nil>
}

func ExampleRDD_TryMapToPair() {
	s := session()
	ages := s.Parallelize([]string{"ann=31", "bob=27"}, 1).TryMapToPair(func(line string) (string, int, error) {
		name, age, _ := strings.Cut(line, "=")
		n, err := strconv.Atoi(age)
		return name, n, err
	})
	fmt.Println(ages.CollectAsMap(ctx))
	// Output: map[ann:31 bob:27] <nil>
}

func ExampleRDD_FlatMapToPair() {
	s := session()
	index := s.Parallelize([]string{"a b", "c"}, 1).FlatMapToPair(func(line string) iter.Seq2[string, int] {
		return func(yield func(string, int) bool) {
			for i, w := range strings.Fields(line) {
				if !yield(w, i) {
					return
				}
			}
		}
	})
	fmt.Println(index.Collect(ctx))
	// Output: [{a 0} {b 1} {c 0}] <nil>
}

func ExampleRDD_KeyBy() {
	s := session()
	fmt.Println(s.Parallelize([]string{"a", "bcd"}, 1).KeyBy(func(w string) int { return len(w) }).Collect(ctx))
	// Output: [{1 a} {3 bcd}] <nil>
}

func ExampleRDD_Union() {
	s := session()
	fmt.Println(s.Range(2).Union(s.Range(3), s.Range(1)).Collect(ctx))
	// Output: [0 1 0 1 2 0] <nil>
}

func ExampleRDD_Err() {
	s := session()
	bad := s.Range(3).Repartition(0)
	fmt.Println(bad.Err())
	// Output: Repartition (example_narrow_test.go:140): 0 partitions: give a number from 1 to 1000000
}

// pairs are the pairs that examples work on.
func pairs(s *typed.Session) typed.PairRDD[string, int] {
	return s.Parallelize([]string{"a=1", "b=2", "a=3"}, 2).MapToPair(func(text string) (string, int) {
		return text[:1], int(text[2] - '0')
	})
}

func ExamplePairRDD_Map() {
	fmt.Println(pairs(session()).Map(func(k string, v int) string { return strings.Repeat(k, v) }).Collect(ctx))
	// Output: [a bb aaa] <nil>
}

func ExamplePairRDD_TryMap() {
	p := pairs(session()).TryMap(func(k string, v int) (int, error) {
		if v == 0 {
			return 0, fmt.Errorf("nothing for %s", k)
		}
		return 6 / v, nil
	})
	fmt.Println(p.Collect(ctx))
	// Output: [6 3 2] <nil>
}

func ExamplePairRDD_Filter() {
	fmt.Println(pairs(session()).Filter(func(k string, v int) bool { return k == "b" || v > 2 }).Collect(ctx))
	// Output: [{b 2} {a 3}] <nil>
}

func ExamplePairRDD_FlatMap() {
	p := pairs(session()).FlatMap(func(k string, v int) iter.Seq[string] {
		return func(yield func(string) bool) {
			for range v {
				if !yield(k) {
					return
				}
			}
		}
	})
	fmt.Println(p.Collect(ctx))
	// Output: [a b b a a a] <nil>
}

func ExamplePairRDD_TryFlatMap() {
	p := pairs(session()).TryFlatMap(func(k string, v int) (iter.Seq[string], error) {
		if v > 9 {
			return nil, fmt.Errorf("%d of %s are too many", v, k)
		}
		return strings.SplitSeq(k+"-"+k, "-"), nil
	})
	fmt.Println(p.Collect(ctx))
	// Output: [a a b b a a] <nil>
}

func ExamplePairRDD_MapPartitions() {
	p := pairs(session()).MapPartitions(func(t *typed.Task, pairs iter.Seq2[string, int]) iter.Seq[string] {
		return func(yield func(string) bool) {
			for k, v := range pairs {
				if !yield(fmt.Sprint(t.Partition(), k, v)) {
					return
				}
			}
		}
	})
	fmt.Println(p.Collect(ctx))
	// Output: [0a1 1b2 1a3] <nil>
}

func ExamplePairRDD_MapToPair() {
	fmt.Println(pairs(session()).MapToPair(func(k string, v int) (int, string) { return v, k }).Collect(ctx))
	// Output: [{1 a} {2 b} {3 a}] <nil>
}

func ExamplePairRDD_TryMapToPair() {
	p := pairs(session()).TryMapToPair(func(k string, v int) (int, string, error) {
		if k == "" {
			return 0, "", fmt.Errorf("no key for %d", v)
		}
		return v, k, nil
	})
	fmt.Println(p.Collect(ctx))
	// Output: [{1 a} {2 b} {3 a}] <nil>
}

func ExamplePairRDD_FlatMapToPair() {
	p := pairs(session()).FlatMapToPair(func(k string, v int) iter.Seq2[int, string] {
		return func(yield func(int, string) bool) {
			_ = yield(v, k) && yield(-v, k)
		}
	})
	fmt.Println(p.Collect(ctx))
	// Output: [{1 a} {-1 a} {2 b} {-2 b} {3 a} {-3 a}] <nil>
}

func ExamplePairRDD_MapValues() {
	fmt.Println(pairs(session()).MapValues(func(v int) string { return strconv.Itoa(10 * v) }).Collect(ctx))
	// Output: [{a 10} {b 20} {a 30}] <nil>
}

func ExamplePairRDD_MapValuesWithKey() {
	fmt.Println(pairs(session()).MapValuesWithKey(func(k string, v int) string { return strings.Repeat(k, v) }).Collect(ctx))
	// Output: [{a a} {b bb} {a aaa}] <nil>
}

func ExamplePairRDD_FlatMapValues() {
	visits := session().Parallelize([]string{"ann: home cart", "bob: home"}, 2).
		MapToPair(func(line string) (user, pages string) {
			user, pages, _ = strings.Cut(line, ":")
			return user, pages
		})
	fmt.Println(visits.FlatMapValues(strings.FieldsSeq).Collect(ctx))
	// Output: [{ann home} {ann cart} {bob home}] <nil>
}

func ExamplePairRDD_Keys() {
	fmt.Println(pairs(session()).Keys().Collect(ctx))
	// Output: [a b a] <nil>
}

func ExamplePairRDD_Values() {
	fmt.Println(pairs(session()).Values().Collect(ctx))
	// Output: [1 2 3] <nil>
}

func ExamplePairRDD_Union() {
	p := pairs(session())
	fmt.Println(p.Union(p).Count(ctx))
	// Output: 6 <nil>
}

func ExamplePairRDD_Err() {
	p := pairs(session())
	fmt.Println(p.Err())
	// Output: <nil>
}
