package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/cgroup"
	"github.com/gordd-project/gordd/internal/gossip"
	"github.com/gordd-project/gordd/internal/machine"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/storage"
	"github.com/gordd-project/gordd/worker"
)

// workerOptions are worker's flags.
type workerOptions struct {
	joiner
	join, listen, advertise, gossip, http, dir, name, rack string
	hosts                                                  []string // more names of its machine
	labels                                                 []string
	slots                                                  int
	memory                                                 bytesFlag
	verbose                                                bool

	key   []byte   // of the gossip; nil: there is none
	seeds []string // of the gossip; none: the master knows
}

func workerCommand() *cobra.Command {
	var o workerOptions
	c := &cobra.Command{
		Use:   "worker [flags]",
		Short: "Start a worker of a cluster",
		Long: `Worker joins a master, runs tasks for it in processes of the jobs' programs, and
serves what those leave to other workers. It ends with Ctrl-C or SIGTERM, and when it
was drained. Once the master has taken it in, it prints one line:

  READY worker=NAME

and with --http also where its metrics are.

To join a cluster of several machines it needs a token, of rddctl cluster token on
the master's machine, which is good for one worker once. What it gets for it, it
keeps in its directory: with --dir it needs no token the next time, and may join
any member by the address of its gossip. It renews its certificate by itself.`,
		Example: `  rddctl worker
  rddctl worker --join 127.0.0.1:7077 --slots 2 --memory 1GiB
  RDD_TOKEN=$TOKEN rddctl worker --join 10.0.0.1:7077 --listen 10.0.0.2:0 --dir /var/lib/gordd`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	masterFlag(c, "join", &o.join)
	o.flags(c)
	f := c.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "address where other workers fetch")
	f.StringVar(&o.advertise, "advertise", "", "HOST or HOST:PORT under which others reach it (default that of --listen)")
	gossipFlag(c, &o.gossip)
	httpFlag(c, &o.http, noHTTP)
	f.StringVar(&o.dir, "dir", "", "directory for shuffle files, programs and credentials (default a temporary one)")
	f.StringArrayVar(&o.hosts, "host", nil, "a name or address that storage has for this machine, beside its own and --advertise (may be given again)")
	f.StringVar(&o.name, "name", "", "its name in the cluster (default the host's with a few letters)")
	f.StringVar(&o.rack, "rack", "", "rack or zone that it is in: tasks prefer that of what they read")
	f.StringArrayVar(&o.labels, "label", nil, "KEY=VALUE that rddctl workers shows; may be given several times")
	f.IntVar(&o.slots, "slots", runtime.NumCPU(), "tasks that run at a time")
	f.Var(&o.memory, "memory", "budget of a job's process here, as in 1GiB (default 60% of memory)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell what happens, on standard error")
	return c
}

