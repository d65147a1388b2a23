package rdd

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gordd-project/gordd/rdd/codec"
	"github.com/gordd-project/gordd/rdd/plan"
)

// showWhole is the most bytes, encoded, of a value without a String method that is
// written out.
const showWhole = 4 << 10

// addedSoFar is what tasks of a running action added.
type addedSoFar map[addedBy]plan.Updates

// addedBy is a task of an action.
type addedBy struct {
	stage     plan.StageKey
	own       bool // the stage is the action's alone
	partition int
}

// compare orders what adds.
func (a addedBy) compare(b addedBy) int {
	own := 0
	if a.own != b.own {
		own = 1
		if b.own {
			own = -1
		}
	}
	return cmp.Or(cmp.Compare(a.stage, b.stage), own, cmp.Compare(a.partition, b.partition))
}

// Running takes what tasks of a running action added, to be shown until it ends. A
// task of a stage that starts over is told of again, and its last word holds.
func (g *Graph) Running(action int, all []plan.StageUpdates) {
	g.mu.Lock()
	defer g.mu.Unlock()
	of := g.tallies.running[action]
	if of == nil {
		of = addedSoFar{}
		g.tallies.running[action] = of
	}
	g.tallies.fresh = true
	for _, st := range all {
		for _, t := range st.Tasks {
			of[addedBy{st.Stage, st.Own, t.Partition}] = t.Updates
		}
	}
}

// Shown gives the values of the session's accumulators as text, in the order in which
// they were made: what counts, and what running actions added so far, when tasks last
// told of something. It is no more than people can look at. It is called from one
// goroutine at a time.
func (g *Graph) Shown() []plan.Shown {
	s := &g.tallies
	if all, fresh := g.look(); fresh {
		s.shown = nil
		for _, l := range all {
			s.shown = append(s.shown, l.show())
		}
	}
	return s.shown
}

// look copies the values of accumulators, and what is to be merged in to show them, if
// something was told since the last time. Of the user's only marshalers run meanwhile.
func (g *Graph) look() (all []looked, fresh bool) {
	g.tallies.merging.Lock() // what counts is either merged or not
	defer g.tallies.merging.Unlock()
	if all, fresh = g.toLookAt(); fresh {
		for i := range all {
			all[i].value, all[i].err = all[i].of.encoded()
		}
	}
	return all, fresh
}

// toLookAt gives the accumulators that are to be shown, and what is to be merged in.
func (g *Graph) toLookAt() (all []looked, fresh bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.tallies.fresh || len(g.accumulators) == 0 {
		return nil, false
	}
	g.tallies.fresh = false
	added := g.uncounted()
	ids := slices.Sorted(maps.Keys(g.accumulators))
	all = make([]looked, min(len(ids), plan.MaxShown))
	for i := range all {
		all[i].of, all[i].added = g.accumulators[ids[i]], added[ids[i]]
	}
	return all, true
}

// looked is an accumulator that is to be shown.
type looked struct {
	of    tallied
	value []byte // encoded
	err   error  // why there is none
	added [][]byte
}

// show gives it as text.
func (l looked) show() plan.Shown {
	name, value := l.of.text(l.value, l.added, l.err)
	return plan.Shown{Name: line(name), Value: line(value)}
}

// uncounted gives the updates that would count if all actions ended now, by
// accumulator. The mutex is held.
func (g *Graph) uncounted() map[uint64][][]byte {
	u := uncounted{counted: g.tallies.counted, seen: map[plan.StageKey]plan.PartitionSet{}, added: map[uint64][][]byte{}}
	for _, st := range g.tallies.came {
		for _, t := range st.Tasks {
			u.task(addedBy{st.Stage, st.Own, t.Partition}, t.Updates)
		}
	}
	// In one order, for a Merge that minds it.
	for _, n := range slices.Sorted(maps.Keys(g.tallies.running)) {
		of := g.tallies.running[n]
		for _, by := range slices.SortedFunc(maps.Keys(of), addedBy.compare) {
			u.task(by, of[by])
		}
	}
	return u.added
}

// uncounted gathers updates by the rules of [Graph.Settle], and counts nothing.
type uncounted struct {
	counted, seen map[plan.StageKey]plan.PartitionSet
	added         map[uint64][][]byte
}

func (u *uncounted) counts(key plan.StageKey, partition int) bool {
	if u.counted[key].Has(partition) || u.seen[key].Has(partition) {
		return false
	}
	u.seen[key] = u.seen[key].With(partition)
	return true
}

func (u *uncounted) task(by addedBy, updates plan.Updates) {
	if !by.own && !u.counts(by.stage, by.partition) {
		return
	}
	for part, err := range updates.Parts() {
		if err != nil {
			return // Settle will tell
		}
		if part.Kept && !u.counts(part.Block.RDD, part.Block.Partition) {
			continue
		}
		for x, err := range part.Updates.All() {
			if err != nil {
				return
			}
			u.added[x.Accumulator] = append(u.added[x.Accumulator], x.Value)
		}
	}
}

// encoded is the value at the moment, and why there is none.
func (h *home[A]) encoded() (b []byte, err error) {
	h.lock()
	defer h.unlock()
	defer func() {
		if v := recover(); v != nil { // of a marshaler
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	if h.err != nil {
		return nil, h.err
	}
	return codec.Marshal(h.value)
}

// text gives the name, and an encoded value with updates merged in.
func (h *home[A]) text(value []byte, updates [][]byte, err error) (name, text string) {
	name = h.name
	defer func() {
		if v := recover(); v != nil { // of Merge or String; who reads the value hears of it
			text = fmt.Sprintf("panic: %v", v)
		}
	}()
	var a A
	if err == nil {
		a, err = merged[A](value, updates)
	}
	if err != nil {
		return name, "error: " + err.Error()
	}
	return name, written(a)
}

// merged decodes a value and merges updates in.
func merged[A Merger[A]](value []byte, updates [][]byte) (A, error) {
	a, err := codec.Unmarshal[A](value)
	for i := 0; i < len(updates) && err == nil; i++ {
		var x A
		if x, err = codec.Unmarshal[A](updates[i]); err == nil {
			a = a.Merge(x)
		}
	}
	return a, err
}

// written is a value by its String method, or written out where it is not large.
func written[A any](v A) string {
	if s, ok := any(&v).(fmt.Stringer); ok { // which has the methods of v too
		return s.String()
	}
	if b, err := codec.Marshal(v); err == nil && len(b) > showWhole {
		return fmt.Sprintf("%T of %d bytes", v, len(b))
	}
	return fmt.Sprint(v)
}

// line makes one line of a text, no longer than is shown.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) <= plan.MaxShownText {
		return s
	}
	const more = "…"
	end := plan.MaxShownText - len(more)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}
