package master

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/gordd-project/gordd/internal/blob"
	"github.com/gordd-project/gordd/internal/door"
	"github.com/gordd-project/gordd/internal/engine"
	"github.com/gordd-project/gordd/internal/gossip"
	"github.com/gordd-project/gordd/internal/journal"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/trust"
	"github.com/gordd-project/gordd/internal/web"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	// hello is how long a new stream may take to say what it is.
	hello = 10 * time.Second
	// blobMemory is how many bytes of blobs are kept in memory.
	blobMemory = 64 << 20
	// maxConns is how many connections a master holds, and maxConnsEach how many of
	// one address: a worker has one, and so has a driver.
	maxConns, maxConnsEach = 16384, 512
)

// Options are what a Master is made with.
type Options struct {
	Cluster string
	// Dir is the master's own directory, with its journal: a master goes on where the
	// one before it in the same directory has ended.
	Dir string
	// Listener is where workers and drivers connect. The master closes it.
	Listener net.Listener
	// Trust has the cluster's secrets: callers need certificates then. With nil all
	// are let in that Server lets in.
	Trust *trust.Cluster
	// CertificateLife is how long workers' certificates are good; the default is
	// trust.WorkerLife.
	CertificateLife time.Duration
	// Advertise is where others reach Listener: the gossip says so.
	Advertise string
	// Gossip says how to join the gossip; what the master is to say of itself is
	// filled in. With nil there is none.
	Gossip *gossip.Options
	// HTTP is where pages and metrics are served; nil: nowhere. The master closes it.
	HTTP net.Listener
	// HTTPToken is what who reads there must have.
	HTTPToken string
	// Server are options of the gRPC server, such as the demand for a token.
	Server []grpc.ServerOption
	// Config changes the scheduler's configuration; nil leaves the defaults.
	Config func(*model.Config)
	Log    *slog.Logger
}

// Master is a running master.
type Master struct {
	o       Options
	log     *slog.Logger
	journal *journal.Journal
	term    model.Term
	engine  *engine.Engine
	blobs   *blobs
	server  *grpc.Server
	access  *access        // nil: there are no certificates
	member  *gossip.Member // nil: there is no gossip
	secret  []byte         // of tickets
	web     *web.Server    // nil: nothing is served by HTTP
	ends    atomic.Int64   // streams of workers that have ended

	sessions atomic.Uint64 // of workers and drivers, rising
	renewals *renewals
	detached detached
	history  history
	asked    asked
	rotation rotation
	slots    atomic.Int64 // of the workers that are attached
	calls    sync.WaitGroup
	failed   chan error    // why the master cannot go on
	quit     chan struct{} // closed by Close

	// Of the engine's loop.
	workers map[plan.WorkerID]*worker
	peers   map[plan.WorkerID]msg.Peer // those that are not given up
	drivers map[plan.JobID]*driverOf
	stepped bool // down: drivers hear nothing more, and look for another master
}

// New starts a master. Its error wraps a *journal.LockedError when another one has
// the directory, and a *journal.DamageError or *journal.ClusterError when what is
// there cannot be used.
func New(o Options) (*Master, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Master{o: o, log: o.Log, failed: make(chan error, 1), quit: make(chan struct{}),
		blobs:   newBlobs(blob.New(filepath.Join(o.Dir, "blobs"), func() error { return os.MkdirAll(o.Dir, 0o700) }, blobMemory)),
		workers: map[plan.WorkerID]*worker{}, peers: map[plan.WorkerID]msg.Peer{}, drivers: map[plan.JobID]*driverOf{}}
	if err := m.prepare(); err != nil {
		return nil, err
	}
	c := model.Defaults(o.Cluster, m.term)
	c.Protocol = msg.Protocol
	if o.Config != nil {
		o.Config(&c)
	}
	m.engine = engine.New(engine.Options{Config: c, Slots: func() int { return max(int(m.slots.Load()), 1) }, Pictures: true, Log: o.Log}, effects{m})
	jobs, err := m.restore()
	if err != nil {
		return nil, errors.Join(err, m.unprepare())
	}
	m.engine.Start()
	jobs.goOn()
	m.renewals = newRenewals(func(ev model.Event) { m.engine.Send(ev) })
	options := msg.ServerOptions()
	if m.access != nil {
		options = append(options, m.access.options()...)
	}
	m.server = grpc.NewServer(append(options, o.Server...)...)
	msg.Register(m.server, service{m})
	m.calls.Go(func() {
		if err := m.server.Serve(door.New(maxConns, maxConnsEach).Listener(o.Listener)); err != nil {
			m.fail(fmt.Errorf("serve %s: %w", o.Listener.Addr(), err))
		}
	})
	if m.member != nil {
		m.calls.Go(m.hearGossip)
	}
	if o.HTTP != nil {
		m.web = web.Serve(o.HTTP, o.HTTPToken, m.pages())
	}
	return m, nil
}

