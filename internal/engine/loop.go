package engine

import (
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/rdd/plan"
)

// outlets are where the scheduler's commands leave the loop, grouped by
// receiver. They are called from the loop's goroutine and keep nothing of the
// slices.
type outlets interface {
	Journal([]model.Append) (durable bool, err error)
	Worker(plan.WorkerID, []model.Command)
	Driver(plan.JobID, []model.Command)
	Engine(model.Command)
}

// machine is the scheduler as the loop sees it.
type machine interface {
	Step(now model.Instant, ev model.Event) []model.Command
	Next() (model.Instant, bool)
}

// batch is the most events of one turn: enough that a burst costs one pass over
// its receivers, and few enough that a timer is never long overdue.
const batch = 256

// loop owns the scheduler: one goroutine that takes events from its inbox.
type loop struct {
	machine machine
	effects outlets
	// seen is shown each event before the scheduler gets it.
	seen func(model.Event)
	// idle is called at the end of each turn, and says when it wants another.
	idle func(now model.Instant) (model.Instant, bool)

	inbox chan message
	quit  chan struct{}
	done  chan struct{}
	zero  time.Time

	// Of the turn at hand.
	own     []model.Event // sent by the effects themselves
	appends []model.Append
	workers groups[plan.WorkerID]
	drivers groups[plan.JobID]
	engine  []model.Command

	appended, durable uint64    // records
	held              []heldAck // in the order of upto
}

// heldAck tells a worker that it need not keep what it reported any longer, once
// so many records are durable.
type heldAck struct {
	upto uint64
	ack  model.Ack
}

// message is events, or a function that is to run in the loop and may give one.
type message struct {
	events []model.Event
	call   func() model.Event
}

func newLoop(m machine, e outlets) *loop {
	return &loop{
		machine: m, effects: e, seen: func(model.Event) {}, zero: time.Now(),
		inbox: make(chan message, batch), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

// put gives the loop a message. It may wait for the loop, but not for one that
// has ended.
func (l *loop) put(m message) {
	select {
	case l.inbox <- m:
	case <-l.done:
	}
}

// reply gives the loop an event from within its own goroutine.
func (l *loop) reply(ev model.Event) { l.own = append(l.own, ev) }

func (l *loop) now() model.Instant { return model.Instant(time.Since(l.zero)) }

func (l *loop) run() {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case m := <-l.inbox:
			l.turn(m)
		case <-timer.C:
			l.turn(message{events: []model.Event{model.Tick{}}})
		case <-l.quit:
			return
		}
		l.arm(timer)
	}
}

// arm sets the timer for whatever is due first.
func (l *loop) arm(timer *time.Timer) {
	now := l.now()
	at, wanted := l.machine.Next()
	if l.idle != nil {
		if t, ok := l.idle(now); ok && (!wanted || t < at) {
			at, wanted = t, true
		}
	}
	if !wanted {
		timer.Stop()
		return
	}
	timer.Reset(max(at.Sub(now), 0))
}

// turn steps through the messages that are there and carries out what the
// scheduler wants, until its own effects have nothing more to say.
func (l *loop) turn(m message) {
	now := l.now()
	l.take(now, m)
	for n := 1; n < batch; n++ {
		select {
		case m = <-l.inbox:
			l.take(now, m)
			continue
		default:
		}
		break
	}
	l.dispatch()
	for len(l.own) > 0 {
		own := l.own
		l.own = nil
		for _, ev := range own {
			l.step(now, ev)
		}
		l.dispatch()
	}
}

func (l *loop) take(now model.Instant, m message) {
	if m.call != nil {
		if ev := m.call(); ev != nil {
			l.step(now, ev)
		}
	}
	for _, ev := range m.events {
		l.step(now, ev)
	}
}

func (l *loop) step(now model.Instant, ev model.Event) {
	l.seen(ev)
	for _, c := range l.machine.Step(now, ev) {
		l.sort(c)
	}
}

