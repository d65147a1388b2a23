package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/gordd-project/gordd/internal/driver"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an executor whose rows are numbers. A map task leaves one file that
// holds its partition's number; a task that reads shuffles adds up what the files
// hold. Hooks change what single stages do.
type fake struct {
	mu    sync.Mutex
	runs  map[plan.StageKey]int
	tasks []*plan.Task
	hooks map[plan.StageKey]hook
	all   hook
}

type hook func(ctx context.Context, t *plan.Task) (*plan.Result, *plan.Failure)

func newFake() *fake { return &fake{runs: map[plan.StageKey]int{}, hooks: map[plan.StageKey]hook{}} }

func (f *fake) count(key plan.StageKey) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.runs[key]
}

func (f *fake) total() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, k := range f.runs {
		n += k
	}
	return n
}

// clear takes the hooks away.
func (f *fake) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.hooks)
}

func (*fake) Forget(plan.StageKey) {}

func (f *fake) Run(ctx context.Context, _ *plan.Plan, st *plan.Stage, t *plan.Task) (*plan.Result, *plan.Failure) {
	f.mu.Lock()
	f.runs[st.Key]++
	f.tasks = append(f.tasks, t)
	h := f.hooks[st.Key]
	if h == nil {
		h = f.all
	}
	f.mu.Unlock()
	if h != nil {
		if res, fail := h(ctx, t); res != nil || fail != nil {
			return res, fail
		}
	}
	res, err := plainRun(st, t)
	var lost *lostOutput
	switch {
	case errors.As(err, &lost): // as other tasks found out before
		f := work.NewFailure(plan.FailFetch, "%v", err)
		f.Fetch = &lost.source
		return nil, f
	case err != nil:
		return nil, work.NewFailure(plan.FailInfra, "%v", err)
	}
	return res, nil
}

// lostOutput is the output of a map task that cannot be read.
type lostOutput struct {
	source plan.FetchSource
	error
}

func plainRun(st *plan.Stage, t *plan.Task) (*plan.Result, error) {
	sum, err := readInputs(t)
	if err != nil {
		return nil, err
	}
	for _, v := range t.Values {
		sum += number(v.Value)
	}
	if st.Pipe.Source.Wide == nil {
		sum += uint64(t.Partition) + 1
	}
	res := &plan.Result{Rows: 1, Counters: plan.Counters{RowsOut: 1}}
	switch {
	case st.Kind == plan.MapStage:
		path := filepath.Join(t.Store, t.Attempt+".shuffle")
		res.Shuffle = []byte(path)
		return res, os.WriteFile(path, encode(sum), 0o600)
	case st.Sink.Staged:
		res.Staged = &plan.StagedFile{Path: t.Staged, Rows: 1, Bytes: 8, Sum: sum}
		return res, os.WriteFile(strip(t.Staged), encode(sum), 0o600)
	}
	res.Value = encode(sum)
	return res, nil
}

func readInputs(t *plan.Task) (sum uint64, err error) {
	for _, in := range t.Inputs {
		for i, path := range in.Outputs {
			b, err := os.ReadFile(string(path))
			if err != nil {
				return 0, &lostOutput{plan.FetchSource{Stage: in.Stage, Map: i}, err}
			}
			sum += number(b)
		}
	}
	return sum, nil
}

