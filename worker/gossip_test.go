package worker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gordd-project/gordd/internal/gossip"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/master"
	"github.com/gordd-project/gordd/rdd/plan"
)

func gossipOptions(seeds ...string) *gossip.Options {
	return &gossip.Options{Cluster: "test", Bind: netip.MustParseAddrPort("127.0.0.1:0"), Key: make([]byte, gossip.KeySize), Seeds: seeds}
}

// gossiping starts a master in the gossip.
func gossiping(t *testing.T) (m *master.Master, address string) {
	t.Helper()
	l := listen(t)
	m, err := master.New(master.Options{Cluster: "test", Dir: t.TempDir(), Listener: l, Advertise: l.Addr().String(), Gossip: gossipOptions()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, l.Addr().String()
}

// join starts a worker and waits until a master has it.
func join(t *testing.T, name, master string, g *gossip.Options) (w *Worker, leave func()) {
	t.Helper()
	attached := make(chan struct{})
	w, err := New(Options{ID: plan.WorkerID(name), Store: model.StoreID(name), Master: master, Data: listen(t), Dir: t.TempDir(), Slots: 1, Gossip: g,
		Dial: []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, Attached: func() { close(attached) },
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	leave = func() {
		if ended {
			return
		}
		ended = true
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(leave)
	<-attached
	return w, leave
}

// await waits for the news of a peer.
func await(t *testing.T, m *gossip.Member, id string, k gossip.Kind) gossip.Peer {
	t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case e := <-m.Events():
			if e.Peer.Tags.ID == id && e.Kind == k {
				return e.Peer
			}
		case <-late:
			t.Fatalf("no news of %s", id)
		}
	}
}

// A worker that is given the address of another one finds the master, and others
// hear when it goes.
func TestWorkersFindTheMaster(t *testing.T) {
	_, address := gossiping(t)
	w1, _ := join(t, "w1", address, gossipOptions())
	if w1.member.Load() == nil {
		t.Fatal("the master's welcome did not bring it into the gossip")
	}
	w2, leave := join(t, "w2", "", gossipOptions(w1.member.Load().Addr().String()))
	if all := w2.masters(); len(all) != 1 || all[0] != address {
		t.Errorf("masters %q, want %s", all, address)
	}
	p := await(t, w1.member.Load(), "w2", gossip.KindUp)
	if p.Tags.Role != gossip.Worker || p.Tags.Incarnation != uint64(w2.inc) || p.Tags.Data != w2.o.Advertise || p.Tags.Slots != 1 {
		t.Errorf("it says %+v", p.Tags)
	}
	leave()
	await(t, w1.member.Load(), "w2", gossip.KindLeft)
}

// A worker that was away while the key changed gets it with its welcome: when it
// starts, and when it has a place in a gossip where nobody understands it.
func TestTheWelcomeHasTheKey(t *testing.T) {
	_, address := gossiping(t)
	w0, _ := join(t, "w0", address, gossipOptions())
	for name, seeds := range map[string][]string{"starts": nil, "stayed": {w0.member.Load().Addr().String()}} {
		g := gossipOptions(seeds...)
		g.Key = slices.Repeat([]byte{7}, gossip.KeySize)
		w, _ := join(t, name, address, g)
		await(t, w.member.Load(), "master", gossip.KindUp)
		if got := w.member.Load().Key(); !slices.Equal(got, make([]byte, gossip.KeySize)) {
			t.Errorf("%s: its key is %x", name, got)
		}
	}
}

// Without gossip, or without an address to begin with, there is none.
func TestNoGossip(t *testing.T) {
	_, address := gossiping(t)
	w, _ := join(t, "w1", address, nil)
	if w.member.Load() != nil {
		t.Error("it gossips")
	}
	bad := gossipOptions("127.0.0.1:1")
	bad.Key = []byte("short")
	data := listen(t)
	defer func() { _ = data.Close() }()
	if _, err := New(Options{ID: "w2", Data: data, Dir: t.TempDir(), Gossip: bad, Dial: []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}}); err == nil {
		t.Error("a bad key was taken")
	}
}

// The dialler takes who answers, and begins with another one each time.
func TestDialMaster(t *testing.T) {
	w := &Worker{}
	if _, err := w.dialMaster(t.Context(), ""); !errors.Is(err, errNoMaster) {
		t.Errorf("got %v", err)
	}
	_, address := gossiping(t)
	gone := listen(t)
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	w, _ = join(t, "w1", address, gossipOptions())
	m := w.member.Load()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := m.Joined(ctx); err != nil {
		t.Fatal(err)
	}
	x := &Worker{o: Options{Master: gone.Addr().String()}}
	if _, err := x.dialMaster(t.Context(), ""); err == nil {
		t.Error("nobody is there, and it connects")
	}
	x.member.Store(m)
	for range 4 {
		conn, err := x.dialMaster(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.RemoteAddr().(*net.TCPAddr).String(); got != address {
			t.Errorf("connected to %s", got)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}
