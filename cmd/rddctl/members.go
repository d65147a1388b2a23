package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/machine"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/scratch"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/master"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker"
	"github.com/gordd-project/gordd/worker/transfer"
)

// defaultMaster is where a master listens, and is looked for, unless somebody
// says otherwise.
const defaultMaster = "127.0.0.1:7077"

// masterVar names the master for all commands.
const masterVar = "RDD_MASTER"

// codeNoCluster is the exit code when no cluster is reached.
const codeNoCluster = 3

// masterFlag adds the flag that names the master.
func masterFlag(c *cobra.Command, name string, to *string) {
	at := os.Getenv(masterVar)
	if at == "" {
		at = defaultMaster
	}
	c.Flags().StringVar(to, name, at, "address of the master (environment: "+masterVar+")")
}

// listenLocally listens on an address of this machine alone.
func listenLocally(address string) (net.Listener, error) {
	if !trust.IsLoopback(address) {
		return nil, fmt.Errorf("%s: this release listens on loopback addresses only, such as 127.0.0.1: a cluster of several machines needs certificates, which it does not use yet", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, &launch.Error{Code: codeNoCluster, Err: err}
	}
	return l, nil
}

// localMaster is what a member or driver needs to talk to a master of this
// machine.
type localMaster struct {
	dial    []grpc.DialOption
	tickets transfer.Tickets
}

func findMaster(address string) (*localMaster, error) {
	if !trust.IsLoopback(address) {
		return nil, fmt.Errorf("%s: this release talks to masters on loopback addresses only", address)
	}
	token, err := trust.FindLocal(address)
	if err != nil {
		return nil, &launch.Error{Code: codeNoCluster, Err: fmt.Errorf("master %s: %w", address, err)}
	}
	return &localMaster{
		dial:    []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()), msg.WithToken(token)},
		tickets: transfer.SecretTickets([]byte(token)),
	}, nil
}

// untilSignal waits for Ctrl-C, SIGTERM, or what makes waiting pointless.
func untilSignal(ctx context.Context, failed <-chan error) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return &launch.Error{Code: 1, Err: err}
	}
}

// memberLog writes a member's story to standard error.
func memberLog(verbose bool) *slog.Logger {
	level := slog.LevelWarn
	if verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// ownDir gives a directory that a member may fill, and what removes it. That of
// a member that was killed a later one removes.
func ownDir(given string) (dir string, remove func() error, err error) {
	if given != "" {
		return given, func() error { return nil }, os.MkdirAll(given, 0o700)
	}
	d, err := scratch.New("")
	if err != nil {
		return "", nil, err
	}
	return d.Path(), d.Close, d.Make()
}

// masterOptions are master's flags.
type masterOptions struct {
	listen, dir string
	verbose     bool
}

func masterCommand() *cobra.Command {
	var o masterOptions
	c := &cobra.Command{
		Use:   "master [flags]",
		Short: "Start the master of a cluster on this machine",
		Long: `Master starts the master of a cluster: it takes jobs, and tells workers what
to run. It ends with Ctrl-C or SIGTERM. Once it listens it prints one line:

  READY master=HOST:PORT

Only the user who started it can talk to it: its token is in a file that only
that user can read, and is found by the address.`,
		Example: "  rddctl master\n  rddctl master --listen 127.0.0.1:0",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	masterFlag(c, "listen", &o.listen)
	c.Flags().StringVar(&o.dir, "dir", "", "directory of its own (default a temporary one)")
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "tell what happens, on standard error")
	return c
}

func (o *masterOptions) run(ctx context.Context) (err error) {
	l, err := listenLocally(o.listen)
	if err != nil {
		return err
	}
	token, err := trust.NewLocal(l.Addr().String())
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, token.Close()) }()
	dir, remove, err := ownDir(o.dir)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	defer func() { err = errors.Join(err, remove()) }()
	m, err := master.New(master.Options{Cluster: "local", Dir: dir, Listener: l, Log: memberLog(o.verbose),
		Server: []grpc.ServerOption{msg.RequireToken(token.Check)}})
	if err != nil {
		return err
	}
	fmt.Printf("READY master=%s\n", l.Addr())
	err = untilSignal(ctx, m.Failed())
	return errors.Join(err, m.Close())
}

// workerOptions are worker's flags.
type workerOptions struct {
	join, dir, name string
	slots           int
	memory          bytesFlag
	verbose         bool
}

func workerCommand() *cobra.Command {
	var o workerOptions
	c := &cobra.Command{
		Use:   "worker [flags]",
		Short: "Start a worker of a cluster on this machine",
		Long: `Worker joins a master, runs tasks for it in processes of the jobs' programs, and
serves what those leave to other workers. It ends with Ctrl-C or SIGTERM, and when
it was drained. Once the master has taken it in, it prints one line:

  READY worker=NAME`,
		Example: "  rddctl worker\n  rddctl worker --join 127.0.0.1:7077 --slots 2 --memory 1GiB",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	masterFlag(c, "join", &o.join)
	f := c.Flags()
	f.StringVar(&o.dir, "dir", "", "directory for shuffle files and programs (default a temporary one)")
	f.StringVar(&o.name, "name", "", "its name in the cluster (default the host's with a few letters)")
	f.IntVar(&o.slots, "slots", runtime.NumCPU(), "tasks that run at a time")
	f.Var(&o.memory, "memory", "budget of a job's process here, as in 1GiB (default 60% of memory)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell what happens, on standard error")
	return c
}

func (o *workerOptions) run(c *cobra.Command) (err error) {
	if o.slots < 1 || o.slots > 4096 {
		return fmt.Errorf("--slots %d: give a number from 1 to 4096", o.slots)
	}
	if o.memory == 0 {
		o.memory = bytesFlag(machine.Memory() / 10 * 6)
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	if o.name == "" {
		o.name = strings.ToLower(host) + "-" + strconv.FormatUint(rand.Uint64N(1<<24), 36)
	}
	to, err := findMaster(o.join)
	if err != nil {
		return err
	}
	dir, remove, err := ownDir(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	data, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w, err := worker.New(worker.Options{ID: plan.WorkerID(o.name), Store: model.StoreID(o.name), Master: o.join, Dial: to.dial, Tickets: to.tickets,
		Data: data, Dir: dir, Slots: o.slots, Memory: int64(o.memory), Hosts: []string{host, "localhost"}, Machine: machine.Host(), Log: memberLog(o.verbose),
		Attached: func() { fmt.Printf("READY worker=%s\n", o.name) }})
	if err != nil {
		return err
	}
	ctx, letGo := context.WithCancel(c.Context())
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
