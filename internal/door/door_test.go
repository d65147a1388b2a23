package door

import (
	"errors"
	"io"
	"net"
	"testing"
)

// visitor is a connection from an address of the test's choice.
type visitor struct {
	net.Conn
	from   string
	closed bool
}

func (v *visitor) RemoteAddr() net.Addr { return addr(v.from) }
func (v *visitor) Close() error         { v.closed = true; return nil }

type addr string

func (addr) Network() string  { return "test" }
func (a addr) String() string { return string(a) }

func TestEnter(t *testing.T) {
	d := New(3, 2)
	enter := func(from string, want bool) net.Conn {
		t.Helper()
		v := &visitor{from: from}
		c, ok := d.Enter(v)
		if ok != want || v.closed == want {
			t.Errorf("%s: entered %v, closed %v", from, ok, v.closed)
		}
		return c
	}
	a := enter("10.0.0.1:1", true)
	b := enter("10.0.0.1:2", true)
	enter("10.0.0.1:3", false) // two from there
	c := enter("[::1]:1", true)
	enter("elsewhere", false) // three in all
	for range 2 {             // of which the second counts for nothing
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	d1 := enter("10.0.0.1:4", true)
	enter("10.0.0.1:5", false)
	for _, c := range []net.Conn{b, c, d1} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if d.open != 0 || len(d.from) != 0 {
		t.Errorf("%d are counted, from %v", d.open, d.from)
	}
}

// Who holds all that one address may have keeps others out only as long as he does.
func TestListener(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := New(10, 1).Listener(inner)
	served := make(chan error)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				served <- err
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	echo := func(c net.Conn) error {
		if _, err := io.WriteString(c, "x"); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := dial()
	if err := echo(first); err != nil {
		t.Fatal(err)
	}
	second := dial()
	if err := echo(second); err == nil {
		t.Error("a second one is served")
	}
	if err := errors.Join(second.Close(), echo(first), first.Close()); err != nil {
		t.Error(err)
	}
	for { // until the server has seen it
		c := dial()
		err := echo(c)
		_ = c.Close()
		if err == nil {
			break
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}
