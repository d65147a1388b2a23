package rdd

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func intPairs(w *world) *Node {
	return w.numbers(100, 4).Narrow(MapToPairOp(func(n int64) (int64, int64) { return n % 10, n }), here(), false)
}

func addUp() *Op { return ReduceByKeyOp[int64](func(a, b int64) int64 { return a + b }) }

func countPairs() Action { return Action{Op: CountOp[Pair[int64, int64]](), Call: here()} }

// shape shows a plan's stages: "key kind parents: name".
func shape(p *plan.Plan) (all []string) {
	for _, s := range p.Stages {
		var parents []string
		for _, parent := range s.Parents {
			parents = append(parents, string(parent.Key))
		}
		all = append(all, fmt.Sprintf("%s %s %v: %s", s.Key, s.Kind, parents, s.Name))
	}
	return all
}

func wantShape(t *testing.T, p *plan.Plan, want ...string) {
	t.Helper()
	if got := shape(p); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestPlanKeepsKeys(t *testing.T) {
	w := newWorld(t)
	sum := intPairs(w).Wide(addUp(), here(), wide("map"))
	more := sum.Narrow(MapValuesOp[int64](func(v int64) int64 { return v }), here(), true)
	first, second := w.plan(sum, countPairs()), w.plan(more, countPairs())
	wantShape(t, first, "s3.map map []: Range → MapToPair → ReduceByKey", string(first.Target)+" result [s3.map]: ReduceByKey → Count")
	wantShape(t, second, "s3.map map []: Range → MapToPair → ReduceByKey", string(second.Target)+" result [s3.map]: ReduceByKey → MapValues → Count")
	if first.Target == second.Target {
		t.Error("two actions have one result stage")
	}
	if first.Stages[0].Sink.Op.ID != second.Stages[0].Sink.Op.ID {
		t.Error("one operator has two IDs")
	}
}

// TestPlanSortBehindAShuffle: what comes out of a shuffle is computed once, and
// read twice.
func TestPlanSortBehindAShuffle(t *testing.T) {
	w := newWorld(t)
	sum := intPairs(w).Wide(addUp(), here(), wide("map"))
	for name, rows := range map[string]*Node{
		"ReduceByKey → MapValues": sum.Narrow(MapValuesOp[int64](func(v int64) int64 { return -v }), here(), true),
		"Union":                   intPairs(w).Union(here(), sum),
	} {
		n := rows.Wide(SortByKeyOp[int64, int64](), here(), sorts(3, false, ""))
		p := w.plan(n, countPairs())
		at := len(p.Stages) - 5
		if at < 0 || p.Stages[at].Key != n.rowsKey(0) || !strings.HasPrefix(p.Stages[at].Name, name) {
			t.Fatalf("%s: stages %+v", name, p.Stages)
		}
		for _, s := range p.Stages[at+1:] {
			keeps := s.Key == n.sampleKey(0) || s.Key == n.shuffleKey(0)
			in := s.Pipe.Source.Wide
			if own := len(in) == 1 && in[0] == (plan.Input{Shuffle: n.rowsKey(0), Own: true}); own != keeps {
				t.Errorf("%s: %s reads %+v", name, s.Key, s.Pipe.Source)
			}
			if reads := slices.Contains(s.Parents, plan.Parent{Key: n.rowsKey(0)}); reads != keeps {
				t.Errorf("%s: parents of %s are %v", name, s.Key, s.Parents)
			}
		}
	}
}

func TestPlanSort(t *testing.T) {
	w := newWorld(t)
	p := w.plan(w.numbers(10, 2).Wide(SortByOp(func(n int64) int64 { return n }), here(), sorts(3, true, "key")), Action{Op: CountOp[int64](), Call: here()})
	wantShape(t, p,
		"s2.sample map []: Range → SortBy → SortBy sample",
		"s2.bounds value [s2.sample]: SortBy → SortBy bounds",
		"s2.map map [s2.bounds]: Range → SortBy",
		string(p.Target)+" result [s2.map]: SortBy → Count")
	if part := p.Stages[2].Sink.Part; part.N != 3 || !part.Descending || part.Bounds != "s2.bounds" || p.Stages[1].Sink.Part.N != 3 {
		t.Errorf("got %+v", part)
	}
}

// TestPlanCoPartitioned: what is placed already is read where it is.
func TestPlanCoPartitioned(t *testing.T) {
	join := func() *Op { return JoinOp[int64](func(a, b int64) int64 { return a*1000 + b }) }
	keep := MapValuesOp[int64](func(v int64) int64 { return v + 1 })
	drop := MapOp(func(p Pair[int64, int64]) Pair[int64, int64] { return p })
	w := newWorld(t)
	sum := intPairs(w).Wide(addUp(), here(), wide("map"))
	eight := func(n *Node) *Node {
		by := wide("map")
		by.N = 8
		return n.Wide(addUp(), here(), by)
	}
	both := wide("left", "right")
	both.Post = true
	byThird := func(k int64) int { return int(k % 3) }
	placedBy := func(f func(int64) int) Wide {
		by := wide("map")
		by.Kind, by.N, by.By = plan.FuncPartitioner, 3, NewPartitioning(3, f, here())
		return by
	}
	third := func(n *Node, f func(int64) int) *Node { return n.Wide(addUp(), here(), placedBy(f)) }
	tests := []struct {
		name     string
		node     *Node
		shuffles int
	}{
		{"a reduction again", sum.Wide(addUp(), here(), wide("map")), 1},
		{"after MapValuesWithKey", sum.Narrow(MapValuesWithKeyOp(func(k, v int64) int64 { return k + v }), here(), true).Wide(addUp(), here(), wide("map")), 1},
		{"after FlatMapValues", sum.Narrow(FlatMapValuesOp[int64](func(v int64) iter.Seq[int64] { return slices.Values([]int64{v, v}) }), here(), true).Wide(addUp(), here(), wide("map")), 1},
		{"after MapValues", sum.Narrow(keep, here(), true).Wide(addUp(), here(), wide("map")), 1},
		{"after Map", sum.Narrow(drop, here(), false).Wide(addUp(), here(), wide("map")), 2},
		{"joined with itself", sum.Wide(join(), here(), both, sum), 1},
		{"joined with its own child", sum.Wide(join(), here(), both, sum.Narrow(keep, here(), true)), 1},
		{"joined with another", sum.Wide(join(), here(), both, intPairs(w)), 2},
		{"another joined with it", intPairs(w).Wide(join(), here(), both, sum), 2},
		{"by the same number", eight(intPairs(w)).Wide(join(), here(), both, eight(intPairs(w))), 2},
		{"by another number", eight(sum), 2},
		{"by one function", third(eight(intPairs(w)), byThird).Wide(addUp(), here(), wide("map")).Wide(addUp(), here(), placedBy(byThird)), 2},
		{"by a function and none", third(intPairs(w), byThird).Wide(join(), here(), both, third(intPairs(w), byThird)), 2},
		{"by two functions", third(third(intPairs(w), byThird), func(k int64) int { return int(2 - k%3) }), 2},
		{"after a union", sum.Union(here(), sum).Wide(addUp(), here(), wide("map")), 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := w.plan(test.node, countPairs())
			if got := len(p.Stages) - 1; got != test.shuffles {
				t.Errorf("got %d shuffles, want %d:\n%s", got, test.shuffles, strings.Join(shape(p), "\n"))
			}
			results, fail := w.run(p)
			if fail != nil {
				t.Fatal(fail)
			}
			var n int64
			for _, r := range results {
				acc, err := decodeAcc[int64](r.Value)
				if err != nil {
					t.Fatal(err)
				}
				n += acc.Value
			}
			want := int64(10)
			if test.name == "another joined with it" || test.name == "joined with another" {
				want = 100
			}
			if n != want {
				t.Errorf("%d pairs, want %d", n, want)
			}
		})
	}
}

