package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	rpc "google.golang.org/grpc/status"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/size"
	"github.com/gordd-project/gordd/internal/status"
	"github.com/gordd-project/gordd/internal/tally"
	"github.com/gordd-project/gordd/rdd/plan"
)

// lookAgain is how often what is followed is looked at.
const lookAgain = 300 * time.Millisecond

// followWait is how long what is followed may be away: a master starts again in that
// time, and workers and drivers wait as long.
const followWait = 30 * time.Second

// look is what commands share that look at a cluster.
type look struct {
	access
	master, output string
	follow         bool
	wait           time.Duration // for an answer; the default is 10 s
	conn           *grpc.ClientConn
	answered       bool // the master has, once
}

// flags adds the flags. A command that lists has -o.
func (l *look) flags(c *cobra.Command, lists bool) *cobra.Command {
	masterFlag(c, "master", &l.master)
	l.access.flags(c, "insecure")
	if lists {
		c.Flags().StringVarP(&l.output, "output", "o", "table", "how: table or json")
	}
	return c
}

// with connects to the master for f, which Ctrl-C ends.
func (l *look) with(ctx context.Context, f func(context.Context) error) (err error) {
	if l.output != "" && l.output != "table" && l.output != "json" {
		return fmt.Errorf("--output %q: give table or json", l.output)
	}
	to, err := l.to(ctx, l.master)
	if err != nil {
		return err
	}
	if l.conn, err = grpc.NewClient(l.master, append(msg.DialOptions(), to.dial...)...); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.conn.Close()) }()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err = f(ctx); err != nil && ctx.Err() != nil {
		err = ended(130)
	}
	return err
}

// call sends one message and takes the answer. Who follows a master that has
// answered follows the one that takes its place, too.
func (l *look) call(ctx context.Context, method string, q any) ([]byte, error) {
	until := time.Now().Add(followWait)
	for first := true; ; first = false {
		b, err := l.once(ctx, method, q)
		switch {
		case err == nil:
			l.answered = true
			return b, nil
		case !l.follow || !l.answered || !away(err) || time.Now().After(until):
			return nil, err
		case first:
			_, _ = fmt.Fprintf(os.Stderr, "rddctl: %v: waiting for it for %v\n", err, followWait)
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// away says whether it may be that the master starts again.
func away(err error) bool {
	code := rpc.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}

// once sends one message and takes the answer. What a master refuses is wrong
// usage: a name that it does not know.
func (l *look) once(ctx context.Context, method string, q any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(l.wait, 10*time.Second))
	defer cancel()
	var m any
	st, err := msg.Dial(ctx, l.conn, method)
	if err == nil {
		m, err = st.Ask(q)
	}
	if err != nil {
		return nil, callError(fmt.Errorf("master %s: %w", l.master, err))
	}
	a, ok := m.(msg.Answer)
	switch {
	case !ok:
		return nil, &launch.Error{Code: codeNoCluster, Err: fmt.Errorf("master %s says %T", l.master, m)}
	case a.Error != "":
		return nil, errors.New(a.Error)
	}
	return a.JSON, nil
}

// ask asks a question whose answer is a T.
func ask[T any](ctx context.Context, l *look, q msg.Ask) (v T, err error) {
	b, err := l.call(ctx, msg.MethodAsk, q)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(b, &v)
}

// print writes an answer as JSON, or as rows under a head.
func (l *look) print(v any, head string, rows func(row func(...any))) error {
	if l.output == "json" {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.ReplaceAll(head, " ", "\t"))
	rows(func(cells ...any) {
		text := make([]string, len(cells))
		for i, c := range cells {
			if text[i] = oneLine(fmt.Sprint(c)); text[i] == "" {
				text[i] = "-"
			}
		}
		_, _ = fmt.Fprintln(w, strings.Join(text, "\t"))
	})
	return w.Flush()
}

// list makes a command of c that asks one question and prints the answer's values as
// rows under a head.
func list[T any](c *cobra.Command, head string, question func(args []string) msg.Ask, cells func(T) []any) *cobra.Command {
	var l look
	c.RunE = func(c *cobra.Command, args []string) error {
		return l.with(c.Context(), func(ctx context.Context) error {
			all, err := ask[[]T](ctx, &l, question(args))
			if err != nil {
				return err
			}
			return l.print(all, head, func(row func(...any)) {
				for _, v := range all {
					row(cells(v)...)
				}
			})
		})
	}
	return l.flags(c, true)
}

// about is the question of a command without arguments.
func about(a msg.About) func([]string) msg.Ask {
	return func([]string) msg.Ask { return msg.Ask{About: a} }
}

// oneLine keeps what others wrote from looking like something else.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func jobsCommand() *cobra.Command {
	return list(&cobra.Command{
		Use:     "jobs",
		Short:   "List the jobs of a cluster",
		Long:    "Jobs lists the jobs that a master runs, and those of the last thousand that have ended. RUNNING are tasks.",
		Example: "  rddctl jobs\n  rddctl jobs -o json | jq '.[] | select(.state == \"running\") | .id'",
		Args:    cobra.NoArgs,
	}, "ID NAME USER STATE RUNNING TIME CAUSE", about(msg.AboutJobs), func(j status.Job) []any {
		return []any{j.ID, j.Name, j.User, j.State, j.Running, took(j.Duration), j.Cause}
	})
}

func took(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(10 * time.Millisecond).String()
}

// age is how old a lease is; of a worker that is not there there is none.
func age(seconds float64) string {
	if seconds == 0 {
		return ""
	}
	return took(seconds)
}

func jobCommand() *cobra.Command {
	var l look
	c := l.flags(&cobra.Command{
		Use:   "job ID",
		Short: "Show one job with its actions",
		Long: `Job shows a job and its actions. The ID is one that rddctl jobs lists, or the
beginning of only one. Of the tasks that would rather run where their input is it
says how many ran in the process that has it, at its node, in its rack, or anywhere.

With --follow it shows what changes until the job has ended, and ends as the job
does: 0 done, 1 failed, 130 cancelled. Ctrl-C ends rddctl, not the job.`,
		Example: "  rddctl job 20261125-101500-abcdef\n  rddctl job $(rddctl submit --detach ./nightly) --follow",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return l.with(c.Context(), func(ctx context.Context) error {
				if l.follow {
					return l.followJob(ctx, plan.JobID(args[0]))
				}
				j, err := ask[status.Job](ctx, &l, msg.Ask{About: msg.AboutJob, Job: plan.JobID(args[0])})
				if err != nil {
					return err
				}
				return l.printJob(&j)
			})
		},
	}, true)
	c.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on until the job has ended")
	return c
}

