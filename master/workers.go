package master

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// worker is one stream of a worker.
type worker struct {
	id      plan.WorkerID
	inc     model.Inc
	session model.Session
	slots   int
	said    model.Attach // without what it holds
	since   time.Time
	heard   atomic.Int64 // when it last renewed its lease, in nanoseconds behind since
	peer    msg.Peer     // as others know it; its address is where it can be probed
	out     *msg.Outbox
	leaves  bool // it may end; of the loop
	// What the stream has sent already: of its sender alone.
	plans work.Plans[struct{}]
	jobs  map[plan.JobID]bool
}

const (
	// maxSlots is the most that a worker may have.
	maxSlots = 4096
	// maxNames is how many names its machine may have.
	maxNames = 64
)

// maxHeld is how many parts of what it holds a worker may send before it attaches.
const maxHeld = 256

// attachOf receives what a worker's stream begins with.
func attachOf(st *msg.Stream) (at model.Attach, err error) {
	var held model.Inventory
	hold := func(part *model.Inventory) {
		held.Done, held.Failed = append(held.Done, part.Done...), append(held.Failed, part.Failed...)
		held.Outputs = append(held.Outputs, part.Outputs...)
	}
	for range maxHeld + 1 {
		m, err := soon(st)
		if err != nil {
			return at, err
		}
		switch m := m.(type) {
		case msg.Held:
			hold(&m.Inventory)
		case model.Attach:
			hold(&m.Inventory)
			m.Inventory.Done, m.Inventory.Failed, m.Inventory.Outputs = held.Done, held.Failed, held.Outputs
			return m, nil
		default:
			return at, fmt.Errorf("a stream began with %T", m)
		}
	}
	return at, fmt.Errorf("a worker tells in more than %d parts what it holds", maxHeld)
}

// Work is the stream of a worker.
func (s service) Work(st *msg.Stream) error {
	at, err := attachOf(st)
	if err != nil {
		return err
	}
	if err := s.fits(&at); err != nil {
		return refuse(st, "%w", err)
	}
	if err := s.access.speaksFor(st.Context(), at.Worker); err != nil {
		return refuse(st, "%w", err)
	}
	w := &worker{id: at.Worker, inc: at.Inc, session: model.Session(s.sessions.Add(1)), slots: at.Slots, out: msg.NewOutbox(),
		jobs: map[plan.JobID]bool{}}
	w.said, w.since = at, time.Now()
	w.said.Inventory = model.Inventory{}
	w.peer = msg.Peer{Worker: at.Worker, Machine: at.Machine}
	if len(at.Addresses) > 0 {
		w.peer.Address = at.Addresses[0]
	}
	from := model.From{Cluster: s.o.Cluster, Protocol: msg.Protocol, Term: at.Term, Worker: w.id, Inc: w.inc, Session: w.session}
	at.From = from
	w.out.Put(msg.Welcome{Cluster: s.o.Cluster, Term: s.term, Session: w.session, Gossip: s.seeds(), Key: s.gossipKey()})
	s.engine.Call(func() model.Event {
		if old := s.workers[w.id]; old != nil {
			old.out.Close()
			s.slots.Add(-int64(old.slots))
		}
		s.introduce(w)
		s.slots.Add(int64(w.slots))
		return at
	})
	s.log.Info("worker attached", "worker", string(w.id), "slots", w.slots, "session", uint64(w.session))
	sent := make(chan struct{})
	err = s.converse(st, w, from, sent)
	s.ends.Add(1)
	w.out.Close()
	cause := err.Error()
	if w.out.Overflowed() {
		cause = "it does not take what it is sent"
	}
	s.engine.Call(func() model.Event {
		if s.workers[w.id] == w {
			delete(s.workers, w.id)
			s.slots.Add(-int64(w.slots))
			if w.leaves {
				delete(s.peers, w.id)
			}
		}
		return model.StreamDown{Worker: w.id, Inc: w.inc, Session: w.session, Cause: cause}
	})
	s.detached.workerGone(w.id)
	s.log.Info("worker stream ended", "worker", string(w.id), "session", uint64(w.session), "cause", cause)
	<-sent
	return err
}

// converse hears a worker and tells it what there is, until one of both is not possible
// any more, and says why. What is told may take longer: then sent is closed.
func (s service) converse(st *msg.Stream, w *worker, from model.From, sent chan<- struct{}) error {
	broken, heard := make(chan error, 1), make(chan error, 1)
	go func() {
		defer close(sent)
		broken <- w.out.Drain(st.Context(), sender(st, func(m any) []any { return s.toWorker(w, m) }))
	}()
	go func() { heard <- s.hear(st, w, from) }() // until the call has returned
	select {
	case err := <-heard:
		return err
	case err := <-broken:
		if err != nil {
			return err
		}
		return <-heard // there is nothing more to tell
	}
}