// TestPlanUnion: unions in unions are flat, and what follows goes into each.
func TestPlanUnion(t *testing.T) {
	w := newWorld(t)
	double := MapOp(func(n int64) int64 { return 2 * n })
	a, b, c := w.numbers(3, 2), w.numbers(2, 1), w.numbers(1, 1)
	u := a.Union(here(), b).Narrow(double, here(), false).Union(here(), c).Narrow(double, here(), false)
	p := w.plan(u, Action{Op: CollectOp[int64](), Call: here()})
	pipe := p.Stages[0].Pipe
	var ops []int
	for _, child := range pipe.Source.Union {
		ops = append(ops, len(child.Ops))
	}
	if !slices.Equal(ops, []int{2, 2, 1}) || len(pipe.Ops) != 0 || pipe.N != 4 {
		t.Errorf("got %v operators in the union's pipes, %d after it, %d partitions", ops, len(pipe.Ops), pipe.N)
	}
	if got := collect[int64](w, u); !slices.Equal(got, []int64{0, 4, 8, 0, 4, 0}) {
		t.Errorf("got %v", got)
	}
	if want := "Union → Map → Collect"; p.Stages[0].Name != want {
		t.Errorf("got %s, want %s", p.Stages[0].Name, want)
	}
	if got := collect[int64](w, c.Union(here())); !slices.Equal(got, []int64{0}) {
		t.Errorf("a union of one: %v", got)
	}
}

