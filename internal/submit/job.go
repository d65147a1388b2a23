package submit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/transfer"
)

// Options say what to submit.
type Options struct {
	// Conn is the connection to the master.
	Conn *grpc.ClientConn
	// Programs are the paths of the program's binaries, one for each platform, and
	// Files those of what is shipped beside them.
	Programs map[plan.Platform]string
	Files    []wire.File
	// Open is what the job is, but for the protocol and the driver's code. What it
	// has of programs and files is with the master already.
	Open msg.Open
	// Scratch is a directory for results on their way, which the caller removes.
	Scratch string
	// Fetch fetches results from workers.
	Fetch *transfer.Fetcher
	// Tickets are Fetch's, and get the job's key; nil: Fetch has none.
	Tickets *transfer.JobTickets
}

// Job is a job on a cluster. It is what package launch calls a Cluster.
type Job struct {
	o      Options
	ctx    context.Context
	cancel context.CancelFunc
	send   func(...wire.Message) error // to the program
	work   sync.WaitGroup

	link link

	mu    sync.Mutex
	id    plan.JobID
	files int
	paced map[int]bool // actions whose results the program itself acknowledges
}

// New makes a job. Nothing happens before the program has answered.
func New(ctx context.Context, o Options) *Job {
	if o.Tickets == nil {
		o.Tickets = new(transfer.JobTickets)
	}
	j := &Job{o: o, paced: map[int]bool{}}
	j.ctx, j.cancel = context.WithCancel(ctx)
	return j
}

// ID is the job's name in the cluster, once it has one.
func (j *Job) ID() plan.JobID {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.id
}

// Close ends what still goes on between program and master. A job that the program
// did not finish fails.
func (j *Job) Close() {
	j.leave()
	j.cancel()
	j.work.Wait()
	if id := j.ID(); id != "" {
		j.o.Tickets.Forget(id)
	}
}

// Join uploads what is new to the cluster, and opens the job for a driver that has
// answered so.
func (j *Job) Join(s *wire.Started, send func(...wire.Message) error) error {
	j.send = send
	if err := j.upload(); err != nil {
		return err
	}
	j.o.Open.Code = s.Code
	opened, st, err := j.open()
	if err != nil {
		return fmt.Errorf("open a job: %w", err)
	}
	j.mu.Lock()
	j.id = opened.Job
	j.mu.Unlock()
	j.o.Tickets.Set(opened.Job, opened.Key)
	j.link.opened(st, opened)
	j.work.Go(func() { j.listen(st) })
	j.work.Go(j.renew)
	return send(&wire.Joined{Job: opened.Job, Slots: opened.Slots})
}

// Detach uploads what is new to the cluster, and has a worker run the driver, for which
// of d all but Open holds. The job is open when it returns.
func Detach(ctx context.Context, o Options, d msg.Detach) (opened msg.Opened, err error) {
	j := New(ctx, o)
	defer j.Close()
	if err := j.upload(); err != nil {
		return opened, err
	}
	d.Open = j.o.Open
	d.Open.Protocol = msg.Protocol
	return call(ctx, o.Conn, msg.MethodDetach, func(st *msg.Stream) (opened msg.Opened, err error) {
		return askOpened(st, d)
	})
}

func (j *Job) open() (opened msg.Opened, st *msg.Stream, err error) {
	if st, err = msg.Dial(j.ctx, j.o.Conn, msg.MethodDrive); err != nil {
		return opened, nil, err
	}
	o := j.o.Open
	o.Protocol = msg.Protocol
	opened, err = askOpened(st, o)
	return opened, st, err
}

// RefusedError is a master's reason for not taking a job.
type RefusedError struct{ Why string }

// Error is the reason.
func (e *RefusedError) Error() string { return e.Why }

// askOpened asks for a job.
func askOpened(st *msg.Stream, ask any) (opened msg.Opened, err error) {
	m, err := st.Ask(ask)
	if err != nil {
		return opened, err
	}
	switch m := m.(type) {
	case msg.Opened:
		return m, nil
	case msg.Refused:
		return opened, &RefusedError{Why: m.Why}
	}
	return opened, fmt.Errorf("the master says %T", m)
}

