package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// worker is the process's own: slots that run attempts, and the files that
// outlive them. Its fields below the comment belong to the loop's goroutine.
type worker struct {
	e     *Engine
	ex    Executor
	from  model.From
	queue queue[*run]
	slots sync.WaitGroup

	// Of the loop.
	runs  map[attemptKey]*run // launched and not yet acknowledged
	where map[plan.StageKey]*input
	dirs  map[model.StageID]string // for files that outlive attempts
	made  int                      // of those, ever
	bad   map[model.AttemptID]bool // outputs that a reader found missing or corrupt
	lost  []model.AttemptID        // those that have been made anew or will be
}

// input is what is known of a shuffle or value: replaced, never changed, so that
// attempts can keep one.
type input struct {
	key     plan.StageKey
	epoch   uint64
	outputs []model.MapOutput // by partition
	encoded [][]byte          // what readers get of each
}

// run is one attempt.
type run struct {
	id     model.AttemptID
	name   string
	stage  *stage   // in the action whose plan it runs
	others []*stage // in all actions that follow the stage
	reads  []model.Read
	inputs []*input
	values []plan.StageValue
	store  string
	ctx    context.Context
	cancel context.CancelCauseFunc

	// Of the loop.
	owner    *action // that waits for its end
	killed   bool
	finished bool
	result   *plan.Result
}

func newWorker(e *Engine, ex Executor) *worker {
	c := model.Embedded()
	w := &worker{
		e: e, ex: ex,
		from: model.From{Cluster: c.Cluster, Protocol: c.Protocol, Term: c.Term, Worker: "local", Inc: 1, Session: 1},
		runs: map[attemptKey]*run{}, where: map[plan.StageKey]*input{},
		dirs: map[model.StageID]string{}, bad: map[model.AttemptID]bool{},
	}
	w.queue.init()
	for i := range e.o.Slots {
		dir := &scratch{base: filepath.Join(e.o.Scratch, "tasks"), slot: i}
		w.slots.Go(func() { w.slot(dir) })
	}
	return w
}

// carryOut does what the scheduler wants of the worker.
func (w *worker) carryOut(cmds []model.Command) {
	for _, c := range cmds {
		switch c := c.(type) {
		case model.StartExec:
			w.e.loop.reply(model.ExecUp{From: w.from, Job: c.Job, No: c.No})
		case model.Locations:
			w.locate(c)
		case model.Launch:
			w.launch(c)
		case model.Kill:
			w.kill(c)
		case model.Ack:
			w.acknowledged(c)
		case model.Verify:
			w.verify(c.Output)
		case model.Drop:
			w.drop(c)
		}
	}
}

// locate takes note of where a shuffle's outputs are. Attempts keep what they
// were given.
func (w *worker) locate(c model.Locations) {
	in := &input{key: c.Key, epoch: c.Epoch}
	if !c.Full {
		if old := w.where[c.Key]; old != nil {
			in.outputs = slices.DeleteFunc(slices.Clone(old.outputs), func(o model.MapOutput) bool {
				return slices.Contains(c.Lost, o.Partition) || slices.ContainsFunc(c.Outputs, func(n model.MapOutput) bool {
					return n.Partition == o.Partition
				})
			})
		}
	}
	in.outputs = append(in.outputs, c.Outputs...)
	slices.SortFunc(in.outputs, func(a, b model.MapOutput) int { return a.Partition - b.Partition })
	for _, o := range in.outputs {
		in.encoded = append(in.encoded, o.Output)
	}
	w.where[c.Key] = in
}

// launch makes attempts of a command and queues them for the slots.
func (w *worker) launch(c model.Launch) {
	stages := w.e.following(c.Stage)
	if len(stages) == 0 {
		w.refuse(c, "no action wants it")
		return
	}
	first := stages[0]
	var inputs []*input
	var values []plan.StageValue
	for _, parent := range first.plan.Parents {
		in := w.where[parent.Key]
		switch {
		case in == nil:
			w.refuse(c, fmt.Sprintf("its input %s is nowhere", parent.Key))
			return
		case parent.Kind == plan.Value && len(in.encoded) != 1:
			w.refuse(c, fmt.Sprintf("value %s has %d parts", parent.Key, len(in.encoded)))
			return
		case parent.Kind == plan.Value:
			values = append(values, plan.StageValue{Stage: parent.Key, Value: in.encoded[0]})
		default:
			inputs = append(inputs, in)
		}
	}
	now := w.e.loop.now()
	store := w.dir(c.Stage)
	runs := make([]run, len(c.Tasks))
	for i, t := range c.Tasks {
		r := &runs[i]
		*r = run{id: t.Attempt, name: nameOf(t.Attempt), stage: first, others: stages, reads: c.Reads,
			inputs: inputs, values: values, store: store}
		r.ctx, r.cancel = context.WithCancelCause(context.Background())
		w.runs[keyOf(r.id)] = r
		r.owner = first.action
		r.owner.tasks++
		for _, st := range stages {
			st.started(now)
		}
		w.queue.put(r)
	}
}