// TestPlanBranches: pipes that begin alike do not write into each other's
// operators, in whatever order they grow.
func TestPlanBranches(t *testing.T) {
	w := newWorld(t)
	add := func(n *Node, k int64) *Node {
		return n.Narrow(MapOp(func(x int64) int64 { return x*10 + k }), here(), false)
	}
	trunk := w.numbers(1, 1)
	for range 5 {
		trunk = add(trunk, 1)
	}
	left, right := add(add(trunk, 2), 3), add(add(trunk, 4), 5)
	for range 20 {
		left, right = add(left, 6), add(right, 7)
	}
	u := left.Union(here(), trunk, right, add(trunk, 8), left.parents()[0])
	got := collect[int64](w, u)
	var want []int64
	for _, n := range []*Node{left, trunk, right, add(trunk, 8), left.parents()[0]} {
		want = append(want, collect[int64](w, n)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestPlanLong builds lineages longer than a stack would be deep, and bounds
// what they cost.
func TestPlanLong(t *testing.T) {
	const long = 100_000
	id := func() *Op { return MapOp(func(n int64) int64 { return n }) }
	tests := []struct {
		name string
		node func(w *world) *Node
		most int64 // bytes allocated for each node
	}{
		{"narrow", func(w *world) *Node {
			n := w.numbers(1, 1)
			for range long {
				n = n.Narrow(id(), here(), false)
			}
			return n
		}, 4 << 10},
		{"wide", func(w *world) *Node {
			n := w.numbers(1, 1)
			by := Wide{Kind: plan.RoundRobinPartitioner, N: 1, Sinks: []string{"map"}}
			for range long {
				n = n.Wide(RepartitionOp[int64](), here(), by)
			}
			return n
		}, 8 << 10},
		{"union of many", func(w *world) *Node {
			var all []*Node
			for range long {
				all = append(all, w.numbers(1, 1))
			}
			return all[0].Union(here(), all[1:]...).Narrow(id(), here(), false)
		}, 8 << 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			n := test.node(w)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			p, err := w.g.Plan(n, Action{Op: CountOp[int64](), Call: here()})
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if got := int64(after.TotalAlloc-before.TotalAlloc) / long; got > test.most {
				t.Errorf("planning allocates %d bytes a node", got)
			}
			if p.Target == "" {
				t.Error("no target")
			}
			runtime.KeepAlive(n)
		})
	}
}

// TestPlanOfRowsKeptOfRowsKept has pipes inside one another: as many as can be decoded,
// and a hundred thousand, which is an error and no stack that overflows.
func TestPlanOfRowsKeptOfRowsKept(t *testing.T) {
	w := newWorld(t)
	n, nodes := w.numbers(10, 1), []*Node{}
	for range 100_000 {
		n = n.Narrow(MapOp(func(n int64) int64 { return n + 1 }), here(), false).Cached(CacheOp[int64](), here(), plan.MemoryOnly)
		nodes = append(nodes, n)
	}
	a := Action{Op: CountOp[int64](), Call: here()}
	_, err := w.g.Plan(n, a)
	if err == nil || !strings.Contains(err.Error(), "100000 RDDs") || !strings.Contains(err.Error(), "Checkpoint") {
		t.Error(err)
	}
	fits := nodes[plan.MaxNesting-2]
	if p := w.plan(fits, a); p.Stages[0].N() != 1 { // which decodes it
		t.Errorf("%d tasks", p.Stages[0].N())
	}
	if _, err := w.g.Plan(nodes[plan.MaxNesting-1], a); err == nil {
		t.Error("one more is not refused")
	}
}

func TestPlanErrors(t *testing.T) {
	w := newWorld(t)
	other := newWorld(t)
	bad := here()
	bad.Err = errors.New("keys cannot be compared")
	tooMany, negative := wide("map"), wide("map")
	tooMany.N, negative.N = plan.MaxPartitions+1, -1
	for name, n := range map[string]*Node{
		"keys cannot be compared": w.numbers(1, 1).Narrow(addUp(), bad, false).Narrow(addUp(), here(), false),
		"mixes RDDs of two":       w.numbers(1, 1).Union(here(), other.numbers(1, 1)),
		"1000001 partitions":      intPairs(w).Wide(addUp(), here(), tooMany),
		"-1 partitions":           intPairs(w).Wide(addUp(), here(), negative),
	} {
		if _, err := w.g.Plan(n, countPairs()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
	if _, err := w.g.Plan(w.numbers(1, 1), Action{Op: CountOp[int64](), Call: bad}); err != bad.Err { //nolint:errorlint // the very same
		t.Errorf("got %v", err)
	}
	strict := newWorld(t, func(o *GraphOptions) { o.Strict = true })
	n := strict.numbers(1, 1)
	if _, err := strict.g.Plan(n.Narrow(addUp(), here(), false), countPairs()); !errors.As(err, new(*CodeError)) {
		t.Errorf("got %v", err)
	}
	if _, err := strict.g.Plan(n, countPairs()); !errors.As(err, new(*CodeError)) {
		t.Errorf("got %v", err)
	}
}

func TestNoticesOnce(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		collect[int64](w, w.numbers(1, 1).Narrow(MapOp(func(n int64) int64 { return n }), here(), false))
	}
	if len(w.notices) != 1 {
		t.Errorf("got %q", w.notices)
	}
	quiet := newWorld(t, func(o *GraphOptions) { o.Closures = true })
	collect[int64](quiet, quiet.numbers(1, 1))
	if len(quiet.notices) != 0 {
		t.Errorf("got %q", quiet.notices)
	}
}

func TestPlanBlobs(t *testing.T) {
	w := newWorld(t)
	env := here()
	env.Env = "env"
	a := w.g.Source(DataOp[int64](), here(), plan.Source{Data: &plan.Data{Blob: "rows", Ends: []int64{0}}})
	n := a.Union(here(), a).Narrow(MapOp(func(n int64) int64 { return n }), env, false)
	p, err := w.g.Plan(n, Action{Op: FoldOp(func(a, b int64) int64 { return a }), Call: here(), Zero: "zero"})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(p.Blobs)
	if !slices.Equal(p.Blobs, []plan.Digest{"env", "rows", "zero"}) {
		t.Errorf("got %v", p.Blobs)
	}
}

// collectGarbage runs the collector until ok, or for long enough.
func collectGarbage(ok func() bool) bool {
	for range 100 {
		if ok() {
			return true
		}
		runtime.GC()
		runtime.Gosched()
	}
	return ok()
}

// TestRelease: shuffles, blobs and closures go when no node needs them.
func TestRelease(t *testing.T) {
	var mu sync.Mutex
	shuffles, blobs := map[plan.StageKey]int{}, map[plan.Digest]int{}
	g := NewGraph(GraphOptions{
		Release:     func(k plan.StageKey) { mu.Lock(); defer mu.Unlock(); shuffles[k]++ },
		ReleaseBlob: func(d plan.Digest) { mu.Lock(); defer mu.Unlock(); blobs[d]++ },
	})
	source := func() *Node {
		return g.Source(DataOp[int64](), here(), plan.Source{Data: &plan.Data{Blob: "rows", Ends: []int64{0}}})
	}
	env := here()
	env.Env = "env"
	root := source()
	func() {
		n := root.Narrow(MapToPairOp(func(n int64) (int64, int64) { return n, n }), env, false).
			Wide(JoinOp[int64](func(a, b int64) int64 { return a }), here(), wide("left", "right"), source()).
			Wide(SortByKeyOp[int64, int64](), here(), sorts(2, false, ""))
		if _, err := g.Plan(n, countPairs()); err != nil {
			t.Fatal(err)
		}
		if len(g.local) != 6 {
			t.Errorf("%d closures", len(g.local))
		}
		runtime.GC()
		runtime.KeepAlive(n)
		mu.Lock()
		defer mu.Unlock()
		if len(shuffles)+len(blobs) != 0 {
			t.Errorf("released too early: %v %v", shuffles, blobs)
		}
	}()
	done := collectGarbage(func() bool {
		mu.Lock()
		defer mu.Unlock()
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(shuffles) == 6 && len(blobs) == 2 && len(g.local) == 1
	})
	mu.Lock()
	defer mu.Unlock()
	if !done {
		t.Errorf("released %v %v, %d closures left", slices.Collect(maps.Keys(shuffles)), blobs, len(g.local))
	}
	if blobs["rows"] != 1 {
		t.Errorf("the rows of a node that is still there are released: %v", blobs)
	}
	runtime.KeepAlive(root)
}

// TestFileSourcesAreApart: two of the same paths are two in a plan, and each is
// given back when its node is gone.
func TestFileSourcesAreApart(t *testing.T) {
	var mu sync.Mutex
	var gone []plan.Files
	g := NewGraph(GraphOptions{ReleaseFiles: func(f plan.Files) { mu.Lock(); defer mu.Unlock(); gone = append(gone, f) }})
	files := &plan.Files{Paths: "in"}
	source := func() *Node { return g.Source(TextOp(), here(), plan.Source{Files: files}) }
	kept := source()
	var found []*plan.Files
	func() {
		p, err := g.Plan(kept.Union(here(), source(), kept), Action{Op: CountOp[string](), Call: here()})
		if err != nil {
			t.Fatal(err)
		}
		found = p.Stages[0].Pipe.FileSources()
	}()
	if len(found) != 3 || *found[0] == *found[1] || *found[0] != *found[2] || files.ID != 0 {
		t.Fatalf("the plan reads %v, from %v", found, files)
	}
	if !collectGarbage(func() bool { mu.Lock(); defer mu.Unlock(); return len(gone) > 0 }) || len(gone) != 1 || gone[0] != *found[1] {
		t.Errorf("%v are gone, want %v", gone, found[1])
	}
	runtime.KeepAlive(kept)
}

func TestPlanConcurrently(t *testing.T) {
	w := newWorld(t)
	n := intPairs(w).Wide(addUp(), here(), wide("map"))
	ids := make([]plan.OpID, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			if p, err := w.g.Plan(n, countPairs()); err == nil {
				ids[i] = p.Stages[0].Sink.Op.ID
			}
		})
	}
	all.Wait()
	if ids[0] == "" || len(slices.Compact(ids)) != 1 {
		t.Errorf("one operator has IDs %v", ids)
	}
	if _, ok := w.g.Local(ids[0]); !ok {
		t.Error("the operator is gone")
	}
}

func BenchmarkCallSite(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = here()
	}
}

