package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/show"
	"github.com/gordd-project/gordd/internal/submit"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/process"
)

// drivers are the programs that drive jobs from this worker, since nobody waits
// for them elsewhere.
type drivers struct {
	w *Worker

	mu     sync.Mutex
	all    map[string]chan os.Signal // by key
	ended  sync.WaitGroup
	closed bool
}

// start starts a driver and reports its end.
func (x *drivers) start(m msg.StartDriver) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed || x.all[m.Key] != nil {
		return
	}
	interrupts := make(chan os.Signal, 2)
	x.all[m.Key] = interrupts
	x.ended.Go(func() {
		e := msg.DriverEnded{Key: m.Key}
		var err error
		if e.Code, e.Tail, err = x.run(m, interrupts); err != nil {
			e.Why = err.Error()
		}
		x.w.log.Info("driver ended", "name", m.Detach.Open.Name, "code", e.Code, "err", err)
		x.mu.Lock()
		delete(x.all, m.Key)
		x.mu.Unlock()
		x.w.call(func() { x.w.send(e) })
	})
}

// close asks all drivers to end and waits until they have.
func (x *drivers) close() {
	x.mu.Lock()
	x.closed = true
	for _, interrupts := range x.all {
		interrupts <- os.Interrupt
	}
	x.mu.Unlock()
	x.ended.Wait()
}

// run runs a driver to its end, in a directory of its own with its output and what
// is shown of its progress in one log.
func (x *drivers) run(m msg.StartDriver, interrupts <-chan os.Signal) (code int, tail string, err error) {
	w, open := x.w, m.Detach.Open
	defer w.blobs.drop(m.Job)
	path, err := x.program(m)
	if err != nil {
		return 0, "", err
	}
	files, err := w.blobs.files(w.ctx, m.Job, open.Files)
	if err != nil {
		return 0, "", err
	}
	dir := filepath.Join(w.o.Dir, "jobs", string(m.Job)+"-driver")
	scratch := filepath.Join(dir, "scratch")
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return 0, "", err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	open.Key = m.Key
	job := submit.New(w.ctx, submit.Options{Conn: w.conn, Scratch: scratch, Fetch: w.fetch, Tickets: &w.tickets, Open: open})
	defer job.Close()
	watch := show.NewWatch(show.NewPlain(log))
	r := launch.Run{Cluster: job, Args: open.Args, Stdout: log, Stderr: log, Watcher: watch,
		Dir: dir, Env: append(environment(), open.Env...), Attributes: process.Attributes(), Interrupts: interrupts,
		Options: wire.Options{MaxResult: m.Detach.MaxResult, CheckpointDir: m.Detach.CheckpointDir, Scratch: scratch, Fresh: true, Files: files}}
	out, err := r.Do(w.ctx, path)
	if watch.Sum().Actions > 0 {
		_, _ = fmt.Fprintln(log, watch.Sum().Summary())
	}
	if out.Code != 0 || err != nil {
		tail = lastOf(log)
	}
	return out.Code, tail, err
}

// program finds the one of a driver's programs that runs here.
func (x *drivers) program(m msg.StartDriver) (string, error) {
	for _, p := range m.Detach.Open.Programs {
		if p.Platform == plan.Here {
			return x.w.blobs.program(x.w.ctx, m.Job, p.Binary)
		}
	}
	return "", fmt.Errorf("there is no program for %s", plan.Here)
}

// tailBytes is how much of a driver's log explains its end.
const tailBytes = 2 << 10

// lastOf gives the end of a log.
func lastOf(log *os.File) string {
	info, err := log.Stat()
	if err != nil {
		return ""
	}
	at := max(info.Size()-tailBytes, 0)
	b := make([]byte, info.Size()-at)
	n, _ := log.ReadAt(b, at)
	return string(b[:n])
}
