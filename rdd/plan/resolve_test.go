package plan

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const mib = 1 << 20

// sizes has two slots, and for every file source as many splits as its path
// has bytes, of 100 MiB each.
var sizes = Sizes{Slots: 2, Splits: func(f *Files) (int, int64, error) {
	if f.Paths == "missing" {
		return 0, 0, errMissing
	}
	return len(f.Paths), int64(len(f.Paths)) * 100 * mib, nil
}}

var errMissing = errors.New("no such file")

func files(path string) Pipe { return Pipe{Source: Source{Files: &Files{Paths: path}}} }

func numbers(n int) Pipe { return Pipe{Source: Source{Range: &Range{N: n}}} }

func union(p ...Pipe) Pipe { return Pipe{Source: Source{Union: p}} }

func reads(in ...Input) Pipe { return Pipe{Source: Source{Wide: in}} }

func from(key StageKey) Input { return Input{Shuffle: key} }

func own(key StageKey) Input { return Input{Shuffle: key, Own: true} }

func placed(p Pipe) Input { return Input{Pipe: &p} }

func shuffles(key StageKey, n int, p Pipe) Stage {
	return Stage{Key: key, Name: "stage " + string(key), Kind: MapStage, Pipe: p, Sink: Sink{Part: &Partitioner{N: n}}}
}

func result(p Pipe) Stage { return Stage{Key: "r", Name: "the result", Kind: ResultStage, Pipe: p} }

func TestResolve(t *testing.T) {
	tests := []struct {
		name   string
		stages []Stage
		want   []int          // tasks of each stage
		parts  map[string]int // partitions of shuffles
	}{
		{"files have a task a split", []Stage{result(files("abc"))}, []int{3}, nil},
		{"data has a task a part", []Stage{result(Pipe{Source: Source{Data: &Data{Ends: make([]int64, 7)}}})}, []int{7}, nil},
		{"a union adds up", []Stage{result(union(files("abc"), numbers(4), union(numbers(1), numbers(2))))}, []int{10}, nil},
		{"an empty union has no tasks", []Stage{result(union())}, []int{0}, nil},
		{
			"twice the slots where input is small", []Stage{shuffles("s", 0, numbers(9)), result(reads(from("s")))},
			[]int{9, 4},
			map[string]int{"s": 4},
		},
		{
			"kept rows have a task for each that kept them",
			[]Stage{shuffles("s", 0, numbers(9)), shuffles("k", 1, reads(from("s"))), shuffles("t", 7, reads(own("k"))), result(reads(own("t")))},
			[]int{9, 4, 4, 4},
			map[string]int{"s": 4, "k": 1, "t": 7},
		},
		{"no rows are kept", []Stage{shuffles("k", 1, union()), result(reads(own("k")))}, []int{0, 0}, nil},
		{
			"one for each 16 MiB where it is large", []Stage{shuffles("s", 0, files("abcdefghij")), result(reads(from("s")))},
			[]int{10, 62},
			map[string]int{"s": 62},
		},
		{
			"an even number for two slots", []Stage{shuffles("s", 0, files("abcde")), result(reads(from("s")))},
			[]int{5, 32},
			map[string]int{"s": 32},
		},
		{
			"64 where it is larger", []Stage{shuffles("s", 0, files(strings.Repeat("x", 40))), result(reads(from("s")))},
			[]int{40, 64},
			map[string]int{"s": 64},
		},
		{
			"one for each 64 MiB where that is more", []Stage{shuffles("s", 0, files(strings.Repeat("x", 50))), result(reads(from("s")))},
			[]int{50, 78},
			map[string]int{"s": 78},
		},
		{
			"one for each half a Mi of numbers",
			[]Stage{
				shuffles("s", 0, union(Pipe{Source: Source{Range: &Range{Count: 20 << 20, N: 3}}}, Pipe{Source: Source{Range: &Range{Count: 4 << 20, N: 2}}})),
				result(reads(from("s"))),
			},
			[]int{5, 48},
			map[string]int{"s": 48},
		},
		{
			"a range is counted once",
			[]Stage{
				shuffles("s", 0, Pipe{Source: Source{Range: &Range{Count: 20 << 20, N: 3}}}),
				shuffles("t", 0, Pipe{Source: Source{Range: &Range{Count: 20 << 20, N: 3}}}),
				result(reads(from("s"), from("t"))),
			},
			[]int{3, 3, 40},
			map[string]int{"s": 40, "t": 40},
		},
		{
			"as many numbers as there are",
			[]Stage{shuffles("s", 0, union(Pipe{Source: Source{Range: &Range{Count: 1<<63 - 1, N: 3}}}, Pipe{Source: Source{Range: &Range{From: 1, Count: 1<<63 - 1, N: 3}}})), result(reads(from("s")))},
			[]int{6, 4096},
			map[string]int{"s": 4096},
		},
		{
			"4,096 at most", []Stage{shuffles("s", 0, files(strings.Repeat("x", 3000))), result(reads(from("s")))},
			[]int{3000, 4096},
			map[string]int{"s": 4096},
		},
		{
			"the user's number stays", []Stage{shuffles("s", 5000, files("a")), result(reads(from("s")))},
			[]int{1, 5000},
			map[string]int{"s": 5000},
		},
		{
			"open sides of a join agree", []Stage{shuffles("a", 0, files("abcdefghij")), shuffles("b", 0, files("ABCDEFGHIJ")), result(reads(from("a"), from("b")))},
			[]int{10, 10, 64},
			map[string]int{"a": 64, "b": 64},
		},
		{
			"an open side follows the fixed one", []Stage{shuffles("a", 0, files("a")), shuffles("b", 7, files("b")), result(reads(from("a"), from("b")))},
			[]int{1, 1, 7},
			map[string]int{"a": 7, "b": 7},
		},
		{
			"an open side follows a placed pipe",
			[]Stage{shuffles("a", 9, files("a")), shuffles("b", 0, files("b")), result(reads(placed(reads(from("a"))), from("b")))},
			[]int{1, 1, 9},
			map[string]int{"a": 9, "b": 9},
		},
		{
			"bytes are counted through shuffles",
			[]Stage{shuffles("a", 3, files("abcdefghij")), shuffles("b", 0, reads(from("a"))), result(reads(from("b")))},
			[]int{10, 3, 62},
			map[string]int{"a": 3, "b": 62},
		},
		{
			"a shuffle read twice keeps its first number",
			[]Stage{shuffles("a", 0, files("a")), shuffles("b", 3, reads(from("a"))), result(reads(from("a")))},
			[]int{1, 6, 6},
			map[string]int{"a": 6, "b": 3},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := Plan{Stages: test.stages}
			for range 2 { // what is fixed stays fixed
				if err := p.Resolve(sizes); err != nil {
					t.Fatal(err)
				}
				var got []int
				for i := range p.Stages {
					got = append(got, p.Stages[i].N())
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got tasks %v, want %v", got, test.want)
				}
				for key, want := range test.parts {
					if s, ok := p.Stage(StageKey(key)); !ok || s.Sink.Part.N != want {
						t.Errorf("shuffle %s: got %d partitions, want %d", key, s.Sink.Part.N, want)
					}
				}
			}
		})
	}
}

