package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/gordd-project/gordd/internal/sched/model"
)

// newSuffix marks a file that has not replaced the journal yet.
const newSuffix = ".new"

// Due says whether the journal has grown so much that compaction pays: then it is
// at least twice as large as after the last one.
func (j *Journal) Due() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed == nil && j.end >= max(compactAt, 2*j.floor)
}

// Compact replaces the journal by the records that keep yields of it, in their
// order. keep may read what it is given more than once. The caller makes sure that
// nothing is appended meanwhile. When the new file cannot be written, the old one
// stays; when it is not sure which one is there, the journal has failed.
func (j *Journal) Compact(keep func(iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error]) error {
	j.sync.Lock()
	defer j.sync.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		return j.failed
	}
	f, err := create(j.path, j.o.Cluster)
	if err != nil {
		j.floor = j.end // it may be tried again once there is much more
		return fmt.Errorf("compact journal: %w", err)
	}
	end, err := j.copy(f, keep)
	if err != nil {
		j.floor = j.end
		return errors.Join(fmt.Errorf("compact journal: %w", err), f.Close(), os.Remove(f.Name()))
	}
	if err := errors.Join(publish(f, j.path), syncDir(j.o.Dir)); err != nil {
		return errors.Join(j.fail(err), f.Close())
	}
	err = j.file.Close()
	j.file, j.end, j.floor = f, end, end // what waits to be durable is so, and the flusher tells
	return err
}

// copy writes what is kept behind the header of a new file, with the times that
// the records had.
func (j *Journal) copy(f *os.File, keep func(iter.Seq2[model.Record, error]) iter.Seq2[model.Record, error]) (end int64, err error) {
	var last Entry // that keep was given: what it yields comes from it
	all := func(yield func(model.Record, error) bool) {
		for e, err := range j.Entries() {
			last = e
			if !yield(e.Record, err) {
				return
			}
		}
	}
	w := bufio.NewWriterSize(io.NewOffsetWriter(f, j.begin), 1<<20)
	end = j.begin
	var frame []byte
	for r, err := range keep(all) {
		if err == nil {
			frame, err = appendFrame(frame[:0], Entry{At: last.At, Record: r})
		}
		if err == nil {
			_, err = w.Write(frame)
		}
		if err != nil {
			return 0, err
		}
		end += int64(len(frame))
	}
	return end, w.Flush()
}

// create makes a file with a header, beside the one that it shall become.
func create(path, cluster string) (*os.File, error) {
	f, err := os.OpenFile(path+newSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(appendHeader(nil, cluster)); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, nil
}

// publish gives a file that create made its place.
func publish(f *os.File, path string) error {
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(filepath.Clean(path)+newSuffix, path)
}
