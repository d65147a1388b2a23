package engine

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// whole is a plan with all that a plan can have.
func whole(dir string) *plan.Plan {
	files := plan.Source{Files: &plan.Files{ID: 1, Paths: filepath.Join(dir, "in"), MinSplits: 2, MaxBytes: 1000}}
	data := plan.Source{Data: &plan.Data{Ends: []int64{1, 2}}}
	side := plan.Pipe{Source: plan.Source{Range: &plan.Range{Step: 1, Count: 9, N: 3}}}
	return &plan.Plan{Action: "SaveAsTextFile", Target: "r", Output: &plan.Output{Path: filepath.Join(dir, "out")}, Stages: []plan.Stage{
		{Key: "s", Kind: plan.MapStage, Pipe: plan.Pipe{Source: plan.Source{Union: []plan.Pipe{{Source: files}, {Source: data}}}},
			Sink: plan.Sink{Part: &plan.Partitioner{Kind: plan.SinglePartitioner, N: 1}}},
		{Key: "v", Kind: plan.ValueStage, Pipe: plan.Pipe{Source: plan.Source{Wide: []plan.Input{{Shuffle: "s"}}}}, Parents: []plan.Parent{{Key: "s"}},
			Sink: plan.Sink{Part: &plan.Partitioner{Kind: plan.RangePartitioner, N: 1}}},
		{Key: "m", Kind: plan.MapStage, Pipe: plan.Pipe{Source: files}, Parents: []plan.Parent{{Key: "v", Kind: plan.Value}},
			Sink: plan.Sink{Part: &plan.Partitioner{Kind: plan.RangePartitioner, N: 3, Bounds: "v"}}},
		{Key: "r", Kind: plan.ResultStage, Pipe: plan.Pipe{Source: plan.Source{Wide: []plan.Input{{Shuffle: "m"}, {Pipe: &side}}}},
			Parents: []plan.Parent{{Key: "m"}}, Sink: plan.Sink{Staged: true}},
	}}
}

// bend calls f for every value inside v, after it has been set to something that
// nobody would send, and puts it back.
func bend(v reflect.Value, path string, f func(what string)) {
	with := func(strange any) {
		old := reflect.ValueOf(v.Interface())
		v.Set(reflect.ValueOf(strange).Convert(v.Type()))
		f(fmt.Sprintf("%s = %.40v", path, strange))
		v.Set(old)
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			bend(v.Field(i), path+"."+v.Type().Field(i).Name, f)
		}
	case reflect.Pointer, reflect.Slice:
		if v.IsNil() {
			return
		}
		if v.Kind() == reflect.Pointer {
			bend(v.Elem(), path, f)
		}
		for i := 0; v.Kind() == reflect.Slice && i < v.Len(); i++ {
			bend(v.Index(i), fmt.Sprintf("%s[%d]", path, i), f)
		}
		with(reflect.Zero(v.Type()).Interface())
	case reflect.Bool:
		with(!v.Bool())
	case reflect.String:
		for _, s := range []string{"", "r", "m", "nobody", "../../..", "\x00\xff", strings.Repeat("x", 70_000)} {
			with(s)
		}
	case reflect.Uint8:
		with(uint8(3))
		with(uint8(math.MaxUint8))
	case reflect.Int, reflect.Int64:
		for _, n := range []int64{-1, 1, 1 << 20, 1 << 40, math.MaxInt64, math.MinInt64} {
			with(n)
		}
	}
}

// Every value of a plan is set to what nobody would send. The action is refused, or
// fails, or runs; the engine goes on, and holds no more than before.
func TestHostilePlans(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte(strings.Repeat("a line\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	w := start(t)
	refused, failed, ran := 0, 0, 0
	n := 0
	p := whole(dir)
	try := func(what string) {
		n++
		b, err := plan.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := plan.Decode[plan.Plan](b)
		if err != nil || work.Check(sent) != nil {
			refused++
			return
		}
		switch tasks, ended := w.outcome(n, sent, plan.DigestOf(b)); {
		case !ended:
			t.Fatalf("%s: the action does not end", what)
		case tasks:
			ran++
		default:
			failed++
		}
	}
	try("nothing")
	if ran != 1 {
		t.Fatal("the plan does not run as it is")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	bend(reflect.ValueOf(p).Elem(), "plan", try)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+32<<20 {
		t.Errorf("the heap grew from %d to %d", before.HeapAlloc, after.HeapAlloc)
	}
	t.Logf("%d plans: %d refused, %d failed, %d ran", n, refused, failed, ran)
}

// outcome begins an action, and cancels it when a task of it runs, which it says.
func (w *world) outcome(n int, p *plan.Plan, hash plan.Digest) (ran, ended bool) {
	late := time.After(time.Minute)
	id := plan.ActionID{Job: "j", N: n}
	w.Call(func() model.Event { return w.Begin(work.Submission{ID: id, Plan: p, Hash: hash}) })
	for {
		select {
		case l := <-w.launch:
			ran = true
			w.Cancel(id, errEnough)
			for _, task := range l.Tasks {
				w.Send(model.TaskFailed{From: w.from, Attempt: task.Attempt, Class: model.Killed})
			}
		case text := <-w.told:
			if text == fmt.Sprint(n, " quiet") {
				return ran, true
			}
		case <-w.results:
		case <-late:
			return ran, false
		}
	}
}