// TestResolveSort: the stage that finds the bounds and the shuffle that uses
// them get the same number.
// TestResolveLoop joins what each round gives with the same files again, as a
// walk through a graph does: the input stays what it is.
func TestResolveLoop(t *testing.T) {
	p := Plan{Stages: []Stage{shuffles("0", 0, files("abcdefghij"))}}
	for i := range 20 {
		last, next := from(StageKey(strconv.Itoa(i))), StageKey(strconv.Itoa(i+1))
		p.Stages = append(p.Stages, shuffles(next, 0, union(reads(last), reads(last, from("0")), files("abcdefghij"))))
	}
	p.Stages = append(p.Stages, result(reads(from("20"))))
	if err := p.Resolve(sizes); err != nil {
		t.Fatal(err)
	}
	for _, st := range p.Stages[:21] {
		if st.Sink.Part.N != 62 {
			t.Errorf("%s: %d partitions, want 62", st.Name, st.Sink.Part.N)
		}
	}
}

func TestInputs(t *testing.T) {
	for _, test := range []struct{ a, b, want inputs }{
		{nil, nil, nil},
		{inputs{1}, nil, inputs{1}},
		{inputs{1, 3}, inputs{3}, inputs{1, 3}},
		{inputs{4}, inputs{1, 3}, inputs{1, 3, 4}},
		{inputs{0, 5, 9}, inputs{2, 5, 11}, inputs{0, 2, 5, 9, 11}},
	} {
		a, b := slices.Clone(test.a), slices.Clone(test.b)
		if got := a.and(b); !slices.Equal(got, test.want) {
			t.Errorf("%v and %v: %v, want %v", a, b, got, test.want)
		}
		if got := b.and(a); !slices.Equal(got, test.want) {
			t.Errorf("%v and %v: %v, want %v", b, a, got, test.want)
		}
		if !slices.Equal(a, test.a) || !slices.Equal(b, test.b) {
			t.Errorf("%v and %v were changed to %v and %v", test.a, test.b, a, b)
		}
	}
	large := inputs{1, 2, 3}
	if n := testing.AllocsPerRun(10, func() { large.and(inputs{2}) }); n != 0 {
		t.Errorf("%v allocations for what is there already", n)
	}
}

