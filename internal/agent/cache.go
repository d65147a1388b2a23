package agent

import (
	"maps"
	"slices"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// genOf is the generation of a cached RDD that a launch reads, as the scheduler has
// it, which gives none for those whose blocks it does not follow.
func genOf(l *work.Launch, rdd plan.StageKey) (model.Gen, bool) {
	for _, r := range l.Caches {
		if r.Key == rdd {
			return r.Gen, true
		}
	}
	return 0, false
}

// kept takes note of the blocks that an attempt used and that its executor keeps, and
// names those that the scheduler follows. It hears of a block each time that it is
// used: so it finds those again that it lost sight of.
func (a *Agent) kept(r *run, used []plan.KeptBlock) (all []model.HeldBlock) {
	for _, k := range used {
		b := k.Block
		gen, ok := genOf(r.launch, b.RDD)
		if !ok {
			continue
		}
		h := held{gen, k.Bytes}
		a.note(r.id.Stage.Job, b, h)
		all = append(all, h.as(b))
	}
	return all
}

// held is what an agent knows of a block that an executor keeps.
type held struct {
	gen   model.Gen
	bytes int64
}

func (h held) as(b plan.Block) model.HeldBlock {
	return model.HeldBlock{BlockID: model.BlockID{RDD: b.RDD, Gen: h.gen, Partition: b.Partition}, Bytes: h.bytes}
}

// Copied takes note of a block that an executor keeps a copy of.
func (a *Agent) Copied(job plan.JobID, b model.HeldBlock) {
	a.note(job, plan.Block{RDD: b.RDD, Partition: b.Partition}, held{b.Gen, b.Bytes})
}

func (a *Agent) note(job plan.JobID, b plan.Block, h held) {
	of := a.blocks[job]
	if of == nil {
		of = map[plan.Block]held{}
		a.blocks[job] = of
	}
	of[b] = h
}

// evicted passes on that an executor keeps blocks no more.
func (a *Agent) evicted(job plan.JobID, gone []plan.Block) {
	ev := model.BlocksChanged{From: a.o.From, Job: job}
	for _, b := range gone {
		if h, ok := a.blocks[job][b]; ok {
			delete(a.blocks[job], b)
			ev.Dropped = append(ev.Dropped, h.as(b).BlockID)
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
	maps.DeleteFunc(a.blocks[c.Job], func(b plan.Block, _ held) bool { return slices.Contains(c.Keys, b.RDD) })
	a.o.Executor.Forget(c.Job, c.Keys)
}

// LostBlocks forgets the blocks of a job whose executor has ended.
func (a *Agent) LostBlocks(job plan.JobID) { delete(a.blocks, job) }

// Blocks lists the cached blocks of each job.
func (a *Agent) Blocks() map[plan.JobID][]model.HeldBlock {
	all := map[plan.JobID][]model.HeldBlock{}
	for job, of := range a.blocks {
		for b, h := range of {
			all[job] = append(all[job], h.as(b))
		}
	}
	return all
}