// sort puts a command where its receiver will find it.
func (l *loop) sort(c model.Command) {
	switch c := c.(type) {
	case model.Append:
		l.appends = append(l.appends, c)
	case model.WorkerCommand:
		l.workers.add(c.To(), c)
	case model.Result:
		l.drivers.add(c.Action.Job, c)
	case model.ResultReset:
		l.drivers.add(c.Action.Job, c)
	case model.ActionEnd:
		l.drivers.add(c.Action.Job, c)
	case model.JobEnd:
		l.drivers.add(c.Job, c)
	case model.Notice:
		l.drivers.add(c.Job, c)
	case model.Reply:
		l.drivers.add(c.Job, c)
	default:
		l.engine = append(l.engine, c)
	}
}

// dispatch carries out the commands of a turn. Records come first, so that
// nothing that follows one is seen before it is kept; when one cannot be, nothing
// of the turn is. Workers come before drivers: an action's end finds its attempts
// told.
func (l *loop) dispatch() {
	defer l.clear()
	if len(l.appends) > 0 {
		durable, err := l.effects.Journal(l.appends)
		if err != nil {
			l.reply(model.JournalFailed{Err: model.Problem{Message: err.Error()}})
			return
		}
		if l.appended += uint64(len(l.appends)); durable {
			l.durable = l.appended
		}
	}
	for _, c := range l.engine {
		l.effects.Engine(c)
	}
	l.holdAcks()
	l.workers.each(l.effects.Worker)
	l.drivers.each(l.effects.Driver)
}

// holdAcks holds what lets workers forget reports until the disk has them, and
// lets go of what was held for that.
func (l *loop) holdAcks() {
	if l.appended > l.durable {
		l.workers.filter(func(c model.Command) bool {
			a, ok := c.(model.Ack)
			if ok && a.Keep {
				l.held = append(l.held, heldAck{l.appended, a})
			}
			return !ok || !a.Keep
		})
	}
	n := 0
	for ; n < len(l.held) && l.held[n].upto <= l.durable; n++ {
		l.workers.add(l.held[n].ack.To(), l.held[n].ack)
	}
	l.held = slices.Delete(l.held, 0, n)
}

func (l *loop) clear() {
	clear(l.appends)
	clear(l.engine)
	l.appends, l.engine = l.appends[:0], l.engine[:0]
	l.workers.clear()
	l.drivers.clear()
}

// groups collects commands by receiver, keeping the order of each and that of
// the receivers' first ones.
type groups[K comparable] struct {
	keys []K
	cmds [][]model.Command
	at   map[K]int
}

func (g *groups[K]) add(k K, c model.Command) {
	i, ok := g.at[k]
	if !ok {
		if g.at == nil {
			g.at = map[K]int{}
		}
		i = len(g.keys)
		g.at[k] = i
		g.keys = append(g.keys, k)
		if i < cap(g.cmds) {
			g.cmds = g.cmds[:i+1]
		} else {
			g.cmds = append(g.cmds, nil)
		}
	}
	g.cmds[i] = append(g.cmds[i], c)
}

// each calls f for each receiver that has commands.
func (g *groups[K]) each(f func(K, []model.Command)) {
	for i, k := range g.keys {
		if len(g.cmds[i]) > 0 {
			f(k, g.cmds[i])
		}
	}
}

// filter leaves out the commands that are not to stay.
func (g *groups[K]) filter(stays func(model.Command) bool) {
	for i := range g.cmds {
		g.cmds[i] = slices.DeleteFunc(g.cmds[i], func(c model.Command) bool { return !stays(c) })
	}
}

// clear forgets the commands and keeps the room.
func (g *groups[K]) clear() {
	for i := range g.cmds {
		clear(g.cmds[i])
		g.cmds[i] = g.cmds[i][:0]
	}
	clear(g.at)
	g.keys, g.cmds = g.keys[:0], g.cmds[:0]
}
