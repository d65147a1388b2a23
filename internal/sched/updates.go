package sched

import (
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// maxKeptUpdates is how many bytes of updates of accumulators are kept of a job's
// ended actions, to be told again.
const maxKeptUpdates = plan.MaxAllUpdates

// maxHeldUpdates is how many bytes of updates may be held for an action, when what
// several of its stages tell of the same kept blocks makes that more than goes out.
const maxHeldUpdates = 2 * plan.MaxAllUpdates

// updates gives what the tasks of an action's stages added to accumulators and no
// driver was told of, of each kept block once.
func (a *action) updates() (all []plan.StageUpdates) {
	seen := map[plan.Block]struct{}{}
	for _, st := range a.stages {
		if st.outs.Fresh() == 0 {
			continue
		}
		u := plan.StageUpdates{Stage: st.id.Key, Own: st.act != nil}
		for i, updates := range st.outs.Tell() {
			if once := plan.Updates(updates).Once(seen); len(once) > 0 {
				u.Tasks = append(u.Tasks, plan.TaskUpdates{Partition: i, Updates: once})
			}
		}
		if len(u.Tasks) > 0 {
			all = append(all, u)
		}
	}
	return all
}

// toTell is how many bytes updates would give, or more where that is not too many, and
// held how many there are. They are not gone through for each task that adds to them.
func (a *action) toTell() (n, held int) {
	for _, st := range a.stages {
		held += st.outs.Fresh()
	}
	if held <= plan.MaxAllUpdates {
		return held, held
	}
	if most := a.tells + held - a.told; a.told > 0 && held >= a.told && most <= plan.MaxAllUpdates {
		return most, held
	}
	seen := map[plan.Block]struct{}{}
	for _, st := range a.stages {
		for updates := range st.outs.Untold() {
			n += len(plan.Updates(updates).Once(seen))
		}
	}
	a.tells, a.told = n, held
	return n, held
}

// boundUpdates ends the actions of a stage whose tasks add more to accumulators
// than the word of an action's end can carry.
func (s *Scheduler) boundUpdates(st *stage) {
	for _, a := range slices.Clone(st.job.actions) {
		if a.state != model.ActionPreparing && a.state != model.ActionRunning || !slices.Contains(a.stages, st) {
			continue // what is being published is done
		}
		if n, held := a.toTell(); n > plan.MaxAllUpdates || held > maxHeldUpdates {
			s.endAction(a, model.ActionFailed, &model.Cause{Kind: model.CauseResultBytes, Site: a.site, Stage: st.id,
				Message: fmt.Sprintf("tasks added %d bytes to accumulators; the most of an action is %d: "+
					"have fewer partitions, smaller values, or give what is large as rows", max(n, held), plan.MaxAllUpdates)})
		}
	}
}

// keepEnd keeps an action's end, to be told again.
func (j *job) keepEnd(e endedAction) {
	j.ended = append(j.ended, e)
	j.boundEnds()
}

// boundEnds lets the oldest ends go where there are too many.
func (j *job) boundEnds() {
	for n := j.endedBytes(); len(j.ended) > keptEnds || n > maxKeptUpdates && len(j.ended) > 1; {
		n -= bytesOf(j.ended[0].end.Updates)
		j.ended = slices.Delete(j.ended, 0, 1)
	}
}

func (j *job) endedBytes() (n int) {
	for _, e := range j.ended {
		n += bytesOf(e.end.Updates)
	}
	return n
}

func bytesOf(all []plan.StageUpdates) (n int) {
	for _, st := range all {
		for _, t := range st.Tasks {
			n += len(t.Updates)
		}
	}
	return n
}

// toldBefore corrects an action's end by what an earlier master told: of results that
// went to the driver there is no record, nor of what their tasks added.
func (j *job) toldBefore(id plan.ActionID, all []plan.StageUpdates) {
	for i := range j.ended {
		if end := &j.ended[i].end; end.Action == id {
			end.Updates = all
			j.boundEnds()
			return
		}
	}
}
