package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// job is a driver with its graph and the actions it runs, one after another.
type job struct {
	id      plan.JobID
	stages  map[plan.StageKey]*stage
	order   []*stage
	actions []*action
	next    int
	ended   bool
	asked   bool // to cancel
	pool    string
	prio    int
	session model.Session

	submitted, finished bool
	stale               int  // masters it did not talk to yet
	local               bool // it has a stage that is cut
	ordeals             map[plan.StageKey]ordeal
	missed              map[plan.StageKey]int // failures to read its outputs
	kept                map[model.AttemptID]bool
	gone                bool // and outputs of it are lost
}

// stage is one stage and the truth about it.
type stage struct {
	job     plan.JobID
	key     plan.StageKey
	kind    model.Kind
	sink    model.SinkKind
	n       int
	parents []model.Parent
	class   model.Class
	fickle  bool // makes other rows each time, whatever its class says
	cached  bool
	of      *stage   // an earlier one, whose rows it computes again where their blocks are not kept; nil: none
	copies  int      // of its cached blocks
	near    []*stage // whose cached blocks it would rather be near to
	barrier bool
	truth   []uint64 // contents, if nothing above is fickle
	local   bool     // it is cut with the first action that has it
	isCut   bool     // that has ended
	saved   bool     // whoever reads it reads a copy that is in no store
}

type stageName struct {
	job plan.JobID
	key plan.StageKey
}

type action struct {
	id      plan.ActionID
	target  *stage
	sink    model.Sink
	parts   []int
	gen     model.Gen
	got     map[int]uint64
	files   map[int]uint64
	ended   bool
	graph   []model.StageSpec
	refused bool // its job had ended
	publish int
}

func bytes(h uint64) []byte {
	return binary.LittleEndian.AppendUint64(nil, h)
}

