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
	rdd      plan.StageKey
	gen      model.Gen
	holders  map[int][]int32 // worker indexes by partition
	bytes    map[int]int64   // of the blocks that have a holder
	copies   int             // how many are to hold each block
	of       []*stage        // whose rows its blocks are made of
	under    []*cacheSet     // whose blocks they are made of
	over     []*cacheSet     // whose blocks are made of its
	stages   int             // that may read its blocks
	made     bool            // some of its blocks, perhaps, in this generation
	released bool            // nobody wants its blocks any more
}

// sumBytes keeps the sum of a task's blocks a number, whatever workers say.
const sumBytes = 1 << 40

func (j *job) cacheOf(rdd plan.StageKey) *cacheSet {
	if j.caches == nil {
		j.caches = map[plan.StageKey]*cacheSet{}
	}
	c := j.caches[rdd]
	if c == nil {
		c = &cacheSet{rdd: rdd, holders: map[int][]int32{}, bytes: map[int]int64{}}
		j.caches[rdd] = c
	}
	return c
}

// joinCaches makes a stage a reader of the cached data sets that it names.
func (s *Scheduler) joinCaches(st *stage) {
	for _, of := range st.spec.Caches {
		c := st.job.cacheOf(of.RDD)
		c.stages++
		c.copies = max(c.copies, of.Copies)
		c.made = c.made || s.restoring // what ran before may have no record any more
		st.caches = append(st.caches, c)
		if of.RDD == st.spec.Cached {
			st.cache = c
		}
	}
	for k, of := range st.spec.Caches {
		for _, key := range of.Of {
			if up := st.job.shared[key]; up != nil {
				st.caches[k].madeOf(up)
			} else if inner := st.job.caches[key]; inner != nil {
				st.caches[k].madeOfBlocks(inner)
			}
		}
	}
}

// madeOf takes note of a stage whose rows blocks of the data set are made of.
func (c *cacheSet) madeOf(up *stage) {
	if !slices.Contains(c.of, up) {
		c.of, up.kept = append(c.of, up), append(up.kept, c)
	}
}

// madeOfBlocks takes note of a data set whose blocks are made into those of c.
func (c *cacheSet) madeOfBlocks(inner *cacheSet) {
	if c != inner && !slices.Contains(c.under, inner) {
		c.under, inner.over = append(c.under, inner), append(inner.over, c)
	}
}

// dropCache forgets a data set that nobody reads or holds any more. What is made of
// its blocks is made of what they were made of.
func (j *job) dropCache(c *cacheSet) {
	delete(j.caches, c.rdd)
	is := func(x *cacheSet) bool { return x == c }
	for _, up := range c.of {
		up.kept = slices.DeleteFunc(up.kept, is)
	}
	for _, inner := range c.under {
		inner.over = slices.DeleteFunc(inner.over, is)
	}
	for _, outer := range c.over {
		outer.under = slices.DeleteFunc(outer.under, is)
		for _, up := range c.of {
			outer.madeOf(up)
		}
		for _, inner := range c.under {
			outer.madeOfBlocks(inner)
		}
	}
}

