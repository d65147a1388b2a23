// Package sim runs the scheduler in a simulated cluster: workers with stores,
// streams that break, processes that die and come back, outputs that vanish,
// drivers that cancel, all drawn from one seed.
//
// Rows are content hashes: what a task makes is a hash of its stage, partition
// and the contents of its inputs, with a nonce if the task is truly
// indeterminate, whatever its stage declares. So an end result can be compared
// with an oracle, and its provenance tells whether rows of two generations were
// mixed. Every Step is followed by the machine's own Check.
package sim

import (
	"container/heap"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Options say what a run contains.
type Options struct {
	Seed    uint64
	Workers int
	Jobs    int
	Tasks   int // most per stage
	// Faults scale how often things go wrong; 0: never.
	Faults float64
	// TaskFaults lets tasks fail on their own as well, so that actions may end
	// as failed.
	TaskFaults bool
	// Short tasks take a fortieth of the time.
	Short bool
	// Restarts scales how often the master dies and another one takes over; 0: never.
	Restarts float64
	// CheckEvery is after how many Steps the machine checks itself; 0: never.
	CheckEvery int
	// Only names the faults that happen, by the first word of Report.Happened;
	// nil: all that are drawn.
	Only []string
	// Out leaves jobs out, by name.
	Out []string
	// Stages bounds the number of stages of a job; 0: as drawn.
	Stages int
	// Trace gets each event and command, if set.
	Trace func(string)
}

// Report is what a run did.
type Report struct {
	Steps, Events, Commands int
	Done, Failed, Cancelled int // actions
	Completions             int // successes of tasks
	Rollbacks, Losses       int
	Twins, Restarts, Drains int
	Cut, Saved              int // stages
	Copied                  int // cached blocks
	Missed                  int // outputs that could not be read, though their owners lived
	Early, Recalled         int // attempts launched before there was a slot, and taken back
	Ends                    map[model.CauseKind]int
	Compacted               int      // records that are not needed any more, below zero
	Happened                []string // faults, each with its name first
	Digest                  uint64   // of every command, for determinism
	Took                    time.Duration
}

// World is one simulated cluster.
type World struct {
	o       Options
	s       *sched.Scheduler
	now     model.Instant
	queue   events
	seq     uint64
	draws   map[string]uint64
	nth     map[string]int // attempts by task
	noisy   map[string]bool
	crash   string // the fault by which the master dies in its next Step
	workers []*worker
	named   map[plan.WorkerID]*worker
	jobs    []*job
	content map[uint64]content // by hash: the provenance of every row
	nonce   uint64
	calm    model.Instant // no faults from here on
	rep     Report
	err     error
	term    model.Term
	journal []model.Record
	durable int // records that no crash loses
}

// content is what made one output.
type content struct {
	stage  stageName
	part   int
	inputs []uint64
}

type event struct {
	at  model.Instant
	seq uint64
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push adds an event; it is for container/heap.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop takes the last one; it is for container/heap.
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	(*e)[last] = event{}
	*e = (*e)[:last]
	return x
}

// after does something d from now.
func (w *World) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now.Add(d), w.seq, do})
}

// draw returns a number that depends on the seed, on who draws and how often it
// drew before, not on what others draw: leaving out one fault leaves the others
// where they are.
func (w *World) draw(who string) uint64 {
	n := w.draws[who]
	w.draws[who] = n + 1
	h := w.o.Seed*0x9e3779b97f4a7c15 + n
	for _, c := range []byte(who) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return mix(h)
}

func mix(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}

// happens reports whether a fault that was drawn shall happen, and notes it.
func (w *World) happens(id, what string) bool {
	if w.o.Only != nil && !slices.Contains(w.o.Only, id) {
		return false
	}
	w.rep.Happened = append(w.rep.Happened, id+" "+what)
	w.trace("fault", id+" "+what)
	return true
}

