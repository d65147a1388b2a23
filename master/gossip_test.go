package master

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/gordd-project/gordd/internal/gossip"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
)

func TestHints(t *testing.T) {
	event := func(k gossip.Kind, r gossip.Role) gossip.Event {
		return gossip.Event{Kind: k, Peer: gossip.Peer{Tags: gossip.Tags{Role: r, ID: "w1", Incarnation: 7}}}
	}
	for k, want := range map[gossip.Kind]model.Event{
		gossip.KindUp: model.MemberUp{Worker: "w1", Inc: 7}, gossip.KindFailed: model.MemberFailed{Worker: "w1", Inc: 7},
		gossip.KindLeft: model.MemberLeft{Worker: "w1", Inc: 7}, gossip.KindChanged: model.TagsChanged{Worker: "w1", Inc: 7},
	} {
		if got := hint(event(k, gossip.Worker)); got != want {
			t.Errorf("%s of a worker: %#v, want %#v", k, got, want)
		}
		if got := hint(event(k, gossip.Master)); got != nil {
			t.Errorf("%s of a master: %#v", k, got)
		}
	}
}

// The master says where it is, and then that it is no more.
func TestMasterInTheGossip(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := gossip.Options{Cluster: "test", Bind: netip.MustParseAddrPort("127.0.0.1:0"), Key: make([]byte, gossip.KeySize)}
	m, err := New(Options{Cluster: "test", Dir: t.TempDir(), Listener: l, Advertise: "10.0.0.1:7077", Gossip: &o})
	if err != nil {
		t.Fatal(err)
	}
	other := o
	other.Seeds, other.Tags = m.seeds(), gossip.Tags{Role: gossip.Worker, ID: "w1", Protocol: msg.Protocol, MinProtocol: msg.Protocol}
	peer, err := gossip.Start(other)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := peer.Joined(ctx); err != nil {
		t.Fatal(err)
	}
	if all := peer.Members(); len(all) != 1 || all[0].Tags.Role != gossip.Master || all[0].Tags.RPC != "10.0.0.1:7077" {
		t.Errorf("members %+v", all)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	for e := range peer.Events() {
		if e.Kind == gossip.KindLeft || e.Kind == gossip.KindFailed { // its farewell may be lost: then it is missed
			break
		}
	}
}

// A gossip that cannot be is the end of a start.
func TestBadGossip(t *testing.T) {
	for _, c := range []bool{true, false} {
		o := Options{Cluster: "test", Dir: t.TempDir(), Advertise: "10.0.0.1:7077", Gossip: &gossip.Options{}}
		if c {
			o.Trust = newCluster(t)
		}
		if _, err := New(o); err == nil {
			t.Error("it was started")
		}
	}
}
