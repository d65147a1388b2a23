package random

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// drawn is all that some programs are made of.
func drawn(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for seed := range uint64(120) {
		p, err := New(seed, 15)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(p.Files)) {
			b.WriteString(p.Files[name])
		}
	}
	return b.String()
}

func TestASeedGivesTheSameProgram(t *testing.T) {
	a, err := New(7, 50)
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(7, 50)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(a.Files, b.Files) {
		t.Error("two programs of one seed differ")
	}
	if c, _ := New(8, 50); maps.Equal(a.Files, c.Files) {
		t.Error("programs of two seeds are the same")
	}
	if len(a.Pipelines) != 50 || len(a.Files) != 2 {
		t.Errorf("%d pipelines in %d files", len(a.Pipelines), len(a.Files))
	}
}

// elsewhere is what no pipeline needs, and what package property alone tries: means and
// spreads, which are rounded; buckets of such; programs, which every machine has others of.
var elsewhere = []string{
	"Err", "Close", "Unpersist",
	"Mean", "Variance", "Stdev", "Histogram", "Pipe",
}

func TestEveryOperatorIsDrawn(t *testing.T) {
	all := drawn(t)
	method := regexp.MustCompile(`(?m)^func (?:\((r RDD|p PairRDD|s \*Session)[^)]*\) )?([A-Z]\w*)`)
	with := 0
	for _, name := range []string{"action.go", "approx.go", "bykey.go", "cache.go", "cartesian.go", "checkpoint.go", "coalesce.go", "join.go", "numbers.go", "objectfile.go", "pair.go", "pipe.go", "rdd.go", "sample.go", "source.go", "zip.go"} {
		src, err := os.ReadFile(root + "/typed/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range method.FindAllStringSubmatch(string(src), -1) {
			if slices.Contains(elsewhere, m[2]) {
				continue
			}
			if !regexp.MustCompile(`\b` + m[2] + `(\[[^(]*\])?\(`).MatchString(all) {
				t.Errorf("%s is never drawn", m[2])
			}
			if strings.Contains(all, ")."+m[2]+"(func(") {
				with++
			}
		}
	}
	if with < 20 {
		t.Errorf("%d operators are drawn with a value", with)
	}
}

func TestEveryKindOfTypeIsDrawn(t *testing.T) {
	all := drawn(t)
	for name, pattern := range map[string]string{
		"a record":                       `type S\d+ struct {`,
		"a recursive record":             `Next +\*S\d+`,
		"an embedded record":             `(?m)^\tS\d+$`,
		"an unexported field":            `(?m)^\tf\d +`,
		"a blank field":                  `(?m)^\t_ +int32`,
		"a named type":                   `type N\d+ `,
		"a key of an array":              `typed\.PairRDD\[\[\d\]`,
		"a list of pointers":             `\[\]\*\w`,
		"a map":                          `map\[\w+\]`,
		"a method expression's receiver": `\) Get\(\) `,
		"a time":                         `time\.Time`,
		"a pair":                         `oracle\.Rows\[typed\.Pair\[`,
		"a generic type":                 `oracle\.Rows\[Box\[`,
		"a marshaler":                    `oracle\.Rows\[Coded\]`,
		"a named list":                   `type L\d+ \[\]`,
		"a named map":                    `type M\d+ map`,
		"a large key":                    `typed\.PairRDD\[\[\d\d\]`,
		"a complex number":               `complex128`,
		"a list to take along":           `With\(oracle\.Make\[\[\]`,
		"a map to take along":            `With\(oracle\.Make\[map`,
		"a struct to take along":         `With\(oracle\.Make\[struct`,
		"a With value of TakeOrdered":    `With\(.*\)\.TakeOrdered\(`,
		"a With value of SortFunc":       `With\(.*\)\.SortFunc\(`,
		"a function of partitions":       `typed\.PartitionFunc\(`,
		"an accumulator":                 `typed\.NewCounter\(`,
		"rows that are kept on disk":     `\.Persist\(typed\.DiskOnly\)`,
		"a rejected row":                 `oracle\.Reject\(`,
		"a compressed output":            `typed\.Compress\(`,
		"rows that are computed once":    `Once: true`,
		"rows that may not be":           `Once: false`,
		"a helper":                       `func step\d+_\d+\(all typed\.`,
		"a named function":               `(?m)^func f\d+_\d+\(`,
	} {
		if !regexp.MustCompile(pattern).MatchString(all) {
			t.Errorf("%s is never drawn", name)
		}
	}
}

func TestOrderIsFollowed(t *testing.T) {
	pairs := func(o order) *data { return &data{name: "a", key: stringType, row: int64Type, order: o, parts: true} }
	for _, test := range []struct {
		name     string
		from     order
		step     func(*generator, *data) *step
		want     order
		unplaced bool // partitions are no more known
	}{
		{"Filter", perKey, filtering, perKey, false},
		{"MapValues", perKey, mapValues, perKey, false},
		{"MapValuesWithKey", perKey, mapValuesWithKey, perKey, false},
		{"FlatMapValues", perKey, flatMapValues, perKey, false},
		{"SortBy", perKey, sortBy, perKey, true},
		{"SortFunc", perKey, sortFunc, exact, true},
		{"Map", perKey, mapping, bag, false},
		{"Map of a sequence", exact, mapping, exact, false},
		{"Keys", perKey, keys, bag, false},
		{"ReduceByKey", exact, reduceByKey, perKey, true},
		{"ReduceByKey of a bag", bag, reduceByKey, bag, true},
		{"PartitionBy", exact, partitionBy, perKey, true},
		{"Repartition", exact, repartition, bag, true},
		{"SortByKey", perKey, sortByKey, exact, true},
		{"SortByKey of a bag", bag, sortByKey, bag, true},
		{"Coalesce", perKey, coalesce, perKey, false},
		{"FilterByRange", perKey, filterByRange, perKey, false},
		{"FlatMapSortedGroups", exact, flatMapSortedGroups, bag, true},
		{"FlatMapGroups", exact, flatMapGroups, bag, true},
	} {
		g := testGenerator(t)
		s := test.step(g, pairs(test.from))
		if s.out.order != test.want || s.out.parts == test.unplaced {
			t.Errorf("%s: order %d, partitions known: %t", test.name, s.out.order, s.out.parts)
		}
	}
	if testing.Short() {
		return
	}
	g := testGenerator(t)
	if distinctBy(g, &data{row: int64Type, order: bag}) != nil {
		t.Error("DistinctBy keeps the first row, which a bag has not")
	}
	if take(g, &variable{data: *pairs(bag)}) != nil || collectAsMap(g, &variable{data: *pairs(bag)}) != nil {
		t.Error("an action that depends on order is drawn for a bag")
	}
}

func testGenerator(t *testing.T) *generator {
	t.Helper()
	g := &generator{}
	g.newTypes(&chooser{rand: stream(3, 0, 0)})
	return g
}

// TestFunctionsOfABagDoNotDependOnOrder looks at what merges values.
func TestFunctionsOfABagDoNotDependOnOrder(t *testing.T) {
	g := testGenerator(t)
	ps := []param{{"a", stringType}, {"b", stringType}}
	for range 200 {
		if body := g.merger(ps, stringType, false); body == "return a" || body == "return b" || body == "return a + b" {
			t.Fatalf("drawn: %s", body)
		}
		if a := g.accumulator(stringType, false); a.ordered {
			t.Fatalf("drawn: %s", a.add)
		}
	}
}
