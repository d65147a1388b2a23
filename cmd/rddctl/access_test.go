package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/gossip"
	"github.com/gordd-project/gordd/internal/launch"
)

// at is a listener that has an address.
type at struct{ addr net.Addr }

func (at) Accept() (net.Conn, error) { return nil, errors.New("nobody") }
func (at) Close() error              { return nil }
func (a at) Addr() net.Addr          { return a.addr }

func listening(s string) net.Listener {
	return at{net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s))}
}

func TestAdvertised(t *testing.T) {
	for _, c := range []struct{ listens, given, want string }{
		{"127.0.0.1:7077", "", "127.0.0.1:7077"},
		{"10.0.0.1:7077", "", "10.0.0.1:7077"},
		{"10.0.0.1:7077", "master.example", "master.example:7077"},
		{"0.0.0.0:7077", "master.example:80", "master.example:80"},
		{"[::]:7077", "fd00::1", "[fd00::1]:7077"},
		{"0.0.0.0:7077", "", ""},
		{"[::]:7077", "", ""},
	} {
		got, err := advertised(listening(c.listens), c.given)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s as %q: %q, %v", c.listens, c.given, got, err)
		}
	}
}

func TestHosts(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:1": "[h 127.0.0.1 node1 localhost]", "127.0.0.11:1": "[h 127.0.0.11 node1]", "[::1]:1": "[h ::1 node1 localhost]",
		"10.0.0.1:1": "[h 10.0.0.1 node1]", "h:1": "[h node1]",
	} {
		if got := fmt.Sprint(hosts("h", address, []string{"node1", "h"})); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

func TestGossipOptions(t *testing.T) {
	key := make([]byte, gossip.KeySize)
	for _, c := range []struct{ flag, listens, advertise, want string }{
		{"", "127.0.0.1:7077", "127.0.0.1:7077", "127.0.0.1:0 as invalid AddrPort"},
		{"127.0.0.1:7946", "127.0.0.1:7077", "127.0.0.1:7077", "127.0.0.1:7946 as invalid AddrPort"},
		{"", "0.0.0.0:7077", "10.0.0.1:7077", "0.0.0.0:0 as 10.0.0.1:0"},
		{"0.0.0.0:7946", "10.0.0.1:7077", "10.0.0.1:7077", "0.0.0.0:7946 as 10.0.0.1:7946"},
		{"", "10.0.0.1:7077", "192.0.2.1:7077", "10.0.0.1:0 as 192.0.2.1:0"},
		{"x", "127.0.0.1:7077", "127.0.0.1:7077", "error"},
		{"", "127.0.0.1:7077", "nonsense", "error"},
		{"off", "127.0.0.1:7077", "127.0.0.1:7077", "none"},
	} {
		got := "none"
		o, err := gossipOptions(t.Context(), c.flag, listening(c.listens), c.advertise, "c", key)
		switch {
		case err != nil:
			got = "error"
		case o != nil:
			got = fmt.Sprintf("%s as %s", o.Bind, o.Advertise)
		}
		if got != c.want {
			t.Errorf("%q at %s, advertised as %s: %s, want %s (%v)", c.flag, c.listens, c.advertise, got, c.want, err)
		}
	}
	if o, err := gossipOptions(t.Context(), "", listening("127.0.0.1:1"), "127.0.0.1:1", "c", nil); o != nil || err != nil {
		t.Errorf("without a key: %v, %v", o, err)
	}
	if a, b := localGossipKey("a"), localGossipKey("b"); len(a) != gossip.KeySize || bytes.Equal(a, b) {
		t.Errorf("keys %x and %x", a, b)
	}
}

func TestListenPolicy(t *testing.T) {
	if _, err := listen("0.0.0.0:0", false, false); err == nil || !strings.Contains(err.Error(), "--insecure-listen") {
		t.Errorf("got %v", err)
	}
	l, err := listen("127.0.0.1:0", false, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	var launched *launch.Error
	if _, err := listen(l.Addr().String(), false, false); !errors.As(err, &launched) || launched.Code != codeNoCluster {
		t.Errorf("an address in use: %v", err)
	}
}

func TestCallCodes(t *testing.T) {
	for err, want := range map[error]int{
		status.Error(codes.PermissionDenied, "x"): codeDenied, status.Error(codes.Unauthenticated, "x"): codeDenied,
		fmt.Errorf("open: %w", status.Error(codes.PermissionDenied, "x")): codeDenied,
		status.Error(codes.Unavailable, "x"):                              codeNoCluster, errors.New("x"): codeNoCluster,
	} {
		if got := callError(err).Code; got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

// What gRPC writes around the words of the other end is not for people, wherever in an
// error it is.
func TestCallWords(t *testing.T) {
	lost, denied := status.Error(codes.Unavailable, "nobody there"), status.Error(codes.PermissionDenied, "you may not")
	for err, want := range map[error]string{
		denied:                            "you may not",
		fmt.Errorf("open: %w", denied):    "open: you may not",
		errors.Join(errors.New("x"), nil): "x",
		fmt.Errorf("lost: %w; then: %w", lost, fmt.Errorf("again: %w", denied)): "lost: nobody there; then: again: you may not",
	} {
		if got := callError(err).Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
