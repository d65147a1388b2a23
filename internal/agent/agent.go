package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// closeGrace is how long Close waits for attempts that had their grace.
const closeGrace = 2 * time.Second

// Executor runs attempts. It is called from several goroutines at once.
type Executor interface {
	// Run runs one attempt of a launch: either a result or a failure comes back.
	// A cancelled ctx (context.Cause says why) must end it soon. What the launch
	// and the task refer to is shared and not changed.
	Run(ctx context.Context, l *work.Launch, t *plan.Task) (*plan.Result, *plan.Failure)
	// Forget says that no task to come of a job reads shuffles, or the rows of
	// cached RDDs. It does not wait for anybody.
	Forget(job plan.JobID, keys []plan.StageKey)
}

// Upstream hears what an agent has to tell. It is called from the goroutine
// that owns the agent.
type Upstream interface {
	// Report passes on an event that is none of TaskDone.
	Report(model.Event)
	// Done passes on a success with the result it is about. Where the rows for
	// the driver go is the upstream's to add.
	Done(model.TaskDone, *plan.Result)
}

// Options are what an Agent needs of its surroundings.
type Options struct {
	Slots int
	// Dir is a directory of this agent's own, for files of tasks and of what
	// outlives them.
	Dir string
	// MakeDir makes Dir. It is called before each attempt; the default is for a
	// directory that is there already.
	MakeDir  func() error
	From     model.From
	Executor Executor
	Upstream Upstream
	// Starts says that each attempt is reported when a slot takes it up.
	Starts bool
	// May is asked before each attempt whether one may start; nil: yes. It is
	// called from the slot's goroutine.
	May func() *plan.Failure
	// Inputs replaces the outputs that a task would read by what is to be read of
	// them, for executors that have no part in fetching; nil leaves them. It is
	// called from the slot's goroutine. What it made it takes away when done is
	// called.
	Inputs func(ctx context.Context, l *work.Launch, t *plan.Task, in []Input) (done func(), f *plan.Failure)
	// Check looks at an output that a reader could not read; nil believes the
	// reader, who was this process.
	Check func(model.AttemptID) model.Verdict
	// Call runs f soon in the goroutine that owns the agent, in the order of the
	// calls.
	Call func(f func())
	// Background runs f in a goroutine of its own, which the owner waits for.
	Background func(f func())
	Log        *slog.Logger
	// Only says that there is no other worker: what one might do better fails for
	// good.
	Only bool
}

// Agent runs the attempts of a worker and owns what they leave. Its methods are
// called from one goroutine, its owner's, but for Close.
type Agent struct {
	o     Options
	queue queue[*run]
	slots sync.WaitGroup

	// Of the owner.
	runs   map[attemptKey]*run // launched and not yet acknowledged
	where  map[inputKey]*input
	places map[model.StageID]*place           // for files that outlive attempts
	made   int                                // of those, ever
	bad    map[model.AttemptID]bool           // outputs that a reader found missing or corrupt
	lost   []model.AttemptID                  // those that have been made anew or will be
	blocks map[plan.JobID]map[plan.Block]held // cached in executors
}

type inputKey struct {
	job plan.JobID
	key plan.StageKey
}

// Input is what an attempt was told of a shuffle.
type Input struct {
	Key     plan.StageKey
	Epoch   uint64
	Outputs []model.MapOutput // by partition; read only
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
	launch *work.Launch
	inputs []*input
	values []plan.StageValue
	store  *place
	held   bool         // the block that it begins with is here, or with others
	away   []plan.Block // that others have
	ctx    context.Context
	cancel context.CancelCauseFunc

	// Of the owner.
	killed   bool
	finished bool
	won      bool     // it ended with a result
	moves    int64    // how often it was heard to get on
	meets    *meeting // at a barrier; nil: it is at none
}

// place is a directory that the attempts of a stage share, and what is known to
// have been made in it and beside its output.
type place struct {
	path string
	made dirs
}

// New starts the slots of an agent.
func New(o Options) *Agent {
	if o.MakeDir == nil {
		o.MakeDir = func() error { return nil }
	}
	a := &Agent{o: o, runs: map[attemptKey]*run{}, where: map[inputKey]*input{},
		places: map[model.StageID]*place{}, bad: map[model.AttemptID]bool{}, blocks: map[plan.JobID]map[plan.Block]held{}}
	a.queue.init()
	for i := range o.Slots {
		dir := &scratch{base: filepath.Join(o.Dir, "tasks"), slot: i}
		a.slots.Go(func() { a.slot(dir) })
	}
	return a
}