// following finds a stage in the actions that are under way, the oldest first.
func (e *Engine) following(id model.StageID) []*stage {
	var found []*stage
	for _, a := range e.actions {
		if id.Action != 0 && id.Action != a.id.N || a.state.Ended() {
			continue
		}
		if st := a.stages[id.Key]; st != nil && a.found != nil {
			found = append(found, st)
		}
	}
	slices.SortFunc(found, func(a, b *stage) int { return a.action.id.N - b.action.id.N })
	return found
}

// refuse fails attempts that cannot be made.
func (w *worker) refuse(c model.Launch, why string) {
	for _, t := range c.Tasks {
		w.e.loop.reply(model.TaskFailed{From: w.from, Attempt: t.Attempt, Class: model.Refused, Message: why})
	}
}

// attemptKey is the part of an attempt's id that alone is unique.
type attemptKey struct {
	term model.Term
	seq  uint64
}

func keyOf(id model.AttemptID) attemptKey { return attemptKey{id.Term, id.Seq} }

// nameOf is the same for people and file names.
func nameOf(id model.AttemptID) string {
	return strconv.FormatUint(uint64(id.Term), 10) + "." + strconv.FormatUint(id.Seq, 10)
}

// dir gives the directory for what the attempts of a stage leave behind.
func (w *worker) dir(id model.StageID) string {
	if id.Action != 0 {
		return w.e.resultDir(id.Action)
	}
	if d, ok := w.dirs[id]; ok {
		return d
	}
	w.made++
	d := filepath.Join(w.e.o.Scratch, "shuffle", fmt.Sprint(w.made))
	w.dirs[id] = d
	return d
}

func (w *worker) kill(c model.Kill) {
	r := w.runs[keyOf(c.Attempt)]
	if r == nil || r.finished {
		return
	}
	r.killed = true
	why := errors.New(cmp.Or(c.Reason, "killed"))
	if cause := r.owner.cause; cause != nil {
		why = cause
	}
	r.cancel(why)
}

// done hears that an attempt has ended, and gives the event that reports it.
func (w *worker) done(r *run, res *plan.Result, f *plan.Failure) model.Event {
	now := w.e.loop.now()
	r.finished, r.result = true, res
	for _, st := range r.others {
		st.stopped(now, f != nil && !r.killed)
	}
	r.owner.tasks--
	r.owner.settle()
	if f != nil {
		ev := r.report(w.from, f)
		if ev.Source != nil {
			w.bad[ev.Source.Attempt] = true
		}
		r.owner.log.Debug("attempt failed", "stage", r.stage.plan.Name, "partition", r.id.Partition, "err", f.Message)
		return ev
	}
	ev := model.TaskDone{From: w.from, Attempt: r.id, Reads: r.reads, Rows: res.Rows, Bytes: res.Bytes,
		Sum: res.Sum, RowSum: res.RowSum, Counters: countersFor(res.Counters)}
	switch r.stage.plan.Kind {
	case plan.MapStage:
		ev.Output = res.Shuffle
	case plan.ValueStage:
		ev.Output = res.Value
	case plan.ResultStage:
		if s := res.Staged; s != nil {
			ev.File, ev.Rows, ev.Bytes, ev.Sum = s.Path, s.Rows, s.Bytes, s.Sum
		} else if !r.killed {
			r.owner.values[r.id.Partition] = valueOf(res)
		}
	}
	return ev
}

// acknowledged says of reports whether what they left is kept.
func (w *worker) acknowledged(c model.Ack) {
	for _, id := range c.Attempts {
		r := w.runs[keyOf(id)]
		if r == nil || !r.finished {
			continue
		}
		delete(w.runs, keyOf(id))
		switch {
		case r.result == nil:
		case c.Keep:
			for _, st := range r.others {
				st.won(r.result.Counters)
			}
		default:
			w.e.background(func() { r.discard() })
		}
	}
	if len(w.runs) == 0 && len(w.lost) > 0 {
		w.drop(model.Drop{Outputs: w.lost})
		w.lost = nil
	}
}

