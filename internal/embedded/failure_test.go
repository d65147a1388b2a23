package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
)

func TestTaskFailure(t *testing.T) {
	w := start(t, 3)
	fail := &plan.Failure{Class: plan.FailUser, Op: "Map (main.go:12)", Site: site(31), Row: 17, Path: "in/log.txt",
		Offset: 4711, Message: "strconv.Atoi: parsing \"x\"", Stack: "main.parse"}
	w.fake.hooks["m"] = func(ctx context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		if err := os.WriteFile(filepath.Join(task.Store, task.Attempt+".shuffle"), nil, 0o600); err != nil {
			t.Error(err)
		}
		if task.Partition == 2 {
			return nil, fail
		}
		<-ctx.Done() // the others are told when that one has failed
		return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
	}
	_, s, err := w.do(twoPlan(20, 2))
	var se *plan.StageError
	if !errors.As(err, &se) {
		t.Fatalf("got %v, want a StageError", err)
	}
	if se.Stage != "m" || se.Name != "map m" || se.Partition != 2 || se.Attempts != 1 || se.Action != s.ID || se.Failure != *fail {
		t.Errorf("got %+v", se)
	}
	if s.State != plan.ActionFailed || s.Error != err.Error() || s.Stages[0].Failed != 1 || s.Stages[0].Running != 0 {
		t.Errorf("status %+v", s)
	}
	if n := w.fake.total(); n != 3 {
		t.Errorf("%d attempts, want those of the 3 slots", n)
	}
	w.wantFiles()
	w.fake.clear()
	if got, _, err := w.do(twoPlan(20, 2)); err != nil || got[0] != 210 {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

func TestUnrulyExecutor(t *testing.T) {
	for _, c := range []struct {
		name string
		hook hook
		want []string
	}{
		{"panics", func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) { panic("boom") }, []string{"panic: boom", `stage "result r", partition 0`}},
		{"leaves", func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
			runtime.Goexit()
			return nil, nil
		}, []string{"runtime.Goexit"}},
		{"claims to be killed", func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
			return nil, work.NewFailure(plan.FailKilled, "I wanted to")
		}, []string{"I wanted to"}},
		{"unknown class", func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
			return nil, work.NewFailure(99, "no class")
		}, []string{"no class"}},
		{"input", func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
			return nil, work.NewFailure(plan.FailInput, "file changed")
		}, []string{"file changed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, 1)
			w.fake.hooks["r"] = c.hook
			_, _, err := w.do(onePlan(1))
			wantError(t, err, c.want...)
			w.fake.clear()
			if _, _, err := w.do(onePlan(2)); err != nil {
				t.Errorf("the slot is gone: %v", err)
			}
		})
	}
}

// A map output that cannot be read is made again, and nothing else is.
func TestFetchFailure(t *testing.T) {
	w := start(t, 2)
	var once atomic.Bool
	w.fake.hooks["r"] = func(_ context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		if task.Partition == 1 && once.CompareAndSwap(false, true) {
			f := work.NewFailure(plan.FailFetch, "block is short")
			f.Fetch = &plan.FetchSource{Stage: "m", Map: 3, Cause: "block is short"}
			return nil, f
		}
		return nil, nil
	}
	got, s, err := w.do(twoPlan(6, 4))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if got[i] != 21 {
			t.Errorf("partition %d: got %d, want 21", i, got[i])
		}
	}
	if n := w.fake.count("m"); n != 7 {
		t.Errorf("%d map attempts, want 7", n)
	}
	w.idle()
	w.core.Settle()
	if n := len(filesIn(t, w.dir)); n != 6 {
		t.Errorf("%d files, want 6: the one that could not be read is gone", n)
	}
	if st := s.Stages[0]; st.Done != 6 || st.Counters.RowsOut != 6 {
		t.Errorf("the lost output counts: %+v", st)
	}
}

func TestResultError(t *testing.T) {
	w := start(t, 2)
	mine := errors.New("enough")
	given := 0
	s, err := w.Do(t.Context(), encoded(t, onePlan(50)), driver.Action{Result: func(int, driver.Value) error {
		given++
		return mine
	}})
	if !errors.Is(err, mine) || given != 1 || s.State != plan.ActionFailed {
		t.Errorf("%d values, %+v, %v", given, s, err)
	}
}

