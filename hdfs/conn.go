package hdfs

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// conn is a connection with a deadline for each operation. The first error closes it: on a
// connection that goes on after a time-out the library takes each answer for that of the next call.
type conn struct {
	net.Conn
	client *client
	to     link
	addr   string
}

// SetDeadline does nothing: the library's deadlines are for whole files, and would end with them
// the tries with other nodes.
func (c *conn) SetDeadline(time.Time) error { return nil }

// Read reads with a deadline of its own.
func (c *conn) Read(p []byte) (int, error) {
	err := c.SetReadDeadline(time.Now().Add(c.client.site.timeout))
	if err != nil {
		return 0, c.fail(err)
	}
	n, err := c.Conn.Read(p)
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

// Write writes with a deadline of its own.
func (c *conn) Write(p []byte) (int, error) {
	err := c.SetWriteDeadline(time.Now().Add(c.client.site.timeout))
	if err != nil {
		return 0, c.fail(err)
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		return n, c.fail(err)
	}
	return n, nil
}

// fail closes the connection and notes who is to blame.
func (c *conn) fail(err error) error {
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		err = fmt.Errorf("no answer in %s: %w", c.client.site.timeout, err)
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("it closed the connection: %w", io.ErrUnexpectedEOF)
	}
	switch {
	case c.to == toName:
		c.client.nameless(err)
	case !errors.Is(err, net.ErrClosed):
		c.client.trouble(c.addr, err)
	}
	_ = c.Close()
	return err
}

// Close closes the connection; closing again does nothing.
func (c *conn) Close() error {
	c.client.drop(c)
	if err := c.Conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// dataConn is a connection to a data node. It looks at what is asked for first: the answer to a
// read is verified, and a failed write is reported by the answer.
type dataConn struct {
	*conn
	asked bool
	op    byte
	from  io.Reader
	err   error // of a write
}

// Operations of data nodes: the third byte of a request.
const (
	opWrite = 80
	opRead  = 81
)

// Write passes on. After an error it takes everything and does nothing: the library would leave a
// goroutine waiting for ever if a packet of a block could not be sent, but not if none is
// acknowledged.
func (c *dataConn) Write(p []byte) (int, error) {
	if !c.asked && len(p) > 2 {
		c.asked, c.op = true, p[2]
		c.from = c.conn
		if c.op == opRead {
			c.from = newVerifier(c.conn)
		}
	}
	if c.err != nil {
		return len(p), nil
	}
	n, err := c.conn.Write(p)
	if err != nil && c.op == opWrite {
		c.err = err
		return len(p), nil
	}
	return n, err
}

// Read returns the answer.
func (c *dataConn) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	if errors.Is(err, errCorrupt) {
		return n, c.fail(err)
	}
	return n, err
}
