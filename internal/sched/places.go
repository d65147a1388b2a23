package sched

import (
	"slices"
	"strings"

	"github.com/gordd-project/gordd/internal/sched/locality"
	"github.com/gordd-project/gordd/internal/sched/model"
)

// places knows the names of hosts and racks, and who serves them.
type places struct {
	names   map[string]int32
	spots   []spot           // by name
	scratch []locality.Place // of placesOf
	near    nearBlocks
	racks   map[string]int32 // names that cannot be those of hosts
}

// spot is a host or a rack.
type spot struct {
	holders int32 // workers there that take launches
	slots   int32 // of them
	rack    int32 // of a host, as far as known
}

// nameOf gives the number of a host. Names of hosts are the same in any case.
func (p *places) nameOf(host string) int32 { return p.intern(&p.names, strings.ToLower(host)) }

// rackOf gives the number of a rack. The slash before it, which storage may write
// and people leave out, is no part of its name.
func (p *places) rackOf(rack string) int32 {
	if rack = strings.TrimPrefix(rack, "/"); rack == "" {
		return locality.None
	}
	return p.intern(&p.racks, rack)
}

func (p *places) intern(names *map[string]int32, name string) int32 {
	if *names == nil {
		*names = map[string]int32{}
	}
	id, ok := (*names)[name]
	if !ok {
		id = int32(len(p.spots))
		(*names)[name] = id
		p.spots = append(p.spots, spot{rack: locality.None})
	}
	return id
}

// slotsAt returns how many slots there are at a host that takes launches.
func (p *places) slotsAt(host int32) int { return int(p.spots[host].slots) }

// placesOf returns where a task would like to run (R10), valid until the next
// call: at the workers that hold the most of the cached blocks that it reads, the
// hosts of its input and of much of what it reads of shuffles, and the racks of
// those.
func (s *Scheduler) placesOf(st *stage, i int) []locality.Place {
	out := s.scratch[:0]
	for _, w := range s.nearest(st, i) {
		out = append(out, locality.Place{Name: locality.Process(int(w)), Level: model.AtProcess, Live: s.workers[w].Is() == model.WorkerLive})
	}
	for _, hosts := range [...][]int32{st.prefs.Of(i), st.heavy.Of(i)} {
		for _, h := range hosts {
			out = append(out, locality.Place{Name: h, Level: model.AtNode, Live: s.spots[h].holders > 0})
		}
	}
	for k := range out {
		if out[k].Level != model.AtNode {
			continue
		}
		r := s.spots[out[k].Name].rack
		if r != locality.None && !slices.ContainsFunc(out, func(x locality.Place) bool { return x.Name == r }) {
			out = append(out, locality.Place{Name: r, Level: model.AtRack, Live: s.spots[r].holders > 0})
		}
	}
	s.scratch = out
	return out
}

// nearness returns how near worker w is to what task i of st reads.
func (s *Scheduler) nearness(st *stage, i int, w *worker) model.Level {
	level := model.Unplaced
	for _, x := range s.placesOf(st, i) {
		level = min(level, model.Anywhere)
		if x.Name == w.place.Process || slices.Contains(w.place.Hosts, x.Name) || x.Name == w.place.Rack {
			level = min(level, x.Level)
		}
	}
	return level
}

// levelIn returns the level that the counters of a winner have.
func levelIn(counters []model.Counter) model.Level {
	for l := model.AtProcess; l < model.Unplaced; l++ {
		if slices.ContainsFunc(counters, func(c model.Counter) bool { return c.Name == l.Counter() }) {
			return l
		}
	}
	return model.Unplaced
}

// settleAt notes where a worker is.
func (s *Scheduler) settleAt(w *worker, hosts []string, rack string) {
	w.hosts, w.rack = slices.Clone(hosts), rack
	w.place = locality.Worker{Process: locality.Process(w.idx), Rack: s.rackOf(rack)}
	for _, h := range hosts {
		n := s.nameOf(h)
		if !slices.Contains(w.place.Hosts, n) {
			w.place.Hosts = append(w.place.Hosts, n)
		}
		if w.place.Rack != locality.None { // else what storage said of the host holds
			s.spots[n].rack = w.place.Rack
		}
	}
}

// countHolder counts the workers of a worker's places. With the last one goes the
// wait for it: tasks that prefer the place are queued anew. One that comes can have copies
// of blocks.
func (s *Scheduler) countHolder(w *worker, d int32) {
	gone := false
	count := func(n int32) {
		x := &s.spots[n]
		x.holders += d
		x.slots += d * int32(w.slots)
		gone = gone || x.holders == 0
	}
	for _, n := range w.place.Hosts {
		count(n)
	}
	if w.place.Rack != locality.None {
		count(w.place.Rack)
	}
	if gone {
		s.requeue()
	}
	for _, j := range s.order {
		if d > 0 && w.shared(j) != nil { // it can have copies again
			s.wantCopies(j)
		}
	}
}

// requeue queues all pending tasks with preferences anew.
func (s *Scheduler) requeue() {
	for _, j := range s.order {
		for _, st := range j.runnable {
			st.pending.Again(func(i int) { st.pending.Push(i, s.placesOf(st, i)) })
			s.touch(st)
		}
	}
}

const (
	muchOf  = 5       // a host with a fifth of what a task reads is worth a wait
	weighed = 1 << 20 // most pairs of outputs and readers that are looked at
)

// weigh finds out, when all that a stage reads of shuffles is there, which hosts
// hold much of each task's part of it.
func (s *Scheduler) weigh(st *stage) {
	pairs := 0
	for _, e := range st.parents {
		switch {
		case e.own:
			pairs += st.n
		case e.kind == model.Wide:
			pairs += e.st.n * st.n
		}
	}
	if !st.sized || pairs == 0 && st.heavy.Empty() {
		return
	}
	// What is queued is queued by the old places: such tasks start at cached
	// blocks, and need not wait for what the stage reads.
	for i := range st.tasks {
		if t := &st.tasks[i]; t.state == model.TaskPending {
			s.withdraw(st, i)
			t.state = model.TaskIdle
		}
	}
	st.heavy = locality.Prefs{}
	if pairs > weighed {
		return
	}
	var h locality.Heavy
	for i := range st.tasks {
		for _, e := range st.parents {
			if e.kind == model.Wide {
				s.addInputs(&h, e, i)
			}
		}
		st.heavy.Append(h.Hosts(muchOf)...)
	}
}

// addInputs adds what reader i reads of each output of a parent.
func (s *Scheduler) addInputs(h *locality.Heavy, e edge, i int) {
	if e.own {
		if i < e.st.n {
			s.addInput(h, e.st, i, 0)
		}
		return
	}
	for m := range e.st.outs.All() {
		s.addInput(h, e.st, m, i)
	}
}

// addInput adds what is for a reader in an output of st.
func (s *Scheduler) addInput(h *locality.Heavy, st *stage, m, reader int) {
	o := st.outs.At(m)
	w, ok := st.outs.Owner(m)
	if !ok || reader >= len(o.Sizes) {
		return
	}
	if hosts := s.workers[w].place.Hosts; len(hosts) > 0 {
		h.Add(hosts[0], model.SizeOf(o.Sizes[reader]))
	}
}
