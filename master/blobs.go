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
	// keptBlobs is how many programs and files are kept for jobs to come, and
	// keptBytes how many bytes of them.
	keptBlobs = 256
	keptBytes = 4 * maxBlob
)

// blobs are the bytes that jobs name by digest, and the programs and files that
// jobs come with.
type blobs struct {
	store *blob.Store

	mu   sync.Mutex
	jobs map[plan.JobID]*holder
	kept []kept // for jobs to come, least recently used first
	sum  int64  // bytes of them
}

// kept is a blob that is kept although no job may hold it.
type kept struct {
	digest plan.Digest
	size   int64
}

// holder is what a job holds.
type holder struct {
	spec     msg.Job
	programs []model.Program
	refs     map[plan.Digest]int
	told     map[plan.Platform][]plan.WorkerID // the last workers that know the job
}

func newBlobs(s *blob.Store) *blobs { return &blobs{store: s, jobs: map[plan.JobID]*holder{}} }

// open gives a job its place, and holds its programs and files, which others may
// push out of those that are kept.
func (b *blobs) open(spec msg.Job, programs []model.Program) error {
	var all []plan.Digest
	for _, p := range programs {
		all = append(all, p.Binary)
	}
	for _, f := range spec.Files {
		all = append(all, f.Digest)
	}
	if err := b.store.Hold(all); err != nil {
		return fmt.Errorf("a program or file is not there any more: submit it again: %w", err)
	}
	h := &holder{spec: spec, programs: programs, refs: map[plan.Digest]int{}, told: map[plan.Platform][]plan.WorkerID{}}
	for _, d := range all {
		h.refs[d]++
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs[spec.ID] = h
	return nil
}

// reopen gives a job its place under a master that has started again. A value that
// was held and is not there any more was released.
func (b *blobs) reopen(spec msg.Job, programs []model.Program, held []plan.Digest) error {
	h := &holder{spec: spec, programs: programs, refs: map[plan.Digest]int{}, told: map[plan.Platform][]plan.WorkerID{}}
	var lost error
	adopt := func(d plan.Digest) error {
		if h.refs[d] == 0 {
			if err := b.store.Adopt(d); err != nil {
				return err
			}
		}
		h.refs[d] = 1
		return nil
	}
	for _, p := range programs {
		lost = errors.Join(lost, adopt(p.Binary))
	}
	for _, f := range spec.Files {
		lost = errors.Join(lost, adopt(f.Digest))
	}
	for _, d := range held {
		_ = adopt(d)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs[spec.ID] = h
	return lost
}

// maxTold is how many workers of a platform that know a job are remembered, and
// maxOwners how many of them others hear of.
const (
	maxTold   = 32
	maxOwners = 3
)

// job gives what executors of a job are to a worker of a platform, and which others
// have it already. There is no binary for a platform that the job does not run on:
// such a worker may still keep outputs of others.
func (b *blobs) job(id plan.JobID, to plan.WorkerID, at plan.Platform) (msg.Job, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.jobs[id]
	if h == nil {
		return msg.Job{}, false
	}
	j := h.spec
	for _, p := range h.programs {
		if p.Platform == at {
			j.Binary = p.Binary
		}
	}
	told := slices.DeleteFunc(h.told[at], func(w plan.WorkerID) bool { return w == to })
	for _, i := range rand.Perm(len(told)) {
		if len(j.Owners) < maxOwners {
			j.Owners = append(j.Owners, told[i])
		}
	}
	if told = append(told, to); len(told) > maxTold {
		told = told[1:]
	}
	h.told[at] = told
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

// keep keeps a program or file, and forgets those that were not used for longest
// when there are too many.
func (b *blobs) keep(d plan.Digest, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept, b.sum = append(b.kept, kept{d, size}), b.sum+size
	for len(b.kept) > keptBlobs || b.sum > keptBytes {
		b.store.Release(b.kept[0].digest)
		b.sum -= b.kept[0].size
		b.kept = b.kept[1:]
	}
}

// used puts off that a program or file is forgotten.
func (b *blobs) used(d plan.Digest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.kept, func(k kept) bool { return k.digest == d }); i >= 0 {
		k := b.kept[i]
		b.kept = append(slices.Delete(b.kept, i, i+1), k)
	}
}

// PutBlob takes a blob: a job's, or a program or file that a job will come with.
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
		s.blobs.keep(d, head.Size)
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
		s.blobs.used(head.Digest)
		return st.Send(msg.BlobHead{Digest: head.Digest, Size: size})
	}
	r, err := s.blobs.store.Part(head.Digest, 0, size)
	if err != nil {
		return st.Give(head.Digest, 0, nil, errNoBlob)
	}
	defer func() { _ = r.Close() }()
	return st.Give(head.Digest, size, r, nil)
}
