package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gordd-project/gordd/internal/machine"
	"github.com/gordd-project/gordd/internal/sched/model"
)

const (
	fileName = "journal"
	// flushAfter is how long a record that does not ask for it waits for a sync.
	flushAfter = 20 * time.Millisecond
	// keptBuffer is how large a buffer waits for the next Append.
	keptBuffer = 1 << 20
	// compactAt is the least size at which compaction pays.
	compactAt = 16 << 20
	// lowSpace is how many bytes must be free for new jobs (R68).
	lowSpace = 256 << 20
)

// Options are what a Journal is opened with.
type Options struct {
	Dir     string // is there
	Cluster string
	// Holder says who opens it, for those who come later.
	Holder string
	// Flushed is told how many of the records of this journal's Appends are durable
	// when a sync has ended that no Append waited for, or why that failed. It is
	// called from a goroutine of the journal's, and may block.
	Flushed func(records uint64, err error)
}

// Journal is an open journal. Its methods may be called from several goroutines,
// but the order of the records is that of the calls of Append.
type Journal struct {
	o    Options
	path string
	lock *os.File
	term model.Term // the highest one in the file

	mu       sync.Mutex
	file     *os.File
	begin    int64 // of the first frame
	end      int64
	floor    int64  // size after the last compaction
	appended uint64 // records, by Append
	failed   error  // of the first write or sync that did
	buf      []byte
	waiting  bool // records wait for the flusher

	// sync is taken before mu, and held during syncs and while file changes: of two
	// syncs at a time only one would hear of an error.
	sync sync.Mutex
	wake chan struct{}
	quit chan struct{}
	done sync.WaitGroup
}

// Open opens the journal of a directory, made if it is not there, and cuts off
// what a crash left at its end. The error is a *LockedError, *DamageError or
// *ClusterError if that is why it cannot.
func Open(o Options) (*Journal, error) {
	if len(o.Cluster) > maxCluster {
		return nil, fmt.Errorf("open journal: cluster %q: at most %d bytes", o.Cluster, maxCluster)
	}
	l, err := lock(o.Dir, o.Holder)
	if err != nil {
		return nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal{o: o, path: filepath.Join(o.Dir, fileName), lock: l, wake: make(chan struct{}, 1), quit: make(chan struct{})}
	if err := j.open(); err != nil {
		if j.file != nil {
			err = errors.Join(err, j.file.Close())
		}
		return nil, errors.Join(fmt.Errorf("open journal: %w", err), l.Close())
	}
	j.done.Go(j.flush)
	return j, nil
}

func (j *Journal) open() (err error) {
	if err := os.Remove(j.path + newSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	j.file, err = os.OpenFile(j.path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		if j.file, err = create(j.path, j.o.Cluster); err == nil {
			err = errors.Join(publish(j.file, j.path), syncDir(j.o.Dir))
		}
	}
	if err != nil {
		return err
	}
	s, err := scan(j.file, j.path)
	switch {
	case err != nil:
		return err
	case s.cluster != j.o.Cluster:
		return &ClusterError{Path: j.path, Has: s.cluster, Want: j.o.Cluster}
	case s.behind:
		return &DamageError{Path: j.path, Offset: s.end, Err: errors.New("records follow one that is not whole")}
	case s.end < s.size:
		if err := errors.Join(j.file.Truncate(s.end), j.file.Sync()); err != nil {
			return err
		}
	}
	j.begin, j.end, j.floor = s.begin, s.end, s.end
	for e, err := range j.Entries() {
		if err != nil {
			return err
		}
		if t, ok := e.Record.(model.TermStarted); ok {
			j.term = max(j.term, t.Term)
		}
	}
	return nil
}

// Term is the highest term that was in the file when it was opened.
func (j *Journal) Term() model.Term { return j.term }

// Entries reads the journal from its beginning. Nothing may be appended meanwhile.
// An error is the last that it yields.
func (j *Journal) Entries() iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { entries(j.file, j.path, j.begin, j.end)(yield) }
}

// Append writes records in their order. When it returns, they are with the
// operating system, and if one of them asked for it they and all before are
// durable, which it says. After an error nothing is written any more, and the
// error is that of each later call too.
func (j *Journal) Append(recs []model.Append) (durable bool, err error) {
	mustSync := slices.ContainsFunc(recs, func(r model.Append) bool { return r.Sync })
	if mustSync {
		j.sync.Lock()
		defer j.sync.Unlock()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return false, j.failed
	}
	now := time.Now()
	if j.buf = j.buf[:0]; cap(j.buf) > keptBuffer {
		j.buf = nil
	}
	for _, r := range recs {
		if j.buf, err = appendFrame(j.buf, Entry{At: now, Record: r.Record}); err != nil {
			return false, j.fail(err)
		}
	}
	if _, err := j.file.WriteAt(j.buf, j.end); err != nil {
		return false, j.fail(err)
	}
	j.end += int64(len(j.buf))
	j.appended += uint64(len(recs))
	if !mustSync {
		j.waiting = j.waiting || len(recs) > 0
		select {
		case j.wake <- struct{}{}:
		default:
		}
		return false, nil
	}
	if err := j.file.Sync(); err != nil {
		return false, j.fail(err)
	}
	j.waiting = false
	return true, nil
}

// fail keeps the first error.
func (j *Journal) fail(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) { // whose name may be the one that the file had first
		err = at.Err
	}
	if j.failed == nil {
		j.failed = fmt.Errorf("write journal %s: %w", j.path, err)
	}
	return j.failed
}

// flush syncs what nobody waits for.
func (j *Journal) flush() {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-j.wake:
		case <-j.quit:
			return
		}
		t.Reset(flushAfter)
		select {
		case <-t.C:
		case <-j.quit:
			return
		}
		if n, err := j.flushNow(); n > 0 || err != nil {
			j.o.Flushed(n, err)
		}
	}
}

// flushNow syncs while Appends go on, and gives how many records are durable.
func (j *Journal) flushNow() (uint64, error) {
	j.sync.Lock()
	defer j.sync.Unlock()
	j.mu.Lock()
	n, f := j.appended, j.file
	idle := !j.waiting || j.failed != nil
	j.waiting = false
	j.mu.Unlock()
	if idle {
		return 0, nil
	}
	if err := f.Sync(); err != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		return 0, j.fail(err)
	}
	return n, nil
}

// Low says how many bytes are free where the journal is, if they are so few that
// no new jobs should come.
func (j *Journal) Low() (left int64, low bool) {
	left, _, err := machine.Disk(j.o.Dir)
	return left, err == nil && left < lowSpace
}

// Close syncs what was written and lets go of the journal.
func (j *Journal) Close() error {
	close(j.quit)
	j.done.Wait()
	_, err := j.flushNow()
	return errors.Join(err, j.file.Close(), j.lock.Close())
}