// upload gives the master the programs and files that it does not have, and notes
// their digests for Open.
func (j *Job) upload() error {
	for _, p := range slices.Sorted(maps.Keys(j.o.Programs)) {
		d, _, err := j.uploadFile(j.o.Programs[p])
		if err != nil {
			return fmt.Errorf("upload the program for %s: %w", p, err)
		}
		j.o.Open.Programs = append(j.o.Open.Programs, model.Program{Platform: p, Binary: d})
	}
	for _, f := range j.o.Files {
		d, size, err := j.uploadFile(f.Path)
		if err != nil {
			return fmt.Errorf("upload file %s: %w", f.Path, err)
		}
		j.o.Open.Files = append(j.o.Open.Files, msg.File{Name: f.Name, Digest: d, Size: size})
	}
	return nil
}

// uploadFile gives the master a file, unless it has it.
func (j *Job) uploadFile(path string) (d plan.Digest, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = f.Close() }()
	h := plan.NewHash()
	if size, err = io.Copy(h, f); err != nil {
		return "", 0, err
	}
	d = plan.HashDigest(h)
	there, err := call(j.ctx, j.o.Conn, msg.MethodGetBlob, func(st *msg.Stream) (bool, error) { return st.Look(d) })
	if err != nil || there {
		return d, size, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	return d, size, j.put("", d, size, f)
}

func (j *Job) put(job plan.JobID, d plan.Digest, size int64, r io.Reader) error {
	_, err := call(j.ctx, j.o.Conn, msg.MethodPutBlob, func(st *msg.Stream) (struct{}, error) {
		return struct{}{}, st.Put(job, d, size, r)
	})
	return err
}

// call makes a call that ends with f.
func call[T any](ctx context.Context, conn *grpc.ClientConn, method string, f func(*msg.Stream) (T, error)) (T, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st, err := msg.Dial(ctx, conn, method)
	if err != nil {
		var none T
		return none, err
	}
	return f(st)
}

// Heed passes on what the program says.
func (j *Job) Heed(m wire.Message) {
	switch m := m.(type) {
	case *wire.PutBlob:
		j.work.Go(func() { j.putBlob(m) })
	case *wire.Begin, *wire.CancelAction, *wire.Taken, *wire.Abandon, *wire.ForgetAction, *wire.Release, *wire.ReleaseFiles,
		*wire.ReleaseBlob, *wire.Shown, *wire.Finish:
		j.mu.Lock()
		switch m := m.(type) {
		case *wire.Begin:
			j.paced[m.N] = m.Ahead > 0
		case *wire.ForgetAction:
			delete(j.paced, m.N)
		}
		j.mu.Unlock()
		j.link.send(m)
	}
}

// putBlob uploads a blob of the program's.
func (j *Job) putBlob(m *wire.PutBlob) {
	answer := &wire.BlobPut{Digest: m.Digest}
	if err := j.again(func() error { return j.putFile(m) }); err != nil {
		answer.Error = err.Error()
	}
	_ = j.send(answer)
}

func (j *Job) putFile(m *wire.PutBlob) error {
	f, err := os.Open(m.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	return j.put(j.ID(), m.Digest, m.Size, f)
}

// fetch brings a result that is with a worker. The master waits for word that it
// is here: its worker may go then.
func (j *Job) fetch(r *wire.Result) {
	path, err := j.bring(r)
	if err != nil {
		j.link.send(&wire.CancelAction{N: r.N, Reason: fmt.Sprintf("the result of partition %d cannot be fetched: %v", r.Partition, err)})
		return
	}
	_ = j.send(&wire.Result{N: r.N, Gen: r.Gen, Partition: r.Partition, Path: path})
	if !j.isPaced(r.N) {
		j.link.send(&wire.Taken{N: r.N, Gen: r.Gen, Partitions: []int{r.Partition}})
	}
}

// isPaced says whether the program itself says which results of an action it has used.
func (j *Job) isPaced(n int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.paced[n]
}

func (j *Job) bring(r *wire.Result) (path string, err error) {
	address, digest, ok := strings.Cut(r.Address, "/")
	if d := plan.Digest(digest); !ok || !d.Valid() {
		return "", fmt.Errorf("%q is no address of a result", r.Address)
	}
	part, err := j.o.Fetch.Blob(j.ctx, transfer.BlobRequest{Job: j.ID(), Digest: plan.Digest(digest), Limit: 1 << 40,
		Owners: []transfer.Source{{Addr: address}}})
	if err != nil {
		return "", err
	}
	j.mu.Lock()
	j.files++
	path = filepath.Join(j.o.Scratch, fmt.Sprintf("result-%d", j.files))
	j.mu.Unlock()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", errors.Join(err, part.Close())
	}
	_, err = io.Copy(f, part)
	return path, errors.Join(err, f.Close(), part.Close())
}
