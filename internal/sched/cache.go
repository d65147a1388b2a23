package sched

import (
	"maps"
	"slices"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// cacheSet knows who holds which blocks of one cached data set of a job. A lost
// block is only a preference lost (R61): its task reads its parents instead.
type cacheSet struct {
	gen      model.Gen
	holders  map[int][]int32 // worker indexes by partition
	stages   int             // that start at its blocks
	released bool            // nobody wants its blocks any more
}

func (j *job) cacheOf(rdd plan.StageKey) *cacheSet {
	if rdd == "" {
		return nil
	}
	if j.caches == nil {
		j.caches = map[plan.StageKey]*cacheSet{}
	}
	c := j.caches[rdd]
	if c == nil {
		c = &cacheSet{holders: map[int][]int32{}}
		j.caches[rdd] = c
	}
	c.stages++
	return c
}

// leaveCache takes a stage that is forgotten off its cached data set.
func (st *stage) leaveCache() {
	if c := st.cache; c != nil {
		if c.stages--; c.stages == 0 && c.released {
			delete(st.job.caches, st.spec.Cached)
		}
	}
}

// releaseBlocks has all executors of a job forget the blocks of a data set that the
// driver let go of: those that are not known to have any may still have some. Tasks
// that were to start at them read their parents.
func (s *Scheduler) releaseBlocks(j *job, rdd plan.StageKey) {
	for _, w := range s.workers {
		if !w.lost() && len(w.execs[j]) > 0 {
			s.emit(model.Drop{Receiver: w.to(), Job: j.id, Keys: []plan.StageKey{rdd}})
		}
	}
	c := j.caches[rdd]
	if c == nil {
		return
	}
	c.released = true
	for _, part := range slices.Sorted(maps.Keys(c.holders)) {
		delete(c.holders, part)
		s.cacheChanged(j, c, part)
	}
	if c.stages == 0 {
		delete(j.caches, rdd)
	}
}

// holders returns the workers that hold the cached block of task i.
func (st *stage) holders(i int) []int32 {
	if st.cache == nil {
		return nil
	}
	return st.cache.holders[i]
}

// held reports whether task i finds its block somewhere, so that it need not
// read the parents.
func (s *Scheduler) held(st *stage, i int) bool { return !st.spec.Beside && len(st.holders(i)) > 0 }

// blocksChanged takes in what a worker's caches gained and lost.
func (s *Scheduler) blocksChanged(w *worker, id plan.JobID, added, dropped []model.BlockID) {
	j := s.jobs[id]
	if j == nil || j.state.Ended() {
		return
	}
	var late []plan.StageKey
	for _, b := range added {
		c := j.caches[b.RDD]
		if c != nil && c.released && !slices.Contains(late, b.RDD) {
			late = append(late, b.RDD)
		}
		if c != nil && !c.released && b.Gen == c.gen && !slices.Contains(c.holders[b.Partition], int32(w.idx)) {
			c.holders[b.Partition] = append(c.holders[b.Partition], int32(w.idx))
			s.cacheChanged(j, c, b.Partition)
		}
	}
	for _, b := range dropped {
		if c := j.caches[b.RDD]; c != nil && b.Gen == c.gen {
			s.dropHolder(j, c, b.Partition, w)
		}
	}
	if len(late) > 0 {
		s.emit(model.Drop{Receiver: w.to(), Job: id, Keys: late})
	}
}

func (s *Scheduler) dropHolder(j *job, c *cacheSet, part int, w *worker) {
	k := slices.Index(c.holders[part], int32(w.idx))
	if k < 0 {
		return
	}
	if c.holders[part] = slices.Delete(c.holders[part], k, k+1); len(c.holders[part]) == 0 {
		delete(c.holders, part)
	}
	s.cacheChanged(j, c, part)
}

// blockGone forgets a block that a task could not have: it is computed instead.
func (s *Scheduler) blockGone(j *job, b model.BlockID) {
	c := j.caches[b.RDD]
	if c == nil || c.gen != b.Gen {
		return
	}
	for _, w := range slices.Clone(c.holders[b.Partition]) {
		s.dropHolder(j, c, b.Partition, s.workers[w])
	}
}

// cacheChanged looks again at the tasks that start at a block.
func (s *Scheduler) cacheChanged(j *job, c *cacheSet, part int) {
	for _, st := range j.stages {
		if st.cache != c || part >= len(st.tasks) {
			continue
		}
		if t := &st.tasks[part]; t.state == model.TaskPending { // queued by old places
			s.withdraw(st, part)
			t.state = model.TaskIdle
		}
		s.recountLater(st, part)
	}
}

// loseBlocks forgets what a worker's caches of a job held, or of all jobs.
func (s *Scheduler) loseBlocks(w *worker, only *job) {
	for _, j := range s.order {
		if only != nil && j != only {
			continue
		}
		for _, rdd := range slices.Sorted(maps.Keys(j.caches)) {
			c := j.caches[rdd]
			for _, part := range slices.Sorted(maps.Keys(c.holders)) {
				s.dropHolder(j, c, part, w)
			}
		}
	}
}
