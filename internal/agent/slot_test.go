package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestQueue(t *testing.T) {
	var q queue[int]
	q.init()
	const n = 1000
	got := make(chan int, n)
	var takers sync.WaitGroup
	for range 3 {
		takers.Go(func() {
			for {
				x, ok := q.take()
				if !ok {
					return
				}
				got <- x
			}
		})
	}
	for x := range n {
		q.put(x)
	}
	q.close()
	takers.Wait()
	close(got)
	var all []int
	for x := range got {
		all = append(all, x)
	}
	slices.Sort(all)
	for i, x := range all {
		if i != x {
			t.Fatalf("item %d is %d", i, x)
		}
	}
	if len(all) != n {
		t.Errorf("%d items, want %d: a closed queue is emptied first", len(all), n)
	}
}

func TestQueueKeepsOrder(t *testing.T) {
	var q queue[int]
	q.init()
	want := 0
	for x := range 100 {
		q.put(x)
		if x%3 == 0 {
			if got, _ := q.take(); got != want {
				t.Fatalf("got %d, want %d", got, want)
			}
			want++
		}
	}
}

func TestQueueGivesBack(t *testing.T) {
	var q queue[int]
	q.init()
	for x := range 5 {
		q.put(x)
	}
	if got, _ := q.take(); got != 0 {
		t.Errorf("took %d", got)
	}
	for x, want := range map[int]bool{0: false, 2: true, 7: false} {
		if q.remove(x) != want {
			t.Errorf("item %d: removed %v", x, !want)
		}
	}
	if got := q.list(); q.len() != 3 || !slices.Equal(got, []int{1, 3, 4}) {
		t.Errorf("%d are left: %v", q.len(), got)
	}
	for _, want := range []int{1, 3, 4} {
		if got, _ := q.take(); got != want {
			t.Errorf("took %d, want %d", got, want)
		}
	}
}

// A scratch directory serves the next attempt unless somebody used it.
func TestScratch(t *testing.T) {
	s := &scratch{base: filepath.Join(t.TempDir(), "tasks"), slot: 3}
	get := func() string {
		t.Helper()
		dir, err := s.get()
		if err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%s has %v, %v", dir, entries, err)
		}
		return dir
	}
	first := get()
	s.clean()
	if again := get(); again != first {
		t.Errorf("an unused directory was not used again: %s, %s", first, again)
	}
	seen := map[string]bool{}
	for i, use := range []func(string) error{
		func(dir string) error { return os.WriteFile(filepath.Join(dir, "f"), nil, 0o600) },
		func(dir string) error { return os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700) },
		os.Remove,
	} {
		dir := get()
		if seen[dir] {
			t.Errorf("use %d: %s was used before", i, dir)
		}
		seen[dir] = true
		if err := use(dir); err != nil {
			t.Fatal(err)
		}
		s.clean()
	}
	_ = get()
	s.remove()
	s.remove()
	if entries, err := os.ReadDir(s.base); err != nil || len(entries) > 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestRemoveNamed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"1.4", "1.4.shuffle", "1.4-77.result", "1.42.shuffle", "11.4", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removeNamed(dir, "1.4")
	removeNamed(filepath.Join(dir, "none"), "1.4")
	if got, want := names(t, dir), []string{"1.42.shuffle", "11.4", "other"}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestReport(t *testing.T) {
	from := model.AttemptID{Partition: 1, Term: 1, Seq: 9}
	r := &run{launch: &work.Launch{}, inputs: []*input{{key: "m", outputs: []model.MapOutput{{Partition: 0}, {Partition: 1, Attempt: from}}}}}
	fetch := func(key plan.StageKey, i int) *plan.Failure {
		return &plan.Failure{Class: plan.FailFetch, Row: -1, Fetch: &plan.FetchSource{Stage: key, Map: i}}
	}
	class := func(c plan.FailureClass) *plan.Failure { return &plan.Failure{Class: c, Row: 4, Path: "p"} }
	for _, c := range []struct {
		name   string
		f      *plan.Failure
		killed bool
		want   model.FailClass
		source bool
	}{
		{"user", class(plan.FailUser), false, model.User, false},
		{"input", class(plan.FailInput), false, model.Input, false},
		{"resource", class(plan.FailResource), false, model.Resource, false},
		{"no other worker would do better", class(plan.FailInfra), false, model.User, false},
		{"killed by itself", class(plan.FailKilled), false, model.User, false},
		{"killed", class(plan.FailKilled), true, model.Killed, false},
		{"failed for being killed", class(plan.FailUser), true, model.Killed, false},
		{"unknown class", class(200), false, model.User, false},
		{"fetch", fetch("m", 1), false, model.Fetch, true},
		{"fetch of an unknown map", fetch("m", 7), false, model.User, false},
		{"fetch of an unknown shuffle", fetch("x", 1), false, model.User, false},
		{"fetch of nothing", class(plan.FailFetch), false, model.User, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.killed = c.killed
			ev := r.report(model.From{}, c.f, true)
			if ev.Class != c.want || (ev.Source != nil) != c.source || c.source && ev.Source.Attempt != from {
				t.Errorf("got %s with source %+v", ev.Class, ev.Source)
			}
			if ev.Disk != (c.want == model.Resource) || ev.Signature.HasRow != (c.f.Row >= 0) {
				t.Errorf("got %+v", ev)
			}
			back, err := plan.Decode[plan.Failure](ev.Detail)
			if err != nil || back.Class != c.f.Class || back.Path != c.f.Path {
				t.Errorf("detail %+v, %v", back, err)
			}
		})
	}
}

