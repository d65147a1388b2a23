package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// worker is an agent with its store and executors.
type worker struct {
	id      plan.WorkerID
	host    string
	rack    string
	inc     model.Inc
	session model.Session
	term    model.Term
	known   model.Session // what the master's end of the stream is
	slots   int
	up      bool                            // the process is there
	stream  bool                            // its stream is
	cut     bool                            // the network around it is down, but perhaps not between it and a new master
	blind   map[plan.WorkerID]model.Instant // from whom it cannot read, until when
	rotten  map[uint64]bool                 // outputs that it lost, by key of their attempts
	heard   model.Instant                   // when the master last answered
	out     model.Instant                   // last message on its way to the master
	in      model.Instant                   // and from there
	running map[uint64]*attempt
	waiting []waiting                   // for a slot, in the order of their launches
	reports map[uint64]model.Event      // not acknowledged, by attempt
	store   map[uint64]*model.MapOutput // by key of its attempt
	results map[model.AttemptID]uint64
	blocks  map[block]uint64
	locs    map[locKey]map[int]*model.MapOutput
	execs   map[int]plan.JobID
	started map[int]plan.JobID
}

// waiting is an attempt that came before there was a slot for it.
type waiting struct {
	launch model.Launch
	task   model.Assignment
}

type block struct {
	job plan.JobID
	id  model.BlockID
}

type locKey struct {
	job plan.JobID
	key plan.StageKey
}

type attempt struct {
	id      model.AttemptID
	me      string // the task, and which of its attempts
	began   model.Instant
	exec    int
	reads   []model.Read
	holders []plan.WorkerID
	killed  bool
	content uint64
	from    []uint64
	waits   bool // at its barrier
	passed  bool // it
	fromOwn bool
}

func (w *World) addWorker(i int) {
	x := &worker{id: plan.WorkerID(fmt.Sprintf("w%d", i)), host: fmt.Sprintf("h%d", i/2), rack: []string{"r0", "r1", ""}[i/4%3], slots: 1 + w.upTo("slots", 4),
		store: map[uint64]*model.MapOutput{}, blind: map[plan.WorkerID]model.Instant{}, rotten: map[uint64]bool{}}
	w.workers = append(w.workers, x)
	w.named[x.id] = x
	x.start(w)
	if w.o.Faults > 0 {
		w.after(w.between(string(x.id)+"#0", time.Second, 30*time.Second), func() { w.fault(x, 1) })
	}
}

// start is a new process on the old store.
func (x *worker) start(w *World) {
	x.inc = model.Inc(w.draw(string(x.id)+"inc") | 1)
	x.up = true
	x.waiting = nil
	x.running, x.reports = map[uint64]*attempt{}, map[uint64]model.Event{}
	x.results, x.blocks = map[model.AttemptID]uint64{}, map[block]uint64{}
	x.execs, x.started = map[int]plan.JobID{}, map[int]plan.JobID{}
	x.connect(w)
	w.renew(x, x.inc)
}

