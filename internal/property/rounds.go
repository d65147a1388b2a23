package property

import (
	"context"
	"fmt"

	"github.com/gordd-project/gordd/typed"
)

const (
	roundRows   = 8000
	roundParts  = 8
	roundsAfter = 3 // rounds before and after a worker is lost
)

// rounds goes over lines that are kept again and again, and at last lets go of them.
func rounds(ctx context.Context, s *typed.Session, path string, level typed.StorageLevel) error {
	kept := s.TextFile(path, typed.Partitions(roundParts)).Persist(level)
	for round := range 2*roundsAfter + 1 {
		if round == 2*roundsAfter {
			kept.Unpersist()
		}
		n, err := kept.Count(ctx)
		if err != nil || n != roundRows {
			return fmt.Errorf("round %d: %d rows, %w", round, n, err)
		}
	}
	return nil
}
