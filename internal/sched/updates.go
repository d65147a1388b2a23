package sched

import (
	"fmt"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// maxKeptUpdates is how many bytes of updates of accumulators are kept of a job's
// ended actions, to be told again.
const maxKeptUpdates = 4 * plan.MaxAllUpdates

// updates gives what the tasks of an action's stages added to accumulators and no
// driver was told of.
func (a *action) updates() (all []plan.StageUpdates) {
	for _, st := range a.stages {
		if st.outs.Fresh() == 0 {
			continue
		}
		u := plan.StageUpdates{Stage: st.id.Key, Own: st.act != nil}
		for i, updates := range st.outs.Tell() {
			u.Tasks = append(u.Tasks, plan.TaskUpdates{Partition: i, Updates: updates})
		}
		all = append(all, u)
	}
	return all
}

// boundUpdates ends the actions of a stage whose tasks add more to accumulators
// than the word of an action's end can carry.
func (s *Scheduler) boundUpdates(st *stage) {
	for _, a := range slices.Clone(st.job.actions) {
		if a.state != model.ActionPreparing && a.state != model.ActionRunning || !slices.Contains(a.stages, st) {
			continue // what is being published is done
		}
		n := 0
		for _, of := range a.stages {
			n += of.outs.Fresh()
		}
		if n > plan.MaxAllUpdates {
			s.endAction(a, model.ActionFailed, &model.Cause{Kind: model.CauseResultBytes, Site: a.site, Stage: st.id,
				Message: fmt.Sprintf("tasks added %d bytes to accumulators; the most of an action is %d: "+
					"have fewer partitions, smaller values, or give what is large as rows", n, plan.MaxAllUpdates)})
		}
	}
}

// keepEnd keeps an action's end, to be told again, and lets the oldest go where
// there are too many.
func (j *job) keepEnd(e endedAction) {
	j.ended = append(j.ended, e)
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

// toldBefore corrects the last end by what an earlier master told: of results that
// went to the driver there is no record, nor of what their tasks added.
func (j *job) toldBefore(all []plan.StageUpdates) {
	if n := len(j.ended); n > 0 {
		j.ended[n-1].end.Updates = all
	}
}
