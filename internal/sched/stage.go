package sched

import (
	"cmp"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/locality"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/outputs"
)

// demand has the worklists that carry a change of demand from stage to stage:
// lineages may be thousands of stages deep, so nothing recurs.
type demand struct {
	todoTasks  []taskRef
	todoStages []*stage
	todoRoll   []rollback
}

type taskRef struct {
	st *stage
	i  int
}

type rollback struct {
	st  *stage
	why string
}

// addStage returns the stage of a lineage key, made if nobody knew it (R3).
func (s *Scheduler) addStage(j *job, a *action, spec model.StageSpec) *stage {
	if spec.Kind != model.ResultStage {
		if st := j.shared[spec.Key]; st != nil {
			st.released = false
			if spec.Cut || len(spec.Parents) < len(st.parents) {
				s.shed(st, spec.Parents)
				st.spec.Cut = st.spec.Cut || spec.Cut
			}
			return st
		}
	}
	st := &stage{
		id: model.StageID{Job: j.id, Key: spec.Key}, job: j, spec: spec, class: spec.Class,
		seq: len(j.stages), epoch: 1,
	}
	if spec.Kind == model.ResultStage {
		st.id.Action, st.act = a.id.N, a
	} else {
		j.shared[spec.Key] = st
	}
	for _, p := range spec.Parents {
		up := j.shared[p.Key]
		st.parents = append(st.parents, edge{up, p.Edge, p.Own})
		st.depth = max(st.depth, up.depth+1)
		up.children = append(up.children, edge{st, p.Edge, p.Own})
		if p.Edge != model.Narrow && !up.complete() {
			st.blocked++
		}
	}
	s.joinCaches(st)
	j.stages = append(j.stages, st)
	s.formGang(st)
	return st
}

// cut has a stage read nothing any more: the outputs that it has are all that is left
// of its rows.
func (s *Scheduler) cut(st *stage) {
	s.shed(st, nil)
	st.spec.Cut = true
}

// shed has a stage read no more than some of its parents: the rows of the others come
// from elsewhere from now on, or are not made again.
func (s *Scheduler) shed(st *stage, keep []model.Parent) {
	kept := st.parents[:0:0]
	for _, e := range st.parents {
		if slices.ContainsFunc(keep, func(p model.Parent) bool { return p.Key == e.st.id.Key }) {
			kept = append(kept, e)
		} else {
			s.leave(st, e)
		}
	}
	st.parents, st.spec.Parents, st.reads = kept, keep, nil
	if st.blocked == 0 {
		s.weigh(st)
	}
	s.reviewAll(st)
}

// leave takes a stage out of the readers of one of its parents.
func (s *Scheduler) leave(st *stage, e edge) {
	e.st.children = slices.DeleteFunc(e.st.children, func(c edge) bool { return c.st == st })
	if e.kind != model.Narrow {
		if !e.st.complete() {
			st.blocked--
		}
		if st.asserted {
			s.demandAll(e.st, false)
		}
		return
	}
	for i := range st.tasks {
		if st.tasks[i].counted && !st.tasks[i].cached {
			e.st.tasks[i].want--
			s.recountLater(e.st, i)
		}
	}
}

// sizeStage gives a stage its tasks. One without tasks is complete at once.
func (s *Scheduler) sizeStage(st *stage, z model.StageSize) {
	st.sized, st.n, st.reduces = true, z.N, z.Reduces
	st.tasks = make([]task, z.N)
	st.outs = outputs.Make(z.N)
	st.job.tasks += z.N
	s.tasks += z.N
	st.prefs = s.internPrefs(&z)
	st.keepBlocks(z.Blocks)
	if st.blocked == 0 {
		s.weigh(st)
	}
	if z.N == 0 {
		s.completed(st)
	}
	if st.wantAll > 0 {
		s.recountAll(st)
	}
}

// internPrefs keeps hosts as numbers, and learns their racks.
func (s *Scheduler) internPrefs(z *model.StageSize) (out locality.Prefs) {
	var names []int32
	for _, hosts := range z.Prefs[:min(z.N, len(z.Prefs))] {
		names = names[:0]
		for _, h := range hosts {
			n := s.nameOf(h)
			if rack := s.rackOf(z.Racks[h]); s.spots[n].rack == locality.None {
				s.spots[n].rack = rack
			}
			names = append(names, n)
		}
		out.Append(names...)
	}
	return out
}

