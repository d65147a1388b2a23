package worker

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lan is a network in memory, so that a worker can live in a synctest bubble.
type lan struct {
	mu    sync.Mutex
	hosts map[string]*bufconn.Listener
}

type named struct {
	net.Listener
	name string
}

func (n named) Addr() net.Addr  { return n }
func (n named) Network() string { return "tcp" }
func (n named) String() string  { return n.name }

func (l *lan) listen(name string) net.Listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hosts == nil {
		l.hosts = map[string]*bufconn.Listener{}
	}
	l.hosts[name] = bufconn.Listen(64 << 10)
	return named{l.hosts[name], name}
}

func (l *lan) dial(ctx context.Context, _, name string) (net.Conn, error) {
	l.mu.Lock()
	h := l.hosts[strings.TrimSuffix(name, ":80")]
	l.mu.Unlock()
	if h == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errRefused)}
	}
	return h.DialContext(ctx)
}

// fakeMaster is a master that does what tests say.
type fakeMaster struct {
	t       *testing.T
	lan     *lan
	server  *grpc.Server
	streams chan *workStream
	blobs   map[plan.Digest][]byte
	mu      sync.Mutex
	gets    int // of blobs
}

// workStream is the stream of a worker, from the master's side.
type workStream struct {
	t      *testing.T
	st     *msg.Stream
	attach model.Attach
	came   chan any // but for renewals
	renew  chan msg.Renewal
	end    chan struct{}
	once   sync.Once
}

func startMaster(t *testing.T) *fakeMaster {
	f := &fakeMaster{t: t, lan: &lan{}, streams: make(chan *workStream, 10), blobs: map[plan.Digest][]byte{}}
	f.server = grpc.NewServer(msg.ServerOptions()...)
	msg.Register(f.server, service{f})
	l := f.lan.listen("master")
	var served sync.WaitGroup
	served.Go(func() { _ = f.server.Serve(l) })
	t.Cleanup(func() {
		f.server.Stop()
		served.Wait()
	})
	return f
}

type service struct{ *fakeMaster }

func (s service) Work(st *msg.Stream) error {
	m, err := st.Receive()
	if err != nil {
		return err
	}
	w := &workStream{t: s.t, st: st, attach: m.(model.Attach), came: make(chan any, 1000), renew: make(chan msg.Renewal, 1000), end: make(chan struct{})}
	go func() {
		for {
			m, err := st.Receive()
			if err != nil {
				w.close()
				return
			}
			if r, ok := m.(msg.Renewal); ok {
				w.renew <- r
				continue
			}
			w.came <- m
		}
	}()
	s.streams <- w
	<-w.end
	return nil
}

func (s service) Drive(*msg.Stream) error   { return nil }
func (s service) PutBlob(*msg.Stream) error { return nil }
func (s service) Detach(*msg.Stream) error  { return nil }
func (s service) Ask(*msg.Stream) error     { return nil }
func (s service) Tell(*msg.Stream) error    { return nil }
func (s service) Enrol(*msg.Stream) error   { return nil }
func (s service) Renew(*msg.Stream) error   { return nil }

// close ends the stream.
func (w *workStream) close() { w.once.Do(func() { close(w.end) }) }

func (w *workStream) send(ms ...any) {
	w.t.Helper()
	if err := w.st.Send(ms...); err != nil {
		w.t.Error(err)
	}
}

// welcome takes a worker in, with a lease.
func (w *workStream) welcome(session model.Session) {
	w.t.Helper()
	w.send(msg.Welcome{Cluster: "c", Term: 1, Session: session}, model.Lease{Session: session, Term: 1})
	synctest.Wait()
}

// answer answers what renewals there are with leases.
func (w *workStream) answer() (n int) {
	for {
		synctest.Wait()
		select {
		case r := <-w.renew:
			w.send(model.Lease{Session: 1, Term: 1, SentAt: r.SentAt})
			n++
		default:
			return n
		}
	}
}

// next gives what the worker says, but for renewals.
func next[T any](w *workStream) T {
	w.t.Helper()
	if synctest.Wait(); len(w.came) == 0 {
		time.Sleep(2 * time.Millisecond) // it may be gathered
		synctest.Wait()
	}
	select {
	case m := <-w.came:
		got, ok := m.(T)
		if !ok {
			w.t.Fatalf("the worker says %T: %+v", m, m)
		}
		return got
	default:
	}
	var none T
	w.t.Fatalf("the worker says nothing, want %T", none)
	return none
}

func (w *workStream) silent() {
	w.t.Helper()
	synctest.Wait()
	if n := len(w.came); n > 0 {
		w.t.Errorf("the worker says %+v", <-w.came)
	}
}

