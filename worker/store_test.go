package worker

import (
	"testing"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/transfer"
)

// Results with the same bytes are several: each is there until its own job, or its own
// attempt, is gone.
func TestEqualResults(t *testing.T) {
	s := newStore(func(plan.JobID, plan.Digest) (*transfer.Content, error) { return nil, transfer.ErrMissing })
	id := func(job plan.JobID, seq uint64) model.AttemptID {
		return model.AttemptID{Stage: model.StageID{Job: job, Action: 1, Key: "r"}, Seq: seq}
	}
	d := plan.DigestOf([]byte("rows"))
	for _, a := range []model.AttemptID{id("j", 1), id("k", 2), id("j", 3)} {
		s.addResult(d, &result{attempt: a, bytes: []byte("rows")})
	}
	has := func(job plan.JobID, want bool) {
		t.Helper()
		if c, err := s.Blob(job, d); (err == nil) != want || want && string(c.Bytes) != "rows" {
			t.Errorf("of job %s: %+v, %v", job, c, err)
		}
	}
	has("j", true)
	has("k", true)
	has("x", false)
	s.remove(id("j", 3)) // which was discarded
	has("j", true)
	s.drop(model.Drop{Job: "k", All: true})
	has("k", false)
	has("j", true)
	s.drop(model.Drop{Job: "j", Keys: []plan.StageKey{"r"}})
	if has("j", false); len(s.results) > 0 {
		t.Errorf("left %v", s.results)
	}
}