func (s *Scheduler) recountLater(st *stage, i int) {
	s.todoTasks = append(s.todoTasks, taskRef{st, i})
}

func (s *Scheduler) recountAll(st *stage) {
	for i := range st.tasks {
		s.recount(st, i)
	}
}

// settle carries every change of demand to where it ends.
func (s *Scheduler) settle() {
	for !s.stopped {
		switch {
		case len(s.todoTasks) > 0:
			last := len(s.todoTasks) - 1
			ref := s.todoTasks[last]
			s.todoTasks = s.todoTasks[:last]
			s.recount(ref.st, ref.i)
		case len(s.todoStages) > 0:
			last := len(s.todoStages) - 1
			st := s.todoStages[last]
			s.todoStages = s.todoStages[:last]
			s.assert(st)
		case len(s.todoRoll) > 0:
			last := len(s.todoRoll) - 1
			r := s.todoRoll[last]
			s.todoRoll = s.todoRoll[:last]
			s.rollBack(r.st, r.why)
		default:
			return
		}
	}
}

// recount brings what is known of one task's demand up to date (R5).
func (s *Scheduler) recount(st *stage, i int) {
	t := &st.tasks[i]
	want := t.state != model.TaskFinished && (st.wantAll > 0 || t.want > 0)
	cached := want && s.held(st, i)
	if want == t.counted && cached == t.cached {
		s.review(st, i)
		return
	}
	was, is := t.counted && !t.cached, want && !cached
	t.counted, t.cached = want, cached
	if was != is {
		s.readers(st, i, is)
	}
	if !want && t.state == model.TaskRunning {
		s.killAll(st, i, "not needed any more")
	}
	if want && st.unsure {
		s.todoRoll = append(s.todoRoll, rollback{st, "an output that is needed was lost"})
	}
	s.review(st, i)
}

// readers says that one task more or less of st reads the parents.
func (s *Scheduler) readers(st *stage, i int, more bool) {
	d := 1
	if !more {
		d = -1
	}
	st.active += d
	s.todoStages = append(s.todoStages, st)
	for _, e := range st.parents {
		if e.kind == model.Narrow {
			e.st.tasks[i].want += uint16(d)
			s.recountLater(e.st, i)
		}
	}
}

// assert tells the parents of st whether they are demanded as a whole.
func (s *Scheduler) assert(st *stage) {
	if st.asserted == (st.active > 0) {
		return
	}
	st.asserted = !st.asserted
	for _, e := range st.parents {
		if e.kind == model.Narrow {
			continue
		}
		s.demandAll(e.st, st.asserted)
	}
}

// demandAll says that one reader more or less demands all of a stage.
func (s *Scheduler) demandAll(st *stage, more bool) {
	if more {
		st.wantAll++
	} else {
		if st.wantAll--; st.wantAll == 0 {
			st.locs = nil // several times as much as the outputs themselves
		}
	}
	if st.wantAll == 0 || st.wantAll == 1 && more {
		s.recountAll(st)
	}
}

// review makes a task pending if it can start now, and takes it back if it
// cannot (R6).
func (s *Scheduler) review(st *stage, i int) {
	t := &st.tasks[i]
	if t.state == model.TaskFinished {
		return
	}
	if t.live[0] != nil || t.live[1] != nil {
		if t.state == model.TaskPending {
			s.withdraw(st, i)
		}
		t.state = model.TaskRunning
		return
	}
	ok := t.counted && t.blame.Held() <= s.now && (t.cached || st.ready(i))
	switch {
	case ok && t.state != model.TaskPending:
		t.state = model.TaskPending
		s.push(st, i)
	case !ok && t.state == model.TaskPending:
		s.withdraw(st, i)
		t.state = model.TaskIdle
	case !ok:
		t.state = model.TaskIdle
	}
}

// ready reports whether all that task i must read is there.
func (st *stage) ready(i int) bool {
	if st.blocked > 0 {
		return false
	}
	for _, e := range st.parents {
		if e.kind == model.Narrow && (!e.st.sized || e.st.tasks[i].state != model.TaskFinished) {
			return false
		}
	}
	return true
}

func (s *Scheduler) reviewAll(st *stage) {
	for i := range st.tasks {
		s.review(st, i)
	}
}

