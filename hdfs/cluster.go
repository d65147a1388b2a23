package hdfs

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxCalls is how many calls to the name node one process has under way: more are not
	// answered sooner. Open files are not among them: their number is that of the tasks.
	maxCalls = 16
	// maxIdle is how many clients wait for their next use, and maxWait how long. Each tells the
	// name node every second that it lives.
	maxIdle = 4
	maxWait = 10 * time.Second
	// A name node that has answered this process before is likely to come back, as from a
	// restart; one that has not may be no name node.
	patience      = time.Minute
	firstPatience = 10 * time.Second
	// maxPause is the longest wait between two tries.
	maxPause = 2 * time.Second
)

// cluster is an HDFS with its clients. Its methods may be called from several goroutines.
type cluster struct {
	site      *site
	authority string
	calls     chan struct{} // one for each call under way

	mu        sync.Mutex
	addresses []string // the name nodes, the one to ask first first
	reached   bool     // one has answered
	idle      []*client
}

func newCluster(s *site, authority string) (*cluster, error) {
	addresses, err := s.addresses(authority)
	if err != nil {
		return nil, err
	}
	return &cluster{site: s, authority: authority, calls: make(chan struct{}, maxCalls), addresses: addresses}, nil
}

// take returns a client for the caller alone: to call, to read one file, or to write one. It goes
// back with give.
func (cl *cluster) take(ctx context.Context) (*client, error) {
	cl.mu.Lock()
	if n := len(cl.idle); n > 0 {
		c := cl.idle[n-1]
		cl.idle = cl.idle[:n-1]
		cl.mu.Unlock()
		c.expiry.Stop()
		return c, nil
	}
	addresses := slices.Clone(cl.addresses)
	cl.mu.Unlock()
	c, err := newClient(ctx, cl.site, addresses)
	return c, cl.judge(err)
}

// give takes back a client that is not used any more. What broke is not lent again.
func (cl *cluster) give(c *client) {
	c.hangUp()
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if c.broken() || len(cl.idle) >= maxIdle {
		go c.close() // it may wait for a renewal of leases that is under way
		return
	}
	cl.idle = append(cl.idle, c)
	c.expiry = time.AfterFunc(maxWait, func() { cl.expire(c) })
}

func (cl *cluster) expire(c *client) {
	cl.mu.Lock()
	i := slices.Index(cl.idle, c)
	if i >= 0 {
		cl.idle = slices.Delete(cl.idle, i, i+1)
	}
	cl.mu.Unlock()
	if i >= 0 {
		c.close()
	}
}

// call lends f a client, and again as long as the cluster may yet answer.
func (cl *cluster) call(ctx context.Context, f func(*client) error) error {
	return cl.retry(ctx, func() error {
		c, err := cl.take(ctx)
		if err != nil {
			return err
		}
		defer cl.give(c)
		stop := context.AfterFunc(ctx, c.cut)
		err = cl.judge(f(c))
		if !stop() {
			return context.Cause(ctx)
		}
		if lost(err) {
			c.cut()
		}
		return err
	})
}

// retry makes tries as long as the cluster may yet answer.
func (cl *cluster) retry(ctx context.Context, try func() error) error {
	select {
	case cl.calls <- struct{}{}:
		defer func() { <-cl.calls }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	began, pause := time.Now(), 50*time.Millisecond
	for {
		err := try()
		if !transient(err) || time.Since(began)+pause > cl.patience() {
			return err
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, maxPause)
	}
}

// wait lets time pass, and ends with ctx.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// judge notes what a call's error says of the name node. One that has not answered is asked last
// from now on, and the error becomes an unreachableError.
func (cl *cluster) judge(err error) error {
	var known *knownError
	_, answer := remote(err)
	if errors.Is(err, errCredentials) {
		return err
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if err == nil || answer != nil || errors.As(err, &known) {
		cl.reached = true
		return err
	}
	tried := slices.Clone(cl.addresses)
	cl.addresses = append(cl.addresses[1:], cl.addresses[0])
	return &unreachableError{unreachable(cl.authority, tried, err)}
}

func (cl *cluster) patience() time.Duration {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.reached {
		return patience
	}
	return firstPatience
}

// unreachableError is an error of the way to a name node, not of what was asked.
type unreachableError struct{ error }

func (e *unreachableError) Unwrap() error { return e.error }

// lost says whether an error is of the way to a name node.
func lost(err error) bool {
	var e *unreachableError
	return errors.As(err, &e)
}

// transient says whether another try may go better: no answer, or one that means later or
// elsewhere.
func transient(err error) bool {
	var dns *net.DNSError
	switch name, e := remote(err); {
	case e != nil:
		return name == "StandbyException" || name == "RetriableException" || name == "SafeModeException"
	case errors.As(err, &dns) && dns.IsNotFound:
		return false
	// The library keeps only the text of what went wrong in a handshake.
	case err != nil && strings.Contains(err.Error(), "SASL handshake"):
		return false
	}
	return lost(err)
}
