package driver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/blob"
	"github.com/gordd-project/gordd/internal/engine/work"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// blobMemory is how many bytes of blobs are kept in memory.
const blobMemory = 64 << 20

// Remote drives a job of a cluster by the wire to the process that started this
// one, which passes everything on.
type Remote struct {
	conn   *wire.Conn
	client *Client
	blobs  *blob.Store
	log    *slog.Logger
	shown  []plan.Shown // what was told of accumulators
	// portions of what the tasks of actions added to accumulators, whose ends have not
	// come. Only who heeds messages uses them.
	portions map[int][][]plan.StageUpdates

	notice func(text string) // or nil

	mu   sync.Mutex
	sent map[plan.Digest]*upload
	gone error  // of the wire
	why  string // the program failed; "": it did not
}

// upload is a blob that the cluster has, or is being given.
type upload struct {
	done chan struct{} // closed when it was answered
	err  error
}

// RemoteOptions are what a Remote is made with.
type RemoteOptions struct {
	Conn    *wire.Conn
	Job     plan.JobID
	Scratch string // a directory of the driver's own, which
	// MakeScratch makes when it is needed.
	MakeScratch  func() error
	Observe      func(plan.ActionStatus) // nil: nobody watches
	Accumulators Accumulators
	Notice       func(text string) // tells the user what the cluster has to say; nil: nobody is told
	Log          *slog.Logger
}

// NewRemote makes a remote. What comes over the wire is given to Heed.
func NewRemote(o RemoteOptions) *Remote {
	r := &Remote{conn: o.Conn, log: o.Log, notice: o.Notice, sent: map[plan.Digest]*upload{}, portions: map[int][][]plan.StageUpdates{},
		blobs: blob.New(filepath.Join(o.Scratch, "blobs"), o.MakeScratch, blobMemory)}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.client = New(Options{Job: o.Job, Link: remoteLink{r}, Accumulators: o.Accumulators,
		Observe: func(s plan.ActionStatus) {
			r.show(s.Accumulators)
			if o.Observe != nil {
				o.Observe(s)
			}
		}})
	return r
}

// show tells the cluster the values of accumulators, where they changed. Only the
// observer's goroutine calls it.
func (r *Remote) show(all []plan.Shown) {
	if !slices.Equal(all, r.shown) && r.conn.Send(&wire.Shown{Accumulators: all}) == nil {
		r.shown = all
	}
}

// Do runs one action; see [Client.Do].
func (r *Remote) Do(ctx context.Context, encoded []byte, want Action) (plan.ActionStatus, error) {
	p, err := plan.Decode[plan.Plan](encoded)
	if err != nil {
		return plan.ActionStatus{}, err
	}
	for _, d := range p.Blobs {
		if err := r.give(ctx, d); err != nil {
			return plan.ActionStatus{}, work.Wrap(p, err)
		}
	}
	return r.client.Do(ctx, encoded, want)
}