func (l *look) printJob(j *status.Job) error {
	if l.output != "json" {
		where := "the submitter's machine"
		if j.Driver != "" {
			where = "worker " + j.Driver
		}
		owner := ""
		if j.Owner != "" {
			owner = " (" + j.Owner + ")"
		}
		fmt.Printf("%s  %s  of %s%s, driver on %s: %s after %s\n", j.ID, oneLine(j.Name), oneLine(j.User), owner, where, j.State, took(j.Duration))
		if len(j.LeftOut) > 0 {
			fmt.Println(leftOut(j))
		}
		if j.Cause != "" {
			fmt.Println(j.Cause)
		}
		if near := j.Locality.String(); near != "" {
			fmt.Printf("tasks near what they read: %s\n", near)
		}
		if hot := j.HotKeys; hot.Keys > 0 {
			fmt.Printf("joins: %s\n", tally.Hot(hot.Keys, hot.Parts))
		}
	}
	if err := l.printAccumulators(j); err != nil {
		return err
	}
	return l.print(j, "ACTION NAME SITE STATE DONE OF TAGS DESCRIPTION CAUSE", func(row func(...any)) {
		for _, a := range j.Actions {
			row(a.N, a.Name, a.Site, a.State, a.Done, a.Of, strings.Join(a.Tags, ","), a.Description, a.Cause)
		}
	})
}

// printAccumulators prints what is in a job's JSON anyhow.
func (l *look) printAccumulators(j *status.Job) error {
	if l.output == "json" || len(j.Accumulators) == 0 {
		return nil
	}
	value := "VALUE"
	if !j.Over() {
		value = "SO_FAR"
	}
	err := l.print(j, "ACCUMULATOR "+value, func(row func(...any)) {
		for _, a := range j.Accumulators {
			row(a.Name, a.Value)
		}
	})
	fmt.Println()
	return err
}

