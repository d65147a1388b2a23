package property

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/gordd-project/gordd/internal/launch"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/submit"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/master"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/typed"
	"github.com/gordd-project/gordd/worker"
	"github.com/gordd-project/gordd/worker/transfer"
)

const (
	seedVar = "PROPERTY_SEED"
	dirVar  = "PROPERTY_DIR"
	caseVar = "PROPERTY_CASE"
	lostVar = "PROPERTY_LOST" // workers go meanwhile
	// roundsVar is the file that the program reads in rounds instead.
	roundsVar = "PROPERTY_ROUNDS"
	// levelVar is what it does with what it reads there, and behind a slash the level at
	// which it keeps that: "rounds", "sides" or "counts" is countsOnce. Without one it is a
	// checkpoint, and "many" is manyKept instead, "local" locally.
	levelVar = "PROPERTY_LEVEL"
)

// drive is the program that a test submits: it runs the cases and compares what
// they give with what the interpreter does.
func drive(ctx context.Context, s *typed.Session) error {
	if path := os.Getenv(roundsVar); path != "" {
		switch os.Getenv(levelVar) {
		case "":
			return checkpointed(ctx, s, path)
		case "many":
			return manyKept(ctx, s)
		case "local":
			return locally(ctx, s, path)
		}
		how, text, _ := strings.Cut(os.Getenv(levelVar), "/")
		level, err := strconv.ParseUint(text, 10, 8)
		if err != nil {
			return err
		}
		switch how {
		case "sides":
			return sides(ctx, s, path, typed.StorageLevel(level))
		case "counts":
			return countsOnce(ctx, s, path, typed.StorageLevel(level))
		}
		return rounds(ctx, s, path, typed.StorageLevel(level))
	}
	n, err := strconv.ParseUint(os.Getenv(seedVar), 10, 64)
	if err != nil {
		return err
	}
	dir := filepath.Join(os.Getenv(dirVar), "input")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	in, err := NewInput(n, dir)
	if err != nil {
		return err
	}
	var wrong []error
	for i, c := range Cases() {
		if !strings.Contains(c.Name, os.Getenv(caseVar)) {
			continue
		}
		if os.Getenv(lostVar) != "" && strings.Contains(c.Name, "ForEach") {
			continue // what it does to the world, it may do twice
		}
		in.Scratch = filepath.Join(os.Getenv(dirVar), "case", strconv.Itoa(i))
		if err := os.MkdirAll(in.Scratch, 0o700); err != nil {
			return err
		}
		got, err := c.Run(ctx, s, in)
		if err == nil {
			err = c.Check(got, c.Want(in))
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", c.Name, err))
		}
	}
	return errors.Join(wrong...)
}

// cluster is a master and workers in the test's process, with everything that
// they would have on different machines but for the machines.
type cluster struct {
	t       *testing.T
	master  *master.Master
	address string
	workers []*worker.Worker
	names   []plan.WorkerID // of them
	dirs    []string        // of all workers, ever
	made    int             // workers, ever
	log     *slog.Logger
	watcher launch.Watcher // of jobs
	copied  tallied        // blocks
}

