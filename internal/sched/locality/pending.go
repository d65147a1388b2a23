// Package locality queues the tasks of a stage that could start by where they
// would like to run, and says how long a free slot elsewhere waits for them
// (R10 to R13).
//
// Places are numbers that the scheduler gives out: of hosts and racks, and, by
// Process, of the workers whose own memory holds a cached block. A task is fussy
// while a worker that takes launches serves one of its places; the others are
// plain, and run anywhere at once, but first where they would like to.
package locality

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/gordd-project/gordd/internal/sched/model"
	"github.com/gordd-project/gordd/internal/sched/queue"
)

// Process returns the place of a worker's own memory.
func Process(worker int) int32 { return int32(-1 - worker) }

// None is the place of no host or rack.
const None int32 = -1 << 31

// Place is one that a task would like, and how near it is there.
type Place struct {
	Name  int32
	Level model.Level
	Live  bool // somebody there takes launches
}

// Worker is where a worker is.
type Worker struct {
	Process int32
	Hosts   []int32
	Rack    int32
}

// Pending are the tasks of one stage that could start now. Each is in one of
// three sets: plain, fussy, or picky, which means that not every worker may run
// it, so that somebody has to look. The zero Pending is empty.
type Pending struct {
	plain, fussy queue.Bits
	picky        []int32
	local        [model.Anywhere + 1]queue.Local // by the tightest level of the task, and name
	near         []uint16                        // of each task in the queues: levels with a live place, and what is in loads
	at           [model.Anywhere]int             // fussy tasks with a live place at a level
	loads        queue.Loads
}

// counted is the first of the bits of near that say which of a task's hosts are
// in loads: three replicas may each be known by address and by name.
const (
	counted  = 3
	nearBits = 16
)

// whole is what a task counts in loads, shared among its hosts: of three that
// hold its block, one will run it. It is many parts of a task, for shares to be
// integers; a host that is known by two names has two of them.
const whole = 12

// Len returns how many tasks there are.
func (p *Pending) Len() int { return p.plain.Len() + p.fussy.Len() + len(p.picky) }

// Fussy returns how many of them somebody would be near to.
func (p *Pending) Fussy() int { return p.fussy.Len() }

// Has reports whether a task is pending.
func (p *Pending) Has(i int) bool {
	return p.plain.Has(i) || p.fussy.Has(i) || slices.Contains(p.picky, int32(i))
}

// Picky returns the tasks that not every worker may run, in the order in which
// they came. The slice is valid until the next change.
func (p *Pending) Picky() []int32 { return p.picky }

// PushPicky adds a task that not every worker may run.
func (p *Pending) PushPicky(i int) { p.picky = append(p.picky, int32(i)) }

// Push adds a task with the places it would like. They must be the same when it
// is taken out again, but for whether they are Live and those of Process.
func (p *Pending) Push(i int, places []Place) {
	if len(places) == 0 {
		p.plain.Add(i)
		return
	}
	near := uint16(0)
	host := 0
	for _, x := range places {
		if x.Live {
			near |= 1 << x.Level
		}
		if x.Level == model.AtNode {
			if x.Live && counted+host < nearBits {
				near |= 1 << (counted + host)
			}
			host++
		}
	}
	if tightest(near) != model.AtNode { // its holder is another's, or it waits for nobody
		near &= 1<<counted - 1
	}
	for i >= len(p.near) {
		p.near = append(p.near, make([]uint16, max(i+1-len(p.near), len(p.near)))...)
	}
	p.near[i] = near
	p.count(near, places, 1)
	for _, x := range places {
		p.local[tightest(near)].Push(x.Name, int32(i))
	}
	if tightest(near) == model.Anywhere {
		p.plain.Add(i)
	} else {
		p.fussy.Add(i)
	}
}

// tightest returns the tightest level at which somebody is.
func tightest(near uint16) model.Level {
	return model.Level(bits.TrailingZeros16(near&(1<<counted-1) | 1<<model.Anywhere))
}

// count adds d to what is kept of a task's levels and hosts.
func (p *Pending) count(near uint16, places []Place, d int) {
	for l := range p.at {
		if near&(1<<l) != 0 {
			p.at[l] += d
		}
	}
	bit := counted
	part := share(near)
	for _, x := range places {
		if x.Level != model.AtNode {
			continue
		}
		if bit < nearBits && near&(1<<bit) != 0 {
			p.loads.Add(x.Name, part*int32(d))
		}
		bit++
	}
}

// share is what each of a task's counted hosts has of it.
func share(near uint16) int32 {
	return max(1, whole/max(1, int32(bits.OnesCount16(near>>counted))))
}