// leftOut says which workers get no tasks of a job.
func leftOut(j *status.Job) string {
	var built []string
	for _, p := range j.Programs {
		built = append(built, p.Platform)
	}
	return fmt.Sprintf("its program is for %s: workers of %s get no tasks of it", strings.Join(built, ", "), strings.Join(j.LeftOut, ", "))
}

// followJob shows what a job does, a line for each change.
func (l *look) followJob(ctx context.Context, id plan.JobID) error {
	seen := map[string]bool{}
	tell := func(format string, args ...any) {
		if line := fmt.Sprintf(format, args...); !seen[line] {
			seen[line] = true
			if l.output != "json" {
				fmt.Println(line)
			}
		}
	}
	for {
		j, err := ask[status.Job](ctx, l, msg.Ask{About: msg.AboutJob, Job: id})
		if err != nil {
			return err
		}
		stages, err := ask[[]status.Stage](ctx, l, msg.Ask{About: msg.AboutStages, Job: plan.JobID(j.ID)})
		if err != nil {
			return err
		}
		for _, st := range stages {
			tell("stage %s: %d of %d tasks, %d%%", oneLine(st.Name), st.Done, st.Tasks, tens(st.Fraction))
		}
		for _, a := range j.Accumulators {
			tell("accumulator %s: %s", oneLine(a.Name), oneLine(a.Value))
		}
		for _, a := range j.Actions {
			tell("action %d: %s", a.N, a.State)
		}
		if j.Over() {
			if err := l.printJob(&j); err != nil {
				return err
			}
			return map[string]error{"failed": ended(1), "cancelled": ended(130)}[j.State]
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// tens gives per cent, in tens: a part is not the whole.
func tens(fraction float64) int { return int(fraction*10) * 10 }

func pause(ctx context.Context) error {
	select {
	case <-time.After(lookAgain):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func stagesCommand() *cobra.Command {
	return list(&cobra.Command{
		Use:   "stages ID",
		Short: "List the stages of a job",
		Long: `Stages lists the stages of a job that are not forgotten yet, sources first.
LOCALITY counts finished tasks by how near they ran to what they read: process,
node, rack or any; those that would rather run nowhere are left out.`,
		Example: "  rddctl stages 20261125-101500-abcdef",
		Args:    cobra.ExactArgs(1),
	}, "STAGE NAME SITE STATE TASKS DONE RUNNING PENDING TRIES LOCALITY", func(args []string) msg.Ask {
		return msg.Ask{About: msg.AboutStages, Job: plan.JobID(args[0])}
	}, func(s status.Stage) []any {
		return []any{s.Key, s.Name, s.Site, s.State, s.Tasks, s.Done, s.Running, s.Pending, s.Try, s.Locality}
	})
}

func tasksCommand() *cobra.Command {
	return list(&cobra.Command{
		Use:   "tasks ID [STAGE]",
		Short: "List the tasks of a job, or of one of its stages",
		Long: `Tasks lists the tasks of a job's stages, with where they run; ten thousand at most.
One that is queued waits at a worker for a slot that is about to be free.
PROGRESS is the rows of its input that it has begun with, and the part of it that it is
done with where that is known. LEVEL is how near a finished task ran to what it read:
process, node, rack, any, or none if it would rather run nowhere.`,
		Example: "  rddctl tasks 20261125-101500-abcdef\n  rddctl tasks 2026 -o json | jq '.[] | select(.failures > 0)'",
		Args:    cobra.RangeArgs(1, 2),
	}, "STAGE TASK STATE FAILURES PROGRESS LEVEL WHERE", func(args []string) msg.Ask {
		return msg.Ask{About: msg.AboutTasks, Job: plan.JobID(args[0]), Stage: strings.Join(args[1:], "")}
	}, func(t status.Task) []any {
		var where, far []string
		for _, a := range t.Attempts {
			where = append(where, a.Worker+" ("+a.Level+")")
			far = append(far, progress(&a))
		}
		return []any{t.Stage, t.Partition, t.State, t.Failures, strings.Join(far, ", "), t.Level, strings.Join(where, ", ")}
	})
}

// progress says how far an attempt is.
func progress(a *status.Attempt) string {
	text := strconv.FormatInt(a.Rows, 10) + " rows"
	if a.Fraction > 0 {
		text += fmt.Sprintf(" (%d%%)", int(a.Fraction*100))
	}
	return text
}

func workersCommand() *cobra.Command {
	c := list(&cobra.Command{
		Use:   "workers",
		Short: "List the workers of a cluster",
		Long: `Workers lists the workers that are or were there. A state is what the master's
lease says: live; suspect, which gets no new tasks until it is heard again;
draining and drained; quarantined, since it came and went; lost. Limits are what
bounds its executors: memory+cpu, or less where a worker may not make control groups.
With -o json there is more, such as the incarnation, which each process of a worker
draws anew.`,
		Example: "  rddctl workers\n  rddctl workers -o json\n  rddctl workers drain worker-1",
		Args:    noCommand,
	}, "ID ADDRESS PID STATE SLOTS RUNNING OUTPUTS MEMORY LIMITS RACK LABELS PLATFORM VERSION LEASE", about(msg.AboutWorkers), func(w status.Worker) []any {
		return []any{w.ID, w.Address, w.PID, w.State, w.Slots, w.Running, w.Outputs, size.String(w.Memory), w.Limits, w.Rack, strings.Join(w.Labels, ","), w.OS + "/" + w.Arch, w.Version, age(w.LeaseAge)}
	})
	var force bool
	drain := tellCommand("drain ID", "Take a worker out of use",
		"Drain gives a worker no new tasks, lets those it runs end, and has other workers\ntake over what it holds. Then its process ends. The last worker is drained only\nwith --force.",
		"  rddctl workers drain worker-1", func(id string) msg.Tell { return msg.Tell{Drain: plan.WorkerID(id), Force: force} })
	drain.Flags().BoolVar(&force, "force", false, "also when no other worker is left")
	c.AddCommand(drain, tellCommand("undrain ID", "Take a drain back", "Undrain gives a worker tasks again.",
		"  rddctl workers undrain worker-1", func(id string) msg.Tell { return msg.Tell{Undrain: plan.WorkerID(id)} }))
	return c
}

func cancelCommand() *cobra.Command {
	var reason, tag string
	var action int
	c := tellCommand("cancel ID", "Cancel a job, or actions of it",
		`Cancel ends a job: its tasks are stopped, and what it staged is removed. The ID is one
that rddctl jobs lists, or the beginning of only one. Where there are certificates, a
client's cancels only jobs that were submitted with the same name.

With --action or --tag it ends one action of the job, or those that run and have the
tag, and the program goes on: the action's call returns an error. One that puts its
output in place already is not cancelled. rddctl job lists actions with their tags,
which programs give them with typed.WithTags.`,
		"  rddctl cancel 20261125-101500-abcdef --reason 'wrong input'\n  rddctl cancel 20261125 --tag reports\n  rddctl cancel 20261125 --action 3",
		func(id string) msg.Tell {
			return msg.Tell{Cancel: plan.JobID(id), Action: action, Tag: tag, Reason: reason}
		})
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		switch { // what a script left empty is not the whole job
		case c.Flags().Changed("tag") && tag == "":
			return errors.New("--tag: the tag is empty")
		case c.Flags().Changed("action") && action < 1:
			return fmt.Errorf("--action %d: actions are numbered from 1", action)
		}
		return nil
	}
	c.Flags().StringVar(&tag, "tag", "", "end the job's running actions that have this tag")
	c.Flags().IntVar(&action, "action", 0, "end this action of the job")
	c.Flags().StringVar(&reason, "reason", "cancelled by "+userName(), "what the job's driver is told")
	return c
}

// tellCommand is a command that has the master do something with what an id names.
func tellCommand(use, short, long, example string, tell func(id string) msg.Tell) *cobra.Command {
	var l look
	return l.flags(&cobra.Command{Use: use, Short: short, Long: long, Example: example, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return l.with(c.Context(), func(ctx context.Context) error {
				_, err := l.call(ctx, msg.MethodTell, tell(args[0]))
				return err
			})
		}}, false)
}

func eventsCommand() *cobra.Command {
	var l look
	var limit int
	c := l.flags(&cobra.Command{
		Use:   "events",
		Short: "List what happened in a cluster",
		Long: `Events lists what happened lately, the oldest first. A master keeps the last 4096.

With --follow it goes on with those to come, and with those of the master that takes
the place of one that ended.`,
		Example: "  rddctl events --limit 20\n  rddctl events --follow -o json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 || limit > 1000 {
				return fmt.Errorf("--limit %d: give a number from 1 to 1000", limit)
			}
			return l.with(c.Context(), func(ctx context.Context) error { return l.events(ctx, limit) })
		},
	}, true)
	c.Flags().IntVar(&limit, "limit", 100, "how many of the last ones")
	c.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on with those to come")
	return c
}

func (l *look) events(ctx context.Context, limit int) error {
	q := msg.Ask{About: msg.AboutEvents, Limit: limit}
	for {
		es, err := ask[[]status.Event](ctx, l, q)
		if err != nil {
			return err
		}
		for _, e := range es {
			q.Term, q.After = e.Term, e.Seq
			if l.output == "json" {
				if err := json.NewEncoder(os.Stdout).Encode(e); err != nil {
					return err
				}
				continue
			}
			fmt.Println(eventLine(&e))
		}
		if !l.follow {
			return nil
		}
		if len(es) == limit {
			continue
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// eventLine is an event for people.
func eventLine(e *status.Event) string {
	line := e.Time.Local().Format("15:04:05.000") + "  " + e.Kind
	for _, part := range []struct{ name, value string }{{"job", e.Job}, {"stage", e.Stage}, {"worker", e.Worker}} {
		if part.value != "" {
			line += "  " + part.name + "=" + part.value
		}
	}
	if e.Count != 0 {
		line += fmt.Sprintf("  count=%d", e.Count)
	}
	if e.Text != "" {
		line += "  " + oneLine(e.Text)
	}
	return line
}

func logsCommand() *cobra.Command {
	var l look
	c := l.flags(&cobra.Command{
		Use:   "logs ID",
		Short: "Show what a job's processes wrote",
		Long: `Logs shows what the processes of a job wrote to standard output and error, on the
workers that are there: executors, and the driver of a detached job with its
progress. Each line begins with its worker and process.`,
		Example: "  rddctl logs 20261125-101500-abcdef\n  rddctl logs 2026 --follow",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return l.with(c.Context(), func(ctx context.Context) error { return l.logs(ctx, plan.JobID(args[0]), os.Stdout) })
		},
	}, false)
	c.Flags().BoolVarP(&l.follow, "follow", "f", false, "go on until the job has ended")
	return c
}

// reading is a log that is shown.
type reading struct {
	at   uint64
	rest []byte // of a line that has not ended
}

// logs shows all logs of a job, and what comes to them when they are followed.
func (l *look) logs(ctx context.Context, id plan.JobID, to io.Writer) error {
	read := map[string]*reading{}
	for {
		j, err := ask[status.Job](ctx, l, msg.Ask{About: msg.AboutJob, Job: id})
		if err != nil {
			return err
		}
		files, err := ask[[]status.Log](ctx, l, msg.Ask{About: msg.AboutLogs, Job: plan.JobID(j.ID)})
		if err != nil {
			return err
		}
		for _, f := range files {
			name := f.Worker + " " + f.Name
			if read[name] == nil {
				read[name] = &reading{}
			}
			if err := l.readLog(ctx, plan.JobID(j.ID), f, read[name], to); err != nil {
				return err
			}
		}
		if !l.follow || j.Over() {
			for name, r := range read {
				if len(r.rest) > 0 {
					_, _ = fmt.Fprintf(to, "%s: %s\n", name, r.rest)
				}
			}
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// readLog shows what is new in a log, a line at a time.
func (l *look) readLog(ctx context.Context, id plan.JobID, f status.Log, r *reading, to io.Writer) error {
	for r.at < uint64(f.Size) {
		b, err := ask[[]byte](ctx, l, msg.Ask{About: msg.AboutLog, Job: id, Worker: plan.WorkerID(f.Worker), Log: f.Name, After: r.at})
		if err != nil || len(b) == 0 {
			return err
		}
		r.at += uint64(len(b))
		lines := strings.Split(string(append(r.rest, b...)), "\n")
		for _, line := range lines[:len(lines)-1] {
			if _, err := fmt.Fprintf(to, "%s %s: %s\n", f.Worker, f.Name, oneLine(line)); err != nil {
				return err
			}
		}
		r.rest = []byte(lines[len(lines)-1])
	}
	return nil
}
