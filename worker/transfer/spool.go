package transfer

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// spool is the file of one fetch: pieces lie in it at offsets given out in
// advance. It has no name, so that nothing is left when the process dies.
type spool struct {
	dir  string
	room *credit

	mu    sync.Mutex
	file  *os.File
	next  int64
	taken int64
}

var errNoRoom = errors.New("no room in the spool")

// reserve gives n bytes of the file, or an error when there is no room.
func (s *spool) reserve(n int64) (*os.File, int64, error) {
	if !s.room.try(n) {
		return nil, 0, errNoRoom
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "fetch-*.tmp")
		if err != nil {
			s.room.give(n)
			return nil, 0, fmt.Errorf("spool: %w", err)
		}
		_ = os.Remove(f.Name()) // where an open file cannot be removed, close does it
		s.file = f
	}
	at := s.next
	s.next += n
	s.taken += n
	return s.file, at, nil
}

func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.room.give(s.taken)
	s.taken, s.next = 0, 0
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	_ = os.Remove(s.file.Name())
	s.file = nil
	return err
}
