package agent

import (
	"maps"
	"slices"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// genOf is the generation of a cached RDD that a launch reads. The scheduler gives
// none for those whose blocks it does not follow.
func genOf(l *work.Launch, rdd plan.StageKey) (model.Gen, bool) {
	for _, r := range l.Reads {
		if r.Key == rdd {
			return r.Gen, true
		}
	}
	return 0, false
}

// kept takes note of the blocks that an attempt used and that its executor keeps, and
// names those that the scheduler follows. It hears of a block each time that it is
// used: so it finds those again that it lost sight of.
func (a *Agent) kept(r *run, used []plan.Block) (ids []model.BlockID) {
	for _, b := range used {
		gen, ok := genOf(r.launch, b.RDD)
		if !ok {
			continue
		}
		of := a.blocks[r.id.Stage.Job]
		if of == nil {
			of = map[plan.Block]model.Gen{}
			a.blocks[r.id.Stage.Job] = of
		}
		of[b] = gen
		ids = append(ids, model.BlockID{RDD: b.RDD, Gen: gen, Partition: b.Partition})
	}
	return ids
}

// evicted passes on that an executor keeps blocks no more.
func (a *Agent) evicted(job plan.JobID, gone []plan.Block) {
	ev := model.BlocksChanged{From: a.o.From, Job: job}
	for _, b := range gone {
		if gen, ok := a.blocks[job][b]; ok {
			delete(a.blocks[job], b)
			ev.Dropped = append(ev.Dropped, model.BlockID{RDD: b.RDD, Gen: gen, Partition: b.Partition})
		}
	}
	if len(ev.Dropped) > 0 {
		a.o.Upstream.Report(ev)
	}
}

// forgetBlocks has executors forget what nobody needs.
func (a *Agent) forgetBlocks(c model.Drop) {
	if c.All {
		delete(a.blocks, c.Job)
		return // its executors end
	}
	if len(c.Keys) == 0 {
		return
	}
	maps.DeleteFunc(a.blocks[c.Job], func(b plan.Block, _ model.Gen) bool { return slices.Contains(c.Keys, b.RDD) })
	a.o.Executor.Forget(c.Job, c.Keys)
}

// LostBlocks forgets the blocks of a job whose executor has ended.
func (a *Agent) LostBlocks(job plan.JobID) { delete(a.blocks, job) }

// Blocks lists the cached blocks of each job.
func (a *Agent) Blocks() map[plan.JobID][]model.BlockID {
	all := map[plan.JobID][]model.BlockID{}
	for job, of := range a.blocks {
		for b, gen := range of {
			all[job] = append(all[job], model.BlockID{RDD: b.RDD, Gen: gen, Partition: b.Partition})
		}
	}
	return all
}
