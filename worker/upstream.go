package worker

import (
	"fmt"
	"os"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
)

// inlineResult is the size up to which results go to the driver by way of the
// master.
const inlineResult = 256 << 10

// upstream passes the agent's reports on.
type upstream struct{ *Worker }

func (u upstream) Report(ev model.Event) {
	switch ev := ev.(type) {
	case model.TaskFailed:
		u.report(ev.Attempt, ev)
	case model.TaskStarted:
		u.later(ev)
	default:
		u.send(ev)
	}
}

// Done keeps what a success left, so that others can have it, and reports where.
func (u upstream) Done(ev model.TaskDone, res *plan.Result) {
	if err := u.keep(&ev, res); err != nil {
		u.report(ev.Attempt, model.TaskFailed{From: u.from, Attempt: ev.Attempt, Class: model.Infra, Message: err.Error()})
		return
	}
	u.report(ev.Attempt, ev)
}

func (w *Worker) keep(ev *model.TaskDone, res *plan.Result) error {
	switch {
	case res.Shuffle != nil:
		var out shuffle.Output
		if err := decode(res.Shuffle, &out); err != nil {
			return fmt.Errorf("output of %s: %w", ev.Attempt, err)
		}
		ev.Sizes = make([]byte, len(out.Sizes))
		for i, n := range out.Sizes {
			ev.Sizes[i] = model.SizeByte(n)
		}
		w.store.add(ev, &out)
	case ev.Attempt.Stage.Action == 0 || res.Staged != nil:
	case res.ValuePath == "" && len(res.Value) <= inlineResult:
		ev.Result = res.Value
	default:
		return w.keepResult(ev, res)
	}
	return nil
}

// keepResult keeps a result that is too large to travel by way of the master.
func (w *Worker) keepResult(ev *model.TaskDone, res *plan.Result) error {
	r := &result{attempt: ev.Attempt, bytes: res.Value, path: res.ValuePath, size: int64(len(res.Value))}
	d := plan.DigestOf(r.bytes)
	if r.path != "" { // it may be too large for memory
		var err error
		if d, err = digestOf(r.path); err == nil {
			r.size, err = sizeOf(r.path)
		}
		if err != nil {
			return fmt.Errorf("result of %s: %w", ev.Attempt, err)
		}
	}
	w.store.addResult(d, r)
	ev.Address = w.o.Advertise + "/" + string(d)
	return nil
}

func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func decode(b []byte, v any) error {
	if err := plan.Check(b); err != nil {
		return err
	}
	return msgpack.Unmarshal(b, v)
}
