package agent

import (
	"fmt"
	"hash/fnv"
	"runtime/debug"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

var failClasses = map[plan.FailureClass]model.FailClass{
	plan.FailUser: model.User, plan.FailFetch: model.Fetch, plan.FailResource: model.Resource,
	plan.FailCrash: model.Crash, plan.FailInfra: model.Infra, plan.FailInput: model.Input,
	plan.FailKilled: model.Killed, plan.FailRefused: model.Refused,
}

// panicked is what an executor should have made of a panic. v is nil when the
// code left its goroutine.
func panicked(v any) *plan.Failure {
	if v == nil {
		return work.NewFailure(plan.FailUser, "user code called runtime.Goexit")
	}
	f := work.NewFailure(plan.FailUser, "panic: %v", v)
	f.Stack = string(debug.Stack())
	return f
}

// report is a failed attempt as the scheduler hears of it. Where this is the
// only worker, what another one might do better, or was killed without being
// told to, fails for good.
func (r *run) report(from model.From, f *plan.Failure, only bool) model.TaskFailed {
	ev := model.TaskFailed{From: from, Attempt: r.id, Class: failClasses[f.Class], Message: f.Message, Signature: signature(f)}
	switch {
	case r.killed:
		ev.Class = model.Killed
	case ev.Class == model.Fetch:
		if ev.Source = r.source(f.Fetch); ev.Source == nil {
			ev.Class = model.User
		}
	case ev.Class == model.Resource:
		// Executors spill rather than run out of memory.
		ev.Disk, ev.Path = true, f.Path
	case ev.Class != model.Input && only:
		ev.Class = model.User
	}
	if detail, err := plan.Encode(f); err == nil {
		ev.Detail = detail
	}
	return ev
}

func signature(f *plan.Failure) model.Signature {
	h := fnv.New64a()
	_, _ = h.Write([]byte(f.Message))
	return model.Signature{Site: f.Op, Kind: fmt.Sprint(f.Class), Hash: h.Sum64(), Row: f.Row, HasRow: f.Row >= 0}
}

var fetchCauses = map[plan.FetchWay]model.FetchCause{plan.FetchCorrupt: model.FetchCorrupt, plan.FetchMissing: model.FetchMissing,
	plan.FetchRefused: model.FetchRefused, plan.FetchTimeout: model.FetchTimeout}

// source says of which attempt the output is that could not be read, or which cached
// block was not there; nil when the attempt had no such input.
func (r *run) source(f *plan.FetchSource) *model.FetchSource {
	if f == nil {
		return nil
	}
	if f.Block {
		b := model.BlockID{RDD: f.Stage, Partition: f.Map}
		b.Gen, _ = genOf(r.launch, f.Stage)
		return &model.FetchSource{Block: &b}
	}
	for _, in := range r.inputs {
		if in.key != f.Stage {
			continue
		}
		for i := range in.outputs {
			if o := &in.outputs[i]; o.Partition == f.Map {
				return &model.FetchSource{Key: f.Stage, Map: f.Map, Attempt: o.Attempt, Store: o.Store, Cause: fetchCauses[f.Way]}
			}
		}
	}
	return nil
}
