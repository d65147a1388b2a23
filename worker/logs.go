package worker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/gordd-project/gordd/internal/msg"
	"github.com/gordd-project/gordd/rdd/plan"
)

const (
	// logPiece is how much of a log one answer has.
	logPiece = 64 << 10
	// mostLogs is how many logs one answer names.
	mostLogs = 1000
)

// showLog answers a question about the logs of a job. Nothing of the question
// becomes a path before it was compared with what is there.
func (w *Worker) showLog(q msg.WantLog) {
	w.tasks.Go(func() {
		p := msg.LogPart{No: q.No}
		var err error
		if q.Name == "" {
			p.Files, err = w.logs(q.Job)
		} else {
			p.Bytes, err = w.partOf(q)
		}
		if err != nil {
			p.Error = err.Error()
		}
		w.call(func() { w.send(p) })
	})
}

// logs lists the logs of a job.
func (w *Worker) logs(id plan.JobID) (files []msg.LogFile, err error) {
	dirs, err := os.ReadDir(filepath.Join(w.o.Dir, "jobs"))
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		name, ok := strings.CutPrefix(d.Name(), string(id)+"-")
		if !ok || len(files) == mostLogs {
			continue
		}
		if info, err := os.Stat(filepath.Join(w.o.Dir, "jobs", d.Name(), "log")); err == nil {
			files = append(files, msg.LogFile{Name: name, Size: info.Size()})
		}
	}
	return files, nil
}

// partOf gives a piece of a log.
func (w *Worker) partOf(q msg.WantLog) (_ []byte, err error) {
	files, err := w.logs(q.Job)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Name != q.Name {
			continue
		}
		file, err := os.Open(filepath.Join(w.o.Dir, "jobs", string(q.Job)+"-"+f.Name, "log"))
		if err != nil {
			return nil, err
		}
		b := make([]byte, logPiece)
		n, err := file.ReadAt(b, max(q.Offset, 0))
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return b[:n], errors.Join(err, file.Close())
	}
	return nil, fmt.Errorf("job %s has no log %q here", q.Job, q.Name)
}
