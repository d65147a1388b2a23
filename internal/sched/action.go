package sched

import (
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/graph"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// submitAction is R2 and R3.
func (s *Scheduler) submitAction(ev model.SubmitAction) {
	j := s.jobs[ev.Action.Job]
	if j == nil {
		s.reply(ev.Request, ev.Action.Job, ev.Action.N, refusal("there is no job %q", ev.Action.Job))
		return
	}
	if s.knownAction(j, ev) {
		return
	}
	order, err := s.checkAction(j, &ev)
	if err != nil {
		s.reply(ev.Request, j.id, ev.Action.N, err)
		return
	}
	a := &action{
		id: ev.Action, job: j, plan: ev.Plan, sink: ev.Sink, name: ev.Name, site: ev.Site, labels: ev.Labels,
		firstN: ev.FirstN, ordered: ev.Ordered, wanted: ev.Partitions, prepared: ev.Sink.Kind != model.Files,
	}
	j.lastN = ev.Action.N
	j.actions = append(j.actions, a)
	for _, i := range order {
		a.stages = append(a.stages, s.addStage(j, a, ev.Graph[i]))
	}
	a.target = a.stages[len(a.stages)-1]
	s.record(model.ActionAccepted{Submit: ev}, false)
	s.reply(ev.Request, j.id, ev.Action.N, nil)
	s.askFor(a)
}

// askFor asks for what must be known before an action's tasks exist.
func (s *Scheduler) askFor(a *action) {
	if !a.prepared {
		s.paths[a.sink.Path] = a
		s.emit(model.PrepareOutput{Action: a.id, Sink: a.sink})
	}
	var keys []plan.StageKey
	for _, st := range a.stages {
		if !st.sized {
			keys = append(keys, st.id.Key)
		}
	}
	if len(keys) > 0 {
		s.emit(model.PlanSplits{Action: a.id, Stages: keys})
		return
	}
	a.sized = true
	s.startAction(a)
}

// knownAction answers an action that was submitted before.
func (s *Scheduler) knownAction(j *job, ev model.SubmitAction) bool {
	if ev.Action.N > j.lastN {
		return false
	}
	digest := func(d plan.Digest) *model.Cause {
		if d != ev.Plan {
			return refusal("action %s was submitted with another plan", ev.Action)
		}
		return nil
	}
	if a := j.action(ev.Action.N); a != nil {
		s.reply(ev.Request, j.id, ev.Action.N, digest(a.plan))
		return true
	}
	for _, e := range j.ended {
		if e.end.Action == ev.Action {
			err := digest(e.plan)
			s.reply(ev.Request, j.id, ev.Action.N, err)
			if err == nil {
				s.emit(e.end)
			}
			return true
		}
	}
	s.reply(ev.Request, j.id, ev.Action.N, refusal("action %s ended too long ago, or was left out", ev.Action))
	return true
}

// checkAction validates an action and returns its stages sources first.
func (s *Scheduler) checkAction(j *job, ev *model.SubmitAction) ([]int, *model.Cause) {
	switch {
	case j.state != model.JobRunning:
		return nil, ended(j.id)
	case ev.Action.N < 1:
		return nil, refusal("action %s: numbers start at 1", ev.Action)
	case len(j.actions) >= s.cfg.MaxActions:
		return nil, refusal("%d actions are running, which is the limit", len(j.actions))
	}
	if other := s.paths[ev.Sink.Path]; ev.Sink.Kind == model.Files && other != nil {
		return nil, refusal("action %s writes to %s already", other.id, ev.Sink.Path)
	}
	order, err := graph.Order(ev)
	if err != nil {
		return nil, refusal("%v", err)
	}
	for _, spec := range ev.Graph {
		if err := checkKnown(j, spec); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// checkKnown demands that a stage that is known has the shape it had, or less of it.
func checkKnown(j *job, spec model.StageSpec) *model.Cause {
	known := j.shared[spec.Key]
	switch {
	case known == nil:
		return nil
	case spec.Cut && known.spec.Kind == spec.Kind:
		return nil
	}
	if known.spec.Kind != spec.Kind || !reads(known.spec.Parents, spec.Parents) || known.spec.Class != spec.Class || known.spec.Barrier != spec.Barrier {
		return refusal("stage %q is known with another shape", spec.Key)
	}
	return nil
}

// reads says whether a stage that was known to read some stages may read others now: the
// same, or fewer, where the lineage was cut in between. What is cut off may have been the
// first to name one.
func reads(was, is []model.Parent) bool {
	return len(is) <= len(was) && !slices.ContainsFunc(is, func(p model.Parent) bool { return !slices.Contains(was, p) })
}

func (s *Scheduler) outputPrepared(ev model.OutputPrepared) {
	a := s.preparing(ev.Action)
	if a == nil || a.prepared {
		return
	}
	if ev.Err != nil {
		s.endAction(a, model.ActionFailed, &model.Cause{Kind: model.CauseOutput, Message: ev.Err.Message,
			Site: a.site, Detail: ev.Err.Detail})
		return
	}
	a.prepared = true
	s.record(model.Prepared{Action: a.id}, false)
	s.startAction(a)
}

func (s *Scheduler) splitsReady(ev model.SplitsReady) {
	a := s.preparing(ev.Action)
	if a == nil || a.sized {
		return
	}
	err := a.checkSizes(s, ev)
	if err != nil {
		s.endAction(a, model.ActionFailed, err)
		return
	}
	byKey := make(map[plan.StageKey]*stage, len(a.stages))
	for _, st := range a.stages {
		byKey[st.id.Key] = st
	}
	for _, z := range ev.Sizes {
		if st := byKey[z.Key]; st != nil && !st.sized {
			s.sizeStage(st, z)
		}
	}
	a.sized = true
	s.record(model.SplitsPlanned{Action: ev.Action, Sizes: ev.Sizes, Resolved: ev.Resolved}, false)
	s.startAction(a)
}

func (s *Scheduler) preparing(id plan.ActionID) *action {
	if j := s.jobs[id.Job]; j != nil {
		if a := j.action(id.N); a != nil && a.state == model.ActionPreparing {
			return a
		}
	}
	return nil
}

// goodBlocks says whether the blocks that tasks read are of these cached data sets.
func goodBlocks(caches []model.Cache, blocks [][]model.BlockRead) bool {
	for _, reads := range blocks {
		for k, r := range reads {
			if r.Cache < 0 || r.Cache >= len(caches) || r.Partition < 0 || r.Under < 0 || r.Under >= len(reads)-k {
				return false
			}
		}
	}
	return true
}

// checkSizes looks whether every stage has a size, and a possible one.
func (a *action) checkSizes(s *Scheduler, ev model.SplitsReady) *model.Cause {
	bad := func(format string, args ...any) *model.Cause {
		return &model.Cause{Kind: model.CauseSplits, Message: fmt.Sprintf(format, args...), Site: a.site}
	}
	if ev.Err != nil {
		return &model.Cause{Kind: model.CauseSplits, Message: ev.Err.Message, Site: a.site, Detail: ev.Err.Detail}
	}
	sizes := map[plan.StageKey]model.StageSize{}
	for _, z := range ev.Sizes {
		sizes[z.Key] = z
	}
	n, total := map[*stage]int{}, s.tasks
	for _, st := range a.stages {
		z, ok := sizes[st.id.Key]
		switch {
		case st.sized:
			n[st] = st.n
			continue
		case !ok:
			return bad("%s has no size", stageText(st))
		case z.N < 0 || z.N > s.cfg.MaxTasks:
			return bad("%s has %d tasks; the limit is %d", stageText(st), z.N, s.cfg.MaxTasks)
		case st.spec.Kind == model.ValueStage && z.N != 1:
			return bad("%s makes a value and has %d tasks, not one", stageText(st), z.N)
		}
		if !goodBlocks(st.spec.Caches, z.Blocks) {
			return bad("%s reads blocks of no cached data set of its own", stageText(st))
		}
		n[st] = z.N
		total += z.N
		for _, e := range st.parents {
			if e.kind == model.Narrow && n[e.st] != z.N {
				return bad("%s has %d tasks, its narrow parent %d", stageText(st), z.N, n[e.st])
			}
		}
	}
	if total > s.cfg.MaxTotalTasks {
		return bad("%d tasks in all; the limit is %d", total, s.cfg.MaxTotalTasks)
	}
	return nil
}

// startAction demands the wanted partitions once all answers are there.
func (s *Scheduler) startAction(a *action) {
	if !a.prepared || !a.sized || a.state != model.ActionPreparing {
		return
	}
	a.state = model.ActionRunning
	for _, st := range a.stages {
		a.ranAt = append(a.ranAt, st.wins)
		a.was = append(a.was, st.complete() && st.n > 0)
		kind := model.NoteStageSubmitted
		if st.complete() {
			kind = model.NoteStageSkipped
		}
		s.emit(model.Note{Kind: kind, Job: a.job.id, Action: a.id.N, Stage: st.id, Gen: st.gen, Count: st.n - st.outs.Done()})
	}
	if a.wanted != nil {
		// Who asks does not know yet how many there are.
		k, _ := slices.BinarySearch(a.wanted, a.target.n)
		a.wanted = a.wanted[:k]
	}
	a.want = len(a.wanted)
	if a.wanted == nil {
		a.want = a.target.n
	}
	s.ask(a)
	s.watchWork(a.job)
	s.maybeDone(a)
}

// ask demands the wanted partitions, as far ahead of the driver as they may be.
func (s *Scheduler) ask(a *action) {
	until := a.want
	if a.sink.Ahead > 0 {
		until = min(until, a.acked+a.sink.Ahead)
	}
	for ; a.asked < until; a.asked++ {
		i := a.partition(a.asked)
		a.target.tasks[i].want++
		s.recount(a.target, i) // in order, so that lower partitions are queued first
	}
}

// partition returns the kth wanted partition.
func (a *action) partition(k int) int {
	if a.wanted == nil {
		return k
	}
	return a.wanted[k]
}

// accepted counts one more result of an action's target.
func (s *Scheduler) accepted(a *action, i int) {
	o := a.target.outs.At(i)
	a.got++
	a.rows += o.Rows
	a.bytes += o.Bytes
	if s.restoring {
		return
	}
	if a.sink.Kind == model.RowsToDriver && a.bytes > a.job.limits.ResultBytes {
		s.endAction(a, model.ActionFailed, &model.Cause{Kind: model.CauseResultBytes, Site: a.site, Stage: a.target.id,
			Message: fmt.Sprintf("results of %d bytes; the limit is %d", a.bytes, a.job.limits.ResultBytes)})
		return
	}
	s.maybeDone(a)
}

// maybeDone ends an action that has all it asked for.
func (s *Scheduler) maybeDone(a *action) {
	if s.restoring || a.state != model.ActionRunning || a.unacked > 0 || a.got < a.want && !a.enough() {
		return
	}
	if a.sink.Kind == model.Files {
		s.intend(a)
		return
	}
	s.endAction(a, model.ActionDone, nil)
}

// enough reports whether the first n rows are there (R18).
func (a *action) enough() bool {
	if a.firstN == 0 {
		return false
	}
	if !a.ordered {
		return a.rows >= a.firstN
	}
	for ; a.prefix < a.want; a.prefix++ {
		i := a.partition(a.prefix)
		if a.target.tasks[i].state != model.TaskFinished {
			break
		}
		a.prefixN += a.target.outs.At(i).Rows
	}
	return a.prefixN >= a.firstN
}

// unaccepted takes back the result of a task whose output is lost.
func (s *Scheduler) unaccepted(a *action, i int) {
	o := a.target.outs.At(i)
	a.got--
	a.rows -= o.Rows
	a.bytes -= o.Bytes
	a.prefix, a.prefixN = 0, 0
	if s.awaited(a, i) {
		a.unacked--
	}
}

// mayMiss reports whether a driver may not get what it is told, or not in the life of
// this master.
func (s *Scheduler) mayMiss() bool { return s.cfg.DriverLease > 0 || s.cfg.Journal }

// awaited reports whether a result is there of which the driver has not said that it
// has it, and has to: an action that had ended without that word could not give the
// result again.
func (s *Scheduler) awaited(a *action, i int) bool {
	o := a.target.outs.At(i)
	return a.sink.Kind == model.RowsToDriver && !o.Acked && (o.Where != "" || s.mayMiss())
}

func (s *Scheduler) resultAck(ev model.ResultAck) {
	j := s.jobs[ev.Action.Job]
	if j == nil {
		return
	}
	a := j.action(ev.Action.N)
	if a == nil || a.state != model.ActionRunning || a.target.gen != ev.Gen {
		return
	}
	for _, i := range ev.Partitions {
		if i < 0 || i >= a.target.n || a.target.tasks[i].state != model.TaskFinished || a.target.outs.At(i).Acked {
			continue
		}
		if s.awaited(a, i) {
			a.unacked--
		}
		o := a.target.outs.At(i)
		o.Acked, o.Data = true, nil
		a.target.outs.Disown(i)
		a.acked++
	}
	s.ask(a)
	s.maybeDone(a)
}

// resend repeats to a driver that came back what it does not have (R65).
func (s *Scheduler) resend(a *action) {
	if a.state != model.ActionRunning || a.sink.Kind != model.RowsToDriver {
		return
	}
	s.repeatReset(a)
	for i := range a.target.tasks {
		o := a.target.outs.At(i)
		switch {
		case a.target.tasks[i].state != model.TaskFinished || o.Acked:
		case o.Where != "":
			s.sendResult(a, i, nil, o.Data)
		case o.Data != nil:
			s.sendResult(a, i, o.Data, nil)
		default:
			s.unfinish(a.target, i) // it was not kept: it is made again
		}
	}
}

// repeatReset tells a driver that may have missed it which generation counts.
func (s *Scheduler) repeatReset(a *action) {
	if a.state == model.ActionRunning && a.sink.Kind == model.RowsToDriver && a.target.gen > 0 {
		s.emit(model.ResultReset{Action: a.id, Gen: a.target.gen})
	}
}

func (s *Scheduler) sendResult(a *action, i int, inline, where []byte) {
	o := a.target.outs.At(i)
	r := model.Result{Action: a.id, Gen: a.target.gen, Partition: i, Rows: o.Rows, Bytes: inline, Address: o.Where, Output: where}
	if w, ok := a.target.outs.Owner(i); ok {
		r.Worker = s.workers[w].id
	}
	s.emit(r)
}

// endAction ends an action: its demand goes, its attempts are killed, and its
// own stage is forgotten. Stages that other actions share live on.
func (s *Scheduler) endAction(a *action, to model.ActionState, cause *model.Cause) {
	if a.state.Ended() {
		return
	}
	a.state = to
	j := a.job
	end := model.ActionEnd{Action: a.id, State: to, Cause: cause, Rows: a.rows, Bytes: a.bytes, Stages: a.summaries(),
		AtLeastOnce: a.sink.Guarantee == model.AtLeastOnce, Updates: a.updates()}
	s.dropTarget(a)
	// A failed action must not publish after a restart; a published one is known
	// by its own record.
	s.record(model.ActionEnded{Action: a.id, State: to, Cause: cause, Updates: end.Updates}, a.sink.Kind == model.Files && to != model.ActionDone)
	s.emit(end)
	if a.sink.Kind == model.Files {
		delete(s.paths, a.sink.Path)
		if s.restoring {
			s.uncollected = append(s.uncollected, model.Collect{Action: a.id, Sink: a.sink})
		}
		s.emit(model.Collect{Action: a.id, Sink: a.sink})
		if s.cfg.CollectAgain > 0 {
			s.after(s.now.Add(s.cfg.CollectAgain), timer{kind: timerCollect, act: &action{id: a.id, sink: a.sink}})
		}
	}
	j.actions = slices.DeleteFunc(j.actions, func(x *action) bool { return x == a })
	if !s.mayMiss() {
		end.Updates = nil // the driver has them
	}
	j.keepEnd(endedAction{a.plan, end, a.name, a.site, a.labels, a.got, a.want})
	s.dropUnsized(a)
	if to == model.ActionDone {
		s.cutLocal(a)
	}
	s.sweep(j)
	s.maybeEndJob(j)
}

// cutLocal cuts the stages that are to be. Not when a later action reads them: what
// they were made of may be lost before, and would take their outputs along.
func (s *Scheduler) cutLocal(a *action) {
	for _, st := range a.stages {
		if st.spec.Local && !st.dead {
			s.cut(st)
		}
	}
}

// dropTarget takes the action's own stage out of the job.
func (s *Scheduler) dropTarget(a *action) {
	st := a.target
	st.dead = true
	for i := range st.tasks {
		if st.tasks[i].want > 0 {
			st.tasks[i].want = 0
			s.recountLater(st, i)
		}
		st.outs.Disown(i)
	}
	s.settle()
	s.unlink(st)
	s.forgetStage(st)
	a.job.stages = slices.DeleteFunc(a.job.stages, func(x *stage) bool { return x == st })
}

// dropUnsized forgets stages that no action will ask sizes for any more, those
// nearest to the target first.
func (s *Scheduler) dropUnsized(a *action) {
	for k := len(a.stages) - 1; k >= 0; k-- {
		st := a.stages[k]
		used := st.sized || st.act != nil || len(st.children) > 0
		if used {
			continue
		}
		s.unlink(st)
		delete(st.job.shared, st.id.Key)
		st.job.stages = slices.DeleteFunc(st.job.stages, func(x *stage) bool { return x == st })
	}
}

func (a *action) summaries() []model.StageSummary {
	out := make([]model.StageSummary, len(a.stages))
	for k, st := range a.stages {
		out[k] = model.StageSummary{Stage: st.id, Name: st.spec.Name, Site: st.spec.Site, N: st.n, Done: st.outs.Done(),
			Gen: st.gen, Try: st.try, Counters: st.outs.Sums()}
		if k < len(a.ranAt) {
			out[k].Ran = st.wins - a.ranAt[k]
			out[k].Skipped = a.was[k] && out[k].Ran == 0
		}
	}
	return out
}
