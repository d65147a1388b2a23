package main

import (
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
	c.Flags().StringVar(to, "http", at, "loopback address for pages and metrics, which every user of this machine can read, or "+noHTTP)
}

// listenHTTP listens for browsers and scrapers; nil: they are not wanted. There is
// no proof of who they are, so they must be on this machine.
func listenHTTP(address string) (net.Listener, error) {
	if address == noHTTP {
		return nil, nil
	}
	if !trust.IsLoopback(address) {
		return nil, fmt.Errorf("--http %s: whoever reaches the address can read what the cluster does: give one of this machine alone, such as 127.0.0.1:0, or %s", address, noHTTP)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &launch.Error{Code: codeNoCluster, Err: fmt.Errorf("--http %s: %w", address, err)}
	}
	return l, nil
}

// readyHTTP is what a member adds to the line that says that it is ready.
func readyHTTP(l net.Listener) string {
	if l == nil {
		return ""
	}
	return " http=http://" + l.Addr().String()
}

// closeHTTP closes what no member took over.
func closeHTTP(l net.Listener) error {
	if l == nil {
		return nil
	}
	return closed(l.Close())
}