func TestInputs(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%d", i)), make([]byte, 200<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	filesPlan := func(key plan.StageKey, f plan.Files) *plan.Plan {
		return newPlan(resultStage(key, plan.Pipe{Source: plan.Source{Files: &f}}))
	}
	w := start(t, 2)
	many := plan.Files{Paths: dir, MinSplits: 5}
	if got, _, err := w.do(filesPlan("a", many)); err != nil || len(got) < 5 {
		t.Errorf("%d partitions, %v; want at least 5", len(got), err)
	}
	for _, task := range w.fake.tasks {
		if len(task.Splits) != 1 || task.Splits[0].At != 0 || len(task.Splits[0].Split) == 0 {
			t.Errorf("splits %+v", task.Splits)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "more"), make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(w.fake.tasks)
	if got, _, err := w.do(filesPlan("b", many)); err != nil || len(got) != before {
		t.Errorf("the same source again has %d partitions, %v; want %d", len(got), err, before)
	}
	// A union of the files and a range: only the first partitions have splits.
	u := newPlan(resultStage("u", plan.Pipe{Source: plan.Source{Union: []plan.Pipe{
		{Source: plan.Source{Files: &many}}, rangePipe(2), {Source: plan.Source{Files: &many}}}}}))
	w.fake.tasks = nil
	if got, _, err := w.do(u); err != nil || len(got) != 2*before+2 {
		t.Errorf("union: %d partitions, %v", len(got), err)
	}
	for _, task := range w.fake.tasks {
		want := []int{0}
		switch {
		case task.Partition >= before+2:
			want[0] = 1
		case task.Partition >= before:
			want = nil
		}
		var at []int
		for _, s := range task.Splits {
			at = append(at, s.At)
		}
		if !slices.Equal(at, want) {
			t.Errorf("partition %d reads %v, want %v", task.Partition, at, want)
		}
	}
	_, s, err := w.do(filesPlan("c", plan.Files{Paths: filepath.Join(dir, "none")}))
	if storage.KindOf(err) != storage.NotFound || s.State != plan.ActionFailed {
		t.Errorf("no input: %+v, %v", s, err)
	}
	wantError(t, err, "Collect (main.go:14): find input", "none")
}

func TestSave(t *testing.T) {
	w := start(t, 4)
	dir := filepath.Join(t.TempDir(), "out")
	_, s, err := w.do(savePlan(dir, 3))
	if err != nil || s.State != plan.ActionDone {
		t.Fatalf("%+v, %v", s, err)
	}
	want := []string{"_SUCCESS", "_manifest.json", "part-00000", "part-00001", "part-00002"}
	if got := filesIn(t, dir); !slices.Equal(got, want) {
		t.Errorf("output has %q, want %q", got, want)
	}
	m, err := storage.ReadManifest(t.Context(), dir)
	if err != nil || len(m.Parts) != 3 || m.Parts[2].Rows != 1 || m.Parts[2].Sum != "0000000000000003" {
		t.Errorf("manifest %+v, %v", m, err)
	}
	before := w.fake.total()
	_, s, err = w.do(savePlan(dir, 3))
	if storage.KindOf(err) != storage.Exists || s.State != plan.ActionFailed {
		t.Errorf("existing output: %+v, %v", s, err)
	}
	wantError(t, err, "SaveAsTextFile (main.go:14): save to "+dir)
	if w.fake.total() != before {
		t.Error("tasks ran before the output was refused")
	}
	over := savePlan(dir, 2)
	over.Output.Overwrite = true
	if _, _, err := w.do(over); err != nil {
		t.Error(err)
	}
	if got := filesIn(t, filepath.Dir(dir)); len(got) != 4 {
		t.Errorf("after Overwrite: %q, want 4 files and no staging", got)
	}
	if _, _, err := w.do(savePlan(dir+"/*", 1)); storage.KindOf(err) != storage.Invalid {
		t.Errorf("wildcard: %v", err)
	}
}

