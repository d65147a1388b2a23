package sched

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// copies are made of cached blocks that fewer workers hold than are to (R61): one at a
// time to each worker, when nothing else is to be done. One that was evicted or could
// not be kept is not made again before a holder comes or goes.
type copies struct {
	short  []copyKey            // that may have too few holders
	listed map[copyKey]struct{} // what short has, each once
	under  map[copyKey]*worker  // to whom they are under way
}

// copyKey names a block of a job; of no job: none.
type copyKey struct {
	job   plan.JobID
	block plan.Block
}

// wantCopy has a block looked at that may have too few holders.
func (s *Scheduler) wantCopy(j *job, c *cacheSet, part int) {
	if n := len(c.holders[part]); n > 0 && n < c.copies {
		s.list(copyKey{j.id, plan.Block{RDD: c.rdd, Partition: part}})
	}
}

func (s *Scheduler) list(key copyKey) {
	if _, ok := s.listed[key]; ok {
		return
	}
	if s.listed == nil {
		s.listed = map[copyKey]struct{}{}
	}
	s.short, s.listed[key] = append(s.short, key), struct{}{}
}

// wantCopies does so with all blocks of a job, for which there is an executor more.
func (s *Scheduler) wantCopies(j *job) {
	for _, rdd := range slices.Sorted(maps.Keys(j.caches)) {
		c := j.caches[rdd]
		if c.copies < 2 {
			continue
		}
		for _, part := range slices.Sorted(maps.Keys(c.holders)) {
			s.wantCopy(j, c, part)
		}
	}
}

// copyBlocks starts copies, until those that it takes have one under way each.
func (s *Scheduler) copyBlocks() {
	if s.recovering() {
		return
	}
	n := 0
	for n < len(s.short) && s.copyBlock(s.short[n]) {
		delete(s.listed, s.short[n])
		n++
	}
	s.short = slices.Delete(s.short, 0, n)
}

// copyBlock starts a copy, if one is wanted and somebody can have it. It reports false
// where it has to wait.
func (s *Scheduler) copyBlock(key copyKey) bool {
	j := s.jobs[key.job]
	if j == nil || j.state.Ended() || s.under[key] != nil {
		return true
	}
	c := j.caches[key.block.RDD]
	if c == nil || c.released {
		return true
	}
	holders := c.holders[key.block.Partition]
	if n := len(holders); n == 0 || n >= c.copies {
		return true
	}
	to, busy := s.copyPlace(j, holders)
	if to == nil {
		return !busy
	}
	if s.under == nil {
		s.under = map[copyKey]*worker{}
	}
	s.under[key], to.copying = to, key
	to.copied++
	cmd := model.Copy{Receiver: to.to(), Job: j.id, Exec: to.shared(j).no,
		Block: model.BlockID{RDD: c.rdd, Gen: c.gen, Partition: key.block.Partition}}
	for _, h := range holders[:min(len(holders), mostHolders)] {
		cmd.From = append(cmd.From, s.workers[h].id)
	}
	s.emit(cmd)
	return true
}

// copyPlace returns the worker that is to hold a block too: on another host if there is
// one, and one that was given few. It says whether others are busy that might.
func (s *Scheduler) copyPlace(j *job, holders []int32) (best *worker, busy bool) {
	near := func(w *worker) int {
		for _, h := range holders {
			if slices.ContainsFunc(s.workers[h].place.Hosts, func(n int32) bool { return slices.Contains(w.place.Hosts, n) }) {
				return 1
			}
		}
		return 0
	}
	for _, w := range s.workers {
		switch {
		case !w.takes(s.now) || slices.Contains(holders, int32(w.idx)) || w.shared(j) == nil:
		case best != nil && cmp.Or(cmp.Compare(near(w), near(best)), cmp.Compare(w.copied, best.copied)) >= 0:
		default:
			best = w
		}
	}
	if best == nil {
		return nil, false
	}
	if best.copying.job != "" {
		return nil, true
	}
	return best, false
}

// shared returns the executor of a job that is up and keeps blocks, nil: there is none.
func (w *worker) shared(j *job) *exec {
	for _, e := range w.execs[j] {
		if !e.alone && e.state == execUp {
			return e
		}
	}
	return nil
}

// copyDone takes in what became of a copy. One of what is not wanted any more goes.
func (s *Scheduler) copyDone(w *worker, ev model.CopyDone) {
	key := copyKey{ev.Job, plan.Block{RDD: ev.Block.RDD, Partition: ev.Block.Partition}}
	if w.copying == key {
		delete(s.under, key)
		w.copying = copyKey{}
	}
	j := s.jobs[ev.Job]
	if j == nil || !ev.Done {
		return
	}
	if j.caches[ev.Block.RDD] == nil {
		s.emit(model.Drop{Receiver: w.to(), Job: ev.Job, Keys: []plan.StageKey{ev.Block.RDD}})
		return
	}
	s.blocksChanged(w, ev.Job, []model.HeldBlock{ev.Block}, nil)
}

// endCopy forgets the copy that was under way to a worker: another one may have it.
func (s *Scheduler) endCopy(w *worker) {
	if w.copying.job == "" {
		return
	}
	delete(s.under, w.copying)
	s.list(w.copying)
	w.copying = copyKey{}
}
