package transfer

import (
	"context"
	"net"
	"testing"

	"github.com/gordd-project/gordd/internal/chaos/proxy"
)

// through gives the address of a proxy for a server.
func through(t testing.TB, to string, f proxy.Faults) (*proxy.Proxy, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := proxy.New(l, to, f)
	t.Cleanup(p.Close)
	return p, l.Addr().String()
}

// editing dials and lets edit change what comes.
func editing(addr string, edit func([]byte)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &editedConn{c, edit}, err
	}
}

type editedConn struct {
	net.Conn
	edit func([]byte)
}

func (c *editedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.edit(b[:n])
	return n, err
}