// connect attaches with what the worker holds.
func (x *worker) connect(w *World) {
	w.seq++
	x.session, x.stream, x.heard = model.Session(w.seq), true, w.now
	x.out, x.in, x.term = w.now, w.now, w.term
	x.locs = map[locKey]map[int]*model.MapOutput{}
	a := model.Attach{From: x.from(), Store: model.StoreID(x.id), Hosts: []string{x.host, string(x.id)}, Slots: x.slots, Rack: x.rack}
	for _, s := range sorted(x.running) {
		a.Inventory.Running = append(a.Inventory.Running, x.running[s].id)
	}
	for _, q := range x.waiting {
		a.Inventory.Queued = append(a.Inventory.Queued, q.task.Attempt)
	}
	for _, s := range sorted(x.reports) {
		switch r := x.reports[s].(type) {
		case model.TaskDone:
			r.Session = x.session
			a.Inventory.Done = append(a.Inventory.Done, r)
		case model.TaskFailed:
			r.Session = x.session
			a.Inventory.Failed = append(a.Inventory.Failed, r)
		}
	}
	for _, o := range x.store {
		a.Inventory.Outputs = append(a.Inventory.Outputs, *o)
	}
	for no, job := range x.execs {
		a.Inventory.Executors = append(a.Inventory.Executors, model.ExecutorRef{Job: job, No: no})
	}
	a.Inventory.Jobs = x.jobs()
	slices.SortFunc(a.Inventory.Executors, func(p, q model.ExecutorRef) int { return cmp.Compare(p.No, q.No) })
	a.Inventory.Blocks = map[plan.JobID][]model.HeldBlock{}
	for b := range x.blocks {
		a.Inventory.Blocks[b.job] = append(a.Inventory.Blocks[b.job], model.HeldBlock{BlockID: b.id, Bytes: 8})
	}
	for _, l := range a.Inventory.Blocks {
		slices.SortFunc(l, func(p, q model.HeldBlock) int {
			return cmp.Or(cmp.Compare(p.RDD, q.RDD), cmp.Compare(p.Gen, q.Gen), cmp.Compare(p.Partition, q.Partition))
		})
	}
	slices.SortFunc(a.Inventory.Outputs, func(p, q model.MapOutput) int { return cmp.Compare(key(p.Attempt), key(q.Attempt)) })
	x.send(w, a)
	for _, s := range sorted(x.running) {
		if t := x.running[s]; t.waits && !t.passed {
			x.arrive(w, t)
		}
	}
}

// jobs lists those of which something is there.
func (x *worker) jobs() []plan.JobID {
	jobs := map[plan.JobID]bool{}
	for _, o := range x.store {
		jobs[o.Attempt.Stage.Job] = true
	}
	for b := range x.blocks {
		jobs[b.job] = true
	}
	for id := range x.results {
		jobs[id.Stage.Job] = true
	}
	for _, id := range x.execs {
		jobs[id] = true
	}
	return slices.Sorted(maps.Keys(jobs))
}

