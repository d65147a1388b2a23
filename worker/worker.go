package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/gordd-project/gordd/internal/agent"
	"github.com/gordd-project/gordd/internal/cgroup"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/gossip"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/internal/web"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/transfer"
)

// Options are what a Worker is made with.
type Options struct {
	ID    plan.WorkerID
	Store model.StoreID
	// Master is where the master listens; with "" the gossip finds it.
	Master string
	// Gossip says how to join the gossip: by its seeds at once, without them by
	// those that the master names. What the worker is to say of itself is filled
	// in. With nil there is none.
	Gossip *gossip.Options
	Dial   []grpc.DialOption
	// Data is where other workers fetch. The worker closes it.
	Data net.Listener
	// Advertise is Data's address as others reach it; the default is the one that it
	// has.
	Advertise string
	// HTTP is where metrics are served; nil: nowhere. The worker closes it.
	HTTP net.Listener
	// HTTPToken is what who reads there must have.
	HTTPToken string
	// Dir is the worker's own directory.
	Dir   string
	owner *os.File // of Dir; nil: there are no locks
	Slots int
	// Memory is the budget of a job's process in bytes, of which the process is
	// told; a job may ask for less.
	Memory int64
	// Groups bound what executors take; nil: nothing does. The worker closes it.
	Groups *cgroup.Tree
	Hosts  []string
	// Rack and Labels say where the worker is and what it has, as msg.CheckPlace wants them: tasks prefer the rack of
	// what they read; labels are for people.
	Rack   string
	Labels []string
	// Version is that of gordd, for people.
	Version string
	// Machine is equal for workers that see the same files, as machine.Host has it:
	// they read each other's outputs where they are. With "" all are fetched.
	Machine string
	// Credentials are the worker's for all connections: with nil there is no TLS.
	Credentials *trust.Credentials
	// CredentialsDir is where renewed ones are saved; the default is nowhere.
	CredentialsDir string
	// Attached is called when a stream to the master is there, and the master has
	// taken the worker in.
	Attached func()
	Log      *slog.Logger

	executor func(model.ExecutorRef) running                                   // in tests, instead of processes
	dial     func(ctx context.Context, network, addr string) (net.Conn, error) // in tests, to other workers
}

// Worker is a running worker.
type Worker struct {
	o      Options
	log    *slog.Logger
	inc    model.Inc
	zero   time.Time // of the worker's own clock
	agent  *agent.Agent
	blobs  *blobs
	store  *store
	server *transfer.Server
	fetch  *transfer.Fetcher
	near   *transfer.Fetcher // of what the master has as well: it gives up soon
	conn   *grpc.ClientConn
	// tickets have the keys of the jobs that the worker knows.
	tickets transfer.JobTickets
	member  atomic.Pointer[gossip.Member] // nil: there is no gossip, or not yet
	dials   atomic.Uint32                 // to masters
	web     *web.Server                   // nil: nothing is served by HTTP

	ctx   context.Context
	stop  context.CancelFunc
	left  chan struct{} // closed when the worker attaches no more
	gone  sync.Once     // closes it
	inbox chan func()
	tasks sync.WaitGroup // everything that Close waits for
	until atomic.Int64   // when the lease ends, by the worker's clock; 0: there was none

	execs   executors
	drivers drivers
	peers   peers
	wholes  wholes
	late    lateTasks
	moves   sync.Mutex // held by the one handover that is under way
	copies  sync.Mutex // held by the one copy of a kept block that is

	// Of the loop.
	from     model.From
	tenure   tenure
	out      *msg.Outbox             // of the stream at hand; nil: there is none
	sentAt   time.Time               // of its attach
	cut      context.CancelCauseFunc // ends it
	answered func()                  // says that its attach was answered
	plans    work.Plans[*work.Plan]  // that launches name
	jobs     map[plan.JobID]msg.Job
	reports  map[model.AttemptID]model.Event // that nobody has acknowledged
}

