package worker

import (
	"os"
	"path/filepath"
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
