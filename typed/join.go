package typed

import (
	"errors"
	"fmt"

	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// clusterJob is a job of a cluster that this process drives, by the wire to the
// process that started it.
type clusterJob struct {
	conn *wire.Conn
	job  plan.JobID
}

// join waits until the process that started this one has a job for it.
func (p *program) join(o *Options) error {
	m, err := p.wire.Receive()
	if err != nil {
		return fmt.Errorf("join the cluster: %w", err)
	}
	switch m := m.(type) {
	case *wire.Joined:
		o.cluster, o.Cores = &clusterJob{p.wire, m.Job}, max(m.Slots, 1)
		return nil
	case *wire.JobEnd:
		return errors.New(m.Why)
	case *wire.Cancel:
		return errInterrupted
	}
	return fmt.Errorf("join the cluster: got %T", m)
}
