package hdfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	lib "github.com/colinmarc/hdfs/v2"

	"github.com/gordd-project/gordd/storage"
)

// connectTime bounds the making of a connection.
const connectTime = 5 * time.Second

// errCut is the error of a client that was closed under its user's hands.
var errCut = errors.New("connection closed: the work was cancelled, or failed before")

// client is one client of the library with its connections. It is used by one goroutine at a
// time; cut may be called from any.
type client struct {
	lib      *lib.Client
	namenode executor
	defaults lib.ServerDefaults
	guarded  bool        // data nodes want SASL: what they send cannot be looked into
	expiry   *time.Timer // while it is idle

	site *site

	mu       sync.Mutex
	gone     bool               // no connection may be made any more
	open     map[io.Closer]link // connections, and dialling
	troubles []error            // of data nodes since the last call of forget
	lost     error              // what ended the connection to the name node
}

// link is what a connection leads to.
type link int

const (
	toName link = iota
	toData
)

// newClient makes a client and its connection to the first name node that takes one. It outlives
// ctx.
func newClient(ctx context.Context, s *site, addresses []string) (*client, error) {
	c := &client{site: s, open: map[io.Closer]link{}}
	defer context.AfterFunc(ctx, c.cut)()
	o := s.options(addresses)
	o.NamenodeDialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return c.dial(ctx, toName, addr)
	}
	o.DatanodeDialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := c.dial(ctx, toData, addr)
		if err != nil {
			c.trouble(addr, err)
		}
		return conn, err
	}
	if err := s.tickets.authenticate(&o, storage.ServesOthers()); err != nil {
		return nil, err
	}
	var err error
	if c.lib, err = lib.NewClient(o); err != nil {
		return nil, errors.Join(c.why(err), c.hangUpAll())
	}
	if c.namenode, err = executorOf(c.lib); err == nil {
		// The library would ask later, without a lock, when several goroutines may be at it.
		c.defaults, err = c.lib.ServerDefaults()
		err = refused(err, o)
	}
	if err != nil {
		c.close()
		return nil, c.why(err)
	}
	_ = c.forget() // of name nodes that did not answer, where another did
	c.guarded = o.DataTransferProtection != "" || c.defaults.EncryptDataTransfer
	return c, nil
}

// why puts the cause of a failed connection, which the library has made a text of, in its place.
func (c *client) why(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.troubles) > 0 {
		return errors.Join(c.troubles...)
	}
	return err
}

// dial makes a connection that belongs to the client.
func (c *client) dial(ctx context.Context, to link, addr string) (net.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, connectTime)
	defer stop()
	dialling := closer(stop)
	if !c.keep(&dialling, to) {
		return nil, errCut
	}
	raw, err := (&net.Dialer{LocalAddr: c.site.local}).DialContext(ctx, "tcp", addr)
	c.drop(&dialling)
	if err != nil {
		if to == toName {
			c.trouble("", err)
		}
		return nil, err
	}
	conn := &conn{Conn: raw, client: c, to: to, addr: addr}
	if !c.keep(conn, to) {
		return nil, errors.Join(errCut, raw.Close())
	}
	if to == toData && !c.guarded {
		return &dataConn{conn: conn}, nil
	}
	return conn, nil
}

// closer is a function that ends something.
type closer func()

func (c *closer) Close() error {
	(*c)()
	return nil
}

func (c *client) keep(o io.Closer, to link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		c.open[o] = to
	}
	return !c.gone
}

func (c *client) drop(o io.Closer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, o)
}

// cut closes all connections for good: calls that are under way return with an error.
func (c *client) cut() {
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	_ = c.hangUpAll()
}

// hangUp closes the connections to data nodes. The library leaves some of them open.
func (c *client) hangUp() { _ = c.closeAll(func(to link) bool { return to == toData }) }

func (c *client) hangUpAll() error { return c.closeAll(func(link) bool { return true }) }

func (c *client) closeAll(which func(link) bool) error {
	c.mu.Lock()
	var list []io.Closer
	for o, to := range c.open {
		if which(to) {
			list = append(list, o)
		}
	}
	c.mu.Unlock()
	var err error
	for _, o := range list {
		err = errors.Join(err, o.Close())
	}
	return err
}

func (c *client) broken() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}

// close ends the client. Its leases are not renewed any more.
func (c *client) close() {
	c.cut()
	_ = c.lib.Close() // of a connection that is closed already
}

// maxTroubles is how many errors of data nodes are kept: as many as a block has replicas.
const maxTroubles = 8

// trouble notes an error of a data node: the library returns only the last.
func (c *client) trouble(addr string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.troubles) < maxTroubles && !c.gone {
		if addr != "" {
			err = fmt.Errorf("data node %s: %w", addr, err)
		}
		c.troubles = append(c.troubles, err)
	}
}

// nameless notes that the connection to the name node has ended.
func (c *client) nameless(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = cmp.Or(c.lost, err)
}

// nameLost returns what ended the connection to the name node, or nil.
func (c *client) nameLost() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// forget returns the errors noted since it was called before.
func (c *client) forget() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.troubles
	c.troubles = nil
	return errors.Join(list...)
}
