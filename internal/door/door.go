// Package door bounds the connections that a server holds: in all, and from each
// address. Those above are closed at once instead of waiting, so that who opens many
// and says nothing keeps nobody else out.
package door

import (
	"net"
	"sync"
)

// Door counts the connections that are open. Its methods may be called from several
// goroutines.
type Door struct {
	all, each int

	mu   sync.Mutex
	open int
	from map[string]int // by host
}

// New returns a door for so many connections in all, and from each address.
func New(all, each int) *Door { return &Door{all: all, each: each, from: map[string]int{}} }

// Enter takes a connection in, until it is closed. One too many it closes, and gives
// false.
func (d *Door) Enter(c net.Conn) (net.Conn, bool) {
	host := hostOf(c.RemoteAddr())
	d.mu.Lock()
	full := d.open >= d.all || d.from[host] >= d.each
	if !full {
		d.open++
		d.from[host]++
	}
	d.mu.Unlock()
	if full {
		_ = c.Close()
		return nil, false
	}
	return &conn{Conn: c, leave: func() { d.leave(host) }}, true
}

func (d *Door) leave(host string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	if d.from[host]--; d.from[host] == 0 {
		delete(d.from, host)
	}
}

func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// conn is a connection that is counted.
type conn struct {
	net.Conn
	once  sync.Once
	leave func()
}

func (c *conn) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}

// Listener gives l's connections as far as the door lets them in.
func (d *Door) Listener(l net.Listener) net.Listener { return &listener{l, d} }

type listener struct {
	net.Listener
	door *Door
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c, ok := l.door.Enter(c); ok {
			return c, nil
		}
	}
}
