package worker

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/worker/transfer"
)

// movedAtOnce is how many outputs one message tells another worker of.
const movedAtOnce = 32

// moveAway hands outputs to another worker (R39): what that needs to know of them
// goes there by way of the master, and it fetches them as a reader would.
func (w *Worker) moveAway(m model.Move) {
	by := map[plan.JobID][]model.MapOutput{}
	for _, id := range m.Outputs {
		if o, ok := w.store.one(id, w.o.ID, w.o.Store); ok {
			by[id.Stage.Job] = append(by[id.Stage.Job], o)
		}
	}
	for job, all := range by {
		for len(all) > 0 {
			n := min(len(all), movedAtOnce)
			w.send(msg.Handover{Target: m.Target, Job: job, Outputs: all[:n]})
			all = all[n:]
		}
	}
}

// takeOver fetches outputs of another worker, and owns those that came whole. Of
// the others the scheduler asks again.
func (w *Worker) takeOver(m msg.Handover) {
	w.moves.Lock()
	defer w.moves.Unlock()
	w.log.Info("outputs are moved here", "job", string(m.Job), "outputs", len(m.Outputs))
	for i := range m.Outputs {
		o := &m.Outputs[i]
		if err := w.takeOne(o); err != nil {
			w.log.Warn("an output was not moved here", "output", o.Attempt.String(), "from", string(o.Worker), "err", err)
		}
	}
}

func (w *Worker) takeOne(o *model.MapOutput) error {
	var out shuffle.Output
	if err := decode(o.Output, &out); err != nil {
		return err
	}
	path, err := w.placeFor(o.Attempt)
	if err != nil {
		return err
	}
	if w.store.local(o.Attempt) == nil {
		if err := w.copyOutput(o, &out, path); err != nil {
			_ = os.Remove(path)
			return err
		}
	}
	w.call(func() {
		if k, ok := w.store.one(o.Attempt, w.o.ID, w.o.Store); ok {
			w.send(model.OutputsMoved{From: w.from, Moved: []model.MovedOutput{{Output: o.Attempt, From: o.Store, To: w.o.Store, Where: k.Output}}})
		}
	})
	return nil
}

// placeFor asks the loop where an output is to lie.
func (w *Worker) placeFor(id model.AttemptID) (path string, err error) {
	placed := make(chan struct{})
	w.call(func() {
		path, err = w.agent.Place(id)
		close(placed)
	})
	select {
	case <-placed:
		return path, err
	case <-w.ctx.Done():
		return "", errClosed
	}
}

// copyOutput makes a file of all partitions of an output, and adds it to the store.
func (w *Worker) copyOutput(o *model.MapOutput, out *shuffle.Output, path string) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	moved := *out
	moved.Path = path
	if n := partitionsOf(out); n > 0 && out.Bytes > 0 {
		src := transfer.Source{Attempt: o.Attempt, Worker: o.Worker, Store: o.Store, Addr: w.peers.get(o.Worker).Address,
			Shuffle: out.Shuffle, Size: out.Bytes}
		fetch, err := w.fetch.Fetch(w.ctx, transfer.Request{Job: o.Attempt.Stage.Job, To: uint32(n), Sources: []transfer.Source{src}})
		if err != nil {
			return err
		}
		defer func() { _ = fetch.Close() }()
		part, err := fetch.Part(0)
		if err != nil {
			return err
		}
		if moved.Bytes, err = io.Copy(f, part); err != nil {
			return err
		}
		if moved.Segments, err = offsets(part.Lens, moved.Bytes); err != nil {
			return err
		}
	}
	encoded, err := msgpack.Marshal(&moved)
	if err != nil {
		return err
	}
	w.store.add(&model.TaskDone{From: w.from, Attempt: o.Attempt, Reads: o.Reads, Rows: o.Rows, Bytes: o.Bytes, Sum: o.Sum, RowSum: o.RowSum,
		Sizes: o.Sizes, Output: encoded, Counters: o.Counters, Updates: o.Updates}, &moved)
	return nil
}

// partitionsOf is how many partitions an output has; 0 when nothing was written.
func partitionsOf(o *shuffle.Output) int {
	if len(o.Segments) == 0 {
		return 0
	}
	return len(o.Segments[0]) - 1
}

// offsets turns lengths of partitions, segment after segment, into where each
// begins in a file of so many bytes.
func offsets(lens [][]int64, size int64) ([][]int64, error) {
	at := int64(0)
	segments := make([][]int64, len(lens))
	for i, ls := range lens {
		segments[i] = append(make([]int64, 0, len(ls)+1), at)
		for _, n := range ls {
			at += n
			segments[i] = append(segments[i], at)
		}
	}
	if at != size {
		return nil, fmt.Errorf("%d bytes came of %d", size, at)
	}
	return segments, nil
}