// CarryOut does what the scheduler wants of the worker. Executor processes are
// somebody else's.
func (a *Agent) CarryOut(cmds []model.Command) {
	for _, c := range cmds {
		switch c := c.(type) {
		case model.Locations:
			a.locate(c)
		case *work.Launch:
			a.launch(c)
		case model.Kill:
			a.kill(c)
		case model.Recall:
			a.recall(c)
		case model.Ack:
			a.acknowledged(c)
		case model.Verify:
			a.verify(c.Output)
		case model.Drop:
			a.drop(c)
		case model.Barrier:
			a.release(c)
		}
	}
}

// locate takes note of where a shuffle's outputs are. Attempts keep what they
// were given.
func (a *Agent) locate(c model.Locations) {
	at := inputKey{c.Job, c.Key}
	in := &input{key: c.Key, epoch: c.Epoch}
	if !c.Full {
		if old := a.where[at]; old != nil {
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
	a.where[at] = in
}

// launch makes attempts of a command and queues them for the slots.
func (a *Agent) launch(l *work.Launch) {
	inputs, values, why := a.reads(l)
	store := a.place(l.Launch.Stage)
	runs := make([]run, len(l.Tasks))
	for i := range l.Tasks {
		t := &l.Tasks[i]
		r := &runs[i]
		*r = run{id: t.Attempt, name: nameOf(t.Attempt), launch: l, inputs: inputs, values: values, store: store}
		for _, at := range t.Blocks {
			r.away = append(r.away, at.Block)
		}
		switch {
		case t.Held:
			r.held, r.inputs = true, nil
		case why != "":
			a.o.Upstream.Report(model.TaskFailed{From: a.o.From, Attempt: t.Attempt, Class: model.Refused, Message: why})
			continue
		}
		r.ctx, r.cancel = context.WithCancelCause(context.Background())
		a.runs[keyOf(r.id)] = r
		a.queue.put(r)
	}
}

// reads finds what the attempts of a launch read, or says why it is not known.
func (a *Agent) reads(l *work.Launch) (inputs []*input, values []plan.StageValue, why string) {
	for _, parent := range l.Stage.Parents {
		in := a.where[inputKey{l.Action.Job, parent.Key}]
		switch {
		case in == nil:
			return nil, nil, fmt.Sprintf("its input %s is nowhere", parent.Key)
		case parent.Kind == plan.Value && len(in.encoded) != 1:
			return nil, nil, fmt.Sprintf("value %s has %d parts", parent.Key, len(in.encoded))
		case parent.Kind == plan.Value:
			values = append(values, plan.StageValue{Stage: parent.Key, Value: in.encoded[0]})
		default:
			if of, ok := l.Plan.Stage(parent.Key); ok && len(in.outputs) < of.N() {
				why = fmt.Sprintf("of its input %s %d of %d outputs are nowhere", parent.Key, of.N()-len(in.outputs), of.N())
			}
			inputs = append(inputs, in)
		}
	}
	return inputs, values, why
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

// place gives the directory for what the attempts of a stage leave behind.
func (a *Agent) place(id model.StageID) *place {
	if p, ok := a.places[id]; ok {
		return p
	}
	a.made++
	kind := "shuffle"
	if id.Action != 0 {
		kind = "results"
	}
	p := &place{path: filepath.Join(a.o.Dir, kind, strconv.Itoa(a.made))}
	a.places[id] = p
	return p
}

// Place gives a path for what an attempt of another worker's left, among what
// attempts of its stage leave here. It goes when those do.
func (a *Agent) Place(id model.AttemptID) (string, error) {
	p := a.place(id.Stage)
	return filepath.Join(p.path, nameOf(id)+".moved"), p.make()
}

func (a *Agent) kill(c model.Kill) {
	if r := a.runs[keyOf(c.Attempt)]; r != nil && !r.finished {
		a.end(r, &work.Killed{Reason: cmp.Or(c.Reason, "killed"), Dump: c.Dump})
	}
}

// end tells an attempt to end. One that no slot has taken up ends at once.
func (a *Agent) end(r *run, cause error) {
	r.killed = true
	r.cancel(cause)
	if a.queue.remove(r) {
		a.gaveUp(r, cause)
	}
}

// gaveUp reports an attempt that never began.
func (a *Agent) gaveUp(r *run, cause error) {
	r.killed = true
	r.cancel(cause)
	a.done(r, nil, work.NewFailure(plan.FailKilled, "%v", cause))
}

var errRecalled = errors.New("it was taken back before it began")

// recall gives attempts back that no slot has taken up. Those that have begun go
// on, and their ends answer.
func (a *Agent) recall(c model.Recall) {
	for _, id := range c.Attempts {
		if r := a.runs[keyOf(id)]; r != nil && a.queue.remove(r) {
			a.gaveUp(r, errRecalled)
		}
	}
}

// Disown forgets attempts that no slot has taken up, and that cannot begin any
// more: the end of their executor's process is told for all of them.
func (a *Agent) Disown(which func(*work.Launch) bool) {
	for _, r := range a.queue.list() {
		if which(r.launch) && a.queue.remove(r) {
			r.cancel(nil)
			delete(a.runs, keyOf(r.id))
		}
	}
}

// Progress passes on how far attempts of a job are that have got on since it was told
// last.
func (a *Agent) Progress(job plan.JobID, all []plan.Progress) {
	named := make(map[string]*run, len(a.runs))
	for _, r := range a.runs {
		if !r.finished && r.id.Stage.Job == job {
			named[r.name] = r
		}
	}
	ev := model.TaskProgress{From: a.o.From}
	for _, p := range all {
		if r := named[p.Attempt]; r != nil {
			r.moves++
			ev.Progress = append(ev.Progress, model.Progress{Attempt: r.id, Rows: p.Rows, Fraction: p.Fraction, Moves: r.moves})
		}
	}
	if len(ev.Progress) > 0 {
		a.o.Upstream.Report(ev)
	}
}

// done hears that an attempt has ended, and reports it. Of one that ended with
// its executor's process the end of that is report enough.
func (a *Agent) done(r *run, res *plan.Result, f *plan.Failure) {
	r.finished, r.won = true, f == nil
	if f != nil && f.Class == plan.FailCrash && !a.o.Only {
		delete(a.runs, keyOf(r.id))
		return
	}
	if f != nil {
		ev := r.report(a.o.From, f, a.o.Only)
		if ev.Source != nil && ev.Source.Block == nil && a.o.Check == nil {
			a.bad[ev.Source.Attempt] = true
		}
		a.o.Log.Debug("attempt failed", "action", r.launch.Action.N, "stage", r.launch.Stage.Name, "partition", r.id.Partition, "err", f.Message)
		a.o.Upstream.Report(ev)
		return
	}
	a.evicted(r.id.Stage.Job, res.Evicted)
	ev := model.TaskDone{From: a.o.From, Attempt: r.id, Reads: r.launch.Reads, Rows: res.Rows, Bytes: res.Bytes,
		Sum: res.Sum, RowSum: res.RowSum, Counters: work.CountersFor(res.Counters), Updates: res.Updates, Blocks: a.kept(r, res.Kept)}
	switch r.launch.Stage.Kind {
	case plan.MapStage:
		ev.Output = res.Shuffle
	case plan.ValueStage:
		ev.Output = res.Value
	case plan.ResultStage:
		if s := res.Staged; s != nil {
			ev.File, ev.Rows, ev.Bytes, ev.Sum = s.Path, s.Rows, s.Bytes, s.Sum
		}
	}
	a.o.Upstream.Done(ev, res)
}

// acknowledged says of reports whether what they left is kept.
func (a *Agent) acknowledged(c model.Ack) {
	for _, id := range c.Attempts {
		r := a.runs[keyOf(id)]
		if r == nil || !r.finished {
			continue
		}
		delete(a.runs, keyOf(id))
		if r.won && !c.Keep {
			a.o.Background(r.discard)
		}
	}
	if len(a.runs) == 0 && len(a.lost) > 0 {
		a.drop(model.Drop{Outputs: a.lost})
		a.lost = nil
	}
}

// verify looks at an output that somebody could not read. The reader was this
// process and read the file itself, so its word is enough. The file goes when
// nobody runs who was told of it, and may be reading another part.
func (a *Agent) verify(id model.AttemptID) {
	if a.o.Check != nil {
		a.o.Background(func() {
			v := a.o.Check(id)
			a.o.Call(func() { a.o.Upstream.Report(model.OutputVerdict{From: a.o.From, Output: id, Verdict: v}) })
		})
		return
	}
	v := model.OutputOK
	if a.bad[id] {
		delete(a.bad, id)
		v = model.OutputCorrupt
		a.lost = append(a.lost, id)
	}
	a.o.Upstream.Report(model.OutputVerdict{From: a.o.From, Output: id, Verdict: v})
}

// drop removes what is not needed any more.
func (a *Agent) drop(c model.Drop) {
	var gone []string
	for id, p := range a.places {
		if id.Job == c.Job && (c.All || slices.Contains(c.Keys, id.Key)) {
			gone = append(gone, p.path)
			delete(a.places, id)
		}
	}
	for key := range a.where {
		if key.job == c.Job && (c.All || slices.Contains(c.Keys, key.key)) {
			delete(a.where, key)
		}
	}
	a.forgetBlocks(c)
	if c.All {
		for id := range a.bad {
			if id.Stage.Job == c.Job {
				delete(a.bad, id)
			}
		}
	}
	type file struct{ dir, name string }
	var files []file
	for _, id := range c.Outputs {
		if p, ok := a.places[id.Stage]; ok {
			files = append(files, file{p.path, nameOf(id)})
		}
	}
	if len(gone)+len(files) == 0 {
		return
	}
	a.o.Background(func() {
		removeAll(gone)
		for _, f := range files {
			removeNamed(f.dir, f.name)
		}
	})
}

// ForgetResults gives the directories in which the attempts of an action's own
// stage left what its driver has used by now. They are the caller's to remove.
func (a *Agent) ForgetResults(id plan.ActionID) (dirs []string) {
	for st, p := range a.places {
		if st.Job == id.Job && st.Action == id.N {
			dirs = append(dirs, p.path)
			delete(a.places, st)
		}
	}
	return dirs
}

func removeAll(dirs []string) {
	for _, dir := range dirs {
		_ = os.RemoveAll(dir)
	}
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

// Attempts counts those that nobody has acknowledged.
func (a *Agent) Attempts() int { return len(a.runs) }

// EndAll tells every attempt to end, for a scheduler that does not any more.
func (a *Agent) EndAll(cause error) { a.End(cause, func(*work.Launch) bool { return true }) }

// End tells those attempts to end whose launch is one of which.
func (a *Agent) End(cause error, which func(*work.Launch) bool) {
	for _, r := range a.runs {
		if !r.finished && which(r.launch) {
			a.end(r, cause)
		}
	}
}

// Forget drops what attempts left, of whatever job. Those that still run report
// as usual.
func (a *Agent) Forget() {
	jobs := map[plan.JobID]bool{}
	for id := range a.places {
		jobs[id.Job] = true
	}
	for key := range a.where {
		jobs[key.job] = true
	}
	for id := range a.blocks {
		jobs[id] = true
	}
	for id := range jobs {
		a.drop(model.Drop{Job: id, All: true})
	}
	for key, r := range a.runs {
		if r.finished {
			delete(a.runs, key)
		}
	}
}

// Close ends the slots. Attempts that are still there are told, and named in
// the error when they do not heed it. It is called from outside the owner's
// goroutine, which must still run.
func (a *Agent) Close(cause error) error {
	a.queue.close()
	a.o.Call(func() { a.EndAll(cause) })
	ended := make(chan struct{})
	go func() {
		a.slots.Wait()
		close(ended)
	}()
	late := time.NewTimer(closeGrace)
	defer late.Stop()
	select {
	case <-ended:
		return nil
	case <-late.C:
		return fmt.Errorf("close engine: %s", a.stuck())
	}
}

// stuck names what still runs.
func (a *Agent) stuck() string {
	answer := make(chan string, 1)
	a.o.Call(func() {
		var names []string
		for _, r := range a.runs {
			if !r.finished {
				names = append(names, fmt.Sprintf("stage %q, partition %d", r.launch.Stage.Name, r.id.Partition))
			}
		}
		slices.Sort(names)
		answer <- strings.Join(names, "; ") + " does not heed its context"
	})
	return <-answer
}

// From is the envelope of the agent's reports.
func (a *Agent) From() model.From { return a.o.From }

// SetFrom changes it, for a new session or term.
func (a *Agent) SetFrom(f model.From) { a.o.From = f }

// Waiting counts the attempts that no slot has taken up.
func (a *Agent) Waiting() int { return a.queue.len() }

// Unfinished lists the attempts that have not ended: those that a slot has taken
// up, and those that wait for one, in their order.
func (a *Agent) Unfinished() (running, queued []model.AttemptID) {
	wait := map[*run]bool{}
	for _, r := range a.queue.list() {
		wait[r] = true
		queued = append(queued, r.id)
	}
	for _, r := range a.runs {
		if !r.finished && !wait[r] {
			running = append(running, r.id)
		}
	}
	return running, queued
}
