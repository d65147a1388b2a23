package master

import (
	"fmt"
	"os"
	"time"

	"github.com/gordd-project/gordd/internal/journal"
	"github.com/gordd-project/gordd/internal/sched/model"
)

// openJournal makes this process the master of its directory. The term is above
// that of every master before it.
func (m *Master) openJournal() (err error) {
	if err := os.MkdirAll(m.o.Dir, 0o700); err != nil {
		return err
	}
	at := m.o.Advertise
	if at == "" {
		at = m.o.Listener.Addr().String()
	}
	m.journal, err = journal.Open(journal.Options{Dir: m.o.Dir, Cluster: m.o.Cluster, Holder: fmt.Sprintf("the master at %s with pid %d", at, os.Getpid()), Flushed: m.flushed})
	if err != nil {
		return err
	}
	m.term = m.journal.Term() + 1
	m.history.term = m.term
	m.sessions.Store(uint64(m.term) << 32) // above all that earlier masters gave out
	return nil
}

// flushed takes the journal's word on what it has synced by itself.
func (m *Master) flushed(records uint64, err error) {
	if err != nil {
		m.engine.Send(model.JournalFailed{Err: model.Problem{Message: err.Error()}})
		return
	}
	m.engine.Durable(records)
}

// Journal keeps records, and makes the journal short again when it has grown.
func (e effects) Journal(recs []model.Append) (durable bool, err error) {
	durable, err = e.journal.Append(recs)
	if err == nil && e.journal.Due() {
		began := time.Now()
		if err := e.journal.Compact(e.engine.Compact); err != nil {
			e.log.Warn("the journal grows", "err", err)
		} else {
			e.log.Info("journal compacted", "elapsed", time.Since(began))
		}
	}
	return durable, err
}

// room refuses jobs that the journal may have no room for (R68).
func (m *Master) room() error {
	if left, low := m.journal.Low(); low {
		return fmt.Errorf("the disk of the master's journal, %s, is almost full: %d MiB are free, and new jobs need 256: free some, then submit again", m.o.Dir, left>>20)
	}
	return nil
}