func TestResolveSort(t *testing.T) {
	for _, path := range []string{"a", "abcdefghij"} {
		rows := files(path)
		bounds := Stage{Key: "bounds", Kind: ValueStage, Pipe: reads(from("sample")), Sink: Sink{Part: &Partitioner{Kind: RangePartitioner}}}
		sorted := shuffles("sorted", 0, rows)
		sorted.Sink.Part.Bounds = "bounds"
		p := Plan{Stages: []Stage{shuffles("sample", 1, rows), bounds, sorted, result(reads(from("sorted")))}}
		if err := p.Resolve(sizes); err != nil {
			t.Fatal(err)
		}
		if got, want := p.Stages[1].Sink.Part.N, p.Stages[2].Sink.Part.N; got != want || p.Stages[3].N() != want {
			t.Errorf("bounds for %d partitions, rows in %d, read in %d", got, want, p.Stages[3].N())
		}
		if p.Stages[1].N() != 1 {
			t.Errorf("bounds are found in %d tasks", p.Stages[1].N())
		}
	}
}

// TestResolveSkewJoin: who finds hot keys knows how many partitions both sides have,
// though it reads a sample of one alone.
func TestResolveSkewJoin(t *testing.T) {
	left, right := files("a"), files("abcdefghij")
	dealt := func(key StageKey, rows Pipe, n int) Stage {
		st := shuffles(key, n, rows)
		st.Sink.Part = &Partitioner{Kind: SkewPartitioner, N: n, Hot: "hot"}
		return st
	}
	for _, n := range []int{0, 7} {
		p := Plan{Stages: []Stage{
			shuffles("sample", 1, left),
			{Key: "hot", Kind: ValueStage, Pipe: reads(from("sample")), Sink: Sink{Part: &Partitioner{Kind: SkewPartitioner}}},
			dealt("left", left, n), dealt("right", right, n), result(reads(from("left"), from("right"))),
		}}
		if err := p.Resolve(sizes); err != nil {
			t.Fatal(err)
		}
		want := p.Stages[4].N()
		for _, st := range p.Stages[1:4] {
			if got := st.Sink.Part.N; got != want || want == 0 || n > 0 && want != n {
				t.Errorf("%s has %d partitions, which are read as %d", st.Key, got, want)
			}
		}
		if p.Stages[1].N() != 1 {
			t.Errorf("hot keys are found in %d tasks", p.Stages[1].N())
		}
	}
}

func TestResolveErrors(t *testing.T) {
	tests := []struct {
		name   string
		stages []Stage
		is     error
		want   string
	}{
		{"a file that is not there", []Stage{result(union(numbers(1), files("missing")))}, errMissing, ""},
		{"a file below a join", []Stage{result(reads(placed(files("missing"))))}, errMissing, ""},
		{"too many partitions", []Stage{result(union(numbers(MaxPartitions), numbers(1)))}, ErrTooManyPartitions, "the result: 1000001 partitions"},
		{"fewer than none", []Stage{result(numbers(-1))}, nil, "the result: -1 partitions"},
		{"a shuffle that is not there", []Stage{result(reads(from("s")))}, nil, "plan reads shuffle s before it is made"},
		{"a shuffle that comes later", []Stage{result(reads(from("s"))), shuffles("s", 1, numbers(1))}, nil, "before it is made"},
		{"a stage that is no shuffle", []Stage{{Key: "v", Kind: ResultStage, Pipe: numbers(1)}, result(reads(from("v")))}, nil, "before it is made"},
		{
			"sides that do not fit", []Stage{shuffles("a", 2, numbers(1)), shuffles("b", 3, numbers(1)), result(reads(from("a"), from("b")))},
			nil,
			"its inputs have 2 and 3 partitions: give them the same number",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := (&Plan{Stages: test.stages}).Resolve(sizes)
			if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Fatalf("got %v, want %v %q", err, test.is, test.want)
			}
		})
	}
	// A decoded plan may lack what a value stage has.
	if err := (&Plan{Stages: []Stage{{Kind: ValueStage, Pipe: numbers(1)}}}).Resolve(sizes); err != nil {
		t.Error(err)
	}
}