func encode(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func number(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// world is an engine with its fake executor and its directory.
type world struct {
	*Engine
	t    *testing.T
	fake *fake
	dir  string
	last []plan.ActionStatus
	log  strings.Builder
	// stepped says that the scheduler has ended, and acknowledges nothing.
	stepped bool
}

func start(t *testing.T, slots int) *world {
	t.Helper()
	w := &world{t: t, fake: newFake(), dir: t.TempDir()}
	w.Engine = New(Options{Slots: slots, Scratch: w.dir, Observe: w.observe, Log: slog.New(slog.NewTextHandler(&w.log, nil))}, w.fake)
	t.Cleanup(w.stop)
	return w
}

func (w *world) observe(s plan.ActionStatus) { w.last = append(w.last, s) }

func (w *world) stop() {
	w.t.Helper()
	if !w.stepped {
		w.idle()
	}
	if err := w.Close(); err != nil {
		w.t.Errorf("close: %v", err)
	}
	if strings.Contains(w.log.String(), "heed") {
		w.t.Errorf("an action was left before its attempts had ended:\n%s", w.log.String())
	}
	w.wantFiles()
}

// wantFiles compares the files below the engine's directory with those wanted.
func (w *world) wantFiles(want ...string) {
	w.t.Helper()
	if got := filesIn(w.t, w.dir); !slices.Equal(got, want) {
		w.t.Errorf("files of the engine %q, want %q", got, want)
	}
}

func filesIn(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went under our eyes
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	return files
}

// do runs a plan and gives the values by partition.
func (w *world) do(p *plan.Plan) (map[int]uint64, plan.ActionStatus, error) {
	w.t.Helper()
	got := map[int]uint64{}
	s, err := w.Do(w.t.Context(), encoded(w.t, p), driver.Action{Result: func(i int, v driver.Value) error {
		b, err := v.Bytes()
		if _, twice := got[i]; twice {
			return fmt.Errorf("partition %d twice", i)
		}
		if err == nil {
			got[i] = number(b)
		}
		return err
	}})
	return got, s, err
}

func encoded(t testing.TB, p *plan.Plan) []byte {
	t.Helper()
	b, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Plans.

func site(line int) plan.Site { return plan.Site{File: "main.go", Line: line} }

func rangePipe(n int) plan.Pipe {
	return plan.Pipe{Source: plan.Source{Range: &plan.Range{Step: 1, Count: int64(n), N: n}}}
}

func widePipe(keys ...plan.StageKey) plan.Pipe {
	var p plan.Pipe
	for _, k := range keys {
		p.Source.Wide = append(p.Source.Wide, plan.Input{Shuffle: k})
	}
	return p
}

func sink(line int) plan.Sink {
	return plan.Sink{Op: plan.Op{ID: "op", Name: "Op", Site: site(line)}}
}

func mapStage(key plan.StageKey, pipe plan.Pipe, reduces int, parents ...plan.StageKey) plan.Stage {
	st := plan.Stage{Key: key, Kind: plan.MapStage, Name: "map " + string(key), Pipe: pipe, Sink: sink(12)}
	st.Sink.Part = &plan.Partitioner{N: reduces}
	for _, p := range parents {
		st.Parents = append(st.Parents, plan.Parent{Key: p})
	}
	return st
}

func resultStage(key plan.StageKey, pipe plan.Pipe, parents ...plan.StageKey) plan.Stage {
	st := plan.Stage{Key: key, Kind: plan.ResultStage, Name: "result " + string(key), Pipe: pipe, Sink: sink(13)}
	for _, p := range parents {
		st.Parents = append(st.Parents, plan.Parent{Key: p})
	}
	return st
}

func newPlan(stages ...plan.Stage) *plan.Plan {
	return &plan.Plan{Action: "Collect", Site: site(14), Stages: stages, Target: stages[len(stages)-1].Key}
}

func onePlan(tasks int) *plan.Plan { return newPlan(resultStage("r", rangePipe(tasks))) }

func twoPlan(maps, reduces int) *plan.Plan {
	return newPlan(mapStage("m", rangePipe(maps), reduces), resultStage("r", widePipe("m"), "m"))
}

func savePlan(dir string, tasks int) *plan.Plan {
	p := onePlan(tasks)
	p.Action = "SaveAsTextFile"
	p.Stages[0].Sink.Staged = true
	p.Output = &plan.Output{Path: dir}
	return p
}

// want fails the test unless err's text has all parts.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q lacks %q", err, p)
		}
	}
}

func TestTwoStages(t *testing.T) {
	w := start(t, 4)
	got, s, err := w.do(twoPlan(10, 3))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if got[i] != 55 {
			t.Errorf("partition %d: got %d, want 55", i, got[i])
		}
	}
	if s.State != plan.ActionDone || s.Name != "Collect" || s.ID.N != 1 || s.Error != "" || s.Elapsed <= 0 {
		t.Errorf("status %+v", s)
	}
	for i, tasks := range []int{10, 3} {
		st := s.Stages[i]
		if st.Tasks != tasks || st.Done != tasks || st.Running != 0 || st.Failed != 0 || st.Skipped || st.Elapsed <= 0 ||
			st.Counters != (plan.Counters{RowsOut: int64(tasks)}) {
			t.Errorf("stage %d: %+v", i, st)
		}
	}
	if last := w.last[len(w.last)-1]; last.State != plan.ActionDone || last.ID != s.ID {
		t.Errorf("the observer's last picture is %+v", last)
	}
	if files := filesIn(t, w.dir); len(files) != 10 {
		t.Errorf("%d files are kept, want the 10 of the shuffle: %q", len(files), files)
	}
}