// verify looks at an output that somebody could not read. The reader was this
// process and read the file itself, so its word is enough. The file goes when
// nobody runs who was told of it, and may be reading another part.
func (w *worker) verify(id model.AttemptID) {
	v := model.OutputOK
	if w.bad[id] {
		delete(w.bad, id)
		v = model.OutputCorrupt
		w.lost = append(w.lost, id)
	}
	w.e.loop.reply(model.OutputVerdict{From: w.from, Output: id, Verdict: v})
}

// drop removes what is not needed any more.
func (w *worker) drop(c model.Drop) {
	var gone []string
	for id, dir := range w.dirs {
		if c.All || slices.Contains(c.Keys, id.Key) {
			gone = append(gone, dir)
			delete(w.dirs, id)
		}
	}
	for _, key := range c.Keys {
		delete(w.where, key)
	}
	if c.All {
		clear(w.where)
		clear(w.bad)
	}
	type file struct{ dir, name string }
	var files []file
	for _, id := range c.Outputs {
		if dir, ok := w.dirs[id.Stage]; ok {
			files = append(files, file{dir, nameOf(id)})
		}
	}
	if len(gone)+len(files) == 0 {
		return
	}
	w.e.background(func() {
		for _, dir := range gone {
			_ = os.RemoveAll(dir)
		}
		for _, f := range files {
			removeNamed(f.dir, f.name)
		}
	})
}

// removeNamed removes an attempt's files from a directory that it shares.
func removeNamed(dir, name string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), name)
		if ours && (rest == "" || rest[0] < '0' || rest[0] > '9') {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// join lets an action follow the attempts that run already at stages it shares.
func (w *worker) join(a *action) {
	now := w.e.loop.now()
	for _, r := range w.runs {
		st := a.stages[r.id.Stage.Key]
		if st == nil || r.id.Stage.Action != 0 || r.finished {
			continue
		}
		r.others = append(slices.Clip(r.others), st)
		st.started(now)
	}
}

// handOver finds other actions for the attempts of one that has ended and that
// nobody told to end.
func (w *worker) handOver(a *action) {
	for _, r := range w.runs {
		if r.owner != a || r.finished || r.killed {
			continue
		}
		for _, st := range r.others {
			if st.action != a && !st.action.state.Ended() {
				r.owner = st.action
				a.tasks--
				r.owner.tasks++
				break
			}
		}
	}
}

// close ends the slots. Attempts that are still there are told, and named when
// they do not heed it.
func (w *worker) close() error {
	w.queue.close()
	w.e.loop.call(func() model.Event {
		w.endAll(ErrClosed)
		return nil
	})
	if inTime(&w.slots) {
		return nil
	}
	return fmt.Errorf("close engine: %s", w.stuck())
}

// endAll tells every attempt to end, for a scheduler that does not any more.
func (w *worker) endAll(cause error) {
	for _, r := range w.runs {
		if !r.finished {
			r.killed = true
			r.cancel(cause)
		}
	}
}

// inTime waits for a group, but not longer than closeGrace.
func inTime(g *sync.WaitGroup) bool {
	ended := make(chan struct{})
	go func() {
		g.Wait()
		close(ended)
	}()
	late := time.NewTimer(closeGrace)
	defer late.Stop()
	select {
	case <-ended:
		return true
	case <-late.C:
		return false
	}
}

// stuck names what still runs.
func (w *worker) stuck() string {
	answer := make(chan string, 1)
	w.e.loop.call(func() model.Event {
		var names []string
		for _, r := range w.runs {
			if !r.finished {
				names = append(names, fmt.Sprintf("stage %q, partition %d", r.stage.plan.Name, r.id.Partition))
			}
		}
		slices.Sort(names)
		answer <- strings.Join(names, "; ") + " does not heed its context"
		return nil
	})
	return <-answer
}

func valueOf(res *plan.Result) Value {
	v := Value{bytes: res.Value, path: res.ValuePath, size: int64(len(res.Value))}
	if v.path != "" {
		if fi, err := os.Stat(v.path); err == nil {
			v.size = fi.Size()
		}
	}
	return v
}