// push puts a pending task where the placer finds it.
func (s *Scheduler) push(st *stage, i int) {
	t := &st.tasks[i]
	if t.blame.Picky() {
		st.pending.PushPicky(i)
	} else {
		st.pending.Push(i, s.placesOf(st, i))
	}
	if !st.listed {
		st.listed = true
		at, _ := slices.BinarySearchFunc(st.job.runnable, st, compareStages)
		st.job.runnable = slices.Insert(st.job.runnable, at, st)
	}
	s.listJob(st.job)
	s.touch(st)
}

// withdraw takes a pending task out of its set; its state is the caller's.
func (s *Scheduler) withdraw(st *stage, i int) { st.pending.Remove(i, s.placesOf(st, i)) }

// compareStages is the order of R9 within a job.
func compareStages(a, b *stage) int {
	return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(a.seq, b.seq), cmp.Compare(a.id.Action, b.id.Action))
}

// touch lets the placer look at all of a stage's pending tasks again.
func (s *Scheduler) touch(st *stage) {
	st.dirty, s.wake = true, true
}

func (s *Scheduler) wakeAll() {
	s.wake = true
	for _, j := range s.order {
		for _, st := range j.runnable {
			st.dirty = true
		}
	}
}

// completed tells the readers of st that nothing is missing any more.
func (s *Scheduler) completed(st *stage) {
	st.lost = false
	if st.n > 0 && !st.dead {
		s.emit(model.Note{Kind: model.NoteStageComplete, Job: st.job.id, Stage: st.id, Gen: st.gen, Try: st.try, Count: st.n})
	}
	for _, e := range st.children {
		if e.kind == model.Narrow {
			continue
		}
		if e.st.blocked--; e.st.blocked == 0 {
			s.weigh(e.st)
			s.reviewAll(e.st)
		}
	}
	s.tellFound(st)
}

// incomplete tells the readers of st that something is missing again. Each of
// them that was ready begins a new try (R44), however much is lost at once.
func (s *Scheduler) incomplete(st *stage) (readers []*stage) {
	for _, e := range st.children {
		if e.kind == model.Narrow {
			continue
		}
		if e.st.blocked++; e.st.blocked == 1 {
			if e.st.active > 0 && e.st.sized {
				readers = append(readers, e.st)
			}
			s.reviewAll(e.st)
		}
	}
	return readers
}

// release drops outputs that no handle and no running action refers to (R4).
func (s *Scheduler) release(ev model.Release) {
	j := s.jobs[ev.Job]
	if j == nil {
		return
	}
	for _, key := range ev.Keys {
		if st := j.shared[key]; st != nil {
			st.released = true
		} else {
			s.releaseBlocks(j, key)
		}
	}
	s.sweep(j)
}

// sweep forgets released stages, readers before what they read, so that what a
// loop leaves behind does not add up.
func (s *Scheduler) sweep(j *job) {
	for k := len(j.stages) - 1; k >= 0; k-- {
		st := j.stages[k]
		if st.act != nil || !st.released || j.refers(st) {
			continue
		}
		s.dropOutputs(st)
		if len(st.children) == 0 {
			s.unlink(st)
			delete(j.shared, st.id.Key)
			s.forgetStage(st)
			j.stages = slices.Delete(j.stages, k, k+1)
		}
	}
}

// refers reports whether an active action refers to st.
func (j *job) refers(st *stage) bool {
	for _, a := range j.actions {
		if slices.Contains(a.stages, st) {
			return true
		}
	}
	return false
}

// unlink takes st out of its parents' lists of readers.
func (s *Scheduler) unlink(st *stage) {
	for _, e := range st.parents {
		e.st.children = slices.DeleteFunc(e.st.children, func(c edge) bool { return c.st == st })
	}
}

// forgetStage takes a stage's tasks and outputs off the books.
func (s *Scheduler) forgetStage(st *stage) {
	st.dead = true
	st.leaveCaches()
	for _, c := range st.kept {
		c.of = slices.DeleteFunc(c.of, func(x *stage) bool { return x == st })
	}
	st.outs.DisownAll()
	s.tasks -= st.n
	st.job.tasks -= st.n
	if st.act == nil {
		for _, w := range s.workers {
			delete(w.sent, st)
		}
	}
	if st.listed {
		st.job.runnable = slices.DeleteFunc(st.job.runnable, func(x *stage) bool { return x == st })
		st.listed = false
	}
	st.parents = nil // who still knows it keeps nothing else
}
