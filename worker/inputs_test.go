package worker

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/internal/agent"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

func TestReadable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "output")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		part shuffle.Part
		want bool
	}{
		"whole":       {shuffle.Part{Path: path, Ranges: [][2]int64{{0, 4}, {4, 10}}}, true},
		"too short":   {shuffle.Part{Path: path, Ranges: [][2]int64{{4, 11}, {0, 0}}}, false},
		"not there":   {shuffle.Part{Path: path + "x", Ranges: [][2]int64{{0, 1}}}, false},
		"a directory": {shuffle.Part{Path: dir, Ranges: [][2]int64{{0, 1}}}, false},
		"a device":    {shuffle.Part{Path: os.DevNull, Ranges: [][2]int64{{0, 0}}}, false},
	} {
		if got := readable(c.part); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestWholesOfWhatHasMoved reads a shuffle whole from the files of another worker of this
// machine, and once more when its output has moved and that worker's directory is gone.
func TestWholesOfWhatHasMoved(t *testing.T) {
	holder := &Worker{store: newStore(nil)}
	id, out := hold(t, holder, 0, 100)
	was, _ := holder.store.one(id, "w1", "s-w1")
	w := &Worker{o: Options{Machine: "here"}, store: newStore(nil)}
	w.peers.m = map[plan.WorkerID]msg.Peer{"w1": {Worker: "w1", Machine: "here"}, "w3": {Worker: "w3", Machine: "here"}}
	read := func(o model.MapOutput) string {
		t.Helper()
		g := &gathering{w: w, job: "j", told: time.Now()}
		defer g.close()
		in := agent.Input{Key: "m", Outputs: []model.MapOutput{o}}
		parts, err := g.read(t.Context(), &work.Launch{Action: plan.ActionID{Job: "j"}}, in, plan.ShuffleRead{Shuffle: "m", Whole: true})
		if err != nil {
			t.Fatal(err)
		}
		return parts[0].Path
	}
	if got := read(was); got != out.Path {
		t.Fatalf("read from %s, want %s", got, out.Path)
	}
	moved := *out
	moved.Path = filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(out.Path, moved.Path); err != nil {
		t.Fatal(err)
	}
	is := was
	var err error
	if is.Output, err = msgpack.Marshal(&moved); err != nil {
		t.Fatal(err)
	}
	is.Worker, is.Store = "w3", "s-w3"
	if got := read(is); got != moved.Path {
		t.Errorf("read from %s, want %s: the outputs have moved", got, moved.Path)
	}
}

// TestLateInputs has a task ask for what it was not given: it gets that, and nothing
// once it has ended.
func TestLateInputs(t *testing.T) {
	w := &Worker{store: newStore(nil)}
	id, out := hold(t, w, 0, 100)
	held, _ := w.store.one(id, "w1", "s-w1")
	ranged := plan.Pipe{N: 2, Ops: []plan.Op{{Name: "FilterByRange", Placed: &plan.Partitioner{}}}, Source: plan.Source{Wide: []plan.Input{{Shuffle: "m"}}}}
	l := &work.Launch{Action: plan.ActionID{Job: "j"}, Stage: &plan.Stage{Pipe: ranged}}
	task := &plan.Task{Attempt: "1.1", Scratch: t.TempDir()}
	done, f := w.inputs(t.Context(), l, task, []agent.Input{{Key: "m", Outputs: []model.MapOutput{held}}})
	if f != nil {
		t.Fatal(f.Message)
	}
	if want := []plan.ShuffleInput{{Stage: "m", Late: true}}; !reflect.DeepEqual(task.Inputs, want) {
		t.Errorf("the task was given %+v, want %+v", task.Inputs, want)
	}
	b, f := w.late.get(task, "m", 0)
	var parts []shuffle.Part
	if f != nil || msgpack.Unmarshal(b, &parts) != nil || len(parts) != 1 || parts[0].Path != out.Path {
		t.Errorf("it got %+v, %+v", parts, f)
	}
	if _, f := w.late.get(task, "m", 1); f == nil || f.Class != plan.FailInfra {
		t.Errorf("a partition that is none of its own: %+v", f)
	}
	x := w.late.m[task]
	done()
	for who, get := range map[string]func(plan.StageKey, int) ([]byte, *plan.Failure){
		"one that comes late": x.get, "another": func(of plan.StageKey, p int) ([]byte, *plan.Failure) { return w.late.get(task, of, p) },
	} {
		if _, f := get("m", 0); f == nil || f.Message != errEnded.Error() {
			t.Errorf("%s: got %+v when the task had ended", who, f)
		}
	}
	if len(w.late.m) != 0 || x.ctx.Err() == nil {
		t.Errorf("%d tasks are left, the context of one: %v", len(w.late.m), x.ctx.Err())
	}
}