func BenchmarkPlanLong(b *testing.B) {
	w := newWorld(b)
	n := w.numbers(1, 1)
	for range 10_000 {
		n = n.Narrow(MapOp(func(n int64) int64 { return n }), here(), false)
	}
	a := Action{Op: CountOp[int64](), Call: here()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.g.Plan(n, a); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTinyTasks runs tasks of a few rows each.
func BenchmarkTinyTasks(b *testing.B) {
	w := newWorld(b)
	n := w.numbers(1000, 1000).Narrow(MapOp(func(n int64) int64 { return n + 1 }), here(), false).
		Narrow(FilterOp(func(n int64) bool { return n%2 == 0 }), here(), false)
	p := w.plan(n, Action{Op: CountOp[int64](), Call: here()})
	t := w.task(&p.Stages[0], 0)
	b.ReportAllocs()
	for b.Loop() {
		if _, f := w.r.Run(b.Context(), p, &p.Stages[0], t); f != nil {
			b.Fatal(f)
		}
	}
}

// TestClosuresTakeNoNumbers keeps the names of shuffles, and with them the
// order of rows, the same for closures and for generated code.
func TestClosuresTakeNoNumbers(t *testing.T) {
	w := newWorld(t)
	before := w.g.nextID.Load()
	if _, err := w.g.refer(CountOp[int](), here()); err != nil {
		t.Fatal(err)
	}
	if after := w.g.nextID.Load(); after != before {
		t.Errorf("a closure took the number %d, by which nodes are named", after)
	}
}