func TestLocations(t *testing.T) {
	w := New(Options{})
	out := func(i int, what string) model.MapOutput {
		return model.MapOutput{Partition: i, Output: []byte(what)}
	}
	want := func(text string) {
		t.Helper()
		if got := fmt.Sprintf("%s", w.where[inputKey{key: "m"}].encoded); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
	}
	w.locate(model.Locations{Key: "m", Full: true, Outputs: []model.MapOutput{out(1, "b"), out(0, "a"), out(2, "c")}})
	want("[a b c]")
	first := w.where[inputKey{key: "m"}]
	w.locate(model.Locations{Key: "m", Lost: []int{1}})
	want("[a c]")
	w.locate(model.Locations{Key: "m", Outputs: []model.MapOutput{out(1, "B"), out(2, "C")}})
	want("[a B C]")
	w.locate(model.Locations{Key: "m", Full: true, Outputs: []model.MapOutput{out(0, "z")}})
	want("[z]")
	if got := fmt.Sprintf("%s", first.encoded); got != "[a b c]" {
		t.Errorf("what attempts were given changed to %s", got)
	}
}

// heard keeps what an agent reports.
type heard struct{ events []model.Event }

func (h *heard) Report(ev model.Event)             { h.events = append(h.events, ev) }
func (h *heard) Done(model.TaskDone, *plan.Result) {}

func TestProgress(t *testing.T) {
	up := &heard{}
	a := New(Options{Upstream: up})
	of := model.StageID{Job: "j"}
	one, ended := model.AttemptID{Stage: of, Partition: 3, Seq: 7}, model.AttemptID{Stage: of, Partition: 4, Seq: 8}
	a.runs[keyOf(one)] = &run{id: one, name: nameOf(one)}
	a.runs[keyOf(ended)] = &run{id: ended, name: nameOf(ended), finished: true}
	other := model.AttemptID{Stage: model.StageID{Job: "other"}, Partition: 3, Seq: 9}
	a.runs[keyOf(other)] = &run{id: other, name: nameOf(one)} // as one of another job may be called
	for range 2 {
		a.Progress("j", []plan.Progress{{Attempt: nameOf(ended)}, {Attempt: "0.99"}, {Attempt: nameOf(one), Rows: 5, Fraction: 0.5, Moves: 1}})
	}
	a.Progress("j", []plan.Progress{{Attempt: nameOf(ended)}})
	if got, want := fmt.Sprintf("%+v", up.events), fmt.Sprintf("%+v", []model.Event{
		model.TaskProgress{Progress: []model.Progress{{Attempt: one, Rows: 5, Fraction: 0.5, Moves: 1}}},
		model.TaskProgress{Progress: []model.Progress{{Attempt: one, Rows: 5, Fraction: 0.5, Moves: 2}}},
	}); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
