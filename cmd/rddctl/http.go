package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/trust"
)

// noHTTP is the address that means that nothing is served by HTTP.
const noHTTP = "off"

// httpFlag adds the flag that says where pages and metrics are.
func httpFlag(c *cobra.Command, to *string, at string) {
	c.Flags().StringVar(to, "http", at, "loopback address for pages and metrics, or "+noHTTP)
}

// window is where a member shows something by HTTP, to who has its token.
type window struct {
	listener net.Listener // nil: nowhere
	token    *trust.Local
}

// openHTTP listens for browsers and scrapers of this machine. Like the token of a
// local master, theirs is in a file that only this user can read.
func openHTTP(address string) (w window, err error) {
	if address == noHTTP {
		return w, nil
	}
	if !trust.IsLoopback(address) {
		return w, fmt.Errorf("--http %s: others on the way could read what the cluster does: give an address of this machine alone, such as 127.0.0.1:0, or %s", address, noHTTP)
	}
	if w.listener, err = net.Listen("tcp", address); err != nil {
		return window{}, &launch.Error{Code: codeNoCluster, Err: fmt.Errorf("--http %s: %w", address, err)}
	}
	if w.token, err = trust.NewLocal(w.listener.Addr().String(), ""); err != nil {
		return window{}, errors.Join(err, w.listener.Close())
	}
	return w, nil
}

// secret is what who reads must have.
func (w window) secret() string {
	if w.token == nil {
		return ""
	}
	return w.token.Secret()
}

// ready is what a member adds to the line that says that it is ready: an address
// for a browser.
func (w window) ready() string {
	if w.listener == nil {
		return ""
	}
	return " http=http://" + w.listener.Addr().String() + "/?token=" + w.secret()
}

// close removes the token, and closes what no member took over.
func (w window) close() error {
	if w.listener == nil {
		return nil
	}
	return errors.Join(w.token.Close(), closed(w.listener.Close()))
}