// noise draws a fault of a kind that is too frequent to have a name each time: it
// is there as a whole or not at all.
func (w *World) noise(kind, who string, p float64) bool {
	if w.o.Faults == 0 || !w.chance(who, p) || w.o.Only != nil && !slices.Contains(w.o.Only, kind) {
		return false
	}
	if !w.noisy[kind] {
		w.noisy[kind] = true
		w.happens(kind, "now and then")
	}
	return true
}

// upTo returns a drawn number below n.
func (w *World) upTo(who string, n int) int { return int(w.draw(who) % uint64(n)) }

// chance draws a yes with probability p.
func (w *World) chance(who string, p float64) bool {
	return float64(w.draw(who)>>11)/(1<<53) < p
}

// between draws a duration.
func (w *World) between(who string, a, b time.Duration) time.Duration {
	return a + time.Duration(w.draw(who)%uint64(b-a))
}

// New returns a world that is ready to run.
func New(o Options) *World {
	w := &World{o: o, named: map[plan.WorkerID]*worker{}, draws: map[string]uint64{}, nth: map[string]int{}, noisy: map[string]bool{},
		content: map[uint64]content{}}
	w.rep.Ends = map[model.CauseKind]int{}
	w.term = 1
	w.s = sched.New(w.config())
	w.calm = model.Instant(2 * time.Minute)
	for i := range o.Workers {
		w.addWorker(i)
	}
	for i := range o.Jobs {
		if !slices.Contains(o.Out, fmt.Sprintf("j%d", i)) {
			w.addJob(i)
		}
	}
	if o.Faults > 0 {
		w.planApart(1)
	}
	w.planCrash(1)
	w.compact()
	return w
}

func (w *World) config() model.Config {
	c := model.Defaults("sim", w.term)
	c.DriverLease = 0
	c.Pools = append(c.Pools, model.Pool{Name: "b", Mode: model.Fair, Weight: 2, MinShare: 2})
	return c
}

// Run lets everything happen and returns what did, with an error if anything
// was wrong. Errors name the seed.
func (w *World) Run() (Report, error) {
	began := time.Now()
	limit := w.calm.Add(2 * time.Hour)
	for w.err == nil && !w.over() {
		if w.now > limit || !w.turn() {
			w.fail("L1: stalled at %v: %s", time.Duration(w.now), w.stall())
		}
	}
	if w.err == nil {
		w.clearUp()
	}
	if w.err == nil {
		w.settled()
	}
	w.rep.Took = time.Since(began)
	if w.err != nil {
		return w.rep, fmt.Errorf("seed %d: %w", w.o.Seed, w.err)
	}
	return w.rep, nil
}

// turn lets the next thing happen, if there is any.
func (w *World) turn() bool {
	tick, ok := w.s.Next()
	if ok && (len(w.queue) == 0 || tick < w.queue[0].at) {
		w.now = max(w.now, tick)
		w.step(model.Tick{})
		return true
	}
	if len(w.queue) == 0 {
		return false
	}
	e := heap.Pop(&w.queue).(event)
	w.now = max(w.now, e.at)
	e.do()
	return true
}

func (w *World) over() bool {
	for _, j := range w.jobs {
		if !j.ended {
			return false
		}
	}
	return true
}

// clearUp lets workers come back and hear that the jobs have ended. Those that were
// connected all along must then have nothing of them.
func (w *World) clearUp() {
	w.calm = min(w.calm, w.now)
	before := make([]model.Session, len(w.workers))
	for _, end := range []time.Duration{10 * time.Second, 2 * time.Second} {
		for i, x := range w.workers {
			before[i] = 0
			if x.up && x.stream && x.known == x.session {
				before[i] = x.session
			}
		}
		for end := w.now.Add(end); w.err == nil && w.now < end && w.turn(); {
		}
	}
	for i, x := range w.workers {
		if left := x.jobs(); x.up && x.stream && x.session == before[i] && len(left) > 0 {
			w.fail("%s has something left of %v, which have ended", x.id, left)
		}
	}
}