func word(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (st *stage) all() []int {
	out := make([]int, st.n)
	for i := range out {
		out[i] = i
	}
	return out
}

func (st *stage) blockOf(a *attempt) *model.BlockID {
	b := &model.BlockID{RDD: st.rdd(), Partition: a.id.Partition}
	for _, r := range a.reads {
		if r.Key == b.RDD {
			b.Gen = r.Gen
		}
	}
	return b
}

// rows names what the stage computes, and rdd the data set in which that is kept.
func (st *stage) rows() plan.StageKey {
	if st.of != nil {
		return st.of.key
	}
	return st.key
}

func (st *stage) rdd() plan.StageKey { return "c" + st.rows() }

// caches are the cached data sets that the stage reads, its own in front.
func (st *stage) caches() (all []model.Cache) {
	add := func(up *stage) {
		c := model.Cache{RDD: up.rdd(), Copies: up.copies}
		for _, p := range up.parents {
			c.Of = append(c.Of, p.Key)
		}
		all = append(all, c)
	}
	if st.cached {
		add(st)
	}
	for _, up := range st.near {
		add(up)
	}
	return all
}

// blocks draws which blocks the tasks of a stage read: what its own ones are made of,
// as far as it has some.
func (w *World) blocks(st *stage) (all [][]model.BlockRead) {
	if len(st.near) == 0 {
		return nil
	}
	own := len(st.caches()) - len(st.near)
	for i := range st.n {
		var reads []model.BlockRead
		for k, up := range st.near {
			if up.n > 0 {
				reads = append(reads, model.BlockRead{Cache: own + k, Partition: w.upTo("near", up.n)})
			}
		}
		if own > 0 {
			reads = append([]model.BlockRead{{Partition: i, Under: len(reads)}}, reads...)
		}
		all = append(all, reads)
	}
	return all
}

func (w *World) job(id plan.JobID) *job {
	for _, j := range w.jobs {
		if j.id == id {
			return j
		}
	}
	return nil
}

func (w *World) stage(id model.StageID) *stage { return w.job(id.Job).stages[id.Key] }

// addJob draws a graph and the actions upon it.
func (w *World) addJob(i int) {
	j := &job{id: plan.JobID(fmt.Sprintf("j%d", i)), stages: map[plan.StageKey]*stage{},
		ordeals: map[plan.StageKey]ordeal{}, missed: map[plan.StageKey]int{}, kept: map[model.AttemptID]bool{}}
	w.jobs = append(w.jobs, j)
	me := string(j.id)
	stages := 1 + w.upTo(me, 7)
	if w.o.Stages > 0 {
		stages = min(stages, w.o.Stages)
	}
	for k := range stages {
		w.addStage(j, k)
	}
	for n := range 1 + w.upTo(me, 3) {
		w.addAction(j, n+1)
	}
	w.after(w.between(me, 0, 5*time.Second), func() {
		j.pool, j.prio = []string{"", "b"}[w.upTo(me, 2)], w.upTo(me, 2)
		j.submitted = true
		w.step(j.submission())
		w.submit(j)
	})
}

func (j *job) submission() model.SubmitJob {
	return model.SubmitJob{Job: j.id, Key: string(j.id), Pool: j.pool, Priority: j.prio}
}

func (w *World) submission(j *job, a *action) model.SubmitAction {
	return model.SubmitAction{Request: 1, Action: a.id, Plan: "p", Graph: a.graph, Target: a.target.key, Partitions: a.parts, Sink: a.sink}
}

func (w *World) addStage(j *job, k int) {
	me := string(j.id)
	st := &stage{job: j.id, key: plan.StageKey(fmt.Sprintf("s%d", k)), n: w.size(me)}
	if w.chance(me, 0.1) {
		st.kind, st.n = model.ValueStage, 1
	}
	for range w.upTo(me, 3) {
		if k > 0 {
			st.read(w, j.order[w.upTo(me, k)], w.chance(me, 0.3))
		}
	}
	w.character(st)
	w.nears(j, st)
	j.add(w, st)
	st.local = st.kind == model.MapStage && len(st.parents) > 0 && !st.cached && !st.barrier && w.chance(me+"local", 0.1)
	j.local = j.local || st.local
}

// nears draws of which others a stage reads cached blocks.
func (w *World) nears(j *job, st *stage) {
	for _, up := range j.order {
		if up.cached && !st.barrier && w.chance(string(st.job)+"near", 0.5) {
			st.near = append(st.near, up)
		}
	}
}

func (w *World) size(me string) int {
	sizes := []int{1, 2, 3, 7, w.o.Tasks, 0}
	return min(sizes[w.upTo(me, len(sizes))], w.o.Tasks)
}

func (st *stage) read(w *World, up *stage, narrow bool) {
	p := model.Parent{Key: up.key, Edge: model.Wide}
	switch {
	case up.kind == model.ValueStage:
		p.Edge = model.ValueDep
	case narrow && st.kind != model.ValueStage && !up.barrier:
		p.Edge = model.Narrow
		for _, q := range st.parents {
			if q.Edge == model.Narrow {
				return
			}
		}
		st.n = up.n
	}
	st.parents = append(st.parents, p)
}

func (w *World) character(st *stage) {
	me := string(st.job) + "class"
	switch {
	case w.chance(me, 0.15):
		st.class, st.fickle = model.Indeterminate, w.chance(me, 0.7)
	case w.chance(me, 0.05):
		st.fickle = true // falsely declared
	case w.chance(me, 0.2):
		st.class = model.Unordered
	}
	st.cached = st.kind == model.MapStage && w.chance(me, 0.2)
	st.copies = 1 + w.upTo(string(st.job)+"copies", 3)
	st.barrier = st.kind != model.ValueStage && !st.cached && st.n > 0 && st.n <= 7 && w.chance(me, 0.15)
}

// add computes what the stage's contents must be.
func (j *job) add(w *World, st *stage) {
	j.stages[st.key] = st
	j.order = append(j.order, st)
	sure := !st.fickle
	for _, p := range st.parents {
		sure = sure && (j.stages[p.Key].truth != nil || j.stages[p.Key].n == 0)
	}
	if !sure {
		return
	}
	st.truth = []uint64{}
	for i := range st.n {
		var in []uint64
		for _, p := range st.parents {
			up := j.stages[p.Key]
			if p.Edge == model.Narrow {
				in = append(in, up.truth[i])
			} else {
				in = append(in, up.truth...)
			}
		}
		st.truth = append(st.truth, hashOf(st, i, in))
	}
}

func hashOf(st *stage, part int, in []uint64) uint64 {
	h := mix(uint64(part) + 77)
	for _, c := range []byte(string(st.job) + "/" + string(st.rows())) {
		h = mix(h ^ uint64(c))
	}
	for _, x := range in {
		h = mix(h ^ x)
	}
	return h
}

// make is what a task's code does, and remembers where it came from.
func (w *World) make(st *stage, a *attempt) uint64 {
	h := hashOf(st, a.id.Partition, a.from)
	if st.fickle {
		w.nonce++
		h = mix(h ^ w.nonce)
	}
	w.content[h] = content{stageName{st.job, st.rows()}, a.id.Partition, a.from}
	return h
}

// addAction draws a target that reads some stages.
func (w *World) addAction(j *job, n int) {
	me := string(j.id)
	st := &stage{job: j.id, key: plan.StageKey(fmt.Sprintf("t%d", n)), kind: model.ResultStage, n: 1 + w.upTo(me, w.o.Tasks)}
	for range 1 + w.upTo(me, 2) {
		st.read(w, j.order[w.upTo(me, len(j.order))], w.chance(me, 0.2))
	}
	w.again(j, st)
	a := &action{id: plan.ActionID{Job: j.id, N: n}, target: st, got: map[int]uint64{}, files: map[int]uint64{}}
	if w.chance(me, 0.4) {
		st.sink = model.Files
		a.sink = model.Sink{Kind: model.Files, Path: fmt.Sprintf("/out/%s/%d", j.id, n)}
	} else if w.chance(me, 0.3) && st.n > 1 {
		a.parts = []int{0, st.n - 1}
	}
	st.barrier = !st.cached && a.parts == nil && st.n <= 7 && w.chance(me+"barrier", 0.15)
	w.nears(j, st)
	j.add(w, st)
	j.order = j.order[:len(j.order)-1]
	j.actions = append(j.actions, a)
}

// again draws whether an action reads what its driver has kept of an earlier one's rows.
// Their blocks are all that is left of that one when it has ended.
func (w *World) again(j *job, st *stage) {
	me := string(j.id) + "again"
	if len(j.actions) == 0 {
		st.cached, st.copies = w.chance(me, 0.3), 1+w.upTo(me, 2)
		return
	}
	if first := j.actions[0].target; first.cached && w.chance(me, 0.7) {
		st.of, st.cached, st.copies = first, true, first.copies
		st.n, st.parents = first.n, first.parents
	}
}

// graph returns the part of a job's graph that leads to a stage.
func (j *job) graph(target *stage) []model.StageSpec {
	var out []model.StageSpec
	seen := map[plan.StageKey]bool{target.key: true}
	for work := []*stage{target}; len(work) > 0; {
		st := work[0]
		work = work[1:]
		spec := model.StageSpec{Key: st.key, Kind: st.kind, Class: st.class, Barrier: st.barrier, Name: string(st.key), Cut: st.isCut, Local: st.local && !st.isCut}
		spec.Caches = st.caches()
		if st.cached {
			spec.Cached = spec.Caches[0].RDD
		}
		for _, p := range st.parents {
			if !st.isCut && !j.stages[p.Key].saved {
				spec.Parents = append(spec.Parents, p)
			}
		}
		out = append(out, spec)
		for _, p := range spec.Parents {
			if !seen[p.Key] {
				seen[p.Key] = true
				work = append(work, j.stages[p.Key])
			}
		}
	}
	return out
}

func (w *World) submit(j *job) {
	if j.stale > 0 { // a driver repeats what it submitted before it goes on
		w.after(200*time.Millisecond, func() { w.submit(j) })
		return
	}
	if j.next == len(j.actions) {
		if !j.asked {
			j.finished = true
			w.step(model.FinishJob{Job: j.id, Session: j.session})
		}
		return
	}
	a := j.actions[j.next]
	if j.allEnded() {
		w.save(j)
	}
	j.next++
	a.graph = j.graph(a.target)
	w.step(w.submission(j, a))
	me := fmt.Sprintf("%s#%d", j.id, a.id.N)
	if w.o.Faults > 0 && w.chance(me, 0.08) {
		w.after(w.between(me, 0, 5*time.Second), func() {
			if !w.happens(me, "is cancelled") {
				return
			}
			n := a.id.N
			if w.chance(me, 0.3) {
				n, j.asked = 0, true
			}
			w.step(model.Cancel{Job: j.id, Action: n, Reason: "drawn"})
		})
	}
	if w.chance(string(j.id)+"both", 0.3) && !j.local {
		w.after(time.Second, func() {
			if !j.ended && j.next < len(j.actions) {
				w.submit(j)
			}
		})
	}
}

// save is a driver that has the rows of a stage copied to where none is lost, so that
// nothing is made of it any more. No action is under way that was planned before.
func (w *World) save(j *job) {
	st := j.order[w.upTo(string(j.id)+"saves", len(j.order))]
	if j.next > 0 && st.truth != nil && !st.local && w.chance(string(j.id)+"saves", 0.5) {
		st.saved = true
		w.rep.Saved++
		for i, h := range st.truth {
			if _, made := w.content[h]; !made { // by the action that saves them, which is not drawn
				w.content[h] = content{stage: stageName{st.job, st.key}, part: i}
			}
		}
		w.step(model.Release{Job: j.id, Keys: []plan.StageKey{st.key}})
	}
}

// cutLocal is a driver that has heard that the stages of an action are made: it knows
// nothing any more of what those were made of that are to be cut.
func (w *World) cutLocal(j *job, a *action) {
	for _, spec := range a.graph {
		if spec.Local {
			j.stages[spec.Key].isCut = true
			w.rep.Cut++
		}
	}
}

func (w *World) action(id plan.ActionID) *action {
	if j := w.job(id.Job); j != nil && id.N >= 1 && id.N <= len(j.actions) {
		return j.actions[id.N-1]
	}
	return nil
}

// toDriver carries out what is for drivers, storage and planning.
func (w *World) toDriver(c model.Command) {
	soon := func(ev model.Event) {
		term := w.term
		w.after(w.between("engine", time.Millisecond, 50*time.Millisecond), func() {
			if w.term == term {
				w.step(ev)
			}
		})
	}
	switch c := c.(type) {
	case model.Reply:
		if c.Err != nil && c.Err.Kind == model.CauseEnded {
			w.action(plan.ActionID{Job: c.Job, N: c.Action}).refused = true
		} else if c.Err != nil && w.term > 1 && strings.HasPrefix(c.Err.Message, "there is no job") {
			w.trace("driver", "the master that knew the job is gone: it is submitted again soon")
		} else if c.Err != nil {
			w.fail("refused: %s", c.Err.Message)
		}
	case model.PlanSplits:
		soon(w.splits(c))
	case model.PrepareOutput:
		soon(model.OutputPrepared{Action: c.Action})
	case model.Publish:
		w.publish(c, soon)
	case model.Result:
		w.result(c)
	case model.ResultReset:
		if a := w.action(c.Action); c.Gen > a.gen {
			a.gen = c.Gen
			clear(a.got)
		}
	case model.ActionEnd:
		w.actionEnd(c)
	case model.JobEnd:
		w.jobEnd(c)
	}
}

func (w *World) splits(c model.PlanSplits) model.SplitsReady {
	ev := model.SplitsReady{Action: c.Action}
	j := w.job(c.Action.Job)
	for _, key := range c.Stages {
		st := j.stages[key]
		z := model.StageSize{Key: key, N: st.n, Reduces: 1, Blocks: w.blocks(st)}
		if len(st.parents) == 0 && w.chance("prefs", 0.7) {
			z.Racks = map[string]string{}
			replicas := 1 + w.upTo("replicas", 3)
			for i := range st.n {
				var hosts []string
				for k := range replicas {
					h := fmt.Sprintf("h%d", (i*7+5*k+w.upTo("prefs", 2))%max(len(w.workers), 1))
					hosts = append(hosts, h)
					if w.chance("rack", 0.3) {
						z.Racks[h] = "r1"
					}
				}
				z.Prefs = append(z.Prefs, hosts)
			}
		}
		ev.Sizes = append(ev.Sizes, z)
	}
	return ev
}

func (w *World) publish(c model.Publish, soon func(model.Event)) {
	a := w.action(c.Manifest.Action)
	if a.ended {
		w.fail("I17: %v publishes after its end", a.id)
	}
	a.publish++
	if w.o.TaskFaults && a.publish < 4 && w.noise("publish", "publish", 0.2) {
		soon(model.PublishFailed{Action: a.id, Err: model.Problem{Message: "busy"}})
		return
	}
	clear(a.files)
	for _, f := range c.Manifest.Files {
		if _, twice := a.files[f.Partition]; twice || f.Attempt.Gen != c.Manifest.Gen {
			w.fail("I15: %v: partition %d twice, or of generation %d", a.id, f.Partition, f.Attempt.Gen)
		}
		a.files[f.Partition] = word(f.Output)
	}
	soon(model.Published{Action: a.id})
}

func (w *World) result(c model.Result) {
	a := w.action(c.Action)
	if c.Gen != a.gen {
		w.fail("I26: %v: result of generation %d in %d", a.id, c.Gen, a.gen)
	}
	if c.Address == "" {
		term := w.term
		w.after(w.between("news", 0, 50*time.Millisecond), func() {
			if w.term == term && !a.ended && c.Gen == a.gen { // else the driver never heard of it
				a.got[c.Partition] = word(c.Bytes)
				w.step(model.ResultAck{Action: a.id, Gen: c.Gen, Partitions: []int{c.Partition}})
			}
		})
		return
	}
	w.after(w.between("take", time.Millisecond, 2*time.Second), func() { w.take(a, c) })
}

// take fetches a result from the worker that holds it, if it still does.
func (w *World) take(a *action, c model.Result) {
	if a.ended || c.Gen != a.gen {
		return
	}
	for _, x := range w.workers {
		if x.id != c.Worker {
			continue
		}
		for id, h := range x.results {
			if x.up && id.Stage.Action == a.id.N && id.Stage.Job == a.id.Job && id.Gen == c.Gen && id.Partition == c.Partition && h == word(c.Output) {
				a.got[c.Partition] = h
				w.step(model.ResultAck{Action: a.id, Gen: c.Gen, Partitions: []int{c.Partition}})
				return
			}
		}
	}
}

func (w *World) actionEnd(c model.ActionEnd) {
	a := w.action(c.Action)
	if a.ended && w.term == 1 {
		w.fail("I17: %v ends twice", a.id)
	}
	if a.ended {
		return
	}
	a.ended = true
	switch c.State {
	case model.ActionDone:
		w.rep.Done++
		w.verifyEnd(a, c)
		w.cutLocal(w.job(a.id.Job), a)
	case model.ActionCancelled:
		w.rep.Cancelled++
	default:
		w.rep.Failed++
		w.rep.Ends[c.Cause.Kind]++
		w.excuse(a, c)
	}
	j := w.job(a.id.Job)
	for _, s := range c.Stages {
		w.rep.Completions += s.Ran
	}
	pause := time.Millisecond
	if w.chance(string(j.id)+"pause", 0.3) { // things get lost between actions, too
		pause = w.between(string(j.id)+"pause", time.Second, 20*time.Second)
	}
	w.after(pause, func() {
		if !j.ended && j.allEnded() {
			w.submit(j)
		}
	})
}

func (j *job) allEnded() bool {
	for _, a := range j.actions[:j.next] {
		if !a.ended {
			return false
		}
	}
	return true
}

// excuse says whether an action may have failed for the reason it gives.
func (w *World) excuse(a *action, c model.ActionEnd) {
	k := c.Cause.Kind
	rolled := k == model.CauseGenerations
	if k == model.CauseBarrier { // more tasks than slots, perhaps only for a while
		return
	}
	if w.o.Faults > 0 && (rolled || k == model.CauseCrash) {
		return
	}
	if k == model.CauseNoProgress && w.stuck(c.Cause) {
		return
	}
	tasks := []model.CauseKind{model.CauseTask, model.CauseDeterministic, model.CauseInfra, model.CauseCrash, model.CauseResource, model.CauseNoWorker}
	if (w.o.TaskFaults || w.job(a.id.Job).gone) && slices.Contains(tasks, k) {
		return
	}
	w.fail("%v failed without a reason: %s", a.id, c.Cause.Message)
}

// verifyEnd compares an action's result with the oracle, and walks its
// provenance: all of it must come from one output per task (I14).
func (w *World) verifyEnd(a *action, c model.ActionEnd) {
	got := a.got
	if a.sink.Kind == model.Files {
		got = a.files
	}
	want := a.parts
	if want == nil {
		want = a.target.all()
	}
	if len(got) != len(want) {
		w.fail("%v has %d results, want %d", a.id, len(got), len(want))
		return
	}
	var roots []uint64
	for _, i := range want {
		h, ok := got[i]
		if !ok || a.target.truth != nil && h != a.target.truth[i] {
			w.fail("%v: partition %d has wrong rows", a.id, i)
		}
		roots = append(roots, h)
	}
	w.provenance(a, roots)
	for _, s := range c.Stages {
		if len(s.Counters) > 0 && s.Counters[0].Value != int64(s.Done) {
			w.fail("I27: %s: counter %d, %d winners", s.Stage, s.Counters[0].Value, s.Done)
		}
	}
}

func (w *World) provenance(a *action, roots []uint64) {
	type name struct {
		stageName
		part int
	}
	made := map[name]uint64{}
	for work := roots; len(work) > 0; {
		h := work[len(work)-1]
		work = work[:len(work)-1]
		c, ok := w.content[h]
		if !ok {
			w.fail("%v: rows of nobody", a.id)
			return
		}
		n := name{c.stage, c.part}
		if other, seen := made[n]; seen {
			if other != h {
				w.fail("I14: %v mixes two outputs of %s p%d", a.id, c.stage.key, c.part)
				return
			}
			continue
		}
		made[n] = h
		if !w.job(c.stage.job).stages[c.stage.key].isCut { // what it was made of may be others since
			work = append(work, c.inputs...)
		}
	}
}

func (w *World) jobEnd(c model.JobEnd) {
	j := w.job(c.Job)
	if j.ended && w.term == 1 {
		w.fail("I17: %s ends twice", j.id)
	}
	if j.ended {
		return
	}
	j.ended = true
	for _, a := range j.actions[:j.next] {
		// A master that was cancelled before the driver had repeated itself does
		// not know the last action.
		if !a.ended && !a.refused && w.term == 1 {
			w.fail("job %s ended before %v", j.id, a.id)
		}
	}
}