func sorted[V any](m map[uint64]V) []uint64 {
	var out []uint64
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (x *worker) from() model.From {
	return model.From{Cluster: "sim", Protocol: 1, Term: x.term, Worker: x.id, Inc: x.inc, Session: x.session}
}

// send puts a message on the stream: in order, and lost with the stream.
func (x *worker) send(w *World, ev model.Event) {
	if !x.stream || !x.up {
		return
	}
	x.out = max(x.out, w.now.Add(w.between(string(x.id)+"lag", 50*time.Microsecond, 3*time.Millisecond)))
	session := x.session
	w.after(x.out.Sub(w.now), func() {
		if x.session == session && (x.stream || w.noise("late", string(x.id)+"late", 0.3)) {
			if _, ok := ev.(model.Attach); ok {
				x.known = session
			}
			w.step(ev)
		}
	})
}

// renew sends signs of life for as long as the process lives.
func (w *World) renew(x *worker, inc model.Inc) {
	if !x.up || x.inc != inc {
		return
	}
	x.send(w, model.Renewed{Renewals: []model.Renewal{{Worker: x.id, Inc: x.inc, Session: x.session, SentAt: w.now,
		Heard: w.now.Sub(x.heard) < 10*time.Second}}})
	w.after(2*time.Second, func() { w.renew(x, inc) })
}

func (w *World) toWorker(c model.WorkerCommand) {
	for _, x := range w.workers {
		if x.id == c.To() && x.stream && x.up && x.known == x.session {
			x.in = max(x.in, w.now.Add(w.between(string(x.id)+"lag", 50*time.Microsecond, 3*time.Millisecond)))
			session := x.session
			w.after(x.in.Sub(w.now), func() {
				if x.up && x.session == session && x.stream {
					x.obey(w, c)
				}
			})
		}
	}
}

func (x *worker) obey(w *World, c model.WorkerCommand) {
	switch c := c.(type) {
	case model.Lease:
		x.heard = w.now
	case model.StartExec:
		x.execs[c.No], x.started[c.No] = c.Job, c.Job
		x.send(w, model.ExecUp{From: x.from(), Job: c.Job, No: c.No})
	case model.StopExec:
		delete(x.execs, c.No)
		for _, seq := range sorted(x.running) {
			if a := x.running[seq]; a.exec == c.No {
				x.failed(w, a, model.TaskFailed{Class: model.Killed, Message: "executor stopped"})
			}
		}
		x.next(w)
	case model.Launch:
		for _, t := range c.Tasks {
			x.waiting = append(x.waiting, waiting{c, t})
			if len(x.running)+len(x.waiting) > x.slots {
				w.rep.Early++
			}
		}
		if len(x.running)+len(x.waiting) > x.slots+w.config().EarlyMost {
			w.fail("I5: %s runs %d attempts in %d slots, and %d wait", x.id, len(x.running), x.slots, len(x.waiting))
		}
		x.next(w)
	case model.Kill:
		if !x.takeBack(w, c.Attempt) {
			x.kill(w, c.Attempt)
		}
	case model.Recall:
		for _, id := range c.Attempts {
			if x.takeBack(w, id) {
				w.rep.Recalled++
			}
		}
	case model.Ack:
		for _, id := range c.Attempts {
			x.acked(id, c.Keep)
		}
	case model.Locations:
		x.learn(c)
	case model.Copy:
		x.copyBlock(w, c)
	case model.Verify:
		v := model.OutputVerdict{From: x.from(), Output: c.Output}
		if _, ok := x.store[key(c.Output)]; !ok {
			v.Verdict = model.OutputMissing
		}
		if !w.noise("mute", string(x.id)+"mute", 0.1) {
			x.send(w, v)
		}
	case model.Drop:
		x.drop(c)
	case model.Barrier:
		x.release(w, c)
	case model.Move:
		x.move(w, c)
	case model.Detach:
		if c.Why == model.DetachDrained {
			w.leave(x)
		}
	}
}

// move copies outputs to another worker's store, if that is there, which says so.
func (x *worker) move(w *World, c model.Move) {
	y, inc := w.named[c.Target], x.inc
	w.after(w.between(string(x.id)+"move", time.Millisecond, time.Second), func() {
		if y == nil || !y.up || !x.up || x.inc != inc {
			return
		}
		ev := model.OutputsMoved{From: y.from()}
		for _, id := range c.Outputs {
			if there, has := x.store[key(id)]; has {
				o := *there
				o.Worker, o.Store = y.id, model.StoreID(y.id)
				y.store[key(id)] = &o
				ev.Moved = append(ev.Moved, model.MovedOutput{Output: id, From: model.StoreID(x.id), To: o.Store, Where: o.Output})
			}
		}
		y.send(w, ev)
	})
}

// leave ends a drained worker. A new one comes in its place, with nothing.
func (w *World) leave(x *worker) {
	w.rep.Drains++
	x.up, x.stream = false, false
	x.store = map[uint64]*model.MapOutput{}
	w.after(w.between(string(x.id)+"leave", time.Second, 10*time.Second), func() {
		x.start(w)
		w.after(time.Second, func() { w.step(model.Undrain{Worker: x.id}) })
	})
}

func (x *worker) learn(c model.Locations) {
	k := locKey{c.Job, c.Key}
	if c.Full || x.locs[k] == nil {
		x.locs[k] = map[int]*model.MapOutput{}
	}
	for i := range c.Outputs {
		x.locs[k][c.Outputs[i].Partition] = &c.Outputs[i]
	}
	for _, i := range c.Lost {
		delete(x.locs[k], i)
	}
}

func (x *worker) drop(c model.Drop) {
	for k, o := range x.store {
		id := o.Attempt
		if id.Stage.Job == c.Job && (c.All || slices.Contains(c.Keys, id.Stage.Key) || slices.Contains(c.Outputs, id)) {
			delete(x.store, k)
		}
	}
	if !c.All {
		return
	}
	maps.DeleteFunc(x.blocks, func(b block, _ uint64) bool { return b.job == c.Job })
	maps.DeleteFunc(x.results, func(id model.AttemptID, _ uint64) bool { return id.Stage.Job == c.Job })
}

func (x *worker) acked(id model.AttemptID, keep bool) {
	delete(x.reports, key(id))
	if !keep {
		delete(x.store, key(id))
		delete(x.results, id)
	}
}

// next starts what waits for slots that are free.
func (x *worker) next(w *World) {
	for len(x.waiting) > 0 && len(x.running) < x.slots {
		q := x.waiting[0]
		x.waiting = x.waiting[1:]
		x.run(w, q.launch, q.task)
	}
}

// takeBack ends an attempt that waits for a slot, if it still does.
func (x *worker) takeBack(w *World, id model.AttemptID) bool {
	k := slices.IndexFunc(x.waiting, func(q waiting) bool { return q.task.Attempt == id })
	if k < 0 {
		return false
	}
	x.waiting = slices.Delete(x.waiting, k, k+1)
	x.failed(w, &attempt{id: id}, model.TaskFailed{Class: model.Killed, Message: "it had not started"})
	return true
}

func (x *worker) kill(w *World, id model.AttemptID) {
	a := x.running[key(id)]
	if a == nil || a.killed {
		return
	}
	a.killed = true
	inc := x.inc
	w.after(w.between("kill", time.Millisecond, time.Second), func() {
		if x.inc == inc && x.running[key(id)] == a {
			x.failed(w, a, model.TaskFailed{Class: model.Killed, Message: "killed"})
		}
	})
}

func (x *worker) arrive(w *World, a *attempt) {
	x.send(w, model.BarrierArrive{From: x.from(), Attempt: a.id, Data: bytes(uint64(a.id.Partition))})
}

// release lets those go on that wait at their barrier. All of the gang must have
// been there.
func (x *worker) release(w *World, c model.Barrier) {
	for i, d := range c.Data {
		if word(d) != uint64(i) || len(c.Data) != w.stage(c.Stage).n {
			w.fail("R60: %s passes a barrier with %d of %d", c.Stage, len(c.Data), w.stage(c.Stage).n)
		}
	}
	for _, seq := range sorted(x.running) {
		a := x.running[seq]
		if a.id.Stage != c.Stage || a.id.Gen != c.Gen || !a.waits || a.passed {
			continue
		}
		a.passed = true
		inc := x.inc
		w.after(w.between(a.me, time.Millisecond, 50*time.Millisecond), func() {
			if x.up && x.inc == inc && x.running[seq] == a && !a.killed {
				x.finish(w, a)
			}
		})
	}
}

// run is an attempt: it starts, reads its inputs, works, and reports.
func (x *worker) run(w *World, l model.Launch, t model.Assignment) {
	if x.started[l.Exec] != l.Stage.Job {
		w.fail("launch of %s in executor %d, which was never started", t.Attempt, l.Exec)
	}
	a := &attempt{id: t.Attempt, began: w.now, exec: l.Exec, reads: l.Reads, holders: holdersOf(w.stage(l.Stage), t)}
	task := fmt.Sprintf("%s/%s/%d", a.id.Stage.Job, a.id.Stage.Key, a.id.Partition)
	w.nth[task]++
	a.me = fmt.Sprintf("%s#%d", task, w.nth[task])
	x.running[key(a.id)] = a
	if _, there := x.execs[l.Exec]; !there { // it crashed, and the master does not know yet
		x.failed(w, a, model.TaskFailed{Class: model.Refused, Message: "no executor"})
		return
	}
	inc := x.inc
	if !w.chance("unstarted", 0.5) {
		x.send(w, model.TaskStarted{From: x.from(), Attempt: a.id})
	}
	there := func() bool { return x.up && x.inc == inc && x.running[key(a.id)] == a && !a.killed }
	work := w.between(a.me, 5*time.Millisecond, 400*time.Millisecond)
	if w.chance(a.me, 0.03) {
		work *= 20
	}
	if w.o.Short {
		work /= 40
	}
	w.after(work/4, func() {
		if there() && !x.read(w, a) {
			return
		}
		w.after(work, func() {
			if there() && w.stage(a.id.Stage).barrier {
				a.waits = true
				x.arrive(w, a)
			} else if there() {
				x.finish(w, a)
			}
		})
	})
	w.after(work/2+200*time.Millisecond, func() {
		if there() {
			x.send(w, model.TaskProgress{From: x.from(), Progress: []model.Progress{{Attempt: a.id, Rows: 1, Fraction: 0.5, Moves: 1}}})
		}
	})
}

// holdersOf gives those who have the block that a task starts at.
func holdersOf(st *stage, t model.Assignment) []plan.WorkerID {
	if t.Held && len(t.Blocks) > 0 && t.Blocks[0].Block.RDD == st.rdd() {
		return t.Blocks[0].Holders
	}
	return nil
}

// read takes in the inputs of an attempt, or reports what it could not have.
func (x *worker) read(w *World, a *attempt) bool {
	st := w.stage(a.id.Stage)
	if st.cached && x.readBlock(w, st, a) {
		return true
	}
	j := w.job(a.id.Stage.Job)
	if st.local && len(a.reads) == 0 && slices.ContainsFunc(st.parents, func(p model.Parent) bool { return !j.stages[p.Key].saved }) {
		j.gone = true
		x.failed(w, a, model.TaskFailed{Class: model.User, Message: "gone", Signature: model.Signature{Kind: "gone"}})
		return false
	}
	for _, p := range st.parents {
		up := j.stages[p.Key]
		parts := []int{a.id.Partition}
		if p.Edge != model.Narrow {
			parts = up.all()
		}
		if !slices.ContainsFunc(a.reads, func(r model.Read) bool { return r.Key == p.Key }) {
			if !up.saved {
				w.fail("%s is given nothing of %s", a.id, p.Key)
			}
			for _, m := range parts {
				a.from = append(a.from, up.truth[m])
			}
			continue
		}
		where := x.locs[locKey{a.id.Stage.Job, up.key}]
		a.from = slices.Grow(a.from, len(parts))
		for _, m := range parts {
			o := where[m]
			h, cause, got := uint64(0), model.FetchMissing, false
			switch {
			case o == nil:
			case up.kind == model.ValueStage:
				h, got = word(o.Output), true
			default:
				h, cause, got = x.fetch(w, o)
			}
			if !got {
				bad := &model.FetchSource{Key: up.key, Map: m, Cause: cause}
				if o != nil {
					bad.Attempt, bad.Store = o.Attempt, o.Store
					if cause == model.FetchTimeout || w.named[o.Worker].rotten[key(o.Attempt)] {
						w.couldNot(a, up.key)
					}
				} else if len(a.holders) > 0 {
					bad.Block = st.blockOf(a)
				}
				x.failed(w, a, model.TaskFailed{Class: model.Fetch, Message: "fetch", Source: bad})
				return false
			}
			a.from = append(a.from, h)
		}
	}
	return true
}

func (x *worker) readBlock(w *World, st *stage, a *attempt) bool {
	b := block{a.id.Stage.Job, *st.blockOf(a)}
	if h, ok := x.blocks[b]; ok {
		a.content, a.fromOwn = h, true
		return true
	}
	for _, o := range w.workers {
		if h, ok := o.blocks[b]; ok && o.up && slices.Contains(a.holders, o.id) {
			a.content, a.fromOwn = h, true
			return true
		}
	}
	return false
}

// copyBlock keeps a block that others hold, if one of them can be reached, and tells.
func (x *worker) copyBlock(w *World, c model.Copy) {
	if x.started[c.Exec] != c.Job {
		w.fail("copy of %+v for executor %d, which was never started", c.Block, c.Exec)
	}
	inc := x.inc
	w.after(w.between(string(x.id)+"copy", time.Millisecond, time.Second), func() {
		if !x.up || x.inc != inc {
			return
		}
		ev := model.CopyDone{From: x.from(), Job: c.Job, Block: model.HeldBlock{BlockID: c.Block, Bytes: 8}}
		b := block{c.Job, c.Block}
		for _, id := range c.From {
			y := w.named[id]
			if y == x {
				w.fail("R61: %s is to copy what it has", x.id)
			}
			h, has := y.blocks[b]
			if _, runs := x.execs[c.Exec]; has && runs && y.up && !w.apart(x, y) {
				x.blocks[b], ev.Done = h, true
				w.rep.Copied++
				break
			}
		}
		x.send(w, ev)
	})
}

// fetch gets one input from where the worker believes it to be.
func (x *worker) fetch(w *World, o *model.MapOutput) (content uint64, why model.FetchCause, got bool) {
	y := w.named[o.Worker]
	there, has := y.store[key(o.Attempt)]
	switch {
	case !y.up:
		return 0, model.FetchRefused, false
	case w.apart(x, y):
		return 0, model.FetchTimeout, false
	case !has:
		return 0, model.FetchMissing, false
	}
	return word(there.Output), 0, true
}

// flaky is a link that does not work now and then, for a while.
func (w *World) flaky(x, y *worker) bool {
	if w.o.Faults == 0 || w.now > w.calm || !w.o.TaskFaults {
		return false
	}
	if w.o.Only != nil && !slices.Contains(w.o.Only, "flaky") {
		return false
	}
	if !w.noisy["flaky"] {
		w.noisy["flaky"] = true
		w.happens("flaky", "links")
	}
	span := uint64(w.now) / uint64(20*time.Second)
	return mix(w.o.Seed^mix(uint64(x.inc)^uint64(y.inc)*3+span))%100 < 2
}

func (x *worker) finish(w *World, a *attempt) {
	st := w.stage(a.id.Stage)
	if w.now < w.calm && w.o.TaskFaults && x.misbehave(w, a) {
		return
	}
	if !a.fromOwn {
		a.content = w.make(st, a)
	}
	delete(x.running, key(a.id))
	d := model.TaskDone{From: x.from(), Attempt: a.id, Reads: a.reads, Rows: 1, Bytes: 8, RowSum: a.content | 1,
		Counters: []model.Counter{{Name: "tasks", Value: 1}, {Name: "rows", Value: int64(a.id.Partition)}}}
	switch {
	case st.kind == model.MapStage:
		d.Output = bytes(a.content)
		for k := range 8 { // few enough that some readers have none
			d.Sizes = append(d.Sizes, byte(mix(a.content+uint64(k))))
		}
		x.store[key(a.id)] = &model.MapOutput{Partition: a.id.Partition, Attempt: a.id, Worker: x.id, Store: model.StoreID(x.id),
			Rows: 1, Bytes: 8, RowSum: d.RowSum, Sizes: d.Sizes, Output: d.Output, Reads: a.reads, Counters: d.Counters}
	case st.kind == model.ValueStage:
		d.Output = bytes(a.content)
	case st.sink == model.Files:
		d.File, d.Output = "f", bytes(a.content)
	case w.chance("address", 0.5):
		d.Address, d.Output = string(x.id), bytes(a.content)
		x.results[a.id] = a.content
	default:
		d.Result = bytes(a.content)
	}
	if st.cached {
		b := st.blockOf(a)
		d.Blocks = []model.HeldBlock{{BlockID: *b, Bytes: 8}}
		x.blocks[block{a.id.Stage.Job, *b}] = a.content
	}
	x.reports[key(a.id)] = d
	x.send(w, d)
	x.next(w)
}

// misbehave lets an attempt end in another way.
func (x *worker) misbehave(w *World, a *attempt) bool {
	f := 0.01 * w.o.Faults
	me := a.me + "!"
	switch {
	case w.chance(me, f) && w.happens(me, "fails"):
		x.failed(w, a, model.TaskFailed{Class: model.User, Message: "user", Signature: model.Signature{Kind: "e", Hash: w.draw(me) % 7}})
	case w.chance(me, f) && w.happens(me, "meets trouble"):
		x.failed(w, a, model.TaskFailed{Class: model.Infra, Message: "infra"})
	case w.chance(me, f) && w.happens(me, "is refused"):
		x.failed(w, a, model.TaskFailed{Class: model.Refused, Message: "refused"})
	case w.chance(me, f/4) && w.happens(me, "needs memory"):
		x.failed(w, a, model.TaskFailed{Class: model.Resource, Message: "memory"})
	case w.chance(me, f/2) && w.happens(me, "crashes"):
		x.crash(w, a.exec)
	default:
		return false
	}
	return true
}

func (x *worker) failed(w *World, a *attempt, f model.TaskFailed) {
	delete(x.running, key(a.id))
	f.From, f.Attempt = x.from(), a.id
	x.reports[key(a.id)] = f
	x.send(w, f)
	x.next(w)
}

// crash ends an executor's process and all that runs in it.
func (x *worker) crash(w *World, no int) {
	job := x.execs[no]
	delete(x.execs, no)
	for s, a := range x.running {
		if a.exec == no {
			delete(x.running, s)
		}
	}
	x.waiting = slices.DeleteFunc(x.waiting, func(q waiting) bool { return q.launch.Exec == no })
	for b := range x.blocks {
		if b.job == job {
			delete(x.blocks, b)
		}
	}
	x.send(w, model.ExecGone{From: x.from(), Job: job, No: no, Signal: 9, OOM: w.chance("memory", 0.3)})
	x.next(w)
}

func (w *World) probe(c model.Probe) {
	for _, x := range w.workers {
		if x.id != c.Worker {
			continue
		}
		w.after(w.between("probe", time.Millisecond, 20*time.Millisecond), func() {
			r := model.ProbeResult{Worker: c.Worker, Inc: c.Inc, No: c.No, Answer: model.ProbeSame}
			switch {
			case !x.up:
				r.Answer = model.ProbeRefused
			case x.inc != c.Inc:
				r.Answer = model.ProbeOther
			case !x.stream:
				r.Answer = model.ProbeTimeout
			}
			w.step(r)
		})
	}
}

// fault does something bad to a worker, and plans the next one. What is drawn
// depends on the worker and the number alone, so that leaving one out leaves the
// others in place.
func (w *World) fault(x *worker, n int) {
	if w.now > w.calm {
		return
	}
	me := fmt.Sprintf("%s#%d", x.id, n)
	w.after(time.Duration(float64(w.between(me, 2*time.Second, 60*time.Second))/w.o.Faults), func() { w.fault(x, n+1) })
	if !x.up || !x.stream {
		return
	}
	away := w.between(me, time.Millisecond, 20*time.Second)
	some := w.chance(me, 0.5)
	switch w.upTo(me, 7) {
	case 0, 1:
		if w.happens(me, fmt.Sprintf("dies for %v, store lost %v", away, some)) {
			w.die(x, away, some)
		}
	case 2:
		if w.happens(me, fmt.Sprintf("is cut off for %v, silently %v", away, some)) {
			w.cut(x, away, some)
		}
	case 3:
		if no := w.someExec(x); no > 0 && w.o.TaskFaults && w.happens(me, "loses an executor") {
			x.crash(w, no)
		}
	case 4:
		if w.o.TaskFaults && len(x.store) > 0 && w.happens(me, "loses an output") {
			w.rot(x, me)
		}
	case 6:
		if w.happens(me, "is drained") {
			w.step(model.Drain{Worker: x.id, Deadline: away + time.Second})
			w.after(time.Minute, func() { w.step(model.Undrain{Worker: x.id}) }) // if it never came to its end
		}
	case 5:
		if w.happens(me, "is not heard by gossip") {
			w.step(model.MemberFailed{Worker: x.id, Inc: x.inc})
		}
	}
}

func (w *World) someExec(x *worker) int {
	least := 0
	for no := range x.execs {
		if least == 0 || no < least {
			least = no
		}
	}
	return least
}

// die ends a worker's process; another one starts later, on the same store or on
// an empty one.
func (w *World) die(x *worker, away time.Duration, empty bool) {
	w.streamDown(x)
	x.up = false
	if empty {
		x.store = map[uint64]*model.MapOutput{}
	}
	w.after(away, func() { x.start(w) })
}

// cut breaks a worker's stream for a while.
func (w *World) cut(x *worker, away time.Duration, silent bool) {
	x.cut = true
	if silent {
		x.stream = false // nobody tells the master
	} else {
		w.streamDown(x)
	}
	inc := x.inc
	w.after(away, func() {
		x.cut = false
		if x.up && x.inc == inc && !x.stream {
			x.connect(w)
		}
	})
}

func (w *World) streamDown(x *worker) {
	x.stream = false
	ev := model.StreamDown{Worker: x.id, Inc: x.inc, Session: x.session}
	w.after(w.between(string(x.id)+"lag", time.Millisecond, 500*time.Millisecond), func() { w.step(ev) })
}

// rot loses one output of a worker's store.
func (w *World) rot(x *worker, me string) {
	ids := slices.Sorted(maps.Keys(x.store))
	id := ids[w.upTo(me, len(ids))]
	delete(x.store, id)
	x.rotten[id] = true
}

// key tells attempts of all terms apart.
func key(id model.AttemptID) uint64 { return uint64(id.Term)<<32 | id.Seq }
