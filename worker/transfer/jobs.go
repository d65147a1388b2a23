package transfer

import (
	"fmt"
	"sync"

	"github.com/gordd-project/gordd/rdd/plan"
)

// JobTickets are tickets that are signed with a key of each job: who has the key
// of one can read nothing of another. The zero value knows no job.
type JobTickets struct {
	mu   sync.RWMutex
	jobs map[plan.JobID]Tickets
}

var _ Tickets = (*JobTickets)(nil)

// Set gives a job its key.
func (t *JobTickets) Set(job plan.JobID, key []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.jobs == nil {
		t.jobs = map[plan.JobID]Tickets{}
	}
	t.jobs[job] = SecretTickets(key)
}

// Forget takes a job's key away.
func (t *JobTickets) Forget(job plan.JobID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.jobs, job)
}

func (t *JobTickets) of(job plan.JobID) Tickets {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.jobs[job]
}

// Sign signs with the key of the claim's job.
func (t *JobTickets) Sign(c Claim) ([]byte, error) {
	if k := t.of(c.Job); k != nil {
		return k.Sign(c)
	}
	return nil, fmt.Errorf("the key of job %s is not here", c.Job)
}

// Check checks with the key of the claim's job. It does not tell a job that is
// not known from a bad signature.
func (t *JobTickets) Check(ticket []byte, c Claim) error {
	if k := t.of(c.Job); k != nil {
		return k.Check(ticket, c)
	}
	return errTicket
}
