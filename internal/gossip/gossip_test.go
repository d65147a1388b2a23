package gossip

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var key1, key2 = bytes.Repeat([]byte{1}, KeySize), bytes.Repeat([]byte{2}, KeySize)

func options(id string, seeds ...*Member) Options {
	o := Options{
		Cluster: "c1",
		Tags: Tags{Role: Worker, ID: id, Incarnation: 1, Slots: 2, RPC: "10.0.0.1:7077", Rack: "r1", Labels: []string{"disk=ssd"},
			Protocol: 1, MinProtocol: 1},
		Bind: netip.MustParseAddrPort("127.0.0.1:0"),
		Key:  key1,
	}
	for _, s := range seeds {
		o.Seeds = append(o.Seeds, s.Addr().String())
	}
	return o
}

func start(t *testing.T, o Options) *Member {
	t.Helper()
	m, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func deadline(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	t.Cleanup(stop)
	return ctx
}

// expect reads events until one of this kind about the peer comes.
func expect(t *testing.T, m *Member, k Kind, id string) Event {
	t.Helper()
	ctx := deadline(t, 60*time.Second)
	for {
		select {
		case e := <-m.Events():
			if e.Kind == k && e.Peer.Tags.ID == id {
				return e
			}
			t.Logf("passed over %v of %s", e.Kind, e.Peer.Tags.ID)
		case <-ctx.Done():
			t.Fatalf("no event %v of %s", k, id)
		}
	}
}

func TestMembersFindEachOtherLeaveAndFail(t *testing.T) {
	a := start(t, options("a"))
	b := start(t, options("b", a))
	up := expect(t, a, KindUp, "b")
	c := start(t, options("c", a))
	if up.Peer.Addr != b.Addr() || up.Peer.Tags.Slots != 2 || up.Peer.Tags.RPC != "10.0.0.1:7077" ||
		up.Peer.Tags.Rack != "r1" || !slices.Equal(up.Peer.Tags.Labels, []string{"disk=ssd"}) {
		t.Errorf("got %+v", up.Peer)
	}
	expect(t, b, KindUp, "c") // who knew only a
	expect(t, a, KindUp, "c")
	if err := b.Joined(deadline(t, 10*time.Second)); err != nil {
		t.Error(err)
	}
	if err := b.Leave(deadline(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	expect(t, a, KindLeft, "b")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	expect(t, a, KindFailed, "c")
	for _, p := range a.Members() {
		if want := map[string]State{"b": Left, "c": Failed}[p.Tags.ID]; p.State != want {
			t.Errorf("%s is %v, want %v", p.Tags.ID, p.State, want)
		}
	}
}

func TestARestartAtTheSameAddressIsAChange(t *testing.T) {
	a := start(t, options("a"))
	b := start(t, options("b", a))
	expect(t, a, KindUp, "b")
	o := options("b", a)
	o.Bind, o.Tags.Incarnation = b.Addr(), 2
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	start(t, o)
	if e := expect(t, a, KindChanged, "b"); e.Peer.Tags.Incarnation != 2 {
		t.Errorf("got incarnation %d", e.Peer.Tags.Incarnation)
	}
}

func TestStrangersDoNotJoin(t *testing.T) {
	a := start(t, options("a"))
	for name, change := range map[string]func(*Options){
		"another key":      func(o *Options) { o.Key = key2 },
		"no key":           func(o *Options) { o.Key = nil },
		"another cluster":  func(o *Options) { o.Cluster = "c2" },
		"another protocol": func(o *Options) { o.Tags.Protocol, o.Tags.MinProtocol = 3, 2 },
	} {
		t.Run(name, func(t *testing.T) {
			o := options("x", a)
			change(&o)
			x := start(t, o)
			if err := x.Joined(deadline(t, 2*time.Second)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("joined: %v", err)
			}
			if n := len(a.Members()); n != 0 {
				t.Errorf("%d members", n)
			}
		})
	}
}

// kept are options of a member that keeps its keys.
func kept(t *testing.T, id string, seeds ...*Member) Options {
	o := options(id, seeds...)
	o.KeyringFile = filepath.Join(t.TempDir(), KeyringName)
	return o
}

// has demands that a member has one key, and has kept it.
func hasOnly(t *testing.T, m *Member, key []byte) {
	t.Helper()
	if keys := m.keyring.GetKeys(); len(keys) != 1 || !bytes.Equal(m.Key(), key) {
		t.Errorf("%s has %d keys", m.name, len(keys))
	}
	if keys, err := readKeyring(m.keyFile); err != nil || len(keys) != 1 || !bytes.Equal(keys[0], key) {
		t.Errorf("%s has kept %d keys: %v", m.name, len(keys), err)
	}
}

// TestKeysAreRotated: three members change their key, and are found again after a
// restart, with the file that each has kept.
func TestKeysAreRotated(t *testing.T) {
	a := start(t, kept(t, "a"))
	ob, oc := kept(t, "b", a), kept(t, "c", a)
	b, c := start(t, ob), start(t, oc)
	expect(t, a, KindUp, "b")
	expect(t, b, KindUp, "c")
	expect(t, c, KindUp, "b")
	if err := a.Rotate(deadline(t, 60*time.Second), key2); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*Member{a, b, c} {
		hasOnly(t, m, key2)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	oc.Tags.Incarnation = 2 // with the key of before, and the file
	c = start(t, oc)
	if err := c.Joined(deadline(t, 10*time.Second)); err != nil {
		t.Error(err)
	}
	hasOnly(t, c, key2)
}

// TestWhoMissedARotationAdoptsTheKey: by a restart that is told of it, and without.
func TestWhoMissedARotationAdoptsTheKey(t *testing.T) {
	o := options("a")
	o.Key = key2
	a := start(t, o)
	ob := kept(t, "b", a)
	b := start(t, ob)
	if err := b.Joined(deadline(t, time.Second)); err == nil {
		t.Fatal("it joined with the key of before")
	}
	if err := b.Adopt(key2); err != nil {
		t.Fatal(err)
	}
	hasOnly(t, b, key2)
	expect(t, a, KindUp, "b")
	if err := b.Adopt(key2); err != nil { // it has it
		t.Error(err)
	}

	oc := kept(t, "c", a)
	if err := writeKeyring(oc.KeyringFile, key1); err != nil {
		t.Fatal(err)
	}
	oc.Key, oc.KeyIsCurrent = key2, true
	c := start(t, oc)
	hasOnly(t, c, key2)
	expect(t, a, KindUp, "c")
}

func TestOptionsThatAreRefused(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"no address":       func(o *Options) { o.Bind = netip.AddrPort{} },
		"advertise":        func(o *Options) { o.Bind = netip.MustParseAddrPort("0.0.0.0:0") },
		"rddctl cluster":   func(o *Options) { o.Bind, o.Key = netip.MustParseAddrPort("10.0.0.1:0"), nil },
		"a key of 3 bytes": func(o *Options) { o.Key = []byte("abc") },
		"cluster id":       func(o *Options) { o.Cluster = "" },
		"id is":            func(o *Options) { o.Tags.ID = "" },
		"hosts alone 601": func(o *Options) {
			o.Tags.Hosts = []string{strings.Repeat("h", 200), strings.Repeat("h", 200), strings.Repeat("h", 198)}
		},
		"labels alone 520":   func(o *Options) { o.Tags.Labels = slices.Repeat([]string{"k=" + strings.Repeat("v", 62)}, 8) },
		"a label is \"x\"":   func(o *Options) { o.Tags.Labels = []string{"x"} },
		"role 9":             func(o *Options) { o.Tags.Role = 9 },
		"rpc is \"nowhere\"": func(o *Options) { o.Tags.RPC = "nowhere" },
	} {
		o := options("x")
		change(&o)
		if m, err := Start(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
			if m != nil {
				_ = m.Close()
			}
		}
	}
}

func FuzzDecodeTags(f *testing.F) {
	tags := options("x").Tags
	tags.Hosts, tags.Labels = []string{"h1", "h2"}, []string{"disk=ssd"}
	s, err := tags.encode("c1")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s)
	f.Fuzz(func(t *testing.T, s string) {
		tags, err := decodeTags(s, "c1")
		if err != nil {
			if !errors.Is(err, ErrTags) {
				t.Error(err)
			}
			return
		}
		if err := tags.check(); err != nil {
			t.Error(err)
		}
	})
}
