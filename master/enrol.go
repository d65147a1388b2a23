package master

import (
	"errors"
	"fmt"
	"time"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/rdd/plan"
)

// errOpen is the answer where there are no certificates.
var errOpen = errors.New("this master has no certificates to give: it was started without --cluster")

// Enrol gives a new worker its certificate.
func (s service) Enrol(st *msg.Stream) error {
	ask, err := first[msg.Enrol](st)
	if err != nil {
		return err
	}
	chain, err := s.enrol(&ask)
	if err != nil {
		s.log.Warn("enrolment refused", "name", ask.Name, "err", err)
		return refuse(st, "%w", err)
	}
	s.log.Info("worker enrolled", "worker", ask.Name)
	return st.Send(msg.Enrolled{Chain: chain, Gossip: s.gossipKey()})
}

// enrol uses a token up, and makes the certificate that it is good for. What can
// be said without the token is said first, so that it is not wasted.
func (s service) enrol(ask *msg.Enrol) ([]byte, error) {
	a := s.access
	if a == nil {
		return nil, errOpen
	}
	id := trust.Identity{Cluster: a.cluster.ID, Role: trust.Worker, Name: ask.Name}
	if err := id.Check(); err != nil {
		return nil, err
	}
	t, err := a.redeem(ask.Token)
	if err != nil {
		return nil, err
	}
	if t.Role != trust.Worker {
		return nil, fmt.Errorf("%w: it is for a %s, not for a worker", trust.ErrToken, t.Role)
	}
	if err := a.cluster.Revoked.Check(id); err != nil {
		return nil, fmt.Errorf("%w: choose another --name, and get another token", err)
	}
	// Only who has a token learns which workers there are.
	if s.attached(plan.WorkerID(ask.Name)) {
		return nil, fmt.Errorf("a worker %s is attached already: choose another --name, and get another token", ask.Name)
	}
	return a.cluster.Authority.Sign(ask.Request, trust.Request{Identity: id, Life: a.life})
}

// redeem uses a token up, for masters to come too.
func (a *access) redeem(text string) (trust.Token, error) {
	a.enrolling.Lock()
	defer a.enrolling.Unlock()
	t, err := a.tokens.Redeem(text, time.Now())
	if err != nil {
		return t, err
	}
	return t, a.tokens.Save(a.dir)
}

// attached says whether there is a stream of a worker.
func (s service) attached(id plan.WorkerID) bool {
	there := make(chan bool, 1)
	s.engine.Call(func() model.Event {
		there <- s.workers[id] != nil
		return nil
	})
	select {
	case yes := <-there:
		return yes
	case <-s.engine.Done():
		return false
	}
}

// Renew gives a worker another certificate for the identity that it has.
func (s service) Renew(st *msg.Stream) error {
	ask, err := first[msg.Renew](st)
	if err != nil {
		return err
	}
	a := s.access
	if a == nil {
		return refuse(st, "%w", errOpen)
	}
	id, err := caller(st.Context())
	if err != nil {
		return refuse(st, "%w", err)
	}
	chain, err := a.cluster.Authority.Sign(ask.Request, trust.Request{Identity: id, Life: a.life})
	if err != nil {
		return refuse(st, "%w", err)
	}
	s.log.Info("certificate renewed", "worker", id.Name)
	return st.Send(msg.Enrolled{Chain: chain, Gossip: s.gossipKey()})
}
