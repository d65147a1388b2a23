package rdd

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/gordd-project/gordd/rdd/plan"
)

func strict(o *RunnerOptions) { o.Strict = true }

// counting changes its With value.
func counting(env map[string]int64, n int64) int64 {
	env["rows"]++
	return n
}

// looking does not.
func looking(env map[string]int64, n int64) int64 { return n + env["rows"] }

func withEnv(w *world, f func(map[string]int64, int64) int64, call Call) (*Op, Call) {
	op := WithOp(f, func(env map[string]int64) *Op { return MapOp(func(n int64) int64 { return f(env, n) }) })
	b, err := op.env.encode(map[string]int64{"rows": 1})
	if err != nil {
		w.t.Fatal(err)
	}
	call.Env = w.blob(b)
	return op, call
}

func TestAChangedWithValueIsAFailure(t *testing.T) {
	count := func() Action { return Action{Op: CountOp[int64](), Call: here()} }
	w := newWorld(t, strict)
	op, call := withEnv(w, counting, here())
	changed := w.numbers(10, 2).Narrow(op, call, false)
	f := w.fails(changed, count())
	if f.Class != plan.FailUser || !strings.Contains(f.Message, "changed its With value") || !strings.HasPrefix(f.Op, "Map (strict_test.go:") {
		t.Errorf("%+v", f)
	}
	if f := w.fails(w.numbers(10, 2).Union(here(), changed), count()); !strings.Contains(f.Message, "changed its With value") {
		t.Errorf("in a union: %+v", f)
	}

	op, call = withEnv(w, looking, here())
	if got := collect[int64](w, w.numbers(3, 1).Narrow(op, call, false)); !slices.Equal(got, []int64{1, 2, 3}) {
		t.Errorf("a value that stays: %v", got)
	}

	lax := newWorld(t)
	op, call = withEnv(lax, counting, here())
	if got := collect[int64](lax, lax.numbers(3, 1).Narrow(op, call, false)); len(got) != 3 {
		t.Errorf("without checks: %v", got)
	}
}

func TestLentValuesAreTakenBack(t *testing.T) {
	lax := &Task{runner: NewRunner(RunnerOptions{})}
	values, over := lend(lax, slices.Values([]int{1, 2}))
	over()
	if got := slices.Collect(values); len(got) != 2 {
		t.Errorf("without checks: %v", got)
	}

	task := &Task{runner: NewRunner(RunnerOptions{Strict: true})}
	values, over = lend(task, slices.Values([]int{1, 2, 3}))
	if got := slices.Collect(values); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("while they are lent: %v", got)
	}
	for v := range values { // as a function that needs the first ones only
		if v == 2 {
			break
		}
	}
	next, stop := iter.Pull(values)
	defer stop()
	if v, ok := next(); !ok || v != 1 {
		t.Errorf("pulled %d, %t", v, ok)
	}
	over()
	panics := func(f func()) (said any) {
		defer func() { said = recover() }()
		f()
		return nil
	}
	for name, f := range map[string]func(){
		"ranged over": func() { _ = slices.Collect(values) },
		"pulled":      func() { next() },
	} {
		if said, _ := panics(f).(string); !strings.Contains(said, "used after the function") {
			t.Errorf("%s: %q", name, said)
		}
	}
}

// TestGroupsAreLent keeps the values of groups in every operator that has them.
func TestGroupsAreLent(t *testing.T) {
	for name, mistake := range map[string]func(w *world) *Node{
		"GroupByKey": func(w *world) *Node {
			return w.pairsOf(40).Wide(GroupByKeyOp(func(_ int64, values iter.Seq[int64]) iter.Seq[int64] { return values }), here(), grouping())
		},
		"CoGroup": func(w *world) *Node {
			return w.pairsOf(40).Wide(CoGroupOp(func(_ int64, left, right iter.Seq[int64]) iter.Seq[iter.Seq[int64]] {
				return slices.Values([]iter.Seq[int64]{right, left})
			}), here(), cogrouping(), w.pairsOf(30))
		},
	} {
		w := newWorld(t, strict)
		kept := mistake(w).Narrow(MapPartitionsOp(func(_ *Task, rows iter.Seq[Pair[int64, iter.Seq[int64]]]) iter.Seq[int] {
			return func(yield func(int) bool) {
				var all []iter.Seq[int64]
				for p := range rows {
					all = append(all, p.Value)
				}
				yield(len(slices.Collect(all[0])))
			}
		}), here(), false)
		if f := w.fails(kept, Action{Op: CountOp[int](), Call: here()}); !strings.Contains(f.Message, "used after the function") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestBatchesAreForgotten(t *testing.T) {
	for want, w := range map[int64]*world{1: newWorld(t), 0: newWorld(t, strict)} {
		task := &Task{runner: w.r}
		var kept []int64
		feed := task.forgetting(func(b any) bool {
			kept = b.(*Rows[int64]).Rows
			return false
		})
		out := newOut(&Rows[int64]{}, new(int), feed).self.(*Rows[int64])
		out.Push(1)
		if out.Flush() {
			t.Error("the consumer wanted no more")
		}
		if len(kept) != 1 || kept[0] != want {
			t.Errorf("a slice that was kept has %v, want %d", kept, want)
		}
	}
	w := newWorld(t, strict)
	double := MapOp(func(n int64) int64 { return 2 * n })
	sums := collect[Pair[int64, int64]](w, w.pairsOf(3000).Narrow(MapValuesOp[int64](func(n int64) int64 { return n }), here(), true).
		Wide(ReduceByKeyOp[int64](func(a, b int64) int64 { return a + b }), here(), reducing()))
	if len(sums) != 10 {
		t.Errorf("sums %v", sums)
	}
	if got := collect[int64](w, w.numbers(3000, 1).Narrow(double, here(), false)); len(got) != 3000 || got[2999] != 5998 {
		t.Errorf("%d rows", len(got))
	}
}

// pairsOf are the numbers up to n by their last digit.
func (w *world) pairsOf(n int64) *Node {
	return w.numbers(n, 1).Narrow(MapToPairOp(func(n int64) (int64, int64) { return n % 10, n }), here(), false)
}

func grouping() Wide {
	return Wide{Kind: plan.HashPartitioner, N: 1, Sinks: []string{"map"}, Post: true, Class: plan.Unordered}
}

func reducing() Wide {
	return Wide{Kind: plan.HashPartitioner, N: 1, Sinks: []string{"map"}, Class: plan.Unordered}
}

func cogrouping() Wide {
	return Wide{Kind: plan.HashPartitioner, N: 1, Sinks: []string{"left", "right"}, Post: true, Class: plan.Unordered}
}