// stream gives the worker's next stream, which must have begun.
func (f *fakeMaster) stream() *workStream {
	f.t.Helper()
	synctest.Wait()
	select {
	case w := <-f.streams:
		return w
	default:
		f.t.Fatal("the worker has not attached")
		return nil
	}
}

// fakeExecutor runs attempts as tests say.
type fakeExecutor struct {
	mu    sync.Mutex
	ended map[plan.StageKey]chan *plan.Result
	done  chan struct{}
	once  sync.Once
}

func (e *fakeExecutor) end(key plan.StageKey) chan *plan.Result {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended[key] == nil {
		e.ended[key] = make(chan *plan.Result, 10)
	}
	return e.ended[key]
}

func (e *fakeExecutor) Run(ctx context.Context, l *work.Launch, t *plan.Task) (*plan.Result, *plan.Failure) {
	ch := e.end(l.Stage.Key)
	select {
	case r := <-ch:
		return r, nil
	case <-ctx.Done():
		return nil, work.NewFailure(plan.FailKilled, "%v", context.Cause(ctx))
	case <-e.done:
		return nil, work.NewFailure(plan.FailCrash, "its process has ended")
	}
}

func (*fakeExecutor) ForgetStages([]plan.StageKey) {}

func (*fakeExecutor) Give(context.Context, plan.Block, string) error { return errNoHolder }

func (*fakeExecutor) Keep(context.Context, plan.Block, string) (int64, error) { return 0, errNoHolder }

func (e *fakeExecutor) Kill()                 { e.once.Do(func() { close(e.done) }) }
func (e *fakeExecutor) Stop()                 { e.Kill() }
func (e *fakeExecutor) Done() <-chan struct{} { return e.done }
func (e *fakeExecutor) Exit() process.Exit    { return process.Exit{} }
func (e *fakeExecutor) PID() int              { return 0 }

func (e *fakeExecutor) dead() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

// startWorker starts a worker with fake executors.
func (f *fakeMaster) startWorker(name plan.WorkerID, change func(*Options)) (*Worker, *fakeExecutor) {
	f.t.Helper()
	x := &fakeExecutor{ended: map[plan.StageKey]chan *plan.Result{}, done: make(chan struct{})}
	o := Options{ID: name, Store: model.StoreID("s-" + name), Master: "passthrough:///master", Data: f.lan.listen(string(name)), Dir: f.t.TempDir(),
		Slots: 2, Memory: 1 << 20, Hosts: []string{string(name)}, Log: slog.New(slog.DiscardHandler),
		Dial: []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, name string) (net.Conn, error) { return f.lan.dial(ctx, "", name) })},
		executor: func(model.ExecutorRef) running { return x }, dial: f.lan.dial}
	if change != nil {
		change(&o)
	}
	w, err := New(o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := w.Close(); err != nil {
			f.t.Error(err)
		}
	})
	return w, x
}

// run launches an attempt of a stage on the worker, in executor 1 of job j.
func (w *workStream) run(key plan.StageKey, seq uint64, sink plan.Sink) model.AttemptID {
	w.t.Helper()
	send, l := w.launch("j", key, seq, sink)
	w.send(send, l)
	return l.Launch.Tasks[0].Attempt
}

// launch gives the launch of an attempt, and its plan, which does not depend on the job.
func (w *workStream) launch(job plan.JobID, key plan.StageKey, seq uint64, sink plan.Sink) (msg.Plan, msg.Launch) {
	w.t.Helper()
	p := &plan.Plan{Action: "Test", Target: key, Stages: []plan.Stage{{Key: key, Kind: plan.ResultStage, Sink: sink,
		Pipe: plan.Pipe{Source: plan.Source{Range: &plan.Range{Count: 1, Step: 1, N: 1}}}}}}
	encoded, err := plan.Encode(p)
	if err != nil {
		w.t.Fatal(err)
	}
	d := plan.DigestOf(encoded)
	id := model.AttemptID{Stage: model.StageID{Job: job, Action: 1, Key: key}, Term: 1, Seq: seq}
	return msg.Plan{Digest: d, Encoded: encoded}, msg.Launch{Launch: model.Launch{Exec: 1, Stage: id.Stage, Tasks: []model.Assignment{{Attempt: id}}},
		Action: plan.ActionID{Job: job, N: 1}, Plan: d, Splits: make([][]plan.PipeSplit, 1)}
}

func (s service) GetBlob(st *msg.Stream) error {
	m, err := st.Receive()
	if err != nil {
		return err
	}
	d := m.(msg.BlobHead).Digest
	s.mu.Lock()
	s.gets++
	b, ok := s.blobs[d]
	s.mu.Unlock()
	if !ok {
		return st.Give(d, 0, nil, errMissing)
	}
	return st.Give(d, int64(len(b)), bytes.NewReader(b), nil)
}

var errMissing = errors.New("not here")