func (o *workerOptions) run(ctx context.Context) (err error) {
	storage.ServeOthers()
	if err := o.check(); err != nil {
		return err
	}
	if o.memory == 0 {
		o.memory = bytesFlag(machine.Memory() / 10 * 6)
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	dir, remove, err := ownDir(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	wo := worker.Options{Master: o.join, Dir: dir, Slots: o.slots, Memory: int64(o.memory),
		Rack: o.rack, Labels: o.labels, Version: release(), Machine: machine.Host(), Log: memberLog(o.verbose)}
	if err := o.identify(ctx, &wo, host); err != nil {
		return err
	}
	if wo.Data, err = listen(o.listen, wo.Credentials != nil, o.insecure); err != nil {
		return err
	}
	if wo.Advertise, err = advertised(wo.Data, o.advertise); err != nil {
		return errors.Join(err, wo.Data.Close())
	}
	if wo.Gossip, err = o.gossipOptions(ctx, &wo); err != nil {
		return errors.Join(err, wo.Data.Close())
	}
	wo.Hosts = hosts(host, wo.Advertise, o.hosts)
	page, err := openHTTP(o.http)
	if err != nil {
		return errors.Join(err, wo.Data.Close())
	}
	defer func() { err = errors.Join(err, page.close()) }()
	wo.HTTP, wo.HTTPToken = page.listener, page.secret()
	wo.Groups = o.openGroups(wo.Log)
	wo.Attached = func() { fmt.Printf("READY worker=%s%s\n", o.name, page.ready()) }
	w, err := worker.New(wo)
	if err != nil {
		return errors.Join(err, closed(wo.Data.Close()), wo.Groups.Close())
	}
	ctx, letGo := context.WithCancel(ctx)
	defer letGo()
	go func() {
		select {
		case <-w.Left():
			letGo()
		case <-ctx.Done():
		}
	}()
	err = untilSignal(ctx, nil)
	w.Leave()
	return errors.Join(err, w.Close())
}

func (o *workerOptions) check() error {
	switch {
	case o.slots < 1 || o.slots > 4096:
		return fmt.Errorf("--slots %d: give a number from 1 to 4096", o.slots)
	case !trust.IsLoopback(o.join) && trust.IsLoopback(o.listen):
		return fmt.Errorf("--listen %s: workers of other machines could not fetch there: give an address of this machine that they reach", o.listen)
	}
	return msg.CheckPlace(o.rack, o.labels)
}

// openGroups makes the control groups for a worker's executors. They leave the
// machine something for itself and the worker.
func (o *workerOptions) openGroups(log *slog.Logger) *cgroup.Tree {
	g, err := cgroup.Open(o.slots, machine.Memory()/10*9)
	if err != nil {
		level := slog.LevelInfo
		if !trust.IsLoopback(o.listen) { // on a machine of one user that is as usual
			level = slog.LevelWarn
		}
		log.Log(context.Background(), level, "nothing but their budget bounds what executors take", "why", err)
	}
	return g
}

// identify gives the worker its name and what it proves that with.
func (o *workerOptions) identify(ctx context.Context, wo *worker.Options, host string) (err error) {
	named := o.name != ""
	if !named {
		o.name = strings.ToLower(host) + "-" + strconv.FormatUint(rand.Uint64N(1<<24), 36)
	}
	if wo.Credentials, err = o.enrol(ctx, o.join, o.name, wo.Dir); err != nil {
		return err
	}
	if c := wo.Credentials; c != nil {
		wo.CredentialsDir = o.credentials
		switch id := c.Identity(); {
		case id.Role != trust.Worker:
			return denied(fmt.Errorf("%s are credentials of %s, not of a worker", o.credentials, id))
		case named && id.Name != o.name:
			return denied(fmt.Errorf("--name %s: the credentials in %s are of worker %s", o.name, o.credentials, id.Name))
		default:
			o.name = id.Name
		}
	}
	wo.ID, wo.Store = plan.WorkerID(o.name), model.StoreID(o.name)
	if wo.Credentials != nil {
		return o.find(ctx, wo)
	}
	d, err := o.plain(ctx, o.join)
	if err != nil {
		return err
	}
	wo.Dial, o.key = d.dial, d.gossip
	return nil
}

// find looks who is at the address to join: a master, or, with credentials from
// before, any member of the gossip.
func (o *workerOptions) find(ctx context.Context, wo *worker.Options) (err error) {
	if o.key, err = trust.LoadGossipKey(o.credentials); err != nil {
		return denied(err)
	}
	err = knock(ctx, o.join, wo.Credentials.ClientConfig(trust.Master))
	if o.key != nil && o.gossip != noGossip && noMaster(err) {
		wo.Master, o.seeds = "", []string{o.join}
		return nil
	}
	return err
}

// gossipOptions says how the worker gossips.
func (o *workerOptions) gossipOptions(ctx context.Context, wo *worker.Options) (*gossip.Options, error) {
	cluster := localCluster
	if wo.Credentials != nil {
		cluster = wo.Credentials.Identity().Cluster
	}
	g, err := gossipOptions(ctx, o.gossip, wo.Data, wo.Advertise, cluster, o.key)
	if g != nil {
		g.Seeds = o.seeds
		if wo.Credentials != nil {
			g.KeyringFile = filepath.Join(o.credentials, gossip.KeyringName)
		}
	}
	return g, err
}

// hosts are the names and addresses under which storage may know a worker's
// machine: what the user says, the machine's own name, and where others reach it.
func hosts(name, address string, more []string) []string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	names := append([]string{name, host}, more...)
	if ip := net.ParseIP(host); ip.Equal(net.IPv4(127, 0, 0, 1)) || ip.Equal(net.IPv6loopback) {
		names = append(names, "localhost")
	}
	var all []string
	for _, n := range names {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}