// settled looks at what must be left when every job has ended.
func (w *World) settled() {
	if err := w.s.Check(); err != nil {
		w.fail("%w", err)
	}
	sum := w.s.View(model.Totals{}).(model.Sums)
	if sum.Tasks != 0 || sum.Actions != 0 || sum.Stages != 0 || sum.Pending != 0 {
		w.fail("I32: left behind: %+v", sum)
	}
}

func (w *World) stall() string {
	text := fmt.Sprintf("%+v", w.s.View(model.Totals{}))
	for _, j := range w.jobs {
		if !j.ended {
			text += fmt.Sprintf("\n%+v", w.s.View(model.Stages{Job: j.id}))
		}
	}
	return text + fmt.Sprintf("\n%+v", w.s.View(model.Workers{}))
}

func (w *World) fail(format string, args ...any) {
	w.err = errors.Join(w.err, fmt.Errorf(format, args...))
}

// step feeds the machine one event, now and then twice, and carries out what it
// says.
func (w *World) step(ev model.Event) {
	if w.err != nil {
		return
	}
	if w.noise("twice", "twice", 0.02) {
		w.stepOnce(ev)
	}
	w.stepOnce(ev)
}

func (w *World) stepOnce(ev model.Event) {
	w.rep.Steps++
	w.trace("event", ev)
	out := w.s.Step(w.now, ev)
	crash := w.crash
	if w.crash = ""; crash != "" {
		out = out[:w.upTo(crash, len(out)+1)]
	}
	for _, c := range out {
		w.rep.Commands++
		w.trace("command", c)
		w.carry(c)
	}
	if crash != "" {
		w.restart(crash)
		return
	}
	if w.o.CheckEvery > 0 && w.rep.Steps%w.o.CheckEvery == 0 {
		if err := w.s.Check(); err != nil {
			w.fail("after %T: %w", ev, err)
		}
	}
}

func (w *World) trace(what string, x any) {
	if w.o.Trace != nil {
		w.o.Trace(fmt.Sprintf("%v %s %T %+v", time.Duration(w.now), what, x, x))
	}
}

// carry gives a command to whom it is for.
func (w *World) carry(c model.Command) {
	w.rep.Digest = mix(w.rep.Digest ^ digest(c))
	switch c := c.(type) {
	case model.Append:
		w.journal = append(w.journal, c.Record)
		if c.Sync {
			w.durable = len(w.journal)
		}
	case model.WorkerCommand:
		if a, ok := c.(model.Ack); ok && a.Keep {
			w.durable = len(w.journal) // Ack keep follows its record
			w.kept(a.Attempts[0])
		}
		w.toWorker(c)
	case model.Probe:
		w.probe(c)
	case model.Note:
		w.note(c)
	case model.StepDown:
		w.fail("the machine stepped down: %s", c.Why)
	default:
		w.toDriver(c)
	}
}

func (w *World) note(c model.Note) {
	switch c.Kind {
	case model.NoteRollback:
		w.rep.Rollbacks++
	case model.NoteSpeculated:
		w.rep.Twins++
	case model.NoteWorkerLost:
		w.rep.Losses++
	}
}

// digest folds a command into a number.
func digest(c model.Command) uint64 {
	var h uint64 = 14695981039346656037
	for _, b := range fmt.Appendf(nil, "%T", c) {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	switch c := c.(type) {
	case model.Launch:
		for _, t := range c.Tasks {
			h = mix(h ^ t.Attempt.Seq ^ uint64(t.Attempt.Partition)<<32)
		}
		for _, b := range []byte(c.Worker) {
			h = mix(h ^ uint64(b))
		}
	case model.Kill:
		h = mix(h ^ c.Attempt.Seq)
	case model.Recall:
		for _, id := range c.Attempts {
			h = mix(h ^ id.Seq)
		}
	case model.Ack:
		h = mix(h ^ c.Attempts[0].Seq)
	}
	return h
}
