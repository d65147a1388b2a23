package rdd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// The lines of the tests below: every line has two words.
func fiveThousand() (all []string) {
	for i := range 5000 {
		all = append(all, fmt.Sprintf("line%d w%d", i, i))
	}
	return all
}

func offsetOf(line int) (offset int64) {
	for i, l := range fiveThousand() {
		if i == line {
			return offset
		}
		offset += int64(len(l)) + 1
	}
	return -1
}

var errBad = errors.New("bad row")

// TestPosition fails in operators further and further from the source, on a
// word of line 3210, and wants that line named each time.
func TestPosition(t *testing.T) {
	const line = 3210
	words := FlatMapOp(func(s string) iter.Seq[string] { return Fields(s) })
	drop := FilterOp(func(s string) bool { return s[0] == 'w' })
	number := MapOp(func(s string) int {
		n, _ := strconv.Atoi(s[1:])
		return n
	})
	boom := func(n int) int {
		if n == line {
			panic("boom")
		}
		return n
	}
	try := func(n int) (int, error) {
		if n == line {
			return 0, errBad
		}
		return n, nil
	}
	each := func(n int) { boom(n) }
	base := func(w *world) *Node {
		return w.text(fiveThousand()...).Narrow(words, here(), false).Narrow(drop, here(), false).Narrow(number, here(), false)
	}
	tests := []struct {
		name string
		op   string
		node func(w *world) *Node
		sink *Op
	}{
		{"a panic in the second operator", "FlatMap", func(w *world) *Node {
			return w.text(fiveThousand()...).Narrow(MapOp(func(s string) string { return s }), here(), false).
				Narrow(FlatMapOp(func(s string) iter.Seq[string] {
					if strings.HasSuffix(s, "w3210") {
						panic("boom")
					}
					return Fields(s)
				}), here(), false)
		}, CountOp[string]()},
		{"a panic in the fourth", "Map", func(w *world) *Node { return base(w).Narrow(MapOp(boom), here(), false) }, CountOp[int]()},
		{"an error in the fourth", "TryMap", func(w *world) *Node { return base(w).Narrow(TryMapOp(try), here(), false) }, CountOp[int]()},
		{"after one that fails in a later batch", "TryMap", func(w *world) *Node {
			return base(w).Narrow(TryMapOp(try), here(), false).Narrow(MapOp(func(n int) int { return n }), here(), false)
		}, CollectOp[int]()},
		{"a panic in the sink", "ForEach", base, ForEachOp(each)},
		{"a panic in a whole-partition operator", "MapPartitions", func(w *world) *Node {
			return base(w).Narrow(MapPartitionsOp(func(_ *Task, rows iter.Seq[int]) iter.Seq[int] {
				return func(yield func(int) bool) {
					for n := range rows {
						if !yield(boom(n)) {
							return
						}
					}
				}
			}), here(), false)
		}, CountOp[int]()},
		{"before a whole-partition operator that hands rows on", "Map", func(w *world) *Node {
			return base(w).Narrow(MapOp(boom), here(), false).Narrow(MapPartitionsOp(func(_ *Task, rows iter.Seq[int]) iter.Seq[int] { return rows }), here(), false)
		}, CountOp[int]()},
		{"a row without a text", "SaveAsTextFile", func(w *world) *Node {
			return base(w).Narrow(MapOp(func(n int) noText { return noText(n) }), here(), false)
		}, SaveAsTextFileOp[noText]()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			a := Action{Op: test.sink, Call: here()}
			if test.sink.Name == "SaveAsTextFile" {
				a.Output = &plan.Output{}
			}
			f := w.fails(test.node(w), a)
			if f.Class != plan.FailUser || f.Row != line || f.Offset != offsetOf(line) || !strings.HasSuffix(f.Path, ".txt") {
				t.Errorf("got class %d, row %d, offset %d of %q; want row %d, offset %d: %s", f.Class, f.Row, f.Offset, f.Path, line, offsetOf(line), f.Message)
			}
			if name, _, _ := strings.Cut(f.Op, " "); name != test.op {
				t.Errorf("got operator %q, want %s", f.Op, test.op)
			}
			if left := append(w.files("store"), w.files("out")...); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// noText is a number that has no text when it is 3210.
type noText int

func (n noText) MarshalText() ([]byte, error) {
	if n == 3210 {
		return []byte("half"), errBad
	}
	return strconv.AppendInt(nil, int64(n), 10), nil
}

// TestPositionAfterWhole: rows that a whole-partition operator makes come from
// no line, but have places of their own.
func TestPositionAfterWhole(t *testing.T) {
	w := newWorld(t)
	n := w.text(fiveThousand()...).Narrow(MapPartitionsOp(func(_ *Task, rows iter.Seq[string]) iter.Seq[int] {
		return func(yield func(int) bool) {
			for range rows {
			}
			for i := range 3000 {
				if !yield(i) {
					return
				}
			}
		}
	}), here(), false).Narrow(MapOp(func(n int) int {
		if n == 2500 {
			panic("boom")
		}
		return n
	}), here(), false)
	f := w.fails(n, Action{Op: CountOp[int](), Call: here()})
	if f.Row != 2500 || f.Path != "" || f.Offset != -1 || !strings.HasPrefix(f.Op, "Map (") {
		t.Errorf("got %+v", f)
	}
	// After the rows are read nothing is in hand.
	n = w.text(fiveThousand()...).Narrow(MapPartitionsOp(func(_ *Task, rows iter.Seq[string]) iter.Seq[int] {
		for range rows {
		}
		panic("boom")
	}), here(), false)
	if f := w.fails(n, Action{Op: CountOp[int](), Call: here()}); f.Row != -1 || f.Path != "" || !strings.HasPrefix(f.Op, "MapPartitions (") {
		t.Errorf("got %+v", f)
	}
}

// TestFailureInReduce: user code that a shuffle's read side calls is named too.
func TestFailureInReduce(t *testing.T) {
	w := newWorld(t)
	pairs := w.numbers(100, 4).Narrow(MapToPairOp(func(n int64) (int64, int64) { return n % 3, n }), here(), false)
	small := func(a, b int64) int64 {
		if a+b > 1000 {
			panic("boom")
		}
		return a + b
	}
	count := Action{Op: CountOp[Pair[int64, int64]](), Call: here()}
	// Each map's sums are below 1,000, their sum is above.
	f := w.fails(pairs.Wide(ReduceByKeyOp[int64](small), here(), wide("map")), count)
	if !strings.HasPrefix(f.Op, "ReduceByKey (") || f.Message != "panic: boom" || f.Row != -1 {
		t.Errorf("got %+v", f)
	}
	// A row that is combined later is not the row in hand.
	f = w.fails(pairs.Wide(ReduceByKeyOp[int64](func(int64, int64) int64 { panic("boom") }), here(), wide("map")), count)
	if !strings.HasPrefix(f.Op, "ReduceByKey (") || f.Row != -1 || f.Offset != -1 {
		t.Errorf("got %+v", f)
	}
}

func wide(sinks ...string) Wide {
	return Wide{Kind: plan.HashPartitioner, Sinks: sinks, Keep: true, Class: plan.Unordered}
}

func rejecting(w *world) *Node {
	return w.text("1", "x", "2", "y\tz", "3", "", "4").Narrow(TryMapOp(strconv.Atoi), here(), false)
}

func TestRejectFails(t *testing.T) {
	w := newWorld(t)
	f := w.fails(rejecting(w), Action{Op: CountOp[int](), Call: here()})
	if want := `strconv.Atoi: parsing "x": invalid syntax: row "x"`; f.Message != want || f.Row != 1 || f.Offset != 2 {
		t.Errorf("got %+v, want %s", f, want)
	}
}

func TestRejectSkips(t *testing.T) {
	w := newWorld(t)
	a := Action{Op: CollectOp[int](), Call: here(), Policy: plan.Policy{Rows: plan.SkipRows}}
	results := w.act(rejecting(w), a)
	if got := partitions[int](w, results)[0]; !slices.Equal(got, []int{1, 2, 3, 4}) || results[0].Counters.Rejected != 3 {
		t.Errorf("got %v, rejected %d", got, results[0].Counters.Rejected)
	}
	a.Policy.Max = 3
	w.act(rejecting(w), a)
	a.Policy.Max = 2
	f := w.fails(rejecting(w), a)
	if !strings.HasPrefix(f.Message, "more than 2 rows rejected in one task, the last: strconv.Atoi") || f.Row != 5 {
		t.Errorf("got %+v", f)
	}
}

func TestRejectSetsAside(t *testing.T) {
	w := newWorld(t)
	aside := filepath.Join(w.dir, "aside", "deep")
	a := Action{Op: CollectOp[int](), Call: here(), Policy: plan.Policy{Rows: plan.AsideRows, Aside: aside}}
	p := w.plan(rejecting(w), a)
	results, fail := w.run(p)
	if fail != nil {
		t.Fatal(fail)
	}
	if results[0].Counters.Rejected != 3 {
		t.Errorf("rejected %d", results[0].Counters.Rejected)
	}
	name := fmt.Sprintf("job-%s-00000", p.Target)
	if got := w.files("aside/deep"); !slices.Equal(got, []string{name}) {
		t.Fatalf("got files %v, want %s", got, name)
	}
	b, err := os.ReadFile(filepath.Join(aside, name))
	if err != nil {
		t.Fatal(err)
	}
	path := p.Stages[0].Pipe.FileSources()[0].Paths
	want := path + "\t2\t\"strconv.Atoi: parsing \\\"x\\\": invalid syntax\"\t\"x\"\n" +
		path + "\t6\t\"strconv.Atoi: parsing \\\"y\\\\tz\\\": invalid syntax\"\t\"y\\tz\"\n" +
		path + "\t12\t\"strconv.Atoi: parsing \\\"\\\": invalid syntax\"\t\"\"\n"
	if string(b) != want {
		t.Errorf("got\n%swant\n%s", b, want)
	}
}

// TestAsideOfFailedAttempts: rows that a failed attempt set aside are not there.
func TestAsideOfFailedAttempts(t *testing.T) {
	for _, how := range []string{"panic", "error", "goexit", "too many", "cancel"} {
		t.Run(how, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := newWorld(t)
			a := Action{Op: CollectOp[int](), Call: here(), Policy: plan.Policy{Rows: plan.AsideRows, Aside: filepath.Join(w.dir, "aside")}}
			if how == "too many" {
				a.Policy.Max = 2
			}
			n := rejecting(w).Narrow(MapOp(func(n int) int {
				switch {
				case n < 3:
				case how == "panic":
					panic(errBad)
				case how == "goexit":
					runtime.Goexit()
				case how == "cancel":
					cancel()
				}
				return n
			}), here(), false)
			if how == "error" {
				n = n.Part(ForEachPartitionOp(func(_ *Task, rows iter.Seq[int]) error {
					for range rows {
					}
					return errBad
				}), here(), "each")
				a.Op = ForEachPartitionOp(func(*Task, iter.Seq[int]) error { return nil })
			}
			p := w.plan(n, a)
			_, f := w.r.Run(ctx, p, &p.Stages[0], w.task(&p.Stages[0], 0))
			if f == nil {
				t.Fatal("no failure")
			}
			if how == "cancel" && f.Class != plan.FailKilled {
				t.Errorf("cancelled, and got class %d", f.Class)
			}
			if left := append(w.files("aside"), w.files("store")...); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if used := w.r.o.Memory.Used(); used != 0 {
				t.Errorf("%d bytes are still accounted for", used)
			}
		})
	}
}

func TestAsideThatCannotBeWritten(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(w.dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := w.fails(rejecting(w), Action{Op: CountOp[int](), Call: here(), Policy: plan.Policy{Rows: plan.AsideRows, Aside: file}})
	if !strings.HasPrefix(f.Message, "set row aside: ") {
		t.Errorf("got %+v", f)
	}
}

func TestRejectByHand(t *testing.T) {
	w := newWorld(t)
	var task *Task
	n := w.text(fiveThousand()...).Narrow(MapPartitionsOp(func(t *Task, rows iter.Seq[string]) iter.Seq[string] {
		task = t
		return func(yield func(string) bool) {
			for s := range rows {
				if strings.HasSuffix(s, "7") {
					t.Reject(s, nil)
				} else if !yield(s) {
					return
				}
			}
		}
	}), here(), false)
	results := w.act(n, Action{Op: CountOp[string](), Call: here(), Policy: plan.Policy{Rows: plan.SkipRows}})
	if c := results[0].Counters; c.Rejected != 500 || c.RowsIn != 5000 || c.RowsOut != 4500 {
		t.Errorf("got %+v", c)
	}
	if task.Partition() != 0 || task.Attempt() != "a1" || task.Stage() != "TextFile → MapPartitions → Count" {
		t.Errorf("task says partition %d, attempt %s, stage %s", task.Partition(), task.Attempt(), task.Stage())
	}
	// RejectIn names an operator of a fused kernel.
	task.at = &link{ops: []plan.Op{{Name: "A"}, {Name: "B"}}}
	task.plan = &plan.Plan{}
	for op, want := range []string{"A", "B", ""} {
		func() {
			defer func() {
				var bad *rowError
				if s, ok := recover().(stop); !ok || !errors.As(s.err, &bad) || bad.op.Name != want {
					t.Errorf("operator %d: got %+v, want %q", op, bad, want)
				}
			}()
			task.RejectIn(op, "row", errBad)
		}()
	}
}

func TestCancelled(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	n := w.numbers(1<<40, 1).Narrow(MapOp(func(n int64) int64 {
		if n == 5000 {
			cancel(errBad)
		}
		return n
	}), here(), false)
	p := w.plan(n, Action{Op: CountOp[int64](), Call: here()})
	res, f := w.r.Run(ctx, p, &p.Stages[0], w.task(&p.Stages[0], 0))
	if res != nil || f == nil || f.Class != plan.FailKilled || f.Message != errBad.Error() {
		t.Errorf("got %+v, %+v", res, f)
	}
}

// TestWithValue: a value is fetched and decoded once, and shared.
func TestWithValue(t *testing.T) {
	w := newWorld(t)
	b, err := codec.Marshal(map[string]int{"a": 1, "b": 2})
	if err != nil {
		t.Fatal(err)
	}
	c := here()
	c.Env = w.blob(b)
	makeOp := func(env map[string]int) *Op { return MapOp(func(s string) int { return env[s] }) }
	f := func(map[string]int, string) int { return 0 }
	n := slice(w, 3, "a", "b", "c").Narrow(WithOp(f, makeOp), c, false)
	if got := collect[int](w, n); !slices.Equal(got, []int{1, 2, 0}) {
		t.Errorf("got %v", got)
	}
	if w.fetched[c.Env] != 1 {
		t.Errorf("fetched %d times", w.fetched[c.Env])
	}

	for name, call := range map[string]Call{
		"decode the With value: ":                  {Env: w.blob([]byte("\xff\xff\xff"))},
		"fetch the With value: no blob":            {Env: "nowhere"},
		"takes a With value and the plan has none": {},
	} {
		f := w.fails(slice(w, 1, "a").Narrow(WithOp(f, makeOp), call, false), Action{Op: CollectOp[int](), Call: here()})
		if !strings.Contains(f.Message, name) {
			t.Errorf("got %q, want %q", f.Message, name)
		}
	}
	if op := WithOp(f, makeOp); op.Name != "Map" || op.Func.String() != "func(map[string]int, string) int" {
		t.Errorf("got %s %s", op.Name, op.Func)
	}
}

// TestTasksFetchTheValuesOfTheirStage, and none of those that others of the action have.
func TestTasksFetchTheValuesOfTheirStage(t *testing.T) {
	w := newWorld(t)
	with := func(v string) Call {
		b, err := codec.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		c := here()
		c.Env = w.blob(b)
		return c
	}
	op := func() *Op {
		return WithOp(func(string, Pair[int64, int64]) Pair[int64, int64] { panic("not called") },
			func(string) *Op { return MapOp(func(p Pair[int64, int64]) Pair[int64, int64] { return p }) })
	}
	before, after := with("before"), with("after")
	p := w.plan(intPairs(w).Narrow(op(), before, false).Wide(addUp(), here(), wide("map")).Narrow(op(), after, false), countPairs())
	if len(p.Stages) != 2 || len(p.Blobs) != 2 {
		t.Fatalf("%d stages with %d values", len(p.Stages), len(p.Blobs))
	}
	if _, fail := w.r.Run(t.Context(), p, &p.Stages[0], w.task(&p.Stages[0], 0)); fail != nil {
		t.Fatalf("%+v", fail)
	}
	if w.fetched[before.Env] != 1 || w.fetched[after.Env] != 0 {
		t.Errorf("fetched %v", w.fetched)
	}
}

func TestEnvsAreBounded(t *testing.T) {
	var e envs
	size := 1
	blob := func(plan.Digest) ([]byte, error) { return make([]byte, size), nil }
	decode := func(b []byte) (any, error) { return len(b), nil }
	for i := range 1000 {
		if _, err := e.get(envKey{"op", plan.Digest(fmt.Sprint(i))}, blob, decode); err != nil {
			t.Fatal(err)
		}
	}
	if len(e.kept) != maxEnvs || len(e.order) != maxEnvs || e.bytes != maxEnvs {
		t.Errorf("kept %d, %d, %d bytes", len(e.kept), len(e.order), e.bytes)
	}
	size = maxEnvBytes / 2
	for i := range 10 {
		_, _ = e.get(envKey{"large", plan.Digest(fmt.Sprint(i))}, blob, func([]byte) (any, error) { return nil, nil })
	}
	if len(e.kept) != minEnvs || e.bytes != int64(minEnvs*size) {
		t.Errorf("kept %d large ones, %d bytes", len(e.kept), e.bytes)
	}
	// One whose decoder panics is an error for those that wait, and tried again.
	key := envKey{"panics", ""}
	func() {
		defer func() { _ = recover() }()
		_, _ = e.get(key, blob, func([]byte) (any, error) { panic("boom") })
	}()
	if v, err := e.get(key, blob, decode); v != size || err != nil {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestGoexit(t *testing.T) {
	task := &Task{Context: context.Background(), spec: &plan.Task{}, stage: &plan.Stage{}, plan: &plan.Plan{}}
	if f := task.recovered(nil); f.Message != "user code called runtime.Goexit" || f.Class != plan.FailUser {
		t.Errorf("got %+v", f)
	}
}

func TestIsUser(t *testing.T) {
	for name, want := range map[string]bool{
		"main.run":                           true,
		"main.(*T).Method":                   true,
		"main.run.func1":                     true,
		"example.com/app/pipe.Words":         true,
		"example.com/app.Words[...]":         true,
		"gopkg.in/yaml%2ev3.Unmarshal":       true,
		"strings.Map":                        false,
		"encoding/json.(*Decoder).Decode":    false,
		"runtime.gopanic":                    false,
		project + "rdd.MapOp[...].func1":     false,
		project + "rdd/codec.Marshal":        false,
		project + "shuffle/block.X":          false,
		project + "internal/embedded.X":      false,
		project + "typed.RDD[...].Map":       false,
		project + "typed_test.ExampleMap":    true,
		project + "examples/wordcount.words": true,
		project + "bench.run":                true,
	} {
		if got := isUser(name); got != want {
			t.Errorf("isUser(%s) = %v", name, got)
		}
	}
}

func TestNearest(t *testing.T) {
	op := func(file string, line int) plan.Op { return plan.Op{Site: plan.Site{File: file, Line: line}} }
	ops := []plan.Op{op("a.go", 10), op("a.go", 20), op("b.go", 5), op("a.go", 30)}
	for site, want := range map[plan.Site]int{
		{File: "a.go", Line: 25}: 20, {File: "a.go", Line: 30}: 30, {File: "a.go", Line: 5}: 10, {File: "c.go", Line: 99}: 10, {}: 10,
	} {
		if got := nearest(ops, site); got.Site.Line != want {
			t.Errorf("%s: got line %d, want %d", site, got.Site.Line, want)
		}
	}
}

func TestClip(t *testing.T) {
	if got := clip(strings.Repeat("x", 300), 200); got != strings.Repeat("x", 200)+"… (300 bytes)" {
		t.Errorf("got %s", got)
	}
	if got := clip("short", 200); got != "short" {
		t.Errorf("got %s", got)
	}
}
