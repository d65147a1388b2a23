package master

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// road is the network before a master, in memory, so that all can live in a synctest
// bubble.
type road struct {
	l      *bufconn.Listener
	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

func (r *road) dial(ctx context.Context, _ string) (net.Conn, error) {
	r.mu.Lock()
	closed, l := r.closed, r.l
	r.mu.Unlock()
	if closed {
		return nil, errors.New("the road is closed")
	}
	c, err := l.DialContext(ctx)
	if err == nil {
		r.mu.Lock()
		r.conns = append(r.conns, c)
		r.mu.Unlock()
	}
	return c, err
}

// cut breaks all connections, and lets no new one be made if it is closed.
func (r *road) cut(closed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns, r.closed = nil, closed
}

func (r *road) open() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = false
}

// conn is a client's connection by the road.
func (r *road) conn(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///master", append(msg.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(r.dial))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// startMaster starts a master at the end of two roads, of which drivers take the
// second.
func startMaster(t *testing.T) (m *Master, workers, drivers *road) {
	t.Helper()
	return startConfigured(t, nil)
}

func startConfigured(t *testing.T, config func(*model.Config)) (m *Master, workers, drivers *road) {
	t.Helper()
	workers, drivers = &road{}, &road{}
	m = started(t, Options{Dir: t.TempDir(), Config: config}, workers, drivers)
	t.Cleanup(func() { end(t, m) })
	return m, workers, drivers
}

// masterIn starts a master in a directory, to which roads lead from now on.
func masterIn(t *testing.T, dir string, roads ...*road) *Master {
	t.Helper()
	return started(t, Options{Dir: dir}, roads...)
}

func started(t *testing.T, o Options, roads ...*road) *Master {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	o.Cluster, o.Listener = "c", l
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roads {
		r.mu.Lock()
		r.l = l
		r.mu.Unlock()
	}
	return m
}

func end(t *testing.T, m *Master) {
	t.Helper()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// fakeWorker is a worker's stream, from its side. It answers launches as tests say.
type fakeWorker struct {
	t      *testing.T
	st     *msg.Stream
	from   model.From
	cancel context.CancelFunc
	mu     sync.Mutex
	came   []any // but for leases
	runs   []model.AttemptID
	// do answers a launched attempt; nil lets it run.
	do    func(model.AttemptID) model.Event
	ended chan error
}

func (r *road) worker(t *testing.T, id plan.WorkerID, do func(model.AttemptID) model.Event) *fakeWorker {
	t.Helper()
	return r.workerAt(t, id, model.Attach{Hosts: []string{string(id)}, Slots: 4}, do)
}

// comesBack is worker for one that has something.
func (r *road) comesBack(t *testing.T, id plan.WorkerID, inv model.Inventory, do func(model.AttemptID) model.Event) *fakeWorker {
	t.Helper()
	return r.workerAt(t, id, model.Attach{Hosts: []string{string(id)}, Slots: 4, Inventory: inv}, do)
}

// workerAt is a worker that says of itself what at has, after other words.
func (r *road) workerAt(t *testing.T, id plan.WorkerID, at model.Attach, do func(model.AttemptID) model.Event, before ...any) *fakeWorker {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	st, err := msg.Dial(ctx, r.conn(t), msg.MethodWork)
	if err != nil {
		t.Fatal(err)
	}
	w := &fakeWorker{t: t, st: st, from: model.From{Protocol: msg.Protocol, Worker: id, Inc: 1}, cancel: cancel, do: do, ended: make(chan error, 1)}
	at.From, at.Store, at.Memory = w.from, model.StoreID("s-"+id), 1<<30
	at.Platform = plan.Here
	w.send(append(before, at)...)
	go w.listen()
	synctest.Wait()
	return w
}

func (w *fakeWorker) send(ms ...any) {
	w.t.Helper()
	if err := w.st.Send(ms...); err != nil {
		w.t.Error(err)
	}
}

func (w *fakeWorker) listen() {
	for {
		m, err := w.st.Receive()
		if err != nil {
			w.ended <- err
			return
		}
		switch m := m.(type) {
		case model.Lease:
			continue
		case msg.Welcome:
			w.from.Term = m.Term
		case model.StartExec:
			_ = w.st.Send(model.ExecUp{From: w.from, Job: m.Job, No: m.No})
		case msg.Launch:
			for _, a := range m.Launch.Tasks {
				w.launched(a.Attempt)
			}
		}
		w.mu.Lock()
		w.came = append(w.came, m)
		w.mu.Unlock()
	}
}

func (w *fakeWorker) launched(id model.AttemptID) {
	w.mu.Lock()
	w.runs = append(w.runs, id)
	w.mu.Unlock()
	_ = w.st.Send(model.TaskStarted{From: w.from, Attempt: id})
	if ev := w.do(id); ev != nil {
		_ = w.st.Send(ev)
	}
}

func (w *fakeWorker) launches() []model.AttemptID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]model.AttemptID(nil), w.runs...)
}

// said gives what the worker was told of a kind.
func said[T any](w *fakeWorker) (got []T) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.came {
		if m, ok := m.(T); ok {
			got = append(got, m)
		}
	}
	return got
}
