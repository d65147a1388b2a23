package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/gossip"
)

// noGossip is the address that means that there is none.
const noGossip = "off"

func gossipFlag(c *cobra.Command, to *string) {
	c.Flags().StringVar(to, "gossip", "", "IP:PORT for the gossip, TCP and UDP, or "+noGossip+" (default that of --listen, on a free port)")
}

// localGossipKey is the key of the gossip on one machine, for those who know the
// token of its master.
func localGossipKey(token string) []byte {
	h := hmac.New(sha256.New, []byte(token))
	_, _ = h.Write([]byte("gordd gossip key 1"))
	return h.Sum(nil)
}

// gossipOptions says how a member that listens on l gossips. There is no gossip
// without a key: whoever reaches it could say that workers have left.
func gossipOptions(ctx context.Context, flag string, l net.Listener, advertise, cluster string, key []byte) (*gossip.Options, error) {
	if flag == noGossip || key == nil {
		return nil, nil
	}
	bind, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return nil, err
	}
	bind = netip.AddrPortFrom(bind.Addr(), 0)
	if flag != "" {
		if bind, err = netip.ParseAddrPort(flag); err != nil {
			return nil, fmt.Errorf("--gossip %s: give IP:PORT or %s: %w", flag, noGossip, err)
		}
	}
	o := &gossip.Options{Cluster: cluster, Bind: bind, Key: key}
	host, _, err := net.SplitHostPort(advertise)
	if err != nil {
		return nil, err
	}
	if bind.Addr().IsUnspecified() || host != bind.Addr().String() {
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		if err != nil {
			return nil, fmt.Errorf("the gossip needs an IP address to advertise: %w", err)
		}
		o.Advertise = netip.AddrPortFrom(ips[0].Unmap(), bind.Port())
	}
	return o, nil
}