func TestTaskHasWhatItNeeds(t *testing.T) {
	w := start(t, 2)
	seen := map[string]bool{}
	check := func(_ context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		for _, dir := range []string{task.Scratch, task.Store} {
			if err := os.WriteFile(filepath.Join(dir, task.Attempt+".tmp"), nil, 0o600); err != nil {
				return nil, work.NewFailure(plan.FailUser, "%v", err)
			}
		}
		w.fake.mu.Lock()
		defer w.fake.mu.Unlock()
		if seen[task.Attempt] || seen[task.Scratch] {
			return nil, work.NewFailure(plan.FailUser, "attempt %s or its scratch was there before", task.Attempt)
		}
		seen[task.Attempt], seen[task.Scratch] = true, true
		return nil, nil
	}
	w.fake.hooks["m"], w.fake.hooks["r"] = check, check
	if _, _, err := w.do(twoPlan(5, 7)); err != nil {
		t.Fatal(err)
	}
	for _, f := range filesIn(t, w.dir) {
		if !strings.HasPrefix(f, "shuffle") {
			t.Errorf("%s is left", f)
		}
	}
	for _, task := range w.fake.tasks {
		if task.Stage == "r" && (len(task.Inputs) != 1 || len(task.Inputs[0].Outputs) != 5) {
			t.Errorf("inputs of %s: %+v", task.Attempt, task.Inputs)
		}
	}
}

func TestSecondActionSkipsShuffle(t *testing.T) {
	w := start(t, 3)
	for n := range 3 {
		_, s, err := w.do(twoPlan(4, 2))
		if err != nil {
			t.Fatal(err)
		}
		if again := n > 0; s.Stages[0].Skipped != again || s.Stages[0].Done != 4 || s.Stages[1].Skipped {
			t.Errorf("action %d: stages %+v", n+1, s.Stages)
		}
	}
	if n := w.fake.count("m"); n != 4 {
		t.Errorf("the shuffle was made by %d attempts, want 4", n)
	}
	w.Release("m")
	if _, s, err := w.do(twoPlan(4, 2)); err != nil || s.Stages[0].Skipped {
		t.Errorf("after its release: %+v, %v", s.Stages, err)
	}
	if n := w.fake.count("m"); n != 8 {
		t.Errorf("the shuffle was made by %d attempts, want 8", n)
	}
}

func TestUnneededStageIsSkipped(t *testing.T) {
	w := start(t, 1)
	p := twoPlan(2, 2)
	p.Stages = append([]plan.Stage{mapStage("idle", rangePipe(3), 2)}, p.Stages...)
	_, s, err := w.do(p)
	if err != nil || !s.Stages[0].Skipped || s.Stages[0].Tasks != 3 || w.fake.count("idle") != 0 {
		t.Errorf("%+v, %v", s.Stages, err)
	}
}

func TestPartitions(t *testing.T) {
	w := start(t, 2)
	got := 0
	s, err := w.Do(t.Context(), encoded(t, onePlan(10)), driver.Action{Partitions: []int{2, 7, 10}, Result: func(i int, _ driver.Value) error {
		got += i
		return nil
	}})
	if s.Partitions != 10 || s.Stages[0].Tasks != 2 {
		t.Errorf("status %+v, want 2 tasks of 10", s)
	}
	if err != nil || got != 9 || w.fake.total() != 2 || s.Stages[0].Done != 2 {
		t.Errorf("got %d in %d attempts, %+v, %v", got, w.fake.total(), s, err)
	}
}

func TestNoTasks(t *testing.T) {
	w := start(t, 2)
	got, s, err := w.do(onePlan(0))
	if err != nil || len(got) != 0 || s.State != plan.ActionDone {
		t.Errorf("%v, %+v, %v", got, s, err)
	}
}

