package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
	"github.com/gordd-project/gordd/worker/transfer"
)

// blobs are the files of blobs and programs that this worker has. What is missing
// is fetched once for all that want it at a time.
type blobs struct {
	dir      string
	download func(ctx context.Context, job plan.JobID, d plan.Digest, to io.Writer) error

	mu       sync.Mutex
	all      map[plan.Digest]*blob
	jobs     map[plan.JobID]*blobsOf
	programs []plan.Digest // the last ones that were started, which stay for jobs to come
}

// keptPrograms is how many programs stay.
const keptPrograms = 32

// blobsOf is what a job has of them: nobody gets one by another job's name.
type blobsOf struct {
	owners []plan.WorkerID // that may have them too
	asked  map[plan.Digest]bool
}

// blob is one of them, or one under way.
type blob struct {
	here chan struct{} // closed when the fetch has ended
	path string
	size int64
	err  error
}

func newBlobs(dir string, download func(context.Context, plan.JobID, plan.Digest, io.Writer) error) *blobs {
	return &blobs{dir: dir, download: download, all: map[plan.Digest]*blob{}, jobs: map[plan.JobID]*blobsOf{}}
}

// of gives a job's place. It is called with the lock.
func (b *blobs) of(job plan.JobID) *blobsOf {
	j := b.jobs[job]
	if j == nil {
		j = &blobsOf{asked: map[plan.Digest]bool{}}
		b.jobs[job] = j
	}
	return j
}

// told takes note of which other workers have blobs of a job.
func (b *blobs) told(job plan.JobID, owners []plan.WorkerID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(job).owners = owners
}

// owners gives those workers.
func (b *blobs) owners(job plan.JobID) []plan.WorkerID {
	b.mu.Lock()
	defer b.mu.Unlock()
	if j := b.jobs[job]; j != nil {
		return j.owners
	}
	return nil
}

// drop forgets a job, and removes what only that had, but for programs.
func (b *blobs) drop(job plan.JobID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j := b.jobs[job]
	delete(b.jobs, job)
	if j != nil {
		for d := range j.asked {
			b.tidy(d)
		}
	}
}

// tidy removes a blob that nobody has asked for who is still there. It is called
// with the lock.
func (b *blobs) tidy(d plan.Digest) {
	x := b.all[d]
	if x == nil || !x.ready() || slices.Contains(b.programs, d) {
		return
	}
	for _, j := range b.jobs {
		if j.asked[d] {
			return
		}
	}
	delete(b.all, d)
	_ = os.Remove(x.path) // what cannot be removed goes with the directory
}