func startCluster(t *testing.T, workers, slots int) *cluster {
	t.Helper()
	log := slog.NewTextHandler(&testLog{t: t}, &slog.HandlerOptions{Level: slog.LevelInfo})
	c := &cluster{t: t, watcher: quiet{t}, copied: tallied{log, "a kept block is copied here", make(chan struct{}, 1<<16)}}
	c.log = slog.New(c.copied)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.address = l.Addr().String()
	if c.master, err = master.New(master.Options{Cluster: "test", Dir: t.TempDir(), Listener: l, Log: c.log}); err != nil {
		t.Fatal(err)
	}
	for range workers {
		c.add(slots)
	}
	t.Cleanup(func() {
		for _, w := range c.workers {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := c.master.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// add starts one more worker. Every other one reads the files of its like, and
// fetches from the rest.
func (c *cluster) add(slots int) {
	c.t.Helper()
	data, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	name := fmt.Sprint("w", c.made)
	c.dirs = append(c.dirs, c.t.TempDir())
	c.made++
	w, err := worker.New(worker.Options{ID: plan.WorkerID(name), Store: model.StoreID("s-" + name), Master: c.address, Data: data, Dir: c.dirs[c.made-1],
		Slots: slots, Memory: 64 << 20, Hosts: []string{name}, Machine: fmt.Sprint("m", c.made%2), Log: c.log,
		Dial: []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.workers, c.names = append(c.workers, w), append(c.names, plan.WorkerID(name))
}

// replace ends the oldest worker with all that it holds, and starts another.
func (c *cluster) replace(slots int) {
	c.t.Helper()
	w := c.workers[0]
	c.workers, c.names = c.workers[1:], c.names[1:]
	if err := w.Close(); err != nil {
		c.t.Error(err)
	}
	c.add(slots)
}

// submit runs the test's program as a job.
func (c *cluster) submit(name string) launch.Outcome {
	t := c.t
	t.Helper()
	conn, err := grpc.NewClient(c.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tickets := new(transfer.JobTickets)
	fetch := transfer.NewFetcher(transfer.Options{Scratch: t.TempDir(), Tickets: tickets})
	defer fetch.Close()
	job := submit.New(t.Context(), submit.Options{Conn: conn, Programs: map[plan.Platform]string{plan.Here: path}, Open: msg.Open{Name: name, User: "test"}, Scratch: t.TempDir(), Fetch: fetch, Tickets: tickets})
	defer job.Close()
	r := launch.Run{Cluster: job, Stdout: os.Stdout, Stderr: os.Stderr, Options: wire.Options{Fresh: true, CheckpointDir: t.TempDir()}, Watcher: c.watcher}
	out, err := r.Do(t.Context(), path)
	if err != nil {
		t.Error(err)
	}
	return out
}

// TestCluster runs all cases as a job of a cluster of two workers.
func TestCluster(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("the cases take long enough")
	}
	c := startCluster(t, 2, 2)
	t.Setenv(seedVar, fmt.Sprint(max(*seed, 1)))
	t.Setenv(dirVar, t.TempDir())
	t.Setenv(caseVar, *onlyCase)
	if out := c.submit("cases"); out.Code != 0 {
		t.Errorf("exit code %d", out.Code)
	}
}

// mostLost is how many workers go in a test: where all is slow, workers would
// otherwise go faster than a task takes.
const mostLost = 8

// TestClusterLosesWorkers runs the cases while one worker after the other goes,
// each in the middle of something.
func TestClusterLosesWorkers(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("the cases take long enough")
	}
	c := startCluster(t, 3, 1)
	t.Setenv(seedVar, fmt.Sprint(max(*seed, 1)))
	t.Setenv(dirVar, t.TempDir())
	t.Setenv(caseVar, *onlyCase)
	t.Setenv(lostVar, "yes")
	ended := make(chan launch.Outcome, 1)
	go func() { ended <- c.submit("cases") }()
	every := time.NewTicker(700 * time.Millisecond)
	defer every.Stop()
	for n := 0; ; n++ {
		select {
		case out := <-ended:
			if out.Code != 0 || n == 0 {
				t.Errorf("exit code %d after %d workers went", out.Code, n)
			}
			t.Logf("%d workers went", n)
			return
		case <-every.C:
			if c.replace(1); n+1 == mostLost {
				every.Stop()
			}
		}
	}
}

// drain has the master take the oldest worker out of use, once another one is there,
// and ends it when it may go.
func (c *cluster) drain(slots int) {
	c.t.Helper()
	c.add(slots)
	w, name := c.workers[0], c.names[0]
	c.workers, c.names = c.workers[1:], c.names[1:]
	conn, err := grpc.NewClient(c.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	st, err := msg.Dial(c.t.Context(), conn, msg.MethodTell)
	if err == nil {
		err = st.Send(msg.Tell{Drain: name})
	}
	if err == nil {
		_, err = st.Receive()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	<-w.Left()
	w.Leave()
	if err := w.Close(); err != nil {
		c.t.Error(err)
	}
}

// TestClusterDrains runs the cases while one worker after the other is drained: what
// each holds is moved.
func TestClusterDrains(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("the cases take long enough")
	}
	c := startCluster(t, 2, 1)
	t.Setenv(seedVar, fmt.Sprint(max(*seed, 1)))
	t.Setenv(dirVar, t.TempDir())
	t.Setenv(caseVar, *onlyCase)
	ended := make(chan launch.Outcome, 1)
	go func() { ended <- c.submit("cases") }()
	every := time.NewTicker(600 * time.Millisecond)
	defer every.Stop()
	for n := 0; ; {
		select {
		case out := <-ended:
			if out.Code != 0 || n == 0 {
				t.Errorf("exit code %d after %d workers were drained", out.Code, n)
			}
			t.Logf("%d workers were drained", n)
			return
		case <-every.C:
			c.drain(1)
			if n++; n == mostLost {
				every.Stop()
			}
		}
	}
}

// quiet passes on what a program says to the test's log. No case gives other rows when
// tasks run again.
type quiet struct{ t *testing.T }

func (quiet) Status(*plan.ActionStatus) {}
func (q quiet) Notice(program, text string) {
	if q.t.Log(program + ": " + text); strings.Contains(text, "not deterministic") {
		q.t.Errorf("%s: %s", program, text)
	}
}
func (quiet) Explained(*wire.Explained) {}

// testLog writes to the test's log as long as the test runs.
type testLog struct {
	mu sync.Mutex
	t  *testing.T
}

func (l *testLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t.Context().Err() == nil {
		l.t.Log(strings.TrimSpace(string(b)))
	}
	return len(b), nil
}