// New starts a worker. It attaches to its master as soon as there is one.
func New(o Options) (*Worker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.own(); err != nil {
		return nil, err
	}
	if o.Advertise == "" {
		o.Advertise = o.Data.Addr().String()
	}
	server, fetch := o.secure()
	w := &Worker{o: o, log: o.Log, inc: model.Inc(rand.Uint64()), zero: time.Now(), inbox: make(chan func(), 256),
		jobs: map[plan.JobID]msg.Job{}, reports: map[model.AttemptID]model.Event{}}
	var err error
	if w.conn, err = w.dial(); err != nil {
		return nil, err
	}
	if o.Gossip != nil {
		if err := w.joinGossip(o.Gossip.Seeds, nil); err != nil {
			return nil, errors.Join(err, w.conn.Close())
		}
	}
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.left = make(chan struct{})
	w.tenure = tenure{call: w.call, ended: w.leaseEnded, orphan: w.orphaned, forget: w.forget}
	w.blobs = newBlobs(filepath.Join(o.Dir, "blobs"), w.download)
	w.store = newStore(w.blobs.served)
	w.execs.init(w)
	w.store.block = w.execs.give
	w.drivers.w, w.drivers.all = w, map[string]chan os.Signal{}
	w.peers.m = map[plan.WorkerID]msg.Peer{}
	w.server = transfer.NewServer(transfer.ServerOptions{Store: w.store, Tickets: &w.tickets, TLS: server, Recheck: o.recheck(), Inc: w.inc, Logger: o.Log})
	fo := transfer.Options{Scratch: filepath.Join(o.Dir, "fetched"), Tickets: &w.tickets, TLS: fetch, Dial: o.dial, Logger: o.Log}
	w.fetch = transfer.NewFetcher(fo)
	fo.Retries, fo.Connect, fo.Stall, fo.Busy = -1, time.Second, 5*time.Second, time.Second
	w.near = transfer.NewFetcher(fo)
	w.from = model.From{Protocol: msg.Protocol, Worker: o.ID, Inc: w.inc}
	w.agent = agent.New(agent.Options{Slots: o.Slots, Dir: o.Dir, From: w.from, Executor: &w.execs, Upstream: upstream{w},
		Starts: true, May: w.may, Inputs: w.inputs, Check: w.store.verify, Call: w.call, Background: func(f func()) { w.tasks.Go(f) }, Log: o.Log})
	if o.HTTP != nil {
		w.web = web.Serve(o.HTTP, o.HTTPToken, w.pages())
	}
	w.tasks.Go(w.loop)
	w.tasks.Go(w.attach)
	if o.Credentials != nil {
		w.tasks.Go(w.keepCertificate)
	}
	w.tasks.Go(func() {
		if err := w.server.Serve(o.Data); w.ctx.Err() == nil {
			w.log.Error("serve other workers", "err", err)
		}
	})
	return w, nil
}

// Close ends the worker and its executors. What its store holds is lost to the
// cluster.
func (w *Worker) Close() error {
	defer w.o.disown()
	w.drivers.close()
	w.execs.close() // first: tasks may not heed anything else
	err := w.agent.Close(errClosed)
	w.leaveGossip()
	w.call(w.tenure.stop)
	w.stop()
	err = errors.Join(err, w.server.Close(), w.conn.Close(), w.web.Close())
	w.tasks.Wait()
	err = errors.Join(err, w.o.Groups.Close())
	w.fetch.Close()
	w.near.Close()
	return errors.Join(err, w.closeGossip())
}

var errClosed = errors.New("the worker ends")

// now is a moment of the worker's own clock.
func (w *Worker) now() model.Instant { return model.Instant(time.Since(w.zero)) }

func (w *Worker) loop() {
	for {
		select {
		case f := <-w.inbox:
			f()
		case <-w.ctx.Done():
			return
		}
	}
}

// call runs f soon in the loop.
func (w *Worker) call(f func()) {
	select {
	case w.inbox <- f:
	case <-w.ctx.Done():
	}
}

// inventory is what the worker holds, for a new stream.
func (w *Worker) inventory() model.Attach {
	at := model.Attach{From: w.from, Store: w.o.Store, Addresses: []string{w.o.Advertise}, Hosts: w.o.Hosts, Rack: w.o.Rack, Labels: w.o.Labels, Version: w.o.Version,
		Machine: w.o.Machine, PID: os.Getpid(), Slots: w.o.Slots, Memory: w.o.Memory, Limits: w.o.Groups.String(), Platform: plan.Here}
	at.Inventory.Running, at.Inventory.Queued = w.agent.Unfinished()
	for _, ev := range w.reports {
		switch ev := ev.(type) {
		case model.TaskDone:
			at.Inventory.Done = append(at.Inventory.Done, ev)
		case model.TaskFailed:
			at.Inventory.Failed = append(at.Inventory.Failed, ev)
		}
	}
	at.Inventory.Outputs = w.store.outputs(w.o.ID, w.o.Store)
	at.Inventory.Executors = w.execs.list()
	at.Inventory.Blocks = w.agent.Blocks()
	at.Inventory.Jobs = w.held()
	return at
}

// held lists the jobs of which something may be here.
func (w *Worker) held() []plan.JobID {
	jobs := w.store.jobs()
	for id := range w.jobs {
		jobs[id] = true
	}
	return slices.Sorted(maps.Keys(jobs))
}