// fits says whether a worker can be one of this cluster, by what it says of itself.
func (m *Master) fits(at *model.Attach) error {
	switch {
	case at.Protocol != msg.Protocol:
		return fmt.Errorf("worker %s speaks protocol %d, this master %d: use one release of gordd for both", at.Worker, at.Protocol, msg.Protocol)
	case at.Cluster != "" && at.Cluster != m.o.Cluster:
		return fmt.Errorf("worker %s belongs to cluster %s, this is %s", at.Worker, at.Cluster, m.o.Cluster)
	case !goodName(string(at.Worker)) || !goodName(string(at.Store)):
		return fmt.Errorf("%q is no name for a worker or store", at.Worker)
	case len(at.Hosts) > maxNames:
		return fmt.Errorf("worker %s says that its machine has %d names: the most is %d", at.Worker, len(at.Hosts), maxNames)
	case !at.Platform.Valid():
		return fmt.Errorf("worker %s says that it runs on %q, which is no platform", at.Worker, at.Platform)
	case at.Slots > maxSlots:
		return fmt.Errorf("worker %s says that it has %d slots: the most is %d", at.Worker, at.Slots, maxSlots)
	case !goodVersion(at.Version):
		return fmt.Errorf("worker %s has version %q", at.Worker, at.Version)
	}
	if err := msg.CheckPlace(at.Rack, at.Labels); err != nil {
		return fmt.Errorf("worker %s: %w", at.Worker, err)
	}
	return nil
}

// introduce tells the workers of each other, and a new one whom to refuse. It is
// called from the loop.
func (m *Master) introduce(w *worker) {
	m.workers[w.id], m.peers[w.id] = w, w.peer
	if m.access != nil {
		w.out.Put(m.access.revoked())
	}
	for _, peer := range m.peers {
		w.out.Put(peer)
	}
	for _, other := range m.workers {
		if other != w {
			other.out.Put(w.peer)
		}
	}
}

// hear takes what a worker tells until the stream ends, and says why it did.
func (s service) hear(st *msg.Stream, w *worker, from model.From) error {
	for {
		ms, err := st.ReceiveAll()
		if err != nil {
			return err
		}
		var evs []model.Event
		for _, m := range ms {
			if s.heed(w, m) {
				continue
			}
			ev, err := stamped(m, from)
			if err != nil {
				return err
			}
			evs = append(evs, ev)
		}
		if len(evs) > 0 {
			s.engine.Send(evs...)
		}
	}
}

// heed takes what is not for the scheduler, and says whether it was.
func (s service) heed(w *worker, m any) bool {
	switch m := m.(type) {
	case msg.Renewal:
		w.heard.Store(int64(time.Since(w.since)))
		s.renewals.add(model.Renewal{Worker: w.id, Inc: w.inc, Session: w.session, SentAt: m.SentAt, Heard: m.Heard})
	case msg.DriverEnded:
		s.driverEnded(w, m)
	case msg.LogPart:
		s.asked.answered(m)
	case msg.Handover:
		s.handOver(m)
	default:
		return false
	}
	return true
}

// stamped puts the stream's own envelope around an event, but for the term,
// which is the worker's to say.
func stamped(m any, from model.From) (model.Event, error) {
	if of, ok := m.(model.WorkerEvent); ok {
		from.Term = of.Envelope().Term
	}
	switch m := m.(type) {
	case model.Leaving:
		m.From = from
		return m, nil
	case model.TaskStarted:
		m.From = from
		return m, nil
	case model.TaskProgress:
		m.From = from
		return m, nil
	case model.TaskDone:
		m.From = from
		return m, nil
	case model.TaskFailed:
		m.From = from
		return m, nil
	case model.ExecUp:
		m.From = from
		return m, nil
	case model.ExecGone:
		m.From = from
		return m, nil
	case model.BlocksChanged:
		m.From = from
		return m, nil
	case model.CopyDone:
		m.From = from
		return m, nil
	case model.OutputsMoved:
		m.From = from
		return m, nil
	case model.OutputVerdict:
		m.From = from
		return m, nil
	case model.DiskState:
		m.From = from
		return m, nil
	case model.BarrierArrive:
		m.From = from
		return m, nil
	}
	return nil, fmt.Errorf("a worker says %T", m)
}

