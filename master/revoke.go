package master

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"google.golang.org/grpc/credentials"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
)

// revoke refuses who calls itself ROLE/NAME from now on, and cuts what it has
// open. Those who ask are not locked out by themselves.
func (m *Master) revoke(ctx context.Context, who string) error {
	if m.access == nil {
		return errors.New("this cluster has no certificates to revoke: it was started without --cluster")
	}
	role, name, ok := strings.Cut(who, "/")
	id := trust.Identity{Cluster: m.access.cluster.ID, Role: trust.Role(role), Name: name}
	if err := id.Check(); err != nil || !ok || id.Role == trust.Master {
		return fmt.Errorf("%q cannot be revoked: give ROLE/NAME, as in client/alice, with the role %s, %s or %s", who, trust.Worker, trust.Client, trust.Admin)
	}
	if by, err := caller(ctx); err != nil || by == id {
		return errors.Join(err, fmt.Errorf("%s is who asks: another administrator can revoke it", who))
	}
	err := m.access.cluster.Revoked.Add(id)
	cut := m.access.keeper.cut(id)
	m.engine.Call(func() model.Event {
		for _, w := range m.workers {
			w.out.Put(m.access.revoked())
		}
		return nil
	})
	m.log.Warn("identity revoked", "identity", id.String(), "connections", cut, "err", err)
	return err
}

// revoked is what workers are told: whom to refuse.
func (a *access) revoked() (r msg.Revoked) {
	for _, id := range a.cluster.Revoked.List() {
		r.Identities = append(r.Identities, id.String())
	}
	return r
}

// keeper makes the connections of a server, and knows who is at the other end of
// each, so that all of one caller can be cut.
type keeper struct {
	credentials.TransportCredentials

	mu    sync.Mutex
	conns map[*guest]bool
}

func newKeeper(c credentials.TransportCredentials) *keeper {
	return &keeper{TransportCredentials: c, conns: map[*guest]bool{}}
}

// guest is a connection of somebody.
type guest struct {
	net.Conn
	id     trust.Identity
	keeper *keeper
}

// ServerHandshake takes a connection. Whether who is there was revoked each call
// is asked anew, with an answer that says so; see intercept.
func (k *keeper) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := k.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	var id trust.Identity
	if t, ok := info.(credentials.TLSInfo); ok {
		id, err = trust.PeerIdentity(t.State)
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	g := &guest{Conn: conn, id: id, keeper: k}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.conns[g] = true
	return g, info, nil
}

// Clone returns the keeper itself: what it knows must not be in two places.
func (k *keeper) Clone() credentials.TransportCredentials { return k }

// Close closes the connection, which nobody has to cut any more.
func (g *guest) Close() error {
	g.keeper.mu.Lock()
	delete(g.keeper.conns, g)
	g.keeper.mu.Unlock()
	return g.Conn.Close()
}

// cut closes all connections of one caller, and says how many there were.
func (k *keeper) cut(id trust.Identity) int {
	k.mu.Lock()
	var all []*guest
	for g := range k.conns {
		if g.id == id {
			all = append(all, g)
		}
	}
	k.mu.Unlock()
	for _, g := range all {
		_ = g.Close()
	}
	return len(all)
}