// welcomed begins a stream that the master has taken.
func (w *Worker) welcomed(m *msg.Welcome) {
	w.from.Cluster, w.from.Term, w.from.Session = m.Cluster, max(m.Term, w.from.Term), m.Session
	w.agent.SetFrom(w.from)
	w.agent.Rearrive()
	if err := w.joinGossip(m.Gossip, m.Key); err != nil {
		w.log.Warn("the worker is not in the gossip", "err", err) // it does without
	}
}

// heed does what the master says.
func (w *Worker) heed(m any) error {
	switch m := m.(type) {
	case msg.Welcome:
		w.welcomed(&m)
	case msg.Revoked:
		return w.refuse(m)
	case msg.Refused:
		return errors.New(m.Why)
	case model.Lease:
		w.from.Term = max(w.from.Term, m.Term)
		w.agent.SetFrom(w.from)
		w.leasedBy(m)
	case msg.Peer:
		w.peers.set(m)
	case msg.Plan:
		p, err := work.Received(m.Digest, m.Encoded)
		if err != nil {
			return err
		}
		w.plans.Put(m.Digest, p)
	case msg.Job:
		w.jobs[m.ID] = m
		w.tickets.Set(m.ID, m.Key)
		w.blobs.told(m.ID, m.Owners)
	case msg.Launch:
		w.launch(m)
	case model.StartExec:
		if w.leased() {
			w.execs.start(m, w.jobs[m.Job])
		}
	case model.StopExec:
		w.execs.stop(m)
	case msg.WantLog:
		w.showLog(m)
	case msg.StartDriver:
		w.drivers.start(m)
	case model.Ack:
		w.acknowledged(m)
		w.agent.CarryOut([]model.Command{m})
	case model.Drop:
		w.drop(m)
		w.agent.CarryOut([]model.Command{m})
	case model.Locations, model.Kill, model.Recall, model.Verify, model.Barrier:
		w.agent.CarryOut([]model.Command{m.(model.Command)})
	case model.Detach:
		if m.Why == model.DetachDrained || m.Why == model.DetachLeft {
			w.letGo()
		}
		return errors.New(m.Why)
	case model.Copy:
		w.tasks.Go(func() { w.copyBlock(m) })
	case model.Move:
		w.moveAway(m)
	case msg.Handover:
		w.tasks.Go(func() { w.takeOver(m) })
	case model.NewerTerm:
		w.from.Term = max(w.from.Term, m.Term)
		w.cut(errUnheard)
	default:
		return fmt.Errorf("the master says %T", m)
	}
	return nil
}

// errUnheard ends a stream to a master that has started again: what the worker said
// before it knew that the master did not hear, and hears of with the next attach.
var errUnheard = errors.New("the master has started again, and has not heard all")

// launch hands attempts to the agent with the plan that they name.
func (w *Worker) launch(m msg.Launch) {
	p, ok := w.plans.Get(m.Plan)
	var st *plan.Stage
	if ok {
		st, _ = p.Stage(m.Launch.Stage.Key)
	}
	if st == nil {
		for _, t := range m.Launch.Tasks {
			w.report(t.Attempt, model.TaskFailed{From: w.from, Attempt: t.Attempt, Class: model.Refused, Message: "its plan was not sent"})
		}
		return
	}
	l := &work.Launch{Launch: m.Launch, Action: m.Action, Plan: p, Stage: st, Given: map[int][]plan.PipeSplit{}}
	for i, t := range m.Launch.Tasks {
		l.Given[t.Attempt.Partition] = m.Splits[i]
	}
	w.agent.CarryOut([]model.Command{l})
}

// report sends what ended an attempt, and keeps it until somebody says that it
// has arrived.
func (w *Worker) report(id model.AttemptID, ev model.Event) {
	w.reports[id] = ev
	if _, done := ev.(model.TaskDone); done && w.agent.Waiting() > 0 {
		w.later(ev) // the master's answer is not what the slots wait for
		return
	}
	w.send(ev)
}

// later is send for what can wait a little for others to go with.
func (w *Worker) later(m any) {
	if w.out != nil {
		w.out.Later(m)
	}
}

// send passes something on to the master, if there is a stream to it.
func (w *Worker) send(m any) {
	if w.out != nil {
		w.out.Put(m)
	}
}

func (w *Worker) acknowledged(m model.Ack) {
	for _, id := range m.Attempts {
		delete(w.reports, id)
		if !m.Keep {
			w.store.remove(id)
		}
	}
}

// drop forgets what belongs to shuffles or a job that nobody needs.
func (w *Worker) drop(m model.Drop) {
	w.store.drop(m)
	w.wholes.drop(m)
	if !m.All {
		return
	}
	delete(w.jobs, m.Job)
	w.tickets.Forget(m.Job)
	w.blobs.drop(m.Job)
	for id := range w.reports {
		if id.Stage.Job == m.Job {
			delete(w.reports, id)
		}
	}
}