// TestFileSources numbers the files of unions in joins in unions, and checks
// which of them each partition reads.
func TestFileSources(t *testing.T) {
	pipe := union(
		files("ab"),
		reads(placed(union(files("c"), files("d"))), from("s"), placed(files("ef"))),
		numbers(1),
		files("g"),
	)
	p := Plan{Stages: []Stage{shuffles("s", 2, numbers(1)), result(pipe)}}
	if err := p.Resolve(sizes); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range p.Stages[1].Pipe.FileSources() {
		names = append(names, f.Paths)
	}
	if want := []string{"ab", "c", "d", "ef", "g"}; !slices.Equal(names, want) {
		t.Fatalf("got %q, want %q", names, want)
	}
	want := [][]PipeFiles{
		{{0, 0}}, {{0, 1}}, // ab
		{{1, 0}, {3, 0}}, {{2, 0}, {3, 1}}, // the join: of the union's second pipe, c or d
		nil,      // numbers
		{{4, 0}}, // g
	}
	if n := p.Stages[1].N(); n != len(want) {
		t.Fatalf("%d partitions, want %d", n, len(want))
	}
	for i, w := range want {
		if got := p.Stages[1].Pipe.Reads(i); !reflect.DeepEqual(got, w) {
			t.Errorf("partition %d reads %v, want %v", i, got, w)
		}
	}
	if got := p.Stages[1].Pipe.Reads(len(want)); got != nil {
		t.Errorf("a partition too many reads %v", got)
	}
}

// TestReadsAgree compares Reads with FileSources over pipes of all shapes:
// every partition of every file source is read by one partition of the pipe.
func TestReadsAgree(t *testing.T) {
	shapes := []Pipe{
		files("abc"), union(files("a"), files("bc")),
		union(union(files("a"), numbers(3)), union(), reads(placed(files("ab")), placed(files("cd")))),
		reads(placed(union(files("a"), files("b"))), placed(reads(placed(files("ab")), placed(union(numbers(1), files("c")))))),
	}
	for i, pipe := range shapes {
		p := Plan{Stages: []Stage{result(pipe)}}
		if err := p.Resolve(sizes); err != nil {
			t.Fatal(err)
		}
		all := p.Stages[0].Pipe.FileSources()
		read := map[PipeFiles]int{}
		for part := range p.Stages[0].N() {
			for _, r := range p.Stages[0].Pipe.Reads(part) {
				read[r]++
			}
		}
		for at, f := range all {
			for part := range len(f.Paths) {
				if got := read[PipeFiles{at, part}]; got != 1 {
					t.Errorf("shape %d: partition %d of source %d is read %d times", i, part, at, got)
				}
			}
		}
	}
}

