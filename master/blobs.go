package master

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/blob"
	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	// maxBlob is the largest blob that is taken.
	maxBlob = 8 << 30
	// maxPrograms is how many programs are kept for jobs to come.
	maxPrograms = 32
)

// blobs are the bytes that jobs name by digest, and the programs of jobs.
type blobs struct {
	store *blob.Store

	mu       sync.Mutex
	jobs     map[plan.JobID]*holder
	programs []plan.Digest // least recently used first
}

// holder is what a job holds.
type holder struct {
	spec msg.Job
	refs map[plan.Digest]int
	told []plan.WorkerID // the last workers that know the job
}

func newBlobs(s *blob.Store) *blobs { return &blobs{store: s, jobs: map[plan.JobID]*holder{}} }

// open gives a job its place, and holds its program, which others may push out of
// those that are kept.
func (b *blobs) open(spec msg.Job) error {
	if err := b.store.Hold([]plan.Digest{spec.Binary}); err != nil {
		return fmt.Errorf("the program is not there any more: submit it again: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs[spec.ID] = &holder{spec: spec, refs: map[plan.Digest]int{spec.Binary: 1}}
	return nil
}

// reopen gives a job its place under a master that has started again. A value that
// was held and is not there any more was released.
func (b *blobs) reopen(spec msg.Job, held []plan.Digest) error {
	err := b.store.Adopt(spec.Binary)
	b.mu.Lock()
	defer b.mu.Unlock()
	h := &holder{spec: spec, refs: map[plan.Digest]int{}}
	b.jobs[spec.ID] = h
	if err == nil {
		h.refs[spec.Binary] = 1
	}
	for _, d := range held {
		if h.refs[d] == 0 && b.store.Adopt(d) == nil {
			h.refs[d] = 1
		}
	}
	return err
}

// maxTold is how many workers that know a job are remembered, and maxOwners how many
// of them others hear of.
const (
	maxTold   = 32
	maxOwners = 3
)

// job gives what executors of a job are to a worker, and which others have it
// already.
func (b *blobs) job(id plan.JobID, to plan.WorkerID) (msg.Job, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.jobs[id]
	if h == nil {
		return msg.Job{}, false
	}
	j := h.spec
	h.told = slices.DeleteFunc(h.told, func(w plan.WorkerID) bool { return w == to })
	for _, i := range rand.Perm(len(h.told)) {
		if len(j.Owners) < maxOwners {
			j.Owners = append(j.Owners, h.told[i])
		}
	}
	if h.told = append(h.told, to); len(h.told) > maxTold {
		h.told = h.told[1:]
	}
	return j, true
}

// close lets go of what a job holds.
func (b *blobs) close(id plan.JobID) {
	b.mu.Lock()
	h := b.jobs[id]
	delete(b.jobs, id)
	b.mu.Unlock()
	if h == nil {
		return
	}
	for d, n := range h.refs {
		for range n {
			b.store.Release(d)
		}
	}
}

// hold makes a job the owner of a reference that the store has given.
func (b *blobs) hold(id plan.JobID, d plan.Digest) {
	b.mu.Lock()
	h := b.jobs[id]
	if h != nil {
		h.refs[d]++
	}
	b.mu.Unlock()
	if h == nil {
		b.store.Release(d)
	}
}

// release gives a job's reference back.
func (b *blobs) release(id plan.JobID, d plan.Digest) {
	b.mu.Lock()
	h := b.jobs[id]
	held := h != nil && h.refs[d] > 0
	if held {
		if h.refs[d]--; h.refs[d] == 0 {
			delete(h.refs, d)
		}
	}
	b.mu.Unlock()
	if held {
		b.store.Release(d)
	}
}

// program keeps a program, and forgets the one that was not used for longest
// when there are too many.
func (b *blobs) program(d plan.Digest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.programs = append(b.programs, d)
	if len(b.programs) > maxPrograms {
		b.store.Release(b.programs[0])
		b.programs = b.programs[1:]
	}
}

// PutBlob takes a blob: a job's, or a program.
func (s service) PutBlob(st *msg.Stream) error {
	head, err := first[msg.BlobHead](st)
	if err != nil {
		return err
	}
	if err := s.access.submits(st.Context(), s.detached.driver(head.Job)); err != nil {
		return err
	}
	if err := s.take(st, head); err != nil {
		return st.Send(msg.BlobDone{Error: err.Error()})
	}
	return st.Send(msg.BlobDone{})
}

func (s service) take(st *msg.Stream, head msg.BlobHead) error {
	switch {
	case !head.Digest.Valid():
		return fmt.Errorf("%q is no digest", head.Digest)
	case head.Size > maxBlob:
		return fmt.Errorf("blob of %d bytes: the most is %d", head.Size, int64(maxBlob))
	}
	d, err := s.blobs.store.Write(func(w io.Writer) error {
		n, err := io.Copy(w, st.Body(head.Size))
		if err == nil && n != head.Size {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	if err != nil {
		return err
	}
	if d != head.Digest {
		s.blobs.store.Release(d)
		return fmt.Errorf("blob has digest %s instead of %s", d, head.Digest)
	}
	if err := s.blobs.store.Persist(d); err != nil {
		s.blobs.store.Release(d)
		return err
	}
	if head.Job == "" {
		s.blobs.program(d)
		return nil
	}
	s.blobs.hold(head.Job, d)
	return s.holds(head.Job, d)
}

// holds notes that a job holds a blob, for a later master.
func (s service) holds(id plan.JobID, d plan.Digest) error {
	noted := make(chan *model.Cause, 1)
	s.engine.Call(func() model.Event {
		of := s.drivers[id]
		if of == nil {
			noted <- &model.Cause{Message: fmt.Sprintf("job %s is not here", id)}
			return nil
		}
		return model.HoldBlob{Request: of.expect(noted), Job: id, Digest: d}
	})
	select {
	case cause := <-noted:
		if cause != nil {
			return cause
		}
		return nil
	case <-s.engine.Done():
		return errors.New("the master ends")
	}
}

// errNoBlob is the answer for what the master does not have.
var errNoBlob = errors.New("the master does not have it")

// GetBlob gives a blob, or says whether it is there.
func (s service) GetBlob(st *msg.Stream) error {
	head, err := first[msg.BlobHead](st)
	if err != nil {
		return err
	}
	_, size, err := s.blobs.store.File(head.Digest)
	if err != nil {
		return st.Give(head.Digest, 0, nil, errNoBlob)
	}
	if head.Look {
		return st.Send(msg.BlobHead{Digest: head.Digest, Size: size})
	}
	r, err := s.blobs.store.Part(head.Digest, 0, size)
	if err != nil {
		return st.Give(head.Digest, 0, nil, errNoBlob)
	}
	defer func() { _ = r.Close() }()
	return st.Give(head.Digest, size, r, nil)
}