func TestValueStage(t *testing.T) {
	w := start(t, 2)
	p := newPlan(mapStage("m", rangePipe(4), 1), mapStage("v", widePipe("m"), 1, "m"), mapStage("s", rangePipe(2), 2), resultStage("r", widePipe("s"), "s"))
	v := &p.Stages[1]
	v.Kind = plan.ValueStage
	p.Stages[2].Parents = []plan.Parent{{Key: "v", Kind: plan.Value}}
	got, s, err := w.do(p)
	if err != nil {
		t.Fatal(err)
	}
	// Two map tasks of s: 1+10 and 2+10.
	if got[0] != 23 || got[1] != 23 {
		t.Errorf("got %v, want 23 twice", got)
	}
	if s.Stages[1].Tasks != 1 || s.Stages[1].Kind != plan.ValueStage {
		t.Errorf("value stage: %+v", s.Stages[1])
	}
}

// TestValuesComeInOrder: those that are there before their turn wait, in their
// files.
func TestValuesComeInOrder(t *testing.T) {
	const tasks = 20
	w := start(t, 2)
	var waiting sync.WaitGroup
	waiting.Add(tasks - 2)
	w.fake.hooks["r"] = func(_ context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		switch task.Partition {
		case 1: // not wanted
		case 0:
			waiting.Wait()
		default:
			defer waiting.Done()
		}
		path := filepath.Join(task.Store, task.Attempt+".result")
		if err := os.WriteFile(path, encode(uint64(task.Partition)), 0o600); err != nil {
			return nil, work.NewFailure(plan.FailUser, "%v", err)
		}
		return &plan.Result{ValuePath: path}, nil
	}
	var wanted, got []int
	for i := range tasks {
		if i != 1 {
			wanted = append(wanted, i)
		}
	}
	_, err := w.Do(t.Context(), encoded(t, onePlan(tasks)), driver.Action{Partitions: wanted, Result: func(i int, v driver.Value) error {
		b, err := v.Bytes()
		if err == nil && number(b) != uint64(i) {
			err = fmt.Errorf("partition %d has the value of %d", i, number(b))
		}
		got = append(got, i)
		return err
	}})
	if err != nil || !slices.Equal(got, wanted) {
		t.Errorf("got %v, %v", got, err)
	}
	w.wantFiles()
}

func TestLargeValueComesAsFile(t *testing.T) {
	w := start(t, 2)
	w.fake.hooks["r"] = func(_ context.Context, task *plan.Task) (*plan.Result, *plan.Failure) {
		path := filepath.Join(task.Store, task.Attempt+".result")
		if err := os.WriteFile(path, encode(42), 0o600); err != nil {
			return nil, work.NewFailure(plan.FailUser, "%v", err)
		}
		return &plan.Result{ValuePath: path}, nil
	}
	p := onePlan(3)
	got, _, err := w.do(p)
	if err != nil || got[0] != 42 || got[1] != 42 || got[2] != 42 {
		t.Errorf("got %v, %v", got, err)
	}
	w.wantFiles()
	_, err = w.Do(t.Context(), encoded(t, p), driver.Action{Result: func(int, driver.Value) error { return nil }, ResultBytes: 15})
	if !errors.Is(err, driver.ErrResultTooLarge) {
		t.Errorf("two files of 8 bytes: %v, want driver.ErrResultTooLarge", err)
	}
	w.wantFiles()
}

func TestResultBound(t *testing.T) {
	for _, c := range []struct {
		name  string
		bound int64
		ok    bool
	}{{"fits", 80, true}, {"does not", 79, false}, {"default", 0, true}, {"none", -1, true}} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, 2)
			given := 0
			s, err := w.Do(t.Context(), encoded(t, onePlan(10)), driver.Action{ResultBytes: c.bound, Result: func(int, driver.Value) error {
				given++
				return nil
			}})
			if c.ok {
				if err != nil || given != 10 {
					t.Errorf("%d values, %v", given, err)
				}
				return
			}
			wantError(t, err, "Collect (main.go:14)", "79 bytes")
			if !errors.Is(err, driver.ErrResultTooLarge) || s.State != plan.ActionFailed || given > 9 {
				t.Errorf("%d values, %+v, %v", given, s, err)
			}
		})
	}
}

