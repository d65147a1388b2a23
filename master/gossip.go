package master

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/gossip"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// leaveWait is how long the last words in the gossip may take.
const leaveWait = 2 * time.Second

// joinGossip makes the master a member of the gossip, in which workers find it.
func (m *Master) joinGossip() (err error) {
	if m.o.Gossip == nil {
		return nil
	}
	o := *m.o.Gossip
	o.Cluster, o.Logger = m.o.Cluster, m.log
	o.Tags = gossip.Tags{Role: gossip.Master, ID: "master", Incarnation: rand.Uint64(), RPC: m.o.Advertise,
		OS: runtime.GOOS, Arch: runtime.GOARCH, Protocol: msg.Protocol, MinProtocol: msg.Protocol}
	m.member, err = gossip.Start(o)
	return err
}

// hearGossip hands on to the scheduler what the gossip says of workers.
func (m *Master) hearGossip() {
	for e := range m.member.Events() {
		if ev := hint(e); ev != nil {
			m.engine.Send(ev)
		}
	}
}

// hint is what an event of the gossip means to the scheduler: that it should ask,
// at most, unless a worker has said farewell.
func hint(e gossip.Event) model.Event {
	if e.Peer.Tags.Role != gossip.Worker {
		return nil
	}
	id, inc := plan.WorkerID(e.Peer.Tags.ID), model.Inc(e.Peer.Tags.Incarnation)
	switch e.Kind {
	case gossip.KindUp:
		return model.MemberUp{Worker: id, Inc: inc}
	case gossip.KindFailed:
		return model.MemberFailed{Worker: id, Inc: inc}
	case gossip.KindLeft:
		return model.MemberLeft{Worker: id, Inc: inc}
	case gossip.KindChanged:
		return model.TagsChanged{Worker: id, Inc: inc}
	}
	return nil
}

// gossipKey is the key of the gossip, for who is let in: the one that is in use.
func (m *Master) gossipKey() []byte {
	switch {
	case m.member != nil:
		return m.member.Key()
	case m.access != nil:
		return m.access.cluster.GossipKey
	}
	return nil
}

// rotation is a change of the gossip's key. What did not come to its end goes on
// with the same key, so that members do not collect them.
type rotation struct {
	mu  sync.Mutex
	key []byte // nil: none is under way
}

// rotateWait is how long all members may take to change their key.
const rotateWait = time.Minute

// rotateGossip has all members change to a new key.
func (m *Master) rotateGossip(ctx context.Context) error {
	switch {
	case m.access == nil:
		return errors.New("this cluster has no key of its own for the gossip: rddctl cluster init makes those that have")
	case m.member == nil:
		return errors.New("there is no gossip: the master was started with --gossip off")
	}
	m.rotation.mu.Lock()
	defer m.rotation.mu.Unlock()
	if m.rotation.key == nil {
		m.rotation.key = make([]byte, gossip.KeySize)
		_, _ = crand.Read(m.rotation.key)
	}
	ctx, cancel := context.WithTimeout(ctx, rotateWait)
	defer cancel()
	if err := m.member.Rotate(ctx, m.rotation.key); err != nil {
		return fmt.Errorf("%w: both keys are good until it is done again", err)
	}
	m.rotation.key = nil
	m.log.Info("the key of the gossip has changed", "members", len(m.member.Members())+1)
	return nil
}

// leaveGossip takes leave of the others.
func (m *Master) leaveGossip() error {
	if m.member == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	if err := m.member.Leave(ctx); err != nil {
		m.log.Warn("no farewell in the gossip", "err", err)
	}
	return m.member.Close()
}

// seeds are where the gossip can be joined.
func (m *Master) seeds() []string {
	if m.member == nil {
		return nil
	}
	return []string{m.member.Addr().String()}
}