// program is checked for a job's program, which stays for jobs to come.
func (b *blobs) program(ctx context.Context, job plan.JobID, d plan.Digest) (string, error) {
	path, err := b.checked(ctx, job, d)
	if err != nil {
		return "", fmt.Errorf("the program: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.programs = append(slices.DeleteFunc(b.programs, func(p plan.Digest) bool { return p == d }), d)
	if len(b.programs) > keptPrograms {
		old := b.programs[0]
		b.programs = b.programs[1:]
		b.tidy(old)
	}
	return path, nil
}

// files are find for all files of a job.
func (b *blobs) files(ctx context.Context, job plan.JobID, files []msg.File) (found []wire.File, err error) {
	for _, f := range files {
		path, err := b.find(ctx, job, f.Digest)
		if err != nil {
			return nil, fmt.Errorf("file %s: %w", f.Name, err)
		}
		found = append(found, wire.File{Name: f.Name, Path: path})
	}
	return found, nil
}

// served gives a blob of a job to another worker, if it is here.
func (b *blobs) served(job plan.JobID, d plan.Digest) (*transfer.Content, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	j, x := b.jobs[job], b.all[d]
	if j == nil || !j.asked[d] || x == nil || !x.ready() {
		return nil, transfer.ErrMissing
	}
	path := x.path
	return &transfer.Content{Size: x.size, Open: func() (*os.File, error) { return os.Open(path) }}, nil
}

func (x *blob) ready() bool {
	select {
	case <-x.here:
		return x.err == nil
	default:
		return false
	}
}

// find gives the file of a job's blob. What failed is tried again by who asks next.
func (b *blobs) find(ctx context.Context, job plan.JobID, d plan.Digest) (string, error) {
	if !d.Valid() {
		return "", fmt.Errorf("%q is no digest", d)
	}
	b.mu.Lock()
	b.of(job).asked[d] = true
	x := b.all[d]
	mine := x == nil
	if mine {
		x = &blob{here: make(chan struct{})}
		b.all[d] = x
	}
	b.mu.Unlock()
	if !mine {
		select {
		case <-x.here:
			return x.path, x.err
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	x.path, x.size, x.err = b.get(ctx, job, d)
	b.mu.Lock()
	defer b.mu.Unlock()
	close(x.here)
	if x.err != nil {
		delete(b.all, d)
	} else {
		b.tidy(d) // the job may have ended meanwhile
	}
	return x.path, x.err
}

// checked is find for what is to be run. The file may be another build by now: what it
// is when it starts counts, and one that is not what the job is named by never runs.
func (b *blobs) checked(ctx context.Context, job plan.JobID, d plan.Digest) (string, error) {
	path, err := b.find(ctx, job, d)
	if err != nil {
		return "", err
	}
	got, err := digestOf(path)
	if err == nil && got == d {
		return path, nil
	}
	b.mu.Lock()
	delete(b.all, d) // who asks next fetches it
	b.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("program %.12s: %w", d, err)
	}
	return "", fmt.Errorf("program %.12s is another build in %s, %.12s: it is not run, and will be fetched again", d, path, got)
}

func digestOf(path string) (plan.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h := plan.NewHash()
	_, err = io.Copy(h, f)
	return plan.HashDigest(h), errors.Join(err, f.Close())
}

// get fetches a blob into a file that has its name only when it is whole. Programs
// are blobs too, so all can be run; none is changed.
func (b *blobs) get(ctx context.Context, job plan.JobID, d plan.Digest) (path string, size int64, err error) {
	path = filepath.Join(b.dir, string(d))
	f, err := os.CreateTemp(b.dir, "new-*")
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			_ = os.Remove(f.Name())
			path = ""
		}
	}()
	h := plan.NewHash()
	if err := b.download(ctx, job, d, io.MultiWriter(f, h)); err != nil {
		return path, 0, fmt.Errorf("fetch blob %.12s: %w", d, err)
	}
	if got := plan.HashDigest(h); got != d {
		return path, 0, fmt.Errorf("fetch blob %.12s: what came has digest %.12s", d, got)
	}
	if size, err = f.Seek(0, io.SeekEnd); err != nil {
		return path, 0, err
	}
	return path, size, f.Chmod(0o500)
}

// largestBlob is the largest that is taken from another worker.
const largestBlob = 8 << 30

// download fetches a blob: from another worker that has it, or else from the master.
// Of neither it is known here that what comes is right.
func (w *Worker) download(ctx context.Context, job plan.JobID, d plan.Digest, to io.Writer) error {
	r := transfer.BlobRequest{Job: job, Digest: d, Limit: largestBlob}
	for _, id := range w.blobs.owners(job) {
		if peer := w.peers.get(id); peer.Address != "" && id != w.o.ID {
			r.Owners = append(r.Owners, transfer.Source{Worker: id, Addr: peer.Address})
		}
	}
	if len(r.Owners) > 0 {
		part, err := w.near.Blob(ctx, r)
		if err == nil {
			_, err = io.Copy(to, part)
			return errors.Join(err, part.Close())
		}
		w.log.Debug("no other worker gave a blob", "job", string(job), "digest", string(d), "err", err)
	}
	return w.fromMaster(ctx, d, to)
}

// fromMaster fetches a blob from the master.
func (w *Worker) fromMaster(ctx context.Context, d plan.Digest, to io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	st, err := msg.Dial(ctx, w.conn, msg.MethodGetBlob)
	if err != nil {
		return err
	}
	size, r, err := st.Get(d)
	if err != nil {
		return err
	}
	n, err := io.Copy(to, r)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return err
}