// keptIn returns the data sets whose blocks are made of a stage's rows, through
// however many others.
func (st *stage) keptIn() []*cacheSet {
	all := slices.Clone(st.kept)
	for k := 0; k < len(all); k++ {
		for _, c := range all[k].over {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// leaveCaches takes a stage that is forgotten off its cached data sets.
func (st *stage) leaveCaches() {
	for _, c := range st.caches {
		if c.stages--; c.stages == 0 && c.released {
			st.job.dropCache(c)
		}
	}
}

// blockKey names a block of one of a stage's cached data sets.
type blockKey struct{ cache, partition int }

// keepBlocks takes note of which blocks each task of a stage reads.
func (st *stage) keepBlocks(blocks [][]model.BlockRead) {
	st.blocks, st.byBlock = nil, nil
	if len(st.caches) == 0 || len(blocks) == 0 {
		return
	}
	st.blocks, st.byBlock = blocks, map[blockKey][]int32{}
	for i, reads := range blocks[:min(len(blocks), st.n)] {
		for _, r := range reads {
			key := blockKey{r.Cache, r.Partition}
			st.byBlock[key] = append(st.byBlock[key], int32(i))
		}
	}
}

// readsBlocks yields the blocks that task i would read: those that others are made
// of only where these are not kept. Tasks of a barrier run where there is room for all
// of them, wherever blocks are.
func (st *stage) readsBlocks(i int) func(yield func(c *cacheSet, part int) bool) {
	return func(yield func(c *cacheSet, part int) bool) {
		if st.blocks == nil {
			if len(st.caches) > 0 && !st.spec.Barrier {
				yield(st.caches[0], i)
			}
			return
		}
		if i >= len(st.blocks) {
			return
		}
		for reads := st.blocks[i]; len(reads) > 0; {
			r := reads[0]
			c := st.caches[r.Cache]
			if !yield(c, r.Partition) {
				return
			}
			reads = reads[1:]
			if len(c.holders[r.Partition]) > 0 {
				reads = reads[r.Under:]
			}
		}
	}
}

// readersOf lists the tasks of a stage that may read a block.
func (st *stage) readersOf(c *cacheSet, part int) []int32 {
	k := slices.Index(st.caches, c)
	switch {
	case k < 0, st.spec.Barrier:
		return nil
	case st.blocks != nil && (c != st.cache || part < len(st.blocks)):
		return st.byBlock[blockKey{k, part}]
	case k == 0 && part < len(st.tasks):
		return []int32{int32(part)}
	}
	return nil
}

// nearest returns the workers that hold the most of what task i reads of cached
// data sets, of those that are live if any is. The slice is valid until the next call.
func (s *Scheduler) nearest(st *stage, i int) []int32 {
	if len(st.caches) == 0 {
		return nil
	}
	b := &s.near
	b.workers, b.bytes = b.workers[:0], b.bytes[:0]
	for c, part := range st.readsBlocks(i) {
		for _, w := range c.holders[part] {
			k := slices.Index(b.workers, w)
			if k < 0 {
				k = len(b.workers)
				b.workers, b.bytes = append(b.workers, w), append(b.bytes, 0)
			}
			b.bytes[k] = min(b.bytes[k]+max(c.bytes[part], 1), sumBytes)
		}
	}
	live := func(w int32) bool { return s.workers[w].Is() == model.WorkerLive }
	some := slices.ContainsFunc(b.workers, live)
	most := int64(0)
	for k, w := range b.workers {
		if live(w) == some {
			most = max(most, b.bytes[k])
		}
	}
	out := b.workers[:0]
	for k, w := range b.workers {
		if live(w) == some && b.bytes[k] == most {
			out = append(out, w)
		}
	}
	return out
}

// nearBlocks is the scratch of nearest.
type nearBlocks struct {
	workers []int32
	bytes   []int64
}

// elsewhere lists the cached blocks that task i reads and that others than w have.
func (s *Scheduler) elsewhere(st *stage, i int, w *worker) (all []model.BlockAt) {
	if len(st.caches) == 0 {
		return nil
	}
	for c, part := range st.readsBlocks(i) {
		at := model.BlockAt{Block: plan.Block{RDD: c.rdd, Partition: part}}
		for _, h := range c.holders[part] {
			if int(h) != w.idx && len(at.Holders) < mostHolders {
				at.Holders = append(at.Holders, s.workers[h].id)
			}
		}
		if len(at.Holders) > 0 {
			all = append(all, at)
		}
	}
	return all
}

// mostHolders is how many of a block's holders a launch names.
const mostHolders = 4

// cacheGens are the generations of the cached data sets that a stage may read.
func (st *stage) cacheGens() (gens []model.Read) {
	for _, c := range st.caches {
		gens = append(gens, model.Read{Key: c.rdd, Gen: c.gen})
	}
	return gens
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
	s.clearHolders(j, c)
	if c.stages == 0 {
		j.dropCache(c)
	}
}

// clearHolders forgets who holds blocks of a data set.
func (s *Scheduler) clearHolders(j *job, c *cacheSet) {
	parts := slices.Sorted(maps.Keys(c.holders))
	s.uncount(c)
	clear(c.holders)
	clear(c.bytes)
	for _, part := range parts {
		s.cacheChanged(j, c, part)
	}
}

// uncount takes a data set off what its holders hold.
func (s *Scheduler) uncount(c *cacheSet) {
	for _, holders := range c.holders {
		for _, h := range holders {
			s.workers[h].blocks--
		}
	}
}

// forgetCaches forgets the cached data sets of a job that has ended.
func (s *Scheduler) forgetCaches(j *job) {
	for _, c := range j.caches {
		s.uncount(c)
	}
	j.caches = nil
}

// holders returns the workers that hold the cached block that task i starts at.
func (st *stage) holders(i int) []int32 {
	if st.cache == nil {
		return nil
	}
	return st.cache.holders[i]
}

// held reports whether task i finds its block somewhere, so that it need not
// read the parents.
func (s *Scheduler) held(st *stage, i int) bool { return len(st.holders(i)) > 0 }

// blocksChanged takes in what a worker's caches gained and lost.
func (s *Scheduler) blocksChanged(w *worker, id plan.JobID, added []model.HeldBlock, dropped []model.BlockID) {
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
		if c != nil && !c.released && b.Gen == c.gen {
			s.addHolder(j, c, b, w)
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

func (s *Scheduler) addHolder(j *job, c *cacheSet, b model.HeldBlock, w *worker) {
	bytes := min(max(b.Bytes, 0), sumBytes)
	if slices.Contains(c.holders[b.Partition], int32(w.idx)) {
		return
	}
	c.holders[b.Partition] = append(c.holders[b.Partition], int32(w.idx))
	w.blocks++
	c.bytes[b.Partition] = max(c.bytes[b.Partition], bytes)
	s.wantCopy(j, c, b.Partition)
	s.cacheChanged(j, c, b.Partition)
}

func (s *Scheduler) dropHolder(j *job, c *cacheSet, part int, w *worker) {
	k := slices.Index(c.holders[part], int32(w.idx))
	if k < 0 {
		return
	}
	w.blocks--
	if c.holders[part] = slices.Delete(c.holders[part], k, k+1); len(c.holders[part]) == 0 {
		delete(c.holders, part)
		delete(c.bytes, part)
	}
	s.cacheChanged(j, c, part)
}

// blockGone forgets that a block is where an attempt could not have it: on its own
// worker, and on those that it was told of. What others hold, nobody has asked for yet.
func (s *Scheduler) blockGone(a *attempt, b model.BlockID) {
	j := a.st.job
	c := j.caches[b.RDD]
	if c == nil || c.gen != b.Gen {
		return
	}
	s.dropHolder(j, c, b.Partition, a.w)
	for _, at := range a.blocks {
		if at.Block != (plan.Block{RDD: b.RDD, Partition: b.Partition}) {
			continue
		}
		for _, id := range at.Holders {
			s.dropHolder(j, c, b.Partition, s.byID[id])
		}
	}
}

// cacheChanged looks again at the tasks that read a block.
func (s *Scheduler) cacheChanged(j *job, c *cacheSet, part int) {
	for _, st := range j.stages {
		for _, i := range st.readersOf(c, part) {
			if t := &st.tasks[i]; t.state == model.TaskPending { // queued by old places
				s.withdraw(st, int(i))
				t.state = model.TaskIdle
			}
			s.recountLater(st, int(i))
		}
	}
}

// loseBlocks forgets what a worker's caches of a job held, or of all jobs.
func (s *Scheduler) loseBlocks(w *worker, only *job) {
	if only == nil || w.copying.job == only.id {
		s.endCopy(w)
	}
	for _, j := range s.order {
		if only != nil && j != only {
			continue
		}
		for _, rdd := range slices.Sorted(maps.Keys(j.caches)) {
			c := j.caches[rdd]
			for _, part := range slices.Sorted(maps.Keys(c.holders)) {
				s.dropHolder(j, c, part, w)
				s.wantCopy(j, c, part)
			}
		}
	}
}
