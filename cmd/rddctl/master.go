package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/gordd-project/gordd/internal/gossip"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/master"
	"github.com/gordd-project/gordd/storage"
)

// masterOptions are master's flags.
type masterOptions struct {
	listen, advertise, gossip, http, dir, cluster string
	insecure, verbose                             bool
	wait                                          time.Duration // for a slot near the input
}

func masterCommand() *cobra.Command {
	var o masterOptions
	c := &cobra.Command{
		Use:   "master [flags]",
		Short: "Start the master of a cluster",
		Long: `Master starts the master of a cluster: it takes jobs, and tells workers what
to run. It ends with Ctrl-C or SIGTERM. Once it listens it prints one line:

  READY master=HOST:PORT http=URL

A browser that opens the URL, with its token, shows what the cluster does.

What it decides it writes into a journal in its directory. A master that starts
there again, at the same address, goes on with the jobs of the one before it,
however that ended: workers and those who submitted come back to it within half a
minute. One directory has one master at a time.

On a loopback address only the user who started it can talk to it: its token is in
a file that only that user can read, and is found by the address. On others it
needs the secrets of a cluster, of rddctl cluster init: all members have
certificates then, and so have those who submit.`,
		Example: `  rddctl master
  rddctl master --listen 127.0.0.1:0
  rddctl master --dir /var/lib/gordd/master
  rddctl master --listen 10.0.0.1:7077 --cluster words.cluster`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	masterFlag(c, "listen", &o.listen)
	f := c.Flags()
	f.StringVar(&o.advertise, "advertise", "", "HOST or HOST:PORT under which others reach it (default that of --listen)")
	gossipFlag(c, &o.gossip)
	httpFlag(c, &o.http, "127.0.0.1:0")
	f.StringVar(&o.cluster, "cluster", "", "directory with the secrets of a cluster")
	f.BoolVar(&o.insecure, "insecure-listen", false, "listen for other machines without certificates: everybody in that network can run code")
	f.StringVar(&o.dir, "dir", "", "directory of its own, with the journal (default in that of --cluster, or a temporary one, which nothing outlives)")
	f.DurationVar(&o.wait, "locality-wait", model.Defaults("", 1).WaitNode, "how long a task waits at most for a slot where its input is; 0: not at all")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell what happens, on standard error")
	return c
}

func (o *masterOptions) run(ctx context.Context) (err error) {
	if o.wait < 0 {
		return fmt.Errorf("--locality-wait %s: give 0 or more, as in 500ms", o.wait)
	}
	storage.ServeOthers()
	mo := master.Options{Cluster: localCluster, Log: memberLog(o.verbose), Config: func(c *model.Config) {
		c.WaitNode, c.WaitRack = o.wait, min(c.WaitRack, o.wait)
	}}
	if o.cluster != "" {
		if mo.Trust, err = trust.Load(o.cluster); err != nil {
			return err
		}
		mo.Cluster = mo.Trust.ID
		if o.dir == "" { // where used tokens are remembered
			o.dir = filepath.Join(o.cluster, "master")
		}
	}
	dir, remove, err := ownDir(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	mo.Dir = dir
	if mo.Listener, err = listen(o.listen, mo.Trust != nil, o.insecure); err != nil {
		return err
	}
	if mo.Advertise, err = advertised(mo.Listener, o.advertise); err != nil {
		return errors.Join(err, mo.Listener.Close())
	}
	var key []byte
	if mo.Trust != nil {
		key = mo.Trust.GossipKey
	} else if trust.IsLoopback(o.listen) {
		token, err := trust.NewLocal(mo.Listener.Addr().String(), mo.Dir)
		if err != nil {
			return errors.Join(err, mo.Listener.Close())
		}
		defer func() { err = errors.Join(err, token.Close()) }()
		mo.Server = []grpc.ServerOption{msg.RequireToken(token.Check)}
		key = localGossipKey(token.Secret())
	}
	if mo.Gossip, err = gossipOptions(ctx, o.gossip, mo.Listener, mo.Advertise, mo.Cluster, key); err != nil {
		return errors.Join(err, mo.Listener.Close())
	}
	if mo.Gossip != nil && mo.Trust != nil {
		mo.Gossip.KeyringFile = filepath.Join(o.cluster, gossip.KeyringName)
	}
	return o.serve(ctx, mo)
}

// serve runs a master until it is told to end.
func (o *masterOptions) serve(ctx context.Context, mo master.Options) (err error) {
	page, err := openHTTP(o.http)
	if err != nil {
		return errors.Join(err, mo.Listener.Close())
	}
	defer func() { err = errors.Join(err, page.close()) }()
	mo.HTTP, mo.HTTPToken = page.listener, page.secret()
	m, err := master.New(mo)
	if err != nil {
		return errors.Join(err, closed(mo.Listener.Close()))
	}
	fmt.Printf("READY master=%s%s\n", mo.Advertise, page.ready())
	err = untilSignal(ctx, m.Failed())
	return errors.Join(err, m.Close())
}

// closed is the error of closing what may be closed already.
func closed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
