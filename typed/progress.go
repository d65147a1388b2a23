package typed

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gordd-project/gordd/internal/tally"
	"github.com/gordd-project/gordd/internal/wire"
	"github.com/gordd-project/gordd/rdd/plan"
)

// observer is what Options.Observe takes.
type observer = func(plan.ActionStatus)

// both gives an observer that calls two, either of which may be nil.
func both(a, b observer) observer {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(s plan.ActionStatus) {
		a(s)
		b(s)
	}
}

// progress prints a line after each action where a person looks, and is nil
// elsewhere.
func (p *program) progress() observer {
	st, err := os.Stderr.Stat()
	if err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(s plan.ActionStatus) {
		if s.State == plan.ActionDone {
			_, _ = fmt.Fprintln(p.stderr, p.name+": "+tally.Line(&s))
		}
	}
}

// drawn is how long an action's end waits for its progress bar to be cleared
// away.
const drawn = time.Second

// report sends a picture to the process that started this one. After an
// action's last one it waits until that has drawn it, so that what the program
// prints next stands below.
func (p *program) report(s plan.ActionStatus) {
	if p.wire.Send(&s) != nil || !s.State.Ended() {
		return // listen notices a wire that is gone
	}
	late := time.NewTimer(drawn)
	defer late.Stop()
	for {
		select {
		case id := <-p.seen:
			if id == s.ID {
				return
			}
		case <-late.C:
			return
		}
	}
}

// explained sends an action that would have run.
func (p *program) explained(pl *plan.Plan, stages []plan.StageExplain) error {
	x := &wire.Explained{Action: pl.Action, Site: pl.Site, Stages: stages}
	if pl.Output != nil {
		x.Output = pl.Output.Path
	}
	return p.wire.Send(x)
}

// notice tells the user something.
func (p *program) notice(text string) {
	if p.wire != nil && p.wire.Send(&wire.Notice{Text: text}) == nil {
		return
	}
	_, _ = fmt.Fprintln(p.stderr, p.name+": "+text)
}

// noticeWriter takes notices, a line each.
type noticeWriter func(text string)

// Write is io.Writer's.
func (w noticeWriter) Write(b []byte) (int, error) {
	w(strings.TrimRight(string(b), "\n"))
	return len(b), nil
}
