package show

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/gordd-project/gordd/internal/tally"
	"github.com/gordd-project/gordd/rdd/plan"
)

// bars draws a bar for each stage that runs. The bars of an action are gone
// when it ends, and a line stands in their place.
type bars struct {
	out  io.Writer
	opts []mpb.ContainerOption

	mu      sync.Mutex
	drawing *mpb.Progress // nil while no action runs
	actions map[plan.ActionID]map[plan.StageKey]*mpb.Bar
	last    values
	values  *mpb.Bar // of accumulators; nil: none are drawn
	text    atomic.Pointer[string]
}

// NewBars makes a Progress for terminals.
func NewBars(out io.Writer) Progress { return newBars(out) }

func newBars(out io.Writer, opts ...mpb.ContainerOption) *bars {
	return &bars{out: out, opts: opts, actions: map[plan.ActionID]map[plan.StageKey]*mpb.Bar{}}
}

func (b *bars) Println(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.print(line)
}

func (b *bars) print(line string) {
	var out = b.out
	if b.drawing != nil {
		out = b.drawing // above what moves
	}
	_, _ = fmt.Fprintln(out, line)
}

func (b *bars) Status(s *plan.ActionStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.State.Ended() {
		b.end(s.ID)
		b.print(tally.Line(s))
		if text := b.last.news(s); text != "" {
			b.print(text)
		}
		return
	}
	b.count(s)
	stages := b.actions[s.ID]
	for i := range s.Stages {
		st := &s.Stages[i]
		if stateOf(st) == waiting || st.Skipped {
			continue
		}
		if stages == nil {
			stages = map[plan.StageKey]*mpb.Bar{}
			b.actions[s.ID] = stages
		}
		bar := stages[st.Key]
		if bar == nil {
			bar = b.add(st)
			stages[st.Key] = bar
		}
		bar.SetTotal(int64(st.Tasks), false)
		bar.SetCurrent(int64(st.Done))
	}
}

// count shows the values of accumulators below the bars, while an action runs.
func (b *bars) count(s *plan.ActionStatus) {
	text := tally.Accumulators(s.Accumulators)
	if text == "" {
		return
	}
	now := text
	b.text.Store(&now)
	if b.values == nil && b.drawing != nil {
		b.values = b.drawing.New(0, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(func(decor.Statistics) string {
			return clip(*b.text.Load(), 100)
		})))
		b.values.SetPriority(1 << 20)
	}
}

func (b *bars) add(st *plan.StageStatus) *mpb.Bar {
	if b.drawing == nil {
		b.drawing = mpb.New(append([]mpb.ContainerOption{mpb.WithOutput(b.out), mpb.WithWidth(100)}, b.opts...)...)
	}
	// Without a total the bar does not end by itself.
	return b.drawing.AddBar(0,
		mpb.PrependDecorators(decor.Name(clip(st.Name, 48), decor.WCSyncSpaceR)),
		mpb.AppendDecorators(decor.CountersNoUnit("%d/%d", decor.WCSyncSpace)))
}

// clip shortens a name to n characters, keeping its end, where it differs from
// others.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return "…" + string(r[len(r)-n+1:])
}

// end takes an action's bars away.
func (b *bars) end(id plan.ActionID) {
	for _, bar := range b.actions[id] {
		bar.Abort(true)
	}
	delete(b.actions, id)
	if len(b.actions) == 0 && b.drawing != nil {
		if b.values != nil {
			b.values.Abort(true)
			b.values = nil
		}
		b.drawing.Wait()
		b.drawing = nil
	}
}

func (b *bars) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range b.actions {
		b.end(id)
	}
}
