package worker

import (
	"context"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/shuffle"
	"github.com/gordd-project/gordd/shuffle/block"
	"github.com/gordd-project/gordd/worker/transfer"
)

// store knows what the worker's attempts have left: outputs of map tasks, and
// results that wait for their driver. It is safe for concurrent use.
type store struct {
	mu      sync.Mutex
	outs    map[attemptKey]*kept
	results map[plan.Digest][]*result // of attempts whose rows are the same
	// blob gives what is no result.
	blob func(plan.JobID, plan.Digest) (*transfer.Content, error)
	// block has an executor write a block that it keeps to a file.
	block func(context.Context, plan.JobID, plan.Block) (*os.File, error)
}

// attemptKey is the part of an attempt's id that alone is unique.
type attemptKey struct {
	term model.Term
	seq  uint64
}

func keyOf(id model.AttemptID) attemptKey { return attemptKey{id.Term, id.Seq} }

// kept is one map output.
type kept struct {
	report model.TaskDone
	out    *shuffle.Output
	served *transfer.Output
}

// result is one result.
type result struct {
	attempt model.AttemptID
	bytes   []byte
	path    string // instead of bytes
	size    int64
}

func newStore(blob func(plan.JobID, plan.Digest) (*transfer.Content, error)) *store {
	return &store{outs: map[attemptKey]*kept{}, results: map[plan.Digest][]*result{}, blob: blob}
}

func (s *store) add(ev *model.TaskDone, out *shuffle.Output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outs[keyOf(ev.Attempt)] = &kept{report: *ev, out: out, served: transfer.NewOutput(ev.Attempt, out)}
}

// addResult keeps a result.
func (s *store) addResult(d plan.Digest, r *result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results[d] = append(s.results[d], r)
}

// remove forgets an attempt.
func (s *store) remove(id model.AttemptID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.outs, keyOf(id))
	s.removeResults(func(other model.AttemptID) bool { return other == id })
}

// removeResults forgets the results of attempts that are gone. It is called with the
// lock.
func (s *store) removeResults(gone func(model.AttemptID) bool) {
	for d, all := range s.results {
		all = slices.DeleteFunc(all, func(r *result) bool { return gone(r.attempt) })
		if s.results[d] = all; len(all) == 0 {
			delete(s.results, d)
		}
	}
}

// clear forgets everything.
func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.outs)
	clear(s.results)
}

// drop forgets what belongs to shuffles or a job.
func (s *store) drop(c model.Drop) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := func(id model.AttemptID) bool {
		return id.Stage.Job == c.Job && (c.All || slices.Contains(c.Keys, id.Stage.Key) || slices.Contains(c.Outputs, id))
	}
	for key, k := range s.outs {
		if gone(k.report.Attempt) {
			delete(s.outs, key)
		}
	}
	s.removeResults(gone)
}

// outputs lists the map outputs.
func (s *store) outputs(w plan.WorkerID, id model.StoreID) (all []model.MapOutput) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.outs {
		all = append(all, k.output(w, id))
	}
	return all
}

// jobs lists whose outputs and results there are.
func (s *store) jobs() map[plan.JobID]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs := map[plan.JobID]bool{}
	for _, k := range s.outs {
		jobs[k.report.Attempt.Stage.Job] = true
	}
	for _, all := range s.results {
		for _, r := range all {
			jobs[r.attempt.Stage.Job] = true
		}
	}
	return jobs
}

// one describes an output, if it is here.
func (s *store) one(at model.AttemptID, w plan.WorkerID, id model.StoreID) (o model.MapOutput, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.outs[keyOf(at)]
	if k == nil {
		return o, false
	}
	return k.output(w, id), true
}

func (k *kept) output(w plan.WorkerID, id model.StoreID) model.MapOutput {
	ev := &k.report
	return model.MapOutput{Partition: ev.Attempt.Partition, Attempt: ev.Attempt, Worker: w, Store: id, Rows: ev.Rows,
		Bytes: ev.Bytes, Sum: ev.Sum, RowSum: ev.RowSum, Sizes: ev.Sizes, Output: ev.Output, Reads: ev.Reads, Counters: ev.Counters, Updates: ev.Updates}
}

// local finds an output of this worker's own.
func (s *store) local(id model.AttemptID) *shuffle.Output {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.outs[keyOf(id)]; k != nil {
		return k.out
	}
	return nil
}

// Output is transfer.Store's.
func (s *store) Output(job plan.JobID, term model.Term, seq, _ uint64) (*transfer.Output, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.outs[attemptKey{term, seq}]
	if k == nil || k.report.Attempt.Stage.Job != job {
		return nil, transfer.ErrMissing
	}
	return k.served, nil
}

// Blob is transfer.Store's: it gives results, programs, and what programs name by
// digest.
func (s *store) Blob(job plan.JobID, d plan.Digest) (*transfer.Content, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.results[d]
	i := slices.IndexFunc(all, func(r *result) bool { return r.attempt.Stage.Job == job })
	if i < 0 {
		return s.blob(job, d)
	}
	r := all[i]
	if r.path == "" {
		return &transfer.Content{Bytes: r.bytes}, nil
	}
	path := r.path
	return &transfer.Content{Open: func() (*os.File, error) { return os.Open(path) }, Size: r.size}, nil
}

// Block is transfer.Store's.
func (s *store) Block(ctx context.Context, job plan.JobID, b plan.Block) (*os.File, error) {
	return s.block(ctx, job, b)
}

// verify looks at an output that somebody could not read.
func (s *store) verify(id model.AttemptID) model.Verdict {
	out := s.local(id)
	if out == nil {
		return model.OutputMissing
	}
	f, err := os.Open(out.Path)
	if err != nil {
		return model.OutputMissing
	}
	defer func() { _ = f.Close() }()
	var c block.Checker
	for seg, ends := range out.Segments {
		for r := range len(ends) - 1 {
			c.Reset(block.ID{Shuffle: out.Shuffle, Map: out.Map, Reduce: uint32(r), Segment: uint32(seg)})
			n, err := io.Copy(&c, io.NewSectionReader(f, ends[r], ends[r+1]-ends[r]))
			if err != nil || n != ends[r+1]-ends[r] || c.End() != nil {
				return model.OutputCorrupt
			}
		}
	}
	return model.OutputOK
}

// count is how many map outputs there are.
func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.outs)
}
