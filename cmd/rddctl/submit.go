package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"os/user"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/show"
	"github.com/gordd-project/gordd/internal/submit"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/storage"
	"github.com/gordd-project/gordd/worker/transfer"
)

// submitOptions are submit's flags, beyond those of run.
type submitOptions struct {
	runOptions
	access
	master, name string
	env          []string
	limits       jobLimits
	detach       bool
}

func submitCommand() *cobra.Command {
	var o submitOptions
	c := &cobra.Command{
		Use:   "submit [flags] PKG|BINARY [-- args]",
		Short: "Run a program on a cluster",
		Long: `Submit builds a program, uploads it to the master, and runs it as a driver on this
machine: its pipelines run on the cluster's workers. Progress and a summary are
shown as by rddctl run; the program's own output is its own. Ctrl-C cancels the
job.

A package is built for each platform that the workers have, without cgo. A binary is
for one platform, and workers of others get no tasks of the job: rddctl workers says
what they are. Files that --file names are shipped beside the program, once to each
worker, and opened by typed.File.

With --detach a worker runs the program, and rddctl ends once the job is open: it
prints its id. The program's output is in that worker's log of the job. It runs in
a directory of its own, so give it absolute paths; when its worker ends, so does the
job.

The workers run the code that rddgen generated: a package that was not generated,
or whose code changed since, is refused.`,
		Example: `  rddctl submit ./examples/wordcount -- -in /usr/share/doc -out /tmp/counts
  rddctl submit --master 127.0.0.1:7077 --env TZ --name nightly . -- -day 2026-11-25
  rddctl submit --priority 10 --slots 4 ./report -- -out /tmp/report
  rddctl submit --file stop-words.txt --file /etc/geo.db=geo . -- -out /tmp/counts`,
		Args: programArgs,
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0], args[1:]) },
	}
	masterFlag(c, "master", &o.master)
	o.flags(c, "insecure")
	f := c.Flags()
	f.StringVar(&o.name, "name", "", "the job's name (default the program's)")
	filesFlag(f, &o.files)
	f.StringArrayVar(&o.env, "env", nil, "a variable of the environment that executors get, NAME or NAME=VALUE")
	o.limits.flags(f)
	f.BoolVarP(&o.detach, "detach", "d", false, "have a worker run the program, and print the job's id once it is open")
	f.Var(&o.memory, "memory", "budget of the job's process in each worker (default the worker's, which is the most)")
	f.Var(&o.maxResult, "max-result", "the most that an action brings to the program (default 1GiB)")
	checkpointFlag(f, &o.checkpoints)
	o.build.flags(f)
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show neither progress nor summary, but for notices")
	f.StringVar(&o.summary, "summary", "", "write the summary to a file too, as JSON")
	return c
}

func (o *submitOptions) run(c *cobra.Command, arg string, args []string) (err error) {
	if err := o.limits.check(c.Flags()); err != nil {
		return err
	}
	env, err := environment(o.env)
	if err != nil {
		return err
	}
	files, err := shippedFiles(o.files)
	if err != nil {
		return err
	}
	to, err := o.to(c.Context(), o.master)
	if err != nil {
		return err
	}
	if to.as.Role == trust.Worker { // which the master would only say of what it is asked first
		return denied(fmt.Errorf("%s may not submit: a worker drives only the jobs that it is given", to.as))
	}
	conn, err := grpc.NewClient(o.master, append(msg.DialOptions(), to.dial...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	workers, err := o.workerPlatforms(c.Context(), conn)
	if err != nil {
		return err
	}
	p, err := build(c.Context(), arg, o.build, wanted(workers, !o.detach)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if o.name == "" {
		o.name = p.Name
	}
	scratch, err := os.MkdirTemp("", "gordd-submit-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	tickets := new(transfer.JobTickets)
	fetch := transfer.NewFetcher(transfer.Options{Scratch: scratch, Tickets: tickets, TLS: to.fetch})
	defer fetch.Close()
	so := submit.Options{Conn: conn, Files: files, Scratch: scratch, Fetch: fetch, Tickets: tickets,
		Open: msg.Open{Name: o.name, User: userName(), Args: args, Env: env, Memory: int64(o.memory),
			Pool: o.limits.pool, Priority: o.limits.priority, Slots: o.limits.slots, Failures: o.limits.failures,
			Stuck: o.limits.stuck}}
	if so.Programs, err = fitting(p, workers); err != nil {
		return err
	}
	if o.detach {
		return o.leave(c.Context(), so)
	}
	path, err := p.Here()
	if err != nil {
		return err
	}
	return o.drive(c.Context(), so, path)
}

// drive runs the program at a path as the job's driver.
func (o *submitOptions) drive(ctx context.Context, so submit.Options, path string) error {
	job := submit.New(ctx, so)
	defer job.Close()
	w := show.NewWatch(o.progress(os.Stderr))
	r := launch.Run{
		Cluster: job, Args: so.Open.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Watcher: w,
		Options: wire.Options{MaxResult: int64(o.maxResult), CheckpointDir: o.checkpoints, Fresh: true, Files: so.Files},
	}
	out, err := r.Do(ctx, path)
	w.Close()
	if err != nil {
		return clusterError(err)
	}
	if err = o.sum(w, out); err == nil && out.Code != 0 {
		err = ended(out.Code)
	}
	return err
}

// leave has the job run by the cluster alone.
func (o *submitOptions) leave(ctx context.Context, so submit.Options) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir := o.checkpoints
	if dir != "" { // the driver runs in another directory
		var err error
		if _, dir, err = storage.Lookup(dir); err != nil {
			return fmt.Errorf("--checkpoint-dir: %w", err)
		}
	}
	opened, err := submit.Detach(ctx, so, msg.Detach{MaxResult: int64(o.maxResult), CheckpointDir: dir})
	switch {
	case ctx.Err() != nil:
		return ended(130)
	case err != nil:
		return clusterError(err)
	}
	fmt.Println(opened.Job)
	return nil
}

// clusterError tells a cluster that was not reached from one that refused the job,
// or its submitter.
func clusterError(err error) error {
	failed := callError(err)
	if refused := (*submit.RefusedError)(nil); errors.As(err, &refused) {
		failed.Code = 1
	}
	return failed
}

// environment gives the variables that executors get.
func environment(list []string) (env []string, err error) {
	for _, e := range list {
		name, _, given := strings.Cut(e, "=")
		if name == "" || strings.HasPrefix(name, "RDD_WIRE") {
			return nil, fmt.Errorf("--env %q: give NAME or NAME=VALUE", e)
		}
		if !given {
			value, ok := os.LookupEnv(name)
			if !ok {
				return nil, fmt.Errorf("--env %s: there is no such variable", name)
			}
			e = name + "=" + value
		}
		env = append(env, e)
	}
	return env, nil
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}