// give sees to it that the cluster has a blob.
func (r *Remote) give(ctx context.Context, d plan.Digest) error {
	r.mu.Lock()
	u, gone := r.sent[d], r.gone
	if u == nil && gone == nil {
		u = &upload{done: make(chan struct{})}
		r.sent[d] = u
		go r.upload(d)
	}
	r.mu.Unlock()
	if gone != nil {
		return gone
	}
	select {
	case <-u.done:
		return u.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (r *Remote) upload(d plan.Digest) {
	path, size, err := r.blobs.File(d)
	if err == nil {
		err = r.conn.Send(&wire.PutBlob{Digest: d, Path: path, Size: size})
	}
	if err != nil {
		r.uploaded(d, err)
	}
}

// uploaded takes the answer to an upload. One that failed is tried again by the
// next action.
func (r *Remote) uploaded(d plan.Digest, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := r.sent[d]
	if u == nil {
		return
	}
	select {
	case <-u.done:
		return
	default:
	}
	if u.err = err; err != nil {
		u.err = fmt.Errorf("send a With value or slice to the cluster: %w", err)
		delete(r.sent, d)
	}
	close(u.done)
}

// Heed takes a message of the wire. It says whether it was one for a driver.
func (r *Remote) Heed(m wire.Message) bool {
	switch m := m.(type) {
	case *wire.Result:
		v := Inline(m.Bytes)
		if m.Path != "" {
			v = InFile(m.Path)
		}
		r.client.Result(m.N, model.Gen(m.Gen), m.Partition, v)
	case *wire.Reset:
		r.client.Reset(m.N, model.Gen(m.Gen))
	case *plan.ActionStatus:
		r.client.Picture(*m)
	case *wire.Added:
		r.client.Added(m.N, m.Updates)
	case *wire.Portion:
		r.portion(m)
	case *wire.ActionEnd:
		r.actionEnd(m)
	case *wire.Quiet:
		r.client.Quiet(m.N)
	case *wire.Notice:
		if r.notice != nil {
			r.notice(m.Text)
		}
	case *wire.JobEnd:
		r.end(errors.New(m.Why))
	case *wire.BlobPut:
		var err error
		if m.Error != "" {
			err = errors.New(m.Error)
		}
		r.uploaded(m.Digest, err)
	default:
		return false
	}
	return true
}

// portion takes a portion of what the tasks of an action added. A master that has
// started again tells all of them again.
func (r *Remote) portion(m *wire.Portion) {
	if before := r.portions[m.N]; m.At <= len(before) {
		r.portions[m.N] = append(before[:m.At], m.Updates)
	}
}

// actionEnd puts the portions of an action together. What is told of counts as a whole
// or not at all.
func (r *Remote) actionEnd(m *wire.ActionEnd) {
	before, err := r.portions[m.Status.ID.N], Cause(m.Trouble)
	delete(r.portions, m.Status.ID.N)
	if m.Portions == 0 { // what is there is of a master before, whose end nobody heard
		before = nil
	}
	updates := m.Updates
	switch {
	case len(before) == m.Portions:
		updates = append(slices.Concat(before...), updates...)
	default:
		updates = nil
		m.Status.State = plan.ActionFailed
		err = errors.Join(err, fmt.Errorf("%s (%s): of what tasks added to accumulators %d portions of %d arrived: nothing of it counts",
			m.Status.Name, m.Status.Site, len(before), m.Portions+1))
	}
	r.client.End(m.Status, updates, err)
}

// Gone says that the wire has ended: nothing will be answered any more.
func (r *Remote) Gone(err error) { r.end(err) }

// end ends what waits for an answer.
func (r *Remote) end(err error) {
	r.mu.Lock()
	r.gone = err
	var waiting []plan.Digest
	for d, u := range r.sent {
		select {
		case <-u.done:
		default:
			waiting = append(waiting, d)
		}
	}
	r.mu.Unlock()
	for _, d := range waiting {
		r.uploaded(d, err)
	}
	r.client.Lose(err)
}

// PutBlob keeps b, which must not be changed any more, and gives its digest. It
// is sent with the first action that names it.
func (r *Remote) PutBlob(b []byte) plan.Digest { return r.blobs.Put(b) }

// WriteBlob is PutBlob for what write writes.
func (r *Remote) WriteBlob(write func(io.Writer) error) (plan.Digest, error) {
	return r.blobs.Write(write)
}

// ReleaseBlob gives a reference back.
func (r *Remote) ReleaseBlob(d plan.Digest) {
	r.blobs.Release(d)
	if r.blobs.Has(d) {
		return
	}
	r.mu.Lock()
	u := r.sent[d]
	delete(r.sent, d)
	r.mu.Unlock()
	if u != nil {
		_ = r.conn.Send(&wire.ReleaseBlob{Digest: d})
	}
}

// Blob returns the bytes of a blob.
func (r *Remote) Blob(d plan.Digest) ([]byte, error) { return r.blobs.Get(d) }

// BlobPart opens the bytes of a blob between two offsets.
func (r *Remote) BlobPart(d plan.Digest, from, to int64) (io.ReadCloser, error) {
	return r.blobs.Part(d, from, to)
}

// Release says that no handle refers to a shuffle or value any more.
func (r *Remote) Release(stage plan.StageKey) { _ = r.conn.Send(&wire.Release{Stage: stage}) }

// ReleaseFiles says that no handle refers to a file source any more.
func (r *Remote) ReleaseFiles(f plan.Files) { _ = r.conn.Send(&wire.ReleaseFiles{Files: f}) }

// CancelTag is [Client.CancelTag].
func (r *Remote) CancelTag(tag string, cause error) { r.client.CancelTag(tag, cause) }

// Failed says why the program that Close ends did not succeed: its job failed then.
func (r *Remote) Failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = err.Error()
}

// Close ends running actions and tells the cluster that nothing follows.
func (r *Remote) Close() error {
	r.client.Close()
	r.mu.Lock()
	last := &wire.Finish{Reason: r.why}
	r.mu.Unlock()
	if err := r.conn.Send(last); err != nil {
		return fmt.Errorf("finish the job: %w", err)
	}
	return nil
}

// remoteLink sends what the client has to say.
type remoteLink struct{ *Remote }

func (l remoteLink) Begin(s work.Submission) error {
	encoded, err := plan.Encode(s.Plan)
	if err != nil {
		return err
	}
	return l.conn.Send(&wire.Begin{N: s.ID.N, Plan: encoded, Partitions: s.Partitions, Consumed: s.Consumed, Ahead: s.Ahead})
}

func (l remoteLink) Cancel(id plan.ActionID, cause error) {
	_ = l.conn.Send(&wire.CancelAction{N: id.N, Reason: cause.Error()})
}

func (l remoteLink) Taken(id plan.ActionID, gen model.Gen, partition int) {
	_ = l.conn.Send(&wire.Taken{N: id.N, Gen: int(gen), Partitions: []int{partition}})
}

func (l remoteLink) Abandon(id plan.ActionID) { _ = l.conn.Send(&wire.Abandon{N: id.N}) }

func (l remoteLink) Forget(id plan.ActionID) { _ = l.conn.Send(&wire.ForgetAction{N: id.N}) }
