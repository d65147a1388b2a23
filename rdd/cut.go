package rdd

import (
	"slices"

	"github.com/gordd-project/gordd/rdd/plan"
)

// Lineage that has grown long is cut where its rows are cheap to have once more: behind
// a shuffle, or where they are kept. An action saves the rows of a node to files, as a
// checkpoint does, and from then on the node reads these: nodes that were made of it
// before as well as later ones. No type is needed for that which the operator does not
// have, so that any operator can be cut that says what it gives.

const (
	// longLineage is how many shuffles and kept RDDs on one way to a source are cut.
	longLineage = 100
	// cutEvery is how many of them, from the source on, are cut off at a time: what is
	// newer is more likely to be needed by nobody soon.
	cutEvery = 75
	// mostCuts is at how many places a lineage is cut across at most. One that takes more
	// is broad rather than long.
	mostCuts = 16
)

// The parts of every operator that says what rows it gives: they write and read them.
const (
	savePart  = "save"
	savedPart = "saved"
)

// saving gives the operator with these parts alone.
func (o *Op) saving() *Op {
	like := o.gives()
	if like == nil {
		return o
	}
	return &Op{Name: o.Name, Parts: map[string]Part{savePart: objectSink(like), savedPart: objectSource(like)}}
}

// savedAs names one of them.
func savedAs(ref plan.Op, part string) plan.Op {
	ref.Part, ref.Name, ref.Env = part, "Checkpoint", ""
	return ref
}

// Site is where the node's operator was called.
func (n *Node) Site() plan.Site { return n.site }

// Operator is its name.
func (n *Node) Operator() string { return n.op.Name }

// Saving is the action that writes the node's rows to files of a directory.
func (n *Node) Saving(dir string) Action {
	return Action{Op: &Op{Name: "Checkpoint"}, Call: Call{Dir: n.dir, Site: n.site}, Output: &plan.Output{Path: dir}, saves: n}
}

// CutTo makes the node read the rows that Saving has written, and forget what they were
// made of. No plan may be in the making, and no action under way that was planned before.
func (n *Node) CutTo(dir string, partitions int) {
	if partitions == 0 { // there is nothing to read
		n.uncut.Store(true)
		return
	}
	source := n.graph.Source(n.op, Call{Dir: n.dir, Site: n.site}, plan.Source{Files: &plan.Files{Paths: dir, Parts: partitions}})
	source.part = savedPart
	if at := n.lies(); at != nil && at.kind != plan.RangePartitioner { // the bounds of a sort are not found any more
		source.placed = at
	}
	if n.kind() == cachedNode {
		n.from.Store(&origin{cachedNode, []*Node{source}})
		return
	}
	n.from.Store(&origin{savedNode, []*Node{source}})
	for _, key := range n.stageKeys() {
		n.graph.release(key)
	}
}

// Cuts gives the nodes at which a long lineage is to be cut, one set after the other:
// each stands for the older part of what the next ones are made of. There is none where
// the lineage is not long, or has tasks that wait for one another.
func (n *Node) Cuts() (sets [][]*Node) {
	l := lineage{depth: map[*Node]int{}}
	if !l.measure(n.known()) {
		return nil
	}
	all := l.depth[n]
	if all < longLineage {
		return nil
	}
	for level := cutEvery; level <= all-(longLineage-cutEvery); level += cutEvery {
		if set := l.across(level); len(set) > 0 && len(set) <= mostCuts {
			sets = append(sets, set)
		}
	}
	return sets
}

// lineage is what a node is made of.
type lineage struct {
	order []*Node       // parents first
	depth map[*Node]int // shuffles and kept RDDs on the longest way to a source, with itself
}

// measure finds the depth of all that a node is made of. It says whether all of that
// may be cut.
func (l *lineage) measure(n *Node) bool {
	for todo := []*Node{n}; len(todo) > 0; {
		at := todo[len(todo)-1]
		if _, done := l.depth[at]; done {
			todo = todo[:len(todo)-1]
			continue
		}
		from, before := at.from.Load(), len(todo)
		depth := 0
		for _, p := range from.parents {
			d, done := l.depth[p]
			if depth = max(depth, d); !done {
				todo = append(todo, p)
			}
		}
		if len(todo) > before {
			continue
		}
		if from.kind == narrowNode && at.op.barrier(at.part) {
			return false
		}
		if from.kind == wideNode || from.kind == cachedNode && !at.spent.Load() {
			depth++
		}
		todo = todo[:len(todo)-1]
		l.depth[at] = depth
		l.order = append(l.order, at)
	}
	return true
}

// across gives the nodes that stand for what is up to a depth in what is beyond it. A
// short lineage stays as it is.
func (l *lineage) across(level int) (set []*Node) {
	seen := map[*Node]bool{}
	add := func(n *Node) {
		if !seen[n] {
			set = append(set, n)
		}
		seen[n] = true
	}
	for _, n := range l.order {
		if l.depth[n] <= level {
			continue
		}
		old := slices.DeleteFunc(slices.Clone(n.parents()), func(p *Node) bool { return l.depth[p] > level })
		if len(old) > 0 && n.kind() == cachedNode && n.cuttable() {
			add(n) // rather than compute what it keeps
			continue
		}
		l.below(old, level-cutEvery/2, seen, add)
	}
	return set
}

// below finds the nodes that can be cut, and are the nearest, of what some are made of;
// not where there is less than a depth.
func (l *lineage) below(todo []*Node, least int, seen map[*Node]bool, add func(*Node)) {
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		switch {
		case seen[n] || l.depth[n] < least:
		case n.cuttable():
			add(n)
		default:
			seen[n] = true
			todo = append(todo, n.parents()...)
		}
	}
}

// cuttable says whether the node's rows can be saved, and nothing that counts is done
// once more for that.
func (n *Node) cuttable() bool {
	switch kept := n.kind() == cachedNode && !n.spent.Load(); {
	case n.uncut.Load():
		return false
	case !kept && !n.moves():
		return false
	case !kept && n.counts():
		return false
	}
	like := n.op.gives()
	if like == nil {
		return false
	}
	_, err := like.typ()
	return err == nil
}

// moves says whether the node's rows come by way of a shuffle, as far as that is decided.
func (n *Node) moves() bool {
	return n.kind() == wideNode && !n.wide.Aligned && !n.wide.Crossed && n.wide.Coalesce == 0 &&
		(!n.mayBroadcast() || n.how.is.Load() != undecided && !n.byBroadcast())
}

// counts says whether functions that run when the node's rows are computed, with all
// shuffles done, add to accumulators. What they add while rows are kept is kept with
// these, and counts with them.
func (n *Node) counts() bool {
	seen := map[*Node]bool{}
	for todo := []*Node{n}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		from := at.from.Load()
		if seen[at] || from.kind == cachedNode && !at.spent.Load() {
			continue
		}
		seen[at] = true
		if at.op.env != nil && at.op.env.own != nil {
			return true
		}
		for _, p := range from.parents {
			if from.kind != wideNode || at.mayRead(p) {
				todo = append(todo, p)
			}
		}
	}
	return false
}

// mayRead says whether a wide node may take the rows of a parent where they are. What is placed
// like what a plan will tell.
func (n *Node) mayRead(parent *Node) bool {
	return n.wide.Aligned || n.mayBroadcast() || parent.placed != nil
}
