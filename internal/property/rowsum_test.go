package property

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/gordd-project/gordd/internal/embedded"
	"github.com/gordd-project/gordd/rdd/plan"
)

// rowSums are the sums of rows that tasks of the first mode shuffled. Those of others must
// be the same, whatever memory there was and however many operators ran at once: on a
// cluster a stage whose rows differ is taken for one that is not deterministic.
type rowSums struct {
	t    *testing.T
	mu   sync.Mutex
	sums map[string]uint64
	now  string // the mode and case
	seen int    // sums that were compared
}

func (s *rowSums) begin(mode, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = mode + ", " + name
}

func (s *rowSums) took(st *plan.Stage, partition int, sum uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	task := fmt.Sprintf("%s (%s), partition %d of %d, to %d", st.Name, st.Key, partition, st.N(), st.Sink.Part.N) // numbers may depend on the slots
	first, ok := s.sums[task]
	if !ok {
		s.sums[task] = sum
		return
	}
	if s.seen++; first != sum {
		s.t.Errorf("%s: %s: the sum of rows is %x, and was %x", s.now, task, sum, first)
	}
}

// summing is an executor that has what its tasks shuffle compared.
type summing struct {
	embedded.Executor
	sums *rowSums
}

func (x summing) Run(ctx context.Context, p *plan.Plan, st *plan.Stage, t *plan.Task) (*plan.Result, *plan.Failure) {
	res, fail := x.Executor.Run(ctx, p, st, t)
	if fail == nil && res.RowSum != 0 {
		x.sums.took(st, t.Partition, res.RowSum)
	}
	return res, fail
}
