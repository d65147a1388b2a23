package sched

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// copies are made of cached blocks that fewer workers hold than are to (R61): one at a
// time to each worker, when nothing else is to be done. One that could not be kept is
// tried with one more worker. After that, and when it was evicted, it is not made again
// before a holder comes or goes.
type copies struct {
	short  []copyKey            // that may have too few holders
	listed map[copyKey]*worker  // what short has, each once, and who could not keep it
	under  map[copyKey]*copying // those that are under way
	looks  int                  // how many of short are to be looked at, after a change
}

// copying is a copy that is under way.
type copying struct {
	to    *worker
	not   *worker // who could not keep it
	since model.Instant
}

const (
	// mostLooks bounds how many blocks that have to wait are looked at in a step.
	mostLooks = 32
	// slowCopy is after how long a copy holds up no others that its worker would be
	// the best place for.
	slowCopy = time.Minute
)

// copyKey names a block of a job; of no job: none.
type copyKey struct {
	job   plan.JobID
	block plan.Block
}

// wantCopy has a block looked at that may have too few holders.
func (s *Scheduler) wantCopy(j *job, c *cacheSet, part int) {
	if n := len(c.holders[part]); n > 0 && n < c.copies {
		s.list(copyKey{j.id, plan.Block{RDD: c.rdd, Partition: part}}, nil)
	}
}

// list has a block looked at, and all others again: something has changed.
func (s *Scheduler) list(key copyKey, not *worker) {
	was, ok := s.listed[key]
	if !ok {
		s.short = append(s.short, key)
	}
	if s.listed == nil {
		s.listed = map[copyKey]*worker{}
	}
	s.listed[key] = cmp.Or(not, was)
	s.lookAgain()
}

func (s *Scheduler) lookAgain() { s.looks = len(s.short) }

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

// copyBlocks starts copies to those that have none under way. What has to wait goes to
// the back: who might hold it is busy, which holds up nothing else.
func (s *Scheduler) copyBlocks() {
	if s.looks == 0 || s.recovering() {
		return
	}
	if !slices.ContainsFunc(s.workers, func(w *worker) bool { return w.copying.job == "" && w.takes(s.now) }) {
		s.looks = 0
		return
	}
	for waiting := 0; s.looks > 0 && waiting < mostLooks; s.looks-- {
		key := s.short[0]
		if s.short = s.short[1:]; s.copyBlock(key, s.listed[key]) {
			delete(s.listed, key)
			continue
		}
		s.short = append(s.short, key)
		waiting++
	}
}

// copyBlock starts a copy, if one is wanted and somebody can have it. It reports false
// where it has to wait.
func (s *Scheduler) copyBlock(key copyKey, not *worker) bool {
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
	to, wait := s.copyPlace(j, holders, not)
	if to == nil {
		return !wait
	}
	if s.under == nil {
		s.under = map[copyKey]*copying{}
	}
	s.under[key], to.copying = &copying{to, not, s.now}, key
	s.after(s.now.Add(slowCopy), timer{kind: timerCopy, w: to})
	cmd := model.Copy{Receiver: to.to(), Job: j.id, Exec: to.shared(j).no,
		Block: model.BlockID{RDD: c.rdd, Gen: c.gen, Partition: key.block.Partition}}
	for _, h := range holders[:min(len(holders), mostHolders)] {
		cmd.From = append(cmd.From, s.workers[h].id)
	}
	s.emit(cmd)
	return true
}

// copyPlace returns the worker that is to hold a block too, of those that have no copy
// under way: on another host if there is one, and one that holds few. If it returns
// none, it says whether to wait for one that is busy: one on another host is waited
// for, unless it takes long, also where one on the same host is free.
func (s *Scheduler) copyPlace(j *job, holders []int32, not *worker) (best *worker, wait bool) {
	busy, far := false, false
	for _, w := range s.workers {
		switch {
		case w == not || !w.takes(s.now) || slices.Contains(holders, int32(w.idx)) || w.shared(j) == nil:
		case w.copying.job != "":
			busy = true
			far = far || !s.takesLong(w) && s.beside(w, holders) == 0
		case best == nil || cmp.Or(cmp.Compare(s.beside(w, holders), s.beside(best, holders)), cmp.Compare(w.blocks, best.blocks)) < 0:
			best = w
		}
	}
	if best == nil {
		return nil, busy
	}
	if far && s.beside(best, holders) > 0 {
		return nil, true
	}
	return best, false
}

// beside returns 1 for a worker on the host of a holder, otherwise 0.
func (s *Scheduler) beside(w *worker, holders []int32) int {
	for _, h := range holders {
		if slices.ContainsFunc(s.workers[h].place.Hosts, func(n int32) bool { return slices.Contains(w.place.Hosts, n) }) {
			return 1
		}
	}
	return 0
}

// takesLong says whether the copy that is under way to a worker takes long.
func (s *Scheduler) takesLong(w *worker) bool {
	c := s.under[w.copying]
	return c != nil && s.now >= c.since.Add(slowCopy)
}

// copyDue has others not wait for a worker whose copy takes long.
func (s *Scheduler) copyDue(w *worker) {
	if s.takesLong(w) {
		s.lookAgain()
	}
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
		if c := s.noCopy(w); !ev.Done && c.not == nil {
			s.list(key, w)
		}
	}
	j := s.jobs[ev.Job]
	if j == nil || j.state.Ended() || !ev.Done {
		return
	}
	if j.caches[ev.Block.RDD] == nil {
		s.emit(model.Drop{Receiver: w.to(), Job: ev.Job, Keys: []plan.StageKey{ev.Block.RDD}})
		return
	}
	s.blocksChanged(w, ev.Job, []model.HeldBlock{ev.Block}, nil)
}

// noCopy notes that no copy is under way to a worker any more, and returns the one
// that was.
func (s *Scheduler) noCopy(w *worker) *copying {
	c := s.under[w.copying]
	delete(s.under, w.copying)
	w.copying = copyKey{}
	s.lookAgain()
	return c
}

// endCopy forgets the copy that was under way to a worker: another one may have it.
func (s *Scheduler) endCopy(w *worker) {
	if key := w.copying; key.job != "" {
		s.list(key, s.noCopy(w).not)
	}
}
