package plan

import "time"

// ProgressEvery is how often it is told how far tasks are.
const ProgressEvery = 500 * time.Millisecond

// Progress is how far a task is that runs.
type Progress struct {
	Attempt string // as Task has it
	Rows    int64  // that it has begun with, batch by batch
	// Fraction is the part of its input that it is done with, from 0 to 1; 0 where
	// that is not known.
	Fraction float64
	// Moves rise whenever the task does anything: they stand still when it hangs.
	Moves int64
}

// Good reports whether a Progress makes sense.
func (p *Progress) Good() bool {
	return p.Rows >= 0 && p.Moves >= 0 && p.Fraction >= 0 && p.Fraction <= 1
}