func TestSaveFails(t *testing.T) {
	w := start(t, 2)
	w.fake.hooks["r"] = func(_ context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		if task.Partition == 5 {
			return nil, work.NewFailure(plan.FailUser, "bad row")
		}
		return nil, nil
	}
	dir := filepath.Join(t.TempDir(), "out")
	_, _, err := w.do(savePlan(dir, 10))
	wantError(t, err, "bad row")
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// Somebody makes the output directory while the tasks run.
func TestPublishFails(t *testing.T) {
	w := start(t, 2)
	dir := filepath.Join(t.TempDir(), "out")
	w.fake.hooks["r"] = func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
		_ = os.Mkdir(dir, 0o700)
		return nil, nil
	}
	_, s, err := w.do(savePlan(dir, 2))
	if storage.KindOf(err) != storage.Exists || s.State != plan.ActionFailed {
		t.Errorf("%+v, %v", s, err)
	}
	if got := filesIn(t, filepath.Dir(dir)); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

func TestTwoActionsOneOutput(t *testing.T) {
	w := start(t, 1)
	dir := filepath.Join(t.TempDir(), "out")
	running, goOn := make(chan struct{}), make(chan struct{})
	w.fake.hooks["r"] = func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
		close(running)
		<-goOn
		return nil, nil
	}
	first := make(chan error)
	go func() {
		_, err := w.Do(context.Background(), encoded(t, savePlan(dir, 1)), driver.Action{})
		first <- err
	}()
	<-running
	_, _, err := w.do(savePlan(dir, 1))
	wantError(t, err, "writes to "+dir)
	close(goOn)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// gate is a store that stops at chosen calls until it is let on.
type gate struct {
	storage.Local
	mu    sync.Mutex
	gates map[string]gatePoint
}

type gatePoint struct{ reached, open chan struct{} }

var slow = &gate{gates: map[string]gatePoint{}}

func init() { storage.Register("slow", slow) }

func strip(path string) string { return strings.TrimPrefix(path, "slow://") }

// at makes calls that touch a path with the suffix stop.
func (g *gate) at(suffix string) gatePoint {
	p := gatePoint{make(chan struct{}), make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.gates[suffix] = p
	return p
}

func (g *gate) pass(ctx context.Context, path string) error {
	g.mu.Lock()
	var p gatePoint
	for suffix, q := range g.gates {
		if strings.HasSuffix(path, suffix) {
			p = q
			delete(g.gates, suffix)
		}
	}
	g.mu.Unlock()
	if p.reached == nil {
		return nil
	}
	close(p.reached)
	select {
	case <-p.open:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) info(i storage.Info, err error) (storage.Info, error) {
	i.Path = "slow://" + i.Path
	return i, err
}

func (g *gate) Open(ctx context.Context, path string) (storage.File, error) {
	return g.Local.Open(ctx, strip(path))
}

func (g *gate) Create(ctx context.Context, path string) (storage.Writer, error) {
	return g.Local.Create(ctx, strip(path))
}

func (g *gate) Stat(ctx context.Context, path string) (storage.Info, error) {
	if err := g.pass(ctx, path); err != nil {
		return storage.Info{}, err
	}
	return g.info(g.Local.Stat(ctx, strip(path)))
}

func (g *gate) List(ctx context.Context, dir string) ([]storage.Info, error) {
	list, err := g.Local.List(ctx, strip(dir))
	for i := range list {
		list[i].Path = "slow://" + list[i].Path
	}
	return list, err
}

func (g *gate) MkdirAll(ctx context.Context, dir string) error {
	return g.Local.MkdirAll(ctx, strip(dir))
}

func (g *gate) Rename(ctx context.Context, from, to string) error {
	if err := g.pass(ctx, to); err != nil {
		return err
	}
	return g.Local.Rename(ctx, strip(from), strip(to))
}

func (g *gate) Remove(ctx context.Context, path string) error {
	return g.Local.Remove(ctx, strip(path))
}

func (g *gate) RemoveAll(ctx context.Context, path string) error {
	if strings.Contains(path, "/sticky/") {
		return &storage.PathError{Op: "remove", Path: path, Kind: storage.Permission, Offset: -1, Err: errors.New("it sticks")}
	}
	return g.Local.RemoveAll(ctx, strip(path))
}

func TestCancel(t *testing.T) {
	mine := errors.New("user has had enough")
	block := func(reached chan struct{}) hook {
		var once sync.Once
		return func(ctx context.Context, _ *plan.Task) (*plan.Result, *plan.Failure) {
			once.Do(func() { close(reached) })
			<-ctx.Done()
			return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	input := newPlan(resultStage("r", plan.Pipe{Source: plan.Source{Files: &plan.Files{Paths: "slow:///never"}}}))
	for _, c := range []struct {
		phase string
		plan  *plan.Plan
		setup func(w *world) (reached chan struct{})
	}{
		{"listing inputs", input, func(*world) chan struct{} { return slow.at("/never").reached }},
		{"preparing the output", savePlan("slow://"+out, 2), func(*world) chan struct{} { return slow.at("/out").reached }},
		{"first stage", twoPlan(9, 2), func(w *world) chan struct{} {
			reached := make(chan struct{})
			w.fake.hooks["m"] = block(reached)
			return reached
		}},
		{"second stage", twoPlan(3, 9), func(w *world) chan struct{} {
			reached := make(chan struct{})
			w.fake.hooks["r"] = block(reached)
			return reached
		}},
		{"writing", savePlan(out, 9), func(w *world) chan struct{} {
			reached := make(chan struct{})
			w.fake.hooks["r"] = block(reached)
			return reached
		}},
	} {
		t.Run(c.phase, func(t *testing.T) {
			w := start(t, 2)
			reached := c.setup(w)
			ctx, cancel := context.WithCancelCause(context.Background())
			go func() {
				<-reached
				cancel(mine)
			}()
			s, err := w.Do(ctx, encoded(t, c.plan), driver.Action{})
			if !errors.Is(err, mine) || s.State != plan.ActionCancelled || s.Error == "" {
				t.Errorf("%+v, %v", s, err)
			}
			if files := filesIn(t, filepath.Dir(out)); len(files) != 0 {
				t.Errorf("left beside the output: %q", files)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(out), "_temporary")); err == nil {
				t.Error("staging is left")
			}
			if _, _, err := w.do(onePlan(0)); err != nil {
				t.Errorf("an action afterwards: %v", err)
			}
		})
	}
	t.Run("before", func(t *testing.T) {
		w := start(t, 1)
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(mine)
		if _, err := w.Do(ctx, encoded(t, onePlan(1)), driver.Action{}); !errors.Is(err, mine) || w.fake.total() != 0 {
			t.Errorf("%v, %d attempts", err, w.fake.total())
		}
	})
	t.Run("taking results", func(t *testing.T) {
		w := start(t, 1)
		ctx, cancel := context.WithCancelCause(context.Background())
		given := 0
		_, err := w.Do(ctx, encoded(t, onePlan(9)), driver.Action{Result: func(int, driver.Value) error {
			given++
			cancel(mine)
			return nil
		}})
		if !errors.Is(err, mine) || given != 1 {
			t.Errorf("%d values, %v", given, err)
		}
	})
	t.Run("publishing", func(t *testing.T) {
		w := start(t, 1)
		ctx, cancel := context.WithCancelCause(context.Background())
		p := slow.at("/ready/part-00001")
		go func() {
			<-p.reached
			cancel(mine)
			close(p.open)
		}()
		if s, err := w.Do(ctx, encoded(t, savePlan("slow://"+out, 2)), driver.Action{}); err != nil || s.State != plan.ActionDone {
			t.Errorf("it is too late to cancel, but %+v, %v", s, err)
		}
		if n := len(filesIn(t, out)); n != 4 {
			t.Errorf("%d files, want 4", n)
		}
	})
}

// An action that shares a running stage with another one ends alone.
func TestCancelOneOfTwo(t *testing.T) {
	w := start(t, 1)
	running, goOn := make(chan struct{}), make(chan struct{})
	w.fake.hooks["m"] = func(ctx context.Context, _ *plan.Task) (*plan.Result, *plan.Failure) {
		close(running)
		select {
		case <-goOn:
			return nil, nil
		case <-ctx.Done():
			return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
		}
	}
	p := encoded(t, twoPlan(1, 1))
	ctx, cancel := context.WithCancel(context.Background())
	first, second := make(chan error), make(chan error)
	go func() {
		_, err := w.Do(ctx, p, driver.Action{})
		first <- err
	}()
	<-running
	go func() {
		_, err := w.Do(context.Background(), p, driver.Action{})
		second <- err
	}()
	for n := 0; n < 2; {
		answer := make(chan int)
		w.core.Call(func() (ev model.Event) { go func(n int) { answer <- n }(w.core.Load().Running); return nil })
		n = <-answer
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first: %v", err)
	}
	close(goOn)
	if err := <-second; err != nil {
		t.Errorf("the second: %v", err)
	}
	if n := w.fake.count("m"); n != 1 {
		t.Errorf("%d attempts of the shared stage, want 1", n)
	}
}

func TestAttemptThatDoesNotEnd(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		running, goOn := make(chan struct{}), make(chan struct{})
		f.hooks["r"] = func(context.Context, *plan.Task) (*plan.Result, *plan.Failure) {
			close(running)
			<-goOn
			return nil, nil
		}
		e := New(Options{Slots: 1, Scratch: dir}, f)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-running
			cancel()
		}()
		if _, err := e.Do(ctx, encoded(t, onePlan(1)), driver.Action{}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		wantError(t, e.Close(), `stage "result r", partition 0`, "does not heed its context")
		close(goOn)
	})
}