func TestBadPlans(t *testing.T) {
	noTarget := onePlan(1)
	noTarget.Target = "x"
	staged := onePlan(1)
	staged.Stages[0].Sink.Staged = true
	orphan := newPlan(resultStage("r", widePipe("m"), "m"))
	blob := onePlan(1)
	blob.Blobs = []plan.Digest{plan.DigestOf([]byte("x"))}
	for _, c := range []struct {
		name string
		plan []byte
		want string
	}{
		{"garbage", []byte("garbage"), "decode"},
		{"no target", encoded(t, noTarget), "no target stage"},
		{"no output", encoded(t, staged), "names no output"},
		{"no parent", encoded(t, orphan), "m"},
		{"no blob", encoded(t, blob), "not held"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := start(t, 1)
			_, err := w.Do(t.Context(), c.plan, driver.Action{})
			wantError(t, err, c.want)
			if w.fake.total() != 0 {
				t.Error("a task ran")
			}
			if _, _, err := w.do(onePlan(2)); err != nil {
				t.Errorf("the engine is spoilt: %v", err)
			}
		})
	}
}

func TestConcurrentActions(t *testing.T) {
	w := start(t, 4)
	var g sync.WaitGroup
	for n := range 40 {
		g.Go(func() {
			// Ten shuffles, each shared by four actions.
			m := plan.StageKey(fmt.Sprint("m", n%10))
			p := newPlan(mapStage(m, rangePipe(6), 2), resultStage("r", widePipe(m), m))
			sum := uint64(0)
			_, err := w.Do(t.Context(), encoded(t, p), driver.Action{Result: func(_ int, v driver.Value) error {
				b, err := v.Bytes()
				sum += number(b)
				return err
			}})
			if err != nil || sum != 42 {
				t.Errorf("action %d: %d, %v", n, sum, err)
			}
		})
	}
	g.Wait()
	if n := w.fake.total(); n != 10*6+40*2 {
		t.Errorf("%d attempts, want %d: shared stages run once", n, 10*6+40*2)
	}
}

// Two actions read one shuffle whose size is open: whatever else they read with
// it, it has one number of partitions.
func TestOpenShuffleKeepsItsSize(t *testing.T) {
	w := start(t, 2)
	first := twoPlan(2, 0)
	if _, _, err := w.do(first); err != nil {
		t.Fatal(err)
	}
	second := newPlan(mapStage("m", rangePipe(2), 0), mapStage("o", rangePipe(3), 0), resultStage("j", widePipe("m", "o"), "m", "o"))
	got, s, err := w.do(second)
	if err != nil || len(got) != 4 || !s.Stages[0].Skipped {
		t.Errorf("got %v, %+v, %v; want the 4 partitions of the first action", got, s.Stages, err)
	}
}

func TestClose(t *testing.T) {
	w := start(t, 1)
	running := make(chan struct{})
	w.fake.hooks["r"] = func(ctx context.Context, _ *plan.Task) (*plan.Result, *plan.Failure) {
		close(running)
		<-ctx.Done()
		return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
	}
	ended := make(chan error)
	go func() {
		_, err := w.Do(context.Background(), encoded(t, onePlan(1)), driver.Action{})
		ended <- err
	}()
	<-running
	go func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := <-ended; !errors.Is(err, driver.ErrClosed) || !strings.HasPrefix(err.Error(), "Collect (main.go:14): ") {
		t.Errorf("the action that ran: %v, want driver.ErrClosed", err)
	}
	if _, err := w.Do(context.Background(), encoded(t, onePlan(1)), driver.Action{}); !errors.Is(err, driver.ErrClosed) || !strings.HasPrefix(err.Error(), "Collect (main.go:14): ") {
		t.Errorf("an action afterwards: %v, want driver.ErrClosed", err)
	}
}

func BenchmarkThousandTasks(b *testing.B) { benchmark(b, onePlan(1000)) }

func BenchmarkOneTask(b *testing.B) { benchmark(b, onePlan(1)) }

type empty struct{}

func (empty) Forget(plan.StageKey) {}

func (empty) Run(context.Context, *plan.Plan, *plan.Stage, *plan.Task) (*plan.Result, *plan.Failure) {
	return &plan.Result{}, nil
}

func benchmark(b *testing.B, p *plan.Plan) {
	e := New(Options{Scratch: b.TempDir()}, empty{})
	defer func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	}()
	enc := encoded(b, p)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Do(context.Background(), enc, driver.Action{}); err != nil {
			b.Fatal(err)
		}
	}
}
