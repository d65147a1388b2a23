package master

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/worker/transfer"
)

// probeWait is how long a probe waits for an answer.
const probeWait = 400 * time.Millisecond

// probe asks whether a worker's process is there. It is called from the loop.
func (m *Master) probe(c model.Probe) {
	address := m.peers[c.Worker].Address
	m.engine.Background(func() {
		m.engine.Send(model.ProbeResult{Worker: c.Worker, Inc: c.Inc, No: c.No, Answer: knock(address, c.Inc, m.access.toWorkers())})
	})
}

// knock asks at a worker's data port which process serves it. Only a machine that
// refuses, or a worker that is another one, says that a process is gone.
func knock(address string, want model.Inc, over *tls.Config) model.ProbeAnswer {
	if address == "" {
		return model.ProbeTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeWait)
	defer cancel()
	inc, err := transfer.Ask(ctx, transfer.Question{Addr: address, TLS: over})
	switch {
	case errors.Is(err, transfer.ErrRefused):
		return model.ProbeRefused
	case err != nil:
		return model.ProbeTimeout
	case inc != want:
		return model.ProbeOther
	}
	return model.ProbeSame
}