// Remove takes a task out, if it is there.
func (p *Pending) Remove(i int, places []Place) {
	if p.plain.Remove(i) || p.fussy.Remove(i) {
		if i < len(p.near) {
			p.count(p.near[i], places, -1)
			p.near[i] = 0
		}
		return
	}
	if k := slices.Index(p.picky, int32(i)); k >= 0 {
		p.picky = slices.Delete(p.picky, k, k+1)
	}
}

// Some reports whether a fussy task has a live place at a level.
func (p *Pending) Some(l model.Level) bool { return int(l) < len(p.at) && p.at[l] > 0 }

// For returns the task that a worker should run next, and how near it is there.
// A fussy task is taken at a looser level than its tightest only when the stage
// has waited up to that one.
func (p *Pending) For(w Worker, upTo model.Level) (int, model.Level, bool) {
	if len(p.near) > 0 {
		if i, l, ok := p.nearby(w, upTo); ok {
			return i, l, true
		}
	}
	if i, ok := p.plain.Min(); ok {
		return i, model.Anywhere, true
	}
	if upTo >= model.Anywhere {
		if i, ok := p.fussy.Min(); ok {
			return i, model.Anywhere, true
		}
	}
	return 0, 0, false
}

func (p *Pending) nearby(w Worker, upTo model.Level) (int, model.Level, bool) {
	if i, ok := p.first(w.Process, model.AtProcess, upTo); ok {
		return i, model.AtProcess, true
	}
	for _, h := range w.Hosts {
		if i, ok := p.first(h, model.AtNode, upTo); ok {
			return i, model.AtNode, true
		}
	}
	if w.Rack != None {
		if i, ok := p.first(w.Rack, model.AtRack, upTo); ok {
			return i, model.AtRack, true
		}
	}
	return 0, 0, false
}

// first returns the first task queued at a place of a level, of those that need
// not wait for a tighter one.
func (p *Pending) first(name int32, l, upTo model.Level) (int, bool) {
	for t := range p.local {
		tight := model.Level(t)
		if tight < l && upTo < l {
			continue
		}
		if i, ok := p.local[t].First(name, func(i int32) bool { return p.waits(i, tight) }); ok {
			return int(i), true
		}
	}
	return 0, false
}

// waits reports whether a task is still queued where its tightest level is.
func (p *Pending) waits(i int32, tight model.Level) bool {
	return (p.fussy.Has(int(i)) || p.plain.Has(int(i))) && tightest(p.near[i]) == tight
}

// Backlog is R12: it returns the last task of the host that has most, if that
// host would be busy with its share of them for longer than anybody waits for it.
// One without slots is busy for ever.
func (p *Pending) Backlog(median, wait time.Duration, slots func(host int32) int) (int, bool) {
	host, n, ok := p.loads.Top()
	if !ok || median <= 0 {
		return 0, false
	}
	if k := slots(host); k > 0 && float64(n)*float64(median)/float64(whole*k) <= float64(wait) {
		return 0, false
	}
	i, ok := p.local[model.AtNode].Last(host, func(i int32) bool { return p.waits(i, model.AtNode) })
	return int(i), ok
}

// Again takes all tasks that may have places out, and gives them to push, from
// the lowest on: somebody came or went.
func (p *Pending) Again(push func(i int)) {
	var all []int
	for i := range p.near {
		if p.plain.Remove(i) || p.fussy.Remove(i) {
			all = append(all, i)
		}
	}
	for t := range p.local {
		p.local[t].Clear()
	}
	p.loads.Clear()
	p.at = [model.Anywhere]int{}
	clear(p.near)
	for _, i := range all {
		push(i)
	}
}

// Check recounts what is kept as sums. It is for tests.
func (p *Pending) Check() error {
	var at [model.Anywhere]int
	hosts := 0
	for i, near := range p.near {
		switch queued := p.plain.Has(i) || p.fussy.Has(i); {
		case !queued && near != 0:
			return fmt.Errorf("task %d is not queued and near something", i)
		case p.fussy.Has(i) != (tightest(near) < model.Anywhere):
			return fmt.Errorf("task %d is in the wrong set", i)
		}
		for l := range at {
			at[l] += int(near >> l & 1)
		}
		hosts += bits.OnesCount16(near>>counted) * int(share(near))
	}
	if at != p.at || hosts != p.loads.Sum() {
		return fmt.Errorf("levels %v, shares of hosts %d, want %v, %d", p.at, p.loads.Sum(), at, hosts)
	}
	return nil
}