// locationsAtOnce is how many outputs one message tells of.
const locationsAtOnce = 256

// toWorker turns a command into messages: what it refers to goes before it, once
// a stream.
func (s service) toWorker(w *worker, m any) []any {
	switch c := m.(type) {
	case *work.Launch:
		return s.launch(w, c)
	case model.StartExec:
		return s.ofJob(w, c.Job, c)
	case msg.Handover:
		return s.ofJob(w, c.Job, c)
	case model.Copy:
		return s.ofJob(w, c.Job, c)
	case model.Locations:
		return pieces(c)
	case model.Drop:
		if c.All {
			delete(w.jobs, c.Job)
		}
	}
	return []any{m}
}

// ofJob lets a message follow what it is about.
func (s service) ofJob(w *worker, id plan.JobID, m any) []any {
	if w.jobs[id] {
		return []any{m}
	}
	w.jobs[id] = true
	if j, ok := s.blobs.job(id, w.id, w.said.Platform); ok {
		j.Key = s.ticketKey(id)
		return []any{j, m}
	}
	return []any{m}
}

// handOver passes a worker's outputs on to the one that is to own them. When it is
// not here, the scheduler will ask again.
func (s service) handOver(m msg.Handover) {
	s.engine.Call(func() model.Event {
		if to := s.workers[m.Target]; to != nil {
			to.out.Put(m)
		}
		return nil
	})
}

const (
	// launchBytes is about how many bytes of splits one message has.
	launchBytes = 1 << 20
	// maxSplits is how many a task may have: they travel with the task, and that has
	// other things too.
	maxSplits = plan.MaxEncoded - 1<<20
)

// launch gives a launch as messages of a bounded size, after its plan if that is new to
// the worker. Attempts that cannot be sent fail.
func (s service) launch(w *worker, l *work.Launch) (ms []any) {
	digest, encoded, err := l.Plan.Encoded()
	if err != nil {
		s.refuseLaunch(w, l.Tasks, err)
		return nil
	}
	piece := func() msg.Launch {
		p := msg.Launch{Launch: l.Launch, Action: l.Action, Plan: digest}
		p.Launch.Tasks = nil
		return p
	}
	out, size := piece(), 0
	for _, t := range l.Tasks {
		splits, n, err := splitsOf(l, t.Attempt.Partition)
		if err != nil {
			s.refuseLaunch(w, []model.Assignment{t}, err)
			continue
		}
		if size += n; size > launchBytes && len(out.Splits) > 0 {
			ms = append(ms, out)
			out, size = piece(), n
		}
		out.Launch.Tasks, out.Splits = append(out.Launch.Tasks, t), append(out.Splits, splits)
	}
	if len(out.Splits) > 0 {
		ms = append(ms, out)
	}
	if _, ok := w.plans.Get(digest); !ok && len(ms) > 0 {
		w.plans.Put(digest, struct{}{})
		ms = slices.Insert(ms, 0, any(msg.Plan{Digest: digest, Encoded: encoded}))
	}
	return ms
}

// splitsOf gives what a task reads of files, and how many bytes it takes to say so.
func splitsOf(l *work.Launch, partition int) (splits []plan.PipeSplit, n int, err error) {
	if splits, err = l.Splits(partition); err != nil {
		return nil, 0, err
	}
	for _, sp := range splits {
		n += len(sp.Split)
	}
	if n > maxSplits {
		return nil, 0, fmt.Errorf("partition %d of %s reads so many files that their names take %d bytes, and the most is %d: read them in more splits, or fewer and larger files",
			partition, l.Stage.Name, n, maxSplits)
	}
	return splits, n, nil
}

// refuseLaunch fails attempts that cannot be sent.
func (s service) refuseLaunch(w *worker, tasks []model.Assignment, err error) {
	s.log.Error("launch cannot be sent", "err", err)
	from := model.From{Cluster: s.o.Cluster, Protocol: msg.Protocol, Term: s.term, Worker: w.id, Inc: w.inc, Session: w.session}
	for _, t := range tasks {
		s.engine.Send(model.TaskFailed{From: from, Attempt: t.Attempt, Class: model.User, Message: err.Error()})
	}
}

// pieces cuts locations into messages of a bounded size.
func pieces(c model.Locations) (ms []any) {
	all := c.Outputs
	for first := true; first || len(all) > 0; first = false {
		n := min(len(all), locationsAtOnce)
		p := c
		p.Outputs, all = all[:n], all[n:]
		if !first {
			p.Full, p.Lost = false, nil
		}
		ms = append(ms, p)
	}
	return ms
}