// prepare does what may go wrong, but for the journal's contents.
func (m *Master) prepare() (err error) {
	if err = m.openJournal(); err != nil {
		return err
	}
	if m.secret, err = ticketSecret(m.o.Dir); err == nil && m.o.Trust != nil {
		m.access, err = newAccess(m.o)
	}
	if err == nil {
		err = m.joinGossip()
	}
	if err != nil {
		err = errors.Join(err, m.unprepare())
	}
	return err
}

// unprepare takes prepare back.
func (m *Master) unprepare() error {
	err := m.leaveGossip()
	if m.access != nil {
		m.access.close()
	}
	return errors.Join(err, m.journal.Close())
}

// Failed gives the reason once the master cannot go on.
func (m *Master) Failed() <-chan error { return m.failed }

func (m *Master) fail(err error) {
	select {
	case m.failed <- err:
	default:
	}
}

// Close ends the master. Workers go on with what they run, until their leases
// end: a master that starts in the same directory goes on with the jobs.
func (m *Master) Close() error {
	err := errors.Join(m.web.Close(), m.leaveGossip())
	close(m.quit)
	m.server.Stop()
	m.calls.Wait()
	if m.access != nil {
		m.access.close()
	}
	m.renewals.close()
	if !m.engine.Close() {
		err = errors.Join(err, errors.New("close master: storage does not answer"))
	}
	return errors.Join(err, m.journal.Close())
}

// service are the calls of other members.
type service struct{ *Master }

// first receives a stream's first message, for which it does not wait for long.
func first[T any](s *msg.Stream) (got T, err error) {
	m, err := soon(s)
	if err != nil {
		return got, err
	}
	got, ok := m.(T)
	if !ok {
		return got, fmt.Errorf("a stream began with %T", m)
	}
	return got, nil
}

// soon receives a message of a stream's beginning.
func soon(s *msg.Stream) (any, error) {
	type answer struct {
		m   any
		err error
	}
	came := make(chan answer, 1)
	go func() {
		m, err := s.Receive()
		came <- answer{m, err}
	}()
	late := time.NewTimer(hello)
	defer late.Stop()
	select {
	case a := <-came:
		return a.m, a.err
	case <-late.C:
		return nil, errors.New("a stream said nothing at its beginning")
	}
}

// refuse ends a stream with a reason.
func refuse(s *msg.Stream, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return errors.Join(s.Send(msg.Refused{Why: err.Error()}), err)
}

// sender gives a function that sends messages, each with what is to go before it.
func sender(s *msg.Stream, before func(any) []any) func(...any) error {
	return func(ms ...any) error {
		all := make([]any, 0, len(ms))
		for _, m := range ms {
			all = append(all, before(m)...)
		}
		return s.Send(all...)
	}
}

func newJobID() plan.JobID {
	return plan.JobID(time.Now().UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:6]))
}

// goodName says whether a name from elsewhere can be an id.
func goodName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return s[0] != '.'
}

// goodVersion says whether what a member calls its release can be shown.
func goodVersion(s string) bool { return s == "" || goodName(strings.ReplaceAll(s, "+", "-")) }
