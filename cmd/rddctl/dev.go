package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/machine"
	"github.com/gordd-project/gordd/internal/trust"
)

const (
	// memberStart is how long a member of a dev cluster has to become ready.
	memberStart = 20 * time.Second
	// memberEnd is how long one has to end after it was told to.
	memberEnd = 5 * time.Second
)

// devOptions are dev's flags.
type devOptions struct {
	listen, http   string
	workers, slots int
	memory         bytesFlag
	verbose        bool
}

func devCommand() *cobra.Command {
	o := devOptions{}
	c := &cobra.Command{
		Use:   "dev [flags]",
		Short: "Start a whole cluster on this machine",
		Long: `Dev starts a master and workers, each a process of its own, as they would run on
many machines. When all are there it prints one line:

  READY master=HOST:PORT http=URL

Then rddctl submit, in another terminal, runs programs on them: it finds the master
wherever that listens. A browser shows at the URL, with its token, what they do.
Ctrl-C or SIGTERM ends everything and leaves nothing behind.`,
		Example: "  rddctl dev\n  rddctl dev --workers 3 --slots 1",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	masterFlag(c, "listen", &o.listen)
	httpFlag(c, &o.http, "127.0.0.1:0")
	f := c.Flags()
	f.IntVar(&o.workers, "workers", 2, "number of workers")
	f.IntVar(&o.slots, "slots", 0, "tasks that run at a time in each worker (default all cores, shared out)")
	f.Var(&o.memory, "memory", "budget of a job's process in each worker, as in 1GiB (default 60% of memory, shared out)")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell what happens, on standard error")
	return c
}

func (o *devOptions) run(ctx context.Context) (err error) {
	switch {
	case o.workers < 1 || o.workers > 64:
		return fmt.Errorf("--workers %d: give a number from 1 to 64", o.workers)
	case o.slots < 0:
		return fmt.Errorf("--slots %d: give a number from 1 on", o.slots)
	}
	if o.slots == 0 {
		o.slots = max(runtime.NumCPU()/o.workers, 1)
	}
	if o.memory == 0 {
		o.memory = bytesFlag(machine.Memory() / 10 * 6 / int64(o.workers))
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	d := &dev{ended: make(chan departure, o.workers+1)}
	if o.verbose {
		d.flags = []string{"--verbose"}
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	at, err := d.start(ctx, "master", "--listen", o.listen, "--http", o.http)
	if err != nil {
		return err
	}
	address, _, _ := strings.Cut(strings.TrimPrefix(at, "master="), " ")
	for range o.workers {
		if _, err := d.start(ctx, "worker", "--join", address, "--slots", strconv.Itoa(o.slots), "--memory", strconv.FormatInt(int64(o.memory), 10)); err != nil {
			return err
		}
	}
	here, err := trust.Announce(address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, here.Close()) }()
	fmt.Printf("READY %s\n", at)
	return d.watch(ctx)
}

// watch waits until it is told to end. A cluster does without a worker that
// ends, but not without its master.
func (d *dev) watch(ctx context.Context) error {
	for left := len(d.members) - 1; ; {
		select {
		case <-ctx.Done():
			return nil
		case e := <-d.ended:
			if left--; e.kind == "master" || left == 0 {
				return &launch.Error{Code: 1, Err: errors.New(e.String())}
			}
			_, _ = fmt.Fprintf(os.Stderr, "rddctl: %s; %d workers are left\n", e, left)
		}
	}
}

// dev is the processes of a cluster on one machine.
type dev struct {
	flags   []string
	members []*member
	ended   chan departure // of members that nobody told to end
}

// departure is the end of a member.
type departure struct {
	kind string
	pid  int
	err  error
}

func (d departure) String() string {
	text := fmt.Sprintf("the %s with pid %d has ended", d.kind, d.pid)
	if d.err != nil {
		text += ": " + d.err.Error()
	}
	return text
}

type member struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// start starts a member and waits until it says that it is ready.
func (d *dev) start(ctx context.Context, kind string, args ...string) (ready string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(self, append(append([]string{kind}, args...), d.flags...)...)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = memberAttributes()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	m := &member{cmd: cmd, done: make(chan struct{})}
	d.members = append(d.members, m)
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		said <- line
		_, _ = io.Copy(io.Discard, out)
		err := cmd.Wait()
		close(m.done)
		d.ended <- departure{kind, cmd.Process.Pid, err}
	}()
	late := time.NewTimer(memberStart)
	defer late.Stop()
	select {
	case line := <-said:
		if ready, ok := strings.CutPrefix(strings.TrimSpace(line), "READY "); ok {
			return ready, nil
		}
		return "", &launch.Error{Code: codeNoCluster, Err: fmt.Errorf("the %s did not start", kind)}
	case <-late.C:
		return "", &launch.Error{Code: codeNoCluster, Err: fmt.Errorf("the %s is not ready after %s", kind, memberStart)}
	case <-ctx.Done():
		return "", ended(130)
	}
}

// stop ends the members, the workers first: they need the master to take their
// leave.
func (d *dev) stop() error {
	var errs []error
	late := time.NewTimer(memberEnd)
	defer late.Stop()
	for _, group := range [][]*member{d.members[min(1, len(d.members)):], d.members[:min(1, len(d.members))]} {
		for _, m := range group {
			_ = m.cmd.Process.Signal(syscall.SIGTERM)
		}
		for _, m := range group {
			select {
			case <-m.done:
			case <-late.C:
				late.Reset(0)
				errs = append(errs, fmt.Errorf("%s did not end and was killed", m.cmd.Args[1]))
				_ = m.cmd.Process.Kill()
				<-m.done
			}
		}
	}
	return errors.Join(errs...)
}
