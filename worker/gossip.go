package worker

import (
	"context"
	"errors"
	"net"
	"runtime"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/gossip"
	"github.com/gordd-project/gordd/internal/msg"
)

// leaveWait is how long the last words in the gossip may take.
const leaveWait = 2 * time.Second

// joinGossip makes the worker a member of the gossip, where that is wanted and it
// is none. The key is the one that a master says is in use: who was away while it
// changed has another. With nil there is only the worker's own.
func (w *Worker) joinGossip(seeds []string, key []byte) error {
	if w.o.Gossip == nil || len(seeds) == 0 {
		return nil
	}
	if m := w.member.Load(); m != nil {
		if key == nil {
			return nil
		}
		return m.Adopt(key)
	}
	o := *w.o.Gossip
	if key != nil {
		o.Key, o.KeyIsCurrent = key, true
	}
	o.Seeds, o.Logger = seeds, w.log
	o.Tags = gossip.Tags{Role: gossip.Worker, ID: string(w.o.ID), Incarnation: uint64(w.inc), Data: w.o.Advertise, Slots: w.o.Slots, Memory: w.o.Memory,
		Rack: w.o.Rack, Labels: w.o.Labels, Version: w.o.Version, OS: runtime.GOOS, Arch: runtime.GOARCH, Protocol: msg.Protocol, MinProtocol: msg.Protocol}
	m, err := gossip.Start(o)
	if err == nil {
		w.member.Store(m)
	}
	return err
}

// leaveGossip tells the others that what follows is no failure.
func (w *Worker) leaveGossip() {
	m := w.member.Load()
	if m == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	if err := m.Leave(ctx); err != nil {
		w.log.Warn("no farewell in the gossip", "err", err)
	}
}

// closeGossip ends the worker's membership. Nobody may start another one.
func (w *Worker) closeGossip() error {
	if m := w.member.Load(); m != nil {
		return m.Close()
	}
	return nil
}

// anyMaster is the target of the connection to the master: which that is, the
// dialler knows.
const anyMaster = "passthrough:///master"

var errNoMaster = errors.New("no master is known: the gossip has not found one yet")

// dialMaster connects to the first master that takes a connection. That it is one
// is for its certificate to say. A failure may be of who answers, so another one
// has the first turn the next time.
func (w *Worker) dialMaster(ctx context.Context, _ string) (net.Conn, error) {
	all := w.masters()
	first := int(w.dials.Add(1)-1) % max(len(all), 1)
	err := errNoMaster
	for i := range all {
		conn, e := new(net.Dialer).DialContext(ctx, "tcp", all[(first+i)%len(all)])
		if e == nil {
			return conn, nil
		}
		err = e
	}
	return nil, err
}

// masters are the addresses of masters: the one that the worker was given, and
// those that the gossip knows.
func (w *Worker) masters() (all []string) {
	if w.o.Master != "" {
		all = append(all, w.o.Master)
	}
	m := w.member.Load()
	if m == nil {
		return all
	}
	for _, p := range m.Members() {
		if p.Tags.Role == gossip.Master && p.State == gossip.Alive && p.Tags.RPC != "" && !slices.Contains(all, p.Tags.RPC) {
			all = append(all, p.Tags.RPC)
		}
	}
	return all
}
