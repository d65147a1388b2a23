package show

import (
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/gordd-project/gordd/internal/tally"
	"github.com/gordd-project/gordd/rdd/plan"
)

// Progress shows running actions.
type Progress interface {
	// Status takes a picture of an action. When it has returned from an
	// action's last one, nothing of it moves any more.
	Status(s *plan.ActionStatus)
	// Println prints a line, out of the way of what moves.
	Println(line string)
	// Close takes away what still moves.
	Close()
}

// plain prints a line when a stage starts or ends, and when an action ends.
type plain struct {
	out io.Writer

	mu   sync.Mutex
	last values
	seen map[plan.ActionID]map[plan.StageKey]stageState
}

// quiet prints what is no progress alone.
type quiet struct{ *plain }

// NewQuiet makes a Progress that shows none, and the lines that others print.
func NewQuiet(out io.Writer) Progress { return quiet{&plain{out: out}} }

func (quiet) Status(*plan.ActionStatus) {}

// values are the accumulators that were printed.
type values []plan.Shown

// news is the line for an ended action that changed them; "": it did not.
func (v *values) news(s *plan.ActionStatus) string {
	if slices.Equal(*v, s.Accumulators) {
		return ""
	}
	*v = s.Accumulators
	return tally.Accumulators(s.Accumulators)
}

type stageState uint8

const (
	waiting stageState = iota
	running
	ended
)

// NewPlain makes a Progress for logs.
func NewPlain(out io.Writer) Progress {
	return &plain{out: out, seen: map[plan.ActionID]map[plan.StageKey]stageState{}}
}

func (p *plain) Println(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.print(line)
}

func (p *plain) print(line string) { _, _ = fmt.Fprintln(p.out, line) }

func (p *plain) Close() {}

func (p *plain) Status(s *plan.ActionStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.seen[s.ID]
	if was == nil {
		was = map[plan.StageKey]stageState{}
		p.seen[s.ID] = was
	}
	for i := range s.Stages {
		st := &s.Stages[i]
		if now := stateOf(st); now > was[st.Key] {
			was[st.Key] = now
			p.print(fmt.Sprintf("action %d, stage %d of %d: %s: %s", s.ID.N, i+1, len(s.Stages), st.Name, stageText(st, now)))
		}
	}
	if s.State.Ended() {
		delete(p.seen, s.ID)
		p.print(fmt.Sprintf("action %d: %s", s.ID.N, tally.Line(s)))
		if text := p.last.news(s); text != "" {
			p.print(text)
		}
	}
}

func stateOf(st *plan.StageStatus) stageState {
	switch {
	case st.Skipped && st.Tasks > 0 || st.Tasks > 0 && st.Done == st.Tasks:
		return ended
	case st.Running > 0 || st.Done > 0:
		return running
	}
	return waiting
}

func stageText(st *plan.StageStatus, now stageState) string {
	switch {
	case st.Skipped:
		return "skipped"
	case now == running:
		return tally.Count(int64(st.Tasks), "task")
	}
	return fmt.Sprintf("%s done in %s", tally.Count(int64(st.Tasks), "task"), tally.Duration(st.Elapsed))
}
