package typed_test

import (
	"fmt"
	"iter"
	"slices"

	"github.com/gordd-project/gordd/typed"
)

// people and cities have keys in common, but not all of them.
func people(s *typed.Session) typed.PairRDD[int, string] {
	return s.Parallelize([]string{"1ann", "1bob", "2eve"}, 2).
		MapToPair(func(text string) (int, string) { return int(text[0] - '0'), text[1:] })
}

func cities(s *typed.Session) typed.PairRDD[int, string] {
	return s.Parallelize([]string{"1Oslo", "3Rome"}, 2).
		MapToPair(func(text string) (int, string) { return int(text[0] - '0'), text[1:] })
}

// or is a value that may be missing.
func or(v *string) string {
	if v == nil {
		return "?"
	}
	return *v
}

func ExamplePairRDD_Join() {
	s := session()
	p := people(s).Join(cities(s), func(who, where string) string { return who + " in " + where })
	fmt.Println(p.Values().Collect(ctx))
	// Output: [ann in Oslo bob in Oslo] <nil>
}

// A table of a few codes goes to every task, and the rows that have them stay where they
// are. Sides that are much smaller than the other need not be told.
func ExampleBroadcastBelow() {
	s := session()
	p := people(s).Join(cities(s), func(who, where string) string { return who + " in " + where }, typed.BroadcastBelow(1<<20))
	fmt.Println(p.Values().Collect(ctx))
	// Output: [ann in Oslo bob in Oslo] <nil>
}

// A key with very many rows, say of those who gave no city, is not left to one task: its
// rows are dealt out to several, from a megabyte on here. Of large files that goes unasked.
func ExampleSkewJoin() {
	s := session()
	p := people(s).Join(cities(s), func(who, where string) string { return who + " in " + where }, typed.SkewJoin(1<<20))
	fmt.Println(typed.SortByKey(p).Values().Collect(ctx))
	// Output: [ann in Oslo bob in Oslo] <nil>
}

func ExamplePairRDD_LeftOuterJoin() {
	s := session()
	p := people(s).LeftOuterJoin(cities(s), func(who string, where *string) string { return who + " in " + or(where) })
	fmt.Println(typed.SortByKey(p).Values().Collect(ctx))
	// Output: [ann in Oslo bob in Oslo eve in ?] <nil>
}

func ExamplePairRDD_RightOuterJoin() {
	s := session()
	p := people(s).RightOuterJoin(cities(s), func(who *string, where string) string { return or(who) + " in " + where })
	fmt.Println(typed.SortByKey(p).Values().Collect(ctx))
	// Output: [ann in Oslo bob in Oslo ? in Rome] <nil>
}

func ExamplePairRDD_FullOuterJoin() {
	s := session()
	p := people(s).FullOuterJoin(cities(s), func(who, where *string) string { return or(who) + " in " + or(where) })
	fmt.Println(typed.SortByKey(p).Values().Collect(ctx))
	// Output: [ann in Oslo bob in Oslo eve in ? ? in Rome] <nil>
}

func ExamplePairRDD_CoGroup() {
	s := session()
	p := people(s).CoGroup(cities(s), func(id int, who, where iter.Seq[string]) iter.Seq[string] {
		return func(yield func(string) bool) {
			people, cities := 0, 0
			for range who {
				people++
			}
			for range where {
				cities++
			}
			yield(fmt.Sprint(people, " and ", cities))
		}
	})
	fmt.Println(p.CollectAsMap(ctx))
	// Output: map[1:2 and 1 2:1 and 0 3:0 and 1] <nil>
}

func ExamplePairRDD_CoGroup3() {
	s := session()
	ages := s.Parallelize([]int{41, 7}, 2).KeyBy(func(age int) int { return age % 10 })
	p := people(s).CoGroup3(cities(s), ages, func(_ int, who, where iter.Seq[string], age iter.Seq[int]) iter.Seq[string] {
		all := slices.Collect(who)
		return slices.Values([]string{fmt.Sprint(all, slices.Collect(where), slices.Collect(age))})
	})
	fmt.Println(typed.SortByKey(p).Collect(ctx))
	// Output: [{1 [ann bob] [Oslo] [41]} {2 [eve] [] []} {3 [] [Rome] []} {7 [] [] [7]}] <nil>
}
