package rdd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// TestLimit: no more user code runs than it takes to make the rows.
func TestLimit(t *testing.T) {
	for _, limit := range []int64{1, 5, 1000, 1024, 1025, 5000} {
		w := newWorld(t)
		calls := int64(0)
		n := w.numbers(3000, 1).Narrow(MapOp(func(n int64) int64 { calls++; return n }), here(), false)
		got := partitions[int64](w, w.act(n, Action{Op: CollectOp[int64](), Call: here(), Limit: limit}))[0]
		if want := min(limit, 3000); int64(len(got)) != want || got[want-1] != want-1 {
			t.Errorf("limit %d: got %d rows", limit, len(got))
		}
		if calls > limit+BatchRows || limit == 1 && calls != 1 {
			t.Errorf("limit %d: %d calls", limit, calls)
		}
	}
}

// TestLargeResults go to a file, which goes when the attempt fails.
func TestLargeResults(t *testing.T) {
	long := strings.Repeat("x", 100)
	makeRows := func(w *world, boom bool) *Node {
		return w.numbers(20_000, 1).Narrow(MapOp(func(n int64) string {
			if boom && n == 19_999 {
				panic("boom")
			}
			return fmt.Sprint(n, long)
		}), here(), false)
	}
	w := newWorld(t)
	results := w.act(makeRows(w, false), Action{Op: CollectOp[string](), Call: here()})
	path := results[0].ValuePath
	if dir, name := filepath.Split(path); results[0].Value != nil || filepath.Clean(dir) != filepath.Join(w.dir, "store") || !strings.HasPrefix(name, "a1-") {
		t.Fatalf("got %d bytes, file %s", len(results[0].Value), path)
	}
	for i, row := range partitions[string](w, results)[0] {
		if row != fmt.Sprint(i, long) {
			t.Fatalf("row %d is %s", i, row)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.fails(makeRows(w, true), Action{Op: CollectOp[string](), Call: here()})
	if left := w.files("store"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestResultThatCannotBeStored(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.numbers(200_000, 1), Action{Op: CollectOp[int64](), Call: here()})
	task := w.task(&p.Stages[0], 0)
	task.Store = filepath.Join(w.dir, "missing")
	if _, f := w.r.Run(t.Context(), p, &p.Stages[0], task); f == nil || !strings.Contains(f.Message, "missing") {
		t.Errorf("got %+v", f)
	}
}

// TestCollectKeepsNoChunks collects one word of each megabyte of text; the heap
// must hold the words and not the text.
func TestCollectKeepsNoChunks(t *testing.T) {
	sp, err := CollectOp[string]().Parts[""].(*SinkPart).open(&Task{spec: &plan.Task{Store: t.TempDir()}}, &plan.Sink{})
	if err != nil {
		t.Fatal(err)
	}
	in := &Rows[string]{Rows: make([]string, 1)}
	before := heap()
	var peak int64
	for i := range 200 {
		text := strings.Repeat("word ", 1<<20/5)
		in.Rows[0] = text[:4]
		sp.feed(in)
		if i%20 == 19 {
			peak = max(peak, heap()-before)
		}
	}
	if peak > 64<<20 {
		t.Errorf("the heap grew to %d MiB", peak>>20)
	}
	var res plan.Result
	if err := sp.finish(&res); err != nil || res.Rows != 200 {
		t.Errorf("got %d rows, %v", res.Rows, err)
	}
}

func TestCollectRandomBatches(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20 {
		s, err := CollectOp[int]().Parts[""].(*SinkPart).open(&Task{spec: &plan.Task{Store: t.TempDir()}}, &plan.Sink{})
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		for range rng.IntN(300) {
			in := &Rows[int]{Rows: make([]int, rng.IntN(2)*rng.IntN(2000)+rng.IntN(3))}
			for i := range in.Rows {
				in.Rows[i] = len(want)
				want = append(want, len(want))
			}
			s.feed(in)
		}
		var res plan.Result
		if err := s.finish(&res); err != nil {
			t.Fatal(err)
		}
		w := &world{t: t}
		if got := partitions[int](w, []*plan.Result{&res})[0]; !slices.Equal(got, want) {
			t.Fatalf("got %d rows, want %d", len(got), len(want))
		}
	}
}

// TestLeast compares TakeOrdered and Top with sorting.
func TestLeast(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	type row struct{ Key, At int }
	byRow := func(a, b row) int { return cmp.Compare(a.Key, b.Key) }
	for range 30 {
		rows := make([]row, rng.IntN(5000))
		for i := range rows {
			rows[i] = row{rng.IntN(1 + rng.IntN(1000)), i}
		}
		n := 1 + rng.IntN(100)
		want := slices.Clone(rows)
		slices.SortStableFunc(want, byRow)
		w := newWorld(t)
		source := slice(w, 1, rows...)
		got := partitions[row](w, w.act(source, Action{Op: TakeOrderedOp(byRow), Call: here(), Limit: int64(n)}))[0]
		if !slices.Equal(got, want[:min(n, len(want))]) {
			t.Fatalf("the least %d of %d differ", n, len(rows))
		}
		slices.SortStableFunc(want, func(a, b row) int { return byRow(b, a) })
		got = partitions[row](w, w.act(source, Action{Op: TopOp(byRow), Call: here(), Limit: int64(n)}))[0]
		if !slices.Equal(got, want[:min(n, len(want))]) {
			t.Fatalf("the greatest %d of %d differ", n, len(rows))
		}
	}
	w := newWorld(t)
	if f := w.fails(slice(w, 1, row{}), Action{Op: TopOp(byRow), Call: here()}); f.Message != "Top of 0 rows" {
		t.Errorf("got %+v", f)
	}
}

// TestLeastKeepsFew: as many rows again as are wanted, at most.
func TestLeastKeepsFew(t *testing.T) {
	s, err := TakeOrderedOp(cmp.Compare[int]).Parts[""].(*SinkPart).open(&Task{spec: &plan.Task{}}, &plan.Sink{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10_000 {
		s.feed(&Rows[int]{Rows: []int{-i}})
		if kept := s.(*orderedSink).kept.Cap(); kept > 64 {
			t.Fatalf("keeps %d rows of 10", kept)
		}
	}
}

// TestFold: each partition starts with a zero of its own.
func TestFold(t *testing.T) {
	w := newWorld(t)
	zero, err := codec.Marshal(map[string]int{"zero": 1})
	if err != nil {
		t.Fatal(err)
	}
	rows := []map[string]int{{"a": 1}, {"b": 1}, {"c": 1}}
	merge := func(a, b map[string]int) map[string]int {
		for k, v := range b {
			a[k] += v
		}
		return a
	}
	fold := Action{Op: FoldOp(merge), Call: here(), Zero: w.blob(zero)}
	for i, r := range w.act(slice(w, 4, rows...), fold) {
		acc, err := decodeAcc[map[string]int](r.Value)
		if err != nil || !acc.Has || acc.Value["zero"] != 1 || len(acc.Value) != 1+min(i, 1) {
			t.Errorf("partition %d: got %+v, %v", i, acc, err)
		}
	}
	fold.Zero = "missing"
	if f := w.fails(slice(w, 1, rows...), fold); !strings.HasPrefix(f.Message, "fetch the zero of Fold: ") {
		t.Errorf("got %+v", f)
	}
	fold.Zero = w.blob([]byte{0xff})
	if f := w.fails(slice(w, 1, rows...), fold); !strings.HasPrefix(f.Message, "decode the zero of Fold: ") {
		t.Errorf("got %+v", f)
	}
}

func TestValues(t *testing.T) {
	w := newWorld(t)
	n := w.numbers(10, 3)
	sum := func(a, b int64) int64 { return a + b }
	for name, test := range map[string]struct {
		op   *Op
		want []Acc[int64]
	}{
		"count":     {CountOp[int64](), []Acc[int64]{{3, true}, {3, true}, {4, true}}},
		"reduce":    {ReduceOp(sum), []Acc[int64]{{3, true}, {12, true}, {30, true}}},
		"aggregate": {AggregateOp(func() int64 { return 100 }, func(a *int64, n int64) { *a += n }), []Acc[int64]{{103, true}, {112, true}, {130, true}}},
	} {
		for i, r := range w.act(n, Action{Op: test.op, Call: here()}) {
			if acc, err := decodeAcc[int64](r.Value); err != nil || acc != test.want[i] {
				t.Errorf("%s, partition %d: got %+v, %v", name, i, acc, err)
			}
		}
	}
	empty := w.g.Source(EmptyOp[int64](), here(), plan.Source{Range: &plan.Range{N: 1}})
	acc, err := decodeAcc[int64](w.act(empty, Action{Op: ReduceOp(sum), Call: here()})[0].Value)
	if err != nil || acc.Has {
		t.Errorf("the sum of nothing is %+v, %v", acc, err)
	}
}

// A plan says whether its tasks are there for what they do to the world.
func TestEffects(t *testing.T) {
	w := newWorld(t)
	n := w.numbers(10, 3)
	each := func(int64) {}
	for _, c := range []struct {
		op   *Op
		want bool
	}{
		{ForEachOp(each), true},
		{ForEachPartitionOp(func(*Task, iter.Seq[int64]) error { return nil }), true},
		{WithOp(func(int64, int64) {}, func(int64) *Op { return ForEachOp(each) }), true},
		{CollectOp[int64](), false},
		{ReduceOp(func(a, b int64) int64 { return a + b }), false},
	} {
		p, err := w.g.Plan(n, Action{Op: c.op, Call: here()})
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := p.Stage(p.Target); !ok || st.Sink.Effects != c.want {
			t.Errorf("%s: effects %v", c.op.Name, st.Sink.Effects)
		}
	}
}

func TestForEach(t *testing.T) {
	w := newWorld(t)
	var seen []int64
	each := func(n int64) { seen = append(seen, n) }
	w.act(w.numbers(10, 3), Action{Op: ForEachOp(each), Call: here()})
	op := ForEachPartitionOp(func(task *Task, rows iter.Seq[int64]) error {
		for n := range rows {
			seen = append(seen, 100*int64(task.Partition())+n)
		}
		for range rows {
			t.Error("rows come twice")
		}
		return nil
	})
	w.act(w.numbers(2, 2).Part(op, here(), "each"), Action{Op: op, Call: here()})
	pairs := w.numbers(2, 1).Narrow(KeyByOp(func(n int64) string { return fmt.Sprint(n) }), here(), false)
	w.act(pairs, Action{Op: PairForEachOp(func(k string, v int64) { seen = append(seen, int64(len(k))+v) }), Call: here()})
	pop := PairForEachPartitionOp(func(_ *Task, rows iter.Seq2[string, int64]) error {
		for _, v := range rows {
			seen = append(seen, v)
			break
		}
		return nil
	})
	w.act(pairs.Part(pop, here(), "each"), Action{Op: pop, Call: here()})
	if want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 101, 1, 2, 0}; !slices.Equal(seen, want) {
		t.Errorf("got %v, want %v", seen, want)
	}
}

func TestCounters(t *testing.T) {
	w := newWorld(t)
	p := w.plan(intPairs(w).Wide(addUp(), here(), wide("map")), countPairs())
	if _, f := w.run(p); f != nil {
		t.Fatal(f)
	}
	m, r := w.counters["Range → MapToPair → ReduceByKey"], w.counters["ReduceByKey → Count"]
	if m.RowsIn != 100 || m.RowsOut != 40 || m.ShuffleWrite == 0 || r.RowsIn != 10 || r.RowsOut != 10 || r.ShuffleRead != m.ShuffleWrite {
		t.Errorf("got %+v and %+v", m, r)
	}
	w = newWorld(t)
	w.act(w.text("ab", "c"), Action{Op: CountOp[string](), Call: here()})
	if c := w.counters["TextFile → Count"]; c.BytesRead != 5 || c.RowsIn != 2 || c.RowsOut != 2 {
		t.Errorf("got %+v", c)
	}
}

// TestPlansOfOtherBuilds: a plan that asks for what is not there is refused.
func TestPlansOfOtherBuilds(t *testing.T) {
	w := newWorld(t)
	n := intPairs(w).Wide(addUp(), here(), wide("map")).Narrow(MapValuesOp[int64](func(v int64) int64 { return v }), here(), true)
	for name, change := range map[string]func(p *plan.Plan){
		"is not in this binary":             func(p *plan.Plan) { p.Stages[0].Sink.Op.ID = "other" },
		`no part "reduce" of the kind`:      func(p *plan.Plan) { p.Stages[0].Sink.Op.Part = "reduce" },
		`no part "other" of the kind`:       func(p *plan.Plan) { p.Stages[0].Pipe.Source.Op.Part = "other" },
		"does not fit into a pipe":          func(p *plan.Plan) { p.Stages[1].Pipe.Ops[0].Part = "left" },
		"no partition 0 of Range":           func(p *plan.Plan) { p.Stages[0].Pipe.Source.Range.N = 0; p.Stages[0].Pipe.N = 1 },
		"task has no input for shuffle":     func(p *plan.Plan) { p.Stages[1].Parents = nil },
		"partition 0 is beyond the union's": func(p *plan.Plan) { p.Stages[0].Pipe.Source = plan.Source{Union: []plan.Pipe{{}}} },
	} {
		p := w.plan(n, countPairs())
		change(p)
		_, f := w.run(p)
		if f == nil || !strings.Contains(f.Message, name) {
			t.Errorf("%s: got %+v", name, f)
		}
	}
	// Bytes that are no list of outputs, nor a split.
	p := w.plan(n, countPairs())
	task := w.task(&p.Stages[1], 0)
	for _, b := range [][]byte{{0xdd, 0xff, 0xff, 0xff, 0xff}, {0xc1}, {0x81, 0xa4, 'P', 'a', 't', 'h', 1}} {
		task.Inputs = []plan.ShuffleInput{{Stage: p.Stages[0].Key, Outputs: [][]byte{b}}}
		if _, f := w.r.Run(t.Context(), p, &p.Stages[1], task); f == nil || !strings.Contains(f.Message, "read the output list of shuffle s3.map: map 0: ") {
			t.Errorf("got %+v", f)
		}
	}
	p = w.plan(w.text("a"), Action{Op: CountOp[string](), Call: here()})
	task = w.task(&p.Stages[0], 0)
	task.Splits[0].Split = []byte{0xdd, 0xff, 0xff, 0xff, 0xff}
	if _, f := w.r.Run(t.Context(), p, &p.Stages[0], task); f == nil || !strings.HasPrefix(f.Message, "read the task's split: ") {
		t.Errorf("got %+v", f)
	}
	task.Splits = nil
	if _, f := w.r.Run(t.Context(), p, &p.Stages[0], task); f == nil || f.Message != "task has no split for its input" {
		t.Errorf("got %+v", f)
	}
}

// TestLostOutput: a map output that is gone is blamed on the map.
func TestLostOutput(t *testing.T) {
	w := newWorld(t)
	p := w.plan(intPairs(w).Wide(addUp(), here(), wide("map")), countPairs())
	in := plan.ShuffleInput{Stage: p.Stages[0].Key}
	for part := range p.Stages[0].N() {
		res, f := w.r.Run(t.Context(), p, &p.Stages[0], w.task(&p.Stages[0], part))
		if f != nil {
			t.Fatal(f)
		}
		in.Outputs = append(in.Outputs, res.Shuffle)
	}
	out, err := decode[shuffle.Output](in.Outputs[2])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(out.Path); err != nil {
		t.Fatal(err)
	}
	for part := range p.Stages[1].N() {
		task := w.task(&p.Stages[1], part)
		task.Inputs = []plan.ShuffleInput{in}
		_, f := w.r.Run(t.Context(), p, &p.Stages[1], task)
		if out.Sizes[part] == 0 {
			continue
		}
		if f == nil || f.Class != plan.FailFetch || f.Fetch == nil || f.Fetch.Map != 2 || f.Fetch.Stage != in.Stage {
			t.Errorf("got %+v", f)
		}
	}
}

// TestLateInputs: a task asks for what it was not given when it reads it, and fails as
// who should have brought it says.
func TestLateInputs(t *testing.T) {
	w := newWorld(t)
	p := w.plan(intPairs(w).Wide(addUp(), here(), wide("map")), countPairs())
	in := plan.ShuffleInput{Stage: p.Stages[0].Key}
	for part := range p.Stages[0].N() {
		res, f := w.r.Run(t.Context(), p, &p.Stages[0], w.task(&p.Stages[0], part))
		if f != nil {
			t.Fatal(f)
		}
		in.Outputs = append(in.Outputs, res.Shuffle)
	}
	st := &p.Stages[1]
	want, f := w.r.Run(t.Context(), p, st, givenLate(w.task(st, 1), in))
	if want != nil || f == nil || f.Message != "task was not given its input of shuffle "+string(in.Stage) {
		t.Errorf("with nobody to ask: %+v, %+v", want, f)
	}
	task := w.task(st, 1)
	task.Inputs = []plan.ShuffleInput{in}
	if want, f = w.r.Run(t.Context(), p, st, task); f != nil {
		t.Fatal(f)
	}
	lost := &plan.Failure{Class: plan.FailFetch, Message: "it is gone", Fetch: &plan.FetchSource{Stage: in.Stage, Map: 2, Way: plan.FetchMissing}}
	asked := 0
	w.r.o.Input = func(_ context.Context, attempt string, of plan.StageKey, partition int) ([]byte, *plan.Failure) {
		if asked++; asked == 1 {
			return nil, lost
		}
		var parts []shuffle.Part
		for _, b := range in.Outputs {
			parts = append(parts, must(decode[shuffle.Output](b)).Part(partition))
		}
		return must(msgpack.Marshal(parts)), nil
	}
	if _, f := w.r.Run(t.Context(), p, st, givenLate(w.task(st, 1), in)); f != lost {
		t.Errorf("got %+v, want the failure of who should have brought it", f)
	}
	got, f := w.r.Run(t.Context(), p, st, givenLate(w.task(st, 1), in))
	if f != nil || got.Rows != want.Rows || !bytes.Equal(got.Value, want.Value) || asked != 2 {
		t.Errorf("got %+v, %v by %d questions, want %+v", got, f, asked, want)
	}
}

// givenLate tells a task of an input to come.
func givenLate(task *plan.Task, in plan.ShuffleInput) *plan.Task {
	task.Inputs = []plan.ShuffleInput{{Stage: in.Stage, Partition: task.Partition, Late: true}}
	return task
}

// TestKeptRows: a task reads what one task of the stage before has kept, and blames
// that one when it is gone.
func TestKeptRows(t *testing.T) {
	w := newWorld(t)
	sum := intPairs(w).Wide(addUp(), here(), wide("map"))
	p := w.plan(sum.Wide(SortByKeyOp[int64, int64](), here(), sorts(3, false, "")), countPairs())
	before := *p
	before.Stages, before.Target = p.Stages[:2], p.Stages[1].Key
	kept, f := w.run(&before)
	if f != nil {
		t.Fatal(f)
	}
	in := plan.ShuffleInput{Stage: before.Target}
	for _, res := range kept {
		in.Outputs = append(in.Outputs, res.Shuffle)
	}
	sample := &p.Stages[2]
	read := func(part int, in plan.ShuffleInput) (*plan.Result, *plan.Failure) {
		task := w.task(sample, part)
		task.Inputs = []plan.ShuffleInput{in}
		return w.r.Run(t.Context(), p, sample, task)
	}
	if sample.N() != len(kept) || len(kept) < 2 {
		t.Fatalf("%d tasks read what %d have kept", sample.N(), len(kept))
	}
	for part := range kept {
		res, f := read(part, in)
		if f != nil || res.Counters.RowsIn != kept[part].Rows {
			t.Errorf("task %d: %+v of %d rows, %v", part, res, kept[part].Rows, f)
		}
	}
	if _, f := read(1, plan.ShuffleInput{Stage: in.Stage, Outputs: in.Outputs[:1]}); f == nil || !strings.HasSuffix(f.Message, "there are 1 outputs, and the task reads that of map 1") {
		t.Errorf("got %+v", f)
	}
	out, err := decode[shuffle.Output](in.Outputs[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(out.Path); err != nil {
		t.Fatal(err)
	}
	for part := range kept {
		_, f := read(part, in)
		if part != 1 && f != nil {
			t.Errorf("task %d: %+v", part, f)
		}
		if part == 1 && (f == nil || f.Class != plan.FailFetch || f.Fetch == nil || f.Fetch.Map != 1 || f.Fetch.Stage != in.Stage) {
			t.Errorf("got %+v", f)
		}
	}
}

// TestOutputsAreKept: decoded outputs serve all reducers, until others come.
func TestOutputsAreKept(t *testing.T) {
	encoded := func(n int) (all [][]byte) {
		for i := range n {
			b, err := plan.Encode(&shuffle.Output{Path: fmt.Sprint("out", i), Sizes: make([]int64, 100)})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		return all
	}
	var o outputs
	list := encoded(10)
	first, err := o.get("s", list)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := o.get("s", encoded(10))
	if !slices.Equal(first, again) {
		t.Error("equal outputs are decoded again")
	}
	list[3] = encoded(11)[10]
	changed, _ := o.get("s", list)
	if changed[3].decoded.Path != "out10" || changed[4] != first[4] || first[3].decoded.Path != "out3" {
		t.Error("an output that changed is not decoded anew")
	}
	var sum int64
	for _, b := range encoded(2) {
		sum += int64(len(b))
	}
	before := o.bytes
	o.bytes = maxOutputBytes // of others that are not there
	if _, err := o.get("other", encoded(2)); err != nil || len(o.kept) != 1 {
		t.Errorf("keeps %d shuffles, %v", len(o.kept), err)
	}
	o.bytes -= maxOutputBytes - before
	if o.bytes != sum {
		t.Errorf("counts %d bytes, has %d", o.bytes, sum)
	}
	if _, err := o.get("third", encoded(3)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []plan.StageKey{"third", "third", "never"} {
		if o.drop(key); o.bytes != sum || len(o.kept) != 1 {
			t.Errorf("counts %d bytes of %d shuffles when %s is gone", o.bytes, len(o.kept), key)
		}
	}
	if o.drop("other"); o.bytes != 0 || len(o.kept) != 0 {
		t.Errorf("counts %d bytes of %d shuffles in the end", o.bytes, len(o.kept))
	}
}

func TestDecodeAcc(t *testing.T) {
	text, nothing := must(codec.TypeOf[string]()), must(codec.TypeOf[struct{}]())
	if p, err := DecodeAcc(nil, text); p != nil || err != nil {
		t.Errorf("no value is %v, %v", p, err)
	}
	if p, err := DecodeAcc([]byte{1}, nothing); p == nil || err != nil {
		t.Errorf("a value of no bytes is %v, %v", p, err)
	}
	for _, b := range []string{"\x00", "\x02\x01a", "\x01", "\x01\x05abc", "\x01\x01ab"} {
		if p, err := DecodeAcc([]byte(b), text); p != nil || !errors.Is(err, codec.ErrCorrupt) {
			t.Errorf("%q: got %v, %v", b, p, err)
		}
	}
}

// TestLeastOfRowsThatCannotBeCopied: the row in hand is the one that is named.
func TestLeastOfRowsThatCannotBeCopied(t *testing.T) {
	s, err := TakeOrderedOp(func(a, b failing) int { return 0 }).Parts[""].(*SinkPart).open(&Task{spec: &plan.Task{}}, &plan.Sink{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	rows := &Rows[failing]{Rows: []failing{{1}, {2}, {3}}}
	if s.feed(rows) || rows.Row != 1 {
		t.Errorf("row %d is in hand", rows.Row)
	}
	if err := s.finish(&plan.Result{}); err == nil {
		t.Error("nobody says that a row cannot be encoded")
	}
}

// TestRejectedTextNamesTheRow: the row is made from what only its type knows.
func TestRejectedTextNamesTheRow(t *testing.T) {
	w := newWorld(t)
	a := Action{Op: SaveAsTextFileOp[failing](), Call: here(), Output: &plan.Output{}}
	toText := MapOp(func(n int64) failing { return failing{int(n)} })
	f := w.fails(w.numbers(3, 1).Narrow(toText, here(), false), a)
	if !strings.Contains(f.Message, "no text") || !strings.Contains(f.Message, "failing{N:2}") {
		t.Errorf("got %+v", f)
	}
}

type failing struct{ N int }

func (f failing) MarshalText() ([]byte, error) {
	if f.N == 2 {
		return nil, errors.New("no text")
	}
	return []byte("text"), nil
}

func (f *failing) UnmarshalText(text []byte) error { f.N = len(text); return nil }
