package gossip

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// Streams that one address may not have are closed at once, and others come in their
// place when some end.
func TestStreamsAreBounded(t *testing.T) {
	tr, err := newTransport(netip.MustParseAddrPort("127.0.0.1:0"), slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(tr.GetAutoBindPort()))
	const all = 100
	in, refused := make(chan net.Conn, all), make(chan error, all)
	ended := make(chan struct{})
	quit := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case c := <-tr.StreamCh():
				in <- c
			case <-quit:
				return
			}
		}
	}()
	dial := func() {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		go func() {
			_, err := c.Read(make([]byte, 1))
			refused <- err
		}()
	}
	for range all {
		dial()
	}
	for range all - maxStreamsEach {
		if err := <-refused; errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	}
	for range maxStreamsEach {
		_ = (<-in).Close()
	}
	dial()
	_ = (<-in).Close()
	if err := errors.Join(tr.Shutdown(), tr.Shutdown()); err != nil {
		t.Error(err)
	}
	close(quit)
	<-ended
}

// What comes in while nobody takes it does not keep the transport from ending.
func TestShutdownWithStreamsThatWait(t *testing.T) {
	tr, err := newTransport(netip.MustParseAddrPort("127.0.0.1:0"), slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo))
	if err != nil {
		t.Fatal(err)
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(tr.GetAutoBindPort()))
	for i := range 40 {
		c, err := net.Dial([]string{"tcp", "udp"}[i%2], addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error)
	go func() { ended <- tr.Shutdown() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
}

// What means nothing changes nothing.
func TestNoise(t *testing.T) {
	a := start(t, options("a"))
	b := start(t, options("b", a))
	expect(t, a, KindUp, "b")
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range 200 {
		c, err := net.Dial([]string{"tcp", "udp"}[i%2], a.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		noise := make([]byte, 1+rng.IntN(1400))
		for k := range noise {
			noise[k] = byte(rng.Uint32())
		}
		_, _ = c.Write(noise)
		_ = c.Close()
	}
	start(t, options("c", a))
	expect(t, a, KindUp, "c")
	expect(t, b, KindUp, "c")
	for _, p := range a.Members() {
		if p.State != Alive {
			t.Errorf("%s is %s", p.Tags.ID, p.State)
		}
	}
}