func TestStageError(t *testing.T) {
	site := Site{File: "main.go", Line: 31}
	tests := []struct {
		name string
		err  StageError
		want string
	}{
		{
			"everything is known",
			StageError{Name: "A → B", Partition: 3, Attempts: 2, Failure: Failure{
				Op: "Map (main.go:12)", Site: site, Row: 17, Path: "in/log.txt", Offset: 4711, Message: "boom",
			}},
			`Map (main.go:12): boom: at main.go:31, stage "A → B", partition 3, row 17 (in/log.txt at byte 4711), 2 attempts`,
		},
		{
			"nothing is known",
			StageError{Name: "A", Attempts: 1, Failure: Failure{Row: -1, Offset: -1, Message: "boom"}},
			`boom: stage "A", partition 0`,
		},
		{
			"a path without an offset",
			StageError{Name: "A", Failure: Failure{Row: -1, Offset: -1, Path: "x", Message: "boom"}},
			`boom: stage "A", partition 0 (x)`,
		},
		{
			"the first byte of the first row",
			StageError{Name: "A", Failure: Failure{Path: "x", Message: "boom"}},
			`boom: stage "A", partition 0, row 0 (x at byte 0)`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.err.Error(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestStrings(t *testing.T) {
	// Decoded values can be any number.
	for i := range 256 {
		for _, got := range []string{StageKind(i).String(), PartitionerKind(i).String(), ActionState(i).String()} {
			if got == "" {
				t.Fatalf("%d has no name", i)
			}
		}
	}
	for got, want := range map[string]string{
		ValueStage.String():             "value",
		SinglePartitioner.String():      "single",
		FuncPartitioner.String():        "function",
		ActionCancelled.String():        "cancelled",
		StageKind(200).String():         "unknown(200)",
		ActionID{"job-7", 3}.String():   "job-7/3",
		Site{File: "a.go"}.String():     "a.go:0",
		Op{ID: "x"}.Ref():               "x",
		Op{ID: "x", Part: "map"}.Ref():  "x/map",
		string(DigestOf([]byte("abc"))): "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, s := range []ActionState{ActionPreparing, ActionRunning, ActionPublishing} {
		if s.Ended() || !(s + 3).Ended() {
			t.Errorf("%s: ended %v", s, s.Ended())
		}
	}
}

func TestCountersAdd(t *testing.T) {
	c := Counters{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}
	c.Add(c)
	if want := (Counters{2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28}); c != want {
		t.Errorf("got %v, want %v", c, want)
	}
}

func TestShuffleReads(t *testing.T) {
	wide := func(n int, in ...Input) Pipe { return Pipe{N: n, Source: Source{Wide: in}} }
	placed := wide(4, Input{Shuffle: "a"})
	join := wide(4, Input{Pipe: &placed}, Input{Shuffle: "b"}, Input{Shuffle: "b"})
	union := Pipe{N: 7, Source: Source{Union: []Pipe{wide(3, Input{Shuffle: "c"}), join}}}
	files := Pipe{N: 2, Source: Source{Files: &Files{}}}
	ranged := func(p Pipe) Pipe {
		p.Ops = append(p.Ops, Op{Name: "Map"}, Op{Name: "FilterByRange", Placed: &Partitioner{}})
		return p
	}
	under := ranged(wide(4, Input{Shuffle: "a"}))
	both := wide(4, Input{Pipe: &under}, Input{Pipe: &placed}, Input{Shuffle: "b"})
	for _, c := range []struct {
		pipe Pipe
		at   int
		want []ShuffleRead
	}{
		{placed, 3, []ShuffleRead{{Shuffle: "a", Partition: 3}}}, {join, 2, []ShuffleRead{{Shuffle: "a", Partition: 2}, {Shuffle: "b", Partition: 2}}},
		{union, 2, []ShuffleRead{{Shuffle: "c", Partition: 2}}}, {union, 3, []ShuffleRead{{Shuffle: "a", Partition: 0}, {Shuffle: "b", Partition: 0}}}, {files, 1, nil},
		{ranged(join), 2, []ShuffleRead{{Shuffle: "a", Partition: 2, Late: true}, {Shuffle: "b", Partition: 2, Late: true}}},
		{ranged(union), 2, []ShuffleRead{{Shuffle: "c", Partition: 2, Late: true}}},
		{wide(4, Input{Pipe: &under}, Input{Shuffle: "b"}), 1, []ShuffleRead{{Shuffle: "a", Partition: 1, Late: true}, {Shuffle: "b", Partition: 1}}},
		{both, 1, []ShuffleRead{{Shuffle: "a", Partition: 1}, {Shuffle: "b", Partition: 1}}}, // one of two reads needs all of it
	} {
		if got := c.pipe.ShuffleReads(c.at); !slices.Equal(got, c.want) {
			t.Errorf("partition %d: got %v, want %v", c.at, got, c.want)
		}
	}
}

func TestMadeOf(t *testing.T) {
	wide := func(in ...Input) Pipe { return Pipe{N: 4, Source: Source{Wide: in}} }
	kept := func(key StageKey, of Pipe) Pipe {
		return Pipe{N: 4, Source: Source{Cached: &Cached{Key: key}, Wide: []Input{{Pipe: &of}}}}
	}
	a := kept("a", wide(Input{Shuffle: "s"}))
	b := kept("b", wide(Input{Pipe: &a}, Input{Shuffle: "t"}, Input{Pipe: &a}))
	c := kept("c", Pipe{N: 8, Source: Source{Union: []Pipe{b, wide(Input{Shuffle: "u"}, Input{Shuffle: "u"})}}})
	pipe := wide(Input{Pipe: &c}, Input{Shuffle: "v"}, Input{Pipe: &a})
	for want, most := range map[string]int{"[[b u] [a t] [s]]": 9, "[[b u] [s t]]": 2} { // of two, what is below is theirs
		caches := pipe.CachedSources(most)
		if got := fmt.Sprint(pipe.MadeOf(caches)); got != want {
			t.Errorf("of %d caches: %s, want %s", len(caches), got, want)
		}
	}
}

func coalesced(n int, p Pipe) Pipe {
	return Pipe{Source: Source{Wide: []Input{{Pipe: &p}}, Coalesced: &Coalesced{N: n}}}
}

func TestCoalesced(t *testing.T) {
	// The letters of a path are the hosts of its splits; those of "-" are not known.
	at := sizes
	at.Hosts = func(f *Files, split int) []string {
		switch c := f.Paths[split]; c {
		case '-':
			return nil
		case '*':
			return []string{"a", "b"}
		default:
			return []string{string(c)}
		}
	}
	tests := []struct {
		name string
		pipe Pipe
		want string // the numbers of the parents of each partition
	}{
		{"as they come where no host is known", coalesced(3, files("-------")), "01 23 456"},
		{"of no files at all", coalesced(2, numbers(5)), "01 234"},
		{"not more than there are", coalesced(9, files("ba")), "0 1"},
		{"none of none", coalesced(9, union()), ""},
		{"by host", coalesced(2, files("abab")), "02 13"},
		{"a split of two hosts goes to the one that has fewer", coalesced(2, files("a*aa*b")), "023 145"},
		{"those that no host has are together", coalesced(2, files("-a-a")), "02 13"},
		{"of a union", coalesced(2, union(files("ab"), files("ba"))), "03 12"},
		{"of one that was coalesced before", coalesced(1, coalesced(2, files("abab"))), "01"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := Plan{Stages: []Stage{result(test.pipe)}}
			if err := p.Resolve(at); err != nil {
				t.Fatal(err)
			}
			pipe := &p.Stages[0].Pipe
			var all []string
			for i := range pipe.N {
				var parents strings.Builder
				for _, part := range pipe.Source.Parts(i) {
					parents.WriteString(strconv.Itoa(part.Partition))
				}
				all = append(all, parents.String())
			}
			if got := strings.Join(all, " "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestCoalescedReads(t *testing.T) {
	join := Pipe{Source: Source{Wide: []Input{placed(files("xx")), {Shuffle: "s"}}}}
	p := Plan{Stages: []Stage{shuffles("s", 2, numbers(3)), result(coalesced(1, union(files("xxx"), join)))}}
	if err := p.Resolve(sizes); err != nil {
		t.Fatal(err)
	}
	pipe := &p.Stages[1].Pipe
	if got, want := pipe.Reads(0), []PipeFiles{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}}; !slices.Equal(got, want) {
		t.Errorf("reads %v, want %v", got, want)
	}
	if got, want := pipe.ShuffleReads(0), []ShuffleRead{{Shuffle: "s"}, {Shuffle: "s", Partition: 1}}; !slices.Equal(got, want) {
		t.Errorf("reads %v, want %v", got, want)
	}
}

// TestBroadcastResolves has as many partitions as the side that stays, each of which
// reads all of the other.
func TestBroadcastResolves(t *testing.T) {
	at := func(n int) (*Plan, *Source) {
		join := Pipe{Source: Source{Broadcast: true, Wide: []Input{placed(files("xxx")), {Shuffle: "s"}}}}
		p := &Plan{Stages: []Stage{shuffles("s", n, numbers(3)), shuffles("open", 0, numbers(3)), result(join)}}
		return p, &p.Stages[2].Pipe.Source
	}
	p, src := at(1)
	if err := p.Resolve(sizes); err != nil {
		t.Fatal(err)
	}
	pipe := &p.Stages[2].Pipe
	if got, want := src.Parts(2), []InputPart{{0, 2}, {1, 0}}; pipe.N != 3 || !slices.Equal(got, want) {
		t.Errorf("%d partitions, the last of %v, want %v", pipe.N, got, want)
	}
	if got, want := pipe.ShuffleReads(2), []ShuffleRead{{Shuffle: "s", Whole: true}}; !slices.Equal(got, want) {
		t.Errorf("reads %v, want %v", got, want)
	}
	for _, n := range []int{2, 0} {
		p, _ := at(n)
		if err := p.Resolve(sizes); err == nil || !strings.Contains(err.Error(), "reads all of shuffle s, which has") {
			t.Errorf("a shuffle of %d partitions: %v", n, err)
		}
	}
}
